//! Carries a session of the core over a byte stream: what a [`Drive`] says is done here, and nothing is decided.
//!
//! One task reads, and waits; a second one writes; a third one does the shell's jobs (loading, persisting, documents) strictly in
//! order, so that a slow disk never stops the reading of the clock. When a session has ended, its last job is done too: whoever
//! reads the journals' standing then reads the truth.

mod desk;

use std::{
    fmt,
    future::Future,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{FactNo, Writer},
    journal::{
        chain::{ChainHash, Seal},
        epoch::Point,
    },
    sync::{
        contract::{Authorisation, Claim, EnrolRequest, Hangup, HubConfig, NodeConfig, Papers, Purpose, Standing},
        drive::{Act, Drive},
        fault::Fork,
        frame::{ByeReason, EnrolRefusal, Enrolled, Status, Verdict, Word},
        journal_lane::{Batch, Loaded},
        session::HELLO_TIMEOUT_MS,
    },
    time::{Ticks, UtcMs},
    trust::EnrolmentCode,
};
use tokio::{io::AsyncRead, sync::mpsc, time::timeout};
use tracing::{debug, warn};

use crate::{
    pipe::{Lost, Pipe},
    quic::Secured,
};

pub use guitai_core::sync::drive::{DocumentTurn, Event};

use desk::Desk;

/// News from the shell that wait for the session; the shell waits beyond.
pub const EVENTS_MAX: usize = 64;

/// The shell's disk or program failed; the text is for logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShellError(pub String);

impl fmt::Display for ShellError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ShellError {}

/// What a node or a hub does for one session. Called one at a time, in order; blocking work goes to `spawn_blocking`.
pub trait Shell: Send + Sync + 'static {
    /// What a node shows in its hello; a hub shows nothing.
    fn papers(&self) -> Papers {
        Papers::default()
    }

    /// What the hub's answer said, whatever its verdict; a hub is told nothing.
    fn told(&self, verdict: Verdict, word: Word) {
        let _ = (verdict, word);
    }

    /// The hello is done.
    fn opened(&self, peer_version: &str);

    /// Loads the first whole commits at or after `from`, all of one epoch, as many as fit `max_bytes` but at least one.
    /// Of the peer's own journal where it lost facts and recalls them.
    fn load(
        &self,
        writer: Writer,
        from: FactNo,
        max_bytes: usize,
    ) -> impl Future<Output = Result<Option<Loaded>, ShellError>> + Send;

    /// The chain's value after this fact of the own journal, if it has it.
    fn head_at(&self, no: FactNo) -> impl Future<Output = Result<Option<ChainHash>, ShellError>> + Send;

    /// Makes the facts durable before it returns. Of the own journal they are what was lost: kept until the last has come, the
    /// one of the fork's seal, and then taken as a whole.
    fn persist(&self, batch: Batch) -> impl Future<Output = Result<(), ShellError>> + Send;

    /// The own journal is not what the other end holds: answers places of its history, newest first, and its last seal.
    fn forked(&self, fork: Fork) -> impl Future<Output = Result<(Vec<Point>, Option<Seal>), ShellError>> + Send {
        async move { Err(ShellError(format!("the journal forked at or before fact {}", fork.seal.no))) }
    }

    /// The writer of the journal held here lost facts: answers the first of its places that is held too, and the last fact held.
    fn recall(
        &self,
        _known: Vec<Point>,
        _seal: Option<Seal>,
    ) -> impl Future<Output = Result<(Option<FactNo>, Option<FactNo>), ShellError>> + Send {
        async { Ok((None, None)) }
    }

    /// The other end holds the own journal up to here.
    fn acked(&self, upto: FactNo) -> impl Future<Output = Result<(), ShellError>> + Send;

    /// The documents differ: what is there to say?
    fn sync_documents(&self) -> impl Future<Output = Result<DocumentTurn, ShellError>> + Send;

    /// A document message came.
    fn document(&self, doc: String, bytes: Vec<u8>) -> impl Future<Output = Result<DocumentTurn, ShellError>> + Send;

    /// How the other end fares.
    fn peer_status(&self, status: Status);

    /// The hub said what time it is; a hub hears nothing of the kind.
    fn peer_time(&self, _said: UtcMs, _round_trip_ms: u64) {}
}

/// The hub's roster and what belongs to a node it admits.
pub trait Gate: Sync {
    /// What serves an admitted node.
    type Shell: Shell;

    /// Who is welcome. The hub ends an older session of the same node and waits for it before it answers (the session fence),
    /// since that session's last batch may still be on its way to disk.
    fn authorise(&self, claim: Claim) -> impl Future<Output = (Admission<Self::Shell>, Word)> + Send;

    /// Checks an enrolment's proof and uses its code up.
    fn enrol(&self, request: EnrolRequest) -> impl Future<Output = Result<Enrolled, EnrolRefusal>> + Send;
}

/// The roster's answer.
#[derive(Debug)]
pub enum Admission<S> {
    /// It may sync.
    Admitted(Admitted<S>),
    /// It may try to enrol.
    EnrolOnly,
    /// It is not known.
    Unknown,
    /// Its rights were taken away.
    Revoked,
    /// It belongs to another store.
    WrongStore,
    /// Another box serves the store.
    Replaced,
    /// Another box with the same key is connected.
    Duplicate,
    /// The roster cannot be asked now.
    Later,
}

/// A session that may sync.
#[derive(Debug)]
pub struct Admitted<S> {
    /// Where this end stands.
    pub standing: Standing,
    /// What serves it.
    pub shell: S,
    /// News for it, from a channel of [`EVENTS_MAX`]. A node's status stands there already: what is not told counts as no backlog.
    /// When the sender is dropped, the session says goodbye (stopping).
    pub events: mpsc::Receiver<Event>,
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// One of the ends hung up.
    Hangup(Hangup),
    /// The line broke.
    Lost(String),
    /// The shell failed.
    Shell(ShellError),
}

impl From<Lost> for Ended {
    fn from(Lost(why): Lost) -> Self {
        Self::Lost(why)
    }
}

/// The node's end of a sync session, until it ends.
pub async fn run_node_session<S: Shell>(
    secured: &Secured,
    identity: &SigningKey,
    app_version: &str,
    admitted: Admitted<S>,
) -> Ended {
    let Admitted { standing, shell, events } = admitted;
    let purpose = Purpose::Sync(standing);
    let (drive, mut pipe) = match open_as_node(secured, identity, app_version, (shell.papers(), purpose)).await {
        Ok(opened) => opened,
        Err(ended) => return ended,
    };
    let ended = serve(drive, &mut pipe, shell, events).await;
    hang_up(pipe, secured).await;
    ended
}

/// Takes a node in at its hub with the code, whose key the connection pinned; one that was let in before shows its papers.
///
/// # Errors
/// How it ended instead.
pub async fn enrol(
    secured: &Secured,
    identity: &SigningKey,
    app_version: &str,
    (papers, code): (Papers, EnrolmentCode),
) -> Result<Enrolled, Ended> {
    let purpose = Purpose::Enrol(code);
    let (mut drive, mut pipe) = open_as_node(secured, identity, app_version, (papers, purpose)).await?;
    let mut taken_in = None;
    let ended = loop {
        match drive.poll(pipe.now()) {
            Some(Act::Write(bytes)) => pipe.write(bytes),
            Some(Act::Enrolled(enrolled)) => taken_in = Some(enrolled),
            Some(Act::End { hangup, .. }) => break Ended::Hangup(hangup),
            Some(other) => debug!(?other, "not part of an enrolment"),
            None => {
                if let Err(lost) = pipe.advance(&mut drive).await {
                    break lost.into();
                }
            }
        }
    };
    hang_up(pipe, secured).await;
    taken_in.ok_or(ended)
}

/// The hub's end of a connection, until it ends.
pub async fn run_hub_session<G: Gate>(secured: &Secured, identity: &SigningKey, app_version: &str, gate: &G) -> Ended {
    let start = Instant::now();
    let hello_time = Duration::from_millis(HELLO_TIMEOUT_MS);
    let (write, read) = match timeout(hello_time, secured.connection.accept_bi()).await {
        Ok(Ok(streams)) => streams,
        Ok(Err(error)) => return Ended::Lost(error.to_string()),
        Err(_) => {
            secured.connection.close(0_u32.into(), b"no hello");
            return Ended::Hangup(Hangup::TimedOut);
        }
    };
    let mut pipe = Pipe::new(read, write, start);
    let config = HubConfig {
        identity: identity.clone(),
        peer_key: Some(secured.peer_key),
        exporter: secured.exporter,
        app_version: app_version.to_owned(),
    };
    let mut drive = Drive::hub(Ticks(0), config);
    let ended = match greet(&mut drive, &mut pipe, gate).await {
        Ok((shell, events)) => {
            secured.welcome();
            serve(drive, &mut pipe, shell, events).await
        }
        Err(ended) => ended,
    };
    hang_up(pipe, secured).await;
    ended
}

async fn open_as_node(
    secured: &Secured,
    identity: &SigningKey,
    app_version: &str,
    (papers, purpose): (Papers, Purpose),
) -> Result<(Drive, Pipe<quinn::RecvStream>), Ended> {
    let (write, read) = secured.connection.open_bi().await.map_err(|e| Ended::Lost(e.to_string()))?;
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).map_err(|e| Ended::Shell(ShellError(e.to_string())))?;
    let config = NodeConfig {
        identity: identity.clone(),
        hub_key: secured.peer_key,
        exporter: secured.exporter,
        nonce,
        app_version: app_version.to_owned(),
        papers,
        purpose,
    };
    let pipe = Pipe::new(read, write, Instant::now());
    Ok((Drive::node(pipe.now(), config), pipe))
}

/// The hub's part before the session is open.
async fn greet<G: Gate, R: AsyncRead + Unpin>(
    drive: &mut Drive,
    pipe: &mut Pipe<R>,
    gate: &G,
) -> Result<(G::Shell, mpsc::Receiver<Event>), Ended> {
    loop {
        match drive.poll(pipe.now()) {
            Some(Act::Write(bytes)) => pipe.write(bytes),
            Some(Act::Authorise(claim)) => {
                let (answer, word) = gate.authorise(claim).await;
                let (authorisation, admitted) = match answer {
                    Admission::Admitted(Admitted { standing, shell, events }) => {
                        (Authorisation::Admitted(standing), Some((shell, events)))
                    }
                    Admission::EnrolOnly => (Authorisation::EnrolOnly, None),
                    Admission::Unknown => (Authorisation::Unknown, None),
                    Admission::Revoked => (Authorisation::Revoked, None),
                    Admission::WrongStore => (Authorisation::WrongStore, None),
                    Admission::Replaced => (Authorisation::Replaced, None),
                    Admission::Duplicate => (Authorisation::Duplicate, None),
                    Admission::Later => (Authorisation::Later, None),
                };
                drive.authorised(pipe.now(), wall(), authorisation, word);
                if let Some(admitted) = admitted {
                    return Ok(admitted);
                }
            }
            Some(Act::Enrol(request)) => drive.enrolled(gate.enrol(request).await),
            Some(Act::End { hangup, .. }) => return Err(Ended::Hangup(hangup)),
            Some(other) => debug!(?other, "not part of a greeting"),
            None => pipe.advance(drive).await?,
        }
    }
}

fn wall() -> UtcMs {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UtcMs(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}

async fn hang_up<R: AsyncRead + Unpin>(pipe: Pipe<R>, secured: &Secured) {
    pipe.finish().await;
    secured.connection.close(0_u32.into(), b"");
}

/// The open session: everything but the transport goes through the shell.
async fn serve<S: Shell, R: AsyncRead + Unpin>(
    mut drive: Drive,
    pipe: &mut Pipe<R>,
    shell: S,
    mut events: mpsc::Receiver<Event>,
) -> Ended {
    let shell = Arc::new(shell);
    let mut desk = Desk::open(Arc::clone(&shell));
    // What was told before counts from the first word on: the first status must not tell of no backlog where there is one.
    while let Ok(event) = events.try_recv() {
        drive.heard(pipe.now(), event);
    }
    let ended = loop {
        match drive.poll(pipe.now()) {
            Some(Act::Write(bytes)) => pipe.write(bytes),
            Some(Act::Do(job)) => desk.order(job),
            Some(Act::Told { verdict, word }) => shell.told(verdict, word),
            Some(Act::Opened { peer_version }) => shell.opened(&peer_version),
            Some(Act::PeerTime { said, round_trip_ms }) => shell.peer_time(said, round_trip_ms),
            Some(Act::PeerStatus(status)) => shell.peer_status(status),
            Some(Act::Unsaid(doc)) => {
                warn!(doc, "a document's message is larger than a frame; the document stays as it is at the other end");
            }
            Some(Act::End { hangup, own_fault: None }) => break Ended::Hangup(hangup),
            Some(Act::End { own_fault: Some(why), .. }) => break Ended::Shell(ShellError(why)),
            Some(other @ (Act::Authorise(_) | Act::Enrol(_) | Act::Enrolled(_))) => {
                debug!(?other, "not part of an open session");
            }
            None => tokio::select! {
                moved = pipe.advance(&mut drive) => if let Err(lost) = moved { break lost.into() },
                result = desk.results.recv() => {
                    let result = result.unwrap_or_else(|| Err(ShellError("no worker".into())));
                    drive.done(result.map_err(|ShellError(why)| why));
                }
                // A shell that is gone is stopping.
                event = events.recv() => drive.heard(pipe.now(), event.unwrap_or(Event::HangUp(ByeReason::Stopping))),
            },
        }
    };
    desk.close().await;
    ended
}
