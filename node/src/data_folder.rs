//! What a node keeps on its disk: one folder, one owner at a time.
//!
//! - `identity.key`: the ed25519 key made here that never leaves this machine.
//! - `code.key`, `request.key`: the keys under which payment codes and request bodies are hashed; `side.db` has them too.
//! - `journal.db`: facts and their rows; written by the engine alone.
//! - `enrolment.json`: the enrolment and its grant once more, since nothing is sold without it.
//! - `side.db`: documents, the enrolment and its grant, the newest roster entry, what the hub acknowledged; written by
//!   everything else.
//! - `lock`: held by the running node.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{FactNo, Issuer, JournalId, StoreId},
    journal::{chain::ChainHash, epoch::Point},
    sync::kept::Kept,
    trust::{Grant, Instance, RosterEntry},
};
use guitai_store::{
    Database, kept, note,
    private::{self, PrivateError},
    query::Connection,
};
use serde::{Deserialize, Serialize};

pub(crate) const JOURNAL_FILE: &str = "journal.db";
pub(crate) const SIDE_FILE: &str = "side.db";
pub(crate) const LOCK_FILE: &str = "lock";
pub(crate) const IDENTITY_FILE: &str = private::IDENTITY;
const CODE_KEY_FILE: &str = "code.key";
const REQUEST_KEY_FILE: &str = "request.key";

/// Files that nobody else of this machine may read.
pub(crate) const KEY_FILES: [&str; 3] = [IDENTITY_FILE, CODE_KEY_FILE, REQUEST_KEY_FILE];

const ENROLMENT_NOTE: &str = "enrolment";

const SPARE_FILE: &str = "enrolment.json";

/// The enrolment as it is kept a second time.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Spare {
    enrolment: Enrolment,
    /// The hub's signed word behind it.
    grant: Vec<u8>,
    /// The newest roster entry: a box that was stopped stays so.
    #[serde(default)]
    entry: Vec<u8>,
}

/// The data folder.
#[derive(Clone, Debug)]
pub(crate) struct DataFolder(PathBuf);

/// What the hub gave this node when it took it in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Enrolment {
    pub(crate) store: String,
    pub(crate) store_name: String,
    pub(crate) issuer: u32,
    /// The hub's pinned public key, hexadecimal.
    pub(crate) hub_key: String,
    /// Where sync goes: host and UDP port.
    pub(crate) hub_address: String,
    /// The hub's web address.
    pub(crate) hub_url: String,
    /// Where what the hub held of the store's journal ended then.
    #[serde(default)]
    pub(crate) held: Option<Held>,
}

/// A place in a journal as the enrolment keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    epoch: u32,
    number: u64,
    head: ChainHash,
}

impl From<&Point> for Held {
    fn from(point: &Point) -> Self {
        Self { epoch: point.no.epoch, number: point.no.number, head: *point.head() }
    }
}

impl Enrolment {
    pub(crate) fn store(&self) -> anyhow::Result<StoreId> {
        StoreId::parse(&self.store).map_err(|error| anyhow::anyhow!("enrolment: store {}: {error}", self.store))
    }

    /// The journal this box writes.
    pub(crate) fn journal(&self) -> anyhow::Result<JournalId> {
        Ok(JournalId::node(self.store()?))
    }

    /// Where a box with an empty folder goes on: behind what earlier boxes of the store delivered.
    pub(crate) fn after(&self) -> Option<Point> {
        let Held { epoch, number, head } = self.held.as_ref()?;
        Some(Point::new(FactNo { epoch: *epoch, number: *number }, *head))
    }

    pub(crate) fn issuer(&self) -> anyhow::Result<Issuer> {
        Issuer::new(self.issuer).with_context(|| format!("enrolment: issuer {}", self.issuer))
    }
}

/// The enrolment as it stands now; an operator may change the hub's address while the node runs.
pub(crate) fn enrolment(side: &Connection) -> anyhow::Result<Option<Enrolment>> {
    let note = note::get(side, ENROLMENT_NOTE)?;
    note.map(|bytes| serde_json::from_slice(&bytes).context("the enrolment note is damaged")).transpose()
}

/// Where to dial, the likeliest first: where the hub said that it is now, where it answered before, where it was when this node was
/// enrolled. None of them can harm: whoever answers must have the hub's key.
pub(crate) fn addresses(side: &Connection) -> anyhow::Result<Vec<String>> {
    let enrolled = enrolment(side)?.context("the enrolment is gone")?.hub_address;
    Ok(addresses_of(kept::kept(side)?, enrolled))
}

/// See [`addresses`].
pub(crate) fn addresses_of(kept: Kept, enrolled: String) -> Vec<String> {
    let Kept { moved, answered, .. } = kept;
    let mut addresses = Vec::new();
    for address in moved.into_iter().chain(answered).chain([enrolled]) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

/// See [`DataFolder::instance`].
pub(crate) fn instance(folder: &Path) -> anyhow::Result<Instance> {
    let mut process = [0; 16];
    getrandom::fill(&mut process).context("no randomness")?;
    let metadata = std::fs::metadata(folder).with_context(|| folder.display().to_string())?;
    // Not every system has one; the folder's inode then stands alone.
    let machine = std::fs::read("/etc/machine-id").unwrap_or_default();
    Ok(Instance::of(process, &machine, (metadata.dev(), metadata.ino())))
}

impl DataFolder {
    /// Makes the folder if it is not there, and shuts it to others.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        private::folder(folder).context("[node] data")?;
        Ok(Self(folder.to_owned()))
    }

    /// Takes the folder for this process; a second node on the same data would break the journal.
    pub(crate) fn lock(&self) -> anyhow::Result<File> {
        match self.try_lock()? {
            Some(lock) => Ok(lock),
            None => bail!("another guitai-node is running on {}; stop it first", self.0.display()),
        }
    }

    pub(crate) fn try_lock(&self) -> anyhow::Result<Option<File>> {
        let path = self.0.join(LOCK_FILE);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|error| PrivateError::Io(path.clone(), error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(error).context(path.display().to_string()),
        }
    }

    pub(crate) fn journal(&self) -> anyhow::Result<Database> {
        Ok(Database::open(&self.0.join(JOURNAL_FILE))?)
    }

    pub(crate) fn side(&self) -> anyhow::Result<Database> {
        Ok(Database::open(&self.side_path())?)
    }

    pub(crate) fn side_path(&self) -> PathBuf {
        self.0.join(SIDE_FILE)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn control_socket(&self) -> PathBuf {
        self.0.join("control.sock")
    }

    /// This machine's identity, made on first use. A folder that was used has none other.
    pub(crate) fn identity(&self) -> anyhow::Result<SigningKey> {
        if let Some(key) = self.secret(IDENTITY_FILE)? {
            return Ok(SigningKey::from_bytes(&key));
        }
        if self.is_used()? {
            bail!(
                "{}: 本机密钥丢失，没有另造 / this box's key is missing, and no other is made: restore it from a backup. Without one, move \
                 this folder away, print a code at the hub with `guitai-hub enrol --store S` and enrol this box anew: the payments come \
                 back from there",
                self.0.join(IDENTITY_FILE).display()
            );
        }
        Ok(SigningKey::from_bytes(&self.make_secret(IDENTITY_FILE)?))
    }

    /// Whether a box lived here.
    fn is_used(&self) -> anyhow::Result<bool> {
        Ok(self.0.join(JOURNAL_FILE).exists() || self.enrolment()?.is_some())
    }

    pub(crate) fn code_key(&self) -> anyhow::Result<[u8; 32]> {
        self.kept_secret(CODE_KEY_FILE)
    }

    /// The key under which request bodies are hashed; it must outlive restarts, since those hashes are kept for ever.
    pub(crate) fn request_key(&self) -> anyhow::Result<[u8; 32]> {
        self.kept_secret(REQUEST_KEY_FILE)
    }

    /// A key that the side database keeps too. Where both are lost a new one costs little: a code used before would be asked about
    /// once more, and a request repeated from before is refused as another one.
    fn kept_secret(&self, name: &str) -> anyhow::Result<[u8; 32]> {
        let side = self.side()?.shared_writer()?;
        let kept = note::get(&side, name)?.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let key = match (self.secret(name)?, kept) {
            (Some(key), Some(kept)) if key == kept => return Ok(key),
            (Some(key), _) => key,
            (None, Some(kept)) => {
                self.write_secret(name, &kept)?;
                tracing::warn!("{name} was lost and is taken back from its second copy");
                return Ok(kept);
            }
            (None, None) => {
                if self.0.join(JOURNAL_FILE).metadata().is_ok_and(|journal| journal.len() > 0) {
                    tracing::warn!(
                        "{name} is made; if there was one before, what was hashed under it is not recognised again"
                    );
                }
                self.make_secret(name)?
            }
        };
        note::set(&side, name, &key)?;
        Ok(key)
    }

    fn secret(&self, name: &str) -> anyhow::Result<Option<[u8; 32]>> {
        let path = self.0.join(name);
        match private::read(&path) {
            Ok(bytes) => match bytes.try_into() {
                Ok(key) => Ok(Some(key)),
                Err(_) => bail!("{}: 密钥文件损坏 / must hold 32 bytes: restore it from a backup", path.display()),
            },
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn make_secret(&self, name: &str) -> anyhow::Result<[u8; 32]> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).context("no randomness")?;
        self.write_secret(name, &bytes)?;
        Ok(bytes)
    }

    fn write_secret(&self, name: &str, bytes: &[u8; 32]) -> anyhow::Result<()> {
        let path = self.0.join(name);
        Ok(self.make(&path, bytes).map_err(|error| PrivateError::Io(path, error))?)
    }

    fn make(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        // A key that vanishes with the power would orphan everything it signed.
        File::open(&self.0)?.sync_all()
    }

    /// The enrolment; its second copy where the side database cannot tell.
    pub(crate) fn enrolment(&self) -> anyhow::Result<Option<Enrolment>> {
        match self.enrolment_in_side() {
            Ok(Some(enrolment)) => Ok(Some(enrolment)),
            told => match self.spare()? {
                Some(spare) => Ok(Some(spare.enrolment)),
                None => told,
            },
        }
    }

    /// The enrolment as the side database tells it.
    pub(crate) fn enrolment_in_side(&self) -> anyhow::Result<Option<Enrolment>> {
        if self.side_path().exists() { enrolment(&self.side()?.reader()?) } else { Ok(None) }
    }

    fn spare(&self) -> anyhow::Result<Option<Spare>> {
        let path = self.0.join(SPARE_FILE);
        match std::fs::read(&path) {
            // A damaged one is none: the side database has the other.
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(PrivateError::Io(path, error).into()),
        }
    }

    /// Makes both copies of the enrolment one: what the side database says counts, and where it says nothing, the other.
    pub(crate) fn match_spare_enrolment(&self) -> anyhow::Result<()> {
        let spare = self.spare()?;
        if let Some(enrolment) = self.enrolment_in_side()? {
            let papers = self.papers()?;
            let grant = papers.grant.map_or_else(Vec::new, |grant| grant.to_bytes());
            let entry = papers.entry.map_or_else(Vec::new, |entry| entry.to_bytes());
            let now = Spare { enrolment, grant, entry };
            return if spare.as_ref() == Some(&now) { Ok(()) } else { self.write_spare(&now) };
        }
        let Some(Spare { enrolment, grant, entry }) = spare else { return Ok(()) };
        let connection = self.side()?.shared_writer()?;
        // Before the enrolment: once that is there, what stands beside it is the copy that counts.
        let entry = RosterEntry::from_bytes(&entry);
        kept::keep(&connection, &Kept::default(), &Kept { entry, ..Kept::default() })?;
        let transaction = connection.unchecked_transaction()?;
        note::set(&transaction, ENROLMENT_NOTE, &serde_json::to_vec(&enrolment)?)?;
        if let Some(grant) = Grant::from_bytes(&grant) {
            kept::granted(&transaction, &grant)?;
        }
        transaction.commit()?;
        tracing::warn!(store = %enrolment.store, "the enrolment is taken back from its second copy");
        Ok(())
    }

    /// Whole under another name first, so that there is always one.
    fn write_spare(&self, spare: &Spare) -> anyhow::Result<()> {
        let (path, new) = (self.0.join(SPARE_FILE), self.0.join(format!("{SPARE_FILE}.new")));
        let written = || {
            match std::fs::remove_file(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            self.make(&new, &serde_json::to_vec(spare)?)?;
            std::fs::rename(&new, &path)?;
            File::open(&self.0)?.sync_all()
        };
        Ok(written().map_err(|error| PrivateError::Io(path.clone(), error))?)
    }

    /// Keeps an enrolment with its grant; what was in force before is kept aside under its issuer, and its grant with the earlier
    /// ones.
    pub(crate) fn set_enrolment(&self, enrolment: &Enrolment, grant: &Grant) -> anyhow::Result<()> {
        let before = self.enrolment()?;
        let connection = self.side()?.shared_writer()?;
        let transaction = connection.unchecked_transaction()?;
        if let Some(before) = before {
            let name = format!("{ENROLMENT_NOTE}/{}", before.issuer);
            note::set(&transaction, &name, &serde_json::to_vec(&before)?)?;
        }
        note::set(&transaction, ENROLMENT_NOTE, &serde_json::to_vec(enrolment)?)?;
        kept::granted(&transaction, grant)?;
        transaction.commit()?;
        self.match_spare_enrolment()
    }

    /// Lets sync go elsewhere from now on, also while the node runs.
    pub(crate) fn readdress(&self, enrolment: &Enrolment) -> anyhow::Result<()> {
        let connection = self.side()?.shared_writer()?;
        let transaction = connection.unchecked_transaction()?;
        note::set(&transaction, ENROLMENT_NOTE, &serde_json::to_vec(enrolment)?)?;
        kept::readdressed(&transaction)?;
        transaction.commit()?;
        self.match_spare_enrolment()
    }

    /// What the hub signed for this node and what it said last.
    pub(crate) fn papers(&self) -> anyhow::Result<Kept> {
        Ok(kept::kept(&self.side()?.reader()?)?)
    }

    /// This process on this folder, for the hub to tell two boxes with one key apart.
    pub(crate) fn instance(&self) -> anyhow::Result<Instance> {
        instance(&self.0)
    }

    /// The enrolment, or how to get one.
    pub(crate) fn enrolled(&self) -> anyhow::Result<Enrolment> {
        let enrolment = self.enrolment()?;
        if enrolment.is_none() && self.0.join(JOURNAL_FILE).exists() {
            bail!(
                "{}: 登记信息丢失 / the enrolment is lost: restore {SIDE_FILE} or {SPARE_FILE} from a backup, or print a code at the hub \
                 with `guitai-hub enrol --store S` and run `guitai-node enrol --hub URL --code C`; the payments stay",
                self.0.display()
            );
        }
        enrolment.context(
            "this node belongs to no store yet: print a code at the hub with `guitai-hub enrol --store S` and run \
             `guitai-node enrol --hub URL --code C`",
        )
    }
}

#[cfg(test)]
mod tests {
    use guitai_core::limits;

    use super::*;

    fn enrolment(issuer: u32) -> Enrolment {
        Enrolment {
            store: "S001".into(),
            store_name: "一号店".into(),
            issuer,
            hub_key: String::new(),
            hub_address: "enrolled:1".into(),
            hub_url: "http://enrolled:1".into(),
            held: None,
        }
    }

    /// An enrolment's grant.
    fn grant(folder: &DataFolder, enrolment: &Enrolment) -> Grant {
        let identity = folder.identity().unwrap();
        let (issuer, key) = (enrolment.issuer().unwrap(), identity.verifying_key().to_bytes());
        Grant::sign(&identity, enrolment.store().unwrap(), issuer, key, u64::from(enrolment.issuer))
    }

    #[test]
    fn every_grant_is_kept_the_newest_first() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(temporary.path()).unwrap();
        let issuers = |grants: &[Grant]| grants.iter().map(|grant| grant.issuer.get()).collect::<Vec<_>>();
        for issuer in [7, 8, 8, 9] {
            folder.set_enrolment(&enrolment(issuer), &grant(&folder, &enrolment(issuer))).unwrap();
        }
        let kept = folder.papers().unwrap();
        assert_eq!((kept.grant.unwrap().issuer.get(), issuers(&kept.earlier)), (9, vec![8, 7]));
        for issuer in 10..40 {
            folder.set_enrolment(&enrolment(issuer), &grant(&folder, &enrolment(issuer))).unwrap();
        }
        let kept = folder.papers().unwrap();
        assert_eq!((issuers(&kept.earlier)[0], kept.earlier.len()), (38, limits::EARLIER_GRANTS_MAX));
    }

    #[test]
    fn every_address_at_which_the_hub_answered_is_tried_the_last_first_and_the_oldest_are_forgotten() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(temporary.path()).unwrap();
        folder.set_enrolment(&enrolment(7), &grant(&folder, &enrolment(7))).unwrap();
        let side = folder.side().unwrap().shared_writer().unwrap();
        assert_eq!(addresses(&side).unwrap(), ["enrolled:1"]);
        for address in ["enrolled:1", "a:1", "b:1", "a:1"] {
            kept::answered(&side, address).unwrap();
        }
        assert_eq!(addresses(&side).unwrap(), ["a:1", "b:1", "enrolled:1"]);
        kept::answered(&side, "c:1").unwrap();
        kept::answered(&side, "d:1").unwrap();
        assert_eq!(addresses(&side).unwrap(), ["d:1", "c:1", "a:1", "enrolled:1"]);
        note::set(&side, "hub_moved", b"c:1").unwrap();
        assert_eq!(addresses(&side).unwrap(), ["c:1", "d:1", "a:1", "enrolled:1"]);
        // An operator's word counts, also against a hub's machine that still answers elsewhere.
        folder.readdress(&Enrolment { hub_address: "new:1".into(), ..enrolment(7) }).unwrap();
        assert_eq!(addresses(&side).unwrap(), ["new:1"]);
    }
}
