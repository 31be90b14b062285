//! Journals as they travel: loading a range to send, and the hub's copies of what its stores wrote.

use guitai_core::{
    ids::{FactNo, Issuer, OrderNo, StoreId},
    journal::{
        Committed,
        chain::{self, ChainHash, Seal},
        fact::{Fact, FactError},
    },
};
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use crate::{
    StoreError,
    journal::{durable, fact_no, insert_fact, insert_seal, unsigned},
    projection::{self, integer},
};

/// A gap-free run of facts whose last one is sealed.
#[derive(Clone, Debug)]
pub struct Run {
    /// The number of the first body.
    pub first: FactNo,
    /// Stored bytes, in order.
    pub bodies: Vec<Vec<u8>>,
    /// Covers the last body.
    pub seal: Seal,
}

/// Loads the run from `first` that fits `max_bytes`, ending at a seal; one commit larger than that comes whole. `None` when
/// there is nothing sealed from `first` on.
///
/// # Errors
/// What SQLite says.
pub fn load(
    connection: &Connection,
    store: &StoreId,
    first: FactNo,
    max_bytes: usize,
) -> Result<Option<Run>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT f.epoch, f.number, f.body, f.head, s.signature FROM fact f LEFT JOIN seal s USING (store, epoch, number)
         WHERE f.store = ?1 AND f.epoch = ?2 AND f.number >= ?3 ORDER BY f.number",
    )?;
    let mut rows = statement.query(params![store.as_str(), first.epoch, integer(first.number)])?;
    let (mut bodies, mut bytes): (Vec<Vec<u8>>, usize) = (Vec::new(), 0);
    let mut sealed: Option<(usize, Seal)> = None;
    while let Some(row) = rows.next()? {
        let body: Vec<u8> = row.get(2)?;
        bytes += body.len();
        if bytes > max_bytes && sealed.is_some() {
            break;
        }
        bodies.push(body);
        if let Some(signature) = row.get::<_, Option<[u8; 64]>>(4)? {
            sealed = Some((bodies.len(), Seal::from_parts(fact_no(row)?, row.get(3)?, signature)));
        }
    }
    let Some((count, seal)) = sealed else { return Ok(None) };
    bodies.truncate(count);
    Ok(Some(Run { first, bodies, seal }))
}

/// The last fact held of a store, and the chain's value after it.
///
/// # Errors
/// What SQLite says.
pub fn head(connection: &Connection, store: &StoreId) -> Result<(FactNo, ChainHash), StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT epoch, number, head FROM fact WHERE store = ?1 ORDER BY epoch DESC, number DESC LIMIT 1",
    )?;
    let found = statement.query_row([store.as_str()], |row| Ok((fact_no(row)?, row.get(2)?))).optional()?;
    Ok(found.unwrap_or_else(|| (FactNo { epoch: 1, number: 0 }, chain::start(store, 1))))
}

/// The chain's value after one fact, if it is held.
///
/// # Errors
/// What SQLite says.
pub fn head_at(connection: &Connection, store: &StoreId, no: FactNo) -> Result<Option<ChainHash>, StoreError> {
    if no.number == 0 {
        return Ok(Some(chain::start(store, no.epoch)));
    }
    let mut statement =
        connection.prepare_cached("SELECT head FROM fact WHERE store = ?1 AND epoch = ?2 AND number = ?3")?;
    let place = params![store.as_str(), no.epoch, integer(no.number)];
    Ok(statement.query_row(place, |row| row.get(0)).optional()?)
}

/// Appends a verified run to the copy of a store's journal, with its rows, in one transaction. A fact this version cannot
/// digest is stored as it is and flagged; it blocks nothing behind it.
///
/// # Errors
/// What SQLite says: nothing of the run is then stored.
pub fn persist(
    connection: &mut Connection,
    store: &StoreId,
    issuers: &[Issuer],
    run: &Run,
) -> Result<(Committed, Vec<Fact>), StoreError> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let (last, mut head) = head(&transaction, store)?;
    let expected = FactNo { epoch: last.epoch, number: last.number + 1 };
    if run.first.epoch > last.epoch && run.first.number == 1 {
        head = chain::start(store, run.first.epoch);
    } else if run.first != expected {
        return Err(StoreError::Corrupt(format!("a run beginning at {} where {expected} is next", run.first)));
    }
    let mut digested = Vec::with_capacity(run.bodies.len());
    let mut no = run.first;
    for body in &run.bodies {
        head = chain::link(&head, no, body);
        let fact = Fact::from_bytes(body);
        let order_no = fact.as_ref().ok().and_then(Fact::order_no);
        insert_fact(&transaction, store, no, body, &head, order_no)?;
        match digest(&transaction, (store, issuers), no, fact)? {
            Ok(fact) => digested.push(fact),
            Err(why) => {
                let row = params![store.as_str(), no.epoch, integer(no.number), why];
                transaction.execute("INSERT INTO undigested VALUES (?1, ?2, ?3, ?4)", row)?;
            }
        }
        no.number += 1;
    }
    insert_seal(&transaction, store, &run.seal)?;
    transaction.commit()?;
    Ok((durable(), digested))
}

/// Writes a fact's rows, or says why they cannot be: a newer kind, a number that is not this store's to draw, or rows that
/// contradict what the store wrote before. None of that may stop the facts behind it.
fn digest(
    connection: &Connection,
    (store, issuers): (&StoreId, &[Issuer]),
    no: FactNo,
    fact: Result<Fact, FactError>,
) -> Result<Result<Fact, String>, StoreError> {
    let fact = match fact {
        Ok(fact) => fact,
        Err(why) => return Ok(Err(format!("{why:?}"))),
    };
    let foreign = |drawn: &OrderNo| drawn.issuer().is_none_or(|issuer| !issuers.contains(&issuer));
    if let Some(drawn) = fact.draws().filter(foreign) {
        return Ok(Err(format!("number {drawn} is of no issuer of store {store}")));
    }
    connection.execute_batch("SAVEPOINT rows")?;
    match projection::write(connection, store, no, &fact) {
        Ok(()) => {
            connection.execute_batch("RELEASE rows")?;
            Ok(Ok(fact))
        }
        Err(StoreError::Sqlite(error)) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            connection.execute_batch("ROLLBACK TO rows; RELEASE rows")?;
            Ok(Err(error.to_string()))
        }
        Err(error) => Err(error),
    }
}

/// How many facts of a store are kept undigested.
///
/// # Errors
/// What SQLite says.
pub fn undigested(connection: &Connection, store: &StoreId) -> Result<u64, StoreError> {
    let count = connection
        .prepare_cached("SELECT count(*) FROM undigested WHERE store = ?1")?
        .query_row([store.as_str()], |row| row.get::<_, i64>(0))?;
    Ok(unsigned(count))
}
