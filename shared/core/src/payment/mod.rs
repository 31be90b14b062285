//! One payment, from intent to its end.
//!
//! ```text
//! state         | charge answered         | query answered                          | due          | person
//! --------------+-------------------------+-----------------------------------------+--------------+---------------------------
//! pending       | paid, declined, closed, | as charge; past the deadline not-paid   | query        | cancel: hasten
//!               | unknown, quarantined    | → reversing                             |              | handed over → held
//! unknown       | (same)                  | (same); customer acting → pending       | query        | (same)
//! held          | (same)                  | paid, declined, quarantined; else asks  | query        | not handed over → unknown
//! reversing     | –                       | after a done or refused reversal:       | reverse,     | –
//!               |                         | closed, reversed, paid                  | query        |
//! closed        | –                       | a late paid → paid, or given back       | checks, 1,   | –
//! reversed      | –                       |   (only after a reversal of ours)       | 10, 60 min   | –
//! paid          | –                       | –                                       | –            | void → reversing
//! part_refunded | –                       | –                                       | –            | refund → refunding
//! refunding     | refund answered → refunded, part_refunded, back  (queried until firm)  | refund query | –
//! declined, refunded, quarantined: final
//! ```
//!
//! Rules (design section 3): a payment code goes out in one call; after any doubt the next call is a query; a reversal
//! follows only a query sent past the deadline that was answered not-paid or still pending; held is never reversed by itself;
//! a late paid is attached to its bill if that is still open and given back otherwise. At most one call of a payment is
//! under way at any time, so answers cannot overtake each other.

mod charge;
mod recovery;
mod refund;
mod replay;
mod reversal;
mod step;
#[cfg(test)]
mod tests;

use alloc::string::String;

pub use charge::COUNTER_BILLS;
pub use recovery::{CANCEL_AFTER_MS, GOODS_KEYS_AFTER_MS};
pub use refund::ReturnOrder;
pub use step::{BillView, Effect, Held, Input, Refused, Say, Step};

use crate::{
    acquirer::{Terminal, Timings},
    ids::{Numbering, OrderNo},
    journal::fact::{Bill, Idempotency, Intended, Place},
    money::Fen,
    secret::{PaymentCode, Wallet},
    time::{Now, Ticks},
};

/// The states on the wire (design section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Asked; the customer may be acting.
    Pending,
    /// Money was taken.
    Paid,
    /// The acquirer refused.
    Declined,
    /// May or may not have taken money; being asked.
    Unknown,
    /// Unknown, and the goods are gone: never reversed by itself.
    Held,
    /// Being taken back.
    Reversing,
    /// Ended without money.
    Closed,
    /// Taken and given back whole.
    Reversed,
    /// A refund is under way.
    Refunding,
    /// A part went back.
    PartRefunded,
    /// All went back.
    Refunded,
    /// The answer does not match the intent.
    Quarantined,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Pending,
        Self::Paid,
        Self::Declined,
        Self::Unknown,
        Self::Held,
        Self::Reversing,
        Self::Closed,
        Self::Reversed,
        Self::Refunding,
        Self::PartRefunded,
        Self::Refunded,
        Self::Quarantined,
    ];

    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Declined => "declined",
            Self::Unknown => "unknown",
            Self::Held => "held",
            Self::Reversing => "reversing",
            Self::Closed => "closed",
            Self::Reversed => "reversed",
            Self::Refunding => "refunding",
            Self::PartRefunded => "part_refunded",
            Self::Refunded => "refunded",
            Self::Quarantined => "quarantined",
        }
    }

    /// Reads [`Self::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether a caller waiting for the result has one.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Paid
            | Self::Declined
            | Self::Closed
            | Self::Reversed
            | Self::PartRefunded
            | Self::Refunded
            | Self::Quarantined => true,
            Self::Pending | Self::Unknown | Self::Held | Self::Reversing | Self::Refunding => false,
        }
    }

    /// Whether the payment covers or locks its sum on the bill (rule 7).
    #[must_use]
    pub const fn holds_its_bill(self) -> bool {
        match self {
            Self::Pending
            | Self::Paid
            | Self::Unknown
            | Self::Held
            | Self::Refunding
            | Self::PartRefunded
            | Self::Quarantined => true,
            // 正在退回，请重新收款: what is being taken back makes room for the next attempt.
            Self::Declined | Self::Closed | Self::Reversing | Self::Reversed | Self::Refunded => false,
        }
    }
}

/// A sale to be charged.
#[derive(Debug)]
pub struct Order {
    /// What to take.
    pub amount: Fen,
    /// The customer's code.
    pub code: PaymentCode,
    /// The key under which the code's hash is kept.
    pub code_key: [u8; 32],
    /// Which acquirer, by name.
    pub acquirer: String,
    /// The till's terminal.
    pub terminal: Terminal,
    /// What the customer's bill shows.
    pub subject: String,
    /// Where it counts.
    pub place: Place,
    /// What it pays; without one the sale opens its own.
    pub bill: Option<Bill>,
    /// A remark of the cashier.
    pub remark: Option<String>,
    /// Who asked, with what key.
    pub idempotency: Idempotency,
}

/// One payment and what is under way for it.
#[derive(Clone, Debug)]
pub struct Payment {
    intent: Intended,
    timings: Timings,
    state: State,
    wallet: Wallet,
    refunded: Fen,
    /// The reversal under way or done.
    reversal: Option<reversal::Reversal>,
    /// The refund under way.
    refund: Option<refund::Refund>,
    /// The call under way; its answer is the only one awaited.
    calling: Option<Calling>,
    /// When to act next.
    wake: Option<Ticks>,
    /// From when the deadline counts: the charge, or the restart.
    asked_at: Ticks,
    /// When a person asked to have it taken back before the deadline.
    hastened_at: Option<Ticks>,
    /// A late payment whose give-back was refused: it is tried again until it is done.
    owes_back: bool,
    /// When the last query left.
    queried_at: Ticks,
    /// Which late check comes next.
    check: usize,
}

/// Which call's answer is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Calling {
    Charge,
    Query,
    Reverse,
    QueryReversal,
    Refund,
    QueryRefund,
}

impl Payment {
    /// The order number.
    #[must_use]
    pub const fn order_no(&self) -> OrderNo {
        self.intent.order_no
    }

    /// The state on the wire.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// What was intended.
    #[must_use]
    pub const fn intent(&self) -> &Intended {
        &self.intent
    }

    /// What a paid payment still holds: its amount less what went back.
    #[must_use]
    pub fn remaining(&self) -> Fen {
        self.intent.amount.checked_sub(self.refunded).unwrap_or(Fen::ZERO)
    }

    /// When to send [`Input::Due`].
    #[must_use]
    pub const fn wake(&self) -> Option<Ticks> {
        self.wake
    }

    /// Whether nothing is under way and nothing will wake it: it may leave memory.
    #[must_use]
    pub const fn is_at_rest(&self) -> bool {
        self.wake.is_none() && self.calling.is_none()
    }

    /// Takes one input. Every (state, input) pair has an answer; one that fits nothing under way changes nothing.
    pub fn step(&mut self, now: Now, input: Input, numbers: &mut Numbering) -> Step {
        match input {
            Input::ChargeAnswered(answer) => match self.take_answer_of(Calling::Charge) {
                Some(()) => self.charge_answered(now, answer),
                None => Step::nothing(),
            },
            Input::QueryAnswered(answer, bill) => match self.take_answer_of(Calling::Query) {
                Some(()) => self.query_answered(now, answer, bill, numbers),
                None => Step::nothing(),
            },
            Input::ReversalAnswered(answer) => match self.take_answer_of(Calling::Reverse) {
                Some(()) => self.reversal_answered(now, answer),
                None => Step::nothing(),
            },
            Input::ReversalQueried(answer) => match self.take_answer_of(Calling::QueryReversal) {
                Some(()) => self.reversal_queried(now, answer, numbers),
                None => Step::nothing(),
            },
            Input::RefundAnswered(answer) => match self.take_answer_of(Calling::Refund) {
                Some(()) => self.refund_answered(now, answer),
                None => Step::nothing(),
            },
            Input::RefundQueried(answer) => match self.take_answer_of(Calling::QueryRefund) {
                Some(()) => self.refund_answered(now, answer),
                None => Step::nothing(),
            },
            Input::Due => self.due(now, numbers),
            Input::Cancel(say) => self.cancel(now, say),
            Input::HandedOver(say) => self.hand_over(now, say),
            Input::NotHandedOver(say) => self.not_hand_over(now, say),
            Input::Void { approval, place } => self.void(now, approval, place, numbers),
            Input::Refund(order) => self.refund(now, order, numbers),
        }
    }

    fn take_answer_of(&mut self, call: Calling) -> Option<()> {
        (self.calling == Some(call)).then(|| self.calling = None)
    }
}
