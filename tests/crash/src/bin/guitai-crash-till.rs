//! A till that sells for its life in a folder, and says on standard output up to which fact its commits have returned.
//!
//! `guitai-crash-till FILE [careless] [checkpoint-pages=N]`

use std::{io::Write, path::PathBuf};

use anyhow::Context;
use guitai_core::time::UtcMs;
use guitai_crash::till::{OPENING, ScriptedTill, Settings, open_journal};
use guitai_store::Database;
use guitai_vfs::Random;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let file = PathBuf::from(arguments.next().context("a file")?);
    let mut settings = Settings::default();
    for argument in arguments {
        let text = argument.to_str().context("text")?;
        match text.split_once('=') {
            None if text == "careless" => settings.careless = true,
            Some(("checkpoint-pages", pages)) => settings.checkpoint_pages = Some(pages.parse()?),
            _ => anyhow::bail!("{text}?"),
        }
    }
    let journal = open_journal(&Database::open(&file)?, settings, OPENING)?;
    // A life takes up where time was left: nothing here reads a clock.
    let begins = journal.last_at()?.unwrap_or(OPENING);
    let seed = journal.last().number;
    let on_commit = Box::new(|no: guitai_core::ids::FactNo| {
        let mut out = std::io::stdout().lock();
        // Who listens may have gone; then so may this.
        if writeln!(out, "{}", no.number).and_then(|()| out.flush()).is_err() {
            std::process::exit(0);
        }
    });
    let mut till = ScriptedTill::resume(journal, Random::of(seed, 1), UtcMs(begins.0 + 60_000), on_commit)?;
    loop {
        till.turn()?;
    }
}
