//! How long a node waits before it calls its hub again.

/// The shortest wait, in ms.
pub const SHORTEST_MS: u64 = 1_000;

/// The longest, in ms.
pub const LONGEST_MS: u64 = 60_000;

/// After lost facts came and could not be taken, the line stays down at least so long, in ms: they come whole each time, and
/// whatever was in the way stands there until a person has acted.
pub const REFILL_WAIT_MS: u64 = 120_000;

/// What came of giving a journal back what it lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fill {
    /// Nothing was lost, or not all of it has come.
    #[default]
    Nothing,
    /// The journal has it and goes on from there.
    Done,
    /// It cannot be taken: too much, or the journal said no. What was fetched is gone.
    Failed,
}

/// The pace of calling: attempts in a row that led to no session make it slower.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    failures: u32,
}

impl Pace {
    /// A session was opened.
    pub const fn opened(&mut self) {
        self.failures = 0;
    }

    /// Attempts in a row that led to no session, the one that just ended in the count.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// An attempt or its session is over: the time until the next, in ms; none if it follows at once, since it ended so that the
    /// journal goes on from what it has back. `random` spreads the nodes of a chain, which all lose a restarting hub at the
    /// same moment.
    pub fn ended(&mut self, fill: Fill, random: u64) -> Option<u64> {
        if fill == Fill::Done {
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        let wait_ms = wait_ms(self.failures, random);
        Some(if fill == Fill::Failed { REFILL_WAIT_MS + wait_ms } else { wait_ms })
    }
}

/// After so many attempts: between half of and the whole of 2, 4, 8 … 60 s.
fn wait_ms(failures: u32, random: u64) -> u64 {
    let doubled = SHORTEST_MS.saturating_mul(2_u64.saturating_pow(failures.clamp(1, 31)));
    let half = doubled.min(LONGEST_MS) / 2;
    half + random % (half + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute() {
        let cases = [(0, 1_000), (1, 1_000), (2, 2_000), (3, 4_000), (5, 16_000), (6, 30_000), (u32::MAX, 30_000)];
        for (failures, shortest) in cases {
            assert_eq!(wait_ms(failures, 0), shortest, "{failures}");
            assert_eq!(wait_ms(failures, shortest), 2 * shortest, "{failures}");
            for random in [1, 77, u64::MAX] {
                assert!((SHORTEST_MS..=LONGEST_MS).contains(&wait_ms(failures, random)));
            }
        }
    }

    #[test]
    fn two_nodes_do_not_come_together() {
        assert_ne!(wait_ms(6, 1), wait_ms(6, 12_345));
    }

    #[test]
    fn a_line_whose_fill_failed_is_left_alone_for_a_while_and_one_that_is_healed_goes_on_at_once() {
        let mut pace = Pace::default();
        assert!(pace.ended(Fill::Nothing, 0).is_some_and(|wait| wait < 5_000));
        assert!(pace.ended(Fill::Failed, 0).is_some_and(|wait| wait >= REFILL_WAIT_MS));
        assert_eq!((pace.ended(Fill::Done, 0), pace.failures()), (None, 2));
        pace.opened();
        assert_eq!(pace.ended(Fill::Nothing, 0), Some(1_000));
    }
}
