//! guitai-till: the engine. One plain thread is heart and writer of a till.
//!
//! [`runner`] drains a queue into one turn of [`till`], which hands each command to [`engine`], commits once, and only then lets
//! effects and replies out: that is group commit with per-payment order and nothing uncommitted visible. No other path writes
//! money or calls an acquirer.
//! [`engine`] decides nothing about payments itself (core does); it finds the payment, keeps the waits, and guards the doors:
//! idempotency, bills, payment codes used before.

pub mod clock;
pub mod command;
pub mod engine;
pub mod people;
pub mod runner;
pub mod till;

pub use clock::{Clock, ClockState, Machine};
pub use command::{
    Accepted, Admit, Answer, Cashier, ChargeRequest, Command, Done, NamedBill, NotAccepted, Pays, Reply, ReturnRequest,
    SettleRequest, TotalRequest,
};
pub use engine::{Engine, Output, Setup};
pub use runner::{Fatal, Handle, NotTaken, Unstarted, spawn};
pub use till::Till;
