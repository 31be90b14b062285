//! Rows whose time lies outside their business day: stamped by a clock that was known to be ahead, they sort by that time and
//! count by the true day. How far the farthest lies outside is kept, so that a list by days knows from when to when to look.

use guitai_core::time::{Day, UtcMs};
use rusqlite::{Connection, params};

use crate::StoreError;

const HOUR_MS: i64 = 3_600_000;

/// A zone may be this far ahead of UTC.
const AHEAD_MAX_MS: i64 = 14 * HOUR_MS;

/// A day ends this long after its beginning in UTC at the latest: 24 h, a zone 12 h behind, a cut-off of 6 h.
const LENGTH_MAX_MS: i64 = (24 + 12 + 6) * HOUR_MS;

/// No moment of this business day is before.
pub(crate) fn earliest(day: Day) -> UtcMs {
    UtcMs(day.utc_start().0.saturating_sub(AHEAD_MAX_MS))
}

/// Every moment of this business day is before.
pub(crate) fn end(day: Day) -> UtcMs {
    UtcMs(day.utc_start().0.saturating_add(LENGTH_MAX_MS))
}

/// Keeps how far a row lies outside its day; nothing for nearly all rows.
///
/// # Errors
/// What SQLite says.
pub(crate) fn note(connection: &Connection, store: &str, day: Day, at: UtcMs) -> Result<(), StoreError> {
    let outside = earliest(day).0.saturating_sub(at.0).max(at.0.saturating_sub(end(day).0).saturating_add(1));
    if outside > 0 {
        connection
            .prepare_cached(
                "INSERT INTO astray VALUES (?1, ?2) ON CONFLICT (store) DO UPDATE SET ms = max(ms, excluded.ms)",
            )?
            .execute(params![store, outside])?;
    }
    Ok(())
}

/// How far the farthest row lies outside its day, in ms.
///
/// # Errors
/// What SQLite says.
pub(crate) fn most_ms(connection: &Connection) -> Result<i64, StoreError> {
    let mut statement = connection.prepare_cached("SELECT coalesce(max(ms), 0) FROM astray")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}
