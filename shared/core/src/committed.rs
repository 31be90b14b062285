//! The proof that lets effects go.

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
