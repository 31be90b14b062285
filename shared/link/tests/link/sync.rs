//! Node and hub over QUIC.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::StoreId,
    sync::{
        contract::{Hangup, Papers, PeerFault, Standing},
        frame::{ByeReason, EnrolRefusal, Verdict},
        wire::FrameError,
    },
    trust::EnrolmentCode,
};
use guitai_link::{
    quic::{ConnectError, Listener, Secured, connect, node_endpoint},
    session::{Admitted, Ended, Event, ShellError, enrol, run_hub_session, run_node_session},
};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::memory::{End, Roster, no, store};

fn node_key() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

fn hub_key() -> SigningKey {
    SigningKey::from_bytes(&[2; 32])
}

/// A hub process: it ends when dropped, its memory stays.
struct Hub {
    address: SocketAddr,
    listener: Arc<Listener>,
    ended: mpsc::UnboundedReceiver<Ended>,
    accepting: JoinHandle<()>,
}

impl Hub {
    fn start(roster: Roster) -> Self {
        let any = "127.0.0.1:0".parse().expect("an address");
        Self::serve(Listener::bind(any, &hub_key()).expect("a socket"), roster)
    }

    /// At the address of a hub just killed, whose socket may take a moment to close.
    async fn restart(address: SocketAddr, roster: Roster) -> Self {
        for _ in 0..200 {
            if let Ok(listener) = Listener::bind(address, &hub_key()) {
                return Self::serve(listener, roster);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the old hub's socket stays open");
    }

    fn serve(listener: Listener, roster: Roster) -> Self {
        let listener = Arc::new(listener);
        let address = listener.local_addr().expect("bound");
        let (report, ended) = mpsc::unbounded_channel();
        let ear = Arc::clone(&listener);
        let accepting = tokio::spawn(async move {
            while let Some(handshake) = ear.accept().await {
                let (roster, report) = (roster.clone(), report.clone());
                tokio::spawn(async move {
                    if let Ok(secured) = handshake.finish().await {
                        report.send(run_hub_session(&secured, &hub_key(), "hub 1", &roster).await).ok();
                    }
                });
            }
        });
        Self { address, listener, ended, accepting }
    }

    /// As a killed process: no session says goodbye. Waits for the one that was running.
    async fn kill(mut self) {
        self.listener.close().await;
        self.accepting.await.expect("no panic");
        assert!(matches!(self.ended.recv().await, Some(Ended::Lost(_))));
    }
}

fn roster() -> Roster {
    Roster {
        known: Arc::new(Mutex::new(vec![node_key().verifying_key().to_bytes()])),
        code: EnrolmentCode::new(hub_key().verifying_key().to_bytes(), [7; 10]),
        end: End::hub(),
    }
}

async fn dial(address: SocketAddr, key: &SigningKey) -> Secured {
    let endpoint = node_endpoint(address).expect("a socket");
    connect(&endpoint, address, hub_key().verifying_key().to_bytes(), key).await.expect("a connection")
}

fn run(secured: Secured, node: &End) -> JoinHandle<Ended> {
    let admitted = node.admitted();
    tokio::spawn(async move { run_node_session(&secured, &node_key(), "node 1", admitted).await })
}

#[tokio::test]
async fn a_backlog_and_news_travel_both_ways() {
    let roster = roster();
    let hub_end = roster.end.clone();
    let mut hub = Hub::start(roster);
    let node = End::node();
    for number in 0..2_000_u32 {
        node.record(&node_key(), &[&number.to_be_bytes()[..], &[7; 300]].concat());
    }
    hub_end.record(&hub_key(), b"a role granted");
    node.memory().document = 3;

    let session = run(dial(hub.address, &node_key()).await, &node);
    node.until(|memory| memory.acked == Some(no(2_000))).await;
    hub_end.until(|memory| memory.acked == Some(no(1)) && memory.document == 3).await;
    assert_eq!(hub_end.memory().held.facts, node.memory().own.facts);
    assert_eq!((node.memory().peer_version.as_str(), hub_end.memory().peer_version.as_str()), ("hub 1", "node 1"));

    let upto = node.record(&node_key(), b"a sale while connected");
    hub_end.until(|memory| memory.held.last() == Some(upto)).await;
    let upto = hub_end.record(&hub_key(), b"another grant");
    node.until(|memory| memory.held.last() == Some(upto)).await;
    assert!(!hub_end.memory().statuses.is_empty());

    node.tell(Event::HangUp(ByeReason::Stopping));
    assert_eq!(session.await.expect("no panic"), Ended::Hangup(Hangup::Asked(ByeReason::Stopping)));
    let ended = hub.ended.recv().await;
    assert!(matches!(&ended, Some(Ended::Hangup(Hangup::Peer(bye))) if bye.reason == ByeReason::Stopping), "{ended:?}");
}

#[tokio::test]
async fn a_hub_that_restarts_goes_on_where_it_was() {
    let roster = roster();
    let hub_end = roster.end.clone();
    let mut hub = Hub::start(roster.clone());
    let address = hub.address;
    let node = End::node();
    for number in 0..3_000_u32 {
        node.record(&node_key(), &[&number.to_be_bytes()[..], &[7; 400]].concat());
    }
    for part in 1..4_u64 {
        let session = run(dial(address, &node_key()).await, &node);
        hub_end.until(|memory| memory.held.last() >= Some(no(part * 500))).await;
        hub.kill().await;
        assert!(matches!(session.await.expect("no panic"), Ended::Lost(_)));
        hub = Hub::restart(address, roster.clone()).await;
    }
    let session = run(dial(address, &node_key()).await, &node);
    node.until(|memory| memory.acked == Some(no(3_000))).await;
    assert_eq!(hub_end.memory().held.facts, node.memory().own.facts);
    session.abort();
}

#[tokio::test]
async fn a_stranger_a_wrong_store_and_a_wrong_hub_are_told_apart() {
    let hub = Hub::start(roster());
    let refused = |verdict| Ended::Hangup(Hangup::Refused(verdict));

    let stranger = SigningKey::from_bytes(&[9; 32]);
    let secured = dial(hub.address, &stranger).await;
    let ended = run_node_session(&secured, &stranger, "node 1", End::node().admitted()).await;
    assert_eq!(ended, refused(Verdict::Unknown));

    let elsewhere = StoreId::parse("S999").expect("a name");
    let standing = Standing { store: elsewhere, outgoing: None, incoming: None };
    let admitted = Admitted { standing, ..End::node().admitted() };
    let secured = dial(hub.address, &node_key()).await;
    assert_eq!(run_node_session(&secured, &node_key(), "node 1", admitted).await, refused(Verdict::WrongStore));

    let endpoint = node_endpoint(hub.address).expect("a socket");
    let pinned = stranger.verifying_key().to_bytes();
    let error = connect(&endpoint, hub.address, pinned, &node_key()).await.expect_err("another hub");
    assert_eq!(
        error,
        ConnectError::HubKeyMismatch { expected: pinned.into(), got: hub_key().verifying_key().to_bytes() }
    );

    // Claiming another key than the connection's.
    let secured = dial(hub.address, &stranger).await;
    let ended = run_node_session(&secured, &node_key(), "node 1", End::node().admitted()).await;
    assert!(matches!(&ended, Ended::Hangup(Hangup::Peer(bye)) if bye.reason == ByeReason::PeerFault), "{ended:?}");
}

#[tokio::test]
async fn a_new_node_enrols_and_then_syncs() {
    let roster = Roster { known: Arc::default(), ..roster() };
    let hub_end = roster.end.clone();
    let code = roster.code.clone();
    let hub = Hub::start(roster);

    let guess = EnrolmentCode::new(hub_key().verifying_key().to_bytes(), [1; 10]);
    let refused = enrol(&dial(hub.address, &node_key()).await, &node_key(), "node 1", (Papers::default(), guess)).await;
    assert_eq!(refused, Err(Ended::Hangup(Hangup::EnrolRefused(EnrolRefusal::WrongCode))));

    let typed = EnrolmentCode::parse(&code.text()).expect("as printed");
    let enrolled = enrol(&dial(hub.address, &node_key()).await, &node_key(), "node 1", (Papers::default(), typed))
        .await
        .expect("taken in");
    assert_eq!((enrolled.grant.store, enrolled.grant.issuer.get()), (store(), 7));

    let node = End::node();
    let upto = node.record(&node_key(), b"the first sale");
    let session = run(dial(hub.address, &node_key()).await, &node);
    hub_end.until(|memory| memory.held.last() == Some(upto)).await;
    session.abort();
}

#[tokio::test]
async fn a_full_disk_at_the_hub_loses_nothing() {
    let roster = roster();
    let hub_end = roster.end.clone();
    hub_end.memory().disk_full_at = Some(no(40));
    let mut hub = Hub::start(roster);
    let node = End::node();
    for _ in 0..100 {
        node.record(&node_key(), &[7; 4_000]);
    }
    let session = run(dial(hub.address, &node_key()).await, &node);
    assert_eq!(hub.ended.recv().await, Some(Ended::Shell(ShellError("disk full".into()))));
    let ended = session.await.expect("no panic");
    assert!(matches!(&ended, Ended::Hangup(Hangup::Peer(bye)) if bye.reason == ByeReason::OwnFault), "{ended:?}");
    assert!(node.memory().acked <= hub_end.memory().held.last());

    hub_end.memory().disk_full_at = None;
    let session = run(dial(hub.address, &node_key()).await, &node);
    node.until(|memory| memory.acked == Some(no(100))).await;
    session.abort();
}

#[tokio::test]
async fn a_revoked_node_is_hung_up_on() {
    let roster = roster();
    let hub_end = roster.end.clone();
    let hub = Hub::start(roster);
    let node = End::node();
    let session = run(dial(hub.address, &node_key()).await, &node);
    node.until(|memory| !memory.statuses.is_empty()).await;
    hub_end.tell(Event::HangUp(ByeReason::Revoked));
    let ended = session.await.expect("no panic");
    assert!(matches!(&ended, Ended::Hangup(Hangup::Peer(bye)) if bye.reason == ByeReason::Revoked), "{ended:?}");
}

#[tokio::test]
async fn a_stranger_who_talks_too_much_is_cut_off() {
    let mut hub = Hub::start(roster());
    let secured = dial(hub.address, &node_key()).await;
    let (mut write, _read) = secured.connection.open_bi().await.expect("one stream");
    write.write_all(&1_000_000_u32.to_be_bytes()).await.expect("room");
    let fault = FrameError::TooLong { length: 1_000_000, limit: 4_092 };
    drop(write);
    assert_eq!(hub.ended.recv().await, Some(Ended::Hangup(Hangup::Fault(PeerFault::Frame(fault)))));

    let secured = dial(hub.address, &node_key()).await;
    let (mut write, _read) = secured.connection.open_bi().await.expect("one stream");
    let second = tokio::time::timeout(Duration::from_millis(50), secured.connection.open_bi()).await;
    assert!(second.is_err(), "a stranger has one stream");
    write.write_all(&[0; 64]).await.expect("room");
    drop(write);
    let ended = hub.ended.recv().await;
    assert_eq!(ended, Some(Ended::Hangup(Hangup::Fault(PeerFault::Frame(FrameError::Malformed)))));
}
