//! What people and programs read: over read-only connections, so a long list never waits for a sale nor a sale for it.

use std::sync::Mutex;

use guitai_core::{
    bill::BillKey,
    ids::{FactNo, JournalId, OrderNo},
    journal::{chain::Seal, fact::Fact},
    money::Fen,
    payment::State,
    secret::Wallet,
    stats::Movement,
    time::{Day, UtcMs},
};
pub use rusqlite::Connection;
use rusqlite::{OptionalExtension, Row, params};

use crate::{
    Database, StoreError,
    column::{fact_no, money, of},
    facts,
};

/// Idle read connections kept open.
const IDLE_MAX: usize = 8;

/// Read-only access, for any number of threads.
#[derive(Debug)]
pub struct Reader {
    database: Database,
    idle: Mutex<Vec<Connection>>,
}

/// One row of the list: a charge, a void or a refund.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "named as on the wire, see design section 5")]
pub struct PaymentRow {
    pub no: OrderNo,
    pub store: String,
    pub kind: String,
    pub original: Option<String>,
    pub state: State,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub amount: Fen,
    pub received: Option<Fen>,
    pub refunded: Fen,
    pub wallet: Option<Wallet>,
    pub code_last_two: Option<String>,
    pub acquirer: Option<String>,
    pub acquirer_no: Option<String>,
    pub wallet_no: Option<String>,
    pub till: String,
    pub cashier: String,
    pub bill: Option<BillOf>,
    pub business_day: Day,
    pub at: UtcMs,
    pub changed_at: UtcMs,
    pub paid_at: Option<UtcMs>,
    pub remark: Option<String>,
    pub approver: Option<String>,
    /// What must still go back by itself.
    pub owed: Fen,
    /// What it covers of its bill.
    pub covered: Fen,
    /// What it locks of its bill.
    pub locked: Fen,
    /// How a person ended it.
    pub settled: Option<String>,
    /// The cashier gave it up.
    pub given_up: bool,
    pub fact: FactNo,
}

/// The bill of a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillOf {
    /// Which.
    pub key: BillKey,
    /// What it comes to.
    pub total: Fen,
}

/// One figure of a day.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the columns of a day's figures, see core's stats")]
pub struct StatRow {
    pub store: String,
    pub movement: Movement,
    pub wallet: Wallet,
    pub cashier: String,
    pub hour: u8,
    pub count: u64,
    pub sum: Fen,
}

/// A person who may log in.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields of an account fact")]
pub struct AccountRow {
    pub account: String,
    pub name: String,
    pub role: String,
    pub verifier: String,
    pub disabled: bool,
}

/// A program's key, without itself.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields of a key's facts")]
pub struct ApiKeyRow {
    pub name: String,
    pub scopes: String,
    pub hash: [u8; 32],
    pub created_at: UtcMs,
    pub revoked_at: Option<UtcMs>,
}

impl Reader {
    /// Readers of one database.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self { database, idle: Mutex::new(Vec::new()) }
    }

    /// Runs one read on an idle or new connection.
    ///
    /// # Errors
    /// What the read says.
    pub fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        let connection = match idle {
            Some(connection) => connection,
            None => self.database.reader()?,
        };
        let answer = work(&connection);
        if let Ok(mut idle) = self.idle.lock()
            && idle.len() < IDLE_MAX
        {
            idle.push(connection);
        }
        answer
    }
}

/// The columns of a [`PaymentRow`], from `payment p`. A bill of a shop's own system has its total on record, the counter's own is
/// as large as its first sale.
pub(crate) const PAYMENT_COLUMNS: &str = "p.no, p.store, p.kind, p.original, p.state, p.reason, p.message, p.amount,
    p.received, p.refunded, p.wallet, p.code_last_two, p.acquirer, p.acquirer_no, p.wallet_no, p.till, p.cashier,
    p.bill_source, p.bill_number,
    coalesce((SELECT b.total FROM bill b WHERE b.store = p.store AND b.source = p.bill_source AND b.number = p.bill_number
                  AND b.day = p.bill_day),
             (SELECT f.amount FROM payment f WHERE f.no = p.bill_number AND f.store = p.store AND f.original = ''), p.amount),
    p.business_day, p.at, p.changed_at, p.remark, p.approver, p.epoch, p.number, p.paid_at, p.bill_day, p.owed, p.covered,
    p.locked, p.settled, p.given_up";

/// One row by its number; of a charge and a return of one number, as copies of one folder may have drawn it, the charge's.
///
/// # Errors
/// What SQLite says.
pub fn payment(connection: &Connection, no: &str) -> Result<Option<PaymentRow>, StoreError> {
    let sql = format!("SELECT {PAYMENT_COLUMNS} FROM payment p WHERE p.no = ?1 ORDER BY p.store, p.original LIMIT 1");
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_row([no], |row| Ok(payment_row(row))).optional()?.transpose()
}

pub(crate) fn payment_row(row: &Row<'_>) -> Result<PaymentRow, StoreError> {
    let corrupt = |what: &str| StoreError::Corrupt(format!("payment.{what}"));
    let amount = |index| money(row.get(index)?);
    let bill = match (row.get::<_, Option<String>>(17)?, row.get::<_, Option<String>>(18)?) {
        (Some(source), Some(number)) => {
            let day = Day::from_number(row.get(28)?);
            Some(BillOf { key: BillKey { source, number, day }, total: amount(19)? })
        }
        (None, _) | (_, None) => None,
    };
    Ok(PaymentRow {
        no: OrderNo::parse(&row.get::<_, String>(0)?).ok_or_else(|| corrupt("no"))?,
        store: row.get(1)?,
        kind: row.get(2)?,
        original: Some(row.get::<_, String>(3)?).filter(|original| !original.is_empty()),
        state: State::parse(&row.get::<_, String>(4)?).ok_or_else(|| corrupt("state"))?,
        reason: row.get(5)?,
        message: row.get(6)?,
        amount: amount(7)?,
        received: row.get::<_, Option<i64>>(8)?.map(money).transpose()?,
        refunded: amount(9)?,
        wallet: row.get::<_, Option<String>>(10)?.as_deref().and_then(Wallet::parse),
        code_last_two: row.get(11)?,
        acquirer: row.get(12)?,
        acquirer_no: row.get(13)?,
        wallet_no: row.get(14)?,
        till: row.get(15)?,
        cashier: row.get(16)?,
        bill,
        business_day: Day::from_number(row.get(20)?).ok_or_else(|| corrupt("business_day"))?,
        at: UtcMs(row.get(21)?),
        changed_at: UtcMs(row.get(22)?),
        paid_at: row.get::<_, Option<i64>>(27)?.map(UtcMs),
        remark: row.get(23)?,
        approver: row.get(24)?,
        owed: amount(29)?,
        covered: amount(30)?,
        locked: amount(31)?,
        settled: row.get(32)?,
        given_up: row.get(33)?,
        fact: FactNo { epoch: row.get(25)?, number: row.get(26)? },
    })
}

/// The day's figures, of one store or of all.
///
/// # Errors
/// What SQLite says.
pub fn day_stats(connection: &Connection, day: Day, store: Option<&str>) -> Result<Vec<StatRow>, StoreError> {
    const OF_ONE: &str =
        "SELECT store, movement, wallet, cashier, hour, count, sum FROM stat WHERE day = ?1 AND store = ?2";
    const OF_ALL: &str = "SELECT store, movement, wallet, cashier, hour, count, sum FROM stat WHERE day = ?1";
    let mut statement = connection.prepare_cached(if store.is_some() { OF_ONE } else { OF_ALL })?;
    let mut rows = match store {
        Some(store) => statement.query(params![day.number(), store])?,
        None => statement.query([day.number()])?,
    };
    let mut figures = Vec::new();
    while let Some(row) = rows.next()? {
        figures.push(stat_row(row)?);
    }
    Ok(figures)
}

fn stat_row(row: &Row<'_>) -> Result<StatRow, StoreError> {
    let corrupt = || StoreError::Corrupt("stat".into());
    Ok(StatRow {
        store: row.get(0)?,
        movement: Movement::parse(&row.get::<_, String>(1)?).ok_or_else(corrupt)?,
        wallet: Wallet::parse(&row.get::<_, String>(2)?).ok_or_else(corrupt)?,
        cashier: row.get(3)?,
        hour: row.get(4)?,
        count: row.get(5)?,
        sum: money(row.get(6)?)?,
    })
}

/// Count and sum of payments in doubt on a day. It looks at what is in doubt now, of whatever day, which is little: a doubt ends.
///
/// # Errors
/// What SQLite says.
pub fn in_doubt(
    connection: &Connection,
    day: Day,
    store: Option<&str>,
    cashier: Option<&str>,
) -> Result<(u64, Fen), StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*), coalesce(sum(amount), 0) FROM payment INDEXED BY payment_by_state
         WHERE state IN ('unknown', 'held', 'reversing', 'quarantined') AND state NOT IN ('pending', 'paid')
         AND kind = 'charge' AND business_day = ?1 AND (?2 IS NULL OR store = ?2) AND (?3 IS NULL OR cashier = ?3)",
    )?;
    let found =
        statement.query_row(params![day.number(), store, cashier], |row| Ok((row.get(0)?, money(row.get(1)?))))?;
    Ok((found.0, found.1?))
}

/// All accounts of a store, by account.
///
/// # Errors
/// What SQLite says.
pub fn accounts(connection: &Connection, store: &str) -> Result<Vec<AccountRow>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT account, name, role, verifier, disabled FROM account WHERE store = ?1 ORDER BY account",
    )?;
    let rows = statement.query_map([store], account_row)?;
    rows.map(|row| Ok(row?)).collect()
}

/// One account of a store.
///
/// # Errors
/// What SQLite says.
pub fn account(connection: &Connection, store: &str, account: &str) -> Result<Option<AccountRow>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT account, name, role, verifier, disabled FROM account WHERE store = ?1 AND account = ?2",
    )?;
    Ok(statement.query_row([store, account], account_row).optional()?)
}

fn account_row(row: &Row<'_>) -> rusqlite::Result<AccountRow> {
    Ok(AccountRow {
        account: row.get(0)?,
        name: row.get(1)?,
        role: row.get(2)?,
        verifier: row.get(3)?,
        disabled: row.get(4)?,
    })
}

/// Name and scopes of a program's key, by its SHA-256; nothing of one that was revoked.
///
/// # Errors
/// What SQLite says.
pub fn api_key(connection: &Connection, hash: &[u8; 32]) -> Result<Option<(String, String)>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT name, scopes FROM api_key WHERE hash = ?1 AND revoked_at IS NULL")?;
    Ok(statement.query_row([hash], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// All keys of a store's programs, by name, the newest of a name first; also those that are good no more.
///
/// # Errors
/// What SQLite says.
pub fn api_keys(connection: &Connection, store: &str) -> Result<Vec<ApiKeyRow>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT name, scopes, hash, created_at, revoked_at FROM api_key WHERE store = ?1
         ORDER BY name, created_at DESC, hash",
    )?;
    let rows = statement.query_map([store], |row| {
        let (created_at, revoked_at) = (row.get(3)?, row.get::<_, Option<i64>>(4)?);
        Ok(ApiKeyRow {
            name: row.get(0)?,
            scopes: row.get(1)?,
            hash: row.get(2)?,
            created_at: UtcMs(created_at),
            revoked_at: revoked_at.map(UtcMs),
        })
    })?;
    rows.map(|row| Ok(row?)).collect()
}

/// How many facts of a journal lie after `acked`, and when the first of them was written. Facts of an epoch are numbered without
/// gaps, so its end tells how many there are.
///
/// # Errors
/// What SQLite says.
pub fn unsent(connection: &Connection, journal: &JournalId, acked: FactNo) -> Result<(u64, Option<UtcMs>), StoreError> {
    let ends = facts::epoch_ends(connection, journal)?.into_iter().take_while(|end| end.epoch >= acked.epoch);
    let count = ends
        .map(|end| if end.epoch == acked.epoch { end.number.saturating_sub(acked.number) } else { end.number })
        .sum();
    if count == 0 {
        return Ok((0, None));
    }
    let mut statement = connection.prepare_cached(
        "SELECT body FROM fact WHERE store = ?1 AND writer = ?2 AND (epoch, number) > (?3, ?4) ORDER BY epoch, number LIMIT 1",
    )?;
    let place = params![journal.store.as_str(), journal.writer.text(), acked.epoch, acked.number];
    let oldest: Option<Vec<u8>> = statement.query_row(place, |row| row.get(0)).optional()?;
    Ok((count, oldest.and_then(|body| Some(Fact::from_bytes(&body).ok()?.at()))))
}

/// The first fact of a journal: of a box that replaced another it is no beginning of the store's history.
///
/// # Errors
/// What SQLite says.
pub fn first_fact(connection: &Connection, journal: &JournalId) -> Result<Option<FactNo>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT epoch, number FROM fact WHERE store = ?1 AND writer = ?2 ORDER BY epoch, number LIMIT 1",
    )?;
    Ok(statement.query_row(of(journal), fact_no).optional()?)
}

/// The last fact of a journal.
///
/// # Errors
/// What SQLite says.
pub fn last_fact(connection: &Connection, journal: &JournalId) -> Result<Option<FactNo>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT epoch, number FROM fact WHERE store = ?1 AND writer = ?2 ORDER BY epoch DESC, number DESC LIMIT 1",
    )?;
    Ok(statement.query_row(of(journal), fact_no).optional()?)
}

/// The last seal held of a journal: what its receiver goes on from.
///
/// # Errors
/// What SQLite says.
pub fn last_seal(connection: &Connection, journal: &JournalId) -> Result<Option<Seal>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT s.epoch, s.number, f.head, s.signature FROM seal s JOIN fact f USING (store, writer, epoch, number)
         WHERE s.store = ?1 AND s.writer = ?2 ORDER BY s.epoch DESC, s.number DESC LIMIT 1",
    )?;
    let found = statement.query_row(of(journal), |row| Ok(Seal::from_parts(fact_no(row)?, row.get(2)?, row.get(3)?)));
    Ok(found.optional()?)
}

/// Payments whose facts came after `no`, oldest first: what a reader of events missed.
///
/// # Errors
/// What SQLite says.
pub fn changed_after(
    connection: &Connection,
    journal: &JournalId,
    no: FactNo,
    limit: usize,
) -> Result<Vec<(FactNo, String)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT epoch, number, order_no FROM fact
         WHERE store = ?1 AND writer = ?2 AND (epoch, number) > (?3, ?4) AND order_no IS NOT NULL
         ORDER BY epoch, number LIMIT ?5",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let number = no.number;
    let place = params![journal.store.as_str(), journal.writer.text(), no.epoch, number, limit];
    let rows = statement.query_map(place, |row| Ok((fact_no(row)?, row.get(2)?)))?;
    rows.map(|row| Ok(row?)).collect()
}
