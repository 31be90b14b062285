//! guitai-hub: the merchant's hub. It takes in the journals of its stores, checks and keeps them, shows headquarters what
//! happens, and carries announcements both ways.
//!
//! - [`cli`], [`commands`], [`config`], [`identity`]: how it is set up.
//! - [`store`]: what it keeps; SQL stays in there.
//! - [`sync`]: its end of the sessions with nodes.
//! - [`api`]: what people and programs read and write over HTTP.
//! - [`app`]: what the two share while it runs; [`run`] starts and stops them.

mod api;
mod app;
mod cli;
mod clock;
mod commands;
mod config;
mod failure;
mod identity;
mod lines;
mod rows;
mod run;
mod store;
mod sync;
#[cfg(test)]
mod testing;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    commands::execute(cli).unwrap_or_else(|failure| failure.report())
}
