//! The bodies of how money goes back: reversals, what is owed, refunds.

use alloc::string::String;

use minicbor::{Decode, Encode};

use super::Place;
use crate::{
    ids::OrderNo,
    money::Fen,
    people::Approval,
    show::{Show, Shown, show},
    text::Text,
    time::UtcMs,
};

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

/// See [`super::Fact::ReversalIntended`].
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

/// See [`super::Fact::Reversed`].
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

/// See [`super::Fact::ReversalRefused`].
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

/// See [`super::Fact::GiveBackOwed`].
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

/// See [`super::Fact::RefundIntended`].
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

/// See [`super::Fact::Refunded`].
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

/// See [`super::Fact::RefundRefused`].
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

show! {
    ReversalIntended { order_no, at, reversal_no, amount, place, void, how };
    Reversed { order_no, at, reversal_no, amount, void_no };
    ReversalRefused { order_no, at, reversal_no, code, message, void_no };
    GiveBackOwed { order_no, at, amount };
    RefundIntended { order_no, at, refund_no, amount, place, approval, reason };
    Refunded { order_no, at, refund_no, amount, refunded, left, acquirer_no };
    RefundRefused { order_no, at, refund_no, code, message };
}

impl Show for TakeBack {
    fn show(&self) -> Shown {
        let word = match self {
            Self::Reverse => "reverse",
            Self::Close => "close",
        };
        Shown::Text(word.into())
    }
}
