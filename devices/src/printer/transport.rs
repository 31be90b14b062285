//! How composed bytes reach a printer, and what can be said about them afterwards.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::stop::Stop;

/// Bytes given to the system at once, so that a stalled printer is noticed between two writes.
const WRITE_MAX_BYTES: usize = 1024;

/// How often a wait for the printer looks whether it is time to stop.
const POLL: Duration = Duration::from_millis(100);

/// `DLE EOT 2`: why are you offline. Answered at once, prints nothing.
const ASK_OFFLINE_CAUSE: &[u8] = &[0x10, 4, 2];

/// In the answer: cover open 04, stopped by paper end 20, error 40.
const OFFLINE_CAUSES: u8 = 0x64;

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
    /// Sends a copy and waits, in bounded time, until its outcome is known.
    fn send(&mut self, document: &Document, stop: &StopFlag) -> PrintOutcome;
}

impl Transport for Box<dyn Transport> {
    fn send(&mut self, document: &Document, stop: &StopFlag) -> PrintOutcome {
        (**self).send(document, stop)
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

/// A network printer, port 9100. One connection per copy: printers close idle ones and serve one client at a time.
#[derive(Clone, Debug)]
pub struct TcpPrinter {
    /// Host name or address.
    pub host: String,
    /// Usually 9100.
    pub port: u16,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long one write may stall. A printer without paper stops reading.
    pub write_timeout: Duration,
    /// How long it may take to say that nothing is wrong, before anything is sent. Zero: it is not asked.
    pub status_timeout: Duration,
    /// How long the answer may take once all is written. A receipt prints in 2 s; a cutter jam is not waited for.
    pub answer_timeout: Duration,
    /// Learned: many clones answer no question before printing.
    answers_status: Option<bool>,
}

impl TcpPrinter {
    /// With the waits that suit printers in a shop's own network.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        Self {
            host: host.to_owned(),
            port,
            connect_timeout: Duration::from_secs(4),
            write_timeout: Duration::from_secs(5),
            status_timeout: Duration::from_millis(500),
            answer_timeout: Duration::from_secs(10),
            answers_status: None,
        }
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        let mut last = ErrorKind::NotFound.into();
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, self.connect_timeout) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_write_timeout(Some(self.write_timeout))?;
                    stream.set_read_timeout(Some(POLL))?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Whether a receipt may be sent. Only a clear "cover open", "no paper" or "error" says no: status is advice, and a
    /// printer that does not give it prints all the same.
    fn willing(&mut self, stream: &mut TcpStream) -> std::io::Result<bool> {
        if self.status_timeout.is_zero() || self.answers_status == Some(false) {
            return Ok(true);
        }
        stream.write_all(ASK_OFFLINE_CAUSE)?;
        let deadline = Instant::now() + self.status_timeout;
        let mut byte = [0];
        while Instant::now() < deadline {
            match stream.read(&mut byte) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) if byte[0] & 0x93 == 0x12 => {
                    self.answers_status = Some(true);
                    return Ok(byte[0] & OFFLINE_CAUSES == 0);
                }
                Ok(_) => {}
                Err(error) if waiting(error.kind()) => {}
                Err(error) => return Err(error),
            }
        }
        self.answers_status.get_or_insert(false);
        Ok(true)
    }

    fn await_answer(&self, stream: &mut TcpStream, stop: &StopFlag) -> PrintOutcome {
        let deadline = Instant::now() + self.answer_timeout;
        let mut answers = Answers::default();
        let mut bytes = [0; 64];
        while Instant::now() < deadline && !stop.is_set() {
            match stream.read(&mut bytes) {
                Ok(0) => return PrintOutcome::Unknown,
                Ok(count) => match answers.push(bytes.get(..count).unwrap_or(&bytes)) {
                    Some(Paper::There) => return PrintOutcome::Confirmed,
                    Some(Paper::Out) => return PrintOutcome::Unknown,
                    None => {}
                },
                Err(error) if waiting(error.kind()) => {}
                Err(_) => return PrintOutcome::Unknown,
            }
        }
        PrintOutcome::Unknown
    }
}

impl Transport for TcpPrinter {
    fn send(&mut self, document: &Document, stop: &StopFlag) -> PrintOutcome {
        let mut stream = match self.connect() {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(host = %self.host, port = self.port, %error, "no connection to the printer");
                return PrintOutcome::FailedBeforeFirstByte;
            }
        };
        match self.willing(&mut stream) {
            Ok(true) => {}
            Ok(false) => {
                tracing::debug!(host = %self.host, "the printer's cover is open, it has no paper, or it reports an error");
                return PrintOutcome::FailedBeforeFirstByte;
            }
            Err(error) => {
                tracing::debug!(host = %self.host, %error, "the printer closed the connection");
                return PrintOutcome::FailedBeforeFirstByte;
            }
        }
        let mut rest = document.bytes.as_slice();
        while !rest.is_empty() {
            let chunk = rest.get(..WRITE_MAX_BYTES).unwrap_or(rest);
            match stream.write(chunk) {
                Ok(count) if count > 0 => rest = rest.get(count..).unwrap_or(&[]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) if rest.len() == document.bytes.len() => return PrintOutcome::FailedBeforeFirstByte,
                Ok(_) | Err(_) => return PrintOutcome::Unknown,
            }
        }
        self.await_answer(&mut stream, stop)
    }
}

fn waiting(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// What the answer to `GS r 1` says about paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paper {
    There,
    /// It ended while this was printed, so the last lines may be missing.
    Out,
}

/// Finds the answer to `GS r` among bytes a printer sends by itself (devices.md 2.3): real-time answers `0xx1xx10`, the four
/// bytes of an automatic status `0xx1xx00 0xx0xxxx 0xx0xxxx 0xx0xxxx`, XON and XOFF.
#[derive(Debug, Default)]
struct Answers {
    /// Bytes of an automatic status still to come. They look like answers and are none.
    automatic: u8,
}

impl Answers {
    fn push(&mut self, bytes: &[u8]) -> Option<Paper> {
        bytes.iter().find_map(|byte| self.read(*byte))
    }

    fn read(&mut self, byte: u8) -> Option<Paper> {
        if self.automatic > 0 && byte & 0x90 == 0 {
            self.automatic -= 1;
            return None;
        }
        self.automatic = 0;
        if byte & 0x93 == 0x10 {
            self.automatic = 3;
            return None;
        }
        match byte {
            byte if byte & 0x90 != 0 => None,
            byte if byte & 0x0c != 0 => Some(Paper::Out),
            _ => Some(Paper::There),
        }
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
    fn send(&mut self, document: &Document, _: &StopFlag) -> PrintOutcome {
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
    use crate::emulator::{Emulator, Switches};

    fn document(bytes: &[u8]) -> Document {
        Document { name: "7-1".into(), bytes: [bytes, b"\n\x1dr\x01"].concat() }
    }

    fn printer(emulator: &Emulator) -> TcpPrinter {
        let address = emulator.address();
        TcpPrinter::new(&address.ip().to_string(), address.port())
    }

    /// For tests of silence, which would wait for seconds.
    fn hasty(emulator: &Emulator) -> TcpPrinter {
        let short = Duration::from_millis(80);
        TcpPrinter { answer_timeout: short, status_timeout: short, ..printer(emulator) }
    }

    fn send(printer: &mut TcpPrinter, bytes: &[u8]) -> PrintOutcome {
        printer.send(&document(bytes), &StopFlag::default())
    }

    #[test]
    fn an_answer_is_told_from_what_a_printer_says_by_itself() {
        let table: &[(&[u8], Option<Paper>)] = &[
            (&[0x00], Some(Paper::There)),
            (&[0x03], Some(Paper::There)),
            (&[0x0c], Some(Paper::Out)),
            (&[0x60], Some(Paper::There)),
            (&[0x12], None),
            (&[0x16, 0x32, 0x1e, 0x72], None),
            (&[0x11, 0x13], None),
            (&[0x14, 0x00, 0x00, 0x0f], None),
            (&[0x14, 0x00, 0x0c, 0x0f, 0x00], Some(Paper::There)),
            (&[0x10, 0x00, 0x00, 0x00, 0x12, 0x00], Some(Paper::There)),
            (&[0x80, 0xff], None),
        ];
        for (bytes, expected) in table {
            assert_eq!(Answers::default().push(bytes), *expected, "{bytes:02x?}");
            let mut one_by_one = Answers::default();
            let found = bytes.iter().find_map(|byte| one_by_one.push(&[*byte]));
            assert_eq!(found, *expected, "{bytes:02x?} one by one");
        }
    }

    #[test]
    fn a_printed_copy_is_confirmed() {
        let emulator = Emulator::start("127.0.0.1:0").expect("a port");
        let mut printer = printer(&emulator);
        assert_eq!(send(&mut printer, b"one"), PrintOutcome::Confirmed);
        let long = vec![b'x'; 20_000];
        assert_eq!(send(&mut printer, &long), PrintOutcome::Confirmed);
        assert_eq!(emulator.printed(), [document(b"one").bytes, document(&long).bytes]);
    }

    #[test]
    fn silence_is_unknown() {
        let emulator = Emulator::start("127.0.0.1:0").expect("a port");
        emulator.set(Switches { mute: true, ..Switches::default() });
        assert_eq!(send(&mut hasty(&emulator), b"one"), PrintOutcome::Unknown);
        assert_eq!(emulator.printed().len(), 1, "although it was printed");
    }

    #[test]
    fn a_printer_that_does_not_say_how_it_is_is_asked_once() {
        let emulator = Emulator::start("127.0.0.1:0").expect("a port");
        emulator.set(Switches { mute: true, ..Switches::default() });
        let mut printer = hasty(&emulator);
        send(&mut printer, b"one");
        assert_eq!(printer.answers_status, Some(false));
        emulator.set(Switches::default());
        printer.answer_timeout = Duration::from_secs(5);
        assert_eq!(send(&mut printer, b"two"), PrintOutcome::Confirmed);
        assert_eq!(printer.answers_status, Some(false));
    }

    #[test]
    fn a_receipt_waits_for_paper_and_prints_once() {
        let emulator = Emulator::start("127.0.0.1:0").expect("a port");
        let mut printer = printer(&emulator);
        emulator.set(Switches { offline: true, ..Switches::default() });
        for _ in 0..3 {
            assert_eq!(send(&mut printer, b"one"), PrintOutcome::FailedBeforeFirstByte);
        }
        emulator.set(Switches::default());
        assert_eq!(send(&mut printer, b"one"), PrintOutcome::Confirmed);
        assert_eq!(emulator.printed(), [document(b"one").bytes]);
    }

    #[test]
    fn a_line_cut_half_way_is_unknown() {
        let emulator = Emulator::start("127.0.0.1:0").expect("a port");
        emulator.set(Switches { drop_after: Some(10), ..Switches::default() });
        assert_eq!(send(&mut printer(&emulator), &[b'x'; 60_000]), PrintOutcome::Unknown);
    }

    #[test]
    fn no_printer_is_failed_before_the_first_byte() {
        let emulator = Emulator::start("127.0.0.1:0").expect("a port");
        let mut gone = printer(&emulator);
        drop(emulator);
        assert_eq!(send(&mut gone, b"one"), PrintOutcome::FailedBeforeFirstByte);
        let mut nowhere = TcpPrinter::new("no-such-printer.invalid", 9100);
        assert_eq!(send(&mut nowhere, b"one"), PrintOutcome::FailedBeforeFirstByte);
    }

    #[test]
    fn each_copy_is_a_file_of_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut printer = FilePrinter::new(&folder.path().join("receipts"));
        let stop = StopFlag::default();
        assert_eq!(printer.send(&document(b"one"), &stop), PrintOutcome::Confirmed);
        assert_eq!(printer.send(&document(b"two"), &stop), PrintOutcome::Confirmed);
        let files: Vec<_> = fs::read_dir(folder.path().join("receipts")).expect("listed").collect();
        assert_eq!(files.len(), 1);
        let kept = fs::read(folder.path().join("receipts/7-1.bin")).expect("read");
        assert_eq!(kept, document(b"two").bytes);
        let blocked = folder.path().join("a-file");
        fs::write(&blocked, b"").expect("written");
        assert_eq!(FilePrinter::new(&blocked).send(&document(b"x"), &stop), PrintOutcome::FailedBeforeFirstByte);
    }
}
