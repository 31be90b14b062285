//! The wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use guitai_core::time::UtcMs;

/// Now, for stamps.
pub(crate) fn wall() -> UtcMs {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UtcMs(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}
