//! Out of doubt: asking at the acquirer's pace, the deadline, and what the cashier may say meanwhile.

use super::{BillView, Calling, Payment, Refused, Say, State, Step};
use crate::{
    acquirer::{Call, QueryAnswer},
    ids::Numbering,
    journal::fact::{CancelAsked, ClosedReason, Fact, HandedOver, NotHandedOver, Pended},
    time::{Now, beijing_day},
};

/// From this age of a doubt the cashier may say what became of the goods (rule 5), in ms.
pub const GOODS_KEYS_AFTER_MS: u64 = 60_000;

/// A cashier may give a payment up this long after the charge: WeChat takes no reversal earlier, in ms.
pub const CANCEL_AFTER_MS: u64 = 15_000;

/// A held payment is asked about this often, in ms.
pub(super) const HELD_QUERY_MS: u64 = 60_000;

/// This long after the deadline a doubt is asked about at the slower pace, in ms.
pub(super) const LONG_DOUBT_MS: u64 = 600_000;

/// After a reversal of ours a late charge can still land: asked again at 1, 10 and 60 minutes, in ms from the last.
pub(super) const LATE_CHECKS_MS: [u64; 3] = [60_000, 540_000, 3_000_000];

impl Payment {
    pub(super) fn due(&mut self, now: Now, numbers: &mut Numbering) -> Step {
        if self.calling.is_some() || self.wake.is_none_or(|wake| wake > now.up) {
            return Step::nothing();
        }
        match self.state {
            State::Pending | State::Unknown | State::Held | State::Closed | State::Reversed => self.query(now),
            State::Reversing => self.reversal_due(now, numbers),
            State::Refunding => self.refund_due(),
            State::Paid if self.owes_back => self.give_back_late(now, numbers),
            State::Paid | State::Declined | State::PartRefunded | State::Refunded | State::Quarantined => {
                self.wake = None;
                Step::nothing()
            }
        }
    }

    pub(super) fn query(&mut self, now: Now) -> Step {
        self.queried_at = now.up;
        self.call(Calling::Query, Call::Query { order_no: self.order_no() })
    }

    pub(super) fn query_answered(
        &mut self,
        now: Now,
        answer: QueryAnswer,
        bill: BillView,
        numbers: &mut Numbering,
    ) -> Step {
        match self.state {
            State::Pending | State::Unknown => self.open_answered(now, answer, numbers),
            State::Held => self.held_answered(now, answer),
            State::Reversing => self.reversing_answered(now, answer, bill, numbers),
            State::Closed | State::Reversed => self.late_check_answered(now, answer, bill, numbers),
            State::Paid
            | State::Declined
            | State::Refunding
            | State::PartRefunded
            | State::Refunded
            | State::Quarantined => Step::nothing(),
        }
    }

    fn open_answered(&mut self, now: Now, answer: QueryAnswer, numbers: &mut Numbering) -> Step {
        match answer {
            QueryAnswer::Paid(evidence) => self.paid(now, evidence),
            QueryAnswer::Failed(refusal) => self.declined(now, refusal),
            QueryAnswer::Mismatched { detail, claimed } => self.quarantined(now, detail, claimed),
            QueryAnswer::Reversed => self.found_reversed(now),
            QueryAnswer::Pending | QueryAnswer::NotFound if self.past_deadline() && self.is_its_day(now) => {
                self.reverse(now, numbers)
            }
            // Past midnight acquirers cancel no more: what does not exist is over, what the customer holds is waited for.
            QueryAnswer::NotFound if self.past_deadline() => self.closed_with_checks(now, ClosedReason::Expired),
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

    /// Only a query that left after the deadline speaks for the time after it.
    fn past_deadline(&self) -> bool {
        let deadline = self.asked_at.after_ms(self.timings.deadline_ms);
        let deadline = self.hastened_at.map_or(deadline, |hastened| hastened.min(deadline));
        self.queried_at >= deadline
    }

    pub(super) fn is_its_day(&self, now: Now) -> bool {
        beijing_day(now.wall) == beijing_day(self.intent.at)
    }

    /// The acquirer's interval; the last query before the deadline waits for it, so that its answer counts. A doubt that
    /// outlives the deadline many times over (a line down for hours) is asked about every minute.
    fn wait_for_query(&mut self, now: Now) {
        let deadline = self.asked_at.after_ms(self.timings.deadline_ms);
        let long_over = now.up >= deadline.after_ms(LONG_DOUBT_MS);
        let interval = if long_over { HELD_QUERY_MS } else { self.timings.query_interval_ms };
        let next = now.up.after_ms(interval);
        self.wake = Some(match self.hastened_at {
            // The query just answered left before the person spoke: ask again at once.
            Some(hastened) if self.queried_at < hastened => now.up,
            _ if now.up < deadline => next.min(deadline),
            _ => next,
        });
    }

    fn customer_acts(&mut self, now: Now) -> Step {
        if self.state != State::Unknown {
            return Step::nothing();
        }
        self.state = State::Pending;
        self.record(Fact::Pended(Pended { order_no: self.order_no(), at: now.wall }))
    }

    fn held_answered(&mut self, now: Now, answer: QueryAnswer) -> Step {
        match answer {
            QueryAnswer::Paid(evidence) => self.paid(now, evidence),
            QueryAnswer::Failed(refusal) => self.declined(now, refusal),
            QueryAnswer::Mismatched { detail, claimed } => self.quarantined(now, detail, claimed),
            QueryAnswer::Reversed => self.found_reversed(now),
            QueryAnswer::Pending | QueryAnswer::NotFound | QueryAnswer::Unknown { .. } => {
                self.wake = Some(now.up.after_ms(HELD_QUERY_MS));
                Step::nothing()
            }
        }
    }

    fn late_check_answered(&mut self, now: Now, answer: QueryAnswer, bill: BillView, numbers: &mut Numbering) -> Step {
        match answer {
            QueryAnswer::Paid(evidence) => self.late_paid(now, evidence, bill, numbers),
            QueryAnswer::Mismatched { detail, claimed } => self.quarantined(now, detail, claimed),
            // An unanswered check is made again soon; an answered one moves on to the next.
            QueryAnswer::Unknown { .. } => {
                self.wake = Some(now.up.after_ms(HELD_QUERY_MS));
                Step::nothing()
            }
            QueryAnswer::Pending | QueryAnswer::Failed(_) | QueryAnswer::NotFound | QueryAnswer::Reversed => {
                self.check = self.check.saturating_add(1);
                self.wait_for_late_check(now);
                Step::nothing()
            }
        }
    }

    pub(super) fn wait_for_late_check(&mut self, now: Now) {
        self.wake = LATE_CHECKS_MS.get(self.check).map(|ms| now.up.after_ms(*ms));
    }

    /// Ends as closed and goes on checking, since a late charge can still land.
    pub(super) fn closed_with_checks(&mut self, now: Now, reason: ClosedReason) -> Step {
        let step = self.closed(now, reason, None);
        self.check = 0;
        self.wait_for_late_check(now);
        step
    }

    /// The cashier gives the payment up: ask at once, and take a not-paid for the end.
    pub(super) fn cancel(&mut self, now: Now, say: Say) -> Step {
        match self.state {
            State::Pending | State::Unknown => {
                if let Some(refused) = self.too_early(now, CANCEL_AFTER_MS) {
                    return refused;
                }
                let Say { by, idempotency } = say;
                let order_no = self.order_no();
                let asked = Fact::CancelAsked(CancelAsked { order_no, at: now.wall, by, idempotency });
                self.record(asked).then(self.hasten(now))
            }
            _ => Step::refuse(Refused::State),
        }
    }

    pub(super) fn hand_over(&mut self, now: Now, say: Say) -> Step {
        match self.state {
            State::Pending | State::Unknown => {
                if let Some(refused) = self.too_early(now, GOODS_KEYS_AFTER_MS) {
                    return refused;
                }
                self.state = State::Held;
                self.hastened_at = None;
                let Say { by, idempotency } = say;
                let order_no = self.order_no();
                self.record(Fact::HandedOver(HandedOver { order_no, at: now.wall, by, idempotency }))
            }
            State::Held => Step::nothing(),
            _ => Step::refuse(Refused::State),
        }
    }

    pub(super) fn not_hand_over(&mut self, now: Now, say: Say) -> Step {
        match self.state {
            State::Pending | State::Unknown | State::Held => {
                if let Some(refused) = self.too_early(now, GOODS_KEYS_AFTER_MS) {
                    return refused;
                }
                self.state = State::Unknown;
                let Say { by, idempotency } = say;
                let order_no = self.order_no();
                let said = Fact::NotHandedOver(NotHandedOver { order_no, at: now.wall, by, idempotency });
                self.record(said).then(self.hasten(now))
            }
            _ => Step::refuse(Refused::State),
        }
    }

    fn hasten(&mut self, now: Now) -> Step {
        self.hastened_at = Some(now.up);
        if self.calling.is_some() { Step::nothing() } else { self.query(now) }
    }

    fn too_early(&self, now: Now, earliest_ms: u64) -> Option<Step> {
        let open_at = self.asked_at.after_ms(earliest_ms);
        let left = open_at.0.saturating_sub(now.up.0);
        (left > 0).then(|| Step::refuse(Refused::TooEarly(left)))
    }
}
