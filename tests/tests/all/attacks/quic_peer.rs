//! A peer on the line between node and hub that says what it likes: the project's own handshake and frames, none of a node's manners.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{FactNo, Issuer, StoreId, Writer},
    sync::{
        contract::{NodeConfig, Output, Papers, Purpose, Standing},
        frame::{Bye, Chunk, Frame, Hello, HelloAnswer, Verdict, Word},
        session::Session,
        wire::FrameReader,
    },
    time::{Ticks, UtcMs},
    trust::{EXPORTER_LABEL, EnrolmentCode, Grant, KeyBytes},
};
use guitai_link::{
    quic::{Endpoint, Pin, Secured, connect, node_endpoint},
    session::enrol,
};
use guitai_store::ingest::Run;
use guitai_tests::{
    client::text,
    history::{Delivery, Past},
    hub::Hub,
    world::World,
};
use quinn::{Connection, RecvStream, SendStream};
use serde_json::Value;
use tokio::time::timeout;

/// Longest that the hub may take for any word.
pub(super) const WORD_LIMIT: Duration = Duration::from_secs(10);

/// When the sales of these peers begin: 2026-01-05 10:11:12 in Beijing.
const MORNING: UtcMs = UtcMs(1_767_579_072_000);

/// Between two of their sales.
const EVERY_MS: i64 = 60_000;

/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;

/// A line of what a row of attacks came to.
pub(super) fn report(row: &str, (tried, refused): (usize, usize), honest_p99: Duration, grown_kib: u64) {
    println!("security: {row}, tried {tried}, refused {refused}, honest p99 {honest_p99:?}, grown {grown_kib} KiB");
}

/// The key of a peer.
pub(super) fn key(seed: u64) -> SigningKey {
    let mut secret = [0x5a; 32];
    secret[..8].copy_from_slice(&seed.to_le_bytes());
    SigningKey::from_bytes(&secret)
}

/// Somebody who can reach the hub's port.
#[derive(Clone)]
pub(super) struct Peer {
    pub(super) identity: SigningKey,
    pub(super) store: StoreId,
    pub(super) grant: Option<Grant>,
    pub(super) hub: SocketAddr,
    pub(super) hub_key: KeyBytes,
    pub(super) endpoint: Endpoint,
}

impl Peer {
    /// Lets a key in for a new store.
    pub(super) async fn enter(hub: &Hub, store: &str, seed: u64) -> anyhow::Result<Self> {
        let code = hub.add_store(store).await?;
        Self::enter_with(hub, store, &code, seed).await
    }

    /// The same with a code that is there.
    pub(super) async fn enter_with(hub: &Hub, store: &str, code: &str, seed: u64) -> anyhow::Result<Self> {
        let code = EnrolmentCode::parse(code).ok().context("a code")?;
        let address = address(hub)?;
        let (endpoint, identity) = (node_endpoint(address)?, key(seed));
        let secured = connect(&endpoint, address, Pin::Hash(code.hub), &identity).await?;
        let enrolled = enrol(&secured, &identity, "tests", (Papers::default(), code)).await;
        let grant = enrolled.map_err(|ended| anyhow::anyhow!("not enrolled: {ended:?}"))?.grant;
        let store = StoreId::parse(store).ok().context("a store")?;
        Ok(Self { identity, store, grant: Some(grant), hub: address, hub_key: secured.peer_key, endpoint })
    }

    /// Another key with another socket at the same hub, which it was never let in at.
    pub(super) fn stranger(&self, seed: u64) -> anyhow::Result<Self> {
        Ok(Self { identity: key(seed), grant: None, endpoint: node_endpoint(self.hub)?, ..self.clone() })
    }

    /// The number it was let in under.
    pub(super) fn issuer(&self) -> anyhow::Result<Issuer> {
        Ok(self.grant.as_ref().context("a grant")?.issuer)
    }

    pub(super) fn papers(&self) -> Papers {
        Papers { grant: self.grant.clone(), ..Papers::default() }
    }

    /// A connection whose ends have proved their keys.
    pub(super) async fn connect(&self) -> anyhow::Result<Secured> {
        Ok(connect(&self.endpoint, self.hub, self.hub_key, &self.identity).await?)
    }

    /// A connection with its stream, on which nothing was said.
    pub(super) async fn dial(&self) -> anyhow::Result<Line> {
        Line::on(self.connect().await?).await
    }

    /// A hello rightly signed for this channel.
    pub(super) fn hello(&self, hub_key: KeyBytes, exporter: [u8; 32]) -> anyhow::Result<Hello> {
        let purpose = Purpose::Sync(Standing { store: self.store.clone(), outgoing: None, incoming: None });
        let (identity, papers) = (self.identity.clone(), self.papers());
        let app_version = "tests".to_owned();
        let config = NodeConfig { identity, hub_key, exporter, nonce: [7; 32], app_version, papers, purpose };
        match Session::node(Ticks(0), config).poll() {
            Some(Output::Send(Frame::Hello(hello))) => Ok(hello),
            other => bail!("a node begins with {other:?}"),
        }
    }

    /// A session that is open.
    pub(super) async fn open(&self) -> anyhow::Result<Line> {
        let mut line = self.dial().await?;
        line.say(self.hello(self.hub_key, line.secured.exporter)?).await?;
        let answer = line.answer().await?;
        ensure!(answer.verdict == Verdict::Ok, "not let in: {answer:?}");
        line.reader.hello_accepted();
        Ok(line)
    }

    /// What the hub says to a hello of this peer's.
    pub(super) async fn asked(&self) -> anyhow::Result<Verdict> {
        let mut line = self.dial().await?;
        line.say(self.hello(self.hub_key, line.secured.exporter)?).await?;
        Ok(line.answer().await?.verdict)
    }

    /// The same on a connection that was made otherwise.
    pub(super) async fn asked_on(&self, connection: Connection) -> anyhow::Result<Verdict> {
        let mut exporter = [0; 32];
        let exported = connection.export_keying_material(&mut exporter, EXPORTER_LABEL, b"");
        ensure!(exported.is_ok(), "the channel exports nothing");
        let mut line = Line::on(Secured { connection, peer_key: self.hub_key, exporter }).await?;
        line.say(self.hello(self.hub_key, exporter)?).await?;
        Ok(line.answer().await?.verdict)
    }

    /// Its journal from the beginning, as its box would write it.
    pub(super) fn journal(&self) -> anyhow::Result<Delivery> {
        self.journal_from(MORNING)
    }

    /// The same with sales from another moment on.
    pub(super) fn journal_from(&self, begin: UtcMs) -> anyhow::Result<Delivery> {
        let issuer = self.issuer()?;
        let past = Past::new(issuer, begin, EVERY_MS);
        Ok(Delivery::new(self.store.clone(), issuer, self.identity.clone(), past))
    }

    /// Delivers a run in a session of its own.
    pub(super) async fn deliver(&self, run: &Run) -> anyhow::Result<()> {
        let mut line = self.open().await?;
        line.say(chunk(run)).await?;
        let upto = line.acked().await?;
        ensure!(upto == run.seal.no, "acknowledged {upto}, sent {}", run.seal.no);
        Ok(())
    }
}

/// Where a hub is.
pub(super) fn address(hub: &Hub) -> anyhow::Result<SocketAddr> {
    Ok(hub.url().strip_prefix("http://").context("an address")?.parse()?)
}

/// A run as it goes over the line.
pub(super) fn chunk(run: &Run) -> Chunk {
    Chunk {
        writer: Writer::Node,
        first: run.first,
        bodies: run.bodies.clone(),
        seal: Some(run.seal.clone()),
        records: run.records.clone(),
    }
}

/// A connection with its one stream.
pub(super) struct Line {
    pub(super) secured: Secured,
    pub(super) write: SendStream,
    pub(super) read: RecvStream,
    pub(super) reader: FrameReader,
}

/// How the other end ended it.
#[derive(Debug)]
pub(super) enum End {
    /// With a word.
    Said(Bye),
    /// It is gone.
    Gone,
}

impl Line {
    pub(super) async fn on(secured: Secured) -> anyhow::Result<Self> {
        let (write, read) = secured.connection.open_bi().await?;
        Ok(Self { secured, write, read, reader: FrameReader::default() })
    }

    pub(super) async fn say(&mut self, frame: impl Into<Frame>) -> anyhow::Result<()> {
        Ok(self.write.write_all(&frame.into().to_wire()).await?)
    }

    /// Says bytes to an end that may have had enough in the middle of them.
    pub(super) async fn throw(&mut self, bytes: &[u8]) {
        // Whether it is taken shows at the end.
        timeout(WORD_LIMIT, self.write.write_all(bytes)).await.ok();
    }

    /// The next frame; none once the other end is gone.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Frame>> {
        let mut buffer = [0; READ_BYTES];
        loop {
            if let Some(frame) = self.reader.next_frame()? {
                return Ok(Some(frame));
            }
            match timeout(WORD_LIMIT, self.read.read(&mut buffer)).await.context("no word in time")? {
                Ok(Some(count)) => self.reader.push(buffer.get(..count).context("what was read")?),
                Ok(None) | Err(_) => return Ok(None),
            }
        }
    }

    /// The hub's answer to a hello.
    pub(super) async fn answer(&mut self) -> anyhow::Result<HelloAnswer> {
        match self.next().await? {
            Some(Frame::HelloAnswer(answer)) => Ok(answer),
            other => bail!("in place of an answer: {other:?}"),
        }
    }

    /// Waits for the next acknowledgement.
    pub(super) async fn acked(&mut self) -> anyhow::Result<FactNo> {
        loop {
            match self.next().await?.context("gone before it acknowledged")? {
                Frame::Ack(ack) => return Ok(ack.upto),
                Frame::Bye(bye) => bail!("in place of an acknowledgement: {bye:?}"),
                _ => {}
            }
        }
    }

    /// How it ends; nothing may be acknowledged before.
    pub(super) async fn end(&mut self) -> anyhow::Result<End> {
        loop {
            match self.next().await? {
                Some(Frame::Bye(bye)) => return Ok(End::Said(bye)),
                Some(Frame::Ack(ack)) => bail!("facts up to {} were taken", ack.upto),
                Some(Frame::HelloAnswer(HelloAnswer {
                    verdict: Verdict::Ok,
                    word: Word { entry: Some(entry), .. },
                    ..
                })) => {
                    bail!("let in: {entry:?}")
                }
                Some(_) => {}
                None => return Ok(End::Gone),
            }
        }
    }
}

/// What headquarters sees of all stores: how far their journals reach, their payments, their figures.
#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    facts: BTreeMap<String, String>,
    pub(super) payments: Vec<Value>,
    pub(super) figures: Value,
}

impl Seen {
    pub(super) async fn by(hub: &Hub) -> anyhow::Result<Self> {
        let program = hub.program()?;
        let (stores, mut figures) = (program.read("/stores").await?, program.read("/stats").await?);
        // When it was asked is not what is asked about.
        if let Some(figures) = figures.as_object_mut() {
            figures.remove("as_of");
        }
        let rows = stores["items"].as_array().context("items")?;
        let facts = rows.iter().map(|row| (text(row, "store").to_owned(), row["facts"].to_string())).collect();
        Ok(Self { facts, payments: program.payments().await?, figures })
    }
}

/// The hub's log.
pub(super) fn log_of(world: &World) -> PathBuf {
    world.folder.path().join("hub/hub.log")
}

/// How many lines of a log have this word in them.
pub(super) fn lines_with(log: &Path, word: &str) -> anyhow::Result<usize> {
    Ok(std::fs::read_to_string(log)?.lines().filter(|line| line.contains(word)).count())
}

/// A number from `/proc`, such as `Threads`.
pub(super) fn of_process(pid: u32, name: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).context("no such number")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
