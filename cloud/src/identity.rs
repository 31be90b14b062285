//! The hub's identity: an ed25519 key in a file that only its owner reads, made on first use.

use std::{
    fmt, fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use ed25519_dalek::SigningKey;
use guitai_core::trust::key_text;
use guitai_store::private::{self, PrivateError};
use sha2::{Digest, Sha256};

/// The file's name in the data folder: the key's 64 hexadecimal digits.
pub(crate) const FILE: &str = private::IDENTITY;

const REQUEST_KEY_TAG: &[u8] = b"guitai/hub/request-key/1";

/// Why there is no identity.
#[derive(Debug)]
pub(crate) enum IdentityError {
    /// The file cannot be written.
    Io(PathBuf, io::Error),
    /// The file holds something else.
    NoKey(PathBuf),
    /// The database of a hub that ran here is there, and the key that it signed with is not.
    Lost(PathBuf),
    /// The other way about.
    NoDatabase(PathBuf),
    /// It cannot be read, or others may read it too.
    Private(PrivateError),
    /// The system has no randomness.
    NoRandomness,
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "无法读写身份文件 cannot use {}: {error}", path.display()),
            Self::NoKey(path) => write!(f, "身份文件损坏 {} holds no key; restore it from a backup", path.display()),
            Self::Lost(path) => write!(
                f,
                "总部密钥丢失 {} is missing beside the hub's database: no store would know a new key. Restore it from a backup; without \
                 one, move the database away, begin anew and enrol every store again: the nodes bring their payments along",
                path.display()
            ),
            Self::NoDatabase(path) => write!(
                f,
                "总部数据库丢失 {} is missing or empty beside the hub's key: restore it from a backup. If this hub never ran, remove \
                 {FILE} beside it and start again",
                path.display()
            ),
            Self::Private(error) => write!(f, "身份文件 identity: {error}"),
            Self::NoRandomness => f.write_str("系统没有随机数 the system has no randomness"),
        }
    }
}

impl std::error::Error for IdentityError {}

/// Reads the identity in `data`, or makes one for a hub that never ran there.
///
/// # Errors
/// Says what is wrong with the file, or that one of key and database is missing.
pub(crate) fn load_or_make(data: &Path, database: &str) -> Result<SigningKey, IdentityError> {
    let (path, database) = (data.join(FILE), data.join(database));
    let ran = fs::metadata(&database).is_ok_and(|database| database.len() > 0);
    match load(&path)? {
        Some(key) if ran => return Ok(key),
        Some(_) => return Err(IdentityError::NoDatabase(database)),
        None if ran => return Err(IdentityError::Lost(path)),
        None => {}
    }
    make(data, &path)?;
    load(&path)?.ok_or(IdentityError::NoKey(path))
}

/// The first 16 hexadecimal digits of the public key, in groups, for people to compare.
pub(crate) fn fingerprint(identity: &SigningKey) -> String {
    let text = key_text(&identity.verifying_key().to_bytes());
    let groups: Vec<&str> = (0..4).filter_map(|group| text.get(group * 4..group * 4 + 4)).collect();
    groups.join("-")
}

/// The server's key for hashes of requests; the same after a restart.
pub(crate) fn request_key(identity: &SigningKey) -> [u8; 32] {
    Sha256::new().chain_update(REQUEST_KEY_TAG).chain_update(identity.as_bytes()).finalize().into()
}

fn load(path: &Path) -> Result<Option<SigningKey>, IdentityError> {
    let text = match private::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.is_missing() => return Ok(None),
        Err(error) => return Err(IdentityError::Private(error)),
    };
    let seed = read_hex(text.trim()).ok_or_else(|| IdentityError::NoKey(path.to_owned()))?;
    Ok(Some(SigningKey::from_bytes(&seed)))
}

/// Written whole beside and then linked, so that a second process starting at the same moment finds a whole key or none, and
/// never replaces one.
fn make(data: &Path, path: &Path) -> Result<(), IdentityError> {
    let io = |error| IdentityError::Io(path.to_owned(), error);
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| IdentityError::NoRandomness)?;
    let beside = data.join(format!("{FILE}.{}", std::process::id()));
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside).map_err(io)?;
    // Secret and public keys are both 32 bytes; the same digits serve.
    file.write_all(format!("{}\n", key_text(&seed)).as_bytes()).map_err(io)?;
    file.sync_all().map_err(io)?;
    let linked = fs::hard_link(&beside, path);
    fs::remove_file(&beside).map_err(io)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(io(error)),
        Ok(()) | Err(_) => {}
    }
    fs::File::open(data).and_then(|folder| folder.sync_all()).map_err(io)
}

fn read_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_kept_from_others() {
        let data = tempfile::tempdir().unwrap();
        let load_or_make = |data| load_or_make(data, "hub.db");
        let first = load_or_make(data.path()).unwrap();
        assert!(matches!(load_or_make(data.path()), Err(IdentityError::NoDatabase(_))), "it never got a database");
        fs::write(data.path().join("hub.db"), b"x").unwrap();
        assert_eq!(load_or_make(data.path()).unwrap().to_bytes(), first.to_bytes());
        let path = data.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 2, "nothing is left beside");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(load_or_make(data.path()), Err(IdentityError::Private(PrivateError::Exposed(_)))));
        fs::remove_file(&path).unwrap();
        assert!(matches!(load_or_make(data.path()), Err(IdentityError::Lost(_))));
        assert!(!path.exists(), "no other key is made");
    }

    #[test]
    fn a_damaged_file_is_no_new_identity() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join(FILE);
        for damaged in ["", "00", &"zz".repeat(32)] {
            fs::write(&path, damaged).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert!(matches!(load_or_make(data.path(), "hub.db"), Err(IdentityError::NoKey(_))), "{damaged:?}");
            assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
        }
    }
}
