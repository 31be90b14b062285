//! The messages between node and hub: CBOR `[kind, body]`, body a map of numbered fields.

use alloc::{boxed::Box, string::String, vec::Vec};

use minicbor::{
    Decode, Decoder, Encode, Encoder,
    decode::Error as DecodeError,
    encode::{Error as EncodeError, Write},
};

use crate::{
    ids::{FactNo, OrderNo, StoreId, Writer},
    journal::{chain::Seal, epoch::Point, text::Record},
    time::{DayRule, UtcMs},
    trust::{Grant, Instance, KeyBytes, RosterEntry},
};

macro_rules! frames {
    ($($(#[$doc:meta])* $kind:literal $name:ident,)*) => {
        /// One message between node and hub.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Frame {
            $($(#[$doc])* $name($name),)*
        }

        impl Frame {
            /// The kind's name, for logs.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)*
                }
            }
        }

        impl<C> Encode<C> for Frame {
            fn encode<W: Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), EncodeError<W::Error>> {
                e.array(2)?;
                match self {
                    $(Self::$name(body) => body.encode(e.u8($kind)?, ctx),)*
                }
            }
        }

        impl<'b, C> Decode<'b, C> for Frame {
            fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, DecodeError> {
                if d.array()? != Some(2) {
                    return Err(DecodeError::message("a frame is [kind, body]"));
                }
                match d.u8()? {
                    $($kind => $name::decode(d, ctx).map(Self::$name),)*
                    _ => Err(DecodeError::message("no such frame")),
                }
            }
        }

        $(impl From<$name> for Frame {
            fn from(body: $name) -> Self {
                Self::$name(body)
            }
        })*
    };
}

// Kind 10 is kept for provisional copies of new facts sent ahead of a backlog.
frames! {
    /// The node's first frame.
    1 Hello,
    /// The hub's first frame.
    2 HelloAnswer,
    /// A node without a store asks to be taken in.
    3 Enrol,
    /// It was.
    4 Enrolled,
    /// It was not.
    5 EnrolRefused,
    /// How far the sender's own journal reaches.
    6 Have,
    /// Where the receiver of a journal wants it from.
    7 Want,
    /// Facts.
    8 Chunk,
    /// Facts are durable at the receiver.
    9 Ack,
    /// The state of all documents in one hash.
    11 DocDigest,
    /// One document's sync message.
    12 DocMessage,
    /// How the sender fares.
    13 Status,
    /// The last frame before hanging up.
    14 Bye,
    /// A writer that lost facts asks the receiver of its journal for them.
    15 Recall,
}

/// The node says who it is and what it claims; signed over the channel.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Hello {
    /// The newest protocol it speaks.
    #[n(0)]
    pub version: u16,
    /// Its public key; on QUIC it must be the one the transport proved.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub key: KeyBytes,
    /// The store it serves; none before enrolment.
    #[n(2)]
    pub store: Option<StoreId>,
    /// Its program's version, for people.
    #[n(3)]
    pub app_version: String,
    /// Random, once.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub nonce: [u8; 32],
    /// Which program on which folder.
    #[n(5)]
    pub instance: Instance,
    /// The hub's own word that this key was let in, for a hub that lost it.
    #[n(6)]
    pub grant: Option<Box<Grant>>,
    /// The newest roster entry it holds, so that a hub that lost it signs newer ones.
    #[n(7)]
    pub entry: Option<Box<RosterEntry>>,
    /// The key's grants before that one, newest first, for a hub that lost them.
    #[n(8)]
    pub earlier: Vec<Grant>,
    /// Over all of the above and the channel.
    #[cbor(n(9), with = "minicbor::bytes")]
    pub signature: [u8; 64],
}

/// What the hub's roster says about a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Verdict {
    /// Welcome.
    #[n(0)]
    Ok,
    /// No such node.
    #[n(1)]
    Unknown,
    /// The node's rights were taken away.
    #[n(2)]
    Revoked,
    /// The node belongs to another store.
    #[n(3)]
    WrongStore,
    /// Nothing but an enrolment will be heard.
    #[n(4)]
    EnrolOnly,
    /// Another box serves the store now; the answer carries the signed entry that says so.
    #[n(5)]
    Replaced,
    /// Another box with the same key is connected.
    #[n(6)]
    Duplicate,
    /// The hub cannot tell now; come back.
    #[n(7)]
    Later,
}

impl Verdict {
    /// The name in notes, logs and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Revoked => "revoked",
            Self::WrongStore => "wrong_store",
            Self::EnrolOnly => "enrol_only",
            Self::Replaced => "replaced",
            Self::Duplicate => "duplicate",
            Self::Later => "later",
        }
    }
}

/// The hub's answer; signed over the channel and the hello's nonce.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct HelloAnswer {
    /// The protocol to speak.
    #[n(0)]
    pub version: u16,
    /// What the roster says.
    #[n(1)]
    pub verdict: Verdict,
    /// The hub program's version, for people.
    #[n(2)]
    pub app_version: String,
    /// What else the hub says.
    #[n(3)]
    pub word: Word,
    /// The hub's time when it answered, for the node's trusted time.
    #[n(4)]
    pub time: Option<UtcMs>,
    /// Over all of the above, the nonce and the channel.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub signature: [u8; 64],
}

/// What the hub's answer carries besides its verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Word {
    /// Who serves the store; with every refusal of a box that once did.
    #[n(0)]
    pub entry: Option<RosterEntry>,
    /// The last order number the hub saw in the store's journal; the next ones lie above it.
    #[n(1)]
    pub last_no: Option<OrderNo>,
    /// Where the hub is reached from now on, as host and port, if it moves.
    #[n(2)]
    pub address: Option<String>,
}

/// A new node proves that it holds an enrolment code.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Enrol {
    /// Which code.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub code_id: [u8; 8],
    /// [`crate::trust::EnrolmentCode::proof`].
    #[cbor(n(1), with = "minicbor::bytes")]
    pub proof: [u8; 32],
}

/// What a node learns when it is taken in.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Enrolled {
    /// The store's name, for people.
    #[n(0)]
    pub store_name: String,
    /// Its store and its number in order numbers, signed.
    #[n(1)]
    pub grant: Grant,
    /// Where what the hub holds of the store's journal ends: a box with a journal of its own to begin goes on from there, in the
    /// next epoch.
    #[n(2)]
    pub held: Option<Point>,
}

/// Why a node is not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum EnrolRefusal {
    /// No open code has this id, or the proof is wrong.
    #[n(0)]
    WrongCode,
    /// Its time is over.
    #[n(1)]
    Expired,
    /// It was used.
    #[n(2)]
    Used,
    /// The node's key already serves a store.
    #[n(3)]
    KnownKey,
    /// The hub cannot now; try again.
    #[n(4)]
    TryAgain,
    /// The store is closed.
    #[n(5)]
    Closed,
}

/// The node is not taken in.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct EnrolRefused {
    /// Why.
    #[n(0)]
    pub reason: EnrolRefusal,
}

/// How far the sender's own journal reaches.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Have {
    /// Whose journal; its store is the session's.
    #[n(0)]
    pub writer: Writer,
    /// The last fact; none if the journal is empty.
    #[n(1)]
    pub head: Option<FactNo>,
}

/// Where the receiver of a journal stands.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Want {
    /// Whose journal; its store is the session's.
    #[n(0)]
    pub writer: Writer,
    /// The last seal it holds: it wants what follows. The seal is the writer's own signature, so a fork cannot be denied.
    #[n(1)]
    pub after: Option<Seal>,
}

/// Consecutive facts.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Chunk {
    /// Whose journal; its store is the session's.
    #[n(0)]
    pub writer: Writer,
    /// The number of the first.
    #[n(1)]
    pub first: FactNo,
    /// Their stored bytes.
    #[cbor(n(2), with = "bodies")]
    pub bodies: Vec<Vec<u8>>,
    /// Over the last; none while a commit larger than a chunk is under way.
    #[n(3)]
    pub seal: Option<Seal>,
    /// The texts of these facts, as far as they are not erased, in the order of facts and slots.
    #[n(4)]
    pub records: Vec<FactRecord>,
}

/// A text beside a fact of the same chunk.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct FactRecord {
    /// The fact's number; its epoch is the chunk's.
    #[n(0)]
    pub number: u64,
    /// The text.
    #[n(1)]
    pub record: Record,
}

impl FactRecord {
    /// About how many bytes it takes on the wire.
    #[must_use]
    pub const fn weight(&self) -> usize {
        const HEAD: usize = 40;
        HEAD + self.record.text.len()
    }
}

/// A writer whose journal is not what the receiver holds asks for what follows the newest of these places that both have. It
/// comes in chunks of the writer's journal, against the usual way.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Recall {
    /// Whose journal; its store is the session's.
    #[n(0)]
    pub writer: Writer,
    /// Places of the writer's own history, newest first, the beginning last.
    #[n(1)]
    pub known: Vec<Point>,
    /// The writer's last seal: its own proof, where it does not fit what the receiver holds.
    #[n(2)]
    pub seal: Option<Seal>,
}

/// Everything up to here is durable at the receiver.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Ack {
    /// Whose journal; its store is the session's.
    #[n(0)]
    pub writer: Writer,
    /// The number under a seal.
    #[n(1)]
    pub upto: FactNo,
}

/// The state of all documents in one hash.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DocDigest {
    /// SHA-256 over the sorted documents and their heads; the shell computes it.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub digest: [u8; 32],
}

/// One document's sync message; this code does not look inside.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DocMessage {
    /// Which document.
    #[n(0)]
    pub doc: String,
    /// The message.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

/// How an end fares, for the other's screens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Status {
    /// Facts of its own journal not yet acknowledged; none: it has not counted them yet.
    #[n(0)]
    pub unsent: Option<u64>,
    /// When the oldest of them was recorded.
    #[n(1)]
    pub oldest_unsent_at: Option<UtcMs>,
    /// Its program's version.
    #[n(2)]
    pub app_version: String,
    /// Its wall clock minus trusted time, in ms to the second; none before somebody told it the time.
    #[n(3)]
    pub clock_offset_ms: Option<i64>,
    /// Its store's day; told from version 2 on, and left out before.
    #[n(4)]
    pub day: Option<DayRule>,
}

/// Why an end hangs up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum ByeReason {
    /// It stops, or restarts; come back.
    #[n(0)]
    Stopping,
    /// The other broke the protocol.
    #[n(1)]
    PeerFault,
    /// The two histories of one journal differ.
    #[n(2)]
    Forked,
    /// The node's rights were taken away while it was connected.
    #[n(3)]
    Revoked,
    /// A newer session of the same node took over.
    #[n(4)]
    Replaced,
    /// No common protocol version.
    #[n(5)]
    Version,
    /// Its own disk or program failed; come back later.
    #[n(6)]
    OwnFault,
    /// The hello did not come in time.
    #[n(7)]
    TooSlow,
}

/// The last frame.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Bye {
    /// Why.
    #[n(0)]
    pub reason: ByeReason,
    /// For a fork: the seal that the other end's journal does not contain.
    #[n(1)]
    pub evidence: Option<Seal>,
}

/// Fact bodies as an array of byte strings.
mod bodies {
    use super::{DecodeError, Decoder, EncodeError, Encoder, Vec, Write};

    pub(super) fn encode<C, W: Write>(
        bodies: &[Vec<u8>],
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        e.array(u64::try_from(bodies.len()).expect("memory holds fewer than 2^64 facts"))?;
        for body in bodies {
            e.bytes(body)?;
        }
        Ok(())
    }

    pub(super) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<Vec<Vec<u8>>, DecodeError> {
        let count = d.array()?.ok_or_else(|| DecodeError::message("an array without a length"))?;
        // No capacity from the wire: a false count ends at the first missing body.
        let mut bodies = Vec::new();
        for _ in 0..count {
            bodies.push(d.bytes()?.to_vec());
        }
        Ok(bodies)
    }
}
