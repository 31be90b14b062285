//! How values of core lie in columns: SQLite integers are signed, every amount and count is far below 2^63.

use std::borrow::Cow;

use guitai_core::{
    bill::BillKey,
    ids::{FactNo, JournalId},
    money::Fen,
    time::Day,
};
use rusqlite::Row;

use crate::StoreError;

/// What a statement takes for a count or a fact's number.
pub(crate) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// What [`integer`] wrote.
pub(crate) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// What [`fen`] wrote.
///
/// # Errors
/// `Corrupt` for an amount below zero, which is no other amount.
pub(crate) fn money(value: i64) -> Result<Fen, StoreError> {
    u64::try_from(value).map(Fen::new).map_err(|_| StoreError::Corrupt(format!("an amount of {value} fen")))
}

/// An amount, in fen.
pub(crate) fn fen(amount: Fen) -> i64 {
    integer(amount.get())
}

/// A bill whose source numbers on for ever has day 0.
pub(crate) fn bill_day(bill: &BillKey) -> u32 {
    bill.day.map_or(0, Day::number)
}

/// The first two values of a statement about one journal.
pub(crate) fn of(journal: &JournalId) -> (&str, Cow<'static, str>) {
    (journal.store.as_str(), journal.writer.text())
}

/// A fact's epoch and number, where they are the first two columns of a row.
///
/// # Errors
/// What SQLite says.
pub(crate) fn fact_no(row: &Row<'_>) -> rusqlite::Result<FactNo> {
    Ok(FactNo { epoch: row.get(0)?, number: unsigned(row.get(1)?) })
}
