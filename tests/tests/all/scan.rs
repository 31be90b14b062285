//! Devices at the counter: the scan box, from its wire to the money; the receipt, from the money to its bytes.

use std::{io::Write, time::Duration};

use anyhow::{Context, ensure};
use guitai_devices::{
    emulator::{Emulator, Switches},
    render,
};
use guitai_tests::{
    charge::{Charge, payment_code},
    client::text,
    events::Events,
    node::CASHIER,
    wait::until,
    world::World,
};
use serde_json::json;
use serialport::{SerialPort, TTYPort};

use crate::sales;

const SOON: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scanned_code_reaches_the_page_as_a_token_and_pays() {
    let (mut scan_box, slave) = TTYPort::pair().unwrap_or_else(|error| panic!("no pty: {error}"));
    let port = slave.name().unwrap_or_default();
    drop(slave);
    let devices = format!("[[devices.scanner]]\nport = \"{port}\"\ntill = \"T1\"\n");
    World::builder()
        .sections(devices)
        .play(async |world| {
            let cashier = world.node().person(CASHIER).await?;
            until("the scan box", SOON, async || {
                let health = cashier.read("/health").await?;
                ensure!(text(&health["devices"], "scanner") == "ready", "{health}");
                Ok(Some(()))
            })
            .await?;
            let mut events = Events::open(&cashier, None).await?;
            let code = payment_code();
            scan_box.write_all(format!("{code}\r\n").as_bytes())?;
            let scan = events.next("scan", SOON).await?;
            ensure!(text(&scan.data, "till") == "T1" && text(&scan.data, "wallet") == "wechat", "{}", scan.data);
            ensure!(code.ends_with(text(&scan.data, "last_two")), "{}", scan.data);
            let token = text(&scan.data, "token").to_owned();
            ensure!(!scan.data.to_string().contains(&code), "the page was given the code: {}", scan.data);

            let charge = Charge::raw(json!({ "amount_fen": 1_200, "scan": token }));
            let answer = cashier.charge(&charge).await?;
            ensure!(answer.status == 200 && answer.text("state") == "paid", "{} {}", answer.status, answer.json);
            ensure!(code.ends_with(answer.text("code_last_two")), "{}", answer.json);
            let again = cashier.charge(&Charge::raw(json!({ "amount_fen": 1_200, "scan": token }))).await?;
            ensure!((again.status, again.text("code")) == (422, "scan_expired"), "{} {}", again.status, again.json);
            sales::agrees(&cashier.payments().await?, &world.sandbox.book().await?)?;

            // A page whose line was away is told of a code that is nobody's yet, and not of one that was taken.
            let later = payment_code();
            scan_box.write_all(format!("{later}\r\n").as_bytes())?;
            let told = events.next("scan", SOON).await?;
            let mut back = Events::open(&cashier, None).await?;
            let offered = back.next("scan", SOON).await?;
            ensure!(offered.data == told.data && later.ends_with(text(&offered.data, "last_two")), "{}", offered.data);
            let token = text(&offered.data, "token").to_owned();
            let answer = cashier.charge(&Charge::raw(json!({ "amount_fen": 1_300, "scan": token }))).await?;
            ensure!(answer.status == 200 && answer.text("state") == "paid", "{} {}", answer.status, answer.json);
            let mut late = Events::open(&cashier, None).await?;

            // Goods on the counter are no payment, and their number is not shown around.
            scan_box.write_all(b"6901234567892\r\n")?;
            let goods = events.next("scan", SOON).await?;
            ensure!(goods.data.get("token").is_none(), "{}", goods.data);
            let first = late.next("scan", SOON).await?;
            ensure!(first.data == goods.data, "a code that was taken is offered: {}", first.data);

            // The code is in no log and in no file of the node.
            world.node_mut().stop().await?;
            let folder = world.node().config_file();
            let folder = folder.parent().context("a folder")?;
            for file in files_below(folder)? {
                let bytes = std::fs::read(&file)?;
                let found = bytes.windows(code.len()).any(|window| window == code.as_bytes());
                ensure!(!found, "{} holds the payment code", file.display());
            }
            Ok(())
        })
        .await;
}

fn files_below(folder: &std::path::Path) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            files.extend(files_below(&entry.path())?);
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(files)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paid_sale_prints_its_receipt_and_a_declined_one_none() {
    let printer = Emulator::start("127.0.0.1:0").unwrap_or_else(|error| panic!("no printer: {error}"));
    let devices =
        format!("[devices.printer]\nkind = \"tcp\"\nhost = \"127.0.0.1\"\nport = {}\n", printer.address().port());
    World::builder()
        .sections(devices)
        .play(async |world| {
            let client = world.node().program()?;
            let declined = client.charge(&Charge::of(5_009)).await?;
            ensure!(declined.text("state") == "declined", "{}", declined.json);
            let paid = sales::pays(&client, 123_450).await?;
            let order_no = text(&paid, "order_no");
            let receipt = printed(&printer, 1).await?.pop().context("a receipt")?;
            for words in [order_no, "成功", "示例药房", "1234.50", "微信"] {
                ensure!(receipt.contains(words), "{words:?} is missing:\n{receipt}");
            }
            // A hanzi in GBK is two bytes; as UTF-8 it would come out as something else on paper.
            let raw = printer.printed().concat();
            let gbk: &[u8] = &[0xb3, 0xc9, 0xb9, 0xa6];
            ensure!(raw.windows(gbk.len()).any(|bytes| bytes == gbk), "成功 is not printed in GBK");

            let again = client.post(&format!("/payments/{order_no}/receipt"), &json!({})).await?;
            ensure!(again.status == 202, "{} {}", again.status, again.json);
            let reprint = printed(&printer, 2).await?.pop().context("a receipt")?;
            ensure!(reprint.contains(order_no) && reprint != receipt, "a reprint says that it is one:\n{reprint}");
            let none = client.post(&format!("/payments/{}/receipt", declined.text("order_no")), &json!({})).await?;
            ensure!(none.status == 409, "a receipt of a declined sale: {} {}", none.status, none.json);
            let picture = client.get(&format!("/payments/{order_no}/receipt.png")).await?;
            ensure!(picture.status == 200, "{} {}", picture.status, picture.json);

            let void = format!("/payments/{order_no}/void");
            let voided = client.post_keyed(&void, "void-for-the-receipt", &json!({})).await?;
            ensure!(voided.text("state") == "reversed", "{} {}", voided.status, voided.json);
            let receipt = printed(&printer, 3).await?.pop().context("a receipt")?;
            ensure!(receipt.contains("已撤销") && receipt.contains("1234.50"), "the void's receipt:\n{receipt}");

            // A dead printer stops no sale.
            drop(printer);
            sales::pays(&client, 200).await.map(drop)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slips_wait_for_paper_and_health_says_why() {
    let printer = Emulator::start("127.0.0.1:0").unwrap_or_else(|error| panic!("no printer: {error}"));
    let devices = format!(
        "[devices.printer]\nkind = \"tcp\"\nhost = \"127.0.0.1\"\nport = {}\ncolumns = 42\ncopies = 2\n",
        printer.address().port()
    );
    World::builder()
        .sections(devices)
        .play(async |world| {
            let client = world.node().program()?;
            let says = async |state: &str| {
                until("the printer's state", SOON, async || {
                    let health = client.read("/health").await?;
                    ensure!(text(&health["devices"], "printer") == state, "{state} expected: {health}");
                    Ok(Some(()))
                })
                .await
            };
            // Its paper ends in the middle of the first slip.
            printer.set(Switches { paper: Some(100), ..Switches::default() });
            sales::pays(&client, 1_100).await?;
            sales::pays(&client, 1_200).await?;
            says("paper_out").await?;
            printer.set(Switches { offline: true, ..Switches::default() });
            says("cover_open").await?;
            printer.set(Switches::default());
            let slips = printed(&printer, 4).await?;
            for (slip, amount, copy) in [(0, "11.00", 1), (1, "11.00", 2), (2, "12.00", 1), (3, "12.00", 2)] {
                let slip: &String = slips.get(slip).context("a slip")?;
                ensure!(slip.contains(amount) && slip.contains(&format!("第{copy}联")), "{amount} {copy}:\n{slip}");
                ensure!(!slip.contains("补打") && slip.contains(&"-".repeat(42)), "{slip}");
                ensure!(!slip.contains(&"-".repeat(43)), "{slip}");
            }
            says("ready").await
        })
        .await;
}

async fn printed(printer: &Emulator, count: usize) -> anyhow::Result<Vec<String>> {
    until("the receipt", SOON, async || {
        let jobs: Vec<String> = printer.printed().iter().map(|job| render::text(job)).collect();
        ensure!(jobs.len() == count, "{count} expected, {} printed: {jobs:?}", jobs.len());
        Ok(Some(jobs))
    })
    .await
}
