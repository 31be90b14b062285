//! Rows made anew from facts: after a change of what rows there are or of what facts mean to them, and when asked.
//!
//! Facts are folded in slices, each a transaction of its own, with the place reached in a note: a stop in between goes on
//! where it was. Until all are folded, facts that come in are stored only (`behind`); the last slice reaches them. On the way a
//! fact that an older version could not digest gets its rows and leaves `undigested`.

use guitai_core::ids::{FactNo, Issuer, JournalId, StoreId, Writer};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::{
    StoreError,
    digest::{self, Care, Folding},
    note, record, schema,
};

/// Holds the last fact folded while rows are made anew.
const CURSOR_NOTE: &str = "rows_folded";

/// Facts of one slice: some 50 ms, so that others who share the file get their turn.
const SLICE_FACTS: usize = 1_000;

/// How often the log tells how far it is, in facts.
const TOLD_EVERY: u64 = 50_000;

/// Which issuers' numbers a journal may draw; none if any's.
pub type Draws<'a> = &'a dyn Fn(&Connection, &JournalId) -> Result<Option<Vec<Issuer>>, StoreError>;

/// What a refold came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refolded {
    /// Facts folded.
    pub facts: u64,
    /// Those that rows could not be made of.
    pub undigested: u64,
}

/// Brings rows to this version if they are of another one, or goes on where a refold was stopped; called by whoever writes the
/// file before it writes.
///
/// # Errors
/// What SQLite says.
pub fn fit(connection: &mut Connection, draws: Draws<'_>) -> Result<(), StoreError> {
    if !schema::rows_are_current(connection)? {
        begin(connection)?;
    } else if note::get(connection, CURSOR_NOTE)?.is_none() {
        return Ok(());
    }
    finish(connection, draws).map(|_| ())
}

/// Makes all rows anew.
///
/// # Errors
/// What SQLite says.
pub fn refold(connection: &mut Connection, draws: Draws<'_>) -> Result<Refolded, StoreError> {
    begin(connection)?;
    finish(connection, draws)
}

/// Drops the rows and puts the cursor before the first fact.
fn begin(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = immediate(connection)?;
    begin_in(&transaction)?;
    Ok(transaction.commit()?)
}

fn begin_in(connection: &Connection) -> Result<(), StoreError> {
    schema::clear_rows(connection)?;
    note::set(connection, CURSOR_NOTE, b"")
}

fn finish(connection: &mut Connection, draws: Draws<'_>) -> Result<Refolded, StoreError> {
    let mut done = Refolded::default();
    loop {
        let transaction = immediate(connection)?;
        let more = slice(&transaction, draws, &mut done)?;
        transaction.commit()?;
        if !more {
            tracing::info!(facts = done.facts, undigested = done.undigested, "the rows are made anew");
            return Ok(done);
        }
        if done.facts.is_multiple_of(TOLD_EVERY) {
            tracing::info!(facts = done.facts, "rows are being made anew");
        }
    }
}

/// Makes all rows anew inside a transaction that also changes facts.
pub(crate) fn refold_in(connection: &Connection) -> Result<(), StoreError> {
    begin_in(connection)?;
    let mut done = Refolded::default();
    while slice(connection, &|_, _| Ok(None), &mut done)? {}
    Ok(())
}

/// Folds the next facts; false when there are none left, and rows are then whole.
fn slice(connection: &Connection, draws: Draws<'_>, done: &mut Refolded) -> Result<bool, StoreError> {
    // Another process that does the same may have finished.
    let Some(cursor) = cursor(connection)? else { return Ok(false) };
    let facts = next(connection, &cursor)?;
    let Some((last, no, _)) = facts.last() else {
        note::remove(connection, CURSOR_NOTE)?;
        return Ok(false);
    };
    let reached = format!("{} {} {} {}", last.store, last.writer, no.epoch, no.number);
    note::set(connection, CURSOR_NOTE, reached.as_bytes())?;
    let undigested = digest::together(connection, |care| fold(connection, draws, &facts, care))?;
    done.facts += u64::try_from(facts.len()).unwrap_or(u64::MAX);
    done.undigested += undigested;
    Ok(true)
}

/// Answers how many of them rows could not be made of.
pub(crate) fn fold(
    connection: &Connection,
    draws: Draws<'_>,
    facts: &[(JournalId, FactNo, Vec<u8>)],
    care: Care,
) -> Result<u64, StoreError> {
    let mut undigested = 0;
    let mut issuers: Option<(&JournalId, Option<Vec<Issuer>>)> = None;
    let mut folding = Folding::default();
    for (journal, no, body) in facts {
        let draws_as = match issuers.take() {
            Some((known, issuers)) if known == journal => issuers,
            Some((before, _)) => {
                std::mem::take(&mut folding).finish(connection, before)?;
                draws(connection, journal)?
            }
            None => draws(connection, journal)?,
        };
        let (_, draws_as) = issuers.insert((journal, draws_as));
        let fact = record::read(connection, journal, *no, body)?;
        match digest::digest(connection, (journal, draws_as.as_deref()), &mut folding, (*no, &fact), care)? {
            Ok(()) => digest::unflag(connection, journal, *no)?,
            Err(why) => {
                undigested += 1;
                digest::flag(connection, journal, *no, &why)?;
            }
        }
    }
    if let Some((journal, _, _)) = facts.last() {
        folding.finish(connection, journal)?;
    }
    Ok(undigested)
}

/// Store, writer and number.
pub(crate) type FactKey = (String, String, FactNo);

fn next(connection: &Connection, cursor: &Option<FactKey>) -> Result<Vec<(JournalId, FactNo, Vec<u8>)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT store, writer, epoch, number, body FROM fact WHERE (store, writer, epoch, number) > (?1, ?2, ?3, ?4)
         ORDER BY store, writer, epoch, number LIMIT ?5",
    )?;
    let none = (String::new(), String::new(), FactNo::default());
    let (store, writer, no) = cursor.as_ref().unwrap_or(&none);
    let limit = i64::try_from(SLICE_FACTS).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![store, writer, no.epoch, no.number, limit])?;
    let mut facts = Vec::new();
    while let Some(row) = rows.next()? {
        let journal = journal(&row.get::<_, String>(0)?, &row.get::<_, String>(1)?)?;
        facts.push((journal, FactNo { epoch: row.get(2)?, number: row.get(3)? }, row.get(4)?));
    }
    Ok(facts)
}

/// Whether rows are of this version, and none are being made anew.
pub(crate) fn is_finished(connection: &Connection) -> Result<bool, StoreError> {
    Ok(schema::rows_are_current(connection)? && cursor(connection)?.is_none())
}

/// The rows are made: no fold of them goes on.
pub(crate) fn is_made(connection: &Connection) -> Result<(), StoreError> {
    note::remove(connection, CURSOR_NOTE)
}

/// Whether rows are being made anew and the fold has not passed this place: then a fact written there is folded later.
pub(crate) fn behind(connection: &Connection, id: &JournalId) -> Result<bool, StoreError> {
    let Some(cursor) = cursor(connection)? else { return Ok(false) };
    Ok(cursor
        .is_none_or(|(store, writer, _)| (id.store.as_str(), &*id.writer.text()) >= (store.as_str(), writer.as_str())))
}

/// Where the fold is: none if rows are whole, `Some(None)` before the first fact.
fn cursor(connection: &Connection) -> Result<Option<Option<FactKey>>, StoreError> {
    let Some(bytes) = note::get(connection, CURSOR_NOTE)? else { return Ok(None) };
    let corrupt = || StoreError::Corrupt(format!("note {CURSOR_NOTE}"));
    let text = String::from_utf8(bytes).map_err(|_| corrupt())?;
    if text.is_empty() {
        return Ok(Some(None));
    }
    let parts: Vec<&str> = text.split(' ').collect();
    let [store, writer, epoch, number] = parts[..] else { return Err(corrupt()) };
    let (Ok(epoch), Ok(number)) = (epoch.parse(), number.parse()) else { return Err(corrupt()) };
    Ok(Some(Some((store.to_owned(), writer.to_owned(), FactNo { epoch, number }))))
}

/// A journal by its columns.
pub(crate) fn journal(store: &str, writer: &str) -> Result<JournalId, StoreError> {
    let corrupt = || StoreError::Corrupt(format!("a journal named {store} / {writer}"));
    Ok(JournalId {
        store: StoreId::parse(store).map_err(|_| corrupt())?,
        writer: Writer::parse(writer).ok_or_else(corrupt)?,
    })
}

fn immediate(connection: &mut Connection) -> Result<Transaction<'_>, StoreError> {
    Ok(connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
}
