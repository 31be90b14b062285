//! Writes what core's fold says. No decision is made here: one row change, one statement.

use guitai_core::{
    ids::{FactNo, JournalId, StoreId, Writer},
    journal::{
        fact::{Fact, Intended},
        projection::{ReturnRow, RowChange, apply},
    },
    money::Fen,
    stats::StatChange,
};
use rusqlite::{Connection, params};

use crate::{StoreError, query};

/// Writes every row a fact changes. Rows are keyed by store, since only the journal of a store's own box is folded into them;
/// when the hub writes facts of its own, they get rows of their own or a writer in their keys, and all are folded anew.
///
/// # Errors
/// What SQLite says; `Corrupt` for another writer's fact.
pub fn write(connection: &Connection, journal: &JournalId, no: FactNo, fact: &Fact) -> Result<(), StoreError> {
    match journal.writer {
        Writer::Node => apply(fact).iter().try_for_each(|change| write_row(connection, &journal.store, no, change)),
        Writer::Hub | Writer::Hosted(_) => Err(StoreError::Corrupt(format!("a {} in journal {journal}", fact.name()))),
    }
}

/// The same from facts that were written before. Of two requests under one key, as the two branches of a restored box may hold
/// them, the first stands, and neither keeps the other's payment from its rows.
pub(crate) fn fold(connection: &Connection, journal: &JournalId, no: FactNo, fact: &Fact) -> Result<(), StoreError> {
    for change in apply(fact) {
        if let RowChange::Requested { idempotency, .. } = &change
            && query::earlier_request(connection, journal, &idempotency.caller, &idempotency.key)?.is_some()
        {
            continue;
        }
        write_row(connection, &journal.store, no, &change)?;
    }
    Ok(())
}

/// SQLite integers are signed; every amount and count is far below 2^63.
pub(crate) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn fen(amount: Fen) -> i64 {
    integer(amount.get())
}

fn write_row(connection: &Connection, store: &StoreId, fact_no: FactNo, change: &RowChange) -> Result<(), StoreError> {
    match change {
        RowChange::ChargeOpened(intent) => insert_charge(connection, store, fact_no, intent),
        RowChange::ReturnOpened(row) => insert_return(connection, store, fact_no, row),
        RowChange::StateChanged { no, state, reason, message, at } => run(
            connection,
            "UPDATE payment SET state = ?2, reason = ?3, message = ?4, changed_at = ?5, epoch = ?7, number = ?8
             WHERE no = ?1 AND store = ?6",
            params![
                no.as_str(),
                state.as_str(),
                reason,
                message,
                at.0,
                store.as_str(),
                fact_no.epoch,
                integer(fact_no.number)
            ],
        ),
        RowChange::Received { no, acquirer_no, wallet_no, wallet, received, at } => run(
            connection,
            "UPDATE payment SET acquirer_no = ?2, wallet_no = ?3, wallet = ?4, received = ?5, paid_at = ?7
             WHERE no = ?1 AND store = ?6",
            params![no.as_str(), acquirer_no, wallet_no, wallet.as_str(), fen(*received), store.as_str(), at.0],
        ),
        RowChange::RefundedTo { no, refunded } => run(
            connection,
            "UPDATE payment SET refunded = ?2 WHERE no = ?1 AND store = ?3",
            params![no.as_str(), fen(*refunded), store.as_str()],
        ),
        RowChange::ReturnNumbered { no, acquirer_no } => run(
            connection,
            "UPDATE payment SET acquirer_no = ?2 WHERE no = ?1 AND store = ?3",
            params![no.as_str(), acquirer_no, store.as_str()],
        ),
        RowChange::Requested { idempotency, order_no } => run(
            connection,
            "INSERT INTO request VALUES (?1, 'node', ?2, ?3, ?4, ?5)",
            params![
                store.as_str(),
                idempotency.caller,
                idempotency.key,
                idempotency.body_hash,
                order_no.as_str()
            ],
        ),
        RowChange::Counted(change) => count(connection, store, change),
        RowChange::Account { account, name, role, verifier, disabled } => run(
            connection,
            "INSERT INTO account VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (store, account) DO UPDATE
             SET name = excluded.name, role = excluded.role, verifier = excluded.verifier, disabled = excluded.disabled",
            params![store.as_str(), account.as_str(), name, role.as_str(), verifier, disabled],
        ),
        RowChange::ApiKey { name, scopes, hash } => run(
            connection,
            "INSERT INTO api_key VALUES (?1, ?2, ?3, ?4) ON CONFLICT (store, hash) DO NOTHING",
            params![store.as_str(), name, scopes, hash],
        ),
    }
}

fn run(connection: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<(), StoreError> {
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn insert_charge(connection: &Connection, store: &StoreId, no: FactNo, f: &Intended) -> Result<(), StoreError> {
    run(
        connection,
        "INSERT INTO payment (no, store, kind, state, amount, wallet, code_last_two, code_hash, acquirer, till, cashier,
             bill_source, bill_number, bill_total, business_day, at, changed_at, remark, epoch, number)
         VALUES (?1, ?2, 'charge', 'pending', ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?14, ?15, ?16, ?17)",
        params![
            f.order_no.as_str(),
            store.as_str(),
            fen(f.amount),
            f.code.wallet.as_str(),
            f.code.last_two,
            f.code.hash.cast_signed(),
            f.acquirer,
            f.place.till.as_str(),
            f.place.cashier.as_str(),
            f.bill.source,
            f.bill.number,
            fen(f.bill.total),
            f.place.business_day.number(),
            f.at.0,
            f.remark,
            no.epoch,
            integer(no.number),
        ],
    )
}

fn insert_return(connection: &Connection, store: &StoreId, no: FactNo, row: &ReturnRow) -> Result<(), StoreError> {
    let state = if row.kind == "void" { "reversing" } else { "refunding" };
    run(
        connection,
        "INSERT INTO payment (no, store, kind, original, state, amount, wallet, acquirer, till, cashier, business_day, at,
             changed_at, remark, approver, epoch, number)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, wallet, acquirer, ?7, ?8, ?9, ?10, ?10, ?11, ?12, ?13, ?14
         FROM payment WHERE no = ?4 AND store = ?2",
        params![
            row.no.as_str(),
            store.as_str(),
            row.kind,
            row.original.as_str(),
            state,
            fen(row.amount),
            row.place.till.as_str(),
            row.place.cashier.as_str(),
            row.place.business_day.number(),
            row.at.0,
            row.remark,
            row.approver.as_ref().map(|account| account.as_str()),
            no.epoch,
            integer(no.number),
        ],
    )
}

fn count(connection: &Connection, store: &StoreId, change: &StatChange) -> Result<(), StoreError> {
    run(
        connection,
        "INSERT INTO stat VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7)
         ON CONFLICT (store, day, movement, wallet, cashier, hour) DO UPDATE
         SET count = count + 1, sum = sum + excluded.sum",
        params![
            store.as_str(),
            change.place.business_day.number(),
            change.movement.as_str(),
            change.wallet.as_str(),
            change.place.cashier.as_str(),
            change.place.hour,
            fen(change.amount),
        ],
    )
}
