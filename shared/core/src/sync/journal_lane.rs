//! The journal lane: one writer's facts, in order, gap-free, verified, never merged.
//!
//! What counts is the seal: each commit ends with one, and a large one has more on the way ([`SEAL_EVERY_BYTES`]). The writer's
//! shell loads whole runs of facts that end with one, the lane cuts them into chunks of at most [`CHUNK_MAX_BYTES`], and only the
//! last chunk of a load carries the seal. The receiver keeps chunks without a seal in memory and hands a run to its shell only
//! when the seal has been checked: so what is on disk is always covered by a seal, and after a cut the half run simply comes
//! again.
//!
//! Epochs: within one, numbers go up by one; a new one starts at 1 with its own chain, and its opening fact names the end of the
//! one before. A receiver whose last seal is not in the writer's history proves a fork. The box's own journal then travels back:
//! the box asks for what the hub holds beyond the newest place that both have, and goes on behind it in a new epoch.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};

use ed25519_dalek::VerifyingKey;

use super::{
    fault::{Fork, PeerFault},
    frame::{Ack, Chunk, FactRecord, Have, Want},
};
use crate::{
    ids::{FactNo, JournalId, Writer},
    journal::{
        chain::{self, ChainHash, Seal},
        epoch::{EpochFault, Point, goes_on_from, opening},
    },
    limits::{CHUNK_MAX_BYTES, FACT_MAX_BYTES, FACT_TEXTS_MAX, RECORD_TEXT_MAX_CHARS},
};

/// Loads not yet acknowledged. 16 of one chunk each are 256 KiB under way: 2.5 MB/s at a round trip of 100 ms.
pub const WINDOW_LOADS: usize = 16;

/// Facts kept in memory until their seal comes: 256 inputs of two facts of 8 KiB each.
pub const UNSEALED_MAX_BYTES: usize = 4 * 1024 * 1024;

/// A writer seals on the way when a commit has grown by this much, in bytes of facts and texts: 16 chunks. So no commit, however
/// large, has more between two seals than a receiver keeps: this and one fact more, doubled at most by what texts weigh besides.
pub const SEAL_EVERY_BYTES: usize = 16 * CHUNK_MAX_BYTES;

const _: () =
    assert!(2 * (SEAL_EVERY_BYTES + FACT_MAX_BYTES + FACT_TEXTS_MAX * RECORD_TEXT_MAX_CHARS * 4) <= UNSEALED_MAX_BYTES);

/// Tokens of what comes back to its writer begin here, far from those of the other lane.
pub(super) const FIRST_TAKING_TOKEN: u64 = 1 << 63;

/// Facts as the writer's shell loads them: one or more whole commits of one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The number of the first.
    pub first: FactNo,
    /// Stored bytes, consecutive.
    pub bodies: Vec<Vec<u8>>,
    /// Over the last.
    pub seal: Seal,
    /// The texts beside them, in the order of facts and slots.
    pub records: Vec<FactRecord>,
}

/// Facts for the receiver's shell to make durable: chain and seal are right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Whose journal; its store is the session's.
    pub writer: Writer,
    /// To be given back when durable.
    pub token: u64,
    /// The number of the first.
    pub first: FactNo,
    /// Stored bytes, consecutive.
    pub bodies: Vec<Vec<u8>>,
    /// Over the last; `seal.head()` is the chain's value after it.
    pub seal: Seal,
    /// The texts beside them. Nothing has been compared with the facts' commitments: one that does not fit is dropped.
    pub records: Vec<FactRecord>,
}

/// The shell's answer does not fit the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShellFault;

/// A journal on its way to the peer: our own, or the peer's that we give back.
#[derive(Debug)]
pub(super) struct Outgoing {
    journal: JournalId,
    own_key: VerifyingKey,
    head: Option<FactNo>,
    stage: Stage,
    in_flight: VecDeque<FactNo>,
}

#[derive(Debug)]
enum Stage {
    /// The peer has not said what it wants.
    Waiting,
    /// Its seal is being compared with our journal.
    Comparing(Seal),
    /// The peer holds another history: nothing flows until this end has taken it.
    Forked,
    /// Facts flow.
    Streaming { next: FactNo, load: Load },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    /// There may be more to load.
    Possible,
    /// Asked.
    Asked,
    /// The shell had nothing; wait for news.
    Dry,
}

/// What follows from a `Want`.
#[derive(Debug)]
pub(super) enum Wanted {
    /// The peer has nothing.
    FromStart,
    /// Compare with our chain at this number.
    Compare(FactNo),
}

impl Outgoing {
    pub(super) const fn new(journal: JournalId, own_key: VerifyingKey, head: Option<FactNo>) -> Self {
        Self { journal, own_key, head, stage: Stage::Waiting, in_flight: VecDeque::new() }
    }

    /// Gives the peer what it wrote itself and lost, from `next` to `head`.
    pub(super) const fn giving(journal: JournalId, own_key: VerifyingKey, next: FactNo, head: Option<FactNo>) -> Self {
        let stage = Stage::Streaming { next, load: Load::Possible };
        Self { journal, own_key, head, stage, in_flight: VecDeque::new() }
    }

    pub(super) const fn journal(&self) -> &JournalId {
        &self.journal
    }

    pub(super) const fn writer(&self) -> Writer {
        self.journal.writer
    }

    /// What the lane says first.
    pub(super) const fn have(&self) -> Have {
        Have { writer: self.journal.writer, head: self.head }
    }

    /// Frames of another journal have no lane here.
    pub(super) fn check(&self, writer: Writer) -> Result<(), PeerFault> {
        same_journal(&self.journal, writer)
    }

    pub(super) fn wanted(&mut self, after: Option<Seal>) -> Result<Wanted, PeerFault> {
        let Stage::Waiting = self.stage else { return Err(PeerFault::OutOfTurn("Want")) };
        let Some(seal) = after else {
            self.stage = Stage::Streaming { next: FactNo { epoch: 1, number: 1 }, load: Load::Possible };
            return Ok(Wanted::FromStart);
        };
        if self.head.is_none_or(|head| seal.no > head) {
            return Err(self.fork(seal, None));
        }
        let no = seal.no;
        self.stage = Stage::Comparing(seal);
        Ok(Wanted::Compare(no))
    }

    /// The chain's value at the number to be compared. Gives back what the peer holds for certain.
    pub(super) fn head_at(&mut self, no: FactNo, ours: Option<ChainHash>) -> Result<Option<FactNo>, PeerFault> {
        let Stage::Comparing(seal) = &self.stage else { return Ok(None) };
        if seal.no != no {
            return Ok(None);
        }
        let same = ours.as_ref() == Some(seal.head());
        if !same {
            return Err(self.fork(seal.clone(), ours));
        }
        let next = FactNo { epoch: no.epoch, number: no.number.saturating_add(1) };
        self.stage = Stage::Streaming { next, load: Load::Possible };
        Ok(Some(no))
    }

    pub(super) fn appended(&mut self, upto: FactNo) {
        self.head = self.head.max(Some(upto));
        if let Stage::Streaming { load: load @ Load::Dry, .. } = &mut self.stage {
            *load = Load::Possible;
        }
    }

    /// The number to load from, if there is something to load and the window has room.
    pub(super) fn next_load(&mut self) -> Option<FactNo> {
        let Stage::Streaming { next, load: load @ Load::Possible } = &mut self.stage else { return None };
        if self.in_flight.len() >= WINDOW_LOADS || self.head.is_none_or(|head| *next > head) {
            return None;
        }
        *load = Load::Asked;
        Some(*next)
    }

    pub(super) fn loaded(&mut self, loaded: Option<Loaded>) -> Result<Vec<Chunk>, ShellFault> {
        let Stage::Streaming { next, load: load @ Load::Asked } = &mut self.stage else { return Err(ShellFault) };
        let Some(loaded) = loaded else {
            *load = Load::Dry;
            return Ok(Vec::new());
        };
        let fits = loaded.first == *next || (loaded.first.epoch > next.epoch && loaded.first.number == 1);
        let last = last_no(loaded.first, loaded.bodies.len()).ok_or(ShellFault)?;
        if !fits || loaded.seal.no != last {
            return Err(ShellFault);
        }
        *next = FactNo { epoch: last.epoch, number: last.number.saturating_add(1) };
        *load = Load::Possible;
        self.head = self.head.max(Some(last));
        self.in_flight.push_back(last);
        Ok(cut(self.journal.writer, loaded))
    }

    /// The peer holds another history.
    pub(super) fn stop(&mut self) {
        self.stage = Stage::Forked;
    }

    /// Takes an acknowledgement; acknowledging an earlier load is implied.
    pub(super) fn acked(&mut self, upto: FactNo) -> Result<(), PeerFault> {
        let place = self.in_flight.iter().position(|no| *no == upto).ok_or(PeerFault::AckOfNothing(upto))?;
        self.in_flight.drain(..=place);
        Ok(())
    }

    /// A seal that we cannot have made is no evidence, only a fault.
    fn fork(&self, seal: Seal, ours: Option<ChainHash>) -> PeerFault {
        if seal.verify(&self.own_key, &self.journal) {
            PeerFault::Forked(Box::new(Fork { seal, ours }))
        } else {
            PeerFault::BadSeal(seal.no)
        }
    }
}

/// Cuts a load into chunks; a fact larger than a chunk goes alone.
fn cut(writer: Writer, loaded: Loaded) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    let mut records = loaded.records.into_iter().peekable();
    let mut room = 0;
    for (body, number) in loaded.bodies.into_iter().zip(loaded.first.number..) {
        let mut beside = Vec::new();
        while let Some(record) = records.next_if(|record| record.number == number) {
            beside.push(record);
        }
        let weight = body.len() + beside.iter().map(FactRecord::weight).sum::<usize>();
        match chunks.last_mut() {
            Some(chunk) if weight <= room => {
                room -= weight;
                chunk.bodies.push(body);
                chunk.records.append(&mut beside);
            }
            Some(_) | None => {
                room = CHUNK_MAX_BYTES.saturating_sub(weight);
                let first = FactNo { epoch: loaded.first.epoch, number };
                chunks.push(Chunk { writer, first, bodies: alloc::vec![body], seal: None, records: beside });
            }
        }
    }
    if let Some(last) = chunks.last_mut() {
        last.seal = Some(loaded.seal);
    }
    chunks
}

/// The peer's journal on its way to us.
#[derive(Debug)]
pub(super) struct Incoming {
    journal: JournalId,
    key: VerifyingKey,
    last_seal: Option<Seal>,
    unsealed: Option<Unsealed>,
    pending: VecDeque<(u64, FactNo)>,
    next_token: u64,
    /// Places of our own history, where this is our own journal coming back.
    known: Vec<Point>,
}

/// Facts of a commit whose seal has not come.
#[derive(Debug)]
struct Unsealed {
    first: FactNo,
    last: FactNo,
    head: ChainHash,
    bodies: Vec<Vec<u8>>,
    records: Vec<FactRecord>,
    bytes: usize,
}

impl Incoming {
    pub(super) const fn new(journal: JournalId, key: VerifyingKey, held: Option<Seal>) -> Self {
        Self {
            journal,
            key,
            last_seal: held,
            unsealed: None,
            pending: VecDeque::new(),
            next_token: 1,
            known: Vec::new(),
        }
    }

    /// Takes our own journal back, from one of these places on.
    pub(super) const fn taking(journal: JournalId, key: VerifyingKey, known: Vec<Point>) -> Self {
        let pending = VecDeque::new();
        Self { journal, key, last_seal: None, unsealed: None, pending, next_token: FIRST_TAKING_TOKEN, known }
    }

    pub(super) const fn journal(&self) -> &JournalId {
        &self.journal
    }

    pub(super) const fn writer(&self) -> Writer {
        self.journal.writer
    }

    /// What the lane says first.
    pub(super) fn want(&self) -> Want {
        Want { writer: self.journal.writer, after: self.last_seal.clone() }
    }

    /// Frames of another journal have no lane here.
    pub(super) fn check(&self, writer: Writer) -> Result<(), PeerFault> {
        same_journal(&self.journal, writer)
    }

    /// A writer whose journal ends before what it once sealed for us was restored from an old copy. It sees that from our
    /// `Want`, and asks for what it lost.
    pub(super) fn announced(&self, head: Option<FactNo>) -> Result<(), PeerFault> {
        match &self.last_seal {
            Some(seal) if self.journal.writer != Writer::Node && head.is_none_or(|head| head < seal.no) => {
                Err(PeerFault::Forked(Box::new(Fork { seal: seal.clone(), ours: None })))
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn chunk(&mut self, chunk: Chunk) -> Result<Option<Batch>, PeerFault> {
        let texts: usize = chunk.records.iter().map(FactRecord::weight).sum();
        let bytes = chunk.bodies.iter().map(Vec::len).sum::<usize>() + texts;
        if chunk.bodies.is_empty() || (bytes > CHUNK_MAX_BYTES && chunk.bodies.len() > 1) {
            return Err(PeerFault::ChunkSize { bytes, facts: chunk.bodies.len() });
        }
        if self.pending.len() >= WINDOW_LOADS {
            return Err(PeerFault::WindowOverrun);
        }
        let mut run = match self.unsealed.take() {
            Some(run) => run,
            None => self.begin(&chunk)?,
        };
        let expected = next_no(run.last).ok_or(PeerFault::NumbersSpent)?;
        if chunk.first != expected {
            return Err(PeerFault::Gap { expected, got: chunk.first });
        }
        if !records_are_sound(&chunk) {
            return Err(PeerFault::TooLong);
        }
        run.bytes = run.bytes.saturating_add(texts);
        run.records.extend(chunk.records);
        for body in chunk.bodies {
            run.last = next_no(run.last).ok_or(PeerFault::NumbersSpent)?;
            run.head = chain::link(&run.head, run.last, &body);
            run.bytes = run.bytes.saturating_add(body.len());
            run.bodies.push(body);
        }
        if run.bytes > UNSEALED_MAX_BYTES {
            return Err(PeerFault::CommitTooLarge);
        }
        let Some(seal) = chunk.seal else {
            self.unsealed = Some(run);
            return Ok(None);
        };
        if seal.no != run.last || *seal.head() != run.head {
            return Err(PeerFault::BadChain(run.last));
        }
        if !seal.verify(&self.key, &self.journal) {
            return Err(PeerFault::BadSeal(run.last));
        }
        let token = self.next_token;
        self.next_token += 1;
        self.pending.push_back((token, run.last));
        self.last_seal = Some(seal.clone());
        Ok(Some(Batch {
            writer: self.journal.writer,
            token,
            first: run.first,
            bodies: run.bodies,
            seal,
            records: run.records,
        }))
    }

    /// Whether the journal's writer made this seal.
    pub(super) fn is_sealed(&self, seal: &Seal) -> bool {
        seal.verify(&self.key, &self.journal)
    }

    /// Batches become durable in the order in which they were handed out.
    pub(super) fn persisted(&mut self, token: u64) -> Result<Ack, ShellFault> {
        match self.pending.pop_front() {
            Some((expected, upto)) if expected == token => Ok(Ack { writer: self.journal.writer, upto }),
            Some(_) | None => Err(ShellFault),
        }
    }

    /// A run that begins where what is held ends, or with the opening of the next epoch, whose key it then is. What comes back goes
    /// on from a place of our own history, which is never taken on trust.
    fn begin(&mut self, chunk: &Chunk) -> Result<Unsealed, PeerFault> {
        let first = chunk.first;
        let body = chunk.bodies.first().map_or(&[][..], Vec::as_slice);
        let before = match &self.last_seal {
            Some(seal) => Some(Point::new(seal.no, *seal.head())),
            None => goes_on_from(first, body).and_then(|no| self.known.iter().find(|point| point.no == no)).cloned(),
        };
        let (last, head) = match &before {
            Some(point) if first.epoch == point.no.epoch => (point.no, *point.head()),
            Some(point) if first.epoch < point.no.epoch => {
                let expected = next_no(point.no).ok_or(PeerFault::NumbersSpent)?;
                return Err(PeerFault::Gap { expected, got: first });
            }
            Some(_) | None => (FactNo { epoch: first.epoch, number: 0 }, chain::start(&self.journal, first.epoch)),
        };
        if first.epoch > 1 && first.number == 1 {
            let previous = before.is_some().then_some(&self.key);
            let key = opening(&self.journal, first.epoch, before.as_ref(), previous, body);
            let key = key.map_err(|why| PeerFault::BadEpoch(first, why))?;
            if before.is_none() && !self.known.is_empty() {
                return Err(PeerFault::BadEpoch(first, EpochFault::OtherParent));
            }
            self.key = key;
        }
        Ok(Unsealed { first, last, head, bodies: Vec::new(), records: Vec::new(), bytes: 0 })
    }
}

/// Whether each text belongs to a fact of the chunk, in order and once, and none is longer than a record may be.
fn records_are_sound(chunk: &Chunk) -> bool {
    let place = |found: &FactRecord| (found.number, found.record.slot);
    let last = last_no(chunk.first, chunk.bodies.len()).map(|no| no.number);
    chunk.records.is_sorted_by(|one, next| place(one) < place(next))
        && chunk.records.iter().all(|found| {
            found.number >= chunk.first.number
                && Some(found.number) <= last
                && usize::from(found.record.slot) < FACT_TEXTS_MAX
                && found.record.text.chars().count() <= RECORD_TEXT_MAX_CHARS
        })
}

fn same_journal(journal: &JournalId, writer: Writer) -> Result<(), PeerFault> {
    if journal.writer == writer { Ok(()) } else { Err(PeerFault::NoLane(writer)) }
}

fn next_no(no: FactNo) -> Option<FactNo> {
    Some(FactNo { epoch: no.epoch, number: no.number.checked_add(1)? })
}

/// The number of the last of `count` facts; none if there is no such.
fn last_no(first: FactNo, count: usize) -> Option<FactNo> {
    let more = u64::try_from(count).ok()?.checked_sub(1)?;
    Some(FactNo { epoch: first.epoch, number: first.number.checked_add(more)? })
}
