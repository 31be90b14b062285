//! The sample client of `docs/`, run as a programmer would: it knows only what the node says of itself.

use std::process::Command;

use anyhow::ensure;
use guitai_tests::{charge::payment_code, client::text, process::run, world::World};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/sample-client.py");

/// Longest it may be, so that it is read.
const LINES_MAX: usize = 150;

/// Somebody who says what a node says of itself and hangs up on every request about money; the address.
async fn never_answers(description: String) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 64];
            let asked = stream.read(&mut head).await.unwrap_or(0);
            if head[..asked].starts_with(b"GET /api/openapi.json") {
                let length = description.len();
                let answer =
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{description}");
                // Whoever hung up has enough of it.
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
                let _ = stream.read(&mut [0; 4096]).await;
            }
        }
    });
    Ok(url)
}

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

            // Never "nothing was taken" where something was, or where nobody knows.
            let greedy = sample(&["1100", &payment_code(), "9900"]).await?;
            ensure!(
                greedy.code == 4 && greedy.out.contains("\"paid\"") && greedy.err.contains("over_remaining"),
                "{greedy:?}"
            );
            let silent = never_answers(node.anybody()?.description().await?.to_string()).await?;
            let mut lost = Command::new("python3");
            lost.arg(CLIENT).args([&silent, &key, "1200", &payment_code()]);
            let lost = run(lost, "").await?;
            ensure!(lost.code == 3 && lost.err.contains("nobody knows"), "{lost:?}");
            let typed = sample(&["12.50", &payment_code()]).await?;
            ensure!(typed.code == 2 && typed.err.contains("usage:"), "{typed:?}");

            let book = world.sandbox.book().await?;
            let once = book.values().all(|line| line.charges <= 1);
            ensure!(once && book.values().filter(|line| line.refunded_fen == 300).count() == 1, "{book:?}");
            Ok(())
        })
        .await;
}
