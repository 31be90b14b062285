//! Which situations a world's payments went through, read from their facts at the end.

use std::collections::BTreeMap;

use guitai_core::{
    ids::{FactNo, JournalId, OrderNo},
    journal::fact::Fact,
    payment::{self as fact, ClosedReason},
    time::beijing_day,
};
use guitai_store::ingest;

use super::World;
use crate::{
    oracle::{Invariant, Violation},
    situation::Situation,
};

impl World {
    /// Reads a box's whole journal and marks what its payments went through.
    pub(super) fn recognise(&mut self, journal: &JournalId, counter: usize) -> Result<(), Violation> {
        let Some(life) = &self.counters[counter].life else { return Ok(()) };
        let mut orders: BTreeMap<OrderNo, Vec<fact::Fact>> = BTreeMap::new();
        let mut from = FactNo { epoch: 1, number: 1 };
        loop {
            let run = ingest::load(&life.reader, journal, from, usize::MAX);
            let run = run.map_err(|error| Invariant::AllSettles.violated(format!("no journal to read: {error}")))?;
            let Some(run) = run else { break };
            for body in &run.bodies {
                if let Ok(Fact::Payment(fact)) = Fact::from_bytes(body) {
                    orders.entry(fact.order_no()).or_default().push(fact);
                }
            }
            from = FactNo { epoch: run.seal.no.epoch, number: run.seal.no.number + 1 };
        }
        let mut days = std::collections::BTreeSet::new();
        for facts in orders.values() {
            for situation in of_payment(facts) {
                self.mark(situation);
            }
            if let Some(fact::Fact::Intended(intended)) = facts.first() {
                days.insert(intended.place.business_day);
            }
        }
        if days.len() > 1 {
            self.mark(Situation::SoldOverMidnight);
        }
        Ok(())
    }
}

/// What takes longer than this was asked about, in ms.
const FIRST_QUERY_MS: i64 = 20_000;

/// What one payment went through.
fn of_payment(facts: &[fact::Fact]) -> Vec<Situation> {
    use fact::Fact as F;
    let mut met = Vec::new();
    let has = |wanted: fn(&F) -> bool| facts.iter().any(wanted);
    let before = |first: fn(&F) -> bool, second: fn(&F) -> bool| {
        facts.iter().position(first).is_some_and(|at| facts[at..].iter().any(second))
    };
    let doubted = |fact: &F| matches!(fact, F::Doubted(_));
    let pended = |fact: &F| matches!(fact, F::Pended(_));
    let paid = |fact: &F| matches!(fact, F::Paid(_));
    let reversed = |fact: &F| matches!(fact, F::Reversed(_));
    let mut mark = |is: bool, situation: Situation| {
        if is {
            met.push(situation);
        }
    };
    let (begun, paid_at) = (facts.first().map(F::at), facts.iter().find(|fact| paid(fact)).map(F::at));
    let took_ms = begun.zip(paid_at).map_or(0, |(begun, paid)| paid.0 - begun.0);
    mark(has(paid) && !has(doubted) && took_ms < FIRST_QUERY_MS, Situation::PaidAtOnce);
    mark(has(paid) && !has(doubted) && took_ms >= FIRST_QUERY_MS, Situation::PaidAfterPending);
    mark(before(doubted, paid), Situation::PaidAfterDoubt);
    let declined = |fact: &F| matches!(fact, F::Declined(_));
    mark(has(declined) && !has(doubted) && !has(pended), Situation::DeclinedAtOnce);
    mark(before(doubted, declined) || before(pended, declined), Situation::DeclinedLater);
    let not_sent = |fact: &F| matches!(fact, F::Closed(closed) if closed.reason == ClosedReason::NotSent);
    mark(has(not_sent), Situation::ClosedNotSent);
    let asked =
        facts.iter().find_map(|fact| if let F::Intended(intended) = fact { Some(intended.amount) } else { None });
    let less = |fact: &F| matches!(fact, F::Paid(paid) if asked.is_some_and(|asked| paid.received < asked));
    mark(facts.iter().any(less), Situation::Discounted);
    mark(has(|fact| matches!(fact, F::NumberUsed(_))), Situation::NumberUsed);
    let ends_unpaid = |fact: &F| matches!(fact, F::Closed(_) | F::Reversed(_));
    mark(before(doubted, ends_unpaid) && !has(paid), Situation::ReversedUnpaid);
    mark(before(doubted, reversed) && facts.iter().any(|fact| matches!(fact, F::Reversed(_))), Situation::ReversedPaid);
    mark(has(|fact| matches!(fact, F::ReversalRefused(_))), Situation::ReversalRefused);
    let reversing = facts.iter().filter(|fact| matches!(fact, F::ReversalIntended(_))).count();
    mark(reversing > 1, Situation::ReversalWithDoubt);
    mark(has(|fact| matches!(fact, F::GiveBackOwed(_))), Situation::LatePaid);
    let owed = |fact: &F| matches!(fact, F::GiveBackOwed(_));
    mark(before(owed, |fact| matches!(fact, F::Refunded(_) | F::Reversed(_))), Situation::LateGivenBack);
    mark(has(|fact| matches!(fact, F::LateChecked(_))), Situation::LateChecked);
    mark(has(|fact| matches!(fact, F::CancelAsked(_))), Situation::Cancelled);
    mark(has(|fact| matches!(fact, F::HandedOver(_))), Situation::HandedOver);
    mark(has(|fact| matches!(fact, F::NotHandedOver(_))), Situation::NotHandedOver);
    let void = |fact: &F| matches!(fact, F::ReversalIntended(intended) if intended.void.is_some());
    mark(before(void, reversed), Situation::VoidDone);
    mark(before(void, |fact| matches!(fact, F::ReversalRefused(_))), Situation::VoidRefusedByAcquirer);
    for fact in facts {
        if let F::Refunded(refunded) = fact {
            let part = refunded.left.get() > 0;
            mark(part, Situation::RefundedInPart);
            mark(!part, Situation::RefundedWhole);
        }
    }
    mark(has(|fact| matches!(fact, F::RefundRefused(_))), Situation::RefundRefused);
    let took_time = facts.windows(2).any(|pair| {
        matches!((&pair[0], &pair[1]), (F::RefundIntended(asked), F::Refunded(done)) if done.at.0 - asked.at.0 > 5_000)
    });
    mark(took_time, Situation::RefundInProcess);
    mark(has(|fact| matches!(fact, F::Settled(_))), Situation::SettledByManager);
    mark(has(|fact| matches!(fact, F::DayCorrected(_))), Situation::DayCorrected);
    let (first, last) = (facts.first().map(F::at), facts.iter().rfind(|fact| ends_unpaid(fact)).map(F::at));
    if let (Some(first), Some(last)) = (first, last) {
        mark(has(doubted) && beijing_day(first) != beijing_day(last), Situation::DoubtOverMidnight);
    }
    met
}
