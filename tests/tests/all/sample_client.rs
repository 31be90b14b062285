//! The sample client of `docs/`, run as a programmer would: it knows only what the node says of itself.

use std::process::Command;

use anyhow::ensure;
use guitai_tests::{charge::payment_code, client::text, process::run, world::World};
use serde_json::Value;

const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/sample-client.py");

/// Longest it may be, so that it is read.
const LINES_MAX: usize = 150;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_charges_looks_and_gives_back() {
    World::builder()
        .play(async |world| {
            let lines = std::fs::read_to_string(CLIENT)?.lines().count();
            ensure!(lines < LINES_MAX, "{lines} lines");
            let node = world.node();
            let url = format!("http://{}", node.address());
            let key =
                node.command(&["api-key", "create", "--name", "sample", "--scope", "charge,refund"]).await?.line()?;
            let sample = async |words: &[&str]| {
                let mut command = Command::new("python3");
                command.arg(CLIENT).args([&url, &key]).args(words);
                run(command, "").await
            };
            let code = payment_code();
            let said = sample(&["1200", &code, "300"]).await?;
            ensure!(said.code == 0, "{said:?}");
            let told: Vec<Value> = said.out.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
            let states: Vec<&str> = told.iter().map(|line| text(line, "state")).collect();
            ensure!(states == ["paid", "part_refunded", "part_refunded"], "{said:?}");
            ensure!(told[2]["refunded_fen"] == 300, "{said:?}");

            let declined = sample(&["1209", &payment_code()]).await?;
            ensure!(declined.code == 1 && declined.out.contains("\"declined\""), "{declined:?}");
            let goods = sample(&["1200", "6901234567892"]).await?;
            ensure!(goods.code == 2 && goods.err.contains("goods_code"), "{goods:?}");

            let book = world.sandbox.book().await?;
            let once = book.values().all(|line| line.charges <= 1);
            ensure!(once && book.values().filter(|line| line.refunded_fen == 300).count() == 1, "{book:?}");
            Ok(())
        })
        .await;
}
