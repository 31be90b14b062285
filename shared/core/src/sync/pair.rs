//! Two sessions, two disks and a wire in memory, with a clock that moves only when told: after quinn's `Pair`.

use alloc::{boxed::Box, collections::BTreeMap, string::String, vec, vec::Vec};
use core::fmt;

use ed25519_dalek::SigningKey;

use super::{
    contract::{Authorisation, Claim, Hangup, HubConfig, NodeConfig, Output, Papers, PeerFault, Purpose, Standing},
    fault::Fork,
    frame::{EnrolRefusal, Enrolled, FactRecord, Frame, Status, Verdict, Word},
    journal_lane::{Batch, Loaded},
    session::Session,
    wire::FrameReader,
};
use crate::{
    ids::{FactNo, Issuer, JournalId, StoreId},
    journal::{
        chain::{self, ChainHash, Seal},
        epoch::Point,
        fact::Fact,
    },
    time::{Ticks, UtcMs},
    trust::{EnrolmentCode, Grant},
};

pub(super) fn store() -> StoreId {
    StoreId::parse("S001").expect("a name")
}

pub(super) fn node_journal() -> JournalId {
    JournalId::node(store())
}

pub(super) fn hub_journal() -> JournalId {
    JournalId::hub(store())
}

pub(super) fn node_key() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

pub(super) fn hub_key() -> SigningKey {
    SigningKey::from_bytes(&[2; 32])
}

pub(super) fn no(epoch: u32, number: u64) -> FactNo {
    FactNo { epoch, number }
}

/// A journal on disk.
#[derive(Clone)]
pub(super) struct Disk {
    journal: JournalId,
    pub(super) facts: BTreeMap<FactNo, Vec<u8>>,
    pub(super) heads: BTreeMap<FactNo, ChainHash>,
    pub(super) seals: BTreeMap<FactNo, Seal>,
    /// By epoch, number and slot.
    pub(super) records: BTreeMap<(u32, u64, u8), FactRecord>,
}

impl Disk {
    fn new(journal: JournalId) -> Self {
        Self {
            journal,
            facts: BTreeMap::new(),
            heads: BTreeMap::new(),
            seals: BTreeMap::new(),
            records: BTreeMap::new(),
        }
    }

    pub(super) fn last(&self) -> Option<FactNo> {
        self.facts.keys().next_back().copied()
    }

    pub(super) fn last_seal(&self) -> Option<Seal> {
        self.seals.values().next_back().cloned()
    }

    /// Where the box before left off, if this journal begins in a later epoch.
    fn left_off(&self) -> Option<Point> {
        match Fact::from_bytes(self.facts.first_key_value()?.1) {
            Ok(Fact::Opened(opened)) => opened.parent,
            Ok(Fact::People(_) | Fact::Bill(_) | Fact::Payment(_)) | Err(_) => None,
        }
    }

    /// Commits facts in an epoch, with a seal over the last.
    pub(super) fn commit(&mut self, key: &SigningKey, epoch: u32, bodies: &[Vec<u8>]) -> FactNo {
        for body in bodies {
            self.link(epoch, body.clone());
        }
        let last = self.last().expect("just written");
        self.seals.insert(last, Seal::sign(key, &self.journal, last, self.heads[&last]));
        last
    }

    fn link(&mut self, epoch: u32, body: Vec<u8>) {
        let (number, head) = match self.heads.last_key_value() {
            Some((last, head)) if last.epoch == epoch => (last.number + 1, *head),
            _ => (1, chain::start(&self.journal, epoch)),
        };
        let at = no(epoch, number);
        self.heads.insert(at, chain::link(&head, at, &body));
        self.facts.insert(at, body);
    }

    fn load(&self, from: FactNo, max_bytes: usize) -> Option<Loaded> {
        let (first, _) = self.facts.range(from..).next()?;
        let mut best: Option<FactNo> = None;
        let mut bytes = 0;
        for (at, body) in self.facts.range(*first..).filter(|(at, _)| at.epoch == first.epoch) {
            bytes += body.len();
            if best.is_some() && bytes > max_bytes {
                break;
            }
            if self.seals.contains_key(at) {
                best = Some(*at);
            }
        }
        let last = best?;
        let bodies = self.facts.range(*first..=last).map(|(_, body)| body.clone()).collect();
        let beside = (first.epoch, first.number, 0)..=(last.epoch, last.number, u8::MAX);
        let records = self.records.range(beside).map(|(_, record)| record.clone()).collect();
        Some(Loaded { first: *first, bodies, seal: self.seals[&last].clone(), records })
    }

    /// Puts what came back in the place of what was written after the fork.
    pub(super) fn heal(&mut self, taken: Vec<Batch>) {
        let first = taken.first().expect("something came back").first;
        self.heads.retain(|at, _| *at < first);
        self.facts.retain(|at, _| *at < first);
        self.seals.retain(|at, _| *at < first);
        taken.into_iter().for_each(|batch| self.persist(batch));
    }

    fn persist(&mut self, batch: Batch) {
        assert!(!self.facts.contains_key(&batch.first), "fact {} came twice", batch.first);
        for found in batch.records {
            self.records.insert((batch.first.epoch, found.number, found.record.slot), found);
        }
        for body in batch.bodies {
            self.link(batch.seal.no.epoch, body);
        }
        assert_eq!(self.last(), Some(batch.seal.no));
        assert_eq!(self.heads[&batch.seal.no], *batch.seal.head());
        self.seals.insert(batch.seal.no, batch.seal);
    }
}

/// A receiver gets the last seal of a run only; facts and hashes must be the same.
impl PartialEq for Disk {
    fn eq(&self, other: &Self) -> bool {
        self.facts == other.facts && self.heads == other.heads && self.last_seal() == other.last_seal()
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} facts to {:?}", self.facts.len(), self.last())
    }
}

/// The hub's time when it answers a hello.
pub(super) const HUB_TIME: UtcMs = UtcMs(1_767_579_072_345);

/// One end: its session and what it keeps across sessions.
pub(super) struct End {
    pub(super) session: Session,
    pub(super) reader: FrameReader,
    pub(super) own: Disk,
    pub(super) held: Disk,
    pub(super) acked: Option<FactNo>,
    pub(super) document: u8,
    pub(super) statuses: Vec<Status>,
    /// The hub's time and the round trip it was told with.
    pub(super) peer_time: Option<(UtcMs, u64)>,
    pub(super) enrolled: Option<Enrolled>,
    pub(super) told: Option<(Verdict, Word)>,
    pub(super) hangup: Option<Hangup>,
    /// Frames sent, by name.
    pub(super) sent: Vec<&'static str>,
    /// Its own journal as the other end holds it, where the two differ.
    pub(super) fork: Option<Fork>,
    /// What of its own came back.
    pub(super) taken: Vec<Batch>,
    /// A seal that does not fit what it holds.
    pub(super) evidence: Option<Seal>,
    /// Batches handed out and not yet durable.
    pub(super) writing: Vec<Batch>,
    /// Whether the disk is slow: batches wait for `flush`.
    pub(super) slow_disk: bool,
}

impl End {
    fn new(session: Session, own: JournalId, held: JournalId) -> Self {
        Self {
            session,
            reader: FrameReader::default(),
            own: Disk::new(own),
            held: Disk::new(held),
            acked: None,
            document: 0,
            statuses: Vec::new(),
            peer_time: None,
            enrolled: None,
            told: None,
            hangup: None,
            sent: Vec::new(),
            fork: None,
            taken: Vec::new(),
            evidence: None,
            writing: Vec::new(),
            slow_disk: false,
        }
    }

    fn standing(&self) -> Standing {
        Standing { store: store(), outgoing: self.own.last(), incoming: self.held.last_seal() }
    }

    pub(super) fn flush(&mut self) {
        for batch in core::mem::take(&mut self.writing) {
            let token = batch.token;
            self.held.persist(batch);
            self.session.persisted(token);
        }
    }
}

/// The world of two.
pub(super) struct Pair {
    pub(super) now: Ticks,
    pub(super) node: End,
    pub(super) hub: End,
    pub(super) to_hub: Vec<u8>,
    pub(super) to_node: Vec<u8>,
    /// What the roster says; none: the node is admitted.
    pub(super) refusal: Option<Authorisation>,
    /// What the hub's answer carries besides.
    pub(super) word: Word,
    /// Who signs grants; none: the hub.
    pub(super) grantor: Option<SigningKey>,
    pub(super) code: EnrolmentCode,
    pub(super) faults: Vec<PeerFault>,
}

impl Pair {
    pub(super) fn new() -> Self {
        let code = EnrolmentCode::new(hub_key().verifying_key().to_bytes(), [7; 10]);
        let start = Ticks(1_000);
        let standing = Standing { store: store(), outgoing: None, incoming: None };
        let node = End::new(node_session(start, Purpose::Sync(standing)), node_journal(), hub_journal());
        let hub = End::new(hub_session(start), hub_journal(), node_journal());
        let (to_hub, to_node) = (Vec::new(), Vec::new());
        let word = Word::default();
        Self { now: start, node, hub, to_hub, to_node, refusal: None, word, grantor: None, code, faults: Vec::new() }
    }

    /// A pair whose node holds `commits` of one small fact each that the hub has not.
    pub(super) fn with_backlog(commits: u64) -> Self {
        let mut pair = Self::new();
        for number in 0..commits {
            pair.node.own.commit(&node_key(), 1, &[number.to_be_bytes().to_vec()]);
        }
        pair.reconnect();
        pair
    }

    /// New sessions over a new wire; what was under way is lost.
    pub(super) fn reconnect(&mut self) {
        let purpose = Purpose::Sync(self.node.standing());
        self.node.session = node_session(self.now, purpose);
        self.hub.session = hub_session(self.now);
        for (end, wire) in [(&mut self.node, &mut self.to_hub), (&mut self.hub, &mut self.to_node)] {
            end.reader = FrameReader::default();
            end.hangup = None;
            end.writing.clear();
            wire.clear();
        }
    }

    /// Runs until nothing moves any more.
    pub(super) fn drive(&mut self) {
        while self.step(usize::MAX) {}
    }

    /// Both ends do what they can, then each wire delivers at most `bytes`. Whether anything moved.
    pub(super) fn step(&mut self, bytes: usize) -> bool {
        let mut moved = self.perform();
        for to_hub in [true, false] {
            let (wire, end) = self.way(to_hub);
            let count = wire.len().min(bytes);
            moved |= count > 0;
            let delivered: Vec<u8> = wire.drain(..count).collect();
            end.reader.push(&delivered);
            while let Some(frame) = self.next_frame(to_hub) {
                let now = self.now;
                let fault = self.way(to_hub).1.session.handle(now, frame).err();
                self.faults.extend(fault);
                self.perform();
            }
        }
        moved
    }

    fn next_frame(&mut self, to_hub: bool) -> Option<Frame> {
        let end = self.way(to_hub).1;
        end.reader.next_frame().unwrap_or_else(|error| {
            end.session.unreadable(error);
            None
        })
    }

    /// The wire to an end, and that end.
    fn way(&mut self, to_hub: bool) -> (&mut Vec<u8>, &mut End) {
        if to_hub { (&mut self.to_hub, &mut self.hub) } else { (&mut self.to_node, &mut self.node) }
    }

    pub(super) fn perform(&mut self) -> bool {
        let mut moved = false;
        while let Some(output) = self.node.session.poll() {
            moved = true;
            let answer = perform(&mut self.node, output, &mut self.to_hub);
            assert!(answer.is_none(), "a node asks no roster");
        }
        while let Some(output) = self.hub.session.poll() {
            moved = true;
            match perform(&mut self.hub, output, &mut self.to_node) {
                Some(Question::Roster(claim)) => {
                    assert_eq!(claim.key, node_key().verifying_key().to_bytes());
                    let admitted = Authorisation::Admitted(self.hub.standing());
                    let word = self.word.clone();
                    self.hub.session.tell_time(HUB_TIME);
                    self.hub.session.authorised(self.now, self.refusal.clone().unwrap_or(admitted), word);
                }
                Some(Question::Code(right)) => self.hub.session.enrolled(if right(&self.code) {
                    let issuer = Issuer::new(7).expect("in range");
                    let key = node_key().verifying_key().to_bytes();
                    let grant = Grant::sign(self.grantor.as_ref().unwrap_or(&hub_key()), store(), issuer, key, 1);
                    Ok(Enrolled { store_name: String::from("一号店"), grant, held: None })
                } else {
                    Err(EnrolRefusal::WrongCode)
                }),
                None => {}
            }
        }
        moved
    }

    /// Puts a frame on the wire as if the node had sent it.
    pub(super) fn forge_to_hub(&mut self, frame: impl Into<Frame>) {
        self.to_hub.extend(frame.into().to_wire());
    }
}

enum Question {
    Roster(Box<Claim>),
    Code(Box<dyn Fn(&EnrolmentCode) -> bool>),
}

fn perform(end: &mut End, output: Output, wire: &mut Vec<u8>) -> Option<Question> {
    match output {
        Output::Send(frame) => {
            end.sent.push(frame.name());
            wire.extend(frame.to_wire());
        }
        Output::Authorise(claim) => return Some(Question::Roster(Box::new(claim))),
        Output::Enrol(request) => {
            let right = move |code: &EnrolmentCode| {
                code.id() == request.code_id && code.proves(&request.channel, &request.proof)
            };
            return Some(Question::Code(Box::new(right)));
        }
        Output::Told { verdict, word } => end.told = Some((verdict, word)),
        Output::Opened { .. } => end.reader.hello_accepted(),
        Output::Load { writer, from, max_bytes } => {
            let disk = if writer == end.own.journal.writer { &end.own } else { &end.held };
            let loaded = disk.load(from, max_bytes);
            end.session.loaded(writer, loaded);
        }
        Output::Forked(fork) => {
            end.fork = Some(*fork);
            // Steps that double back from the end, the first fact, and what it goes on from.
            let newest = end.own.heads.iter().rev().enumerate().filter(|(back, _)| (back + 1).is_power_of_two());
            let known = newest.map(|(_, (no, head))| Point::new(*no, *head));
            let first = end.own.heads.first_key_value().map(|(no, head)| Point::new(*no, *head));
            let beginning = end.own.left_off().unwrap_or(Point::new(no(1, 0), chain::start(&end.own.journal, 1)));
            end.session.recall(known.chain(first).chain([beginning]).collect(), end.own.last_seal());
        }
        Output::Recall { known, seal } => {
            end.evidence = seal.filter(|seal| end.held.heads.get(&seal.no) != Some(seal.head()));
            let held = |point: &&Point| point.no.number == 0 || end.held.heads.get(&point.no) == Some(point.head());
            let from = known.iter().find(held).map(|point| point.no);
            end.session.give_back(from, end.held.last());
        }
        Output::HeadAt(at) => end.session.head_at(at, end.own.heads.get(&at).copied()),
        Output::Persist(batch) => {
            if batch.writer == end.own.journal.writer {
                end.session.persisted(batch.token);
                end.taken.push(batch);
                return None;
            }
            end.writing.push(batch);
            if !end.slow_disk {
                end.flush();
            }
        }
        Output::Acked(upto) => end.acked = end.acked.max(Some(upto)),
        Output::SyncDocuments => {
            end.session.document_message("d".into(), vec![end.document]).expect("small");
        }
        Output::Document { bytes, .. } => {
            end.document = end.document.max(bytes[0]);
            end.session.documents_digest([end.document; 32]);
        }
        Output::PeerTime { said, round_trip_ms } => end.peer_time = Some((said, round_trip_ms)),
        Output::PeerStatus(status) => end.statuses.push(status),
        Output::Enrolled(enrolled) => end.enrolled = Some(enrolled),
        Output::Hangup(hangup) => {
            assert!(end.hangup.is_none(), "one hang-up a session");
            end.hangup = Some(hangup);
        }
    }
    None
}

pub(super) fn node_session(now: Ticks, purpose: Purpose) -> Session {
    let config = NodeConfig {
        identity: node_key(),
        hub_key: hub_key().verifying_key().to_bytes(),
        exporter: [9; 32],
        nonce: [8; 32],
        app_version: "0.1.0".into(),
        papers: Papers::default(),
        purpose,
    };
    Session::node(now, config)
}

pub(super) fn hub_session(now: Ticks) -> Session {
    let peer_key = Some(node_key().verifying_key().to_bytes());
    let config = HubConfig { identity: hub_key(), peer_key, exporter: [9; 32], app_version: "0.1.1".into() };
    Session::hub(now, config)
}
