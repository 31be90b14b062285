//! One thread that owns the scan box's serial port: opens it, reads it, notices that it is gone, and opens it again.

use std::{
    io::ErrorKind,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use guitai_core::{secret::SecretText, time::Ticks};
use serialport::{ClearBuffer, DataBits, Parity, SerialPort, StopBits};

use super::frame::{Framer, Repeats, SILENCE_MS};
use crate::stop::{Backoff, Stop};

/// How long one read waits; above [`SILENCE_MS`], so that one read without a byte ends a frame. Also how long a stop takes.
const READ_TIMEOUT_MS: u64 = 100;
const _: () = assert!(READ_TIMEOUT_MS > SILENCE_MS);

/// Bytes taken by one read.
const READ_BYTES: usize = 256;

/// Which port, and how its line is set.
#[derive(Clone, Debug)]
pub struct ScanConfig {
    /// Such as `/dev/ttyACM0`, `/dev/serial/by-id/…` or `COM3`.
    pub port: String,
    /// Usually 9600.
    pub baud: u32,
    /// Usually 8.
    pub data_bits: DataBits,
    /// Usually none.
    pub parity: Parity,
    /// Usually 1.
    pub stop_bits: StopBits,
    /// Waits between attempts to open the port.
    pub backoff: Backoff,
}

impl ScanConfig {
    /// 9600 8N1, as nearly all boxes leave the factory.
    #[must_use]
    pub fn new(port: &str) -> Self {
        Self {
            port: port.to_owned(),
            baud: 9_600,
            data_bits: DataBits::Eight,
            parity: Parity::None,
            stop_bits: StopBits::One,
            backoff: Backoff::DEVICE,
        }
    }
}

/// What a scan box reports.
#[derive(Debug)]
pub enum ScanEvent {
    /// A code was read. It may be a payment code, so it is a secret.
    Scanned(SecretText),
    /// The box came, went or was switched off.
    StateChanged(ScanState),
}

/// Whether codes can arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanState {
    /// The port is open.
    Ready,
    /// The port cannot be opened or has stopped answering; it is tried again and again.
    Gone,
    /// The thread has ended.
    Off,
}

/// A scan box at work. Dropping it stops it.
#[derive(Debug)]
pub struct ScanBox {
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl ScanBox {
    /// Starts the thread. `sink` is called on that thread and must not block.
    ///
    /// # Errors
    /// The system has no room for a thread.
    pub fn spawn(config: ScanConfig, sink: impl Fn(ScanEvent) + Send + 'static) -> std::io::Result<Self> {
        let stop = Stop::default();
        let reader = Reader { config, sink, stop: stop.clone(), started: Instant::now(), state: None };
        let thread = std::thread::Builder::new().name("scan-box".into()).spawn(move || reader.run())?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Ends the thread and waits for it, 100 ms or the time an open takes.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.set();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the scan box's thread had panicked");
        }
    }
}

impl Drop for ScanBox {
    fn drop(&mut self) {
        self.end();
    }
}

struct Reader<S> {
    config: ScanConfig,
    sink: S,
    stop: Stop,
    started: Instant,
    state: Option<ScanState>,
}

impl<S: Fn(ScanEvent)> Reader<S> {
    fn run(mut self) {
        let mut repeats = Repeats::default();
        let mut failures = 0;
        while !self.stop.is_set() {
            match open(&self.config) {
                Ok(mut port) => {
                    failures = 0;
                    self.enter(ScanState::Ready);
                    self.read_until_gone(&mut *port, &mut repeats);
                }
                Err(error) => self.note_gone(&error.to_string()),
            }
            // The port is closed here: while the old handle is open the kernel would give the box another name.
            failures += 1;
            self.stop.wait(self.config.backoff.after(failures));
        }
        self.enter(ScanState::Off);
    }

    fn read_until_gone(&mut self, port: &mut dyn SerialPort, repeats: &mut Repeats) {
        let mut framer = Framer::default();
        // The framer's clock: only reads that waited and found nothing move it. A busy PC may keep this thread from reading
        // for longer than the pause between two codes, and a code must not be torn by that.
        let mut silence = Ticks(0);
        let mut bytes = [0; READ_BYTES];
        while !self.stop.is_set() {
            let frames = match port.read(&mut bytes) {
                // Linux reports an unplugged USB port as an endless stream of nothing.
                Ok(0) => return self.note_gone("the port ended"),
                Ok(count) => framer.push(bytes.get(..count).unwrap_or(&bytes), silence),
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    silence = silence.after_ms(READ_TIMEOUT_MS);
                    framer.idle(silence).into_iter().collect()
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => Vec::new(),
                Err(error) => return self.note_gone(&error.to_string()),
            };
            bytes.fill(0);
            for scan in frames {
                if repeats.is_new(&scan, self.now()) {
                    (self.sink)(ScanEvent::Scanned(scan));
                }
            }
        }
    }

    fn note_gone(&mut self, reason: &str) {
        if self.state != Some(ScanState::Gone) {
            tracing::warn!(port = %self.config.port, reason, "the scan box is gone");
        }
        self.enter(ScanState::Gone);
    }

    fn enter(&mut self, state: ScanState) {
        if self.state != Some(state) {
            self.state = Some(state);
            (self.sink)(ScanEvent::StateChanged(state));
        }
    }

    fn now(&self) -> Ticks {
        Ticks(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

fn open(config: &ScanConfig) -> serialport::Result<Box<dyn SerialPort>> {
    let mut port = serialport::new(config.port.as_str(), config.baud)
        .data_bits(config.data_bits)
        .parity(config.parity)
        .stop_bits(config.stop_bits)
        .timeout(Duration::from_millis(READ_TIMEOUT_MS))
        .open()?;
    // Some boxes talk only with these raised; others, and every pty, have no such lines and say so.
    for line in [port.write_data_terminal_ready(true), port.write_request_to_send(true)] {
        if let Err(error) = line {
            tracing::debug!(port = %config.port, %error, "a control line cannot be raised");
        }
    }
    // What was scanned while nobody listened is a customer who has left.
    port.clear(ClearBuffer::Input)?;
    Ok(port)
}

#[cfg(all(test, unix))]
mod tests {
    use std::{
        io::Write,
        sync::mpsc::{Receiver, channel},
    };

    use serialport::TTYPort;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    /// A box on a pty: what is written to the first half is read by the thread.
    fn start() -> (TTYPort, ScanBox, Receiver<ScanEvent>) {
        let (master, slave) = TTYPort::pair().expect("a pty");
        let name = slave.name().expect("a pty has a name");
        drop(slave);
        let (scan_box, events) = spawn(&name);
        assert_eq!(state(&events), ScanState::Ready);
        (master, scan_box, events)
    }

    fn spawn(port: &str) -> (ScanBox, Receiver<ScanEvent>) {
        let (sender, events) = channel();
        let backoff = Backoff { first: Duration::from_millis(5), longest: Duration::from_millis(10) };
        let config = ScanConfig { backoff, ..ScanConfig::new(port) };
        let sink = move |event| sender.send(event).expect("the test listens");
        (ScanBox::spawn(config, sink).expect("a thread"), events)
    }

    fn state(events: &Receiver<ScanEvent>) -> ScanState {
        match events.recv_timeout(PATIENCE).expect("an event") {
            ScanEvent::StateChanged(state) => state,
            ScanEvent::Scanned(_) => panic!("a scan instead of a state"),
        }
    }

    fn scanned(events: &Receiver<ScanEvent>) -> String {
        match events.recv_timeout(PATIENCE).expect("an event") {
            ScanEvent::Scanned(text) => text.expose().to_owned(),
            ScanEvent::StateChanged(state) => panic!("{state:?} instead of a scan"),
        }
    }

    #[test]
    fn digits_arriving_one_by_one_are_one_scan() {
        let (mut master, scan_box, events) = start();
        for byte in b"134567890123456789\r" {
            master.write_all(&[*byte]).expect("written");
            std::thread::yield_now();
        }
        assert_eq!(scanned(&events), "134567890123456789");
        master.write_all(b"134567890123456789\r\n281234567890123456").expect("written");
        assert_eq!(scanned(&events), "281234567890123456", "the repetition is dropped, the end comes by silence");
        scan_box.stop();
        assert_eq!(state(&events), ScanState::Off);
        assert!(events.try_recv().is_err());
    }

    #[test]
    fn a_flood_neither_scans_nor_blocks() {
        let (mut master, scan_box, events) = start();
        for _ in 0..16 {
            master.write_all(&[b'8'; 256]).expect("written");
        }
        master.write_all(b"\r134567890123456789\r").expect("written");
        assert_eq!(scanned(&events), "134567890123456789");
        scan_box.stop();
    }

    #[test]
    fn a_pulled_plug_is_gone_and_its_return_is_ready() {
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("scanner");
        let plug = |slave: TTYPort| {
            std::os::unix::fs::symlink(slave.name().expect("a name"), &link).expect("linked");
        };
        let (scan_box, events) = spawn(link.to_str().expect("UTF-8"));
        assert_eq!(state(&events), ScanState::Gone, "nothing is plugged in yet");
        let (master, slave) = TTYPort::pair().expect("a pty");
        plug(slave);
        assert_eq!(state(&events), ScanState::Ready);
        std::fs::remove_file(&link).expect("removed");
        drop(master);
        assert_eq!(state(&events), ScanState::Gone);
        let (mut master, slave) = TTYPort::pair().expect("a pty");
        plug(slave);
        assert_eq!(state(&events), ScanState::Ready);
        master.write_all(b"281234567890123456\r").expect("written");
        assert_eq!(scanned(&events), "281234567890123456");
        drop(scan_box);
        assert_eq!(state(&events), ScanState::Off);
    }

    #[test]
    fn what_was_scanned_before_the_port_was_open_is_discarded() {
        let (mut master, slave) = TTYPort::pair().expect("a pty");
        master.write_all(b"999999999999999999\r").expect("written");
        let name = slave.name().expect("a name");
        drop(slave);
        let (scan_box, events) = spawn(&name);
        assert_eq!(state(&events), ScanState::Ready);
        master.write_all(b"134567890123456789\r").expect("written");
        assert_eq!(scanned(&events), "134567890123456789");
        scan_box.stop();
    }
}
