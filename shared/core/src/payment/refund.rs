//! Giving a part or the rest back. One refund of a payment at a time; the same number with the same amount until it is firm.

use alloc::string::String;

use super::{
    Payment, Refused, ReturnOrder, State, Step,
    fact::{RefundIntended, RefundRefused, Refunded},
    wait::{Next, clip},
};
use crate::{
    acquirer::{Call, ExpectedReturn, RefundAnswer},
    ids::Numbering,
    money::Fen,
    text::Text,
    time::Now,
};

/// Waits between questions about a refund: 5 s at first, every minute from the seventh, in ms.
const fn backoff_ms(tries: u32) -> u64 {
    if tries < 7 { 5_000 } else { 60_000 }
}

impl Payment {
    pub(super) fn refund(&mut self, now: Now, order: ReturnOrder, numbers: &mut Numbering) -> Step {
        match self.state() {
            State::Paid | State::PartRefunded => {}
            State::Pending
            | State::Declined
            | State::Unknown
            | State::Held
            | State::Reversing
            | State::Closed
            | State::Reversed
            | State::Refunding
            | State::Refunded
            | State::Quarantined => return Step::refuse(Refused::State),
        }
        if order.amount > self.standing.remaining() {
            return Step::refuse(Refused::OverRemaining);
        }
        self.wait.begin(now);
        let intended = self.record(RefundIntended {
            order_no: self.order_no(),
            at: now.wall,
            refund_no: numbers.next(now.wall),
            amount: order.amount,
            place: order.place,
            approval: order.approval,
            reason: order.reason.map(Text::new),
        });
        intended.then(self.refund_due())
    }

    pub(super) fn refund_due(&mut self) -> Step {
        let Some(refund) = self.standing.refund() else { return Step::nothing() };
        let expected = ExpectedReturn { return_no: refund.no, order_no: self.order_no(), amount: refund.amount };
        self.call(match self.wait.next {
            Next::Send => Call::Refund(expected),
            Next::Ask | Next::AskCharge => Call::QueryRefund(expected),
        })
    }

    /// The answer to the refund.
    pub(super) fn refund_answered(&mut self, now: Now, answer: RefundAnswer, numbers: &mut Numbering) -> Step {
        match answer {
            RefundAnswer::Done { acquirer_no } => self.refunded(now, acquirer_no),
            RefundAnswer::Refused(refusal) => self.refund_refused(now, refusal.code, refusal.message),
            RefundAnswer::Processing | RefundAnswer::Unknown { .. } => self.wait_for_refund(now, Next::Ask),
            RefundAnswer::NotFound => self.wait_for_refund(now, Next::Send),
            // Nothing of ours was ever sent under this number: it is another's, and ours did not happen.
            RefundAnswer::NumberUsed { detail } if !self.wait.seen_before => {
                numbers.jump();
                self.refund_refused(now, "number_used".into(), detail)
            }
            RefundAnswer::NumberUsed { .. } => self.wait_for_refund(now, Next::Ask),
        }
    }

    /// The answer to the refund's query.
    pub(super) fn refund_queried(&mut self, now: Now, answer: RefundAnswer, numbers: &mut Numbering) -> Step {
        match answer {
            RefundAnswer::Done { acquirer_no } => self.refunded(now, acquirer_no),
            RefundAnswer::Refused(refusal) => self.refund_refused(now, refusal.code, refusal.message),
            RefundAnswer::Processing | RefundAnswer::Unknown { .. } => self.wait_for_refund(now, Next::Ask),
            RefundAnswer::NotFound => self.wait_for_refund(now, Next::Send),
            // Another's trade has this number: ours was never taken.
            RefundAnswer::NumberUsed { detail } => {
                numbers.jump();
                self.refund_refused(now, "number_used".into(), detail)
            }
        }
    }

    fn wait_for_refund(&mut self, now: Now, next: Next) -> Step {
        self.wait.next = next;
        self.wait.seen_before = true;
        self.wait.tries = self.wait.tries.saturating_add(1);
        self.wait.wake = Some(now.up.after_ms(backoff_ms(self.wait.tries)));
        Step::nothing()
    }

    pub(super) fn refunded(&mut self, now: Now, acquirer_no: String) -> Step {
        let Some(refund) = self.standing.refund().cloned() else { return Step::nothing() };
        self.wait.rest();
        let left = self.standing.remaining().checked_sub(refund.amount).unwrap_or(Fen::ZERO);
        let received = self.standing.received().map_or(Fen::ZERO, |received| received.amount);
        let step = self.record(Refunded {
            order_no: self.order_no(),
            at: now.wall,
            refund_no: refund.no,
            amount: refund.amount,
            refunded: received.checked_sub(left).unwrap_or(Fen::ZERO),
            left,
            acquirer_no: clip(acquirer_no),
        });
        // A person's part of what is owed leaves the rest owed, at once.
        self.wait_for_owed(now, 0);
        self.ask_for_earlier(now);
        step
    }

    pub(super) fn refund_refused(&mut self, now: Now, code: String, message: String) -> Step {
        let Some(refund_no) = self.standing.refund().map(|refund| refund.no) else { return Step::nothing() };
        self.wait.rest();
        let (code, message) = (clip(code), Some(clip(message).into()));
        let refused = self.record(RefundRefused { order_no: self.order_no(), at: now.wall, refund_no, code, message });
        self.wait_for_owed_later(now);
        self.ask_for_earlier(now);
        refused
    }

    /// Another refund is under way still, of the other branch of a restored box: what became of it is asked.
    fn ask_for_earlier(&mut self, now: Now) {
        if self.state() == State::Refunding {
            self.wait.begin(now);
            (self.wait.next, self.wait.seen_before) = (Next::Ask, true);
            self.wait.wake = Some(now.up);
        }
    }
}
