//! What can happen to a payment. In every kind `order_no` names the charge and `at` is the trusted time when this store
//! recorded it; the other fields carry their own sentence where the name does not say it all.
#![allow(missing_docs, reason = "fields named as in design section 5 mean the same in every fact; see the header")]

mod charge;
mod decision;
mod returns;

use minicbor::{Decode, Encode};

use crate::{
    family::family,
    ids::{AccountId, OrderNo, TillId},
    money::Fen,
    people::Idempotency,
    show::show,
    time::Day,
};

pub use charge::{
    Closed, ClosedReason, DayCorrected, Declined, Doubted, Intended, LateChecked, NumberUsed, Paid, Pended, Quarantined,
};
pub use decision::{CancelAsked, HandedOver, NotHandedOver, Settled, Settlement};
pub use returns::{
    GiveBackOwed, RefundIntended, RefundRefused, Refunded, ReversalIntended, ReversalRefused, Reversed, TakeBack,
};

family! {
    /// A charge was about to be sent.
    20 => Intended[remark],
    /// The customer is acting, after a doubt.
    21 => Pended,
    /// No explicit answer: the charge may or may not have taken money.
    22 => Doubted[detail],
    /// Money was taken: explicit, matching answer.
    23 => Paid,
    /// The acquirer refused; no money moved.
    24 => Declined[message],
    /// Ended without ever having taken money.
    25 => Closed[message],
    /// A paid answer that does not match its intent: a person must look.
    26 => Quarantined[detail],
    /// The cashier handed the goods over during a doubt: never reverse by itself.
    27 => HandedOver,
    /// The goods stayed in the shop: reverse as soon as reachable.
    28 => NotHandedOver,
    /// The cashier gave the payment up: ask, and take it back.
    29 => CancelAsked,
    /// A reversal was about to be sent, under this number.
    30 => ReversalIntended,
    /// Taken and given back whole.
    31 => Reversed,
    /// The acquirer refused to reverse.
    32 => ReversalRefused[message],
    /// Money came that must go back: owed until it is done.
    33 => GiveBackOwed,
    /// A late check found no money.
    34 => LateChecked,
    /// The first send was answered "number used": an order of this number was there before.
    35 => NumberUsed[detail],
    /// A person ended what only a person can end.
    36 => Settled[note],
    /// The clock was in doubt when the charge was intended, and its day is another.
    37 => DayCorrected,
    /// A refund was about to be sent, under this number.
    40 => RefundIntended[reason],
    /// The refund's money went back.
    41 => Refunded,
    /// The refund was refused; the money stayed.
    42 => RefundRefused[message],
}

impl Fact {
    /// The charge it is about.
    #[must_use]
    pub const fn order_no(&self) -> OrderNo {
        match self {
            Self::Intended(f) => f.order_no,
            Self::Pended(f) => f.order_no,
            Self::Doubted(f) => f.order_no,
            Self::Paid(f) => f.order_no,
            Self::Declined(f) => f.order_no,
            Self::Closed(f) => f.order_no,
            Self::Quarantined(f) => f.order_no,
            Self::HandedOver(f) => f.order_no,
            Self::NotHandedOver(f) => f.order_no,
            Self::CancelAsked(f) => f.order_no,
            Self::ReversalIntended(f) => f.order_no,
            Self::Reversed(f) => f.order_no,
            Self::ReversalRefused(f) => f.order_no,
            Self::GiveBackOwed(f) => f.order_no,
            Self::LateChecked(f) => f.order_no,
            Self::NumberUsed(f) => f.order_no,
            Self::Settled(f) => f.order_no,
            Self::DayCorrected(f) => f.order_no,
            Self::RefundIntended(f) => f.order_no,
            Self::Refunded(f) => f.order_no,
            Self::RefundRefused(f) => f.order_no,
        }
    }

    /// The number it draws from its journal's sequence.
    #[must_use]
    pub const fn draws(&self) -> Option<OrderNo> {
        match self {
            Self::Intended(f) => Some(f.order_no),
            Self::ReversalIntended(f) => Some(f.reversal_no),
            Self::RefundIntended(f) => Some(f.refund_no),
            Self::Pended(_)
            | Self::Doubted(_)
            | Self::Paid(_)
            | Self::Declined(_)
            | Self::Closed(_)
            | Self::Quarantined(_)
            | Self::HandedOver(_)
            | Self::NotHandedOver(_)
            | Self::CancelAsked(_)
            | Self::Reversed(_)
            | Self::ReversalRefused(_)
            | Self::GiveBackOwed(_)
            | Self::LateChecked(_)
            | Self::NumberUsed(_)
            | Self::Settled(_)
            | Self::DayCorrected(_)
            | Self::Refunded(_)
            | Self::RefundRefused(_) => None,
        }
    }

    /// The void or refund whose row it makes or changes.
    #[must_use]
    pub fn return_no(&self) -> Option<OrderNo> {
        match self {
            Self::ReversalIntended(f) => f.void.as_ref().map(|_| f.reversal_no),
            Self::Reversed(f) => f.void_no,
            Self::ReversalRefused(f) => f.void_no,
            Self::RefundIntended(f) => Some(f.refund_no),
            Self::Refunded(f) => Some(f.refund_no),
            Self::RefundRefused(f) => Some(f.refund_no),
            Self::Intended(_)
            | Self::Pended(_)
            | Self::Doubted(_)
            | Self::Paid(_)
            | Self::Declined(_)
            | Self::Closed(_)
            | Self::Quarantined(_)
            | Self::HandedOver(_)
            | Self::NotHandedOver(_)
            | Self::CancelAsked(_)
            | Self::GiveBackOwed(_)
            | Self::LateChecked(_)
            | Self::NumberUsed(_)
            | Self::Settled(_)
            | Self::DayCorrected(_) => None,
        }
    }

    /// The charge, void or refund whose money moved by it at somebody's wish: a receipt is due. A doubt taken back moved none.
    #[must_use]
    pub const fn moved(&self) -> Option<OrderNo> {
        match self {
            Self::Paid(f) => Some(f.order_no),
            Self::Reversed(f) => f.void_no,
            Self::Refunded(f) => Some(f.refund_no),
            Self::Intended(_)
            | Self::Pended(_)
            | Self::Doubted(_)
            | Self::Declined(_)
            | Self::Closed(_)
            | Self::Quarantined(_)
            | Self::HandedOver(_)
            | Self::NotHandedOver(_)
            | Self::CancelAsked(_)
            | Self::ReversalIntended(_)
            | Self::ReversalRefused(_)
            | Self::GiveBackOwed(_)
            | Self::LateChecked(_)
            | Self::NumberUsed(_)
            | Self::Settled(_)
            | Self::DayCorrected(_)
            | Self::RefundIntended(_)
            | Self::RefundRefused(_) => None,
        }
    }

    /// The greatest sum it states.
    #[must_use]
    pub fn greatest_amount(&self) -> Option<Fen> {
        match self {
            Self::Intended(f) => Some(f.amount),
            Self::Paid(f) => Some(f.received),
            Self::Quarantined(f) => Some(f.claimed),
            Self::ReversalIntended(f) => Some(f.amount),
            Self::Reversed(f) => Some(f.amount),
            Self::GiveBackOwed(f) => Some(f.amount),
            Self::RefundIntended(f) => Some(f.amount),
            Self::Refunded(f) => Some(f.amount.max(f.refunded).max(f.left)),
            Self::Pended(_)
            | Self::Doubted(_)
            | Self::Declined(_)
            | Self::Closed(_)
            | Self::HandedOver(_)
            | Self::NotHandedOver(_)
            | Self::CancelAsked(_)
            | Self::ReversalRefused(_)
            | Self::LateChecked(_)
            | Self::NumberUsed(_)
            | Self::Settled(_)
            | Self::DayCorrected(_)
            | Self::RefundRefused(_) => None,
        }
    }

    /// The request that caused it, if a person or program asked for it.
    #[must_use]
    pub fn idempotency(&self) -> Option<&Idempotency> {
        match self {
            Self::Intended(f) => Some(&f.idempotency),
            Self::HandedOver(f) => Some(&f.idempotency),
            Self::NotHandedOver(f) => Some(&f.idempotency),
            Self::CancelAsked(f) => Some(&f.idempotency),
            Self::ReversalIntended(f) => f.void.as_ref().map(|void| &void.idempotency),
            Self::RefundIntended(f) => f.approval.as_ref().map(|approval| &approval.idempotency),
            Self::Settled(f) => Some(&f.approval.idempotency),
            Self::Pended(_)
            | Self::Doubted(_)
            | Self::Paid(_)
            | Self::Declined(_)
            | Self::Closed(_)
            | Self::Quarantined(_)
            | Self::Reversed(_)
            | Self::ReversalRefused(_)
            | Self::GiveBackOwed(_)
            | Self::LateChecked(_)
            | Self::NumberUsed(_)
            | Self::DayCorrected(_)
            | Self::Refunded(_)
            | Self::RefundRefused(_) => None,
        }
    }
}

/// Where a movement of money counts in the day's figures.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Place {
    /// The store's business day.
    #[n(0)]
    pub business_day: Day,
    /// The hour on the store's clock, 0 to 23.
    #[n(1)]
    pub hour: u8,
    #[n(2)]
    pub till: TillId,
    #[n(3)]
    pub cashier: AccountId,
}

show! {
    Place { business_day, hour, till, cashier };
}
