//! Requests that move money, kept by their callers' keys: the same one again is the same payment.

use guitai_core::{
    ids::{JournalId, OrderNo, StoreId, Writer},
    people::Idempotency,
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::StoreError;

/// What a money-moving request with this key did before.
#[derive(Clone, Debug)]
pub struct EarlierRequest {
    /// The charge it is about; none where it changed a bill's total.
    pub order_no: Option<OrderNo>,
    /// The keyed hash of what was asked then.
    pub body_hash: Vec<u8>,
}

/// What this request did before, if it was seen.
///
/// # Errors
/// What SQLite says.
pub fn earlier(
    connection: &Connection,
    journal: &JournalId,
    caller: &str,
    key: &str,
) -> Result<Option<EarlierRequest>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT order_no, body_hash FROM request WHERE store = ?1 AND writer = ?2 AND caller = ?3 AND idem_key = ?4",
    )?;
    let found = statement
        .query_row(params![journal.store.as_str(), journal.writer.text(), caller, key], |row| {
            Ok((row.get::<_, Option<String>>(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((order_no, body_hash)) = found else { return Ok(None) };
    let parsed = |no: String| OrderNo::parse(&no).ok_or_else(|| StoreError::Corrupt("request.order_no".into()));
    Ok(Some(EarlierRequest { order_no: order_no.map(parsed).transpose()?, body_hash }))
}

/// Keeps a request of the box's own journal: only that one is folded into rows.
///
/// # Errors
/// What SQLite says; a constraint if there is one of this caller under this key.
pub(crate) fn insert(
    connection: &Connection,
    store: &StoreId,
    idempotency: &Idempotency,
    order_no: Option<OrderNo>,
) -> Result<(), StoreError> {
    connection.prepare_cached("INSERT INTO request VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute(params![
        store.as_str(),
        Writer::Node.text(),
        idempotency.caller,
        idempotency.key,
        idempotency.body_hash,
        order_no.as_ref().map(OrderNo::as_str)
    ])?;
    Ok(())
}

/// Forgets what a key stands for, before rows are made anew: the fact that it was kept for is a dead branch's now. Of what the
/// key may stand for in the history that counts, the first is kept again.
///
/// # Errors
/// What SQLite says.
pub(crate) fn forget(
    connection: &Connection,
    journal: &JournalId,
    Idempotency { caller, key, body_hash: _ }: &Idempotency,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM request WHERE store = ?1 AND writer = ?2 AND caller = ?3 AND idem_key = ?4")?
        .execute(params![journal.store.as_str(), journal.writer.text(), caller, key])?;
    Ok(())
}
