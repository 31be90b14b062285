//! Facts of many stores on their way into the one file: whoever gets the writer writes what all of them wait with, in one
//! transaction. A commit waits for the disk as long for fifty batches as for one, and a page of an index that all of them touch is
//! written once.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use guitai_core::{
    ids::{FactNo, Issuer, JournalId, OrderNo, StoreId},
    journal::fact::{Fact, FactError},
    sync::journal_lane::Batch,
};
use guitai_store::{
    StoreError,
    ingest::{self, Decoded, Run},
};
use rusqlite::{Connection, TransactionBehavior};

use super::{Fence, Refused, Sqlite, roster};

/// Facts of one transaction, unless a single batch has more: some 100 ms, since the writer's time is everybody's.
const TOGETHER_MAX_FACTS: usize = 4_096;

/// Batches that wait for the writer, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Intake(Mutex<Vec<Arc<Waiting>>>);

/// What became of a batch: the numbers whose rows it changed.
type Taken = Result<Vec<OrderNo>, Refused>;

/// A batch, and what became of it once somebody wrote it.
#[derive(Debug)]
struct Waiting {
    store: StoreId,
    issuer: Issuer,
    fence: Fence,
    run: Run,
    /// Read before the writer was taken; read again where it must be written twice.
    facts: Mutex<Option<Decoded>>,
    taken: Mutex<Option<Taken>>,
}

impl Intake {
    fn waiting(&self) -> MutexGuard<'_, Vec<Arc<Waiting>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.waiting().len()
    }

    /// Takes out what fits into one transaction.
    fn next(&self) -> Vec<Arc<Waiting>> {
        let mut waiting = self.waiting();
        let mut facts = 0;
        let fits = waiting.iter().take_while(|one| {
            let fits = facts == 0 || facts + one.run.bodies.len() <= TOGETHER_MAX_FACTS;
            facts += one.run.bodies.len();
            fits
        });
        let count = fits.count();
        waiting.drain(..count).collect()
    }

    /// Puts batches back where they were taken out.
    fn put_back(&self, batches: impl IntoIterator<Item = Arc<Waiting>>) {
        self.waiting().splice(..0, batches);
    }
}

impl Waiting {
    fn taken(&self) -> MutexGuard<'_, Option<Taken>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who serves the store is asked in the transaction that writes: where an enrolment says that what is held ends is where the
    /// next box begins, and nothing of the one before may come later.
    fn write(&self, transaction: &Connection) -> Taken {
        if self.fence.is_raised() || roster::issuer_in_force(transaction, &self.store)? != Some(self.issuer) {
            return Err(Refused::Fenced);
        }
        let issuers = roster::issuers(transaction, &self.store)?;
        let journal = JournalId::node(self.store.clone());
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner).take();
        let facts = facts.unwrap_or_else(|| ingest::decode(&self.run));
        let facts = ingest::append_decoded(transaction, &journal, Some(&issuers), &self.run, facts)?;
        let mut told = BTreeSet::new();
        Ok(facts.iter().flat_map(numbers).filter(|no| told.insert(*no)).collect())
    }
}

impl Sqlite {
    /// See [`super::super::HubStore::ingest`].
    pub fn ingest(&self, (store, issuer): (&StoreId, Issuer), batch: Batch, fence: &Fence) -> Taken {
        let run = Run::from(batch);
        // Before the one writer is taken: its time is everybody's.
        let facts = ingest::decode(&run);
        for (fact, number) in facts.iter().zip(run.first.number..) {
            if *fact == Err(FactError::Malformed) {
                return Err(Refused::NoFact(FactNo { epoch: run.first.epoch, number }));
            }
        }
        let (store, fence) = (store.clone(), fence.clone());
        let facts = Mutex::new(Some(facts));
        let own = Arc::new(Waiting { store, issuer, fence, run, facts, taken: Mutex::default() });
        self.intake.waiting().push(Arc::clone(&own));
        loop {
            let mut writer = self.lock();
            // Whoever had the writer before may have written it.
            if let Some(taken) = own.taken().take() {
                return taken;
            }
            let group = self.intake.next();
            if group.is_empty() {
                // Whoever took this batch along ended before it was written.
                return write_alone(&mut writer, &own);
            }
            match write_together(&mut writer, &group) {
                Ok(true) => {}
                Ok(false) => {
                    tracing::warn!(
                        batches = group.len(),
                        "of what came together one is not taken; each is written by itself"
                    );
                    for one in &group {
                        let alone = write_alone(&mut writer, one);
                        *one.taken() = Some(alone);
                    }
                }
                // No batch is to blame: the others try for themselves, and whoever else waits for the writer comes in between.
                Err(error) => {
                    let is_own = |one: &Arc<Waiting>| Arc::ptr_eq(one, &own);
                    let had_own = group.iter().any(is_own);
                    self.intake.put_back(group.into_iter().filter(|one| !is_own(one)));
                    if had_own {
                        return Err(error.into());
                    }
                }
            }
        }
    }
}

/// Writes all or nothing of what no fence keeps out; false where one of them cannot be written.
///
/// # Errors
/// The transaction cannot begin or end.
fn write_together(writer: &mut Connection, group: &[Arc<Waiting>]) -> Result<bool, StoreError> {
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut taken = Vec::new();
    for one in group {
        match one.write(&transaction) {
            Err(Refused::Store(_)) => return Ok(false),
            // It has written nothing.
            done => taken.push(done),
        }
    }
    transaction.commit()?;
    for (one, done) in group.iter().zip(taken) {
        *one.taken() = Some(done);
    }
    Ok(true)
}

fn write_alone(writer: &mut Connection, one: &Waiting) -> Taken {
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate).map_err(StoreError::from)?;
    let taken = one.write(&transaction)?;
    transaction.commit().map_err(StoreError::from)?;
    Ok(taken)
}

/// The rows a fact is about: its payment, and the void's or refund's own number.
fn numbers(fact: &Fact) -> Vec<OrderNo> {
    fact.order_no().into_iter().chain(fact.return_no()).collect()
}
