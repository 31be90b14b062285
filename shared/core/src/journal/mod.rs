//! The journal: what happened at a store, in order, never changed. A correction is a new fact.
//!
//! - [`fact`]: what can happen, and how it is stored: canonical CBOR `[kind, body]`.
//! - [`chain`]: the hash chain over the stored bytes and the seals that sign its head.
//! - [`epoch`]: how one epoch follows another, and the keys that seal them.
//! - [`credible`]: what a hub does not count, whoever says it.
//! - [`branch`]: what becomes of a history that another one replaced.
//! - [`text`]: texts beside facts, which keep commitments to them.

pub mod branch;
mod canonical;
pub mod chain;
pub mod credible;
pub mod epoch;
pub mod fact;

pub use crate::{committed::Committed, text};
