//! Acquirers: how each is asked, and what each answer means. Pure: encode, sign, decode, status table, timings.
//!
//! The hard rule: an answer that is not in an adapter's list of definite ones is unknown, and so is any answer whose merchant,
//! order, amount or signature does not match.

use alloc::string::String;

use crate::{
    ids::OrderNo,
    money::Fen,
    secret::{PaymentCode, Wallet},
    time::UtcMs,
};

/// One request to an acquirer, in our terms.
#[derive(Debug)]
pub enum Call {
    /// Take money by the customer's payment code.
    Charge(ChargeCall),
    /// Ask what became of a charge.
    Query {
        /// The charge.
        order_no: OrderNo,
    },
    /// Close an unpaid charge, or give a paid one back whole (same Beijing day).
    Reverse {
        /// The number of this reversal.
        reversal_no: OrderNo,
        /// The charge.
        order_no: OrderNo,
        /// The charge's whole amount.
        amount: Fen,
    },
    /// Ask what became of a reversal.
    QueryReversal {
        /// The number of the reversal.
        reversal_no: OrderNo,
        /// The charge.
        order_no: OrderNo,
        /// The charge's whole amount.
        amount: Fen,
    },
    /// Give a part or the whole back.
    Refund {
        /// The number of this refund; the same number with the same amount is the same refund, however often it is sent.
        refund_no: OrderNo,
        /// The charge.
        order_no: OrderNo,
        /// What goes back.
        amount: Fen,
    },
    /// Ask what became of a refund.
    QueryRefund {
        /// The number of the refund.
        refund_no: OrderNo,
        /// The charge.
        order_no: OrderNo,
        /// What goes back.
        amount: Fen,
    },
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

/// Evidence of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidEvidence {
    /// The acquirer's number (Allinpay `trxid`).
    pub acquirer_no: String,
    /// The wallet's own number, which the customer's bill shows.
    pub wallet_no: Option<String>,
    /// Which wallet paid, if the answer says so.
    pub wallet: Option<Wallet>,
    /// What the answer says was asked, before discounts.
    pub asked: Fen,
    /// What the customer really paid after discounts.
    pub received: Fen,
    /// When the acquirer finished it.
    pub finished_at: Option<UtcMs>,
}

/// An acquirer's refusal in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The acquirer's code.
    pub code: String,
    /// The acquirer's text, for the cashier.
    pub message: String,
}

/// What became of a charge call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChargeAnswer {
    /// Money was taken.
    Paid(PaidEvidence),
    /// The customer is acting.
    Pending,
    /// Definitely refused, no money moved.
    Declined(Refusal),
    /// Definitely not sent.
    NotSent {
        /// Why.
        detail: String,
    },
    /// Refused because of keys, merchant or request version; nothing was charged.
    Misconfigured(Refusal),
    /// A validly signed paid answer of another amount.
    Mismatched {
        /// What differs.
        detail: String,
        /// What the answer claims.
        claimed: PaidEvidence,
    },
    /// The acquirer knows this number from before. This call charged nothing; whose trade has the number is open.
    NumberUsed {
        /// The acquirer's words.
        detail: String,
    },
    /// Anything else.
    Unknown {
        /// Why.
        detail: String,
    },
}

/// What a query says about a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryAnswer {
    /// Money was taken.
    Paid(PaidEvidence),
    /// The customer is acting.
    Pending,
    /// Ended without money.
    Failed(Refusal),
    /// The acquirer does not know the order (yet).
    NotFound,
    /// Reversed at the acquirer: money taken was given back whole.
    Reversed,
    /// As [`ChargeAnswer::Mismatched`].
    Mismatched {
        /// What differs.
        detail: String,
        /// What the answer claims.
        claimed: PaidEvidence,
    },
    /// Not answered, or not understood.
    Unknown {
        /// Why.
        detail: String,
    },
}

/// What became of a reversal, from its call or its query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReversalAnswer {
    /// Done: closed if it was unpaid, given back if it was paid.
    Done,
    /// Definitely refused (over the window, funds too small).
    Refused(Refusal),
    /// The acquirer does not know this reversal, or the charge to reverse.
    NotFound,
    /// The acquirer knows this reversal's number from before; this call reversed nothing.
    NumberUsed {
        /// The acquirer's words.
        detail: String,
    },
    /// Not answered, abnormal, not understood, or about something else than asked: ask again.
    Unknown {
        /// Why.
        detail: String,
    },
}

/// What became of a refund, from its call or its query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundAnswer {
    /// The money went back.
    Done {
        /// The acquirer's number of the refund.
        acquirer_no: String,
    },
    /// Accepted, not finished.
    Processing,
    /// Definitely refused.
    Refused(Refusal),
    /// The acquirer does not know this refund.
    NotFound,
    /// The acquirer knows this refund's number from another trade; this call gave nothing back.
    NumberUsed {
        /// The acquirer's words.
        detail: String,
    },
    /// Not answered, not understood, or about something else than asked: ask again.
    Unknown {
        /// Why.
        detail: String,
    },
}

/// An acquirer's pace, as data (acquirers.md 1.4 and 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    /// From the charge's answer or silence to the first query, in ms.
    pub first_query_ms: u64,
    /// Between queries, in ms.
    pub query_interval_ms: u64,
    /// From the charge to the moment after which a query that is not paid leads to a reversal, in ms.
    pub deadline_ms: u64,
    /// Connecting takes at most this long, in ms.
    pub connect_timeout_ms: u64,
    /// The whole call takes at most this long, in ms.
    pub answer_timeout_ms: u64,
}

pub mod allinpay;
pub mod date;
