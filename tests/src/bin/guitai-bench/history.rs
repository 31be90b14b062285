//! What a long history costs a store: a node with it beside the same one without, asked in turn.

use std::time::Instant;

use anyhow::{Context, ensure};
use guitai_core::time::UtcMs;
use guitai_tests::{charge::Charge, client::Client, history, node::Node, world::World};

use crate::table::{AS_THE_RIVAL, Aim, Table, hundredth, median};

/// Payments of the long history, unless `GUITAI_BENCH_PAYMENTS` says another number.
const PAYMENTS: u64 = 1_000_000;

/// Each request is asked so many times.
const ROUNDS: usize = 60;

/// Charges of each node: the twentieth of the slowest is what p95 names.
const CHARGES: usize = 400;

/// Charges of each node that are not counted, first.
const WARM_UP: usize = 20;

/// Starts of each node.
const STARTS: usize = 5;

const DAY_MS: i64 = 24 * 3600 * 1000;

/// A history is of half a year.
const DAYS: i64 = 180;

/// What is asked by what path, and what it may take at most, in µs, under the number of its aim. `{no}` in a path is a payment of
/// long ago.
pub(crate) type Ask = (&'static str, &'static str, Option<(&'static str, u64)>);

/// Of a node.
const ASKED: [Ask; 10] = [
    ("health", "/health", Some(("P3 health", 5_000))),
    ("sync", "/sync", Some(("P3 status", 5_000))),
    ("an exact number", "/payments?q={no}", Some(("P3 exact number", 20_000))),
    ("a payment", "/payments/{no}", None),
    ("a search without hit", "/payments?q=nothing-like-it", None),
    ("an amount", "/payments?q=12.50", None),
    ("the first page", "/payments", None),
    ("declined ones", "/payments?state=declined", None),
    ("refunds", "/payments?kind=refund", None),
    ("the day's figures", "/stats/day", Some(("P3 day figures", 50_000))),
];

/// How many payments a long history has.
pub(crate) fn payments() -> anyhow::Result<u64> {
    std::env::var("GUITAI_BENCH_PAYMENTS").map_or(Ok(PAYMENTS), |text| text.parse().context("GUITAI_BENCH_PAYMENTS"))
}

/// The time between two of so many payments of half a year, in ms.
pub(crate) fn every_ms(payments: u64) -> anyhow::Result<i64> {
    Ok((DAYS * DAY_MS / i64::try_from(payments)?).max(1_000))
}

/// This machine's wall clock.
pub(crate) fn now() -> anyhow::Result<UtcMs> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(UtcMs(i64::try_from(since.as_millis())?))
}

/// A store's own: start, charges, and what pages and monitors ask.
pub(crate) async fn of_a_node(table: &mut Table) -> anyhow::Result<()> {
    let payments = payments()?;
    let mut world = World::builder().stores(2).start().await?;
    // Taking the history over to the hub would be measured with the rest.
    world.hub.stop().await?;
    let [empty, long] = world.nodes.as_mut_slice() else { anyhow::bail!("two stores") };
    let own = empty.program()?.charge(&Charge::of(1250)).await?.text("order_no").to_owned();
    let old = write(long, payments).await?;
    let (mut long_started, mut empty_started) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        long_started.push(started(long).await?);
        empty_started.push(started(empty).await?);
    }
    let what = |of: &str| format!("node: {of}, {payments} payments");
    let (long_started, empty_started) = (median(long_started) / 1000, median(empty_started) / 1000);
    table
        .row(&what("exec to first answer, median"), long_started, "ms", "an empty journal", empty_started)
        .aim("P3 start", Aim::Most(2_000));
    let (long, empty) = (long.program()?, empty.program()?);
    for (name, path, aim) in ASKED {
        let (mut long_took, mut empty_took) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            long_took.push(asked(&long, &path.replace("{no}", &old)).await?);
            empty_took.push(asked(&empty, &path.replace("{no}", &own)).await?);
        }
        let row = table.row(
            &what(&format!("{name}, median")),
            median(long_took),
            "µs",
            "an empty journal",
            median(empty_took),
        );
        if let Some((number, most)) = aim {
            row.aim(number, Aim::Most(most));
        }
    }
    let (mut long_took, mut empty_took) = (Vec::new(), Vec::new());
    for round in 0..WARM_UP + CHARGES {
        let (of_long, of_empty) = (charged(&long).await?, charged(&empty).await?);
        if round >= WARM_UP {
            long_took.push(of_long);
            empty_took.push(of_empty);
        }
    }
    table.row(
        &what("charge, median"),
        median(long_took.clone()),
        "µs",
        "an empty journal, in turn",
        median(empty_took.clone()),
    );
    table
        .row(
            &what("charge p95"),
            hundredth(long_took, 95),
            "µs",
            "an empty journal, in turn",
            hundredth(empty_took, 95),
        )
        .aim("P3 charge", AS_THE_RIVAL);
    Ok(())
}

/// Stops a node and gives it a long history; answers a number of long ago. It does not run then.
pub(crate) async fn write(node: &mut Node, payments: u64) -> anyhow::Result<String> {
    node.stop().await?;
    let begun = Instant::now();
    let (store, journal) = (node.store.clone(), node.journal_file());
    // The last ones are of today; none lies ahead.
    let end = UtcMs(now()?.0 - 3_600_000);
    let every_ms = every_ms(payments)?;
    let write = move || history::write_node((&store, &journal), payments, every_ms, end);
    let sampled = tokio::task::spawn_blocking(write).await??;
    eprintln!("  {payments} payments written in {} s", begun.elapsed().as_secs());
    Ok(sampled.first().context("a payment")?.to_string())
}

/// From exec to the first answer, in µs.
async fn started(node: &mut Node) -> anyhow::Result<u64> {
    // One that does not run yet is only started.
    node.stop().await.ok();
    let begun = Instant::now();
    node.start().await?;
    node.anybody()?.read("/health").await?;
    Ok(micros(begun))
}

/// What reading this takes, in µs.
pub(crate) async fn asked(client: &Client, path: &str) -> anyhow::Result<u64> {
    let begun = Instant::now();
    client.read(path).await?;
    Ok(micros(begun))
}

/// What a charge takes, in µs.
pub(crate) async fn charged(client: &Client) -> anyhow::Result<u64> {
    let begun = Instant::now();
    let answer = client.charge(&Charge::of(1250)).await?;
    ensure!(answer.text("state") == "paid", "a charge ended {}", answer.text("state"));
    Ok(micros(begun))
}

/// Since then, in µs.
pub(crate) fn micros(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX)
}
