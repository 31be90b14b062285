//! The actor against a printer whose outcomes are scripted, and once against the emulator.

use std::{
    sync::mpsc::{Receiver, Sender, channel},
    time::Duration,
};

use guitai_core::{
    ids::{AccountId, Issuer, Numbering, StoreId, TillId},
    receipt::{Columns, sample},
    time::parse_beijing,
};

use super::*;
use crate::{
    emulator::{Emulator, Switches},
    printer::TcpPrinter,
};

const PATIENCE: Duration = Duration::from_secs(5);

/// Answers with what the test sends it, and tells which copy it was given.
struct Scripted {
    outcomes: Receiver<PrintOutcome>,
    sent: Sender<String>,
}

impl Transport for Scripted {
    fn send(&mut self, document: &Document, stop: &StopFlag, _: &mut dyn FnMut(Condition)) -> PrintOutcome {
        self.sent.send(document.name.clone()).expect("the test listens");
        loop {
            match self.outcomes.recv_timeout(Duration::from_millis(5)) {
                Ok(outcome) => return outcome,
                Err(_) if stop.is_set() => return PrintOutcome::Unknown,
                Err(_) => {}
            }
        }
    }
}

struct Bench {
    actor: PrinterActor,
    outcomes: Sender<PrintOutcome>,
    sent: Receiver<String>,
    events: Receiver<PrinterEvent>,
}

impl Bench {
    fn start() -> Self {
        let (outcomes, script) = channel();
        let (note, sent) = channel();
        let (sender, events) = channel();
        let sink = move |event| sender.send(event).expect("the test listens");
        let actor = PrinterActor::spawn(config(), Scripted { outcomes: script, sent: note }, sink).expect("a thread");
        let bench = Self { actor, outcomes, sent, events };
        bench.expect_state(PrinterState::Unknown);
        bench
    }

    fn submit(&self, id: u64, copies: u8) {
        self.actor.submit(Job { id, receipt: receipt(), copies }).expect("room");
    }

    fn answer(&self, outcome: PrintOutcome) -> String {
        let name = self.sent.recv_timeout(PATIENCE).expect("a copy is sent");
        self.outcomes.send(outcome).expect("the printer listens");
        name
    }

    fn event(&self) -> PrinterEvent {
        self.events.recv_timeout(PATIENCE).expect("an event")
    }

    fn expect_state(&self, state: PrinterState) {
        assert_eq!(self.event(), PrinterEvent::StateChanged(state));
    }

    fn expect_report(&self, id: u64, copy: u8, outcome: PrintOutcome) {
        assert_eq!(self.event(), PrinterEvent::Report(JobReport { id, copy, outcome }));
    }
}

fn config() -> PrinterConfig {
    let backoff = Backoff { first: Duration::from_millis(1), longest: Duration::from_millis(4) };
    PrinterConfig { profile: PrinterProfile::common(Columns::Mm58), backoff }
}

fn receipt() -> Receipt {
    let now = parse_beijing("20260105101112").expect("a time");
    let order_no = Numbering::resume(Issuer::new(1).expect("in range"), None).next(now);
    let name = "a name";
    sample(
        order_no,
        StoreId::parse("S001").expect(name),
        TillId::parse("T1").expect(name),
        AccountId::parse("01").expect(name),
    )
}

#[test]
fn every_copy_has_a_number_and_an_outcome_of_its_own() {
    let bench = Bench::start();
    bench.submit(7, 2);
    assert_eq!(bench.answer(PrintOutcome::Confirmed), "7-1");
    bench.expect_report(7, 1, PrintOutcome::Confirmed);
    bench.expect_state(PrinterState::Ready);
    assert_eq!(bench.answer(PrintOutcome::Unknown), "7-2");
    bench.expect_report(7, 2, PrintOutcome::Unknown);
    bench.expect_state(PrinterState::Unknown);
}

#[test]
fn an_unknown_copy_is_never_sent_again() {
    let bench = Bench::start();
    bench.submit(1, 1);
    bench.answer(PrintOutcome::Unknown);
    bench.expect_report(1, 1, PrintOutcome::Unknown);
    bench.submit(2, 1);
    assert_eq!(bench.answer(PrintOutcome::Confirmed), "2-1");
    bench.expect_report(2, 1, PrintOutcome::Confirmed);
    bench.expect_state(PrinterState::Ready);
    assert!(bench.sent.recv_timeout(Duration::from_millis(30)).is_err(), "nothing else was sent");
}

#[test]
fn a_copy_that_never_left_is_tried_until_the_printer_is_back() {
    let bench = Bench::start();
    bench.submit(1, 1);
    bench.submit(2, 1);
    for _ in 0..5 {
        assert_eq!(bench.answer(PrintOutcome::FailedBeforeFirstByte), "1-1");
    }
    assert_eq!(bench.answer(PrintOutcome::Confirmed), "1-1");
    bench.expect_report(1, 1, PrintOutcome::FailedBeforeFirstByte);
    bench.expect_state(PrinterState::Gone);
    bench.expect_report(1, 1, PrintOutcome::Confirmed);
    bench.expect_state(PrinterState::Ready);
    assert_eq!(bench.answer(PrintOutcome::Confirmed), "2-1", "in the order they came");
}

#[test]
fn a_waiting_job_can_be_taken_back_and_one_being_sent_cannot() {
    let bench = Bench::start();
    bench.submit(1, 1);
    let name = bench.sent.recv_timeout(PATIENCE).expect("a copy is sent");
    bench.submit(2, 3);
    assert_eq!((name.as_str(), bench.actor.cancel(1), bench.actor.cancel(2)), ("1-1", 0, 3));
    bench.outcomes.send(PrintOutcome::Confirmed).expect("the printer listens");
    bench.expect_report(1, 1, PrintOutcome::Confirmed);
}

#[test]
fn a_stop_ends_a_wait_and_reports_what_was_not_begun() {
    let bench = Bench::start();
    bench.submit(1, 1);
    bench.submit(2, 1);
    bench.sent.recv_timeout(PATIENCE).expect("a copy is sent");
    let Bench { actor, events, .. } = bench;
    actor.stop();
    let report = |id, outcome| PrinterEvent::Report(JobReport { id, copy: 1, outcome });
    let seen: Vec<PrinterEvent> = events.try_iter().collect();
    assert_eq!(
        seen,
        [
            report(1, PrintOutcome::Unknown),
            report(2, PrintOutcome::FailedBeforeFirstByte),
            PrinterEvent::StateChanged(PrinterState::Off),
        ]
    );
}

#[test]
fn the_queue_has_an_end() {
    let bench = Bench::start();
    bench.submit(0, 1);
    bench.sent.recv_timeout(PATIENCE).expect("a copy is sent");
    for id in 1..u64::try_from(QUEUE_MAX_JOBS).expect("small") {
        bench.submit(id, 1);
    }
    let one_more = Job { id: 999, receipt: receipt(), copies: 1 };
    assert_eq!(bench.actor.submit(one_more), Err(SubmitError::QueueFull));
}

#[test]
fn a_receipt_reaches_the_emulator_once() {
    let emulator = Emulator::start("127.0.0.1:0").expect("a port");
    let (sender, events) = channel();
    let sink = move |event| sender.send(event).expect("the test listens");
    let printer = TcpPrinter::new("127.0.0.1", emulator.address().port());
    let actor = PrinterActor::spawn(config(), printer, sink).expect("a thread");
    actor.submit(Job { id: 5, receipt: Receipt { copy: 2, reprint: true, ..receipt() }, copies: 2 }).expect("room");
    let reports: Vec<PrinterEvent> = std::iter::from_fn(|| events.recv_timeout(PATIENCE).ok())
        .filter(|event| matches!(event, PrinterEvent::Report(_)))
        .take(2)
        .collect();
    let confirmed = |copy| PrinterEvent::Report(JobReport { id: 5, copy, outcome: PrintOutcome::Confirmed });
    assert_eq!(reports, [confirmed(2), confirmed(3)]);
    actor.stop();
    let pages: Vec<String> = emulator.printed().iter().map(|bytes| crate::render::text(bytes)).collect();
    assert_eq!(pages.len(), 2);
    assert!(pages[0].contains("补打 第2联") && pages[1].contains("补打 第3联"), "{pages:?}");
}

#[test]
fn nine_copies_are_nine_slips_that_count_themselves() {
    let emulator = Emulator::start("127.0.0.1:0").expect("a port");
    let address = emulator.address();
    let (sender, events) = channel();
    let sink = move |event| sender.send(event).expect("the test listens");
    let printer = TcpPrinter::new(&address.ip().to_string(), address.port());
    let actor = PrinterActor::spawn(config(), printer, sink).expect("a thread");
    actor.submit(Job { id: 4, receipt: receipt(), copies: 9 }).expect("room");
    let reports =
        || events.iter().filter_map(|event| if let PrinterEvent::Report(report) = event { Some(report) } else { None });
    let copies: Vec<u8> = reports().take(9).map(|report| report.copy).collect();
    assert_eq!(copies, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let slips: Vec<String> = emulator.printed().iter().map(|job| crate::render::text(job)).collect();
    assert_eq!(slips.len(), 9);
    for (slip, copy) in slips.iter().zip(copies) {
        assert!(slip.contains(&format!("\n第{copy}联\n")) && slip.matches("[cut]").count() == 1, "{slip}");
    }
}

#[test]
fn a_printer_without_paper_says_so_prints_each_slip_once_and_is_ready_again() {
    let emulator = Emulator::start("127.0.0.1:0").expect("a port");
    emulator.set(Switches { paper: Some(40), ..Switches::default() });
    let (sender, events) = channel();
    let sink = move |event| sender.send(event).expect("the test listens");
    let mut printer = TcpPrinter::new("127.0.0.1", emulator.address().port());
    (printer.ask_every, printer.stopped_timeout) = (Duration::from_millis(20), Duration::from_millis(150));
    let actor = PrinterActor::spawn(config(), printer, sink).expect("a thread");
    for id in 1..=3 {
        actor.submit(Job { id, receipt: receipt(), copies: 1 }).expect("room");
    }
    let mut seen = Vec::new();
    let mut upto = |last: PrinterEvent| loop {
        let event = events.recv_timeout(PATIENCE).expect("an event");
        seen.push(event);
        if event == last {
            return;
        }
    };
    let report = |id, outcome| PrinterEvent::Report(JobReport { id, copy: 1, outcome });
    upto(report(2, PrintOutcome::FailedBeforeFirstByte));
    emulator.set(Switches::default());
    upto(report(3, PrintOutcome::Confirmed));
    let state = PrinterEvent::StateChanged;
    assert_eq!(
        seen,
        [
            state(PrinterState::Unknown),
            state(PrinterState::PaperOut),
            report(1, PrintOutcome::Unknown),
            report(2, PrintOutcome::FailedBeforeFirstByte),
            report(2, PrintOutcome::Confirmed),
            state(PrinterState::Ready),
            report(3, PrintOutcome::Confirmed),
        ]
    );
    assert_eq!(emulator.printed().len(), 3, "the one in doubt too, and each once");
}

#[test]
fn a_cover_is_seen_to_be_shut_without_another_sale() {
    let emulator = Emulator::start("127.0.0.1:0").expect("a port");
    let (sender, events) = channel();
    let sink = move |event| sender.send(event).expect("the test listens");
    let mut printer = TcpPrinter::new("127.0.0.1", emulator.address().port());
    (printer.ask_every, printer.stopped_timeout) = (Duration::from_millis(20), Duration::from_millis(60));
    let actor = PrinterActor::spawn(config(), printer, sink).expect("a thread");
    emulator.set(Switches { offline: true, ..Switches::default() });
    actor.submit(Job { id: 1, receipt: receipt(), copies: 1 }).expect("room");
    let mut states = std::iter::from_fn(|| match events.recv_timeout(PATIENCE).expect("an event") {
        PrinterEvent::StateChanged(state) => Some(Some(state)),
        PrinterEvent::Report(_) => Some(None),
    })
    .flatten();
    assert_eq!((states.next(), states.next()), (Some(PrinterState::Unknown), Some(PrinterState::CoverOpen)));
    while actor.cancel(1) == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    emulator.set(Switches::default());
    assert_eq!(states.next(), Some(PrinterState::Ready));
    assert!(emulator.printed().is_empty());
}
