//! The machine under the node is bad: its disk decays, files are lost, other programs hold them, nobody reads the log. Each test is
//! named by its line of the faults found, with its neighbours in kind.

mod damage;
mod disk;
mod files;
mod locks;
mod log;

use std::{path::PathBuf, time::Duration};

use guitai_tests::{
    node::Node,
    process::{run, says},
};

/// What a node does by itself within seconds, on a machine that does other things too.
const SOON: Duration = Duration::from_secs(30);

/// A start that must fail.
async fn starts_not(node: &Node, code: i32, words: &[&str]) -> anyhow::Result<()> {
    says(&run(node.run_command(), "").await?, code, words)
}

/// A file of the data folder.
fn file(node: &Node, name: &str) -> PathBuf {
    node.journal_file().with_file_name(name)
}
