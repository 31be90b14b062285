//! The harness of the black-box tests: it starts the real programs of `target/release` on loopback, in a folder of their own,
//! and asks them what their users ask. It knows their contracts (command lines, configuration, HTTP) and none of their code.
//!
//! - [`world`]: a sandbox, a hub and its stores' nodes, ready to sell.
//! - [`sandbox`], [`hub`], [`node`]: one program each.
//! - [`client`]: a person or a program over HTTP; [`events`]: over SSE.
//! - [`charge`]: what a cashier asks for.
//! - [`clock`]: a program's wall clock, to be moved.
//! - [`history`]: years of trade, for what must not grow with them.
//! - [`schema`]: whether an answer is what its description says.
//! - [`process`], [`ports`], [`wait`]: what they stand on.

pub mod charge;
pub mod client;
pub mod clock;
pub mod events;
pub mod history;
pub mod hub;
pub mod node;
pub mod ports;
pub mod process;
pub mod sandbox;
pub mod schema;
pub mod wait;
pub mod world;
