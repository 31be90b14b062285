//! Restore drills: a box that lost its journal, and one put back to an old copy that sold on before it heard the hub. Each ends
//! with the hub's copy and the box's own equal to the last fact and the last row, and sells on.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, ensure};
use guitai_tests::{client::text, wait::until, world::World};
use serde_json::Value;

use crate::sales;

/// Drills where nothing else is said: GUITAI_DRILLS.
const DRILLS: u32 = 6;

const SYNC_LIMIT: Duration = Duration::from_secs(30);

/// The bound on a new box having everything back is 15 minutes for a year's trade; here it is a few dozen facts.
const BACK_LIMIT: Duration = Duration::from_secs(15);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accident {
    /// `journal.db` is gone; the box's key is not.
    JournalLost,
    /// An old copy was put back, and the box sold on while the hub was away.
    OldCopy,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drills_end_with_both_copies_equal() {
    let drills = std::env::var("GUITAI_DRILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(DRILLS);
    World::builder()
        .play(async |world| {
            let mut forks = 0;
            sales::pays(&world.node().program()?, 1_000).await?;
            for drill in 0..drills {
                let accident = if drill % 2 == 0 { Accident::JournalLost } else { Accident::OldCopy };
                let forked = run(world, accident).await.with_context(|| format!("drill {drill}: {accident:?}"))?;
                ensure!(forked || accident == Accident::JournalLost, "drill {drill}: no fork was found");
                forks += u32::from(forked);
            }
            println!("crash part: drills {drills}, forks found {forks}");
            ensure!(forks >= drills / 2, "drills that put no old copy back prove nothing");
            Ok(())
        })
        .await;
}

/// Whether a branch is kept that was not there before.
async fn run(world: &mut World, accident: Accident) -> anyhow::Result<bool> {
    let client = world.node().program()?;
    world.node().synced(SYNC_LIMIT).await?;
    let branches = branches(world).await?;
    world.node_mut().stop().await?;
    let backup = world.node().back_up()?;
    world.node_mut().start().await?;
    for amount in [1_100, 1_200, 1_300] {
        sales::pays(&client, amount).await?;
    }
    world.node().synced(SYNC_LIMIT).await?;
    let held = rows(&world.hub.program()?.payments().await?);
    world.node_mut().stop().await?;
    let mut own = None;
    match accident {
        Accident::JournalLost => {
            let data = world.node().config_file().with_file_name("data");
            for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
                match std::fs::remove_file(data.join(name)) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                    Ok(()) | Err(_) => {}
                }
            }
            world.node_mut().start().await?;
        }
        Accident::OldCopy => {
            world.hub.stop().await?;
            world.node().put_back(&backup)?;
            world.node_mut().start().await?;
            own = Some(text(&sales::pays(&client, 1_400).await?, "order_no").to_owned());
            world.hub.start_again().await?;
        }
    }
    until("everything to be back", BACK_LIMIT, async || {
        let here = rows(&client.payments().await?);
        Ok(held.keys().all(|order_no| here.contains_key(order_no)).then_some(()))
    })
    .await?;
    sales::pays(&client, 1_500).await?;
    world.node().synced(SYNC_LIMIT).await?;
    let (here, there) = (rows(&client.payments().await?), rows(&world.hub.program()?.payments().await?));
    ensure!(here == there, "rows differ: here {here:#?}, at the hub {there:#?}");
    ensure!(held.iter().all(|(order_no, row)| here.get(order_no) == Some(row)), "what the hub held is not as it was");
    ensure!(own.is_none_or(|order_no| here.contains_key(&order_no)), "the sale made meanwhile is gone");
    for said in [world.hub.command(&["verify"]).await?, world.node().command(&["verify"]).await?] {
        ensure!(said.code == 0, "verify: {}{}", said.out, said.err);
    }
    ensure!(world.sandbox.book().await?.values().all(|line| line.charges == 1), "charged twice");
    Ok(self::branches(world).await? > branches)
}

/// What both ends tell of each payment, by its number.
fn rows(payments: &[Value]) -> BTreeMap<String, Value> {
    let told = |payment: &Value| {
        ["kind", "state", "amount_fen", "refunded_fen", "business_day", "changed_at"]
            .map(|field| payment[field].clone())
    };
    payments.iter().map(|payment| (text(payment, "order_no").to_owned(), Value::from(told(payment).to_vec()))).collect()
}

/// Facts of dead branches at the box.
async fn branches(world: &World) -> anyhow::Result<usize> {
    let said = world.node().command(&["journal", "--branches"]).await?;
    ensure!(said.code == 0, "journal --branches: {}{}", said.out, said.err);
    Ok(said.out.lines().count())
}
