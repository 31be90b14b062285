//! Journals as they travel: loading a range to send, and the hub's copies of what its stores wrote.

use guitai_core::{
    ids::{FactNo, Issuer, JournalId},
    journal::{
        Committed,
        chain::{self, ChainHash, Seal},
        epoch::{Point, opening},
        fact::{Fact, FactError},
        text::Record,
    },
    limits,
    sync::{
        frame::FactRecord,
        journal_lane::{Batch, Loaded},
    },
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    StoreError,
    column::{fact_no, of},
    digest::{self, Folding},
    facts, record, refold,
};

/// A gap-free run of facts whose last one is sealed.
#[derive(Clone, Debug)]
pub struct Run {
    /// The number of the first body.
    pub first: FactNo,
    /// Stored bytes, in order.
    pub bodies: Vec<Vec<u8>>,
    /// Covers the last body.
    pub seal: Seal,
    /// The texts beside the facts, in the order of facts and slots.
    pub records: Vec<FactRecord>,
}

impl From<Run> for Loaded {
    fn from(run: Run) -> Self {
        let Run { first, bodies, seal, records } = run;
        Self { first, bodies, seal, records }
    }
}

impl From<Batch> for Run {
    fn from(batch: Batch) -> Self {
        let Batch { writer: _, token: _, first, bodies, seal, records } = batch;
        Self { first, bodies, seal, records }
    }
}

/// Loads the run from `first` that fits `max_bytes`, ending at a seal; one commit larger than that comes whole. Where the epoch
/// ends before `first`, the next one's beginning comes. `None` when there is nothing sealed from `first` on.
///
/// # Errors
/// What SQLite says.
pub fn load(
    connection: &Connection,
    journal: &JournalId,
    first: FactNo,
    max_bytes: usize,
) -> Result<Option<Run>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT f.epoch, f.number, f.body, f.head, s.signature FROM fact f
             LEFT JOIN seal s USING (store, writer, epoch, number)
         WHERE f.store = ?1 AND f.writer = ?2 AND (f.epoch, f.number) >= (?3, ?4) ORDER BY f.epoch, f.number",
    )?;
    let place = params![journal.store.as_str(), journal.writer.text(), first.epoch, first.number];
    let mut rows = statement.query(place)?;
    let (mut bodies, mut records, mut bytes) = (Vec::new(), Vec::new(), 0);
    let mut begun: Option<FactNo> = None;
    let mut sealed: Option<(usize, usize, Seal)> = None;
    while let Some(row) = rows.next()? {
        let (no, body): (FactNo, Vec<u8>) = (fact_no(row)?, row.get(2)?);
        if begun.is_some_and(|begun| begun.epoch != no.epoch) {
            break;
        }
        begun.get_or_insert(no);
        let beside = record::of_fact(connection, journal, no)?.into_iter();
        let beside: Vec<FactRecord> = beside.map(|record| FactRecord { number: no.number, record }).collect();
        bytes += body.len() + beside.iter().map(FactRecord::weight).sum::<usize>();
        if bytes > max_bytes && sealed.is_some() {
            break;
        }
        bodies.push(body);
        records.extend(beside);
        if let Some(signature) = row.get::<_, Option<[u8; 64]>>(4)? {
            sealed = Some((bodies.len(), records.len(), Seal::from_parts(no, row.get(3)?, signature)));
        }
    }
    let (Some(first), Some((facts, texts, seal))) = (begun, sealed) else { return Ok(None) };
    bodies.truncate(facts);
    records.truncate(texts);
    Ok(Some(Run { first, bodies, seal, records }))
}

/// The last fact held of a journal, and the chain's value after it.
///
/// # Errors
/// What SQLite says.
pub fn head(connection: &Connection, journal: &JournalId) -> Result<(FactNo, ChainHash), StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT epoch, number, head FROM fact WHERE store = ?1 AND writer = ?2 ORDER BY epoch DESC, number DESC LIMIT 1",
    )?;
    let found = statement.query_row(of(journal), |row| Ok((fact_no(row)?, row.get(2)?))).optional()?;
    Ok(found.unwrap_or_else(|| (FactNo { epoch: 1, number: 0 }, chain::start(journal, 1))))
}

/// The chain's value after one fact, if it is held, or if it is where another box left off before this journal's beginning.
///
/// # Errors
/// What SQLite says.
pub fn head_at(connection: &Connection, journal: &JournalId, no: FactNo) -> Result<Option<ChainHash>, StoreError> {
    if no.number == 0 {
        return Ok(Some(chain::start(journal, no.epoch)));
    }
    let mut statement = connection
        .prepare_cached("SELECT head FROM fact WHERE store = ?1 AND writer = ?2 AND epoch = ?3 AND number = ?4")?;
    let place = params![journal.store.as_str(), journal.writer.text(), no.epoch, no.number];
    let held = statement.query_row(place, |row| row.get(0)).optional()?;
    match held {
        Some(head) => Ok(Some(head)),
        None => Ok(left_off(connection, journal)?.filter(|parent| parent.no == no).map(|parent| *parent.head())),
    }
}

/// What a journal that begins in a later epoch names as its parent.
fn left_off(connection: &Connection, journal: &JournalId) -> Result<Option<Point>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT body FROM fact WHERE store = ?1 AND writer = ?2 ORDER BY epoch, number LIMIT 1")?;
    let body: Option<Vec<u8>> =
        statement.query_row(params![journal.store.as_str(), journal.writer.text()], |row| row.get(0)).optional()?;
    Ok(body.and_then(|body| match Fact::from_bytes(&body) {
        Ok(Fact::Opened(opened)) => opened.parent,
        Ok(Fact::People(_) | Fact::Bill(_) | Fact::Payment(_)) | Err(_) => None,
    }))
}

/// Appends a verified run to the copy of a journal, with its rows, in one transaction. A fact this version cannot digest is
/// stored as it is and flagged; it blocks nothing behind it. A text that is not its fact's is dropped.
///
/// # Errors
/// What SQLite says: nothing of the run is then stored.
pub fn persist(
    connection: &mut Connection,
    journal: &JournalId,
    issuers: &[Issuer],
    run: &Run,
) -> Result<(Committed, Vec<Fact>), StoreError> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let digested = append(&transaction, journal, Some(issuers), run)?;
    transaction.commit()?;
    Ok((facts::durable(), digested))
}

/// [`persist`] inside the caller's transaction: durable, and to be acknowledged, once that has committed.
///
/// # Errors
/// As [`persist`]; the transaction must then be rolled back.
pub fn append(
    connection: &Connection,
    journal: &JournalId,
    issuers: Option<&[Issuer]>,
    run: &Run,
) -> Result<Vec<Fact>, StoreError> {
    append_decoded(connection, journal, issuers, run, decode(run))
}

/// [`append`] of a run whose facts were read before, outside of the transaction.
///
/// # Errors
/// As [`persist`]; the transaction must then be rolled back.
pub fn append_decoded(
    connection: &Connection,
    journal: &JournalId,
    issuers: Option<&[Issuer]>,
    run: &Run,
    facts: Decoded,
) -> Result<Vec<Fact>, StoreError> {
    let rows = if refold::behind(connection, journal)? { Rows::Later } else { Rows::Now };
    write(connection, (journal, issuers), run, facts, rows)
}

/// A run's facts, in its order.
pub type Decoded = Vec<Result<Fact, FactError>>;

/// Reads a run's facts.
#[must_use]
pub fn decode(run: &Run) -> Decoded {
    run.bodies.iter().map(|body| Fact::from_bytes(body)).collect()
}

/// Facts alone, whose rows are made with all others afterwards.
pub(crate) fn append_unfolded(connection: &Connection, journal: &JournalId, run: &Run) -> Result<(), StoreError> {
    write(connection, (journal, None), run, decode(run), Rows::Later).map(|_| ())
}

/// Whether rows are made of facts as they are stored.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rows {
    Now,
    Later,
}

/// A fact about to be stored.
struct Entry<'a> {
    no: FactNo,
    body: &'a [u8],
    head: ChainHash,
    fact: Result<Fact, FactError>,
    records: Vec<Record>,
}

fn write(
    connection: &Connection,
    (journal, issuers): (&JournalId, Option<&[Issuer]>),
    run: &Run,
    facts: Decoded,
    rows: Rows,
) -> Result<Vec<Fact>, StoreError> {
    let entries = entries(connection, journal, run, facts)?;
    let digested = digest::together(connection, |care| {
        let mut folding = Folding::default();
        let mut digested = Vec::with_capacity(entries.len());
        for Entry { no, body, head, fact, records } in &entries {
            let order_no = fact.as_ref().ok().and_then(Fact::order_no);
            facts::insert(connection, journal, *no, body, head, order_no)?;
            records.iter().try_for_each(|record| record::insert(connection, journal, *no, record))?;
            let has_rows = rows == Rows::Now
                && match digest::digest(connection, (journal, issuers), &mut folding, (*no, fact), care)? {
                    Ok(()) => true,
                    Err(why) => {
                        digest::flag(connection, journal, *no, &why)?;
                        false
                    }
                };
            digested.push(has_rows);
        }
        folding.finish(connection, journal)?;
        Ok(digested)
    })?;
    facts::insert_seal(connection, journal, &run.seal)?;
    let with_rows = entries.into_iter().zip(digested).filter(|(_, has_rows)| *has_rows);
    Ok(with_rows.filter_map(|(entry, _)| entry.fact.ok()).collect())
}

/// What goes on from the last fact held: each fact with the chain's value after it and the texts that it committed to, opened;
/// those of a fact nobody here can read are kept unread.
fn entries<'a>(
    connection: &Connection,
    journal: &JournalId,
    run: &'a Run,
    facts: Decoded,
) -> Result<Vec<Entry<'a>>, StoreError> {
    let (last, mut head) = head(connection, journal)?;
    let expected = FactNo { epoch: last.epoch, number: last.number + 1 };
    if run.first.epoch > last.epoch && run.first.number == 1 {
        let body = run.bodies.first().map_or(&[][..], Vec::as_slice);
        // Nothing is held before the first epoch; a copy cut off at its beginning begins where its writer does.
        let parent = (last.number > 0).then(|| Point::new(last, head));
        if run.first.epoch > 1 {
            opening(journal, run.first.epoch, parent.as_ref(), None, body)
                .map_err(|why| StoreError::Corrupt(format!("fact {}: {why}", run.first)))?;
        }
        head = chain::start(journal, run.first.epoch);
    } else if run.first != expected {
        return Err(StoreError::Corrupt(format!("a run beginning at {} where {expected} is next", run.first)));
    }
    let mut records = run.records.iter().peekable();
    let mut no = run.first;
    let mut entries = Vec::with_capacity(run.bodies.len());
    for (body, mut fact) in run.bodies.iter().zip(facts) {
        head = chain::link(&head, no, body);
        let beside = std::iter::from_fn(|| records.next_if(|found| found.number == no.number));
        let mut records: Vec<Record> = beside.map(|found| found.record.clone()).collect();
        if let (Ok(fact), false) = (&mut fact, records.is_empty()) {
            let strange = record::open(fact, records.iter().cloned());
            for record in &strange {
                tracing::warn!(%journal, fact = %no, slot = record.slot, "a text that this fact did not commit to is dropped");
            }
            records.retain(|record| !strange.contains(record));
        }
        entries.push(Entry { no, body, head, fact, records });
        no.number += 1;
    }
    Ok(entries)
}

/// Places of a journal's own history, newest first: steps that double back from its end to where its last epoch begins, the ends
/// of earlier epochs, and its beginning: of a box that replaced another, where that one left off, since what lies before is not
/// its own. What is asked for from one of them is at most twice what was lost.
///
/// # Errors
/// What SQLite says.
pub fn places(connection: &Connection, journal: &JournalId) -> Result<Vec<Point>, StoreError> {
    let mut ends = facts::epoch_ends(connection, journal)?.into_iter();
    let mut wanted = Vec::new();
    if let Some(last) = ends.next() {
        let mut back = 0;
        while let Some(number) = last.number.checked_sub(back).filter(|number| *number > 0) {
            wanted.push(FactNo { epoch: last.epoch, number });
            back = back * 2 + 1;
        }
        // A journal put back to its first facts may share no others with what the hub holds.
        let begins = FactNo { epoch: last.epoch, number: 1 };
        if wanted.last().is_some_and(|no| *no > begins) {
            wanted.push(begins);
        }
    }
    wanted.extend(ends);
    wanted.truncate(limits::RECALL_POINTS_MAX - 1);
    let parent = left_off(connection, journal)?;
    wanted.push(parent.map_or(FactNo { epoch: 1, number: 0 }, |parent| parent.no));
    let mut points = Vec::with_capacity(wanted.len());
    for no in wanted {
        points.extend(head_at(connection, journal, no)?.map(|head| Point::new(no, head)));
    }
    Ok(points)
}

/// Keeps a writer's seal that does not fit the history held of its journal: its own proof that there were two. Answers whether
/// it does not.
///
/// # Errors
/// What SQLite says.
pub fn keep_fork(connection: &Connection, journal: &JournalId, seal: &Seal) -> Result<bool, StoreError> {
    if head_at(connection, journal, seal.no)?.as_ref() == Some(seal.head()) {
        return Ok(false);
    }
    connection.execute(
        "INSERT OR IGNORE INTO fork VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            journal.store.as_str(),
            journal.writer.text(),
            seal.no.epoch,
            seal.no.number,
            seal.head(),
            seal.signature(),
        ],
    )?;
    Ok(true)
}

/// The first of these places that is held too.
///
/// # Errors
/// What SQLite says.
pub fn common(connection: &Connection, journal: &JournalId, known: &[Point]) -> Result<Option<FactNo>, StoreError> {
    for point in known {
        if head_at(connection, journal, point.no)?.as_ref() == Some(point.head()) {
            return Ok(Some(point.no));
        }
    }
    Ok(None)
}
