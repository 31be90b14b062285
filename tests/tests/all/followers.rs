//! What follows from a payment follows also when the process dies in between, once, and not out of its time.

use std::time::Duration;

use anyhow::{Context, ensure};
use guitai_devices::{emulator::Emulator, render};
use guitai_store::{Database, note};
use guitai_tests::{
    client::text,
    node::CASHIER,
    ports::Port,
    wait::until,
    world::{Builder, World},
};

use crate::sales;

const SOON: Duration = Duration::from_secs(10);

/// Longer than a slip needs.
const A_WHILE: Duration = Duration::from_secs(2);

/// The oldest fact of which a slip is printed by itself, in seconds.
const SLIP_AGE_MAX_S: i64 = 600;

/// A store whose printer is not switched on.
fn shop(printer: &Port) -> anyhow::Result<Builder> {
    let address = printer.address();
    let (host, port) = address.rsplit_once(':').context("an address")?;
    Ok(World::builder().sections(format!("[devices.printer]\nkind = \"tcp\"\nhost = \"{host}\"\nport = {port}\n")))
}

fn slips(printer: &Emulator) -> Vec<String> {
    printer.printed().iter().map(|job| render::text(job)).collect()
}

/// Waits for so many slips, and that no more come.
async fn prints(printer: &Emulator, count: usize) -> anyhow::Result<Vec<String>> {
    until("the slips", SOON, async || {
        let slips = slips(printer);
        ensure!(slips.len() >= count, "{count} expected, {} printed", slips.len());
        Ok(Some(()))
    })
    .await?;
    tokio::time::sleep(A_WHILE).await;
    let slips = slips(printer);
    ensure!(slips.len() == count, "{count} expected, {} printed: {slips:?}", slips.len());
    Ok(slips)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slip_that_a_crash_took_away_is_printed_at_the_next_start_and_says_what_was_true_then() {
    let port = Port::take().unwrap_or_else(|error| panic!("{error}"));
    let world = shop(&port).unwrap_or_else(|error| panic!("{error}"));
    world
        .play(async |world| {
            let client = world.node().program()?;
            let first = sales::pays(&client, 1_000).await?;
            let second = sales::pays(&client, 2_000).await?;
            let refund = format!("/payments/{}/refunds", text(&first, "order_no"));
            let refunded = client
                .post_keyed(&refund, "refund-of-the-first", &serde_json::json!({ "amount_fen": 400, "reason": "" }))
                .await?;
            ensure!(refunded.status < 300, "{} {}", refunded.status, refunded.json);
            world.node_mut().kill()?;

            let printer = Emulator::start(port.address())?;
            world.node_mut().start().await?;
            let slips = prints(&printer, 3).await?;
            for (slip, words) in slips.iter().zip([
                [text(&first, "order_no"), "成功", "10.00"],
                [text(&second, "order_no"), "成功", "20.00"],
                ["退款", "已退款", "4.00"],
            ]) {
                for word in words {
                    ensure!(slip.contains(word), "{word} is missing:\n{slip}");
                }
            }
            // Neither another crash nor a stop brings them again.
            world.node_mut().kill()?;
            world.node_mut().start().await?;
            sales::pays(&client, 3_000).await?;
            prints(&printer, 4).await?;
            world.node_mut().stop().await?;
            world.node_mut().start().await?;
            prints(&printer, 4).await.map(drop)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_printer_that_comes_back_late_prints_for_those_who_still_wait() {
    let port = Port::take().unwrap_or_else(|error| panic!("{error}"));
    let world = shop(&port).unwrap_or_else(|error| panic!("{error}"));
    world
        .clocks(0)
        .play(async |world| {
            let client = world.node().program()?;
            for amount in [1_000, 1_100, 1_200] {
                sales::pays(&client, amount).await?;
            }
            world.node_mut().kill()?;
            world.set_clocks(SLIP_AGE_MAX_S + 5)?;
            let printer = Emulator::start(port.address())?;
            world.node_mut().start().await?;
            let paid = sales::pays(&client, 9_900).await?;
            let slips = prints(&printer, 1).await?;
            ensure!(slips[0].contains(text(&paid, "order_no")), "{}", slips[0]);
            let log = std::fs::read_to_string(world.node().log())?;
            ensure!(log.contains("left=3"), "the log says how many were left");
            Ok(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_cursor_starts_at_the_journals_end_and_says_so() {
    let port = Port::take().unwrap_or_else(|error| panic!("{error}"));
    let world = shop(&port).unwrap_or_else(|error| panic!("{error}"));
    world
        .play(async |world| {
            let client = world.node().program()?;
            sales::pays(&client, 1_000).await?;
            world.node_mut().kill()?;
            let side = Database::open(&world.node().journal_file().with_file_name("side.db"))?;
            note::set(&side.shared_writer()?, "follower/receipts", b"")?;
            let log = std::fs::read_to_string(world.node().log())?.len();

            let printer = Emulator::start(port.address())?;
            world.node_mut().start().await?;
            let paid = sales::pays(&client, 2_000).await?;
            let slips = prints(&printer, 1).await?;
            ensure!(slips[0].contains(text(&paid, "order_no")), "{}", slips[0]);
            let log = std::fs::read_to_string(world.node().log())?.split_off(log);
            ensure!(log.contains("no cursor") && log.contains("receipts"), "the log says so: {log}");
            let status = world.node().command(&["status", "--json"]).await?.line()?;
            let status: serde_json::Value = serde_json::from_str(&status)?;
            ensure!(status["receipts"] == status["facts"], "{status}");
            Ok(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gets_another_password_is_signed_out_at_once() {
    World::builder()
        .play(async |world| {
            let cashier = world.node().person(CASHIER).await?;
            let (account, _) = CASHIER;
            cashier.read("/sessions/current").await?;
            let set = ["account", "create", "--account", account, "--name", "张三", "--role", "cashier"];
            world.node().command_with(&set, "another-password-03\n").await?.line()?;
            until("the session's end", SOON, async || {
                let answer = cashier.get("/sessions/current").await?;
                ensure!(answer.status == 401, "{} {}", answer.status, answer.json);
                Ok(Some(()))
            })
            .await?;
            let again = world.node().person((account, "another-password-03")).await?;
            again.read("/sessions/current").await.map(drop)
        })
        .await;
}
