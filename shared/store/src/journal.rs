//! A journal's one writer.
//!
//! Facts and their rows are written into an open transaction as they are decided; [`Journal::commit`] seals the chain's head
//! and makes all of it durable at once: that is group commit. A large one is sealed on the way too, since whoever takes it over
//! the line keeps only so much that no seal vouches for. A failed commit leaves nothing to go on with: the caller ends the
//! process and starts again from what is on disk.
//!
//! A start verifies the chain from the last checkpoint on, so that it takes as long after years as after a day: see `check`.
//!
//! A box put back to an older copy takes back what the hub holds of its journal with [`Journal::fill`].

mod check;
mod fill;

pub use check::{Integrity, WALKED_WHOLE_MAX, Walk, check, check_recent, check_rows, quick_check, verify};
pub(crate) use fill::Reach;
pub use fill::{BranchFact, Filled, branch_facts};

use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{FactNo, Issuer, JournalId, OrderNo, StoreId},
    journal::{
        Committed,
        chain::{self, ChainHash, Seal},
        epoch::Point,
        fact::{Fact, FactError, Opened},
        text::Record,
    },
    limits, payment,
    sync::journal_lane::SEAL_EVERY_BYTES,
    time::UtcMs,
};
use rusqlite::{Connection, params};

use crate::{Database, StoreError, column::fact_no, facts, record, refold, rows, standings::Standings};

/// Facts between two checkpoints: what a start walks at the most, some 30 ms.
const CHECKPOINT_EVERY: u64 = 10_000;

/// The writer.
#[derive(Debug)]
pub struct Journal {
    connection: Connection,
    id: JournalId,
    identity: SigningKey,
    last: FactNo,
    head: ChainHash,
    /// Where the last checkpoint lies.
    checkpoint: FactNo,
    walked_whole: bool,
    in_transaction: bool,
    /// Facts and texts since the last seal.
    unsealed_bytes: usize,
    standings: Standings,
}

impl Journal {
    /// Opens a journal, checks its chain (of a long one, what came after the last checkpoint), fits its rows to this version, and
    /// begins it if it is empty: at epoch 1, or where another box of the store left off, `after` that place.
    ///
    /// # Errors
    /// Names the fact where history is broken.
    pub fn open(
        database: &Database,
        id: JournalId,
        issuer: Issuer,
        identity: SigningKey,
        after: Option<Point>,
        now: UtcMs,
    ) -> Result<Self, Integrity> {
        Self::open_on(database, id, (issuer, identity), after, now).map_err(|error| error.at(database.path()))
    }

    fn open_on(
        database: &Database,
        id: JournalId,
        (issuer, identity): (Issuer, SigningKey),
        after: Option<Point>,
        now: UtcMs,
    ) -> Result<Self, Integrity> {
        let mut connection = database.writer()?;
        let check::Start { last, head, checkpoint, whole } = check::start(&connection, &id, &identity.verifying_key())?;
        refold::fit(&mut connection, &|_, _| Ok(None))?;
        let mut journal = Self {
            connection,
            id,
            identity,
            last,
            head,
            checkpoint,
            walked_whole: whole,
            in_transaction: false,
            unsealed_bytes: 0,
            standings: Standings::default(),
        };
        if journal.last.number == 0 {
            journal.open_epoch(issuer, now, after)?;
            journal.commit()?;
        } else if journal.is_far_from_checkpoint() {
            journal.set_checkpoint()?;
        }
        Ok(journal)
    }

    fn open_epoch(&mut self, issuer: Issuer, at: UtcMs, parent: Option<Point>) -> Result<(), StoreError> {
        if let Some(parent) = &parent {
            let epoch = parent.no.epoch + 1;
            (self.last, self.head) = (FactNo { epoch, number: 0 }, chain::start(&self.id, epoch));
        }
        let opened = Opened {
            store: self.id.store.clone(),
            issuer,
            at,
            writer: self.id.writer,
            epoch: self.last.epoch,
            key: self.identity.verifying_key().to_bytes(),
            parent,
            vouch: None,
        };
        self.append(&Fact::Opened(opened)).map(|_| ())
    }

    /// Whether the start verified every fact, or only those after the last checkpoint.
    #[must_use]
    pub const fn walked_whole(&self) -> bool {
        self.walked_whole
    }

    const fn is_far_from_checkpoint(&self) -> bool {
        let (last, checkpoint) = (self.last, self.checkpoint);
        last.epoch != checkpoint.epoch || last.number.saturating_sub(checkpoint.number) >= CHECKPOINT_EVERY
    }

    /// The next start walks from here, where the head is sealed.
    fn set_checkpoint(&mut self) -> Result<(), StoreError> {
        check::set_checkpoint(&self.connection, self.last)?;
        self.checkpoint = self.last;
        Ok(())
    }

    /// The last fact appended.
    #[must_use]
    pub const fn last(&self) -> FactNo {
        self.last
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> &JournalId {
        &self.id
    }

    /// The store.
    #[must_use]
    pub const fn store(&self) -> &StoreId {
        &self.id.store
    }

    /// The connection, for reads that must see what the open transaction holds.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Writes a fact and its rows into the open transaction, beginning one if needed. Nothing is durable yet.
    ///
    /// # Errors
    /// What SQLite says; the journal must then not be used again.
    pub fn append(&mut self, fact: &Fact) -> Result<FactNo, StoreError> {
        if !self.in_transaction {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            self.in_transaction = true;
        }
        let mut fact = fact.clone();
        let records = record::commit(&mut fact)?;
        let body = fact.to_bytes();
        if body.len() > limits::FACT_MAX_BYTES {
            // What would not read back must not be written: every text in a fact has its own bound, so this is a bug of ours.
            return Err(StoreError::Fault(format!("a {} of {} bytes", fact.name(), body.len())));
        }
        let no = FactNo { epoch: self.last.epoch, number: self.last.number + 1 };
        self.append_bytes(&body, fact.order_no(), &records)?;
        rows::write(&self.connection, &self.id, &mut self.standings, no, &fact)?;
        Ok(no)
    }

    fn append_bytes(&mut self, body: &[u8], order_no: Option<OrderNo>, records: &[Record]) -> Result<(), StoreError> {
        let no = FactNo { epoch: self.last.epoch, number: self.last.number + 1 };
        self.head = chain::link(&self.head, no, body);
        facts::insert(&self.connection, &self.id, no, body, &self.head, order_no)?;
        for record in records {
            record::insert(&self.connection, &self.id, no, record)?;
        }
        self.last = no;
        self.unsealed_bytes += body.len() + records.iter().map(|record| record.text.len()).sum::<usize>();
        if self.unsealed_bytes >= SEAL_EVERY_BYTES { self.seal() } else { Ok(()) }
    }

    /// Seals the head, if it is not.
    fn seal(&mut self) -> Result<(), StoreError> {
        if self.unsealed_bytes > 0 {
            let seal = Seal::sign(&self.identity, &self.id, self.last, self.head);
            facts::insert_seal(&self.connection, &self.id, &seal)?;
            self.unsealed_bytes = 0;
        }
        Ok(())
    }

    /// Seals the head and makes everything appended since the last commit durable.
    ///
    /// # Errors
    /// What SQLite says; what is on disk is then unknown and the process must end.
    pub fn commit(&mut self) -> Result<Committed, StoreError> {
        if self.in_transaction {
            self.seal()?;
            if self.is_far_from_checkpoint() {
                self.set_checkpoint()?;
            }
            self.connection.execute_batch("COMMIT")?;
            self.in_transaction = false;
        }
        Ok(facts::durable())
    }

    /// The facts of one payment, oldest first.
    ///
    /// # Errors
    /// What SQLite says, or a fact that does not read back.
    pub fn facts_of(&self, order_no: OrderNo) -> Result<Vec<payment::Fact>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT epoch, number, body FROM fact INDEXED BY fact_of_order WHERE order_no = ?1 AND store = ?2 AND writer = ?3
             ORDER BY epoch, number",
        )?;
        let of = params![order_no.as_str(), self.id.store.as_str(), self.id.writer.text()];
        let bodies = statement.query_map(of, |row| Ok((fact_no(row)?, row.get::<_, Vec<u8>>(2)?)))?;
        let mut facts = Vec::new();
        for found in bodies {
            let (no, body) = found?;
            match record::read(&self.connection, &self.id, no, &body)?.map_err(no_fact)? {
                Fact::Payment(fact) => facts.push(fact),
                Fact::Opened(_) | Fact::People(_) | Fact::Bill(_) => {
                    return Err(StoreError::Corrupt(format!("fact {no}")));
                }
            }
        }
        Ok(facts)
    }

    /// The latest time in the journal, which time does not go back before. Within an epoch stamps grow, but for what a fork's heal
    /// entered again: that lies between its opening, stamped then, and what came after. So it is among the ends of all epochs and
    /// their openings.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn last_at(&self) -> Result<Option<UtcMs>, StoreError> {
        let mut latest = None;
        for FactNo { epoch, .. } in facts::epoch_ends(&self.connection, &self.id)? {
            let end = facts::newest_that(&self.connection, &self.id, epoch, |fact| Some(fact.at()))?;
            latest = latest.max(end).max(self.opened_at(epoch)?);
        }
        Ok(latest)
    }

    fn opened_at(&self, epoch: u32) -> Result<Option<UtcMs>, StoreError> {
        let body = facts::body(&self.connection, &self.id, FactNo { epoch, number: 1 })?;
        Ok(body.and_then(|body| Some(Fact::from_bytes(&body).ok()?.at())))
    }

    /// The charges begun in the epoch under way, oldest first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn charges_of_this_epoch(&self) -> Result<Vec<OrderNo>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT body FROM fact WHERE store = ?1 AND writer = ?2 AND epoch = ?3 AND order_no IS NOT NULL
             ORDER BY number",
        )?;
        let of = params![self.id.store.as_str(), self.id.writer.text(), self.last.epoch];
        let mut rows = statement.query(of)?;
        let mut begun = Vec::new();
        while let Some(row) = rows.next()? {
            // What draws the number that it is about begins it.
            let fact = Fact::from_bytes(&row.get::<_, Vec<u8>>(0)?).ok();
            begun.extend(fact.and_then(|fact| fact.draws().filter(|no| Some(*no) == fact.order_no())));
        }
        Ok(begun)
    }

    /// See [`last_issued`].
    ///
    /// # Errors
    /// What SQLite says.
    pub fn last_issued(&self) -> Result<Option<OrderNo>, StoreError> {
        last_issued(&self.connection, &self.id)
    }
}

/// The greatest number a journal drew, whoever issued it. Numbers only grow within an epoch, but what a heal entered again may
/// have been drawn before the history that it was entered behind: so it is among the last ones of all epochs. A fact this
/// version cannot digest is passed over.
///
/// # Errors
/// What SQLite says.
pub fn last_issued(connection: &Connection, journal: &JournalId) -> Result<Option<OrderNo>, StoreError> {
    let mut drawn = Vec::new();
    for FactNo { epoch, .. } in facts::epoch_ends(connection, journal)? {
        drawn.extend(facts::newest_that(connection, journal, epoch, Fact::draws)?);
    }
    Ok(drawn.into_iter().max_by_key(OrderNo::rank))
}

fn no_fact(error: FactError) -> StoreError {
    StoreError::Corrupt(format!("a fact: {error:?}"))
}
