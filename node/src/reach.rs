//! The diagnosis's hands: a session with the hub that says goodbye at once, and a port opened for a moment. A running node keeps
//! what it holds: its own session is not pushed out, its port is not taken.

use std::{sync::Arc, time::Instant};

use guitai_core::{
    ids::{FactNo, JournalId, Writer},
    journal::chain::ChainHash,
    sync::{
        contract::{Hangup, Papers, PeerFault, Standing},
        frame::{Bye, ByeReason, Status, Verdict},
        journal_lane::{Batch, Loaded},
    },
    trust::{Bar, KeyBytes},
};
use guitai_devices::scan::{OpenOutcome, try_open};
use guitai_link::{
    quic,
    session::{Admitted, DocumentTurn, EVENTS_MAX, Ended, Event, Shell, ShellError, run_node_session},
};
use guitai_store::{Reader, ingest, query};
use tokio::sync::mpsc;

use crate::{
    doctor::{HubObservation, HubRefusal, HubTarget, ScannerObservation},
    membership,
    place::Kept,
};

/// What the hello says of this store's journal; the hub would take less than the truth for a forked one.
#[derive(Clone)]
pub(crate) struct Journal {
    pub(crate) id: JournalId,
    pub(crate) reader: Arc<Reader>,
    pub(crate) papers: Papers,
}

/// Reaches the hub: the handshake, and with a journal, which a running node keeps to itself, the signed hello too. `told` is what
/// a running node was told last.
pub(crate) async fn hub(target: &HubTarget, journal: Option<&Journal>, told: Option<HubRefusal>) -> HubObservation {
    let Some(identity) = &target.identity else { return HubObservation::NoAnswer };
    let Ok(mut addresses) = tokio::net::lookup_host(&target.host_port).await else { return HubObservation::NoAnswer };
    let Some(address) = addresses.next() else { return HubObservation::NoAnswer };
    let Ok(endpoint) = quic::node_endpoint(address) else { return HubObservation::NoAnswer };
    let begun = Instant::now();
    let secured = match quic::connect(&endpoint, address, target.key, identity).await {
        Ok(secured) => secured,
        Err(quic::ConnectError::HubKeyMismatch { .. }) => return HubObservation::ForeignKey,
        Err(quic::ConnectError::Unreachable { .. } | quic::ConnectError::Refused { .. }) => {
            return HubObservation::NoAnswer;
        }
    };
    let handshake_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let Some(journal) = journal else {
        return told.map_or(HubObservation::Session { handshake_ms }, HubObservation::Refused);
    };
    let Ok(outgoing) = journal.reader.read(|connection| query::last_fact(connection, &journal.id)) else {
        return HubObservation::Session { handshake_ms };
    };
    let (news, events) = mpsc::channel(EVENTS_MAX);
    // There is room in a channel just made.
    let _ = news.try_send(Event::HangUp(ByeReason::Stopping));
    let standing = Standing { store: journal.id.store.clone(), outgoing, incoming: None };
    let admitted = Admitted { standing, shell: journal.clone(), events };
    match run_node_session(&secured, identity, env!("CARGO_PKG_VERSION"), admitted).await {
        Ended::Hangup(Hangup::Refused(verdict)) => match verdict {
            Verdict::Ok => HubObservation::Session { handshake_ms },
            Verdict::Unknown => HubObservation::Refused(HubRefusal::Unknown),
            Verdict::Revoked => HubObservation::Refused(HubRefusal::Revoked),
            Verdict::WrongStore => HubObservation::Refused(HubRefusal::WrongStore),
            Verdict::EnrolOnly => HubObservation::Refused(HubRefusal::EnrolOnly),
            Verdict::Replaced => HubObservation::Refused(HubRefusal::Replaced),
            Verdict::Duplicate => HubObservation::Refused(HubRefusal::Duplicate),
            Verdict::Later => HubObservation::Refused(HubRefusal::Later),
        },
        Ended::Hangup(Hangup::Fault(PeerFault::Forked(_)) | Hangup::Peer(Bye { reason: ByeReason::Forked, .. })) => {
            HubObservation::Refused(HubRefusal::Forked)
        }
        Ended::Hangup(_) | Ended::Lost(_) | Ended::Shell(_) => HubObservation::Session { handshake_ms },
    }
}

/// What a running node was told last, since it keeps the hello to itself: a bar speaks, and a refusal.
pub(crate) fn told(kept: &Kept, hub_key: &KeyBytes) -> Option<HubRefusal> {
    let barred = membership::kept_bar(kept, hub_key).map(|bar| match bar {
        Bar::Revoked => HubRefusal::Revoked,
        Bar::Replaced => HubRefusal::Replaced,
        Bar::Duplicate => HubRefusal::Duplicate,
        Bar::Forked => HubRefusal::Forked,
    });
    let said = |verdict| kept.hub_word.as_deref() == Some(membership::verdict_name(verdict));
    let refusals = [
        (Verdict::Unknown, HubRefusal::Unknown),
        (Verdict::WrongStore, HubRefusal::WrongStore),
        (Verdict::EnrolOnly, HubRefusal::EnrolOnly),
    ];
    barred.or_else(|| refusals.into_iter().find_map(|(verdict, refusal)| said(verdict).then_some(refusal)))
}

/// Tries the scan box's port.
pub(crate) fn scanner(port: &str, running: bool) -> ScannerObservation {
    match try_open(port) {
        OpenOutcome::Opened => ScannerObservation::Opened,
        OpenOutcome::Busy if running => ScannerObservation::HeldByNode { last_code_ms: None },
        OpenOutcome::Busy => ScannerObservation::Busy,
        OpenOutcome::Missing => ScannerObservation::Missing,
        OpenOutcome::NotAllowed => ScannerObservation::NotAllowed,
        OpenOutcome::Broken => ScannerObservation::Broken,
    }
}

impl Shell for Journal {
    fn papers(&self) -> Papers {
        self.papers.clone()
    }

    fn opened(&self, _: &str) {}

    async fn load(&self, _: Writer, _: FactNo, _: usize) -> Result<Option<Loaded>, ShellError> {
        Ok(None)
    }

    async fn head_at(&self, no: FactNo) -> Result<Option<ChainHash>, ShellError> {
        let head = self.reader.read(|connection| ingest::head_at(connection, &self.id, no));
        head.map_err(|error| ShellError(error.to_string()))
    }

    async fn persist(&self, _: Batch) -> Result<(), ShellError> {
        Err(ShellError("the diagnosis keeps no data".into()))
    }

    async fn acked(&self, _: FactNo) -> Result<(), ShellError> {
        Ok(())
    }

    async fn sync_documents(&self) -> Result<DocumentTurn, ShellError> {
        Err(ShellError("the diagnosis moves no documents".into()))
    }

    async fn document(&self, _: String, _: Vec<u8>) -> Result<DocumentTurn, ShellError> {
        self.sync_documents().await
    }

    fn peer_status(&self, _: Status) {}
}
