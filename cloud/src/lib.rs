//! guitai-hub: the merchant's hub. It takes in the journals of its stores, checks and keeps them, shows headquarters what
//! happens, and carries announcements both ways.
//!
//! - `cli`, `commands`, `config`, `identity`: how it is set up.
//! - `store`: what it keeps; SQL stays in there. `lines`: who is connected.
//! - `sync`: its end of the sessions with nodes.
//! - `api`: what people and programs read and write over HTTP.
//! - `accounts`: by which accounts people are signed in; `sessions`: that a restart signs nobody out.
//! - `app`: what the two share while it runs, `due`: what of it is still to be told; `run` starts and stops them.
//!
//! What is public besides the program is what the simulated world plays a hub with.

mod accounts;
mod api;
mod app;
mod cli;
mod clock;
mod commands;
mod config;
mod due;
mod failure;
mod identity;
mod lines;
mod rows;
mod run;
mod sessions;
mod store;
mod sync;
#[cfg(test)]
mod testing;

use std::process::ExitCode;

pub use lines::{Lines, Seat, Seated, Sitter};
pub use store::{
    Fence, Recalled, Refused, Sqlite,
    roster::{BoxLine, EndedBox, Heard, NoCode, NotAdded, Seen, StoreLine, Welcome, Why},
};

/// The program: reads its arguments, does what they say.
#[must_use]
pub fn main() -> ExitCode {
    // Whatever this program writes is for its own user only.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    match guitai_console::arguments(failure::PROGRAM) {
        Ok(cli) => commands::execute(cli).unwrap_or_else(|failure| failure.report()),
        Err(code) => code,
    }
}
