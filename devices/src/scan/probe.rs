//! Whether a port could be opened, for the diagnosis.

use std::{io, time::Duration};

/// What came of opening a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenOutcome {
    /// It opens.
    Opened,
    /// Another program holds it.
    Busy,
    /// There is none of this name.
    Missing,
    /// This user may not.
    NotAllowed,
    /// It is there and does not open.
    Broken,
}

/// Opens the port for a moment. A port held by another program is not disturbed: the lock is tried first.
#[must_use]
pub fn try_open(port: &str) -> OpenOutcome {
    match serialport::new(port, 9_600).timeout(Duration::from_millis(100)).open() {
        Ok(_) => OpenOutcome::Opened,
        Err(error) => match error.kind() {
            serialport::ErrorKind::Io(io::ErrorKind::NotFound) => OpenOutcome::Missing,
            serialport::ErrorKind::Io(io::ErrorKind::PermissionDenied) => OpenOutcome::NotAllowed,
            // Linux: the exclusive lock is held (EBUSY reads as no device), or the name is gone.
            serialport::ErrorKind::NoDevice if std::path::Path::new(port).exists() => OpenOutcome::Busy,
            serialport::ErrorKind::NoDevice => OpenOutcome::Missing,
            serialport::ErrorKind::InvalidInput | serialport::ErrorKind::Unknown | serialport::ErrorKind::Io(_) => {
                OpenOutcome::Broken
            }
        },
    }
}
