//! Faults found by running the first payment hard, each a test named by its line, together with its neighbours in kind. A
//! comment at each says what came out before.
//!
//! `GUITAI_BIN_DIR=… cargo nextest run -p guitai-tests -E 'test(found)'` plays them against the programs of another build.

mod answers;
mod bills;
mod clock;
mod days;
mod doors;
mod late;
mod numbers;
mod returns;

use std::time::Duration;

use anyhow::ensure;
use guitai_tests::{
    charge::{Charge, random_digits},
    client::{Answer, Client, text},
    node::ADMINISTRATOR,
    wait::until,
    world::World,
};
use serde_json::{Value, json};

use crate::sales;

/// A cashier may give a sale up after 15 s.
const CANCEL_AFTER: Duration = Duration::from_millis(15_200);

/// A line to the hub that was gone is back, with everything at the other end.
const SYNC_LIMIT: Duration = Duration::from_secs(60);

/// What the node does by itself within seconds, on a machine that does other things too.
const SOON: Duration = Duration::from_secs(30);

/// A wait of a minute of the node's own, such as the first look for late money, and what follows.
const MINUTE_LIMIT: Duration = Duration::from_secs(110);

/// Noon in Beijing, as a second of the day: a test that begins then meets no midnight it does not mean.
const NOON_S: i64 = 12 * 3_600;

fn bill(number: &str, total_fen: u64) -> Value {
    json!({ "source": "his", "number": number, "total_fen": total_fen })
}

/// A charge on a bill of the shop's own system.
fn on_bill(amount_fen: u64, number: &str, total_fen: u64) -> Charge {
    Charge::of(amount_fen).with("bill", bill(number, total_fen))
}

/// Charges; answers the payment, which must be in this state.
async fn charged(client: &Client, charge: &Charge, state: &str) -> anyhow::Result<Value> {
    let answer = client.charge(charge).await?;
    ensure!(answer.status == 200 && answer.text("state") == state, "not {state}: {} {}", answer.status, answer.json);
    Ok(answer.json)
}

/// Charges; the request must be refused so.
async fn refused(client: &Client, charge: &Charge, status: u16, code: &str) -> anyhow::Result<Answer> {
    let answer = client.charge(charge).await?;
    let said = format!("wanted {status} {code} for {}, got {} {}", charge.body(), answer.status, answer.json);
    ensure!(answer.status == status && answer.text("code") == code, said);
    Ok(answer)
}

async fn refund(client: &Client, order_no: &str, amount_fen: u64) -> anyhow::Result<Answer> {
    let body = json!({ "amount_fen": amount_fen });
    client.post_keyed(&format!("/payments/{order_no}/refunds"), &random_digits(16), &body).await
}

async fn void(client: &Client, order_no: &str) -> anyhow::Result<Answer> {
    client.post_keyed(&format!("/payments/{order_no}/void"), &random_digits(16), &json!({})).await
}

/// A charge that stays with the customer, given up by the cashier; answers its number once it is closed.
async fn given_up(client: &Client, charge: &Charge) -> anyhow::Result<String> {
    let opened = charged(client, &charge.clone().wait_ms(200), "pending").await?;
    let order_no = text(&opened, "order_no").to_owned();
    tokio::time::sleep(CANCEL_AFTER).await;
    cancel(client, &order_no).await?;
    sales::becomes(client, &order_no, &["closed"], SOON).await?;
    Ok(order_no)
}

async fn cancel(client: &Client, order_no: &str) -> anyhow::Result<()> {
    let path = format!("/payments/{order_no}/cancel");
    let answer = client.post_keyed(&path, &random_digits(16), &json!({})).await?;
    ensure!(answer.status == 200, "cancel: {} {}", answer.status, answer.json);
    Ok(())
}

/// What the acquirer has of the customers' money: taken and not given back, in fen.
async fn kept(world: &World) -> anyhow::Result<u64> {
    let book = world.sandbox.book().await?;
    let paid = book.values().filter(|line| ["paid", "part_refunded", "refunded"].contains(&line.state.as_str()));
    Ok(paid.map(|line| line.amount_fen - line.refunded_fen).sum())
}

/// Waits until the acquirer keeps exactly so much, and a few seconds more see no change.
async fn comes_to_keep(world: &World, fen: u64, limit: Duration) -> anyhow::Result<()> {
    let equal = async || {
        let kept = kept(world).await?;
        ensure!(kept == fen, "the acquirer keeps {kept}: {:?}", world.sandbox.book().await?);
        Ok(Some(()))
    };
    until(&format!("the acquirer to keep {fen}"), limit, equal).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    equal().await.map(drop)
}

/// The refund rows of a charge, as the list has them.
async fn refunds_of(client: &Client, order_no: &str) -> anyhow::Result<Vec<Value>> {
    let rows = client.payments().await?.into_iter();
    Ok(rows.filter(|row| text(row, "kind") == "refund" && text(row, "original_no") == order_no).collect())
}

fn approver() -> Value {
    json!({ "account": ADMINISTRATOR.0, "password": ADMINISTRATOR.1 })
}

/// The open exceptions about one payment.
async fn exceptions_of(client: &Client, order_no: &str) -> anyhow::Result<Vec<Value>> {
    let list = client.read("/exceptions").await?;
    let items = list["items"].as_array().cloned().unwrap_or_default();
    Ok(items.into_iter().filter(|item| item.to_string().contains(order_no)).collect())
}

/// Ends an exception with a note and the administrator's password.
async fn act(client: &Client, exception: &Value, action: &str) -> anyhow::Result<Answer> {
    let path = format!("/exceptions/{}/{action}", id(exception));
    let body = json!({ "note": "店长核对过", "approver": approver() });
    client.post_keyed(&path, &random_digits(16), &body).await
}

/// An exception's id, whatever it is made of.
fn id(exception: &Value) -> String {
    exception["id"].as_str().map_or_else(|| exception["id"].to_string(), str::to_owned)
}
