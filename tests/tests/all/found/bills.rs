//! A bill is taken once: whatever its number looks like, whatever day it is, whatever becomes of its payments.

use std::time::Duration;

use anyhow::{Context, ensure};
use guitai_tests::{
    charge::{Charge, random_digits},
    client::{Answer, Client, text},
    clock::{beijing_day, offset_to_beijing, true_s},
    node::{ADMINISTRATOR, CASHIER},
    wait::until,
    world::World,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{SOON, approver, charged, comes_to_keep, given_up, kept, on_bill, refused, void};
use crate::sales;

/// A source of bills whose numbers start anew each day.
pub(super) const DAILY: &str = "[[bill_source]]\nname = \"pos\"\ndaily = true\n";

/// Two minutes before midnight in Beijing, as a second of the day.
const LATE_EVENING_S: i64 = 86_400 - 120;

async fn bill_of(client: &Client, source: &str, number: &str) -> anyhow::Result<Value> {
    client.read(&format!("/bills/{source}/{number}")).await
}

// Before: each of them was another bill, and charged again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m05_a_blank_around_a_bill_number_is_the_same_bill() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            charged(&client, &on_bill(1_000, "B1", 1_000), "paid").await?;
            for number in ["B1 ", " B1", "B1\n", "\tB1", "B1\r\n", "\u{3000}B1\u{3000}", "B1\u{a0}", "Ｂ１"] {
                refused(&client, &on_bill(1_000, number, 1_000), 422, "bill_covered").await?;
            }
            let other_source = json!({ "source": " his ", "number": "B1", "total_fen": 1_000 });
            refused(&client, &Charge::of(1_000).with("bill", other_source), 422, "bill_covered").await?;
            // The other way about: what was said with a blank is known without.
            charged(&client, &on_bill(1_000, " B2 ", 1_000), "paid").await?;
            refused(&client, &on_bill(1_000, "B2", 1_000), 422, "bill_covered").await?;
            ensure!(world.sandbox.book().await?.len() == 2, "a bill was taken twice");
            Ok(())
        })
        .await;
}

// Before: each was another bill that looks the same to people, and charged again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m05_what_nobody_can_see_makes_no_other_bill() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            charged(&client, &on_bill(1_000, "B1", 1_000), "paid").await?;
            for number in
                ["B\u{200b}1", "B1\u{feff}", "\u{200e}B1", "B\u{0}1", "B\u{7f}1", "B\u{2060}1", "B\n1", "", "  "]
            {
                let answer = client.charge(&on_bill(1_000, number, 1_000)).await?;
                let told = [400, 422].contains(&answer.status) && !answer.text("detail").is_empty();
                ensure!(told, "{number:?}: {} {}", answer.status, answer.json);
            }
            ensure!(world.sandbox.book().await?.len() == 1, "a bill was taken twice");
            Ok(())
        })
        .await;
}

// Before: the void freed the bill at once; then it was refused, the first payment was paid again, and the bill taken twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m14_a_void_holds_its_bill_until_it_is_done() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let paid = charged(&client, &on_bill(5_000, "V1", 5_000), "paid").await?;
            let order_no = text(&paid, "order_no");
            world.sandbox.line("slow").await?;
            let (asked, meanwhile) = tokio::try_join!(void(&client, order_no), async {
                tokio::time::sleep(Duration::from_millis(700)).await;
                client.charge(&on_bill(5_000, "V1", 5_000).wait_ms(1_000)).await
            })?;
            ensure!(asked.status == 200, "void: {} {}", asked.status, asked.json);
            locked(&meanwhile)?;
            world.sandbox.line("up").await?;
            sales::becomes(&client, order_no, &["reversed"], SOON).await?;
            charged(&client, &on_bill(5_000, "V1", 5_000), "paid").await?;
            ensure!(kept(world).await? == 5_000, "{:?}", world.sandbox.book().await?);
            Ok(())
        })
        .await;
}

/// Refused because something on the bill is not over yet.
fn locked(answer: &Answer) -> anyhow::Result<()> {
    let code = answer.text("code");
    let right = answer.status == 422 && ["bill_locked", "bill_covered"].contains(&code) && answer.json["free_fen"] == 0;
    ensure!(right, "a bill under a void is free: {} {}", answer.status, answer.json);
    Ok(())
}

// Before: a void without an answer left the bill free, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m14_a_void_in_doubt_holds_its_bill_and_a_done_one_frees_it() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let paid = charged(&client, &on_bill(5_000, "V2", 5_000), "paid").await?;
            let order_no = text(&paid, "order_no");
            world.sandbox.line("cut").await?;
            let asked = void(&client, order_no).await?;
            ensure!(asked.status == 200 && asked.text("state") == "reversing", "{} {}", asked.status, asked.json);
            locked(&client.charge(&on_bill(5_000, "V2", 5_000)).await?)?;
            world.node_mut().kill()?;
            world.node_mut().start().await?;
            locked(&client.charge(&on_bill(5_000, "V2", 5_000)).await?)?;
            world.sandbox.line("up").await?;
            sales::becomes(&client, order_no, &["reversed"], Duration::from_secs(60)).await?;
            charged(&client, &on_bill(5_000, "V2", 5_000), "paid").await?;
            ensure!(kept(world).await? == 5_000, "{:?}", world.sandbox.book().await?);
            Ok(())
        })
        .await;
}

// Before: the acquirer refused the void, and two payments stood on one bill.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m14_a_refused_void_leaves_its_bill_as_it_was() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let paid = charged(&client, &on_bill(5_000, "V3", 8_000), "paid").await?;
            let order_no = text(&paid, "order_no");
            world.sandbox.refuse("cancel", "refuse").await?;
            let again = on_bill(8_000, "V3", 8_000);
            let (asked, meanwhile) = tokio::try_join!(void(&client, order_no), client.charge(&again))?;
            ensure!(asked.status == 200, "void: {} {}", asked.status, asked.json);
            ensure!(
                meanwhile.status == 422 && meanwhile.json["free_fen"] == 3_000,
                "the rest is free: {}",
                meanwhile.json
            );
            sales::becomes(&client, order_no, &["paid"], SOON).await?;
            refused(&client, &on_bill(8_000, "V3", 8_000), 422, "bill_covered").await?;
            let rest = charged(&client, &on_bill(3_000, "V3", 8_000), "paid").await?;
            ensure!(kept(world).await? == 8_000, "{rest} {:?}", world.sandbox.book().await?);
            world.sandbox.refuse("cancel", "accept").await?;
            let asked = void(&client, order_no).await?;
            ensure!(asked.text("state") == "reversed", "{} {}", asked.status, asked.json);
            charged(&client, &on_bill(5_000, "V3", 8_000), "paid").await?;
            ensure!(kept(world).await? == 8_000, "{:?}", world.sandbox.book().await?);
            Ok(())
        })
        .await;
}

/// Lets midnight pass for everything that runs.
fn next_day(world: &World) -> anyhow::Result<()> {
    world.set_clocks(world.node().clock.offset_s()? + 600)
}

// Before: of a bill of 10.25 the shop kept 20.25.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m18_a_bill_over_midnight_keeps_its_sum() {
    World::builder()
        .clocks(offset_to_beijing(LATE_EVENING_S))
        .play(async |world| {
            let client = world.node().program()?;
            let first = given_up(&client, &on_bill(1_025, "N1", 1_025)).await?;
            next_day(world)?;
            charged(&client, &on_bill(1_000, "N1", 1_025), "paid").await?;
            // The money of yesterday's attempt has come by now; the node looks again after a minute, or with the next start.
            world.node_mut().stop().await?;
            world.node_mut().start().await?;
            comes_to_keep(world, 1_000, super::MINUTE_LIMIT).await?;
            let row = client.payment(&first).await?;
            ensure!(["reversed", "refunded", "closed"].contains(&text(&row, "state")), "{row}");
            ensure!(row["bill"]["number"] == "N1", "{row}");
            Ok(())
        })
        .await;
}

// Before: a bill paid in the evening was charged again after midnight, a sale rung "again" as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m18_a_bill_paid_before_midnight_is_covered_after_it() {
    World::builder()
        .clocks(offset_to_beijing(LATE_EVENING_S))
        .play(async |world| {
            let client = world.node().program()?;
            charged(&client, &on_bill(1_000, "N2", 1_000), "paid").await?;
            charged(&client, &on_bill(600, "N3", 1_000), "paid").await?;
            let sale = sales::pays(&client, 1_200).await?;
            let again = || Charge::of(1_200).with("retry_of", text(&sale, "order_no"));
            let before = client.charge(&again()).await?;
            ensure!([409, 422].contains(&before.status), "again, before: {} {}", before.status, before.json);
            next_day(world)?;
            for _ in 0..2 {
                refused(&client, &on_bill(1_000, "N2", 1_000), 422, "bill_covered").await?;
                let part = refused(&client, &on_bill(600, "N3", 1_000), 422, "bill_covered").await?;
                ensure!(part.json["free_fen"] == 400, "{}", part.json);
                let after = client.charge(&again()).await?;
                ensure!([409, 422].contains(&after.status), "again, after: {} {}", after.status, after.json);
                world.node_mut().kill()?;
                world.node_mut().start().await?;
            }
            let rest = charged(&client, &on_bill(400, "N3", 1_000), "paid").await?;
            ensure!(text(&rest, "business_day") == beijing_day(true_s() + world.node().clock.offset_s()?), "{rest}");
            ensure!(kept(world).await? == 3_200, "{:?}", world.sandbox.book().await?);
            Ok(())
        })
        .await;
}

// Before: a source could not say that its numbers start anew each day; yesterday's number 7 was another bill for every source.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m18_numbers_that_start_anew_each_day_say_which_day() {
    World::builder()
        .clocks(offset_to_beijing(LATE_EVENING_S))
        .sections(DAILY)
        .play(async |world| {
            let client = world.node().program()?;
            let daily = |number: &str, total: u64| json!({ "source": "pos", "number": number, "total_fen": total });
            let charge = |fen: u64, number: &str, total: u64| Charge::of(fen).with("bill", daily(number, total));
            let of_day = |fen: u64, number: &str, total: u64, day: &str| {
                let mut bill = daily(number, total);
                bill["day"] = json!(day);
                Charge::of(fen).with("bill", bill)
            };
            let yesterday = beijing_day(true_s() + world.node().clock.offset_s()?);
            // 7 is paid, 8 is half paid, 9 is open.
            charged(&client, &charge(1_000, "7", 1_000), "paid").await?;
            refused(&client, &charge(1_000, "7", 1_000), 422, "bill_covered").await?;
            charged(&client, &charge(500, "8", 1_000), "paid").await?;
            charged(&client, &charge(909, "9", 909), "declined").await?;
            next_day(world)?;
            // A wall clock that jumps is not believed: the night passes with the node switched off.
            world.node_mut().stop().await?;
            world.node_mut().start().await?;
            let today = beijing_day(true_s() + world.node().clock.offset_s()?);
            ensure!(today != yesterday, "midnight has passed");
            let asked = refused(&client, &charge(1_000, "7", 1_000), 409, "bill_day_needed").await?;
            for choice in [&yesterday, &today] {
                ensure!(asked.json.to_string().contains(choice.as_str()), "both choices: {}", asked.json);
            }
            refused(&client, &of_day(1_000, "7", 1_000, &yesterday), 422, "bill_covered").await?;
            charged(&client, &of_day(1_000, "7", 1_000, &today), "paid").await?;
            refused(&client, &of_day(1_000, "7", 1_000, &today), 422, "bill_covered").await?;
            // The same total, and open: it is yesterday's, and only its rest is free.
            let over = refused(&client, &charge(1_000, "8", 1_000), 422, "bill_covered").await?;
            ensure!(over.json["free_fen"] == 500, "{}", over.json);
            charged(&client, &charge(500, "8", 1_000), "paid").await?;
            refused(&client, &charge(700, "9", 700), 409, "bill_day_needed").await?;
            charged(&client, &charge(1_100, "10", 1_100), "paid").await?;
            for nonsense in ["2026-02-30", "heute", ""] {
                let answer = client.charge(&of_day(100, "11", 100, nonsense)).await?;
                ensure!([400, 422].contains(&answer.status), "{nonsense:?}: {} {}", answer.status, answer.json);
            }
            ensure!(kept(world).await? == 4_100, "{:?}", world.sandbox.book().await?);
            Ok(())
        })
        .await;
}

// Before: the second total was accepted silently, and 20.00 taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m22_another_total_is_refused_and_raising_it_is_an_act() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            charged(&client, &on_bill(1_000, "R1", 1_000), "paid").await?;
            refused(&client, &on_bill(1_000, "R1", 2_000), 409, "total_differs").await?;
            refused(&client, &on_bill(500, "R1", 500), 409, "total_differs").await?;
            // Also while nothing of it is paid: the first total that was said is the bill's.
            charged(&client, &on_bill(1_009, "R2", 1_009), "declined").await?;
            refused(&client, &on_bill(1_000, "R2", 2_000), 409, "total_differs").await?;
            ensure!(bill_of(&client, "his", "R1").await?["total_fen"] == 1_000, "a refused charge moved the total");

            let manager = world.node().person(ADMINISTRATOR).await?;
            let raised = total(&manager, "R1", 2_000).await?;
            ensure!(raised.status == 200, "{} {}", raised.status, raised.json);
            let open = bill_of(&client, "his", "R1").await?;
            let sums = ["total_fen", "covered_fen", "locked_fen", "free_fen"].map(|sum| open[sum].as_u64());
            ensure!(sums == [Some(2_000), Some(1_000), Some(0), Some(1_000)], "{open}");
            refused(&client, &on_bill(1_000, "R1", 1_000), 409, "total_differs").await?;
            charged(&client, &on_bill(1_000, "R1", 2_000), "paid").await?;
            refused(&client, &on_bill(1, "R1", 2_000), 422, "bill_covered").await?;
            let below = total(&manager, "R1", 1_999).await?;
            ensure!(below.status == 422, "below what is covered: {} {}", below.status, below.json);
            world.node_mut().kill()?;
            world.node_mut().start().await?;
            refused(&client, &on_bill(1, "R1", 2_000), 422, "bill_covered").await?;
            ensure!(bill_of(&client, "his", "R1").await?["total_fen"] == 2_000, "forgotten over a restart");
            ensure!(kept(world).await? == 2_000, "{:?}", world.sandbox.book().await?);
            Ok(())
        })
        .await;
}

async fn total(manager: &Client, number: &str, total_fen: u64) -> anyhow::Result<Answer> {
    keyed_total(manager, number, &random_digits(16), total_fen).await
}

async fn keyed_total(manager: &Client, number: &str, key: &str, total_fen: u64) -> anyhow::Result<Answer> {
    let body = json!({ "total_fen": total_fen, "approver": approver() });
    manager.post_keyed(&format!("/bills/his/{number}/total"), key, &body).await
}

// Neighbour: a request whose answer was lost, sent again after another act. Before: it freed the bill's rest once more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m22_a_total_asked_again_is_no_second_act() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let manager = world.node().person(ADMINISTRATOR).await?;
            charged(&client, &on_bill(1_000, "R3", 1_000), "paid").await?;
            for (key, sum) in [("raise-it-once", 2_000), ("back-again", 1_000)] {
                let done = keyed_total(&manager, "R3", key, sum).await?;
                ensure!(done.status == 200 && done.json["total_fen"] == sum, "{} {}", done.status, done.json);
            }
            world.node_mut().kill()?;
            world.node_mut().start().await?;
            let manager = world.node().person(ADMINISTRATOR).await?;
            let again = keyed_total(&manager, "R3", "raise-it-once", 2_000).await?;
            ensure!(again.status == 200 && again.json["total_fen"] == 1_000, "{} {}", again.status, again.json);
            refused(&client, &on_bill(1_000, "R3", 1_000), 422, "bill_covered").await?;
            for (number, sum) in [("R3", 3_000), ("R4", 2_000)] {
                let other = keyed_total(&manager, number, "raise-it-once", sum).await?;
                ensure!(other.status == 409 && other.text("code") == "idempotency_conflict", "{number}: {other:?}");
            }
            ensure!(kept(world).await? == 1_000, "{:?}", world.sandbox.book().await?);
            Ok(())
        })
        .await;
}

// Before: there was no way to ask what of a bill is covered, locked or free.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m14_a_bill_tells_its_parts() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let unknown = client.get("/bills/his/nothing").await?;
            ensure!(unknown.status == 404, "{} {}", unknown.status, unknown.json);
            let paid = charged(&client, &on_bill(3_000, "P1", 10_000), "paid").await?;
            let open = charged(&client, &on_bill(2_003, "P1", 10_000).wait_ms(200), "pending").await?;
            let now = bill_of(&client, "his", "P1").await?;
            let sums = ["total_fen", "covered_fen", "locked_fen", "free_fen"].map(|sum| now[sum].as_u64());
            ensure!(sums == [Some(10_000), Some(3_000), Some(2_003), Some(4_997)], "{now}");
            let parts = now["parts"].as_array().context("parts")?;
            for (payment, state) in [(&paid, "paid"), (&open, "pending")] {
                let part = parts.iter().find(|part| part["no"] == payment["order_no"]).context("a part")?;
                ensure!(text(part, "state") == state && part["amount_fen"] == payment["amount_fen"], "{part}");
            }
            let over = refused(&client, &on_bill(4_998, "P1", 10_000), 422, "bill_locked").await?;
            ensure!(over.json["free_fen"] == 4_997, "{}", over.json);
            // A number is found however it is written in a path.
            let spaced = client.request(Method::GET, "/bills/his/%20P1%20");
            let spaced = client.send(spaced).await?;
            ensure!(spaced.status == 200 && spaced.json["covered_fen"] == 3_000, "{} {}", spaced.status, spaced.json);
            until("the doubt to stay the bill's", SOON, async || {
                let there = world.hub.program()?.payment(text(&open, "order_no")).await?;
                Ok((there["bill"]["number"] == "P1").then_some(()))
            })
            .await
        })
        .await;
}

// Before: a sale in doubt was freed by whoever pressed the key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m14_a_doubt_frees_its_bill_with_an_approver_only() {
    World::builder()
        .play(async |world| {
            let client = world.node().person(CASHIER).await?;
            let mut opened = Vec::new();
            for number in ["F1", "F2"] {
                let payment = charged(&client, &on_bill(4_003, number, 4_003).wait_ms(200), "pending").await?;
                opened.push(text(&payment, "order_no").to_owned());
            }
            tokio::time::sleep(Duration::from_millis(60_500)).await;
            // The acquirer takes every reversal and its answer is lost.
            world.sandbox.line("cut").await?;
            for (order_no, body) in opened.iter().zip([json!({}), json!({ "approver": approver() })]) {
                let path = format!("/payments/{order_no}/not-handed-over");
                let answer = client.post_keyed(&path, &random_digits(16), &body).await?;
                ensure!(answer.status == 200, "{body}: {} {}", answer.status, answer.json);
            }
            refused(&client, &on_bill(4_000, "F1", 4_003), 422, "bill_locked").await?;
            let freed = client.charge(&on_bill(4_000, "F2", 4_003).wait_ms(1_000)).await?;
            ensure!(freed.status == 200, "freed by an approver: {} {}", freed.status, freed.json);
            world.sandbox.line("up").await?;
            for order_no in &opened {
                sales::becomes(&client, order_no, &["closed"], Duration::from_secs(60)).await?;
            }
            sales::becomes(&client, freed.text("order_no"), &["paid"], Duration::from_secs(60)).await?;
            charged(&client, &on_bill(4_000, "F1", 4_003), "paid").await?;
            ensure!(kept(world).await? == 8_000, "{:?}", world.sandbox.book().await?);
            Ok(())
        })
        .await;
}
