//! Documents: what people edit in two places, merged without a referee.
//!
//! A document is a small automerge CRDT that two sides, headquarters and one store, edit while apart. [`Document::open`] is
//! the only door: it takes the stored chunks and an actor id, so nothing here draws randomness. Money, balances, roles and
//! credentials never live in a document; they are facts.
//!
//! How a document is kept: after every edit and every received message take [`Document::take_changes`] and append it
//! durably; nothing is sent to a peer before that. [`Document::compact`] replaces all chunks by one.
//!
//! Rights are per document: whoever may write one may write all of it, so the views trust nothing about its shape.

pub mod limits;

mod announcements;
mod chunk;
mod document;
mod measure;
mod set;
mod sync;

pub use announcements::{Announcement, EditError, Field, announcements_id};
pub use document::{Corrupt, Document};
pub use set::{Set, digest};
pub use sync::{Changed, PeerFault, PeerSync, generate, receive};
