//! What the other end of a session did wrong.

use alloc::boxed::Box;
use core::fmt;

use super::wire::FrameError;
use crate::{
    ids::{FactNo, Writer},
    journal::{
        chain::{ChainHash, Seal},
        epoch::EpochFault,
    },
};

/// What the other end did wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerFault {
    /// Its bytes are no frame.
    Frame(FrameError),
    /// This frame may not come now.
    OutOfTurn(&'static str),
    /// No common version; theirs.
    Version(u16),
    /// The hello names another key than the transport proved, or one nobody can sign with.
    WrongKey,
    /// The hello is not signed for this channel: a box in between, or a replay.
    BadSignature,
    /// A text or message longer than allowed, or a count above what is counted.
    TooLong,
    /// Facts missing, doubled or out of order.
    Gap {
        /// What had to come.
        expected: FactNo,
        /// What came.
        got: FactNo,
    },
    /// The hashes do not lead to the seal, at this fact.
    BadChain(FactNo),
    /// The seal at this fact is not the writer's.
    BadSeal(FactNo),
    /// A chunk empty or too large.
    ChunkSize {
        /// Bytes of its bodies.
        bytes: usize,
        /// Facts in it.
        facts: usize,
    },
    /// A commit larger than [`super::journal_lane::UNSEALED_MAX_BYTES`].
    CommitTooLarge,
    /// More sent than the window allows.
    WindowOverrun,
    /// An acknowledgement of what was not sent.
    AckOfNothing(FactNo),
    /// This fact does not open the epoch it begins.
    BadEpoch(FactNo, EpochFault),
    /// A frame of a journal that does not travel this way.
    NoLane(Writer),
    /// Fact numbers at their end.
    NumbersSpent,
    /// The writer's journal is not the one it once sealed.
    Forked(Box<Fork>),
}

impl fmt::Display for PeerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::OutOfTurn(name) => write!(f, "{name} out of turn"),
            Self::Version(theirs) => write!(f, "protocol version {theirs} is not spoken here"),
            Self::WrongKey => f.write_str("the hello's key is not the connection's"),
            Self::BadSignature => f.write_str("the hello is not signed for this connection"),
            Self::TooLong => f.write_str("a text or message is too long"),
            Self::Gap { expected, got } => write!(f, "fact {got} came where {expected} had to"),
            Self::BadChain(no) => write!(f, "the hash chain is wrong at fact {no}"),
            Self::BadSeal(no) => write!(f, "the seal of fact {no} is wrong"),
            Self::ChunkSize { bytes, facts } => write!(f, "a chunk of {facts} facts and {bytes} bytes"),
            Self::CommitTooLarge => f.write_str("a commit without end"),
            Self::WindowOverrun => f.write_str("more facts than the window allows"),
            Self::AckOfNothing(no) => write!(f, "fact {no} acknowledged but not sent"),
            Self::BadEpoch(no, why) => write!(f, "fact {no}: {why}"),
            Self::NoLane(writer) => write!(f, "the journal of writer {writer} does not travel this way"),
            Self::NumbersSpent => f.write_str("no fact numbers left"),
            Self::Forked(fork) => write!(f, "the journal forked at or before fact {}", fork.seal.no),
        }
    }
}

impl core::error::Error for PeerFault {}

/// Two histories of one journal, as far as this end sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    /// The writer's own signature over what the receiver holds.
    pub seal: Seal,
    /// What the writer's journal has at that number; none if it has nothing there, or if the receiver speaks.
    pub ours: Option<ChainHash>,
}
