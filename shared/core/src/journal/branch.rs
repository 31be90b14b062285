//! What becomes of a branch that another history replaced: a box put back to an older copy, which wrote on before it met the hub.
//!
//! The hub's history counts. What the box wrote meanwhile is entered again behind it, in a new epoch, under the same numbers, so
//! that nothing a person did is lost. Only what would be counted twice is not: facts about a payment that the hub's history
//! went on with as well. Of those are entered: returns under numbers that the hub never saw, since they moved money of their own;
//! the money that such a return gave back, and what is still owed of it, where the hub's history knows of neither; a day that only
//! the dead branch put right; and what a person said of a payment that the hub's history leaves open and unsaid, since nobody
//! can be asked for that again. Whatever else is open is asked about again.

use alloc::{collections::BTreeSet, vec::Vec};

use super::fact::Fact;
use crate::{
    bill::{self, BillKey},
    ids::OrderNo,
    payment,
};

/// What the history that counts says after the fork.
#[derive(Default)]
struct Living<'f> {
    touched: BTreeSet<OrderNo>,
    returns: BTreeSet<OrderNo>,
    paid: BTreeSet<OrderNo>,
    owing: BTreeSet<OrderNo>,
    corrected: BTreeSet<OrderNo>,
    /// Begun, said of, taken back or ended there: what was said elsewhere says nothing of it.
    decided: BTreeSet<OrderNo>,
    bills: BTreeSet<&'f BillKey>,
}

impl<'f> Living<'f> {
    fn of(facts: &'f [Fact]) -> Self {
        let mut living = Self::default();
        for fact in facts {
            match fact {
                Fact::Opened(_) | Fact::People(_) | Fact::Bill(bill::Fact::TotalChanged(_)) => {}
                Fact::Bill(bill::Fact::Opened(opened)) => drop(living.bills.insert(&opened.bill)),
                Fact::Payment(fact) => living.saw(fact),
            }
        }
        living
    }

    fn saw(&mut self, fact: &payment::Fact) {
        let order_no = fact.order_no();
        self.touched.insert(order_no);
        self.returns.extend(moves_back(fact));
        match meaning(fact) {
            Meaning::Taken => drop(self.paid.insert(order_no)),
            Meaning::Owed => drop(self.owing.insert(order_no)),
            Meaning::Day => drop(self.corrected.insert(order_no)),
            Meaning::Said | Meaning::Else => {}
        }
        if decides(fact) {
            self.decided.insert(order_no);
        }
    }
}

/// For each fact of the dead branch, whether it is entered again; none stands for a fact that this version cannot read.
#[must_use]
pub fn entered_again(dead: &[Option<Fact>], living: &[Fact]) -> Vec<bool> {
    let living = Living::of(living);
    let own_return = |fact: &payment::Fact| moves_back(fact).is_some_and(|no| !living.returns.contains(&no));
    let payments = dead.iter().flatten().filter_map(|fact| match fact {
        Fact::Payment(fact) => Some(fact),
        Fact::Opened(_) | Fact::People(_) | Fact::Bill(_) => None,
    });
    let gave_back: BTreeSet<OrderNo> = payments.filter(|fact| own_return(fact)).map(payment::Fact::order_no).collect();
    let of_payment = |fact: &payment::Fact| {
        let order_no = fact.order_no();
        if !living.touched.contains(&order_no) || own_return(fact) {
            return true;
        }
        match meaning(fact) {
            Meaning::Taken => gave_back.contains(&order_no) && !living.paid.contains(&order_no),
            Meaning::Owed => gave_back.contains(&order_no) && !living.owing.contains(&order_no),
            Meaning::Day => !living.corrected.contains(&order_no),
            Meaning::Said => !living.decided.contains(&order_no),
            Meaning::Else => false,
        }
    };
    let again = |fact: &Fact| match fact {
        Fact::Opened(_) => false,
        // The later word about a person or a total stands, and the dead branch is the later one.
        Fact::People(_) | Fact::Bill(bill::Fact::TotalChanged(_)) => true,
        Fact::Bill(bill::Fact::Opened(opened)) => !living.bills.contains(&opened.bill),
        Fact::Payment(fact) => of_payment(fact),
    };
    dead.iter().map(|fact| fact.as_ref().is_none_or(again)).collect()
}

/// What a fact says of a payment that two branches went on with.
#[derive(Clone, Copy)]
enum Meaning {
    /// Money was taken.
    Taken,
    /// Money must go back.
    Owed,
    /// Its day was another.
    Day,
    /// A cashier's or a manager's word.
    Said,
    /// Anything else: it is asked about again.
    Else,
}

const fn meaning(fact: &payment::Fact) -> Meaning {
    use payment::Fact;
    match fact {
        Fact::Paid(_) => Meaning::Taken,
        Fact::GiveBackOwed(_) => Meaning::Owed,
        Fact::DayCorrected(_) => Meaning::Day,
        Fact::HandedOver(_) | Fact::NotHandedOver(_) | Fact::CancelAsked(_) | Fact::Settled(_) => Meaning::Said,
        Fact::Intended(_)
        | Fact::Pended(_)
        | Fact::Doubted(_)
        | Fact::Declined(_)
        | Fact::Closed(_)
        | Fact::Quarantined(_)
        | Fact::ReversalIntended(_)
        | Fact::Reversed(_)
        | Fact::ReversalRefused(_)
        | Fact::LateChecked(_)
        | Fact::NumberUsed(_)
        | Fact::RefundIntended(_)
        | Fact::Refunded(_)
        | Fact::RefundRefused(_) => Meaning::Else,
    }
}

/// Whether a fact leaves no room for what a person said of its payment in another branch: its beginning, since the number is then
/// another payment's there, an end, a return, or a word of its own.
const fn decides(fact: &payment::Fact) -> bool {
    use payment::Fact;
    match fact {
        Fact::Pended(_) | Fact::Doubted(_) | Fact::LateChecked(_) | Fact::NumberUsed(_) | Fact::DayCorrected(_) => {
            false
        }
        Fact::Intended(_)
        | Fact::Paid(_)
        | Fact::Declined(_)
        | Fact::Closed(_)
        | Fact::Quarantined(_)
        | Fact::HandedOver(_)
        | Fact::NotHandedOver(_)
        | Fact::CancelAsked(_)
        | Fact::ReversalIntended(_)
        | Fact::Reversed(_)
        | Fact::ReversalRefused(_)
        | Fact::GiveBackOwed(_)
        | Fact::Settled(_)
        | Fact::RefundIntended(_)
        | Fact::Refunded(_)
        | Fact::RefundRefused(_) => true,
    }
}

/// The number of the void, reversal or refund that a fact is about.
const fn moves_back(fact: &payment::Fact) -> Option<OrderNo> {
    use payment::Fact;
    match fact {
        Fact::ReversalIntended(f) => Some(f.reversal_no),
        Fact::Reversed(f) => f.reversal_no,
        Fact::ReversalRefused(f) => Some(f.reversal_no),
        Fact::RefundIntended(f) => Some(f.refund_no),
        Fact::Refunded(f) => Some(f.refund_no),
        Fact::RefundRefused(f) => Some(f.refund_no),
        Fact::Intended(_)
        | Fact::Pended(_)
        | Fact::Doubted(_)
        | Fact::Paid(_)
        | Fact::Declined(_)
        | Fact::Closed(_)
        | Fact::Quarantined(_)
        | Fact::HandedOver(_)
        | Fact::NotHandedOver(_)
        | Fact::CancelAsked(_)
        | Fact::GiveBackOwed(_)
        | Fact::LateChecked(_)
        | Fact::NumberUsed(_)
        | Fact::Settled(_)
        | Fact::DayCorrected(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bill::TotalChanged,
        ids::{Issuer, Numbering},
        money::Fen,
        payment::{
            CancelAsked, Closed, ClosedReason, DayCorrected, Doubted, GiveBackOwed, HandedOver, LateChecked,
            NotHandedOver, NumberUsed, Paid, RefundRefused, Settled, Settlement,
        },
        people::{Approval, Idempotency},
        secret::Wallet,
        time::{Day, UtcMs},
    };

    const AT: UtcMs = UtcMs(1_767_579_072_000);

    fn numbers<const N: usize>() -> [OrderNo; N] {
        let mut numbers = Numbering::resume(Issuer::new(7).expect("in range"), None);
        core::array::from_fn(|_| numbers.next(AT))
    }

    fn doubt(order_no: OrderNo) -> Fact {
        Doubted { order_no, at: AT, detail: Some("超时".into()) }.into()
    }

    fn refused(order_no: OrderNo, refund_no: OrderNo) -> Fact {
        RefundRefused { order_no, at: AT, refund_no, code: "1".into(), message: Some("余额不足".into()) }.into()
    }

    fn paid(order_no: OrderNo) -> Fact {
        let (wallet, acquirer_no) = (Wallet::Wechat, "A1".into());
        Paid { order_no, at: AT, received: Fen::new(100), wallet, acquirer_no, wallet_no: None, finished_at: None }
            .into()
    }

    fn owed(order_no: OrderNo) -> Fact {
        GiveBackOwed { order_no, at: AT, amount: Fen::new(100) }.into()
    }

    fn entered(dead: &[Fact], living: &[Fact]) -> Vec<bool> {
        let dead: Vec<Option<Fact>> = dead.iter().cloned().map(Some).collect();
        entered_again(&dead, living)
    }

    #[test]
    fn what_the_living_branch_knows_is_not_entered_twice() {
        let [common, own, known, new] = numbers();
        let dead =
            [Some(doubt(common)), Some(refused(common, known)), Some(refused(common, new)), Some(doubt(own)), None];
        let living = [doubt(common), refused(common, known)];
        assert_eq!(entered_again(&dead, &living), [false, false, true, true, true]);
        let checked = LateChecked { order_no: common, at: AT, checks: 1 }.into();
        let used = NumberUsed { order_no: common, at: AT, answered_at: AT, detail: None }.into();
        assert_eq!(entered(&[checked, used, paid(common)], &living), [false; 3], "asked again");
    }

    #[test]
    fn money_that_a_return_of_the_dead_branch_gave_back_is_entered_with_it() {
        let [common, new] = numbers();
        let dead = [paid(common), owed(common), refused(common, new)];
        assert_eq!(entered(&dead, &[doubt(common)]), [true; 3]);
        assert_eq!(entered(&dead, &[paid(common)]), [false, true, true], "the debt is new, the money is not");
        assert_eq!(entered(&dead, &[paid(common), owed(common)]), [false, false, true]);
    }

    #[test]
    fn a_persons_word_is_entered_where_the_living_branch_has_none_and_no_end() {
        let [common, other] = numbers();
        let asked = || Idempotency { caller: "pos".into(), key: "k".into(), body_hash: [0; 32] };
        let approval = Approval { by: "pos".into(), approver: None, idempotency: asked() };
        let (order_no, at, by) = (common, AT, || alloc::string::String::from("01"));
        let handed = HandedOver { order_no, at, by: by(), idempotency: asked() };
        let kept = NotHandedOver { order_no, at, by: by(), idempotency: asked(), approver: None };
        let cancelled = CancelAsked { order_no, at, by: by(), idempotency: asked(), approver: None };
        let settled = Settled { order_no, at, how: Settlement::Close, approval, note: None };
        let words: [Fact; 4] = [handed.into(), kept.into(), cancelled.into(), settled.into()];
        assert_eq!(entered(&words, &[doubt(common), paid(other)]), [true; 4], "the living branch leaves it open");
        let closed = |reason| Fact::from(Closed { order_no, at, reason, message: None });
        let ends = [paid(common), closed(ClosedReason::Expired), refused(common, other), owed(common)];
        for decided in ends.iter().chain(&words) {
            assert_eq!(entered(&words, &[doubt(common), decided.clone()]), [false; 4], "{}", decided.name());
        }
    }

    #[test]
    fn days_put_right_and_bills_are_entered_once() {
        let [common] = numbers();
        let day = Day::parse("2026-01-05").expect("a day");
        let right = Fact::from(DayCorrected { order_no: common, at: AT, intended_at: AT, business_day: day, hour: 9 });
        assert_eq!(entered(core::slice::from_ref(&right), &[doubt(common)]), [true]);
        assert_eq!(entered(core::slice::from_ref(&right), core::slice::from_ref(&right)), [false]);
        let bill = |number: &str| BillKey { source: "pos".into(), number: number.into(), day: None };
        let opens =
            |number| Fact::from(bill::Opened { bill: bill(number), total: Fen::new(100), business_day: day, at: AT });
        let idempotency = Idempotency { caller: "pos".into(), key: "k".into(), body_hash: [0; 32] };
        let approval = Approval { by: "pos".into(), approver: None, idempotency };
        let changed = TotalChanged { bill: bill("1"), total: Fen::new(200), approval, note: None, at: AT }.into();
        assert_eq!(entered(&[opens("1"), opens("2"), changed], &[opens("1")]), [false, true, true]);
    }
}
