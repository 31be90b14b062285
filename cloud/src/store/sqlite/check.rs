//! Whether what the hub holds is what the stores wrote, and its rows what that says.

use ed25519_dalek::VerifyingKey;
use guitai_core::ids::{FactNo, JournalId, StoreId};
use guitai_store::{
    Integrity, StoreError, journal, query,
    shadow::{self, Difference},
};
use rusqlite::Connection;

use super::{Sqlite, StoreLine, draws};

/// What `verify` found about one store.
#[derive(Debug)]
pub(crate) struct Verified {
    /// The store.
    pub(crate) store: StoreId,
    /// The last fact and the number of seals that vouch for all, or where the copy is broken.
    pub(crate) found: Result<(FactNo, u64), Integrity>,
}

impl Sqlite {
    /// Checks chain and seals of every store's copy.
    pub(crate) fn verify(&self) -> Result<Vec<Verified>, StoreError> {
        let lines = self.stores()?;
        let held = lines.into_iter().filter(|line| line.facts.is_some());
        held.map(|line| {
            let newest = self.reader.read(|connection| sealer(connection, &line))?;
            let keys: Vec<VerifyingKey> = box_keys(&line).collect();
            let journal = JournalId::node(line.id.clone());
            let found = self.reader.read(|connection| Ok(journal::verify(connection, &journal, &newest, &keys)))?;
            Ok(Verified { store: line.id, found })
        })
        .collect()
    }

    /// The first thing in the file that is not as the stores' facts say: rows, requests, indexes, pages.
    pub(crate) fn differs(&self) -> Result<Option<Difference>, StoreError> {
        self.reader.read(|connection| shadow::check(connection, &draws))
    }
}

/// The key of the store's that made the last seal held.
fn sealer(connection: &Connection, line: &StoreLine) -> Result<VerifyingKey, StoreError> {
    let journal = JournalId::node(line.id.clone());
    let seal = query::last_seal(connection, &journal)?;
    let made = |key: &VerifyingKey| seal.as_ref().is_none_or(|seal| seal.verify(key, &journal));
    let no_key = || StoreError::Corrupt(format!("store {} has facts but no node's key", line.id));
    box_keys(line).find(made).or(box_keys(line).next()).ok_or_else(no_key)
}

/// The keys of all boxes a store had, the newest first.
fn box_keys(line: &StoreLine) -> impl Iterator<Item = VerifyingKey> {
    line.boxes.iter().filter_map(|one| VerifyingKey::from_bytes(&one.key).ok())
}
