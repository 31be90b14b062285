//! The journal: what happened at a store, in order, never changed. A correction is a new fact.
//!
//! - [`fact`]: what can happen, and how it is stored: canonical CBOR `[kind, body]`.
//! - [`chain`]: the hash chain over the stored bytes and the seals that sign its head.
//! - [`text`]: texts beside facts, which keep commitments to them.

mod canonical;
pub mod chain;
pub mod fact;

pub use crate::{committed::Committed, text};
