//! This machine's time against the `Date` of servers it asked anyway.

use super::verdict::{Blame, Verdict, Who, Words};

/// Below this the clock is good, in milliseconds.
const GOOD_BELOW_MS: u64 = 2_000;
/// From here acquirers refuse signatures, in milliseconds.
const FAILED_FROM_MS: u64 = 60_000;
/// `Date` drops the fraction of a second; its middle is the best guess.
const DATE_MIDDLE_MS: i64 = 500;

/// One server's time beside ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    skew_ms: i64,
    unsure_ms: u64,
}

impl Reading {
    /// From a `Date` header, our wall clock when the request was sent, and how long the answer took; `None` if the header is no date.
    pub(super) fn of_date(date: &str, sent_ms: i64, answer_ms: u64) -> Option<Self> {
        let server = jiff::fmt::rfc2822::parse(date).ok()?.timestamp().as_millisecond();
        let unsure_ms = answer_ms / 2;
        let ours = sent_ms.saturating_add(i64::try_from(unsure_ms).ok()?);
        Some(Self { skew_ms: ours.saturating_sub(server.saturating_add(DATE_MIDDLE_MS)), unsure_ms })
    }

    /// What the running node measured.
    pub(super) const fn of_node(offset_ms: i64) -> Self {
        Self { skew_ms: offset_ms, unsure_ms: 0 }
    }

    /// Ours minus theirs: positive when this machine is ahead.
    #[cfg(test)]
    pub(super) const fn skew_ms(self) -> i64 {
        self.skew_ms
    }

    /// The part of the skew that half a round trip cannot explain.
    fn certain_ms(self) -> u64 {
        self.skew_ms.unsigned_abs().saturating_sub(self.unsure_ms)
    }
}

/// Judges by the server that agrees best: when two disagree, one of them is wrong, and it need not be us.
pub(super) fn judge(readings: &[Reading]) -> Verdict {
    let Some(reading) = readings.iter().min_by_key(|reading| reading.certain_ms()) else {
        let words = Words::new("没测：没有服务器报出时间", "not tested: no server told its time");
        return Verdict::not_tested("clock.no_reference", words);
    };
    let off_ms = reading.certain_ms();
    let value = format!("{}{}.{} s", sign(*reading), off_ms / 1_000, off_ms % 1_000 / 100);
    let (span_zh, span_en) = span(off_ms);
    let (side_zh, side_en) = if reading.skew_ms < 0 { ("慢", "behind") } else { ("快", "ahead") };
    let verdict = if off_ms < GOOD_BELOW_MS {
        return Verdict::good("clock.ok", Words::new("时间准确", "the clock is right")).value(value);
    } else if off_ms < FAILED_FROM_MS {
        let words =
            Words::new(format!("电脑时间{side_zh}了{span_zh}"), format!("this machine's clock is {span_en} {side_en}"));
        Verdict::poor("clock.off", words, Blame::Clear(Who::Store))
    } else {
        let words = Words::new(
            format!("电脑时间{side_zh}了{span_zh}，支付签名会被拒绝"),
            format!("this machine's clock is {span_en} {side_en}: payment signatures will be refused"),
        );
        Verdict::failed("clock.wrong", words, Blame::Clear(Who::Store))
    };
    verdict.value(value).try_this(
        "打开系统的自动校时；若关机后又不准，请换主板电池",
        "switch automatic time on; if it is wrong again after a shutdown, replace the board's battery",
    )
}

fn sign(reading: Reading) -> &'static str {
    if reading.skew_ms < 0 { "-" } else { "+" }
}

fn span(ms: u64) -> (String, String) {
    let seconds = ms / 1_000;
    let (minutes, hours) = (seconds / 60, seconds / 3_600);
    match (hours, minutes) {
        (0, 0) => (format!("{seconds}秒"), format!("{seconds} s")),
        (0, _) => (format!("{minutes}分钟"), format!("{minutes} min")),
        _ => (format!("{hours}小时{}分", minutes % 60), format!("{hours} h {} min", minutes % 60)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::verdict::Lang;
    use super::*;

    const SENT_MS: i64 = 784_111_777_000;
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn skewed(skew_ms: i64, unsure_ms: u64) -> Reading {
        Reading { skew_ms, unsure_ms }
    }

    #[test]
    fn a_date_header_is_read_against_the_middle_of_the_exchange() {
        assert_eq!(Reading::of_date(DATE, SENT_MS, 1_000), Some(skewed(0, 500)));
        assert_eq!(Reading::of_date(DATE, SENT_MS + 500, 0), Some(skewed(0, 0)));
        assert_eq!(Reading::of_date(DATE, SENT_MS - 360_000, 0), Some(skewed(-360_500, 0)));
        assert_eq!(Reading::of_date("yesterday", SENT_MS, 0), None);
    }

    #[test]
    fn judged() {
        let table: &[(&[Reading], &str, &str)] = &[
            (&[], "clock.no_reference", ""),
            (&[skewed(0, 0)], "clock.ok", "+0.0 s"),
            (&[skewed(1_999, 0)], "clock.ok", "+1.9 s"),
            (&[skewed(2_000, 0)], "clock.off", "+2.0 s"),
            (&[skewed(-2_000, 0)], "clock.off", "-2.0 s"),
            (&[skewed(3_000, 1_500)], "clock.ok", "+1.5 s"),
            (&[skewed(59_999, 0)], "clock.off", "+59.9 s"),
            (&[skewed(-60_000, 0)], "clock.wrong", "-60.0 s"),
            (&[skewed(90_000, 0), skewed(300, 0)], "clock.ok", "+0.3 s"),
            (&[skewed(-360_000, 0), skewed(-361_000, 0)], "clock.wrong", "-360.0 s"),
        ];
        for (readings, code, value) in table {
            let verdict = judge(readings);
            assert_eq!((verdict.code, verdict.value.as_str()), (*code, *value));
        }
        assert_eq!(judge(&[skewed(-360_000, 0)]).words.in_lang(Lang::Zh), "电脑时间慢了6分钟，支付签名会被拒绝");
        assert_eq!(judge(&[skewed(7_500_000, 0)]).words.in_lang(Lang::Zh), "电脑时间快了2小时5分，支付签名会被拒绝");
        assert_eq!(judge(&[skewed(5_000, 0)]).words.in_lang(Lang::En), "this machine's clock is 5 s ahead");
    }
}
