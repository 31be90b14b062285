//! What can happen to a bill itself. What its payments claim of it follows from their facts.

use minicbor::{Decode, Encode};

use super::BillKey;
use crate::{
    family::family,
    money::Fen,
    people::Approval,
    show::show,
    text::Text,
    time::{Day, UtcMs},
};

family! {
    /// A bill of the shop's own system was named for the first time.
    50 => Opened,
    /// Its total was changed: an act of its own.
    51 => TotalChanged[note],
}

impl Fact {
    /// Which bill.
    #[must_use]
    pub const fn key(&self) -> &BillKey {
        match self {
            Self::Opened(f) => &f.bill,
            Self::TotalChanged(f) => &f.bill,
        }
    }

    /// What the bill comes to by it.
    #[must_use]
    pub const fn total(&self) -> Fen {
        match self {
            Self::Opened(f) => f.total,
            Self::TotalChanged(f) => f.total,
        }
    }
}

show! {
    Opened { bill, total, business_day, at };
    TotalChanged { bill, total, approval, note, at };
}

/// See [`Fact::Opened`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Opened {
    /// Which bill.
    #[n(0)]
    pub bill: BillKey,
    /// What it comes to.
    #[n(1)]
    pub total: Fen,
    /// The business day on which it was first named.
    #[n(2)]
    pub business_day: Day,
    /// When.
    #[n(3)]
    pub at: UtcMs,
}

/// See [`Fact::TotalChanged`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct TotalChanged {
    /// Which bill.
    #[n(0)]
    pub bill: BillKey,
    /// What it comes to now.
    #[n(1)]
    pub total: Fen,
    /// Who asked, and who approved.
    #[n(2)]
    pub approval: Approval,
    /// Why.
    #[n(3)]
    pub note: Option<Text>,
    /// When.
    #[n(4)]
    pub at: UtcMs,
}
