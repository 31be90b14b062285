//! Who is let in at the hub: once, with a code, and nobody else; and how a box that serves its store no more is stopped.

use std::{path::Path, time::Duration};

use anyhow::ensure;
use guitai_tests::{
    charge::Charge,
    client::{Client, text},
    node::Node,
    ports::Port,
    process::{Process, Said, program, run},
    wait::until,
    world::World,
};

/// Until a change at the hub has reached a node.
const SOON: Duration = Duration::from_secs(20);

/// Until a revoked node is stopped.
const REVOKED_LIMIT: Duration = Duration::from_secs(6);

/// Another machine with the same configuration and an empty folder.
async fn another_machine(node: &Node, name: &str, arguments: &[&str]) -> anyhow::Result<Said> {
    let config = std::fs::read_to_string(node.config_file())?;
    let path = node.config_file().with_file_name(format!("{name}.toml"));
    std::fs::write(&path, config.replace("data = \"data\"", &format!("data = \"{name}\"")))?;
    let mut command = std::process::Command::new(program("guitai-node"));
    command.args(arguments).arg("--config").arg(path);
    run(command, "").await
}

fn failed(what: &str, said: &Said, words: &[&str]) -> anyhow::Result<()> {
    ended(1, what, said, words)
}

/// Whoever typed it can put it right: a usage error.
fn mistyped(what: &str, said: &Said, words: &[&str]) -> anyhow::Result<()> {
    ended(2, what, said, words)
}

fn ended(code: i32, what: &str, said: &Said, words: &[&str]) -> anyhow::Result<()> {
    ensure!(said.code == code, "{what}: exit {} {}{}", said.code, said.out, said.err);
    ensure!(!said.err.contains("panicked"), "{what}: {}", said.err);
    for word in words {
        ensure!(said.err.contains(word), "{what} does not say {word:?}: {}", said.err);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_lets_one_machine_in_once() {
    World::builder()
        .play(async |world| {
            let (node, hub) = (world.node(), world.hub.url());
            failed("a node without a store", &another_machine(node, "m0", &["run"]).await?, &["enrol", "guitai-hub"])?;
            let enrolled_twice = node.command(&["enrol", "--hub", &hub, "--code", "X"]).await?;
            ensure!(enrolled_twice.code == 1, "{enrolled_twice:?}");
            // The store has a node: whoever prints another code is told that its use disables that one.
            node.synced(SOON).await?;
            let second = world.hub.command(&["enrol", "--store", "S001"]).await?;
            ensure!(second.code == 0 && second.out.lines().count() == 1, "{second:?}");
            ensure!(second.err.contains("S001") && second.err.contains("停用"), "{second:?}");

            let code = world.hub.add_store("S009").await?;
            let enrol = async |name: &str, code: &str| {
                another_machine(node, name, &["enrol", "--hub", &hub, "--code", code]).await
            };
            // One character changed, anywhere: a slip of the hand is found before the hub is asked.
            let letters: Vec<char> = code.chars().collect();
            for at in [0, letters.len() / 2, letters.len() - 1] {
                let mut typo = letters.clone();
                typo[at] = if typo[at] == '7' { '8' } else { '7' };
                mistyped("a typo", &enrol("m1", &typo.iter().collect::<String>()).await?, &["code"])?;
            }
            mistyped("no code", &enrol("m1", "").await?, &["code"])?;
            let first = enrol("m1", &code).await?;
            ensure!(first.code == 0 && first.out.contains("store=S009"), "{first:?}");
            let thief = enrol("m2", &code).await?;
            failed("a code used twice", &thief, &[])?;
            let list = world.hub.command(&["store", "list"]).await?;
            ensure!(list.code == 0 && list.out.lines().count() == 2, "{list:?}");
            let unknown = world.hub.command(&["enrol", "--store", "S404"]).await?;
            ensure!(unknown.code == 1 && unknown.err.contains("S404"), "{unknown:?}");
            let twice = world.hub.command(&["store", "add", "--store", "S001", "--name", "又一家"]).await?;
            ensure!(twice.code == 1, "{twice:?}");
            Ok(())
        })
        .await;
}

/// A charge is refused for this reason, in words that name the way out.
async fn refuses(client: &Client, bar: &str) -> anyhow::Result<()> {
    let sync = client.read("/sync").await?;
    ensure!(text(&sync, "bar") == bar, "{sync}");
    let refused = client.charge(&Charge::of(1_000)).await?;
    ensure!(refused.status == 503 && text(&refused.json, "code") == "not_accepting", "{refused:?}");
    ensure!(refused.json.to_string().contains("guitai-node enrol"), "no way out is named: {refused:?}");
    let health = client.read("/health").await?;
    ensure!(health["accepting"] == false, "{health}");
    Ok(())
}

async fn sells(client: &Client) -> anyhow::Result<String> {
    let paid = client.charge(&Charge::of(1_000)).await?;
    ensure!(paid.status == 200 && text(&paid.json, "state") == "paid", "{paid:?}");
    Ok(text(&paid.json, "order_no").to_owned())
}

async fn barred(client: &Client, bar: Option<&str>, limit: Duration) -> anyhow::Result<()> {
    until("the bar", limit, async || {
        let sync = client.read("/sync").await?;
        ensure!(sync["bar"].as_str() == bar, "{sync}");
        Ok(Some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_box_replaces_the_first_which_stops_also_without_the_hub_until_it_is_entered_anew() {
    World::builder()
        .play(async |world| {
            let first = world.node().program()?;
            let issuer = |no: &str| no.get(5..11).map(str::to_owned);
            let before = sells(&first).await?;
            world.node().synced(SOON).await?;
            let code = world.hub.command(&["node", "replace", "--store", "S001"]).await?.line()?;
            let hub_url = world.hub.url();
            let enrol = ["enrol", "--hub", &hub_url, "--code", &code];
            let second = another_machine(world.node(), "m2", &enrol).await?;
            ensure!(second.code == 0 && second.out.contains("store=S001"), "{second:?}");
            ensure!(!second.out.contains(&format!("issuer={}", before[5..11].trim_start_matches('0'))), "{second:?}");

            // The first is told at once, and says so everywhere.
            barred(&first, Some("replaced"), REVOKED_LIMIT).await?;
            refuses(&first, "replaced").await?;
            let refund = serde_json::json!({ "amount_fen": 100 });
            let refused = first.post_keyed(&format!("/payments/{before}/refunds"), "refund-0001", &refund).await?;
            ensure!(refused.status == 503, "a replaced node gives money back: {refused:?}");
            let status = world.node().command(&["status"]).await?;
            ensure!(status.out.contains("接替"), "{status:?}");
            let doctor = world.node().command(&["doctor", "--json", "--only", "hub"]).await?;
            ensure!(doctor.code == 2 && doctor.out.contains("hub.replaced"), "{doctor:?}");
            let nodes = world.hub.command(&["node", "list", "--store", "S001"]).await?;
            let states: Vec<bool> = nodes.out.lines().map(|line| line.contains("in_force")).collect();
            ensure!(states == [true, false] && nodes.out.contains("replaced"), "{nodes:?}");
            let stores = world.hub.program()?.read("/stores").await?;
            ensure!(stores["items"][0]["disabled"][0]["why"] == "replaced", "{stores}");
            ensure!(stores["items"][0]["disabled"][0]["last_fact"].is_string(), "{stores}");

            // It does not forget when it starts again and nobody answers.
            world.node_mut().stop().await?;
            world.hub.stop().await?;
            world.node_mut().start().await?;
            refuses(&world.node().program()?, "replaced").await?;
            world.node_mut().stop().await?;
            let asleep = world.node().command(&["status", "--json"]).await?;
            ensure!(asleep.out.contains("\"bar\":\"replaced\""), "{asleep:?}");

            // Headquarters lets it in again: another number, and it sells.
            world.hub.start_again().await?;
            let code = world.hub.command(&["enrol", "--store", "S001"]).await?.line()?;
            world.node().command(&["enrol", "--hub", &hub_url, "--code", &code]).await?.line()?;
            world.node_mut().start().await?;
            let client = world.node().program()?;
            barred(&client, None, SOON).await?;
            let after = sells(&client).await?;
            ensure!(issuer(&after) != issuer(&before), "{before} and {after} are of one issuer");
            world.node().synced(SOON).await?;
            ensure!(world.hub.program()?.payment(&after).await.is_ok(), "the hub lacks {after}");
            Ok(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_node_stops_within_seconds_while_the_hub_runs() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            sells(&client).await?;
            world.node().synced(SOON).await?;
            let hub = &world.hub;
            let another = hub.command(&["node", "revoke", "--store", "S001", "--key", "0000"]).await?;
            let nobody = hub.command(&["node", "revoke", "--store", "S404"]).await?;
            let usage = hub.command(&["node", "revoke", "--store", "S001", "--key", "xyz"]).await?;
            ensure!((another.code, nobody.code, usage.code) == (1, 1, 2), "{another:?} {nobody:?} {usage:?}");
            sells(&client).await?;
            let revoked = hub.command(&["node", "revoke", "--store", "S001"]).await?;
            ensure!(revoked.code == 0 && revoked.out.contains("revoked"), "{revoked:?}");
            barred(&client, Some("revoked"), REVOKED_LIMIT).await?;
            refuses(&client, "revoked").await?;

            let renamed = hub.command(&["store", "rename", "--store", "S001", "--name", "老店"]).await?;
            let closed = hub.command(&["store", "close", "--store", "S001"]).await?;
            ensure!((renamed.code, closed.code) == (0, 0), "{renamed:?} {closed:?}");
            let list = hub.command(&["store", "list"]).await?;
            ensure!(list.out.contains("老店") && list.out.contains("closed"), "{list:?}");
            let shut = hub.command(&["enrol", "--store", "S001"]).await?;
            ensure!(shut.code == 1 && shut.err.contains("S001"), "{shut:?}");
            // Closed by mistake: opened again, the same box comes back and goes on with its journal.
            let reopened = hub.command(&["store", "reopen", "--store", "S001"]).await?;
            ensure!(reopened.code == 0 && reopened.err.contains("enrol --store S001"), "{reopened:?}");
            let again = hub.command(&["store", "reopen", "--store", "S001"]).await?;
            ensure!(again.code == 1 && again.err.contains("not closed"), "{again:?}");
            let (code, url) = (hub.enrolment_code("S001").await?, hub.url());
            let facts = client.read("/health").await?["facts"].clone();
            let node = world.node_mut();
            node.stop().await?;
            node.command(&["enrol", "--hub", &url, "--code", &code]).await?.line()?;
            node.start().await?;
            sells(&client).await?;
            ensure!(client.read("/health").await?["facts"] != facts, "the journal goes on");
            Ok(())
        })
        .await;
}

/// A copy of a node's folder, running at an address of its own.
async fn copied(node: &Node) -> anyhow::Result<(Process, Client)> {
    let folder = node.config_file().with_file_name("");
    copy_files(&folder.join("data"), &folder.join("copy"))?;
    running(node, "copy").await
}

/// A node's configuration on another folder, running at an address of its own.
async fn running(node: &Node, name: &str) -> anyhow::Result<(Process, Client)> {
    let folder = node.config_file().with_file_name("");
    let port = Port::take()?;
    let config = std::fs::read_to_string(node.config_file())?.replace(&node.address(), &port.address());
    let path = folder.join(format!("{name}.toml"));
    std::fs::write(&path, config.replace("data = \"data\"", &format!("data = \"{name}\"")))?;
    let mut command = std::process::Command::new(program("guitai-node"));
    command.args(["run", "--config"]).arg(path);
    let process = Process::spawn(command, &folder.join(format!("{name}.log")))?;
    let client = node.program_at(&port.url())?;
    until("the other folder's node", SOON, async || client.read("/health").await.map(Some)).await?;
    Ok((process, client))
}

fn copy_files(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copied_folder_does_not_sell_beside_the_box_it_was_copied_from() {
    World::builder()
        .play(async |world| {
            sells(&world.node().program()?).await?;
            world.node().synced(SOON).await?;
            let client = world.node().program()?;
            let (copy, second) = copied(world.node()).await?;
            barred(&second, Some("duplicate"), SOON).await?;
            refuses(&second, "duplicate").await?;
            sells(&client).await?;
            let stores = world.hub.program()?.read("/stores").await?;
            ensure!(stores["items"][0]["duplicate_at"].is_string(), "headquarters is not told: {stores}");

            // A box that was killed and starts again in its own folder waits for nobody.
            world.node_mut().kill()?;
            world.node_mut().start().await?;
            sells(&world.node().program()?).await?;
            world.node().synced(SOON).await?;
            ensure!(copy.stop().await?.success(), "the copy does not stop");

            // Started again while nobody answers, the copy still sells nothing under the other's numbers.
            world.hub.stop().await?;
            let (copy, second) = running(world.node(), "copy").await?;
            refuses(&second, "duplicate").await?;
            sells(&world.node().program()?).await?;
            ensure!(copy.stop().await?.success(), "the copy does not stop");
            Ok(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_folder_entered_anew_after_another_box_sold_says_that_an_empty_one_is_needed() {
    World::builder()
        .play(async |world| {
            sells(&world.node().program()?).await?;
            world.node().synced(SOON).await?;
            let hub_url = world.hub.url();
            let code = world.hub.command(&["enrol", "--store", "S001"]).await?.line()?;
            world.node_mut().stop().await?;
            let folder = world.node().config_file().with_file_name("");
            let enrol = ["enrol", "--hub", &hub_url, "--code", &code];
            let second = another_machine(world.node(), "m2", &enrol).await?;
            ensure!(second.code == 0, "{second:?}");
            let mut key = std::process::Command::new(program("guitai-node"));
            key.args(["api-key", "create", "--name", "erp", "--scope", "charge,read", "--config"]);
            let key = run(
                {
                    key.arg(folder.join("m2.toml"));
                    key
                },
                "",
            )
            .await?
            .line()?;
            let (process, client) = running(world.node(), "m2").await?;
            // It sells and delivers, in a journal that goes on from the first's.
            let sold = sells(&client.with_key(&key)).await?;
            let hub = world.hub.program()?;
            until("the second box's sale", SOON, async || Ok(hub.payment(&sold).await.ok())).await?;
            ensure!(process.stop().await?.success(), "the second box does not stop");

            let code = world.hub.command(&["enrol", "--store", "S001"]).await?.line()?;
            world.node().command(&["enrol", "--hub", &hub_url, "--code", &code]).await?.line()?;
            world.node_mut().start().await?;
            let client = world.node().program()?;
            until("the way out", SOON, async || {
                let sync = client.read("/sync").await?;
                ensure!(sync.to_string().contains("空的数据目录"), "{sync}");
                // What the other box took and gave back is not known here, and cannot come back.
                ensure!(text(&sync, "bar") == "unfillable", "{sync}");
                Ok(Some(()))
            })
            .await?;
            refuses(&client, "unfillable").await
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_moves_tells_its_nodes_and_they_fall_back_where_nobody_answers() {
    World::builder()
        .play(async |world| {
            let (node, hub) = (world.node(), &world.hub);
            node.synced(SOON).await?;
            let wrong = hub.command(&["address", "--host", "http://hub:1"]).await?;
            ensure!(wrong.code == 2 && wrong.err.contains("--host"), "{wrong:?}");
            // Nobody is there yet: nodes that are told early must not be lost.
            let nowhere = Port::take()?.address();
            let told = hub.command(&["address", "--host", &nowhere]).await?;
            ensure!(told.code == 0 && told.out.trim() == nowhere, "{told:?}");
            let moved_to = async |want: Option<&str>| {
                until("the new address", 2 * SOON, async || {
                    let status = node.command(&["status", "--json"]).await?;
                    let status: serde_json::Value = serde_json::from_str(&status.out)?;
                    ensure!(status["hub_moved_to"].as_str() == want, "{status}");
                    Ok(Some(()))
                })
                .await
            };
            moved_to(Some(&nowhere)).await?;
            sells(&node.program()?).await?;
            node.synced(2 * SOON).await?;
            ensure!(hub.command(&["address", "--clear"]).await?.out.trim() == "-", "the address stays");
            moved_to(None).await?;

            let unreadable = node.command(&["readdress", "--hub", "hub"]).await?;
            ensure!(unreadable.code == 2 && unreadable.err.contains("--hub"), "{unreadable:?}");
            let readdressed = node.command(&["readdress", "--hub", &hub.url()]).await?;
            ensure!(readdressed.code == 0, "{readdressed:?}");
            node.synced(2 * SOON).await?;
            Ok(())
        })
        .await;
}
