//! What is not at the hub yet, by the journal and what the hub acknowledged of it.

use super::age::age;
use super::verdict::{Blame, Verdict, Who, Words};

/// Younger than this it is on its way, in milliseconds.
const GOOD_BELOW_MS: u64 = 60_000;
/// From this age on somebody must look, in milliseconds.
const FAILED_FROM_MS: u64 = 15 * 60_000;

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyncObservation {
    /// Facts that the hub has not acknowledged.
    pub(crate) unsent: u64,
    /// How old the oldest of them is, in milliseconds.
    pub(crate) oldest_ms: Option<u64>,
    /// When the last fact that the hub acknowledged was written: milliseconds since 1970.
    pub(crate) acked_at_ms: Option<i64>,
    /// Whether a node runs that could deliver them.
    pub(crate) running: bool,
}

/// Judges the backlog. `error`: what stands in its way, by the session that was tried.
pub(super) fn judge(seen: &SyncObservation, error: Option<&'static str>) -> Verdict {
    let oldest_ms = seen.oldest_ms.unwrap_or(0);
    let (unsent, oldest) = (seen.unsent, age(oldest_ms));
    let whose = Blame::LineOr(Who::Headquarters);
    let reason = error.map_or_else(String::new, |error| format!(", {error}"));
    let verdict = if unsent == 0 {
        return Verdict::good("sync.ok", Words::new("全部记录已在总部", "everything is at the hub"));
    } else if !seen.running {
        let words = Words::new(
            format!("节点没有运行，有{unsent}条记录待补传"),
            format!("the node does not run: {unsent} facts wait to be delivered"),
        );
        Verdict::poor("sync.waiting", words, Blame::Clear(Who::Store))
            .try_this("启动节点；不要删除数据目录", "start the node; never delete the data folder")
    } else if oldest_ms < GOOD_BELOW_MS {
        let words = Words::new(format!("正在补传{unsent}条"), format!("{unsent} facts are on their way"));
        Verdict::good("sync.on_its_way", words)
    } else if oldest_ms < FAILED_FROM_MS {
        let words =
            Words::new(format!("有{unsent}条记录还没传到总部"), format!("{unsent} facts are not at the hub yet"));
        Verdict::poor("sync.behind", words, whose).try_this(KEEP.0, KEEP.1)
    } else {
        let words = Words::new(format!("{unsent}条记录积压"), format!("{unsent} facts pile up"));
        Verdict::failed("sync.stuck", words, whose).try_this(KEEP.0, KEEP.1)
    };
    verdict.value(format!("{oldest}{reason}")).since(seen.acked_at_ms)
}

const KEEP: (&str, &str) = (
    "让节点开着，收款照常；久不减少请通知总部，不要删除数据目录",
    "leave the node running, payments go on; if it does not shrink tell headquarters; never delete the data folder",
);

#[cfg(test)]
mod tests {
    use super::super::verdict::Mark;
    use super::*;

    #[test]
    fn judged() {
        let seen = |unsent, oldest_ms, running| SyncObservation {
            unsent,
            oldest_ms: Some(oldest_ms),
            acked_at_ms: Some(9),
            running,
        };
        let table = [
            (seen(0, 0, true), Mark::Good, "sync.ok", ""),
            (seen(0, 0, false), Mark::Good, "sync.ok", ""),
            (seen(3, 59_999, true), Mark::Good, "sync.on_its_way", "59 s"),
            (seen(3, 60_000, true), Mark::Poor, "sync.behind", "60 s"),
            (seen(3, 899_999, true), Mark::Poor, "sync.behind", "14 min"),
            (seen(3, 900_000, true), Mark::Failed, "sync.stuck", "15 min"),
            (seen(3, 900_000, false), Mark::Poor, "sync.waiting", "15 min"),
        ];
        for (seen, mark, code, value) in table {
            let verdict = judge(&seen, None);
            assert_eq!((verdict.mark, verdict.code, verdict.value.as_str()), (mark, code, value));
            assert_eq!(verdict.since_ms.is_some(), seen.unsent > 0);
            assert_eq!(verdict.remedy.is_some(), matches!(mark, Mark::Poor | Mark::Failed), "{code}");
        }
        assert_eq!(judge(&seen(3, 900_000, true), Some("hub.refused")).value, "15 min, hub.refused");
    }
}
