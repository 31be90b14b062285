//! The harness itself: what crashes, hangs or turns out otherwise is found and named, so that targets that find nothing mean something.

use std::{thread, time::Duration};

use super::target::Target;

/// As many as the other targets have.
const INPUTS: usize = 20_000;

/// What is found wrong with a reader, which tells empty inputs from others as the canary's corpus does.
fn found(target: Target, mut reader: impl FnMut(&[u8]) + Send + 'static) -> String {
    let found = target.hunt(vec![b"\x03abc\r".to_vec()], move |input, _| {
        reader(input);
        if input.is_empty() { "empty" } else { "read" }
    });
    found.err().expect("something is wrong with it")
}

#[test]
fn a_reader_that_crashes_is_found_within_a_run_with_what_crashed_it() {
    let words = found(Target::new("canary", 20, INPUTS), |input| {
        assert!(!input.contains(&0xee), "a byte that nobody sends");
    });
    let (place, input) = words.split_once('\n').expect("the input stands below its place");
    assert!(place.starts_with("canary: input ") && place.ends_with("fails: a byte that nobody sends"), "{words}");
    assert!(input.contains("ee"), "{words}");
}

#[test]
fn a_reader_that_believes_a_length_is_found() {
    let words = found(Target::new("canary", 21, INPUTS), |input| {
        if let Some((length, rest)) = input.split_first().filter(|(length, _)| **length < 16) {
            assert!(rest[..usize::from(*length)].len() < 16);
        }
    });
    assert!(words.contains("fails: ") && words.contains("out of range"), "{words}");
}

#[test]
fn a_reader_that_hangs_is_found() {
    let target = Target { limit: Duration::from_millis(200), ..Target::new("canary", 22, INPUTS) };
    let words = found(target, |input| {
        while input.len() == 7 {
            thread::park();
        }
    });
    assert!(words.contains("is read for more than 200ms"), "{words}");
}

#[test]
fn a_line_of_a_corpus_that_crashes_or_turns_out_otherwise_is_named() {
    let words = found(Target::new("canary", 23, 0), |input| assert!(input.len() < 900, "too long"));
    assert!(words.starts_with("corpus/canary.hex:5 fails: too long\n5b5b"), "{words}");
    let otherwise = Target::new("canary", 24, 0).hunt(Vec::new(), |_, _| "read").err();
    assert_eq!(otherwise.as_deref(), Some("corpus/canary.hex:2: read, not empty"));
}
