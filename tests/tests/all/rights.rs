//! Rights that are taken back: keys, accounts. What was let in is out within seconds, wherever it is, and stays so.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use guitai_tests::{
    charge::Charge,
    client::{Client, text},
    node::{ADMINISTRATOR, CASHIER},
    process::Said,
    world::World,
};
use reqwest::Method;
use serde_json::json;

/// From the command's end to the last byte that a stream of what was taken back may hear.
const ENDS: Duration = Duration::from_secs(5);

/// An open event stream.
async fn listening(who: &Client) -> anyhow::Result<reqwest::Response> {
    let stream = who.request(Method::GET, "/events").send().await?;
    ensure!(stream.status() == 200, "{}", stream.status());
    Ok(stream)
}

/// How long the stream went on.
async fn ends(mut stream: reqwest::Response) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let rest = async {
        while stream.chunk().await?.is_some() {}
        anyhow::Ok(())
    };
    tokio::time::timeout(ENDS, rest).await.context("the stream goes on")??;
    Ok(begun.elapsed())
}

/// The lines of a list whose first column is this.
fn lines<'a>(said: &'a Said, first: &str) -> Vec<Vec<&'a str>> {
    let lines = said.out.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    lines.filter(|line| line[0] == first).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_is_out_within_seconds_also_on_an_open_stream() {
    World::builder()
        .play(async |world| {
            for server in ["node", "hub"] {
                let command = async |arguments: &[&str]| match server {
                    "node" => world.node().command(arguments).await,
                    _ => world.hub.command(arguments).await,
                };
                let base = if server == "node" { world.node().anybody()? } else { Client::nobody(&world.hub.url())? };
                let create = ["api-key", "create", "--name", "kasse", "--scope", "read"];
                let program = base.with_key(&command(&create).await?.line()?);
                program.read("/payments").await?;
                let stream = listening(&program).await?;
                let revoked = command(&["api-key", "revoke", "--name", "kasse"]).await?;
                ensure!(revoked.code == 0 && lines(&revoked, "kasse").len() == 1, "{server}: {revoked:?}");
                let after = Instant::now();
                ensure!(program.get("/payments").await?.status == 401, "{server}");
                let went_on = ends(stream).await?;
                println!(
                    "security: {server}, revoked key, next request refused at once, stream ended after {went_on:?}"
                );
                ensure!(after.elapsed() < ENDS, "{server}: {went_on:?}");

                let again = command(&["api-key", "revoke", "--name", "kasse"]).await?;
                ensure!(again.code == 1 && again.err.contains("not_found"), "{server}: {again:?}");
                // Its name is free for another key, which is not the one that went.
                let successor = base.with_key(&command(&create).await?.line()?);
                successor.read("/payments").await?;
                ensure!(program.get("/payments").await?.status == 401, "{server}");
                let taken = command(&create).await?;
                ensure!(taken.code == 1 && taken.err.contains("key_exists"), "{server}: {taken:?}");
                let listed = command(&["api-key", "list"]).await?;
                let of_name = lines(&listed, "kasse");
                ensure!(of_name.len() == 2 && of_name.iter().all(|line| line[1] == "read"), "{server}: {listed:?}");
                ensure!(of_name.iter().filter(|line| line[3] == "-").count() == 1, "{server}: {listed:?}");
                ensure!(!listed.out.contains("gk_"), "{listed:?}");
            }
            Ok(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_account_is_out_within_seconds_and_back_by_the_same_password() {
    World::builder()
        .play(async |world| {
            let node = world.node();
            let cashier = node.person(CASHIER).await?;
            let stream = listening(&cashier).await?;
            node.command(&["account", "disable", "--account", CASHIER.0]).await?.line()?;
            println!("security: node, disabled account, stream ended after {:?}", ends(stream).await?);
            ensure!(cashier.get("/payments").await?.status == 401, "a session outlives its account");
            ensure!(node.person(CASHIER).await.is_err(), "somebody disabled logs in");
            let listed = node.command(&["account", "list"]).await?;
            ensure!(lines(&listed, CASHIER.0) == [[CASHIER.0, "张三", "cashier", "disabled"]], "{listed:?}");
            ensure!(!listed.out.contains("argon2"), "{listed:?}");
            node.command(&["account", "enable", "--account", CASHIER.0]).await?.line()?;
            let back = node.person(CASHIER).await?;
            let charge = back.charge(&Charge::of(1_000)).await?;
            ensure!(charge.status == 200 && charge.text("state") == "paid", "{} {}", charge.status, charge.json);

            let last = node.command(&["account", "disable", "--account", ADMINISTRATOR.0]).await?;
            ensure!(last.code == 1 && last.err.contains("last_administrator"), "{last:?}");
            let nobody = node.command(&["account", "disable", "--account", "99"]).await?;
            ensure!(nobody.code == 1 && nobody.err.contains("not_found"), "{nobody:?}");

            let second = ["account", "create", "--account", "hq2", "--name", "李总", "--role", "headquarters"];
            let last = world.hub.command(&["account", "disable", "--account", "hq"]).await?;
            ensure!(last.code == 1 && last.err.contains("last_administrator"), "{last:?}");
            world.hub.command_with(&second, "zongbu-mima-9926\n").await?.line()?;
            let headquarters = world.hub.headquarters().await?;
            let stream = listening(&headquarters).await?;
            world.hub.command(&["account", "disable", "--account", "hq"]).await?.line()?;
            println!("security: hub, disabled account, stream ended after {:?}", ends(stream).await?);
            ensure!(headquarters.get("/payments").await?.status == 401, "a session outlives its account");
            ensure!(world.hub.headquarters().await.is_err(), "somebody disabled logs in");
            world.hub.stop().await?;
            world.hub.start_again().await?;
            ensure!(headquarters.get("/payments").await?.status == 401, "a restart lets nobody in again");
            world.hub.command(&["account", "enable", "--account", "hq"]).await?.line()?;
            world.hub.headquarters().await.map(drop)
        })
        .await;
}

// Before: `account create` made a cashier of the last administrator, and nobody was left who could manage anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_administrator_is_not_made_a_cashier_running_or_stopped() {
    World::builder()
        .play(async |world| {
            let demote = ["account", "create", "--account", ADMINISTRATOR.0, "--name", "店长", "--role", "cashier"];
            for running in [true, false] {
                let node = world.node_mut();
                if !running {
                    node.stop().await?;
                }
                let refused = node.command_with(&demote, "dianzhang-mima-1\n").await?;
                let told = refused.code == 1 && refused.err.contains("last_administrator");
                ensure!(told, "running {running}: {refused:?}");
            }
            let node = world.node_mut();
            node.start().await?;
            node.person(ADMINISTRATOR).await?;
            let second = ["account", "create", "--account", "02", "--name", "王五", "--role", "administrator"];
            node.command_with(&second, "dianzhang-mima-2\n").await?.line()?;
            node.command_with(&demote, "dianzhang-mima-1\n").await?.line().map(drop)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_are_taken_back_over_the_api_by_administrators_and_keys_of_scope_admin() {
    World::builder()
        .play(async |world| {
            let node = world.node();
            let admin = ["api-key", "create", "--name", "verwaltung", "--scope", "admin"];
            let (key, owner) = (node.command(&admin).await?.line()?, node.person(ADMINISTRATOR).await?);
            for who in [node.anybody()?.with_key(&key), owner] {
                let cashier = node.person(CASHIER).await?;
                let path = format!("/accounts/{}", CASHIER.0);
                let off = who.patch(&path, &json!({ "disabled": true })).await?;
                ensure!(off.status == 200 && off.json["disabled"] == true, "{} {}", off.status, off.json);
                let begun = Instant::now();
                while cashier.get("/payments").await?.status != 401 {
                    ensure!(begun.elapsed() < ENDS, "a session outlives its account");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                let on = who.patch(&path, &json!({ "disabled": false })).await?;
                ensure!(on.status == 200 && on.json["disabled"] == false, "{} {}", on.status, on.json);
                let owner = format!("/accounts/{}", ADMINISTRATOR.0);
                let last = who.patch(&owner, &json!({ "disabled": true })).await?;
                ensure!(last.status == 409 && last.text("code") == "last_administrator", "{}", last.json);

                let create = ["api-key", "create", "--name", "kasse", "--scope", "read"];
                let program = node.anybody()?.with_key(&node.command(&create).await?.line()?);
                program.read("/payments").await?;
                let gone = who.send(who.request(Method::DELETE, "/api-keys/kasse")).await?;
                ensure!(gone.status == 204, "{} {}", gone.status, gone.json);
                ensure!(program.get("/payments").await?.status == 401);
                let again = who.send(who.request(Method::DELETE, "/api-keys/kasse")).await?;
                ensure!(again.status == 404, "{} {}", again.status, again.json);
                let keys = who.read("/api-keys").await?;
                let kasse = keys["items"].as_array().context("items")?.iter().find(|one| text(one, "name") == "kasse");
                ensure!(kasse.is_some_and(|one| one["revoked_at"].is_string()), "{keys}");
            }
            // A program makes cashiers and no administrators: it would make itself an approver.
            let program = node.anybody()?.with_key(&key);
            let account = |account: &str, role: &str| {
                json!({ "account": account, "name": "李四", "role": role, "password": "mima-mima-04" })
            };
            let made = program.post("/accounts", &account("07", "cashier")).await?;
            ensure!(made.status == 201, "{} {}", made.status, made.json);
            let refused = program.post("/accounts", &account("08", "administrator")).await?;
            ensure!(refused.status == 403, "{} {}", refused.status, refused.json);
            // Of the rights that a running node took back nothing comes back with another fold of its facts.
            let shown = async || {
                let (keys, accounts) = (node.command(&["api-key", "list"]).await?, node.command(&["account", "list"]).await?);
                anyhow::Ok(format!("{}{}", keys.out, accounts.out))
            };
            let live = shown().await?;
            ensure!(live.lines().count() > 5, "{live}");
            let node = world.node_mut();
            node.stop().await?;
            node.command(&["rebuild"]).await?.line()?;
            let node = world.node();
            let keys = node.command(&["api-key", "list"]).await?;
            let accounts = node.command(&["account", "list"]).await?;
            ensure!(format!("{}{}", keys.out, accounts.out) == live, "{keys:?} {accounts:?} {live}");
            // And the same commands write where no node runs.
            node.command(&["account", "disable", "--account", "07"]).await?.line()?;
            let revoked = node.command(&["api-key", "revoke", "--name", "verwaltung"]).await?;
            ensure!(lines(&revoked, "verwaltung").len() == 1, "{revoked:?}");
            let last = node.command(&["account", "disable", "--account", ADMINISTRATOR.0]).await?;
            ensure!(last.code == 1 && last.err.contains("last_administrator"), "{last:?}");
            world.node_mut().start().await?;
            let program = world.node().anybody()?.with_key(&key);
            ensure!(program.get("/accounts").await?.status == 401);
            Ok(())
        })
        .await;
}
