//! How a device's thread is told to end, and waits without being deaf to that.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

/// Shared by a device's handle and its thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    pub(crate) fn set(&self) {
        let (flag, bell) = &*self.0;
        *flag.lock().unwrap_or_else(PoisonError::into_inner) = true;
        bell.notify_all();
    }

    pub(crate) fn is_set(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits `time` or until the stop; true if it is time to stop.
    pub(crate) fn wait(&self, time: Duration) -> bool {
        let (flag, bell) = &*self.0;
        let flag = flag.lock().unwrap_or_else(PoisonError::into_inner);
        let (flag, _) = bell.wait_timeout_while(flag, time, |stop| !*stop).unwrap_or_else(PoisonError::into_inner);
        *flag
    }
}

/// Waits between attempts, doubling from the first to the longest.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// At most.
    pub longest: Duration,
}

impl Backoff {
    /// A device that was unplugged and put back is found within 5 s, and one that stays away costs one attempt in 5 s.
    pub const DEVICE: Self = Self { first: Duration::from_millis(500), longest: Duration::from_secs(5) };

    pub(crate) fn after(self, failures: u32) -> Duration {
        let factor = 2_u32.saturating_pow(failures.saturating_sub(1).min(16));
        self.first.saturating_mul(factor).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let ms = |failures| Backoff::DEVICE.after(failures).as_millis();
        assert_eq!([ms(1), ms(2), ms(3), ms(4), ms(5), ms(99)], [500, 1000, 2000, 4000, 5000, 5000]);
    }
}
