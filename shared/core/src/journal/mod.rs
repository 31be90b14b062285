//! The journal: what happened at a store, in order, never changed. A correction is a new fact.
//!
//! - [`fact`]: what can happen, and how it is stored: canonical CBOR `[kind, body]`.
//! - [`chain`]: the hash chain over the stored bytes and the seals that sign its head.
//! - [`epoch`]: how one epoch follows another, and the keys that seal them.
//! - [`branch`]: what becomes of a history that another one replaced.
//! - [`text`]: texts beside facts, which keep commitments to them.

pub mod branch;
mod canonical;
pub mod chain;
pub mod epoch;
pub mod fact;
pub mod text;

/// Proof that facts are durable. Effects are released only against it.
///
/// [`Committed::after_durable_commit`] is called in exactly one place, where the store's transaction returned from its
/// commit; clippy forbids it elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Committed(());

impl Committed {
    /// States that the transaction holding the facts is on disk.
    #[must_use]
    pub const fn after_durable_commit() -> Self {
        Self(())
    }
}
