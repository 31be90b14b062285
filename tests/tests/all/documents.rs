//! Announcements: written at headquarters, read and edited in the store, merged after a break.

use std::time::Duration;

use anyhow::{Context, ensure};
use guitai_tests::{
    client::{Client, text},
    node::{ADMINISTRATOR, CASHIER},
    wait::until,
    world::World,
};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(5);

/// The node dials again after some failures.
const RECONNECTED: Duration = Duration::from_secs(60);

async fn announcement(client: &Client, id: &str) -> anyhow::Result<Option<Value>> {
    let all = client.read("/announcements").await?;
    let items = all["items"].as_array().context("items")?;
    Ok(items.iter().find(|item| text(item, "id") == id).cloned())
}

async fn shows(client: &Client, id: &str, title: &str, body: &str, limit: Duration) -> anyhow::Result<Value> {
    let what = format!("{title}/{body}");
    until(&what, limit, async || {
        let item = announcement(client, id).await?.context("it is not there")?;
        ensure!(text(&item, "title") == title && text(&item, "body") == body, "{item}");
        Ok(Some(item))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_announcement_is_read_in_the_store_and_headquarters_sees_by_whom() {
    World::builder()
        .stores(2)
        .play(async |world| {
            let hq = world.hub.headquarters().await?;
            let (cashier, other_store) = (world.nodes[0].person(CASHIER).await?, world.nodes[1].person(CASHIER).await?);
            for node in &world.nodes {
                node.synced(RECONNECTED).await?;
            }
            let new = json!({ "title": "盘点通知", "body": "周五晚九点盘点。", "stores": ["S001"] });
            let published = hq.post("/announcements", &new).await?;
            ensure!(published.status == 201, "{} {}", published.status, published.json);
            let id = published.text("id").to_owned();
            let item = shows(&cashier, &id, "盘点通知", "周五晚九点盘点。", SOON).await?;
            ensure!(item["read"] == false && item["reads"] == 0 && text(&item, "published_by") == "hq", "{item}");
            ensure!(announcement(&other_store, &id).await?.is_none(), "it was for S001 only");

            let read = cashier.post(&format!("/announcements/{id}/read"), &json!({})).await?;
            ensure!(read.status == 204, "{} {}", read.status, read.json);
            until("the reader at headquarters", SOON, async || {
                let item = announcement(&hq, &id).await?.context("it is gone")?;
                ensure!(item["stores"][0]["read_by"] == json!([CASHIER.0]), "{item}");
                Ok(Some(()))
            })
            .await?;
            let item = announcement(&cashier, &id).await?.context("it is gone")?;
            ensure!(item["read"] == true && item["reads"] == 1, "{item}");

            let edit = cashier.patch(&format!("/announcements/{id}"), &json!({ "title": "放假" })).await?;
            ensure!(edit.status == 403, "a cashier edits: {} {}", edit.status, edit.json);
            let withdrawn = hq.patch(&format!("/announcements/{id}"), &json!({ "withdrawn": true })).await?;
            ensure!(withdrawn.status == 200, "{} {}", withdrawn.status, withdrawn.json);
            until("it to go", SOON, async || Ok(announcement(&cashier, &id).await?.is_none().then_some(()))).await
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_on_both_sides_of_a_broken_line_are_merged() {
    World::builder()
        .play(async |world| {
            let hq = world.hub.headquarters().await?;
            let administrator = world.node().person(ADMINISTRATOR).await?;
            let new = json!({ "title": "价签", "body": "新价签周一到。" });
            let published = hq.post("/announcements", &new).await?;
            let id = published.text("id").to_owned();
            let path = format!("/announcements/{id}");
            shows(&administrator, &id, "价签", "新价签周一到。", SOON).await?;

            // The store edits while the hub is away, then goes away itself; headquarters edits; both come back.
            world.hub.stop().await?;
            let here = administrator.patch(&path, &json!({ "body": "新价签周二到，请提前撤旧价签。" })).await?;
            ensure!(here.status == 200, "{} {}", here.status, here.json);
            world.node_mut().stop().await?;
            world.hub.start_again().await?;
            let hq = world.hub.headquarters().await?;
            let there = hq.patch(&path, &json!({ "title": "价签更换" })).await?;
            ensure!(there.status == 200 && there.text("body") == "新价签周一到。", "{} {}", there.status, there.json);
            world.node_mut().start().await?;
            let administrator = world.node().person(ADMINISTRATOR).await?;
            let merged = ("价签更换", "新价签周二到，请提前撤旧价签。");
            let (at_store, at_hub) = tokio::join!(
                shows(&administrator, &id, merged.0, merged.1, RECONNECTED),
                shows(&hq, &id, merged.0, merged.1, RECONNECTED),
            );
            at_store?;
            at_hub?;
            // And it stays so after both start again.
            world.node_mut().stop().await?;
            world.hub.stop().await?;
            world.hub.start_again().await?;
            world.node_mut().start().await?;
            let hq = world.hub.headquarters().await?;
            shows(&world.node().person(CASHIER).await?, &id, merged.0, merged.1, SOON).await?;
            shows(&hq, &id, merged.0, merged.1, SOON).await.map(drop)
        })
        .await;
}
