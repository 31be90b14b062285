//! Standard output and standard error. Whoever closes the pipe has seen enough; a full disk is an error like any other.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

/// Why something was not said.
#[derive(Debug)]
pub enum Unsaid {
    /// The reader closed its end: the program ends quietly, and well.
    NobodyListens,
    /// It cannot be written; what the system says.
    Failed(io::Error),
}

impl Unsaid {
    /// Says what can be said of it; the code to end with.
    #[must_use]
    pub fn exit(&self, program: &str) -> ExitCode {
        match self {
            Self::NobodyListens => ExitCode::SUCCESS,
            Self::Failed(_) => {
                note(program, &self.to_string());
                ExitCode::FAILURE
            }
        }
    }
}

impl From<io::Error> for Unsaid {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::NobodyListens } else { Self::Failed(error) }
    }
}

impl fmt::Display for Unsaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NobodyListens => f.write_str("标准输出已关闭 / standard output was closed"),
            Self::Failed(error) => write!(f, "标准输出写不进去 / standard output cannot be written: {error}"),
        }
    }
}

impl std::error::Error for Unsaid {}

/// Writes a line to standard output, at once.
///
/// # Errors
/// See [`Unsaid`].
pub fn say(line: &str) -> Result<(), Unsaid> {
    print(&format!("{line}\n"))
}

/// Writes a text to standard output as it is, at once.
///
/// # Errors
/// See [`Unsaid`].
pub fn print(text: &str) -> Result<(), Unsaid> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Unsaid::from)
}

/// Writes a line to standard error, for people.
pub fn note(program: &str, line: &str) {
    // Nobody listens: nothing left to tell.
    writeln!(io::stderr().lock(), "{program}: {line}").ok();
}

/// Writes a line of a picture to standard error, as it is.
pub fn draw(line: &str) {
    writeln!(io::stderr().lock(), "{line}").ok();
}

/// Whether a person looks at standard output and at standard error.
#[must_use]
pub fn is_terminal() -> bool {
    io::stdout().is_terminal() && io::stderr().is_terminal()
}

/// Standard output for a report that is made to its end whether somebody reads it or not.
#[derive(Debug, Default)]
pub struct Report(Option<Unsaid>);

impl Report {
    /// # Errors
    /// What kept the report from being said, if a reader was there for it.
    pub fn end(self) -> Result<(), Unsaid> {
        match self.0 {
            None | Some(Unsaid::NobodyListens) => Ok(()),
            Some(failed @ Unsaid::Failed(_)) => Err(failed),
        }
    }
}

impl Write for Report {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.is_none()
            && let Err(error) = io::stdout().write_all(bytes)
        {
            self.0 = Some(error.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.0.is_none()
            && let Err(error) = io::stdout().flush()
        {
            self.0 = Some(error.into());
        }
        Ok(())
    }
}
