//! Diagnosis for field staff: `guitai-node doctor`.
//!
//! Each probe is a measurement that yields a raw observation, and a pure `judge` that turns it into a [`Verdict`]. Probes run in layers:
//!
//! ```text
//! node -> identity, journal, payments, disk      without a folder there is nothing to look into
//! dns -> acquirer, hub -> clock, membership, sync   a failed layer leaves what stands on it untested: one fault is told once
//! scanner   printer                              each by itself
//! ```
//!
//! A line is printed as each probe finishes; the closing sentence names who must act. Nothing is written, whatever is found: no folder,
//! no key, no database, no file left behind. What is wrong is a finding of some probe, never an error of the command. Only configured
//! hosts are touched, the node may be running or stopped, and the whole run ends within [`RUN_LIMIT`], or [`FULL_LIMIT`].

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may end by a panic"))]

mod verdict;

mod conclusion;
mod report;
mod run;
mod share;

mod age;
mod exchange;

mod acquirer;
mod clock;
mod disk;
mod dns;
mod hub;
mod identity;
mod journal;
mod membership;
mod node;
mod payments;
mod printer;
mod scanner;
mod sync;

use std::path::PathBuf;
use std::time::Duration;

pub(crate) use acquirer::{QueryObservation, SetUpObservation};
pub(crate) use hub::{HubObservation, HubRefusal};
pub(crate) use identity::IdentityObservation;
pub(crate) use journal::JournalObservation;
pub(crate) use membership::MembershipObservation;
pub(crate) use node::NodeObservation;
pub(crate) use payments::{ChargeEnd, LAST_CHARGES, PaymentsObservation};
pub(crate) use report::list;
pub(crate) use run::run;
pub(crate) use scanner::ScannerObservation;
pub(crate) use sync::SyncObservation;
pub(crate) use verdict::{Lang, Probe};

/// Exit code: every tested probe is good.
pub(crate) const EXIT_GOOD: u8 = 0;
/// Exit code: something is poor, nothing has failed.
pub(crate) const EXIT_WARNINGS: u8 = 1;
/// Exit code: something has failed.
pub(crate) const EXIT_FAILURE: u8 = 2;
/// Exit code: nothing could be tested, or the report could not be written.
pub(crate) const EXIT_COULD_NOT_RUN: u8 = 3;

/// The longest a whole run takes.
pub(crate) const RUN_LIMIT: Duration = Duration::from_secs(10);
/// The same with what is slow.
pub(crate) const FULL_LIMIT: Duration = Duration::from_secs(30);

/// What to look at, and what was seen of it at once; the node fills it from its configuration and its folder.
pub(crate) struct Targets {
    /// The store, if the folder tells which.
    pub(crate) store: Option<String>,
    /// The node and its folder.
    pub(crate) node: NodeObservation,
    /// Where a running node serves its page and `/api/v1/health`, without that path.
    pub(crate) page: Option<String>,
    /// Its key files.
    pub(crate) identity: IdentityObservation,
    /// What its papers say; `None` without papers that can be read.
    pub(crate) membership: Option<MembershipObservation>,
    /// The prefix before the acquirer's operation paths, `http://` or `https://`.
    pub(crate) acquirer_base: String,
    /// The merchant's hub; `None` for a store that is not enrolled, or whose enrolment cannot be read.
    pub(crate) hub: Option<HubTarget>,
    /// The offset of this machine's clock that the running node measured, in ms; `None` if it does not run or nobody told it the time.
    pub(crate) clock_offset_ms: Option<i64>,
    /// Where the journal lives.
    pub(crate) data_dir: PathBuf,
    /// The scan box's serial port, as the system names it.
    pub(crate) scanner_port: Option<String>,
    /// The receipt printer.
    pub(crate) printer: Option<PrinterTarget>,
}

/// The hub as this store knows it.
pub(crate) struct HubTarget {
    /// Where sync connects to first: `host:port`.
    pub(crate) host_port: String,
    /// Where it connects to if nobody answers there.
    pub(crate) others: Vec<String>,
    /// Where the hub serves `/api/v1/health`, without that path; `None` leaves the web half of the probe out.
    pub(crate) http_base: Option<String>,
    /// The hub's public ed25519 key.
    pub(crate) key: [u8; 32],
    /// This store's own identity, if it is enrolled.
    pub(crate) identity: Option<ed25519_dalek::SigningKey>,
}

/// How receipts reach paper.
pub(crate) enum PrinterTarget {
    /// A network printer at `host:port`.
    Tcp(String),
    /// Receipts are written as files here.
    Dir(PathBuf),
}

/// How to run and report.
pub(crate) struct Options {
    /// In which form.
    pub(crate) form: Form,
    /// The language of words.
    pub(crate) lang: Lang,
    /// The probes asked for; empty means all.
    pub(crate) only: Vec<Probe>,
    /// Also what is slow.
    pub(crate) full: bool,
    /// Whether marks are coloured.
    pub(crate) color: bool,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Lines as the probes finish.
    Lines,
    /// One JSON document at the end.
    Json,
    /// A text to send on, without what is nobody's business, and its short result as a QR code.
    Share,
}

/// Measurements that need crates the doctor does not know. Each ends when it is dropped, or soon after.
pub(crate) trait Hands {
    /// Opens a session with the hub (QUIC, then its TCP fallback) and closes it again.
    async fn hub(&self, target: &HubTarget) -> HubObservation;
    /// Opens the existing serial port and closes it again.
    async fn scanner(&self, port: &str) -> ScannerObservation;
    /// Asks the acquirer about an order that cannot exist, and waits so long for its answer.
    async fn acquirer(&self, limit: Duration) -> QueryObservation;
    /// Looks at the databases, for so long: at the last seals, or at the whole chain.
    async fn journal(&self, whole: bool, limit: Duration) -> JournalObservation;
    /// Counts what is not at the hub; `None` if that cannot be read.
    async fn backlog(&self) -> Option<SyncObservation>;
    /// Looks at the last charges; `None` if they cannot be read.
    async fn payments(&self) -> Option<PaymentsObservation>;
}
