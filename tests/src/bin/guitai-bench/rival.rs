//! Two bare SQLite commits of the rows a payment leaves behind: same settings, same schema, same disk, nothing else.

use std::{path::Path, time::Instant};

use anyhow::Context;
use guitai_store::{Database, query::Connection};
use rusqlite::params;

type Fact = (i64, Vec<u8>, Vec<u8>, Option<String>);

/// The rival's database, and the node's to copy rows from.
pub(crate) struct Rival {
    into: Connection,
    from: Connection,
}

impl Rival {
    pub(crate) fn open(folder: &Path, journal: &Path) -> anyhow::Result<Self> {
        let into = Database::open(&folder.join("rival.db"))?.writer()?;
        Ok(Self { into, from: Database::open(journal)?.reader()? })
    }

    /// Commits the rows of this payment twice, as the node did; answers µs.
    pub(crate) fn commit_twice(&self, order_no: &str) -> anyhow::Result<u64> {
        let mut read = self
            .from
            .prepare_cached("SELECT number, body, head, order_no FROM fact WHERE order_no = ?1 ORDER BY number")?;
        let facts = read.query_map([order_no], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
        let facts: Vec<Fact> = facts.collect::<Result<_, _>>()?;
        let [intended, paid] = facts.as_slice() else { anyhow::bail!("{} facts of {order_no}", facts.len()) };
        let columns = self.payment(order_no)?;
        let begun = Instant::now();
        self.begin(intended)?;
        self.into
            .prepare_cached(
                "INSERT INTO payment (no, store, kind, state, amount, wallet, code_last_two, code_hash, acquirer, till,
                     cashier, bill_source, bill_number, bill_day, business_day, at, changed_at, epoch, number)
                 VALUES (?1, 'S001', 'charge', 'pending', 1250, 'wechat', '01', ?2, 'allinpay', 'T1', 'erp', 'counter', ?1,
                     0, ?3, ?4, ?4, 1, ?5)",
            )?
            .execute(params![order_no, columns.0, columns.1, columns.2, intended.0])?;
        self.into
            .prepare_cached("INSERT INTO request VALUES ('S001', 'node', 'key:erp', ?2, ?3, ?1)")?
            .execute(params![order_no, columns.3, [7_u8; 32]])?;
        self.end(intended)?;
        self.begin(paid)?;
        self.into
            .prepare_cached(
                "UPDATE payment SET state = 'paid', changed_at = ?2, acquirer_no = '261122000000000512', received = 1250
                 WHERE no = ?1",
            )?
            .execute(params![order_no, columns.2 + 5])?;
        self.into
            .prepare_cached(
                "INSERT INTO stat VALUES ('S001', ?1, 'paid', 'wechat', 'erp', 10, 1, 1250)
                 ON CONFLICT (store, day, movement, wallet, cashier, hour) DO UPDATE
                 SET count = count + 1, sum = sum + excluded.sum",
            )?
            .execute(params![columns.1])?;
        self.end(paid)?;
        Ok(u64::try_from(begun.elapsed().as_micros())?)
    }

    fn payment(&self, order_no: &str) -> anyhow::Result<(i64, i64, i64, String)> {
        let mut read = self.from.prepare_cached(
            "SELECT code_hash, business_day, at, (SELECT idem_key FROM request WHERE order_no = no) FROM payment WHERE no = ?1",
        )?;
        let row = read.query_row([order_no], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
        row.context("the payment's row")
    }

    fn begin(&self, (number, body, head, order_no): &Fact) -> anyhow::Result<()> {
        self.into.execute_batch("BEGIN IMMEDIATE")?;
        self.into
            .prepare_cached("INSERT INTO fact VALUES ('S001', 'node', 1, ?1, ?2, ?3, ?4)")?
            .execute(params![number, body, head, order_no])?;
        Ok(())
    }

    fn end(&self, (number, ..): &Fact) -> anyhow::Result<()> {
        self.into
            .prepare_cached("INSERT INTO seal VALUES ('S001', 'node', 1, ?1, ?2)")?
            .execute(params![number, [9_u8; 64]])?;
        Ok(self.into.execute_batch("COMMIT")?)
    }
}
