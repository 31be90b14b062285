//! What a payment costs, as ratios against a rival measured in the same run on the same disk. `scripts/bench` builds and runs it.
//!
//! A single time says as much about the machine as about the program, so every figure stands beside its rival's. A figure with an
//! aim must keep it: one that misses is named, and the exit code is 1.

mod backlog;
mod charge;
mod delivering;
mod history;
mod hub_history;
mod ingest;
mod line;
mod proxy;
mod rival;
mod start;
mod syncs;
mod table;

use std::process::ExitCode;

use table::Table;

const BENCHES: [&str; 10] =
    ["charge", "syncs", "throughput", "line", "start", "size", "history", "hub-history", "ingest", "backlog"];

fn main() -> ExitCode {
    let (mut names, mut json) = (Vec::new(), None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--json" => json = words.next(),
            line::CALLER => return line::call(words.next()),
            name if BENCHES.contains(&name) => names.push(name.to_owned()),
            other => {
                eprintln!("scripts/bench: no bench '{other}'; benches: {}", BENCHES.join(" "));
                return ExitCode::from(2);
            }
        }
    }
    if names.is_empty() {
        names = BENCHES.map(str::to_owned).to_vec();
    }
    match measure(&names) {
        Ok(table) => {
            table.print();
            if let Some(Err(error)) = json.map(|file| table.write(&file)) {
                eprintln!("scripts/bench: --json: {error:#}");
                return ExitCode::FAILURE;
            }
            let missed = table.missed();
            for aim in &missed {
                eprintln!("missed: {aim}");
            }
            if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("scripts/bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    // Also whoever speaks TLS to nobody wants its provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

fn measure(names: &[String]) -> anyhow::Result<Table> {
    let runtime = runtime()?;
    let mut table = Table::default();
    for name in names {
        eprintln!("measuring {name} …");
        match name.as_str() {
            "charge" => runtime.block_on(charge::own_share(&mut table))?,
            "throughput" => runtime.block_on(charge::throughput(&mut table))?,
            "line" => runtime.block_on(line::compare(&mut table))?,
            "start" => runtime.block_on(start::cold_start(&mut table))?,
            "history" => runtime.block_on(history::of_a_node(&mut table))?,
            "hub-history" => runtime.block_on(hub_history::of_a_hub(&mut table))?,
            "syncs" => runtime.block_on(syncs::of_a_payment(&mut table))?,
            "ingest" => runtime.block_on(ingest::of_many_stores(&mut table))?,
            "backlog" => runtime.block_on(backlog::beside_charges(&mut table))?,
            _ => runtime.block_on(start::size(&mut table))?,
        }
    }
    Ok(table)
}
