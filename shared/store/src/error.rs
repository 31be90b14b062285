//! The one error of this crate: all its modules know it, so it knows none of them.

/// Why the store cannot do what was asked.
#[derive(Debug)]
pub enum StoreError {
    /// SQLite says no: disk full, I/O error, locked by another process.
    Sqlite(rusqlite::Error),
    /// A commit failed, or what was begun could not be taken back: only the file, opened anew, tells what it holds.
    Undecided(rusqlite::Error),
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
    /// Whether the file itself is damaged, or no database at all.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Sqlite(error) | Self::Undecided(error) => matches!(
                error.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
            ),
            Self::Corrupt(_) => true,
            Self::OldSqlite(_) | Self::ForeignFile(_) | Self::Unfinished | Self::NoRandomness(_) | Self::Fault(_) => {
                false
            }
        }
    }

    /// Whether the read was told to stop.
    #[must_use]
    pub fn is_interruption(&self) -> bool {
        let Self::Sqlite(error) = self else { return false };
        error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted)
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}
