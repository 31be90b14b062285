//! The merchant's stores, the codes that let a node in, and the keys that were let in.

use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{FactNo, Issuer, JournalId, StoreId},
    sync::{
        contract::{Authorisation, Claim, EnrolRequest, Standing},
        frame::{EnrolRefusal, Enrolled, Status},
    },
    time::UtcMs,
    trust::{EnrolmentCode, KeyBytes},
};
use guitai_store::{StoreError, query};
use hmac::{Hmac, KeyInit, Mac};
use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::Sha256;

use super::{integer, unsigned};

/// The first store's issuer number; five digits, so that order numbers of all stores look alike.
pub(crate) const ISSUER_FIRST: u32 = 10_001;

/// The last one of a store; from 90,000 on tills are hosted here.
pub(crate) const ISSUER_LAST: u32 = 89_999;

const SECRET_TAG: &[u8] = b"guitai/hub/enrolment-secret/1";

/// A store as the hub knows it.
#[derive(Clone, Debug)]
pub(crate) struct StoreLine {
    /// Its id.
    pub(crate) id: StoreId,
    /// Its name for people.
    pub(crate) name: String,
    /// Its number in order numbers.
    pub(crate) issuer: Issuer,
    /// How its node fared when it was last heard.
    pub(crate) seen: Option<Seen>,
    /// The last fact held.
    pub(crate) facts: Option<FactNo>,
    /// The key of its node.
    pub(crate) key: Option<KeyBytes>,
}

/// A node as it was last heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// When.
    pub(crate) at: UtcMs,
    /// What it said.
    pub(crate) status: Status,
}

/// Why a store is not added.
#[derive(Debug)]
pub(crate) enum NotAdded {
    /// The id is taken.
    Exists,
    /// No issuer number is left.
    NoIssuer,
    /// The database said no.
    Store(StoreError),
}

/// Why no enrolment code is made.
#[derive(Debug)]
pub(crate) enum NoCode {
    /// There is no such store.
    UnknownStore,
    /// Its node is enrolled and has delivered facts; another key could not go on with them.
    HasNode(FactNo),
    /// The database said no.
    Store(StoreError),
}

impl From<StoreError> for NotAdded {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<StoreError> for NoCode {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The number a store's order numbers carry.
pub(super) fn issuer(connection: &Connection, store: &StoreId) -> Result<Issuer, StoreError> {
    let mut statement = connection.prepare_cached("SELECT issuer FROM hub_store WHERE id = ?1")?;
    let number = statement.query_row([store.as_str()], |row| row.get(0))?;
    Issuer::new(number).ok_or_else(|| StoreError::Corrupt("hub_store.issuer".into()))
}

/// Adds a store under the next issuer number.
pub(super) fn add_store(connection: &Connection, store: &StoreId, name: &str, now: UtcMs) -> Result<Issuer, NotAdded> {
    let sql = StoreError::Sqlite;
    let taken = connection.prepare("SELECT 1 FROM hub_store WHERE id = ?1").map_err(sql)?.exists([store.as_str()]);
    if taken.map_err(sql)? {
        return Err(NotAdded::Exists);
    }
    let last: Option<u32> =
        connection.query_row("SELECT max(issuer) FROM hub_store", [], |row| row.get(0)).map_err(sql)?;
    let next = last.map_or(ISSUER_FIRST, |last| last + 1);
    let issuer = Issuer::new(next).filter(|issuer| issuer.get() <= ISSUER_LAST).ok_or(NotAdded::NoIssuer)?;
    connection
        .execute(
            "INSERT INTO hub_store (id, name, issuer, created_at) VALUES (?1, ?2, ?3, ?4)",
            params![store.as_str(), name, issuer.get(), now.0],
        )
        .map_err(sql)?;
    Ok(issuer)
}

/// All stores, by id.
pub(super) fn stores(connection: &Connection) -> Result<Vec<StoreLine>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, issuer, seen_at, unsent, oldest_unsent_at, version,
             (SELECT key FROM hub_roster WHERE store = id AND revoked_at IS NULL)
         FROM hub_store ORDER BY id",
    )?;
    let rows = statement.query_map([], |row| Ok(store_line(row)))?;
    let mut lines = rows.map(|row| row?).collect::<Result<Vec<_>, StoreError>>()?;
    for line in &mut lines {
        line.facts = query::last_fact(connection, &JournalId::node(line.id.clone()))?;
    }
    Ok(lines)
}

/// A new code for a store.
pub(super) fn new_code(
    connection: &Connection,
    identity: &SigningKey,
    store: &StoreId,
    nonce: [u8; 32],
    expires_at: UtcMs,
) -> Result<EnrolmentCode, NoCode> {
    let lines = stores(connection)?;
    let line = lines.iter().find(|line| line.id == *store).ok_or(NoCode::UnknownStore)?;
    if let (Some(_), Some(facts)) = (line.key, line.facts) {
        return Err(NoCode::HasNode(facts));
    }
    let code = code(identity, &nonce);
    connection
        .execute(
            "INSERT INTO hub_code (id, nonce, store, expires_at) VALUES (?1, ?2, ?3, ?4)",
            params![code.id(), nonce, store.as_str(), expires_at.0],
        )
        .map_err(StoreError::Sqlite)?;
    Ok(code)
}

/// The roster's word on a node whose hello is rightly signed.
pub(super) fn authorise(connection: &Connection, claim: &Claim) -> Result<Authorisation, StoreError> {
    let enrolled = entry(connection, &claim.key)?;
    Ok(match (enrolled, &claim.store) {
        (Some(entry), _) if entry.revoked => Authorisation::Revoked,
        // Also one already enrolled: the answer to its first enrolment may have been lost on the way.
        (Some(_) | None, None) => Authorisation::EnrolOnly,
        (None, Some(_)) => Authorisation::Unknown,
        (Some(entry), Some(store)) if entry.store == *store => Authorisation::Admitted(Standing {
            store: entry.store,
            outgoing: None,
            incoming: query::last_seal(connection, &JournalId::node(store.clone()))?,
        }),
        (Some(_), Some(_)) => Authorisation::WrongStore,
    })
}

/// Takes a node in if its proof is right, and uses the code up.
pub(super) fn enrol(
    connection: &Connection,
    identity: &SigningKey,
    request: &EnrolRequest,
    now: UtcMs,
) -> Result<Result<Enrolled, EnrolRefusal>, StoreError> {
    let node = request.channel.node_key;
    let Some(open) = open_code(connection, &request.code_id)? else { return Ok(Err(EnrolRefusal::WrongCode)) };
    if !code(identity, &open.nonce).proves(&request.channel, &request.proof) {
        return Ok(Err(EnrolRefusal::WrongCode));
    }
    let lines = stores(connection)?;
    let line = lines.into_iter().find(|line| line.id == open.store);
    let Some(line) = line else { return Ok(Err(EnrolRefusal::WrongCode)) };
    let known = entry(connection, &node)?;
    let welcome = Enrolled { store: line.id.clone(), store_name: line.name.clone(), issuer: line.issuer };
    if open.used {
        let again = open.used_by == Some(node) && line.key == Some(node);
        return Ok(if again { Ok(welcome) } else { Err(EnrolRefusal::Used) });
    }
    if now >= open.expires_at {
        return Ok(Err(EnrolRefusal::Expired));
    }
    match (known, line.key, line.facts) {
        (Some(entry), _, _) if entry.revoked || entry.store != line.id => return Ok(Err(EnrolRefusal::KnownKey)),
        // Another node of this store delivered facts since the code was printed.
        (None, Some(_), Some(_)) => return Ok(Err(EnrolRefusal::Used)),
        (Some(_) | None, _, _) => {}
    }
    take_in(connection, &open, &node, now)?;
    Ok(Ok(welcome))
}

/// Notes how a node fares.
pub(super) fn seen(connection: &Connection, store: &StoreId, seen: &Seen) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE hub_store SET seen_at = ?2, unsent = ?3, oldest_unsent_at = ?4, version = ?5 WHERE id = ?1",
        )?
        .execute(params![
            store.as_str(),
            seen.at.0,
            integer(seen.status.unsent),
            seen.status.oldest_unsent_at.map(|at| at.0),
            seen.status.app_version,
        ])?;
    Ok(())
}

struct Entry {
    store: StoreId,
    revoked: bool,
}

struct OpenCode {
    id: [u8; 8],
    nonce: [u8; 32],
    store: StoreId,
    expires_at: UtcMs,
    used: bool,
    used_by: Option<KeyBytes>,
}

fn entry(connection: &Connection, key: &KeyBytes) -> Result<Option<Entry>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT store, revoked_at IS NOT NULL FROM hub_roster WHERE key = ?1")?;
    let found = statement.query_row([key], |row| Ok((row.get::<_, String>(0)?, row.get(1)?))).optional()?;
    found.map(|(store, revoked)| Ok(Entry { store: store_id(&store)?, revoked })).transpose()
}

fn open_code(connection: &Connection, id: &[u8; 8]) -> Result<Option<OpenCode>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT nonce, store, expires_at, used_at IS NOT NULL, used_by FROM hub_code WHERE id = ?1")?;
    let found = statement
        .query_row([id], |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?, row.get(4)?)));
    let found = found.optional()?;
    found
        .map(|(nonce, store, expires_at, used, used_by)| {
            Ok(OpenCode { id: *id, nonce, store: store_id(&store)?, expires_at: UtcMs(expires_at), used, used_by })
        })
        .transpose()
}

/// A store has one node: an earlier one that never delivered a fact gives way, and all the store's codes are spent.
fn take_in(connection: &Connection, open: &OpenCode, node: &KeyBytes, now: UtcMs) -> Result<(), StoreError> {
    let store = open.store.as_str();
    connection.execute(
        "UPDATE hub_roster SET revoked_at = ?2 WHERE store = ?1 AND revoked_at IS NULL AND key <> ?3",
        params![store, now.0, node],
    )?;
    connection.execute(
        "INSERT INTO hub_roster VALUES (?1, ?2, ?3, NULL) ON CONFLICT (key) DO NOTHING",
        params![node, store, now.0],
    )?;
    connection.execute(
        "UPDATE hub_code SET used_at = ?2, used_by = iif(id = ?3, ?4, NULL) WHERE store = ?1 AND used_at IS NULL",
        params![store, now.0, open.id, node],
    )?;
    Ok(())
}

fn store_line(row: &Row<'_>) -> Result<StoreLine, StoreError> {
    let seen = row.get::<_, Option<i64>>(3)?.map(|at| -> Result<Seen, StoreError> {
        let status = Status {
            unsent: unsigned(row.get::<_, Option<i64>>(4)?.unwrap_or(0)),
            oldest_unsent_at: row.get::<_, Option<i64>>(5)?.map(UtcMs),
            app_version: row.get::<_, Option<String>>(6)?.unwrap_or_default(),
            // Only a connected node's clock is known.
            clock_offset_ms: None,
        };
        Ok(Seen { at: UtcMs(at), status })
    });
    Ok(StoreLine {
        id: store_id(&row.get::<_, String>(0)?)?,
        name: row.get(1)?,
        issuer: Issuer::new(row.get(2)?).ok_or_else(|| StoreError::Corrupt("hub_store.issuer".into()))?,
        seen: seen.transpose()?,
        facts: None,
        key: row.get(7)?,
    })
}

fn store_id(text: &str) -> Result<StoreId, StoreError> {
    StoreId::parse(text).map_err(|_| StoreError::Corrupt("a store's id".into()))
}

/// Neither the database alone nor the identity alone tells an open code.
fn code(identity: &SigningKey, nonce: &[u8; 32]) -> EnrolmentCode {
    let mac = Hmac::<Sha256>::new_from_slice(identity.as_bytes()).expect("HMAC takes keys of any length");
    let bytes: [u8; 32] = mac.chain_update(SECRET_TAG).chain_update(nonce).finalize().into_bytes().into();
    let mut secret = [0; 16];
    secret.copy_from_slice(&bytes[..16]);
    EnrolmentCode::new(identity.verifying_key().to_bytes(), secret)
}

#[cfg(test)]
mod tests;
