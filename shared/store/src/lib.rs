//! guitai-store: SQLite under node and hub. Synchronous; the one place that knows SQL.
//!
//! From above to below; a module knows only what stands under it.
//!
//! - [`follower`]: readers of a journal with a durable cursor: everything that follows from a committed fact.
//! - [`journal`]: the one writer of a store's facts; group commit, seals, the check at start, what a restored box takes back.
//! - [`shadow`]: the rows as the facts make them, folded beside a file: what differs, and the file written anew from them.
//! - [`ingest`]: journals as they travel, and the hub's copies of its stores' journals.
//! - [`refold`]: rows made anew.
//! - [`digest`]: a stored fact becomes rows, or is flagged.
//! - `rows`: writes the row changes that core's fold names, in the same transaction as the fact; those of a run may wait for its end.
//! - `standings`: where payments stand while their facts are folded.
//! - `facts`: facts and seals as they are stored; [`record`]: the texts beside them; [`request`]: what callers' keys stand for.
//!
//! Beside these, over what they wrote:
//!
//! - [`list`]: pages of payments, and what a search looks up; [`bills`]: bills, and what waits for a person.
//! - [`query`]: what else people and programs read.
//! - [`document`]: stored changes of documents, and what each peer has of them.
//!
//! Under all:
//!
//! - [`database`]: opening, the version gate, settings; `schema`: its tables, and how they come to this version.
//! - [`private`]: files that only the service's own user may read.
//! - [`note`]: what is remembered about this box and is no fact; [`kept`]: the hub's words among it.
//! - `column`: how values of core lie in columns; `error`: what all of them say no with.

mod astray;
pub mod bills;
mod column;
pub mod database;
pub mod digest;
pub mod document;
mod error;
mod facts;
pub mod follower;
pub mod ingest;
pub mod journal;
pub mod kept;
pub mod list;
pub mod note;
pub mod private;
pub mod query;
pub mod record;
pub mod refold;
pub mod request;
mod rows;
mod schema;
pub mod shadow;
mod standings;

pub use database::Database;
pub use error::StoreError;
pub use journal::{Filled, Integrity, Journal};
pub use query::Reader;
