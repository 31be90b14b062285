//! One session between a node and its hub: the hello, then both journal lanes and the document lane side by side.
//!
//! | phase | frame heard | leads to |
//! | --- | --- | --- |
//! | node `AwaitAnswer` | HelloAnswer ok | `Open` |
//! | | HelloAnswer enrol_only, with a code in hand | sends Enrol, `AwaitEnrolled` |
//! | | HelloAnswer otherwise | `Closed` |
//! | node `AwaitEnrolled` | Enrolled, EnrolRefused | `Closed` |
//! | hub `AwaitHello` | Hello | asks the shell, `Authorising` |
//! | hub `Authorising`, `Enrolling` | none: the node must wait | |
//! | hub `AwaitEnrol` | Enrol | asks the shell, `Enrolling` |
//! | `Open` | Have, Want, Recall, Chunk, Ack, DocDigest, DocMessage, Status | `Open` |
//! | any | Bye | `Closed` |
//!
//! Any other frame is a fault, and a fault closes the session.

mod hello;
mod lanes;
mod status;

use alloc::{boxed::Box, collections::VecDeque, string::String, vec::Vec};

use ed25519_dalek::SigningKey;

use super::{
    contract::{
        APP_VERSION_MAX_BYTES, DOC_MESSAGE_MAX_BYTES, EnrolRequest, Hangup, Output, Papers, PeerFault, Purpose,
    },
    document_lane::DocumentLane,
    frame::{Bye, ByeReason, DocMessage, Enrol, EnrolRefused, Frame, Have, Hello, Recall, Status, Want},
    journal_lane::{FIRST_TAKING_TOKEN, Incoming, Loaded, Outgoing, ShellFault, Wanted},
    version,
    wire::FrameError,
};
use crate::{
    ids::{FactNo, Writer},
    journal::{
        chain::{ChainHash, Seal},
        epoch::Point,
    },
    limits::{CHUNK_MAX_BYTES, COUNT_MAX, RECALL_POINTS_MAX},
    time::{DayRule, Ticks, UtcMs},
    trust::{Channel, KeyBytes},
};

pub use hello::{ENROL_TIMEOUT_MS, HELLO_TIMEOUT_MS};
use lanes::{Lanes, Recalled};
use status::PeerStatus;

/// Between two status frames when nothing changed: an end that is silent for 10 s has missed two.
pub const STATUS_INTERVAL_MS: u64 = 4_000;

/// Between two status frames at least.
pub const STATUS_GAP_MS: u64 = 1_000;

/// The session; see the module's table.
#[derive(Debug)]
pub struct Session {
    identity: SigningKey,
    app_version: String,
    phase: Phase,
    documents: DocumentLane,
    status: StatusClock,
    outputs: VecDeque<Output>,
    outbox: VecDeque<Frame>,
    room: usize,
    time: Option<UtcMs>,
    peer_status: PeerStatus,
    /// What both ends speak, once that is agreed.
    version: u16,
}

#[derive(Debug)]
enum Phase {
    AwaitAnswer { hello: Hello, channel: Channel, purpose: Purpose, until: Ticks },
    AwaitEnrolled { hub_key: KeyBytes, until: Ticks },
    AwaitHello { peer_key: Option<KeyBytes>, exporter: [u8; 32], until: Ticks },
    Authorising { hello: Hello, channel: Channel, version: u16 },
    AwaitEnrol { channel: Channel, app_version: String, papers: Box<Papers>, until: Ticks },
    Enrolling,
    Open(Box<Lanes>),
    Closing(Hangup),
    Closed,
}

/// When the own status goes out.
#[derive(Debug, Default)]
struct StatusClock {
    status: Status,
    changed: bool,
    sent_at: Ticks,
}

impl StatusClock {
    const fn due(&self) -> Ticks {
        self.sent_at.after_ms(if self.changed { STATUS_GAP_MS } else { STATUS_INTERVAL_MS })
    }
}

impl Session {
    fn new(identity: SigningKey, app_version: String, phase: Phase) -> Self {
        let status = StatusClock {
            status: Status { app_version: app_version.clone(), ..Status::default() },
            ..StatusClock::default()
        };
        Self {
            identity,
            app_version,
            phase,
            documents: DocumentLane::default(),
            status,
            outputs: VecDeque::new(),
            outbox: VecDeque::new(),
            room: usize::MAX,
            time: None,
            peer_status: PeerStatus::default(),
            version: version::OLDEST,
        }
    }

    /// The next thing to do; ask until there is none, after every input.
    pub fn poll(&mut self) -> Option<Output> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        if let Some(frame) = self.take_frame() {
            return Some(Output::Send(frame));
        }
        match core::mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Closing(hangup) if self.outbox.is_empty() => Some(Output::Hangup(hangup)),
            phase => {
                self.phase = phase;
                let Phase::Open(lanes) = &mut self.phase else { return None };
                lanes.next_load().map(|(writer, from)| Output::Load { writer, from, max_bytes: CHUNK_MAX_BYTES })
            }
        }
    }

    /// When to call [`Session::wake`] at the latest.
    #[must_use]
    pub fn next_wake(&self) -> Option<Ticks> {
        match &self.phase {
            Phase::AwaitAnswer { until, .. }
            | Phase::AwaitEnrolled { until, .. }
            | Phase::AwaitHello { until, .. }
            | Phase::AwaitEnrol { until, .. } => Some(*until),
            Phase::Open(_) => Some(self.peer_status.due().map_or(self.status.due(), |due| due.min(self.status.due()))),
            Phase::Authorising { .. } | Phase::Enrolling | Phase::Closing(_) | Phase::Closed => None,
        }
    }

    /// Whether nothing will ever follow.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// Time passed.
    pub fn wake(&mut self, now: Ticks) {
        if self.next_wake().is_none_or(|at| at > now) {
            return;
        }
        if matches!(self.phase, Phase::Open(_)) {
            self.outputs.extend(self.peer_status.take(now).map(Output::PeerStatus));
            if self.status.due() <= now {
                self.send_status(now);
            }
        } else {
            self.close(ByeReason::TooSlow, Hangup::TimedOut);
        }
    }

    /// A frame came.
    ///
    /// # Errors
    /// The other end broke the rules. The session is closing: what [`Session::poll`] still gives ends with the hang-up.
    pub fn handle(&mut self, now: Ticks, frame: Frame) -> Result<(), PeerFault> {
        let result = self.take(now, frame);
        if let Err(fault) = &result {
            self.fault(fault.clone());
        }
        result
    }

    /// The other end's bytes are no frame, as [`super::frame::FrameReader`] says.
    pub fn unreadable(&mut self, error: FrameError) {
        if !matches!(self.phase, Phase::Closing(_) | Phase::Closed) {
            self.fault(PeerFault::Frame(error));
        }
    }

    /// Our own journal now reaches up to here, durably.
    pub fn appended(&mut self, upto: FactNo) {
        match &mut self.phase {
            Phase::Open(lanes) => lanes.outgoing.appended(upto),
            Phase::AwaitAnswer { purpose: Purpose::Sync(standing), .. } => {
                standing.outgoing = standing.outgoing.max(Some(upto));
            }
            Phase::AwaitAnswer { purpose: Purpose::Enrol(_), .. }
            | Phase::AwaitEnrolled { .. }
            | Phase::AwaitHello { .. }
            | Phase::Authorising { .. }
            | Phase::AwaitEnrol { .. }
            | Phase::Enrolling
            | Phase::Closing(_)
            | Phase::Closed => {}
        }
    }

    /// What [`Output::Load`] asked for; none if there is nothing there.
    pub fn loaded(&mut self, writer: Writer, loaded: Option<Loaded>) {
        let Phase::Open(lanes) = &mut self.phase else { return };
        match lanes.leaving(writer).map_err(|_| ShellFault).and_then(|lane| lane.loaded(loaded)) {
            Ok(chunks) => self.outbox.extend(chunks.into_iter().map(Frame::from)),
            Err(ShellFault) => self.close(ByeReason::OwnFault, Hangup::Shell),
        }
    }

    /// What [`Output::HeadAt`] asked for; none if our journal has no such fact.
    pub fn head_at(&mut self, no: FactNo, head: Option<ChainHash>) {
        let Phase::Open(lanes) = &mut self.phase else { return };
        match lanes.outgoing.head_at(no, head) {
            Ok(Some(held)) => self.outputs.push_back(Output::Acked(held)),
            Ok(None) => {}
            Err(fault) => match lanes.forked(fault) {
                Ok(output) => self.outputs.push_back(output),
                Err(fault) => self.fault(fault),
            },
        }
    }

    /// Answers [`Output::Forked`]: places of our own history, newest first, at most [`RECALL_POINTS_MAX`], and our last seal.
    pub fn recall(&mut self, mut known: Vec<Point>, seal: Option<Seal>) {
        known.truncate(RECALL_POINTS_MAX);
        let own_key = self.identity.verifying_key();
        let Phase::Open(lanes) = &mut self.phase else { return };
        let journal = lanes.outgoing.journal().clone();
        self.outbox.push_back(Recall { writer: journal.writer, known: known.clone(), seal }.into());
        lanes.recall = Recalled::Taking(Incoming::taking(journal, own_key, known));
    }

    /// Answers [`Output::Recall`]: the first of the places that we hold too, and where what we hold ends. Without one there is
    /// nothing to give.
    pub fn give_back(&mut self, from: Option<FactNo>, head: Option<FactNo>) {
        let own_key = self.identity.verifying_key();
        let Phase::Open(lanes) = &mut self.phase else { return };
        let Some(FactNo { epoch, number }) = from else { return };
        let next = FactNo { epoch, number: number.saturating_add(1) };
        let journal = lanes.incoming.journal().clone();
        lanes.recall = Recalled::Giving(Outgoing::giving(journal, own_key, next, head));
    }

    /// A batch is durable.
    pub fn persisted(&mut self, token: u64) {
        let Phase::Open(lanes) = &mut self.phase else { return };
        let lane = match &mut lanes.recall {
            Recalled::Taking(taking) if token >= FIRST_TAKING_TOKEN => taking,
            Recalled::Taking(_) | Recalled::Giving(_) | Recalled::Nothing => &mut lanes.incoming,
        };
        match lane.persisted(token) {
            Ok(ack) => self.outbox.push_back(ack.into()),
            Err(ShellFault) => self.close(ByeReason::OwnFault, Hangup::Shell),
        }
    }

    /// The transport can take this many bytes now. Unlimited until first said.
    pub const fn writable(&mut self, room: usize) {
        self.room = room;
    }

    /// The hash over all our documents, at the start and after every change.
    pub fn documents_digest(&mut self, digest: [u8; 32]) {
        // The shell says this after every message, changed or not: only news may lead to more talk, or both ends would talk
        // without end while a message is on its way.
        let news = self.documents.set_ours(digest);
        if matches!(self.phase, Phase::Open(_)) {
            self.outbox.extend(self.documents.announce());
            if news && self.documents.differs() {
                self.outputs.push_back(Output::SyncDocuments);
            }
        }
    }

    /// A document's message for the other end; dropped unless the session is open, since the digest starts the talk anew.
    ///
    /// # Errors
    /// `TooLong` beyond [`DOC_MESSAGE_MAX_BYTES`].
    pub fn document_message(&mut self, doc: String, bytes: Vec<u8>) -> Result<(), PeerFault> {
        if doc.len() + bytes.len() > DOC_MESSAGE_MAX_BYTES {
            return Err(PeerFault::TooLong);
        }
        if matches!(self.phase, Phase::Open(_)) {
            self.outbox.push_back(DocMessage { doc, bytes }.into());
        }
        Ok(())
    }

    /// The other end's documents are compared with ours once more, if they still differ.
    pub fn compare_documents(&mut self) {
        if matches!(self.phase, Phase::Open(_)) && self.documents.differs() {
            self.outputs.push_back(Output::SyncDocuments);
        }
    }

    /// How this end fares, under its own version; sent at most once in [`STATUS_GAP_MS`].
    pub fn status(&mut self, now: Ticks, status: Status) {
        let status = Status { app_version: self.app_version.clone(), ..status };
        self.status.changed |= status != self.status.status;
        self.status.status = status;
        self.wake(now);
    }

    /// Say goodbye.
    pub fn hang_up(&mut self, reason: ByeReason) {
        self.close(reason, Hangup::Asked(reason));
    }

    fn take(&mut self, now: Ticks, frame: Frame) -> Result<(), PeerFault> {
        let name = frame.name();
        match (&mut self.phase, frame) {
            (Phase::Closing(_) | Phase::Closed, _) => Ok(()),
            (_, Frame::Bye(bye)) => {
                self.outbox.clear();
                self.phase = Phase::Closing(Hangup::Peer(bye));
                Ok(())
            }
            (Phase::AwaitHello { .. }, Frame::Hello(hello)) => self.hello(hello),
            (Phase::AwaitAnswer { .. }, Frame::HelloAnswer(answer)) => self.answer(now, answer),
            (Phase::AwaitEnrol { channel, app_version, papers, .. }, Frame::Enrol(Enrol { code_id, proof })) => {
                let (app_version, papers) = (core::mem::take(app_version), core::mem::take(&mut **papers));
                let request = EnrolRequest { channel: *channel, code_id, proof, app_version, papers };
                self.phase = Phase::Enrolling;
                self.outputs.push_back(Output::Enrol(request));
                Ok(())
            }
            (Phase::AwaitEnrolled { hub_key, .. }, Frame::Enrolled(enrolled)) => {
                let own_key = self.identity.verifying_key().to_bytes();
                if enrolled.grant.key != own_key || !enrolled.grant.verify(hub_key) {
                    return Err(PeerFault::BadSignature);
                }
                self.outputs.push_back(Output::Enrolled(enrolled));
                self.phase = Phase::Closing(Hangup::Enrolled);
                Ok(())
            }
            (Phase::AwaitEnrolled { .. }, Frame::EnrolRefused(EnrolRefused { reason })) => {
                self.phase = Phase::Closing(Hangup::EnrolRefused(reason));
                Ok(())
            }
            (Phase::Open(lanes), frame) => match frame {
                Frame::Have(Have { writer, head }) => {
                    lanes.incoming.check(writer)?;
                    lanes.incoming.announced(head)
                }
                Frame::Want(Want { writer, after }) => {
                    lanes.outgoing.check(writer)?;
                    match lanes.outgoing.wanted(after) {
                        Ok(Wanted::Compare(no)) => self.outputs.push_back(Output::HeadAt(no)),
                        Ok(Wanted::FromStart) => {}
                        Err(fault) => self.outputs.push_back(lanes.forked(fault)?),
                    }
                    Ok(())
                }
                Frame::Chunk(chunk) => {
                    self.outputs.extend(lanes.coming(chunk.writer)?.chunk(chunk)?.map(Output::Persist));
                    Ok(())
                }
                Frame::Ack(ack) => {
                    lanes.leaving(ack.writer)?.acked(ack.upto)?;
                    if lanes.outgoing.writer() == ack.writer {
                        self.outputs.push_back(Output::Acked(ack.upto));
                    }
                    Ok(())
                }
                Frame::Recall(Recall { writer, known, seal }) => {
                    lanes.incoming.check(writer)?;
                    if writer != Writer::Node || !matches!(lanes.recall, Recalled::Nothing) {
                        return Err(PeerFault::OutOfTurn(name));
                    }
                    if known.len() > RECALL_POINTS_MAX {
                        return Err(PeerFault::TooLong);
                    }
                    if let Some(seal) = seal.as_ref().filter(|seal| !lanes.incoming.is_sealed(seal)) {
                        return Err(PeerFault::BadSeal(seal.no));
                    }
                    self.outputs.push_back(Output::Recall { known, seal });
                    Ok(())
                }
                Frame::DocDigest(digest) => {
                    self.documents.set_theirs(digest.digest);
                    if self.documents.differs() {
                        self.outputs.push_back(Output::SyncDocuments);
                    }
                    Ok(())
                }
                Frame::DocMessage(DocMessage { doc, bytes }) => {
                    self.outputs.push_back(Output::Document { doc, bytes });
                    Ok(())
                }
                Frame::Status(status) => {
                    if status.app_version.len() > APP_VERSION_MAX_BYTES || status.unsent > Some(COUNT_MAX) {
                        return Err(PeerFault::TooLong);
                    }
                    let told = status.day.map(|day| DayRule::new(day.utc_offset_minutes, day.cutoff_minutes));
                    if told == Some(None) {
                        return Err(PeerFault::Frame(FrameError::Malformed));
                    }
                    self.peer_status.heard(status);
                    self.outputs.extend(self.peer_status.take(now).map(Output::PeerStatus));
                    Ok(())
                }
                Frame::Hello(_)
                | Frame::HelloAnswer(_)
                | Frame::Enrol(_)
                | Frame::Enrolled(_)
                | Frame::EnrolRefused(_)
                | Frame::Bye(_) => Err(PeerFault::OutOfTurn(name)),
            },
            (
                Phase::AwaitHello { .. }
                | Phase::AwaitAnswer { .. }
                | Phase::AwaitEnrol { .. }
                | Phase::AwaitEnrolled { .. }
                | Phase::Authorising { .. }
                | Phase::Enrolling,
                _,
            ) => Err(PeerFault::OutOfTurn(name)),
        }
    }

    fn send_status(&mut self, now: Ticks) {
        self.status.changed = false;
        self.status.sent_at = now;
        let mut status = self.status.status.clone();
        if self.version < version::TELLS_DAY {
            status.day = None;
        }
        self.outbox.push_back(status.into());
    }

    fn fault(&mut self, fault: PeerFault) {
        let (reason, evidence) = match &fault {
            PeerFault::Forked(fork) => (ByeReason::Forked, Some(fork.seal.clone())),
            PeerFault::Version(_) => (ByeReason::Version, None),
            PeerFault::Frame(_)
            | PeerFault::OutOfTurn(_)
            | PeerFault::WrongKey
            | PeerFault::BadSignature
            | PeerFault::TooLong
            | PeerFault::Gap { .. }
            | PeerFault::BadChain(_)
            | PeerFault::BadSeal(_)
            | PeerFault::ChunkSize { .. }
            | PeerFault::CommitTooLarge
            | PeerFault::WindowOverrun
            | PeerFault::AckOfNothing(_)
            | PeerFault::NoLane(_)
            | PeerFault::BadEpoch(..)
            | PeerFault::NumbersSpent => (ByeReason::PeerFault, None),
        };
        self.begin_closing(reason, evidence, Hangup::Fault(fault));
    }

    fn close(&mut self, reason: ByeReason, hangup: Hangup) {
        if !matches!(self.phase, Phase::Closing(_) | Phase::Closed) {
            self.begin_closing(reason, None, hangup);
        }
    }

    /// What was not yet sent is dropped: after a cut it would be missing just as well.
    fn begin_closing(&mut self, reason: ByeReason, evidence: Option<Seal>, hangup: Hangup) {
        self.outbox.clear();
        self.outbox.push_back(Bye { reason, evidence }.into());
        self.phase = Phase::Closing(hangup);
    }

    /// A frame goes whole once there is any room; the goodbye needs none.
    fn take_frame(&mut self) -> Option<Frame> {
        if self.room == 0 && !matches!(self.phase, Phase::Closing(_)) {
            return None;
        }
        let frame = self.outbox.pop_front()?;
        if self.room != usize::MAX {
            self.room = self.room.saturating_sub(frame.weight());
        }
        Some(frame)
    }
}
