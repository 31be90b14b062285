use std::{path::Path, time::Duration};

use anyhow::{Context, ensure};
use guitai_tests::world::World;
use rusqlite::Connection;

use super::{SOON, file, says};
use crate::sales;

/// Runs SQL on a file of a running program, as a copying or checking tool does, and holds what it locks for so long.
fn hold(path: &Path, sql: &'static str, held: Duration) -> anyhow::Result<std::thread::JoinHandle<anyhow::Result<()>>> {
    let tool = Connection::open(path)?;
    tool.busy_timeout(Duration::from_secs(5))?;
    let (begun, has_begun) = std::sync::mpsc::channel();
    let holder = std::thread::spawn(move || {
        tool.execute_batch(sql)?;
        begun.send(())?;
        std::thread::sleep(held);
        if !tool.is_autocommit() {
            tool.execute_batch("ROLLBACK")?;
        }
        Ok(())
    });
    has_begun.recv().context("the tool")?;
    Ok(holder)
}

// Before: the node ended at the first sale while another program held its journal, and for VACUUM, REINDEX or a checkpoint.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d03_a_tool_that_holds_a_file_for_a_second_costs_no_sale() {
    World::builder()
        .play(async |world| {
            let node = world.node_mut();
            let client = node.program()?;
            sales::pays(&client, 500).await?;
            for name in ["journal.db", "side.db"] {
                for (sql, held_ms) in [
                    ("BEGIN IMMEDIATE", 50),
                    ("BEGIN IMMEDIATE", 1_000),
                    ("BEGIN EXCLUSIVE", 1_000),
                    ("VACUUM", 0),
                    ("REINDEX", 0),
                    ("ANALYZE", 0),
                    ("PRAGMA wal_checkpoint(TRUNCATE)", 0),
                    ("PRAGMA integrity_check", 0),
                ] {
                    let holder = hold(&file(node, name), sql, Duration::from_millis(held_ms))?;
                    sales::pays(&client, 600).await.with_context(|| format!("{name}: {sql}"))?;
                    holder.join().map_err(|_| anyhow::anyhow!("the tool"))??;
                    sales::pays(&client, 700).await.with_context(|| format!("{name}: after {sql}"))?;
                }
            }
            node.synced(SOON).await?;
            // A start waits too, and takes a lock for no damage.
            for name in ["journal.db", "side.db"] {
                node.stop().await?;
                let holder = hold(&file(node, name), "BEGIN EXCLUSIVE", Duration::from_millis(1_000))?;
                node.start().await.with_context(|| format!("{name} was held at a start"))?;
                holder.join().map_err(|_| anyhow::anyhow!("the tool"))??;
                sales::pays(&client, 800).await?;
            }
            node.stop().await?;
            let holder = hold(&file(node, "journal.db"), "BEGIN EXCLUSIVE", Duration::from_secs(8))?;
            let said = guitai_tests::process::run(node.run_command(), "").await?;
            says(&said, 1, &["journal.db", "另一个程序占用"])?;
            holder.join().map_err(|_| anyhow::anyhow!("the tool"))??;
            node.start().await?;
            ensure!(node.command(&["verify"]).await?.code == 0, "verify");
            Ok(())
        })
        .await;
}
