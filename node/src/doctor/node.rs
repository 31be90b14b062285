//! The node itself: its configuration, its data folder, whether it runs.

use super::verdict::{Blame, Verdict, Who, Words};

/// What was seen of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NodeObservation {
    /// The configuration cannot be used.
    BadConfig {
        /// Why, in its own words.
        why: String,
    },
    /// The data folder is not there.
    NoFolder,
    /// This user may not look into the data folder.
    NotAllowed,
    /// The folder belongs to another user, who does not run a node on it now.
    OthersFolder,
    /// The folder belongs to no store yet.
    NotEnrolled,
    /// No node runs on it.
    Stopped,
    /// One runs on it.
    Running,
    /// A process holds the folder, and answers nobody.
    Mute,
}

impl NodeObservation {
    /// Whether nothing else can be looked at.
    pub(super) const fn is_blind(&self) -> bool {
        match self {
            Self::BadConfig { .. } => true,
            Self::NoFolder
            | Self::NotAllowed
            | Self::OthersFolder
            | Self::NotEnrolled
            | Self::Stopped
            | Self::Running
            | Self::Mute => false,
        }
    }

    /// Whether there is a folder that can be looked into.
    pub(super) const fn has_folder(&self) -> bool {
        match self {
            Self::BadConfig { .. } | Self::NoFolder | Self::NotAllowed => false,
            Self::OthersFolder | Self::NotEnrolled | Self::Stopped | Self::Running | Self::Mute => true,
        }
    }
}

const STORE: Blame = Blame::Clear(Who::Store);

/// Judges the node.
pub(super) fn judge(seen: &NodeObservation) -> Verdict {
    match seen {
        NodeObservation::BadConfig { why } => {
            let words = Words::new("设置文件不能用", "the configuration cannot be used");
            Verdict::failed("node.bad_config", words, STORE).value(why).try_this(
                "照提示改设置文件；完整的例子：guitai-node config example",
                "correct the file as it says; a complete one: guitai-node config example",
            )
        }
        NodeObservation::NoFolder => {
            let words = Words::new("数据目录不存在", "the data folder does not exist");
            Verdict::failed("node.no_folder", words, STORE).try_this(
                "检查数据盘是否接好，设置里的目录是否写对；新机请先登记：guitai-node enrol",
                "check that the data disk is attached and the configured folder is right; enter a new box first: guitai-node enrol",
            )
        }
        NodeObservation::NotAllowed => {
            let words = Words::new("没有权限读数据目录", "this user may not read the data folder");
            Verdict::failed("node.not_allowed", words, STORE)
                .try_this("用运行节点的账户执行", "run this as the node's user")
        }
        NodeObservation::OthersFolder => {
            let words = Words::new(
                "节点没有运行；数据目录属于另一个系统账户",
                "the node does not run; the data folder belongs to another user of this machine",
            );
            Verdict::poor("node.others_folder", words, STORE).try_this(
                "用数据目录的主人启动节点，否则它写不进去",
                "start the node as the folder's owner, or it cannot write there",
            )
        }
        NodeObservation::NotEnrolled => {
            let words = Words::new("本机还没有登记到门店", "this box belongs to no store yet");
            Verdict::failed("node.not_enrolled", words, Blame::Clear(Who::Headquarters)).try_this(
                "请总部给登记码，在本机执行 guitai-node enrol --hub 地址 --code 登记码",
                "ask headquarters for a code and run guitai-node enrol --hub URL --code CODE",
            )
        }
        NodeObservation::Stopped => {
            let words = Words::new("节点没有运行，本机不能收款", "the node does not run: this box takes no payments");
            Verdict::poor("node.stopped", words, STORE).try_this(
                "启动节点：guitai-node run，或启动它的系统服务",
                "start it: guitai-node run, or its system service",
            )
        }
        NodeObservation::Running => Verdict::good("node.running", Words::new("节点在运行", "the node runs")),
        NodeObservation::Mute => {
            let words = Words::new("节点进程在，但不应答", "the node's process is there and answers nobody");
            Verdict::failed("node.mute", words, STORE).try_this(
                "稍等再试；仍不应答就重启节点，收过的款不会丢",
                "wait and look again; if it still does not answer restart it, nothing taken is lost",
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::verdict::Mark;
    use super::*;

    #[test]
    fn judged() {
        use NodeObservation::{BadConfig, Mute, NoFolder, NotAllowed, NotEnrolled, OthersFolder, Running, Stopped};
        let hq = Some(Blame::Clear(Who::Headquarters));
        let table = [
            (BadConfig { why: "line 3".into() }, Mark::Failed, "node.bad_config", Some(STORE), (true, false)),
            (NoFolder, Mark::Failed, "node.no_folder", Some(STORE), (false, false)),
            (NotAllowed, Mark::Failed, "node.not_allowed", Some(STORE), (false, false)),
            (OthersFolder, Mark::Poor, "node.others_folder", Some(STORE), (false, true)),
            (NotEnrolled, Mark::Failed, "node.not_enrolled", hq, (false, true)),
            (Stopped, Mark::Poor, "node.stopped", Some(STORE), (false, true)),
            (Running, Mark::Good, "node.running", None, (false, true)),
            (Mute, Mark::Failed, "node.mute", Some(STORE), (false, true)),
        ];
        for (seen, mark, code, blame, (blind, folder)) in table {
            let verdict = judge(&seen);
            assert_eq!((verdict.mark, verdict.code, verdict.blame), (mark, code, blame), "{seen:?}");
            assert_eq!(verdict.remedy.is_some(), mark != Mark::Good, "{code}");
            assert_eq!((seen.is_blind(), seen.has_folder()), (blind, folder), "{code}");
        }
    }
}
