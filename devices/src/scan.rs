//! The scan box: a serial port on which codes arrive one byte at a time.

mod frame;
mod port;
mod probe;

pub use frame::{Framer, REPEAT_MS, Repeats, SILENCE_MS};
pub use port::{ScanBox, ScanConfig, ScanEvent, ScanState};
pub use probe::{OpenOutcome, try_open};
/// How a serial line is set; the names of the crate that opens it.
pub use serialport::{DataBits, Parity, StopBits};
