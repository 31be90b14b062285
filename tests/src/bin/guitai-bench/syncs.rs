//! How often a payment waits for the disk: what strace counts of the node's fsyncs.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, ensure};
use guitai_tests::{process::signal, world::World};

use crate::{
    history::charged,
    table::{Aim, Table},
};

/// Charges counted over.
const CHARGES: u64 = 100;

/// Until strace holds every thread of the node, and until what a charge leaves behind is done.
const SETTLED: Duration = Duration::from_secs(2);

/// fsyncs of a payment, of a node whose hub is there, against the two commits that it is made of.
pub(crate) async fn of_a_payment(table: &mut Table) -> anyhow::Result<()> {
    let world = World::builder().start().await?;
    let client = world.node().program()?;
    charged(&client).await?;
    tokio::time::sleep(SETTLED).await;
    let pid = world.node().pid()?;
    let log = world.folder.path().join("syncs.txt");
    let words = ["-f", "-qq", "-e", "trace=fsync,fdatasync,sync_file_range,msync", "-o"];
    let strace =
        Command::new("strace").args(words).arg(&log).args(["-p", &pid.to_string()]).stderr(Stdio::null()).spawn();
    let Ok(mut strace) = strace else {
        eprintln!("  not measured: there is no strace here");
        return Ok(());
    };
    let counted = count(&client, &mut strace).await;
    signal(strace.id(), "INT").await?;
    strace.wait()?;
    counted?;
    let text = std::fs::read_to_string(&log)?;
    // One that another thread's call interrupts has a second line, which names it as resumed.
    let syncs = text.lines().filter(|line| line.contains("sync") && !line.contains("resumed>")).count();
    let tenths = u64::try_from(syncs)? * 10 / CHARGES;
    // What the WAL's checkpoints wait for comes once in some hundred payments.
    table.row("fsyncs of ten payments", tenths, "", "two commits each", 20).aim("P6", Aim::Most(21));
    Ok(())
}

async fn count(client: &guitai_tests::client::Client, strace: &mut Child) -> anyhow::Result<()> {
    tokio::time::sleep(SETTLED).await;
    ensure!(strace.try_wait().context("strace")?.is_none(), "strace may not trace the node");
    for _ in 0..CHARGES {
        charged(client).await?;
    }
    tokio::time::sleep(SETTLED).await;
    Ok(())
}
