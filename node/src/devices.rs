//! The scan boxes and the receipt printer of this store, wired to pages and payments. Trouble with either changes no payment.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use guitai_core::{
    ids::{AccountId, StoreId, TillId},
    receipt::{Columns, Kind, Occasion, Receipt},
    scan,
    secret::{PaymentCode, SecretText},
    time::{BusinessClock, Ticks, UtcMs},
};
use guitai_devices::{
    Backoff,
    printer::{
        Encoding, FilePrinter, Job, JobReport, PrintOutcome, PrinterActor, PrinterConfig, PrinterEvent, PrinterProfile,
        PrinterState, SubmitError, TcpPrinter, Transport,
    },
    scan::{ScanBox, ScanConfig, ScanEvent, ScanState},
};
use guitai_http::{
    dto,
    sse::{Audience, Event},
};
use guitai_store::query::PaymentRow;
use tokio::{
    sync::{broadcast, oneshot, watch},
    time::Instant,
};

use crate::config::{PrinterSection, ScannerSection};

/// How soon a full printer queue is tried again.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// Codes read by boxes, waiting for the page that collects.
#[derive(Default)]
pub(crate) struct Scans(Mutex<scan::Scans>);

impl Scans {
    fn hold(&self, till: &str, code: SecretText, now: Ticks) -> Option<String> {
        let mut random = [0; 16];
        if let Err(error) = getrandom::fill(&mut random) {
            tracing::error!(%error, "a scan is lost: no randomness for its token");
            return None;
        }
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).hold(till, code, random, now);
        if held.displaced {
            tracing::warn!("{} codes wait for their amounts; the oldest gives way", scan::SCANS_MAX);
        }
        Some(held.token)
    }

    /// What a page that comes back to the line missed: each till's last code, if it is nobody's yet.
    pub(crate) fn offers(&self, now: Ticks) -> Vec<Event> {
        let scans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let news = |offer: scan::Offer<'_>| {
            let code = PaymentCode::parse(offer.code.expose()).ok()?;
            Some(scan_event(&code_news(offer.till, offer.token, &code)))
        };
        scans.offers(now).filter_map(news).collect()
    }

    /// The code behind a token, for one request of one caller.
    pub(crate) fn take(&self, token: &str, caller: &str, key: &str, now: Ticks) -> Option<SecretText> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take(token, caller, key, now)
    }
}

/// Whether the boxes can read.
#[derive(Clone)]
pub(crate) struct ScannerWatch(Vec<watch::Receiver<ScanState>>);

impl ScannerWatch {
    /// The worst of all boxes: one that is gone is a till that cannot scan.
    pub(crate) fn state(&self) -> dto::ScannerState {
        let states: Vec<ScanState> = self.0.iter().map(|state| *state.borrow()).collect();
        if states.contains(&ScanState::Gone) {
            dto::ScannerState::Gone
        } else if states.is_empty() || states.contains(&ScanState::Off) {
            dto::ScannerState::Off
        } else {
            dto::ScannerState::Ready
        }
    }
}

/// What a box's news need.
#[derive(Clone)]
pub(crate) struct ScanSink {
    pub(crate) scans: Arc<Scans>,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) clock: Arc<dyn Fn() -> Ticks + Send + Sync>,
}

/// Starts every configured box; the watch shows all of them.
pub(crate) fn scanners(sections: &[ScannerSection], sink: &ScanSink) -> anyhow::Result<(Vec<ScanBox>, ScannerWatch)> {
    let mut boxes = Vec::new();
    let mut watched = Vec::new();
    for section in sections {
        let (state, seen) = watch::channel(ScanState::Gone);
        let (sink, till) = (sink.clone(), section.till.clone());
        let config = ScanConfig { baud: section.baud, ..ScanConfig::new(&section.port) };
        boxes.push(ScanBox::spawn(config, move |event| match event {
            ScanEvent::Scanned(code) => sink.scanned(&till, code),
            ScanEvent::StateChanged(now) => drop(state.send_replace(now)),
        })?);
        watched.push(seen);
    }
    Ok((boxes, ScannerWatch(watched)))
}

impl ScanSink {
    fn scanned(&self, till: &str, scanned: SecretText) {
        let news = match PaymentCode::parse(scanned.expose()) {
            Ok(code) => {
                let Some(token) = self.scans.hold(till, scanned, (self.clock)()) else { return };
                code_news(till, &token, &code)
            }
            // The page says in words why this is no payment code; the text itself is not shown.
            Err(error) => dto::ScanNews::Refused { till: till.to_owned(), refused: error.into() },
        };
        let _ = self.events.send(scan_event(&news));
    }
}

/// What a page may know of a code.
fn code_news(till: &str, token: &str, code: &PaymentCode) -> dto::ScanNews {
    let trace = code.trace(&[0; 32]);
    let (till, token) = (till.to_owned(), token.to_owned());
    dto::ScanNews::Code { till, token, wallet: trace.wallet.into(), last_two: trace.last_two }
}

fn scan_event(news: &dto::ScanNews) -> Event {
    Event::new(news).only(Audience::Chargers)
}

/// The receipt printer, if there is one.
#[derive(Clone)]
pub(crate) struct Printer(Option<Arc<Printing>>);

struct Printing {
    actor: PrinterActor,
    copies: u8,
    next_job: AtomicU64,
    state: watch::Receiver<PrinterState>,
    awaited: Arc<Awaited>,
}

/// What became of a receipt that was to be printed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slip {
    /// The printer took it: it is on paper, or may be.
    Out,
    /// Nothing of it was printed, and nothing will be.
    TakenBack,
}

/// Jobs whose end somebody waits for: copies still to come, and whom to tell.
#[derive(Default)]
struct Awaited(Mutex<HashMap<u64, (u8, oneshot::Sender<()>)>>);

impl Awaited {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, (u8, oneshot::Sender<()>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reported(&self, report: &JobReport) {
        // Such a copy stays in the printer's queue.
        if report.outcome == PrintOutcome::FailedBeforeFirstByte {
            return;
        }
        let mut jobs = self.lock();
        let Some((copies, _)) = jobs.get_mut(&report.id) else { return };
        *copies = copies.saturating_sub(1);
        if *copies == 0
            && let Some((_, tell)) = jobs.remove(&report.id)
        {
            let _ = tell.send(());
        }
    }
}

impl Printer {
    /// Starts the configured printer.
    pub(crate) fn start(section: Option<&PrinterSection>) -> anyhow::Result<Self> {
        let Some(section) = section else { return Ok(Self(None)) };
        let (transport, columns, copies, encoding): (Box<dyn Transport>, Columns, u8, Encoding) = match section {
            PrinterSection::Tcp { host, port, columns, copies, charset } => {
                (Box::new(TcpPrinter::new(host, *port)), *columns, *copies, *charset)
            }
            PrinterSection::File { folder, columns, copies, charset } => {
                std::fs::create_dir_all(folder)?;
                (Box::new(FilePrinter::new(folder)), *columns, *copies, *charset)
            }
        };
        let profile = PrinterProfile { encoding, ..PrinterProfile::common(columns) };
        let (known, state) = watch::channel(PrinterState::Unknown);
        let awaited = Arc::new(Awaited::default());
        let told = Arc::clone(&awaited);
        let config = PrinterConfig { profile, backoff: Backoff::DEVICE };
        let actor = PrinterActor::spawn(config, transport, move |event| match event {
            PrinterEvent::StateChanged(state) => drop(known.send_replace(state)),
            PrinterEvent::Report(report) => {
                tracing::info!(job = report.id, copy = report.copy, outcome = ?report.outcome, "receipt");
                told.reported(&report);
            }
        })?;
        // Job numbers name files and must not repeat after a restart: they begin at the second the node started.
        let first = u64::try_from(crate::clock::wall().0 / 1000).unwrap_or(0) * 1000;
        Ok(Self(Some(Arc::new(Printing { actor, copies, next_job: AtomicU64::new(first), state, awaited }))))
    }

    pub(crate) fn state(&self) -> dto::PrinterState {
        match self.0.as_ref().map(|printing| *printing.state.borrow()) {
            Some(PrinterState::Ready) => dto::PrinterState::Ready,
            Some(PrinterState::NearEnd) => dto::PrinterState::NearEnd,
            Some(PrinterState::PaperOut) => dto::PrinterState::PaperOut,
            Some(PrinterState::CoverOpen) => dto::PrinterState::CoverOpen,
            Some(PrinterState::CutterError) => dto::PrinterState::CutterError,
            Some(PrinterState::Error) => dto::PrinterState::Error,
            Some(PrinterState::Unknown) => dto::PrinterState::Unknown,
            Some(PrinterState::Gone) => dto::PrinterState::Gone,
            Some(PrinterState::Off) | None => dto::PrinterState::Off,
        }
    }

    /// Queues a receipt; answers the job's number, or `None` without a printer.
    pub(crate) fn print(&self, receipt: Receipt) -> Option<Result<u64, SubmitError>> {
        let printing = self.0.as_ref()?;
        let id = printing.next_job.fetch_add(1, Ordering::Relaxed);
        let copies = if receipt.reprint { 1 } else { printing.copies };
        Some(printing.actor.submit(Job { id, receipt, copies }).map(|()| id))
    }

    /// Whether one is configured.
    pub(crate) const fn is_there(&self) -> bool {
        self.0.is_some()
    }

    /// Prints every copy of a receipt and answers when they are out; one that the printer has not begun by then is taken back.
    pub(crate) async fn print_out(&self, receipt: Receipt, patience_ms: u64) -> Slip {
        let Some(printing) = &self.0 else { return Slip::TakenBack };
        let id = printing.next_job.fetch_add(1, Ordering::Relaxed);
        let (tell, mut out) = oneshot::channel();
        printing.awaited.lock().insert(id, (printing.copies, tell));
        let deadline = Instant::now() + Duration::from_millis(patience_ms);
        let job = Job { id, receipt, copies: printing.copies };
        while printing.actor.submit(job.clone()).is_err() {
            // Others' slips are before it, or the node stops.
            if Instant::now() + BUSY_RETRY > deadline {
                printing.awaited.lock().remove(&id);
                return Slip::TakenBack;
            }
            tokio::time::sleep(BUSY_RETRY).await;
        }
        if tokio::time::timeout_at(deadline, &mut out).await.is_ok() {
            return Slip::Out;
        }
        let mut taken_back = 0;
        loop {
            taken_back += printing.actor.cancel(id);
            let left = printing.awaited.lock().get(&id).map_or(0, |(copies, _)| usize::from(*copies));
            if taken_back >= left {
                printing.awaited.lock().remove(&id);
                return if left == usize::from(printing.copies) { Slip::TakenBack } else { Slip::Out };
            }
            // One copy is being sent: it comes out, or back into the queue.
            let _ = tokio::time::timeout(BUSY_RETRY, &mut out).await;
        }
    }
}

/// Who prints: the words at the head of a receipt.
pub(crate) struct Letterhead<'a> {
    pub(crate) title: &'a str,
    pub(crate) store: &'a StoreId,
    pub(crate) clock: &'a BusinessClock,
}

impl Letterhead<'_> {
    /// The receipt of money that moved; `None` where the state has none.
    pub(crate) fn receipt(&self, of: Occasion, printed_at: UtcMs, copy: Copy) -> Option<Receipt> {
        let bill = of.bill.filter(|bill| bill.source != guitai_core::bill::COUNTER_BILLS);
        Some(Receipt {
            title: self.title.to_owned(),
            store: self.store.clone(),
            till: of.till,
            cashier: of.cashier,
            order_no: of.no,
            kind: of.kind,
            state: words(of.state)?.to_owned(),
            amount: of.amount,
            received: of.received,
            wallet: of.wallet,
            acquirer_no: of.acquirer_no,
            wallet_no: of.wallet_no,
            paid_at: self.clock.local_text(of.at),
            printed_at: self.clock.local_text(printed_at),
            bill_number: bill.map(|bill| bill.number),
            copy: if copy == Copy::First { 1 } else { 2 },
            reprint: copy == Copy::Again,
        })
    }
}

/// A row as it stands now, for a receipt that somebody asks for.
pub(crate) fn occasion(row: PaymentRow) -> Option<Occasion> {
    Some(Occasion {
        kind: Kind::of_row(&row.kind),
        no: row.no,
        state: row.state,
        amount: row.amount,
        received: row.received.unwrap_or(row.amount),
        wallet: row.wallet,
        acquirer_no: row.acquirer_no,
        wallet_no: row.wallet_no,
        at: row.paid_at.unwrap_or(row.changed_at),
        till: TillId::parse(&row.till).ok()?,
        cashier: AccountId::parse(&row.cashier).ok()?,
        bill: row.bill.map(|bill| bill.key),
    })
}

/// Whether a receipt is printed for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copy {
    First,
    Again,
}

/// The state in the words of the screen; a payment still open or without money has no receipt.
const fn words(state: guitai_core::payment::State) -> Option<&'static str> {
    use guitai_core::payment::State;
    match state {
        State::Paid => Some("成功"),
        State::Reversed => Some("已撤销"),
        State::PartRefunded => Some("部分退款"),
        State::Refunded => Some("已退款"),
        State::Pending
        | State::Declined
        | State::Unknown
        | State::Held
        | State::Reversing
        | State::Closed
        | State::Refunding
        | State::Quarantined => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_box_that_is_gone_is_seen_among_others() {
        let boxes = |states: &[ScanState]| ScannerWatch(states.iter().map(|state| watch::channel(*state).1).collect());
        let (ready, gone, off) = (ScanState::Ready, ScanState::Gone, ScanState::Off);
        assert_eq!(boxes(&[]).state(), dto::ScannerState::Off);
        assert_eq!(boxes(&[ready, ready]).state(), dto::ScannerState::Ready);
        assert_eq!(boxes(&[ready, gone]).state(), dto::ScannerState::Gone);
        assert_eq!(boxes(&[off, ready]).state(), dto::ScannerState::Off);
    }

    fn scan_sink() -> (ScanSink, broadcast::Receiver<Event>) {
        let (events, heard) = broadcast::channel(16);
        (ScanSink { scans: Arc::default(), events, clock: Arc::new(|| Ticks(5_000)) }, heard)
    }

    #[test]
    fn a_scan_is_told_at_once_and_offered_to_who_comes_back() {
        let (sink, mut heard) = scan_sink();
        sink.scanned("T1", SecretText::new("134567890123456789".to_owned()));
        let told = heard.try_recv().expect("news");
        assert_eq!((told.name(), told.audience()), ("scan", &Audience::Chargers));
        assert_eq!(sink.scans.offers(Ticks(5_000)), [told]);
        assert_eq!(sink.scans.offers(Ticks(5_000 + scan::SCAN_OFFER_MS)), []);
    }

    #[test]
    fn noise_of_a_box_leaves_nothing_behind() {
        let (sink, mut heard) = scan_sink();
        let mut framer = guitai_devices::scan::Framer::default();
        let mut state = 7_u64;
        for turn in 0..10_000 {
            let mut byte = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                state.to_be_bytes()[0]
            };
            let noise: Vec<u8> = (0..=byte() % 64).map(|_| byte()).chain([b'\r']).collect();
            for scan in framer.push(&noise, Ticks(turn)) {
                sink.scanned("T1", scan);
                let news = heard.try_recv().expect("the page says that it is no code");
                assert!(format!("{news:?}").contains("refused"), "turn {turn}: {news:?}");
            }
        }
        assert_eq!(sink.scans.offers(Ticks(5_000)), []);
    }

    #[test]
    fn a_job_is_out_with_its_last_copy() {
        let awaited = Awaited::default();
        let (tell, mut told) = oneshot::channel();
        awaited.lock().insert(7, (2, tell));
        let report = |copy, outcome| awaited.reported(&JobReport { id: 7, copy, outcome });
        report(1, PrintOutcome::Confirmed);
        report(2, PrintOutcome::FailedBeforeFirstByte);
        assert!(told.try_recv().is_err(), "that copy stays in the queue");
        report(2, PrintOutcome::Unknown);
        assert!(told.try_recv().is_ok());
        assert!(awaited.lock().is_empty());
    }
}
