//! What several tests say about sales.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, ensure};
use guitai_tests::{
    charge::Charge,
    client::{Client, text},
    sandbox::BookLine,
    wait::until,
};
use serde_json::Value;

/// Charges and expects it paid at once; answers the payment.
pub(crate) async fn pays(client: &Client, amount_fen: u64) -> anyhow::Result<Value> {
    let answer = client.charge(&Charge::of(amount_fen)).await?;
    ensure!(answer.status == 200 && answer.text("state") == "paid", "{} {}", answer.status, answer.json);
    ensure!(answer.json["amount_fen"] == amount_fen, "{}", answer.json);
    Ok(answer.json)
}

/// Waits until a payment is in one of these states.
pub(crate) async fn becomes(
    client: &Client,
    order_no: &str,
    states: &[&str],
    limit: Duration,
) -> anyhow::Result<Value> {
    let what = format!("{order_no} to become {states:?}");
    until(&what, limit, async || {
        let payment = client.payment(order_no).await?;
        ensure!(states.contains(&text(&payment, "state")), "it is {payment}");
        Ok(Some(payment))
    })
    .await
}

/// What may stand in the acquirer's book for a payment in this state here; `None`: the order may be missing.
pub(crate) fn allowed_in_book(state: &str) -> anyhow::Result<&'static [Option<&'static str>]> {
    Ok(match state {
        "paid" => &[Some("paid")],
        "declined" => &[Some("failed"), None],
        "closed" => &[Some("closed"), None],
        "quarantined" => &[Some("paid")],
        "reversed" => &[Some("reversed")],
        "part_refunded" => &[Some("part_refunded")],
        "refunded" => &[Some("refunded")],
        other => anyhow::bail!("{other} is no final state"),
    })
}

/// Compares every charge with the book: states agree, nobody was charged twice, nothing is in the book that is not here, and
/// sums are equal.
pub(crate) fn agrees(payments: &[Value], book: &BTreeMap<String, BookLine>) -> anyhow::Result<()> {
    let mut missing: Vec<&String> = book.keys().collect();
    let (mut sum_here, mut sum_there) = (0, 0);
    for payment in payments.iter().filter(|payment| text(payment, "kind") == "charge") {
        let order_no = text(payment, "order_no");
        missing.retain(|in_book| *in_book != order_no);
        let line = book.get(order_no);
        let (here, there) = (text(payment, "state"), line.map(|line| line.state.as_str()));
        ensure!(allowed_in_book(here)?.contains(&there), "here {payment}, there {line:?}");
        ensure!(line.is_none_or(|line| line.charges <= 1), "charged twice: {order_no} {line:?}");
        if matches!(here, "paid" | "part_refunded" | "refunded" | "quarantined" | "reversed") {
            let line = line.context("an order in the book")?;
            ensure!(line.charges == 1, "{order_no} is {here} here, there money was taken {} times", line.charges);
            ensure!(payment["amount_fen"] == line.amount_fen, "{payment} {line:?}");
            ensure!(payment["refunded_fen"] == line.refunded_fen || here == "reversed", "{payment} {line:?}");
            sum_here += payment["amount_fen"].as_u64().context("an amount")?;
        }
        sum_there += line.filter(|line| line.charges > 0).map_or(0, |line| line.amount_fen);
    }
    ensure!(missing.is_empty(), "in the acquirer's book, not here: {missing:?}");
    ensure!(sum_here == sum_there, "taken: here {sum_here}, there {sum_there}");
    Ok(())
}

#[test]
fn a_broken_book_is_noticed() {
    let payment = |state: &str, refunded_fen: u64| {
        serde_json::json!({
            "order_no": "1", "kind": "charge", "state": state, "amount_fen": 500, "refunded_fen": refunded_fen
        })
    };
    let line = |state: &str, charges: u64, refunded_fen: u64| {
        let line = BookLine { amount_fen: 500, refunded_fen, charges, state: state.to_owned() };
        BTreeMap::from([("1".to_owned(), line)])
    };
    let nothing = BTreeMap::new();
    for (right, payment, book) in [
        (true, payment("paid", 0), line("paid", 1, 0)),
        (false, payment("paid", 0), line("paid", 2, 0)),
        (false, payment("paid", 0), line("pending", 0, 0)),
        (false, payment("paid", 0), nothing.clone()),
        (true, payment("declined", 0), line("failed", 0, 0)),
        (true, payment("declined", 0), nothing.clone()),
        (false, payment("declined", 0), line("paid", 1, 0)),
        (true, payment("closed", 0), nothing.clone()),
        (false, payment("closed", 0), line("paid", 1, 0)),
        (false, payment("closed", 0), line("closed", 1, 0)),
        (true, payment("part_refunded", 100), line("part_refunded", 1, 100)),
        (false, payment("part_refunded", 100), line("part_refunded", 1, 200)),
        (false, payment("reversed", 0), line("paid", 1, 0)),
        (false, payment("pending", 0), line("pending", 0, 0)),
    ] {
        assert_eq!(agrees(std::slice::from_ref(&payment), &book).is_ok(), right, "{payment} {book:?}");
    }
    assert!(agrees(&[], &line("paid", 1, 0)).is_err(), "an order only the acquirer knows");
}
