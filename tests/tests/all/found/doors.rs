//! What is let in, found and told at the doors: searches, codes, totals, accounts, keys, the line to the hub.

use std::time::Duration;

use anyhow::{Context, ensure};
use guitai_tests::{
    charge::{Charge, random_digits},
    client::{Client, text},
    node::{ADMINISTRATOR, CASHIER},
    process::signal,
    wait::until,
    world::World,
};
use serde_json::{Value, json};

use super::{CANCEL_AFTER, SYNC_LIMIT, approver, bill, charged, refund, refused};
use crate::sales;

/// A hub that was killed is seen to be gone within this time.
const GONE_LIMIT: Duration = Duration::from_secs(10);

/// The order numbers a search finds.
async fn search(client: &Client, words: &str) -> anyhow::Result<Vec<String>> {
    let coded: String = words.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let answer = client.get(&format!("/payments?q={coded}")).await?;
    ensure!(answer.status == 200, "q={words:?}: {} {}", answer.status, answer.json);
    let items = answer.json["items"].as_array().context("items")?;
    Ok(items.iter().map(|item| text(item, "order_no").to_owned()).collect())
}

// Before: nothing was found by an amount, by a number with a blank behind it, nor the refund by its charge's number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m08_a_search_takes_what_people_write() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let whole = sales::pays(&client, 1_200).await?;
            let wanted = client.charge(&Charge::of(4_321).with("bill", bill("MZ-2026-0815", 4_321))).await?.json;
            ensure!(text(&wanted, "state") == "paid", "{wanted}");
            sales::pays(&client, 14_321).await?;
            let order_no = text(&wanted, "order_no");
            let back = refund(&client, order_no, 100).await?;
            ensure!(back.status == 200, "{} {}", back.status, back.json);
            let refunds = super::refunds_of(&client, order_no).await?;
            let refund_no = text(refunds.first().context("a refund")?, "order_no").to_owned();
            world.node().synced(SYNC_LIMIT).await?;
            let acquirer_no = text(&wanted, "acquirer_no");
            ensure!(!acquirer_no.is_empty(), "{wanted}");
            for (place, client) in [("the node", client), ("the hub", world.hub.program()?)] {
                for words in ["43.21", "￥43.21", "¥43.21", " 43.21 ", "43.21元"] {
                    ensure!(search(&client, words).await? == [order_no], "{place}, {words:?}: by amount");
                }
                for words in ["12", "12.0", "12.00", "￥12"] {
                    let found = search(&client, words).await?;
                    ensure!(found.contains(&text(&whole, "order_no").to_owned()), "{place}, {words:?}: {found:?}");
                }
                for number in [acquirer_no, "MZ-2026-0815", order_no, &order_no[..14]] {
                    for words in [number.to_owned(), format!("{number} "), format!(" {number}"), format!("{number}\t")]
                    {
                        let found = search(&client, &words).await?;
                        ensure!(found.iter().any(|no| no == order_no), "{place}, {words:?}: {found:?}");
                    }
                }
                let found = search(&client, order_no).await?;
                ensure!(found.contains(&refund_no), "{place}: a charge's number finds its refund: {found:?}");
                ensure!(search(&client, "43.22").await?.is_empty(), "{place}: another amount");
            }
            Ok(())
        })
        .await;
}

// Before: the second scan was refused, `payment_code_used`, though the code had never left the shop.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m09_a_code_that_never_left_may_be_scanned_again() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            world.sandbox.line("refuse").await?;
            let first = Charge::of(1_000);
            let closed = charged(&client, &first, "closed").await?;
            ensure!(text(&closed, "reason") == "not_sent", "{closed}");
            let code = first.body()["auth_code"].clone();
            // Once more without a line: still nothing was used up.
            charged(&client, &Charge::of(1_000).with("auth_code", code.clone()), "closed").await?;
            world.sandbox.line("up").await?;
            let paid = charged(&client, &Charge::of(1_000).with("auth_code", code.clone()), "paid").await?;
            ensure!(paid["order_no"] != closed["order_no"], "a new attempt takes a new number: {paid}");
            // The first key goes on meaning its own attempt, and a code that did leave is used.
            let again = client.charge(&first).await?;
            ensure!(again.text("state") == "closed" && again.json["order_no"] == closed["order_no"], "{}", again.json);
            refused(&client, &Charge::of(1_000).with("auth_code", code), 422, "payment_code_used").await?;
            let declined = Charge::of(1_009);
            charged(&client, &declined, "declined").await?;
            let code = declined.body()["auth_code"].clone();
            refused(&client, &Charge::of(1_000).with("auth_code", code), 422, "payment_code_used").await?;
            sales::agrees(&client.payments().await?, &world.sandbox.book().await?)
        })
        .await;
}

// Before: 200, and the row held another total than the fact.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m10_a_total_beyond_all_money_is_refused() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            for (number, total) in [("T1", u64::MAX), ("T2", 1 << 63)] {
                let answer = client.charge(&Charge::of(100).with("bill", bill(number, total))).await?;
                let field = answer.text("field");
                ensure!(
                    answer.status == 422 && field == "bill.total_fen",
                    "{total}: {} {}",
                    answer.status,
                    answer.json
                );
            }
            for wrong in [json!(-1), json!(1.5), json!("100"), json!(0)] {
                let total = json!({ "source": "his", "number": "T5", "total_fen": wrong });
                let answer = client.charge(&Charge::of(100).with("bill", total)).await?;
                ensure!([400, 422].contains(&answer.status), "{wrong}: {} {}", answer.status, answer.json);
            }
            ensure!(world.sandbox.book().await?.is_empty(), "a refused charge reached the acquirer");
            // Wherever the bound lies: what is let in is kept as it was said.
            for (number, total) in [("T6", 50_000_000), ("T7", 1 << 53), ("T8", (1 << 63) - 1)] {
                let answer = client.charge(&Charge::of(100).with("bill", bill(number, total))).await?;
                if answer.status == 200 {
                    let row = client.payment(answer.text("order_no")).await?;
                    ensure!(row["bill"]["total_fen"] == total, "{total}: {row}");
                } else {
                    ensure!(answer.status == 422 && total > 50_000_000, "{total}: {} {}", answer.status, answer.json);
                }
            }
            Ok(())
        })
        .await;
}

// Before: both answered 201, and one of the two passwords was lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m12_of_two_accounts_of_one_number_one_is_made() {
    World::builder()
        .play(async |world| {
            let (one, two) = (world.node().person(ADMINISTRATOR).await?, world.node().person(ADMINISTRATOR).await?);
            for account in ["05", "06", "07", "08", "09"] {
                let new = |whose: &str| {
                    json!({ "account": account, "name": whose, "role": "cashier", "password": format!("mima-{whose}-{account}") })
                };
                let (first, second) = (new("jia"), new("yi"));
                let (a, b) = tokio::try_join!(one.post("/accounts", &first), two.post("/accounts", &second))?;
                let mut statuses = [a.status, b.status];
                statuses.sort_unstable();
                ensure!(statuses == [201, 409], "{account}: {} {} / {} {}", a.status, a.json, b.status, b.json);
                let password = if a.status == 201 { &first["password"] } else { &second["password"] };
                world.node().person((account, password.as_str().context("a text")?)).await?;
                let late = one.post("/accounts", &new("bing")).await?;
                ensure!(late.status == 409, "{account} once more: {} {}", late.status, late.json);
            }
            let accounts = one.read("/accounts").await?;
            ensure!(accounts["items"].as_array().is_some_and(|items| items.len() == 7), "{accounts}");
            Ok(())
        })
        .await;
}

// Before: 200, and the sale stood under a cashier who does not exist.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m13_a_program_books_under_cashiers_who_exist() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            for nobody in ["77", "99"] {
                let answer = client.charge(&Charge::of(100).with("cashier", nobody)).await?;
                let field = answer.text("field");
                ensure!(answer.status == 422 && field == "cashier", "{nobody}: {} {}", answer.status, answer.json);
            }
            ensure!(world.sandbox.book().await?.is_empty(), "a refused charge reached the acquirer");
            let paid = charged(&client, &Charge::of(100).with("cashier", CASHIER.0), "paid").await?;
            ensure!(text(&paid, "cashier") == CASHIER.0, "{paid}");
            Ok(())
        })
        .await;
}

// Before: the second request got `pending` at once, and another `wait_ms` was answered 409.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m23_a_duplicate_waits_for_the_first() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            world.sandbox.line("slow").await?;
            let first = Charge::of(500).wait_ms(20_000);
            let later = async |by_ms: u64, charge: Charge| {
                tokio::time::sleep(Duration::from_millis(by_ms)).await;
                client.charge(&charge).await
            };
            // The last one waits shorter than the acquirer takes: it is told how things stand, not that it is another request.
            let (a, b, c, d) = tokio::try_join!(
                later(0, first.clone()),
                later(0, first.clone()),
                later(1_500, first.clone().wait_ms(20_001)),
                later(1_500, first.clone().wait_ms(700)),
            )?;
            for answer in [&a, &b, &c] {
                ensure!(answer.status == 200 && answer.text("state") == "paid", "{} {}", answer.status, answer.json);
                ensure!(answer.json["order_no"] == a.json["order_no"], "{} / {}", a.json, answer.json);
            }
            ensure!(d.status == 200 && d.text("state") == "pending", "{} {}", d.status, d.json);
            let waited = (700..4_000).contains(&d.took.as_millis());
            ensure!(waited && d.json["order_no"] == a.json["order_no"], "{:?} {}", d.took, d.json);
            world.sandbox.line("up").await?;
            let without = json!({ "amount_fen": 500, "auth_code": first.body()["auth_code"] });
            let bare = client.charge(&Charge::raw(without).keyed(&first.key)).await?;
            ensure!(bare.status == 200 && bare.text("state") == "paid", "no wait_ms: {} {}", bare.status, bare.json);
            let other = client.charge(&first.clone().with("till", "T1")).await?;
            ensure!(other.status == 409, "a till more is another body: {} {}", other.status, other.json);
            ensure!(world.sandbox.book().await?.len() == 1, "one key, one order");
            Ok(())
        })
        .await;
}

// Before: of eight requests with one key at once, now and then one got `pending` though the money came within milliseconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m23_eight_at_once_all_hear_the_end() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            for _ in 0..40 {
                let charge = Charge::of(500);
                let mut together = tokio::task::JoinSet::new();
                for _ in 0..8 {
                    let (client, charge) = (client.clone(), charge.clone());
                    together.spawn(async move { client.charge(&charge).await });
                }
                for answer in together.join_all().await {
                    let answer = answer?;
                    ensure!(
                        answer.status == 200 && answer.text("state") == "paid",
                        "{} {}",
                        answer.status,
                        answer.json
                    );
                }
            }
            ensure!(world.sandbox.book().await?.len() == 40, "one key, one order");
            Ok(())
        })
        .await;
}

// Before: a return repeated by another approver, or while the first was under way, was 409 or told half-way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m23_a_return_asked_twice_is_one_return() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let paid = [sales::pays(&client, 5_000).await?, sales::pays(&client, 6_000).await?];
            world.sandbox.line("slow").await?;
            let bodies =
                [("refunds", json!({ "amount_fen": 1_000 }), "part_refunded"), ("void", json!({}), "reversed")];
            for (payment, (what, body, state)) in paid.iter().zip(bodies) {
                let path = format!("/payments/{}/{what}", text(payment, "order_no"));
                let key = random_digits(16);
                // The acquirer takes 8 s, a return waits 5: both are told the same, then the same again.
                let (a, b) =
                    tokio::try_join!(client.post_keyed(&path, &key, &body), client.post_keyed(&path, &key, &body))?;
                ensure!((a.status, b.status) == (200, 200), "{} {} / {} {}", a.status, a.json, b.status, b.json);
                sales::becomes(&client, text(payment, "order_no"), &[state], Duration::from_secs(20)).await?;
                let mut approved = body.clone();
                approved["approver"] = approver();
                let again = client.post_keyed(&path, &key, &approved).await?;
                ensure!(again.status == 200 && again.text("state") == state, "{} {}", again.status, again.json);
                let bare = client.post_keyed(&path, &key, &body).await?;
                ensure!(bare.status == 200 && bare.text("state") == state, "{} {}", bare.status, bare.json);
            }
            let book = world.sandbox.book().await?;
            let refunded: u64 =
                book.values().filter(|line| line.state != "reversed").map(|line| line.refunded_fen).sum();
            ensure!(refunded == 1_000, "{book:?}");
            Ok(())
        })
        .await;
}

// Before: `connected`, nothing unsent, for 32 to 36 s.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m24_a_dead_hub_is_seen_and_what_it_has_not_is_counted() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            sales::pays(&client, 1_000).await?;
            world.node().synced(SYNC_LIMIT).await?;
            // A hub that hangs keeps its sockets: what it has not acknowledged is unsent all the same.
            signal(world.hub.pid()?, "STOP").await?;
            sales::pays(&client, 1_100).await?;
            let unsent = async || {
                let (sync, health) = (client.read("/sync").await?, client.read("/health").await?);
                let counts = [&sync, &health].map(|said: &Value| said["unsent"].as_u64().unwrap_or_default());
                ensure!(counts.iter().all(|unsent| *unsent >= 2), "an intent and its end: {sync} {health}");
                Ok(Some(sync))
            };
            let hanging = until("the sale to count as unsent", Duration::from_secs(1), unsent).await;
            signal(world.hub.pid()?, "CONT").await?;
            hanging?;
            world.node().synced(SYNC_LIMIT).await?;

            world.hub.kill()?;
            sales::pays(&client, 1_200).await?;
            until("the sale to count as unsent", Duration::from_secs(1), unsent).await?;
            let gone = async || {
                let sync = client.read("/sync").await?;
                ensure!(text(&sync, "hub") != "connected" && sync["last_error"].is_string(), "{sync}");
                Ok(Some(()))
            };
            until("the hub to be seen gone", GONE_LIMIT, gone).await?;
            world.hub.start_again().await?;
            world.node().synced(SYNC_LIMIT).await.map(drop)
        })
        .await;
}

// Before: right already where the sale was paid; a doubt that nothing could end answered 200 for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m21_a_key_that_can_do_nothing_says_so() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let opened = charged(&client, &Charge::of(2_002).wait_ms(100), "pending").await?;
            let order_no = text(&opened, "order_no");
            tokio::time::sleep(CANCEL_AFTER).await;
            sales::becomes(&client, order_no, &["paid"], Duration::from_secs(40)).await?;
            for what in ["cancel", "handed-over", "not-handed-over"] {
                let path = format!("/payments/{order_no}/{what}");
                let answer = client.post_keyed(&path, &random_digits(16), &json!({})).await?;
                ensure!(answer.status == 409, "{what} of a paid sale: {} {}", answer.status, answer.json);
            }
            ensure!(text(&client.payment(order_no).await?, "state") == "paid", "it stays paid");
            Ok(())
        })
        .await;
}
