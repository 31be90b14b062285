//! What only a person can end: an answer that does not match, a doubt the acquirer will not resolve, a debt that cannot go
//! back. A manager decides, and says why.

use alloc::string::String;

use super::{
    Payment, Refused, State, Step,
    fact::{ClosedReason, Settled, Settlement},
};
use crate::{acquirer::PaidEvidence, ids::Numbering, money::Fen, people::Approval, text::Text, time::Now};

/// What a manager may do about a payment that stands so. `stuck`: its deadline has passed.
#[must_use]
pub fn ways_out(state: State, number_used: bool, owes: bool, voiding: bool, stuck: bool) -> &'static [Settlement] {
    match state {
        State::Quarantined if number_used => &[Settlement::Accept, Settlement::GiveBack, Settlement::Close],
        State::Quarantined => &[Settlement::Accept, Settlement::GiveBack],
        State::Pending | State::Unknown | State::Held if stuck && number_used => &[Settlement::Close],
        State::Pending | State::Unknown | State::Held if stuck => {
            &[Settlement::Accept, Settlement::GiveBack, Settlement::Close]
        }
        State::Reversing if stuck && !voiding => &[Settlement::Accept, Settlement::Close],
        State::Paid | State::PartRefunded if owes => &[Settlement::GiveBack, Settlement::WriteOff],
        State::Pending
        | State::Unknown
        | State::Held
        | State::Reversing
        | State::Paid
        | State::PartRefunded
        | State::Declined
        | State::Closed
        | State::Reversed
        | State::Refunding
        | State::Refunded => &[],
    }
}

impl Payment {
    fn ways_out(&self, now: Now) -> &'static [Settlement] {
        let stuck = self.wait.asked.elapsed_ms(now) >= self.timings.deadline_ms;
        let standing = &self.standing;
        let owes = standing.owed() > Fen::ZERO;
        ways_out(self.state(), standing.number_used().is_some(), owes, standing.is_being_voided(), stuck)
    }

    pub(super) fn settle(
        &mut self,
        now: Now,
        how: Settlement,
        approval: Approval,
        note: Option<String>,
        numbers: &mut Numbering,
    ) -> Step {
        if !self.ways_out(now).contains(&how) {
            return Step::refuse(Refused::State);
        }
        let before = self.state();
        let note = note.map(Text::new);
        let settled = self.record(Settled { order_no: self.order_no(), at: now.wall, how, approval, note });
        let end = match how {
            Settlement::Accept => {
                let evidence = self.evidence_at_hand();
                self.paid(now, evidence)
            }
            Settlement::GiveBack => match before {
                State::Quarantined => {
                    let evidence = self.evidence_at_hand();
                    self.paid_and_given_back(now, evidence, numbers)
                }
                State::Paid | State::PartRefunded => self.give_back(now, numbers),
                State::Pending
                | State::Unknown
                | State::Held
                | State::Reversing
                | State::Declined
                | State::Closed
                | State::Reversed
                | State::Refunding
                | State::Refunded => self.reverse(now, self.take_back(now), numbers),
            },
            Settlement::Close => {
                let number_used = self.standing.number_used().is_some();
                let reason = if number_used { ClosedReason::NumberUsed } else { ClosedReason::Cancelled };
                self.closed(now, reason, None)
            }
            Settlement::WriteOff => {
                self.wait.rest();
                Step::nothing()
            }
        };
        settled.then(end)
    }

    /// What is known of the money a person says there is. Of an answer that claims more than was asked only the asked sum is
    /// certain, so only that can be given back.
    fn evidence_at_hand(&self) -> PaidEvidence {
        let asked = self.standing.intent().amount;
        let claimed = self.standing.claimed();
        PaidEvidence {
            acquirer_no: claimed.map(|claimed| claimed.acquirer_no.clone()).unwrap_or_default(),
            wallet_no: claimed.and_then(|claimed| claimed.wallet_no.clone()),
            wallet: None,
            asked,
            received: claimed.map_or(asked, |claimed| claimed.amount.min(asked)),
            finished_at: None,
        }
    }
}
