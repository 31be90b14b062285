//! The codes that let a key in. Every key let in gets an issuer number of its own; the store's earlier box is replaced.

use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{Issuer, JournalId, StoreId},
    journal::epoch::Point,
    limits,
    sync::{
        contract::{Claim, EnrolRequest},
        frame::{EnrolRefusal, Enrolled},
    },
    time::UtcMs,
    trust::{EnrolmentCode, Grant, KeyBytes},
};
use guitai_store::{StoreError, query};
use hmac::{Hmac, KeyInit, Mac};
use rusqlite::{Connection, OptionalExtension, params};
use sha2::Sha256;

use super::{BoxLine, ISSUER_FIRST, StoreLine, Why, authorise, end, insert, next_serial, set_entry, store, store_id};

const SECRET_TAG: &[u8] = b"guitai/hub/enrolment-secret/1";

/// Wrong proofs after which a code is void. Whoever types the code sends the right one; whoever only knows its id guesses.
const WRONG_PROOFS_MAX: u32 = 5;

/// Why no enrolment code is made.
#[derive(Debug)]
pub enum NoCode {
    /// There is no such store.
    UnknownStore,
    /// The store is closed.
    Closed,
    /// The database said no.
    Store(StoreError),
}

impl From<StoreError> for NoCode {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A node that was let in.
#[derive(Debug)]
pub struct Welcome {
    /// What it is told.
    pub enrolled: Enrolled,
    /// The box it replaces, with its end.
    pub replaced: Option<BoxLine>,
}

struct OpenCode {
    id: [u8; 8],
    nonce: [u8; 32],
    store: StoreId,
    expires_at: UtcMs,
    used: bool,
    used_by: Option<KeyBytes>,
    wrong_proofs: u32,
}

/// A store that a code can be made for, as it stands: whose box its use will replace.
pub(crate) fn may_enter(connection: &Connection, store: &StoreId) -> Result<StoreLine, NoCode> {
    let line = self::store(connection, store)?.ok_or(NoCode::UnknownStore)?;
    if line.closed_at.is_some() { Err(NoCode::Closed) } else { Ok(line) }
}

/// A new code for a store, and the store as it stands.
pub(crate) fn new_code(
    connection: &Connection,
    identity: &SigningKey,
    store: &StoreId,
    nonce: [u8; 32],
    expires_at: UtcMs,
) -> Result<(EnrolmentCode, StoreLine), NoCode> {
    let line = may_enter(connection, store)?;
    let code = code(identity, &nonce);
    connection
        .execute(
            "INSERT INTO hub_code (id, nonce, store, expires_at) VALUES (?1, ?2, ?3, ?4)",
            params![code.id(), nonce, store.as_str(), expires_at.0],
        )
        .map_err(StoreError::Sqlite)?;
    Ok((code, line))
}

/// Lets a node in if its proof is right, and uses the code up.
pub(crate) fn enrol(
    connection: &Connection,
    identity: &SigningKey,
    request: &EnrolRequest,
    now: UtcMs,
) -> Result<Result<Welcome, EnrolRefusal>, StoreError> {
    let node = request.channel.node_key;
    // A node that was let in before shows it as in any hello, and is heard first: what it gets is above all that it shows.
    if let Some(grant) = &request.papers.grant {
        let (app_version, papers) = (request.app_version.clone(), request.papers.clone());
        authorise(
            connection,
            identity,
            &Claim { key: node, store: Some(grant.store.clone()), app_version, papers },
            now,
        )?;
    }
    let Some(open) = open_code(connection, &request.code_id)? else { return Ok(Err(EnrolRefusal::WrongCode)) };
    if !code(identity, &open.nonce).proves(&request.channel, &request.proof) {
        // Counted up to there and no further: a guesser costs the disk five writes.
        connection.execute(
            "UPDATE hub_code SET wrong_proofs = wrong_proofs + 1 WHERE id = ?1 AND wrong_proofs < ?2",
            params![open.id, WRONG_PROOFS_MAX],
        )?;
        return Ok(Err(EnrolRefusal::WrongCode));
    }
    let Some(line) = store(connection, &open.store)? else { return Ok(Err(EnrolRefusal::WrongCode)) };
    if open.used {
        let again = line.in_force().filter(|one| one.key == node && open.used_by == Some(node));
        let Some(one) = again else { return Ok(Err(EnrolRefusal::Used)) };
        let grant = Grant::sign(identity, line.id.clone(), one.issuer, node, one.serial);
        return Ok(Ok(Welcome { enrolled: welcome(connection, &line, grant)?, replaced: None }));
    }
    if now >= open.expires_at || open.wrong_proofs >= WRONG_PROOFS_MAX {
        return Ok(Err(EnrolRefusal::Expired));
    }
    if line.closed_at.is_some() {
        return Ok(Err(EnrolRefusal::Closed));
    }
    if serves_elsewhere(connection, &node, &line.id)? {
        return Ok(Err(EnrolRefusal::KnownKey));
    }
    let Some(issuer) = next_issuer(connection)? else { return Ok(Err(EnrolRefusal::TryAgain)) };
    let serial = next_serial(connection, now)?;
    let grant = Grant::sign(identity, line.id.clone(), issuer, node, serial);
    let replaced = match line.in_force() {
        None => None,
        Some(one) => {
            let ended = end(connection, &line, one, Why::Replaced, now)?;
            Some(BoxLine { ended: Some(ended), ..one.clone() })
        }
    };
    insert(connection, &grant, now, None)?;
    set_entry(connection, &line.id, serial, now)?;
    connection
        .execute("UPDATE hub_code SET used_at = ?2, used_by = ?3 WHERE id = ?1", params![open.id, now.0, node])?;
    Ok(Ok(Welcome { enrolled: welcome(connection, &line, grant)?, replaced }))
}

fn welcome(connection: &Connection, line: &StoreLine, grant: Grant) -> Result<Enrolled, StoreError> {
    let seal = query::last_seal(connection, &JournalId::node(line.id.clone()))?;
    let held = seal.map(|seal| Point::new(seal.no, *seal.head()));
    Ok(Enrolled { store_name: line.name.clone(), grant, held })
}

/// A node has one store: its folder holds that store's journal.
fn serves_elsewhere(connection: &Connection, key: &KeyBytes, store: &StoreId) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM hub_grant WHERE key = ?1 AND store <> ?2")?;
    Ok(statement.exists(params![key, store.as_str()])?)
}

/// One above every number ever granted, also by a life of this hub that a backup took back: see
/// [`super::admission::ISSUERS_SKIPPED`].
fn next_issuer(connection: &Connection) -> Result<Option<Issuer>, StoreError> {
    let highest: Option<u32> = connection.query_row("SELECT max(issuer) FROM hub_grant", [], |row| row.get(0))?;
    let floor = super::admission::issuer_floor(connection)?;
    let next = highest.map_or(ISSUER_FIRST, |highest| highest + 1).max(floor);
    Ok(Issuer::new(next).filter(|issuer| limits::ISSUERS_OF_NODES.contains(&issuer.get())))
}

fn open_code(connection: &Connection, id: &[u8; 8]) -> Result<Option<OpenCode>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT nonce, store, expires_at, used_at IS NOT NULL, used_by, wrong_proofs FROM hub_code WHERE id = ?1",
    )?;
    let found = statement.query_row([id], |row| {
        Ok((row.get::<_, String>(1)?, row.get(0)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
    });
    let found = found.optional()?;
    found
        .map(|(store, nonce, expires_at, used, used_by, wrong_proofs)| {
            let (store, expires_at) = (store_id(&store)?, UtcMs(expires_at));
            Ok(OpenCode { id: *id, nonce, store, expires_at, used, used_by, wrong_proofs })
        })
        .transpose()
}

/// Neither the database alone nor the identity alone tells an open code.
pub(crate) fn code(identity: &SigningKey, nonce: &[u8; 32]) -> EnrolmentCode {
    let mac = Hmac::<Sha256>::new_from_slice(identity.as_bytes()).expect("HMAC takes keys of any length");
    let bytes: [u8; 32] = mac.chain_update(SECRET_TAG).chain_update(nonce).finalize().into_bytes().into();
    let mut secret = [0; EnrolmentCode::SECRET_BYTES];
    secret.copy_from_slice(&bytes[..EnrolmentCode::SECRET_BYTES]);
    EnrolmentCode::new(identity.verifying_key().to_bytes(), secret)
}
