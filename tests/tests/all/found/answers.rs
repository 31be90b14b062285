//! What an acquirer may say, and in what form: every answer is understood or asked about, and every doubt ends.

use std::time::Duration;

use anyhow::{Context, ensure};
use guitai_tests::{charge::Charge, client::text, world::World};

use super::{MINUTE_LIMIT, charged, kept, refund, void};
use crate::sales;

/// Forms of an answer that are legal and seldom.
const FORMS: &[&str] = &["null", "number", "bool", "object", "bom", "shuffle"];

// Before: `unknown` that nothing ends; every key answered 200.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m21_a_refusal_that_states_another_amount_is_a_refusal() {
    World::builder()
        .stores(2)
        .play(async |world| {
            let (one, two) = (world.nodes[0].program()?, world.nodes[1].program()?);
            // The other store has used the code, and an order of this ending is stated with one fen more.
            let first = Charge::of(1_000);
            charged(&one, &first, "paid").await?;
            let code = first.body()["auth_code"].clone();
            let refused = two.charge(&Charge::of(2_013).with("auth_code", code).wait_ms(20_000)).await?;
            let order_no = refused.text("order_no").to_owned();
            ensure!(refused.status == 200, "{} {}", refused.status, refused.json);
            let declined = sales::becomes(&two, &order_no, &["declined"], MINUTE_LIMIT).await?;
            ensure!(!text(&declined, "message").is_empty(), "somebody is told why: {declined}");
            ensure!(kept(world).await? == 1_000, "{:?}", world.sandbox.book().await?);
            Ok(())
        })
        .await;
}

// Before: as above, for every refusal of such an acquirer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m21_refusals_that_state_other_amounts_are_refusals() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            world.sandbox.odd("refusal_amount").await?;
            for amount in [1_009, 1_010, 1_011] {
                charged(&client, &Charge::of(amount), "declined").await?;
            }
            // A refusal that only a query brings.
            let later = client.charge(&Charge::of(1_004).wait_ms(1_000)).await?;
            sales::becomes(&client, later.text("order_no"), &["declined"], MINUTE_LIMIT).await?;
            let paid = charged(&client, &Charge::of(1_000), "paid").await?;
            let back = refund(&client, text(&paid, "order_no"), 100).await?;
            ensure!(back.status == 200 && back.text("state") == "part_refunded", "{} {}", back.status, back.json);
            world.sandbox.odd("off").await?;
            sales::agrees(&client.payments().await?, &world.sandbox.book().await?)
        })
        .await;
}

// Before: an answer with a member that is no text, or with a mark before it, was a doubt; some never ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m21_answers_of_every_legal_form_are_understood() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let mut asleep = Vec::new();
            for form in FORMS {
                world.sandbox.odd(form).await?;
                // Ended by the third query, in this form or a later one.
                let pending = client.charge(&Charge::of(1_002).wait_ms(100)).await?;
                ensure!(pending.status == 200, "{form}: {} {}", pending.status, pending.json);
                asleep.push(pending.text("order_no").to_owned());
                for (amount, ends) in [(1_009, "declined"), (1_000, "paid")] {
                    let answer = client.charge(&Charge::of(amount).wait_ms(1_000)).await?;
                    ensure!(answer.status == 200, "{form}: {} {}", answer.status, answer.json);
                    let ended =
                        sales::becomes(&client, answer.text("order_no"), &[ends], Duration::from_secs(45)).await;
                    let row = ended.with_context(|| format!("{form} …{:02}", amount % 100))?;
                    if ends == "paid" {
                        let back = refund(&client, text(&row, "order_no"), 100).await?;
                        ensure!(back.status == 200, "{form}: refund: {} {}", back.status, back.json);
                        sales::becomes(&client, text(&row, "order_no"), &["part_refunded"], MINUTE_LIMIT).await?;
                    }
                }
            }
            for order_no in &asleep {
                sales::becomes(&client, order_no, &["paid"], MINUTE_LIMIT).await?;
            }
            let voided = charged(&client, &Charge::of(3_000), "paid").await?;
            let voided = void(&client, text(&voided, "order_no")).await?;
            ensure!(voided.text("state") == "reversed", "{} {}", voided.status, voided.json);
            world.sandbox.odd("off").await?;
            sales::agrees(&client.payments().await?, &world.sandbox.book().await?)
        })
        .await;
}

// Before: a quarantined sale, and a doubt nobody could end, made the day's figures wrong for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m21_a_cut_refusal_ends_as_a_refusal() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            world.sandbox.line("cut").await?;
            let mut doubts = Vec::new();
            for amount in [1_009, 1_010, 1_011] {
                let answer = client.charge(&Charge::of(amount).wait_ms(1_000)).await?;
                ensure!(answer.text("state") == "unknown", "{} {}", answer.status, answer.json);
                doubts.push(answer.text("order_no").to_owned());
            }
            world.sandbox.line("up").await?;
            for order_no in &doubts {
                sales::becomes(&client, order_no, &["declined"], MINUTE_LIMIT).await?;
            }
            let day = client.read("/stats/day").await?;
            ensure!(day["unknown"]["count"] == 0 && day["net_fen"] == 0, "{day}");
            sales::agrees(&client.payments().await?, &world.sandbox.book().await?)
        })
        .await;
}
