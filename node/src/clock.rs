//! The wall clock, and time for what is recorded while no engine runs.

use std::time::{SystemTime, UNIX_EPOCH};

use guitai_core::time::UtcMs;
use guitai_till::Clock;

/// Now, for screens and waits. Facts bear trusted time.
pub(crate) fn wall() -> UtcMs {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UtcMs(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}

/// Trusted time as a start takes it, before any witness: a journal stamped by a wall clock of 2000 or 2038 would take the next
/// start's time with it. `last_fact`: the latest time in the journal; `last_offset_ms`: what the wall clock was off by.
pub(crate) fn trusted(last_fact: Option<UtcMs>, last_offset_ms: Option<i64>) -> UtcMs {
    Clock::start(last_fact, last_offset_ms).trusted_now()
}
