//! What an acquirer's reply means, in our terms.

use alloc::string::String;

use super::call::Question;
use crate::{money::Fen, secret::Wallet, time::UtcMs};

/// How a call ended: one for each thing that can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The charge.
    Charge(ChargeAnswer),
    /// A query of the charge.
    Query(QueryAnswer),
    /// The reversal, or the closing.
    Reversal(ReversalAnswer),
    /// A query of the reversal.
    ReversalQuery(ReversalAnswer),
    /// The refund.
    Refund(RefundAnswer),
    /// A query of the refund.
    RefundQuery(RefundAnswer),
}

impl Answer {
    /// Whether it can be the answer to this question.
    #[must_use]
    pub const fn is_to(&self, question: &Question) -> bool {
        match question {
            Question::Charge(_) => matches!(self, Self::Charge(_)),
            Question::Query(_) => matches!(self, Self::Query(_)),
            Question::Reverse(_) | Question::Close { .. } => matches!(self, Self::Reversal(_)),
            Question::QueryReversal(_) => matches!(self, Self::ReversalQuery(_)),
            Question::Refund(_) => matches!(self, Self::Refund(_)),
            Question::QueryRefund(_) => matches!(self, Self::RefundQuery(_)),
        }
    }

    /// Whether it was explicit, so that its signature was proven.
    #[must_use]
    pub const fn is_proven(&self) -> bool {
        match self {
            Self::Charge(answer) => match answer {
                ChargeAnswer::Paid(_)
                | ChargeAnswer::Pending
                | ChargeAnswer::Declined(_)
                | ChargeAnswer::Mismatched { .. }
                | ChargeAnswer::NumberUsed { .. } => true,
                ChargeAnswer::NotSent { .. } | ChargeAnswer::Misconfigured(_) | ChargeAnswer::Unknown { .. } => false,
            },
            Self::Query(answer) => match answer {
                QueryAnswer::Paid(_)
                | QueryAnswer::Pending
                | QueryAnswer::Failed(_)
                | QueryAnswer::NotFound
                | QueryAnswer::Reversed
                | QueryAnswer::Mismatched { .. } => true,
                QueryAnswer::Unknown { .. } => false,
            },
            Self::Reversal(answer) | Self::ReversalQuery(answer) => match answer {
                ReversalAnswer::Done
                | ReversalAnswer::Refused(_)
                | ReversalAnswer::NotFound
                | ReversalAnswer::NumberUsed { .. } => true,
                ReversalAnswer::Unknown { .. } => false,
            },
            Self::Refund(answer) | Self::RefundQuery(answer) => match answer {
                RefundAnswer::Done { .. }
                | RefundAnswer::Processing
                | RefundAnswer::Refused(_)
                | RefundAnswer::NotFound
                | RefundAnswer::NumberUsed { .. } => true,
                RefundAnswer::Unknown { .. } => false,
            },
        }
    }
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

/// What an acquirer makes of this merchant and its keys, as its reply to any question shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetUp {
    /// It knows the merchant, took our signature, and proved its own: whatever it says of the order.
    Right,
    /// It refuses the merchant's number, the application's, the key or the form of the request.
    Refused(Refusal),
    /// It answers for another merchant, or with a signature that the configured key does not prove.
    Unproven {
        /// What does not fit.
        detail: String,
    },
    /// Nothing can be told from the reply.
    Unclear {
        /// Why.
        detail: String,
    },
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
