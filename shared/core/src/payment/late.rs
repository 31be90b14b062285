//! Money that comes late, and money that must go back until it has (rule 6).

use super::{
    Payment, ReturnOrder, State, Step,
    fact::{GiveBackOwed, LateChecked, TakeBack},
    standing::{LATE_CHECKS_MS, Said},
};
use crate::{
    acquirer::{PaidEvidence, QueryAnswer},
    bill::{COUNTER_BILLS, Late},
    ids::Numbering,
    money::Fen,
    time::Now,
};

/// An unanswered late check is made again after this, in ms.
const CHECK_AGAIN_MS: u64 = 60_000;

/// What is owed and was refused (funds too small that day) is tried again this much later, in ms.
const OWED_RETRY_MS: u64 = 3_600_000;

impl Payment {
    /// Money was taken and nothing of ours is under way against it. What the cashier gave up goes back: by reversal while the
    /// acquirer reverses, else by refund. So does what finds its bill paid although it held it: another branch of the journal paid.
    pub(super) fn paid_while_open(
        &mut self,
        now: Now,
        evidence: PaidEvidence,
        late: Late,
        numbers: &mut Numbering,
    ) -> Step {
        if !self.standing.is_given_up() {
            let held_in_vain = late == Late::SettledOtherwise && self.standing.bill().source != COUNTER_BILLS;
            return if held_in_vain {
                self.paid_and_given_back(now, evidence, numbers)
            } else {
                self.paid(now, evidence)
            };
        }
        match self.take_back(now) {
            TakeBack::Reverse => self.reverse(now, TakeBack::Reverse, numbers),
            TakeBack::Close => self.paid_and_given_back(now, evidence, numbers),
        }
    }

    /// A paid answer after the payment had ended, or after its reversal was firmly answered.
    pub(super) fn paid_late(&mut self, now: Now, evidence: PaidEvidence, late: Late, numbers: &mut Numbering) -> Step {
        match late {
            Late::Fits if !self.standing.gives_back() => self.paid(now, evidence),
            Late::Fits | Late::SettledOtherwise => self.paid_and_given_back(now, evidence, numbers),
        }
    }

    /// Two branches of a restored box were paid for one bill. What is still open is judged when it is found paid.
    pub(super) fn came_second(&mut self, now: Now, numbers: &mut Numbering) -> Step {
        match self.state() {
            // Goods handed over are paid for (rule 6).
            State::Paid | State::PartRefunded
                if self.standing.owed() == Fen::ZERO && self.standing.said() != Some(Said::HandedOver) =>
            {
                self.owe(now, numbers)
            }
            State::Paid
            | State::PartRefunded
            | State::Pending
            | State::Unknown
            | State::Held
            | State::Reversing
            | State::Refunding
            | State::Declined
            | State::Closed
            | State::Reversed
            | State::Refunded
            | State::Quarantined => Step::nothing(),
        }
    }

    /// The debt is a fact of its own, beside the money: no refusal, no person and no restart forgets it.
    pub(super) fn paid_and_given_back(&mut self, now: Now, evidence: PaidEvidence, numbers: &mut Numbering) -> Step {
        self.paid(now, evidence).then(self.owe(now, numbers))
    }

    fn owe(&mut self, now: Now, numbers: &mut Numbering) -> Step {
        let amount = self.standing.remaining();
        let owed = self.record(GiveBackOwed { order_no: self.order_no(), at: now.wall, amount });
        owed.then(self.give_back(now, numbers))
    }

    /// Gives back what is owed, as far as it is still here.
    pub(super) fn give_back(&mut self, now: Now, numbers: &mut Numbering) -> Step {
        let amount = self.standing.owed().min(self.standing.remaining());
        if amount == Fen::ZERO {
            self.wait.rest();
            return Step::nothing();
        }
        let place = self.standing.intent().place.clone();
        self.refund(now, ReturnOrder { amount, place, approval: None, reason: None }, numbers)
    }

    /// After a refund of any kind ended: what is still owed is tried again.
    pub(super) fn wait_for_owed(&mut self, now: Now, after_ms: u64) {
        if self.standing.owed() > Fen::ZERO && matches!(self.state(), State::Paid | State::PartRefunded) {
            self.wait.wake = Some(now.up.after_ms(after_ms));
        }
    }

    pub(super) fn wait_for_owed_later(&mut self, now: Now) {
        self.wait_for_owed(now, OWED_RETRY_MS);
    }

    pub(super) fn late_check_answered(
        &mut self,
        now: Now,
        answer: QueryAnswer,
        late: Late,
        numbers: &mut Numbering,
    ) -> Step {
        match answer {
            QueryAnswer::Paid(evidence) => self.paid_late(now, evidence, late, numbers),
            QueryAnswer::Mismatched { detail, claimed } => self.quarantined(now, detail, claimed),
            // An unanswered check is made again soon; an answered one moves on to the next.
            QueryAnswer::Unknown { .. } => {
                self.wait.wake = Some(now.up.after_ms(CHECK_AGAIN_MS));
                Step::nothing()
            }
            QueryAnswer::Pending | QueryAnswer::Failed(_) | QueryAnswer::NotFound | QueryAnswer::Reversed => {
                self.late_checked(now)
            }
        }
    }

    /// One check done, and with it those that were slept through: the answer is of now.
    fn late_checked(&mut self, now: Now) -> Step {
        let Some(watch) = self.standing.watch() else {
            self.wait.rest();
            return Step::nothing();
        };
        // A time nobody vouched for skips no check.
        let elapsed = self.wait.ended.elapsed_ms(now);
        let passed = LATE_CHECKS_MS.iter().filter(|ms| **ms <= elapsed).count();
        let checks = u8::try_from(passed).unwrap_or(u8::MAX).max(watch.checks.saturating_add(1));
        let checked = self.record(LateChecked { order_no: self.order_no(), at: now.wall, checks });
        self.wait_for_late_check(now);
        checked
    }

    /// The next check counts from the end on record, however often and long the node was off meanwhile; within one life by ticks,
    /// since the stamp of an end may be ahead of the truth by days.
    pub(super) fn wait_for_late_check(&mut self, now: Now) {
        self.wait.wake = self.standing.watch().and_then(|watch| {
            let due = LATE_CHECKS_MS.get(usize::from(watch.checks))?;
            Some(now.up.after_ms(due.saturating_sub(self.wait.ended.likely_elapsed_ms(now))))
        });
    }
}
