//! What can happen to a payment. In every kind `order_no` names the charge and `at` is the trusted time when this store
//! recorded it; the other fields carry their own sentence where the name does not say it all.
#![allow(missing_docs, reason = "fields named as in design section 5 mean the same in every fact; see the header")]

use alloc::string::String;

use minicbor::{Decode, Encode};

use crate::{
    bill::BillKey,
    family::family,
    ids::{AccountId, OrderNo, TillId},
    money::Fen,
    people::{Approval, Idempotency},
    secret::{CodeTrace, Wallet},
    text::Text,
    time::{Day, UtcMs},
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

/// See [`Fact::Intended`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Intended {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
    #[n(2)]
    pub amount: Fen,
    #[n(3)]
    pub code: CodeTrace,
    #[n(4)]
    pub acquirer: String,
    /// The acquirer's registered terminal.
    #[n(5)]
    pub termno: String,
    /// Where the payment counts: day, hour, till, cashier.
    #[n(6)]
    pub place: Place,
    /// What it pays. Without one the sale is a bill of its own: the counter's, numbered like the charge, of its amount.
    #[n(7)]
    pub bill: Option<BillKey>,
    #[n(8)]
    pub remark: Option<Text>,
    #[n(9)]
    pub idempotency: Idempotency,
    /// Whether no witness vouched for the time.
    #[n(10)]
    pub clock_doubted: bool,
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

/// See [`Fact::Pended`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Pended {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
}

/// See [`Fact::Doubted`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Doubted {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
    /// What came instead of an explicit answer.
    #[n(2)]
    pub detail: Option<Text>,
}

/// See [`Fact::Paid`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Paid {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
    /// What the customer paid after discounts.
    #[n(2)]
    pub received: Fen,
    #[n(3)]
    pub wallet: Wallet,
    #[n(4)]
    pub acquirer_no: String,
    #[n(5)]
    pub wallet_no: Option<String>,
    /// When the acquirer finished it, if it says so.
    #[n(6)]
    pub finished_at: Option<UtcMs>,
}

/// See [`Fact::Declined`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Declined {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
    /// The acquirer's code.
    #[n(2)]
    pub code: String,
    /// The acquirer's words.
    #[n(3)]
    pub message: Option<Text>,
}

/// Why a payment ended without ever having taken money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum ClosedReason {
    /// The request never left.
    #[n(1)]
    NotSent,
    /// Keys, merchant or request version are wrong.
    #[n(2)]
    Configuration,
    /// Not paid by the deadline.
    #[n(3)]
    Expired,
    /// A person cancelled it.
    #[n(4)]
    Cancelled,
    /// The number was another order's; ours was never charged.
    #[n(5)]
    NumberUsed,
}

impl ClosedReason {
    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotSent => "not_sent",
            Self::Configuration => "configuration",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::NumberUsed => "number_used",
        }
    }
}

/// See [`Fact::Closed`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Closed {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
    #[n(2)]
    pub reason: ClosedReason,
    #[n(3)]
    pub message: Option<Text>,
}

/// See [`Fact::Quarantined`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Quarantined {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
    /// What differs.
    #[n(2)]
    pub detail: Option<Text>,
    /// What the answer claims was taken.
    #[n(3)]
    pub claimed: Fen,
    #[n(4)]
    pub acquirer_no: String,
    #[n(5)]
    pub wallet_no: Option<String>,
}

/// See [`Fact::HandedOver`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct HandedOver {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
    #[n(2)]
    pub by: String,
    #[n(3)]
    pub idempotency: Idempotency,
}

/// See [`Fact::NotHandedOver`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct NotHandedOver {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
    #[n(2)]
    pub by: String,
    #[n(3)]
    pub idempotency: Idempotency,
    /// Whoever let the bill go at once; without an approver it stays locked until the end is firm.
    #[n(4)]
    pub approver: Option<AccountId>,
}

/// See [`Fact::CancelAsked`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CancelAsked {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
    #[n(2)]
    pub by: String,
    #[n(3)]
    pub idempotency: Idempotency,
    /// As in [`NotHandedOver`].
    #[n(4)]
    pub approver: Option<AccountId>,
}

/// How a charge is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum TakeBack {
    /// By a numbered reversal: closes what is unpaid, gives back what is paid.
    #[n(1)]
    Reverse,
    /// By closing the unpaid order: past the window in which the acquirer reverses.
    #[n(2)]
    Close,
}

/// See [`Fact::ReversalIntended`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ReversalIntended {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
    #[n(2)]
    pub reversal_no: OrderNo,
    #[n(3)]
    pub amount: Fen,
    #[n(4)]
    pub place: Place,
    /// Present where a person voids a paid payment; absent where an unanswered charge is reversed.
    #[n(5)]
    pub void: Option<Approval>,
    #[n(6)]
    pub how: TakeBack,
}

/// See [`Fact::Reversed`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Reversed {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
    /// Absent where the acquirer reversed without our asking.
    #[n(2)]
    pub reversal_no: Option<OrderNo>,
    #[n(3)]
    pub amount: Fen,
    /// The void's first number, that of its row; absent where an unanswered charge was reversed, which moves no figure.
    #[n(4)]
    pub void_no: Option<OrderNo>,
}

/// See [`Fact::ReversalRefused`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ReversalRefused {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
    #[n(2)]
    pub reversal_no: OrderNo,
    #[n(3)]
    pub code: String,
    #[n(4)]
    pub message: Option<Text>,
    /// As in [`Reversed`].
    #[n(5)]
    pub void_no: Option<OrderNo>,
}

/// See [`Fact::GiveBackOwed`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GiveBackOwed {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
    /// What must go back.
    #[n(2)]
    pub amount: Fen,
}

/// See [`Fact::LateChecked`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LateChecked {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
    /// How many of the late checks are done, this one and those slept through included.
    #[n(2)]
    pub checks: u8,
}

/// See [`Fact::NumberUsed`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct NumberUsed {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
    /// The acquirer's own time of the answer, or ours if it said none: what was finished well before it is another's.
    #[n(2)]
    pub answered_at: UtcMs,
    #[n(3)]
    pub detail: Option<Text>,
}

/// How a person ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Settlement {
    /// The money is ours: it counts as paid.
    #[n(1)]
    Accept,
    /// The money must go back.
    #[n(2)]
    GiveBack,
    /// There is no money of this payment.
    #[n(3)]
    Close,
    /// What is owed was given back outside of the acquirer, or never will be.
    #[n(4)]
    WriteOff,
}

impl Settlement {
    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::GiveBack => "give-back",
            Self::Close => "close",
            Self::WriteOff => "write-off",
        }
    }

    /// Reads [`Self::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Accept, Self::GiveBack, Self::Close, Self::WriteOff].into_iter().find(|how| how.as_str() == text)
    }
}

/// See [`Fact::Settled`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Settled {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
    #[n(2)]
    pub how: Settlement,
    #[n(3)]
    pub approval: Approval,
    #[n(4)]
    pub note: Option<Text>,
}

/// See [`Fact::DayCorrected`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DayCorrected {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
    /// When the charge was really intended.
    #[n(2)]
    pub intended_at: UtcMs,
    #[n(3)]
    pub business_day: Day,
    #[n(4)]
    pub hour: u8,
}

/// See [`Fact::RefundIntended`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RefundIntended {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
    #[n(2)]
    pub refund_no: OrderNo,
    #[n(3)]
    pub amount: Fen,
    #[n(4)]
    pub place: Place,
    /// Absent where money that is owed goes back by itself.
    #[n(5)]
    pub approval: Option<Approval>,
    #[n(6)]
    pub reason: Option<Text>,
}

/// See [`Fact::Refunded`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Refunded {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
    #[n(2)]
    pub refund_no: OrderNo,
    #[n(3)]
    pub amount: Fen,
    /// What went back in all, this refund included.
    #[n(4)]
    pub refunded: Fen,
    /// What the customer paid and did not get back.
    #[n(5)]
    pub left: Fen,
    #[n(6)]
    pub acquirer_no: String,
}

/// See [`Fact::RefundRefused`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RefundRefused {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
    #[n(2)]
    pub refund_no: OrderNo,
    #[n(3)]
    pub code: String,
    #[n(4)]
    pub message: Option<Text>,
}
