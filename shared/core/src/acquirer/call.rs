//! What goes to an acquirer, and what comes back over the line.

use alloc::string::String;

use crate::{
    ids::OrderNo,
    money::Fen,
    secret::{PaymentCode, Wallet},
    time::UtcMs,
};

/// One request to an acquirer, in our terms.
///
/// With a [`ChargeCall`] it is what is sent; with what the answer must match in its place it is a [`Question`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call<Charge = ChargeCall> {
    /// Take money by the customer's payment code.
    Charge(Charge),
    /// Ask what became of a charge.
    Query(Expected),
    /// Close an unpaid charge, or give a paid one back whole (within the acquirer's window).
    Reverse(ExpectedReturn),
    /// Ask what became of a reversal.
    QueryReversal(ExpectedReturn),
    /// Close an unpaid charge, on any day; a paid one is refused.
    Close {
        /// The charge.
        order_no: OrderNo,
    },
    /// Give a part or the whole back; the same number with the same amount is the same refund, however often it is sent.
    Refund(ExpectedReturn),
    /// Ask what became of a refund.
    QueryRefund(ExpectedReturn),
}

/// What was asked, without the payment code, which lives no longer than its request.
pub type Question = Call<Expected>;

impl Call {
    /// What remains of it once it is sent.
    #[must_use]
    pub fn question(&self) -> Question {
        match self {
            Self::Charge(ChargeCall { order_no, amount, code, .. }) => {
                Call::Charge(Expected { order_no: *order_no, amount: *amount, wallet: code.wallet() })
            }
            Self::Query(expected) => Call::Query(*expected),
            Self::Reverse(expected) => Call::Reverse(*expected),
            Self::QueryReversal(expected) => Call::QueryReversal(*expected),
            Self::Close { order_no } => Call::Close { order_no: *order_no },
            Self::Refund(expected) => Call::Refund(*expected),
            Self::QueryRefund(expected) => Call::QueryRefund(*expected),
        }
    }
}

impl Question {
    /// The charge it is about.
    #[must_use]
    pub const fn order_no(&self) -> OrderNo {
        match self {
            Self::Charge(Expected { order_no, .. })
            | Self::Query(Expected { order_no, .. })
            | Self::Reverse(ExpectedReturn { order_no, .. })
            | Self::QueryReversal(ExpectedReturn { order_no, .. })
            | Self::Close { order_no }
            | Self::Refund(ExpectedReturn { order_no, .. })
            | Self::QueryRefund(ExpectedReturn { order_no, .. }) => *order_no,
        }
    }
}

/// What a charge carries.
#[derive(Debug)]
pub struct ChargeCall {
    /// Our number.
    pub order_no: OrderNo,
    /// What to take.
    pub amount: Fen,
    /// The customer's code; it goes out in this one call.
    pub code: PaymentCode,
    /// The till's registered terminal.
    pub terminal: Terminal,
    /// What the customer's bill shows, such as the store's name.
    pub subject: String,
    /// The cashier's account.
    pub operator: String,
}

/// A till's terminal as registered at the acquirer (acquirers.md 2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// 8 digits, registered with `addterm`.
    pub termno: String,
    /// From the store's record: sign, 3 digits, dot, up to 5, such as `+121.48352`.
    pub longitude: String,
    /// Sign, 2 digits, dot, up to 6, such as `+31.221345`.
    pub latitude: String,
}

/// A request ready to be sent by POST.
#[derive(Debug)]
pub struct Request {
    /// Path after the acquirer's base, beginning with a slash.
    pub path: &'static str,
    /// Value of the Content-Type header.
    pub content_type: &'static str,
    /// The bytes; they hold a payment code where the call is a charge, so they are wiped after sending.
    pub body: crate::secret::SecretText,
}

/// What came back over the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The failure came before the first byte of the request was written: nothing can have happened.
    NotSent {
        /// Why, for people and logs.
        detail: String,
    },
    /// The request may have arrived; no whole answer came.
    NoAnswer {
        /// Why, for people and logs.
        detail: String,
    },
    /// An answer, right or wrong.
    Http {
        /// The status code.
        status: u16,
        /// The moment of the HTTP `Date` header: a witness of the time, never a judge of the answer.
        date: Option<UtcMs>,
        /// The body, at most [`crate::limits::ACQUIRER_ANSWER_MAX_BYTES`].
        body: alloc::vec::Vec<u8>,
    },
}

impl Reply {
    /// What the other side's clock said, if it answered.
    #[must_use]
    pub const fn date(&self) -> Option<UtcMs> {
        match self {
            Self::NotSent { .. } | Self::NoAnswer { .. } => None,
            Self::Http { date, .. } => *date,
        }
    }
}

/// What is known of a charge before it is answered. The number and the amount must match for an answer to count as paid; the
/// wallet, read off the payment code, tells our trade from another's when a number turns out to be used. No time: one of the
/// two clocks is wrong, and nobody knows which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The order number.
    pub order_no: OrderNo,
    /// The amount before discounts.
    pub amount: Fen,
    /// Whose payment code it was.
    pub wallet: Wallet,
}

/// What an answer to a reversal or a refund, or to its query, must match to count as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpectedReturn {
    /// The reversal's or refund's own number.
    pub return_no: OrderNo,
    /// The charge.
    pub order_no: OrderNo,
    /// What goes back.
    pub amount: Fen,
}
