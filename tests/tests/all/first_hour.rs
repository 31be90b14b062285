//! The README's set-up, typed command by command as a newcomer types it, up to a payment that headquarters sees.

use std::process::Command;

use anyhow::{Context, ensure};
use guitai_tests::{
    client::text,
    process::{program, run},
};
use serde_json::Value;

/// Types what the README says into terminals.
const NEWCOMER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/readme/first_hour.py");

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");

/// Lines typed, passwords included.
const ENTRIES_MAX: u64 = 12;

/// From the first key to the payment at headquarters.
const SECONDS_MAX: f64 = 60.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readme_leads_a_newcomer_to_a_payment_at_headquarters() -> anyhow::Result<()> {
    let node = program("guitai-node");
    let mut newcomer = Command::new("python3");
    newcomer.arg(NEWCOMER).arg(README).arg(node.parent().context("a folder")?);
    let said = run(newcomer, "").await?;
    ensure!(said.code == 0, "{}{}", said.out, said.err);
    let took: Value = serde_json::from_str(&said.out).with_context(|| said.out.clone())?;
    println!("{took}");
    ensure!((text(&took, "state"), text(&took, "store")) == ("paid", "S001"), "{took}");
    ensure!(took["entries"].as_u64().is_some_and(|entries| entries <= ENTRIES_MAX), "{took}");
    ensure!(took["seconds"].as_f64().is_some_and(|seconds| seconds < SECONDS_MAX), "{took}");
    Ok(())
}
