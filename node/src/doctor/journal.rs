//! The databases on disk: SQLite's own look at the pages, then the chain and its seals. Read only.

use std::time::Duration;

use super::verdict::{Blame, Verdict, Who, Words};
use crate::mend::FACTS_DAMAGED;

/// The longest the quick look may take: a large journal's pages are then not all seen.
pub(super) const QUICK_LIMIT: Duration = Duration::from_secs(6);
/// The longest the whole chain may take.
pub(super) const WHOLE_LIMIT: Duration = Duration::from_secs(26);

/// What was seen of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JournalObservation {
    /// Nothing was written yet.
    NotYet,
    /// It is not there, and was.
    Missing {
        /// The file's name.
        file: &'static str,
    },
    /// A page, a fact or a seal is not what was written.
    Damaged {
        /// The file's name.
        file: &'static str,
        /// What does not fit.
        what: String,
    },
    /// Another program's, or a newer version's.
    Foreign {
        /// The file's name.
        file: &'static str,
    },
    /// It cannot be read: rights, or the disk.
    Unreadable {
        /// The file's name.
        file: &'static str,
        /// What the system says.
        what: String,
    },
    /// A killed node left work that its next start finishes.
    Unfinished {
        /// The file's name.
        file: &'static str,
    },
    /// The time was over first; what was seen was sound.
    NotFinished,
    /// Sound.
    Sound {
        /// The last fact.
        last: String,
        /// Whether the whole chain was walked, and every seal.
        whole: bool,
    },
}

const STORE: Blame = Blame::Clear(Who::Store);

/// Judges the databases.
pub(super) fn judge(seen: JournalObservation) -> Verdict {
    let failed = |code, zh: &str, en: &str| Verdict::failed(code, Words::new(zh, en), STORE);
    match seen {
        JournalObservation::NotYet => Verdict::not_tested(
            "journal.not_yet",
            Words::new("没测：还没有账本", "not tested: there is no journal yet"),
        ),
        JournalObservation::Missing { file } => {
            failed("journal.missing", "账本文件不见了", "a file of the journal is gone")
                .value(file)
                .try_this(COMES_BACK.0, COMES_BACK.1)
        }
        JournalObservation::Damaged { file, what } => failed(
            "journal.damaged",
            "账本文件损坏，多半是磁盘坏了",
            "a file of the journal is damaged, most likely by the disk",
        )
        .value(format!("{file}: {what}"))
        .try_this(FACTS_DAMAGED.0, FACTS_DAMAGED.1),
        JournalObservation::Foreign { file } => failed(
            "journal.foreign",
            "账本是更新的版本写的，或不是柜台的文件",
            "the journal is a newer version's, or not Guitai's",
        )
        .value(file)
        .try_this(
            "把柜台升级到写它的版本；核对设置里的数据目录",
            "update Guitai to the version that wrote it; check the configured data folder",
        ),
        JournalObservation::Unreadable { file, what } => {
            failed("journal.unreadable", "账本读不出来", "the journal cannot be read")
                .value(format!("{file}: {what}"))
                .try_this(
                    "用运行节点的账户执行；仍不行请检查磁盘",
                    "run this as the node's user; if it still fails, check the disk",
                )
        }
        JournalObservation::Unfinished { file } => {
            let words = Words::new(
                "没测：上次没有正常停止，启动节点后会自动恢复",
                "not tested: it was not stopped in order; its next start mends that",
            );
            Verdict::not_tested("journal.unfinished", words).value(file)
        }
        JournalObservation::NotFinished => {
            let words = Words::new("账本很大，看过的部分完好", "the journal is large; what was looked at is sound");
            Verdict::good("journal.partly", words)
        }
        JournalObservation::Sound { last, whole: false } => {
            Verdict::good("journal.ok", Words::new("账本完好", "the journal is sound")).value(last)
        }
        JournalObservation::Sound { last, whole: true } => {
            let words =
                Words::new("账本完好：整条链和全部封印", "the journal is sound: the whole chain and every seal");
            Verdict::good("journal.ok", words).value(last)
        }
    }
}

const COMES_BACK: (&str, &str) = (
    "启动节点，账目从总部取回；还没上传的要从备份里找",
    "start the node: the payments come back from headquarters; what was not delivered yet is in a backup only",
);

#[cfg(test)]
mod tests {
    use super::super::verdict::Mark;
    use super::*;

    #[test]
    fn judged() {
        use JournalObservation::{Damaged, Foreign, Missing, NotFinished, NotYet, Sound, Unfinished, Unreadable};
        let (file, what) = ("journal.db", "fact 1-7".to_owned());
        let sound = |whole| Sound { last: "1-9".into(), whole };
        let table = [
            (NotYet, Mark::NotTested, "journal.not_yet", ""),
            (Missing { file }, Mark::Failed, "journal.missing", "journal.db"),
            (Damaged { file, what: what.clone() }, Mark::Failed, "journal.damaged", "journal.db: fact 1-7"),
            (Foreign { file }, Mark::Failed, "journal.foreign", "journal.db"),
            (Unreadable { file, what }, Mark::Failed, "journal.unreadable", "journal.db: fact 1-7"),
            (Unfinished { file }, Mark::NotTested, "journal.unfinished", "journal.db"),
            (NotFinished, Mark::Good, "journal.partly", ""),
            (sound(false), Mark::Good, "journal.ok", "1-9"),
            (sound(true), Mark::Good, "journal.ok", "1-9"),
        ];
        for (seen, mark, code, value) in table {
            let verdict = judge(seen);
            assert_eq!((verdict.mark, verdict.code, verdict.value.as_str()), (mark, code, value));
            assert_eq!(verdict.remedy.is_some(), mark == Mark::Failed, "{code}");
        }
    }
}
