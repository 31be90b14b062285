//! The two clocks of this process.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use guitai_core::time::{Now, Ticks, UtcMs};

/// Reads both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
}

impl Clock {
    /// Ticks count from here.
    pub(crate) fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// Both clocks at this moment.
    pub(crate) fn now(&self) -> Now {
        let up = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now::alone(wall(), Ticks(up))
    }
}

/// The wall clock; before 1970 it says 1970.
pub(crate) fn wall() -> UtcMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UtcMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
