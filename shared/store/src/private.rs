//! Files and folders that only the service's own user may read: keys, password hashes, the shop's trade.

use std::{
    ffi::OsStr,
    fmt,
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Rights of the group and of everybody else.
pub const OTHERS: u32 = 0o077;

/// The file that makes a folder a node's or a hub's.
pub const IDENTITY: &str = "identity.key";

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Why a private file or folder is not used.
#[derive(Debug)]
pub enum PrivateError {
    /// Others may read or write it.
    Exposed(PathBuf),
    /// What the system says.
    Io(PathBuf, io::Error),
}

impl PrivateError {
    /// Whether there is no such file.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io(_, error) if error.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for PrivateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exposed(path) => write!(
                f,
                "密钥文件权限过宽 {0} can be read by others on this machine: run `chmod 600 {0}`; if others use it, replace the key",
                path.display()
            ),
            Self::Io(path, error) => write!(f, "{}: {error}{}", path.display(), remedy(error)),
        }
    }
}

impl std::error::Error for PrivateError {}

/// What to do about an error of the file system.
#[must_use]
pub fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "；请用该目录的所有者运行，或用 chown 改所有者 / run as the folder's owner, or give it to this user with chown"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "；磁盘只读，请重新挂载为可写或换盘 / the disk is read-only: mount it writable, or replace it"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "；磁盘已满，请清理 / the disk is full: make room",
        _ => "",
    }
}

/// Reads a secret.
///
/// # Errors
/// Refuses one that others may read or write.
pub fn read(path: &Path) -> Result<Vec<u8>, PrivateError> {
    let io = |error| PrivateError::Io(path.to_owned(), error);
    let bytes = fs::read(path).map_err(io)?;
    let exposed = fs::metadata(path).map_err(io)?.permissions().mode() & OTHERS != 0;
    if exposed { Err(PrivateError::Exposed(path.to_owned())) } else { Ok(bytes) }
}

/// Makes a data folder if it is not there, and shuts it and the databases in it to others.
///
/// # Errors
/// What the system says.
pub fn folder(path: &Path) -> Result<(), PrivateError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |error| PrivateError::Io(path, error)
    };
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path).map_err(io(path))?;
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(io(path))? {
        names.push(entry.map_err(io(path))?.file_name());
    }
    // A folder that holds other things may be anybody's: a configuration that names the wrong one must not shut it.
    if names.is_empty() || names.iter().any(|name| name == IDENTITY) {
        shut(path, FOLDER_MODE).map_err(io(path))?;
    }
    for file in names.iter().filter(|name| is_database(name)).map(|name| path.join(name)) {
        shut(&file, FILE_MODE).map_err(io(&file))?;
    }
    Ok(())
}

/// A database of ours or what SQLite keeps beside it. A key is none: one that was exposed is refused by [`read`] instead of shut
/// silently, since somebody may have copied it.
fn is_database(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    [".db", ".db-wal", ".db-shm"].iter().any(|end| name.ends_with(end))
}

fn shut(path: &Path, mode: u32) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.permissions().mode() & OTHERS != 0 => {
            tracing::warn!(path = %path.display(), "others could read this; it is shut to them now");
            fs::set_permissions(path, Permissions::from_mode(mode))
        }
        Ok(_) => Ok(()),
        // A temporary file of SQLite's that is gone already.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("there").permissions().mode() & 0o777
    }

    fn write(path: &Path, wide: u32) {
        fs::write(path, "text").expect("written");
        fs::set_permissions(path, Permissions::from_mode(wide)).expect("set");
    }

    #[test]
    fn a_data_folder_and_its_databases_are_shut() {
        let temporary = tempfile::tempdir().expect("a folder");
        let data = temporary.path().join("a/data");
        folder(&data).expect("made");
        assert_eq!((mode(&data), mode(data.parent().expect("a"))), (0o700, 0o700));
        write(&data.join(IDENTITY), 0o600);
        write(&data.join("journal.db"), 0o644);
        write(&data.join("side.db-wal"), 0o666);
        fs::set_permissions(&data, Permissions::from_mode(0o755)).expect("set");
        folder(&data).expect("shut");
        assert_eq!(mode(&data), 0o700);
        assert_eq!((mode(&data.join("journal.db")), mode(&data.join("side.db-wal"))), (0o600, 0o600));
    }

    #[test]
    fn a_folder_that_is_not_ours_stays_as_it_is() {
        let temporary = tempfile::tempdir().expect("a folder");
        let other = temporary.path();
        write(&other.join("program"), 0o755);
        fs::set_permissions(other, Permissions::from_mode(0o755)).expect("set");
        folder(other).expect("used");
        assert_eq!((mode(other), mode(&other.join("program"))), (0o755, 0o755));
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused() {
        let temporary = tempfile::tempdir().expect("a folder");
        let key = temporary.path().join(IDENTITY);
        for exposed in [0o640, 0o604, 0o620, 0o777] {
            write(&key, exposed);
            let words = read(&key).expect_err("refused").to_string();
            assert!(words.contains("chmod 600") && words.contains(IDENTITY), "{words}");
        }
        write(&key, 0o400);
        assert_eq!(read(&key).expect("read"), b"text");
        assert!(read(&temporary.path().join("none.key")).expect_err("none").is_missing());
    }
}
