//! guitai-core: the decisions of the counter, as values.
//!
//! Nothing here touches the outside: no I/O, no clock, no ambient randomness, and `no_std` so that the compiler enforces it.
//! Time, randomness, numbers and disk contents arrive as arguments; what comes back is facts to record and effects to perform.
//! The modules are listed in reading order.
#![no_std]

extern crate alloc;

pub mod acquirer;
pub mod bill;
pub mod clock;
mod committed;
pub mod desk;
mod family;
pub mod ids;
pub mod journal;
pub mod limits;
pub mod money;
pub mod normal;
pub mod payment;
pub mod people;
pub mod receipt;
pub mod rows;
pub mod scan;
pub mod search;
pub mod secret;
pub mod show;
pub mod signature;
pub mod stats;
pub mod sync;
pub mod text;
pub mod time;
pub mod trust;
