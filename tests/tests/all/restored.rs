//! A disk put back to an older state: what the hub holds comes back, what was done since stays, and nobody is charged under an
//! old number.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, ensure};
use guitai_core::{
    ids::{Numbering, OrderNo},
    time::UtcMs,
};
use guitai_tests::{charge::Charge, client::text, wait::until, world::World};
use serde_json::json;

use crate::sales;

const SYNC_LIMIT: Duration = Duration::from_secs(30);

/// From connecting on.
const HEAL_LIMIT: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_disk_loses_nothing_the_hub_has_and_reuses_no_number() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            sales::pays(&client, 1_000).await?;
            world.node().synced(SYNC_LIMIT).await?;
            world.node_mut().stop().await?;
            let data = world.node().config_file().with_file_name("data");
            let backup = data.with_file_name("backup");
            ensure!(std::process::Command::new("cp").arg("-a").args([&data, &backup]).status()?.success(), "cp");

            world.node_mut().start().await?;
            let mut old = BTreeSet::new();
            for amount in [1_100, 1_200, 1_300] {
                old.insert(text(&sales::pays(&client, amount).await?, "order_no").to_owned());
            }
            world.node().synced(SYNC_LIMIT).await?;
            let held = world.hub.program()?.payments().await?;
            world.node_mut().stop().await?;
            std::fs::remove_dir_all(&data)?;
            std::fs::rename(&backup, &data)?;

            // The box wakes up in the past and sells on. Numbers begin with the second of the day: no restore is faster than one.
            tokio::time::sleep(Duration::from_millis(1_100)).await;
            world.node_mut().start().await?;
            for amount in [2_100, 2_200, 2_300, 2_400] {
                let order_no = text(&sales::pays(&client, amount).await?, "order_no").to_owned();
                ensure!(!old.contains(&order_no), "{order_no} is used twice");
            }
            let mut own = BTreeSet::new();
            for amount in [2_500, 2_600] {
                own.insert(text(&sales::pays(&client, amount).await?, "order_no").to_owned());
            }
            world.node().synced(SYNC_LIMIT).await?;
            let hub = world.hub.program()?.payments().await?;
            for payment in &held {
                let now = hub.iter().find(|now| now["order_no"] == payment["order_no"]);
                ensure!(now == Some(payment), "the hub held {payment}, and has {now:?}");
            }
            for order_no in old.iter().chain(&own) {
                ensure!(hub.iter().any(|row| text(row, "order_no") == order_no), "the hub misses {order_no}");
                ensure!(text(&client.payment(order_no).await?, "state") == "paid", "{order_no} at the node");
            }
            verifies(world).await?;
            ensure!(world.sandbox.book().await?.values().all(|line| line.charges == 1), "charged twice");
            Ok(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_disk_that_wrote_nothing_has_back_what_it_lost() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            sales::pays(&client, 1_000).await?;
            world.node().synced(SYNC_LIMIT).await?;
            world.node_mut().stop().await?;
            let data = world.node().config_file().with_file_name("data");
            let backup = data.with_file_name("backup");
            ensure!(std::process::Command::new("cp").arg("-a").args([&data, &backup]).status()?.success(), "cp");
            world.node_mut().start().await?;
            let mut lost = Vec::new();
            for amount in [1_100, 1_200, 1_300] {
                lost.push(text(&sales::pays(&client, amount).await?, "order_no").to_owned());
            }
            world.node().synced(SYNC_LIMIT).await?;
            world.node_mut().stop().await?;
            std::fs::remove_dir_all(&data)?;
            std::fs::rename(&backup, &data)?;
            world.node_mut().start().await?;
            until("what was lost to be back", HEAL_LIMIT, async || {
                let status = client.get(&format!("/payments/{}", lost[2])).await?.status;
                Ok((status == 200).then_some(()))
            })
            .await?;
            sales::pays(&client, 1_400).await?;
            world.node().synced(SYNC_LIMIT).await?;
            verifies(world).await
        })
        .await;
}

/// A sale is made under a key and delivered to the hub; then the disk is put back to before it.
async fn lose_a_sale(world: &mut World, key: &str) -> anyhow::Result<(Charge, String)> {
    let client = world.node().program()?;
    sales::pays(&client, 1_000).await?;
    world.node().synced(SYNC_LIMIT).await?;
    world.node_mut().stop().await?;
    let backup = world.node().back_up()?;
    world.node_mut().start().await?;
    let charge = Charge::of(1_100).keyed(key);
    let paid = client.charge(&charge).await?;
    ensure!(paid.text("state") == "paid", "{paid:?}");
    world.node().synced(SYNC_LIMIT).await?;
    world.node_mut().stop().await?;
    world.node().put_back(&backup)?;
    Ok((charge, paid.text("order_no").to_owned()))
}

// A program that lost the answer asks again under its key, and the box does not know the key yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_asked_again_after_a_restore_is_one_charge() {
    World::builder()
        .play(async |world| {
            let (charge, order_no) = lose_a_sale(world, "asked-before-the-restore").await?;
            world.node_mut().start().await?;
            let again = world.node().program()?.charge(&charge).await?;
            ensure!(again.status == 200 && again.text("order_no") == order_no, "{again:?}");
            let book = world.sandbox.book().await?;
            ensure!(book.values().map(|line| line.charges).sum::<u64>() == 2, "{book:?}");
            Ok(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_number_is_not_called_unknown() {
    World::builder()
        .play(async |world| {
            let (_, order_no) = lose_a_sale(world, "lost-with-its-number").await?;
            world.hub.stop().await?;
            world.node_mut().start().await?;
            let client = world.node().program()?;
            let path = format!("/payments/{order_no}");
            let doubted = client.get(&path).await?;
            ensure!(doubted.status == 503 && doubted.text("code") == "journal_behind", "{doubted:?}");
            ensure!(doubted.retry_after_s().is_some(), "{doubted:?}");
            // One of this box's own that it never drew: without the hub nobody here can tell it from a lost one.
            let issuer = OrderNo::parse(&order_no).and_then(|no| no.issuer()).context("an issuer")?;
            let never = Numbering::resume(issuer, None).next(UtcMs(1_767_579_072_000));
            let never = format!("/payments/{never}");
            ensure!(client.get(&never).await?.status == 503, "it may be lost");
            sales::pays(&client, 1_200).await?;
            world.hub.start_again().await?;
            world.node().synced(SYNC_LIMIT).await?;
            ensure!(client.get(&path).await?.status == 200, "it is back");
            let never = client.get(&never).await?;
            ensure!(never.status == 404, "the journal is whole: {never:?}");
            Ok(())
        })
        .await;
}

// While the hub is away the box cannot know that a bill is paid. Before: both sums stayed, and nobody was told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bill_paid_again_after_a_restore_is_given_back() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let bill = json!({ "source": "erp", "number": "B1", "total_fen": 1_000 });
            let charge = |key: &str| Charge::of(1_000).keyed(key).with("bill", bill.clone());
            sales::pays(&client, 1_100).await?;
            world.node().synced(SYNC_LIMIT).await?;
            world.node_mut().stop().await?;
            let backup = world.node().back_up()?;
            world.node_mut().start().await?;
            let first = client.charge(&charge("the-bill-once")).await?;
            ensure!(first.text("state") == "paid", "{first:?}");
            world.node().synced(SYNC_LIMIT).await?;
            world.hub.stop().await?;
            world.node_mut().stop().await?;
            world.node().put_back(&backup)?;
            // Numbers begin with the second of the day: no restore is faster than one.
            tokio::time::sleep(Duration::from_millis(1_100)).await;
            world.node_mut().start().await?;
            let second = client.charge(&charge("the-bill-again")).await?;
            ensure!(second.text("state") == "paid", "{second:?}");
            world.hub.start_again().await?;
            world.node().synced(SYNC_LIMIT).await?;
            sales::becomes(&client, second.text("order_no"), &["refunded"], HEAL_LIMIT).await?;
            let kept = client.payment(first.text("order_no")).await?;
            ensure!(text(&kept, "state") == "paid", "{kept}");
            let bill = client.read("/bills/erp/B1").await?;
            ensure!(bill["covered_fen"] == 1_000, "{bill}");
            world.node().synced(SYNC_LIMIT).await?;
            verifies(world).await?;
            sales::agrees(&client.payments().await?, &world.sandbox.book().await?)
        })
        .await;
}

/// Both copies of the journal are whole, and the same.
async fn verifies(world: &World) -> anyhow::Result<()> {
    for said in [world.hub.command(&["verify"]).await?, world.node().command(&["verify"]).await?] {
        ensure!(said.code == 0, "verify: {}{}", said.out, said.err);
    }
    Ok(())
}
