//! What a payment's fact means: the one writer of [`Standing`].

use alloc::{string::ToString, vec::Vec};

use super::{Claimed, Received, Refund, Reversal, Said, Standing, Watch};
use crate::{
    ids::OrderNo,
    money::Fen,
    payment::{
        State,
        fact::{ClosedReason, Fact, ReversalRefused, Settlement},
    },
    text::Text,
    time::{UtcMs, beijing_day},
};

impl Standing {
    /// Where a payment stands after its facts, oldest first; `None` if they do not begin with its intent.
    #[must_use]
    pub fn replay<'f>(facts: impl IntoIterator<Item = &'f Fact>) -> Option<Self> {
        let mut facts = facts.into_iter();
        let Fact::Intended(intent) = facts.next()? else { return None };
        let mut standing = Self::intended(intent.clone());
        facts.for_each(|fact| standing.evolve(fact));
        Some(standing)
    }

    /// What a fact means.
    pub fn evolve(&mut self, fact: &Fact) {
        match fact {
            Fact::Intended(_) => {}
            Fact::Pended(_) => self.stands(State::Pending, None),
            Fact::Doubted(f) => self.stands(State::Unknown, f.detail.as_ref()),
            Fact::Paid(f) => {
                self.wallet = f.wallet;
                self.received = Some(Received {
                    amount: f.received,
                    acquirer_no: f.acquirer_no.clone(),
                    wallet_no: f.wallet_no.clone(),
                    at: f.at,
                });
                (self.reversal, self.watch) = (None, None);
                // What went back before, in a branch that a heal brought in, stays gone.
                self.stands_again(State::Paid, None);
            }
            Fact::Declined(f) => self.stands(State::Declined, f.message.as_ref()),
            Fact::Closed(f) => {
                self.stands(State::Closed, f.message.as_ref());
                self.reason = Some(f.reason);
                self.watch = match f.reason {
                    ClosedReason::Expired | ClosedReason::Cancelled => Some(Watch { since: f.at, checks: 0 }),
                    ClosedReason::NotSent | ClosedReason::Configuration | ClosedReason::NumberUsed => None,
                };
            }
            Fact::Quarantined(f) => {
                self.stands(State::Quarantined, f.detail.as_ref());
                self.claimed = Some(Claimed {
                    amount: f.claimed,
                    acquirer_no: f.acquirer_no.clone(),
                    wallet_no: f.wallet_no.clone(),
                });
            }
            Fact::HandedOver(_) => {
                self.said = Some(Said::HandedOver);
                self.stands(State::Held, None);
            }
            Fact::NotHandedOver(f) => {
                self.said = Some(Said::GivenUp { freed: f.approver.is_some(), cancelled: false });
                self.stands(State::Unknown, None);
            }
            Fact::CancelAsked(f) => {
                self.said = Some(Said::GivenUp { freed: f.approver.is_some(), cancelled: true });
            }
            Fact::ReversalIntended(f) => {
                let (no, place, how, at, refused) = (f.reversal_no, f.place.clone(), f.how, f.at, false);
                self.reversal = Some(match self.reversal.take().filter(|_| self.state == State::Reversing) {
                    // Later tries of a void carry no approval of their own: what it is was said by the first.
                    Some(earlier) => {
                        let mut beside = earlier.beside;
                        beside.extend(f.void.as_ref().map(|_| no));
                        Reversal { no, place, how, at, refused, beside, ..earlier }
                    }
                    None => {
                        let strays = f.void.is_none() && self.state.is_final();
                        let again = self.refused_void.filter(|_| strays && self.state == State::Paid);
                        let void_no = f.void.as_ref().map(|_| f.reversal_no).or(again);
                        let (before, reason) = (self.state, self.reason);
                        Reversal { no, void_no, beside: Vec::new(), place, how, at, refused, strays, before, reason }
                    }
                });
                self.stands(State::Reversing, None);
            }
            Fact::Reversed(f) => {
                if self.received.is_some() {
                    self.refunded = f.amount;
                } else {
                    self.watch = Some(Watch { since: f.at, checks: 0 });
                }
                self.owed = Fen::ZERO;
                self.stands(State::Reversed, None);
            }
            Fact::ReversalRefused(f) => self.reversal_refused(f),
            Fact::GiveBackOwed(f) => self.owed = f.amount,
            Fact::LateChecked(f) => {
                if let Some(watch) = &mut self.watch {
                    watch.checks = f.checks;
                }
            }
            Fact::NumberUsed(f) => {
                self.number_used = Some(f.answered_at);
                self.stands(State::Unknown, f.detail.as_ref());
            }
            Fact::Settled(f) => {
                self.settled = Some(f.how);
                match f.how {
                    Settlement::GiveBack => self.said = Some(Said::GivenUp { freed: true, cancelled: false }),
                    Settlement::Close => self.said = Some(Said::GivenUp { freed: true, cancelled: true }),
                    Settlement::WriteOff => self.owed = Fen::ZERO,
                    Settlement::Accept => {}
                }
            }
            Fact::DayCorrected(f) => {
                // An end stamped by the same wrong clock is as far off.
                let by_ms = f.intended_at.0.saturating_sub(self.intent.at.0);
                if let Some(watch) = &mut self.watch {
                    watch.since = UtcMs(watch.since.0.saturating_add(by_ms));
                }
                self.intent.at = f.intended_at;
                self.intent.place.business_day = f.business_day;
                self.intent.place.hour = f.hour;
                self.intent.acquirer_day = Some(beijing_day(f.intended_at));
                self.intent.clock_doubted = false;
            }
            Fact::RefundIntended(f) => {
                let (no, amount, place, at) = (f.refund_no, f.amount, f.place.clone(), f.at);
                self.refunds.push(Refund { no, amount, place, at, before: self.state });
                self.stands(State::Refunding, None);
            }
            Fact::Refunded(f) => {
                let before = self.refund_ended(f.refund_no);
                // Not as the fact says: it may be of a branch that did not know of an earlier one.
                self.refunded = self.refunded.checked_add(f.amount).unwrap_or(f.refunded);
                self.owed = self.owed.checked_sub(f.amount).unwrap_or(Fen::ZERO);
                self.stands_again(before, None);
            }
            Fact::RefundRefused(f) => {
                let before = self.refund_ended(f.refund_no);
                self.stands_again(before, f.message.as_ref());
            }
        }
    }

    /// A refused void or stray leaves the payment as it stood; a doubt goes on being reversed. What had ended here, another branch's
    /// refusal does not touch.
    fn reversal_refused(&mut self, f: &ReversalRefused) {
        self.refused_void = f.void_no.or(self.refused_void);
        let reversing = self.state == State::Reversing;
        let Some(reversal) = self.reversal.as_mut().filter(|_| reversing) else { return };
        if let Some(place) = reversal.beside.iter().position(|beside| Some(*beside) == f.void_no) {
            // It may be refused because the one here worked, which is still asked about.
            reversal.beside.remove(place);
            return;
        }
        if f.void_no.is_none() && !reversal.strays {
            reversal.refused = true;
            return self.stands(State::Reversing, f.message.as_ref());
        }
        let (before, reason) = (reversal.before, reversal.reason);
        if before.has_money() {
            self.reversal = None;
        }
        self.stands_again(before, f.message.as_ref());
        self.reason = reason;
    }

    /// Takes a refund off those under way; answers where the payment stood before it.
    fn refund_ended(&mut self, no: OrderNo) -> State {
        let place = self.refunds.iter().position(|refund| refund.no == no);
        place.map_or(State::Paid, |place| self.refunds.remove(place).before)
    }

    /// Where the payment stands once a return of it has ended: with the next one, or as before by what went back since.
    fn stands_again(&mut self, before: State, message: Option<&Text>) {
        let by_sums = if self.refunded == Fen::ZERO {
            State::Paid
        } else if self.remaining() == Fen::ZERO {
            State::Refunded
        } else {
            State::PartRefunded
        };
        let state = if before.has_money() { by_sums } else { before };
        self.stands(if self.refunds.is_empty() { state } else { State::Refunding }, message);
    }

    fn stands(&mut self, state: State, message: Option<&Text>) {
        self.state = state;
        self.reason = None;
        self.message = message.and_then(Text::as_str).map(ToString::to_string);
    }
}
