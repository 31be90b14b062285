//! The receipt printer: a receipt is composed once, sent once, and ends as printed, unknown or not begun.
//!
//! "The bytes were accepted" is not "it was printed". Every copy ends with a question the printer answers only after it has
//! done all that came before; without the answer the outcome is unknown, and an unknown copy is never sent again by itself,
//! because a printer that ran out of paper prints what it holds once there is paper again.

mod actor;
pub(crate) mod answers;
mod compose;
mod tcp;
mod transport;

pub use actor::{Job, JobReport, PrinterActor, PrinterConfig, PrinterEvent, PrinterState, QUEUE_MAX_JOBS, SubmitError};
pub use answers::Condition;
pub use compose::{Encoding, PrinterProfile, Qr, compose, compose_with};
pub use tcp::TcpPrinter;
pub use transport::{Document, FilePrinter, PrintOutcome, StopFlag, Transport};
