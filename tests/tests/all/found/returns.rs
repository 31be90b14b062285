//! Money going back: at most what the customer paid, named, and owed until it is done.

use std::time::Duration;

use anyhow::{Context, ensure};
use guitai_devices::{emulator::Emulator, render};
use guitai_tests::{
    charge::{Charge, random_digits},
    client::{Client, text},
    clock::{HOUR_S, offset_to_beijing},
    node::ADMINISTRATOR,
    wait::until,
    world::World,
};
use serde_json::{Value, json};

use super::{
    MINUTE_LIMIT, NOON_S, SOON, act, charged, comes_to_keep, exceptions_of, given_up, kept, on_bill, refund,
    refunds_of, void,
};
use crate::sales;

// Before: 200, and 10.22 went back of which the customer had paid 9.20.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m04_at_most_what_the_customer_paid_goes_back() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            // A customer with a coupon pays a tenth less, rounded up.
            for (amount, customers, parts) in [
                (1_022, 920, vec![1_022]),
                (1_022, 920, vec![500, 522]),
                (1_022, 920, vec![500, 421]),
                (1_122, 1_010, vec![1_010, 1]),
                (1_122, 1_010, vec![505, 505, 1]),
            ] {
                let paid = charged(&client, &Charge::of(amount), "paid").await?;
                let order_no = text(&paid, "order_no");
                ensure!(paid["received_fen"] == customers && paid["can"]["refund_fen"] == customers, "{paid}");
                let (last, first) = parts.split_last().context("parts")?;
                for part in first {
                    let answer = refund(&client, order_no, *part).await?;
                    ensure!(answer.status == 200, "{parts:?}: {part}: {} {}", answer.status, answer.json);
                }
                let over = refund(&client, order_no, *last).await?;
                let given: u64 = first.iter().sum();
                let code = if given == customers { (409, "state_forbids") } else { (422, "over_remaining") };
                let told = (over.status, over.text("code"));
                ensure!(told == code || told == (422, "over_remaining"), "{parts:?}: {last}: {told:?} {}", over.json);
                ensure!(world.sandbox.book().await?[order_no].refunded_fen == given, "{parts:?}");
                ensure!(client.payment(order_no).await?["can"]["refund_fen"] == customers - given, "{parts:?}");
            }
            Ok(())
        })
        .await;
}

// Before: receipts and figures said the sale's sum, whatever the customer had paid.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m04_receipt_and_figures_say_what_the_customer_paid() {
    let printer = Emulator::start("127.0.0.1:0").unwrap_or_else(|error| panic!("no printer: {error}"));
    let port = printer.address().port();
    World::builder()
        .sections(format!("[devices.printer]\nkind = \"tcp\"\nhost = \"127.0.0.1\"\nport = {port}\n"))
        .play(async |world| {
            let client = world.node().program()?;
            let printed = async |count: usize| {
                until("the receipt", SOON, async || {
                    let jobs: Vec<String> = printer.printed().iter().map(|job| render::text(job)).collect();
                    ensure!(jobs.len() == count, "{jobs:?}");
                    Ok(jobs.last().cloned())
                })
                .await
            };
            let paid = charged(&client, &Charge::of(1_122), "paid").await?;
            let order_no = text(&paid, "order_no");
            let receipt = printed(1).await?;
            ensure!(receipt.contains("11.22") && receipt.contains("10.10"), "the sale and what was paid:\n{receipt}");
            let back = refund(&client, order_no, 1_010).await?;
            ensure!(back.status == 200, "all the customer paid: {} {}", back.status, back.json);
            ensure!(back.json["can"]["refund_fen"] == 0 && back.json["refunded_fen"] == 1_010, "{}", back.json);
            ensure!(back.text("state") == "refunded", "nothing of it is left: {}", back.json);
            let receipt = printed(2).await?;
            ensure!(receipt.contains("10.10"), "what went back:\n{receipt}");
            let day = client.read("/stats/day").await?;
            ensure!(day["refunded"] == json!({ "count": 1, "sum_fen": 1_010 }), "{day}");
            ensure!(world.sandbox.book().await?[order_no].refunded_fen == 1_010, "{:?}", world.sandbox.book().await?);
            // A void takes the whole sale back, discount and all.
            let other = charged(&client, &Charge::of(2_022), "paid").await?;
            let voided = void(&client, text(&other, "order_no")).await?;
            ensure!(voided.text("state") == "reversed", "{} {}", voided.status, voided.json);
            ensure!(world.sandbox.book().await?[text(&other, "order_no")].state == "reversed", "the void");
            Ok(())
        })
        .await;
}

/// The only number of ours in an answer beside the charge's.
fn names(answer: &Value, order_no: &str, wanted: &str) -> anyhow::Result<()> {
    let members = answer.as_object().context("an object")?;
    let named = members.iter().any(|(member, value)| member != "order_no" && value.to_string().contains(wanted));
    ensure!(text(answer, "order_no") == order_no && named, "{wanted} is not named: {answer}");
    Ok(())
}

// Before: a refund's answer was the charge's row; which refund it was, nobody could tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m11_a_returns_answer_names_it() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let paid = sales::pays(&client, 5_000).await?;
            let order_no = text(&paid, "order_no");
            let path = format!("/payments/{order_no}/refunds");
            let mut seen = Vec::new();
            for amount in [1_000, 1_000, 500] {
                let (key, body) = (random_digits(16), json!({ "amount_fen": amount }));
                let answer = client.post_keyed(&path, &key, &body).await?;
                ensure!(answer.status == 200, "{} {}", answer.status, answer.json);
                let rows = refunds_of(&client, order_no).await?.into_iter();
                let new: Vec<String> = rows.map(|row| text(&row, "order_no").to_owned()).collect();
                let number = new.into_iter().find(|number| !seen.contains(number)).context("a new refund")?;
                names(&answer.json, order_no, &number)?;
                let again = client.post_keyed(&path, &key, &body).await?;
                names(&again.json, order_no, &number)?;
                seen.push(number);
            }
            let other = sales::pays(&client, 6_000).await?;
            let voided = void(&client, text(&other, "order_no")).await?;
            let rows = client.payments().await?;
            let row = rows.iter().find(|row| text(row, "kind") == "void").context("a void")?;
            names(&voided.json, text(&other, "order_no"), text(row, "order_no"))
        })
        .await;
}

/// Money that comes after the sale was given up, while the acquirer refuses to give it back; everybody's clock is two minutes
/// further afterwards.
async fn owed(world: &mut World, client: &Client, now: i64) -> anyhow::Result<String> {
    let order_no = given_up(client, &on_bill(4_025, "O1", 4_025)).await?;
    charged(client, &on_bill(4_000, "O1", 4_025), "paid").await?;
    world.sandbox.refuse("refund", "refuse").await?;
    world.sandbox.refuse("cancel", "refuse").await?;
    world.node_mut().stop().await?;
    world.set_clocks(now + 120)?;
    world.node_mut().start().await?;
    until("the late money to be found", MINUTE_LIMIT, async || {
        let payment = client.payment(&order_no).await?;
        ensure!(payment["received_fen"].is_u64() || text(&payment, "state") != "closed", "{payment}");
        Ok(Some(()))
    })
    .await?;
    ensure!(kept(world).await? == 8_025, "refused, so it is still there: {:?}", world.sandbox.book().await?);
    Ok(order_no)
}

/// The acquirer gives back again, and so much time has gone by that every wait is over.
async fn funds_again(world: &mut World, now: i64) -> anyhow::Result<()> {
    world.sandbox.refuse("refund", "accept").await?;
    world.sandbox.refuse("cancel", "accept").await?;
    world.node_mut().stop().await?;
    world.set_clocks(now + 3 * HOUR_S)?;
    world.node_mut().start().await
}

// Before: a manager's refund that was refused as well made the node forget the debt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m06_what_is_owed_outlives_a_refused_try() {
    let now = offset_to_beijing(NOON_S);
    World::builder()
        .clocks(now)
        .play(async |world| {
            let client = world.node().program()?;
            let order_no = owed(world, &client, now).await?;
            let tried = refund(&client, &order_no, 4_025).await?;
            ensure!([200, 409, 422].contains(&tried.status), "{} {}", tried.status, tried.json);
            tokio::time::sleep(Duration::from_secs(2)).await;
            ensure!(kept(world).await? == 8_025, "refused, so it is still there");
            funds_again(world, now).await?;
            comes_to_keep(world, 4_000, MINUTE_LIMIT).await?;
            let row = sales::becomes(&client, &order_no, &["refunded", "reversed"], SOON).await?;
            ensure!(row["can"]["refund_fen"] == 0, "{row}");
            Ok(())
        })
        .await;
}

// Before: a partial refund by a manager dropped the rest of the debt; a restart dropped it for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m06_what_is_owed_outlives_a_partial_refund_and_restarts() {
    let now = offset_to_beijing(NOON_S);
    World::builder()
        .clocks(now)
        .play(async |world| {
            let client = world.node().program()?;
            let order_no = owed(world, &client, now).await?;
            world.sandbox.refuse("refund", "accept").await?;
            let part = refund(&client, &order_no, 1_000).await?;
            world.sandbox.refuse("refund", "refuse").await?;
            ensure!([200, 409, 422].contains(&part.status), "{} {}", part.status, part.json);
            for _ in 0..2 {
                world.node_mut().kill()?;
                world.node_mut().start().await?;
            }
            funds_again(world, now).await?;
            comes_to_keep(world, 4_000, MINUTE_LIMIT).await?;
            sales::becomes(&client, &order_no, &["refunded", "reversed"], SOON).await?;
            let sum: u64 = refunds_of(&client, &order_no)
                .await?
                .iter()
                .filter(|row| text(row, "state") == "refunded")
                .filter_map(|row| row["amount_fen"].as_u64())
                .sum();
            ensure!([0, 4_025].contains(&sum), "given back {sum} of 4,025");
            Ok(())
        })
        .await;
}

// Before: a debt was nowhere to be seen, so nobody could end it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m06_what_is_owed_is_an_exception_a_manager_can_work_on() {
    let now = offset_to_beijing(NOON_S);
    World::builder()
        .clocks(now)
        .play(async |world| {
            let client = world.node().program()?;
            let order_no = owed(world, &client, now).await?;
            let manager = world.node().person(ADMINISTRATOR).await?;
            let open = until("the debt among the exceptions", SOON, async || {
                Ok(exceptions_of(&manager, &order_no).await?.into_iter().next())
            })
            .await?;
            world.sandbox.refuse("refund", "accept").await?;
            world.sandbox.refuse("cancel", "accept").await?;
            let given = act(&manager, &open, "give-back").await?;
            ensure!(given.status == 200, "{} {}", given.status, given.json);
            comes_to_keep(world, 4_000, SOON).await
        })
        .await;
}

// Before: a quarantined payment had no way out: void and refund 409, no list, no key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m02_a_quarantined_payment_has_ways_out() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let manager = world.node().person(ADMINISTRATOR).await?;
            let mut quarantined = Vec::new();
            for amount in [2_013, 3_013] {
                let answer = client.charge(&Charge::of(amount).wait_ms(20_000)).await?;
                ensure!(answer.text("state") == "quarantined", "{} {}", answer.status, answer.json);
                quarantined.push(answer.text("order_no").to_owned());
            }
            let mut found = Vec::new();
            for order_no in &quarantined {
                let mut items = exceptions_of(&manager, order_no).await?;
                found.push(items.pop().with_context(|| format!("{order_no} is no exception"))?);
            }
            let path = format!("/exceptions/{}/accept", super::id(&found[0]));
            let bare = manager.post_keyed(&path, &random_digits(16), &json!({ "note": "x" })).await?;
            ensure!([400, 403, 422].contains(&bare.status), "without an approver: {} {}", bare.status, bare.json);
            let accepted = act(&manager, &found[0], "accept").await?;
            ensure!(accepted.status == 200, "{} {}", accepted.status, accepted.json);
            sales::becomes(&client, &quarantined[0], &["paid"], SOON).await?;
            let given = act(&manager, &found[1], "give-back").await?;
            ensure!(given.status == 200, "{} {}", given.status, given.json);
            sales::becomes(&client, &quarantined[1], &["reversed", "refunded"], SOON).await?;
            comes_to_keep(world, 2_013, SOON).await?;
            let twice = act(&manager, &found[0], "give-back").await?;
            ensure!(twice.status == 409, "ended twice: {} {}", twice.status, twice.json);
            for order_no in &quarantined {
                let left = manager.read("/exceptions?state=open").await?;
                ensure!(!left.to_string().contains(order_no.as_str()), "still open: {left}");
            }
            Ok(())
        })
        .await;
}
