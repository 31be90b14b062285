//! Diagnosis for field staff: `guitai-node doctor`.
//!
//! Each probe is a measurement that yields a raw observation, and a pure `judge` that turns it into a [`Verdict`]. Probes run in layers:
//!
//! ```text
//! disk   scanner   printer        each by itself
//! dns -> acquirer, hub -> clock   a failed layer leaves the ones above it untested instead of printing one fault several times
//! ```
//!
//! A line is printed as each probe finishes; the closing sentence names who must act. Only configured hosts are touched, the node may be
//! running or stopped, and the whole run ends within [`RUN_LIMIT`].

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may end by a panic"))]

mod verdict;

mod conclusion;
mod report;
mod run;

mod exchange;

mod acquirer;
mod clock;
mod disk;
mod dns;
mod hub;
mod printer;
mod scanner;

use std::path::PathBuf;
use std::time::Duration;

pub(crate) use hub::{HubObservation, HubRefusal};
pub(crate) use run::run;
pub(crate) use scanner::ScannerObservation;
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

/// What to look at; the node fills it from its configuration.
pub(crate) struct Targets {
    /// The prefix before the acquirer's operation paths, `http://` or `https://`.
    pub(crate) acquirer_base: String,
    /// The merchant's hub; `None` for a store that is not enrolled.
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
    /// Where sync connects to: `host:port`.
    pub(crate) host_port: String,
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
    /// One JSON document at the end instead of lines.
    pub(crate) json: bool,
    /// The language of words.
    pub(crate) lang: Lang,
    /// The probes asked for; empty means all.
    pub(crate) only: Vec<Probe>,
    /// Whether marks are coloured.
    pub(crate) color: bool,
}

/// Measurements that need crates the doctor does not know.
pub(crate) struct Shells<H, S> {
    /// Opens a session with the hub (QUIC, then its TCP fallback) and closes it again: `AsyncFn(&HubTarget) -> HubObservation`.
    pub(crate) hub: H,
    /// Opens the existing serial port and closes it again: `AsyncFn(&str) -> ScannerObservation`.
    pub(crate) scanner: S,
}
