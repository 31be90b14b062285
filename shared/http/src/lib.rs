//! guitai-http: the web-server layer that the node and the hub share.
//!
//! What reaches a handler has passed, in this order: the accept loop with its deadlines ([`serve`]), the Host list, the body
//! limit and the cross-site checks ([`guard`]), and the check of who may ask ([`table`], [`access`], [`bearer`]). What goes out is a type
//! of [`dto`] or a [`problem::Problem`]. No decision about money is taken here.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may end by a panic"))]

pub mod access;
pub mod bearer;
pub mod body;
mod code;
mod description;
pub mod dto;
pub mod embed;
#[cfg(test)]
mod fuzz;
pub mod guard;
pub mod idempotency;
pub mod log;
pub mod login;
pub mod openapi;
pub mod paging;
pub mod password;
pub mod path;
pub mod place;
pub mod problem;
pub mod random;
pub mod serve;
pub mod session;
mod share;
pub mod sse;
pub mod table;
pub mod terminal;
pub mod throttle;
mod time;
mod words;
