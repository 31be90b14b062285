//! The file's accounts and keys.

use guitai_core::{ids::AccountId, time::UtcMs};
use guitai_http::{
    bearer::{ApiKey, KeyHash},
    session::Person,
};
use guitai_store::StoreError;

use super::Sqlite;
use crate::store::people::{self, KeyLine, NotAdmitted};

impl Sqlite {
    /// Makes an account or sets it anew.
    pub(crate) fn set_account(&self, person: &Person, verifier: &str, now: UtcMs) -> Result<(), StoreError> {
        self.write(|tx| people::set_account(tx, person, verifier, now))
    }

    /// See [`crate::store::HubStore::account`].
    pub(crate) fn account(&self, account: &AccountId) -> Result<Option<(Person, String)>, StoreError> {
        self.reader.read(|connection| people::account(connection, account))
    }

    /// All accounts, and whether each may log in no more.
    pub(crate) fn accounts(&self) -> Result<Vec<(Person, bool)>, StoreError> {
        self.reader.read(people::accounts)
    }

    /// Lets an account log in no more, or again.
    pub(crate) fn admit(&self, account: &AccountId, disabled: bool, now: UtcMs) -> Result<Person, NotAdmitted> {
        self.write(|tx| people::admit(tx, account, disabled, now))
    }

    /// Keeps a key; false if the name is taken.
    pub(crate) fn add_key(&self, key: &ApiKey, now: UtcMs) -> Result<bool, StoreError> {
        self.write(|tx| people::add_key(tx, key, now))
    }

    /// All keys.
    pub(crate) fn keys(&self) -> Result<Vec<KeyLine>, StoreError> {
        self.reader.read(people::keys)
    }

    /// Makes the key of this name good no more; false if there is none.
    pub(crate) fn revoke_key(&self, name: &str, now: UtcMs) -> Result<bool, StoreError> {
        self.write(|tx| people::revoke_key(tx, name, now))
    }

    /// See [`crate::store::HubStore::key`].
    pub(crate) fn key(&self, hash: &KeyHash) -> Result<Option<ApiKey>, StoreError> {
        self.reader.read(|connection| people::key(connection, hash))
    }
}
