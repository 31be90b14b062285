//! Payments before history: the upload of a backlog gives way while people pay. Reading and sending it takes the disk and the
//! processor that a charge needs, and nobody waits for it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use guitai_core::ids::FactNo;

/// Fewer facts than this behind the last one are no backlog: they are what people at headquarters wait for.
const BACKLOG_FACTS: u64 = 256;

/// So long after a commit the counter is taken to be busy: a charge commits when it is asked for and when it is paid, and what
/// the acquirer takes lies between.
const BUSY: Duration = Duration::from_millis(150);

/// A counter that is always busy delays a load by so much: a chunk holds some 90 facts, so that 180 a second still go up, which is
/// more than 70 payments make.
const GIVE_WAY_MAX: Duration = Duration::from_millis(500);

/// How busy the counter is, by its commits.
#[derive(Clone, Debug, Default)]
pub(super) struct Counter(Arc<Mutex<Option<Instant>>>);

impl Counter {
    /// Facts were just committed.
    pub(super) fn committed(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Waits until nothing was committed for a while; not longer than [`GIVE_WAY_MAX`].
    pub(super) async fn give_way(&self) {
        let begun = Instant::now();
        while let Some(wait) = wait(self.since_commit(), begun.elapsed()) {
            tokio::time::sleep(wait).await;
        }
    }

    fn since_commit(&self) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).map(|committed| committed.elapsed())
    }
}

/// How long a load still waits, by the time since the last commit and the time that it waited.
fn wait(since_commit: Option<Duration>, waited: Duration) -> Option<Duration> {
    let busy = BUSY.saturating_sub(since_commit?);
    Some(busy.min(GIVE_WAY_MAX.saturating_sub(waited))).filter(|wait| !wait.is_zero())
}

/// Whether what is to be sent from a fact on is history, and not what was just written.
pub(super) fn is_backlog(from: FactNo, last: FactNo) -> bool {
    from.epoch < last.epoch || (from.epoch == last.epoch && last.number.saturating_sub(from.number) >= BACKLOG_FACTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_just_written_is_no_backlog() {
        let at = |epoch, number| FactNo { epoch, number };
        assert!(!is_backlog(at(1, 1_000), at(1, 1_000)));
        assert!(!is_backlog(at(1, 1_001), at(1, 1_000)));
        assert!(!is_backlog(at(1, 745), at(1, 1_000)));
        assert!(is_backlog(at(1, 744), at(1, 1_000)));
        assert!(is_backlog(at(1, 1_000), at(2, 3)), "the end of an earlier epoch");
    }

    #[test]
    fn a_load_waits_for_a_quiet_moment_but_not_for_ever() {
        let ms = Duration::from_millis;
        assert_eq!(wait(None, ms(0)), None, "nobody paid yet");
        assert_eq!(wait(Some(BUSY), ms(0)), None, "it is quiet");
        assert_eq!(wait(Some(ms(50)), ms(0)), Some(BUSY - ms(50)));
        assert_eq!(wait(Some(ms(0)), GIVE_WAY_MAX - ms(10)), Some(ms(10)), "a busy counter");
        assert_eq!(wait(Some(ms(0)), GIVE_WAY_MAX), None);
    }
}
