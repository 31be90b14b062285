//! Who is let in at the hub: once, with a code, and nobody else.

use anyhow::ensure;
use guitai_tests::{
    node::Node,
    process::{Said, program, run},
    world::World,
};

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
    ensure!(said.code == 1, "{what}: exit {} {}{}", said.code, said.out, said.err);
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
            // The store has a node with facts: no second one may go on with its journal.
            node.synced(std::time::Duration::from_secs(20)).await?;
            let second = world.hub.command(&["enrol", "--store", "S001"]).await?;
            ensure!(second.code == 1 && second.err.contains("S001"), "{second:?}");

            let code = world.hub.add_store("S009").await?;
            let enrol = async |name: &str, code: &str| {
                another_machine(node, name, &["enrol", "--hub", &hub, "--code", code]).await
            };
            // One character changed, anywhere: a slip of the hand is found before the hub is asked.
            let letters: Vec<char> = code.chars().collect();
            for at in [0, letters.len() / 2, letters.len() - 1] {
                let mut typo = letters.clone();
                typo[at] = if typo[at] == '7' { '8' } else { '7' };
                failed("a typo", &enrol("m1", &typo.iter().collect::<String>()).await?, &["code"])?;
            }
            failed("no code", &enrol("m1", "").await?, &["code"])?;
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
