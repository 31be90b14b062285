//! The one error of this crate: all its modules know it, so it knows none of them.

use std::{
    io,
    path::{Path, PathBuf},
};

use rusqlite::ErrorCode;

use crate::private;

/// Why the store cannot do what was asked.
#[derive(Debug)]
pub enum StoreError {
    /// SQLite says no: disk full, I/O error, locked by another process.
    Sqlite(rusqlite::Error),
    /// A commit failed, or what was begun could not be taken back: only the file, opened anew, tells what it holds.
    Undecided(rusqlite::Error),
    /// What SQLite says of a file that it opens: damaged, locked by another program, not to be written.
    File(PathBuf, rusqlite::Error),
    /// What the system says of a file.
    Io(PathBuf, io::Error),
    /// The bundled SQLite is older than 3.51.3.
    OldSqlite(String),
    /// The file belongs to another program, or to a newer version of this one.
    ForeignFile(String),
    /// A killed owner left a WAL without its shared memory: nobody can read it without writing. The owner's next start does.
    Unfinished,
    /// The system has no randomness: what was to be written was not.
    NoRandomness(getrandom::Error),
    /// A stored value is not what the schema promises.
    Corrupt(String),
    /// A fault of this program: what is stored is sound, and what was asked is not done.
    Fault(String),
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(error) => write!(f, "database: {error}"),
            Self::Undecided(error) => write!(f, "database: a commit failed: {error}"),
            Self::File(path, error) => write!(f, "{}: {error}{}", path.display(), remedy(error)),
            Self::Io(path, error) => write!(f, "{}: {error}{}", path.display(), private::remedy(error)),
            Self::OldSqlite(version) => write!(f, "SQLite {version} is too old; 3.51.3 or later is needed"),
            Self::ForeignFile(what) => write!(f, "{what}"),
            Self::Unfinished => write!(f, "a killed program left unfinished work; its next start finishes it"),
            Self::NoRandomness(error) => write!(f, "the system gives no random bytes: {error}"),
            Self::Corrupt(what) => write!(f, "stored data is damaged: {what}"),
            Self::Fault(what) => write!(f, "a fault of this program: {what}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl StoreError {
    /// What the system says of a file.
    pub(crate) fn of_file(path: &Path, error: io::Error) -> Self {
        Self::Io(path.to_owned(), error)
    }

    /// Names the file that SQLite speaks of.
    #[must_use]
    pub fn at(self, path: &Path) -> Self {
        match self {
            Self::Sqlite(error) => Self::File(path.to_owned(), error),
            named => named,
        }
    }

    /// Whether the file itself is damaged, or no database at all.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Corrupt(_))
            || matches!(self.code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
    }

    /// Whether the disk or the database on it says no, and not what was to be stored.
    #[must_use]
    pub const fn is_of_disk(&self) -> bool {
        matches!(self, Self::Sqlite(_) | Self::Undecided(_) | Self::File(..) | Self::Io(..))
    }

    /// Whether the read was told to stop.
    #[must_use]
    pub fn is_interruption(&self) -> bool {
        self.code() == Some(ErrorCode::OperationInterrupted)
    }

    fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Sqlite(error) | Self::Undecided(error) | Self::File(_, error) => error.sqlite_error_code(),
            Self::Io(..)
            | Self::OldSqlite(_)
            | Self::ForeignFile(_)
            | Self::Unfinished
            | Self::NoRandomness(_)
            | Self::Corrupt(_)
            | Self::Fault(_) => None,
        }
    }
}

/// What to do about what SQLite says of a file.
fn remedy(error: &rusqlite::Error) -> &'static str {
    /// SQLite tells a full disk under its shared memory from other input and output.
    const IOERR_SHMSIZE: i32 = 4_874;
    let extended = error.sqlite_error().map_or(0, |error| error.extended_code);
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "；另一个程序占用了它，请关闭后重试 / another program holds it: close that and try again"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            "；不能写入：请检查磁盘是否只读、是否由该目录的所有者运行 / it cannot be written: look whether the disk is read-only, and run as \
             the folder's owner"
        }
        Some(ErrorCode::DiskFull) => "；磁盘已满，请清理 / the disk is full: make room",
        Some(ErrorCode::SystemIoFailure) if extended == IOERR_SHMSIZE => {
            "；磁盘已满，请清理 / the disk is full: make room"
        }
        Some(ErrorCode::SystemIoFailure) => {
            "；磁盘读写失败：请看是否已满，再检查磁盘 / the disk fails: look whether it is full, then check it"
        }
        Some(_) | None => "",
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}
