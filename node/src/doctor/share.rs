//! A report to send on: the verdict first, short enough for a chat message, without what is nobody's business; and its short result as a
//! QR code of half blocks, so that a photo of the screen is enough where no line is.

use std::io::{self, Write};
use std::net::IpAddr;

use qrcode::{Color, EcLevel, QrCode};

use super::conclusion::Conclusion;
use super::verdict::{Lang, Mark, Outcome};

/// A chat message takes no more, in characters.
const TEXT_MAX_CHARS: usize = 1_499;
/// One probe's line, in characters.
const LINE_MAX_CHARS: usize = 160;
/// Letters that nobody takes for others or for digits, on paper or on the telephone.
const LETTERS: [char; 20] =
    ['A', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'M', 'N', 'P', 'Q', 'R', 'T', 'U', 'V', 'W', 'X', 'Y'];
/// Letters of a report's code.
const CODE_LETTERS: usize = 6;
/// So many digits in a row may be a payment code, a telephone number or an order.
const DIGITS_SHOWN: usize = 7;
/// So many letters and digits in a row may be a key.
const LETTERS_SHOWN: usize = 23;
/// White around a QR code, in modules.
const QUIET: usize = 2;

/// What is sent on.
pub(super) struct Shared {
    text: String,
    short: String,
}

impl Shared {
    /// The report as of now.
    pub(super) fn new(outcomes: &[Outcome], conclusion: &Conclusion, store: Option<&str>, lang: Lang) -> Self {
        Self::at(&jiff::Zoned::now(), outcomes, conclusion, store, lang)
    }

    fn at(now: &jiff::Zoned, outcomes: &[Outcome], conclusion: &Conclusion, store: Option<&str>, lang: Lang) -> Self {
        let (store, version) = (store.unwrap_or("-"), env!("CARGO_PKG_VERSION"));
        let code = code(now, outcomes, conclusion, store);
        let when = now.strftime("%Y-%m-%d %H:%M:%S %:z");
        let words = match lang {
            Lang::Zh => ["门店", "版本", "报告", "正常", "没测"],
            Lang::En => ["store", "version", "report", "good", "not tested"],
        };
        let [store_word, version_word, code_word, good_word, untested_word] = words;
        let mut lines = vec![
            conclusion.words.in_lang(lang).to_owned(),
            format!("{store_word} {store} · {version_word} {version} · {when} · {code_word} {code}"),
        ];
        let marked = |mark| outcomes.iter().filter(move |outcome| outcome.verdict.mark == mark);
        for outcome in marked(Mark::Failed).chain(marked(Mark::Poor)) {
            let verdict = &outcome.verdict;
            let value = if verdict.value.is_empty() { String::new() } else { format!(" · {}", verdict.value) };
            let line = format!("{} {} {}{value}", verdict.mark.sign(), verdict.code, verdict.words.in_lang(lang));
            lines.push(clip(&line, LINE_MAX_CHARS));
        }
        for (mark, word) in [(Mark::Good, good_word), (Mark::NotTested, untested_word)] {
            let names: Vec<_> = marked(mark).map(|outcome| outcome.probe.name()).collect();
            if !names.is_empty() {
                lines.push(format!("{} {word}: {}", mark.sign(), names.join(" ")));
            }
        }
        let text = clip(&redacted(&lines.join("\n")), TEXT_MAX_CHARS);
        let stamp = now.timestamp().strftime("%Y%m%dT%H%MZ");
        let short = format!("GUITAI {code} {store} {stamp} {} {} {version}", conclusion.exit, conclusion.code);
        Self { text, short }
    }
}

/// Writes the text, then the code.
pub(super) fn write(out: &mut impl Write, shared: &Shared, color: bool) -> io::Result<()> {
    writeln!(out, "{}\n", shared.text)?;
    // A result too long for a code is in the text all the same.
    for line in
        QrCode::with_error_correction_level(&shared.short, EcLevel::M).map_or_else(|_| vec![], |qr| half_blocks(&qr))
    {
        match color {
            true => writeln!(out, "\x1b[97;40m{line}\x1b[0m")?,
            false => writeln!(out, "{line}")?,
        }
    }
    out.flush()
}

/// Two modules a character, light ones drawn: terminals are dark.
fn half_blocks(qr: &QrCode) -> Vec<String> {
    let (side, colors) = (qr.width(), qr.to_colors());
    let is_light = |x: usize, y: usize| match (x.checked_sub(QUIET), y.checked_sub(QUIET)) {
        (Some(x), Some(y)) if x < side && y < side => colors.get(y * side + x) != Some(&Color::Dark),
        _ => true,
    };
    let all = side + 2 * QUIET;
    let block = |x, y| match (is_light(x, y), is_light(x, y + 1)) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    };
    (0..all).step_by(2).map(|y| (0..all).map(|x| block(x, y)).collect()).collect()
}

/// Six letters of what was found, where and when: the same report has the same.
fn code(now: &jiff::Zoned, outcomes: &[Outcome], conclusion: &Conclusion, store: &str) -> String {
    // FNV-1a: it names, it proves nothing.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut feed = |text: &str| {
        for byte in text.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    [store, conclusion.code, &now.timestamp().to_string()].into_iter().for_each(&mut feed);
    outcomes.iter().flat_map(|outcome| [outcome.verdict.code, &outcome.verdict.value]).for_each(feed);
    let mut letters = String::new();
    for _ in 0..CODE_LETTERS {
        let at = usize::try_from(hash % 20).unwrap_or(0);
        letters.extend(LETTERS.get(at));
        hash /= 20;
    }
    letters
}

fn clip(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max - 1).chain(['…']).collect()
}

/// The text without keys, codes and numbers of people, and with public addresses shortened.
fn redacted(text: &str) -> String {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || ".:_/+=[]".contains(letter);
    let (mut clean, mut word) = (String::new(), String::new());
    for letter in text.chars() {
        if is_word(letter) {
            word.push(letter);
        } else {
            clean.push_str(&redacted_word(&std::mem::take(&mut word)));
            clean.push(letter);
        }
    }
    clean + &redacted_word(&word)
}

fn redacted_word(word: &str) -> String {
    // A name and its value; what fills a key up at its end leaves nothing to look at.
    if let Some((before, after)) = word.split_once('=') {
        return format!("{}={}", redacted_word(before), redacted_word(after));
    }
    if let Some(shortened) = shortened_address(word) {
        return shortened;
    }
    let runs = |part: fn(char) -> bool| word.split(move |letter| !part(letter)).map(str::len).max().unwrap_or(0);
    let is_key = |letter: char| letter.is_ascii_alphanumeric() || "+/".contains(letter);
    if runs(|letter| letter.is_ascii_digit()) > DIGITS_SHOWN || runs(is_key) > LETTERS_SHOWN {
        return "***".to_owned();
    }
    word.to_owned()
}

/// `None` for what is no address, or one of this machine or shop.
fn shortened_address(word: &str) -> Option<String> {
    let bare = word.trim_start_matches("http://").trim_start_matches("https://").trim_end_matches(['.', ':']);
    let host = bare.split('/').next().unwrap_or(bare);
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None if host.matches(':').count() == 1 => host.split(':').next().unwrap_or(host),
        None => host,
    };
    match host.parse().ok()? {
        IpAddr::V4(ip) if ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified() => None,
        IpAddr::V6(ip)
            if ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local() =>
        {
            None
        }
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            Some(format!("{a}.{b}.*.*"))
        }
        IpAddr::V6(ip) => {
            let [a, b, ..] = ip.segments();
            Some(format!("{a:x}:{b:x}:*"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::conclusion::conclude;
    use super::super::verdict::{Blame, Probe, Verdict, Who, Words};
    use super::*;

    fn now() -> jiff::Zoned {
        jiff::Timestamp::from_second(1_764_209_523).unwrap().to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(8)))
    }

    fn failed(probe: Probe, value: &str) -> Outcome {
        let words = Words::new("收单机构收到请求不应答", "the acquirer does not answer");
        let verdict = Verdict::failed("acquirer.mute", words, Blame::Clear(Who::Acquirer)).value(value);
        Outcome { probe, verdict, elapsed_ms: 1 }
    }

    fn shared(outcomes: &[Outcome]) -> Shared {
        Shared::at(&now(), outcomes, &conclude(outcomes), Some("S001"), Lang::Zh)
    }

    #[test]
    fn the_verdict_stands_first_with_store_version_time_and_code() {
        let good = Verdict::good("dns.ok", Words::new("域名解析正常", "names resolve"));
        let outcomes = [failed(Probe::Acquirer, "3 s"), Outcome { probe: Probe::Dns, verdict: good, elapsed_ms: 1 }];
        let Shared { text, short } = shared(&outcomes);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "问题不在店内：收单机构收到请求不应答。找：收单机构。");
        let code = lines[1].split_whitespace().next_back().unwrap();
        assert_eq!(
            lines[1],
            format!("门店 S001 · 版本 {} · 2025-11-27 10:12:03 +08:00 · 报告 {code}", env!("CARGO_PKG_VERSION"))
        );
        assert!(code.len() == CODE_LETTERS && code.chars().all(|letter| LETTERS.contains(&letter)), "{code}");
        assert_eq!(lines[2..], ["✗ acquirer.mute 收单机构收到请求不应答 · 3 s", "✓ 正常: dns"]);
        assert_eq!(short, format!("GUITAI {code} S001 20251127T0212Z 2 acquirer.mute {}", env!("CARGO_PKG_VERSION")));
        assert_eq!(shared(&outcomes).text, text, "the same report has the same code");
        assert!(!shared(&[failed(Probe::Acquirer, "4 s")]).text.contains(code), "another has another");
    }

    #[test]
    fn nothing_that_is_nobodys_business_leaves() {
        let secrets = [
            "134567890123456789",
            "13800138000",
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ==",
            "203.0.113.77",
            "2001:db8:85a3:8d3:1319:8a2e:370:7348",
        ];
        for secret in secrets {
            for shown in
                [secret.to_owned(), format!("at {secret}: no"), format!("x={secret},y"), format!("https://{secret}/a")]
            {
                let text = shared(&[failed(Probe::Acquirer, &shown)]).text;
                assert!(!text.contains(secret), "{text}");
            }
        }
        for (from, to) in [
            ("connect 203.0.113.77:443 failed", "connect 203.0.* failed"),
            ("[2001:db8:1::2]:443", "2001:db8:*"),
            ("192.168.1.5:9100", "192.168.1.5:9100"),
            ("127.0.0.1", "127.0.0.1"),
            ("hub.refused 12 ms 1-4711 vsp.example.com:443", "hub.refused 12 ms 1-4711 vsp.example.com:443"),
        ] {
            assert_eq!(redacted(from), to.replace("203.0.*", "203.0.*.*"));
        }
    }

    #[test]
    fn it_fits_a_message_whatever_was_found() {
        let outcomes: Vec<Outcome> = Probe::ALL.into_iter().map(|probe| failed(probe, &"很长 ".repeat(200))).collect();
        assert!(shared(&outcomes).text.chars().count() <= TEXT_MAX_CHARS);
    }

    #[test]
    fn the_code_is_drawn_as_it_is() {
        let shared = shared(&[failed(Probe::Acquirer, "3 s")]);
        let qr = QrCode::with_error_correction_level(&shared.short, EcLevel::M).unwrap();
        let (drawn, side) = (half_blocks(&qr), qr.width());
        assert_eq!((drawn.len(), drawn[0].chars().count()), ((side + 2 * QUIET).div_ceil(2), side + 2 * QUIET));
        for (at, color) in qr.to_colors().into_iter().enumerate() {
            let (x, y) = (at % side + QUIET, at / side + QUIET);
            let block = drawn[y / 2].chars().nth(x).unwrap();
            let light = if y % 2 == 0 { "█▀" } else { "█▄" };
            assert_eq!(light.contains(block), color == Color::Light, "{x} {y}");
        }
        let mut out = Vec::new();
        write(&mut out, &shared, false).unwrap();
        assert!(String::from_utf8(out).unwrap().lines().count() > 20);
    }
}
