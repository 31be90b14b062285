//! guitai-devices: what stands on the counter, each behind one thread of its own.
//!
//! - [`scan`]: the box that reads the customer's code. Bytes become frames, frames become scans.
//! - [`printer`]: the receipt printer. A receipt becomes bytes once, is sent once, and ends as printed, unknown or not begun.
//! - [`wire`]: the printer's byte stream read back as commands; what the two below stand on.
//! - [`emulator`]: a printer's double on TCP, for the demo and for tests.
//! - [`render`]: the printer's bytes as a picture or as text.
//!
//! Devices never decide about money: a scan is reported, a receipt is handed in, and trouble with either changes no payment.

pub mod emulator;
pub mod printer;
pub mod render;
pub mod scan;
pub mod wire;

#[cfg(test)]
mod fuzz;
mod qr;
mod stop;

pub use stop::Backoff;
