//! One SQLite file: settings chosen for money, and a gate against versions that lose pages.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use crate::{StoreError, schema};

/// 3.51.3: earlier ones can lose committed pages when a WAL is reset (sqlite.org/wal.html).
const SQLITE_MIN: i32 = 3_051_003;

/// How long a shared writer waits for another one's transaction, in ms: the longest of ours takes some ten.
const SHARED_WAIT_MS: u32 = 5_000;

/// Pages that a bulk writer keeps, in KiB: the upper levels of a million payments' indexes and what was written lately.
const BULK_CACHE_KIB: u32 = 64 * 1024;

/// A bulk writer copies pages to the file when the WAL has so many: 32 MiB, half of what the WAL may keep on disk.
const BULK_CHECKPOINT_PAGES: u32 = 8_192;

/// The path of one database, opened once for writing and any number of times for reading.
#[derive(Clone, Debug)]
pub struct Database {
    path: PathBuf,
    /// What SQLite reaches the file through, where it is not the system's own.
    vfs: Option<&'static str>,
}

impl Database {
    /// Opens or makes the file, checks that it is ours and brings its schema into being.
    ///
    /// # Errors
    /// An old SQLite, a foreign file, or what SQLite says.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self { path: path.to_owned(), vfs: None }.adopt()
    }

    /// As [`Self::open`], on a VFS registered with SQLite under this name. All its connections go there.
    ///
    /// # Errors
    /// As [`Self::open`]; an unknown VFS.
    pub fn open_on(path: &Path, vfs: &'static str) -> Result<Self, StoreError> {
        Self { path: path.to_owned(), vfs: Some(vfs) }.adopt()
    }

    fn adopt(self) -> Result<Self, StoreError> {
        if rusqlite::version_number() < SQLITE_MIN {
            return Err(StoreError::OldSqlite(rusqlite::version().to_owned()));
        }
        schema::adopt(&self.shared_writer()?, &self.path)?;
        Ok(self)
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

    /// A shared writer for the file of many stores, whose facts land all over large indexes: it keeps more pages, and copies them
    /// from the WAL to the file less often.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn bulk_writer(&self) -> Result<Connection, StoreError> {
        let connection = self.shared_writer()?;
        connection.execute_batch(&format!(
            "PRAGMA cache_size=-{BULK_CACHE_KIB}; PRAGMA wal_autocheckpoint={BULK_CHECKPOINT_PAGES};"
        ))?;
        Ok(connection)
    }

    /// A writing connection whose commits cost no fsync: after a power cut the last of them may be gone, never half of one. For
    /// what only says how far something has come.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn relaxed_writer(&self) -> Result<Connection, StoreError> {
        let connection = self.shared_writer()?;
        connection.execute_batch("PRAGMA synchronous=NORMAL;")?;
        Ok(connection)
    }

    fn connect(&self, wait_ms: u32) -> Result<Connection, StoreError> {
        let connection = self.connection(OpenFlags::default())?;
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
        let connection = self.connection(flags)?;
        connection.execute_batch(
            "PRAGMA busy_timeout=2000; PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY; PRAGMA query_only=ON;",
        )?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(connection)
    }

    fn connection(&self, flags: OpenFlags) -> Result<Connection, rusqlite::Error> {
        let connection = match self.vfs {
            Some(vfs) => Connection::open_with_flags_and_vfs(&self.path, flags, vfs)?,
            None => Connection::open_with_flags(&self.path, flags)?,
        };
        // A statement keeps the plan it was prepared with. Otherwise SQLite plans it anew at every other value, which costs more
        // than to run it, and none of those plans is the one that the tests judged.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(connection)
    }
}
