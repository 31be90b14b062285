//! Whatever a device or a cable sends: no panic, no hang, nothing kept that grows, and the same however it is cut.

#[path = "../../tests/fuzz/target.rs"]
mod target;

use guitai_core::{limits::SCAN_MAX_BYTES, secret::PaymentCode, time::Ticks};
use target::Target;

use crate::{
    printer::answers::{Answer, Answers, Condition},
    scan::{Framer, SILENCE_MS},
    wire::{Lexer, RASTER_MAX_BYTES, Token},
};

/// Inputs made for each target; with those of other crates some 300,000 a run.
const INPUTS: usize = 30_000;

/// What a box that says this and falls silent has scanned.
fn scans(input: &[u8], chunk: usize) -> Vec<String> {
    let mut framer = Framer::default();
    let mut frames = Vec::new();
    for part in input.chunks(chunk) {
        frames.extend(framer.push(part, Ticks(1)));
        assert!(framer.held() <= SCAN_MAX_BYTES);
    }
    frames.extend(framer.idle(Ticks(1 + SILENCE_MS)));
    frames.iter().map(|frame| frame.expose().to_owned()).collect()
}

#[test]
fn scanner_bytes() {
    let examples: Vec<Vec<u8>> = [
        &b"130000000000000001\r\n"[..],
        b"\x02]Q1281234567890123456\x03",
        b"$$%~OK\r\n",
        &[b'9'; 600],
        "１３００００\r".as_bytes(),
    ]
    .iter()
    .map(|text| text.to_vec())
    .collect();
    let (mut framer, mut at_ms) = (Framer::default(), 0);
    let seen = Target::new("scanner_bytes", 8, INPUTS).run(examples, move |input, mutator| {
        at_ms += u64::try_from(mutator.below(100)).expect("a moment");
        for frame in framer.push(input, Ticks(at_ms)) {
            assert!(frame.expose().len() <= SCAN_MAX_BYTES * 3, "a frame of {} bytes", frame.expose().len());
        }
        let whole = scans(input, usize::MAX);
        assert_eq!(whole, scans(input, 1 + mutator.below(input.len())), "otherwise when it comes in parts");
        if whole.iter().any(|text| PaymentCode::parse(text).is_ok()) {
            "code"
        } else if whole.is_empty() {
            "nothing"
        } else {
            "text"
        }
    });
    assert!(seen.count("code") + seen.count("text") > INPUTS / 10, "the inputs are too far off to be of use");
}

#[test]
fn printer_bytes() {
    let examples: Vec<Vec<u8>> = vec![
        b"\x1b@\x1ba\x01abc\n\x1dV\x00".to_vec(),
        b"\x10\x04\x01\x12\x16".to_vec(),
        "￥1.00\n".as_bytes().to_vec(),
    ];
    let mut line = Lexer::default();
    Target::new("printer_bytes", 9, INPUTS).run(examples, move |input, mutator| {
        let tokens = line.push(input);
        assert!(tokens.len() <= input.len() + 600, "{} tokens of {} bytes", tokens.len(), input.len());
        assert!(line.unfinished() <= RASTER_MAX_BYTES + 8, "{} bytes are kept", line.unfinished());
        let (mut whole, mut parts) = (Lexer::default(), Lexer::default());
        let cut = mutator.below(input.len());
        let tokens = whole.push(input);
        let cut_tokens: Vec<Token> =
            [&input[..cut], &input[cut..]].into_iter().flat_map(|part| parts.push(part)).collect();
        assert_eq!(tokens, cut_tokens, "otherwise when it is cut at {cut}");
        if whole.unfinished() > 0 { "waits" } else { "whole" }
    });
}

#[test]
fn printer_answers() {
    let examples: Vec<Vec<u8>> =
        vec![vec![0x12, 0x16, 0x72, 0x00], vec![0x14, 0x00, 0x00, 0x0f, 0x0c], vec![0x11, 0x13, 0x10, 0x00, 0x12]];
    Target::new("printer_answers", 11, INPUTS).run(examples, |input, _| {
        let mut answers = Answers::default();
        let mut last = "nothing";
        for byte in input {
            last = match answers.read(*byte) {
                None => last,
                Some(Answer::Now(answer)) => {
                    assert!(answer & 0x93 == 0x12, "{answer:02x} answers no question");
                    "now"
                }
                Some(Answer::Done(condition)) => {
                    assert!(byte & 0x90 == 0, "{byte:02x} ends no job");
                    match condition {
                        Condition::Fine => "fine",
                        Condition::NearEnd => "near_end",
                        Condition::PaperOut => "paper_out",
                        Condition::CoverOpen | Condition::CutterError | Condition::Error => "error",
                    }
                }
            };
        }
        last
    });
}
