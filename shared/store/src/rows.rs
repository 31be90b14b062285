//! Writes what core's fold says. No decision is made here: one row change, one statement.

mod unwritten;

use guitai_core::{
    bill::BillKey,
    ids::{AccountId, FactNo, JournalId, OrderNo, StoreId, Writer},
    journal::fact::Fact,
    money::Fen,
    payment::Intended,
    rows::{ChargeRow, ReturnRow, RowChange, changes},
    secret::Wallet,
    stats::{Movement, StatChange},
    time::Day,
};
use rusqlite::{Connection, ToSql, params};

use crate::{
    StoreError, astray,
    column::{bill_day, summand},
    request,
    standings::Standings,
};

pub(crate) use unwritten::Unwritten;

/// Writes every row a fact changes. Rows are keyed by store, since only the journal of a store's own box is folded into them;
/// when the hub writes facts of its own, they get rows of their own or a writer in their keys, and all are folded anew.
///
/// # Errors
/// What SQLite says; `Corrupt` for another writer's fact.
pub(crate) fn write(
    connection: &Connection,
    journal: &JournalId,
    standings: &mut Standings,
    no: FactNo,
    fact: &Fact,
) -> Result<(), StoreError> {
    if journal.writer != Writer::Node {
        return Err(StoreError::Fault(format!("a {} in journal {journal}", fact.name())));
    }
    // Only what copies of one folder wrote may hold a number twice; here one sequence draws them all.
    if let Some(drawn) = fact.draws()
        && is_drawn(connection, &journal.store, drawn)?
    {
        return Err(StoreError::Fault(format!("number {drawn} was drawn before")));
    }
    let (before, after) = standings.step(connection, journal, no, fact)?;
    changes(fact, before.as_ref(), after)
        .iter()
        .try_for_each(|change| write_row(connection, &journal.store, no, change))
}

/// The same from facts that were written before. Of two requests under one key, as the two branches of a restored box may hold
/// them, the first stands, and neither keeps the other's payment from its rows. With `unwritten`, what it may keep is written
/// with that.
pub(crate) fn fold(
    connection: &Connection,
    journal: &JournalId,
    (standings, mut unwritten): (&mut Standings, Option<&mut Unwritten>),
    no: FactNo,
    fact: &Fact,
) -> Result<(), StoreError> {
    let (before, after) = standings.step(connection, journal, no, fact)?;
    for change in changes(fact, before.as_ref(), after) {
        if let RowChange::Requested { idempotency, .. } = &change
            && request::earlier(connection, journal, &idempotency.caller, &idempotency.key)?.is_some()
        {
            continue;
        }
        match &mut unwritten {
            Some(unwritten) => unwritten.change(connection, &journal.store, no, change)?,
            None => write_row(connection, &journal.store, no, &change)?,
        }
    }
    Ok(())
}

/// Writes one change of a row.
fn write_row(connection: &Connection, store: &StoreId, fact_no: FactNo, change: &RowChange) -> Result<(), StoreError> {
    match change {
        RowChange::ChargeOpened(intent, bill, row) => insert_charge(connection, store, fact_no, (intent, bill, row)),
        RowChange::ChargeStands(row) => update_charge(connection, store, fact_no, row),
        RowChange::ReturnOpened(row) => insert_return(connection, store, fact_no, row),
        RowChange::ReturnStands { no, original, state, message, acquirer_no, at } => run(
            connection,
            "UPDATE payment SET state = ?2, message = ?3, acquirer_no = coalesce(?4, acquirer_no), changed_at = ?5,
                 epoch = ?7, number = ?8 WHERE no = ?1 AND store = ?6 AND original = ?9",
            params![
                no.as_str(),
                state.as_str(),
                message,
                acquirer_no,
                at.0,
                store.as_str(),
                fact_no.epoch,
                fact_no.number,
                original.as_str(),
            ],
        ),
        RowChange::Requested { idempotency, order_no } => request::insert(connection, store, idempotency, *order_no),
        RowChange::Counted(change) => {
            let (figure, moved, sum) = Figure::moved(change)?;
            count(connection, store, &figure, (moved, sum))
        }
        RowChange::BillTotal { bill, total, opened } => bill_total(connection, store, bill, *total, opened.as_ref()),
        RowChange::Account { account, name, role, verifier, disabled } => run(
            connection,
            "INSERT INTO account VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (store, account) DO UPDATE
             SET name = excluded.name, role = excluded.role, verifier = excluded.verifier, disabled = excluded.disabled",
            params![store.as_str(), account.as_str(), name, role.as_str(), verifier, disabled],
        ),
        RowChange::ApiKey { name, scopes, hash, at } => run(
            connection,
            "INSERT INTO api_key VALUES (?1, ?2, ?3, ?4, ?5, NULL) ON CONFLICT (store, hash) DO NOTHING",
            params![store.as_str(), name, scopes, hash, at.0],
        ),
        RowChange::ApiKeyRevoked { hash, at } => run(
            connection,
            "UPDATE api_key SET revoked_at = ?3 WHERE hash = ?1 AND store = ?2 AND revoked_at IS NULL",
            params![hash, store.as_str(), at.0],
        ),
    }
}

fn is_drawn(connection: &Connection, store: &StoreId, drawn: OrderNo) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM payment WHERE no = ?1 AND store = ?2")?;
    Ok(statement.exists(params![drawn.as_str(), store.as_str()])?)
}

fn run(connection: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<(), StoreError> {
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// Writes the row of a charge that has none.
fn insert_charge(
    connection: &Connection,
    store: &StoreId,
    no: FactNo,
    (f, bill, row): (&Intended, &BillKey, &ChargeRow),
) -> Result<(), StoreError> {
    astray::note(connection, store.as_str(), row.business_day, row.at)?;
    run(
        connection,
        "INSERT INTO payment (no, store, kind, amount, code_last_two, code_hash, acquirer, till, cashier, bill_source,
             bill_number, bill_day, remark, state, reason, message, wallet, received, acquirer_no, wallet_no, paid_at, refunded,
             owed, covered, locked, settled, given_up, unfinished, at, business_day, changed_at, epoch, number)
         VALUES (?1, ?2, 'charge', ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
             ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32)",
        params![
            f.order_no.as_str(),
            store.as_str(),
            f.amount.get(),
            f.code.last_two,
            f.code.hash.cast_signed(),
            f.acquirer,
            f.place.till.as_str(),
            f.place.cashier.as_str(),
            bill.source,
            bill.number,
            bill_day(bill),
            f.remark.as_ref().and_then(|remark| remark.as_str()),
            row.state.as_str(),
            row.reason,
            row.message,
            row.wallet.as_str(),
            row.received.map(Fen::get),
            row.acquirer_no,
            row.wallet_no,
            row.paid_at.map(|at| at.0),
            row.refunded.get(),
            row.owed.get(),
            row.claim.covered.get(),
            row.claim.locked.get(),
            row.settled.map(|how| how.as_str()),
            row.given_up,
            row.unfinished,
            row.at.0,
            row.business_day.number(),
            row.changed_at.0,
            no.epoch,
            no.number,
        ],
    )
}

/// SQLite writes every index anew that has a column which is set, even to what it was: numbers and time are set when they change.
fn update_charge(connection: &Connection, store: &StoreId, no: FactNo, row: &ChargeRow) -> Result<(), StoreError> {
    const STANDS: &str = "UPDATE payment SET state = ?3, reason = ?4, message = ?5, wallet = ?6, received = ?7,
             paid_at = ?8, refunded = ?9, owed = ?10, covered = ?11, locked = ?12, settled = ?13, given_up = ?14,
             unfinished = ?15, changed_at = ?16, epoch = ?17, number = ?18
         WHERE no = ?1 AND store = ?2 AND original = ''";
    const STANDS_NUMBERED: &str =
        "UPDATE payment SET state = ?3, reason = ?4, message = ?5, wallet = ?6, received = ?7,
             paid_at = ?8, refunded = ?9, owed = ?10, covered = ?11, locked = ?12, settled = ?13, given_up = ?14,
             unfinished = ?15, changed_at = ?16, epoch = ?17, number = ?18, acquirer_no = ?19, wallet_no = ?20
         WHERE no = ?1 AND store = ?2 AND original = ''";
    let values: &[&dyn ToSql] = params![
        row.no.as_str(),
        store.as_str(),
        row.state.as_str(),
        row.reason,
        row.message,
        row.wallet.as_str(),
        row.received.map(Fen::get),
        row.paid_at.map(|at| at.0),
        row.refunded.get(),
        row.owed.get(),
        row.claim.covered.get(),
        row.claim.locked.get(),
        row.settled.map(|how| how.as_str()),
        row.given_up,
        row.unfinished,
        row.changed_at.0,
        no.epoch,
        no.number,
        row.acquirer_no,
        row.wallet_no,
    ];
    if row.renumbered {
        run(connection, STANDS_NUMBERED, values)?;
    } else {
        run(connection, STANDS, values.get(..18).unwrap_or(values))?;
    }
    if row.moved {
        astray::note(connection, store.as_str(), row.business_day, row.at)?;
        run(
            connection,
            "UPDATE payment SET at = ?3, business_day = ?4 WHERE no = ?1 AND store = ?2 AND original = ''",
            params![row.no.as_str(), store.as_str(), row.at.0, row.business_day.number()],
        )?;
    }
    Ok(())
}

fn insert_return(connection: &Connection, store: &StoreId, no: FactNo, row: &ReturnRow) -> Result<(), StoreError> {
    astray::note(connection, store.as_str(), row.place.business_day, row.at)?;
    run(
        connection,
        "INSERT INTO payment (no, store, kind, original, state, amount, wallet, acquirer, till, cashier, business_day, at,
             changed_at, remark, approver, epoch, number)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, wallet, acquirer, ?7, ?8, ?9, ?10, ?10, ?11, ?12, ?13, ?14
         FROM payment WHERE no = ?4 AND store = ?2 AND original = ''",
        params![
            row.no.as_str(),
            store.as_str(),
            row.kind,
            row.original.as_str(),
            row.state.as_str(),
            row.amount.get(),
            row.place.till.as_str(),
            row.place.cashier.as_str(),
            row.place.business_day.number(),
            row.at.0,
            row.remark,
            row.approver.as_ref().map(|account| account.as_str()),
            no.epoch,
            no.number,
        ],
    )
}

fn bill_total(
    connection: &Connection,
    store: &StoreId,
    bill: &BillKey,
    total: Fen,
    opened: Option<&(guitai_core::time::Day, guitai_core::time::UtcMs)>,
) -> Result<(), StoreError> {
    match opened {
        Some((day, at)) => run(
            connection,
            "INSERT INTO bill VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![store.as_str(), bill.source, bill.number, bill_day(bill), total.get(), day.number(), at.0],
        ),
        None => run(
            connection,
            "UPDATE bill SET total = ?5 WHERE store = ?1 AND source = ?2 AND number = ?3 AND day = ?4",
            params![store.as_str(), bill.source, bill.number, bill_day(bill), total.get()],
        ),
    }
}

/// One of a store's figures: its key in the table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Figure {
    day: Day,
    movement: Movement,
    wallet: Wallet,
    cashier: AccountId,
    hour: u8,
}

impl Figure {
    /// Which one a change moves, by how many and by how much.
    fn moved(change: &StatChange) -> Result<(Self, i64, i64), StoreError> {
        let place = &change.place;
        let figure = Self {
            day: place.business_day,
            movement: change.movement,
            wallet: change.wallet,
            cashier: place.cashier.clone(),
            hour: place.hour,
        };
        let sum = summand(change.amount)?;
        Ok(if change.off { (figure, -1, -sum) } else { (figure, 1, sum) })
    }
}

/// Moves a figure by so many and by so much.
fn count(
    connection: &Connection,
    store: &StoreId,
    figure: &Figure,
    (count, sum): (i64, i64),
) -> Result<(), StoreError> {
    run(
        connection,
        "INSERT INTO stat VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (store, day, movement, wallet, cashier, hour) DO UPDATE
         SET count = count + excluded.count, sum = sum + excluded.sum",
        params![
            store.as_str(),
            figure.day.number(),
            figure.movement.as_str(),
            figure.wallet.as_str(),
            figure.cashier.as_str(),
            figure.hour,
            count,
            sum,
        ],
    )
}
