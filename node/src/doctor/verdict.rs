//! What a probe says, and to whom.

use std::fmt;
use std::str::FromStr;

/// One thing that is looked at, in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Probe {
    /// The node and its data folder.
    Node,
    /// The files that hold this machine's keys.
    Identity,
    /// The databases on disk.
    Journal,
    /// This machine's time.
    Clock,
    /// Names of the acquirer and the hub.
    Dns,
    /// The acquirer answers a signed question.
    Acquirer,
    /// What became of the last charges.
    Payments,
    /// The hub takes a session and answers on the web.
    Hub,
    /// What the hub says of this box.
    Membership,
    /// What is not at the hub yet.
    Sync,
    /// Room and speed where the journal lives.
    Disk,
    /// The scan box's port.
    Scanner,
    /// The receipt printer.
    Printer,
}

impl Probe {
    /// Every probe, in the order of the report.
    pub(crate) const ALL: [Self; 13] = [
        Self::Node,
        Self::Identity,
        Self::Journal,
        Self::Clock,
        Self::Dns,
        Self::Acquirer,
        Self::Payments,
        Self::Hub,
        Self::Membership,
        Self::Sync,
        Self::Disk,
        Self::Scanner,
        Self::Printer,
    ];

    /// The stable name: in `--only`, lines and JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Identity => "identity",
            Self::Journal => "journal",
            Self::Clock => "clock",
            Self::Dns => "dns",
            Self::Acquirer => "acquirer",
            Self::Payments => "payments",
            Self::Hub => "hub",
            Self::Membership => "membership",
            Self::Sync => "sync",
            Self::Disk => "disk",
            Self::Scanner => "scanner",
            Self::Printer => "printer",
        }
    }

    /// What it looks at: for `--list`.
    pub(super) fn looks_at(self) -> Words {
        let (zh, en) = match self {
            Self::Node => ("设置、数据目录、节点是否在运行", "configuration, data folder, whether the node runs"),
            Self::Identity => ("本机的密钥文件", "the files that hold this machine's keys"),
            Self::Journal => {
                ("账本的页和封印（--full 查整条链）", "the journal's pages and seals (--full: the whole chain)")
            }
            Self::Clock => ("电脑时间", "this machine's time"),
            Self::Dns => ("收单机构和总部的域名", "names of the acquirer and the hub"),
            Self::Acquirer => ("签名查询一个不存在的单号", "a signed query of an order that cannot exist"),
            Self::Payments => ("今天最近的收款，悬而未决的款项", "today's last charges, and what is in doubt"),
            Self::Hub => ("总部的同步通道和网页", "the hub's session and its web half"),
            Self::Membership => ("总部对本机的说法", "what the hub says of this box"),
            Self::Sync => ("还没传到总部的记录", "what is not at the hub yet"),
            Self::Disk => ("数据盘的空间和速度", "room and speed of the data disk"),
            Self::Scanner => ("盒子的串口", "the scan box's serial port"),
            Self::Printer => ("小票打印机", "the receipt printer"),
        };
        Words::new(zh, en)
    }

    /// The code of one that was left out, since what it stands on failed.
    pub(super) const fn skipped(self) -> &'static str {
        match self {
            Self::Node => "node.skipped",
            Self::Identity => "identity.skipped",
            Self::Journal => "journal.skipped",
            Self::Clock => "clock.skipped",
            Self::Dns => "dns.skipped",
            Self::Acquirer => "acquirer.skipped",
            Self::Payments => "payments.skipped",
            Self::Hub => "hub.skipped",
            Self::Membership => "membership.skipped",
            Self::Sync => "sync.skipped",
            Self::Disk => "disk.skipped",
            Self::Scanner => "scanner.skipped",
            Self::Printer => "printer.skipped",
        }
    }

    /// How deep a fault here lies: the lowest one explains the others. Without a folder there is nothing; a full disk stops
    /// everything; a wrong clock breaks certificates and signatures; without names nobody is found; a box that is barred takes no
    /// money, whatever else works.
    pub(super) const fn layer(self) -> u8 {
        match self {
            Self::Node => 0,
            Self::Disk => 1,
            Self::Identity => 2,
            Self::Journal => 3,
            Self::Clock => 4,
            Self::Dns => 5,
            Self::Membership => 6,
            Self::Acquirer => 7,
            Self::Hub => 8,
            Self::Sync => 9,
            Self::Payments => 10,
            Self::Scanner => 11,
            Self::Printer => 12,
        }
    }
}

impl FromStr for Probe {
    type Err = UnknownProbe;

    fn from_str(text: &str) -> Result<Self, UnknownProbe> {
        Self::ALL.into_iter().find(|probe| probe.name() == text).ok_or(UnknownProbe)
    }
}

/// `--only` named no probe.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownProbe;

impl fmt::Display for UnknownProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Probe::ALL.iter().map(|probe| probe.name()).collect();
        write!(f, "可用的检查项 / probes: {}", names.join(", "))
    }
}

impl std::error::Error for UnknownProbe {}

/// The language of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lang {
    /// Chinese.
    Zh,
    /// English.
    En,
}

impl FromStr for Lang {
    type Err = UnknownLang;

    fn from_str(text: &str) -> Result<Self, UnknownLang> {
        match text {
            "zh" => Ok(Self::Zh),
            "en" => Ok(Self::En),
            _ => Err(UnknownLang),
        }
    }
}

/// `--lang` is neither `zh` nor `en`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownLang;

impl fmt::Display for UnknownLang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("zh, en")
    }
}

impl std::error::Error for UnknownLang {}

/// How well a probe went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Works.
    Good,
    /// Works, but not as it should.
    Poor,
    /// Does not work.
    Failed,
    /// Nobody knows: not configured, or the layer below failed.
    NotTested,
}

impl Mark {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Poor => "poor",
            Self::Failed => "failed",
            Self::NotTested => "not_tested",
        }
    }

    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Poor => "!",
            Self::Failed => "✗",
            Self::NotTested => "–",
        }
    }
}

/// A text in both languages, without a full stop at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    zh: String,
    en: String,
}

impl Words {
    pub(super) fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }

    pub(super) fn in_lang(&self, lang: Lang) -> &str {
        match lang {
            Lang::Zh => &self.zh,
            Lang::En => &self.en,
        }
    }
}

/// Who can mend a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// 店内.
    Store,
    /// 宽带运营商.
    Provider,
    /// 总部.
    Headquarters,
    /// 收单机构.
    Acquirer,
}

impl Who {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Provider => "provider",
            Self::Headquarters => "headquarters",
            Self::Acquirer => "acquirer",
        }
    }

    pub(super) const fn called(self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Self::Store, Lang::Zh) => "店内",
            (Self::Store, Lang::En) => "the store",
            (Self::Provider, Lang::Zh) => "宽带运营商",
            (Self::Provider, Lang::En) => "the internet provider",
            (Self::Headquarters, Lang::Zh) => "总部",
            (Self::Headquarters, Lang::En) => "headquarters",
            (Self::Acquirer, Lang::Zh) => "收单机构",
            (Self::Acquirer, Lang::En) => "the acquirer",
        }
    }
}

/// Whose fault a fault is, seen from one probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// The probe alone proves it.
    Clear(Who),
    /// Theirs, or the line in between: the other probes tell.
    LineOr(Who),
    /// The same, at a moment before: over when their end is found well now.
    LineOrBefore(Who),
}

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) mark: Mark,
    /// Stable, `probe.reason`.
    pub(super) code: &'static str,
    /// The figure behind the mark, the same in every language; may be empty.
    pub(super) value: String,
    pub(super) words: Words,
    /// What to try.
    pub(super) remedy: Option<Words>,
    /// Set on everything poor or failed.
    pub(super) blame: Option<Blame>,
    /// Since when it is so, where that is known: milliseconds since 1970.
    pub(super) since_ms: Option<i64>,
}

impl Verdict {
    pub(super) fn good(code: &'static str, words: Words) -> Self {
        Self { mark: Mark::Good, code, value: String::new(), words, remedy: None, blame: None, since_ms: None }
    }

    pub(super) fn not_tested(code: &'static str, words: Words) -> Self {
        Self { mark: Mark::NotTested, ..Self::good(code, words) }
    }

    pub(super) fn poor(code: &'static str, words: Words, blame: Blame) -> Self {
        Self { mark: Mark::Poor, blame: Some(blame), ..Self::good(code, words) }
    }

    pub(super) fn failed(code: &'static str, words: Words, blame: Blame) -> Self {
        Self { mark: Mark::Failed, blame: Some(blame), ..Self::good(code, words) }
    }

    /// What it stands on failed, so this one would only repeat that fault.
    pub(super) fn layer_below_failed(probe: Probe) -> Self {
        Self::not_tested(probe.skipped(), Words::new("没测：上一步未通过", "not tested: the step before failed"))
    }

    pub(super) fn value(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
        self
    }

    pub(super) const fn since(mut self, since_ms: Option<i64>) -> Self {
        self.since_ms = since_ms;
        self
    }

    pub(super) fn try_this(mut self, zh: impl Into<String>, en: impl Into<String>) -> Self {
        self.remedy = Some(Words::new(zh, en));
        self
    }
}

/// A finished probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) probe: Probe,
    pub(super) verdict: Verdict,
    pub(super) elapsed_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_others_are_refused() {
        for probe in Probe::ALL {
            assert_eq!(probe.name().parse(), Ok(probe));
            assert_eq!(probe.skipped(), format!("{}.skipped", probe.name()));
        }
        assert_eq!("Dns".parse::<Probe>(), Err(UnknownProbe));
        assert!(UnknownProbe.to_string().contains("clock, dns, acquirer, payments, hub, membership, sync, disk"));
        assert_eq!("en".parse(), Ok(Lang::En));
        assert_eq!("fr".parse::<Lang>(), Err(UnknownLang));
    }
}
