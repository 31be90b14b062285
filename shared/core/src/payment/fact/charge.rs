//! The bodies of what happens to the charge itself.

use alloc::string::String;

use minicbor::{Decode, Encode};

use super::Place;
use crate::{
    bill::BillKey,
    ids::OrderNo,
    money::Fen,
    people::Idempotency,
    secret::{CodeTrace, Wallet},
    show::{Show, Shown, show},
    text::Text,
    time::{Day, UtcMs, beijing_day},
};

/// See [`super::Fact::Intended`].
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
    /// The day at the acquirer, in Beijing: until its end it can be reversed. Without, that of `at`.
    #[n(11)]
    pub acquirer_day: Option<Day>,
}

impl Intended {
    /// See the field.
    #[must_use]
    pub fn acquirer_day(&self) -> Day {
        self.acquirer_day.unwrap_or_else(|| beijing_day(self.at))
    }
}

/// See [`super::Fact::Pended`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Pended {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
}

/// See [`super::Fact::Doubted`].
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

/// See [`super::Fact::Paid`].
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

/// See [`super::Fact::Declined`].
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

/// See [`super::Fact::Closed`].
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

/// See [`super::Fact::Quarantined`].
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

/// See [`super::Fact::LateChecked`].
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

/// See [`super::Fact::NumberUsed`].
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

/// See [`super::Fact::DayCorrected`].
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

show! {
    Intended {
        order_no, at, amount, code, acquirer, termno, place, bill, remark, idempotency, clock_doubted, acquirer_day,
    };
    Pended { order_no, at };
    Doubted { order_no, at, detail };
    Paid { order_no, at, received, wallet, acquirer_no, wallet_no, finished_at };
    Declined { order_no, at, code, message };
    Closed { order_no, at, reason, message };
    Quarantined { order_no, at, detail, claimed, acquirer_no, wallet_no };
    LateChecked { order_no, at, checks };
    NumberUsed { order_no, at, answered_at, detail };
    DayCorrected { order_no, at, intended_at, business_day, hour };
}

impl Show for ClosedReason {
    fn show(&self) -> Shown {
        Shown::Text(self.as_str().into())
    }
}
