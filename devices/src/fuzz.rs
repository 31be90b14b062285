//! Whatever a device or a cable sends: no panic, no hang, nothing kept that grows.

#[path = "../../tests/fuzz/mutate.rs"]
mod mutate;

use guitai_core::{limits::SCAN_MAX_BYTES, time::Ticks};
use mutate::Mutator;

use crate::{scan::Framer, wire::Lexer};

/// Inputs of each target; with core's some 200,000 a run.
const INPUTS: usize = 30_000;

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
    let (mut mutator, mut framer) = (Mutator::new(8), Framer::default());
    let (mut frames, mut at_ms) = (0, 0);
    for _ in 0..INPUTS {
        let bytes = mutator.input(&examples);
        at_ms += u64::try_from(mutator.below(100)).expect("a moment");
        for frame in framer.push(&bytes, Ticks(at_ms)) {
            assert!(frame.expose().len() <= SCAN_MAX_BYTES * 3, "a frame of {} bytes", frame.expose().len());
            frames += 1;
        }
    }
    assert!(frames > INPUTS / 10, "only {frames}: the inputs are too far off to be of use");
}

#[test]
fn printer_bytes() {
    let examples: Vec<Vec<u8>> = vec![
        b"\x1b@\x1ba\x01abc\n\x1dV\x00".to_vec(),
        b"\x10\x04\x01\x12\x16".to_vec(),
        "￥1.00\n".as_bytes().to_vec(),
    ];
    let (mut mutator, mut lexer) = (Mutator::new(9), Lexer::default());
    for _ in 0..INPUTS {
        let bytes = mutator.input(&examples);
        let tokens = lexer.push(&bytes);
        assert!(tokens.len() <= bytes.len() + 600, "{} tokens of {} bytes", tokens.len(), bytes.len());
    }
}
