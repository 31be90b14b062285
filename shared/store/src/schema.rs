//! The tables of a file.
//!
//! What cannot be made anew (`hard.sql`) climbs a ladder of numbered steps, each in the transaction that raises `user_version`.
//! Rows (`rows.sql`) are dropped and folded anew from the facts: see [`crate::refold`].

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::{StoreError, note};

/// `GUIT`: tells our files from any other SQLite file.
const APPLICATION_ID: i64 = 0x4755_4954;

/// The version of [`HARD`]: the last step of the [`LADDER`].
const HARD_VERSION: i64 = 4;

/// Each step takes a file of the version before to its own. Steps are never changed once released.
const LADDER: [(i64, &str); 3] = [
    (2, include_str!("ladder/2.sql")),
    (3, include_str!("ladder/3.sql")),
    (HARD_VERSION, include_str!("ladder/4.sql")),
];

const HARD: &str = include_str!("hard.sql");

/// Raised with every change of `rows.sql`, or of what a fact does to rows.
const ROWS_VERSION: u32 = 9;

/// Holds the version and the names of the tables that belong to it.
const VERSION_NOTE: &str = "rows_version";

const ROWS: &str = include_str!("rows.sql");

/// The tables of files that have no [`VERSION_NOTE`], or lost it.
const UNVERSIONED: &str = "payment bill stat account api_key";

/// Brings the schema of a new file into being, or that of an older version to this one.
///
/// # Errors
/// A foreign file, or what SQLite says: the file is then as it was.
pub(crate) fn adopt(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    if versions(connection)? == (APPLICATION_ID, HARD_VERSION) {
        return Ok(());
    }
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    climb(&transaction, path)?;
    Ok(transaction.commit()?)
}

/// Whether a file that is only looked at is ours and not newer than this version. An older one is brought up by its owner.
///
/// # Errors
/// A foreign file or a newer one, or what SQLite says.
pub(crate) fn recognise(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    match versions(connection)? {
        (APPLICATION_ID, known) if known <= HARD_VERSION => Ok(()),
        (APPLICATION_ID, newer) => Err(newer_file(path, newer)),
        _ => Err(StoreError::ForeignFile(format!("{} is another program's database", path.display()))),
    }
}

fn newer_file(path: &Path, newer: i64) -> StoreError {
    let shown = path.display();
    StoreError::ForeignFile(format!(
        "{shown} was written by a newer version (schema {newer}, this one knows {HARD_VERSION}): update Guitai"
    ))
}

/// What the file says now, read inside the transaction: another process may have been faster.
fn climb(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let shown = path.display();
    let foreign = |why: String| Err(StoreError::ForeignFile(why));
    match versions(connection)? {
        (APPLICATION_ID, HARD_VERSION) => return Ok(()),
        (APPLICATION_ID, newer) if newer > HARD_VERSION => return Err(newer_file(path, newer)),
        (APPLICATION_ID, 1) if count(connection, "fact")? > 0 => {
            return foreign(format!(
                "{shown} holds facts of a version that was never released (schema 1); they cannot be carried over. Keep \
                 the folder, and enrol this box anew with an empty one"
            ));
        }
        (APPLICATION_ID, older) => {
            for (_, step) in LADDER.iter().filter(|(version, _)| *version > older) {
                connection.execute_batch(step)?;
            }
        }
        (0, 0) if count(connection, "sqlite_schema")? == 0 => {
            begin(connection)?;
        }
        _ => return foreign(format!("{shown} is another program's database")),
    }
    set_versions(connection)
}

/// The tables of a file that has none.
///
/// # Errors
/// What SQLite says.
pub(crate) fn begin(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch(HARD)?;
    create_rows(connection)
}

/// Says of a file that it is ours, of this version, with these rows of this version.
///
/// # Errors
/// What SQLite says.
pub(crate) fn stamp(connection: &Connection, rows: &[String]) -> Result<(), StoreError> {
    note_rows(connection, rows)?;
    set_versions(connection)
}

fn set_versions(connection: &Connection) -> Result<(), StoreError> {
    let set = format!("PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={HARD_VERSION};");
    Ok(connection.execute_batch(&set)?)
}

/// Whether rows are of this version.
///
/// # Errors
/// What SQLite says.
pub(crate) fn rows_are_current(connection: &Connection) -> Result<bool, StoreError> {
    let (version, _) = rows_version(connection)?;
    Ok(version == Some(ROWS_VERSION))
}

/// Drops the rows, of whatever version, and makes the empty tables of this one.
///
/// # Errors
/// What SQLite says.
pub(crate) fn clear_rows(connection: &Connection) -> Result<(), StoreError> {
    for name in row_tables(connection)? {
        connection.execute_batch(&format!("DROP TABLE IF EXISTS \"{name}\""))?;
    }
    create_rows(connection)
}

/// The version of the rows in this file, and their tables.
fn rows_version(connection: &Connection) -> Result<(Option<u32>, String), StoreError> {
    let note = note::get(connection, VERSION_NOTE)?.and_then(|bytes| String::from_utf8(bytes).ok());
    let Some((version, names)) = note.as_deref().and_then(|note| note.split_once(' ')) else {
        return Ok((None, UNVERSIONED.to_owned()));
    };
    Ok((version.parse().ok(), names.to_owned()))
}

fn create_rows(connection: &Connection) -> Result<(), StoreError> {
    let before = tables(connection)?;
    connection.execute_batch(ROWS)?;
    let mut names = tables(connection)?;
    names.retain(|name| !before.contains(name));
    note_rows(connection, &names)
}

fn note_rows(connection: &Connection, names: &[String]) -> Result<(), StoreError> {
    let note = format!("{ROWS_VERSION} {}", names.join(" "));
    note::set(connection, VERSION_NOTE, note.as_bytes())
}

/// The names of the tables that are rows.
///
/// # Errors
/// What SQLite says.
pub(crate) fn row_tables(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let (_, names) = rows_version(connection)?;
    Ok(names.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// The columns of a table's primary key, in its order.
///
/// # Errors
/// What SQLite says.
pub(crate) fn primary_key(connection: &Connection, table: &str) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk")?;
    let names = statement.query_map([table], |row| row.get(0))?;
    names.map(|name| Ok(name?)).collect()
}

/// The names of all tables.
///
/// # Errors
/// What SQLite says.
pub(crate) fn tables(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")?;
    let names = statement.query_map([], |row| row.get(0))?;
    names.map(|name| Ok(name?)).collect()
}

fn versions(connection: &Connection) -> Result<(i64, i64), StoreError> {
    let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    Ok((pragma("application_id")?, pragma("user_version")?))
}

fn count(connection: &Connection, table: &str) -> Result<i64, StoreError> {
    Ok(connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?)
}
