//! The program over real sockets, asked by the codec that nodes use.

mod endings;
mod line;
mod refusals;
mod sums;
mod switches;
mod world;
