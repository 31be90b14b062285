//! Trusted time: what days, order numbers and stamps follow (design, section 3 rule 9).
//!
//! The wall clock of a till's PC is set by people, batteries and time zones. So it is read once, at the start, and only if it can
//! be true; from there time runs by ticks. What corrects it is what others say: the `Date` of an acquirer's answer, and the hub.
//!
//! | at the start the wall clock is | time begins at | doubted |
//! | --- | --- | --- |
//! | within a day after the last fact (or the build, if later) | the wall clock | no |
//! | up to 10 min before it | the last fact, held until the wall clock is there | no |
//! | anything else: 1970, 2000, 2038, tomorrow, yesterday | the last fact, running on | yes |
//!
//! | a witness says | standing: none | the hub's | the acquirer's |
//! | --- | --- | --- | --- |
//! | the same | | taken, the bounds narrow | taken, the bounds narrow |
//! | another time, at most a day off | taken | acquirer: taken; hub: the third time | acquirer: the third time; hub: never alone |
//! | more than a day off | acquirer: the third time | acquirer: the third time | acquirer: the third time |
//! | any of these, and the other kind of witness agrees | taken | taken | taken |
//! | more than a day off, and the wall clock agrees | taken (the hub: up to [`HUB_AND_WALL_MAX_MS`]) | acquirer: taken | |
//! | before the build, or ten years after it | refused | refused | refused |
//!
//! Stamps never go back, not even by a millisecond and not even towards the truth: lists, statements and the hub sort by them,
//! and a fact that answers another must not seem to come first. Time found to be ahead is held until the truth has caught up;
//! each reading then says by how much it is ahead, so that the day of its fact can be corrected.

#[cfg(test)]
mod tests;

use crate::time::{Now, Ticks, UtcMs};

/// A wall clock this far off trusted time is not used; below, days are as good as the clock.
pub const WALL_TOLERANCE_MS: i64 = 10 * 60 * 1000;

/// One witness alone moves time at most this far, and a wall clock is believed at most this long after the last fact.
pub const ALONE_MAX_MS: i64 = 24 * 3600 * 1000;

/// Time ahead of the truth by more than this is not held but runs on: a till whose time stands for a week is of no use, and
/// every switched-off hour brings it closer.
pub const HOLD_MAX_MS: i64 = 2 * ALONE_MAX_MS;

/// The hub and this machine's wall clock together move time at most this far: a long holiday. They may be one machine.
pub const HUB_AND_WALL_MAX_MS: i64 = 40 * ALONE_MAX_MS;

/// No time later than this after the build is believed.
pub const BUILD_LIFE_MS: i64 = 3653 * ALONE_MAX_MS;

/// Two measures this far apart, beyond what their round trips explain, still agree: servers differ by seconds.
pub const AGREE_MS: i64 = 5_000;

/// An acquirer that contradicts what stands is believed when it has said so this often.
pub const REPEATED: u8 = 3;

/// A claim that nobody joined is forgotten after this, in ticks.
pub const CLAIM_LIFE_MS: u64 = 24 * 3600 * 1000;

/// A measure with a longer round trip says too little.
pub const ROUND_TRIP_MAX_MS: u64 = 60_000;

/// From here a wall clock's offset is shown.
pub const SHOWN_FROM_MS: u64 = 60_000;

/// From here it is an alarm.
pub const ALARM_FROM_MS: u64 = 5 * 60_000;

/// `Date` drops the fraction of a second.
const DATE_STEP_MS: i64 = 1000;

/// Ticks may gain or lose one part in this many: 100 ppm, twice what cheap crystals do.
const DRIFT_DIVISOR: i64 = 10_000;

/// Before every stamp.
const NEVER: UtcMs = UtcMs(i64::MIN);

/// Who says what time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Witness {
    /// The merchant's hub, over its authenticated session: a PC's clock too, and perhaps of this very PC.
    Hub,
    /// The `Date` of an acquirer's answer whose TLS or signature was verified. It outranks the hub.
    Acquirer,
}

impl Witness {
    const fn other(self) -> Self {
        match self {
            Self::Hub => Self::Acquirer,
            Self::Acquirer => Self::Hub,
        }
    }
}

/// Trusted time at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The stamp. Never before an earlier one, nor before the last fact's.
    pub at: UtcMs,
    /// A fact made now is to be marked doubted.
    pub doubted: bool,
    /// By how much `at` is known to be ahead while it is held. The fact's true time is `at - ahead_ms`, plus the
    /// [`Correction::by_ms`] of a correction that covers it.
    pub ahead_ms: u64,
}

/// What a witness says about facts already stamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Correction {
    /// The stamp of the first reading it covers; it covers all from there up to the witness, and none of an earlier life.
    pub since: UtcMs,
    /// What to add to their times, in ms. Zero, or nearly, when their doubt was needless.
    pub by_ms: i64,
}

/// What became of a measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It cannot be true.
    Refused,
    /// It contradicts what stands, and waits for others to say the same.
    Waiting,
    /// Time follows it; facts stamped before may need correction.
    Taken(Option<Correction>),
}

/// What the wall clock's offset calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deviation {
    /// Nothing.
    Fine,
    /// People see it: from [`SHOWN_FROM_MS`].
    Shown,
    /// People must act: from [`ALARM_FROM_MS`], and while trusted time is in doubt.
    Alarm,
}

impl Deviation {
    /// Judges an offset in ms, ahead or behind.
    #[must_use]
    pub const fn of(offset_ms: i64) -> Self {
        match offset_ms.unsigned_abs() {
            0..SHOWN_FROM_MS => Self::Fine,
            SHOWN_FROM_MS..ALARM_FROM_MS => Self::Shown,
            _ => Self::Alarm,
        }
    }
}

/// A span in which the true time minus ticks lies.
#[derive(Clone, Copy, Debug)]
struct Span {
    early: i64,
    late: i64,
}

impl Span {
    const fn middle(self) -> i64 {
        self.early.midpoint(self.late)
    }

    const fn widened(self, by: i64) -> Self {
        Self { early: self.early.saturating_sub(by), late: self.late.saturating_add(by) }
    }

    /// What both allow.
    fn meet(self, other: Self) -> Option<Self> {
        let both = Self { early: self.early.max(other.early), late: self.late.min(other.late) };
        (both.early <= both.late).then_some(both)
    }

    fn agrees(self, other: Self) -> bool {
        self.widened(AGREE_MS).meet(other).is_some()
    }
}

/// What witnesses established, and when in ticks.
#[derive(Clone, Copy, Debug)]
struct Standing {
    by: Witness,
    span: Span,
    up: i64,
}

impl Standing {
    fn span_at(self, up: i64) -> Span {
        self.span.widened(up.saturating_sub(self.up) / DRIFT_DIVISOR)
    }
}

/// A measure that waits for company.
#[derive(Clone, Copy, Debug)]
struct Claim {
    span: Span,
    up: Ticks,
    times: u8,
}

/// The readings since the last witness.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    since: UtcMs,
    doubted_since: Option<UtcMs>,
}

/// The clock that money trusts; see the module's tables. Pure: it is told both clocks at every call.
#[derive(Clone, Debug)]
pub struct TrustedClock {
    built: UtcMs,
    /// Trusted time minus ticks.
    base: i64,
    /// The last stamp, and its ticks.
    last: UtcMs,
    last_up: i64,
    /// The wall clock minus ticks when it was last known to be what it seemed.
    wall_base: i64,
    /// The start found no wall clock it could use.
    wall_unused: bool,
    standing: Option<Standing>,
    claims: [Option<Claim>; 2],
    stretch: Option<Stretch>,
}

impl TrustedClock {
    /// Takes time up after a start. `built` is when the program was built, `last_fact` the latest time in the journal.
    #[must_use]
    pub fn resume(built: UtcMs, last_fact: Option<UtcMs>, now: Now) -> Self {
        let up = ticks(now.up);
        let earliest = last_fact.unwrap_or(built).max(built);
        let usable = is_usable(built, last_fact, now.wall);
        let start = if usable { now.wall } else { earliest };
        Self {
            built,
            base: start.0.saturating_sub(up),
            last: last_fact.unwrap_or(NEVER),
            last_up: up,
            wall_base: now.wall.0.saturating_sub(up),
            wall_unused: !usable,
            standing: None,
            claims: [None; 2],
            stretch: None,
        }
    }

    /// What the last life measured as [`Self::offset_ms`], told before the first reading. If the wall clock was wrong then, it may
    /// be so still or may have been set since. Of both times the earlier is taken: what is behind can be moved ahead later, what is
    /// ahead can only be held. It is doubted where the offset was more than days can bear.
    #[must_use]
    pub fn with_last_offset(mut self, offset_ms: i64, now: Now) -> Self {
        let without = UtcMs(now.wall.0.saturating_sub(offset_ms));
        let last_fact = (self.last != NEVER).then_some(self.last);
        if is_usable(self.built, last_fact, without) && (self.wall_unused || without < now.wall) {
            self.base = without.0.saturating_sub(ticks(now.up));
        }
        self.wall_unused |= offset_ms.saturating_abs() > WALL_TOLERANCE_MS;
        self
    }

    /// The time for a stamp.
    pub fn read(&mut self, now: Now) -> Reading {
        let reading = self.peek(now);
        self.last = reading.at;
        self.last_up = self.last_up.max(ticks(now.up));
        let is_unsure = self.is_unsure(now);
        let stretch = self.stretch.get_or_insert(Stretch { since: reading.at, doubted_since: None });
        if is_unsure {
            stretch.doubted_since.get_or_insert(reading.at);
        }
        reading
    }

    /// The same for a screen: nothing will be stamped with it.
    #[must_use]
    pub fn peek(&self, now: Now) -> Reading {
        let true_at = self.true_at(now.up);
        let run_on = UtcMs(self.last.0.saturating_add(ticks(now.up).saturating_sub(self.last_up).max(0)));
        let is_held = run_on.0.saturating_sub(true_at.0) <= HOLD_MAX_MS;
        let at = if is_held { true_at.max(self.last) } else { run_on };
        let ahead = at.0.saturating_sub(true_at.0);
        let doubted = self.is_unsure(now) || ahead > WALL_TOLERANCE_MS;
        Reading { at, doubted, ahead_ms: ahead.unsigned_abs() }
    }

    /// Takes what a witness says: `said` in whole seconds, as it was at some moment of the last `round_trip_ms`. The caller reads
    /// again before it stamps anything more.
    pub fn witness(&mut self, now: Now, said: UtcMs, by: Witness, round_trip_ms: u64) -> Heard {
        let up = ticks(now.up);
        if round_trip_ms > ROUND_TRIP_MAX_MS || !is_of_build(self.built, said) {
            return Heard::Refused;
        }
        let early = said.0.saturating_sub(up);
        let span = Span { early, late: early.saturating_add(DATE_STEP_MS).saturating_add_unsigned(round_trip_ms) };
        if let Some(standing) = self.standing {
            let held = standing.span_at(up);
            if held.agrees(span) {
                let span = match held.meet(span) {
                    Some(both) => both,
                    None if by >= standing.by => span,
                    None => held,
                };
                return self.take(now, Standing { by: by.max(standing.by), span, up });
            }
        }
        let claim = self.claim(now, by, span);
        let joined = self.claims[index(by.other())].is_some_and(|other| is_live(other, now) && other.span.agrees(span));
        if joined {
            return self.take(now, Standing { by: Witness::Acquirer, span, up });
        }
        if self.is_enough(now, by, claim) { self.take(now, Standing { by, span, up }) } else { Heard::Waiting }
    }

    /// Wall clock minus trusted time; none before a witness.
    #[must_use]
    pub fn offset_ms(&self, now: Now) -> Option<i64> {
        self.standing.map(|_| now.wall.0.saturating_sub(self.true_at(now.up).0))
    }

    /// What people are to be told.
    #[must_use]
    pub fn deviation(&self, now: Now) -> Deviation {
        if self.peek(now).doubted {
            return Deviation::Alarm;
        }
        self.offset_ms(now).map_or(Deviation::Fine, Deviation::of)
    }

    /// Whether a witness of this life vouches for the time. A machine that slept since is behind the truth, never ahead of it.
    #[must_use]
    pub const fn is_vouched(&self) -> bool {
        self.standing.is_some()
    }

    fn true_at(&self, up: Ticks) -> UtcMs {
        UtcMs(self.base.saturating_add(ticks(up)))
    }

    /// Whether trusted time itself is in doubt. After a witness only a jump ahead raises one: a machine that slept has lost
    /// ticks, and its wall clock shows it; a wall clock set back shows nothing.
    fn is_unsure(&self, now: Now) -> bool {
        let jump = now.wall.0.saturating_sub(ticks(now.up)).saturating_sub(self.wall_base);
        match self.standing {
            None => self.wall_unused || jump.saturating_abs() > WALL_TOLERANCE_MS,
            Some(_) => jump > WALL_TOLERANCE_MS,
        }
    }

    /// Whether a measure that contradicts what stands is taken without the other kind of witness.
    fn is_enough(&self, now: Now, by: Witness, claim: Claim) -> bool {
        let outranks = self.standing.is_none_or(|standing| by > standing.by);
        let slept = self.is_unsure(now) && self.standing.is_some_and(|standing| by == standing.by);
        let said = claim.span.middle().saturating_add(ticks(now.up));
        let ahead = said.saturating_sub(self.true_at(now.up).0);
        let behind_last = self.last.0.saturating_sub(said);
        let is_near = ahead <= ALONE_MAX_MS && behind_last <= ALONE_MAX_MS;
        let is_repeated = claim.times >= REPEATED;
        let wall_agrees = now.wall.0.saturating_sub(said).saturating_abs() <= WALL_TOLERANCE_MS;
        let by_itself = match by {
            Witness::Acquirer => is_repeated,
            Witness::Hub => is_repeated && is_near && self.standing.is_none_or(|standing| by == standing.by),
        };
        let with_wall = match by {
            Witness::Acquirer => wall_agrees,
            Witness::Hub => wall_agrees && ahead.max(behind_last) <= HUB_AND_WALL_MAX_MS,
        };
        ((outranks || slept) && is_near) || by_itself || (outranks && with_wall)
    }

    /// Notes a measure that contradicts what stands.
    fn claim(&mut self, now: Now, by: Witness, span: Span) -> Claim {
        let earlier = self.claims[index(by)].filter(|earlier| is_live(*earlier, now) && earlier.span.agrees(span));
        let times = earlier.map_or(0, |earlier| earlier.times).saturating_add(1);
        let claim = Claim { span, up: now.up, times };
        self.claims[index(by)] = Some(claim);
        claim
    }

    fn take(&mut self, now: Now, standing: Standing) -> Heard {
        let base = standing.span.middle();
        let by_ms = base.saturating_sub(self.base);
        let stretch = self.stretch.take();
        // Once witnessed, what was stamped before a sleep is right; only what came after it is off.
        let witnessed = self.standing.is_some();
        let since = stretch.map(|stretch| stretch.doubted_since.filter(|_| witnessed).unwrap_or(stretch.since));
        self.base = base;
        // The next stretch begins with a stamp of its own, so that a correction never covers facts of two.
        self.last.0 = self.last.0.saturating_add(i64::from(stretch.is_some()));
        self.wall_base = now.wall.0.saturating_sub(ticks(now.up));
        self.standing = Some(standing);
        self.claims = [None; 2];
        let is_due = stretch.is_some_and(|stretch| stretch.doubted_since.is_some());
        let covering = since.filter(|_| is_due || by_ms.saturating_abs() > WALL_TOLERANCE_MS);
        Heard::Taken(covering.map(|since| Correction { since, by_ms }))
    }
}

/// Whether a wall clock can be true at a start.
fn is_usable(built: UtcMs, last_fact: Option<UtcMs>, wall: UtcMs) -> bool {
    let known = |last: UtcMs| {
        let after = wall.0.saturating_sub(last.max(built).0);
        wall.0.saturating_sub(last.0) >= -WALL_TOLERANCE_MS && after <= ALONE_MAX_MS
    };
    is_of_build(built, wall) && last_fact.is_none_or(known)
}

/// Whether a time lies in the life of a build: from its day, in any zone, for ten years.
const fn is_of_build(built: UtcMs, at: UtcMs) -> bool {
    let age = at.0.saturating_sub(built.0);
    age >= -ALONE_MAX_MS && age <= BUILD_LIFE_MS
}

const fn is_live(claim: Claim, now: Now) -> bool {
    now.up.0.saturating_sub(claim.up.0) <= CLAIM_LIFE_MS
}

const fn index(by: Witness) -> usize {
    match by {
        Witness::Hub => 0,
        Witness::Acquirer => 1,
    }
}

fn ticks(up: Ticks) -> i64 {
    i64::try_from(up.0).unwrap_or(i64::MAX)
}
