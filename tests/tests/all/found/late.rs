//! Money that comes after a sale has ended: found however long the node was off, and judged by what happened, not by clocks.

use std::time::Duration;

use anyhow::ensure;
use guitai_tests::{
    charge::Charge,
    client::{Client, text},
    clock::{HOUR_S, offset_to_beijing},
    world::World,
};

use super::{CANCEL_AFTER, MINUTE_LIMIT, NOON_S, SOON, cancel, charged, comes_to_keep, given_up, kept, on_bill};
use crate::sales;

/// What a payment that was given back may be.
const GIVEN_BACK: &[&str] = &["reversed", "refunded"];

// Before: with the clock set back, late money was attached to a sale that had been rung again, so the customer paid twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m07_late_money_of_a_sale_rung_again_goes_back_under_a_clock_set_back() {
    let now = offset_to_beijing(NOON_S);
    World::builder()
        .clocks(now)
        .play(async |world| {
            let client = world.node().program()?;
            // One of the counter's own, one on a bill of the shop's.
            let attempts = [Charge::of(1_025), on_bill(3_025, "L1", 3_025)];
            let mut ended = Vec::new();
            for charge in &attempts {
                let opened = charged(&client, &charge.clone().wait_ms(100), "pending").await?;
                ended.push(text(&opened, "order_no").to_owned());
            }
            tokio::time::sleep(CANCEL_AFTER).await;
            for order_no in &ended {
                cancel(&client, order_no).await?;
                sales::becomes(&client, order_no, &["closed"], SOON).await?;
            }
            world.node().clock.set(now - HOUR_S)?;
            charged(&client, &Charge::of(1_000), "paid").await?;
            charged(&client, &on_bill(3_000, "L1", 3_025), "paid").await?;
            world.sandbox.advance(Duration::from_secs(40)).await?;
            ensure!(kept(world).await? == 8_050, "the late money is there: {:?}", world.sandbox.book().await?);
            comes_to_keep(world, 4_000, MINUTE_LIMIT).await?;
            for order_no in &ended {
                sales::becomes(&client, order_no, GIVEN_BACK, SOON).await?;
            }
            Ok(())
        })
        .await;
}

/// A sale is given up, the node goes off, and so much later it comes back; the customer had paid after all.
async fn found_after(off_s: i64) {
    let now = offset_to_beijing(NOON_S);
    World::builder()
        .clocks(now)
        .play(async |world| {
            let client = world.node().program()?;
            let order_no = given_up(&client, &Charge::of(4_025)).await?;
            world.node_mut().stop().await?;
            world.set_clocks(now + off_s)?;
            ensure!(kept(world).await? == 4_025, "the late money is there: {:?}", world.sandbox.book().await?);
            world.node_mut().start().await?;
            comes_to_keep(world, 0, MINUTE_LIMIT).await?;
            sales::becomes(&client, &order_no, GIVEN_BACK, SOON).await.map(drop)
        })
        .await;
}

// Before: after more than two hours nobody ever asked again, and the shop kept the money.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m16_late_money_is_found_after_three_hours_off() {
    found_after(3 * HOUR_S).await;
}

// Before: as after three hours. By now a refund has to give it back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m16_late_money_is_found_after_thirty_hours_off() {
    found_after(30 * HOUR_S).await;
}

// Before: as after three hours. All looks of the schedule are overdue; one of them is made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m16_late_money_is_found_after_eighty_hours_off() {
    found_after(80 * HOUR_S).await;
}

// Before: a node that ran through was late by the uptime it had lost: each start began the minute, the ten, the hour anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m16_restarts_never_starve_the_look_for_late_money() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let order_no = given_up(&client, &Charge::of(4_025)).await?;
            world.sandbox.advance(Duration::from_secs(40)).await?;
            let begun = std::time::Instant::now();
            while begun.elapsed() < Duration::from_secs(100) && kept(world).await? > 0 {
                tokio::time::sleep(Duration::from_secs(8)).await;
                world.node_mut().kill()?;
                world.node_mut().start().await?;
            }
            ensure!(kept(world).await? == 0, "never asked in 100 s of restarts: {:?}", world.sandbox.book().await?);
            sales::becomes(&client, &order_no, GIVEN_BACK, SOON).await.map(drop)
        })
        .await;
}

/// A sale is given up just before midnight in Beijing, and the acquirer's answer comes just after it.
async fn closed_just_after_midnight(world: &World, client: &Client) -> anyhow::Result<String> {
    let opened = charged(client, &Charge::of(4_025).wait_ms(100), "pending").await?;
    let order_no = text(&opened, "order_no").to_owned();
    tokio::time::sleep(CANCEL_AFTER).await;
    // Everything is done at once and answered after 8 s. Midnight is in 12: after the query, before the end of the reversal.
    world.set_clocks(offset_to_beijing(86_400 - 12))?;
    world.sandbox.line("slow").await?;
    cancel(client, &order_no).await?;
    sales::becomes(client, &order_no, &["closed"], Duration::from_secs(60)).await?;
    world.sandbox.line("up").await?;
    Ok(order_no)
}

// Before: after the restart nobody ever asked again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m17_late_money_over_midnight_is_found_after_a_restart() {
    World::builder()
        .clocks(offset_to_beijing(86_400 - 180))
        .play(async |world| {
            let client = world.node().program()?;
            let order_no = closed_just_after_midnight(world, &client).await?;
            world.node_mut().stop().await?;
            let later = world.node().clock.offset_s()? + 120;
            world.set_clocks(later)?;
            ensure!(kept(world).await? == 4_025, "the late money is there: {:?}", world.sandbox.book().await?);
            world.node_mut().start().await?;
            comes_to_keep(world, 0, MINUTE_LIMIT).await?;
            sales::becomes(&client, &order_no, GIVEN_BACK, SOON).await.map(drop)
        })
        .await;
}

// Before: a sale left with the customer over midnight could not be cancelled any more; its keys answered 200 and did nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m17_a_sale_pending_over_midnight_has_an_end() {
    World::builder()
        .clocks(offset_to_beijing(86_400 - 180))
        .play(async |world| {
            let client = world.node().program()?;
            let opened = charged(&client, &on_bill(4_003, "P9", 4_003).wait_ms(100), "pending").await?;
            let order_no = text(&opened, "order_no");
            tokio::time::sleep(CANCEL_AFTER).await;
            world.set_clocks(world.node().clock.offset_s()? + 600)?;
            cancel(&client, order_no).await?;
            // The acquirer's deadline is 90 s; whatever way it ends, it ends.
            let limit = Duration::from_secs(170);
            let ended =
                sales::becomes(&client, order_no, &["closed", "declined", "reversed", "refunded"], limit).await?;
            ensure!(kept(world).await? == 0, "{ended} {:?}", world.sandbox.book().await?);
            charged(&client, &on_bill(4_000, "P9", 4_003), "paid").await.map(drop)
        })
        .await;
}

// Neighbour: by the acquirer's books it is yesterday's sale while every clock here says today. Before: 只能撤销当日交易 each minute,
// `reversing` until a manager closed it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m17_what_the_acquirer_will_not_reverse_is_closed() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let opened = charged(&client, &on_bill(4_003, "P9", 4_003).wait_ms(100), "pending").await?;
            let order_no = text(&opened, "order_no");
            tokio::time::sleep(CANCEL_AFTER).await;
            world.sandbox.advance(Duration::from_hours(24)).await?;
            cancel(&client, order_no).await?;
            sales::becomes(&client, order_no, &["closed"], Duration::from_secs(30)).await?;
            ensure!(kept(world).await? == 0, "{:?}", world.sandbox.book().await?);
            charged(&client, &on_bill(4_000, "P9", 4_003), "paid").await.map(drop)
        })
        .await;
}
