//! Rows that facts of one run have made and that are not written yet.
//!
//! A backlog holds a payment's beginning and its end one after the other. Its row stands in ten indexes, and to write it once, as it
//! stands at the end of the run, costs a third of writing it with every fact. Figures of a day are added up likewise.

use std::collections::BTreeMap;

use guitai_core::{
    bill::BillKey,
    ids::{FactNo, OrderNo, StoreId},
    payment::Intended,
    rows::{ChargeRow, RowChange},
    stats::StatChange,
};
use rusqlite::Connection;

use super::{Figure, count, insert_charge, write_row};
use crate::StoreError;

/// What one run has not written yet.
#[derive(Debug, Default)]
pub(crate) struct Unwritten {
    charges: BTreeMap<OrderNo, Charge>,
    counts: BTreeMap<Figure, (i64, i64)>,
}

/// A charge that began in the run, as it stands by this fact.
#[derive(Debug)]
struct Charge {
    no: FactNo,
    intent: Box<Intended>,
    bill: BillKey,
    row: Box<ChargeRow>,
}

impl Unwritten {
    /// Keeps a change, or writes one that cannot be kept. What contradicts the rows that are there shows at the latest in
    /// [`Self::write`].
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn change(
        &mut self,
        connection: &Connection,
        store: &StoreId,
        no: FactNo,
        change: RowChange,
    ) -> Result<(), StoreError> {
        match change {
            RowChange::ChargeOpened(intent, bill, row) => {
                // One number for two charges: the second must meet the first one's row.
                self.write_charge(connection, store, row.no)?;
                self.charges.insert(row.no, Charge { no, intent, bill, row });
                Ok(())
            }
            RowChange::ChargeStands(row) => match self.charges.get_mut(&row.no) {
                Some(charge) => {
                    (charge.no, charge.row) = (no, row);
                    Ok(())
                }
                None => write_row(connection, store, no, &RowChange::ChargeStands(row)),
            },
            RowChange::ReturnOpened(row) => {
                // It takes over what stands in its charge's row.
                self.write_charge(connection, store, row.original)?;
                write_row(connection, store, no, &RowChange::ReturnOpened(row))
            }
            RowChange::Counted(change) => self.count(&change),
            RowChange::ReturnStands { .. }
            | RowChange::Requested { .. }
            | RowChange::BillTotal { .. }
            | RowChange::Account { .. }
            | RowChange::ApiKey { .. }
            | RowChange::ApiKeyRevoked { .. } => write_row(connection, store, no, &change),
        }
    }

    fn count(&mut self, change: &StatChange) -> Result<(), StoreError> {
        let (figure, count, sum) = Figure::moved(change)?;
        let moved = self.counts.entry(figure).or_default();
        *moved = (moved.0 + count, moved.1 + sum);
        Ok(())
    }

    fn write_charge(&mut self, connection: &Connection, store: &StoreId, no: OrderNo) -> Result<(), StoreError> {
        self.charges.remove(&no).map_or(Ok(()), |charge| charge.write(connection, store))
    }

    /// Writes all that was kept.
    ///
    /// # Errors
    /// What SQLite says; a constraint where a charge's number has a row.
    pub(crate) fn write(self, connection: &Connection, store: &StoreId) -> Result<(), StoreError> {
        self.charges.into_values().try_for_each(|charge| charge.write(connection, store))?;
        self.counts.iter().try_for_each(|(figure, moved)| count(connection, store, figure, *moved))
    }
}

impl Charge {
    fn write(&self, connection: &Connection, store: &StoreId) -> Result<(), StoreError> {
        insert_charge(connection, store, self.no, (&self.intent, &self.bill, &self.row))
    }
}
