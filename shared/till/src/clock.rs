//! The clock of a running till: trusted time over this process's two clocks. Nothing else in the engine reads the wall clock.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use guitai_core::{
    clock::{Correction, Deviation, Heard, TrustedClock, Witness},
    time::{Now, Ticks, UtcMs},
};

/// When the program was built, as its packager says (`SOURCE_DATE_EPOCH`); without, the first day of its year.
pub const BUILT: UtcMs = match option_env!("SOURCE_DATE_EPOCH") {
    Some(seconds) => match i64::from_str_radix(seconds, 10) {
        Ok(seconds) => UtcMs(seconds.saturating_mul(1000)),
        Err(_) => panic!("SOURCE_DATE_EPOCH is not a number of seconds"),
    },
    // 2026-01-01 in UTC.
    None => UtcMs(1_767_225_600_000),
};

/// How trusted time and the wall clock stand to each other, for screens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockState {
    /// The wall clock minus trusted time, in ms; none before a witness.
    pub offset_ms: Option<i64>,
    /// What that calls for.
    pub deviation: Deviation,
    /// Facts made now are doubted.
    pub doubted: bool,
}

impl ClockState {
    /// Whether the time is in doubt because nobody told it; time known to be ahead is doubted too, and waits for itself.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        self.doubted && self.offset_ms.is_none()
    }
}

/// The time of one turn of the engine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    raw: Now,
    /// For decisions and stamps.
    pub(crate) now: Now,
    /// Facts made now are to be marked doubted.
    pub(crate) doubted: bool,
}

/// The clock; clones share it.
#[derive(Clone, Debug)]
pub struct Clock {
    started: Instant,
    trusted: Arc<Mutex<TrustedClock>>,
}

impl Clock {
    /// Takes time up after a start; `last_fact` is the latest time in the journal, `last_offset_ms` what the wall clock was off
    /// by in the life before.
    #[must_use]
    pub fn start(last_fact: Option<UtcMs>, last_offset_ms: Option<i64>) -> Self {
        let now = Now::alone(wall(), Ticks(0));
        let trusted = TrustedClock::resume(BUILT, last_fact, now);
        let trusted = match last_offset_ms {
            Some(offset_ms) => trusted.with_last_offset(offset_ms, now),
            None => trusted,
        };
        Self { started: Instant::now(), trusted: Arc::new(Mutex::new(trusted)) }
    }

    /// Ticks since the start.
    #[must_use]
    pub fn up(&self) -> Ticks {
        Ticks(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Trusted time, for what is not stamped: screens, figures, windows. Where stamps are held it is behind them.
    #[must_use]
    pub fn trusted_now(&self) -> UtcMs {
        let reading = self.lock().peek(self.both());
        UtcMs(reading.at.0.saturating_sub_unsigned(reading.ahead_ms))
    }

    /// How the wall clock is.
    #[must_use]
    pub fn state(&self) -> ClockState {
        let (trusted, now) = (self.lock(), self.both());
        ClockState {
            offset_ms: trusted.offset_ms(now),
            deviation: trusted.deviation(now),
            doubted: trusted.peek(now).doubted,
        }
    }

    /// A look. It changes nothing: a time ahead that no fact bears can still be taken back.
    pub(crate) fn look(&self) -> Look {
        let raw = self.both();
        let trusted = self.lock();
        let reading = trusted.peek(raw);
        let ahead_ms = trusted.is_vouched().then_some(reading.ahead_ms);
        Look { raw, now: Now { wall: reading.at, up: raw.up, ahead_ms }, doubted: reading.doubted }
    }

    /// Facts bear the time of this look.
    pub(crate) fn stamped(&self, look: &Look) {
        self.lock().read(look.raw);
    }

    /// Hears a witness that was asked at `asked` and has answered since; time spent in a queue makes the measure wider, not wrong.
    pub(crate) fn witness(&self, said: UtcMs, by: Witness, asked: Instant) -> Option<Correction> {
        let round_trip_ms = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
        let now = self.both();
        let mut trusted = self.lock();
        let before = trusted.deviation(now);
        let heard = trusted.witness(now, said, by, round_trip_ms);
        let (after, offset_ms) = (trusted.deviation(now), trusted.offset_ms(now));
        drop(trusted);
        match heard {
            Heard::Refused => tracing::warn!(?by, said_ms = said.0, "a time that cannot be true is not believed"),
            Heard::Waiting => tracing::warn!(?by, said_ms = said.0, "another time than ours waits to be confirmed"),
            Heard::Taken(_) if before != after => tracing::warn!(?by, offset_ms, ?after, "this machine's clock"),
            Heard::Taken(_) => tracing::debug!(?by, offset_ms, "time confirmed"),
        }
        match heard {
            Heard::Taken(correction) => correction,
            Heard::Refused | Heard::Waiting => None,
        }
    }

    fn both(&self) -> Now {
        Now::alone(wall(), self.up())
    }

    fn lock(&self) -> MutexGuard<'_, TrustedClock> {
        self.trusted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wall() -> UtcMs {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UtcMs(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}
