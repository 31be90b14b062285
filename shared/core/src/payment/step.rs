//! What goes in and what comes out.

use alloc::{string::String, vec, vec::Vec};

use super::fact::{Fact, Place, Settlement};
use crate::{
    acquirer::{Answer, Call},
    bill::Late,
    committed::Committed,
    ids::AccountId,
    money::Fen,
    people::{Approval, Idempotency},
    time::{Day, UtcMs},
};

/// Every cause of a change.
#[derive(Debug)]
pub enum Input {
    /// A call ended. One that was not awaited changes nothing.
    Answered {
        /// How.
        answer: Answer,
        /// The acquirer's own time of the answer.
        date: Option<UtcMs>,
        /// Whether late money still finds its bill open: where a query finds some, the bill as it stands decides what that means.
        late: Late,
    },
    /// The wait is over.
    Due,
    /// The cashier gives the payment up.
    Cancel(Say),
    /// 货已交.
    HandedOver(Say),
    /// 没交货.
    NotHandedOver(Say),
    /// Take a paid payment back whole, today.
    Void {
        /// Who asks and who approves.
        approval: Approval,
        /// Where it counts.
        place: Place,
    },
    /// Give a part or the rest back.
    Refund(ReturnOrder),
    /// A manager ends what only a person can end.
    Settle {
        /// How.
        how: Settlement,
        /// Who asks and who approves.
        approval: Approval,
        /// Why.
        note: Option<String>,
        /// Whether its money still fits its bill.
        late: Late,
    },
    /// The history that came back after a restore had its bill paid: by the order of facts this payment came second.
    CameSecond,
    /// The clock in doubt when the charge was intended turned out to be off.
    CorrectDay {
        /// When it really was.
        intended_at: UtcMs,
        /// The business day of that moment.
        business_day: Day,
        /// The hour on the store's clock.
        hour: u8,
    },
}

/// A refund a person asks for, or one that is owed.
#[derive(Clone, Debug)]
pub struct ReturnOrder {
    /// What goes back.
    pub amount: Fen,
    /// Where it counts.
    pub place: Place,
    /// Who asks and who approves; absent where money that is owed goes back by itself.
    pub approval: Option<Approval>,
    /// The reason given.
    pub reason: Option<String>,
}

/// What a person says about an open payment.
#[derive(Clone, Debug)]
pub struct Say {
    /// Who says so.
    pub by: String,
    /// With what key.
    pub idempotency: Idempotency,
    /// Who lets the bill go at once.
    pub approver: Option<AccountId>,
}

/// Every consequence, performed only after the facts are durable.
#[derive(Debug)]
pub enum Effect {
    /// Ask the acquirer.
    Call(Call),
}

/// Why a person's request cannot be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The payment's state forbids it.
    State,
    /// That was said already; it is being done.
    SaidAlready,
    /// The wait is not over: ms left.
    TooEarly(u64),
    /// The acquirer reverses no more; refund instead.
    PastWindow,
    /// More than what remains.
    OverRemaining,
    /// Its bill was paid otherwise: the money can only go back.
    BillSettled,
}

/// The outcome of one input.
#[derive(Debug, Default)]
#[must_use]
pub struct Step {
    facts: Vec<Fact>,
    effects: Vec<Effect>,
    refused: Option<Refused>,
}

impl Step {
    pub(super) fn nothing() -> Self {
        Self::default()
    }

    pub(super) fn refuse(why: Refused) -> Self {
        Self { refused: Some(why), ..Self::default() }
    }

    pub(super) fn record(fact: Fact) -> Self {
        Self { facts: vec![fact], effects: vec![], refused: None }
    }

    pub(super) fn perform(effect: Effect) -> Self {
        Self { facts: vec![], effects: vec![effect], refused: None }
    }

    pub(super) fn then(mut self, next: Self) -> Self {
        self.facts.extend(next.facts);
        self.effects.extend(next.effects);
        self.refused = self.refused.or(next.refused);
        self
    }

    /// Why the request was refused, if it was.
    #[must_use]
    pub const fn refused(&self) -> Option<Refused> {
        self.refused
    }

    /// The facts to commit, and the effects held back until they are.
    pub fn split(self) -> (Vec<Fact>, Held) {
        (self.facts, Held(self.effects))
    }
}

/// Effects waiting for their facts to be durable.
#[derive(Debug)]
#[must_use]
pub struct Held(Vec<Effect>);

impl Held {
    /// Hands the effects out against the proof.
    pub fn release(self, _: Committed) -> Vec<Effect> {
        self.0
    }
}
