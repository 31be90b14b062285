//! Lists: pages without gaps or repeats, filters, and filters that are refused.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use guitai_tests::{
    charge::Charge,
    client::{Client, text},
    node::CASHIER,
    world::World,
};
use serde_json::json;

use crate::sales;

async fn orders(client: &Client, query: &str) -> anyhow::Result<Vec<String>> {
    let page = client.read(&format!("/payments?{query}")).await?;
    let items = page["items"].as_array().context("items")?;
    Ok(items.iter().map(|item| text(item, "order_no").to_owned()).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_have_no_gaps_and_filters_no_leaks() {
    World::builder()
        .stores(2)
        .play(async |world| {
            let client = world.node().program()?;
            let mut made = Vec::new();
            for number in 0..7 {
                made.push(text(&sales::pays(&client, 1_000 + 100 * number).await?, "order_no").to_owned());
            }
            let declined = client.charge(&Charge::of(2_009).with("fields", json!({ "remark": "会员 5%" }))).await?;
            made.push(declined.text("order_no").to_owned());
            made.reverse();

            // Page by page, one sold in between: what is listed neither repeats nor vanishes.
            let (mut listed, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = client.read(&format!("/payments?limit=3{cursor}")).await?;
                listed.extend(
                    page["items"].as_array().context("items")?.iter().map(|item| text(item, "order_no").to_owned()),
                );
                let Some(next) = page["next_cursor"].as_str() else { break };
                cursor = format!("&cursor={next}");
                sales::pays(&client, 9_900).await?;
            }
            ensure!(listed == made, "{listed:?}, made {made:?}");

            ensure!(orders(&client, "state=declined").await? == made[..1], "state");
            ensure!(orders(&client, "q=会员").await? == made[..1], "a remark");
            let beginning = &made[3][..18];
            ensure!(
                orders(&client, &format!("q={beginning}")).await? == made[3..4],
                "the beginning of an order number"
            );
            ensure!(orders(&client, "q=_").await?.is_empty(), "`_` is a letter like any other");
            ensure!(orders(&client, "q=5%25").await? == made[..1], "`%` is a letter like any other");
            ensure!(orders(&client, "kind=refund").await?.is_empty(), "a kind");
            let (from, to) = (client.payment(&made[4]).await?, client.payment(&made[2]).await?);
            let between = format!("from={}&to={}", text(&from, "created_at"), text(&to, "created_at"));
            ensure!(orders(&client, &between).await? == made[3..5], "from is inclusive, to is exclusive");

            for query in [
                "limit=0",
                "limit=201",
                "limit=x",
                "state=Paid",
                "kind=gift",
                "from=yesterday",
                "cursor=zzz",
                "colour=red",
                "state=paid&state=paid",
                "stat=paid",
            ] {
                let answer = client.get(&format!("/payments?{query}")).await?;
                ensure!(
                    (answer.status, answer.text("code")) == (400, "malformed"),
                    "{query}: {} {}",
                    answer.status,
                    answer.json
                );
                let field = query.split('=').next().unwrap_or_default();
                ensure!(answer.text("field") == field, "{query}: {}", answer.json);
            }
            the_hub_keeps_stores_apart(world, &made).await
        })
        .await;
}

async fn the_hub_keeps_stores_apart(world: &World, made: &[String]) -> anyhow::Result<()> {
    let other = sales::pays(&world.nodes[1].person(CASHIER).await?, 5_500).await?;
    for node in &world.nodes {
        node.synced(std::time::Duration::from_secs(20)).await?;
    }
    let hub = world.hub.program()?;
    ensure!(orders(&hub, "store=S002").await? == [text(&other, "order_no")], "S002");
    let all: BTreeSet<String> = orders(&hub, "limit=200").await?.into_iter().collect();
    ensure!(made.iter().all(|order_no| all.contains(order_no)), "{all:?}");
    ensure!(orders(&hub, "store=S003").await?.is_empty(), "a store that is not there");
    // A program with scope read writes nothing, and a cashier of a store is nobody at headquarters.
    let refused = hub.post("/announcements", &json!({ "title": "a", "body": "b" })).await?;
    ensure!((refused.status, refused.text("code")) == (403, "forbidden"), "{} {}", refused.status, refused.json);
    let stranger = Client::nobody(&world.hub.url())?.log_in(CASHIER.0, CASHIER.1).await;
    ensure!(stranger.is_err(), "a cashier logged in at headquarters");
    let no_money = hub.charge(&Charge::of(100)).await?;
    ensure!(no_money.status == 405, "the hub charges: {} {}", no_money.status, no_money.json);
    Ok(())
}
