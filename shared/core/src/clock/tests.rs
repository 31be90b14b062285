//! Lives of a till whose wall clock lies.

mod any_life;

use super::*;
use crate::time::Since;

/// 2026-01-05 10:11:12 in Beijing: when the program was built.
const BUILT: UtcMs = UtcMs(1_767_579_072_000);
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR_1970: UtcMs = UtcMs(90_000);
const YEAR_2000: UtcMs = UtcMs(946_684_800_000);
const YEAR_2038: UtcMs = UtcMs(2_147_483_647_000);

/// True time, a till's ticks, and its wall clock.
struct Till {
    truth: i64,
    booted: i64,
    wall_off: i64,
    clock: TrustedClock,
    last_fact: UtcMs,
}

impl Till {
    /// A till whose last fact is `closed_ms` old when it starts, with its wall clock off.
    fn started(closed_ms: i64, wall_off: i64) -> Self {
        let truth = BUILT.0 + 30 * DAY;
        let last_fact = UtcMs(truth - closed_ms);
        let now = Now::alone(UtcMs(truth + wall_off), Ticks(0));
        Self { truth, booted: truth, wall_off, clock: TrustedClock::resume(BUILT, Some(last_fact), now), last_fact }
    }

    fn started_at_wall(wall: UtcMs) -> Self {
        Self::started(12 * HOUR, wall.0 - BUILT.0 - 30 * DAY)
    }

    fn now(&self) -> Now {
        let up = u64::try_from(self.truth - self.booted).expect("it has booted");
        Now::alone(UtcMs(self.truth + self.wall_off), Ticks(up))
    }

    fn pass(&mut self, ms: i64) {
        self.truth += ms;
    }

    fn set_wall(&mut self, wall: UtcMs) {
        self.wall_off = wall.0 - self.truth;
    }

    /// The machine sleeps: ticks stand, the wall clock goes on.
    fn sleep(&mut self, ms: i64) {
        self.truth += ms;
        self.booted += ms;
    }

    fn restart(&mut self, off_ms: i64) {
        self.truth += off_ms;
        self.booted = self.truth;
        self.clock = TrustedClock::resume(BUILT, Some(self.last_fact), self.now());
    }

    fn read(&mut self) -> Reading {
        let reading = self.clock.read(self.now());
        self.last_fact = self.last_fact.max(reading.at);
        reading
    }

    /// As decisions see it.
    fn moment(&mut self) -> Now {
        let reading = self.read();
        let ahead_ms = self.clock.is_vouched().then_some(reading.ahead_ms);
        Now { wall: reading.at, ahead_ms, ..self.now() }
    }

    /// An honest witness, asked now.
    fn hear(&mut self, by: Witness) -> Heard {
        self.hear_of(by, 0)
    }

    /// A witness whose own clock is off.
    fn hear_of(&mut self, by: Witness, off: i64) -> Heard {
        self.pass(20);
        let said = UtcMs((self.truth + off) / 1000 * 1000);
        self.pass(20);
        self.clock.witness(self.now(), said, by, 40)
    }

    /// Stamp minus truth.
    fn error(&mut self) -> i64 {
        self.read().at.0 - self.truth
    }
}

fn taken(heard: Heard) -> Option<Correction> {
    match heard {
        Heard::Taken(correction) => correction,
        Heard::Waiting | Heard::Refused => panic!("not taken: {heard:?}"),
    }
}

#[test]
fn a_right_clock_is_used_and_never_doubted() {
    let mut till = Till::started(12 * HOUR, 0);
    assert_eq!(till.read(), Reading { at: UtcMs(till.truth), doubted: false, ahead_ms: 0 });
    assert_eq!(till.clock.offset_ms(till.now()), None);
    assert_eq!(taken(till.hear(Witness::Acquirer)), None);
    assert!(till.clock.offset_ms(till.now()).expect("witnessed").abs() <= 520);
    assert_eq!(till.clock.deviation(till.now()), Deviation::Fine);
}

#[test]
fn a_wall_clock_set_while_running_changes_nothing_once_witnessed() {
    let walls = |truth: i64| {
        let by = [-DAY, -8 * HOUR, -6 * MINUTE, 6 * MINUTE, 11 * MINUTE, 8 * HOUR, DAY];
        by.map(|off| UtcMs(truth + off)).into_iter().chain([YEAR_1970, YEAR_2000, YEAR_2038])
    };
    for by in [Witness::Hub, Witness::Acquirer] {
        let mut till = Till::started(12 * HOUR, 0);
        taken(till.hear(by));
        let error = till.error();
        for wall in walls(till.truth) {
            till.set_wall(wall);
            till.pass(7 * MINUTE);
            assert_eq!(till.error(), error, "{by:?} {wall:?}");
            let off = till.clock.offset_ms(till.now()).expect("witnessed");
            assert!((off - till.wall_off).abs() <= 520, "the offset follows the wall clock");
        }
    }
}

#[test]
fn six_minutes_are_an_alarm_and_no_doubt() {
    let mut till = Till::started(12 * HOUR, 6 * MINUTE);
    assert!(!till.read().doubted);
    assert_eq!(taken(till.hear(Witness::Acquirer)), None);
    assert_eq!(till.clock.deviation(till.now()), Deviation::Alarm);
    till.set_wall(UtcMs(till.truth - 61_000));
    assert_eq!(till.clock.deviation(till.now()), Deviation::Shown);
    till.set_wall(UtcMs(till.truth));
    assert_eq!(till.clock.deviation(till.now()), Deviation::Fine, "setting it right is seen at once");
}

#[test]
fn limits_of_what_is_shown_and_alarmed() {
    for (offset, deviation) in [
        (0, Deviation::Fine),
        (59_999, Deviation::Fine),
        (-59_999, Deviation::Fine),
        (60_000, Deviation::Shown),
        (-299_999, Deviation::Shown),
        (300_000, Deviation::Alarm),
        (-300_000, Deviation::Alarm),
        (i64::MIN, Deviation::Alarm),
    ] {
        assert_eq!(Deviation::of(offset), deviation, "{offset}");
    }
}

#[test]
fn an_unusable_clock_runs_on_from_the_last_fact_and_is_corrected() {
    let tomorrow = UtcMs(BUILT.0 + 31 * DAY);
    let yesterday = UtcMs(BUILT.0 + 29 * DAY);
    for wall in [YEAR_1970, YEAR_2000, YEAR_2038, tomorrow, yesterday] {
        let mut till = Till::started_at_wall(wall);
        let last_fact = till.last_fact;
        let first = till.read();
        assert_eq!(first, Reading { at: last_fact, doubted: true, ahead_ms: 0 }, "{wall:?}");
        assert_eq!(till.clock.deviation(till.now()), Deviation::Alarm, "{wall:?}");
        till.pass(HOUR);
        let second = till.read();
        assert_eq!(second.at.0, last_fact.0 + HOUR, "{wall:?}");
        let correction = taken(till.hear(Witness::Acquirer)).expect("doubted facts are corrected");
        assert_eq!(correction.since, first.at);
        assert!((correction.by_ms - 12 * HOUR).abs() <= 520, "{correction:?}");
        assert!(till.error().abs() <= 520);
        assert!(!till.read().doubted);
    }
}

#[test]
fn without_any_line_days_go_on_by_ticks() {
    let mut till = Till::started_at_wall(YEAR_2000);
    let first = till.read().at;
    till.pass(3 * DAY);
    assert_eq!(till.read(), Reading { at: UtcMs(first.0 + 3 * DAY), doubted: true, ahead_ms: 0 });
    till.restart(HOUR);
    assert_eq!(till.read().at.0, first.0 + 3 * DAY, "never before the last fact, in a new life too");
}

#[test]
fn an_empty_journal_takes_a_wall_clock_of_the_builds_life() {
    let resume = |wall: UtcMs| TrustedClock::resume(BUILT, None, Now::alone(wall, Ticks(5)));
    let read = |wall: UtcMs| resume(wall).read(Now::alone(wall, Ticks(5)));
    let year_later = UtcMs(BUILT.0 + 365 * DAY);
    assert_eq!(read(year_later), Reading { at: year_later, doubted: false, ahead_ms: 0 });
    for wall in [YEAR_1970, YEAR_2000, YEAR_2038, UtcMs(i64::MIN), UtcMs(i64::MAX)] {
        assert_eq!(read(wall), Reading { at: BUILT, doubted: true, ahead_ms: 0 });
    }
}

#[test]
fn a_program_newer_than_the_last_fact_knows_at_least_its_build() {
    let wall = UtcMs(BUILT.0 + HOUR);
    let now = Now::alone(wall, Ticks(0));
    let mut clock = TrustedClock::resume(BUILT, Some(UtcMs(BUILT.0 - 9 * DAY)), now);
    assert_eq!(clock.read(now), Reading { at: wall, doubted: false, ahead_ms: 0 });
}

#[test]
fn a_clock_ahead_is_held_and_says_by_how_much() {
    let mut till = Till::started(12 * HOUR, 8 * HOUR);
    let first = till.read();
    assert!(!first.doubted, "within a day after the last fact nobody can tell");
    let correction = taken(till.hear(Witness::Acquirer)).expect("8 h change days");
    assert!((correction.by_ms + 8 * HOUR).abs() <= 520, "{correction:?}");
    till.pass(HOUR);
    let held = till.read();
    assert!(held.at.0 - first.at.0 <= 1 && held.doubted);
    assert!((held.at.0 - i64::try_from(held.ahead_ms).unwrap() - till.truth).abs() <= 520);
    assert_eq!(till.clock.deviation(till.now()), Deviation::Alarm);
    till.pass(7 * HOUR + MINUTE);
    assert!(till.error().abs() <= 520, "the truth has caught up");
    assert!(!till.read().doubted);
}

#[test]
fn time_ahead_by_more_than_two_days_runs_on() {
    let mut till = Till::started(12 * HOUR, 0);
    till.last_fact = UtcMs(till.truth + 9 * DAY);
    till.restart(0);
    let first = till.read();
    assert!(first.doubted);
    let correction = taken(till.hear(Witness::Hub)).expect("doubted");
    assert!(correction.since == first.at && (correction.by_ms + 9 * DAY).abs() <= 520, "{correction:?}");
    till.pass(DAY);
    let later = till.read();
    assert_eq!(later.at.0, first.at.0 + DAY + 40 + 1);
    assert!(later.doubted);
    let ahead = i64::try_from(later.ahead_ms).unwrap();
    assert!((ahead - 9 * DAY).abs() <= 600);
}

#[test]
fn a_holiday_needs_the_acquirer_or_the_hub_and_a_right_clock() {
    let mut till = Till::started(9 * DAY, 0);
    assert!(till.read().doubted, "nine days after the last fact the wall clock alone is not enough");
    let correction = taken(till.hear(Witness::Hub)).expect("doubted facts");
    assert!((correction.by_ms - 9 * DAY).abs() <= 520);

    let mut dead_battery = Till::started(9 * DAY, YEAR_2000.0 - BUILT.0);
    dead_battery.read();
    for _ in 0..9 {
        assert_eq!(dead_battery.hear(Witness::Hub), Heard::Waiting, "a hub alone moves no more than a day");
    }
    taken(dead_battery.hear(Witness::Acquirer)).expect("both agree");
    assert!(dead_battery.error().abs() <= 520);
}

#[test]
fn a_single_crazy_witness_moves_nothing() {
    let offs = [-400 * DAY, -2 * DAY, -HOUR, -MINUTE, MINUTE, HOUR, 2 * DAY, 400 * DAY, 36_500 * DAY];
    for by in [Witness::Hub, Witness::Acquirer] {
        for off in offs {
            let mut till = Till::started(12 * HOUR, 0);
            taken(till.hear(Witness::Acquirer));
            let before = till.error();
            assert!(!matches!(till.hear_of(by, off), Heard::Taken(_)), "{by:?} {off}");
            assert_eq!(till.error(), before, "{by:?} {off}");
            assert_eq!(taken(till.hear(Witness::Acquirer)), None);
        }
        let far = [-400 * DAY, -40 * DAY, 2 * DAY, 400 * DAY, 36_500 * DAY];
        for off in far {
            let mut till = Till::started(12 * HOUR, 0);
            assert!(!matches!(till.hear_of(by, off), Heard::Taken(_)), "unwitnessed too: {by:?} {off}");
        }
    }
}

#[test]
fn a_date_of_another_age_is_refused_however_often() {
    let mut till = Till::started(12 * HOUR, 0);
    for said in [YEAR_1970, YEAR_2000, UtcMs(i64::MAX), UtcMs(i64::MIN)] {
        for _ in 0..5 {
            assert_eq!(till.clock.witness(till.now(), said, Witness::Acquirer, 0), Heard::Refused);
        }
    }
    let now = till.now();
    assert_eq!(till.clock.witness(now, now.wall, Witness::Acquirer, ROUND_TRIP_MAX_MS + 1), Heard::Refused);
}

#[test]
fn a_hub_that_contradicts_the_acquirer_is_never_followed_but_a_repeated_acquirer_is() {
    let mut till = Till::started(12 * HOUR, 0);
    taken(till.hear(Witness::Acquirer));
    for _ in 0..20 {
        assert_eq!(till.hear_of(Witness::Hub, 2 * HOUR), Heard::Waiting);
    }
    assert_eq!(till.hear_of(Witness::Acquirer, -3 * HOUR), Heard::Waiting);
    assert_eq!(till.hear_of(Witness::Acquirer, 3 * HOUR), Heard::Waiting, "each says something else");
    assert_eq!(till.hear_of(Witness::Acquirer, 3 * HOUR), Heard::Waiting);
    assert!(matches!(till.hear_of(Witness::Acquirer, 3 * HOUR), Heard::Taken(_)));
}

#[test]
fn a_machine_that_slept_is_in_doubt_until_the_acquirer_speaks() {
    let mut till = Till::started(12 * HOUR, 0);
    taken(till.hear(Witness::Acquirer));
    let evening = till.read();
    till.pass(1);
    till.sleep(11 * HOUR);
    let woken = till.read();
    assert!(woken.doubted, "ticks were lost, the wall clock shows it");
    assert_eq!(till.hear(Witness::Hub), Heard::Waiting);
    let correction = taken(till.hear(Witness::Acquirer)).expect("doubted");
    assert!(evening.at < correction.since && correction.since == woken.at, "what came before the sleep is right");
    assert!((correction.by_ms - 11 * HOUR).abs() <= 1_040, "{correction:?}");
    assert!(till.error().abs() <= 520);
}

#[test]
fn a_known_offset_is_taken_off_the_clock_or_doubted() {
    let wrong = 8 * HOUR;
    let mut till = Till::started(12 * HOUR, wrong);
    till.clock = till.clock.clone().with_last_offset(wrong, till.now());
    assert_eq!(till.read(), Reading { at: UtcMs(till.truth), doubted: true, ahead_ms: 0 });
    let needless = taken(till.hear(Witness::Acquirer)).expect("doubts end");
    assert!(needless.by_ms.abs() <= 520);

    let mut set_right = Till::started(12 * HOUR, 0);
    set_right.clock = set_right.clock.clone().with_last_offset(wrong, set_right.now());
    let behind = set_right.read();
    assert_eq!(behind, Reading { at: UtcMs(set_right.truth - wrong), doubted: true, ahead_ms: 0 });
    let correction = taken(set_right.hear(Witness::Acquirer)).expect("doubted");
    assert!((correction.by_ms - wrong).abs() <= 520);
}

#[test]
fn waits_run_by_ticks_and_over_restarts_by_trusted_time() {
    let mut till = Till::started(12 * HOUR, 0);
    till.hear(Witness::Acquirer);
    let begun = till.moment();
    let since = Since::now(begun);
    till.pass(90_000);
    assert_eq!(since.elapsed_ms(till.moment()), 90_000);
    till.restart(5 * MINUTE);
    let since = Since::fact(begun.truth(), till.moment());
    assert_eq!(since.elapsed_ms(till.moment()), 0, "nobody has vouched for the time yet");
    till.hear(Witness::Acquirer);
    assert!((389_000..=391_000).contains(&since.elapsed_ms(till.moment())));
}

#[test]
fn a_correction_ahead_does_not_end_a_wait_early() {
    for off in [YEAR_2000.0 - BUILT.0, 8 * HOUR, 6 * MINUTE, -6 * MINUTE] {
        let mut till = Till::started(12 * HOUR, off);
        till.read();
        till.pass(1000);
        let since = Since::now(till.moment());
        till.pass(10_000);
        taken(till.hear(Witness::Acquirer));
        let elapsed = since.elapsed_ms(till.moment());
        assert!((10_000..12_000).contains(&elapsed), "{off}: {elapsed}");
        till.restart(0);
    }
}
