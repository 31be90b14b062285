//! What the cashier may say about a sale in doubt: give it up, goods handed over, goods not handed over.

use std::time::Duration;

use anyhow::ensure;
use guitai_tests::{
    charge::{Charge, random_digits},
    client::{Answer, Client, text},
    node::CASHIER,
    world::World,
};
use serde_json::json;

use crate::sales;

/// A sale may be given up after 15 s, goods may be spoken of after 60 s; the acquirer's deadline is 90 s.
const CANCEL_AFTER: Duration = Duration::from_millis(15_200);
const GOODS_AFTER: Duration = Duration::from_millis(45_200);
const PAST_DEADLINE: Duration = Duration::from_secs(40);

async fn say(client: &Client, order_no: &str, what: &str) -> anyhow::Result<Answer> {
    client.post_keyed(&format!("/payments/{order_no}/{what}"), &random_digits(16), &json!({})).await
}

async fn pending(client: &Client, amount_fen: u64) -> anyhow::Result<String> {
    let answer = client.charge(&Charge::of(amount_fen).wait_ms(200)).await?;
    ensure!(answer.status == 200 && answer.text("state") == "pending", "{} {}", answer.status, answer.json);
    Ok(answer.text("order_no").to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn given_up_handed_over_or_not() {
    World::builder()
        .play(async |world| {
            let client = world.node().person(CASHIER).await?;
            // All four are pending at the acquirer for ever; the last one is paid with the first reversal.
            let (given_up, held) = (pending(&client, 5_003).await?, pending(&client, 6_003).await?);
            let (kept, raced) = (pending(&client, 7_003).await?, pending(&client, 8_019).await?);
            for (order_no, what) in [(&given_up, "cancel"), (&held, "handed-over"), (&kept, "not-handed-over")] {
                let early = say(&client, order_no, what).await?;
                ensure!((early.status, early.text("code")) == (409, "payment_open"), "{} {}", early.status, early.json);
                ensure!(early.retry_after_s().is_some_and(|s| (10..=60).contains(&s)), "{what}: {:?}", early.headers);
            }
            tokio::time::sleep(CANCEL_AFTER).await;
            let cancelled = say(&client, &given_up, "cancel").await?;
            ensure!(cancelled.status == 200, "{} {}", cancelled.status, cancelled.json);
            let raced_cancel = say(&client, &raced, "cancel").await?;
            ensure!(raced_cancel.status == 200, "{} {}", raced_cancel.status, raced_cancel.json);
            let closed = sales::becomes(&client, &given_up, &["closed"], Duration::from_secs(15)).await?;
            ensure!(text(&closed, "reason") == "cancelled", "{closed}");
            // The customer paid while the sale was being given up, and the acquirer takes no reversal: it is given back (rule 6).
            sales::becomes(&client, &raced, &["refunded"], Duration::from_secs(30)).await?;

            tokio::time::sleep(GOODS_AFTER).await;
            let payment = client.payment(&held).await?;
            ensure!(payment["can"]["handed_over"] == true && payment["can"]["not_handed_over"] == true, "{payment}");
            let handed_over = say(&client, &held, "handed-over").await?;
            ensure!(handed_over.status == 200 && handed_over.text("state") == "held", "{}", handed_over.json);
            let back = say(&client, &kept, "not-handed-over").await?;
            ensure!(back.status == 200, "{} {}", back.status, back.json);
            let closed = sales::becomes(&client, &kept, &["closed"], Duration::from_secs(15)).await?;
            ensure!(text(&closed, "reason") == "cancelled", "{closed}");

            // A restart does not forget that the goods are gone; and past the deadline nothing is reversed by itself.
            world.node_mut().kill()?;
            world.node_mut().start().await?;
            tokio::time::sleep(PAST_DEADLINE).await;
            let client = world.node().person(CASHIER).await?;
            ensure!(text(&client.payment(&held).await?, "state") == "held", "{}", client.payment(&held).await?);
            let book = world.sandbox.book().await?;
            ensure!(book[&held].state == "pending" && book[&kept].state == "closed", "{book:?}");
            ensure!(
                book[&raced].charges == 1 && book[&raced].refunded_fen == 8_019 && book[&given_up].charges == 0,
                "{book:?}"
            );
            Ok(())
        })
        .await;
}
