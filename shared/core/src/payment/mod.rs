//! One payment, from intent to its end: [`standing`] says what each fact means, the other files decide which fact is next.
//!
//! ```text
//! state         | charge answered         | query answered                          | due          | person
//! --------------+-------------------------+-----------------------------------------+--------------+---------------------------
//! pending       | paid, declined, closed, | as charge; given up: back; past the     | query        | cancel, not handed over
//!               | unknown, quarantined    | deadline not-paid → reversing           |              | handed over → held
//! unknown       | (same)                  | (same); customer acting → pending       | query        | (same); settle when stuck
//! held          | (same)                  | paid, declined, quarantined; else asks  | query        | not handed over → unknown
//! reversing     | –                       | after a firm word: closed, reversed,    | reverse,     | settle when stuck
//!               |                         | paid and given back; pending: again     | close, query |
//! closed        | –                       | a late paid → paid, or given back       | 6 checks,    | –
//! reversed      | –                       |   (ends that money can follow)          | to 72 h      | –
//! paid          | –                       | –                                       | what is owed | void → reversing, refund
//! part_refunded | –                       | –                                       | what is owed | refund → refunding
//! refunding     | refund answered → refunded, part_refunded, back  (queried until firm)  | refund query | –
//! quarantined   | –                       | –                                       | –            | settle: accept, give back
//! declined, refunded: final
//! ```
//!
//! Rules (design section 3): a payment code goes out in one call; after any doubt the next call is a query; a reversal
//! follows only a query sent past the deadline, or after the cashier gave up, that was answered not-paid or still pending; held
//! is never reversed by itself; what was given up or is being reversed goes back if it was paid after all, other late money is
//! attached to its bill if it fits. What is owed stays owed until it is done. At most one call of a payment is under way at any
//! time, so answers cannot overtake each other.

mod charge;
mod clash;
mod fact;
mod late;
mod recovery;
mod refund;
mod resume;
mod reversal;
mod settle;
mod standing;
mod step;
#[cfg(test)]
mod tests;
mod wait;

use alloc::string::String;

pub use fact::*;
pub use recovery::GOODS_KEYS_AFTER_MS;
pub use settle::ways_out;
pub use standing::{Claimed, LATE_CHECKS_MS, Received, Refund, Reversal, Said, Standing, Watch};
pub use step::{Effect, Held, Input, Refused, ReturnOrder, Say, Step};

use crate::{
    acquirer::{Answer, Expected, Kind, Terminal, Terms},
    bill::{BillKey, Late},
    ids::{Numbering, OrderNo},
    money::Fen,
    people::Idempotency,
    secret::PaymentCode,
    time::{Now, Ticks, UtcMs},
};
use wait::Wait;

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

    /// Whether money was taken, and is here or went back by refunds.
    #[must_use]
    pub const fn has_money(self) -> bool {
        match self {
            Self::Paid | Self::Refunding | Self::PartRefunded | Self::Refunded => true,
            Self::Pending
            | Self::Declined
            | Self::Unknown
            | Self::Held
            | Self::Reversing
            | Self::Closed
            | Self::Reversed
            | Self::Quarantined => false,
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
    /// At which acquirer.
    pub acquirer: Kind,
    /// The till's terminal.
    pub terminal: Terminal,
    /// What the customer's bill shows.
    pub subject: String,
    /// Where it counts.
    pub place: Place,
    /// What it pays; without one the sale is a bill of its own.
    pub bill: Option<BillKey>,
    /// A remark of the cashier.
    pub remark: Option<String>,
    /// Who asked, with what key.
    pub idempotency: Idempotency,
    /// Whether no witness vouched for the time.
    pub clock_doubted: bool,
}

/// One payment: where it stands, and what it waits for.
#[derive(Clone, Debug)]
pub struct Payment {
    standing: Standing,
    wait: Wait,
    terms: &'static Terms,
}

impl Payment {
    /// Everything durable about it.
    #[must_use]
    pub const fn standing(&self) -> &Standing {
        &self.standing
    }

    /// The order number.
    #[must_use]
    pub const fn order_no(&self) -> OrderNo {
        self.standing.intent().order_no
    }

    /// The state on the wire.
    #[must_use]
    pub const fn state(&self) -> State {
        self.standing.state()
    }

    /// When to send [`Input::Due`].
    #[must_use]
    pub const fn wake(&self) -> Option<Ticks> {
        self.wait.wake
    }

    /// Acts so much later, in ms, whatever it waited for.
    pub fn put_off(&mut self, now: Now, ms: u64) {
        self.wait.wake = Some(now.up.after_ms(ms));
    }

    /// Somebody vouches for the time from now on: what was put off by a guess is put off anew.
    pub fn time_is_known(&mut self, now: Now) {
        if matches!(self.state(), State::Closed | State::Reversed) && self.wait.calling.is_none() {
            self.wait_for_late_check(now);
        }
    }

    /// Whether nothing is under way and nothing will wake it: it may leave memory.
    #[must_use]
    pub const fn is_at_rest(&self) -> bool {
        self.wait.wake.is_none() && self.wait.calling.is_none()
    }

    /// Takes one input. Every (state, input) pair has an answer; one that fits nothing under way changes nothing.
    pub fn step(&mut self, now: Now, input: Input, numbers: &mut Numbering) -> Step {
        match input {
            Input::Answered { answer, date, late } => self.answered(now, answer, date, late, numbers),
            Input::Due => self.due(now, numbers),
            Input::Cancel(say) => self.cancel(now, say),
            Input::HandedOver(say) => self.hand_over(now, say),
            Input::NotHandedOver(say) => self.not_hand_over(now, say),
            Input::Void { approval, place } => self.void(now, approval, place, numbers),
            Input::Refund(order) => self.refund(now, order, numbers),
            Input::Settle { how, approval, note, late } => self.settle(now, (how, late), approval, note, numbers),
            Input::CameSecond => self.came_second(now, numbers),
            Input::CorrectDay { intended_at, business_day, hour } => {
                self.correct_day(now, intended_at, business_day, hour)
            }
        }
    }

    fn answered(&mut self, now: Now, answer: Answer, date: Option<UtcMs>, late: Late, numbers: &mut Numbering) -> Step {
        if !self.wait.answered(&answer) {
            return Step::nothing();
        }
        match answer {
            Answer::Charge(answer) => self.charge_answered(now, answer, date, numbers),
            Answer::Query(answer) => self.query_answered(now, answer, late, numbers),
            Answer::Reversal(answer) => self.reversal_answered(now, answer, numbers),
            Answer::ReversalQuery(answer) => self.reversal_queried(now, answer, numbers),
            Answer::Refund(answer) => self.refund_answered(now, answer, numbers),
            Answer::RefundQuery(answer) => self.refund_queried(now, answer, numbers),
        }
    }

    /// What an answer about the charge must match.
    fn expected(&self) -> Expected {
        let intent = self.standing.intent();
        Expected { order_no: intent.order_no, amount: intent.amount, wallet: intent.code.wallet }
    }

    /// Puts a fact on record: the only way in which a payment's standing changes.
    fn record(&mut self, fact: impl Into<Fact>) -> Step {
        let fact = fact.into();
        self.standing.evolve(&fact);
        Step::record(fact)
    }
}
