//! `guitai-node doctor`: what is wrong, and who must act.

use std::{
    collections::BTreeMap,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, ensure};
use guitai_devices::emulator::{Emulator, Switches};
use guitai_tests::{
    charge::Charge,
    client::text,
    hub::Hub,
    node::{Node, write_secret},
    process::{Said, program, run, signal},
    wait::until,
    world::World,
};
use serde_json::Value;

use crate::sales;

const SOON: Duration = Duration::from_secs(20);

/// The whole run, the process's start and end included, on a busy machine.
const RUN_LIMIT: Duration = Duration::from_secs(11);

async fn report(world: &World) -> anyhow::Result<(i32, Value)> {
    report_of(world.node(), &[]).await
}

/// A node's report with further arguments.
async fn report_of(node: &Node, arguments: &[&str]) -> anyhow::Result<(i32, Value)> {
    read(&node.command(&[&["doctor", "--json"], arguments].concat()).await?)
}

fn read(said: &Said) -> anyhow::Result<(i32, Value)> {
    let report =
        serde_json::from_str(&said.out).map_err(|error| anyhow::anyhow!("{error}: {}{}", said.out, said.err))?;
    ensure!(said.err.is_empty(), "beside the report: {}", said.err);
    Ok((said.code, report))
}

/// The report of the same node under another configuration.
async fn report_with(node: &Node, change: impl Fn(String) -> String) -> anyhow::Result<(i32, Value)> {
    let path = node.config_file().with_file_name("changed.toml");
    std::fs::write(&path, change(std::fs::read_to_string(node.config_file())?))?;
    let mut command = std::process::Command::new(program("guitai-node"));
    command.args(["doctor", "--json", "--config"]).arg(&path);
    let said = run(command, "").await;
    std::fs::remove_file(path)?;
    read(&said?)
}

/// What a probe says.
fn code<'a>(report: &'a Value, name: &str) -> &'a str {
    let probes = report["probes"].as_array();
    let found = probes.into_iter().flatten().find(|probe| text(probe, "probe") == name);
    found.map_or("", |probe| text(probe, "code"))
}

/// The verdict's code, who must act, and the exit code.
fn concludes(what: &str, (exit, report): &(i32, Value), want: (&str, &str, i32)) -> anyhow::Result<()> {
    let verdict = &report["verdict"];
    let got = (text(verdict, "code"), text(verdict, "who"), *exit);
    ensure!(got == want, "{what}: {got:?}, not {want:?}: {report:#}");
    for probe in report["probes"].as_array().into_iter().flatten() {
        let bad = ["failed", "poor"].contains(&text(probe, "mark"));
        ensure!(probe["remedy"].is_string() == bad && probe["who"].is_string() == bad, "{what}: {probe}");
    }
    Ok(())
}

/// Bytes, time of the last change, rights.
type Entry = (Vec<u8>, SystemTime, u32);

/// Everything below a folder, and the folders themselves.
fn listing(folder: &Path) -> anyhow::Result<BTreeMap<PathBuf, Entry>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        let metadata = at.metadata()?;
        all.insert(at.clone(), (vec![], metadata.modified()?, metadata.permissions().mode()));
        for entry in std::fs::read_dir(&at)? {
            let path = entry?.path();
            let metadata = path.metadata()?;
            if metadata.is_dir() {
                folders.push(path);
            } else if metadata.is_file() {
                all.insert(path.clone(), (std::fs::read(&path)?, metadata.modified()?, metadata.permissions().mode()));
            }
        }
    }
    Ok(all)
}

fn data(node: &Node) -> PathBuf {
    node.config_file().with_file_name("data")
}

fn mark<'a>(report: &'a Value, name: &str) -> &'a str {
    let probes = report["probes"].as_array();
    let found = probes.into_iter().flatten().find(|probe| text(probe, "probe") == name);
    found.map_or("", |probe| text(probe, "mark"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_names_who_must_act() {
    World::builder()
        .play(async |world| {
            for running in [true, false] {
                if !running {
                    world.node_mut().stop().await?;
                }
                let (code, well) = report(world).await?;
                ensure!([0, 1].contains(&code), "running {running}: exit {code}: {well:#}");
                for probe in ["acquirer", "hub", "disk"] {
                    ensure!(["good", "poor"].contains(&mark(&well, probe)), "{probe}: {well:#}");
                }
            }
            world.node_mut().start().await?;
            world.sandbox.stop()?;
            for running in [true, false] {
                if !running {
                    world.node_mut().stop().await?;
                }
                let (code, ill) = report(world).await?;
                ensure!(code == 2 && mark(&ill, "acquirer") == "failed", "running {running}: exit {code}: {ill:#}");
                ensure!(text(&ill["verdict"], "who") == "acquirer", "{ill:#}");
                ensure!(!text(&ill["verdict"], "words").is_empty(), "{ill:#}");
            }
            world.sandbox.start_again().await?;
            world.hub.stop().await?;
            let (code, ill) = report(world).await?;
            ensure!(code == 2 && mark(&ill, "acquirer") == "good" && mark(&ill, "hub") == "failed", "{code}: {ill:#}");
            ensure!(text(&ill["verdict"], "who") == "headquarters", "{ill:#}");
            Ok(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acquirer_that_does_not_answer_rightly_is_found_within_ten_seconds() {
    World::builder()
        .play(async |world| {
            let node = world.node();
            let book = world.sandbox.book().await?;
            for (mode, want) in [
                ("mute", ("acquirer.mute", "acquirer", 2)),
                ("slow", ("acquirer.too_slow", "acquirer", 2)),
                ("cut", ("acquirer.dropped", "acquirer", 2)),
                ("refuse", ("acquirer.refused", "acquirer", 2)),
            ] {
                world.sandbox.line(mode).await?;
                let begun = Instant::now();
                concludes(mode, &report(world).await?, want)?;
                ensure!(begun.elapsed() < RUN_LIMIT, "{mode}: {:?}", begun.elapsed());
            }
            // Nobody answers anywhere: the time is over all the same.
            world.sandbox.line("mute").await?;
            signal(world.hub.pid()?, "STOP").await?;
            let begun = Instant::now();
            let everything = report(world).await;
            signal(world.hub.pid()?, "CONT").await?;
            concludes("everything mute", &everything?, ("acquirer.mute", "acquirer", 2))?;
            ensure!(begun.elapsed() < RUN_LIMIT, "everything mute: {:?}", begun.elapsed());
            world.sandbox.line("up").await?;
            let refused = ("acquirer.not_accepted", "store", 2);
            let allinpay = world.sandbox.allinpay()?;
            let (cusid, appid) = (text(&allinpay, "cusid").to_owned(), text(&allinpay, "appid").to_owned());
            let merchant = report_with(node, |config| config.replace(&cusid, "990581007426999")).await?;
            concludes("another merchant's number", &merchant, refused)?;
            let application = report_with(node, |config| config.replace(&appid, "00009999")).await?;
            concludes("another application's number", &application, refused)?;
            write_secret(&node.config_file().with_file_name("md5.key"), "notthekey")?;
            let key = report_with(node, |config| {
                config.replace("sign = \"rsa\"", "sign = \"md5\"\nmd5_key_file = \"md5.key\"")
            });
            concludes("another key", &key.await?, refused)?;
            // It speaks HTTP without encryption.
            let scheme = report_with(node, |config| config.replace("base = \"http://", "base = \"https://")).await?;
            ensure!(["acquirer.no_tls", "acquirer.not_http"].contains(&code(&scheme.1, "acquirer")), "{scheme:?}");
            ensure!(scheme.0 == 2 && text(&scheme.1["verdict"], "who") == "store", "{scheme:?}");
            concludes("all well again", &report(world).await?, ("ok", "", 0))?;
            ensure!(world.sandbox.book().await? == book, "a diagnosis left an order at the acquirer");
            Ok(())
        })
        .await;
}

// Before: the internet provider, or the acquirer, was to act on an outage that was over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_that_is_over_is_nobodys_fault_now() {
    World::builder()
        .play(async |world| {
            let (node, program) = (world.node(), world.node().program()?);
            world.sandbox.line("refuse").await?;
            let lost = program.charge(&Charge::of(1_000)).await?;
            ensure!(lost.text("state") == "closed", "{}", lost.json);
            let away = report_of(node, &["--only", "payments"]).await?;
            concludes("payments alone say nothing of the line", &away, ("payments.some_failed", "acquirer", 1))?;
            world.sandbox.line("up").await?;
            for _ in 0..2 {
                let only = report_of(node, &["--only", "payments,acquirer"]).await?;
                concludes("the acquirer answers", &only, ("payments.recovered", "", 1))?;
                concludes("everything", &report(world).await?, ("payments.recovered", "", 1))?;
                ensure!(program.charge(&Charge::of(1_000)).await?.text("state") == "paid");
            }
            Ok(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_the_box_is_a_finding_and_nothing_is_written() {
    World::builder()
        .play(async |world| {
            sales::pays(&world.node().program()?, 1_000).await?;
            world.node().synced(SOON).await?;
            world.node_mut().kill()?;
            let home = world.node().config_file().with_file_name("");
            let killed = listing(&home)?;
            concludes("killed", &report(world).await?, ("node.stopped", "store", 1))?;
            ensure!(code(&report(world).await?.1, "journal") == "journal.ok", "what lies in the WAL counts");
            ensure!(listing(&home)? == killed, "a killed node's folder was touched");
            world.node_mut().start().await?;
            world.node_mut().stop().await?;

            let (node, data) = (world.node(), data(world.node()));
            let before = listing(&home)?;
            for arguments in
                [&["doctor"][..], &["doctor", "--full"], &["doctor", "--share"], &["doctor", "--only", "hub,sync"]]
            {
                let said = node.command(arguments).await?;
                ensure!([0, 1].contains(&said.code), "{arguments:?}: {said:?}");
                ensure!(listing(&home)? == before, "{arguments:?} wrote something");
            }
            let stopped = report_of(node, &["--full"]).await?;
            concludes("stopped", &stopped, ("node.stopped", "store", 1))?;
            for (probe, want) in [("identity", "identity.ok"), ("journal", "journal.ok"), ("hub", "hub.ok")] {
                ensure!(code(&stopped.1, probe) == want, "{probe}: {:#}", stopped.1);
            }
            ensure!(code(&stopped.1, "membership") == "membership.ok", "{:#}", stopped.1);

            // Each is put right again, so that one fault is seen at a time.
            let identity = data.join("identity.key");
            let key = std::fs::read(&identity)?;
            std::fs::set_permissions(&identity, PermissionsExt::from_mode(0o644))?;
            let exposed = report(world).await?;
            ensure!((exposed.0, code(&exposed.1, "identity")) == (1, "identity.exposed"), "{:#}", exposed.1);
            std::fs::write(&identity, b"short")?;
            concludes("a damaged identity", &report(world).await?, ("identity.damaged", "store", 2))?;
            std::fs::remove_file(&identity)?;
            let missing = report(world).await?;
            concludes("a missing identity", &missing, ("identity.missing", "store", 2))?;
            ensure!(code(&missing.1, "hub") == "hub.skipped" && !identity.exists(), "{:#}", missing.1);
            std::fs::write(&identity, key)?;
            std::fs::set_permissions(&identity, PermissionsExt::from_mode(0o600))?;

            for file in ["journal.db", "side.db"] {
                let path = data.join(file);
                let whole = std::fs::read(&path)?;
                let page = 4_096 * (whole.len() / 4_096 / 2);
                let mut damaged = whole.clone();
                damaged.get_mut(page..page + 4_096).context("a page")?.fill(0xa5);
                std::fs::write(&path, &damaged)?;
                concludes(file, &report(world).await?, ("journal.damaged", "store", 2))?;
                std::fs::write(&path, b"no database at all, whatever it is called and however long it may be")?;
                concludes(file, &report(world).await?, ("journal.damaged", "store", 2))?;
                std::fs::remove_file(&path)?;
                let gone = report(world).await?;
                concludes(file, &gone, ("journal.missing", "store", 2))?;
                std::fs::write(&path, whole)?;
            }
            concludes("mended", &report(world).await?, ("node.stopped", "store", 1))?;

            let elsewhere = |name: &'static str| {
                move |config: String| config.replace("data = \"data\"", &format!("data = \"{name}\""))
            };
            concludes("no folder", &report_with(node, elsewhere("none")).await?, ("node.no_folder", "store", 2))?;
            ensure!(!home.join("none").exists(), "the diagnosis made a data folder");
            std::fs::create_dir(home.join("new"))?;
            let new = report_with(node, elsewhere("new")).await?;
            concludes("not enrolled", &new, ("node.not_enrolled", "headquarters", 2))?;
            ensure!(std::fs::read_dir(home.join("new"))?.next().is_none(), "the diagnosis made files in a new folder");
            let unknown = report_with(node, |config| config.replace("listen =", "lisen ="));
            concludes("a wrong configuration", &unknown.await?, ("node.bad_config", "store", 2))
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_hub_holds_against_a_box_is_named_running_stopped_and_without_the_hub() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            sales::pays(&client, 1_000).await?;
            world.node().synced(SOON).await?;

            // A copy of the folder, looked at while the first box runs.
            let second = Node::copied_to(world.node(), &world.folder.path().join("second"))?;
            let copy = report_of(&second, &[]).await?;
            concludes("a copied folder", &copy, ("hub.duplicate", "store", 2))?;
            sales::pays(&client, 1_100).await?;
            concludes("the first box", &report(world).await?, ("ok", "", 0))?;

            // An older copy of the folder is put back: the hub holds more of the journal.
            world.node_mut().stop().await?;
            let backup = world.node().back_up()?;
            world.node_mut().start().await?;
            sales::pays(&client, 1_200).await?;
            world.node().synced(SOON).await?;
            world.node_mut().stop().await?;
            world.node().put_back(&backup)?;
            concludes("put back", &report(world).await?, ("hub.forked", "headquarters", 2))?;
            world.node_mut().start().await?;
            world.node().synced(SOON).await?;
            concludes("filled again", &report(world).await?, ("ok", "", 0))?;

            world.hub.command(&["node", "revoke", "--store", "S001"]).await?.line()?;
            until("the bar", SOON, async || Ok((text(&client.read("/sync").await?, "bar") == "revoked").then_some(())))
                .await?;
            let revoked = ("hub.revoked", "headquarters", 2);
            concludes("revoked, running", &report(world).await?, revoked)?;
            world.node_mut().stop().await?;
            let stopped = report(world).await?;
            concludes("revoked, stopped", &stopped, revoked)?;
            ensure!(code(&stopped.1, "membership") == "membership.see_hub", "told once: {:#}", stopped.1);
            world.hub.stop().await?;
            let alone = report(world).await?;
            concludes("revoked, without the hub", &alone, ("membership.revoked", "headquarters", 2))?;
            let said =
                alone.1["probes"].as_array().into_iter().flatten().find(|probe| text(probe, "probe") == "membership");
            ensure!(said.is_some_and(|said| said["since"].is_string()), "since when: {:#}", alone.1);
            Ok(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_with_another_identity_is_headquarters_matter() {
    let world = World::builder().start().await.unwrap_or_else(|error| panic!("the world does not start: {error:?}"));
    let World { mut nodes, mut hub, sandbox, mut folder } = world;
    let played = async {
        let node = nodes.first_mut().context("a node")?;
        hub.stop().await?;
        let _other = Hub::replaced(hub, &folder.path().join("another-hub")).await?;
        let want = ("hub.foreign_key", "headquarters", 2);
        concludes("running", &report_of(node, &[]).await?, want)?;
        node.stop().await?;
        concludes("stopped", &report_of(node, &[]).await?, want)?;
        sandbox.book().await.map(drop)
    };
    if let Err(error) = played.await {
        folder.show();
        panic!("{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_printer_that_never_answers_is_worth_a_word() {
    let printer = Emulator::start("127.0.0.1:0").unwrap_or_else(|error| panic!("{error}"));
    let at = printer.address();
    let devices = format!("[devices.printer]\nkind = \"tcp\"\nhost = \"{}\"\nport = {}\n", at.ip(), at.port());
    World::builder()
        .sections(devices)
        .play(async |world| {
            concludes("well", &report(world).await?, ("ok", "", 0))?;
            printer.set(Switches { mute: true, ..Switches::default() });
            concludes("mute", &report(world).await?, ("printer.silent", "store", 1))?;
            printer.set(Switches { offline: true, ..Switches::default() });
            concludes("open", &report(world).await?, ("printer.cover_open", "store", 2))?;
            ensure!(printer.printed().is_empty(), "the diagnosis printed something");
            Ok(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_can_be_listed_narrowed_and_sent_on() {
    World::builder()
        .play(async |world| {
            let node = world.node();
            let list = node.command(&["doctor", "--list"]).await?;
            let names: Vec<&str> = list.out.lines().filter_map(|line| line.split_whitespace().next()).collect();
            ensure!(list.code == 0 && names.len() == 13, "{list:?}");
            for name in names {
                let said = node.command(&["doctor", "--only", name, "--lang", "en"]).await?;
                ensure!([0, 1, 3].contains(&said.code) && said.out.contains(name), "{name}: {said:?}");
            }
            world.sandbox.stop()?;
            let shared = world.node().command(&["doctor", "--share"]).await?;
            let (message, picture) = shared.out.split_once("\n\n").context("a text and a picture")?;
            ensure!(shared.code == 2 && message.chars().count() < 1_500, "{shared:?}");
            ensure!(message.starts_with("问题不在店内：收单机构拒绝连接。找：收单机构。"), "{message}");
            ensure!(message.contains("S001") && message.contains("报告 ") && picture.contains('█'), "{message}");
            ensure!(!message.contains("BEGIN"), "{message}");
            Ok(())
        })
        .await;
}
