//! A node's end against the hub's, over a real QUIC connection on loopback.

use std::{
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{AccountId, FactNo, JournalId, Writer},
    journal::chain::ChainHash,
    secret::Wallet,
    sync::{
        contract::{Papers, Standing},
        frame::{ByeReason, Status, Verdict},
        journal_lane::{Batch, Loaded},
    },
    time::UtcMs,
    trust::{EnrolmentCode, Grant},
};
use guitai_documents::{Document, PeerSync, announcements_id, digest, generate, receive};
use guitai_http::dto::StoreState;
use guitai_link::{
    quic::{self, connect, node_endpoint},
    session::{DocumentTurn, EVENTS_MAX, Event, Shell, ShellError, enrol, run_node_session},
};
use guitai_store::{Database, ingest};
use tokio::{
    sync::{broadcast, mpsc},
    task::JoinHandle,
    time::timeout,
};

use super::*;
use crate::{
    store::letters::{Change, Draft},
    testing::{MORNING, NodeSide, Rig, key, rig, store_id},
};

const PATIENCE: Duration = Duration::from_secs(10);

/// What the nodes here say that they have not sent.
const BACKLOG: u64 = 7;

/// A hub that takes calls.
struct Hub {
    rig: Rig,
    addr: SocketAddr,
    listener: Arc<Listener>,
    serving: JoinHandle<()>,
}

fn hub() -> Hub {
    let rig = rig();
    let listener = Arc::new(Listener::bind("127.0.0.1:0".parse().unwrap(), &key(1)).unwrap());
    let addr = listener.local_addr().unwrap();
    let serving = tokio::spawn(serve(Arc::clone(&rig.app), Arc::clone(&listener)));
    Hub { rig, addr, listener, serving }
}

impl Hub {
    async fn dial(&self, identity: &SigningKey) -> Secured {
        let endpoint = node_endpoint(self.addr).unwrap();
        let hub_key = key(1).verifying_key().to_bytes();
        connect(&endpoint, self.addr, hub_key, identity).await.unwrap()
    }

    async fn stop(self) {
        self.rig.app.lines.hang_up();
        self.listener.close().await;
        timeout(PATIENCE, self.serving).await.unwrap().unwrap();
    }
}

/// The node's shell: its journal is read from its file, its document is in memory.
#[derive(Clone)]
struct Node(Arc<NodeState>);

struct NodeState {
    store: StoreId,
    database: Database,
    document: Mutex<(Document, PeerSync)>,
    acked: Mutex<Option<FactNo>>,
    asked: AtomicUsize,
}

impl Node {
    fn of(side: &NodeSide) -> Self {
        Self(Arc::new(NodeState {
            store: side.store.clone(),
            database: side.database.clone(),
            document: Mutex::new((Document::open(&[], [5; 16]).unwrap(), PeerSync::new())),
            acked: Mutex::default(),
            asked: AtomicUsize::new(0),
        }))
    }

    fn digest(&self) -> [u8; 32] {
        digest(&[(&announcements_id(&self.0.store), self.0.document.lock().unwrap().0.heads_digest())])
    }

    fn turn(&self, incoming: Option<&[u8]>) -> DocumentTurn {
        let name = announcements_id(&self.0.store);
        let mut guard = self.0.document.lock().unwrap();
        let (document, peer) = &mut *guard;
        if let Some(message) = incoming {
            receive(document, peer, message).unwrap();
            document.take_changes();
        }
        let messages = generate(document, peer).map(|message| (name.clone(), message)).into_iter().collect();
        DocumentTurn { digest: digest(&[(&name, document.heads_digest())]), messages }
    }

    /// One reads an announcement.
    fn mark_read(&self, id: &str) {
        let mut guard = self.0.document.lock().unwrap();
        guard.0.mark_read(id, &AccountId::parse("01").unwrap(), MORNING).unwrap();
        guard.0.take_changes();
    }

    fn titles(&self) -> Vec<String> {
        self.0.document.lock().unwrap().0.announcements().into_iter().map(|letter| letter.title).collect()
    }

    /// Runs a session until it ends.
    fn run(&self, secured: Secured, side: &NodeSide, head: FactNo) -> (mpsc::Sender<Event>, JoinHandle<Ended>) {
        let run = self.run_without_a_status(secured, side, head);
        let status = Event::Status { unsent: BACKLOG, oldest_unsent_at: None, clock_offset_ms: None, day: None };
        run.0.try_send(status).unwrap();
        run
    }

    fn run_without_a_status(
        &self,
        secured: Secured,
        side: &NodeSide,
        head: FactNo,
    ) -> (mpsc::Sender<Event>, JoinHandle<Ended>) {
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        sender.try_send(Event::Documents(self.digest())).unwrap();
        let standing = Standing { store: side.store.clone(), outgoing: Some(head), incoming: None };
        let (shell, identity) = (self.clone(), side.identity.clone());
        let session = tokio::spawn(async move {
            run_node_session(&secured, &identity, "0.1.0-test", Admitted { standing, shell, events }).await
        });
        (sender, session)
    }
}

impl Shell for Node {
    fn opened(&self, _: &str) {}

    async fn load(&self, _: Writer, from: FactNo, max_bytes: usize) -> Result<Option<Loaded>, ShellError> {
        let run =
            ingest::load(&self.0.database.reader().unwrap(), &JournalId::node(self.0.store.clone()), from, max_bytes)
                .unwrap();
        Ok(run.map(Loaded::from))
    }

    async fn head_at(&self, no: FactNo) -> Result<Option<ChainHash>, ShellError> {
        Ok(ingest::head_at(&self.0.database.reader().unwrap(), &JournalId::node(self.0.store.clone()), no).unwrap())
    }

    async fn persist(&self, _: Batch) -> Result<(), ShellError> {
        Err(ShellError("the hub has no facts".into()))
    }

    async fn acked(&self, upto: FactNo) -> Result<(), ShellError> {
        *self.0.acked.lock().unwrap() = Some(upto);
        Ok(())
    }

    async fn sync_documents(&self) -> Result<DocumentTurn, ShellError> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.turn(None))
    }

    async fn document(&self, _: String, bytes: Vec<u8>) -> Result<DocumentTurn, ShellError> {
        Ok(self.turn(Some(&bytes)))
    }

    fn peer_status(&self, _: Status) {}
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let waiting = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(PATIENCE, waiting).await.is_ok(), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_enrols_and_delivers_its_journal() {
    let hub = hub();
    let sqlite = &hub.rig.sqlite;
    sqlite.add_store(&store_id("S001"), "一号店", MORNING).unwrap();
    let expires_at = UtcMs(crate::clock::wall().0 + 60_000);
    let (code, _) = sqlite.new_code(&store_id("S001"), [4; 32], expires_at).unwrap();
    let typed = EnrolmentCode::parse(&code.text()).unwrap();
    let enrolled =
        enrol(&hub.dial(&key(2)).await, &key(2), "0.1.0-test", (Papers::default(), typed.clone())).await.unwrap();
    assert_eq!((enrolled.grant.store.as_str(), enrolled.grant.issuer.get()), ("S001", 10_001));
    let again = enrol(&hub.dial(&key(3)).await, &key(3), "0.1.0-test", (Papers::default(), typed)).await;
    assert!(matches!(again, Err(Ended::Hangup(Hangup::EnrolRefused(EnrolRefusal::Used)))), "{again:?}");

    let mut side = NodeSide::new("S001", enrolled.grant.issuer, 2);
    for minute in 0..200 {
        side.sale(100, Wallet::Wechat, minute);
    }
    let mut news: broadcast::Receiver<_> = hub.rig.app.news.subscribe();
    let node = Node::of(&side);
    let (events, session) = node.run(hub.dial(&key(2)).await, &side, side.last());
    let last = side.last();
    until("the backlog is acknowledged", || *node.0.acked.lock().unwrap() == Some(last)).await;
    let live = side.sale(777, Wallet::Alipay, 201);
    events.send(Event::Appended(side.last())).await.unwrap();
    let last = side.last();
    until("a new sale is acknowledged", || *node.0.acked.lock().unwrap() == Some(last)).await;
    assert_eq!(sqlite.stores().unwrap()[0].facts, Some(last), "acknowledged means held");
    assert!(hub.rig.app.store.payment(live.to_string()).await.unwrap().is_some());
    until("the store is shown as connected", || hub.rig.app.lines.count() == 1).await;
    let mut told = std::iter::from_fn(|| news.try_recv().ok());
    until("listeners hear of payments", || told.any(|event| event.name() == "payment")).await;

    drop(events);
    assert_eq!(timeout(PATIENCE, session).await.unwrap().unwrap(), Ended::Hangup(Hangup::Asked(ByeReason::Stopping)));
    until("the hub notices", || hub.rig.app.lines.count() == 0).await;
    let line = sqlite.stores().unwrap().remove(0);
    assert_eq!(
        hub.rig.app.store_row(&line, (guitai_core::time::beijing_day(MORNING), &[])).unwrap().state,
        StoreState::Offline
    );
    assert!(sqlite.verify().unwrap()[0].found.is_ok());
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_box_entered_anew_at_a_restored_hub_shows_what_it_was_given() {
    let before = rig();
    let granted = before.store("S001", "一号店", 2).issuer;
    let grant = Grant::sign(&key(1), store_id("S001"), granted, key(2).verifying_key().to_bytes(), 7);

    let hub = hub();
    hub.rig.sqlite.add_store(&store_id("S001"), "一号店", MORNING).unwrap();
    let expires_at = UtcMs(crate::clock::wall().0 + 60_000);
    let (code, _) = hub.rig.sqlite.new_code(&store_id("S001"), [4; 32], expires_at).unwrap();
    let papers = Papers { grant: Some(grant), ..Papers::default() };
    let enrolled = enrol(&hub.dial(&key(2)).await, &key(2), "0.1.0-test", (papers, code)).await.unwrap();
    assert!(enrolled.grant.issuer > granted, "its earlier number is not given away again");
    let known = hub.rig.sqlite.stores().unwrap().remove(0).boxes;
    assert!(known.iter().any(|one| one.issuer == granted && one.ended.is_some()), "{known:?}");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn announcements_reach_a_connected_node_at_once_and_marks_come_back() {
    let hub = hub();
    let side = hub.rig.store("S001", "一号店", 2);
    let node = Node::of(&side);
    let draft = |id: &str, title: &str| Draft {
        id: id.into(),
        title: title.into(),
        body: "正文".into(),
        by: AccountId::parse("admin").unwrap(),
        at: MORNING,
    };
    let app = &hub.rig.app;
    app.store.publish(draft("a1", "早上好"), None).await.unwrap();
    let (events, session) = node.run(hub.dial(&key(2)).await, &side, side.last());
    until("what was written before comes at the start", || node.titles() == ["早上好"]).await;

    let touched = app.store.publish(draft("a2", "盘点"), None).await.unwrap();
    app.push_documents(&touched).await;
    until("a new one comes at once", || node.titles().len() == 2).await;
    let change = Change { title: Some("盘点改期".into()), ..Change::default() };
    let touched = app.store.edit("a2".into(), change, MORNING).await.unwrap();
    app.push_documents(&touched).await;
    until("an edit comes at once", || node.titles().iter().any(|title| title == "盘点改期")).await;

    node.mark_read("a2");
    events.send(Event::Documents(node.digest())).await.unwrap();
    let read = || {
        let stores = hub.rig.sqlite.letters(None).unwrap();
        stores[0].1.iter().any(|letter| letter.id == "a2" && letter.reads.len() == 1)
    };
    until("the mark comes back", read).await;
    until("both come to rest", || node.digest() == hub.rig.sqlite.digest(&side.store).unwrap()).await;
    let asked = node.0.asked.load(Ordering::SeqCst);
    assert!(asked < 50, "the shell is asked when something changed, not without end: {asked}");
    drop(events);
    timeout(PATIENCE, session).await.unwrap().unwrap();
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_are_told_why_and_the_newest_session_wins() {
    let hub = hub();
    let side = hub.rig.store("S001", "一号店", 2);
    let refused = async |stranger: NodeSide| {
        let node = Node::of(&stranger);
        let (_events, session) = node.run(hub.dial(&stranger.identity).await, &stranger, stranger.last());
        timeout(PATIENCE, session).await.unwrap().unwrap()
    };
    let issuer = guitai_core::ids::Issuer::new(10_009).unwrap();
    assert_eq!(refused(NodeSide::new("S001", issuer, 6)).await, Ended::Hangup(Hangup::Refused(Verdict::Unknown)));
    assert_eq!(refused(NodeSide::new("S002", issuer, 2)).await, Ended::Hangup(Hangup::Refused(Verdict::WrongStore)));

    let node = Node::of(&side);
    let (_older_events, older) = node.run(hub.dial(&key(2)).await, &side, side.last());
    until("the first is in", || node.0.acked.lock().unwrap().is_some()).await;
    let (events, newer) = node.run(hub.dial(&key(2)).await, &side, side.last());
    let ended = timeout(PATIENCE, older).await.unwrap().unwrap();
    assert!(matches!(&ended, Ended::Hangup(Hangup::Peer(bye)) if bye.reason == ByeReason::Replaced), "{ended:?}");
    until("the newer one stays", || hub.rig.app.lines.count() == 1).await;
    assert!(!newer.is_finished());
    drop(events);
    timeout(PATIENCE, newer).await.unwrap().unwrap();
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_who_say_nothing_keep_no_node_out() {
    let hub = hub();
    let side = hub.rig.store("S001", "一号店", 2);
    let mut strangers = Vec::new();
    for _ in 0..strangers::STRANGERS_PER_PLACE_MAX + 6 {
        strangers.push(hub.dial(&key(9)).await);
    }
    let cut = || strangers.iter().filter(|one| one.connection.close_reason().is_some()).count();
    until("the oldest give way", || cut() >= 6).await;
    assert!(cut() <= 7, "the others stay: {}", cut());
    let node = Node::of(&side);
    let (_events, session) = node.run(hub.dial(&key(2)).await, &side, side.last());
    until("the node is let in", || hub.rig.app.lines.count() == 1).await;
    for _ in 0..strangers::STRANGERS_PER_PLACE_MAX {
        strangers.push(hub.dial(&key(9)).await);
    }
    assert!(!session.is_finished() && hub.rig.app.lines.count() == 1, "whoever is let in gives way to no stranger");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_cannot_read_its_roster_tells_the_node_to_come_later() {
    let hub = hub();
    let side = hub.rig.store("S001", "一号店", 2);
    let file = rusqlite::Connection::open(hub.rig.data.path().join("hub.db")).unwrap();
    file.execute_batch("ALTER TABLE hub_grant RENAME TO elsewhere").unwrap();
    let node = Node::of(&side);
    let (_events, session) = node.run(hub.dial(&key(2)).await, &side, side.last());
    // Not `unknown`: a node that is told so may have been given up.
    let ended = timeout(PATIENCE, session).await.unwrap().unwrap();
    assert_eq!(ended, Ended::Hangup(Hangup::Refused(Verdict::Later)));
    file.execute_batch("ALTER TABLE elsewhere RENAME TO hub_grant").unwrap();
    let (_events, _session) = node.run(hub.dial(&key(2)).await, &side, side.last());
    until("it is let in", || hub.rig.app.lines.count() == 1).await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backlog_of_a_store_that_never_told_one_is_not_zero() {
    let hub = hub();
    let side = hub.rig.store("S001", "一号店", 2);
    let row = || {
        hub.rig
            .app
            .store_row(&hub.rig.sqlite.stores().unwrap().remove(0), (guitai_core::time::beijing_day(MORNING), &[]))
            .unwrap()
    };
    let node = Node::of(&side);
    let (events, session) = node.run_without_a_status(hub.dial(&key(2)).await, &side, side.last());
    until("it is in", || row().state == StoreState::Connected).await;
    drop(events);
    timeout(PATIENCE, session).await.unwrap().unwrap();
    until("it is gone", || row().state == StoreState::Offline).await;
    assert_eq!((row().unsent, row().last_seen_at.is_some()), (None, true));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_word_of_a_store_is_its_backlog_and_it_stands_until_the_next() {
    let hub = hub();
    let side = hub.rig.store("S001", "一号店", 2);
    let sqlite = &hub.rig.sqlite;
    let row = || {
        hub.rig
            .app
            .store_row(&sqlite.stores().unwrap().remove(0), (guitai_core::time::beijing_day(MORNING), &[]))
            .unwrap()
    };
    let node = Node::of(&side);
    let (events, session) = node.run(hub.dial(&key(2)).await, &side, side.last());
    until("it is told", || row().unsent.is_some()).await;
    assert_eq!((row().state, row().unsent), (StoreState::Connected, Some(BACKLOG)), "never zero in between");
    drop(events);
    timeout(PATIENCE, session).await.unwrap().unwrap();
    until("the hub notices", || hub.rig.app.lines.count() == 0).await;
    assert_eq!((row().state, row().unsent), (StoreState::Offline, Some(BACKLOG)));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_with_another_key_is_noticed() {
    let hub = hub();
    let endpoint = node_endpoint(hub.addr).unwrap();
    let pinned = key(8).verifying_key().to_bytes();
    let dialled = connect(&endpoint, hub.addr, pinned, &key(2)).await;
    assert!(matches!(dialled, Err(quic::ConnectError::HubKeyMismatch { .. })));
    hub.stop().await;
}
