//! Whatever a wall clock, sleep, restarts and witnesses do.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Event {
    Pass(i64),
    SetWall(i64),
    WallAt(UtcMs),
    Sleep(i64),
    Restart(i64),
    Hear(Witness),
    Crazy(Witness, i64),
}

fn witness() -> impl Strategy<Value = Witness> {
    prop_oneof![Just(Witness::Hub), Just(Witness::Acquirer)]
}

fn span() -> impl Strategy<Value = i64> {
    prop_oneof![0..5_000_i64, 0..HOUR, 0..3 * DAY]
}

fn offset() -> impl Strategy<Value = i64> {
    prop_oneof![-5_000..5_000_i64, -20 * MINUTE..20 * MINUTE, -2 * DAY..2 * DAY, -900 * DAY..900 * DAY]
}

fn honest() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => span().prop_map(Event::Pass),
        2 => offset().prop_map(Event::SetWall),
        1 => prop_oneof![Just(YEAR_1970), Just(YEAR_2000), Just(YEAR_2038)].prop_map(Event::WallAt),
        1 => span().prop_map(Event::Sleep),
        2 => span().prop_map(Event::Restart),
        4 => witness().prop_map(Event::Hear),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![3 => honest(), 1 => (witness(), offset()).prop_map(|(by, off)| Event::Crazy(by, off))]
}

impl Till {
    fn live(&mut self, event: Event) -> Option<Heard> {
        match event {
            Event::Pass(ms) => self.pass(ms),
            Event::SetWall(off) => self.wall_off = off,
            Event::WallAt(wall) => self.set_wall(wall),
            Event::Sleep(ms) => self.sleep(ms),
            Event::Restart(ms) => self.restart(ms),
            Event::Hear(by) => return Some(self.hear(by)),
            Event::Crazy(by, off) => return Some(self.hear_of(by, off)),
        }
        None
    }
}

/// A stamp, by how much it said to be ahead, and the truth.
struct Fact {
    reading: Reading,
    truth: i64,
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn stamps_never_go_back(closed in span(), wall in offset(), events in prop::collection::vec(any_event(), 0..60)) {
        let mut till = Till::started(closed, wall);
        let mut last = till.last_fact;
        for event in events {
            till.live(event);
            let reading = till.read();
            prop_assert!(reading.at >= last, "{event:?}");
            prop_assert_eq!(till.clock.peek(till.now()).at, reading.at);
            last = reading.at;
        }
    }

    /// Whatever happened, three answers of the acquirer bring the truth, or say by how much the stamps are ahead of it.
    #[test]
    fn honest_witnesses_bring_the_truth(
        closed in span(), wall in offset(), events in prop::collection::vec(any_event(), 0..60), later in 0..6 * HOUR,
    ) {
        let mut till = Till::started(closed, wall);
        for event in events {
            till.live(event);
            till.read();
        }
        for _ in 0..REPEATED {
            till.hear(Witness::Acquirer);
        }
        till.pass(later);
        let reading = till.read();
        let error = reading.at.0 - i64::try_from(reading.ahead_ms).unwrap() - till.truth;
        prop_assert!(error.abs() <= 2_000, "{error}");
        prop_assert!(!till.clock.is_unsure(till.now()));
        prop_assert_eq!(reading.doubted, reading.ahead_ms > 600_000);
    }

    /// Honest witnesses and a lying wall clock: facts between two witnesses are right to 10 min, or the correction makes them right.
    #[test]
    fn corrections_are_right(closed in span(), wall in offset(), events in prop::collection::vec(honest(), 0..60)) {
        let mut till = Till::started(closed, wall);
        let mut facts: Vec<Fact> = Vec::new();
        let mut asleep = false;
        for event in events {
            asleep |= matches!(event, Event::Sleep(ms) if ms > 0);
            if matches!(event, Event::Restart(_)) {
                (facts, asleep) = (Vec::new(), false);
            }
            if let Some(Heard::Taken(correction)) = till.live(event) {
                for Fact { reading, truth } in facts.drain(..) {
                    let covering = correction.filter(|correction| correction.since <= reading.at);
                    let by = covering.map_or(0, |correction| correction.by_ms);
                    let error = reading.at.0 - i64::try_from(reading.ahead_ms).unwrap() + by - truth;
                    prop_assert!(asleep || error.abs() <= WALL_TOLERANCE_MS + 2_000, "{error} {correction:?}");
                    prop_assert!(!reading.doubted || reading.ahead_ms > 0 || covering.is_some());
                }
                asleep = false;
            }
            let reading = till.read();
            facts.push(Fact { reading, truth: till.truth });
        }
    }

    /// With no witness a wall clock moves time at most a day past what was known, and its own settings move nothing later.
    #[test]
    fn without_a_witness_a_wall_clock_moves_little(
        closed in span(), wall in offset(), passes in prop::collection::vec((0..HOUR, offset()), 0..30),
    ) {
        let mut till = Till::started(closed, wall);
        let start = till.read();
        let after = start.at.0 - till.last_fact.0.min(start.at.0);
        prop_assert!((0..=ALONE_MAX_MS).contains(&after));
        prop_assert!(start.at.0 - (till.truth - closed) <= ALONE_MAX_MS);
        let begun = till.truth;
        let held = i64::try_from(start.ahead_ms).unwrap();
        for (ms, off) in passes {
            till.pass(ms);
            till.wall_off = off;
            let run = till.read().at.0 - start.at.0;
            prop_assert_eq!(run, (till.truth - begun - held).max(0));
        }
    }

    #[test]
    fn waits_are_neither_starved_nor_rushed(
        wall in offset(), before in prop::collection::vec(honest(), 0..20), after in prop::collection::vec(span(), 0..9),
        off in span(),
    ) {
        let mut till = Till::started(HOUR, wall);
        for event in before {
            till.live(event);
            till.read();
        }
        let (since, up, truth) = (Since::now(till.moment()), till.now().up, till.truth);
        for ms in &after {
            till.pass(*ms);
            till.hear(Witness::Acquirer);
            let elapsed = since.elapsed_ms(till.moment());
            let ticked = till.now().up.0 - up.0;
            prop_assert!(elapsed >= ticked);
            let rushed = i64::try_from(elapsed).unwrap() - (till.truth - truth);
            prop_assert!(rushed <= 3_000, "{rushed}");
            till.read();
        }
        // The same wait, taken up by the next life from its fact, whose time was vouched for.
        (0..REPEATED).for_each(|_| _ = till.hear(Witness::Acquirer));
        let (begun, truth) = (till.moment().truth(), till.truth);
        till.restart(off);
        let since = Since::fact(begun, till.moment());
        for ms in after {
            let elapsed = i64::try_from(since.elapsed_ms(till.moment())).unwrap();
            prop_assert!(elapsed <= till.truth - truth + 3_000, "{elapsed}");
            till.pass(ms);
            till.hear(Witness::Acquirer);
        }
        (0..REPEATED).for_each(|_| _ = till.hear(Witness::Acquirer));
        let elapsed = i64::try_from(since.elapsed_ms(till.moment())).unwrap();
        prop_assert!((elapsed - (till.truth - truth)).abs() <= 3_000, "{elapsed}");
    }
}
