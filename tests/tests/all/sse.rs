//! A page that lost its stream misses nothing.

use std::time::Duration;

use anyhow::ensure;
use guitai_tests::{client::text, events::Events, world::World};

use crate::sales;

const SOON: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resumed_stream_brings_what_was_missed() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let mut events = Events::open(&client, None).await?;
            let first = sales::pays(&client, 1_000).await?;
            let seen = paid(&mut events, text(&first, "order_no"), "1-0").await?;
            drop(events);

            let missed = [sales::pays(&client, 1_100).await?, sales::pays(&client, 1_200).await?];
            // A restart in between changes nothing: ids are facts.
            world.node_mut().stop().await?;
            world.node_mut().start().await?;
            let mut events = Events::open(&client, Some(&seen)).await?;
            // Each fact that was missed is told with its payment as it stands now: in order, and nothing that was seen.
            let mut last = seen;
            for payment in &missed {
                let told = paid(&mut events, text(payment, "order_no"), &last).await?;
                ensure!(
                    told == text(payment, "fact") || after(&told, text(payment, "fact")),
                    "{told}, wanted {payment}"
                );
                last = told;
            }
            // And goes on live.
            let live = sales::pays(&client, 1_300).await?;
            paid(&mut events, text(&live, "order_no"), &last).await.map(drop)
        })
        .await;
}

/// Waits for the event that says this order is paid; answers its id. Every event on the way comes after `last`.
async fn paid(events: &mut Events, order_no: &str, last: &str) -> anyhow::Result<String> {
    let mut last = last.to_owned();
    loop {
        let event = events.next("payment", SOON).await?;
        ensure!(after(&event.id, &last), "{event:?} came after {last}");
        if text(&event.data, "order_no") == order_no && text(&event.data, "state") == "paid" {
            return Ok(event.id);
        }
        last = event.id;
    }
}

fn after(id: &str, other: &str) -> bool {
    let number = |id: &str| id.split_once('-').and_then(|(_, number)| number.parse::<u64>().ok());
    number(id) > number(other)
}
