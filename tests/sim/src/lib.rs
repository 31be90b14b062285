//! guitai-sim: a world that tries the product. One seed makes stores, a hub, an acquirer, cashiers and customers, hours of trade, and
//! what befalls them; the cores, the engine, the databases and the sync sessions are the real ones.
//!
//! From above to below:
//!
//! - [`shrink`]: what is left of a world that fails, when everything is taken away that it fails without.
//! - [`world`]: the events and their order.
//! - [`oracle`]: what must hold; [`mutant`]: worlds that are wrong on purpose; [`situation`]: what a run must have met.
//! - [`counter`], [`hub`], [`bank`]: a store's box, the hub, the acquirer.
//! - [`plan`]: what will happen, drawn from the seed; [`chance`]; [`identity`]; [`story`]: what happened, in words.

pub mod bank;
pub mod chance;
pub mod counter;
pub mod hub;
pub mod identity;
pub mod mutant;
pub mod oracle;
pub mod plan;
pub mod shrink;
pub mod situation;
pub mod story;
pub mod world;
