//! The merchant's stores, and the keys let in for them: every key let in gets a grant, whose issuer number no other has. A store
//! has one grant in force; its box is replaced when another is let in.
//!
//! - [`enrolment`]: the codes that let a key in.
//! - [`admission`]: the word on a node that says hello.

mod admission;
mod enrolment;

use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{FactNo, Issuer, JournalId, StoreId},
    limits,
    sync::frame::Status,
    time::{DayRule, UtcMs},
    trust::{Grant, InForce, KeyBytes, RosterEntry},
};
use guitai_store::{StoreError, digest, note, query};
use rusqlite::{Connection, OptionalExtension, Row, params};

pub use admission::Heard;
pub(super) use admission::authorise;
pub use enrolment::{NoCode, Welcome};
pub(super) use enrolment::{code, enrol, may_enter, new_code};

/// The first grant's issuer number; five digits and more read better than one.
pub(crate) const ISSUER_FIRST: u32 = 10_001;

/// Holds how many stores there are.
const STORES_NOTE: &str = "hub_stores";

/// A store as the hub knows it.
#[derive(Clone, Debug)]
pub struct StoreLine {
    /// Its id.
    pub id: StoreId,
    /// Its name for people.
    pub name: String,
    /// Since when no box may enter any more.
    pub closed_at: Option<UtcMs>,
    /// How its node fared when it was last heard.
    pub seen: Option<Seen>,
    /// The last fact held.
    pub facts: Option<FactNo>,
    /// Facts held that this version cannot read or that no box of the store may have written: no row tells of them.
    pub undigested: u64,
    /// Every box it ever had, the newest first.
    pub boxes: Vec<BoxLine>,
}

impl StoreLine {
    /// The box in force.
    pub fn in_force(&self) -> Option<&BoxLine> {
        self.boxes.iter().find(|one| one.ended.is_none())
    }
}

/// A key that was let in, once.
#[derive(Clone, Debug)]
pub struct BoxLine {
    /// The number in its order numbers.
    pub issuer: Issuer,
    /// Its key.
    pub key: KeyBytes,
    /// When it was let in.
    pub granted_at: UtcMs,
    /// When and why that ended; none: it is in force.
    pub ended: Option<EndedBox>,
    serial: u64,
}

/// A box that serves its store no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedBox {
    /// Since when.
    pub at: UtcMs,
    /// Why.
    pub why: Why,
    /// The last fact held of the store at that moment.
    pub last: Option<FactNo>,
}

/// Why a box serves its store no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Headquarters disabled it.
    Revoked,
    /// Another box was let in.
    Replaced,
}

impl Why {
    /// The name in the database, in logs and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Replaced => "replaced",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Revoked, Self::Replaced].into_iter().find(|why| why.as_str() == text)
    }
}

/// A node as it was last heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When.
    pub at: UtcMs,
    /// What it said.
    pub status: Status,
}

/// Why a store is not added.
#[derive(Debug)]
pub enum NotAdded {
    /// The id is taken.
    Exists,
    /// The database said no.
    Store(StoreError),
}

/// Why a store or a box is not changed.
#[derive(Debug)]
pub(crate) enum NotChanged {
    /// There is no such store.
    UnknownStore,
    /// The store has no box in force, or not this one.
    NoBox,
    /// The store is closed already.
    Closed,
    /// The store is not closed.
    Open,
    /// The database said no.
    Store(StoreError),
}

impl From<StoreError> for NotAdded {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<StoreError> for NotChanged {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Every number that order numbers of a store may carry.
pub(super) fn issuers(connection: &Connection, store: &StoreId) -> Result<Vec<Issuer>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT issuer FROM hub_grant WHERE store = ?1")?;
    let numbers = statement.query_map([store.as_str()], |row| row.get(0))?;
    numbers.map(|number| issuer(number?)).collect()
}

/// Adds a store; its boxes get their numbers when they are let in.
pub(super) fn add_store(connection: &Connection, store: &StoreId, name: &str, now: UtcMs) -> Result<(), NotAdded> {
    let added = connection
        .execute(
            "INSERT INTO hub_store (id, name, created_at, entry_serial) VALUES (?1, ?2, ?3, 0)
             ON CONFLICT (id) DO NOTHING",
            params![store.as_str(), name, now.0],
        )
        .map_err(StoreError::Sqlite)?;
    if added == 0 {
        return Err(NotAdded::Exists);
    }
    let count = store_count(connection)? + 1;
    Ok(note::set(connection, STORES_NOTE, count.to_string().as_bytes())?)
}

/// How many stores there are: counted when they are added, since none goes away.
pub(super) fn store_count(connection: &Connection) -> Result<u64, StoreError> {
    let Some(bytes) = note::get(connection, STORES_NOTE)? else { return Ok(0) };
    let count = String::from_utf8(bytes).ok().and_then(|text| text.parse().ok());
    count.ok_or_else(|| StoreError::Corrupt(format!("note {STORES_NOTE}")))
}

/// Gives a store another name.
pub(super) fn rename_store(connection: &Connection, store: &StoreId, name: &str) -> Result<(), NotChanged> {
    let renamed = connection
        .execute("UPDATE hub_store SET name = ?2 WHERE id = ?1", params![store.as_str(), name])
        .map_err(StoreError::Sqlite)?;
    if renamed == 0 { Err(NotChanged::UnknownStore) } else { Ok(()) }
}

/// Closes a store: no code lets a box in any more, and the box in force is disabled. Answers that box.
pub(super) fn close_store(connection: &Connection, store: &StoreId, now: UtcMs) -> Result<Option<BoxLine>, NotChanged> {
    let line = self::store(connection, store)?.ok_or(NotChanged::UnknownStore)?;
    if line.closed_at.is_some() {
        return Err(NotChanged::Closed);
    }
    connection
        .execute("UPDATE hub_store SET closed_at = ?2 WHERE id = ?1", params![store.as_str(), now.0])
        .map_err(StoreError::Sqlite)?;
    match line.in_force() {
        None => Ok(None),
        Some(one) => Ok(Some(revoke(connection, store, Some(&key_start(one)), now)?)),
    }
}

/// Opens a closed store again: codes let boxes in, the one before too.
pub(super) fn reopen_store(connection: &Connection, store: &StoreId) -> Result<(), NotChanged> {
    let line = self::store(connection, store)?.ok_or(NotChanged::UnknownStore)?;
    line.closed_at.ok_or(NotChanged::Open)?;
    let sql = "UPDATE hub_store SET closed_at = NULL WHERE id = ?1";
    connection.execute(sql, [store.as_str()]).map_err(StoreError::Sqlite)?;
    Ok(())
}

/// Disables the box in force, if its key begins with these hexadecimal digits; answers it.
pub(super) fn revoke(
    connection: &Connection,
    store: &StoreId,
    key: Option<&str>,
    now: UtcMs,
) -> Result<BoxLine, NotChanged> {
    let line = self::store(connection, store)?.ok_or(NotChanged::UnknownStore)?;
    let meant = |one: &&BoxLine| key.is_none_or(|digits| guitai_core::trust::key_text(&one.key).starts_with(digits));
    let one = line.in_force().filter(meant).ok_or(NotChanged::NoBox)?;
    let ended = end(connection, &line, one, Why::Revoked, now)?;
    let serial = next_serial(connection, now)?;
    set_entry(connection, store, serial, now)?;
    Ok(BoxLine { ended: Some(ended), ..one.clone() })
}

/// All stores, by id.
pub(super) fn stores(connection: &Connection) -> Result<Vec<StoreLine>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, closed_at, seen_at, unsent, oldest_unsent_at, version, utc_offset_minutes,
                cutoff_minutes FROM hub_store ORDER BY id",
    )?;
    let rows = statement.query_map([], |row| Ok(store_line(row)))?;
    let mut lines = rows.map(|row| row?).collect::<Result<Vec<_>, StoreError>>()?;
    for line in &mut lines {
        line.facts = query::last_fact(connection, &JournalId::node(line.id.clone()))?;
        line.undigested = undigested(connection, &line.id)?;
        line.boxes = boxes(connection, &line.id)?;
    }
    Ok(lines)
}

/// One store.
pub(super) fn store(connection: &Connection, store: &StoreId) -> Result<Option<StoreLine>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, closed_at, seen_at, unsent, oldest_unsent_at, version, utc_offset_minutes,
                cutoff_minutes FROM hub_store WHERE id = ?1",
    )?;
    let Some(line) = statement.query_row([store.as_str()], |row| Ok(store_line(row))).optional()? else {
        return Ok(None);
    };
    let (facts, boxes) = (query::last_fact(connection, &JournalId::node(store.clone()))?, boxes(connection, store)?);
    Ok(Some(StoreLine { facts, undigested: undigested(connection, store)?, boxes, ..line? }))
}

fn undigested(connection: &Connection, store: &StoreId) -> Result<u64, StoreError> {
    digest::undigested(connection, &JournalId::node(store.clone()))
}

/// Notes how a node fares.
pub(super) fn seen(connection: &Connection, store: &StoreId, seen: &Seen) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE hub_store SET seen_at = ?2, unsent = ?3, oldest_unsent_at = ?4, version = ?5,
                 utc_offset_minutes = coalesce(?6, utc_offset_minutes), cutoff_minutes = coalesce(?7, cutoff_minutes)
             WHERE id = ?1",
        )?
        .execute(params![
            store.as_str(),
            seen.at.0,
            seen.status.unsent,
            seen.status.oldest_unsent_at.map(|at| at.0),
            seen.status.app_version,
            seen.status.day.map(|day| day.utc_offset_minutes),
            seen.status.day.map(|day| day.cutoff_minutes),
        ])?;
    Ok(())
}

/// What grows with every change of who serves a store.
pub(super) fn newest_entry(connection: &Connection) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached("SELECT coalesce(max(entry_serial), 0) FROM hub_store")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// The number of the box in force. It names the grant: a key that is let in again has another.
pub(super) fn issuer_in_force(connection: &Connection, store: &StoreId) -> Result<Option<Issuer>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT issuer FROM hub_grant WHERE store = ?1 AND ended_at IS NULL")?;
    let number: Option<u32> = statement.query_row([store.as_str()], |row| row.get(0)).optional()?;
    number.map(issuer).transpose()
}

/// The signed word on who serves a store now.
fn entry(connection: &Connection, hub: &SigningKey, line: &StoreLine) -> Result<RosterEntry, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT entry_serial, coalesce(entry_at, created_at) FROM hub_store WHERE id = ?1")?;
    let (serial, at) = statement.query_row([line.id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let in_force = line.in_force().map(|one| InForce { key: one.key, issuer: one.issuer });
    Ok(RosterEntry::sign(hub, line.id.clone(), serial, in_force, UtcMs(at)))
}

fn set_entry(connection: &Connection, store: &StoreId, serial: u64, now: UtcMs) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE hub_store SET entry_serial = ?2, entry_at = ?3 WHERE id = ?1")?
        .execute(params![store.as_str(), serial, now.0])?;
    Ok(())
}

/// Greater than in everything signed before, also by a hub that was restored from a backup since: serials follow the clock, and
/// are above every word of that life that a node has shown.
fn next_serial(connection: &Connection, now: UtcMs) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached("SELECT coalesce(max(serial), 0) FROM hub_grant")?;
    let granted: u64 = statement.query_row([], |row| row.get(0))?;
    let shown = admission::serial_floor(connection)?;
    Ok((granted.max(newest_entry(connection)?).max(shown) + 1).max(u64::try_from(now.0).unwrap_or(0)))
}

/// Writes a grant down; it is in force unless it comes with its end.
fn insert(connection: &Connection, grant: &Grant, now: UtcMs, ended: Option<&EndedBox>) -> Result<(), StoreError> {
    let last = ended.and_then(|ended| ended.last);
    connection.prepare_cached("INSERT INTO hub_grant VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?.execute(
        params![
            grant.issuer.get(),
            grant.serial,
            grant.store.as_str(),
            grant.key,
            now.0,
            ended.map(|ended| ended.at.0),
            ended.map(|ended| ended.why.as_str()),
            last.map(|no| no.epoch),
            last.map(|no| no.number),
        ],
    )?;
    Ok(())
}

/// Ends a box's time.
fn end(connection: &Connection, line: &StoreLine, one: &BoxLine, why: Why, now: UtcMs) -> Result<EndedBox, StoreError> {
    let ended = EndedBox { at: now, why, last: line.facts };
    connection
        .prepare_cached(
            "UPDATE hub_grant SET ended_at = ?2, ended = ?3, last_epoch = ?4, last_number = ?5 WHERE issuer = ?1",
        )?
        .execute(params![
            one.issuer.get(),
            now.0,
            why.as_str(),
            line.facts.map(|no| no.epoch),
            line.facts.map(|no| no.number),
        ])?;
    Ok(ended)
}

fn boxes(connection: &Connection, store: &StoreId) -> Result<Vec<BoxLine>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT issuer, serial, key, granted_at, ended_at, ended, last_epoch, last_number
         FROM hub_grant WHERE store = ?1 ORDER BY serial DESC",
    )?;
    let rows = statement.query_map([store.as_str()], |row| Ok(box_line(row)))?;
    rows.map(|row| row?).collect()
}

fn box_line(row: &Row<'_>) -> Result<BoxLine, StoreError> {
    let ended = row.get::<_, Option<i64>>(4)?.map(|at| -> Result<EndedBox, StoreError> {
        let why = Why::parse(&row.get::<_, String>(5)?);
        let last = row.get::<_, Option<u32>>(6)?.zip(row.get(7)?);
        Ok(EndedBox {
            at: UtcMs(at),
            why: why.ok_or_else(|| StoreError::Corrupt("hub_grant.ended".into()))?,
            last: last.map(|(epoch, number)| FactNo { epoch, number }),
        })
    });
    Ok(BoxLine {
        issuer: issuer(row.get(0)?)?,
        serial: row.get(1)?,
        key: row.get(2)?,
        granted_at: UtcMs(row.get(3)?),
        ended: ended.transpose()?,
    })
}

fn store_line(row: &Row<'_>) -> Result<StoreLine, StoreError> {
    let day = match (row.get::<_, Option<i16>>(7)?, row.get::<_, Option<u16>>(8)?) {
        (Some(offset), Some(cutoff)) => DayRule::new(offset, cutoff),
        (None, _) | (_, None) => None,
    };
    let seen = row.get::<_, Option<i64>>(3)?.map(|at| -> Result<Seen, StoreError> {
        let status = Status {
            unsent: row.get(4)?,
            oldest_unsent_at: row.get::<_, Option<i64>>(5)?.map(UtcMs),
            app_version: row.get(6)?,
            // Only a connected node's clock is known.
            clock_offset_ms: None,
            day,
        };
        Ok(Seen { at: UtcMs(at), status })
    });
    Ok(StoreLine {
        id: store_id(&row.get::<_, String>(0)?)?,
        name: row.get(1)?,
        closed_at: row.get::<_, Option<i64>>(2)?.map(UtcMs),
        seen: seen.transpose()?,
        facts: None,
        undigested: 0,
        boxes: Vec::new(),
    })
}

fn key_start(one: &BoxLine) -> String {
    guitai_core::trust::key_text(&one.key)
}

fn store_id(text: &str) -> Result<StoreId, StoreError> {
    StoreId::parse(text).map_err(|_| StoreError::Corrupt("a store's id".into()))
}

fn issuer(number: u32) -> Result<Issuer, StoreError> {
    let known = Issuer::new(number).filter(|issuer| limits::ISSUERS_OF_NODES.contains(&issuer.get()));
    known.ok_or_else(|| StoreError::Corrupt(format!("hub_grant.issuer {number}")))
}

#[cfg(test)]
mod tests;
