//! A disk put back to an older state: what the hub holds stays, and nobody is charged under an old number.

use std::{collections::BTreeSet, time::Duration};

use anyhow::ensure;
use guitai_tests::{client::text, wait::until, world::World};

use crate::sales;

const SYNC_LIMIT: Duration = Duration::from_secs(30);

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
            let sync = until("the fork to be noticed", SYNC_LIMIT, async || {
                let sync = client.read("/sync").await?;
                let sound = text(&sync, "hub") == "connected" && sync["unsent"] == 0;
                let told = sync["last_error"].is_string();
                ensure!(sound || told, "{sync}");
                Ok(Some(sync))
            })
            .await?;
            println!("after the restore: {sync}");
            let told = text(&sync, "last_error");
            ensure!(!told.contains("ByteArray") && !told.contains(" { "), "people are shown our insides: {told}");
            let hub = world.hub.program()?.payments().await?;
            for payment in &held {
                let now = hub.iter().find(|now| now["order_no"] == payment["order_no"]);
                ensure!(now == Some(payment), "the hub held {payment}, and has {now:?}");
            }
            let verified = world.hub.command(&["verify"]).await?;
            ensure!(verified.code == 0, "hub verify: {}{}", verified.out, verified.err);
            ensure!(world.sandbox.book().await?.values().all(|line| line.charges == 1), "charged twice");
            Ok(())
        })
        .await;
}
