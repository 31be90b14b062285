//! What a long history costs the merchant: lists and searches over many stores, and health while eight search.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{Issuer, OrderNo, StoreId},
    journal::fact::Fact,
    time::UtcMs,
};
use guitai_store::{Database, ingest};
use guitai_tests::{
    charge::Charge,
    client::Client,
    history::{Delivery, Past},
    world::World,
};
use rusqlite::TransactionBehavior;

use crate::{
    history::{Ask, asked, every_ms, now, payments},
    table::{Aim, Table, hundredth, median},
};

/// Stores that the hub's history is of.
pub(crate) const STORES: u64 = 200;

/// Each request is asked so many times.
const ROUNDS: usize = 60;

/// Searches at the hub at once, while health is asked.
const SEARCHES: usize = 8;

/// Payments of one run of a delivery.
const RUN_PAYMENTS: u64 = 100;

/// The searches are under way by then.
const SEARCHING_FIRST: Duration = Duration::from_millis(200);

/// Between two asks for health while others search.
const BETWEEN_ASKS: Duration = Duration::from_millis(20);

const DAY_MS: i64 = 24 * 3600 * 1000;

/// When the hub's history begins.
const DAYS_AGO: i64 = 181;

/// What a filter may take at most, in µs.
const FILTER_MOST_US: u64 = 100_000;

/// Of a hub.
const ASKED: [Ask; 17] = [
    ("health", "/health", None),
    ("an exact number", "/payments?q={no}", Some(("H9 exact number", 50_000))),
    ("a search without hit", "/payments?q=nothing-like-it", None),
    ("an amount", "/payments?q=12.50", None),
    ("the first page", "/payments", None),
    ("declined ones", "/payments?state=declined", Some(("H9 state", FILTER_MOST_US))),
    ("doubts", "/payments?state=unknown", Some(("H9 state", FILTER_MOST_US))),
    ("paid ones", "/payments?state=paid", Some(("H9 state", FILTER_MOST_US))),
    ("pending ones", "/payments?state=pending", Some(("H9 state", FILTER_MOST_US))),
    ("refunded ones", "/payments?state=refunded", Some(("H9 state", FILTER_MOST_US))),
    ("paid ones of a store", "/payments?state=paid&store=H0100", Some(("H9 state", FILTER_MOST_US))),
    ("a cashier's", "/payments?cashier=03", Some(("H9 cashier", FILTER_MOST_US))),
    ("a cashier's of a store", "/payments?cashier=03&store=H0100", Some(("H9 cashier", FILTER_MOST_US))),
    ("a cashier's declined", "/payments?cashier=03&state=declined", Some(("H9 cashier", FILTER_MOST_US))),
    ("refunds", "/payments?kind=refund", None),
    ("the day's figures", "/stats", None),
    ("stores", "/stores", None),
];

pub(crate) async fn of_a_hub(table: &mut Table) -> anyhow::Result<()> {
    let payments = payments()?;
    let mut world = World::builder().start().await?;
    let client = world.hub.program()?;
    let own = world.node().program()?.charge(&Charge::of(1250)).await?.text("order_no").to_owned();
    world.node().synced(Duration::from_secs(20)).await?;
    let mut empty = Vec::new();
    for (_, path, _) in ASKED {
        empty.push(ask(&client, &path.replace("{no}", &own)).await?);
    }
    world.hub.stop().await?;
    let begun = Instant::now();
    let (file, stores) = (world.hub.file(), STORES);
    let old = tokio::task::spawn_blocking(move || fill(&file, (payments, stores))).await??;
    let seconds = begun.elapsed().as_secs().max(1);
    eprintln!("  {payments} payments of {STORES} stores taken in in {seconds} s");
    world.hub.start_again().await?;
    let client = world.hub.program()?;
    let what = |of: &str| format!("hub: {of}, {payments} payments");
    for ((name, path, aim), empty) in ASKED.into_iter().zip(empty) {
        let long = ask(&client, &path.replace("{no}", old.as_str())).await?;
        let row = table.row(&what(&format!("{name}, median")), long, "µs", "one payment", empty);
        if let Some((number, most)) = aim {
            row.aim(number, Aim::Most(most));
        }
    }
    let (alone, beside) = while_others_search(&client).await?;
    let name = what(&format!("health while {SEARCHES} search"));
    table.row(&format!("{name}, median"), median(beside.clone()), "µs", "nobody searches", median(alone.clone()));
    table
        .row(&format!("{name}, p95"), hundredth(beside, 95), "µs", "nobody searches", hundredth(alone, 95))
        .aim("H9 health", Aim::Most(10_000));
    Ok(())
}

async fn ask(client: &Client, path: &str) -> anyhow::Result<u64> {
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        took.push(asked(client, path).await?);
    }
    Ok(median(took))
}

/// What health takes alone and while others search, in µs.
async fn while_others_search(client: &Client) -> anyhow::Result<(Vec<u64>, Vec<u64>)> {
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(asked(client, "/health").await?);
    }
    let searched = Arc::new(AtomicU64::new(0));
    let mut searching = Vec::new();
    for n in 0..SEARCHES {
        let (client, searched) = (client.clone(), Arc::clone(&searched));
        // Beginnings of many numbers, amounts and remarks: nothing that one look-up answers.
        let path =
            ["/payments?q=2", "/payments?q=12.50", "/payments?q=%E4%BC%9A%E5%91%98", "/payments?q=4200002026"][n % 4];
        searching.push(tokio::spawn(async move {
            while client.read(path).await.is_ok() {
                searched.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    tokio::time::sleep(SEARCHING_FIRST).await;
    for _ in 0..ROUNDS {
        beside.push(asked(client, "/health").await?);
        // Spread over many searches.
        tokio::time::sleep(BETWEEN_ASKS).await;
    }
    searching.iter().for_each(tokio::task::JoinHandle::abort);
    let searched = searched.load(Ordering::Relaxed);
    ensure!(searched > 0, "no search was answered meanwhile");
    eprintln!("  {searched} searches answered meanwhile");
    Ok((alone, beside))
}

/// Fills a stopped hub's file with what so many stores would have delivered; answers a number of long ago.
pub(crate) fn fill(file: &Path, (payments, stores): (u64, u64)) -> anyhow::Result<OrderNo> {
    let mut connection = Database::open(file)?.bulk_writer()?;
    let of_each = payments / stores;
    let begin = UtcMs(now()?.0 - DAYS_AGO * DAY_MS);
    let mut old = None;
    for n in 1..=stores {
        let mut delivery = delivery(n, begin, every_ms(of_each)?)?;
        let issuer = delivery.issuer();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for _ in 0..of_each.div_ceil(RUN_PAYMENTS) {
            let run = delivery.run(RUN_PAYMENTS);
            let facts = ingest::append(&transaction, delivery.journal(), Some(&[issuer]), &run)?;
            old = old.or_else(|| facts.iter().find_map(Fact::order_no));
        }
        transaction.commit()?;
    }
    old.context("a payment")
}

/// What one of the stores delivers, from its first fact on.
pub(crate) fn delivery(n: u64, begin: UtcMs, every_ms: i64) -> anyhow::Result<Delivery> {
    let issuer = Issuer::new(20_000 + u32::try_from(n)?).context("an issuer")?;
    let store = StoreId::parse(&format!("H{n:04}")).ok().context("a store")?;
    let identity = SigningKey::from_bytes(&[u8::try_from(n % 250)?; 32]);
    Ok(Delivery::new(store, issuer, identity, Past::new(issuer, begin, every_ms)))
}
