//! The bodies of facts. In every one `order_no` names the payment and `at` is when this store recorded the fact; the other
//! fields carry their own sentence where the name does not say it all.
#![allow(missing_docs, reason = "fields named as in design section 5 mean the same in every fact; see the header")]

use alloc::string::String;

use minicbor::{Decode, Encode, bytes::ByteArray};

use super::epoch::Point;
use crate::{
    ids::{AccountId, Issuer, OrderNo, StoreId, TillId, Writer},
    money::Fen,
    secret::{CodeTrace, Wallet},
    time::{Day, UtcMs},
    trust::KeyBytes,
};

/// See [`super::fact::Fact::Opened`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Opened {
    #[n(0)]
    pub store: StoreId,
    #[n(1)]
    pub issuer: Issuer,
    #[n(2)]
    pub at: UtcMs,
    #[n(3)]
    pub writer: Writer,
    #[n(4)]
    pub epoch: u32,
    /// The public key that seals this epoch.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub key: KeyBytes,
    /// Where the history ended that this epoch goes on from; absent in the first.
    #[n(6)]
    pub parent: Option<Point>,
    /// The signature of the key before, where the key is a new one; see [`super::epoch`].
    #[n(7)]
    pub vouch: Option<ByteArray<64>>,
}

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Role {
    /// Everything at the store; approves voids and refunds.
    #[n(1)]
    Administrator,
    /// Collects; sees own payments.
    #[n(2)]
    Cashier,
}

impl Role {
    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Cashier => "cashier",
        }
    }

    /// Reads [`Self::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Administrator, Self::Cashier].into_iter().find(|role| role.as_str() == text)
    }
}

/// See [`super::fact::Fact::AccountSet`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AccountSet {
    #[n(0)]
    pub account: AccountId,
    #[n(1)]
    pub name: String,
    #[n(2)]
    pub role: Role,
    /// Argon2id PHC string.
    #[n(3)]
    pub verifier: String,
    #[n(4)]
    pub disabled: bool,
    /// Who changed it; absent when set up on the machine itself.
    #[n(5)]
    pub by: Option<AccountId>,
    #[n(6)]
    pub at: UtcMs,
}

/// See [`super::fact::Fact::ApiKeyCreated`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ApiKeyCreated {
    #[n(0)]
    pub name: String,
    /// Scopes as `charge,post,refund`.
    #[n(1)]
    pub scopes: String,
    /// SHA-256 of the key.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub hash: [u8; 32],
    #[n(3)]
    pub at: UtcMs,
}

/// A bill of the shop: (source, business day, number); rule 7.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub struct Bill {
    /// Which system numbered it, such as `erp` or the counter's page.
    #[n(0)]
    pub source: String,
    #[n(1)]
    pub number: String,
    #[n(2)]
    pub total: Fen,
}

/// Who sent a money-moving request, with what key: the same one never moves money twice.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Idempotency {
    /// Account or key name.
    #[n(0)]
    pub caller: String,
    #[n(1)]
    pub key: String,
    /// SHA-256 of what was asked.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub body_hash: [u8; 32],
}

/// See [`super::fact::Fact::Intended`].
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
    #[n(7)]
    pub bill: Bill,
    #[n(8)]
    pub remark: Option<String>,
    #[n(9)]
    pub idempotency: Idempotency,
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

/// See [`super::fact::Fact::Pended`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Pended {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
}

/// See [`super::fact::Fact::Doubted`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Doubted {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
    /// What came instead of an explicit answer.
    #[n(2)]
    pub detail: String,
}

/// See [`super::fact::Fact::Paid`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Paid {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
    /// The amount of the order.
    #[n(2)]
    pub amount: Fen,
    /// What the customer paid after discounts.
    #[n(3)]
    pub received: Fen,
    #[n(4)]
    pub wallet: Wallet,
    #[n(5)]
    pub acquirer_no: String,
    #[n(6)]
    pub wallet_no: Option<String>,
    /// When the acquirer finished it, if it says so.
    #[n(7)]
    pub finished_at: Option<UtcMs>,
    #[n(8)]
    pub place: Place,
}

/// See [`super::fact::Fact::Declined`].
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
    /// The acquirer's text.
    #[n(3)]
    pub message: String,
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
        }
    }
}

/// See [`super::fact::Fact::Closed`].
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
    pub message: Option<String>,
}

/// See [`super::fact::Fact::Quarantined`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Quarantined {
    #[n(0)]
    pub order_no: OrderNo,
    #[n(1)]
    pub at: UtcMs,
    /// What differs.
    #[n(2)]
    pub detail: String,
    /// What the answer claims was taken.
    #[n(3)]
    pub claimed: Fen,
    #[n(4)]
    pub acquirer_no: String,
}

/// See [`super::fact::Fact::HandedOver`].
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

/// See [`super::fact::Fact::NotHandedOver`].
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
}

/// See [`super::fact::Fact::CancelAsked`].
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
}

/// A person's void: who asked, who approved.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Approval {
    #[n(0)]
    pub by: String,
    /// Absent where a key of scope `refund` acts.
    #[n(1)]
    pub approver: Option<AccountId>,
    #[n(2)]
    pub idempotency: Idempotency,
}

/// See [`super::fact::Fact::ReversalIntended`].
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
}

/// See [`super::fact::Fact::Reversed`].
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
    #[n(4)]
    pub wallet: Wallet,
    #[n(5)]
    pub place: Place,
    /// The void's first number, that of its row; absent where an unanswered charge was reversed, which moves no figure.
    #[n(6)]
    pub void_no: Option<OrderNo>,
}

/// See [`super::fact::Fact::ReversalRefused`].
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
    pub message: String,
    /// As in [`Reversed`].
    #[n(5)]
    pub void_no: Option<OrderNo>,
}

/// See [`super::fact::Fact::RefundIntended`].
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
    /// Absent where a late payment is given back because its bill was settled otherwise.
    #[n(5)]
    pub approval: Option<Approval>,
    #[n(6)]
    pub reason: Option<String>,
}

/// See [`super::fact::Fact::Refunded`].
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
    /// What remains of the payment.
    #[n(5)]
    pub left: Fen,
    #[n(6)]
    pub acquirer_no: String,
    #[n(7)]
    pub wallet: Wallet,
    #[n(8)]
    pub place: Place,
}

/// See [`super::fact::Fact::RefundRefused`].
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
    pub message: String,
    /// What went back before it.
    #[n(5)]
    pub refunded_before: Fen,
}
