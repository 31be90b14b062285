//! guitai-store: SQLite under node and hub. Synchronous; the one place that knows SQL.
//!
//! - [`database`]: opening, the version gate, settings; `schema`: its tables, and how they come to this version.
//! - [`note`]: notes about this box that are no facts.
//! - [`journal`]: the one writer of a store's facts; group commit, seals, the check at start.
//! - [`rows`]: writes the row changes that core's fold names, in the same transaction as the fact.
//! - `facts`: facts and seals as they are stored.
//! - [`digest`]: a stored fact becomes rows, or is flagged.
//! - [`record`]: the texts beside facts.
//! - [`request`]: requests that move money, by their callers' keys.
//! - [`refold`]: rows made anew.
//! - [`query`]: what people and programs read; [`bills`]: bills, and what waits for a person.
//! - `standings`: where payments stand while their facts are folded.
//! - [`ingest`]: journals as they travel, and the hub's copies of its stores' journals.
//! - [`document`]: stored changes of documents, and what each peer has of them.
//! - `column`: how values of core lie in columns.
//! - `error`: what all of them say no with.

pub mod bills;
mod column;
pub mod database;
pub mod digest;
pub mod document;
mod error;
mod facts;
pub mod ingest;
pub mod journal;
pub mod note;
pub mod query;
pub mod record;
pub mod refold;
pub mod request;
pub mod rows;
mod schema;
mod standings;

pub use database::Database;
pub use error::StoreError;
pub use journal::{Filled, Integrity, Journal};
pub use query::Reader;
