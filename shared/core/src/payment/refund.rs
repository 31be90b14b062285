//! Giving a part or the rest back. One refund of a payment at a time; the same number with the same amount until it is firm.

use alloc::string::String;

use super::{Calling, Effect, Payment, Refused, State, Step, charge::clip};
use crate::{
    acquirer::{Call, RefundAnswer},
    ids::{Numbering, OrderNo},
    journal::fact::{Approval, Fact, Place, RefundIntended, RefundRefused, Refunded},
    money::Fen,
    time::Now,
};

/// Waits between questions about a refund: 5 s at first, every minute from the seventh, in ms.
fn backoff_ms(tries: u32) -> u64 {
    if tries < 7 { 5_000 } else { 60_000 }
}

/// A give-back that was refused (funds too small that day) is tried again this much later, in ms.
pub(super) const OWED_RETRY_MS: u64 = 3_600_000;

/// A refund a person asks for.
#[derive(Clone, Debug)]
pub struct ReturnOrder {
    /// What goes back.
    pub amount: Fen,
    /// Where it counts.
    pub place: Place,
    /// Who asks and who approves; absent where a late payment goes back by itself.
    pub approval: Option<Approval>,
    /// The reason given.
    pub reason: Option<String>,
}

/// A refund under way.
#[derive(Clone, Debug)]
pub(super) struct Refund {
    pub(super) no: OrderNo,
    pub(super) amount: Fen,
    pub(super) place: Place,
    pub(super) next: Next,
    pub(super) tries: u32,
    /// Whether a late payment goes back by itself, which is owed until it is done.
    pub(super) owed: bool,
}

/// What the refund does when its wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Send it (again) under its number.
    Send,
    /// Ask what became of it.
    Ask,
}

impl Payment {
    pub(super) fn refund(&mut self, now: Now, order: ReturnOrder, numbers: &mut Numbering) -> Step {
        match self.state {
            State::Paid | State::PartRefunded => {}
            _ => return Step::refuse(Refused::State),
        }
        if order.amount > self.remaining() {
            return Step::refuse(Refused::OverRemaining);
        }
        let no = numbers.next(now.wall);
        let place = order.place.clone();
        self.state = State::Refunding;
        let owed = order.approval.is_none();
        self.refund = Some(Refund { no, amount: order.amount, place, next: Next::Send, tries: 0, owed });
        let intended = self.record(Fact::RefundIntended(RefundIntended {
            order_no: self.order_no(),
            at: now.wall,
            refund_no: no,
            amount: order.amount,
            place: order.place,
            approval: order.approval,
            reason: order.reason,
        }));
        intended.then(self.refund_due())
    }

    /// A late payment whose bill was settled otherwise goes back whole.
    pub(super) fn give_back_late(&mut self, now: Now, numbers: &mut Numbering) -> Step {
        let order = ReturnOrder {
            amount: self.remaining(),
            place: self.intent.place.clone(),
            approval: None,
            reason: Some("late payment, bill settled otherwise".into()),
        };
        self.refund(now, order, numbers)
    }

    pub(super) fn refund_due(&mut self) -> Step {
        let Some(refund) = &self.refund else { return Step::nothing() };
        let (refund_no, amount, order_no) = (refund.no, refund.amount, self.order_no());
        match refund.next {
            Next::Send => self.call(Calling::Refund, Call::Refund { refund_no, order_no, amount }),
            Next::Ask => self.call(Calling::QueryRefund, Call::QueryRefund { refund_no, order_no, amount }),
        }
    }

    /// The answer to the refund or to its query.
    pub(super) fn refund_answered(&mut self, now: Now, answer: RefundAnswer) -> Step {
        match answer {
            RefundAnswer::Done { acquirer_no } => self.refunded(now, acquirer_no),
            RefundAnswer::Refused(refusal) => self.refund_refused(now, refusal.code, refusal.message),
            RefundAnswer::Processing | RefundAnswer::NumberUsed { .. } | RefundAnswer::Unknown { .. } => {
                self.wait_for_refund(now, Next::Ask)
            }
            RefundAnswer::NotFound => self.wait_for_refund(now, Next::Send),
        }
    }

    fn wait_for_refund(&mut self, now: Now, next: Next) -> Step {
        if let Some(refund) = &mut self.refund {
            refund.next = next;
            refund.tries = refund.tries.saturating_add(1);
            self.wake = Some(now.up.after_ms(backoff_ms(refund.tries)));
        }
        Step::nothing()
    }

    fn refunded(&mut self, now: Now, acquirer_no: String) -> Step {
        let Some(refund) = self.refund.take() else { return Step::nothing() };
        self.refunded = self.refunded.checked_add(refund.amount).unwrap_or(self.intent.amount);
        let left = self.remaining();
        self.rest(if left == Fen::ZERO { State::Refunded } else { State::PartRefunded });
        self.owes_back = false;
        let fact = Fact::Refunded(Refunded {
            order_no: self.order_no(),
            at: now.wall,
            refund_no: refund.no,
            amount: refund.amount,
            refunded: self.refunded,
            left,
            acquirer_no: clip(acquirer_no),
            wallet: self.wallet,
            place: refund.place,
        });
        self.record(fact).then(Step::perform(Effect::PrintReceipt(refund.no)))
    }

    fn refund_refused(&mut self, now: Now, code: String, message: String) -> Step {
        let Some(refund) = self.refund.take() else { return Step::nothing() };
        self.rest(if self.refunded == Fen::ZERO { State::Paid } else { State::PartRefunded });
        if refund.owed {
            self.owes_back = true;
            self.wake = Some(now.up.after_ms(OWED_RETRY_MS));
        }
        self.record(Fact::RefundRefused(RefundRefused {
            order_no: self.order_no(),
            at: now.wall,
            refund_no: refund.no,
            code: clip(code),
            message: clip(message),
            refunded_before: self.refunded,
        }))
    }
}
