//! The charge itself: intent, call, answer.

use alloc::{string::ToString, vec};

use super::{BillView, Calling, Effect, Order, Payment, State, Step};
use crate::{
    acquirer::{Call, ChargeAnswer, ChargeCall, PaidEvidence, Refusal, Timings},
    ids::Numbering,
    journal::fact::{Bill, Closed, ClosedReason, Declined, Doubted, Fact, Intended, Paid, Quarantined},
    limits,
    money::Fen,
    time::Now,
};

/// The source of bills the counter opens by itself, one a sale.
pub const COUNTER_BILLS: &str = "counter";

impl Payment {
    /// Records the intent and sends the charge.
    pub fn open(now: Now, order: Order, timings: Timings, numbers: &mut Numbering) -> (Self, Step) {
        let order_no = numbers.next(now.wall);
        let own_bill = || Bill { source: COUNTER_BILLS.to_string(), number: order_no.to_string(), total: order.amount };
        let intent = Intended {
            order_no,
            at: now.wall,
            amount: order.amount,
            code: order.code.trace(&order.code_key),
            acquirer: order.acquirer,
            termno: order.terminal.termno.clone(),
            bill: order.bill.unwrap_or_else(own_bill),
            remark: order.remark,
            idempotency: order.idempotency,
            place: order.place,
        };
        let call = Call::Charge(ChargeCall {
            order_no,
            amount: order.amount,
            code: order.code,
            terminal: order.terminal,
            subject: order.subject,
            operator: intent.place.cashier.to_string(),
        });
        let payment = Self {
            wallet: intent.code.wallet,
            timings,
            state: State::Pending,
            refunded: Fen::ZERO,
            reversal: None,
            refund: None,
            calling: Some(Calling::Charge),
            wake: None,
            asked_at: now.up,
            hastened_at: None,
            owes_back: false,
            queried_at: now.up,
            check: 0,
            intent,
        };
        let fact = Fact::Intended(payment.intent.clone());
        (payment, Step::record(fact, vec![Effect::Call { order_no, call }, Effect::Show(order_no)]))
    }

    pub(super) fn charge_answered(&mut self, now: Now, answer: ChargeAnswer) -> Step {
        match answer {
            ChargeAnswer::Paid(evidence) => self.paid(now, evidence),
            ChargeAnswer::Pending => {
                self.wake = Some(now.up.after_ms(self.timings.first_query_ms));
                Step::nothing()
            }
            ChargeAnswer::Declined(refusal) => self.declined(now, refusal),
            ChargeAnswer::NotSent { detail } => self.closed(now, ClosedReason::NotSent, Some(detail)),
            ChargeAnswer::Misconfigured(refusal) => {
                self.closed(now, ClosedReason::Configuration, Some(refusal.message))
            }
            ChargeAnswer::Mismatched { detail, claimed } => self.quarantined(now, detail, claimed),
            ChargeAnswer::NumberUsed { detail } | ChargeAnswer::Unknown { detail } => {
                self.wake = Some(now.up.after_ms(self.timings.first_query_ms));
                self.doubt(now, detail)
            }
        }
    }

    /// Doubts once: a doubt about a doubt is no news. Held stays held.
    pub(super) fn doubt(&mut self, now: Now, detail: alloc::string::String) -> Step {
        if self.state != State::Pending {
            return Step::nothing();
        }
        self.state = State::Unknown;
        self.record(Fact::Doubted(Doubted { order_no: self.order_no(), at: now.wall, detail: clip(detail) }))
    }

    pub(super) fn paid(&mut self, now: Now, evidence: PaidEvidence) -> Step {
        self.wallet = evidence.wallet.unwrap_or(self.wallet);
        let order_no = self.order_no();
        let fact = Fact::Paid(Paid {
            order_no,
            at: now.wall,
            amount: self.intent.amount,
            received: evidence.received,
            wallet: self.wallet,
            acquirer_no: clip(evidence.acquirer_no),
            wallet_no: evidence.wallet_no.map(clip),
            finished_at: evidence.finished_at,
            place: self.intent.place.clone(),
        });
        self.rest(State::Paid);
        Step::record(fact, vec![Effect::Show(order_no), Effect::PrintReceipt(order_no)])
    }

    pub(super) fn declined(&mut self, now: Now, refusal: Refusal) -> Step {
        self.rest(State::Declined);
        self.record(Fact::Declined(Declined {
            order_no: self.order_no(),
            at: now.wall,
            code: clip(refusal.code),
            message: clip(refusal.message),
        }))
    }

    pub(super) fn closed(&mut self, now: Now, reason: ClosedReason, message: Option<alloc::string::String>) -> Step {
        self.rest(State::Closed);
        let message = message.map(clip);
        self.record(Fact::Closed(Closed { order_no: self.order_no(), at: now.wall, reason, message }))
    }

    pub(super) fn quarantined(&mut self, now: Now, detail: alloc::string::String, claimed: PaidEvidence) -> Step {
        self.rest(State::Quarantined);
        self.record(Fact::Quarantined(Quarantined {
            order_no: self.order_no(),
            at: now.wall,
            detail: clip(detail),
            claimed: claimed.received,
            acquirer_no: clip(claimed.acquirer_no),
        }))
    }

    /// A paid answer after the payment had ended: attached to its bill, or given back if that was settled otherwise.
    pub(super) fn late_paid(
        &mut self,
        now: Now,
        evidence: PaidEvidence,
        bill: BillView,
        numbers: &mut Numbering,
    ) -> Step {
        self.reversal = None;
        let paid = self.paid(now, evidence);
        match bill {
            BillView::Open => paid,
            BillView::SettledOtherwise => paid.then(self.give_back_late(now, numbers)),
        }
    }

    /// Ends every wait.
    pub(super) fn rest(&mut self, state: State) {
        self.state = state;
        self.wake = None;
        self.calling = None;
    }

    pub(super) fn record(&self, fact: Fact) -> Step {
        Step::record(fact, vec![Effect::Show(self.order_no())])
    }

    pub(super) fn call(&mut self, calling: Calling, call: Call) -> Step {
        self.calling = Some(calling);
        self.wake = None;
        Step::perform(Effect::Call { order_no: self.order_no(), call })
    }
}

/// Other people's texts enter facts at this length at most, so that a fact always reads back.
pub(super) fn clip(text: alloc::string::String) -> alloc::string::String {
    match text.char_indices().nth(limits::FOREIGN_TEXT_MAX_CHARS) {
        Some((end, _)) => text.get(..end).unwrap_or("").into(),
        None => text,
    }
}
