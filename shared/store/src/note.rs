//! Notes about this box that are no facts: its enrolment, what the hub has acknowledged.

use rusqlite::{Connection, OptionalExtension};

use crate::StoreError;

/// The note under a key.
///
/// # Errors
/// What SQLite says.
pub fn get(connection: &Connection, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT value FROM note WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?)
}

/// Writes a note, in the place of one under the same key.
///
/// # Errors
/// What SQLite says.
pub fn set(connection: &Connection, key: &str, value: &[u8]) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT INTO note VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value")?
        .execute((key, value))?;
    Ok(())
}

/// Writes a note that may be lost with the power, and waits for no disk: it is there after anything less. On the same connection
/// later writes are as durable as before.
///
/// # Errors
/// What SQLite says.
pub fn set_unsynced(connection: &Connection, key: &str, value: &[u8]) -> Result<(), StoreError> {
    connection.execute_batch("PRAGMA synchronous=NORMAL")?;
    let done = set(connection, key, value);
    connection.execute_batch("PRAGMA synchronous=FULL")?;
    done
}

/// Takes a note away, if there is one.
///
/// # Errors
/// What SQLite says.
pub(crate) fn remove(connection: &Connection, key: &str) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM note WHERE key = ?1")?.execute([key])?;
    Ok(())
}
