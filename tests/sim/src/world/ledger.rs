//! The oracle's looks that need no row of the product to know what is right: the plan against the acquirer's book, facts against
//! rows; and the wrong worlds that show it can see.

use std::collections::{BTreeMap, BTreeSet};

use guitai_core::ids::OrderNo;
use guitai_sandbox::book;
use guitai_store::{Database, StoreError, query, refold};
use guitai_vfs::{Disk, VFS};

use super::{
    World,
    judge::{kept, rows, unreadable},
};
use crate::{
    mutant::Mutant,
    oracle::{Invariant, Violation},
    plan::{Called, Pays, What},
};

/// One world in so many has its rows made anew.
const REFOLDED_IN: u64 = 4;

impl World {
    /// Of each bill that people named at one box, no more is kept than it ever came to.
    pub(super) fn bills_of_the_plan_are_paid_once(
        &self,
        orders: &BTreeMap<String, book::Order>,
    ) -> Result<(), Violation> {
        if self.plan.deeds.iter().any(|deed| matches!(deed.what, What::Occupy(Called::Charge, _))) {
            // What the book has under one of our numbers may be another's.
            return Ok(());
        }
        let mut bills: BTreeMap<(usize, u64), (u64, u64, BTreeSet<OrderNo>)> = BTreeMap::new();
        for (deed, one) in self.plan.deeds.iter().enumerate() {
            let Some((store, number, total)) = self.bill_of(deed) else { continue };
            let asked = if let What::Total(_, total) = one.what { total } else { total };
            let entry = bills.entry((store, number)).or_default();
            entry.0 = entry.0.max(asked);
            let Some(no) = self.intents[deed].as_ref().and_then(|intent| intent.order_no) else { continue };
            if entry.2.insert(no) {
                let kept = orders.get(no.as_str()).map_or(0, kept);
                entry.1 += if self.oracle.is_settled(no) { 0 } else { kept };
            }
        }
        for ((store, number), (total, kept, _)) in bills {
            if kept > total && self.one_box_served(store) {
                let how = format!("B{number} of {} comes to {total} fen, {kept} are kept", self.stores[store]);
                return Err(Invariant::BillPaidOnce.violated(how));
            }
        }
        Ok(())
    }

    /// Store, number and total of the bill that a deed pays or changes.
    fn bill_of(&self, deed: usize) -> Option<(usize, u64, u64)> {
        match &self.plan.deeds.get(deed)?.what {
            What::Charge(charge) => match charge.pays {
                Pays::Bill(number, total, false) => Some((charge.store, number, total)),
                Pays::Bill(..) | Pays::Itself => None,
            },
            What::Retry(of) | What::Total(of, _) => self.bill_of(*of),
            _ => None,
        }
    }

    /// Whether people used one box of a store all along, and it lost nothing.
    fn one_box_served(&self, store: usize) -> bool {
        let of_store = |counter: &usize| self.counters[*counter].store == self.stores[store];
        let boxes: Vec<usize> = (0..self.counters.len()).filter(of_store).collect();
        boxes.len() == 1 && !boxes.iter().any(|counter| self.oracle.has_lost(*counter) || self.is_given_up(*counter))
    }

    /// Money that the acquirer took under a number of ours is known to a box or to the hub.
    pub(super) fn the_book_is_known(&self, orders: &BTreeMap<String, book::Order>) -> Result<(), Violation> {
        // What a box that was put back, or a machine on a copy of its folder, did after its last delivery is gone.
        let is_gone = |counter: usize| self.oracle.has_lost(counter) || self.counters[counter].retired;
        let mut known = BTreeSet::new();
        for (_, one) in self.living() {
            let Some(life) = &one.life else { continue };
            let rows = rows(&life.reader, one.store.as_str()).map_err(unreadable)?;
            known.extend(rows.into_iter().map(|row| row.no.as_str().to_owned()));
        }
        // A box put back to before it was let in anew knows less than the hub, and works no more.
        for store in &self.stores {
            let Some(hub) = &self.hub.life else { continue };
            let rows = hub.sqlite.reader().read(|reader| rows(reader, store.as_str())).map_err(unreadable)?;
            known.extend(rows.into_iter().map(|row| row.no.as_str().to_owned()));
        }
        let is_strange = |order: &&book::Order| {
            let by_whom = OrderNo::parse(&order.order_no);
            let gone = by_whom.is_some_and(|no| self.oracle.movers(no).any(is_gone));
            order.charges > 0 && !known.contains(&order.order_no) && !gone
        };
        let strange = orders.values().find(is_strange);
        match strange {
            Some(order) => {
                let how = format!("{} took {} fen, and nobody knows it", order.order_no, order.amount_fen);
                Err(Invariant::BookAgrees.violated(how))
            }
            None => Ok(()),
        }
    }

    /// Rows made anew on a copy of a box's disk are the rows as they are.
    pub(super) fn refold_is_live(&self, counter: usize) -> Result<(), Violation> {
        if self.mutant.is_none() && !self.plan.seed.is_multiple_of(REFOLDED_IN) {
            return Ok(());
        }
        let copy = Disk::from_image(1, &self.counters[counter].disk.image());
        let database = Database::open_on(&copy.path("journal.db"), VFS).map_err(unreadable)?;
        let store = self.counters[counter].store.as_str();
        let before = self.words_of(&database, store).map_err(unreadable)?;
        refold::refold(&mut database.writer().map_err(unreadable)?, &|_, _| Ok(None)).map_err(unreadable)?;
        let after = self.words_of(&database, store).map_err(unreadable)?;
        match before.iter().zip(&after).find(|(before, after)| before != after) {
            Some((before, after)) => Err(Invariant::RefoldIsLive.violated(format!("{before}; made anew {after}"))),
            None if before.len() != after.len() => {
                Err(Invariant::RefoldIsLive.violated(format!("{} rows, made anew {}", before.len(), after.len())))
            }
            None => Ok(()),
        }
    }

    fn words_of(&self, database: &Database, store: &str) -> Result<Vec<String>, StoreError> {
        let reader = database.reader()?;
        let payments = rows(&reader, store)?;
        let days: BTreeSet<_> = payments.iter().map(|row| row.business_day).collect();
        let mut words: Vec<String> = payments.iter().map(|row| format!("{row:?}")).collect();
        for day in days {
            let mut figures: Vec<String> =
                query::day_stats(&reader, day, None)?.iter().map(|row| format!("{row:?}")).collect();
            figures.sort_unstable();
            words.extend(figures);
        }
        words.extend(query::accounts(&reader, store)?.iter().map(|row| format!("{row:?}")));
        Ok(words)
    }

    /// What a mutant does to a world that has ended well.
    pub(super) fn falsify(&mut self) -> Result<(), Violation> {
        let now = self.now();
        match self.mutant {
            Some(Mutant::TakesTwice) => self.bank.falsify(now, |_| true, |order| order.charges += 1),
            Some(Mutant::GivesTooMuch) => {
                self.bank.falsify(now, |_| true, |order| order.refunded_fen = order.received_fen + 1);
            }
            Some(Mutant::ChargesAgain) => {
                self.bank.falsify(now, |_| true, |order| order.order_no = "09565010009999999999".into());
            }
            Some(Mutant::KeepsRefunds) => {
                let gone = |order: &book::Order| order.refunded_fen > 0 || order.state == book::State::Reversed;
                self.bank.falsify(now, gone, |order| {
                    (order.refunded_fen, order.state) = (0, book::State::Paid);
                });
            }
            Some(Mutant::ForgetsToFold) => {
                self.corrupt(self.in_force[0], "UPDATE payment SET till = 'T9' WHERE kind = 'charge'");
            }
            Some(Mutant::ForgetsAFigure) => {
                self.corrupt(self.in_force[0], "UPDATE stat SET sum = sum - 1 WHERE movement = 'paid' AND sum > 0");
            }
            Some(Mutant::ChangesARow) => {
                let path = self.hub.disk.path("hub.db");
                // What was not there to be changed changes nothing, and no invariant sees it.
                let _ = Database::open_on(&path, VFS)
                    .and_then(|hub| Ok(hub.shared_writer()?.execute("UPDATE payment SET till = 'T9'", [])?));
            }
            _ => {}
        }
        Ok(())
    }

    /// Changes a box's journal file beside it.
    pub(super) fn corrupt(&self, counter: usize, sql: &str) {
        let path = self.counters[counter].disk.path("journal.db");
        // As above.
        let _ = Database::open_on(&path, VFS).and_then(|journal| Ok(journal.shared_writer()?.execute(sql, [])?));
    }
}
