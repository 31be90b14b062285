//! Worlds that are wrong on purpose: each shows that an invariant can fail.

use crate::oracle::Invariant;

/// What is done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// Each request reaches the acquirer twice.
    RequestSentTwice,
    /// After the mending no wait ends any more.
    NobodyWakes,
    /// A power cut takes what was synced with it.
    DiskLosesSynced,
    /// The hub acknowledges what it does not keep.
    HubAcknowledgesFirst,
}

impl Mutant {
    /// All of them, each with the invariants that may catch it.
    pub const ALL: [(Self, &'static [Invariant]); 4] = [
        (Self::RequestSentTwice, &[]),
        (Self::NobodyWakes, &[Invariant::AllSettles]),
        (Self::DiskLosesSynced, &[Invariant::AcknowledgedIsDurable]),
        (Self::HubAcknowledgesFirst, &[Invariant::HubKeepsWhatItAcknowledged, Invariant::HubIsTheNode]),
    ];
}
