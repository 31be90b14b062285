//! Accounts of headquarters and keys of programs.

use guitai_core::{ids::AccountId, time::UtcMs};
use guitai_http::{
    bearer::{ApiKey, KeyHash, Scopes},
    session::{Person, Role},
};
use guitai_store::StoreError;
use rusqlite::{Connection, OptionalExtension, params};

/// A program's key, without itself.
#[derive(Clone, Debug)]
pub(crate) struct KeyLine {
    /// Whose it is.
    pub(crate) name: String,
    /// What it may do.
    pub(crate) scopes: Scopes,
    /// When it was made.
    pub(crate) created_at: UtcMs,
    /// Since when it is good no more.
    pub(crate) revoked_at: Option<UtcMs>,
}

/// Why an account is not let in, or not shut out.
#[derive(Debug)]
pub(crate) enum NotAdmitted {
    /// There is none of this name.
    Unknown,
    /// Nobody could log in any more.
    Last,
    /// The database said no.
    Store(StoreError),
}

impl From<StoreError> for NotAdmitted {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Makes an account or sets it anew; it may log in.
pub(super) fn set_account(
    connection: &Connection,
    person: &Person,
    verifier: &str,
    now: UtcMs,
) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO hub_account VALUES (?1, ?2, ?3, ?4, ?5, 0) ON CONFLICT (account) DO UPDATE
         SET name = excluded.name, role = excluded.role, verifier = excluded.verifier, changed_at = excluded.changed_at,
             disabled = 0",
        params![person.account.as_str(), person.name, person.role.as_str(), verifier, now.0],
    )?;
    Ok(())
}

/// All accounts, and whether each may log in no more.
pub(super) fn accounts(connection: &Connection) -> Result<Vec<(Person, bool)>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT account, name, role, disabled FROM hub_account ORDER BY account")?;
    let mut rows = statement.query([])?;
    let mut accounts = Vec::new();
    while let Some(row) = rows.next()? {
        let corrupt = |what: &str| StoreError::Corrupt(format!("hub_account.{what}"));
        let account = AccountId::parse(&row.get::<_, String>(0)?).map_err(|_| corrupt("account"))?;
        let role = Role::parse(&row.get::<_, String>(2)?).ok_or_else(|| corrupt("role"))?;
        accounts.push((Person { account, name: row.get(1)?, role }, row.get(3)?));
    }
    Ok(accounts)
}

/// Lets an account log in no more, or again; answers it.
pub(super) fn admit(
    connection: &Connection,
    account: &AccountId,
    disabled: bool,
    now: UtcMs,
) -> Result<Person, NotAdmitted> {
    let accounts = accounts(connection)?;
    let (person, before) =
        accounts.iter().find(|(person, _)| person.account == *account).ok_or(NotAdmitted::Unknown)?;
    let others = accounts.iter().any(|(person, disabled)| person.account != *account && !disabled);
    if disabled && !before && !others {
        return Err(NotAdmitted::Last);
    }
    connection
        .execute(
            "UPDATE hub_account SET disabled = ?2, changed_at = ?3 WHERE account = ?1",
            params![account.as_str(), disabled, now.0],
        )
        .map_err(StoreError::Sqlite)?;
    Ok(person.clone())
}

/// A person who may log in, and the PHC text of the password.
pub(super) fn account(connection: &Connection, account: &AccountId) -> Result<Option<(Person, String)>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT name, role, verifier FROM hub_account WHERE account = ?1 AND disabled = 0")?;
    let found = statement
        .query_row([account.as_str()], |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?)))
        .optional()?;
    let Some((name, role, verifier)) = found else { return Ok(None) };
    let role = Role::parse(&role).ok_or_else(|| StoreError::Corrupt("hub_account.role".into()))?;
    Ok(Some((Person { account: account.clone(), name, role }, verifier)))
}

/// Keeps a key; false if a good one has its name.
pub(super) fn add_key(connection: &Connection, key: &ApiKey, now: UtcMs) -> Result<bool, StoreError> {
    let added = connection.execute(
        "INSERT INTO hub_api_key VALUES (?1, ?2, ?3, ?4, NULL) ON CONFLICT (name) WHERE revoked_at IS NULL DO NOTHING",
        params![key.hash.0, key.name, key.scopes.to_text(), now.0],
    )?;
    Ok(added == 1)
}

/// Whether a key has this name.
pub(super) fn has_key_named(connection: &Connection, name: &str) -> Result<bool, StoreError> {
    Ok(connection.prepare_cached("SELECT 1 FROM hub_api_key WHERE name = ?1 AND revoked_at IS NULL")?.exists([name])?)
}

/// Whether anybody can log in.
pub(super) fn has_account(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection.prepare_cached("SELECT 1 FROM hub_account")?.exists([])?)
}

/// The key with this hash, unless it was revoked.
pub(super) fn key(connection: &Connection, hash: &KeyHash) -> Result<Option<ApiKey>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT name, scopes FROM hub_api_key WHERE hash = ?1 AND revoked_at IS NULL")?;
    let found = statement.query_row([hash.0], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).optional()?;
    let Some((name, scopes)) = found else { return Ok(None) };
    Ok(Some(ApiKey { name, scopes: scopes_of(&scopes)?, hash: *hash }))
}

/// All keys, by name, the newest of a name first; also those that are good no more.
pub(super) fn keys(connection: &Connection) -> Result<Vec<KeyLine>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT name, scopes, created_at, revoked_at FROM hub_api_key ORDER BY name, created_at DESC, hash",
    )?;
    let mut rows = statement.query([])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push(KeyLine {
            name: row.get(0)?,
            scopes: scopes_of(&row.get::<_, String>(1)?)?,
            created_at: UtcMs(row.get(2)?),
            revoked_at: row.get::<_, Option<i64>>(3)?.map(UtcMs),
        });
    }
    Ok(keys)
}

/// Makes the key of this name good no more; false if there is none.
pub(super) fn revoke_key(connection: &Connection, name: &str, now: UtcMs) -> Result<bool, StoreError> {
    let revoked = connection.execute(
        "UPDATE hub_api_key SET revoked_at = ?2 WHERE name = ?1 AND revoked_at IS NULL",
        params![name, now.0],
    )?;
    Ok(revoked > 0)
}

fn scopes_of(text: &str) -> Result<Scopes, StoreError> {
    Scopes::parse(text).map_err(|_| StoreError::Corrupt("hub_api_key.scopes".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{MORNING, rig};

    fn person(account: &str) -> Person {
        Person { account: AccountId::parse(account).unwrap(), name: "王总".into(), role: Role::Headquarters }
    }

    #[test]
    fn somebody_may_always_log_in() {
        let rig = rig();
        let (one, two) = (person("hq"), person("hq2"));
        rig.sqlite.set_account(&one, "phc-1", MORNING).unwrap();
        let admit = |who: &Person, disabled| rig.sqlite.admit(&who.account, disabled, MORNING);
        assert!(matches!(admit(&one, true), Err(NotAdmitted::Last)));
        assert!(matches!(admit(&two, true), Err(NotAdmitted::Unknown)));
        rig.sqlite.set_account(&two, "phc-2", MORNING).unwrap();
        assert_eq!(admit(&one, true).unwrap(), one);
        assert!(matches!(admit(&two, true), Err(NotAdmitted::Last)));
        assert_eq!(rig.sqlite.account(&one.account).unwrap(), None, "nobody logs in by it");
        assert!(admit(&one, true).is_ok(), "it stands so already");
        admit(&one, false).unwrap();
        assert_eq!(rig.sqlite.account(&one.account).unwrap(), Some((one.clone(), "phc-1".into())));
        admit(&one, true).unwrap();
        rig.sqlite.set_account(&one, "phc-3", MORNING).unwrap();
        assert_eq!(rig.sqlite.accounts().unwrap(), [(one, false), (two, false)], "set anew, it may log in");
    }

    #[test]
    fn a_name_is_free_once_its_key_is_good_no_more() {
        let rig = rig();
        let key =
            |seed| ApiKey { name: "erp".into(), scopes: Scopes::parse("read").unwrap(), hash: KeyHash([seed; 32]) };
        assert!(rig.sqlite.add_key(&key(1), MORNING).unwrap());
        assert!(!rig.sqlite.add_key(&key(2), MORNING).unwrap());
        assert!(rig.sqlite.revoke_key("erp", MORNING).unwrap());
        assert!(!rig.sqlite.revoke_key("erp", MORNING).unwrap());
        assert!(rig.sqlite.add_key(&key(3), MORNING).unwrap());
        let good = [1, 3].map(|seed| rig.sqlite.key(&KeyHash([seed; 32])).unwrap().is_some());
        assert_eq!((good, rig.sqlite.keys().unwrap().len()), ([false, true], 2));
    }
}
