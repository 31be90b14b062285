//! What only a person can end: an answer that does not match, a doubt the acquirer will not resolve, a debt that cannot go
//! back. A manager decides, and says why.

use alloc::string::String;

use super::{
    Payment, Refused, State, Step,
    fact::{ClosedReason, Settled, Settlement},
};
use crate::{
    acquirer::{PaidEvidence, Refusal},
    bill::Late,
    ids::Numbering,
    money::Fen,
    people::Approval,
    text::Text,
    time::Now,
};

/// What a manager may do about a payment that stands so. `stuck`: what is under way has taken longer than its deadline.
#[must_use]
pub fn ways_out(state: State, number_used: bool, owes: bool, voiding: bool, stuck: bool) -> &'static [Settlement] {
    match state {
        State::Quarantined if number_used => &[Settlement::Accept, Settlement::GiveBack, Settlement::Close],
        State::Quarantined => &[Settlement::Accept, Settlement::GiveBack],
        State::Pending | State::Unknown | State::Held if stuck && number_used => &[Settlement::Close],
        State::Pending | State::Unknown | State::Held if stuck => {
            &[Settlement::Accept, Settlement::GiveBack, Settlement::Close]
        }
        // Of a void or refund: the money stayed, or it went back.
        State::Reversing if stuck && voiding => &[Settlement::Accept, Settlement::Close],
        State::Refunding if stuck => &[Settlement::Accept, Settlement::Close],
        // A reversal of ours may have worked: what is found paid goes back by itself.
        State::Reversing if stuck => &[Settlement::Close],
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
        let standing = &self.standing;
        let owes = standing.owed() > Fen::ZERO;
        ways_out(self.state(), standing.number_used().is_some(), owes, standing.is_being_voided(), self.is_stuck(now))
    }

    fn is_stuck(&self, now: Now) -> bool {
        let back_under_way = self.state() == State::Refunding || self.standing.is_being_voided();
        let since = if back_under_way { self.wait.returning } else { self.wait.asked };
        since.elapsed_ms(now) >= self.terms.pace.deadline_ms
    }

    pub(super) fn settle(
        &mut self,
        now: Now,
        (how, late): (Settlement, Late),
        approval: Approval,
        note: Option<String>,
        numbers: &mut Numbering,
    ) -> Step {
        if !self.ways_out(now).contains(&how) {
            return Step::refuse(Refused::State);
        }
        let before = self.state();
        let voiding = self.standing.is_being_voided();
        let back_under_way = voiding || before == State::Refunding;
        if how == Settlement::Accept && !back_under_way && late == Late::SettledOtherwise {
            return Step::refuse(Refused::BillSettled);
        }
        if (how == Settlement::GiveBack || back_under_way) && self.wait.calling.is_some() {
            // An answer on its way would be taken for that of a later question, or for none: what it tells would be lost.
            return Step::refuse(Refused::TooEarly(self.terms.pace.answer_timeout_ms));
        }
        let note = note.map(Text::new);
        let settled = self.record(Settled { order_no: self.order_no(), at: now.wall, how, approval, note });
        settled.then(self.settled(now, how, before, voiding, numbers))
    }

    fn settled(&mut self, now: Now, how: Settlement, before: State, voiding: bool, numbers: &mut Numbering) -> Step {
        let word = || Refusal {
            code: "settled".into(),
            message: "店长确认钱未退出 / settled: the money stayed".into(),
        };
        match (how, before) {
            (Settlement::Accept, State::Refunding) => self.refund_refused(now, word().code, word().message),
            (Settlement::Close, State::Refunding) => self.refunded(now, String::new()),
            (Settlement::Accept, State::Reversing) if voiding => self.void_refused(now, word()),
            (Settlement::Close, State::Reversing) if voiding => self.reversed(now),
            (Settlement::Accept, _) => {
                let evidence = self.evidence_at_hand();
                self.paid(now, evidence)
            }
            (Settlement::GiveBack, State::Quarantined) => {
                let evidence = self.evidence_at_hand();
                self.paid_and_given_back(now, evidence, numbers)
            }
            (Settlement::GiveBack, State::Paid | State::PartRefunded) => self.give_back(now, numbers),
            (Settlement::GiveBack, _) => self.reverse(now, self.take_back(now), numbers),
            (Settlement::Close, _) => {
                let number_used = self.standing.number_used().is_some();
                let reason = if number_used { ClosedReason::NumberUsed } else { ClosedReason::Cancelled };
                self.closed(now, reason, None)
            }
            (Settlement::WriteOff, _) => {
                self.wait.rest();
                Step::nothing()
            }
        }
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
