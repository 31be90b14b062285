//! The fold that makes a day's figures. Node and hub run the same one, so their sums can only differ by facts not yet synced.
//!
//! A payment counts once as paid, on the business day of its intent; a void and each refund count as movements of their own
//! on the day they happen. Net is paid minus voided minus refunded.

use crate::{
    journal::fact::{Fact, Place},
    money::Fen,
    secret::Wallet,
};

/// Which way money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Movement {
    /// In.
    Paid,
    /// Back, whole, by void.
    Voided,
    /// Back, by refund.
    Refunded,
}

impl Movement {
    /// The name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Voided => "voided",
            Self::Refunded => "refunded",
        }
    }

    /// Reads [`Self::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Paid, Self::Voided, Self::Refunded].into_iter().find(|movement| movement.as_str() == text)
    }
}

/// One movement to add: count 1, and the amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatChange {
    /// Which way.
    pub movement: Movement,
    /// Which wallet.
    pub wallet: Wallet,
    /// Day, hour, till and cashier.
    pub place: Place,
    /// How much.
    pub amount: Fen,
}

/// What a fact adds to its day.
#[must_use]
pub fn count(fact: &Fact) -> Option<StatChange> {
    let (movement, wallet, place, amount) = match fact {
        Fact::Paid(f) => (Movement::Paid, f.wallet, &f.place, f.amount),
        Fact::Reversed(f) if f.void_no.is_some() => (Movement::Voided, f.wallet, &f.place, f.amount),
        Fact::Refunded(f) => (Movement::Refunded, f.wallet, &f.place, f.amount),
        Fact::Reversed(_)
        | Fact::Opened(_)
        | Fact::AccountSet(_)
        | Fact::ApiKeyCreated(_)
        | Fact::Intended(_)
        | Fact::Pended(_)
        | Fact::Doubted(_)
        | Fact::Declined(_)
        | Fact::Closed(_)
        | Fact::Quarantined(_)
        | Fact::HandedOver(_)
        | Fact::NotHandedOver(_)
        | Fact::CancelAsked(_)
        | Fact::ReversalIntended(_)
        | Fact::ReversalRefused(_)
        | Fact::RefundIntended(_)
        | Fact::RefundRefused(_) => return None,
    };
    Some(StatChange { movement, wallet, place: place.clone(), amount })
}
