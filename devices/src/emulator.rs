//! A network printer's double: TCP, one client at a time, a buffer, and answers where a real one gives them.
//!
//! Used by the demo and by tests. It reads the stream with [`crate::wire`], so `GS r` inside a picture is picture, and it
//! prints what it buffered while it was offline once it is back, as real ones do.

use std::{
    collections::VecDeque,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use crate::{
    stop::Stop,
    wire::{Lexer, Token},
};

/// Connections remembered, the oldest forgotten first.
const JOBS_KEPT: usize = 256;

/// What one connection may send. A receipt has 6 kB.
const JOB_MAX_BYTES: usize = 1024 * 1024;

/// How often waits look around.
const POLL: Duration = Duration::from_millis(10);

/// What is wrong with the printer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// It prints and never answers.
    pub mute: bool,
    /// It answers no real-time question, but the one that waits for the paper.
    pub slow_witted: bool,
    /// Its cover is open: it takes bytes, prints nothing, answers real-time questions only.
    pub offline: bool,
    /// Its knife is stuck; likewise.
    pub cutter_stuck: bool,
    /// Its paper ends soon.
    pub near_end: bool,
    /// So many bytes still find paper; then likewise until the switches are set again.
    pub paper: Option<usize>,
    /// It closes a connection after this many bytes.
    pub drop_after: Option<usize>,
}

/// A printer's double at work. Dropping it stops it.
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Emulator {
    /// Listens on `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub fn start(address: impl ToSocketAddrs) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (shared, stop) = (Arc::new(Mutex::new(Shared::default())), Stop::default());
        let inside = Inside { shared: Arc::clone(&shared), stop: stop.clone() };
        let run = move || inside.serve(&listener);
        let thread = std::thread::Builder::new().name("printer-emulator".into()).spawn(run)?;
        Ok(Self { address, shared, stop, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets all switches.
    pub fn set(&self, switches: Switches) {
        let mut shared = lock(&self.shared);
        shared.switches = switches;
        shared.printed_since_set = 0;
    }

    /// The bytes of each connection that were printed, the oldest first.
    #[must_use]
    pub fn printed(&self) -> Vec<Vec<u8>> {
        lock(&self.shared).printed.iter().filter(|job| !job.is_empty()).cloned().collect()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop.set();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the printer emulator's thread had panicked");
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    switches: Switches,
    printed_since_set: usize,
    printed: VecDeque<Vec<u8>>,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Inside {
    shared: Arc<Mutex<Shared>>,
    stop: Stop,
}

impl Inside {
    fn serve(&self, listener: &TcpListener) {
        while !self.stop.is_set() {
            match listener.accept() {
                Ok((stream, _)) => {
                    if let Err(error) = self.connection(stream) {
                        tracing::debug!(%error, "a printer connection ended");
                    }
                }
                Err(_) => {
                    self.stop.wait(POLL);
                }
            }
        }
    }

    fn connection(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(POLL))?;
        self.begin_job();
        let mut job = Incoming::default();
        let mut bytes = [0; 1024];
        let mut open = true;
        while !self.stop.is_set() {
            let count = match stream.read(&mut bytes) {
                Ok(0) => {
                    open = false;
                    0
                }
                Ok(count) => count,
                Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => 0,
                Err(error) => return Err(error),
            };
            let (switches, printed) = self.switches();
            job.take(bytes.get(..count).unwrap_or(&bytes));
            let on_paper = job.printable(switches, printed);
            self.print(on_paper);
            let answers = job.answers(switches, self.switches().1);
            if !switches.mute && open {
                stream.write_all(&answers)?;
            }
            let dropped = switches.drop_after.is_some_and(|most| job.received >= most);
            // Once the client has left, what is still held back by an open cover prints later.
            if dropped || job.received > JOB_MAX_BYTES || (!open && job.held.is_empty()) {
                return Ok(());
            }
            if !open {
                self.stop.wait(POLL);
            }
        }
        Ok(())
    }

    fn begin_job(&self) {
        let mut shared = lock(&self.shared);
        if shared.printed.len() >= JOBS_KEPT {
            shared.printed.pop_front();
        }
        shared.printed.push_back(Vec::new());
    }

    /// The switches, and how much was printed since they were set.
    fn switches(&self) -> (Switches, usize) {
        let shared = lock(&self.shared);
        (shared.switches, shared.printed_since_set)
    }

    fn print(&self, bytes: Vec<u8>) {
        let mut shared = lock(&self.shared);
        shared.printed_since_set += bytes.len();
        if let Some(job) = shared.printed.back_mut() {
            job.extend(bytes);
        }
    }
}

/// What one connection sent and the printer has not worked through yet.
#[derive(Default)]
struct Incoming {
    received: usize,
    lexer: Lexer,
    held: Vec<u8>,
    /// Questions reached in the buffer that wait until all before them is printed.
    asked: usize,
    asked_now: Vec<u8>,
}

impl Incoming {
    fn take(&mut self, bytes: &[u8]) {
        self.received += bytes.len();
        self.lexer.read(bytes, |token, raw| {
            match token {
                // Real-time questions never enter the buffer.
                Token::AskStatusNow(n) => return self.asked_now.push(n),
                Token::AskStatus(_) => self.asked += 1,
                _ => {}
            }
            self.held.extend_from_slice(raw);
        });
    }

    fn printable(&mut self, switches: Switches, printed: usize) -> Vec<u8> {
        if switches.offline || switches.cutter_stuck {
            return Vec::new();
        }
        let paper = switches.paper.map_or(usize::MAX, |paper| paper.saturating_sub(printed));
        self.held.drain(..self.held.len().min(paper)).collect()
    }

    fn answers(&mut self, switches: Switches, printed: usize) -> Vec<u8> {
        let now = std::mem::take(&mut self.asked_now);
        let paper_out = switches.paper.is_some_and(|paper| printed >= paper);
        let mut answers: Vec<u8> = match switches.slow_witted {
            true => Vec::new(),
            false => now.into_iter().map(|n| real_time(n, switches, paper_out)).collect(),
        };
        if self.held.is_empty() && !paper_out {
            let paper = if switches.near_end { 0x03 } else { 0x00 };
            answers.extend(std::iter::repeat_n(paper, std::mem::take(&mut self.asked)));
        }
        answers
    }
}

/// `DLE EOT n`, devices.md 2.3.
const fn real_time(n: u8, switches: Switches, paper_out: bool) -> u8 {
    let bits = match n {
        1 if switches.offline || switches.cutter_stuck || paper_out => 0x08,
        2 if switches.offline => 0x04,
        2 if paper_out => 0x20,
        2 if switches.cutter_stuck => 0x40,
        3 if switches.cutter_stuck => 0x08,
        4 if paper_out => 0x60,
        4 if switches.near_end => 0x0c,
        _ => 0,
    };
    0x12 | bits
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn client(emulator: &Emulator) -> TcpStream {
        let stream = TcpStream::connect(emulator.address()).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
        stream
    }

    fn answer(stream: &mut TcpStream) -> u8 {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        byte[0]
    }

    fn silent(stream: &mut TcpStream) -> bool {
        stream.set_read_timeout(Some(Duration::from_millis(50))).expect("set");
        let silent = stream.read(&mut [0]).is_err();
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
        silent
    }

    #[test]
    fn questions_are_answered_in_their_own_time() {
        let emulator = Emulator::start("127.0.0.1:0").expect("a port");
        let mut stream = client(&emulator);
        stream.write_all(b"\x10\x04\x01A\n\x1dr\x01").expect("written");
        assert_eq!((answer(&mut stream), answer(&mut stream)), (0x12, 0x00));
        // The same bytes inside a picture are dots.
        stream.write_all(b"\x1dv0\0\x03\0\x01\0\x1dr\x01").expect("written");
        assert!(silent(&mut stream));
    }

    #[test]
    fn an_open_cover_holds_the_receipt_until_it_is_shut() {
        let emulator = Emulator::start("127.0.0.1:0").expect("a port");
        emulator.set(Switches { offline: true, ..Switches::default() });
        let mut stream = client(&emulator);
        stream.write_all(b"A\n\x1dr\x01\x10\x04\x02\x10\x04\x01").expect("written");
        assert_eq!((answer(&mut stream), answer(&mut stream)), (0x16, 0x1a));
        assert!(silent(&mut stream));
        assert!(emulator.printed().is_empty());
        drop(stream);
        emulator.set(Switches::default());
        let began = Instant::now();
        while emulator.printed().is_empty() && began.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(emulator.printed(), [b"A\n\x1dr\x01".to_vec()]);
    }
}
