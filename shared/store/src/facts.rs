//! Facts and seals as a journal's writer and the copies of it store them.

use guitai_core::{
    ids::{FactNo, JournalId, OrderNo},
    journal::{
        Committed,
        chain::{ChainHash, Seal},
    },
};
use rusqlite::{Connection, params};

use crate::{StoreError, column::integer};

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
        integer(no.number),
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
        integer(seal.no.number),
        seal.signature(),
    ])?;
    Ok(())
}

/// The only place where facts become known as durable.
#[expect(clippy::disallowed_methods, reason = "the transaction holding the facts has just been committed")]
pub(crate) const fn durable() -> Committed {
    Committed::after_durable_commit()
}
