//! A journal's one writer.
//!
//! Facts and their rows are written into an open transaction as they are decided; [`Journal::commit`] seals the chain's head
//! and makes all of it durable at once: that is group commit. A large one is sealed on the way too, since whoever takes it over
//! the line keeps only so much that no seal vouches for. A failed commit leaves nothing to go on with: the caller ends the
//! process and starts again from what is on disk.
//!
//! A box put back to an older copy takes back what the hub holds of its journal with [`Journal::fill`].

mod fill;

pub use fill::{BranchFact, Filled, branch_facts};

use ed25519_dalek::{SigningKey, VerifyingKey};
use guitai_core::{
    ids::{FactNo, Issuer, JournalId, OrderNo, StoreId},
    journal::{
        Committed,
        chain::{self, ChainHash, Seal},
        epoch::{Keyring, Point},
        fact::{Fact, FactError, Opened},
        text::Record,
    },
    limits, payment,
    sync::journal_lane::SEAL_EVERY_BYTES,
    time::UtcMs,
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    Database, StoreError,
    column::{fact_no, integer, of},
    facts, record, refold, rows,
    standings::Standings,
};

/// Where a check of the chain found it broken.
#[derive(Debug)]
pub enum Integrity {
    /// A fact's bytes do not fit the chain, or its number is missing: history was altered or damaged here.
    BrokenAt(FactNo),
    /// The last facts carry no valid seal of this identity.
    Unsealed(FactNo),
    /// The file could not be read.
    Unreadable(StoreError),
}

impl std::fmt::Display for Integrity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BrokenAt(no) => write!(f, "the journal is damaged at fact {no}: its bytes do not fit the hash chain"),
            Self::Unsealed(no) => write!(f, "the journal's fact {no} carries no valid seal of this node's identity"),
            Self::Unreadable(error) => write!(f, "the journal cannot be read: {error}"),
        }
    }
}

impl std::error::Error for Integrity {}

impl From<StoreError> for Integrity {
    fn from(error: StoreError) -> Self {
        Self::Unreadable(error)
    }
}

impl From<rusqlite::Error> for Integrity {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unreadable(error.into())
    }
}

/// The writer.
#[derive(Debug)]
pub struct Journal {
    connection: Connection,
    id: JournalId,
    identity: SigningKey,
    last: FactNo,
    head: ChainHash,
    in_transaction: bool,
    /// Facts and texts since the last seal.
    unsealed_bytes: usize,
    standings: Standings,
}

impl Journal {
    /// Opens a journal, checks its whole chain, fits its rows to this version, and begins it if it is empty: at epoch 1, or where
    /// another box of the store left off, `after` that place.
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
        let mut connection = database.writer()?;
        let (last, head) = check(&connection, &id, &identity.verifying_key())?;
        refold::fit(&mut connection, &|_, _| Ok(None))?;
        let (in_transaction, unsealed_bytes, standings) = (false, 0, Standings::default());
        let mut journal = Self { connection, id, identity, last, head, in_transaction, unsealed_bytes, standings };
        if journal.last.number == 0 {
            journal.open_epoch(issuer, now, after)?;
            journal.commit()?;
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
            return Err(StoreError::Corrupt(format!("a {} of {} bytes", fact.name(), body.len())));
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
            "SELECT epoch, number, body FROM fact WHERE order_no = ?1 AND store = ?2 AND writer = ?3
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
        let mut statement = self
            .connection
            .prepare_cached("SELECT body FROM fact WHERE store = ?1 AND writer = ?2 AND epoch = ?3 AND number = 1")?;
        let place = params![self.id.store.as_str(), self.id.writer.text(), epoch];
        let body: Option<Vec<u8>> = statement.query_row(place, |row| row.get(0)).optional()?;
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

/// Walks a journal's whole chain; answers its last fact and head. Every stored hash is recomputed from the bytes; the last
/// seal is verified, which vouches for everything before it.
///
/// # Errors
/// Names the first fact that does not fit.
pub fn check(
    connection: &Connection,
    journal: &JournalId,
    identity: &VerifyingKey,
) -> Result<(FactNo, ChainHash), Integrity> {
    walk(connection, journal, identity, &[]).map(|(last, head, _)| (last, head))
}

/// The check's result with the key of each epoch, which ends in the one trusted.
fn walk(
    connection: &Connection,
    journal: &JournalId,
    identity: &VerifyingKey,
    known: &[VerifyingKey],
) -> Result<(FactNo, ChainHash, Keyring), Integrity> {
    let mut last = FactNo { epoch: 1, number: 0 };
    let mut head = chain::start(journal, 1);
    let mut ring = Keyring::knowing(known);
    let mut statement = connection.prepare(
        "SELECT epoch, number, body, head FROM fact WHERE store = ?1 AND writer = ?2 ORDER BY epoch, number",
    )?;
    let mut rows = statement.query(of(journal))?;
    while let Some(row) = rows.next()? {
        let no = fact_no(row)?;
        let next = FactNo { epoch: last.epoch, number: last.number + 1 };
        let before = (last.number > 0).then(|| Point::new(last, head));
        if no.epoch > last.epoch && no.number == 1 {
            if last.number > 0 {
                check_end(connection, journal, ring.key(last.epoch), (last, head))?;
            }
            head = chain::start(journal, no.epoch);
        } else if no != next {
            return Err(Integrity::BrokenAt(next));
        }
        let body = row.get_ref(2)?.as_blob().map_err(|_| Integrity::BrokenAt(no))?;
        head = chain::link(&head, no, body);
        if row.get_ref(3)?.as_blob().ok() != Some(&head[..]) {
            return Err(Integrity::BrokenAt(no));
        }
        if no.number == 1 {
            ring.follow(journal, no.epoch, before.as_ref(), body).map_err(|_| Integrity::BrokenAt(no))?;
        }
        last = no;
    }
    if last.number > 0 {
        let trusted = ring.key(last.epoch).filter(|key| *key == identity);
        check_end(connection, journal, trusted, (last, head))?;
    }
    Ok((last, head, ring))
}

/// Where an epoch ends there is a seal of its key.
fn check_end(
    connection: &Connection,
    journal: &JournalId,
    key: Option<&VerifyingKey>,
    (last, head): (FactNo, ChainHash),
) -> Result<(), Integrity> {
    check_seal(connection, journal, key.ok_or(Integrity::Unsealed(last))?, last, head)
}

fn check_seal(
    connection: &Connection,
    journal: &JournalId,
    identity: &VerifyingKey,
    no: FactNo,
    head: ChainHash,
) -> Result<(), Integrity> {
    let signature: Option<[u8; 64]> = connection
        .prepare_cached("SELECT signature FROM seal WHERE store = ?1 AND writer = ?2 AND epoch = ?3 AND number = ?4")?
        .query_row(params![journal.store.as_str(), journal.writer.text(), no.epoch, integer(no.number)], |row| {
            row.get(0)
        })
        .optional()?;
    let seal = signature.map(|signature| Seal::from_parts(no, head, signature));
    match seal {
        Some(seal) if seal.verify(identity, journal) => Ok(()),
        _ => Err(Integrity::Unsealed(no)),
    }
}

/// Verifies the chain and every seal of a journal, the last one by `identity`; answers the last fact and how many seals vouch for
/// the chain. `known`: the keys of the store's boxes, by the roster.
///
/// # Errors
/// Names the first fact or seal that does not fit.
pub fn verify(
    connection: &Connection,
    journal: &JournalId,
    identity: &VerifyingKey,
    known: &[VerifyingKey],
) -> Result<(FactNo, u64), Integrity> {
    let (last, _, ring) = walk(connection, journal, identity, known)?;
    let mut statement = connection.prepare(
        "SELECT s.epoch, s.number, f.head FROM seal s LEFT JOIN fact f USING (store, writer, epoch, number)
         WHERE s.store = ?1 AND s.writer = ?2 ORDER BY s.epoch, s.number",
    )?;
    let mut rows = statement.query(of(journal))?;
    let mut seals = 0;
    while let Some(row) = rows.next()? {
        let no = fact_no(row)?;
        let head: Option<ChainHash> = row.get(2)?;
        let key = ring.key(no.epoch).ok_or(Integrity::Unsealed(no))?;
        check_seal(connection, journal, key, no, head.ok_or(Integrity::Unsealed(no))?)?;
        seals += 1;
    }
    Ok((last, seals))
}
