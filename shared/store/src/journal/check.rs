//! Whether a journal is what was written: its chain, link by link, and the seals that vouch for it.
//!
//! A checkpoint is a note of the journal's own file: up to this sealed fact the chain was verified, or written, here. A start
//! trusts it as far as its fact still bears the head that this node's key sealed, and walks what came after. Damage before it is
//! found by whoever walks everything: `verify`, and a running node at its leisure.

use std::path::Path;

use ed25519_dalek::VerifyingKey;
use guitai_core::{
    ids::{FactNo, JournalId},
    journal::{
        chain::{self, ChainHash, Seal},
        epoch::{Keyring, Point},
    },
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    StoreError,
    column::{fact_no, of},
    facts, ingest, note,
    shadow::{self, Difference},
};

/// Up to so many facts every start walks the whole chain and looks at all that follows from it: some 10 and 300 ms.
pub const WALKED_WHOLE_MAX: u64 = 20_000;

/// Holds the fact of the last checkpoint.
const CHECKPOINT_NOTE: &str = "chain_checked";

/// Where a check of the chain found it broken.
#[derive(Debug)]
pub enum Integrity {
    /// A fact's bytes do not fit the chain, or its number is missing: history was altered or damaged here.
    BrokenAt(FactNo),
    /// The last facts carry no valid seal of this identity.
    Unsealed(FactNo),
    /// The chain is whole, and something that follows from its facts is not as they say.
    Differs(Difference),
    /// The file could not be read.
    Unreadable(StoreError),
}

impl Integrity {
    /// Whether the file can be whole again once everything that follows from its facts is made anew.
    #[must_use]
    pub fn may_heal(&self) -> bool {
        match self {
            Self::BrokenAt(_) | Self::Unsealed(_) => false,
            // What the text was is lost; the row may still show it.
            Self::Differs(Difference::Text(_)) => false,
            Self::Differs(Difference::Row { .. } | Difference::Misfiled(_) | Difference::Pages(_)) => true,
            Self::Unreadable(error) => error.is_damage(),
        }
    }

    /// Names the file that could not be read.
    pub(super) fn at(self, path: &Path) -> Self {
        match self {
            Self::Unreadable(error) => Self::Unreadable(error.at(path)),
            told => told,
        }
    }

    /// Whether something is damaged, and not only out of reach for now.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::BrokenAt(_) | Self::Unsealed(_) | Self::Differs(_) => true,
            Self::Unreadable(error) => error.is_damage(),
        }
    }
}

impl std::fmt::Display for Integrity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BrokenAt(no) => write!(f, "the journal is damaged at fact {no}: its bytes do not fit the hash chain"),
            Self::Unsealed(no) => write!(f, "the journal's fact {no} carries no valid seal of this node's identity"),
            Self::Differs(difference) => write!(f, "the chain is whole, but {difference}"),
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

/// What a start found.
pub(super) struct Start {
    pub(super) last: FactNo,
    pub(super) head: ChainHash,
    /// Where the last checkpoint lies; before the first fact if there is none.
    pub(super) checkpoint: FactNo,
    /// Whether every fact was walked.
    pub(super) whole: bool,
}

/// Walks a journal from its last checkpoint on, or whole if it is short or its checkpoint does not hold.
pub(super) fn start(connection: &Connection, journal: &JournalId, identity: &VerifyingKey) -> Result<Start, Integrity> {
    let facts: u64 = facts::epoch_ends(connection, journal)?.iter().map(|end| end.number).sum();
    let from = if facts > WALKED_WHOLE_MAX { at_checkpoint(connection, journal, identity)? } else { None };
    let (checkpoint, whole) = (from.as_ref().map_or(FactNo::default(), |walk| walk.last), from.is_none());
    let mut walk = from.unwrap_or_else(|| Walk::new(journal.clone(), &[]));
    while walk.step(connection, usize::MAX)? {}
    let (last, head) = walk.end(connection, identity)?;
    Ok(Start { last, head, checkpoint, whole })
}

/// Notes that the chain is verified up to a sealed fact.
pub(super) fn set_checkpoint(connection: &Connection, no: FactNo) -> Result<(), StoreError> {
    note::set(connection, CHECKPOINT_NOTE, no.to_string().as_bytes())
}

/// A walk that goes on behind the last checkpoint, if its fact is there with a head that this identity sealed.
fn at_checkpoint(
    connection: &Connection,
    journal: &JournalId,
    identity: &VerifyingKey,
) -> Result<Option<Walk>, Integrity> {
    let noted = note::get(connection, CHECKPOINT_NOTE)?.and_then(|bytes| String::from_utf8(bytes).ok());
    let parts = noted.as_deref().and_then(|text| text.split_once('-'));
    let Some((Ok(epoch), Ok(number))) = parts.map(|(epoch, number)| (epoch.parse(), number.parse())) else {
        return Ok(None);
    };
    let (no, before) = (FactNo { epoch, number }, FactNo { epoch, number: u64::saturating_sub(number, 1) });
    let (Some(head), Some(head_before), Some(opening)) = (
        ingest::head_at(connection, journal, no)?,
        ingest::head_at(connection, journal, before)?,
        facts::body(connection, journal, FactNo { epoch, number: 1 })?,
    ) else {
        return Ok(None);
    };
    let mut walk = Walk::new(journal.clone(), &[]);
    let followed = walk.ring.follow(journal, epoch, None, &opening);
    let sealed = walk.ring.key(epoch) == Some(identity) && check_seal(connection, journal, identity, no, head).is_ok();
    // Its own fact is walked too: the seal is for the head, not for the bytes beside it.
    (walk.last, walk.head, walk.begun) = (before, head_before, true);
    Ok((followed.is_ok() && sealed).then_some(walk))
}

/// Walks a journal as a start does: from its last checkpoint on, or whole if it is short; answers its last fact and whether every fact
/// was walked. Nothing is written.
///
/// # Errors
/// Names the first fact that does not fit.
pub fn check_recent(
    connection: &Connection,
    journal: &JournalId,
    identity: &VerifyingKey,
) -> Result<(FactNo, bool), Integrity> {
    let Start { last, whole, .. } = start(connection, journal, identity)?;
    Ok((last, whole))
}

/// What SQLite finds wrong with the pages of a file, in its own words; `None` if nothing. It reads the whole file: an interrupt of the
/// connection ends it early with an error.
///
/// # Errors
/// What SQLite says.
pub fn quick_check(connection: &Connection) -> Result<Option<String>, StoreError> {
    let said: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((said != "ok").then_some(said))
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
    let mut walk = Walk::new(journal.clone(), &[]);
    while walk.step(connection, usize::MAX)? {}
    walk.end(connection, identity)
}

/// A walk along a journal's chain, as far as it has come.
#[derive(Debug)]
pub struct Walk {
    journal: JournalId,
    /// The key of each epoch.
    ring: Keyring,
    last: FactNo,
    head: ChainHash,
    begun: bool,
}

impl Walk {
    /// A walk that begins with the first fact. `known`: the keys of the store's boxes, by the roster.
    #[must_use]
    pub fn new(journal: JournalId, known: &[VerifyingKey]) -> Self {
        let head = chain::start(&journal, 1);
        let ring = Keyring::knowing(known);
        Self { journal, ring, last: FactNo { epoch: 1, number: 0 }, head, begun: false }
    }

    /// Walks on over at most so many facts; false when there are no more.
    ///
    /// # Errors
    /// Names the first fact that does not fit.
    pub fn step(&mut self, connection: &Connection, facts: usize) -> Result<bool, Integrity> {
        let mut statement = connection.prepare_cached(
            "SELECT epoch, number, body, head FROM fact
             WHERE store = ?1 AND writer = ?2 AND (epoch, number) > (?3, ?4) ORDER BY epoch, number LIMIT ?5",
        )?;
        // Whatever stands before the first fact stands wrongly.
        let (epoch, number) = if self.begun { (i64::from(self.last.epoch), self.last.number) } else { (-1, 0) };
        let (store, writer) = (self.journal.store.as_str().to_owned(), self.journal.writer.text().into_owned());
        let limit = i64::try_from(facts).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![store, writer, epoch, number, limit])?;
        let mut walked = 0;
        while let Some(row) = rows.next()? {
            let no = fact_no(row)?;
            let body = row.get_ref(2)?.as_blob().map_err(|_| Integrity::BrokenAt(no))?;
            self.fact(connection, no, body, row.get_ref(3)?.as_blob().ok())?;
            walked += 1;
        }
        Ok(walked == facts)
    }

    fn fact(&mut self, connection: &Connection, no: FactNo, body: &[u8], head: Option<&[u8]>) -> Result<(), Integrity> {
        let next = FactNo { epoch: self.last.epoch, number: self.last.number + 1 };
        let before = (self.last.number > 0).then(|| Point::new(self.last, self.head));
        if no.epoch > self.last.epoch && no.number == 1 {
            if self.last.number > 0 {
                self.check_end(connection, self.ring.key(self.last.epoch))?;
            }
            self.head = chain::start(&self.journal, no.epoch);
        } else if no != next {
            return Err(Integrity::BrokenAt(next));
        }
        self.head = chain::link(&self.head, no, body);
        if head != Some(&self.head[..]) {
            return Err(Integrity::BrokenAt(no));
        }
        if no.number == 1 {
            let followed = self.ring.follow(&self.journal, no.epoch, before.as_ref(), body);
            followed.map_err(|_| Integrity::BrokenAt(no))?;
        }
        (self.last, self.begun) = (no, true);
        Ok(())
    }

    /// The last fact walked and the head there, which a seal by `identity` vouches for.
    ///
    /// # Errors
    /// `Unsealed` if none does.
    pub fn end(&self, connection: &Connection, identity: &VerifyingKey) -> Result<(FactNo, ChainHash), Integrity> {
        if self.last.number > 0 {
            self.check_end(connection, self.ring.key(self.last.epoch).filter(|key| *key == identity))?;
        }
        Ok((self.last, self.head))
    }

    /// Where an epoch ends there is a seal of its key.
    fn check_end(&self, connection: &Connection, key: Option<&VerifyingKey>) -> Result<(), Integrity> {
        let key = key.ok_or(Integrity::Unsealed(self.last))?;
        check_seal(connection, &self.journal, key, self.last, self.head)
    }
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
        .query_row(params![journal.store.as_str(), journal.writer.text(), no.epoch, no.number], |row| row.get(0))
        .optional()?;
    let seal = signature.map(|signature| Seal::from_parts(no, head, signature));
    match seal {
        Some(seal) if seal.verify(identity, journal) => Ok(()),
        _ => Err(Integrity::Unsealed(no)),
    }
}

/// Whether all that follows from a journal's facts is as they say: rows, requests, indexes, pages. A file of one store.
///
/// # Errors
/// `Differs` names the first thing that is not.
pub fn check_rows(connection: &Connection) -> Result<(), Integrity> {
    shadow::check(connection, &|_, _| Ok(None))?.map_or(Ok(()), |difference| Err(Integrity::Differs(difference)))
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
    let mut walk = Walk::new(journal.clone(), known);
    while walk.step(connection, usize::MAX)? {}
    let (last, _) = walk.end(connection, identity)?;
    let mut statement = connection.prepare(
        "SELECT s.epoch, s.number, f.head FROM seal s LEFT JOIN fact f USING (store, writer, epoch, number)
         WHERE s.store = ?1 AND s.writer = ?2 ORDER BY s.epoch, s.number",
    )?;
    let mut rows = statement.query(of(journal))?;
    let mut seals = 0;
    while let Some(row) = rows.next()? {
        let no = fact_no(row)?;
        let head: Option<ChainHash> = row.get(2)?;
        let key = walk.ring.key(no.epoch).ok_or(Integrity::Unsealed(no))?;
        check_seal(connection, journal, key, no, head.ok_or(Integrity::Unsealed(no))?)?;
        seals += 1;
    }
    Ok((last, seals))
}
