//! What a probe says, and to whom.

use std::fmt;
use std::str::FromStr;

/// One thing that is looked at, in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Probe {
    /// This machine's time.
    Clock,
    /// Names of the acquirer and the hub.
    Dns,
    /// The acquirer answers.
    Acquirer,
    /// The hub takes a session and answers on the web.
    Hub,
    /// Room and speed where the journal lives.
    Disk,
    /// The scan box's port.
    Scanner,
    /// The receipt printer.
    Printer,
}

impl Probe {
    /// Every probe, in the order of the report.
    pub(crate) const ALL: [Self; 7] =
        [Self::Clock, Self::Dns, Self::Acquirer, Self::Hub, Self::Disk, Self::Scanner, Self::Printer];

    /// The stable name: in `--only`, lines and JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Dns => "dns",
            Self::Acquirer => "acquirer",
            Self::Hub => "hub",
            Self::Disk => "disk",
            Self::Scanner => "scanner",
            Self::Printer => "printer",
        }
    }

    /// How deep a fault here lies: the lowest one explains the others. A full disk stops everything; a wrong clock breaks certificates
    /// and signatures; without names nobody is found.
    pub(super) const fn layer(self) -> u8 {
        match self {
            Self::Disk => 0,
            Self::Clock => 1,
            Self::Dns => 2,
            Self::Acquirer => 3,
            Self::Hub => 4,
            Self::Scanner => 5,
            Self::Printer => 6,
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
}

impl Verdict {
    pub(super) fn good(code: &'static str, words: Words) -> Self {
        Self { mark: Mark::Good, code, value: String::new(), words, remedy: None, blame: None }
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

    /// The probe below failed, so this one would only repeat its fault.
    pub(super) fn layer_below_failed(code: &'static str) -> Self {
        Self::not_tested(code, Words::new("没测：上一步未通过", "not tested: the step before failed"))
    }

    pub(super) fn value(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
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
        }
        assert_eq!("Dns".parse::<Probe>(), Err(UnknownProbe));
        assert!(UnknownProbe.to_string().contains("clock, dns, acquirer, hub, disk, scanner, printer"));
        assert_eq!("en".parse(), Ok(Lang::En));
        assert_eq!("fr".parse::<Lang>(), Err(UnknownLang));
    }
}
