//! automerge's sync of one document with one peer, fenced: a peer's bytes are bounded, strictly read and tried on a copy
//! first, so that they end in an error and an untouched document, never in a panic or half a merge.
//!
//! Both sides call [`generate`] after opening, after every [`receive`] and after every edit, and send what it gives, until
//! both give `None`. The stream between them must be reliable and in order.

use std::{
    error::Error,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use automerge::{
    AutoCommit, AutomergeError, Change, ReadDoc,
    sync::{BloomFilter, ChunkList, Message, State, SyncDoc},
};

use crate::{
    Document,
    chunk::{self, Kind, Malformed},
    document::is_descended,
    limits::{INFLATED_MAX_BYTES, MERGED_CHANGES_MAX, MESSAGE_MAX_BYTES, OPS_MAX},
    measure::{Measure, Unmeasured},
};

/// Where the sync of one document with one peer stands. One session uses one; the next resumes from its encoding.
#[derive(Clone, Debug, Default)]
pub struct PeerSync {
    state: State,
}

impl PeerSync {
    /// Towards a peer never met.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is worth keeping between sessions. Store it no earlier than the document's changes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.state.encode()
    }

    /// Goes on from an encoding. One that cannot be read, or that names changes the document does not hold (it was restored
    /// from a backup), begins anew: that costs one longer exchange and nothing else.
    #[must_use]
    pub fn resume(encoded: &[u8], document: &mut Document) -> Self {
        match State::decode(encoded) {
            Ok(state) if is_sorted(&state.shared_heads) && state.shared_heads.iter().all(|h| document.holds(h)) => {
                Self { state }
            }
            Ok(_) | Err(_) => Self::new(),
        }
    }
}

/// Whether a message brought anything new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed(pub bool);

/// What is wrong with a peer's message; document and sync state are as before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerFault {
    /// Longer than [`MESSAGE_MAX_BYTES`].
    TooLong,
    /// Not a sync message, or its changes cannot be read or applied.
    Malformed,
    /// Its changes belong to a document that began elsewhere.
    Foreign,
    /// Two different changes under one actor and number: somebody wrote twice under one actor id (a restored disk).
    Forked,
    /// It would bring the document beyond [`MERGED_CHANGES_MAX`].
    TooManyChanges,
    /// It would bring the document beyond [`OPS_MAX`], or a change beyond what an edit writes, or inflates to more than
    /// [`INFLATED_MAX_BYTES`].
    TooLarge,
}

/// The next message to the peer, at most [`MESSAGE_MAX_BYTES`]; `None` when there is nothing to say or an answer is awaited.
///
/// Also `None` as long as changes wait to be taken by [`Document::take_changes`]: a change the peer knows and a crash forgets
/// would later be written again under the same number, and nobody would accept it.
#[must_use]
pub fn generate(document: &mut Document, peer: &mut PeerSync) -> Option<Vec<u8>> {
    if document.has_untaken() {
        return None;
    }
    let message = document.auto.sync().generate_sync_message(&mut peer.state)?;
    let bytes = message.clone().encode();
    if bytes.len() <= MESSAGE_MAX_BYTES {
        return Some(bytes);
    }
    Some(shorten(document, peer, message))
}

/// Takes in a peer's message. What it changed is to be taken and stored before the next [`generate`].
///
/// # Errors
/// Says what is wrong with the message; the session should end.
pub fn receive(document: &mut Document, peer: &mut PeerSync, bytes: &[u8]) -> Result<Changed, PeerFault> {
    if bytes.len() > MESSAGE_MAX_BYTES {
        return Err(PeerFault::TooLong);
    }
    let before = document.auto.get_heads();
    let (auto, state) = (document.auto.clone(), peer.state.clone());
    // The library asserts on some states only a hostile peer can cause. Nothing of ours is inside, only copies, so a panic
    // leaves nothing half done.
    let tried = catch_unwind(AssertUnwindSafe(|| apply(auto, state, bytes))).unwrap_or(Err(PeerFault::Malformed));
    let Merged { mut auto, state, waiting } = tried?;
    let waiting = if auto.get_missing_deps(&[]).is_empty() { 0 } else { document.waiting.saturating_add(waiting) };
    let total = auto.stats().num_changes.saturating_add(u64::try_from(waiting).unwrap_or(u64::MAX));
    if total > MERGED_CHANGES_MAX {
        return Err(PeerFault::TooManyChanges);
    }
    let changed = Changed(auto.get_heads() != before);
    document.auto = auto;
    document.waiting = waiting;
    peer.state = state;
    Ok(changed)
}

struct Merged {
    auto: AutoCommit,
    state: State,
    /// How many of the message's changes build on others not here yet.
    waiting: usize,
}

fn apply(mut auto: AutoCommit, mut state: State, bytes: &[u8]) -> Result<Merged, PeerFault> {
    let message = Message::decode(bytes).map_err(|_| PeerFault::Malformed)?;
    if !is_plausible(&message) {
        return Err(PeerFault::Malformed);
    }
    let mut measured = Measure { ops: auto.stats().num_ops, bytes: 0 };
    for run in message.changes.iter() {
        chunk::measure(run, &mut measured).map_err(|why| match why {
            Unmeasured::Malformed => PeerFault::Malformed,
            Unmeasured::TooLarge => PeerFault::TooLarge,
        })?;
    }
    let mut changes = Vec::new();
    for run in message.changes.iter() {
        changes.extend(chunk::changes(run).map_err(|Malformed| PeerFault::Malformed)?);
    }
    if !changes.iter().all(is_descended) {
        return Err(PeerFault::Foreign);
    }
    auto.sync().receive_sync_message(&mut state, message).map_err(|error| match error {
        AutomergeError::DuplicateSeqNumber(..) | AutomergeError::DuplicateActorId(_) => PeerFault::Forked,
        _ => PeerFault::Malformed,
    })?;
    let waiting = changes.iter().filter(|change| auto.get_change_meta_by_hash(&change.hash()).is_none()).count();
    Ok(Merged { auto, state, waiting })
}

/// What the library takes for granted: it repeats the peer's heads as sorted, and believes its filter's parameters.
fn is_plausible(message: &Message) -> bool {
    const HAVE_MAX: usize = 1;
    is_sorted(&message.heads)
        && message.have.len() <= HAVE_MAX
        && message.have.iter().all(|have| is_sorted(&have.last_sync) && has_our_parameters(&have.bloom))
}

/// A filter of 0 bits an entry divides by zero, and one of 4 billion probes takes 16 GB: only the values that every automerge
/// writes (10 bits, 7 probes) are let in.
fn has_our_parameters(bloom: &BloomFilter) -> bool {
    const BITS_AND_PROBES: [u8; 2] = [10, 7];
    let bytes = bloom.to_bytes();
    let mut after_count = bytes.iter().skip_while(|byte| **byte & 0x80 != 0).skip(1);
    bytes.is_empty() || BITS_AND_PROBES.iter().all(|wanted| after_count.next() == Some(wanted))
}

fn is_sorted<T: Ord>(hashes: &[T]) -> bool {
    hashes.is_sorted_by(|a, b| a < b)
}

/// Keeps as many of the message's changes as fit, oldest first, and marks the rest as not sent; the peer's answer to these
/// calls for more.
fn shorten(document: &mut Document, peer: &mut PeerSync, message: Message) -> Vec<u8> {
    // A change's length prefix, and that of the list.
    const PREFIX_MAX_BYTES: usize = 5;
    let changes = changes_of(document, peer, &message);
    let mut short = Message { changes: ChunkList::empty(), ..message };
    let mut room = MESSAGE_MAX_BYTES.saturating_sub(short.clone().encode().len() + PREFIX_MAX_BYTES);
    let mut kept = Vec::new();
    for mut change in changes {
        let bytes = change.bytes().into_owned();
        let needed = bytes.len() + PREFIX_MAX_BYTES;
        if room < needed {
            // Nothing after it either: what builds on it could only wait.
            room = 0;
            peer.state.sent_hashes.remove(&change.hash());
        } else {
            room -= needed;
            kept.push(bytes);
        }
    }
    short.changes = ChunkList::from(kept);
    short.encode()
}

fn changes_of(document: &mut Document, peer: &PeerSync, message: &Message) -> Vec<Change> {
    let run = message.changes.iter().collect::<Vec<_>>().concat();
    match chunk::split(&run) {
        // Instead of the whole document, what the peer lacks: its heads move with every message, so each brings it further.
        Ok((Kind::Document, ..)) => document.auto.get_changes(&peer.state.shared_heads),
        Ok((Kind::Change, ..)) => chunk::changes(&run).expect("the library reads what it just wrote"),
        Err(Malformed) => Vec::new(),
    }
}

impl fmt::Display for PeerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "sync message longer than {MESSAGE_MAX_BYTES} bytes"),
            Self::Malformed => f.write_str("malformed sync message"),
            Self::Foreign => f.write_str("changes of a document that began elsewhere"),
            Self::Forked => f.write_str("two different changes under one actor and number"),
            Self::TooLarge => write!(f, "more than {OPS_MAX} operations or {INFLATED_MAX_BYTES} bytes"),
            Self::TooManyChanges => write!(f, "more than {MERGED_CHANGES_MAX} changes"),
        }
    }
}

impl Error for PeerFault {}
