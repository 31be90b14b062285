//! The clock of a running till: trusted time over the machine's two clocks. Nothing else in the engine reads the wall clock.

use std::{
    fmt,
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
#[derive(Clone)]
pub struct Clock {
    machine: Arc<dyn Machine>,
    trusted: Arc<Mutex<TrustedClock>>,
}

/// A machine's two clocks.
pub trait Machine: Send + Sync + 'static {
    /// The wall clock, as right or wrong as it is.
    fn wall(&self) -> UtcMs;

    /// What has passed since the start, whatever the wall clock does.
    fn up(&self) -> Ticks;
}

/// The machine this process runs on.
struct ThisMachine {
    started: Instant,
}

impl Machine for ThisMachine {
    fn wall(&self) -> UtcMs {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UtcMs(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
    }

    fn up(&self) -> Ticks {
        Ticks(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("trusted", &self.trusted).finish_non_exhaustive()
    }
}

impl Clock {
    /// Takes time up on this machine after a start; `last_fact` is the latest time in the journal, `last_offset_ms` what the wall
    /// clock was off by in the life before.
    #[must_use]
    pub fn start(last_fact: Option<UtcMs>, last_offset_ms: Option<i64>) -> Self {
        Self::start_on(ThisMachine { started: Instant::now() }, last_fact, last_offset_ms)
    }

    /// [`Self::start`] on a machine whose clocks somebody else keeps.
    #[must_use]
    pub fn start_on(machine: impl Machine, last_fact: Option<UtcMs>, last_offset_ms: Option<i64>) -> Self {
        let now = Now::alone(machine.wall(), machine.up());
        let trusted = TrustedClock::resume(BUILT, last_fact, now);
        let trusted = match last_offset_ms {
            Some(offset_ms) => trusted.with_last_offset(offset_ms, now),
            None => trusted,
        };
        Self { machine: Arc::new(machine), trusted: Arc::new(Mutex::new(trusted)) }
    }

    /// Ticks since the start.
    #[must_use]
    pub fn up(&self) -> Ticks {
        self.machine.up()
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
    pub(crate) fn witness(&self, said: UtcMs, by: Witness, asked: Ticks) -> Option<Correction> {
        let now = self.both();
        let round_trip_ms = now.up.0.saturating_sub(asked.0);
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
        Now::alone(self.machine.wall(), self.machine.up())
    }

    fn lock(&self) -> MutexGuard<'_, TrustedClock> {
        self.trusted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
