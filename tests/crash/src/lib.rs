//! guitai-crash: what was acknowledged survives. A real engine over a real journal, killed where it hurts.
//!
//! - [`till`]: an engine with a scripted shop around it: sales, answers of the acquirer, returns, people.
//! - [`script`]: such a till and a hub on a disk in memory, with a record of what was acknowledged when.
//! - [`judge`]: what must be true of a disk afterwards.
//! - [`cut`]: the power of a mounted file system.

pub mod cut;
pub mod judge;
pub mod script;
pub mod till;
