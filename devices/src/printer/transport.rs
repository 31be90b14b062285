//! How composed bytes reach a printer, and what can be said about them afterwards.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use super::answers::Condition;
use crate::stop::Stop;

/// One copy, ready to send.
#[derive(Clone, Debug)]
pub struct Document {
    /// Names the copy among all copies: letters, digits and `-`.
    pub name: String,
    /// From `ESC @` to `GS r 1`.
    pub bytes: Vec<u8>,
}

/// What became of one copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrintOutcome {
    /// The printer answered that all of it was done.
    Confirmed,
    /// Bytes left and no answer came: it may be printed, half printed, or print later. Only a person may repeat it.
    Unknown,
    /// No printable byte left: it may be sent again.
    FailedBeforeFirstByte,
}

/// A way to a printer. One copy at a time, by one thread.
pub trait Transport: Send {
    /// Sends a copy and waits, in bounded time, until its outcome is known. What the printer says of itself meanwhile goes to
    /// `said`.
    fn send(&mut self, document: &Document, stop: &StopFlag, said: &mut dyn FnMut(Condition)) -> PrintOutcome;

    /// Asks the printer how it is, without printing; `None` if it does not say.
    fn look(&mut self) -> Option<Condition> {
        None
    }
}

impl Transport for Box<dyn Transport> {
    fn send(&mut self, document: &Document, stop: &StopFlag, said: &mut dyn FnMut(Condition)) -> PrintOutcome {
        (**self).send(document, stop, said)
    }

    fn look(&mut self) -> Option<Condition> {
        (**self).look()
    }
}

/// Lets a transport notice that the printer is being switched off while it waits.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(pub(super) Stop);

impl StopFlag {
    /// Whether to give up waiting.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.is_set()
    }
}

/// A folder as a printer: each copy is a file of its own, there in whole or not at all.
#[derive(Clone, Debug)]
pub struct FilePrinter {
    folder: PathBuf,
}

impl FilePrinter {
    /// Writes into `folder`, which is made when the first copy comes.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn write(&self, document: &Document) -> std::io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let part = self.folder.join(format!("{}.part", document.name));
        let mut file = File::create(&part)?;
        file.write_all(&document.bytes)?;
        file.sync_all()?;
        fs::rename(&part, self.folder.join(format!("{}.bin", document.name)))?;
        // The name is durable only once its folder is.
        #[cfg(unix)]
        File::open(&self.folder)?.sync_all()?;
        Ok(())
    }
}

impl Transport for FilePrinter {
    /// Sending the same copy again replaces its file, so a failure is always one before the first byte.
    fn send(&mut self, document: &Document, _: &StopFlag, _: &mut dyn FnMut(Condition)) -> PrintOutcome {
        match self.write(document) {
            Ok(()) => PrintOutcome::Confirmed,
            Err(error) => {
                tracing::debug!(folder = %self.folder.display(), %error, "the receipt's file cannot be written");
                PrintOutcome::FailedBeforeFirstByte
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(bytes: &[u8]) -> Document {
        Document { name: "7-1".into(), bytes: bytes.to_vec() }
    }

    #[test]
    fn each_copy_is_a_file_of_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut printer = FilePrinter::new(&folder.path().join("receipts"));
        let stop = StopFlag::default();
        assert_eq!(printer.send(&document(b"one"), &stop, &mut |_| ()), PrintOutcome::Confirmed);
        assert_eq!(printer.send(&document(b"two"), &stop, &mut |_| ()), PrintOutcome::Confirmed);
        let files: Vec<_> = fs::read_dir(folder.path().join("receipts")).expect("listed").collect();
        assert_eq!(files.len(), 1);
        let kept = fs::read(folder.path().join("receipts/7-1.bin")).expect("read");
        assert_eq!(kept, document(b"two").bytes);
        let blocked = folder.path().join("a-file");
        fs::write(&blocked, b"").expect("written");
        assert_eq!(
            FilePrinter::new(&blocked).send(&document(b"x"), &stop, &mut |_| ()),
            PrintOutcome::FailedBeforeFirstByte
        );
    }
}
