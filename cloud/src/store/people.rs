//! Accounts of headquarters and keys of programs.

use guitai_core::{ids::AccountId, time::UtcMs};
use guitai_http::{
    bearer::{ApiKey, KeyHash, Scopes},
    session::{Person, Role},
};
use guitai_store::StoreError;
use rusqlite::{Connection, OptionalExtension, params};

/// Makes an account or sets it anew.
pub(super) fn set_account(
    connection: &Connection,
    person: &Person,
    verifier: &str,
    now: UtcMs,
) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO hub_account VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (account) DO UPDATE
         SET name = excluded.name, role = excluded.role, verifier = excluded.verifier, changed_at = excluded.changed_at",
        params![person.account.as_str(), person.name, person.role.as_str(), verifier, now.0],
    )?;
    Ok(())
}

/// A person and the PHC text of the password.
pub(super) fn account(connection: &Connection, account: &AccountId) -> Result<Option<(Person, String)>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT name, role, verifier FROM hub_account WHERE account = ?1")?;
    let found = statement
        .query_row([account.as_str()], |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?)))
        .optional()?;
    let Some((name, role, verifier)) = found else { return Ok(None) };
    let role = Role::parse(&role).ok_or_else(|| StoreError::Corrupt("hub_account.role".into()))?;
    Ok(Some((Person { account: account.clone(), name, role }, verifier)))
}

/// Keeps a key; false if the name is taken.
pub(super) fn add_key(connection: &Connection, key: &ApiKey, hash: &KeyHash, now: UtcMs) -> Result<bool, StoreError> {
    let added = connection.execute(
        "INSERT INTO hub_api_key VALUES (?1, ?2, ?3, ?4) ON CONFLICT (name) DO NOTHING",
        params![hash.0, key.name, key.scopes.to_text(), now.0],
    )?;
    Ok(added == 1)
}

/// The key with this hash.
pub(super) fn key(connection: &Connection, hash: &KeyHash) -> Result<Option<ApiKey>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT name, scopes FROM hub_api_key WHERE hash = ?1")?;
    let found = statement.query_row([hash.0], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).optional()?;
    let Some((name, scopes)) = found else { return Ok(None) };
    let scopes = Scopes::parse(&scopes).map_err(|_| StoreError::Corrupt("hub_api_key.scopes".into()))?;
    Ok(Some(ApiKey { name, scopes }))
}
