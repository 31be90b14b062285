//! The network printer against the emulator, and against scripts of what real ones send.

use std::{net::TcpListener, thread::JoinHandle};

use super::*;
use crate::emulator::{Emulator, Switches};

fn document(bytes: &[u8]) -> Document {
    Document { name: "7-1".into(), bytes: [bytes, b"\n\x1dr\x01"].concat() }
}

fn printer(emulator: &Emulator) -> TcpPrinter {
    let address = emulator.address();
    TcpPrinter::new(&address.ip().to_string(), address.port())
}

const SHORT: Duration = Duration::from_millis(150);

/// For tests of silence, which would wait for seconds.
fn hasty(emulator: &Emulator) -> TcpPrinter {
    TcpPrinter {
        answer_timeout: SHORT,
        status_timeout: SHORT,
        learn_timeout: 4 * SHORT,
        ask_every: SHORT / 4,
        ..printer(emulator)
    }
}

fn send(printer: &mut TcpPrinter, bytes: &[u8]) -> PrintOutcome {
    printer.send(&document(bytes), &StopFlag::default(), &mut |_| ())
}

/// The outcome and what the printer said meanwhile, each once.
fn heard(printer: &mut TcpPrinter, bytes: &[u8]) -> (PrintOutcome, Vec<Condition>) {
    let mut conditions = Vec::new();
    let outcome = printer.send(&document(bytes), &StopFlag::default(), &mut |condition| conditions.push(condition));
    conditions.dedup();
    (outcome, conditions)
}

fn emulator(switches: Switches) -> Emulator {
    let emulator = Emulator::start("127.0.0.1:0").expect("a port");
    emulator.set(switches);
    emulator
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(5), "{what} did not come");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A printer that reads `GS r 1`-ended copies, one connection each, and sends the given bytes before the last byte of the copy
/// is read and after.
fn scripted(before: &'static [u8], after: &'static [u8]) -> (TcpPrinter, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        stream.write_all(before).expect("written");
        let mut read = Vec::new();
        let mut bytes = [0; 1024];
        while !read.ends_with(b"\x1dr\x01") {
            let count = stream.read(&mut bytes).expect("read");
            assert!(count > 0, "the client left early");
            read.extend_from_slice(&bytes[..count]);
        }
        stream.write_all(after).expect("written");
        // Until the client has heard it.
        let _ = stream.read(&mut bytes);
    });
    let printer = TcpPrinter { status_timeout: Duration::ZERO, ..TcpPrinter::new("127.0.0.1", port) };
    (TcpPrinter { learn_timeout: 4 * SHORT, answer_timeout: 4 * SHORT, ..printer }, thread)
}

#[test]
fn a_printed_copy_is_confirmed() {
    let emulator = emulator(Switches::default());
    let mut printer = printer(&emulator);
    assert_eq!(send(&mut printer, b"one"), PrintOutcome::Confirmed);
    let long = vec![b'x'; 20_000];
    assert_eq!(send(&mut printer, &long), PrintOutcome::Confirmed);
    assert_eq!(emulator.printed(), [document(b"one").bytes, document(&long).bytes]);
}

#[test]
fn only_an_answer_to_this_copy_confirms_it() {
    let table: &[(&[u8], &[u8], PrintOutcome)] = &[
        (b"", &[0x00], PrintOutcome::Confirmed),
        (b"", &[0x0c], PrintOutcome::Unknown),
        (b"", b"", PrintOutcome::Unknown),
        // What a printer says by itself.
        (&[0x14, 0x00, 0x00, 0x0f], b"", PrintOutcome::Unknown),
        (b"", &[0x14, 0x00, 0x00, 0x0f], PrintOutcome::Unknown),
        (b"", &[0x14, 0x00, 0x00, 0x0f, 0x00], PrintOutcome::Confirmed),
        (&[0x14, 0x00], &[0x00, 0x0f], PrintOutcome::Unknown),
        (&[0x14, 0x00], &[0x00, 0x0f, 0x00], PrintOutcome::Confirmed),
        (b"", &[0x12, 0x11, 0x13], PrintOutcome::Unknown),
        // An answer owed to somebody else, that came before the end of this copy.
        (&[0x00], b"", PrintOutcome::Unknown),
        (&[0x00, 0x00, 0x0c], &[0x00], PrintOutcome::Confirmed),
    ];
    for (before, after, expected) in table {
        let (mut printer, thread) = scripted(before, after);
        // More than a connection holds: it is not all gone before the script reads, and so has written what comes before.
        let mut long = vec![b'x'; 16_000_000];
        long.extend_from_slice(b"end");
        assert_eq!(send(&mut printer, &long), *expected, "{before:02x?} {after:02x?}");
        drop(printer);
        thread.join().expect("the script ends");
    }
}

#[test]
fn silence_is_unknown_and_waited_for_once() {
    let emulator = emulator(Switches { mute: true, ..Switches::default() });
    let mut printer = TcpPrinter { learn_timeout: Duration::from_millis(700), ..printer(&emulator) };
    let began = Instant::now();
    assert_eq!(send(&mut printer, b"one"), PrintOutcome::Unknown);
    let first = began.elapsed();
    assert!(first >= Duration::from_millis(700) && first < Duration::from_secs(2), "{first:?}");
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(send(&mut printer, b"more"), PrintOutcome::Unknown);
    }
    assert!(began.elapsed() < Duration::from_millis(700), "{:?} for twenty", began.elapsed());
    until("the last copy", || emulator.printed().len() == 21);
    let known = Learned { at_once: Some(false), roll: None, when_done: Some(false) };
    assert_eq!(printer.learned, known);
}

#[test]
fn an_answer_is_learned_at_any_time() {
    let emulator = emulator(Switches { mute: true, ..Switches::default() });
    let mut printer = hasty(&emulator);
    send(&mut printer, b"one");
    assert_eq!((printer.learned.at_once, printer.learned.when_done), (Some(false), Some(false)));
    emulator.set(Switches::default());
    let mut sent = 1;
    until("an answer", || {
        printer.learned.at_once == Some(true) || {
            sent += 1;
            send(&mut printer, b"more");
            false
        }
    });
    printer.answer_timeout = Duration::from_secs(5);
    until("a confirmation", || {
        sent += 1;
        send(&mut printer, b"more") == PrintOutcome::Confirmed
    });
    assert_eq!(printer.learned.when_done, Some(true));
    until("every copy once", || emulator.printed().len() == sent);
}

#[test]
fn a_printer_that_only_answers_when_all_is_done_is_confirmed() {
    let emulator = emulator(Switches { slow_witted: true, ..Switches::default() });
    let mut printer = hasty(&emulator);
    assert_eq!(send(&mut printer, b"one"), PrintOutcome::Confirmed);
    assert_eq!((printer.learned.at_once, printer.learned.when_done), (Some(false), Some(true)));
    assert_eq!(send(&mut printer, b"two"), PrintOutcome::Confirmed);
}

#[test]
fn what_is_wrong_is_said_and_the_receipt_waits_and_prints_once() {
    let broken = [
        (Switches { offline: true, ..Switches::default() }, Condition::CoverOpen),
        (Switches { paper: Some(0), ..Switches::default() }, Condition::PaperOut),
        (Switches { cutter_stuck: true, ..Switches::default() }, Condition::CutterError),
    ];
    for (switches, condition) in broken {
        let emulator = emulator(switches);
        let mut printer = printer(&emulator);
        for _ in 0..3 {
            assert_eq!(heard(&mut printer, b"one"), (PrintOutcome::FailedBeforeFirstByte, vec![condition]));
        }
        assert_eq!(printer.look(), Some(condition));
        emulator.set(Switches::default());
        assert_eq!(printer.look(), Some(Condition::Fine));
        assert_eq!(heard(&mut printer, b"one"), (PrintOutcome::Confirmed, vec![]));
        assert_eq!(emulator.printed(), [document(b"one").bytes]);
    }
}

#[test]
fn paper_that_ends_soon_is_said_and_printed_on() {
    let emulator = emulator(Switches { near_end: true, ..Switches::default() });
    assert_eq!(heard(&mut printer(&emulator), b"one"), (PrintOutcome::Confirmed, vec![Condition::NearEnd]));
    emulator.set(Switches { near_end: true, slow_witted: true, ..Switches::default() });
    assert_eq!(heard(&mut hasty(&emulator), b"two"), (PrintOutcome::Confirmed, vec![Condition::NearEnd]));
}

#[test]
fn paper_that_ends_in_the_middle_is_waited_for_and_the_copy_comes_out_once() {
    let emulator = emulator(Switches { paper: Some(10), ..Switches::default() });
    let mut printer = hasty(&emulator);
    let (sender, said) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let outcome = printer.send(&document(&[b'x'; 500]), &StopFlag::default(), &mut |condition| {
            sender.send(condition).expect("the test listens");
        });
        (printer, outcome)
    });
    assert_eq!(said.recv_timeout(Duration::from_secs(5)), Ok(Condition::PaperOut));
    // Longer than any answer is waited for.
    std::thread::sleep(4 * SHORT);
    assert!(!thread.is_finished(), "who hangs up now may lose what the printer holds");
    emulator.set(Switches::default());
    let (mut printer, outcome) = thread.join().expect("sent");
    assert_eq!(outcome, PrintOutcome::Confirmed);
    assert_eq!(send(&mut printer, b"next"), PrintOutcome::Confirmed);
    assert_eq!(emulator.printed(), [document(&[b'x'; 500]).bytes, document(b"next").bytes]);
}

#[test]
fn a_copy_in_doubt_is_not_repeated_when_there_is_paper_again() {
    let emulator = emulator(Switches { paper: Some(10), ..Switches::default() });
    let mut printer = TcpPrinter { stopped_timeout: 2 * SHORT, ..hasty(&emulator) };
    assert_eq!(heard(&mut printer, &[b'x'; 500]), (PrintOutcome::Unknown, vec![Condition::PaperOut]));
    emulator.set(Switches::default());
    until("what the printer held", || emulator.printed() == [document(&[b'x'; 500]).bytes]);
    assert_eq!(send(&mut printer, b"next"), PrintOutcome::Confirmed);
    assert_eq!(emulator.printed(), [document(&[b'x'; 500]).bytes, document(b"next").bytes]);
}

#[test]
fn a_printer_that_fell_silent_keeps_its_copies_for_a_while() {
    let emulator = emulator(Switches::default());
    let mut printer = TcpPrinter { silent_timeout: 3 * SHORT, ..hasty(&emulator) };
    assert_eq!(send(&mut printer, b"one"), PrintOutcome::Confirmed);
    emulator.set(Switches { mute: true, ..Switches::default() });
    let began = Instant::now();
    assert_eq!(send(&mut printer, b"two"), PrintOutcome::FailedBeforeFirstByte);
    let outcome = loop {
        match send(&mut printer, b"two") {
            PrintOutcome::FailedBeforeFirstByte => {}
            outcome => break outcome,
        }
    };
    assert_eq!((outcome, printer.learned.at_once), (PrintOutcome::Unknown, Some(false)));
    assert!(began.elapsed() >= 3 * SHORT, "{:?}", began.elapsed());
    until("both, once", || emulator.printed() == [document(b"one").bytes, document(b"two").bytes]);
}

#[test]
fn a_line_cut_half_way_is_unknown() {
    let emulator = emulator(Switches { drop_after: Some(10), ..Switches::default() });
    assert_eq!(send(&mut printer(&emulator), &[b'x'; 60_000]), PrintOutcome::Unknown);
}

#[test]
fn no_printer_is_failed_before_the_first_byte() {
    let emulator = emulator(Switches::default());
    let mut gone = printer(&emulator);
    drop(emulator);
    assert_eq!(send(&mut gone, b"one"), PrintOutcome::FailedBeforeFirstByte);
    assert_eq!(gone.look(), None);
    let mut nowhere = TcpPrinter::new("no-such-printer.invalid", 9100);
    assert_eq!(send(&mut nowhere, b"one"), PrintOutcome::FailedBeforeFirstByte);
}
