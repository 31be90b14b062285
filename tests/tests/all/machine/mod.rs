//! The machine under the node is bad: its disk decays, files are lost, other programs hold them, nobody reads the log. Each test is
//! named by its line of the faults found, with its neighbours in kind.

mod damage;
mod disk;
mod files;
mod locks;
mod log;

use std::{path::PathBuf, time::Duration};

use anyhow::ensure;
use guitai_tests::{node::Node, process::Said};

/// What a node does by itself within seconds, on a machine that does other things too.
const SOON: Duration = Duration::from_secs(30);

/// A command's answer.
fn says(said: &Said, code: i32, words: &[&str]) -> anyhow::Result<()> {
    ensure!(said.code == code, "exit code {}, wanted {code}: {}{}", said.code, said.out, said.err);
    for word in words {
        ensure!(said.err.contains(word), "does not say {word:?}: {}", said.err);
    }
    ensure!(!said.err.contains("panicked"), "{}", said.err);
    Ok(())
}

/// A start that must fail.
async fn starts_not(node: &Node, code: i32, words: &[&str]) -> anyhow::Result<()> {
    says(&guitai_tests::process::run(node.run_command(), "").await?, code, words)
}

/// A file of the data folder.
fn file(node: &Node, name: &str) -> PathBuf {
    node.journal_file().with_file_name(name)
}
