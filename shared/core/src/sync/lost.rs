//! What a journal lost, on its way back.

use alloc::vec::Vec;

use super::{journal_lane::Batch, pace::Fill};
use crate::{ids::FactNo, limits::RECALL_MAX_BYTES};

/// More was lost than a session gives back ([`RECALL_MAX_BYTES`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuch;

/// What a journal lost, as far as it has come back. It is taken whole: half of it would be a third history.
#[derive(Debug, Default)]
pub struct Lost {
    last: Option<FactNo>,
    batches: Vec<Batch>,
    bytes: usize,
    fill: Fill,
}

impl Lost {
    /// The other end holds facts of this journal up to here that are not in it.
    pub const fn up_to(&mut self, last: FactNo) {
        self.last = Some(last);
    }

    /// Adds a batch; all of them once the last has come.
    ///
    /// # Errors
    /// [`TooMuch`]: it cannot come back at all.
    pub fn came(&mut self, batch: Batch) -> Result<Option<Vec<Batch>>, TooMuch> {
        self.bytes += batch.bodies.iter().map(Vec::len).sum::<usize>();
        if self.bytes > RECALL_MAX_BYTES {
            self.fill = Fill::Failed;
            return Err(TooMuch);
        }
        let whole = self.last.is_some_and(|last| batch.seal.no >= last);
        self.batches.push(batch);
        Ok(whole.then(|| core::mem::take(&mut self.batches)))
    }

    /// The journal has taken what came, or has not.
    pub const fn taken(&mut self, whole: bool) {
        self.fill = if whole { Fill::Done } else { Fill::Failed };
    }

    /// What came of it.
    #[must_use]
    pub const fn fill(&self) -> Fill {
        self.fill
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::{
        ids::{JournalId, StoreId, Writer},
        journal::chain::{self, Seal},
    };

    fn batch(number: u64, bytes: usize) -> Batch {
        let journal = JournalId::node(StoreId::parse("S001").unwrap());
        let no = FactNo { epoch: 1, number };
        let seal = Seal::sign(&SigningKey::from_bytes(&[2; 32]), &journal, no, chain::start(&journal, 1));
        Batch { writer: Writer::Node, token: number, first: no, bodies: vec![vec![0; bytes]], seal, records: vec![] }
    }

    #[test]
    fn what_was_lost_is_taken_whole_and_not_when_it_is_too_much() {
        let lost = || {
            let mut lost = Lost::default();
            lost.up_to(FactNo { epoch: 1, number: 2 });
            lost
        };
        let mut little = lost();
        assert_eq!(little.came(batch(1, 10)), Ok(None));
        assert_eq!(little.came(batch(2, 10)).map(|all| all.map(|all| all.len())), Ok(Some(2)));
        assert_eq!(little.fill(), Fill::Nothing, "it has come and is not taken yet");
        little.taken(true);
        assert_eq!(little.fill(), Fill::Done);
        little.taken(false);
        assert_eq!(little.fill(), Fill::Failed);

        let mut much = lost();
        assert_eq!(much.came(batch(1, RECALL_MAX_BYTES)), Ok(None));
        assert_eq!((much.came(batch(2, 1)), much.fill()), (Err(TooMuch), Fill::Failed));
    }
}
