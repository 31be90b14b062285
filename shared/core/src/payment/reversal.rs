//! Taking back: an unanswered charge after its deadline, or a paid one by a person's void.
//!
//! A reversal repeats until a firm answer. Each call carries its own number; before a new one is drawn the old one is asked
//! about. After a firm answer the charge is asked about once more, to store which way it went.

use super::{
    Payment, Refused, State, Step,
    fact::{Place, ReversalIntended, ReversalRefused, Reversed, TakeBack},
    recovery::HELD_QUERY_MS,
    standing::Reversal,
    wait::{Next, Word, clip},
};
use crate::{
    acquirer::{Call, ExpectedReturn, PaidEvidence, QueryAnswer, Refusal, ReversalAnswer},
    bill::Late,
    ids::{Numbering, OrderNo},
    people::Approval,
    time::{Now, Since},
};

/// A charge said to be paid this often after its reversal was done is believed.
const CONTRADICTIONS_MAX: u8 = 3;

/// After so many calls a refusal that only a question found is taken as one that was answered: the charge decides.
const UNHEARD_TRIES: u32 = 4;

/// The longest wait between two questions about a try that was not answered, in ms.
const UNANSWERED_MAX_MS: u64 = 60_000;

/// Waits between tries: 5, 10, 20, 40 s, then every minute, and from the thirtieth try every hour, in ms.
const fn backoff_ms(tries: u32) -> u64 {
    match tries {
        0 | 1 => 5_000,
        2 => 10_000,
        3 => 20_000,
        4 => 40_000,
        5..=29 => 60_000,
        30.. => 3_600_000,
    }
}

impl Payment {
    /// Takes an unanswered charge back.
    pub(super) fn reverse(&mut self, now: Now, how: TakeBack, numbers: &mut Numbering) -> Step {
        self.wait.begin(now);
        let place = self.standing.intent().place.clone();
        self.intend_reversal(now, place, how, None, numbers).then(self.send_reversal())
    }

    pub(super) fn void(&mut self, now: Now, approval: Approval, place: Place, numbers: &mut Numbering) -> Step {
        if self.state() != State::Paid {
            return Step::refuse(Refused::State);
        }
        if self.take_back(now) != TakeBack::Reverse {
            return Step::refuse(Refused::PastWindow);
        }
        self.wait.begin(now);
        self.intend_reversal(now, place, TakeBack::Reverse, Some(approval), numbers).then(self.send_reversal())
    }

    fn intend_reversal(
        &mut self,
        now: Now,
        place: Place,
        how: TakeBack,
        void: Option<Approval>,
        numbers: &mut Numbering,
    ) -> Step {
        debug_assert!(void.is_some() || !self.state().is_final(), "only a person's void begins at an end");
        self.wait.next = Next::Send;
        self.wait.word = None;
        let (order_no, amount) = (self.order_no(), self.standing.intent().amount);
        let reversal_no = numbers.next(now.wall);
        self.record(ReversalIntended { order_no, at: now.wall, reversal_no, amount, place, void, how })
    }

    fn send_reversal(&mut self) -> Step {
        let Some(&Reversal { no, how, .. }) = self.standing.reversal() else { return Step::nothing() };
        self.wait.tries = self.wait.tries.saturating_add(1);
        self.call(match how {
            TakeBack::Reverse => Call::Reverse(self.expected_reversal(no)),
            TakeBack::Close => Call::Close { order_no: self.order_no() },
        })
    }

    fn expected_reversal(&self, return_no: OrderNo) -> ExpectedReturn {
        ExpectedReturn { return_no, order_no: self.order_no(), amount: self.standing.intent().amount }
    }

    pub(super) fn reversal_due(&mut self, now: Now, numbers: &mut Numbering) -> Step {
        let Some(reversal) = self.standing.reversal() else { return self.query(now) };
        match (self.wait.next, reversal.how) {
            (Next::Send, _) => self.send_again(now, numbers),
            (Next::Ask, TakeBack::Reverse) if self.terms.reversal.numbered => {
                self.call(Call::QueryReversal(self.expected_reversal(reversal.no)))
            }
            // Closing has no number to ask by: the order itself tells.
            (Next::Ask, TakeBack::Reverse | TakeBack::Close) | (Next::AskCharge, _) => self.query(now),
        }
    }

    /// A new try is a new number: acquirers that number reversals refuse a used one. The person's approval stands in the first.
    fn send_again(&mut self, now: Now, numbers: &mut Numbering) -> Step {
        if self.standing.stray().is_some() {
            return self.not_repeated(now);
        }
        let Some(Reversal { place, void_no, how, refused, .. }) = self.standing.reversal().cloned() else {
            return Step::nothing();
        };
        let how = match (void_no, how) {
            // Only a reversal gives money back.
            (Some(_), _) => TakeBack::Reverse,
            // Refused, and the charge is unpaid.
            (None, TakeBack::Reverse) if refused && self.terms.reversal.close_when_refused => TakeBack::Close,
            // What was to be reversed yesterday is closed today.
            (None, TakeBack::Reverse | TakeBack::Close) => self.take_back(now),
        };
        self.intend_reversal(now, place, how, None, numbers).then(self.send_reversal())
    }

    pub(super) fn reversal_answered(&mut self, now: Now, answer: ReversalAnswer, numbers: &mut Numbering) -> Step {
        match answer {
            ReversalAnswer::Done => self.reversal_done(now),
            ReversalAnswer::Refused(refusal) => self.reversal_refused(now, refusal),
            ReversalAnswer::NotFound => {
                let message = "the acquirer does not know the charge".into();
                self.reversal_refused(now, Refusal { code: "not_found".into(), message })
            }
            // Another's number: this try did nothing, and the next is drawn beyond the used range.
            ReversalAnswer::NumberUsed { .. } => {
                numbers.jump();
                self.wait.seen_before = true;
                self.wait_for_reversal(now, Next::Send)
            }
            ReversalAnswer::Unknown { .. } => {
                self.wait.seen_before = true;
                self.wait_for_reversal(now, Next::Ask)
            }
        }
    }

    pub(super) fn reversal_queried(&mut self, now: Now, answer: ReversalAnswer, numbers: &mut Numbering) -> Step {
        match answer {
            // Whose reversal it was, only the charge can tell.
            ReversalAnswer::Done => {
                self.wait.word = Some(Word::Done { contradicted: 0 });
                self.ask_charge(now)
            }
            // As if its own answer had come, where that one never does.
            ReversalAnswer::Refused(refusal) if self.wait.tries >= UNHEARD_TRIES => self.reversal_refused(now, refusal),
            // This try did nothing and never will: the next one is sent at once, since the wait came before the question.
            ReversalAnswer::Refused(_) | ReversalAnswer::NotFound => self.send_again(now, numbers),
            // Another's trade has this number: ours was never taken.
            ReversalAnswer::NumberUsed { .. } => {
                numbers.jump();
                self.send_again(now, numbers)
            }
            ReversalAnswer::Unknown { .. } => {
                self.wait.tries = self.wait.tries.saturating_add(1);
                self.wait_for_reversal(now, Next::Ask)
            }
        }
    }

    /// By the fact, or by a word on a void, which is no fact before the charge was asked about.
    fn is_reversal_refused(&self) -> bool {
        let on_record = self.standing.reversal().is_some_and(|reversal| reversal.refused);
        on_record || matches!(self.wait.word, Some(Word::Refused(_)))
    }

    fn wait_for_reversal(&mut self, now: Now, next: Next) -> Step {
        self.wait.next = next;
        // What was not answered is asked about every minute, however long the line was down.
        let wait = match next {
            Next::Ask => backoff_ms(self.wait.tries).min(UNANSWERED_MAX_MS),
            Next::Send | Next::AskCharge => backoff_ms(self.wait.tries),
        };
        self.wait.wake = Some(now.up.after_ms(wait));
        Step::nothing()
    }

    fn reversal_done(&mut self, now: Now) -> Step {
        self.wait.word = Some(Word::Done { contradicted: 0 });
        if self.standing.is_being_voided() { self.reversed(now) } else { self.ask_charge(now) }
    }

    /// A refused void leaves the payment paid, unless an earlier try went unanswered and may still have worked: then the charge
    /// is asked about first.
    fn reversal_refused(&mut self, now: Now, refusal: Refusal) -> Step {
        self.wait.word = Some(Word::Refused(refusal.clone()));
        if !self.standing.is_being_voided() {
            let refused = self.refused(now, refusal);
            return refused.then(self.ask_charge(now));
        }
        if self.wait.seen_before { self.ask_charge(now) } else { self.void_refused(now, refusal) }
    }

    pub(super) fn void_refused(&mut self, now: Now, refusal: Refusal) -> Step {
        self.wait.rest();
        let refused = self.refused(now, refusal);
        self.wait_for_owed_later(now);
        refused
    }

    /// What a copy of this box began did nothing: the payment stands as it stood.
    fn not_repeated(&mut self, now: Now) -> Step {
        let message = "另一台机器发起的撤销没有生效 / a reversal by a copy of this box did nothing".into();
        let step = self.void_refused(now, Refusal { code: "not_repeated".into(), message });
        if matches!(self.state(), State::Closed | State::Reversed) {
            self.wait_for_late_check(now);
        }
        step
    }

    fn refused(&mut self, now: Now, refusal: Refusal) -> Step {
        let reversal = self.standing.reversal();
        let fact = ReversalRefused {
            order_no: self.order_no(),
            at: now.wall,
            reversal_no: reversal.map_or(self.order_no(), |reversal| reversal.no),
            code: clip(refusal.code),
            message: Some(clip(refusal.message).into()),
            void_no: reversal.and_then(|reversal| reversal.void_no),
        };
        self.record(fact)
    }

    fn ask_charge(&mut self, now: Now) -> Step {
        self.wait.next = Next::AskCharge;
        self.query(now)
    }

    /// Which way the charge went, after its reversal was firmly answered; or, where closing was not answered, instead of it.
    pub(super) fn reversing_answered(
        &mut self,
        now: Now,
        answer: QueryAnswer,
        late: Late,
        numbers: &mut Numbering,
    ) -> Step {
        match answer {
            QueryAnswer::Paid(evidence) => self.paid_while_reversing(now, evidence, late, numbers),
            QueryAnswer::Reversed => self.found_reversed(now),
            // A void is of a payment whose money is known already.
            QueryAnswer::Mismatched { detail, claimed } if !self.standing.is_being_voided() => {
                self.quarantined(now, detail, claimed)
            }
            QueryAnswer::Failed(_) | QueryAnswer::NotFound
                if self.standing.stray().is_some_and(|stray| !stray.before.has_money()) =>
            {
                self.not_repeated(now)
            }
            QueryAnswer::Failed(_) | QueryAnswer::NotFound if !self.standing.is_being_voided() => {
                self.closed(now, self.end_reason(), None)
            }
            QueryAnswer::Failed(_) | QueryAnswer::NotFound if matches!(self.wait.word, Some(Word::Done { .. })) => {
                self.reversed(now)
            }
            // Still the customer's to pay, and nothing on its way against it: once more.
            QueryAnswer::Pending if self.wait.next == Next::Ask || self.is_reversal_refused() => {
                self.wait_for_reversal(now, Next::Send)
            }
            // A paid payment does not vanish: ask on.
            QueryAnswer::Failed(_)
            | QueryAnswer::NotFound
            | QueryAnswer::Pending
            | QueryAnswer::Mismatched { .. }
            | QueryAnswer::Unknown { .. } => self.ask_charge_later(now),
        }
    }

    fn paid_while_reversing(&mut self, now: Now, evidence: PaidEvidence, late: Late, numbers: &mut Numbering) -> Step {
        let voiding = self.standing.is_being_voided();
        match &mut self.wait.word {
            Some(Word::Refused(refusal)) if voiding => {
                let refusal = refusal.clone();
                self.void_refused(now, refusal)
            }
            // The acquirer's books may lag behind its own answer: what was just taken back is not shown as paid.
            Some(Word::Done { contradicted }) if *contradicted < CONTRADICTIONS_MAX => {
                *contradicted = contradicted.saturating_add(1);
                self.ask_charge_later(now)
            }
            // That reversal was not of this charge: the void goes on, under a new number.
            Some(Word::Done { .. }) if voiding => self.wait_for_reversal(now, Next::Send),
            None if voiding => self.wait_for_reversal(now, Next::Send),
            Some(Word::Done { .. } | Word::Refused(_)) | None => self.paid_late(now, evidence, late, numbers),
        }
    }

    fn ask_charge_later(&mut self, now: Now) -> Step {
        let interval = if self.is_long_past_deadline(now) { HELD_QUERY_MS } else { self.terms.pace.query_interval_ms };
        self.wait.wake = Some(now.up.after_ms(interval));
        Step::nothing()
    }

    /// The acquirer says: taken and given back.
    pub(super) fn found_reversed(&mut self, now: Now) -> Step {
        let step = self.reversed(now);
        self.wait.ended = Since::now(now);
        self.wait_for_late_check(now);
        step
    }

    pub(super) fn reversed(&mut self, now: Now) -> Step {
        let (reversal_no, void_no) = match self.standing.reversal() {
            Some(reversal) => (Some(reversal.no), reversal.void_no),
            None => (None, None),
        };
        self.wait.rest();
        let amount = self.standing.intent().amount;
        self.record(Reversed { order_no: self.order_no(), at: now.wall, reversal_no, amount, void_no })
    }
}
