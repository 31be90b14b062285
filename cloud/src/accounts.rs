//! Whoever is signed in is so by the account as it stood then.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use guitai_core::ids::AccountId;
use guitai_http::session::Person;

/// A person, and the PHC text of their password.
pub(crate) type Account = (Person, String);

/// The accounts of those who are signed in, as they stood when they signed in.
#[derive(Debug, Default)]
pub(crate) struct Accounts(Mutex<BTreeMap<AccountId, Account>>);

impl Accounts {
    /// Somebody signs in by this account; answers whether it stood otherwise for those who did before.
    pub(crate) fn known(&self, account: &Account) -> bool {
        let before = self.lock().insert(account.0.account.clone(), account.clone());
        before.is_some_and(|before| before != *account)
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Account> {
        self.lock().values().cloned().collect()
    }

    /// Forgets an account, unless somebody signed in by a newer one meanwhile.
    pub(crate) fn forget(&self, account: &Account) {
        let mut accounts = self.lock();
        if accounts.get(&account.0.account) == Some(account) {
            accounts.remove(&account.0.account);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AccountId, Account>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
