//! Crash proofs (reliability.md, section 5.3), but for kills of real processes: those stand with the other end-to-end tests.

mod cuts;
mod faults;
mod power;
