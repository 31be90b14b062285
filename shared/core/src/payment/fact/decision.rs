//! The bodies of what people say of a charge: the goods, giving it up, and ending it.

use alloc::string::String;

use minicbor::{Decode, Encode};

use crate::{
    ids::{AccountId, OrderNo},
    people::{Approval, Idempotency},
    show::{Show, Shown, show},
    text::Text,
    time::UtcMs,
};

/// See [`super::Fact::HandedOver`].
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

/// See [`super::Fact::NotHandedOver`].
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

/// See [`super::Fact::CancelAsked`].
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

/// See [`super::Fact::Settled`].
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

show! {
    HandedOver { order_no, at, by, idempotency };
    NotHandedOver { order_no, at, by, idempotency, approver };
    CancelAsked { order_no, at, by, idempotency, approver };
    Settled { order_no, at, how, approval, note };
}

impl Show for Settlement {
    fn show(&self) -> Shown {
        Shown::Text(self.as_str().into())
    }
}
