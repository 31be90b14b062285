//! The charge itself: intent, call, answer.

use alloc::string::{String, ToString};

use super::{
    Effect, Order, Payment, State, Step,
    fact::{Closed, ClosedReason, Declined, Doubted, Fact, Intended, Paid, Quarantined},
    standing::Standing,
    wait::{Wait, clip},
};
use crate::{
    acquirer::{Call, ChargeAnswer, ChargeCall, PaidEvidence, Refusal, Terms},
    bill::Late,
    ids::Numbering,
    text::Text,
    time::{Now, Since, UtcMs, beijing_day},
};

impl Payment {
    /// Records the intent and sends the charge.
    pub fn open(now: Now, order: Order, terms: &'static Terms, numbers: &mut Numbering) -> (Self, Step) {
        let order_no = numbers.next(now.wall);
        let intent = Intended {
            order_no,
            at: now.wall,
            amount: order.amount,
            code: order.code.trace(&order.code_key),
            acquirer: order.acquirer.as_str().into(),
            termno: order.terminal.termno.clone(),
            bill: order.bill,
            remark: order.remark.map(Text::new),
            idempotency: order.idempotency,
            place: order.place,
            clock_doubted: order.clock_doubted,
            acquirer_day: Some(beijing_day(now.likeliest())),
        };
        let call = Call::Charge(ChargeCall {
            order_no,
            amount: order.amount,
            code: order.code,
            terminal: order.terminal,
            subject: order.subject,
            operator: intent.place.cashier.to_string(),
        });
        let fact = Fact::Intended(intent.clone());
        let mut payment = Self { standing: Standing::intended(intent), wait: Wait::from(Since::now(now)), terms };
        let called = payment.call(call);
        (payment, Step::record(fact).then(called))
    }

    pub(super) fn charge_answered(
        &mut self,
        now: Now,
        answer: ChargeAnswer,
        date: Option<UtcMs>,
        numbers: &mut Numbering,
    ) -> Step {
        match answer {
            // Its own lock has kept the bill for it.
            ChargeAnswer::Paid(evidence) => self.paid_while_open(now, evidence, Late::Fits, numbers),
            ChargeAnswer::Pending => {
                self.wait.wake = Some(now.up.after_ms(self.terms.pace.first_query_ms));
                Step::nothing()
            }
            ChargeAnswer::Declined(refusal) => self.declined(now, refusal),
            ChargeAnswer::NotSent { detail } => self.closed(now, ClosedReason::NotSent, Some(detail)),
            ChargeAnswer::Misconfigured(refusal) => {
                self.closed(now, ClosedReason::Configuration, Some(refusal.message))
            }
            ChargeAnswer::Mismatched { detail, claimed } => self.quarantined(now, detail, claimed),
            ChargeAnswer::NumberUsed { detail } => self.number_used(now, detail, date),
            ChargeAnswer::Unknown { detail } => {
                self.wait.wake = Some(now.up.after_ms(self.terms.pace.first_query_ms));
                self.doubt(now, detail)
            }
        }
    }

    /// Doubts once: a doubt about a doubt is no news. Held stays held.
    pub(super) fn doubt(&mut self, now: Now, detail: String) -> Step {
        if self.state() != State::Pending {
            return Step::nothing();
        }
        let detail = Some(clip(detail).into());
        self.record(Doubted { order_no: self.order_no(), at: now.wall, detail })
    }

    pub(super) fn paid(&mut self, now: Now, evidence: PaidEvidence) -> Step {
        self.wait.rest();
        self.record(Paid {
            order_no: self.order_no(),
            at: now.wall,
            received: evidence.received,
            wallet: evidence.wallet.unwrap_or_else(|| self.standing.wallet()),
            acquirer_no: clip(evidence.acquirer_no),
            wallet_no: evidence.wallet_no.map(clip),
            finished_at: evidence.finished_at,
        })
    }

    pub(super) fn declined(&mut self, now: Now, refusal: Refusal) -> Step {
        self.wait.rest();
        let (code, message) = (clip(refusal.code), Some(clip(refusal.message).into()));
        self.record(Declined { order_no: self.order_no(), at: now.wall, code, message })
    }

    pub(super) fn closed(&mut self, now: Now, reason: ClosedReason, message: Option<String>) -> Step {
        self.wait.rest();
        let message = message.map(|message| clip(message).into());
        let closed = self.record(Closed { order_no: self.order_no(), at: now.wall, reason, message });
        self.wait.ended = Since::now(now);
        self.wait_for_late_check(now);
        closed
    }

    pub(super) fn quarantined(&mut self, now: Now, detail: String, claimed: PaidEvidence) -> Step {
        self.wait.rest();
        self.record(Quarantined {
            order_no: self.order_no(),
            at: now.wall,
            detail: Some(clip(detail).into()),
            claimed: claimed.received,
            acquirer_no: clip(claimed.acquirer_no),
            wallet_no: claimed.wallet_no.map(clip),
        })
    }

    pub(super) fn call(&mut self, call: Call) -> Step {
        self.wait.calling = Some(call.question());
        self.wait.wake = None;
        Step::perform(Effect::Call(call))
    }
}
