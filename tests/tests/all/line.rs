//! Trouble on the line to the acquirer.

use std::time::Duration;

use anyhow::ensure;
use guitai_tests::{charge::Charge, client::text, world::World};

use crate::sales;

/// After a doubt the first query follows in 3 s, the next ones every 10 s; an unanswered one takes 15 s.
const MENDED_LIMIT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_is_told_at_once_and_takes_nothing() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            // A connection that stands is not one that was refused: begin with one.
            sales::pays(&client, 1_000).await?;
            world.sandbox.line("refuse").await?;
            tokio::time::sleep(Duration::from_millis(200)).await;
            let answer = client.charge(&Charge::of(1_100)).await?;
            ensure!(answer.status == 200 && answer.text("state") == "closed", "{} {}", answer.status, answer.json);
            ensure!(answer.text("reason") == "not_sent", "{}", answer.json);
            ensure!(answer.took < Duration::from_secs(5), "answered after {:?}", answer.took);
            ensure!(world.sandbox.book().await?.len() == 1, "the refused charge reached the acquirer");
            world.sandbox.line("up").await?;
            sales::pays(&client, 1_200).await?;
            sales::agrees(&client.payments().await?, &world.sandbox.book().await?)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mute_line_is_a_doubt_that_a_query_ends() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            world.sandbox.line("mute").await?;
            let asked = Charge::of(2_000).wait_ms(1_000);
            let answer = client.charge(&asked).await?;
            ensure!(answer.status == 200, "{} {}", answer.status, answer.json);
            ensure!(["pending", "unknown"].contains(&answer.text("state")), "{}", answer.json);
            ensure!((1_000..2_000).contains(&answer.took.as_millis()), "wait_ms 1000 took {:?}", answer.took);
            let order_no = answer.text("order_no");
            sales::becomes(&client, order_no, &["unknown"], Duration::from_secs(20)).await?;
            // A cashier who presses again with the same key gets the same payment, and no second charge goes out.
            let again = client.charge(&asked).await?;
            ensure!(again.text("order_no") == order_no, "{}", again.json);
            world.sandbox.line("up").await?;
            sales::becomes(&client, order_no, &["paid"], MENDED_LIMIT).await?;
            let book = world.sandbox.book().await?;
            ensure!(book.len() == 1 && book[order_no].charges == 1, "{book:?}");
            sales::agrees(&client.payments().await?, &book)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_answer_is_a_doubt_that_a_query_ends() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            sales::pays(&client, 1_000).await?;
            world.sandbox.line("cut").await?;
            let answer = client.charge(&Charge::of(2_100).wait_ms(1_000)).await?;
            ensure!(answer.status == 200 && answer.text("state") == "unknown", "{} {}", answer.status, answer.json);
            ensure!(text(&answer.json, "acquirer_no").is_empty(), "half an answer was believed: {}", answer.json);
            world.sandbox.line("up").await?;
            sales::becomes(&client, answer.text("order_no"), &["paid"], MENDED_LIMIT).await?;
            sales::agrees(&client.payments().await?, &world.sandbox.book().await?)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_answer_is_waited_for() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            world.sandbox.line("slow").await?;
            let answer = client.charge(&Charge::of(2_200).wait_ms(14_000)).await?;
            ensure!(answer.status == 200 && answer.text("state") == "paid", "{} {}", answer.status, answer.json);
            ensure!((7..12).contains(&answer.took.as_secs()), "paid after {:?}", answer.took);
            world.sandbox.line("up").await?;
            sales::agrees(&client.payments().await?, &world.sandbox.book().await?)
        })
        .await;
}

/// Lanes of the node: 64 charges and 16 other calls at once; beside them one connection may be opened ahead.
const LANES: (usize, usize) = (64, 16);

/// With the acquirer silent every call hangs for its whole timeout: so many and no more at once, and questions keep no charge
/// waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_to_a_silent_acquirer_are_bounded_and_all_end() {
    const CHARGES: u64 = 100;
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            sales::pays(&client, 1_000).await?;
            world.sandbox.line("mute").await?;
            let mut asked = tokio::task::JoinSet::new();
            // The last two digits tell the sandbox how a charge ends.
            for hundred in 0..CHARGES {
                let client = client.clone();
                asked.spawn(async move { client.charge(&Charge::of(2_000 + 100 * hundred).wait_ms(200)).await });
            }
            let mut orders = Vec::new();
            while let Some(answer) = asked.join_next().await {
                let answer = answer??;
                ensure!(answer.status == 200, "{} {}", answer.status, answer.json);
                orders.push(answer.text("order_no").to_owned());
            }
            let (mut most, begun) = (0, std::time::Instant::now());
            // The charges that waited go out when the first are given up after 15 s, with the first questions beside them.
            while begun.elapsed() < Duration::from_secs(20) {
                most = most.max(world.sandbox.connections()?);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let (charges, others) = LANES;
            ensure!((charges..=charges + others + 1).contains(&most), "{most} connections at once");
            world.sandbox.line("up").await?;
            for order_no in &orders {
                sales::becomes(&client, order_no, &["paid"], MENDED_LIMIT).await?;
            }
            sales::agrees(&client.payments().await?, &world.sandbox.book().await?)
        })
        .await;
}
