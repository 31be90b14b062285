//! Every way an acquirer ends a charge, all at once, through a real node.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use anyhow::{Context, ensure};
use guitai_tests::{
    charge::{Charge, random_digits},
    client::{Client, text},
    sandbox::BookLine,
    wait::until,
    world::World,
};
use serde_json::{Value, json};

use crate::sales;

/// The deadline of 90 s, reversals that repeat, the check a minute later, and a machine that does other things too.
const LIMIT: Duration = Duration::from_secs(240);

/// Given back whole: by a cancel or by a refund.
const BACK: &str = "given back";

/// Ending, our final state, the book's (`-`: not there).
const TABLE: &[(u64, &str, &str)] = &[
    (0, "paid", "paid"),
    (1, "paid", "paid"),
    (2, "paid", "paid"),
    (3, "closed", "closed"),
    (4, "declined", "failed"),
    (5, "paid", "paid"),
    (6, "closed", "-"),
    (7, "paid", "paid"),
    (8, "closed", "-"),
    (9, "declined", "failed"),
    (10, "declined", "failed"),
    (11, "declined", "failed"),
    (12, "paid", "paid"),
    (13, "quarantined", "paid"),
    (14, "paid", "paid"),
    (15, "closed", "-"),
    (16, "paid", "paid"),
    (17, "paid", "paid"),
    (18, "closed", "closed"),
    // The customer paid while we reversed; whoever rang the sale again must not have two (rule 6).
    (19, BACK, BACK),
    (22, "paid", "paid"),
    // Closed first; the money that lands 30 s later is found by the check a minute after, and given back.
    (25, BACK, BACK),
];

/// States nothing follows by itself.
const FINAL: &[&str] = &["paid", "declined", "closed", "quarantined", "reversed", "part_refunded", "refunded"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_ending_ends_as_the_acquirer_says() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let orders = charge_all(&client).await?;
            let ended = until("every ending", LIMIT, async || {
                let payments = client.payments().await?;
                let mut open = String::new();
                for (ending, wanted, _) in TABLE {
                    let state = find(&payments, &orders[ending])?;
                    if !is(state, wanted) {
                        write!(open, " …{ending:02} {state}")?;
                    }
                    // A final state that is not the wanted one will not change, except a late payment's.
                    let stays = *wanted != BACK && FINAL.contains(&state);
                    ensure!(is(state, wanted) || !stays, "…{ending:02} ended {state}");
                }
                ensure!(open.is_empty(), "still:{open}");
                Ok(Some(payments))
            });
            let payments = ended.await?;
            let book = world.sandbox.book().await?;
            println!("{}", table(&orders, &payments, &book)?);
            for (ending, _, there) in TABLE {
                let line = book.get(&orders[ending]);
                ensure!(is(line.map_or("-", |line| line.state.as_str()), there), "…{ending:02}: {line:?}");
            }
            sales::agrees(&payments, &book)?;
            the_discount_is_told(&client.payment(&orders[&22]).await?)?;
            the_day_adds_up(&client, &payments).await
        })
        .await;
}

fn is(state: &str, wanted: &str) -> bool {
    state == wanted || (wanted == BACK && ["reversed", "refunded"].contains(&state))
}

/// Opens all at once; answers the order number of each ending.
async fn charge_all(client: &Client) -> anyhow::Result<BTreeMap<u64, String>> {
    let mut running = tokio::task::JoinSet::new();
    for (ending, ..) in TABLE {
        let (client, ending) = (client.clone(), *ending);
        running.spawn(async move {
            let answer = client.charge(&Charge::of(10_000 + ending).wait_ms(1_000)).await?;
            ensure!(answer.status == 200, "…{ending:02}: {} {}", answer.status, answer.json);
            ensure!(answer.took < Duration::from_secs(6), "…{ending:02} answered after {:?}", answer.took);
            Ok((ending, answer.text("order_no").to_owned()))
        });
    }
    let orders: BTreeMap<u64, String> = running.join_all().await.into_iter().collect::<anyhow::Result<_>>()?;
    let numbers: std::collections::BTreeSet<&String> = orders.values().collect();
    ensure!(numbers.len() == TABLE.len(), "order numbers repeat: {orders:?}");
    Ok(orders)
}

fn find<'a>(payments: &'a [Value], order_no: &str) -> anyhow::Result<&'a str> {
    let found = payments.iter().find(|payment| text(payment, "order_no") == order_no);
    Ok(text(found.with_context(|| format!("{order_no} is not in the list"))?, "state"))
}

fn table(
    orders: &BTreeMap<u64, String>,
    payments: &[Value],
    book: &BTreeMap<String, BookLine>,
) -> anyhow::Result<String> {
    let mut out = "ending  node         book    charges\n".to_owned();
    for (ending, order_no) in orders {
        let (state, charges) = book.get(order_no).map_or(("-", 0), |line| (line.state.as_str(), line.charges));
        writeln!(out, "…{ending:02}     {:<12} {state:<7} {charges}", find(payments, order_no)?)?;
    }
    Ok(out)
}

/// The customer paid a tenth less; the sale is the whole amount.
fn the_discount_is_told(payment: &Value) -> anyhow::Result<()> {
    let (amount, received) = (payment["amount_fen"].as_u64(), payment["received_fen"].as_u64());
    ensure!(amount == Some(10_022) && received.is_some_and(|received| (9_000..9_100).contains(&received)), "{payment}");
    Ok(())
}

/// The day's figures are the sum of what came in, less what went back.
async fn the_day_adds_up(client: &Client, payments: &[Value]) -> anyhow::Result<()> {
    let charges = || payments.iter().filter(|payment| text(payment, "kind") == "charge");
    let sum_of = |chosen: &dyn Fn(&Value) -> bool| -> (usize, u64) {
        let sums = charges().filter(|payment| chosen(payment)).filter_map(|payment| payment["amount_fen"].as_u64());
        sums.fold((0, 0), |(count, sum), amount| (count + 1, sum + amount))
    };
    let given_back = |payment: &Value| payment["refunded_fen"] != 0;
    let (count, sum) = sum_of(&|payment| text(payment, "state") == "paid" || given_back(payment));
    let (_, back) = sum_of(&given_back);
    let day = client.read("/stats/day").await?;
    ensure!(day["paid"] == json!({ "count": count, "sum_fen": sum }), "{count} {sum}: {day}");
    // What is quarantined is doubtful money too.
    ensure!(day["net_fen"] == sum - back && day["unknown"] == json!({ "count": 1, "sum_fen": 10_013 }), "{day}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_follows_its_own_amount() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let soon = Duration::from_secs(100);
            for (refund_fen, wanted, refunded_fen) in
                [(100, "part_refunded", 100), (120, "part_refunded", 120), (121, "paid", 0)]
            {
                let paid = sales::pays(&client, 5_000).await?;
                let order_no = text(&paid, "order_no");
                let key = random_digits(12);
                let asked = json!({ "amount_fen": refund_fen, "reason": "退货" });
                let path = format!("/payments/{order_no}/refunds");
                let answer = client.post_keyed(&path, &key, &asked).await?;
                ensure!(answer.status == 200, "{refund_fen}: {} {}", answer.status, answer.json);
                // The same request again is the same refund.
                let again = client.post_keyed(&path, &key, &asked).await?;
                ensure!(again.status == 200 && again.text("order_no") == order_no, "{} {}", again.status, again.json);
                let ended = sales::becomes(&client, order_no, &[wanted], soon).await?;
                ensure!(ended["refunded_fen"] == refunded_fen, "{refund_fen}: {ended}");
                let more = json!({ "amount_fen": 5_000 - refunded_fen + 1 });
                let over = client.post_keyed(&path, &random_digits(12), &more).await?;
                ensure!((over.status, over.text("code")) == (422, "over_remaining"), "{} {}", over.status, over.json);
            }
            sales::agrees(&client.payments().await?, &world.sandbox.book().await?)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_void_gives_all_back_once() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let paid = sales::pays(&client, 8_000).await?;
            let order_no = text(&paid, "order_no");
            let path = format!("/payments/{order_no}/void");
            let (first, second, nothing) = (random_digits(12), random_digits(12), json!({}));
            let (one, two) = tokio::try_join!(
                client.post_keyed(&path, &first, &nothing),
                client.post_keyed(&path, &second, &nothing),
            )?;
            let mut both = [one.status, two.status];
            both.sort_unstable();
            ensure!(both == [200, 409], "two voids at once: {} {} / {} {}", one.status, one.json, two.status, two.json);
            let voided = sales::becomes(&client, order_no, &["reversed"], Duration::from_secs(30)).await?;
            ensure!(voided["can"]["void"] == false && voided["can"]["refund_fen"] == 0, "{voided}");
            let refund = client
                .post_keyed(&format!("/payments/{order_no}/refunds"), &random_digits(12), &json!({ "amount_fen": 1 }))
                .await?;
            ensure!(refund.status == 409, "a refund of a void: {} {}", refund.status, refund.json);
            let book = world.sandbox.book().await?;
            ensure!(book[order_no].state == "reversed", "{book:?}");
            let day = client.read("/stats/day").await?;
            ensure!(day["net_fen"] == 0 && day["voided"]["sum_fen"] == 8_000, "{day}");
            Ok(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_void_that_did_not_get_out_ends_with_its_row() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let paid = sales::pays(&client, 8_000).await?;
            let order_no = text(&paid, "order_no");
            world.sandbox.line("refuse").await?;
            let path = format!("/payments/{order_no}/void");
            let asked = client.post_keyed(&path, &random_digits(12), &json!({})).await?;
            ensure!(asked.status == 200 && asked.text("state") == "reversing", "{} {}", asked.status, asked.json);
            world.sandbox.line("up").await?;
            sales::becomes(&client, order_no, &["reversed"], Duration::from_secs(60)).await?;
            let rows = client.payments().await?;
            let voids: Vec<&Value> = rows.iter().filter(|row| text(row, "kind") == "void").collect();
            ensure!(voids.len() == 1 && text(voids[0], "original_no") == order_no, "{voids:?}");
            ensure!(text(voids[0], "state") == "reversed", "the charge is reversed, its void is {}", voids[0]);
            sales::agrees(&rows, &world.sandbox.book().await?)
        })
        .await;
}
