//! Bytes into scans: a frame ends at CR, LF or ETX, or after a pause.
//!
//! At 9600 baud 18 digits and a CR arrive in 19 reads, so what one read returns says nothing about where a code ends.

use std::collections::VecDeque;

use encoding_rs::GBK;
use guitai_core::{limits::SCAN_MAX_BYTES, normal, secret::SecretText, time::Ticks};

/// A box that sends no terminator is finished when it was silent this long, ms. A byte takes 1 ms, so this is 60 bytes' time.
pub const SILENCE_MS: u64 = 60;

/// The same code read again within this time of its last reading is the same phone still lying on the window, ms.
pub const REPEAT_MS: u64 = 2_000;

/// Newland boxes answer a configuration command on the stream that carries scans: `02 01` … `3B 03`.
const ANSWER_HEAD: &[u8] = &[0x02, 0x01];
const ANSWER_TAIL: &[u8] = &[0x3b, 0x03];

/// Older ones answer a line: `$$%~OK`.
const ANSWER_LINE: &[u8] = b"$$";

/// The end of a frame that began with STX.
const ETX: u8 = 0x03;

/// Codes whose last reading is remembered: as many phones may lie on one window, or a phone beside what is misread.
const REMEMBERED: usize = 8;

/// Gathers bytes into frames. It cannot be printed: it may hold a payment code.
#[derive(Default)]
pub struct Framer {
    gathered: Vec<u8>,
    last_byte: Ticks,
    overflown: bool,
}

impl Framer {
    /// Takes bytes that arrived at `at`; returns the frames they completed, without framing, never empty.
    ///
    /// A frame above [`SCAN_MAX_BYTES`] is dropped whole: half a code would be another code.
    pub fn push(&mut self, bytes: &[u8], at: Ticks) -> Vec<SecretText> {
        let mut frames: Vec<SecretText> = self.idle(at).into_iter().collect();
        for &byte in bytes {
            match byte {
                b'\r' | b'\n' => frames.extend(self.finish()),
                ETX if !self.gathered.starts_with(ANSWER_HEAD) => frames.extend(self.finish()),
                byte if self.gathered.len() < SCAN_MAX_BYTES => self.gather(byte),
                _ => self.overflown = true,
            }
        }
        self.last_byte = at;
        frames
    }

    /// Call when nothing came for a while: a frame without terminator ends by silence.
    pub fn idle(&mut self, at: Ticks) -> Option<SecretText> {
        let silent = at.0.saturating_sub(self.last_byte.0) >= SILENCE_MS;
        if silent { self.finish() } else { None }
    }

    /// Bytes held at the moment, at most [`SCAN_MAX_BYTES`].
    #[must_use]
    pub fn held(&self) -> usize {
        self.gathered.len()
    }

    fn gather(&mut self, byte: u8) {
        self.gathered.push(byte);
        let answer = self.gathered.starts_with(ANSWER_HEAD) && self.gathered.ends_with(ANSWER_TAIL);
        if answer {
            self.forget();
        }
    }

    fn finish(&mut self) -> Option<SecretText> {
        let answer = self.gathered.starts_with(ANSWER_HEAD) || self.gathered.starts_with(ANSWER_LINE);
        let text = if answer || self.overflown { String::new() } else { text(&self.gathered) };
        self.forget();
        (!text.is_empty()).then(|| SecretText::new(text))
    }

    /// What was read may be a payment code, so it is overwritten before the room is used again.
    fn forget(&mut self) {
        self.gathered.fill(0);
        self.gathered.clear();
        self.overflown = false;
    }
}

impl Drop for Framer {
    fn drop(&mut self) {
        self.forget();
    }
}

/// Codes are ASCII. Anything else (a name card, a link with hanzi) is only shown as "not a code", so either encoding will do.
/// Framing and AIM identifier go by core's rule; what is inside stays as it was read, for core to judge.
fn text(frame: &[u8]) -> String {
    let decoded = match std::str::from_utf8(frame) {
        Ok(text) => text.to_owned(),
        Err(_) => GBK.decode_without_bom_handling(frame).0.into_owned(),
    };
    normal::unframed(&decoded).to_owned()
}

/// Notices a code that is read over and over while the phone stays on the window.
#[derive(Debug, Default)]
pub struct Repeats {
    seen: VecDeque<(SecretText, Ticks)>,
}

impl Repeats {
    /// Whether this reading is new. A repetition counts as seen, so it stays a repetition until the window was free of that
    /// code for [`REPEAT_MS`], whatever else was read meanwhile.
    pub fn is_new(&mut self, scan: &SecretText, at: Ticks) -> bool {
        self.seen.retain(|(_, seen)| at.0.saturating_sub(seen.0) < REPEAT_MS);
        let before = self.seen.iter().position(|(code, _)| code.expose() == scan.expose());
        let new = before.and_then(|before| self.seen.remove(before)).is_none();
        if self.seen.len() >= REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back((scan.clone(), at));
        new
    }
}

#[cfg(test)]
mod tests {
    use guitai_core::secret::{CodeError, PaymentCode};

    use super::*;

    const CODE: &str = "134567890123456789";

    fn texts(frames: Vec<SecretText>) -> Vec<String> {
        frames.iter().map(|frame| frame.expose().to_owned()).collect()
    }

    fn all(bytes: &[u8]) -> Vec<String> {
        let mut framer = Framer::default();
        let mut frames = framer.push(bytes, Ticks(1));
        frames.extend(framer.idle(Ticks(1 + SILENCE_MS)));
        texts(frames)
    }

    #[test]
    fn frames_end_at_a_terminator_or_by_silence() {
        let table: &[(&[u8], &[&str])] = &[
            (b"134567890123456789\r", &[CODE]),
            (b"134567890123456789\r\n", &[CODE]),
            (b"134567890123456789\n", &[CODE]),
            (b"134567890123456789", &[CODE]),
            (b"134567890123456789\t", &[CODE]),
            (b"\x02134567890123456789\x03\r", &[CODE]),
            (b" 134567890123456789 \r", &[CODE]),
            (b"]Q1134567890123456789\r\n", &[CODE]),
            (b"\x02]C1\x1d134567890123456789\x03\r", &[CODE]),
            (b"\x02134567890123456789\x03\x02281234567890123456\x03", &[CODE, "281234567890123456"]),
            (b"\x00\x00134567890123456789\x00\x00", &[CODE]),
            (b"\x01\x1b134567890123456789\x04\x7f\r", &[CODE]),
            (b"134567890123456789\t\r\n\t", &[CODE]),
            (b"\xef\xbb\xbf134567890123456789\r", &[CODE]),
            (b"]e0\r", &[]),
            (b"134567890\x00123456789\r", &["134567890\x00123456789"]),
            (b"134567890123456789\r281234567890123456\r", &[CODE, "281234567890123456"]),
            (b"\r\n\r\n\r", &[]),
            (b"\x00\x7f\x1b\r", &[]),
            (b"https://qr.example/1\r", &["https://qr.example/1"]),
            (b"\xd6\xd0\xce\xc4\r", &["中文"]),
            ("药\r".as_bytes(), &["药"]),
        ];
        for (bytes, expected) in table {
            assert_eq!(all(bytes), *expected, "{bytes:02x?}");
        }
    }

    #[test]
    fn what_is_delivered_is_what_core_takes() {
        for bytes in [
            &b"\x02]Q1FP0123456789ABCDEF0123456789ABCDEF0\x03\r\n"[..],
            b"]C0134567890123456789",
            b" 1345 6789 0123 4567 89\t\r",
        ] {
            let scans = all(bytes);
            assert!(matches!(scans.as_slice(), [scan] if PaymentCode::parse(scan).is_ok()), "{scans:?}");
        }
        assert!(matches!(PaymentCode::parse(&all(b"134567890\x00123456789\r")[0]), Err(CodeError::NotDigits)));
    }

    #[test]
    fn answers_of_the_box_are_no_scans() {
        let answer = b"\x02\x010000@SCNENA1\x06;\x03";
        assert!(all(answer).is_empty());
        assert!(all(b"\x02\x010000no tail\r").is_empty());
        let both = [answer.as_slice(), CODE.as_bytes(), b"\r"].concat();
        assert_eq!(all(&both), [CODE], "a scan right behind an answer is kept");
        let line = b"\r\n$$%~OK\r\n";
        assert!(all(line).is_empty());
        assert_eq!(all(&[line, CODE.as_bytes(), b"\r"].concat()), [CODE]);
        assert_eq!(all(&[CODE.as_bytes(), line].concat()), [CODE]);
        let several = b"\x02\x010000@SCNENA1\x06;\x03\x02\x010000@PRXENA0\x06;\x03\r\n$$%~ERR\r\n";
        assert!(all(several).is_empty());
    }

    #[test]
    fn a_pause_separates_two_codes_without_terminator() {
        let mut framer = Framer::default();
        assert!(framer.push(b"1345", Ticks(100)).is_empty());
        assert!(framer.push(b"6789", Ticks(100 + SILENCE_MS - 1)).is_empty(), "still one frame");
        assert!(framer.idle(Ticks(100 + 2 * SILENCE_MS - 2)).is_none());
        assert_eq!(texts(framer.push(b"2812", Ticks(400))), ["13456789"]);
        assert_eq!(framer.idle(Ticks(460)).map(|f| f.expose().to_owned()).as_deref(), Some("2812"));
        assert!(framer.idle(Ticks(999)).is_none());
    }

    #[test]
    fn any_chunking_gives_the_same_frames() {
        let stream =
            b"134567890123456789\r\n\x02\x010000\x06;\x03281234567890123456\rhttps://a.b/c\n6212345678901234567\r";
        let whole = all(stream);
        assert_eq!(whole.len(), 4);
        // A plain linear congruential generator: the seed in the message is the whole reproduction.
        for seed in 0..500_u64 {
            let mut state = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let mut framer = Framer::default();
            let (mut frames, mut at, mut rest) = (Vec::new(), 1_000, stream.as_slice());
            while !rest.is_empty() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let size = usize::try_from(state >> 60).expect("4 bits").clamp(1, rest.len());
                at += (state >> 40) % SILENCE_MS;
                let (chunk, after) = rest.split_at(size);
                frames.extend(framer.push(chunk, Ticks(at)));
                frames.extend(framer.idle(Ticks(at)));
                rest = after;
            }
            assert_eq!(texts(frames), whole, "seed {seed}");
        }
    }

    #[test]
    fn a_flood_is_bounded_and_dropped_whole() {
        let mut framer = Framer::default();
        for _ in 0..64 {
            assert!(framer.push(&[b'9'; 64], Ticks(5)).is_empty());
            assert!(framer.held() <= SCAN_MAX_BYTES);
        }
        assert!(framer.push(b"\r", Ticks(6)).is_empty(), "no half code comes out");
        assert_eq!(texts(framer.push(b"134567890123456789\r", Ticks(7))), [CODE], "and the next scan is fine");
        assert_eq!(texts(framer.push(&[&[b'7'; SCAN_MAX_BYTES][..], b"\r"].concat(), Ticks(8))), ["7".repeat(512)]);
        assert!(framer.push(&[&[b'7'; SCAN_MAX_BYTES + 1][..], b"\r"].concat(), Ticks(9)).is_empty());
    }

    #[test]
    fn a_phone_left_on_the_window_is_one_scan() {
        let scan = |text: &str| SecretText::new(text.to_owned());
        let mut repeats = Repeats::default();
        let seen: Vec<bool> = (0..10).map(|n| repeats.is_new(&scan(CODE), Ticks(n * 300))).collect();
        assert_eq!(seen.iter().filter(|new| **new).count(), 1);
        assert!(repeats.is_new(&scan("281234567890123456"), Ticks(2_800)), "another code is another scan");
        assert!(!repeats.is_new(&scan(CODE), Ticks(2_900)), "the phone still lies there beside it");
        assert!(!repeats.is_new(&scan(CODE), Ticks(2_900 + REPEAT_MS - 1)));
        assert!(repeats.is_new(&scan(CODE), Ticks(2_899 + 2 * REPEAT_MS)));
    }

    #[test]
    fn two_phones_and_a_misread_line_are_three_scans() {
        let scan = |text: &str| SecretText::new(text.to_owned());
        let mut repeats = Repeats::default();
        let texts = [CODE, "281234567890123456", "1345\u{fffd}"];
        let new =
            (0..300).filter(|n| repeats.is_new(&scan(texts[n % 3]), Ticks(u64::try_from(n * 100).expect("small"))));
        assert_eq!(new.count(), 3);
        for other in 0..100 {
            repeats.is_new(&scan(&other.to_string()), Ticks(30_000));
            assert!(repeats.seen.len() <= REMEMBERED);
        }
    }

    /// Noise of a wrong speed, of a broken cable, of a code book held before the window.
    #[test]
    fn noise_pays_nothing_and_the_next_scan_is_read() {
        const PIECES: &[&[u8]] = &[
            b"\r",
            b"\n",
            b"\t",
            b"\x02",
            b"\x03",
            b"\x02\x01",
            b";\x03",
            b"$$",
            b"]Q1",
            b"]",
            b"\x00",
            b"\x1d",
            b"\xff",
            b"fp",
            b"FP",
            b"13",
            b"\xa3\xb1",
            b"\xef\xbc\x91",
            b"://",
            b"-",
            b" ",
        ];
        for seed in 0..10_000_u64 {
            let mut state = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let mut chance = |below: usize| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                usize::try_from(state >> 33).expect("31 bits") % below
            };
            let mut noise = Vec::new();
            for _ in 0..chance(60) {
                match chance(3) {
                    0 => noise.extend_from_slice(PIECES[chance(PIECES.len())]),
                    _ => noise.push(u8::try_from(chance(256)).expect("a byte")),
                }
            }
            if seed % 100 == 0 {
                noise.resize(noise.len() + 4 * SCAN_MAX_BYTES, b'x');
            }
            let (mut framer, mut repeats, mut at) = (Framer::default(), Repeats::default(), Ticks(1));
            let mut scans = Vec::new();
            for chunk in noise.chunks(1 + chance(16)) {
                at = at.after_ms(u64::try_from(chance(80)).expect("small"));
                scans.extend(framer.push(chunk, at));
                assert!(framer.held() <= SCAN_MAX_BYTES, "seed {seed}");
            }
            at = at.after_ms(SILENCE_MS);
            scans.extend(framer.idle(at));
            for scan in &scans {
                repeats.is_new(scan, at);
                let text = scan.expose();
                assert!(!text.is_empty() && text.len() <= 3 * SCAN_MAX_BYTES, "seed {seed}: {text:?}");
                assert!(PaymentCode::parse(text).is_err(), "seed {seed}: {text:?} would be charged");
            }
            at = at.after_ms(SILENCE_MS);
            let good: Vec<SecretText> = framer.push(format!("{CODE}\r\n").as_bytes(), at);
            assert!(repeats.is_new(&good[0], at) && good.len() == 1, "seed {seed}");
            assert_eq!(texts(good), [CODE], "seed {seed}");
        }
    }

    #[test]
    fn a_scan_does_not_print_itself() {
        let mut framer = Framer::default();
        let frames = framer.push(b"134567890123456789\r", Ticks(1));
        assert!(!format!("{frames:?}").contains("1345"));
    }
}
