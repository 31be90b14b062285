//! Starts that must fail, and say why; and journals that must not be believed.

use std::{path::Path, time::Duration};

use anyhow::{Context, ensure};
use guitai_tests::{
    client::text,
    hub::Hub,
    process::{Said, program, run, says},
    wait::until,
    world::World,
};

use crate::sales;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_configurations_and_taken_places_are_named() {
    World::builder()
        .play(async |world| {
            let node = world.node();
            // The node runs: a second one on its folder, with another port so that only the folder is in the way.
            let config = std::fs::read_to_string(node.config_file())?;
            let second = config.replace(&node.address(), "127.0.0.1:0");
            says(&run_with(world, &second).await?, 1, &["another guitai-node is running", "data"])?;

            let elsewhere = config.replace("data = \"data\"", "data = \"data2\"");
            copy_data(&node.config_file().with_file_name("data"), &node.config_file().with_file_name("data2"))?;
            says(&run_with(world, &elsewhere).await?, 1, &["port in use", "端口被占用", &node.address(), "listen"])?;

            let unknown_key = config.replace("listen =", "lisen =");
            let line = 1 + unknown_key.lines().position(|line| line.starts_with("lisen")).context("the line")?;
            says(&run_with(world, &unknown_key).await?, 1, &["lisen", &format!("line {line}"), "`listen`", "`data`"])?;
            for (from, to, words) in [
                ("sign = \"rsa\"", "sign = \"sm2\"", &["sm2", "rsa", "md5"][..]),
                ("merchant.pem", "nothing.pem", &["nothing.pem", "merchant_private_key_file"]),
                ("termno = \"00000001\"", "termno = \"1\"", &["termno", "8 digits"]),
                ("[node]", "[node", &["line 1"]),
            ] {
                ensure!(config.contains(from), "{from}");
                says(&run_with(world, &config.replace(from, to)).await?, 1, words)?;
            }
            let mut nowhere = std::process::Command::new(program("guitai-node"));
            nowhere.args(["run", "--config", "nowhere.toml"]).current_dir(world.folder.path());
            says(&run(nowhere, "").await?, 1, &["nowhere.toml", "config example"])?;
            let mut wrong = std::process::Command::new(program("guitai-node"));
            wrong.arg("sell");
            says(&run(wrong, "").await?, 2, &["sell"])?;
            // None of it disturbed the node that runs.
            sales::pays(&node.program()?, 1_000).await.map(drop)
        })
        .await;
}

/// Starts a node with this configuration, written beside the first node's.
async fn run_with(world: &World, config: &str) -> anyhow::Result<Said> {
    let path = world.node().config_file().with_file_name("other.toml");
    std::fs::write(&path, config)?;
    let mut command = std::process::Command::new(program("guitai-node"));
    command.args(["run", "--config"]).arg(path);
    run(command, "").await
}

fn copy_data(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_with_another_key_is_refused_and_sales_go_on() {
    let world = World::builder().start().await.unwrap_or_else(|error| panic!("the world does not start: {error:?}"));
    let World { nodes, mut hub, sandbox, mut folder } = world;
    let played = async {
        let node = nodes.first().context("a node")?;
        let client = node.program()?;
        sales::pays(&client, 1_000).await?;
        hub.stop().await?;
        let other = Hub::replaced(hub, &folder.path().join("another-hub")).await?;
        let sync = until("the node to name the foreign key", Duration::from_secs(60), async || {
            let sync = client.read("/sync").await?;
            ensure!(text(&sync, "hub") != "connected", "the node believes a hub with another key: {sync}");
            let error = text(&sync, "last_error").to_lowercase();
            ensure!(error.contains("key"), "{sync}");
            Ok(Some(sync))
        })
        .await?;
        println!("{}", text(&sync, "last_error"));
        sales::pays(&client, 1_100).await?;
        ensure!(other.program()?.payments().await?.is_empty(), "a foreign hub was given payments");
        sales::agrees(&client.payments().await?, &sandbox.book().await?)
    };
    if let Err(error) = played.await {
        folder.show();
        panic!("{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_flipped_bit_anywhere_is_found() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            for amount in [1_000, 1_009, 1_007] {
                client.charge(&guitai_tests::charge::Charge::of(amount).wait_ms(10_000)).await?;
            }
            world.node_mut().stop().await?;
            let node = world.node();
            let verify = || node.command(&["verify"]);
            says(&verify().await?, 0, &[])?;
            let journal = rusqlite::Connection::open(node.journal_file())?;
            let facts: Vec<(i64, i64, Vec<u8>)> = journal
                .prepare("SELECT epoch, number, body FROM fact ORDER BY epoch, number")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                .collect::<Result<_, _>>()?;
            ensure!(facts.len() > 8, "only {} facts", facts.len());
            let write = |epoch: i64, number: i64, body: &[u8]| {
                journal.execute("UPDATE fact SET body = ?3 WHERE epoch = ?1 AND number = ?2", (epoch, number, body))
            };
            for (epoch, number, body) in &facts {
                for at in [0, body.len() / 2, body.len() - 1] {
                    let mut damaged = body.clone();
                    damaged[at] ^= 1;
                    write(*epoch, *number, &damaged)?;
                    says(&verify().await?, 3, &[&format!("{epoch}-{number}")])?;
                }
                write(*epoch, *number, body)?;
            }
            let (epoch, number, body) = &facts[3];
            let mut damaged = body.clone();
            damaged[5] ^= 0x10;
            write(*epoch, *number, &damaged)?;
            says(&run(node.run_command(), "").await?, 3, &[&format!("{epoch}-{number}"), "call support"])?;
            write(*epoch, *number, body)?;

            // A fact taken out of the middle, and its number given to the next one.
            journal.execute_batch("SAVEPOINT s; DELETE FROM fact WHERE number = 5; RELEASE s")?;
            says(&verify().await?, 3, &[&format!("{epoch}-5")])?;
            journal.execute("UPDATE fact SET number = number - 1 WHERE number > 5", [])?;
            says(&verify().await?, 3, &[])?;
            says(&run(node.run_command(), "").await?, 3, &[])
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_node_ends_well_and_comes_back_with_everything() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let paid = sales::pays(&client, 1_000).await?;
            // A sale under way when the operator stops the node: its caller gets an answer, and the sale goes on afterwards.
            let waiting = {
                let (client, charge) = (client.clone(), guitai_tests::charge::Charge::of(1_002).wait_ms(20_000));
                tokio::spawn(async move { client.charge(&charge).await })
            };
            tokio::time::sleep(Duration::from_millis(500)).await;
            world.node_mut().stop().await?;
            let answer = waiting.await?;
            world.node_mut().start().await?;
            let payments = client.payments().await?;
            ensure!(payments.len() == 2, "{payments:?}");
            sales::becomes(&client, text(&paid, "order_no"), &["paid"], Duration::from_secs(2)).await?;
            let other = payments.iter().find(|payment| payment["amount_fen"] == 1_002).context("the sale under way")?;
            if let Ok(answer) = answer {
                ensure!(answer.status == 200 && answer.text("order_no") == text(other, "order_no"), "{}", answer.json);
            }
            sales::becomes(&client, text(other, "order_no"), &["paid"], Duration::from_secs(40)).await?;
            sales::agrees(&client.payments().await?, &world.sandbox.book().await?)
        })
        .await;
}
