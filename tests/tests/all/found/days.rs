//! H6: what is sold at night belongs to the evening before wherever the store says so, at headquarters too.

use anyhow::{Context, ensure};
use guitai_tests::{
    charge::Charge,
    client::{Client, text},
    clock::{DAY_S, beijing_day, offset_to_beijing, true_s},
    events::Events,
    wait::until,
    world::World,
};
use serde_json::Value;

use super::{SOON, SYNC_LIMIT, charged};

/// 02:23 in Beijing.
const NIGHT_S: i64 = 2 * 3_600 + 23 * 60;

/// A store's row at headquarters.
async fn row(hub: &Client, store: &str) -> anyhow::Result<Value> {
    let stores = hub.read("/stores").await?;
    let rows = stores["items"].as_array().context("items")?;
    rows.iter().find(|row| text(row, "store") == store).cloned().with_context(|| stores.to_string())
}

/// What a list by days adds up to, in fen.
async fn listed(hub: &Client, days: &str) -> anyhow::Result<u64> {
    let page = hub.read(&format!("/payments?limit=200&kind=charge&{days}")).await?;
    let rows = page["items"].as_array().context("items")?;
    rows.iter().map(|row| row["received_fen"].as_u64().with_context(|| row.to_string())).sum()
}

// Before: headquarters' today was the calendar's in Beijing: it left the sale out, and list and figures of a day disagreed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h06_a_night_belongs_to_the_evening_before_at_headquarters_too() {
    let now = offset_to_beijing(NIGHT_S);
    World::builder()
        .stores(2)
        .clocks(now)
        .play(async |world| {
            let bar = world.node_mut();
            bar.stop().await?;
            let config = std::fs::read_to_string(bar.config_file())?;
            std::fs::write(bar.config_file(), config.replace("[store]\n", "[store]\ncutoff = \"06:00\"\n"))?;
            bar.start().await?;
            let (evening, calendar) = (beijing_day(true_s() + now - DAY_S), beijing_day(true_s() + now));
            let hub = world.hub.program()?;
            let mut news = Events::open(&hub, None).await?;
            for (node, sum, day) in [(&world.nodes[0], 777, &evening), (&world.nodes[1], 500, &calendar)] {
                let paid = charged(&node.program()?, &Charge::of(sum), "paid").await?;
                ensure!(text(&paid, "business_day") == day, "{paid}");
                node.synced(SYNC_LIMIT).await?;
                let told = until("the store's day at headquarters", SOON, async || {
                    let row = row(&hub, &node.store).await?;
                    Ok((text(&row["today"], "date") == day && row["today"]["orders"] == 1).then_some(row))
                })
                .await?;
                ensure!(told["today"]["income_fen"] == sum, "{told}");
                loop {
                    let row = news.next("store", SOON).await?.data;
                    if text(&row, "store") == node.store && row["today"]["income_fen"] == sum {
                        ensure!(text(&row["today"], "date") == day, "a live row of another day: {row}");
                        break;
                    }
                }
                let stats = hub.read(&format!("/stats?store={}", node.store)).await?;
                ensure!(text(&stats, "date") == day && stats["paid"]["sum_fen"] == sum, "{stats}");
            }
            let all = hub.read("/stats").await?;
            ensure!(
                text(&all, "date") == evening && all["paid"]["sum_fen"] == 777,
                "the earliest of their days: {all}"
            );
            for day in [&evening, &calendar] {
                let figures = hub.read(&format!("/stats?date={day}")).await?;
                let sum = listed(&hub, &format!("from_day={day}&to_day={day}")).await?;
                ensure!(figures["paid"]["sum_fen"] == sum && sum > 0, "{day}: the list says {sum}, {figures}");
            }
            ensure!(listed(&hub, &format!("from_day={evening}&to_day={calendar}")).await? == 1_277);
            ensure!(listed(&hub, &format!("to_day={evening}")).await? == 777);
            ensure!(listed(&hub, &format!("from_day={calendar}&store=S001")).await? == 0);
            let wrong = hub.get(&format!("/payments?from_day={calendar}&to_day={evening}")).await?;
            ensure!(wrong.status == 400 && wrong.text("field") == "to_day", "{} {}", wrong.status, wrong.json);

            // What a store said of its day is known when nobody is there to say it.
            for node in &mut world.nodes {
                node.stop().await?;
            }
            world.hub.stop().await?;
            world.hub.start_again().await?;
            let kept = row(&hub, "S001").await?;
            ensure!(text(&kept["today"], "date") == evening && kept["today"]["income_fen"] == 777, "{kept}");
            Ok(())
        })
        .await;
}
