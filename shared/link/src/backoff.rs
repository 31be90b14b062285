//! How long to wait before dialling again.

use std::time::Duration;

/// The shortest wait.
pub const MIN: Duration = Duration::from_secs(1);

/// The longest.
pub const MAX: Duration = Duration::from_secs(60);

/// The wait after `failures` attempts in a row without a session, at least one: between half of and the whole of 2, 4, 8 …
/// 60 s. `random` spreads the nodes of a chain, which all lose a restarting hub at the same moment.
#[must_use]
pub fn wait(failures: u32, random: u64) -> Duration {
    let doubled = MIN.saturating_mul(2_u32.saturating_pow(failures.clamp(1, 31)));
    let longest = u64::try_from(doubled.min(MAX).as_millis()).expect("at most 60,000");
    let half = longest / 2;
    Duration::from_millis(half + random % (half + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute() {
        let cases = [(0, 1_000), (1, 1_000), (2, 2_000), (3, 4_000), (5, 16_000), (6, 30_000), (u32::MAX, 30_000)];
        for (failures, shortest) in cases {
            assert_eq!(wait(failures, 0), Duration::from_millis(shortest), "{failures}");
            assert_eq!(wait(failures, shortest), Duration::from_millis(2 * shortest), "{failures}");
            for random in [1, 77, u64::MAX] {
                assert!((MIN..=MAX).contains(&wait(failures, random)));
            }
        }
    }

    #[test]
    fn two_nodes_do_not_come_together() {
        assert_ne!(wait(6, 1), wait(6, 12_345));
    }
}
