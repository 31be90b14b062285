//! Standard output whose reader is gone, or whose disk is full: no verb of any program panics, hides it, or loses what it shows once.

use std::{
    fs::OpenOptions,
    io,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use guitai_tests::{process::program, world::World};

/// Where standard output goes.
#[derive(Clone, Copy, Debug)]
enum Out {
    /// A pipe whose reader is gone.
    Closed,
    /// A disk that is full.
    Full,
}

/// How a verb ended with such an output: its code, its standard error.
fn ended(command: &mut Command, out: Out) -> anyhow::Result<(i32, String)> {
    let stdout = match out {
        Out::Closed => {
            let (reader, writer) = io::pipe()?;
            drop(reader);
            Stdio::from(writer)
        }
        Out::Full => OpenOptions::new().write(true).open("/dev/full").context("/dev/full")?.into(),
    };
    let done = command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped()).output()?;
    Ok((done.status.code().unwrap_or(-1), String::from_utf8_lossy(&done.stderr).into_owned()))
}

/// A closed pipe ends a verb well and quietly, a full disk with `full` and words.
fn behaves(command: impl Fn() -> Command, full: i32) -> anyhow::Result<()> {
    let shown = format!("{:?}", command());
    let (code, words) = ended(&mut command(), Out::Closed)?;
    ensure!(code == 0 && words.is_empty(), "{shown} | closed: exit {code} {words}");
    let (code, words) = ended(&mut command(), Out::Full)?;
    ensure!(code == full && words.contains("standard output"), "{shown} > /dev/full: exit {code} {words}");
    Ok(())
}

fn of<'a>(name: &'a str, config: &'a Path) -> impl Fn(&str) -> Command + 'a {
    move |verb: &str| {
        let mut command = Command::new(program(name));
        command.args(verb.split(' '));
        if !verb.starts_with("--") && !verb.starts_with("openapi") && verb != "config example" {
            command.arg("--config").arg(config);
        }
        command
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_verb_ends_well_whatever_becomes_of_its_output() {
    World::builder()
        .play(async |world| {
            let (config, url) = (world.node().config_file(), world.hub.url());
            let node = of("guitai-node", &config);
            let readdress = format!("readdress --hub {url}");
            let running = ["status", "status --json", "verify", "journal", "config example", "config check", "openapi"];
            let others =
                ["openapi --access", "--help", "--version", "api-key create --name k --scope read", &readdress];
            for verb in running.into_iter().chain(others) {
                behaves(|| node(verb), 1).with_context(|| verb.to_owned())?;
            }
            // A report tells by its code what it found, also to a reader who has seen enough.
            for verb in ["doctor --only disk,identity", "doctor --json --only disk,identity"] {
                let (code, words) = ended(&mut node(verb), Out::Closed)?;
                ensure!(code == 0 && words.is_empty(), "{verb}: exit {code} {words}");
                let (code, words) = ended(&mut node(verb), Out::Full)?;
                ensure!(code == 3 && words.contains("standard output"), "{verb}: exit {code} {words}");
            }
            behaves(
                || {
                    let mut list = Command::new(program("guitai-node"));
                    list.args(["doctor", "--list"]);
                    list
                },
                1,
            )?;
            world.node_mut().stop().await?;
            behaves(|| node("rebuild"), 1)?;

            let file = world.folder.path().join("hub/hub.toml");
            let hub = of("guitai-hub", &file);
            let reading =
                ["merchant", "store list", "node list", "address", "verify", "rebuild", "openapi", "config check"];
            let others = ["enrol --store S002", "api-key create --name k --scope read", "config example", "--help"];
            world.hub.command(&["store", "add", "--store", "S002", "--name", "二号店"]).await?.line()?;
            for verb in reading.into_iter().chain(others) {
                behaves(|| hub(verb), 1).with_context(|| verb.to_owned())?;
            }

            let data = world.folder.path().join("another-sandbox");
            let sandbox = |words: &[&str]| {
                let mut command = Command::new(program("guitai-sandbox"));
                command.args(words).arg("--data").arg(&data).current_dir(world.folder.path());
                command
            };
            behaves(|| sandbox(&["keys", "--out", "keys"]), 1)?;
            behaves(|| sandbox(&["run", "--listen", "127.0.0.1:0"]), 1)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shown_once_is_not_kept_when_nobody_saw_it() {
    World::builder()
        .play(async |world| {
            let config = world.node().config_file();
            let file = world.folder.path().join("hub/hub.toml");
            let (node, hub) = (of("guitai-node", &config), of("guitai-hub", &file));
            let codes = || -> anyhow::Result<i64> {
                let database = rusqlite::Connection::open(world.hub.file())?;
                Ok(database.query_row("SELECT count(*) FROM hub_code", [], |row| row.get(0))?)
            };
            let before = codes()?;
            let create = "api-key create --name lost --scope read";
            for out in [Out::Full, Out::Closed] {
                ended(&mut node(create), out)?;
                ended(&mut hub(create), out)?;
                ended(&mut hub("enrol --store S001"), out)?;
            }
            ensure!(codes()? == before, "a code was kept that nobody saw");
            // Their names are free: with the node running, at the hub, and with the node stopped.
            let arguments: Vec<&str> = create.split(' ').collect();
            world.node().command(&arguments).await?.line()?;
            world.hub.command(&arguments).await?.line()?;
            world.node_mut().stop().await?;
            let stopped = "api-key create --name lost2 --scope read";
            let (code, words) = ended(&mut node(stopped), Out::Full)?;
            ensure!(code == 1 && words.contains("standard output"), "exit {code} {words}");
            world.node().command(&stopped.split(' ').collect::<Vec<_>>()).await?.line()?;
            let again = world.node().command(&arguments).await?;
            ensure!(again.code == 1 && again.out.is_empty(), "a name twice: {again:?}");
            Ok(())
        })
        .await;
}
