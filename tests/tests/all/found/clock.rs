//! A till whose clock is wrong: money is judged by the acquirer's word, days by trusted time, and somebody is told.

use std::time::Duration;

use anyhow::{Context, ensure};
use guitai_tests::{
    charge::Charge,
    client::{Client, text},
    clock::{DAY_S, HOUR_S, beijing_day, offset_to_beijing, true_s, utc_s},
    wait::until,
    world::World,
};

use serde_json::Value;

use super::{NOON_S, SOON, SYNC_LIMIT, charged, on_bill, refund, refused, void};
use crate::sales;

/// Seconds from the 1st of January 2000 to now, negative: a clock whose battery is empty.
fn back_to_2000() -> i64 {
    946_684_800 - true_s()
}

/// The day it is for the merchant's other machines.
fn today(world: &World) -> anyhow::Result<String> {
    Ok(beijing_day(true_s() + world.sandbox.clock.offset_s()?))
}

/// Somebody is told that the clock is wrong.
async fn alarm(client: &Client) -> anyhow::Result<()> {
    until("the clock alarm", SOON, async || {
        let health = client.read("/health").await?;
        let words = health.to_string();
        let told = (words.contains("clock") || words.contains("时钟")) && text(&health, "status") != "ok";
        ensure!(told, "{health}");
        Ok(Some(()))
    })
    .await
}

/// The node's clock is off by so much; everything else knows what time it is.
async fn sells_and_takes_back(offset_s: i64) {
    let now = offset_to_beijing(NOON_S);
    World::builder()
        .clocks(now)
        .play(async |world| {
            world.node_mut().stop().await?;
            world.node().clock.set(now + offset_s)?;
            world.node_mut().start().await?;
            let client = world.node().program()?;
            world.node().synced(SYNC_LIMIT).await?;
            let mut sold = Vec::new();
            for amount in [100, 200, 300] {
                let answer = client.charge(&Charge::of(amount)).await?;
                let said = format!("a clock off by {offset_s} s: {} {}", answer.status, answer.json);
                ensure!(answer.status == 200 && answer.text("state") == "paid", said);
                sold.push(answer.json);
            }
            let back = void(&client, text(&sold[0], "order_no")).await?;
            ensure!(back.status == 200, "void: {} {}", back.status, back.json);
            sales::becomes(&client, text(&sold[0], "order_no"), &["reversed"], SOON).await?;
            let back = refund(&client, text(&sold[1], "order_no"), 50).await?;
            ensure!(back.status == 200, "refund: {} {}", back.status, back.json);
            sales::becomes(&client, text(&sold[1], "order_no"), &["part_refunded"], SOON).await?;
            let day = today(world)?;
            for payment in client.payments().await? {
                ensure!(
                    text(&payment, "business_day") == day,
                    "a clock off by {offset_s} s, today is {day}: {payment}"
                );
            }
            let stats = client.read("/stats/day").await?;
            ensure!(text(&stats, "date") == day && stats["paid"]["count"] == 3, "today's figures: {stats}");
            alarm(&client).await?;
            sales::agrees(&client.payments().await?, &world.sandbox.book().await?)
        })
        .await;
}

// Before: `quarantined` for ever, 金额不符待核; void and refund 409; health ok.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m02_six_minutes_ahead_is_paid_with_an_alarm() {
    let now = offset_to_beijing(NOON_S);
    World::builder()
        .clocks(now)
        .play(async |world| {
            let client = world.node().program()?;
            // The clock jumps while the node runs, as when somebody sets it.
            world.node().clock.set(now + 360)?;
            let paid = charged(&client, &Charge::of(100), "paid").await?;
            alarm(&client).await?;
            let back = refund(&client, text(&paid, "order_no"), 40).await?;
            ensure!(back.status == 200, "refund: {} {}", back.status, back.json);
            let paid = charged(&client, &Charge::of(200), "paid").await?;
            let back = void(&client, text(&paid, "order_no")).await?;
            ensure!(back.status == 200, "void: {} {}", back.status, back.json);
            world.node().clock.set(now)?;
            charged(&client, &Charge::of(300), "paid").await?;
            sales::agrees(&client.payments().await?, &world.sandbox.book().await?)
        })
        .await;
}

// Before: as six minutes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m02_eight_hours_ahead_is_paid_with_an_alarm() {
    sells_and_takes_back(8 * HOUR_S).await;
}

// Before: as six minutes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m02_a_day_ahead_is_paid_with_an_alarm() {
    sells_and_takes_back(DAY_S).await;
}

// Before: sales stood on the year 2000.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m20_a_clock_at_2000_sells_on_today() {
    sells_and_takes_back(back_to_2000()).await;
}

// Before: sales stood on the day before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m20_a_day_behind_sells_on_today() {
    sells_and_takes_back(-DAY_S).await;
}

// Before: the next start took time up from a key made in 2000.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_operator_records_under_a_wrong_clock_bears_trusted_time() {
    let now = offset_to_beijing(NOON_S);
    World::builder()
        .clocks(now)
        .play(async |world| {
            for (name, offset_s) in [("past", back_to_2000()), ("future", 20 * 365 * DAY_S)] {
                world.node_mut().stop().await?;
                world.node().clock.set(now + offset_s)?;
                for running in ["stopped", "running"] {
                    let name = format!("{name}-{running}");
                    let create = ["api-key", "create", "--name", &name, "--scope", "read"];
                    world.node().command(&create).await?.line()?;
                    if running == "stopped" {
                        world.node_mut().start().await?;
                    }
                }
            }
            let journal = world.node().command(&["journal"]).await?;
            let mut keys = 0;
            for line in journal.out.lines().filter(|line| line.contains("ApiKeyCreated")) {
                let fact: Value = serde_json::from_str(line)?;
                let at_s = utc_s(text(&fact["fields"], "at")).with_context(|| line.to_owned())?;
                let off_s = at_s - (true_s() + now);
                ensure!(off_s.abs() < HOUR_S, "{off_s} s off: {line}");
                keys += 1;
            }
            ensure!(keys >= 4, "{}", journal.out);
            Ok(())
        })
        .await;
}

/// A bill is paid, then the node wakes up with another clock, with or without a hub that knows better.
async fn a_paid_bill_stays_paid(offset_s: i64, with_hub: bool) {
    let now = offset_to_beijing(NOON_S);
    World::builder()
        .clocks(now)
        .play(async |world| {
            let client = world.node().program()?;
            charged(&client, &on_bill(1_000, "C1", 1_000), "paid").await?;
            world.node().synced(SYNC_LIMIT).await?;
            if !with_hub {
                world.hub.stop().await?;
            }
            world.node_mut().stop().await?;
            world.node().clock.set(now + offset_s)?;
            world.node_mut().start().await?;
            refused(&client, &on_bill(1_000, "C1", 1_000), 422, "bill_covered").await?;
            let day = today(world)?;
            for amount in [1_100, 1_200] {
                let paid = charged(&client, &Charge::of(amount), "paid").await?;
                ensure!(text(&paid, "business_day") == day, "off by {offset_s} s, today is {day}: {paid}");
            }
            refused(&client, &on_bill(1_000, "C1", 1_000), 422, "bill_covered").await?;
            ensure!(super::kept(world).await? == 3_300, "{:?}", world.sandbox.book().await?);
            Ok(())
        })
        .await;
}

// Before: the bill was charged again, on a day of the year 2000.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m20_a_paid_bill_stays_paid_under_a_clock_at_2000() {
    a_paid_bill_stays_paid(back_to_2000(), false).await;
}

// Before: the bill was charged again, yesterday.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m20_a_paid_bill_stays_paid_under_a_clock_a_day_behind() {
    a_paid_bill_stays_paid(-DAY_S, true).await;
}

// Before: the bill was charged again tomorrow; and afterwards, with the clock right, everything lay behind a day to come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m20_a_paid_bill_stays_paid_under_a_clock_days_ahead() {
    a_paid_bill_stays_paid(40 * DAY_S, false).await;
}

// Neighbour: closed over the weekend, hub away. Before: it was still Saturday, and Monday's first numbers were refused as
// paid.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m20_monday_begins_on_monday() {
    let saturday = offset_to_beijing(NOON_S);
    World::builder()
        .clocks(saturday)
        .sections(super::bills::DAILY)
        .play(async |world| {
            let client = world.node().program()?;
            let bill = serde_json::json!({ "source": "pos", "number": "1", "total_fen": 1_000 });
            charged(&client, &Charge::of(1_000).with("bill", bill.clone()), "paid").await?;
            let saturdays = today(world)?;
            world.node().synced(SYNC_LIMIT).await?;
            world.hub.stop().await?;
            world.node_mut().stop().await?;
            world.set_clocks(saturday + 2 * DAY_S)?;
            world.node_mut().start().await?;
            let monday = today(world)?;
            until("the time", SOON, async || {
                let stats = client.read("/stats/day").await?;
                Ok((text(&stats, "date") == monday).then_some(()))
            })
            .await?;
            let again = Charge::of(1_000).with("bill", bill.clone());
            let asked = refused(&client, &again, 409, "bill_day_needed").await?.json.to_string();
            ensure!(asked.contains(&saturdays) && asked.contains(&monday), "both choices: {asked}");
            let other = serde_json::json!({ "source": "pos", "number": "2", "total_fen": 1_100 });
            let paid = charged(&client, &Charge::of(1_100).with("bill", other), "paid").await?;
            ensure!(text(&paid, "business_day") == monday, "{paid}");
            Ok(())
        })
        .await;
}

// Before: right already; waits run by ticks, and must go on doing so beside trusted time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m02_a_jump_of_the_clock_ends_no_wait() {
    let now = offset_to_beijing(NOON_S);
    World::builder()
        .clocks(now)
        .play(async |world| {
            let client = world.node().program()?;
            let opened = charged(&client, &Charge::of(6_003).wait_ms(200), "pending").await?;
            let order_no = text(&opened, "order_no");
            world.node().clock.set(now + HOUR_S)?;
            tokio::time::sleep(Duration::from_secs(12)).await;
            let state = client.payment(order_no).await?;
            ensure!(["pending", "unknown"].contains(&text(&state, "state")), "an hour's jump ended a sale: {state}");
            let path = format!("/payments/{order_no}/cancel");
            let early = client.post_keyed(&path, "m02-early-cancel", &serde_json::json!({})).await?;
            ensure!(early.status == 409, "cancelled before 15 s: {} {}", early.status, early.json);
            world.node().clock.set(now - HOUR_S)?;
            tokio::time::sleep(Duration::from_secs(4)).await;
            super::cancel(&client, order_no).await?;
            sales::becomes(&client, order_no, &["closed"], SOON).await?;
            sales::agrees(&client.payments().await?, &world.sandbox.book().await?)
        })
        .await;
}
