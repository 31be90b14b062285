//! Where payments stand while their facts are folded into rows: kept between facts that follow each other closely, else read
//! from the facts before.

use std::collections::BTreeMap;

use guitai_core::{
    ids::{FactNo, JournalId, OrderNo},
    journal::fact::Fact,
    payment::{self, Standing},
};
use rusqlite::{Connection, params};

use crate::{StoreError, column::fact_no, record};

/// Payments kept at a time: far more than are open at once at any store; beyond, all are let go and read again when needed.
const KEPT_MAX: usize = 8_192;

/// The payments of one journal.
#[derive(Debug, Default)]
pub(crate) struct Standings(BTreeMap<OrderNo, Standing>);

impl Standings {
    /// The payment of this fact is read again when it is next needed.
    pub(crate) fn forget(&mut self, fact: &Fact) {
        if let Some(order_no) = fact.order_no() {
            self.0.remove(&order_no);
        }
    }

    /// Takes the payment of a fact one step on; answers where it stood and where it stands. Nothing for a fact about none.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn step(
        &mut self,
        connection: &Connection,
        journal: &JournalId,
        no: FactNo,
        fact: &Fact,
    ) -> Result<(Option<Standing>, Option<&Standing>), StoreError> {
        let Fact::Payment(fact) = fact else { return Ok((None, None)) };
        let order_no = fact.order_no();
        if self.0.len() >= KEPT_MAX {
            self.0.clear();
        }
        let before = match (fact, self.0.remove(&order_no)) {
            (payment::Fact::Intended(_), _) => None,
            (_, Some(known)) => Some(known),
            (_, None) => Standing::replay(&before(connection, journal, no, order_no)?),
        };
        let after = match (fact, &before) {
            (payment::Fact::Intended(intent), _) => Some(Standing::intended(intent.clone())),
            (_, Some(before)) => {
                let mut after = before.clone();
                after.evolve(fact);
                Some(after)
            }
            // A fact about a payment that was never intended stands for nothing.
            (_, None) => None,
        };
        let Some(after) = after else { return Ok((None, None)) };
        Ok((before, Some(self.0.entry(order_no).insert_entry(after).into_mut())))
    }
}

/// The facts of a payment that rows are made of before one of them, or before a number that none has yet.
///
/// # Errors
/// What SQLite says.
pub(crate) fn before(
    connection: &Connection,
    journal: &JournalId,
    no: FactNo,
    order_no: OrderNo,
) -> Result<Vec<payment::Fact>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT epoch, number, body FROM fact f INDEXED BY fact_of_order WHERE order_no = ?1 AND store = ?2 AND writer = ?3
             AND (epoch, number) < (?4, ?5)
             AND NOT EXISTS (SELECT 1 FROM undigested u WHERE u.store = f.store AND u.writer = f.writer AND u.epoch = f.epoch
                 AND u.number = f.number)
         ORDER BY epoch, number",
    )?;
    let place = params![order_no.as_str(), journal.store.as_str(), journal.writer.text(), no.epoch, no.number];
    let bodies = statement.query_map(place, |row| Ok((fact_no(row)?, row.get::<_, Vec<u8>>(2)?)))?;
    let mut facts = Vec::new();
    for found in bodies {
        let (no, body) = found?;
        // What this version cannot read changes no row here either.
        if let Ok(Fact::Payment(fact)) = record::read(connection, journal, no, &body)? {
            facts.push(fact);
        }
    }
    Ok(facts)
}
