//! Out of doubt: asking at the acquirer's pace, the deadline, and what the cashier may say meanwhile.

use super::{
    Payment, Refused, Say, State, Step,
    fact::{CancelAsked, ClosedReason, DayCorrected, HandedOver, NotHandedOver, Pended, TakeBack},
};
use crate::{
    acquirer::{Call, QueryAnswer},
    bill::Late,
    ids::Numbering,
    time::{Day, Now, UtcMs, beijing_day},
};

/// From this age of a doubt the cashier may say what became of the goods (rule 5), in ms.
pub const GOODS_KEYS_AFTER_MS: u64 = 60_000;

/// A held payment is asked about this often, in ms.
pub(super) const HELD_QUERY_MS: u64 = 60_000;

/// This long after the deadline a doubt is asked about at the slower pace, in ms.
pub(super) const LONG_DOUBT_MS: u64 = 600_000;

impl Payment {
    pub(super) fn due(&mut self, now: Now, numbers: &mut Numbering) -> Step {
        if self.wait.calling.is_some() || self.wait.wake.is_none_or(|wake| wake > now.up) {
            return Step::nothing();
        }
        match self.state() {
            State::Pending | State::Unknown | State::Held | State::Closed | State::Reversed => self.query(now),
            State::Reversing => self.reversal_due(now, numbers),
            State::Refunding => self.refund_due(),
            State::Paid | State::PartRefunded => self.give_back(now, numbers),
            State::Declined | State::Refunded | State::Quarantined => {
                self.wait.rest();
                Step::nothing()
            }
        }
    }

    pub(super) fn query(&mut self, now: Now) -> Step {
        self.wait.decisive = self.standing.is_given_up() || self.is_past_deadline(now);
        self.call(Call::Query(self.expected()))
    }

    pub(super) fn query_answered(
        &mut self,
        now: Now,
        answer: QueryAnswer,
        late: Late,
        numbers: &mut Numbering,
    ) -> Step {
        if let (Some(answered_at), State::Pending | State::Unknown | State::Held) =
            (self.standing.number_used(), self.state())
        {
            return self.clash_answered(now, answered_at, answer, numbers);
        }
        match self.state() {
            State::Pending | State::Unknown => self.open_answered(now, answer, late, numbers),
            State::Held => self.held_answered(now, answer),
            State::Reversing => self.reversing_answered(now, answer, late, numbers),
            State::Closed | State::Reversed => self.late_check_answered(now, answer, late, numbers),
            State::Paid
            | State::Declined
            | State::Refunding
            | State::PartRefunded
            | State::Refunded
            | State::Quarantined => Step::nothing(),
        }
    }

    fn open_answered(&mut self, now: Now, answer: QueryAnswer, late: Late, numbers: &mut Numbering) -> Step {
        match answer {
            QueryAnswer::Paid(evidence) => self.paid_while_open(now, evidence, late, numbers),
            QueryAnswer::Failed(refusal) => self.declined(now, refusal),
            QueryAnswer::Mismatched { detail, claimed } => self.quarantined(now, detail, claimed),
            QueryAnswer::Reversed => self.found_reversed(now),
            // Past its window the acquirer reverses no more: what does not exist is over, what the customer holds is closed.
            QueryAnswer::NotFound if self.wait.decisive && self.take_back(now) == TakeBack::Close => {
                self.closed(now, self.end_reason(), None)
            }
            QueryAnswer::Pending | QueryAnswer::NotFound if self.wait.decisive => {
                self.reverse(now, self.take_back(now), numbers)
            }
            QueryAnswer::Pending => {
                self.wait_for_query(now);
                self.customer_acts(now)
            }
            QueryAnswer::NotFound => {
                self.wait_for_query(now);
                Step::nothing()
            }
            QueryAnswer::Unknown { detail } => {
                self.wait_for_query(now);
                self.doubt(now, detail)
            }
        }
    }

    /// How an end without money is called.
    pub(super) const fn end_reason(&self) -> ClosedReason {
        if self.standing.is_given_up() { ClosedReason::Cancelled } else { ClosedReason::Expired }
    }

    fn is_past_deadline(&self, now: Now) -> bool {
        self.wait.asked.elapsed_ms(now) >= self.terms.pace.deadline_ms
    }

    pub(super) fn is_long_past_deadline(&self, now: Now) -> bool {
        self.wait.asked.elapsed_ms(now) >= self.terms.pace.deadline_ms.saturating_add(LONG_DOUBT_MS)
    }

    /// How it can be taken back now: by a reversal while the acquirer's window is open.
    pub(super) fn take_back(&self, now: Now) -> TakeBack {
        let (charged_on, today) = (self.standing.intent().acquirer_day(), beijing_day(now.likeliest()));
        if self.terms.reversal.window.is_open(charged_on, today, self.wait.asked.elapsed_ms(now)) {
            TakeBack::Reverse
        } else {
            TakeBack::Close
        }
    }

    /// The acquirer's interval; the last query before the deadline waits for it, so that its answer counts. A doubt that
    /// outlives the deadline many times over (a line down for hours) is asked about every minute.
    pub(super) fn wait_for_query(&mut self, now: Now) {
        let interval = if self.is_long_past_deadline(now) { HELD_QUERY_MS } else { self.terms.pace.query_interval_ms };
        let next = now.up.after_ms(interval);
        self.wait.wake = Some(if self.standing.is_given_up() && !self.wait.decisive {
            // The query just answered left before the person spoke: ask again at once.
            now.up
        } else if self.is_past_deadline(now) {
            next
        } else {
            next.min(self.wait.asked.reaches(now, self.terms.pace.deadline_ms))
        });
    }

    fn customer_acts(&mut self, now: Now) -> Step {
        if self.state() != State::Unknown {
            return Step::nothing();
        }
        self.record(Pended { order_no: self.order_no(), at: now.wall })
    }

    fn held_answered(&mut self, now: Now, answer: QueryAnswer) -> Step {
        match answer {
            QueryAnswer::Paid(evidence) => self.paid(now, evidence),
            QueryAnswer::Failed(refusal) => self.declined(now, refusal),
            QueryAnswer::Mismatched { detail, claimed } => self.quarantined(now, detail, claimed),
            QueryAnswer::Reversed => self.found_reversed(now),
            QueryAnswer::Pending | QueryAnswer::NotFound | QueryAnswer::Unknown { .. } => {
                self.wait.wake = Some(now.up.after_ms(HELD_QUERY_MS));
                Step::nothing()
            }
        }
    }

    /// The cashier gives the payment up: ask at once, and take a not-paid for the end.
    pub(super) fn cancel(&mut self, now: Now, say: Say) -> Step {
        let earliest_ms = self.terms.reversal.not_before_ms;
        if let Some(refused) = self.may_give_up(now, &say, earliest_ms, &[State::Pending, State::Unknown]) {
            return refused;
        }
        let Say { by, idempotency, approver } = say;
        self.record(CancelAsked { order_no: self.order_no(), at: now.wall, by, idempotency, approver })
            .then(self.hasten(now))
    }

    pub(super) fn not_hand_over(&mut self, now: Now, say: Say) -> Step {
        let from = [State::Pending, State::Unknown, State::Held];
        if let Some(refused) = self.may_give_up(now, &say, GOODS_KEYS_AFTER_MS, &from) {
            return refused;
        }
        let Say { by, idempotency, approver } = say;
        self.record(NotHandedOver { order_no: self.order_no(), at: now.wall, by, idempotency, approver })
            .then(self.hasten(now))
    }

    pub(super) fn hand_over(&mut self, now: Now, say: Say) -> Step {
        match self.state() {
            // Let go by an approver, its bill may be another's by now.
            State::Pending | State::Unknown if self.standing.is_freed() => return Step::refuse(Refused::SaidAlready),
            State::Pending | State::Unknown => {}
            State::Held => return Step::refuse(Refused::SaidAlready),
            State::Paid
            | State::Declined
            | State::Reversing
            | State::Closed
            | State::Reversed
            | State::Refunding
            | State::PartRefunded
            | State::Refunded
            | State::Quarantined => return Step::refuse(Refused::State),
        }
        if let Some(refused) = self.too_early(now, GOODS_KEYS_AFTER_MS) {
            return refused;
        }
        let Say { by, idempotency, approver: _ } = say;
        self.record(HandedOver { order_no: self.order_no(), at: now.wall, by, idempotency })
    }

    /// Giving up what was given up does nothing, unless an approver now lets the bill go.
    fn may_give_up(&self, now: Now, say: &Say, earliest_ms: u64, from: &[State]) -> Option<Step> {
        use super::Said;
        if !from.contains(&self.state()) {
            return Some(Step::refuse(Refused::State));
        }
        match self.standing.said() {
            Some(Said::GivenUp { freed, .. }) if freed || say.approver.is_none() => {
                Some(Step::refuse(Refused::SaidAlready))
            }
            Some(Said::GivenUp { .. } | Said::HandedOver) | None => self.too_early(now, earliest_ms),
        }
    }

    fn hasten(&mut self, now: Now) -> Step {
        if self.wait.calling.is_some() { Step::nothing() } else { self.query(now) }
    }

    pub(super) fn too_early(&self, now: Now, earliest_ms: u64) -> Option<Step> {
        let left = earliest_ms.saturating_sub(self.wait.asked.elapsed_ms(now));
        (left > 0).then(|| Step::refuse(Refused::TooEarly(left)))
    }

    /// The clock was in doubt at the intent: the day is put right by a fact, not by changing one.
    pub(super) fn correct_day(&mut self, now: Now, intended_at: UtcMs, business_day: Day, hour: u8) -> Step {
        let intent = self.standing.intent();
        let same = (intent.place.business_day, intent.place.hour) == (business_day, hour);
        if !intent.clock_doubted && same {
            return Step::nothing();
        }
        self.record(DayCorrected { order_no: self.order_no(), at: now.wall, intended_at, business_day, hour })
    }
}
