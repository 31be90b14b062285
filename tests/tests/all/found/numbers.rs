//! One number is one order: whoever draws it, from whatever copy of whatever disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, ensure};
use guitai_tests::{
    charge::{Charge, random_digits},
    client::{Answer, Client, text},
    clock::{Clock, HOUR_S, offset_to_beijing},
    node::{ADMINISTRATOR, Node},
    wait::until,
    world::World,
};
use serde_json::json;

use super::{NOON_S, SOON, SYNC_LIMIT, act, charged, exceptions_of, kept, on_bill, refund, refused, void};
use crate::sales;

/// Rounds in which both boxes charge in the same second.
const ROUNDS: usize = 12;

/// What becomes of a charge whose number was used, at the latest; the acquirer is asked every 10 s.
const JUDGED_LIMIT: Duration = Duration::from_secs(100);

/// Charges of 50.00 on two boxes at the start of the same seconds; what each answered.
async fn in_the_same_seconds(one: &Client, two: &Client) -> anyhow::Result<[Vec<Answer>; 2]> {
    let mut answers = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let to_the_second = 1_000 - u64::from(since.subsec_millis());
        tokio::time::sleep(Duration::from_millis(to_the_second)).await;
        let (first, second) = (Charge::of(5_000).wait_ms(3_000), Charge::of(5_000).wait_ms(3_000));
        let (a, b) = tokio::try_join!(one.charge(&first), two.charge(&second))?;
        answers[0].push(a);
        answers[1].push(b);
    }
    Ok(answers)
}

/// The state in which each number ended at a box.
async fn ends(client: &Client) -> anyhow::Result<BTreeMap<String, String>> {
    let settled = async || {
        let rows = client.payments().await?;
        let charges = rows.iter().filter(|row| text(row, "kind") == "charge");
        let ends: BTreeMap<String, String> =
            charges.map(|row| (text(row, "order_no").to_owned(), text(row, "state").to_owned())).collect();
        let open = ends.values().any(|state| ["pending", "unknown", "reversing"].contains(&state.as_str()));
        ensure!(!open, "{ends:?}");
        Ok(Some(ends))
    };
    until("every doubt to end", JUDGED_LIMIT, settled).await
}

/// Nothing is paid at both boxes, and what is paid at one was taken once by the acquirer.
async fn nothing_is_counted_twice(world: &World, one: &Client, two: &Client, before: usize) -> anyhow::Result<()> {
    let (here, there) = (ends(one).await?, ends(two).await?);
    let paid = |ends: &BTreeMap<String, String>| -> BTreeSet<String> {
        ends.iter().filter(|(_, state)| *state == "paid").map(|(no, _)| no.clone()).collect()
    };
    let (here, there) = (paid(&here), paid(&there));
    let both: Vec<&String> = here.intersection(&there).collect();
    ensure!(both.len() <= before, "paid at two counters, taken once: {both:?}");
    for (order_no, line) in world.sandbox.book().await? {
        ensure!(line.charges <= 1, "{order_no}: taken {} times", line.charges);
    }
    Ok(())
}

// Before: 4 of 12 pairs had the same order number: both counters said 成功, one customer was charged; nobody was told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m01_two_boxes_of_one_store_share_no_number_and_one_stops() {
    World::builder()
        .stores(0)
        .play(async |world| {
            for name in ["S001", "second"] {
                let code = match name {
                    "S001" => world.hub.add_store("S001").await?,
                    // The first box has not delivered anything yet.
                    _ => world.hub.enrolment_code("S001").await?,
                };
                let (at, with) = (world.folder.path().join(name), (&world.hub, code.as_str()));
                let node = Node::set_up_with(&at, "S001", "", &world.sandbox, with, Clock::TRUE).await?;
                world.nodes.push(node);
            }
            for node in &mut world.nodes {
                node.start().await?;
            }
            let (replaced, current) = (world.nodes[0].program()?, world.nodes[1].program()?);
            let answers = in_the_same_seconds(&replaced, &current).await?;
            let mut numbers = BTreeSet::new();
            for answer in answers.iter().flatten().filter(|answer| answer.status == 200) {
                ensure!(numbers.insert(answer.text("order_no").to_owned()), "drawn twice: {}", answer.json);
            }
            ensure!(answers[1].iter().all(|answer| answer.text("state") == "paid"), "the box in force sells");
            nothing_is_counted_twice(world, &replaced, &current, 0).await?;
            until("the replaced box to stop", SYNC_LIMIT, async || {
                let health = replaced.read("/health").await?;
                ensure!(health["accepting"] == false && text(&health, "status") != "ok", "{health}");
                Ok(Some(()))
            })
            .await?;
            let taken = world.sandbox.book().await?.len();
            let answer = replaced.charge(&Charge::of(1_000)).await?;
            ensure!(answer.status == 503 && !answer.text("detail").is_empty(), "{} {}", answer.status, answer.json);
            ensure!(world.sandbox.book().await?.len() == taken, "a stopped box reached the acquirer");
            // It stays stopped, also without the hub.
            world.hub.stop().await?;
            world.nodes[0].stop().await?;
            world.nodes[0].start().await?;
            let answer = replaced.charge(&Charge::of(1_000)).await?;
            ensure!(answer.status == 503, "it forgot: {} {}", answer.status, answer.json);
            sales::pays(&current, 1_100).await.map(drop)
        })
        .await;
}

// Before: both boxes drew the same numbers; 16 sales were shown paid, 8 customers had been charged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m15_a_copied_folder_counts_nobodys_money_as_its_own() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            sales::pays(&client, 1_000).await?;
            world.node().synced(SYNC_LIMIT).await?;
            world.node_mut().stop().await?;
            world.hub.stop().await?;
            let mut copy = world.node().copied_to(&world.folder.path().join("second"))?;
            world.node_mut().start().await?;
            // A copy may refuse to start, or to sell: then it takes nothing.
            if copy.start().await.is_err() {
                sales::pays(&client, 1_100).await?;
                return Ok(());
            }
            let twin = copy.program()?;
            let answers = in_the_same_seconds(&client, &twin).await?;
            let sold = answers.iter().flatten().filter(|answer| answer.status == 200).count();
            ensure!(sold >= ROUNDS, "at least one box sells: {answers:?}");
            nothing_is_counted_twice(world, &client, &twin, 1).await?;
            // With the hub back, one of the two is told.
            world.hub.start_again().await?;
            until("the copy to be noticed", SYNC_LIMIT, async || {
                let (here, there) = (client.read("/sync").await?, twin.read("/sync").await?);
                let told = here["last_error"].is_string() || there["last_error"].is_string();
                ensure!(told, "{here} {there}");
                Ok(Some(()))
            })
            .await
        })
        .await;
}

/// A node without a hub that sold under a clock an hour fast, now right again, so that every number it draws in the hour to
/// come is the last one's successor; and a copy of its data from then.
async fn fast_and_copied(world: &mut World, now: i64) -> anyhow::Result<(Client, guitai_tests::node::Backup)> {
    world.node().synced(SYNC_LIMIT).await?;
    world.hub.stop().await?;
    world.node_mut().stop().await?;
    world.node().clock.set(now + HOUR_S)?;
    world.node_mut().start().await?;
    let client = world.node().program()?;
    let first = client.charge(&Charge::of(1_000)).await?;
    ensure!(first.status == 200, "{} {}", first.status, first.json);
    world.node_mut().stop().await?;
    let backup = world.node().back_up()?;
    world.node().clock.set(now)?;
    world.node_mut().start().await?;
    Ok((client, backup))
}

/// The older copy wakes up, `later_s` later.
async fn restored(
    world: &mut World,
    backup: &guitai_tests::node::Backup,
    now: i64,
    later_s: i64,
) -> anyhow::Result<()> {
    world.node_mut().stop().await?;
    world.node().put_back(backup)?;
    world.set_clocks(now + later_s)?;
    world.node_mut().start().await
}

/// Sales, a restore, and sales again whose numbers were used: `second` is what is charged then.
async fn sold_again_after_a_restore(first: [u64; 8], second: [u64; 8], later_s: i64) {
    let now = offset_to_beijing(NOON_S);
    World::builder()
        .clocks(now)
        .play(async |world| {
            let (client, backup) = fast_and_copied(world, now).await?;
            for amount in first {
                let answer = client.charge(&Charge::of(amount)).await?;
                ensure!(answer.status == 200, "{} {}", answer.status, answer.json);
            }
            let old: BTreeSet<String> = world.sandbox.book().await?.into_keys().collect();
            restored(world, &backup, now, later_s).await?;
            let mut sold = Vec::new();
            for amount in second {
                let answer = client.charge(&Charge::of(amount).wait_ms(15_000)).await?;
                ensure!(answer.status == 200, "{} {}", answer.status, answer.json);
                sold.push(answer.text("order_no").to_owned());
            }
            let ends = ends(&client).await?;
            let stolen: Vec<&String> = sold.iter().filter(|no| ends[*no] == "paid" && old.contains(*no)).collect();
            ensure!(stolen.is_empty(), "shown paid with another customer's money: {stolen:?} of {ends:?}");
            // Numbering jumps ahead after a used number, so that the counter is not stuck.
            let paid = sold.iter().filter(|no| ends[*no] == "paid").count();
            ensure!(paid >= 5, "{paid} of 8 customers could pay: {ends:?}");
            let book = world.sandbox.book().await?;
            ensure!(book.len() == old.len() + paid, "{paid} paid, but the book grew by {}", book.len() - old.len());
            Ok(())
        })
        .await;
}

// Before: the query found the older order's success and took it as ours: 16 sales shown paid, 8 customers charged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m15_a_used_number_of_the_same_amount_is_not_simply_paid() {
    sold_again_after_a_restore([300; 8], [300; 8], 0).await;
}

// Before: as with the same amount, since only the answer's own sum was compared with what it said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m15_a_used_number_of_another_amount_is_anothers() {
    sold_again_after_a_restore([300; 8], [400; 8], 0).await;
}

// Before: as above; the older order had ended ten minutes before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m15_a_used_number_that_ended_long_ago_is_anothers() {
    sold_again_after_a_restore([300; 8], [300; 8], 600).await;
}

// Before: the refund's number was used for another sale's refund; its success was taken as ours, and nothing went back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m15_a_used_refund_number_gives_nobodys_money_back_in_words_only() {
    let now = offset_to_beijing(NOON_S);
    World::builder()
        .clocks(now)
        .play(async |world| {
            let (client, _) = fast_and_copied(world, now).await?;
            let mut sold = Vec::new();
            for amount in [1_000, 1_000, 2_000, 2_000] {
                sold.push(text(&sales::pays(&client, amount).await?, "order_no").to_owned());
            }
            world.node_mut().stop().await?;
            let backup = world.node().back_up()?;
            world.node_mut().start().await?;
            for (order_no, what) in [(&sold[0], "refund"), (&sold[2], "void")] {
                let answer = if what == "void" {
                    void(&client, order_no).await?
                } else {
                    refund(&client, order_no, 100).await?
                };
                ensure!(answer.status == 200, "{what}: {} {}", answer.status, answer.json);
            }
            restored(world, &backup, now, 0).await?;
            // The second of each pair draws the number that the first one's return has.
            let refunded = refund(&client, &sold[1], 100).await?;
            let voided = void(&client, &sold[3]).await?;
            for answer in [&refunded, &voided] {
                ensure!([200, 409, 503].contains(&answer.status), "{} {}", answer.status, answer.json);
            }
            for order_no in [&sold[1], &sold[3]] {
                let settled = ["paid", "reversed", "part_refunded", "quarantined"];
                let row = sales::becomes(&client, order_no, &settled, JUDGED_LIMIT).await?;
                let book = world.sandbox.book().await?;
                let line = &book[order_no];
                let state = text(&row, "state");
                ensure!(state == "quarantined" || state == line.state, "here {row}, there {line:?}");
            }
            Ok(())
        })
        .await;
}

// Before: as the copied folder: what the query found was taken as ours, or quarantined without a way out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m15_a_number_somebody_else_used_is_judged_by_amount_wallet_and_time() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            for (differs, ends) in [
                (json!({ "what": "charge", "amount_fen": 301 }), "closed"),
                (json!({ "what": "charge", "wallet": "alipay" }), "closed"),
                (json!({ "what": "charge", "age_ms": 600_000 }), "closed"),
                (json!({ "what": "charge" }), "quarantined"),
            ] {
                world.sandbox.occupy(&differs).await?;
                let number = format!("U-{}", random_digits(6));
                let charge = on_bill(300, &number, 300).wait_ms(1_000);
                let asked = client.charge(&charge).await?;
                ensure!(asked.status == 200 && asked.text("state") != "paid", "{differs}: {}", asked.json);
                let order_no = asked.text("order_no");
                let row = sales::becomes(&client, order_no, &[ends], JUDGED_LIMIT).await?;
                let same_code = on_bill(300, &number, 300).with("auth_code", charge.body()["auth_code"].clone());
                if ends == "quarantined" {
                    // Perhaps it is ours: the bill waits for somebody who can tell.
                    refused(&client, &on_bill(300, &number, 300), 422, "bill_locked").await?;
                    let manager = world.node().person(ADMINISTRATOR).await?;
                    let open = exceptions_of(&manager, order_no).await?.pop().context("no exception")?;
                    let closed = act(&manager, &open, "close").await?;
                    ensure!(closed.status == 200, "{} {}", closed.status, closed.json);
                    sales::becomes(&client, order_no, &["closed"], SOON).await?;
                } else {
                    ensure!(!text(&row, "reason").is_empty(), "somebody is told why: {row}");
                    refused(&client, &same_code, 422, "payment_code_used").await?;
                }
                let again = charged(&client, &on_bill(300, &number, 300), "paid").await?;
                ensure!(text(&again, "order_no") > order_no, "numbering went on: {again}");
            }
            Ok(())
        })
        .await;
}

// Before: the success of somebody else's return was taken as ours, and the customer got nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m15_a_return_whose_number_somebody_else_used_asks_the_original() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            for (what, differs) in [
                ("cancel", json!({ "what": "cancel" })),
                ("cancel", json!({ "what": "cancel", "age_ms": 600_000 })),
                ("refund", json!({ "what": "refund" })),
                ("refund", json!({ "what": "refund", "amount_fen": 7 })),
            ] {
                let paid = sales::pays(&client, 5_000).await?;
                let order_no = text(&paid, "order_no");
                world.sandbox.occupy(&differs).await?;
                let asked = if what == "cancel" {
                    void(&client, order_no).await?
                } else {
                    refund(&client, order_no, 100).await?
                };
                ensure!(asked.status == 200, "{differs}: {} {}", asked.status, asked.json);
                let settled = ["paid", "reversed", "part_refunded"];
                let row = sales::becomes(&client, order_no, &settled, JUDGED_LIMIT).await?;
                let book = world.sandbox.book().await?;
                let line = &book[order_no];
                ensure!(text(&row, "state") == line.state, "{differs}: here {row}, there {line:?}");
                ensure!(
                    row["refunded_fen"] == line.refunded_fen || line.state == "reversed",
                    "here {row}, there {line:?}"
                );
            }
            Ok(())
        })
        .await;
}

/// A return is done, the disk is put back to before it, and the same return is asked again with the same key.
async fn returned_again_after_a_restore(what: &str, body: serde_json::Value, left_fen: u64) {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let paid = sales::pays(&client, 6_000).await?;
            let order_no = text(&paid, "order_no");
            world.node().synced(SYNC_LIMIT).await?;
            world.node_mut().stop().await?;
            let backup = world.node().back_up()?;
            world.node_mut().start().await?;
            let (path, key) = (format!("/payments/{order_no}/{what}"), random_digits(16));
            let done = client.post_keyed(&path, &key, &body).await?;
            ensure!(done.status == 200, "{} {}", done.status, done.json);
            ensure!(kept(world).await? == left_fen, "{:?}", world.sandbox.book().await?);
            world.node().synced(SYNC_LIMIT).await?;
            world.node_mut().stop().await?;
            world.node().put_back(&backup)?;
            world.node_mut().start().await?;
            // At once, and again and again while the hub gives back what was lost.
            let healed = until("the same return to be known", SOON, async || {
                let again = client.post_keyed(&path, &key, &body).await?;
                ensure!(kept(world).await? == left_fen, "given back twice: {:?}", world.sandbox.book().await?);
                ensure!(again.status == 200, "{} {}", again.status, again.json);
                Ok(Some(again.json))
            })
            .await?;
            ensure!(kept(world).await? == left_fen, "given back twice: {:?}", world.sandbox.book().await?);
            ensure!(healed["refunded_fen"] == 6_000 - left_fen, "{healed}");
            let rows = client.payments().await?;
            let returns = rows.iter().filter(|row| text(row, "original_no") == order_no).count();
            ensure!(returns == 1, "{rows:?}");
            world.node().synced(SYNC_LIMIT).await.context("the fork heals").map(drop)
        })
        .await;
}

// Before: 60.00 went back of 30.00 that were asked for, though `sync` said that the journal had forked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m19_a_restored_node_gives_no_money_back_twice() {
    returned_again_after_a_restore("refunds", json!({ "amount_fen": 3_000 }), 3_000).await;
}

// Before: a second void was sent; the acquirer alone stood before the money.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m19_a_restored_node_voids_nothing_twice() {
    returned_again_after_a_restore("void", json!({}), 0).await;
}

// Before: the restored node refunded at once, whatever it had forgotten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m19_a_restored_node_asks_the_hub_before_it_gives_back() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let paid = sales::pays(&client, 6_000).await?;
            let order_no = text(&paid, "order_no");
            world.node().synced(SYNC_LIMIT).await?;
            world.node_mut().stop().await?;
            let backup = world.node().back_up()?;
            world.node_mut().start().await?;
            let done = refund(&client, order_no, 4_000).await?;
            ensure!(done.status == 200, "{} {}", done.status, done.json);
            world.node().synced(SYNC_LIMIT).await?;
            world.node_mut().stop().await?;
            world.node().put_back(&backup)?;
            world.node_mut().start().await?;
            // Another person, another key, and less than what is left: only who knows of the first refund can refuse it.
            for _ in 0..20 {
                let second = refund(&client, order_no, 4_000).await?;
                ensure!(second.status != 200, "refunded again: {}", second.json);
                ensure!(kept(world).await? == 2_000, "{:?}", world.sandbox.book().await?);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            world.node().synced(SYNC_LIMIT).await?;
            ensure!(client.payment(order_no).await?["refunded_fen"] == 4_000, "what was lost is back");
            let rest = refund(&client, order_no, 2_000).await?;
            ensure!(rest.status == 200, "healed, the rest may go back: {} {}", rest.status, rest.json);
            ensure!(kept(world).await? == 0, "{:?}", world.sandbox.book().await?);
            Ok(())
        })
        .await;
}
