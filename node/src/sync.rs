//! The line to the hub: dial, sync, dial again. Payments never wait for any of it.

mod pacing;
mod shell;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{FactNo, JournalId},
    sync::{
        contract::{Hangup, PeerFault, Standing},
        frame::{Bye, ByeReason},
        member::Parting,
        pace::{Fill, Pace},
    },
    time::{BusinessClock, UtcMs},
    trust::KeyBytes,
};
use guitai_http::dto::HubLink;
use guitai_link::{
    quic,
    session::{Admitted, EVENTS_MAX, Ended, Event, run_node_session},
};
use guitai_store::{Database, Reader, StoreError, note, query};
use guitai_till::Handle;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use crate::{
    announcements::Announcements,
    clock::wall,
    membership::{self, Membership},
};

use pacing::Counter;
use shell::NodeShell;

/// The name of the note that keeps what the hub acknowledged.
const ACKED_NOTE: &str = "acked";

/// The name of the note that keeps the last measured offset of this machine's clock, in ms.
const CLOCK_NOTE: &str = "clock_offset_ms";

/// A smaller change of the offset is not noted.
const CLOCK_NEWS_MS: u64 = 2_000;

/// From a commit to its upload, for the followers' reasons: what a charge commits twice goes up once, is acknowledged once, and that is
/// noted once.
const GATHERED: Duration = Duration::from_millis(20);

/// How often the hub is told how this end fares.
const STATUS_EVERY: Duration = Duration::from_secs(5);

/// How the line is, for pages and programs.
#[derive(Clone, Debug)]
pub(crate) struct SyncState {
    pub(crate) link: HubLink,
    pub(crate) since: UtcMs,
    pub(crate) acked: Option<FactNo>,
    pub(crate) next_retry_at: Option<UtcMs>,
    pub(crate) last_error: Option<String>,
    /// The hub holds this fact of our journal and we do not: no money is given back until it is here.
    pub(crate) forked: Option<FactNo>,
}

/// What this node's line to its hub needs.
#[derive(Clone)]
pub(crate) struct Uplink {
    /// The journal this box writes.
    pub(crate) journal: JournalId,
    pub(crate) identity: SigningKey,
    pub(crate) hub_key: KeyBytes,
    pub(crate) reader: Arc<Reader>,
    pub(crate) announcements: Arc<Announcements>,
    pub(crate) membership: Arc<Membership>,
    pub(crate) committed: watch::Receiver<FactNo>,
    pub(crate) state: Arc<watch::Sender<SyncState>>,
    pub(crate) side: Arc<Mutex<guitai_store::query::Connection>>,
    pub(crate) till: Handle,
    /// The store's days, which the hub is told of.
    pub(crate) clock: BusinessClock,
}

/// The state before the first dial, with what the hub acknowledged in earlier lives.
pub(crate) fn start(side: &Database) -> anyhow::Result<SyncState> {
    let note = note::get(&side.reader()?, ACKED_NOTE)?;
    let acked = note.and_then(|bytes| FactNo::parse(&String::from_utf8(bytes).ok()?));
    Ok(SyncState {
        link: HubLink::Connecting,
        since: wall(),
        acked,
        next_retry_at: None,
        last_error: None,
        forked: None,
    })
}

/// The last offset of this machine's clock that the running node measured, in ms.
pub(crate) fn last_clock_offset(side: &Database) -> anyhow::Result<Option<i64>> {
    let note = note::get(&side.reader()?, CLOCK_NOTE)?;
    Ok(note.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok()))
}

/// Keeps the line up until the node stops.
pub(crate) async fn keep(line: Uplink, mut stop: watch::Receiver<bool>) {
    let mut pace = Pace::default();
    loop {
        line.link(HubLink::Connecting);
        let ended = tokio::select! {
            ended = line.session(&mut pace) => ended,
            _ = stop.wait_for(|stopping| *stopping) => return,
        };
        let End { words, fill } = ended;
        let mut random = [0; 8];
        let _ = getrandom::fill(&mut random);
        let Some(wait_ms) = pace.ended(fill, u64::from_be_bytes(random)) else { continue };
        let wait = Duration::from_millis(wait_ms);
        tracing::warn!(reason = %words, retry_ms = wait.as_millis(), "no line to the hub");
        line.down(words, wait);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stop.wait_for(|stopping| *stopping) => return,
        }
    }
}

/// How a session ended.
struct End {
    words: String,
    fill: Fill,
}

impl End {
    /// A session's own end.
    fn of(ended: &Ended, parting: Parting, fill: Fill) -> Self {
        let words = match parting {
            Parting::WrittenOn => WRITTEN_ON.into(),
            Parting::HubLostUs => HUB_LOST_US.into(),
            Parting::Forked | Parting::Plain => words(ended),
        };
        Self { words, fill: parting.fill(fill) }
    }
}

impl From<String> for End {
    fn from(words: String) -> Self {
        Self { words, fill: Fill::Nothing }
    }
}

impl Uplink {
    /// One session, from dialling to its end.
    async fn session(&self, pace: &mut Pace) -> End {
        let addresses = match self.membership.addresses() {
            Ok(addresses) => addresses,
            Err(error) => return format!("{error:#}").into(),
        };
        let mut unreached = Vec::new();
        let mut found = None;
        for address in &addresses {
            match dial(address, self.hub_key, &self.identity).await {
                Ok(secured) => {
                    self.note_answered(address.clone()).await;
                    found = Some(secured);
                    break;
                }
                Err(error) => unreached.push(error.to_string()),
            }
        }
        // The endpoint is kept: the connection ends with it.
        let Some((_endpoint, secured)) = found else { return unreached.join("; ").into() };
        let (admitted, telling) = match self.admitted() {
            Ok(admitted) => admitted,
            Err(error) => return error.to_string().into(),
        };
        let (opened, lost) = (admitted.shell.opened.subscribe(), Arc::clone(&admitted.shell.lost));
        let ended = tokio::select! {
            ended = run_node_session(&secured, &self.identity, env!("CARGO_PKG_VERSION"), admitted) => ended,
            failed = failed(telling) => Ended::Lost(failed),
        };
        if *opened.borrow() {
            pace.opened();
        }
        let parting = match &ended {
            Ended::Hangup(hangup) => {
                let begins = self.reader.read(|connection| query::first_fact(connection, &self.journal));
                self.membership.parted(hangup, begins.ok().flatten())
            }
            Ended::Lost(_) | Ended::Shell(_) => Parting::Plain,
        };
        let fill = lost.lock().unwrap_or_else(PoisonError::into_inner).fill();
        End::of(&ended, parting, fill)
    }

    /// What a session needs, and what passes this node's news into it until it ends.
    fn admitted(&self) -> anyhow::Result<(Admitted<NodeShell>, JoinHandle<()>)> {
        self.announcements.begin_session()?;
        let (news, events) = mpsc::channel(EVENTS_MAX);
        let outgoing = self.reader.read(|connection| query::last_fact(connection, &self.journal))?;
        let standing = Standing { store: self.journal.store.clone(), outgoing, incoming: None };
        let shell = NodeShell {
            line: self.clone(),
            news: news.clone(),
            opened: watch::Sender::new(false),
            lost: Arc::default(),
            counter: Counter::default(),
        };
        let counter = shell.counter.clone();
        // A node that cannot read its backlog does not connect: the session would tell of none.
        news.try_send(self.status()?)?;
        let telling = tokio::spawn(self.clone().tell(news, counter));
        Ok((Admitted { standing, shell, events }, telling))
    }

    /// Passes this node's news into the running session until it ends.
    async fn tell(self, news: mpsc::Sender<Event>, counter: Counter) {
        let mut documents = self.announcements.changes();
        let mut committed = self.committed.clone();
        let mut status = tokio::time::interval(STATUS_EVERY);
        // What was committed before this session is its backlog, and says nothing of how busy the counter is.
        let begun = [Event::Documents(self.announcements.digest()), Event::Appended(*committed.borrow_and_update())];
        for event in begun {
            if news.send(event).await.is_err() {
                return;
            }
        }
        loop {
            let event = tokio::select! {
                changed = committed.changed() => match changed {
                    Ok(()) => {
                        counter.committed();
                        tokio::time::sleep(GATHERED).await;
                        Event::Appended(*committed.borrow_and_update())
                    }
                    Err(_) => return,
                },
                changed = documents.changed() => match changed {
                    Ok(()) => Event::Documents(self.announcements.digest()),
                    Err(_) => return,
                },
                _ = status.tick() => match self.status() {
                    Ok(status) => status,
                    // The hub keeps what it was told last: nothing is better than a backlog of zero.
                    Err(error) => {
                        tracing::error!(%error, "what is unsent cannot be read");
                        continue;
                    }
                },
                () = news.closed() => return,
            };
            if news.send(event).await.is_err() {
                return;
            }
        }
    }

    fn status(&self) -> Result<Event, StoreError> {
        let acked = self.state.borrow().acked.unwrap_or(FactNo { epoch: 1, number: 0 });
        let (unsent, oldest_unsent_at) =
            self.reader.read(|connection| query::unsent(connection, &self.journal, acked))?;
        let clock_offset_ms = self.till.clock().state().offset_ms.map(whole_seconds);
        let day = Some(self.clock.rule(self.till.clock().trusted_now()));
        let oldest_unsent_at = oldest_unsent_at.filter(|_| unsent > 0);
        Ok(Event::Status { unsent, oldest_unsent_at, clock_offset_ms, day })
    }

    async fn note_answered(&self, address: String) {
        let membership = Arc::clone(&self.membership);
        let noted = tokio::task::spawn_blocking(move || membership.answered(&address)).await;
        if let Ok(Err(error)) = noted {
            tracing::warn!(%error, "where the hub answered is not noted");
        }
    }

    /// Notes how far off this machine's clock is, until the node stops.
    pub(crate) async fn keep_clock(self, mut stop: watch::Receiver<bool>) {
        let mut noted = None;
        let mut every = tokio::time::interval(STATUS_EVERY);
        loop {
            tokio::select! {
                _ = every.tick() => {}
                _ = stop.wait_for(|stopping| *stopping) => return,
            }
            let line = self.clone();
            let work = move || {
                line.note_clock(&mut noted);
                noted
            };
            let Ok(now_noted) = tokio::task::spawn_blocking(work).await else { return };
            noted = now_noted;
        }
    }

    /// Keeps the offset for the operator's commands, while no line is needed.
    fn note_clock(&self, noted: &mut Option<i64>) {
        let offset = self.till.clock().state().offset_ms.map(whole_seconds);
        let is_news = |offset: &i64| noted.is_none_or(|noted| offset.abs_diff(noted) >= CLOCK_NEWS_MS);
        let Some(offset) = offset.filter(is_news) else { return };
        let connection = self.side.lock().unwrap_or_else(PoisonError::into_inner);
        match note::set(&connection, CLOCK_NOTE, offset.to_string().as_bytes()) {
            Ok(()) => *noted = Some(offset),
            Err(error) => tracing::warn!(%error, "the clock's offset is not noted"),
        }
    }

    fn link(&self, link: HubLink) {
        self.state.send_modify(|state| {
            if state.link != link {
                state.since = wall();
            }
            state.link = link;
            state.next_retry_at = None;
        });
    }

    fn down(&self, reason: String, wait: Duration) {
        let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        self.state.send_modify(|state| {
            if state.link == HubLink::Connected {
                state.since = wall();
            }
            state.link = HubLink::Down;
            state.next_retry_at = Some(UtcMs(wall().0 + wait_ms));
            state.last_error = Some(reason);
        });
    }
}

/// Waits for a panic of what passes news into a session: one that hears of no commit would only look alive.
async fn failed(telling: JoinHandle<()>) -> String {
    match telling.await {
        Ok(()) => std::future::pending().await,
        Err(error) => format!("this node's news stopped: {error}"),
    }
}

/// To the second, so that a clock that only drifts is no news.
const fn whole_seconds(ms: i64) -> i64 {
    ms / 1000 * 1000
}

/// A connection to whoever has the pinned key there.
pub(crate) async fn dial(
    address: &str,
    pinned: impl Into<quic::Pin>,
    identity: &SigningKey,
) -> Result<(quic::Endpoint, quic::Secured), DialError> {
    let resolved = resolve(address).await?;
    let endpoint =
        quic::node_endpoint(resolved).map_err(|error| DialError::NoAddress(format!("{address}: {error}")))?;
    let secured = quic::connect(&endpoint, resolved, pinned, identity).await.map_err(DialError::Connect)?;
    Ok((endpoint, secured))
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum DialError {
    /// The name leads nowhere; with the name.
    NoAddress(String),
    /// Nobody there, or somebody else.
    Connect(quic::ConnectError),
}

impl std::fmt::Display for DialError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoAddress(words) => f.write_str(words),
            Self::Connect(error) => error.fmt(f),
        }
    }
}

async fn resolve(address: &str) -> Result<SocketAddr, DialError> {
    let mut found =
        tokio::net::lookup_host(address).await.map_err(|error| DialError::NoAddress(format!("{address}: {error}")))?;
    found.next().ok_or_else(|| DialError::NoAddress(format!("{address}: no address")))
}

/// What ended a session, for people.
pub(crate) fn words(ended: &Ended) -> String {
    match ended {
        Ended::Hangup(Hangup::Refused(verdict)) => {
            let (zh, en) = membership::verdict_words(*verdict);
            format!("{zh} / {en}")
        }
        Ended::Hangup(Hangup::Fault(PeerFault::Forked(fork))) => forked(fork.seal.no),
        Ended::Hangup(Hangup::Peer(Bye { reason: ByeReason::Forked, evidence })) => {
            forked(evidence.as_ref().map_or(FactNo::default(), |seal| seal.no))
        }
        Ended::Hangup(Hangup::Fault(fault)) => format!("the hub broke the protocol: {fault}"),
        Ended::Hangup(Hangup::Peer(bye)) => format!("the hub said goodbye: {:?}", bye.reason),
        Ended::Hangup(Hangup::TimedOut) => "the hub did not answer in time".into(),
        Ended::Hangup(Hangup::Enrolled) => "enrolled".into(),
        Ended::Hangup(Hangup::EnrolRefused(_)) => "this node was not taken in".into(),
        Ended::Hangup(Hangup::Asked(_) | Hangup::Shell) => "this node ended the session".into(),
        Ended::Lost(detail) => detail.clone(),
        Ended::Shell(error) => error.to_string(),
    }
}

/// What to do where the hub has lost what came before this box.
const HUB_LOST_US: &str = "总部恢复了旧的备份，缺少上一台机器的部分记录和本机的全部记录；本机收款、退款照常，记录都在本机。请通知总部：恢复较新的备份 \
                             / headquarters was restored from an old backup, which lacks facts of the box before this one and \
                             all of this one's. Payments and refunds go on, everything is kept here. Tell headquarters: restore \
                             a newer backup";

/// What to do where another box wrote on.
const WRITTEN_ON: &str = "另一台机器已接着写了本店账本，本机的旧目录不能再同步：请总部给登记码，另用一个空的数据目录执行 guitai-node enrol，\
                          旧目录留存（未上传的记录在里面） / another box has written on in this store's journal, so this folder cannot \
                          sync any more: ask headquarters for a code and enter an empty data folder with guitai-node enrol; keep \
                          this one, what it has not delivered is in it";

/// A journal that is not the one it once was: sales go on, and the hub gives back what is missing.
fn forked(no: FactNo) -> String {
    format!(
        "本机账本曾被恢复到旧的备份，正从总部取回缺少的记录（到 {no}）；收款照常，取回之前不能退款 / an older copy of this node's \
         journal was put back; what is missing (up to fact {no}) is being fetched from the hub. Payments go on; nothing is \
         given back until it is here"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_boxs_facts_are_told_from_a_broken_protocol() {
        let ended = Ended::Hangup(Hangup::Fault(PeerFault::TooLong));
        let of = |parting| End::of(&ended, parting, Fill::Nothing);
        let End { words, fill } = of(Parting::WrittenOn);
        assert_eq!((words.as_str(), fill), (WRITTEN_ON, Fill::Failed));
        assert_eq!(of(Parting::HubLostUs).words, HUB_LOST_US);
        assert_eq!(of(Parting::Plain).fill, Fill::Nothing);
    }
}
