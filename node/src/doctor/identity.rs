//! The files that hold this machine's keys. They are read, never made.

use super::verdict::{Blame, Verdict, Who, Words};

/// What was seen of the key files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IdentityObservation {
    /// None, and none is needed yet: the folder belongs to no store.
    NotYet,
    /// The store's box has none.
    Missing,
    /// It does not hold a key.
    Damaged,
    /// This user may not read it.
    NotAllowed,
    /// It is another one than the hub let in.
    Other,
    /// Others of this machine may read key files.
    Exposed {
        /// Which.
        files: Vec<&'static str>,
    },
    /// There, whole, and nobody else's.
    Sound,
}

const STORE: Blame = Blame::Clear(Who::Store);

const ANEW: (&str, &str) = (
    "把备份里的 identity.key 放回数据目录；没有备份就请总部给登记码，另用一个空的数据目录执行 guitai-node enrol，旧目录留存",
    "put identity.key of a backup back; without one ask headquarters for a code and enter an empty data folder with guitai-node \
     enrol, and keep the old folder",
);

/// Judges the key files.
pub(super) fn judge(seen: &IdentityObservation) -> Verdict {
    let failed = |code, zh: &str, en: &str| Verdict::failed(code, Words::new(zh, en), STORE);
    match seen {
        IdentityObservation::NotYet => Verdict::not_tested(
            "identity.not_yet",
            Words::new("没测：登记时才生成", "not tested: it is made when this box is entered"),
        ),
        IdentityObservation::Missing => {
            failed("identity.missing", "本机的身份文件不见了", "this box's identity file is gone")
                .value("identity.key")
                .try_this(ANEW.0, ANEW.1)
        }
        IdentityObservation::Damaged => {
            failed("identity.damaged", "本机的身份文件损坏", "this box's identity file is damaged")
                .value("identity.key")
                .try_this(ANEW.0, ANEW.1)
        }
        IdentityObservation::NotAllowed => {
            failed("identity.not_allowed", "没有权限读身份文件", "this user may not read the identity file")
                .value("identity.key")
                .try_this("用运行节点的账户执行", "run this as the node's user")
        }
        IdentityObservation::Other => {
            failed("identity.other", "身份文件不是登记时的那一个", "the identity file is not the one the hub let in")
                .value("identity.key")
                .try_this(ANEW.0, ANEW.1)
        }
        IdentityObservation::Exposed { files } => {
            let words = Words::new("密钥文件能被其他账户读取", "other users of this machine can read key files");
            Verdict::poor("identity.exposed", words, STORE).value(files.join(", ")).try_this(
                "在数据目录执行 chmod 600 *.key；若有外人用过这台电脑，请总部停用本机并重新登记",
                "in the data folder: chmod 600 *.key; if strangers used this machine, let headquarters revoke it and enter it anew",
            )
        }
        IdentityObservation::Sound => {
            Verdict::good("identity.ok", Words::new("身份文件完好", "the identity is whole and private"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::verdict::Mark;
    use super::*;

    #[test]
    fn judged() {
        use IdentityObservation::{Damaged, Exposed, Missing, NotAllowed, NotYet, Other, Sound};
        let table = [
            (NotYet, Mark::NotTested, "identity.not_yet", ""),
            (Missing, Mark::Failed, "identity.missing", "identity.key"),
            (Damaged, Mark::Failed, "identity.damaged", "identity.key"),
            (NotAllowed, Mark::Failed, "identity.not_allowed", "identity.key"),
            (Other, Mark::Failed, "identity.other", "identity.key"),
            (
                Exposed { files: vec!["identity.key", "code.key"] },
                Mark::Poor,
                "identity.exposed",
                "identity.key, code.key",
            ),
            (Sound, Mark::Good, "identity.ok", ""),
        ];
        for (seen, mark, code, value) in table {
            let verdict = judge(&seen);
            assert_eq!((verdict.mark, verdict.code, verdict.value.as_str()), (mark, code, value));
            assert_eq!(verdict.remedy.is_some(), matches!(mark, Mark::Poor | Mark::Failed), "{code}");
        }
    }
}
