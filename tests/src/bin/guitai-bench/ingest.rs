//! How fast the hub takes facts in, against plain SQLite that writes the same rows into the same tables with the same indexes,
//! as many to a transaction, in a copy of the file; in turn.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use guitai_core::time::UtcMs;
use guitai_store::{Database, query::Connection};
use guitai_tests::{events::Events, world::World};
use rusqlite::{TransactionBehavior, params_from_iter, types::Value};

use crate::{
    delivering::{Deliverer, deliver_all},
    history::{micros, now, payments},
    hub_history::{STORES, fill},
    table::{Aim, Table},
};

/// Stores that deliver at once.
const DELIVERING: u64 = 50;

/// Rounds of many stores; every other one with a page open.
const ROUNDS: usize = 6;

/// Runs of each store in a round: the facts of all are some 25,000.
const RUNS: usize = 6;

/// Runs of one store's backlog in a round: some 33,000 facts; three rounds are the 100,000 of the aim.
const BACKLOG_RUNS: usize = 370;
const BACKLOG_ROUNDS: usize = 3;

/// Sales of those who deliver, in ms.
const EVERY_MS: i64 = 15_000;

/// Longest that a page hears of nothing.
const PAGE_LIMIT: Duration = Duration::from_secs(600);

const DAY_MS: i64 = 24 * 3600 * 1000;

/// Tables whose rows are found by the payments that they are of.
const OF_PAYMENTS: [&str; 2] = [
    "SELECT * FROM payment WHERE no = ?1 AND store = ?2 UNION ALL SELECT * FROM payment WHERE original <> '' AND original = ?1
         AND store = ?2",
    "SELECT * FROM request WHERE store = ?2 AND writer = 'node' AND caller = 'key:erp' AND idem_key = 'past-' || ?1",
];

/// Tables whose rows are found by the facts that they are beside.
const OF_FACTS: [&str; 3] = ["fact", "seal", "record"];

/// What was taken in how fast.
#[derive(Clone, Copy, Default)]
struct Pace {
    facts: u64,
    ours_us: u64,
    rival_us: u64,
}

impl Pace {
    const fn ours(self) -> u64 {
        self.facts * 1_000_000 / if self.ours_us == 0 { 1 } else { self.ours_us }
    }

    const fn rival(self) -> u64 {
        self.facts * 1_000_000 / if self.rival_us == 0 { 1 } else { self.rival_us }
    }
}

/// Facts a second of fifty stores at once, without and with a page of headquarters open, and of one store's backlog.
pub(crate) async fn of_many_stores(table: &mut Table) -> anyhow::Result<()> {
    let payments = payments()?;
    let mut world = World::builder().start().await?;
    world.hub.stop().await?;
    let file = world.hub.file();
    let copy = world.folder.path().join("rival.db");
    let (filled, copied) = (file.clone(), copy.clone());
    tokio::task::spawn_blocking(move || {
        fill(&filled, (payments, STORES))?;
        std::fs::copy(&filled, &copied)?;
        anyhow::Ok(())
    })
    .await??;
    world.hub.start_again().await?;
    let begin = UtcMs(now()?.0 - DAY_MS);
    let mut stores = Vec::new();
    for n in 1..=DELIVERING {
        stores.push(Deliverer::enter(&world.hub, n, begin, EVERY_MS).await?);
    }
    let mut rival = Rival { into: Database::open(&copy)?.bulk_writer()?, from: Database::open(&file)?.reader()? };
    let (mut alone, mut watched) = (Pace::default(), Pace::default());
    for round in 0..ROUNDS {
        if round % 2 == 0 {
            pace(&mut stores, RUNS, &mut rival, &mut alone).await?;
        } else {
            let mut page = Events::open(&world.hub.headquarters().await?, None).await?;
            let listening = tokio::spawn(async move { while page.next("payment", PAGE_LIMIT).await.is_ok() {} });
            pace(&mut stores, RUNS, &mut rival, &mut watched).await?;
            listening.abort();
        }
    }
    let mut backlog = Pace::default();
    let mut one = [Deliverer::enter(&world.hub, DELIVERING + 1, begin, EVERY_MS).await?];
    for _ in 0..BACKLOG_ROUNDS {
        pace(&mut one, BACKLOG_RUNS, &mut rival, &mut backlog).await?;
    }
    let at = |what: &str| format!("hub: facts/s of {what}, {payments} payments held");
    let rival_is = "plain SQLite, the same rows, a transaction a batch";
    for (what, pace) in [("50 stores", alone), ("50 stores, a page open", watched)] {
        table.row(&at(what), pace.ours(), "/s", rival_is, pace.rival()).aim("P4", Aim::Least(20_000));
    }
    let what = format!("one backlog of {}", backlog.facts);
    table
        .row(&at(&what), backlog.ours(), "/s", rival_is, backlog.rival())
        .aim("P5", Aim::LeastOfRival { hundredths: 50 });
    Ok(())
}

async fn pace(stores: &mut [Deliverer], runs: usize, rival: &mut Rival, pace: &mut Pace) -> anyhow::Result<()> {
    let (mut prepared, mut ends) = (Vec::new(), Vec::new());
    for store in stores.iter_mut() {
        let (runs, of_runs) = store.prepare(runs);
        pace.facts += of_runs.iter().map(|(first, last)| last - first + 1).sum::<u64>();
        prepared.push(runs);
        ends.extend(of_runs.into_iter().map(|(first, last)| (store.store.to_string(), first, last)));
    }
    let begun = Instant::now();
    deliver_all(stores, prepared).await?;
    pace.ours_us += micros(begun);
    // One store after the other at the hub too: whose turn it is, the disk says.
    let mut batches = Vec::new();
    for (store, first, last) in &ends {
        batches.push(rival.batch(store, (*first, *last))?);
    }
    pace.rival_us += tokio::task::block_in_place(|| rival.write(&batches))?;
    Ok(())
}

/// Rows of one table.
type Rows = (String, Vec<Vec<Value>>);

/// The rival's file, and the hub's to copy rows from.
struct Rival {
    into: Connection,
    from: Connection,
}

impl Rival {
    /// What the hub wrote of these facts, by table.
    fn batch(&self, store: &str, (first, last): (u64, u64)) -> anyhow::Result<Vec<Rows>> {
        let (first, last) = (i64::try_from(first)?, i64::try_from(last)?);
        let mut batch = Vec::new();
        for table in OF_FACTS {
            let sql = format!(
                "SELECT * FROM {table} WHERE store = ?1 AND writer = 'node' AND epoch = 1 AND number BETWEEN ?2 AND ?3"
            );
            let values = [Value::from(store.to_owned()), first.into(), last.into()];
            batch.push((table.to_owned(), rows(&self.from, &sql, &values)?));
        }
        let facts = batch.first().context("facts")?.1.iter();
        let mut numbers: Vec<Value> = Vec::new();
        for number in facts.filter_map(|fact| fact.last()).filter(|number| **number != Value::Null) {
            if !numbers.contains(number) {
                numbers.push(number.clone());
            }
        }
        ensure!(!numbers.is_empty(), "no payments among the facts of {store}");
        for (sql, table) in OF_PAYMENTS.into_iter().zip(["payment", "request"]) {
            let mut found = Vec::new();
            for number in &numbers {
                found.extend(rows(&self.from, sql, &[number.clone(), Value::from(store.to_owned())])?);
            }
            batch.push((table.to_owned(), found));
        }
        Ok(batch)
    }

    /// Writes them, a batch a transaction; answers µs.
    fn write(&mut self, batches: &[Vec<Rows>]) -> anyhow::Result<u64> {
        let begun = Instant::now();
        for batch in batches {
            let transaction = self.into.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (table, rows) in batch {
                for row in rows {
                    let places = vec!["?"; row.len()].join(", ");
                    let sql = format!("INSERT INTO {table} VALUES ({places})");
                    transaction.prepare_cached(&sql)?.execute(params_from_iter(row))?;
                    // A payment counts in the figures of its day.
                    if table == "payment" {
                        transaction.prepare_cached(COUNT)?.execute([
                            row.get(STORE),
                            row.get(BUSINESS_DAY),
                            row.get(CASHIER),
                        ])?;
                    }
                }
            }
            transaction.commit()?;
        }
        Ok(micros(begun))
    }
}

/// Columns of a payment's row.
const STORE: usize = 1;
const CASHIER: usize = 20;
const BUSINESS_DAY: usize = 24;

const COUNT: &str = "INSERT INTO stat VALUES (?1, ?2, 'paid', 'wechat', ?3, 10, 1, 1250)
     ON CONFLICT (store, day, movement, wallet, cashier, hour) DO UPDATE SET count = count + 1, sum = sum + excluded.sum";

fn rows(connection: &Connection, sql: &str, values: &[Value]) -> anyhow::Result<Vec<Vec<Value>>> {
    let mut statement = connection.prepare_cached(sql)?;
    let columns = statement.column_count();
    let found = statement.query_map(params_from_iter(values), |row| (0..columns).map(|at| row.get(at)).collect())?;
    Ok(found.collect::<Result<_, _>>()?)
}
