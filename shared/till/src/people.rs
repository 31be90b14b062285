//! Accounts and keys as they change: what the journal must say, and what it must not. The engine asks here while the node runs, the
//! operator's commands where none does.

use guitai_core::{
    ids::AccountId,
    journal::fact::Fact,
    people::{AccountSet, ApiKeyCreated, ApiKeyRevoked, Role},
    time::UtcMs,
};
use guitai_store::{
    Journal, StoreError,
    query::{self, AccountRow},
};

use crate::command::{Admit, NotAccepted};

/// Whether a key may be made under its name. Requests are kept under the name of their key: two programs under one name would be
/// one caller.
///
/// # Errors
/// What the journal says; the inner one is why not.
pub fn may_be_made(journal: &Journal, key: &ApiKeyCreated) -> Result<Result<(), NotAccepted>, StoreError> {
    let keys = query::api_keys(journal.connection(), journal.store().as_str())?;
    let taken = keys.iter().any(|other| other.revoked_at.is_none() && other.name == key.name);
    Ok(if taken { Err(NotAccepted::KeyExists) } else { Ok(()) })
}

/// What makes all keys of this name good no more. Journals of before may hold two under one name.
///
/// # Errors
/// What the journal says; the inner one says that there is none.
pub fn revoked(
    journal: &Journal,
    name: &str,
    by: Option<&AccountId>,
    at: UtcMs,
) -> Result<Result<Vec<Fact>, NotAccepted>, StoreError> {
    let keys = query::api_keys(journal.connection(), journal.store().as_str())?;
    let good = keys.into_iter().filter(|key| key.revoked_at.is_none() && key.name == name);
    let facts: Vec<Fact> =
        good.map(|key| ApiKeyRevoked { name: key.name, hash: key.hash, by: by.cloned(), at }.into()).collect();
    Ok(if facts.is_empty() { Err(NotAccepted::NotFound) } else { Ok(facts) })
}

/// Whether an account may be set so: somebody must be left who administers.
///
/// # Errors
/// What the journal says; the inner one is why not.
pub fn may_be_set(journal: &Journal, set: &AccountSet) -> Result<Result<(), NotAccepted>, StoreError> {
    let goes_on = set.role == Role::Administrator && !set.disabled;
    let rows = query::accounts(journal.connection(), journal.store().as_str())?;
    let last = !goes_on && is_last_administrator(&rows, &set.account);
    Ok(if last { Err(NotAccepted::LastAdministrator) } else { Ok(()) })
}

/// What lets an account log in no more, or again; nothing where it stands so already.
///
/// # Errors
/// What the journal says; the inner one is why not.
pub fn admitted(journal: &Journal, admit: &Admit, at: UtcMs) -> Result<Result<Vec<Fact>, NotAccepted>, StoreError> {
    let rows = query::accounts(journal.connection(), journal.store().as_str())?;
    let Some(row) = rows.iter().find(|row| row.account == admit.account.as_str()) else {
        return Ok(Err(NotAccepted::NotFound));
    };
    if row.disabled == admit.disabled {
        return Ok(Ok(Vec::new()));
    }
    if admit.disabled && is_last_administrator(&rows, &admit.account) {
        return Ok(Err(NotAccepted::LastAdministrator));
    }
    let role = Role::parse(&row.role).ok_or_else(|| StoreError::Corrupt(format!("account {}: role", row.account)))?;
    let set = AccountSet {
        account: admit.account.clone(),
        name: Some(row.name.clone().into()),
        role,
        // An erased password stays so: nobody logs in with it.
        verifier: Some(row.verifier.clone()).filter(|verifier| !verifier.is_empty()).map(Into::into),
        disabled: admit.disabled,
        by: admit.by.clone(),
        at,
    };
    Ok(Ok(vec![set.into()]))
}

fn is_last_administrator(rows: &[AccountRow], account: &AccountId) -> bool {
    let mut administrators = rows.iter().filter(|row| administers(row));
    administrators.next().is_some_and(|row| row.account == account.as_str()) && administrators.next().is_none()
}

fn administers(row: &AccountRow) -> bool {
    !row.disabled && row.role == Role::Administrator.as_str() && !row.verifier.is_empty()
}
