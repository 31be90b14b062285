//! Facts and seals as a journal's writer and the copies of it store them.

use guitai_core::{
    ids::{FactNo, JournalId, OrderNo},
    journal::{
        Committed,
        chain::{ChainHash, Seal},
        fact::Fact,
    },
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{StoreError, column::fact_no};

const EPOCH_END: &str = "SELECT epoch, number FROM fact WHERE store = ?1 AND writer = ?2 AND epoch < ?3
     ORDER BY epoch DESC, number DESC LIMIT 1";

const NEWEST_OF_EPOCH: &str =
    "SELECT body FROM fact WHERE store = ?1 AND writer = ?2 AND epoch = ?3 ORDER BY number DESC";

/// Stores a fact's bytes, the chain's value after it and the payment that it is about.
///
/// # Errors
/// What SQLite says.
pub(crate) fn insert(
    connection: &Connection,
    journal: &JournalId,
    no: FactNo,
    body: &[u8],
    head: &ChainHash,
    order_no: Option<OrderNo>,
) -> Result<(), StoreError> {
    let order_no = order_no.as_ref().map(OrderNo::as_str);
    connection.prepare_cached("INSERT INTO fact VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute(params![
        journal.store.as_str(),
        journal.writer.text(),
        no.epoch,
        no.number,
        body,
        head,
        order_no
    ])?;
    Ok(())
}

/// Stores a seal under the last fact that it covers.
///
/// # Errors
/// What SQLite says.
pub(crate) fn insert_seal(connection: &Connection, journal: &JournalId, seal: &Seal) -> Result<(), StoreError> {
    connection.prepare_cached("INSERT INTO seal VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
        journal.store.as_str(),
        journal.writer.text(),
        seal.no.epoch,
        seal.no.number,
        seal.signature(),
    ])?;
    Ok(())
}

/// A fact's bytes, if it is held.
///
/// # Errors
/// What SQLite says.
pub(crate) fn body(connection: &Connection, journal: &JournalId, no: FactNo) -> Result<Option<Vec<u8>>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT body FROM fact WHERE store = ?1 AND writer = ?2 AND epoch = ?3 AND number = ?4")?;
    let place = params![journal.store.as_str(), journal.writer.text(), no.epoch, no.number];
    Ok(statement.query_row(place, |row| row.get(0)).optional()?)
}

/// The last fact held of each epoch, newest first: one look-up each, however long the journal is.
///
/// # Errors
/// What SQLite says.
pub(crate) fn epoch_ends(connection: &Connection, journal: &JournalId) -> Result<Vec<FactNo>, StoreError> {
    let mut statement = connection.prepare_cached(EPOCH_END)?;
    let mut ends: Vec<FactNo> = Vec::new();
    loop {
        let before = ends.last().map_or(i64::from(u32::MAX) + 1, |end| i64::from(end.epoch));
        let place = params![journal.store.as_str(), journal.writer.text(), before];
        match statement.query_row(place, fact_no).optional()? {
            Some(end) => ends.push(end),
            None => return Ok(ends),
        }
    }
}

/// What the newest fact of an epoch says that says it, of those that this version can read.
///
/// # Errors
/// What SQLite says.
pub(crate) fn newest_that<T>(
    connection: &Connection,
    journal: &JournalId,
    epoch: u32,
    says: impl Fn(&Fact) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    let mut statement = connection.prepare_cached(NEWEST_OF_EPOCH)?;
    let mut rows = statement.query(params![journal.store.as_str(), journal.writer.text(), epoch])?;
    while let Some(row) = rows.next()? {
        let body = row.get_ref(0)?.as_blob().map_err(|_| StoreError::Corrupt("a fact's body".into()))?;
        if let Some(said) = Fact::from_bytes(body).ok().as_ref().and_then(&says) {
            return Ok(Some(said));
        }
    }
    Ok(None)
}

/// The only place where facts become known as durable.
#[expect(clippy::disallowed_methods, reason = "the transaction holding the facts has just been committed")]
pub(crate) const fn durable() -> Committed {
    Committed::after_durable_commit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Database;

    #[test]
    fn ends_are_looked_up_and_not_searched_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let connection = Database::open(&folder.path().join("a.db")).expect("a database").writer().expect("a writer");
        for sql in [EPOCH_END, NEWEST_OF_EPOCH] {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a statement");
            for place in 1..=3 {
                statement.raw_bind_parameter(place, 1).expect("bound");
            }
            let mut rows = statement.raw_query();
            let mut plan: Vec<String> = Vec::new();
            while let Some(row) = rows.next().expect("a plan") {
                plan.push(row.get(3).expect("a step"));
            }
            assert!(
                matches!(&plan[..], [only] if only.starts_with("SEARCH fact USING PRIMARY KEY (store=?")),
                "{plan:?}"
            );
        }
    }
}
