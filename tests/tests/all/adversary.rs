//! The hostile check of the money (`tests/adversary/adversary.py`), one seed for a minute.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    path::Path,
    process::Command,
};

use anyhow::{Context, ensure};
use guitai_tests::{charge::random_below, process::program};

/// Seed and minutes, unless `GUITAI_ADVERSARY_SEED` and `GUITAI_ADVERSARY_MINUTES` say otherwise.
const SEED_AND_MINUTES: (&str, &str) = ("1", "1");

/// Scenarios left out, unless `GUITAI_ADVERSARY_WITHOUT` names others: none.
const WITHOUT: &str = "";

/// A run with fewer charges would prove little; ten callers make several hundred in a minute.
const CHARGES_MIN: u64 = 100;

/// Addresses it takes in a row.
const PORTS: u16 = 6;

/// Where they are looked for: below the single ports of the other tests.
const FIRST_PORT: u16 = 24_000;

#[test]
fn adversary_one_seed_for_a_minute() -> anyhow::Result<()> {
    let programs = program("guitai-node");
    let programs = programs.parent().context("a folder")?;
    let folder = tempfile::Builder::new().prefix("guitai-adversary-").tempdir()?;
    let asked = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let mut command = Command::new("python3");
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("adversary/adversary.py"))
        .env("GUITAI_BIN_DIR", programs)
        .args(["--seed", &asked("GUITAI_ADVERSARY_SEED", SEED_AND_MINUTES.0)])
        .args(["--minutes", &asked("GUITAI_ADVERSARY_MINUTES", SEED_AND_MINUTES.1)])
        .args(["--without", &asked("GUITAI_ADVERSARY_WITHOUT", WITHOUT)])
        .args(["--port-base", &free_ports()?.to_string(), "--sample", "20", "--dir"])
        .arg(folder.path().join("world"));
    let out = command.output().context("python3")?;
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    println!("{said}");
    if !out.status.success() {
        let kept = folder.keep();
        eprintln!("kept: {}\n{}", kept.display(), String::from_utf8_lossy(&out.stderr));
    }
    ensure!(out.status.code() != Some(2), "the run could not be made: {said}");
    ensure!(figure(&said, "violations")? == 0 && out.status.success(), "{said}");
    let charges = figure(&said, "charges")?;
    ensure!(charges >= CHARGES_MIN, "only {charges} charges");
    for fault in ["node kills", "line faults"] {
        ensure!(figure(&said, fault)? > 0, "no {fault}: {said}");
    }
    Ok(())
}

/// A figure of its line.
fn figure(said: &str, name: &str) -> anyhow::Result<u64> {
    let line = said.lines().find(|line| line.starts_with("adversary: seed")).context("no line of figures")?;
    let mut parts = line.split(", ").filter_map(|part| part.strip_prefix(name)?.trim().parse().ok());
    parts.next().with_context(|| format!("no figure {name:?} in {line}"))
}

/// The first of some ports in a row that nobody uses.
fn free_ports() -> anyhow::Result<u16> {
    for _ in 0..50 {
        let base = FIRST_PORT + 10 * u16::try_from(random_below(500))?;
        let free = (base..base + PORTS).all(|port| {
            let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            TcpListener::bind(at).is_ok() && UdpSocket::bind(at).is_ok()
        });
        if free {
            return Ok(base);
        }
    }
    anyhow::bail!("no free ports")
}
