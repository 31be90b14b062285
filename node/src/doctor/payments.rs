//! What became of today's last charges, and what is in doubt, by the rows.

use super::age::age;
use super::verdict::{Blame, Verdict, Who, Words};

/// So many of today's last charges are looked at.
pub(crate) const LAST_CHARGES: usize = 20;
/// Fewer charges than this make no share: one that went wrong is then told as it is.
const SHARE_FROM: usize = 5;
/// Less than this of a hundred went wrong: most customers are served.
const FAILED_FROM_PERCENT: usize = 10;

/// How one charge ended, as far as it tells about the way to the acquirer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChargeEnd {
    /// Answered: paid, or refused for the customer's reasons.
    Answered,
    /// The customer is acting, or it is being asked about.
    Open,
    /// Nothing went out, no answer came, or the merchant was refused.
    Unanswered,
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PaymentsObservation {
    /// Charges whose end nobody knows, of any day.
    pub(crate) doubts: u64,
    /// How old the oldest of them is, in milliseconds.
    pub(crate) oldest_ms: Option<u64>,
    /// Since when there is one: milliseconds since 1970.
    pub(crate) oldest_at_ms: Option<i64>,
    /// Today's last charges, the newest first.
    pub(crate) today: Vec<ChargeEnd>,
    /// Why the last one that went wrong did, in a code.
    pub(crate) last_reason: Option<String>,
}

/// Judges what went wrong first, then what is in doubt.
pub(super) fn judge(seen: &PaymentsObservation) -> Verdict {
    let ended: Vec<ChargeEnd> = seen.today.iter().copied().filter(|end| *end != ChargeEnd::Open).collect();
    let wrong = ended.iter().filter(|end| **end == ChargeEnd::Unanswered).count();
    let all = ended.len();
    let reason =
        seen.last_reason.as_ref().filter(|_| wrong > 0).map_or_else(String::new, |reason| format!(", {reason}"));
    let share = format!("{}/{all}{reason}", all - wrong);
    // A later one got through, or none of them had left the box: an acquirer that answers now says that it is over.
    let left_nothing = matches!(seen.last_reason.as_deref(), Some("not_sent" | "configuration"));
    let before = ended.first() == Some(&ChargeEnd::Answered) || left_nothing;
    let whose = if before { Blame::LineOrBefore(Who::Acquirer) } else { Blame::LineOr(Who::Acquirer) };
    if all >= SHARE_FROM && wrong * 100 >= all * FAILED_FROM_PERCENT {
        let words = Words::new(
            format!("今天最近{all}笔收款有{wrong}笔没送到收单机构或没有应答"),
            format!("{wrong} of today's last {all} charges did not get through or got no answer"),
        );
        return Verdict::failed("payments.failing", words, whose).value(share).try_this(LOOK.0, LOOK.1);
    }
    if seen.doubts > 0 {
        let doubts = seen.doubts;
        let words = Words::new(format!("有{doubts}笔款项悬而未决"), format!("{doubts} payments are in doubt"));
        return Verdict::poor("payments.in_doubt", words, Blame::Clear(Who::Store))
            .value(format!("{}, {share}", age(seen.oldest_ms.unwrap_or(0))))
            .since(seen.oldest_at_ms)
            .try_this(
                "节点会自己继续查询；在收银页面的异常列表里逐笔处理，不要重复收款",
                "the node goes on asking; deal with each in the list of exceptions, and do not charge twice",
            );
    }
    if wrong > 0 {
        let words = Words::new(
            format!("今天最近{all}笔收款有{wrong}笔没送到收单机构或没有应答"),
            format!("{wrong} of today's last {all} charges did not get through or got no answer"),
        );
        return Verdict::poor("payments.some_failed", words, whose).value(share).try_this(LOOK.0, LOOK.1);
    }
    if all == 0 {
        return Verdict::good("payments.none", Words::new("今天还没有收款", "no charges yet today"));
    }
    Verdict::good("payments.ok", Words::new("今天最近的收款都有应答", "today's last charges were all answered"))
        .value(share)
}

const LOOK: (&str, &str) = (
    "看“acquirer”一行；那里正常就看异常列表和店内网络",
    "see the line of \"acquirer\"; if that is well, look at the list of exceptions and the shop's network",
);

#[cfg(test)]
mod tests {
    use super::super::verdict::Mark;
    use super::*;

    #[test]
    fn judged() {
        use ChargeEnd::{Answered, Open, Unanswered};
        let of = |ends: &[(ChargeEnd, usize)]| PaymentsObservation {
            today: ends.iter().flat_map(|(end, times)| std::iter::repeat_n(*end, *times)).collect(),
            last_reason: Some("no_answer".into()),
            ..PaymentsObservation::default()
        };
        let doubted = |seen| PaymentsObservation { doubts: 2, oldest_ms: Some(300_000), oldest_at_ms: Some(5), ..seen };
        let table = [
            (of(&[]), Mark::Good, "payments.none", ""),
            (of(&[(Open, 3)]), Mark::Good, "payments.none", ""),
            (of(&[(Answered, 20)]), Mark::Good, "payments.ok", "20/20"),
            (of(&[(Answered, 3), (Unanswered, 1)]), Mark::Poor, "payments.some_failed", "3/4, no_answer"),
            (of(&[(Answered, 19), (Unanswered, 1)]), Mark::Poor, "payments.some_failed", "19/20, no_answer"),
            (of(&[(Answered, 18), (Unanswered, 2)]), Mark::Failed, "payments.failing", "18/20, no_answer"),
            (of(&[(Answered, 4), (Unanswered, 1)]), Mark::Failed, "payments.failing", "4/5, no_answer"),
            (doubted(of(&[(Answered, 2)])), Mark::Poor, "payments.in_doubt", "5 min, 2/2"),
            (doubted(of(&[(Unanswered, 9)])), Mark::Failed, "payments.failing", "0/9, no_answer"),
        ];
        for (seen, mark, code, value) in table {
            let verdict = judge(&seen);
            assert_eq!((verdict.mark, verdict.code, verdict.value.as_str()), (mark, code, value));
            assert_eq!(verdict.remedy.is_some(), mark != Mark::Good, "{code}");
        }
        assert_eq!(judge(&doubted(of(&[]))).since_ms, Some(5));
    }
}
