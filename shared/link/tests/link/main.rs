//! The network shells over real loopback sockets.

mod acquirer;
mod memory;
mod sync;
