//! What becomes of a branch that another history replaced: a box put back to an older copy, which wrote on before it met the hub.
//!
//! The hub's history counts. What the box wrote meanwhile is entered again behind it, in a new epoch, under the same numbers, so
//! that nothing a person did is lost. Only what would be counted twice is not: facts about a payment that the hub's history
//! went on with as well. Of those, returns under numbers that the hub never saw moved money of their own and are entered too.

use alloc::{collections::BTreeSet, vec::Vec};

use super::fact::Fact;
use crate::ids::OrderNo;

/// For each fact of the dead branch, whether it is entered again; none stands for a fact that this version cannot read.
#[must_use]
pub fn entered_again(dead: &[Option<Fact>], living: &[Fact]) -> Vec<bool> {
    let touched: BTreeSet<OrderNo> = living.iter().filter_map(Fact::order_no).collect();
    let returns: BTreeSet<OrderNo> = living.iter().filter_map(return_no).collect();
    let again = |fact: &Fact| match (fact, fact.order_no()) {
        (Fact::Opened(_), _) => false,
        (_, Some(order)) if touched.contains(&order) => return_no(fact).is_some_and(|no| !returns.contains(&no)),
        (_, Some(_) | None) => true,
    };
    dead.iter().map(|fact| fact.as_ref().is_none_or(again)).collect()
}

/// The number of the void, reversal or refund that a fact is about.
const fn return_no(fact: &Fact) -> Option<OrderNo> {
    match fact {
        Fact::ReversalIntended(f) => Some(f.reversal_no),
        Fact::Reversed(f) => f.reversal_no,
        Fact::ReversalRefused(f) => Some(f.reversal_no),
        Fact::RefundIntended(f) => Some(f.refund_no),
        Fact::Refunded(f) => Some(f.refund_no),
        Fact::RefundRefused(f) => Some(f.refund_no),
        Fact::Opened(_)
        | Fact::AccountSet(_)
        | Fact::ApiKeyCreated(_)
        | Fact::Intended(_)
        | Fact::Pended(_)
        | Fact::Doubted(_)
        | Fact::Paid(_)
        | Fact::Declined(_)
        | Fact::Closed(_)
        | Fact::Quarantined(_)
        | Fact::HandedOver(_)
        | Fact::NotHandedOver(_)
        | Fact::CancelAsked(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{Issuer, Numbering},
        journal::fact::{Doubted, RefundRefused},
        money::Fen,
        time::UtcMs,
    };

    #[test]
    fn what_the_living_branch_knows_is_not_entered_twice() {
        let at = UtcMs(1_767_579_072_000);
        let mut numbers = Numbering::resume(Issuer::new(7).expect("in range"), None);
        let (common, own) = (numbers.next(at), numbers.next(at));
        let doubt = |order_no| Fact::Doubted(Doubted { order_no, at, detail: "超时".into() });
        let (known, new) = (numbers.next(at), numbers.next(at));
        let refund = |refund_no| {
            Fact::RefundRefused(RefundRefused {
                order_no: common,
                at,
                refund_no,
                code: "1".into(),
                message: "余额不足".into(),
                refunded_before: Fen::ZERO,
            })
        };
        let dead = [Some(doubt(common)), Some(refund(known)), Some(refund(new)), Some(doubt(own)), None];
        let living = [doubt(common), refund(known)];
        assert_eq!(entered_again(&dead, &living), [false, false, true, true, true]);
    }
}
