//! A stored fact becomes rows, or is flagged as one that they cannot be made of.

use guitai_core::{
    ids::{FactNo, Issuer, JournalId, OrderNo, Writer},
    journal::{
        credible::incredible,
        fact::{Fact, FactError},
    },
    limits,
};
use rusqlite::{Connection, ErrorCode, params};

use crate::{
    StoreError,
    column::of,
    rows::{self, Unwritten},
    standings::Standings,
};

/// How far what was written is taken back when a fact contradicts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// As far as the caller goes: see [`together`].
    Together,
    /// This fact alone.
    Each,
}

/// Where a run of one journal's facts stands while it is folded.
#[derive(Debug, Default)]
pub(crate) struct Folding {
    standings: Standings,
    unwritten: Unwritten,
}

impl Folding {
    /// Writes what the facts made and is not written yet.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn finish(self, connection: &Connection, journal: &JournalId) -> Result<(), StoreError> {
        self.unwritten.write(connection, &journal.store)
    }
}

/// Folds facts on the supposition that none of them contradicts what is there, which is dear to find out one by one. If one does,
/// everything is taken back and they are folded again, each by itself.
///
/// # Errors
/// What SQLite says, or the fold.
pub(crate) fn together<T>(
    connection: &Connection,
    mut fold: impl FnMut(Care) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.prepare_cached("SAVEPOINT facts")?.execute([])?;
    let folded = match fold(Care::Together) {
        Err(StoreError::Sqlite(error)) if is_contradiction(&error) => {
            connection.prepare_cached("ROLLBACK TO facts")?.execute([])?;
            fold(Care::Each)?
        }
        folded => folded?,
    };
    connection.prepare_cached("RELEASE facts")?.execute([])?;
    Ok(folded)
}

/// Whether a row cannot be what a fact makes of it: there is another, or no column holds the number.
fn is_contradiction(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::ToSqlConversionFailure(_))
        || error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

/// Makes a fact's rows, or says why they cannot be: a newer kind, a number that is not this store's to draw, or rows that
/// contradict what the store wrote before. None of that may stop the facts behind it. All are written after
/// [`Folding::finish`].
///
/// # Errors
/// What SQLite says; the inner one is why there are no rows.
pub(crate) fn digest(
    connection: &Connection,
    (journal, issuers): (&JournalId, Option<&[Issuer]>),
    Folding { standings, unwritten }: &mut Folding,
    (no, fact): (FactNo, &Result<Fact, FactError>),
    care: Care,
) -> Result<Result<(), String>, StoreError> {
    let fact = match fact {
        Ok(fact) => fact,
        Err(why) => return Ok(Err(format!("{why:?}"))),
    };
    if journal.writer != Writer::Node {
        return Ok(Err(format!("no rows are made of what {} writes", journal.writer)));
    }
    let foreign =
        |drawn: &OrderNo| issuers.is_some_and(|issuers| drawn.issuer().is_none_or(|issuer| !issuers.contains(&issuer)));
    // A fact about a number that is not this store's to draw counts for nothing, whatever it says happened to it.
    if let Some(number) = fact.draws().into_iter().chain(fact.order_no()).find(foreign) {
        return Ok(Err(format!("number {number} is of no issuer of store {}", journal.store)));
    }
    // A box of ours is not held to it: its own rows are what its own facts say.
    if let (Some(_), Some(why)) = (issuers, incredible(fact)) {
        return Ok(Err(format!("a {} of {why}", fact.name())));
    }
    if fact.greatest_amount().is_some_and(|amount| amount.get() > limits::BILL_TOTAL_MAX_FEN) {
        return Ok(Err(format!("a {} of more money than there is", fact.name())));
    }
    match care {
        Care::Together => rows::fold(connection, journal, (standings, Some(unwritten)), no, fact).map(Ok),
        Care::Each => alone(connection, journal, standings, (no, fact)),
    }
}

fn alone(
    connection: &Connection,
    journal: &JournalId,
    standings: &mut Standings,
    (no, fact): (FactNo, &Fact),
) -> Result<Result<(), String>, StoreError> {
    connection.prepare_cached("SAVEPOINT rows")?.execute([])?;
    match rows::fold(connection, journal, (standings, None), no, fact) {
        Ok(()) => {
            connection.prepare_cached("RELEASE rows")?.execute([])?;
            Ok(Ok(()))
        }
        Err(StoreError::Sqlite(error)) if is_contradiction(&error) => {
            connection.execute_batch("ROLLBACK TO rows; RELEASE rows")?;
            // What its payment came to by this fact was not written.
            standings.forget(fact);
            Ok(Err(error.to_string()))
        }
        Err(error) => Err(error),
    }
}

/// Notes that no rows are made of a fact, and why.
///
/// # Errors
/// What SQLite says.
pub(crate) fn flag(connection: &Connection, journal: &JournalId, no: FactNo, why: &str) -> Result<(), StoreError> {
    connection.prepare_cached("INSERT OR REPLACE INTO undigested VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
        journal.store.as_str(),
        journal.writer.text(),
        no.epoch,
        no.number,
        why
    ])?;
    Ok(())
}

/// A fact that was flagged by an older version has its rows now.
///
/// # Errors
/// What SQLite says.
pub(crate) fn unflag(connection: &Connection, journal: &JournalId, no: FactNo) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM undigested WHERE store = ?1 AND writer = ?2 AND epoch = ?3 AND number = ?4")?
        .execute(params![journal.store.as_str(), journal.writer.text(), no.epoch, no.number])?;
    Ok(())
}

/// How many facts of a journal are kept undigested.
///
/// # Errors
/// What SQLite says.
pub fn undigested(connection: &Connection, journal: &JournalId) -> Result<u64, StoreError> {
    let count = connection
        .prepare_cached("SELECT count(*) FROM undigested WHERE store = ?1 AND writer = ?2")?
        .query_row(of(journal), |row| row.get(0))?;
    Ok(count)
}
