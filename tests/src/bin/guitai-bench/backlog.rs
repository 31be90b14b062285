//! Charges beside the upload of a long backlog, against the same node while the hub is frozen, in turn.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use guitai_tests::{client::Client, process::signal, wait::until, world::World};
use serde_json::Value;

use crate::{
    history::{charged, payments, write},
    table::{AS_THE_RIVAL, Table, hundredth, median},
};

/// Windows of each kind, with and without the upload.
const WINDOWS: usize = 20;

/// Charges of a window: some two seconds. A line that hears nothing for longer than some is given up.
const CHARGES: usize = 12;

/// Charges at the beginning of a window that are not counted: the line is just coming back, or going.
const LET_GO: usize = 2;

/// Between two charges, in turn: a queue at the counter, and a customer who comes while the upload is at its fastest.
const BETWEEN: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(300)];

/// Until the upload is under way.
const CONNECTED_LIMIT: Duration = Duration::from_secs(90);

/// How long the upload is watched with no charge beside it.
const ALONE: Duration = Duration::from_secs(10);

pub(crate) async fn beside_charges(table: &mut Table) -> anyhow::Result<()> {
    let payments = payments()?;
    let mut world = World::builder().start().await?;
    world.hub.stop().await?;
    write(world.node_mut(), payments).await?;
    world.node_mut().start().await?;
    let client = world.node().program()?;
    world.hub.start_again().await?;
    let begun = unsent(&client).await?;
    until("the upload", CONNECTED_LIMIT, async || Ok((unsent(&client).await? < begun).then_some(()))).await?;
    let hub = world.hub.pid()?;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    let (mut sent, mut uploading) = (0, Duration::ZERO);
    for _ in 0..WINDOWS {
        let (at, before) = (Instant::now(), unsent(&client).await?);
        with.extend(window(&client).await?);
        let after = unsent(&client).await?;
        ensure!(after > 0, "the backlog is at the hub before the windows are over: give it more payments");
        sent += before.saturating_sub(after);
        uploading += at.elapsed();
        signal(hub, "STOP").await?;
        let quiet = window(&client).await;
        signal(hub, "CONT").await?;
        without.extend(quiet?);
    }
    let (at, before) = (Instant::now(), unsent(&client).await?);
    tokio::time::sleep(ALONE).await;
    let alone = per_second(before.saturating_sub(unsent(&client).await?), at.elapsed())?;
    let beside = per_second(sent, uploading)?;
    ensure!(beside > 0, "nothing was uploaded beside the charges: nothing was measured");
    let what = |of: &str| format!("node: {of} while {payments} payments upload");
    let rival_is = "the same node, the hub frozen, in turn";
    table.row(&what("charge, median"), median(with.clone()), "µs", rival_is, median(without.clone()));
    table
        .row(&what("charge p95"), hundredth(with, 95), "µs", rival_is, hundredth(without, 95))
        .aim("P3 backlog", AS_THE_RIVAL);
    table.row("upload of a backlog, facts/s beside charges", beside, "/s", "no charge beside it", alone);
    Ok(())
}

/// What charges take, in µs.
async fn window(client: &Client) -> anyhow::Result<Vec<u64>> {
    let mut took = Vec::new();
    for n in 0..CHARGES {
        let us = charged(client).await?;
        if n >= LET_GO {
            took.push(us);
        }
        tokio::time::sleep(BETWEEN[n % BETWEEN.len()]).await;
    }
    Ok(took)
}

async fn unsent(client: &Client) -> anyhow::Result<u64> {
    let sync: Value = client.read("/sync").await?;
    sync["unsent"].as_u64().with_context(|| format!("unsent: {sync}"))
}

fn per_second(facts: u64, time: Duration) -> anyhow::Result<u64> {
    Ok(facts * 1000 / u64::try_from(time.as_millis())?.max(1))
}
