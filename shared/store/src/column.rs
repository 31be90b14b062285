//! How values of core lie in columns. SQLite integers are signed: a count or an amount that no column holds is an error.

use std::borrow::Cow;

use guitai_core::{
    bill::BillKey,
    ids::{FactNo, JournalId},
    money::Fen,
    time::Day,
};
use rusqlite::Row;

use crate::StoreError;

/// An amount.
///
/// # Errors
/// `Corrupt` for an amount below zero, which is no other amount.
pub(crate) fn money(value: i64) -> Result<Fen, StoreError> {
    u64::try_from(value).map(Fen::new).map_err(|_| StoreError::Corrupt(format!("an amount of {value} fen")))
}

/// An amount that is added to figures, in fen.
///
/// # Errors
/// One that no column holds.
pub(crate) fn summand(amount: Fen) -> Result<i64, StoreError> {
    i64::try_from(amount.get()).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()).into())
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
    Ok(FactNo { epoch: row.get(0)?, number: row.get(1)? })
}
