//! guitai-node: one store's node. Takes payments with or without the hub, keeps the journal, serves the cashier page.

mod acquirer;
mod announcements;
mod api;
mod app;
mod clock;
mod command;
mod config;
mod control;
mod data_folder;
mod devices;
mod doctor;
mod enrol;
mod followers;
mod hub_url;
mod look;
mod membership;
mod mend;
mod news;
mod patrol;
mod reach;
mod refusal;
mod room;
mod run;
mod sample;
mod sessions;
mod suspect;
mod sync;
mod tasks;
mod usage;
mod waiters;

use std::process::ExitCode;

// Where anyone can sign as anyone, this program must not exist.
const _: () = assert!(!guitai_core::signature::STAND_IN);

fn main() -> ExitCode {
    // Whatever this program writes is for its own user only.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    command::main()
}
