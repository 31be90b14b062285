//! A payment put together again from its facts, after a restart or for a person's request on an old one.

use super::{
    Payment, State, Step,
    refund::{self, Refund},
    reversal::{Next, Purpose, Reversal, Word},
};
use crate::{
    acquirer::{Refusal, Timings},
    journal::fact::{Doubted, Fact},
    money::Fen,
    time::{Now, Ticks},
};

impl Payment {
    /// Replays the facts of one payment, oldest first; `None` if they do not begin with its intent.
    #[must_use]
    pub fn replay<'f>(facts: impl IntoIterator<Item = &'f Fact>, timings: Timings) -> Option<Self> {
        let mut facts = facts.into_iter();
        let Fact::Intended(intent) = facts.next()? else { return None };
        let mut payment = Self {
            wallet: intent.code.wallet,
            intent: intent.clone(),
            timings,
            state: State::Pending,
            refunded: Fen::ZERO,
            reversal: None,
            refund: None,
            calling: None,
            wake: None,
            asked_at: Ticks(0),
            hastened_at: None,
            owes_back: false,
            queried_at: Ticks(0),
            check: 0,
        };
        facts.for_each(|fact| payment.recall(fact));
        Some(payment)
    }

    fn recall(&mut self, fact: &Fact) {
        match fact {
            Fact::Opened(_) | Fact::AccountSet(_) | Fact::ApiKeyCreated(_) | Fact::Intended(_) => {}
            Fact::Pended(_) => self.state = State::Pending,
            Fact::Doubted(_) => self.state = State::Unknown,
            Fact::Paid(f) => {
                self.wallet = f.wallet;
                self.reversal = None;
                self.state = State::Paid;
            }
            Fact::Declined(_) => self.state = State::Declined,
            Fact::Closed(_) => self.state = State::Closed,
            Fact::Quarantined(_) => self.state = State::Quarantined,
            Fact::HandedOver(_) => {
                self.hastened_at = None;
                self.state = State::Held;
            }
            Fact::CancelAsked(_) => self.hastened_at = Some(Ticks(0)),
            Fact::NotHandedOver(_) => {
                self.hastened_at = Some(Ticks(0));
                self.state = State::Unknown;
            }
            Fact::ReversalIntended(f) => {
                // Later tries of a void carry no approval of their own: the purpose is the first one's.
                let earlier = self.reversal.as_ref().map(|reversal| (reversal.purpose, reversal.void_no));
                let own = match &f.void {
                    Some(_) => Purpose::Void,
                    None if self.hastened_at.is_some() => Purpose::Cancellation,
                    None => Purpose::Expiry,
                };
                self.reversal = Some(Reversal {
                    no: f.reversal_no,
                    void_no: earlier.map_or_else(|| f.void.as_ref().map(|_| f.reversal_no), |(_, no)| no),
                    place: f.place.clone(),
                    purpose: earlier.map_or(own, |(purpose, _)| purpose),
                    next: Next::AskReversal,
                    // More than one: a try before the restart may have worked unseen.
                    tries: 2,
                    word: None,
                });
                self.state = State::Reversing;
            }
            Fact::Reversed(_) => self.state = State::Reversed,
            Fact::ReversalRefused(f) if f.void_no.is_some() => {
                self.reversal = None;
                self.state = State::Paid;
            }
            Fact::ReversalRefused(f) => {
                if let Some(reversal) = &mut self.reversal {
                    reversal.next = Next::AskCharge;
                    let refusal = Refusal { code: f.code.clone(), message: f.message.clone() };
                    reversal.word = Some(Word::Refused(refusal));
                }
            }
            Fact::RefundIntended(f) => {
                let (no, amount, place) = (f.refund_no, f.amount, f.place.clone());
                let owed = f.approval.is_none();
                self.refund = Some(Refund { no, amount, place, next: refund::Next::Ask, tries: 0, owed });
                self.state = State::Refunding;
            }
            Fact::Refunded(f) => {
                self.refunded = f.refunded;
                self.refund = None;
                self.owes_back = false;
                self.state = if f.left == Fen::ZERO { State::Refunded } else { State::PartRefunded };
            }
            Fact::RefundRefused(f) => {
                self.owes_back = self.refund.take().is_some_and(|refund| refund.owed);
                self.state = if f.refunded_before == Fen::ZERO { State::Paid } else { State::PartRefunded };
            }
        }
    }

    /// Goes on after a restart: a charge whose answer was lost with the process is in doubt, and every wait runs again from
    /// zero, since the clock may have been anything while the power was off.
    pub fn resume(&mut self, now: Now) -> Step {
        self.asked_at = now.up;
        self.hastened_at = self.hastened_at.map(|_| now.up);
        match self.state {
            State::Pending => {
                self.state = State::Unknown;
                self.wake = Some(now.up);
                let detail = "the node stopped before an answer was recorded".into();
                self.record(Fact::Doubted(Doubted { order_no: self.order_no(), at: now.wall, detail }))
            }
            State::Unknown | State::Held | State::Reversing | State::Refunding => {
                self.wake = Some(now.up);
                Step::nothing()
            }
            State::Paid if self.owes_back => {
                self.wake = Some(now.up);
                Step::nothing()
            }
            // Only what we reversed ourselves, unpaid, can still be paid late.
            State::Closed | State::Reversed
                if self.reversal.as_ref().is_some_and(|reversal| reversal.purpose != Purpose::Void) =>
            {
                self.check = 0;
                self.wait_for_late_check(now);
                Step::nothing()
            }
            State::Closed
            | State::Reversed
            | State::Paid
            | State::Declined
            | State::PartRefunded
            | State::Refunded
            | State::Quarantined => Step::nothing(),
        }
    }
}
