//! What goes into a session and what comes out, apart from frames: what each end brings, what the shell has to do, why it ended.

use alloc::{boxed::Box, string::String, vec::Vec};

use ed25519_dalek::SigningKey;

pub use super::fault::{Fork, PeerFault};
use super::{
    frame::{Bye, ByeReason, EnrolRefusal, Enrolled, Frame, Status, Verdict, Word},
    journal_lane::Batch,
};
use crate::{
    ids::{FactNo, StoreId, Writer},
    journal::{chain::Seal, epoch::Point},
    limits::FRAME_MAX_BYTES,
    time::UtcMs,
    trust::{Channel, EnrolmentCode, Grant, Instance, KeyBytes, RosterEntry},
};

/// Longest program version in a hello.
pub const APP_VERSION_MAX_BYTES: usize = 64;

/// Longest document message; what is left of a frame is for its head and the document's name.
pub const DOC_MESSAGE_MAX_BYTES: usize = FRAME_MAX_BYTES - 1024;

/// What a node brings to a session.
#[derive(Debug)]
pub struct NodeConfig {
    /// The node's identity.
    pub identity: SigningKey,
    /// The hub's pinned key.
    pub hub_key: KeyBytes,
    /// The channel's exported secret ([`crate::trust::EXPORTER_LABEL`]).
    pub exporter: [u8; 32],
    /// Random, once.
    pub nonce: [u8; 32],
    /// The program's version.
    pub app_version: String,
    /// What it shows besides.
    pub papers: Papers,
    /// What it comes for.
    pub purpose: Purpose,
}

/// What a node shows in its hello; one that was never let in has nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Papers {
    /// Which program on which folder.
    pub instance: Instance,
    /// The grant of its issuer.
    pub grant: Option<Grant>,
    /// The key's grants before that one, newest first, at most [`crate::limits::EARLIER_GRANTS_MAX`]: facts under their issuers are in
    /// its journal too.
    pub earlier: Vec<Grant>,
    /// The newest roster entry it holds.
    pub entry: Option<RosterEntry>,
}

/// What a node comes for.
#[derive(Debug)]
pub enum Purpose {
    /// To be taken in with this code.
    Enrol(EnrolmentCode),
    /// To sync.
    Sync(Standing),
}

/// Where an end stands with a store's two journals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The store.
    pub store: StoreId,
    /// The last fact of this end's own journal.
    pub outgoing: Option<FactNo>,
    /// The last durable seal of the other end's journal.
    pub incoming: Option<Seal>,
}

/// What a hub brings to a session.
#[derive(Debug)]
pub struct HubConfig {
    /// The hub's identity.
    pub identity: SigningKey,
    /// The key the transport proved; none where the transport proves none (TCP), then the hello alone does.
    pub peer_key: Option<KeyBytes>,
    /// The channel's exported secret.
    pub exporter: [u8; 32],
    /// The program's version.
    pub app_version: String,
}

/// A node whose hello is rightly signed; the roster has the word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its key.
    pub key: KeyBytes,
    /// The store it says it serves.
    pub store: Option<StoreId>,
    /// Its program's version.
    pub app_version: String,
    /// What it shows; nothing of it is checked yet.
    pub papers: Papers,
}

/// What the hub's roster says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorisation {
    /// It may sync.
    Admitted(Standing),
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

/// A node wants to be taken in; the hub finds the code by its id and checks the proof with [`EnrolmentCode::proves`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolRequest {
    /// Both keys and the exporter.
    pub channel: Channel,
    /// Which code.
    pub code_id: [u8; 8],
    /// The proof.
    pub proof: [u8; 32],
    /// Its program's version.
    pub app_version: String,
    /// What it shows, as a node that was let in before; nothing of it is checked yet.
    pub papers: Papers,
}

/// What the shell has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Write to the transport.
    Send(Frame),
    /// Ask the roster; answer with [`super::session::Session::authorised`].
    Authorise(Claim),
    /// Check and use up a code; answer with [`super::session::Session::enrolled`].
    Enrol(EnrolRequest),
    /// What the hub's signed answer to our hello said; before anything else, whatever the verdict.
    Told {
        /// Whether we are let in.
        verdict: Verdict,
        /// The rest.
        word: Word,
    },
    /// The hello is done, frames may have their full size.
    Opened {
        /// The other program's version.
        peer_version: String,
    },
    /// The hub said what time it is, at some moment of the last `round_trip_ms`.
    PeerTime {
        /// Its wall clock.
        said: UtcMs,
        /// From our hello to its answer, in ms.
        round_trip_ms: u64,
    },
    /// Load the first whole commits at or after `from`, all of one epoch, as many as fit `max_bytes` but at least one; answer
    /// with [`super::session::Session::loaded`].
    Load {
        /// Whose journal; its store is the session's. Another's than our own goes back to its writer, which lost it.
        writer: Writer,
        /// From here.
        from: FactNo,
        /// Bytes of bodies wanted at most; one larger commit is fine.
        max_bytes: usize,
    },
    /// Look up the chain's value after this fact of our own journal; answer with [`super::session::Session::head_at`].
    HeadAt(FactNo),
    /// Make these facts durable, in the order given; answer with [`super::session::Session::persisted`]. Of our own journal they
    /// are what we lost: kept until the last of them, [`super::fault::Fork::seal`], has come, and then taken as a whole.
    Persist(Batch),
    /// Our own journal is not what the other end holds of it: refuse to give money back, and ask for what was lost with
    /// [`super::session::Session::recall`].
    Forked(Box<Fork>),
    /// The writer of the journal we hold lost facts: find the first of these places that we have too, keep the seal if it does
    /// not fit, and answer with [`super::session::Session::give_back`].
    Recall {
        /// Places of its history, newest first.
        known: Vec<Point>,
        /// Its last seal, by its own key.
        seal: Option<Seal>,
    },
    /// The other end holds our facts up to here durably.
    Acked(FactNo),
    /// The documents differ: generate what automerge has to say and pass it on with [`super::session::Session::document_message`].
    SyncDocuments,
    /// A document message came; afterwards [`super::session::Session::documents_digest`] and perhaps an answer.
    Document {
        /// Which document.
        doc: String,
        /// The message.
        bytes: Vec<u8>,
    },
    /// How the other end fares.
    PeerStatus(Status),
    /// We were taken in.
    Enrolled(Enrolled),
    /// Close the transport; nothing follows.
    Hangup(Hangup),
}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hangup {
    /// The other end broke the rules.
    Fault(PeerFault),
    /// The hub does not let us in, or we as the hub did not let the node in.
    Refused(Verdict),
    /// The other end said goodbye.
    Peer(Bye),
    /// We did.
    Asked(ByeReason),
    /// Taken in; connect again to sync.
    Enrolled,
    /// Not taken in.
    EnrolRefused(EnrolRefusal),
    /// The other end did not speak in time.
    TimedOut,
    /// Our own shell gave an answer that does not fit.
    Shell,
}
