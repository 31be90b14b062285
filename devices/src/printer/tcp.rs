//! A network printer: one connection per copy, and what is learned of how it answers.
//!
//! | it answers | a copy |
//! | --- | --- |
//! | at once (`DLE EOT`) | leaves when nothing is wrong; a printer that stops in the middle is waited for until it goes on |
//! | when all is done (`GS r`) | is confirmed by that answer, if it came after the copy's last byte |
//! | neither | is unknown as soon as it has left; only the first one waits for an answer |
//!
//! What was learned stays for as long as the process runs, and an answer corrects it at any time.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream, ToSocketAddrs},
    time::{Duration, Instant},
};

use super::{
    answers::{self, Answer, Answers, Condition},
    transport::{Document, PrintOutcome, StopFlag, Transport},
};

/// Bytes given to the system at once, so that a stalled printer is noticed between two writes.
const WRITE_MAX_BYTES: usize = 1024;

/// How often a wait for the printer looks whether it is time to stop.
const POLL: Duration = Duration::from_millis(100);

/// Length of `GS r 1`, which ends every copy.
const QUESTION_BYTES: usize = 3;

/// A network printer, port 9100. One connection per copy: printers close idle ones and serve one client at a time.
#[derive(Debug)]
pub struct TcpPrinter {
    /// Host name or address.
    pub host: String,
    /// Usually 9100.
    pub port: u16,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long one write may stall. A printer without paper stops reading.
    pub write_timeout: Duration,
    /// How long an answer to a question that is answered at once may take. Zero: it is not asked.
    pub status_timeout: Duration,
    /// How long the first copy waits for an answer of a printer of which nothing is known, all questions together.
    pub learn_timeout: Duration,
    /// How long the answer may take once all is written. A receipt prints in 2 s; a cutter jam is not waited for.
    pub answer_timeout: Duration,
    /// How long a printer that says that it stopped in the middle is waited for. A slip lives as long.
    pub stopped_timeout: Duration,
    /// How long a printer that has always answered at once and is silent now keeps its copies waiting: it may be serving
    /// somebody else, or hold what it has no paper for. After that it is one that does not answer.
    pub silent_timeout: Duration,
    /// How often a printer that answers at once is asked how it gets on with a copy.
    pub ask_every: Duration,
    learned: Learned,
    silent_since: Option<Instant>,
    /// Why it stopped, when it last said so.
    stopped: Option<Condition>,
    /// The connection of the last copy whose answer was not waited for. It may have come since.
    left: Option<Line>,
}

/// How a printer answers, as far as it is known. Many clones answer nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Learned {
    /// Questions that are answered at once.
    at_once: Option<bool>,
    /// The question about the roll, which some answer that know the others and some do not.
    roll: Option<bool>,
    /// The question that is answered when all is done.
    when_done: Option<bool>,
}

impl Learned {
    fn from(&mut self, answer: Answer) {
        match answer {
            Answer::Now(_) => self.at_once = Some(true),
            Answer::Done(_) => self.when_done = Some(true),
        }
    }
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
            learn_timeout: Duration::from_secs(2),
            answer_timeout: Duration::from_secs(10),
            stopped_timeout: Duration::from_secs(10 * 60),
            ask_every: Duration::from_secs(1),
            silent_timeout: Duration::from_secs(60),
            learned: Learned::default(),
            silent_since: None,
            stopped: None,
            left: None,
        }
    }

    fn connect(&mut self) -> std::io::Result<Line> {
        self.hear_the_last();
        let mut last = ErrorKind::NotFound.into();
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, self.connect_timeout) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_write_timeout(Some(self.write_timeout))?;
                    stream.set_read_timeout(Some(POLL))?;
                    return Ok(Line { stream, answers: Answers::default() });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// What came on the connection that was not waited for.
    fn hear_the_last(&mut self) {
        let Some(mut line) = self.left.take() else { return };
        // A connection that broke has nothing more to say.
        let _ = line.drain(&mut self.learned);
    }

    /// How the printer is, if it says so. Status is advice: one that does not give it prints all the same.
    fn condition(&mut self, line: &mut Line) -> std::io::Result<Option<Condition>> {
        if self.status_timeout.is_zero() {
            return Ok(None);
        }
        if self.learned.at_once == Some(false) {
            // Not waited for, but it may have learned to answer: another printer at this address, a setting changed.
            line.ask(answers::WHY_OFFLINE)?;
            return Ok(None);
        }
        let Some(answer) = self.answer(line, answers::WHY_OFFLINE)? else {
            let since = *self.silent_since.get_or_insert_with(Instant::now);
            if self.learned.at_once == Some(true) && since.elapsed() < self.silent_timeout {
                return self.stopped.map(Some).ok_or_else(|| ErrorKind::TimedOut.into());
            }
            self.learned.at_once = Some(false);
            return Ok(None);
        };
        self.learned.at_once = Some(true);
        self.silent_since = None;
        match answers::offline_cause(answer) {
            Condition::Error => {
                let which = self.answer(line, answers::WHICH_ERROR)?;
                return Ok(Some(which.map_or(Condition::Error, answers::error_cause)));
            }
            Condition::Fine if self.learned.roll != Some(false) => {}
            known => return Ok(Some(known)),
        }
        let roll = self.answer(line, answers::HOW_IS_PAPER)?;
        self.learned.roll = Some(roll.is_some());
        Ok(Some(roll.map_or(Condition::Fine, answers::roll)))
    }

    fn answer(&self, line: &mut Line, question: u8) -> std::io::Result<Option<u8>> {
        line.ask(question)?;
        let deadline = Instant::now() + self.status_timeout;
        while Instant::now() < deadline {
            if let Some(Answer::Now(answer)) = line.hear()? {
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }

    /// Writes the copy; the error is its outcome.
    fn write(&mut self, line: &mut Line, bytes: &[u8]) -> Result<(), PrintOutcome> {
        let (body, question) = bytes.split_at(bytes.len().saturating_sub(QUESTION_BYTES));
        let mut rest = body;
        while !rest.is_empty() {
            let chunk = rest.get(..WRITE_MAX_BYTES).unwrap_or(rest);
            match line.stream.write(chunk) {
                Ok(count) if count > 0 => rest = rest.get(count..).unwrap_or(&[]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) if rest.len() == body.len() => return Err(PrintOutcome::FailedBeforeFirstByte),
                Ok(_) | Err(_) => return Err(PrintOutcome::Unknown),
            }
        }
        // What came until here answers nothing of this copy.
        line.drain(&mut self.learned).map_err(|_| PrintOutcome::Unknown)?;
        line.stream.write_all(question).map_err(|_| PrintOutcome::Unknown)
    }

    /// Waits for the answer to the copy's last bytes.
    fn confirmed(&mut self, line: &mut Line, began: Instant, watch: &mut Watch<'_>) -> PrintOutcome {
        let speaks = self.learned.at_once == Some(true);
        let mut deadline = match self.learned.when_done {
            Some(true) => Instant::now() + self.answer_timeout,
            None if speaks => Instant::now() + self.answer_timeout,
            None => began + self.learn_timeout,
            Some(false) => return PrintOutcome::Unknown,
        };
        let mut asked = Instant::now();
        let mut stopped_until = None;
        while Instant::now() < deadline {
            if watch.stop.is_set() {
                return PrintOutcome::Unknown;
            }
            if self.learned.at_once == Some(true) && asked.elapsed() >= self.ask_every {
                asked = Instant::now();
                if line.ask(answers::WHY_OFFLINE).is_err() {
                    return PrintOutcome::Unknown;
                }
            }
            match line.hear() {
                Err(_) => return PrintOutcome::Unknown,
                Ok(None) => {}
                Ok(Some(Answer::Done(condition))) => {
                    self.learned.when_done = Some(true);
                    if condition != Condition::Fine {
                        (watch.said)(condition);
                    }
                    // Paper that ended while this was printed may have taken the last lines with it.
                    return if condition.prints() { PrintOutcome::Confirmed } else { PrintOutcome::Unknown };
                }
                Ok(Some(Answer::Now(answer))) => {
                    self.learned.at_once = Some(true);
                    match answers::offline_cause(answer) {
                        Condition::Fine | Condition::NearEnd if stopped_until.is_some() => {
                            stopped_until = None;
                            deadline = Instant::now() + self.answer_timeout;
                        }
                        Condition::Fine | Condition::NearEnd => {}
                        stopped => {
                            self.stopped = Some(stopped);
                            (watch.said)(stopped);
                            // It holds the rest and prints it when it can; who hangs up now may lose it.
                            deadline = *stopped_until.get_or_insert(Instant::now() + self.stopped_timeout);
                        }
                    }
                }
            }
        }
        if stopped_until.is_none() {
            self.learned.when_done.get_or_insert(false);
        }
        PrintOutcome::Unknown
    }
}

/// Who listens while a copy is being sent.
struct Watch<'a> {
    stop: &'a StopFlag,
    said: &'a mut dyn FnMut(Condition),
}

impl Transport for TcpPrinter {
    fn send(&mut self, document: &Document, stop: &StopFlag, said: &mut dyn FnMut(Condition)) -> PrintOutcome {
        let mut line = match self.connect() {
            Ok(line) => line,
            Err(error) => {
                tracing::debug!(host = %self.host, port = self.port, %error, "no connection to the printer");
                return PrintOutcome::FailedBeforeFirstByte;
            }
        };
        let began = Instant::now();
        match self.condition(&mut line) {
            Ok(None) => {}
            Ok(Some(condition)) => {
                self.stopped = Some(condition).filter(|condition| !condition.prints());
                if condition != Condition::Fine {
                    said(condition);
                }
                if !condition.prints() {
                    tracing::debug!(host = %self.host, ?condition, "the printer cannot print");
                    return PrintOutcome::FailedBeforeFirstByte;
                }
            }
            Err(error) => {
                tracing::debug!(host = %self.host, %error, "the printer closed the connection, or serves somebody else");
                return PrintOutcome::FailedBeforeFirstByte;
            }
        }
        if let Err(outcome) = self.write(&mut line, &document.bytes) {
            return outcome;
        }
        let outcome = self.confirmed(&mut line, began, &mut Watch { stop, said });
        if outcome == PrintOutcome::Unknown {
            // The printer sees the end of the copy; what it still says is heard before the next one. A connection closed
            // over an unread answer would be reset, and some printers then forget what they hold.
            let _ = line.stream.shutdown(Shutdown::Write);
            self.left = Some(line);
        }
        outcome
    }

    fn look(&mut self) -> Option<Condition> {
        let mut line = self.connect().ok()?;
        self.condition(&mut line).ok().flatten()
    }
}

/// A connection and the answers on it.
#[derive(Debug)]
struct Line {
    stream: TcpStream,
    answers: Answers,
}

impl Line {
    /// `DLE EOT n`. Prints nothing; must not come between the bytes of another command.
    fn ask(&mut self, question: u8) -> std::io::Result<()> {
        self.stream.write_all(&[0x10, 4, question])
    }

    /// The next answer, or none within [`POLL`].
    fn hear(&mut self) -> std::io::Result<Option<Answer>> {
        let mut byte = [0];
        match self.stream.read(&mut byte) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(self.answers.read(byte[0])),
            Err(error) if waiting(error.kind()) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes what has come, without waiting.
    fn drain(&mut self, learned: &mut Learned) -> std::io::Result<()> {
        self.stream.set_nonblocking(true)?;
        let mut bytes = [0; 64];
        let end = loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => break Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    let came = bytes.get(..count).unwrap_or(&bytes);
                    came.iter().filter_map(|byte| self.answers.read(*byte)).for_each(|answer| learned.from(answer));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.stream.set_nonblocking(false)?;
        end
    }
}

fn waiting(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests;
