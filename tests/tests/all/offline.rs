//! The line to the hub is down, or breaks in the middle: payments go on, and everything arrives once and in order.

use std::time::Duration;

use anyhow::{Context, ensure};
use guitai_tests::{
    charge::{Charge, random_below},
    client::{Client, text},
    node::Node,
    wait::until,
    world::World,
};
use serde_json::Value;

use crate::sales;

/// After short outages the node dials again within 2 s, after some failures within half a minute.
const SYNC_LIMIT: Duration = Duration::from_secs(60);

/// Sales made while the hub is away: some dozen chunks of facts.
const BACKLOG: usize = 240;

/// Sales at the same time.
const TOGETHER: usize = 12;

/// How often the hub is killed while the backlog is on its way.
const HUB_KILLS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sales_go_on_without_the_hub_and_arrive_later() {
    World::builder()
        .stores(2)
        .play(async |world| {
            let client = world.node().program()?;
            sell(&client, 3).await?;
            world.node().synced(SYNC_LIMIT).await?;
            equal(&client, world).await?;

            world.hub.stop().await?;
            until("the node to notice", Duration::from_secs(45), async || {
                let health = client.read("/health").await?;
                ensure!(text(&health, "status") == "degraded" && health["accepting"] == true, "{health}");
                Ok(Some(()))
            })
            .await?;
            sell(&client, 10).await?;
            sell(&world.nodes[1].program()?, 4).await?;
            let sync = client.read("/sync").await?;
            ensure!(sync["unsent"].as_u64().is_some_and(|unsent| unsent >= 20), "{sync}");
            ensure!(text(&sync, "hub") != "connected" && sync["oldest_unsent_at"].is_string(), "{sync}");
            ensure!(sync["last_error"].is_string(), "a person is told why: {sync}");

            world.hub.start_again().await?;
            for node in &world.nodes {
                node.synced(SYNC_LIMIT).await?;
            }
            equal(&client, world).await?;
            the_hub_knows_its_stores(world).await
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_killed_in_mid_transfer_gets_everything_once() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            world.hub.stop().await?;
            sell(&client, BACKLOG).await?;
            let all = client.read("/sync").await?["unsent"].as_u64().context("unsent")?;
            let mut in_mid_transfer = 0;
            for _ in 0..HUB_KILLS {
                world.hub.start_again().await?;
                let before = client.read("/sync").await?["unsent"].as_u64();
                until("the line", SYNC_LIMIT, async || {
                    let sync = client.read("/sync").await?;
                    Ok((text(&sync, "hub") == "connected" || sync["unsent"].as_u64() != before).then_some(()))
                })
                .await?;
                tokio::time::sleep(Duration::from_millis(random_below(25))).await;
                world.hub.kill()?;
                let left = client.read("/sync").await?["unsent"].as_u64().context("unsent")?;
                in_mid_transfer += usize::from(left > 0 && left < all);
                // More to send, so that each transfer has a middle.
                sell(&client, 20).await?;
            }
            println!("offline: hub kills {HUB_KILLS}, in mid-transfer {in_mid_transfer}");
            ensure!(in_mid_transfer > 0, "no kill met a transfer: the rig is broken");
            world.hub.start_again().await?;
            world.node().synced(SYNC_LIMIT).await?;
            equal(&client, world).await
        })
        .await;
}

/// So many sales, some at a time, all paid.
async fn sell(client: &Client, count: usize) -> anyhow::Result<()> {
    let mut sold = 0;
    while sold < count {
        let mut running = tokio::task::JoinSet::new();
        for number in sold..count.min(sold + TOGETHER) {
            let client = client.clone();
            running.spawn(async move {
                let charge = Charge::of(1_000 + 100 * u64::try_from(number % 50)?).wait_ms(20_000);
                let answer = client.charge(&charge).await?;
                ensure!(answer.status == 200 && answer.text("state") == "paid", "{} {}", answer.status, answer.json);
                Ok(())
            });
        }
        running.join_all().await.into_iter().collect::<anyhow::Result<()>>()?;
        sold += TOGETHER;
    }
    Ok(())
}

/// The hub's list of the first store is the node's: same payments, same words, same order, each once.
async fn equal(client: &Client, world: &World) -> anyhow::Result<()> {
    let here = client.payments().await?;
    let everywhere = world.hub.program()?.payments().await?;
    let store = &world.node().store;
    let there: Vec<&Value> = everywhere.iter().filter(|payment| text(payment, "store") == store).collect();
    ensure!(here.len() == there.len(), "here {}, at the hub {}", here.len(), there.len());
    for (here, there) in here.iter().zip(there) {
        for member in [
            "order_no",
            "kind",
            "state",
            "amount_fen",
            "received_fen",
            "refunded_fen",
            "wallet",
            "code_last_two",
            "acquirer_no",
            "till",
            "cashier",
            "business_day",
            "created_at",
            "finished_at",
            "fact",
        ] {
            ensure!(here[member] == there[member], "{member}: here {here}, at the hub {there}");
        }
    }
    let verified = world.hub.command(&["verify"]).await?;
    ensure!(verified.code == 0, "hub verify: {} {}{}", verified.code, verified.out, verified.err);
    Ok(())
}

async fn the_hub_knows_its_stores(world: &World) -> anyhow::Result<()> {
    let hub = world.hub.program()?;
    let stores = hub.read("/stores").await?;
    let stats = hub.read("/stats").await?;
    let mut sum = 0;
    for node in &world.nodes {
        let row = stores["items"].as_array().into_iter().flatten().find(|row| text(row, "store") == node.store);
        let row = row.with_context(|| format!("{} is missing: {stores}", node.store))?;
        let (health, day) = (node.program()?.read("/health").await?, node.program()?.read("/stats/day").await?);
        ensure!(text(row, "state") == "connected" && row["facts"] == health["facts"], "{row} {health}");
        ensure!(row["today"]["income_fen"] == day["net_fen"], "{row} {day}");
        sum += day["paid"]["sum_fen"].as_u64().context("a sum")?;
    }
    ensure!(stats["paid"]["sum_fen"] == sum, "{stats}, the stores say {sum}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_at_the_hub_within_seconds() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            world.node().synced(SYNC_LIMIT).await?;
            let hub = world.hub.program()?;
            for _ in 0..5 {
                let paid = sales::pays(&client, 3_300).await?;
                sales::becomes(&hub, text(&paid, "order_no"), &["paid"], Duration::from_secs(2)).await?;
            }
            never_before_the_node_says_so(world.node()).await
        })
        .await;
}

/// What the hub acknowledged is never more than what the node has.
async fn never_before_the_node_says_so(node: &Node) -> anyhow::Result<()> {
    let sync = node.synced(SYNC_LIMIT).await?;
    let health = node.program()?.read("/health").await?;
    ensure!(sync["acked"] == health["facts"], "{sync} {health}");
    Ok(())
}
