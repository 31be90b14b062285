//! One SQLite file: settings chosen for money, a gate against versions that lose pages, and two schemas.
//!
//! What cannot be made anew (`hard.sql`) climbs a ladder of numbered steps, each in the transaction that raises `user_version`.
//! Rows (`rows.sql`) are dropped and folded anew from the facts: see [`crate::refold`].

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::{StoreError, refold};

/// `GUIT`: tells our files from any other SQLite file.
const APPLICATION_ID: i64 = 0x4755_4954;

/// The version of [`HARD`]: the last step of the [`LADDER`].
const HARD_VERSION: i64 = 3;

/// Each step takes a file of the version before to its own. Steps are never changed once released.
const LADDER: [(i64, &str); 2] = [(2, include_str!("ladder/2.sql")), (HARD_VERSION, include_str!("ladder/3.sql"))];

/// 3.51.3: earlier ones can lose committed pages when a WAL is reset (sqlite.org/wal.html).
const SQLITE_MIN: i32 = 3_051_003;

/// How long a shared writer waits for another one's transaction, in ms: the longest of ours takes some ten.
const SHARED_WAIT_MS: u32 = 5_000;

const HARD: &str = include_str!("hard.sql");

/// The path of one database, opened once for writing and any number of times for reading.
#[derive(Clone, Debug)]
pub struct Database {
    path: PathBuf,
}

impl Database {
    /// Opens or makes the file, checks that it is ours and brings its schema into being.
    ///
    /// # Errors
    /// An old SQLite, a foreign file, or what SQLite says.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if rusqlite::version_number() < SQLITE_MIN {
            return Err(StoreError::OldSqlite(rusqlite::version().to_owned()));
        }
        let database = Self { path: path.to_owned() };
        let connection = database.shared_writer()?;
        adopt(&connection, path)?;
        Ok(database)
    }

    /// The writing connection: there is one at a time, and contention is a bug, so it never waits.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn writer(&self) -> Result<Connection, StoreError> {
        self.connect(0)
    }

    /// A writing connection that waits for its turn, where several short writers share the file: the hub and its command line.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn shared_writer(&self) -> Result<Connection, StoreError> {
        self.connect(SHARED_WAIT_MS)
    }

    fn connect(&self, wait_ms: u32) -> Result<Connection, StoreError> {
        let connection = Connection::open(&self.path)?;
        connection.busy_timeout(std::time::Duration::from_millis(wait_ms.into()))?;
        connection.execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF;
             PRAGMA cell_size_check=ON; PRAGMA wal_autocheckpoint=1000;
             PRAGMA journal_size_limit=67108864; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;",
        )?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    }

    /// A read-only connection; it never checkpoints, so it cannot take part in resetting the WAL.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn reader(&self) -> Result<Connection, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.execute_batch(
            "PRAGMA busy_timeout=2000; PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY; PRAGMA query_only=ON;",
        )?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(connection)
    }
}

fn adopt(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    if versions(connection)? == (APPLICATION_ID, HARD_VERSION) {
        return Ok(());
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let climbed = climb(connection, path);
    connection.execute_batch(if climbed.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    climbed
}

/// What the file says now, read inside the transaction: another process may have been faster.
fn climb(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let shown = path.display();
    let foreign = |why: String| Err(StoreError::ForeignFile(why));
    match versions(connection)? {
        (APPLICATION_ID, HARD_VERSION) => return Ok(()),
        (APPLICATION_ID, newer) if newer > HARD_VERSION => {
            return foreign(format!(
                "{shown} was written by a newer version (schema {newer}, this one knows {HARD_VERSION}): update Guitai"
            ));
        }
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
            connection.execute_batch(HARD)?;
            refold::create(connection)?;
        }
        _ => return foreign(format!("{shown} is another program's database")),
    }
    connection
        .execute_batch(&format!("PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={HARD_VERSION};"))?;
    Ok(())
}

fn versions(connection: &Connection) -> Result<(i64, i64), StoreError> {
    let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    Ok((pragma("application_id")?, pragma("user_version")?))
}

fn count(connection: &Connection, table: &str) -> Result<i64, StoreError> {
    Ok(connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?)
}
