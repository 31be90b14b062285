//! What other people's programs make of the published descriptions: clients made by generators charge, look and give back, and
//! schemathesis finds no answer that is not as described.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, ensure};
use guitai_tests::{
    charge::{Charge, payment_code},
    client::{Client, text},
    node::Node,
    world::World,
};
use serde_json::Value;
use tokio::process::Command;

/// Where `tests/api/install` puts the generators.
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/api");

/// A generator, a compiler or a client has ended by then, on a machine that is busy with other tests.
const TOOL_LIMIT: Duration = Duration::from_secs(120);

/// So has schemathesis.
const SCHEMATHESIS_LIMIT: Duration = Duration::from_secs(400);

/// Codes that it may charge with; each is good once.
const CODES: usize = 400;

fn tool(name: &str) -> anyhow::Result<Command> {
    let path = Path::new(TOOLS).join(name);
    ensure!(path.exists(), "{} is missing: run tests/api/install", path.display());
    Ok(Command::new(path))
}

/// Runs it in a folder; answers what it printed, if it ended well.
async fn run(mut command: Command, folder: &Path, limit: Duration) -> anyhow::Result<String> {
    let shown = format!("{command:?}");
    command.current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    let output =
        tokio::time::timeout(limit, command.output()).await.with_context(|| format!("{shown}: {limit:?}"))??;
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    ensure!(output.status.success(), "{shown}: {}\n{out}\n{err}", output.status);
    Ok(out)
}

/// The description as a program publishes it, in a file.
async fn description(who: &Client, folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let path = folder.join(format!("{name}.json"));
    std::fs::write(&path, who.description().await?.to_string())?;
    Ok(path)
}

/// What a client of ours printed, one payment a line; asked twice with one key, it was charged once.
fn charged_once_and_gave_back(said: &str) -> anyhow::Result<String> {
    let told: Vec<Value> = said.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let seen: Vec<_> = told.iter().map(|line| (text(line, "what"), text(line, "state"))).collect();
    let wanted = [("charge", "paid"), ("again", "paid"), ("refund", "part_refunded"), ("query", "part_refunded")];
    ensure!(seen == wanted && told[3]["refunded_fen"] == 300, "{said}");
    Ok(text(&told[0], "order_no").to_owned())
}

async fn key(node: &Node, name: &str) -> anyhow::Result<String> {
    node.command(&["api-key", "create", "--name", name, "--scope", "charge,refund"]).await?.line()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_by_openapi_python_client_charges_looks_and_gives_back() {
    World::builder()
        .play(async |world| {
            let folder = tempfile::tempdir()?;
            let (node, at) = (world.node(), folder.path());
            for (name, who) in [("hub", Client::nobody(&world.hub.url())?), ("node", node.anybody()?)] {
                let mut generate = tool(".venv/bin/openapi-python-client")?;
                let description = description(&who, at, name).await?;
                generate.args(["generate", "--meta", "none", "--path"]).arg(description);
                generate.args(["--overwrite", "--output-path", name]);
                let said = run(generate, at, TOOL_LIMIT).await?;
                // It knows no pictures. Whatever else it does not understand is a fault of the description.
                let not_understood: Vec<&str> = said.lines().filter(|line| line.starts_with("WARNING")).collect();
                let known = ["WARNING parsing GET /api/v1/payments/{order_no}/receipt.png within payments."];
                ensure!(not_understood.iter().all(|line| known.contains(line)), "{said}");
            }
            let mut pays = tool(".venv/bin/python")?;
            let (url, key) = (format!("http://{}", node.address()), key(node, "python").await?);
            pays.arg(Path::new(TOOLS).join("pays.py")).arg(at).args([&url, &key, "1200", &payment_code(), "300"]);
            let no = charged_once_and_gave_back(&run(pays, at, TOOL_LIMIT).await?)?;
            let book = world.sandbox.book().await?;
            ensure!(book[&no].charges == 1 && book[&no].refunded_fen == 300 && book.len() == 1, "{book:?}");
            Ok(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_by_openapi_typescript_charges_looks_and_gives_back() {
    World::builder()
        .play(async |world| {
            let folder = tempfile::tempdir()?;
            let (node, at) = (world.node(), folder.path());
            for name in ["pays.ts", "tsconfig.json", "package.json"] {
                std::fs::copy(Path::new(TOOLS).join(name), at.join(name))?;
            }
            std::os::unix::fs::symlink(Path::new(TOOLS).join("node_modules"), at.join("node_modules"))?;
            for (name, who) in [("hub", Client::nobody(&world.hub.url())?), ("node", node.anybody()?)] {
                let mut generate = tool("node_modules/.bin/openapi-typescript")?;
                generate.arg(description(&who, at, name).await?).args(["--output", &format!("{name}.ts")]);
                run(generate, at, TOOL_LIMIT).await?;
            }
            run(tool("node_modules/.bin/tsc")?, at, TOOL_LIMIT).await?;
            let mut pays = Command::new("node");
            let (url, key) = (format!("http://{}", node.address()), key(node, "typescript").await?);
            pays.args(["pays.js", &url, &key, "1200", &payment_code(), "300"]);
            let no = charged_once_and_gave_back(&run(pays, at, TOOL_LIMIT).await?)?;
            let book = world.sandbox.book().await?;
            ensure!(book[&no].charges == 1 && book[&no].refunded_fen == 300 && book.len() == 1, "{book:?}");
            Ok(())
        })
        .await;
}

/// Lets schemathesis loose on a program; every finding is a failure.
async fn schemathesis(at: &Path, url: &str, key: &str, name: &str) -> anyhow::Result<()> {
    let mut asks = tool(".venv/bin/schemathesis")?;
    asks.args(["--config-file", "schemathesis.toml", "run", "--no-color", "--phases", "examples,coverage,fuzzing"]);
    asks.args([&format!("{url}/api/openapi.json"), "--header", &format!("Authorization: Bearer {key}")]);
    let said = run(asks, at, SCHEMATHESIS_LIMIT).await?;
    let cases = said.lines().find(|line| line.contains(" generated, ")).context(said.clone())?;
    println!("schemathesis: {name}: {}", cases.trim());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_nothing() {
    World::builder()
        .play(async |world| {
            let folder = tempfile::tempdir()?;
            let (node, at) = (world.node(), folder.path());
            std::fs::copy(Path::new(TOOLS).join("schemathesis.toml"), at.join("schemathesis.toml"))?;
            let program = node.program()?;
            let mut orders = String::new();
            // Paid, declined, in doubt, and enough for many returns.
            for amount in [1_000, 1_009, 1_103, 500_000] {
                let charged = program.charge(&Charge::of(amount)).await?.json;
                orders += &format!("\"{}\"\n", text(&charged, "order_no"));
            }
            std::fs::write(at.join("orders.txt"), orders)?;
            let codes: String = (0..CODES).map(|_| format!("\"{}\"\n", payment_code())).collect();
            std::fs::write(at.join("codes.txt"), codes)?;

            let make = ["api-key", "create", "--name", "all", "--scope", "charge,post,refund,read,admin"];
            let key = node.command(&make).await?.line()?;
            schemathesis(at, &format!("http://{}", node.address()), &key, "node").await?;
            let make = ["api-key", "create", "--name", "all", "--scope", "read,admin"];
            let key = world.hub.command(&make).await?.line()?;
            schemathesis(at, &world.hub.url(), &key, "hub").await?;
            let once = world.sandbox.book().await?.values().all(|line| line.charges <= 1);
            ensure!(once, "charged twice");
            Ok(())
        })
        .await;
}
