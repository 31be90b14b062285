//! One SQLite file: settings chosen for money, a gate against versions that lose pages, a schema with a version.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension};

/// `GUIT`: tells our files from any other SQLite file.
const APPLICATION_ID: i64 = 0x4755_4954;

/// Raised with every change of [`HARD`].
const SCHEMA_VERSION: i64 = 2;

/// 3.51.3: earlier ones can lose committed pages when a WAL is reset (sqlite.org/wal.html).
const SQLITE_MIN: i32 = 3_051_003;

/// How long a shared writer waits for another one's transaction, in ms: the longest of ours takes some ten.
const SHARED_WAIT_MS: u32 = 5_000;

const HARD: &str = include_str!("hard.sql");

const ROWS: &str = include_str!("rows.sql");

/// Why the store cannot do what was asked.
#[derive(Debug)]
pub enum StoreError {
    /// SQLite says no: disk full, I/O error, locked by another process.
    Sqlite(rusqlite::Error),
    /// The bundled SQLite is older than [`SQLITE_MIN`].
    OldSqlite(String),
    /// The file belongs to another program, or to a newer version of this one.
    ForeignFile(String),
    /// A stored value is not what the schema promises.
    Corrupt(String),
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(error) => write!(f, "database: {error}"),
            Self::OldSqlite(version) => write!(f, "SQLite {version} is too old; 3.51.3 or later is needed"),
            Self::ForeignFile(what) => write!(f, "{what}"),
            Self::Corrupt(what) => write!(f, "stored data is damaged: {what}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

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

    /// A note about this box that is no fact: its enrolment, what the hub has acknowledged.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn note(connection: &Connection, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut statement = connection.prepare_cached("SELECT value FROM note WHERE key = ?1")?;
        Ok(statement.query_row([key], |row| row.get(0)).optional()?)
    }

    /// Writes a note.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn set_note(connection: &Connection, key: &str, value: &[u8]) -> Result<(), StoreError> {
        connection
            .prepare_cached("INSERT INTO note VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value")?
            .execute((key, value))?;
        Ok(())
    }
}

fn adopt(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let shown = path.display();
    match (application, version) {
        (APPLICATION_ID, SCHEMA_VERSION) => Ok(()),
        (APPLICATION_ID, newer) if newer > SCHEMA_VERSION => Err(StoreError::ForeignFile(format!(
            "{shown} was written by a newer version (schema {newer}, this one knows {SCHEMA_VERSION}): update Guitai"
        ))),
        (0, 0) => {
            let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            if tables > 0 {
                return Err(StoreError::ForeignFile(format!("{shown} is another program's database")));
            }
            connection.execute_batch(&format!(
                "BEGIN IMMEDIATE; {HARD} {ROWS} PRAGMA application_id={APPLICATION_ID};
                 PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
            ))?;
            Ok(())
        }
        _ => Err(StoreError::ForeignFile(format!("{shown} is another program's database"))),
    }
}
