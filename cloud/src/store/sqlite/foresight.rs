//! What is asked before something is shown and kept.

use guitai_core::{ids::StoreId, trust::EnrolmentCode};
use guitai_store::StoreError;

use super::Sqlite;
use crate::store::{
    people,
    roster::{self, NoCode, StoreLine},
};

impl Sqlite {
    /// A store that a node may enter.
    pub(crate) fn may_enter(&self, store: &StoreId) -> Result<StoreLine, NoCode> {
        self.reader.read(|connection| Ok(roster::may_enter(connection, store)))?
    }

    /// The enrolment code of a nonce; good once [`Sqlite::new_code`] has kept it.
    pub(crate) fn code(&self, nonce: &[u8; 32]) -> EnrolmentCode {
        roster::code(&self.identity, nonce)
    }

    /// Whether a key has this name.
    pub(crate) fn has_key_named(&self, name: &str) -> Result<bool, StoreError> {
        self.reader.read(|connection| people::has_key_named(connection, name))
    }

    /// Whether anybody can log in.
    pub(crate) fn has_account(&self) -> Result<bool, StoreError> {
        self.reader.read(people::has_account)
    }
}
