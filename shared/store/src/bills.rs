//! Bills and exceptions as rows say they stand: what the engine asks before it decides, and what programs read.

use std::ops::RangeInclusive;

use guitai_core::{
    bill::{Bill, BillKey, COUNTER_BILLS, Claim},
    ids::{OrderNo, TillId},
    money::Fen,
    time::{Day, UtcMs},
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    StoreError,
    column::{bill_day, money},
    query::{PAYMENT_COLUMNS, PaymentRow, payment_row},
};

/// A bill as it stands, with what each of its payments claims of it; none if nobody named it yet.
///
/// # Errors
/// What SQLite says.
pub fn bill(connection: &Connection, store: &str, key: &BillKey) -> Result<Option<Bill>, StoreError> {
    let Some(total) = total(connection, store, key)? else { return Ok(None) };
    let mut bill = Bill::new(total);
    let mut statement = connection.prepare_cached(
        "SELECT no, covered, locked FROM payment
         WHERE store = ?1 AND bill_source = ?2 AND bill_number = ?3 AND bill_day = ?4 ORDER BY no",
    )?;
    let mut rows = statement.query(params![store, key.source, key.number, bill_day(key)])?;
    while let Some(row) = rows.next()? {
        let no = OrderNo::parse(&row.get::<_, String>(0)?).ok_or_else(|| StoreError::Corrupt("payment.no".into()))?;
        let claim = Claim { covered: money(row.get(1)?)?, locked: money(row.get(2)?)? };
        bill.put(no, claim);
    }
    Ok(Some(bill))
}

/// A bill of the shop's own system has its total on record; the counter's own is as large as its first sale.
fn total(connection: &Connection, store: &str, key: &BillKey) -> Result<Option<Fen>, StoreError> {
    let found = if key.source == COUNTER_BILLS {
        connection
            .prepare_cached("SELECT amount FROM payment WHERE no = ?2 AND store = ?1 AND kind = 'charge'")?
            .query_row(params![store, key.number], |row| row.get::<_, i64>(0))
            .optional()?
    } else {
        connection
            .prepare_cached("SELECT total FROM bill WHERE store = ?1 AND source = ?2 AND number = ?3 AND day = ?4")?
            .query_row(params![store, key.source, key.number, bill_day(key)], |row| row.get::<_, i64>(0))
            .optional()?
    };
    found.map(money).transpose()
}

/// The last day before `today` on which a source that numbers anew each day used this number.
///
/// # Errors
/// What SQLite says.
pub fn bill_day_before(
    connection: &Connection,
    store: &str,
    (source, number): (&str, &str),
    today: Day,
) -> Result<Option<Day>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT day FROM bill WHERE store = ?1 AND source = ?2 AND number = ?3 AND day < ?4 AND day > 0
         ORDER BY day DESC LIMIT 1",
    )?;
    let found = statement.query_row(params![store, source, number, today.number()], |row| row.get(0)).optional()?;
    Ok(found.and_then(Day::from_number))
}

/// The last business day before `today` on which the store charged anything.
///
/// # Errors
/// What SQLite says.
pub fn trading_day_before(connection: &Connection, store: &str, today: Day) -> Result<Option<Day>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT day FROM stat WHERE store = ?1 AND day < ?2 AND movement = 'paid' AND count > 0 ORDER BY day DESC LIMIT 1",
    )?;
    let found = statement.query_row(params![store, today.number()], |row| row.get(0)).optional()?;
    Ok(found.and_then(Day::from_number))
}

/// The newest charge of a till. Numbers only grow, so it tells whether a till went on after an attempt, whatever clocks say.
///
/// # Errors
/// What SQLite says.
pub fn newest_of_till(connection: &Connection, store: &str, till: &TillId) -> Result<Option<String>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT no FROM payment WHERE store = ?1 AND till = ?2 AND kind = 'charge' ORDER BY no DESC LIMIT 1",
    )?;
    Ok(statement.query_row(params![store, till.as_str()], |row| row.get(0)).optional()?)
}

/// Whether a payment code with this keyed hash went out before. One whose request never left may come again at the same till,
/// where its customer stands; two tills that claim one code are not both right.
///
/// # Errors
/// What SQLite says.
pub fn code_was_used(connection: &Connection, hash: u64, till: &TillId) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT 1 FROM payment
         WHERE code_hash = ?1 AND NOT (state = 'closed' AND reason = 'not_sent' AND till = ?2) LIMIT 1",
    )?;
    Ok(statement.exists(params![hash.cast_signed(), till.as_str()])?)
}

/// Payments that go on after a start: open, owing, or watched for late money. Oldest first.
///
/// # Errors
/// What SQLite says.
pub fn unfinished(connection: &Connection, store: &str) -> Result<Vec<OrderNo>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT no FROM payment INDEXED BY payment_unfinished WHERE unfinished = 1 AND store = ?1")?;
    numbers(statement.query_map([store], |row| row.get(0))?)
}

/// How many payments have no final result yet, voids and refunds among them.
///
/// # Errors
/// What SQLite says.
pub fn open_count(connection: &Connection) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT (SELECT count(*) FROM payment INDEXED BY payment_unfinished WHERE unfinished = 1 AND state = 'pending')
             + (SELECT count(*) FROM payment INDEXED BY payment_by_state
                WHERE state IN ('unknown', 'held', 'reversing', 'refunding') AND state NOT IN ('pending', 'paid'))",
    )?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Charges intended since a moment, oldest first.
///
/// # Errors
/// What SQLite says.
pub fn charges_since(connection: &Connection, store: &str, since: UtcMs) -> Result<Vec<OrderNo>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT no FROM payment INDEXED BY payment_by_store_time WHERE store = ?1 AND at >= ?2 AND kind = 'charge'",
    )?;
    numbers(statement.query_map(params![store, since.0], |row| row.get(0))?)
}

/// In order: the oldest first.
fn numbers(found: impl Iterator<Item = rusqlite::Result<String>>) -> Result<Vec<OrderNo>, StoreError> {
    let corrupt = || StoreError::Corrupt("an order number".into());
    let mut numbers = found.map(|no| OrderNo::parse(&no?).ok_or_else(corrupt)).collect::<Result<Vec<_>, _>>()?;
    numbers.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    Ok(numbers)
}

/// Payments that wait for a person: quarantined, owing, or open since a time (UTC ms) that is not `young`. A stamp ahead of the time
/// tells no age, and is taken for old.
///
/// # Errors
/// What SQLite says.
pub fn for_a_person(
    connection: &Connection,
    store: &str,
    young: RangeInclusive<i64>,
) -> Result<Vec<PaymentRow>, StoreError> {
    let sql = format!(
        "SELECT {PAYMENT_COLUMNS} FROM payment p WHERE p.store = ?1 AND (p.state = 'quarantined' OR p.owed > 0)
         UNION SELECT {PAYMENT_COLUMNS} FROM payment p INDEXED BY payment_unfinished WHERE p.store = ?1 AND p.unfinished = 1
             AND p.at NOT BETWEEN ?2 AND ?3
             AND (p.state IN ('pending', 'unknown', 'held')
                  OR (p.state = 'reversing' AND (p.received IS NULL OR p.changed_at NOT BETWEEN ?2 AND ?3))
                  OR (p.state = 'refunding' AND p.changed_at NOT BETWEEN ?2 AND ?3))
         ORDER BY 1"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params![store, young.start(), young.end()], |row| Ok(payment_row(row)))?;
    rows.map(|row| row?).collect()
}

/// Payments that a person ended, newest first.
///
/// # Errors
/// What SQLite says.
pub fn settled(connection: &Connection, store: &str, limit: usize) -> Result<Vec<PaymentRow>, StoreError> {
    let sql = format!(
        "SELECT {PAYMENT_COLUMNS} FROM payment p WHERE p.store = ?1 AND p.settled IS NOT NULL
             AND p.state <> 'quarantined' AND p.owed = 0 ORDER BY p.no DESC LIMIT ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![store, limit], |row| Ok(payment_row(row)))?;
    rows.map(|row| row?).collect()
}

/// The payments on a bill, oldest first.
///
/// # Errors
/// What SQLite says.
pub fn payments_of(connection: &Connection, store: &str, key: &BillKey) -> Result<Vec<PaymentRow>, StoreError> {
    let sql = format!(
        "SELECT {PAYMENT_COLUMNS} FROM payment p
         WHERE p.store = ?1 AND p.bill_source = ?2 AND p.bill_number = ?3 AND p.bill_day = ?4 ORDER BY p.no"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows =
        statement.query_map(params![store, key.source, key.number, bill_day(key)], |row| Ok(payment_row(row)))?;
    rows.map(|row| row?).collect()
}
