//! The closing sentence: the lowest fault, and who must act.
//!
//! Rules, in order: failures come before warnings; the lowest layer speaks ([`Probe::layer`]); a fault that may lie on the line goes to the
//! provider when every far end that was asked shows it and no name resolved. What went wrong with payments before and is over, since the
//! acquirer answers now, is a warning, and nobody has to act.

use super::verdict::{Blame, Lang, Mark, Outcome, Probe, Who, Words};
use super::{EXIT_COULD_NOT_RUN, EXIT_FAILURE, EXIT_GOOD, EXIT_WARNINGS, dns};

/// The end of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conclusion {
    /// The lowest fault's code, `line.down`, `line.slow`, `ok` or `nothing_tested`.
    pub(super) code: &'static str,
    pub(super) words: Words,
    /// `None` if nobody has to do anything.
    pub(super) who: Option<Who>,
    /// The probe that shows it: to look at again.
    pub(super) probe: Option<Probe>,
    /// Since when it is so, where that is known: milliseconds since 1970.
    pub(super) since_ms: Option<i64>,
    pub(super) exit: u8,
}

/// Draws the conclusion from all outcomes, in any order.
pub(super) fn conclude(outcomes: &[Outcome]) -> Conclusion {
    let mark_of = |outcome: &Outcome| match outcome.verdict.mark {
        Mark::Failed if is_over(outcome, outcomes) => Mark::Poor,
        mark => mark,
    };
    let marked = |mark| outcomes.iter().filter(move |outcome| mark_of(outcome) == mark);
    let (mark, exit) = if marked(Mark::Failed).next().is_some() {
        (Mark::Failed, EXIT_FAILURE)
    } else if marked(Mark::Poor).next().is_some() {
        (Mark::Poor, EXIT_WARNINGS)
    } else if marked(Mark::Good).next().is_some() {
        return all_good();
    } else {
        return nothing_tested();
    };
    let lowest = marked(mark).filter_map(|outcome| Some((outcome, outcome.verdict.blame?)));
    let Some((outcome, blame)) = lowest.min_by_key(|(outcome, _)| outcome.probe.layer()) else {
        return nothing_tested();
    };
    if is_over(outcome, outcomes) && marked(mark).count() == 1 {
        return recovered(outcome);
    }
    let (who, line) = match blame {
        Blame::Clear(who) => (who, false),
        Blame::LineOr(_) | Blame::LineOrBefore(_) if is_line(outcomes) => (Who::Provider, true),
        Blame::LineOr(who) | Blame::LineOrBefore(who) => (who, false),
    };
    let (code, words) = match (line, mark) {
        (false, _) => (outcome.verdict.code, outcome.verdict.words.clone()),
        (true, Mark::Poor) => {
            ("line.slow", Words::new("出外网慢，多半是宽带拥堵", "the way out is slow, most likely the internet line"))
        }
        (true, Mark::Failed | Mark::Good | Mark::NotTested) => (
            "line.down",
            Words::new(
                "出不了外网。请看光猫指示灯；多半是宽带故障",
                "nothing outside can be reached. Look at the modem's lights; most likely the internet line is down",
            ),
        ),
    };
    let others =
        marked(Mark::Failed).chain(marked(Mark::Poor)).filter(|other| !is_same_fault(other, outcome, line)).count();
    let words = sentence(&words, who, others);
    Conclusion { code, words, who: Some(who), probe: Some(outcome.probe), since_ms: outcome.verdict.since_ms, exit }
}

fn all_good() -> Conclusion {
    let words = Words::new(
        "未发现问题。如果顾客仍打不开付款页，请让顾客切换4G或Wi-Fi。",
        "No fault found. If a customer still cannot open the payment page, let them switch between mobile data and Wi-Fi.",
    );
    Conclusion { code: "ok", words, who: None, probe: None, since_ms: None, exit: EXIT_GOOD }
}

fn recovered(outcome: &Outcome) -> Conclusion {
    let words = Words::new(
        "收单机构现在应答正常，可以收款。今天早些时候有收款没送到或没有应答，见上；没有结果的款项会自动查清。",
        "The acquirer answers now: payments can be taken. Earlier today some did not get through or got no answer, see above; what has no \
         result is found out by itself.",
    );
    let probe = Some(outcome.probe);
    Conclusion { code: "payments.recovered", words, who: None, probe, since_ms: None, exit: EXIT_WARNINGS }
}

fn nothing_tested() -> Conclusion {
    let words = Words::new("没有可以检查的项目。", "There was nothing to test.");
    Conclusion { code: "nothing_tested", words, who: None, probe: None, since_ms: None, exit: EXIT_COULD_NOT_RUN }
}

/// The far end as it was found, if it was asked.
fn far(outcomes: &[Outcome], probe: Probe) -> Option<&Outcome> {
    outcomes.iter().find(|outcome| outcome.probe == probe && outcome.verdict.mark != Mark::NotTested)
}

/// Whether a fault of before is over: the acquirer answers a signed question now.
fn is_over(outcome: &Outcome, outcomes: &[Outcome]) -> bool {
    let before = matches!(outcome.verdict.blame, Some(Blame::LineOrBefore(_)));
    before && far(outcomes, Probe::Acquirer).is_some_and(|acquirer| acquirer.verdict.mark == Mark::Good)
}

/// Whether the line explains a far end's fault. Payments of before show nothing of the line as it is now.
fn is_line(outcomes: &[Outcome]) -> bool {
    match (far(outcomes, Probe::Acquirer), far(outcomes, Probe::Hub)) {
        (Some(acquirer), Some(hub)) => may_be_line(acquirer) && may_be_line(hub),
        (Some(only), None) | (None, Some(only)) => may_be_line(only) && !resolved(outcomes),
        (None, None) => {
            outcomes.iter().any(|outcome| outcome.probe == Probe::Dns && outcome.verdict.mark == Mark::Failed)
        }
    }
}

/// A name that resolved shows that something outside was reached.
fn resolved(outcomes: &[Outcome]) -> bool {
    outcomes.iter().any(|outcome| {
        outcome.probe == Probe::Dns && outcome.verdict.mark != Mark::Failed && outcome.verdict.code != dns::NOT_NEEDED
    })
}

fn may_be_line(outcome: &Outcome) -> bool {
    matches!(outcome.verdict.blame, Some(Blame::LineOr(_) | Blame::LineOrBefore(_)))
}

fn is_same_fault(other: &Outcome, told: &Outcome, line: bool) -> bool {
    other.probe == told.probe || (line && may_be_line(other))
}

fn sentence(words: &Words, who: Who, others: usize) -> Words {
    let beyond = matches!(who, Who::Acquirer | Who::Headquarters);
    let (own_zh, own_en) = if beyond { ("问题不在店内：", "Not the store's fault: ") } else { ("", "") };
    let (more_zh, more_en) = match others {
        0 => (String::new(), String::new()),
        n => (format!("另有{n}处问题，见上。"), format!(" {n} more above.")),
    };
    let (zh, en) = (words.in_lang(Lang::Zh), capital(words.in_lang(Lang::En), beyond));
    Words::new(
        format!("{own_zh}{zh}。找：{}。{more_zh}", who.called(Lang::Zh)),
        format!("{own_en}{en}. Who must act: {}.{more_en}", who.called(Lang::En)),
    )
}

fn capital(text: &str, continues: bool) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if !continues => first.to_uppercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
