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
            Self::NoRandomness(error) => write!(f, "the system gives no random bytes: {error}"),
            Self::Corrupt(what) => write!(f, "stored data is damaged: {what}"),
            Self::Fault(what) => write!(f, "a fault of this program: {what}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}
