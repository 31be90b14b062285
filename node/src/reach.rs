//! The diagnosis's hands: a session with the hub that says goodbye once both know how the journals compare, a question to the acquirer
//! about an order that cannot exist, and a port opened for a moment. A running node keeps what it holds: its own session is not pushed
//! out, its port is not taken.

mod acquirer;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use guitai_core::{
    ids::{FactNo, JournalId, Writer},
    journal::{
        chain::{ChainHash, Seal},
        epoch::Point,
    },
    sync::{
        contract::{Hangup, Papers, PeerFault, Standing},
        fault::Fork,
        frame::{ByeReason, Status, Verdict},
        journal_lane::{Batch, Loaded},
        kept::Kept,
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

pub(crate) use acquirer::ask;

use crate::{
    doctor::{HubObservation, HubRefusal, HubTarget, ScannerObservation},
    membership,
};

/// The longest that dialling takes, over all addresses of a hub.
const DIAL_LIMIT: Duration = Duration::from_millis(2_800);

/// How long after the hub's welcome the journals are compared. A hub that holds nothing of this one says nothing about it.
const COMPARED_WITHIN: Duration = Duration::from_secs(1);

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
    let begun = Instant::now();
    // The endpoint is kept: the connection ends with it.
    let (_endpoint, secured) = match dial(target, identity).await {
        Ok(dialled) => dialled,
        Err(seen) => return seen,
    };
    let handshake_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let Some(journal) = journal else {
        return told.map_or(HubObservation::Session { handshake_ms }, HubObservation::Refused);
    };
    let Ok(outgoing) = journal.reader.read(|connection| query::last_fact(connection, &journal.id)) else {
        return HubObservation::Session { handshake_ms };
    };
    let (news, events) = mpsc::channel(EVENTS_MAX);
    let standing = Standing { store: journal.id.store.clone(), outgoing, incoming: None };
    let forked = Arc::new(AtomicBool::new(false));
    let shell = Visit { journal: journal.clone(), news, forked: Arc::clone(&forked) };
    let ended = run_node_session(&secured, identity, env!("CARGO_PKG_VERSION"), Admitted { standing, shell, events });
    let refusal = refusal(&ended.await, forked.load(Ordering::SeqCst));
    refusal.map_or(HubObservation::Session { handshake_ms }, HubObservation::Refused)
}

/// The first address at which the hub answers, as a node tries them; or what answered last.
async fn dial(
    target: &HubTarget,
    identity: &ed25519_dalek::SigningKey,
) -> Result<(quic::Endpoint, quic::Secured), HubObservation> {
    let places: Vec<&String> = std::iter::once(&target.host_port).chain(&target.others).collect();
    let each = DIAL_LIMIT / u32::try_from(places.len()).unwrap_or(1);
    let mut seen = HubObservation::NoAnswer;
    for place in places {
        match tokio::time::timeout(each, dial_one(place, target, identity)).await {
            Ok(Ok(dialled)) => return Ok(dialled),
            Ok(Err(HubObservation::ForeignKey)) => seen = HubObservation::ForeignKey,
            Ok(Err(_)) | Err(_) => {}
        }
    }
    Err(seen)
}

async fn dial_one(
    place: &str,
    target: &HubTarget,
    identity: &ed25519_dalek::SigningKey,
) -> Result<(quic::Endpoint, quic::Secured), HubObservation> {
    let silent = HubObservation::NoAnswer;
    let address = tokio::net::lookup_host(place).await.ok().and_then(|mut found| found.next()).ok_or(silent)?;
    let endpoint = quic::node_endpoint(address).map_err(|_| silent)?;
    match quic::connect(&endpoint, address, target.key, identity).await {
        Ok(secured) => Ok((endpoint, secured)),
        Err(quic::ConnectError::HubKeyMismatch { .. }) => Err(HubObservation::ForeignKey),
        Err(quic::ConnectError::Unreachable { .. } | quic::ConnectError::Refused { .. }) => Err(silent),
    }
}

/// What stands against a session with the hub, by how a short one ended.
fn refusal(ended: &Ended, forked: bool) -> Option<HubRefusal> {
    if forked {
        return Some(HubRefusal::Forked);
    }
    match ended {
        Ended::Hangup(Hangup::Refused(verdict)) => match verdict {
            Verdict::Ok => None,
            Verdict::Unknown => Some(HubRefusal::Unknown),
            Verdict::Revoked => Some(HubRefusal::Revoked),
            Verdict::WrongStore => Some(HubRefusal::WrongStore),
            Verdict::EnrolOnly => Some(HubRefusal::EnrolOnly),
            Verdict::Replaced => Some(HubRefusal::Replaced),
            Verdict::Duplicate => Some(HubRefusal::Duplicate),
            Verdict::Later => Some(HubRefusal::Later),
        },
        Ended::Hangup(Hangup::Fault(PeerFault::Forked(_))) => Some(HubRefusal::Forked),
        Ended::Hangup(Hangup::Fault(_)) => Some(HubRefusal::Protocol),
        Ended::Hangup(Hangup::Peer(bye)) => match bye.reason {
            ByeReason::PeerFault | ByeReason::Version => Some(HubRefusal::Protocol),
            ByeReason::Forked => Some(HubRefusal::Forked),
            ByeReason::Revoked => Some(HubRefusal::Revoked),
            ByeReason::Stopping | ByeReason::OwnFault | ByeReason::TooSlow => Some(HubRefusal::Later),
            // The node was started meanwhile: its own session is the newer one.
            ByeReason::Replaced => None,
        },
        Ended::Hangup(Hangup::TimedOut) | Ended::Lost(_) => Some(HubRefusal::Later),
        Ended::Hangup(Hangup::EnrolRefused(_)) => Some(HubRefusal::EnrolOnly),
        Ended::Hangup(Hangup::Asked(_) | Hangup::Enrolled | Hangup::Shell) | Ended::Shell(_) => None,
    }
}

/// What a running node was told last, since it keeps the hello to itself: a bar speaks, and a refusal.
pub(crate) fn told(kept: &Kept, hub_key: &KeyBytes) -> Option<HubRefusal> {
    let barred = membership::kept_bar(kept, hub_key).map(|bar| match bar {
        Bar::Revoked => HubRefusal::Revoked,
        Bar::Replaced => HubRefusal::Replaced,
        Bar::Duplicate => HubRefusal::Duplicate,
        Bar::Forked => HubRefusal::Forked,
        Bar::Unfillable => HubRefusal::Unfillable,
    });
    let said = |verdict: Verdict| kept.hub_word.as_deref() == Some(verdict.as_str());
    let refusals = [
        (Verdict::Unknown, HubRefusal::Unknown),
        (Verdict::WrongStore, HubRefusal::WrongStore),
        (Verdict::EnrolOnly, HubRefusal::EnrolOnly),
    ];
    barred.or_else(|| refusals.into_iter().find_map(|(verdict, refusal)| said(verdict).then_some(refusal)))
}

/// Whether a refusal stands in the hub's signed entry, which says since when.
pub(crate) const fn is_signed(refusal: HubRefusal) -> bool {
    match refusal {
        HubRefusal::Revoked | HubRefusal::Replaced => true,
        HubRefusal::Unknown
        | HubRefusal::WrongStore
        | HubRefusal::EnrolOnly
        | HubRefusal::Duplicate
        | HubRefusal::Later
        | HubRefusal::Forked
        | HubRefusal::Unfillable
        | HubRefusal::Protocol => false,
    }
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

/// A session that goes once the journals are compared.
struct Visit {
    journal: Journal,
    news: mpsc::Sender<Event>,
    forked: Arc<AtomicBool>,
}

impl Visit {
    fn leave(news: &mpsc::Sender<Event>) {
        // A full channel is a session that ends already.
        let _ = news.try_send(Event::HangUp(ByeReason::Stopping));
    }
}

impl Shell for Visit {
    fn papers(&self) -> Papers {
        self.journal.papers.clone()
    }

    fn opened(&self, _: &str) {
        let news = self.news.clone();
        tokio::spawn(async move {
            tokio::time::sleep(COMPARED_WITHIN).await;
            Self::leave(&news);
        });
    }

    async fn load(&self, _: Writer, _: FactNo, _: usize) -> Result<Option<Loaded>, ShellError> {
        Self::leave(&self.news);
        Ok(None)
    }

    async fn head_at(&self, no: FactNo) -> Result<Option<ChainHash>, ShellError> {
        let Journal { id, reader, .. } = &self.journal;
        let head = reader.read(|connection| ingest::head_at(connection, id, no));
        head.map_err(|error| ShellError(error.to_string()))
    }

    async fn forked(&self, fork: Fork) -> Result<(Vec<Point>, Option<Seal>), ShellError> {
        self.forked.store(true, Ordering::SeqCst);
        Err(ShellError(format!("the journal forked at or before fact {}", fork.seal.no)))
    }

    async fn persist(&self, _: Batch) -> Result<(), ShellError> {
        Err(ShellError("the diagnosis keeps no data".into()))
    }

    async fn acked(&self, _: FactNo) -> Result<(), ShellError> {
        Self::leave(&self.news);
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

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use guitai_core::{
        ids::{Issuer, StoreId},
        journal::chain,
        sync::{
            contract::{Claim, EnrolRequest},
            frame::{Bye, EnrolRefusal, Enrolled, Word},
        },
        time::UtcMs,
    };
    use guitai_link::session::{Admission, Gate, run_hub_session};
    use guitai_store::Database;

    use super::*;

    /// A hub with one answer for everybody: a refusal, or a session in which it says that it holds this.
    enum Hub {
        Refuses,
        Holds(Option<Seal>),
    }

    impl Gate for Hub {
        type Shell = Held;

        async fn authorise(&self, claim: Claim) -> (Admission<Held>, Word) {
            let Self::Holds(seal) = self else { return (Admission::Replaced, Word::default()) };
            let store = claim.store.expect("a node names its store");
            let standing = Standing { store, outgoing: None, incoming: seal.clone() };
            let (news, events) = mpsc::channel(EVENTS_MAX);
            (Admission::Admitted(Admitted { standing, shell: Held { _news: news }, events }), Word::default())
        }

        async fn enrol(&self, _: EnrolRequest) -> Result<Enrolled, EnrolRefusal> {
            Err(EnrolRefusal::TryAgain)
        }
    }

    struct Held {
        _news: mpsc::Sender<Event>,
    }

    impl Shell for Held {
        fn opened(&self, _: &str) {}

        async fn load(&self, _: Writer, _: FactNo, _: usize) -> Result<Option<Loaded>, ShellError> {
            Ok(None)
        }

        async fn head_at(&self, _: FactNo) -> Result<Option<ChainHash>, ShellError> {
            Ok(None)
        }

        async fn persist(&self, _: Batch) -> Result<(), ShellError> {
            Ok(())
        }

        async fn acked(&self, _: FactNo) -> Result<(), ShellError> {
            Ok(())
        }

        async fn sync_documents(&self) -> Result<DocumentTurn, ShellError> {
            Err(ShellError(String::new()))
        }

        async fn document(&self, _: String, _: Vec<u8>) -> Result<DocumentTurn, ShellError> {
            self.sync_documents().await
        }

        fn peer_status(&self, _: Status) {}
    }

    /// What the diagnosis of a stopped node sees of such a hub.
    async fn seen(journal: &Journal, node: &SigningKey, answers: Hub) -> HubObservation {
        let hub = SigningKey::from_bytes(&[1; 32]);
        let listener = quic::Listener::bind("127.0.0.1:0".parse().unwrap(), &hub).unwrap();
        let target = HubTarget {
            host_port: listener.local_addr().unwrap().to_string(),
            others: vec![],
            http_base: None,
            key: hub.verifying_key().to_bytes(),
            identity: Some(node.clone()),
        };
        let serving = tokio::spawn(async move {
            let secured = listener.accept().await.unwrap().finish().await.unwrap();
            run_hub_session(&secured, &hub, "0.1.0-test", &answers).await
        });
        let seen = super::hub(&target, Some(journal), None).await;
        serving.await.unwrap();
        seen
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_stopped_node_hears_what_the_hub_says_and_how_the_journals_compare() {
        rustls::crypto::ring::default_provider().install_default().ok();
        let data = tempfile::tempdir().unwrap();
        let database = Database::open(&data.path().join("journal.db")).unwrap();
        let node = SigningKey::from_bytes(&[2; 32]);
        let id = JournalId::node(StoreId::parse("S001").unwrap());
        let issuer = Issuer::new(7).unwrap();
        guitai_store::Journal::open(&database, id.clone(), issuer, node.clone(), None, UtcMs(1)).unwrap();
        let reader = Arc::new(Reader::new(database));
        let own = reader.read(|connection| query::last_seal(connection, &id)).unwrap();
        let other = Seal::sign(&node, &id, FactNo { epoch: 1, number: 9 }, chain::start(&id, 1));
        let journal = Journal { id, reader, papers: Papers::default() };

        let refused = HubObservation::Refused;
        assert_eq!(seen(&journal, &node, Hub::Refuses).await, refused(HubRefusal::Replaced));
        assert_eq!(seen(&journal, &node, Hub::Holds(Some(other))).await, refused(HubRefusal::Forked));
        for held in [None, own] {
            let seen = seen(&journal, &node, Hub::Holds(held)).await;
            assert!(matches!(seen, HubObservation::Session { .. }), "{seen:?}");
        }
    }

    #[test]
    fn a_session_that_broke_the_rules_is_no_session() {
        let bye = |reason| Ended::Hangup(Hangup::Peer(Bye { reason, evidence: None }));
        let table = [
            (Ended::Hangup(Hangup::Fault(PeerFault::BadSignature)), Some(HubRefusal::Protocol)),
            (bye(ByeReason::PeerFault), Some(HubRefusal::Protocol)),
            (bye(ByeReason::Version), Some(HubRefusal::Protocol)),
            (bye(ByeReason::Forked), Some(HubRefusal::Forked)),
            (bye(ByeReason::Revoked), Some(HubRefusal::Revoked)),
            (bye(ByeReason::OwnFault), Some(HubRefusal::Later)),
            (Ended::Lost("timed out".into()), Some(HubRefusal::Later)),
            (Ended::Hangup(Hangup::Asked(ByeReason::Stopping)), None),
        ];
        for (ended, want) in table {
            assert_eq!(refusal(&ended, false), want, "{ended:?}");
        }
        assert_eq!(refusal(&Ended::Shell(ShellError(String::new())), true), Some(HubRefusal::Forked));
    }
}
