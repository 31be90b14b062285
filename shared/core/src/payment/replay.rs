//! A payment put together again from its facts, after a restart or for a person's request on an old one.

use super::{
    Payment, State, Step,
    refund::{self, Refund},
    reversal::{Next, Purpose, Reversal},
};
use crate::{
    acquirer::Timings,
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
            hastened: false,
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
            Fact::HandedOver(_) => self.state = State::Held,
            Fact::NotHandedOver(_) => self.hastened = true,
            Fact::ReversalIntended(f) => {
                // Later tries of a void carry no approval of their own: the purpose is the first one's.
                let earlier = self.reversal.as_ref().map(|reversal| (reversal.purpose, reversal.void_no));
                let own = match &f.void {
                    Some(_) => Purpose::Void,
                    None if self.hastened => Purpose::Cancellation,
                    None => Purpose::Expiry,
                };
                self.reversal = Some(Reversal {
                    no: f.reversal_no,
                    void_no: earlier.map_or_else(|| f.void.as_ref().map(|_| f.reversal_no), |(_, no)| no),
                    place: f.place.clone(),
                    purpose: earlier.map_or(own, |(purpose, _)| purpose),
                    next: Next::AskReversal,
                    tries: 1,
                });
                self.state = State::Reversing;
            }
            Fact::Reversed(_) => self.state = State::Reversed,
            Fact::ReversalRefused(f) if f.void_no.is_some() => {
                self.reversal = None;
                self.state = State::Paid;
            }
            Fact::ReversalRefused(_) => {
                if let Some(reversal) = &mut self.reversal {
                    reversal.next = Next::AskCharge;
                }
            }
            Fact::RefundIntended(f) => {
                let (no, amount, place) = (f.refund_no, f.amount, f.place.clone());
                self.refund = Some(Refund { no, amount, place, next: refund::Next::Ask, tries: 0 });
                self.state = State::Refunding;
            }
            Fact::Refunded(f) => {
                self.refunded = f.refunded;
                self.refund = None;
                self.state = if f.left == Fen::ZERO { State::Refunded } else { State::PartRefunded };
            }
            Fact::RefundRefused(f) => {
                self.refund = None;
                self.state = if f.refunded_before == Fen::ZERO { State::Paid } else { State::PartRefunded };
            }
        }
    }

    /// Goes on after a restart: a charge whose answer was lost with the process is in doubt, and every wait runs again from
    /// zero, since the clock may have been anything while the power was off.
    pub fn resume(&mut self, now: Now) -> Step {
        self.asked_at = now.up;
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
            // Only what we reversed ourselves can still be paid late.
            State::Closed | State::Reversed if self.reversal.is_some() => {
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
