//! What a long history costs: a node and a hub with it, against the same ones without.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{Issuer, OrderNo, StoreId},
    time::UtcMs,
};
use guitai_store::{Database, ingest};
use guitai_tests::{
    charge::Charge,
    client::Client,
    history::{self, Delivery, Past},
    world::World,
};
use rusqlite::TransactionBehavior;

use crate::table::{Table, median};

/// Payments of the long history, unless `GUITAI_BENCH_PAYMENTS` says another number.
const PAYMENTS: u64 = 1_000_000;

/// Stores that the hub's history is of.
const STORES: u64 = 200;

/// Each request is asked so many times, and charges as well.
const ROUNDS: usize = 40;

/// Searches at the hub at once, while health is asked.
const SEARCHES: usize = 8;

const DAY_MS: i64 = 24 * 3600 * 1000;

fn payments() -> anyhow::Result<u64> {
    std::env::var("GUITAI_BENCH_PAYMENTS").map_or(Ok(PAYMENTS), |text| text.parse().context("GUITAI_BENCH_PAYMENTS"))
}

fn now() -> anyhow::Result<UtcMs> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(UtcMs(i64::try_from(since.as_millis())?))
}

/// A store's own: start, charges, and what pages and monitors ask.
pub(crate) async fn of_a_node(table: &mut Table) -> anyhow::Result<()> {
    let payments = payments()?;
    let mut world = World::builder().start().await?;
    let client = world.node().program()?;
    let own = client.charge(&Charge::of(1250)).await?.text("order_no").to_owned();
    // Taking the history over to the hub would be measured with the rest.
    world.hub.stop().await?;
    let empty = asked_of_node(&client, &own).await?;
    let empty_charge = charges(&client).await?;
    world.node_mut().stop().await?;
    let empty_start = started(&mut world).await?;
    world.node_mut().stop().await?;

    let begun = Instant::now();
    let journal = world.node().journal_file();
    let sampled = write_node(&journal, payments)?;
    eprintln!("  {payments} payments written in {} s", begun.elapsed().as_secs());
    let long_start = started(&mut world).await?;
    let what = |of: &str| format!("{of}, {payments} payments");
    table.row(&what("node: exec to first answer"), long_start / 1000, "ms", "an empty journal", empty_start / 1000);
    let old = sampled.first().context("a payment")?;
    let long = asked_of_node(&client, old.as_str()).await?;
    for ((name, long), (_, empty)) in long.into_iter().zip(empty) {
        table.row(&what(&format!("node: {name}")), long, "µs", "an empty journal", empty);
    }
    table.row(&what("node: charge p95"), charges(&client).await?, "µs", "an empty journal", empty_charge);
    Ok(())
}

fn write_node(journal: &Path, payments: u64) -> anyhow::Result<Vec<OrderNo>> {
    // The last ones are of today; none lies ahead.
    let every_ms = (180 * DAY_MS / i64::try_from(payments)?).max(1_000);
    history::write_node(journal, payments, every_ms, UtcMs(now()?.0 - 3_600_000))
}

/// From exec to the first answer, in µs.
async fn started(world: &mut World) -> anyhow::Result<u64> {
    let begun = Instant::now();
    world.node_mut().start().await?;
    world.node().anybody()?.read("/health").await?;
    Ok(micros(begun))
}

async fn asked_of_node(client: &Client, order_no: &str) -> anyhow::Result<Vec<(String, u64)>> {
    let mut asked = Vec::new();
    for (name, path) in [
        ("health", "/health".to_owned()),
        ("sync", "/sync".to_owned()),
        ("an exact number", format!("/payments?q={order_no}")),
        ("a payment", format!("/payments/{order_no}")),
        ("a search without hit", "/payments?q=nothing-like-it".to_owned()),
        ("an amount", "/payments?q=12.50".to_owned()),
        ("the first page", "/payments".to_owned()),
        ("declined ones", "/payments?state=declined".to_owned()),
        ("refunds", "/payments?kind=refund".to_owned()),
        ("the day's figures", "/stats/day".to_owned()),
    ] {
        asked.push((format!("{name}, median"), ask(client, &path).await?));
    }
    Ok(asked)
}

/// The median of some tries, in µs.
async fn ask(client: &Client, path: &str) -> anyhow::Result<u64> {
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        client.read(path).await?;
        took.push(micros(begun));
    }
    Ok(median(took))
}

async fn charges(client: &Client) -> anyhow::Result<u64> {
    let mut took = Vec::new();
    for _ in 0..ROUNDS * 3 {
        let begun = Instant::now();
        let answer = client.charge(&Charge::of(1250)).await?;
        ensure!(answer.text("state") == "paid", "a charge ended {}", answer.text("state"));
        took.push(micros(begun));
    }
    took.sort_unstable();
    took.get(took.len() * 95 / 100).copied().context("charges")
}

/// The merchant's: lists and searches over many stores, and health while eight search.
pub(crate) async fn of_a_hub(table: &mut Table) -> anyhow::Result<()> {
    let payments = payments()?;
    let mut world = World::builder().start().await?;
    let client = world.hub.program()?;
    let own = world.node().program()?.charge(&Charge::of(1250)).await?.text("order_no").to_owned();
    world.node().synced(Duration::from_secs(20)).await?;
    let empty = asked_of_hub(&client, &own).await?;
    world.hub.stop().await?;
    let begun = Instant::now();
    let old = write_hub(&world.hub.file(), payments)?;
    let seconds = begun.elapsed().as_secs().max(1);
    eprintln!("  {payments} payments of {STORES} stores taken in in {seconds} s");
    world.hub.start_again().await?;
    let client = world.hub.program()?;
    let long = asked_of_hub(&client, old.as_str()).await?;
    for ((name, long), (_, empty)) in long.into_iter().zip(empty) {
        table.row(&format!("hub: {name}, {payments} payments"), long, "µs", "one payment", empty);
    }
    Ok(())
}

async fn asked_of_hub(client: &Client, order_no: &str) -> anyhow::Result<Vec<(String, u64)>> {
    let mut asked = Vec::new();
    for (name, path) in [
        ("health", "/health".to_owned()),
        ("an exact number", format!("/payments?q={order_no}")),
        ("a search without hit", "/payments?q=nothing-like-it".to_owned()),
        ("an amount", "/payments?q=12.50".to_owned()),
        ("the first page", "/payments".to_owned()),
        ("declined ones", "/payments?state=declined".to_owned()),
        ("doubts", "/payments?state=unknown".to_owned()),
        ("paid ones of a store", "/payments?state=paid&store=S001".to_owned()),
        ("refunds", "/payments?kind=refund".to_owned()),
        ("the day's figures", "/stats".to_owned()),
        ("stores", "/stores".to_owned()),
    ] {
        asked.push((format!("{name}, median"), ask(client, &path).await?));
    }
    let mut searching = Vec::new();
    for _ in 0..SEARCHES {
        let client = client.clone();
        searching.push(tokio::spawn(async move {
            loop {
                if client.read("/payments?q=2").await.is_err() {
                    return;
                }
            }
        }));
    }
    asked.push((format!("health while {SEARCHES} search, median"), ask(client, "/health").await?));
    searching.iter().for_each(tokio::task::JoinHandle::abort);
    Ok(asked)
}

/// Fills a stopped hub's file with what its stores would have delivered; answers a number of long ago.
fn write_hub(file: &Path, payments: u64) -> anyhow::Result<OrderNo> {
    let mut connection = Database::open(file)?.shared_writer()?;
    let of_each = payments / STORES;
    let every_ms = 180 * DAY_MS / i64::try_from(of_each)?;
    let begin = UtcMs(now()?.0 - 181 * DAY_MS);
    let mut old = None;
    for n in 1..=STORES {
        let issuer = Issuer::new(20_000 + u32::try_from(n)?).context("an issuer")?;
        let store = StoreId::parse(&format!("H{n:04}")).ok().context("a store")?;
        let identity = SigningKey::from_bytes(&[u8::try_from(n % 250)?; 32]);
        let mut delivery = Delivery::new(store, issuer, identity, Past::new(issuer, begin, every_ms));
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for _ in 0..of_each.div_ceil(100) {
            let run = delivery.run(100);
            let facts = ingest::append(&transaction, delivery.journal(), Some(&[issuer]), &run)?;
            old = old.or_else(|| facts.iter().find_map(guitai_core::journal::fact::Fact::order_no));
        }
        transaction.commit()?;
    }
    old.context("a payment")
}

fn micros(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX)
}
