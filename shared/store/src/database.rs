//! One SQLite file: settings chosen for money, and a gate against versions that lose pages.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use crate::{StoreError, schema};

/// 3.51.3: earlier ones can lose committed pages when a WAL is reset (sqlite.org/wal.html).
const SQLITE_MIN: i32 = 3_051_003;

/// How long the journal's writer waits, in ms, for another program that holds its file: a copy or a check takes that long.
const WRITER_WAIT_MS: u32 = 2_000;

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
    /// It is only looked at: nothing is made, nothing is left behind.
    seen: Option<Seen>,
}

/// How a file that is only looked at can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// Its owner has it open, and keeps what lies beside it.
    Shared,
    /// Nobody writes it, and nothing of it lies in a WAL.
    Whole,
    /// Nobody writes it; its owner was killed and left a WAL behind, which is read with it.
    WithWal,
}

impl Database {
    /// Opens or makes the file, checks that it is ours and brings its schema into being.
    ///
    /// # Errors
    /// An old SQLite, a foreign file, or what SQLite says.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self { path: path.to_owned(), vfs: None, seen: None }.adopt()
    }

    /// As [`Self::open`], on a VFS registered with SQLite under this name. All its connections go there.
    ///
    /// # Errors
    /// As [`Self::open`]; an unknown VFS.
    pub fn open_on(path: &Path, vfs: &'static str) -> Result<Self, StoreError> {
        Self { path: path.to_owned(), vfs: Some(vfs), seen: None }.adopt()
    }

    /// A file as it lies there, to be looked at by somebody who is not its owner: it is not made, no schema is brought into being,
    /// nothing is made beside it, and not a byte of it changes. It has readers and no writer. `in_use`: its owner has it open now.
    ///
    /// # Errors
    /// No such file, or one that may not be read; a foreign file, or one of a newer version; `Unfinished`, if a killed owner left what
    /// nobody can read without writing.
    pub fn as_it_lies(path: &Path, in_use: bool) -> Result<Self, StoreError> {
        let beside = |end: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        };
        let wal_bytes = std::fs::metadata(beside("-wal")).map_or(0, |wal| wal.len());
        let seen = match (in_use, wal_bytes) {
            (true, _) => Seen::Shared,
            (false, 0) => Seen::Whole,
            (false, _) if beside("-shm").exists() => Seen::WithWal,
            (false, _) => return Err(StoreError::Unfinished),
        };
        let this = Self { path: path.to_owned(), vfs: None, seen: Some(seen) };
        schema::recognise(&this.reader()?, path).map_err(|error| error.at(path))?;
        Ok(this)
    }

    fn adopt(self) -> Result<Self, StoreError> {
        if rusqlite::version_number() < SQLITE_MIN {
            return Err(StoreError::OldSqlite(rusqlite::version().to_owned()));
        }
        schema::adopt(&self.shared_writer()?, &self.path).map_err(|error| error.at(&self.path))?;
        Ok(self)
    }

    /// Where the file lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The writing connection, of which there is one at a time. Nobody of ours contends with it; a tool that somebody runs on the
    /// file may hold it for a moment.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn writer(&self) -> Result<Connection, StoreError> {
        self.connect(WRITER_WAIT_MS)
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
        if self.seen.is_some() {
            return Err(StoreError::Fault("a file that is only looked at has no writer".into()));
        }
        self.written(wait_ms).map_err(|error| StoreError::File(self.path.clone(), error))
    }

    fn written(&self, wait_ms: u32) -> Result<Connection, rusqlite::Error> {
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
        self.read().map_err(|error| StoreError::File(self.path.clone(), error))
    }

    fn read(&self) -> Result<Connection, rusqlite::Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = self.connection(flags)?;
        connection.execute_batch(
            "PRAGMA busy_timeout=2000; PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY; PRAGMA query_only=ON;",
        )?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(connection)
    }

    fn connection(&self, flags: OpenFlags) -> Result<Connection, rusqlite::Error> {
        let connection = match (self.vfs, self.seen) {
            (Some(vfs), _) => Connection::open_with_flags_and_vfs(&self.path, flags, vfs)?,
            (None, Some(seen @ (Seen::Whole | Seen::WithWal))) => {
                Connection::open_with_flags(self.uri(seen), flags | OpenFlags::SQLITE_OPEN_URI)?
            }
            (None, Some(Seen::Shared) | None) => Connection::open_with_flags(&self.path, flags)?,
        };
        // A statement keeps the plan it was prepared with. Otherwise SQLite plans it anew at every other value, which costs more
        // than to run it, and none of those plans is the one that the tests judged.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(connection)
    }

    /// The file's address with what SQLite must not do to it: `immutable` makes neither WAL nor shared memory; `readonly_shm` reads the
    /// WAL through an index in this program's own memory.
    fn uri(&self, seen: Seen) -> String {
        let how = match seen {
            Seen::Shared => "mode=ro",
            Seen::Whole => "mode=ro&immutable=1",
            Seen::WithWal => "mode=ro&readonly_shm=1",
        };
        let mut uri = String::from("file:");
        for letter in self.path.to_string_lossy().chars() {
            match letter {
                '%' => uri.push_str("%25"),
                '?' => uri.push_str("%3f"),
                '#' => uri.push_str("%23"),
                plain => uri.push(plain),
            }
        }
        uri + "?" + how
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::SystemTime};

    use super::*;
    use crate::note;

    type Listing = BTreeMap<String, (Vec<u8>, SystemTime)>;

    fn listing(folder: &Path) -> Listing {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| {
            let path = entry.unwrap().path();
            let (bytes, at) = (std::fs::read(&path).unwrap(), path.metadata().unwrap().modified().unwrap());
            (path.file_name().unwrap().to_string_lossy().into_owned(), (bytes, at))
        });
        entries.collect()
    }

    fn noted(database: &Database) -> Option<Vec<u8>> {
        note::get(&database.reader().unwrap(), "a").unwrap()
    }

    #[test]
    fn a_file_is_looked_at_without_a_trace_in_use_and_after_a_stop_and_after_a_kill() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("half ? 50% #1");
        std::fs::create_dir(&at).unwrap();
        let path = at.join("side.db");
        assert!(Database::as_it_lies(&path, false).is_err(), "nothing is there");
        assert_eq!(listing(&at).len(), 0, "and nothing was made");

        let database = Database::open(&path).unwrap();
        let writer = database.shared_writer().unwrap();
        note::set(&writer, "a", b"1").unwrap();
        assert_eq!(noted(&Database::as_it_lies(&path, true).unwrap()).unwrap(), b"1", "in use");

        // A killed owner leaves its WAL and its shared memory behind.
        let killed = folder.path().join("killed");
        std::fs::create_dir(&killed).unwrap();
        for name in ["side.db", "side.db-wal", "side.db-shm"] {
            std::fs::copy(at.join(name), killed.join(name)).unwrap();
        }
        let before = listing(&killed);
        assert!(!before["side.db-wal"].0.is_empty());
        let looked = Database::as_it_lies(&killed.join("side.db"), false).unwrap();
        assert_eq!(noted(&looked).unwrap(), b"1", "what is in the WAL only");
        drop(looked);
        assert_eq!(listing(&killed), before);
        std::fs::remove_file(killed.join("side.db-shm")).unwrap();
        let before = listing(&killed);
        assert!(matches!(Database::as_it_lies(&killed.join("side.db"), false), Err(StoreError::Unfinished)));
        assert_eq!(listing(&killed), before);

        drop(writer);
        drop(database);
        let before = listing(&at);
        assert_eq!(before.keys().collect::<Vec<_>>(), ["side.db"]);
        let looked = Database::as_it_lies(&path, false).unwrap();
        assert_eq!(noted(&looked).unwrap(), b"1");
        assert!(looked.shared_writer().is_err());
        drop(looked);
        assert_eq!(listing(&at), before);
    }

    #[test]
    fn what_is_no_database_of_ours_is_told_from_a_damaged_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        std::fs::write(&path, b"").unwrap();
        assert!(matches!(Database::as_it_lies(&path, false), Err(StoreError::ForeignFile(_))), "an empty file");
        std::fs::write(&path, [7; 8192]).unwrap();
        assert!(Database::as_it_lies(&path, false).is_err_and(|error| error.is_damage()));
    }
}
