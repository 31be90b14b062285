//! Stored changes of documents, and what each peer is known to have. The bytes are automerge's; nothing here reads them.

use rusqlite::{Connection, OptionalExtension, params};

use crate::StoreError;

/// The stored changes of a document, oldest first.
///
/// # Errors
/// What SQLite says.
pub fn load(connection: &Connection, document: &str) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT bytes FROM document_change WHERE document = ?1 ORDER BY sequence")?;
    let rows = statement.query_map([document], |row| row.get(0))?;
    rows.map(|row| Ok(row?)).collect()
}

/// Appends changes; answers how many pieces are stored now.
///
/// # Errors
/// What SQLite says.
pub fn append(connection: &Connection, document: &str, bytes: &[u8]) -> Result<u64, StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO document_change SELECT ?1, coalesce(max(sequence), 0) + 1, ?2 FROM document_change
             WHERE document = ?1",
        )?
        .execute(params![document, bytes])?;
    let pieces = connection
        .prepare_cached("SELECT count(*) FROM document_change WHERE document = ?1")?
        .query_row([document], |row| row.get(0))?;
    Ok(pieces)
}

/// Replaces all pieces of a document by one snapshot of them.
///
/// # Errors
/// What SQLite says.
pub fn compact(connection: &mut Connection, document: &str, snapshot: &[u8]) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
    transaction.execute("DELETE FROM document_change WHERE document = ?1", [document])?;
    transaction.execute("INSERT INTO document_change VALUES (?1, 0, ?2)", params![document, snapshot])?;
    Ok(transaction.commit()?)
}

/// What a peer is known to have of a document.
///
/// # Errors
/// What SQLite says.
pub fn peer_state(connection: &Connection, document: &str, peer: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT state FROM document_peer WHERE document = ?1 AND peer = ?2")?;
    Ok(statement.query_row(params![document, peer], |row| row.get(0)).optional()?)
}

/// Remembers what a peer has of a document.
///
/// # Errors
/// What SQLite says.
pub fn set_peer_state(connection: &Connection, document: &str, peer: &str, state: &[u8]) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO document_peer VALUES (?1, ?2, ?3)
             ON CONFLICT (document, peer) DO UPDATE SET state = excluded.state",
        )?
        .execute(params![document, peer, state])?;
    Ok(())
}
