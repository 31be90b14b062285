//! Taking back: an unanswered charge after its deadline, or a paid one by a person's void.
//!
//! A reversal repeats until a firm answer. Each call carries its own number; before a new one is drawn the old one is asked
//! about. After a firm answer the charge is asked about once more, to store which way it went.

use super::{
    BillView, Calling, Payment, Refused, State, Step,
    charge::clip,
    recovery::{HELD_QUERY_MS, LONG_DOUBT_MS},
};
use crate::{
    acquirer::{Call, PaidEvidence, QueryAnswer, Refusal, ReversalAnswer},
    ids::{Numbering, OrderNo},
    journal::fact::{Approval, ClosedReason, Fact, Place, ReversalIntended, ReversalRefused, Reversed},
    time::Now,
};

/// Waits between tries: 5, 10, 20, 40 s, then every minute, and from the thirtieth try every hour, in ms.
fn backoff_ms(tries: u32) -> u64 {
    match tries {
        0 | 1 => 5_000,
        2 => 10_000,
        3 => 20_000,
        4 => 40_000,
        5..=29 => 60_000,
        _ => 3_600_000,
    }
}

/// A reversal under way.
#[derive(Clone, Debug)]
pub(super) struct Reversal {
    pub(super) no: OrderNo,
    /// A void's first number, which its row keeps through all tries.
    pub(super) void_no: Option<OrderNo>,
    pub(super) place: Place,
    pub(super) purpose: Purpose,
    pub(super) next: Next,
    pub(super) tries: u32,
    /// The acquirer's firm word on the last try.
    pub(super) word: Option<Word>,
}

/// A firm word on a reversal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Done; how often the charge was still said to be paid since.
    Done { contradicted: u8 },
    /// Refused.
    Refused(Refusal),
}

/// A charge said to be paid this often after its reversal was done is believed.
const CONTRADICTIONS_MAX: u8 = 3;

/// Why it is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Not paid by the deadline.
    Expiry,
    /// The cashier gave it up.
    Cancellation,
    /// A person voids a paid payment.
    Void,
}

/// What the reversal does when its wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Send the reversal under its number.
    Send,
    /// Ask what became of the call.
    AskReversal,
    /// Firmly answered: ask which way the charge went.
    AskCharge,
}

impl Payment {
    /// Takes an unanswered charge back.
    pub(super) fn reverse(&mut self, now: Now, numbers: &mut Numbering) -> Step {
        let hastened = self.hastened_at.is_some();
        let purpose = if hastened { Purpose::Cancellation } else { Purpose::Expiry };
        let place = self.intent.place.clone();
        self.intend_reversal(now, purpose, place, 0, None, numbers).then(self.send_reversal())
    }

    pub(super) fn void(&mut self, now: Now, approval: Approval, place: Place, numbers: &mut Numbering) -> Step {
        if self.state != State::Paid {
            return Step::refuse(Refused::State);
        }
        if !self.is_its_day(now) {
            return Step::refuse(Refused::OtherDay);
        }
        self.intend_reversal(now, Purpose::Void, place, 0, Some(approval), numbers).then(self.send_reversal())
    }

    fn intend_reversal(
        &mut self,
        now: Now,
        purpose: Purpose,
        place: Place,
        tries: u32,
        void: Option<Approval>,
        numbers: &mut Numbering,
    ) -> Step {
        let no = numbers.next(now.wall);
        let earlier = self.reversal.as_ref().and_then(|reversal| reversal.void_no);
        let void_no = earlier.or((purpose == Purpose::Void).then_some(no));
        self.state = State::Reversing;
        self.reversal =
            Some(Reversal { no, void_no, place: place.clone(), purpose, next: Next::Send, tries, word: None });
        self.record(Fact::ReversalIntended(ReversalIntended {
            order_no: self.order_no(),
            at: now.wall,
            reversal_no: no,
            amount: self.intent.amount,
            place,
            void,
        }))
    }

    fn send_reversal(&mut self) -> Step {
        let Some(reversal) = &mut self.reversal else { return Step::nothing() };
        reversal.tries = reversal.tries.saturating_add(1);
        let reversal_no = reversal.no;
        let call = Call::Reverse { reversal_no, order_no: self.order_no(), amount: self.intent.amount };
        self.call(Calling::Reverse, call)
    }

    pub(super) fn reversal_due(&mut self, now: Now, numbers: &mut Numbering) -> Step {
        let Some(reversal) = &self.reversal else { return Step::nothing() };
        match reversal.next {
            Next::Send => self.send_again(now, numbers),
            Next::AskReversal => {
                let (reversal_no, order_no, amount) = (reversal.no, self.order_no(), self.intent.amount);
                self.call(Calling::QueryReversal, Call::QueryReversal { reversal_no, order_no, amount })
            }
            Next::AskCharge => self.query(now),
        }
    }

    /// A new try is a new number: acquirers refuse a used one (Allinpay 3888). The person's approval stands in the first.
    fn send_again(&mut self, now: Now, numbers: &mut Numbering) -> Step {
        let Some(Reversal { place, purpose, tries, .. }) = self.reversal.clone() else {
            return Step::nothing();
        };
        self.intend_reversal(now, purpose, place, tries, None, numbers).then(self.send_reversal())
    }

    pub(super) fn reversal_answered(&mut self, now: Now, answer: ReversalAnswer) -> Step {
        match answer {
            ReversalAnswer::Done => self.reversal_done(now),
            ReversalAnswer::Refused(refusal) => self.reversal_refused(now, refusal),
            ReversalAnswer::NotFound => {
                let message = "the acquirer does not know the charge".into();
                self.reversal_refused(now, Refusal { code: "not_found".into(), message })
            }
            ReversalAnswer::NumberUsed { .. } | ReversalAnswer::Unknown { .. } => {
                self.wait_for_reversal(now, Next::AskReversal)
            }
        }
    }

    pub(super) fn reversal_queried(&mut self, now: Now, answer: ReversalAnswer, numbers: &mut Numbering) -> Step {
        match answer {
            ReversalAnswer::Done => self.reversal_done(now),
            // This try did nothing and never will: the next one is sent at once, since the wait came before the question.
            ReversalAnswer::Refused(_) | ReversalAnswer::NotFound => self.send_again(now, numbers),
            ReversalAnswer::NumberUsed { .. } | ReversalAnswer::Unknown { .. } => {
                if let Some(reversal) = &mut self.reversal {
                    reversal.tries = reversal.tries.saturating_add(1);
                }
                self.wait_for_reversal(now, Next::AskReversal)
            }
        }
    }

    fn wait_for_reversal(&mut self, now: Now, next: Next) -> Step {
        if let Some(reversal) = &mut self.reversal {
            reversal.next = next;
            self.wake = Some(now.up.after_ms(backoff_ms(reversal.tries)));
        }
        Step::nothing()
    }

    fn reversal_done(&mut self, now: Now) -> Step {
        let Some(reversal) = &mut self.reversal else { return Step::nothing() };
        reversal.word = Some(Word::Done { contradicted: 0 });
        match reversal.purpose {
            Purpose::Void => self.reversed(now),
            Purpose::Expiry | Purpose::Cancellation => self.ask_charge(now),
        }
    }

    /// A refused void leaves the payment paid, unless an earlier try went unanswered and may still have worked: then the charge
    /// is asked about first.
    fn reversal_refused(&mut self, now: Now, refusal: Refusal) -> Step {
        let Some(reversal) = &mut self.reversal else { return Step::nothing() };
        reversal.word = Some(Word::Refused(refusal.clone()));
        match reversal.purpose {
            Purpose::Void if reversal.tries <= 1 => self.void_refused(now, refusal),
            Purpose::Void => self.ask_charge(now),
            Purpose::Expiry | Purpose::Cancellation => {
                let fact = self.refused_fact(now, refusal);
                self.record(fact).then(self.ask_charge(now))
            }
        }
    }

    fn void_refused(&mut self, now: Now, refusal: Refusal) -> Step {
        let fact = self.refused_fact(now, refusal);
        self.reversal = None;
        self.rest(State::Paid);
        self.record(fact)
    }

    fn refused_fact(&self, now: Now, refusal: Refusal) -> Fact {
        let reversal = self.reversal.as_ref();
        Fact::ReversalRefused(ReversalRefused {
            order_no: self.order_no(),
            at: now.wall,
            reversal_no: reversal.map_or(self.order_no(), |reversal| reversal.no),
            code: clip(refusal.code),
            message: clip(refusal.message),
            void_no: reversal.and_then(|reversal| reversal.void_no),
        })
    }

    fn ask_charge(&mut self, now: Now) -> Step {
        if let Some(reversal) = &mut self.reversal {
            reversal.next = Next::AskCharge;
        }
        self.query(now)
    }

    /// Which way the charge went, after its reversal was firmly answered.
    pub(super) fn reversing_answered(
        &mut self,
        now: Now,
        answer: QueryAnswer,
        bill: BillView,
        numbers: &mut Numbering,
    ) -> Step {
        match answer {
            QueryAnswer::Paid(evidence) => self.paid_while_reversing(now, evidence, bill, numbers),
            QueryAnswer::Reversed => self.found_reversed(now),
            QueryAnswer::Mismatched { detail, claimed } => self.quarantined(now, detail, claimed),
            QueryAnswer::Failed(_) | QueryAnswer::NotFound => match self.reversal.as_ref().map(|r| r.purpose) {
                Some(Purpose::Cancellation) => self.closed_with_checks(now, ClosedReason::Cancelled),
                Some(Purpose::Expiry) | None => self.closed_with_checks(now, ClosedReason::Expired),
                // A paid payment does not vanish: ask on.
                Some(Purpose::Void) => self.ask_charge_later(now),
            },
            QueryAnswer::Pending | QueryAnswer::Unknown { .. } => self.ask_charge_later(now),
        }
    }

    fn paid_while_reversing(
        &mut self,
        now: Now,
        evidence: PaidEvidence,
        bill: BillView,
        numbers: &mut Numbering,
    ) -> Step {
        let Some(reversal) = &mut self.reversal else { return self.late_paid(now, evidence, bill, numbers) };
        match (&mut reversal.word, reversal.purpose) {
            (Some(Word::Refused(refusal)), Purpose::Void) => {
                let refusal = refusal.clone();
                self.void_refused(now, refusal)
            }
            // The acquirer's books may lag behind its own answer: what was just taken back is not shown as paid.
            (Some(Word::Done { contradicted }), _) if *contradicted < CONTRADICTIONS_MAX => {
                *contradicted = contradicted.saturating_add(1);
                self.ask_charge_later(now)
            }
            _ => self.late_paid(now, evidence, bill, numbers),
        }
    }

    fn ask_charge_later(&mut self, now: Now) -> Step {
        let over = now.up >= self.asked_at.after_ms(self.timings.deadline_ms).after_ms(LONG_DOUBT_MS);
        let interval = if over { HELD_QUERY_MS } else { self.timings.query_interval_ms };
        self.wake = Some(now.up.after_ms(interval));
        Step::nothing()
    }

    /// The acquirer says: taken and given back.
    pub(super) fn found_reversed(&mut self, now: Now) -> Step {
        let ours = self.reversal.as_ref().is_some_and(|reversal| reversal.purpose != Purpose::Void);
        let step = self.reversed(now);
        if ours {
            self.check = 0;
            self.wait_for_late_check(now);
        }
        step
    }

    fn reversed(&mut self, now: Now) -> Step {
        let reversal = self.reversal.as_ref();
        let place = reversal.map_or_else(|| self.intent.place.clone(), |reversal| reversal.place.clone());
        let reversal_no = reversal.map(|reversal| reversal.no);
        let void_no = reversal.and_then(|reversal| reversal.void_no);
        self.rest(State::Reversed);
        let step = self.record(Fact::Reversed(Reversed {
            order_no: self.order_no(),
            at: now.wall,
            reversal_no,
            amount: self.intent.amount,
            wallet: self.wallet,
            place,
            void_no,
        }));
        match void_no {
            Some(no) => step.then(Step::perform(super::Effect::PrintReceipt(no))),
            None => step,
        }
    }
}
