//! How outcomes look: lines for people, one document for programs.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::conclusion::Conclusion;
use super::verdict::{Blame, Lang, Mark, Outcome, Probe, Words};

/// The width of the longest probe name.
const NAME_WIDTH: usize = 10;

/// The probes there are, one a line, with what each looks at.
///
/// # Errors
/// Nobody takes it.
pub(crate) fn list(out: &mut impl Write, lang: Lang) -> io::Result<()> {
    for probe in Probe::ALL {
        writeln!(out, "{:<NAME_WIDTH$}  {}", probe.name(), probe.looks_at().in_lang(lang))?;
    }
    out.flush()
}

/// A moment as programs read it.
fn moment(ms: i64) -> Option<String> {
    Some(jiff::Timestamp::from_millisecond(ms).ok()?.to_string())
}

/// A moment as people read it, in this machine's zone.
fn local(ms: i64) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(ms).ok()?.to_zoned(jiff::tz::TimeZone::system());
    Some(at.strftime("%Y-%m-%d %H:%M").to_string())
}

/// What looks at this alone again.
fn retest(probe: Probe) -> String {
    format!("guitai-node doctor --only {}", probe.name())
}

/// One finished probe: mark, name, words, value, since when, elapsed; below what to try, and how to look again.
pub(super) fn write_outcome(out: &mut impl Write, outcome: &Outcome, lang: Lang, color: bool) -> io::Result<()> {
    let verdict = &outcome.verdict;
    let (on, off) = if color { (paint(verdict.mark), "\x1b[0m") } else { ("", "") };
    write!(
        out,
        "{on}{}{off} {:<NAME_WIDTH$}  {}",
        verdict.mark.sign(),
        outcome.probe.name(),
        verdict.words.in_lang(lang)
    )?;
    if !verdict.value.is_empty() {
        write!(out, " · {}", verdict.value)?;
    }
    if let Some(since) = verdict.since_ms.and_then(local) {
        let words = match lang {
            Lang::Zh => "自",
            Lang::En => "since",
        };
        write!(out, " · {words} {since}")?;
    }
    writeln!(out, "  ({} ms)", outcome.elapsed_ms)?;
    if let Some(remedy) = &verdict.remedy {
        writeln!(out, "    → {}", remedy.in_lang(lang))?;
        writeln!(out, "    ↻ {}", retest(outcome.probe))?;
    }
    out.flush()
}

/// The closing sentence.
pub(super) fn write_conclusion(out: &mut impl Write, conclusion: &Conclusion, lang: Lang) -> io::Result<()> {
    writeln!(out, "\n{}", conclusion.words.in_lang(lang))?;
    out.flush()
}

/// Everything as one JSON document. `who` is a stable name or null; texts are in the language asked for.
pub(super) fn write_json(
    out: &mut impl Write,
    outcomes: &[Outcome],
    conclusion: &Conclusion,
    lang: Lang,
) -> io::Result<()> {
    let probes: Vec<Value> = outcomes.iter().map(|outcome| probe(outcome, lang)).collect();
    let document = json!({
        "verdict": {
            "code": conclusion.code,
            "words": conclusion.words.in_lang(lang),
            "who": conclusion.who.map(super::verdict::Who::name),
            "since": conclusion.since_ms.and_then(moment),
            "retest": conclusion.probe.map(retest),
        },
        "probes": probes,
    });
    writeln!(out, "{document:#}")?;
    out.flush()
}

fn probe(outcome: &Outcome, lang: Lang) -> Value {
    let verdict = &outcome.verdict;
    json!({
        "probe": outcome.probe.name(),
        "mark": verdict.mark.name(),
        "code": verdict.code,
        "value": verdict.value,
        "elapsed_ms": outcome.elapsed_ms,
        "words": verdict.words.in_lang(lang),
        "remedy": verdict.remedy.as_ref().map(|remedy: &Words| remedy.in_lang(lang)),
        "who": verdict.blame.map(|blame| match blame {
            Blame::Clear(who) | Blame::LineOr(who) | Blame::LineOrBefore(who) => who.name(),
        }),
        "since": verdict.since_ms.and_then(moment),
        "retest": retest(outcome.probe),
    })
}

fn paint(mark: Mark) -> &'static str {
    match mark {
        Mark::Good => "\x1b[32m",
        Mark::Poor => "\x1b[33m",
        Mark::Failed => "\x1b[31m",
        Mark::NotTested => "\x1b[2m",
    }
}

#[cfg(test)]
mod tests {
    use super::super::conclusion::conclude;
    use super::super::exchange::Failure;
    use super::super::verdict::{Probe, Verdict};
    use super::super::{QueryObservation, acquirer, scanner};
    use super::*;

    fn outcomes() -> Vec<Outcome> {
        let of = |probe, verdict, elapsed_ms| Outcome { probe, verdict, elapsed_ms };
        let names = Verdict::good("dns.ok", Words::new("域名解析正常", "names resolve")).value("12 ms");
        vec![
            of(Probe::Dns, names, 13),
            of(Probe::Acquirer, acquirer::judge(&Err(Failure::Refused), &QueryObservation::NotSent), 2),
            of(Probe::Scanner, scanner::not_configured(), 0),
        ]
    }

    #[test]
    fn the_document_is_stable() {
        let (outcomes, mut out) = (outcomes(), Vec::new());
        write_json(&mut out, &outcomes, &conclude(&outcomes), Lang::En).unwrap();
        let got: Value = serde_json::from_slice(&out).unwrap();
        let expected = json!({
            "verdict": {
                "code": "acquirer.refused",
                "words": "Not the store's fault: the acquirer refuses the connection. Who must act: the acquirer.",
                "who": "acquirer",
                "since": null,
                "retest": "guitai-node doctor --only acquirer",
            },
            "probes": [
                {
                    "probe": "dns", "mark": "good", "code": "dns.ok", "value": "12 ms", "elapsed_ms": 13,
                    "words": "names resolve", "remedy": null, "who": null, "since": null,
                    "retest": "guitai-node doctor --only dns",
                },
                {
                    "probe": "acquirer", "mark": "failed", "code": "acquirer.refused", "value": "", "elapsed_ms": 2,
                    "words": "the acquirer refuses the connection",
                    "remedy": "take cash and other means as usual, hold code payments back; if it lasts, call the acquirer",
                    "who": "acquirer", "since": null, "retest": "guitai-node doctor --only acquirer",
                },
                {
                    "probe": "scanner", "mark": "not_tested", "code": "scanner.not_configured", "value": "", "elapsed_ms": 0,
                    "words": "not tested: no scan box is configured", "remedy": null, "who": null, "since": null,
                    "retest": "guitai-node doctor --only scanner",
                },
            ],
        });
        assert_eq!(got, expected);
    }

    #[test]
    fn lines_are_stable() {
        let (outcomes, mut out) = (outcomes(), Vec::new());
        for outcome in &outcomes {
            write_outcome(&mut out, outcome, Lang::Zh, false).unwrap();
        }
        write_conclusion(&mut out, &conclude(&outcomes), Lang::Zh).unwrap();
        let expected = "\
✓ dns         域名解析正常 · 12 ms  (13 ms)
✗ acquirer    收单机构拒绝连接  (2 ms)
    → 现金等方式照常，扫码收款请稍候；持续不好请联系收单机构
    ↻ guitai-node doctor --only acquirer
– scanner     没测：没有设置盒子  (0 ms)

问题不在店内：收单机构拒绝连接。找：收单机构。
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        let mut painted = Vec::new();
        write_outcome(&mut painted, &outcomes[0], Lang::Zh, true).unwrap();
        assert!(painted.starts_with(b"\x1b[32m\xe2\x9c\x93\x1b[0m dns"));
        let (mut listed, mut dated) = (Vec::new(), Vec::new());
        list(&mut listed, Lang::En).unwrap();
        assert_eq!(String::from_utf8(listed).unwrap().lines().count(), Probe::ALL.len());
        let verdict = outcomes[0].verdict.clone().since(Some(1_764_210_000_000));
        write_outcome(&mut dated, &Outcome { verdict, ..outcomes[0].clone() }, Lang::Zh, false).unwrap();
        assert!(String::from_utf8(dated).unwrap().contains("12 ms · 自 2025-11-2"));
    }
}
