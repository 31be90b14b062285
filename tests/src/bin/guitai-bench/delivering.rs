//! A store that only delivers: the node's end of a session without a node, so that what is measured is the hub.

use std::{
    collections::VecDeque,
    net::ToSocketAddrs,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, ensure};
use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{FactNo, Issuer, StoreId, Writer},
    journal::chain::ChainHash,
    sync::{
        contract::{Papers, Standing},
        frame::Status,
        journal_lane::{Batch, Loaded},
    },
    time::UtcMs,
    trust::{EnrolmentCode, Grant},
};
use guitai_link::{
    quic::{self, Endpoint, Secured},
    session::{Admitted, DocumentTurn, EVENTS_MAX, Event, Shell, ShellError, enrol, run_node_session},
};
use guitai_store::ingest::Run;
use guitai_tests::{
    history::{Delivery, Past},
    hub::Hub,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

/// Longest that a hub may take to acknowledge what it was given.
const PATIENCE: Duration = Duration::from_secs(600);

/// Payments of one run: below [`guitai_core::limits::CHUNK_MAX_BYTES`], as a node cuts its backlog.
const RUN_PAYMENTS: u64 = 36;

/// A store with a session.
pub(crate) struct Deliverer {
    pub(crate) store: StoreId,
    delivery: Delivery,
    feed: Feed,
    acked: watch::Receiver<Option<FactNo>>,
    news: mpsc::Sender<Event>,
    session: JoinHandle<()>,
}

/// What the session loads from.
#[derive(Clone)]
struct Feed {
    runs: Arc<Mutex<VecDeque<Loaded>>>,
    acked: Arc<watch::Sender<Option<FactNo>>>,
    papers: Papers,
}

impl Deliverer {
    /// Enrols a new store and opens its session; of its sales one comes every so many ms.
    pub(crate) async fn enter(hub: &Hub, n: u64, begin: UtcMs, every_ms: i64) -> anyhow::Result<Self> {
        let store = StoreId::parse(&format!("D{n:04}")).ok().context("a store")?;
        let code = EnrolmentCode::parse(&hub.add_store(store.as_str()).await?).ok().context("a code")?;
        let mut secret = [3; 32];
        secret[..8].copy_from_slice(&n.to_le_bytes());
        let identity = SigningKey::from_bytes(&secret);
        let (_dialled, secured) = dial(hub, quic::Pin::Hash(code.hub), &identity).await?;
        let hub_key = secured.peer_key;
        let entered = enrol(&secured, &identity, "bench", (Papers::default(), code)).await;
        let grant: Grant = entered.map_err(|ended| anyhow::anyhow!("not enrolled: {ended:?}"))?.grant;
        let issuer: Issuer = grant.issuer;
        let delivery = Delivery::new(store.clone(), issuer, identity.clone(), Past::new(issuer, begin, every_ms));
        let papers = Papers { grant: Some(grant), ..Papers::default() };
        let (acked, told) = watch::channel(None);
        let feed = Feed { runs: Arc::default(), acked: Arc::new(acked), papers };
        let (news, events) = mpsc::channel(EVENTS_MAX);
        news.try_send(Event::Status { unsent: 0, oldest_unsent_at: None, clock_offset_ms: None, day: None })?;
        let standing = Standing { store: store.clone(), outgoing: None, incoming: None };
        let (endpoint, secured) = dial(hub, hub_key, &identity).await?;
        let shell = feed.clone();
        let session = tokio::spawn(async move {
            let _kept = endpoint;
            let ended = run_node_session(&secured, &identity, "bench", Admitted { standing, shell, events }).await;
            eprintln!("  a store's session ended: {ended:?}");
        });
        Ok(Self { store, delivery, feed, acked: told, news, session })
    }

    /// Makes so many runs, to be delivered by [`deliver_all`]; answers the numbers of first and last fact of each.
    pub(crate) fn prepare(&mut self, runs: usize) -> (Vec<Loaded>, Vec<(u64, u64)>) {
        let runs: Vec<Loaded> = (0..runs).map(|_| self.run()).collect();
        let ends = runs.iter().map(|run| (run.first.number, run.seal.no.number)).collect();
        (runs, ends)
    }

    fn run(&mut self) -> Loaded {
        let run: Run = self.delivery.run(RUN_PAYMENTS);
        run.into()
    }

    /// Gives prepared runs to the session; answers the last fact.
    async fn give(&self, runs: Vec<Loaded>) -> anyhow::Result<FactNo> {
        let last = runs.last().context("a run")?.seal.no;
        self.feed.runs.lock().unwrap_or_else(PoisonError::into_inner).extend(runs);
        self.news.send(Event::Appended(last)).await.ok().context("the session is over")?;
        Ok(last)
    }

    /// Waits until the hub holds all up to this fact.
    async fn held(&mut self, last: FactNo) -> anyhow::Result<()> {
        let held = self.acked.wait_for(|acked| *acked >= Some(last));
        tokio::time::timeout(PATIENCE, held).await.context("the hub takes nothing in")??;
        Ok(())
    }
}

impl Drop for Deliverer {
    fn drop(&mut self) {
        self.session.abort();
    }
}

async fn dial(hub: &Hub, key: impl Into<quic::Pin>, identity: &SigningKey) -> anyhow::Result<(Endpoint, Secured)> {
    let url = hub.url();
    let address = url.strip_prefix("http://").unwrap_or(&url).to_socket_addrs()?.next().context("an address")?;
    let endpoint = quic::node_endpoint(address)?;
    let secured = quic::connect(&endpoint, address, key, identity).await;
    Ok((endpoint, secured.map_err(|error| anyhow::anyhow!("{error}"))?))
}

impl Shell for Feed {
    fn papers(&self) -> Papers {
        self.papers.clone()
    }

    fn opened(&self, _: &str) {}

    async fn load(&self, _: Writer, from: FactNo, _: usize) -> Result<Option<Loaded>, ShellError> {
        let next = self.runs.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        if next.as_ref().is_some_and(|run| run.first != from) {
            return Err(ShellError(format!("{from} is asked for")));
        }
        Ok(next)
    }

    async fn head_at(&self, _: FactNo) -> Result<Option<ChainHash>, ShellError> {
        Ok(None)
    }

    async fn persist(&self, _: Batch) -> Result<(), ShellError> {
        Err(ShellError("the hub has no facts".into()))
    }

    async fn acked(&self, upto: FactNo) -> Result<(), ShellError> {
        self.acked.send_replace(Some(upto));
        Ok(())
    }

    async fn sync_documents(&self) -> Result<DocumentTurn, ShellError> {
        Ok(DocumentTurn { digest: [0; 32], messages: Vec::new() })
    }

    async fn document(&self, _: String, _: Vec<u8>) -> Result<DocumentTurn, ShellError> {
        Ok(DocumentTurn { digest: [0; 32], messages: Vec::new() })
    }

    fn peer_status(&self, _: Status) {}
}

/// Delivers to the hub what all of them prepared, at once.
pub(crate) async fn deliver_all(stores: &mut [Deliverer], prepared: Vec<Vec<Loaded>>) -> anyhow::Result<()> {
    ensure!(stores.len() == prepared.len(), "as many stores as deliveries");
    let mut lasts = Vec::new();
    for (store, runs) in stores.iter().zip(prepared) {
        lasts.push(store.give(runs).await?);
    }
    for (store, last) in stores.iter_mut().zip(lasts) {
        store.held(last).await?;
    }
    Ok(())
}
