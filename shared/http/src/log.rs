//! The log of a program that serves: whoever reads it, or does not, never holds it up.
//!
//! Lines are handed to a thread that writes them. When it cannot keep up, since nobody reads the pipe or the disk is full, lines are
//! dropped and the program goes on. A file is rotated by size, so that a log never fills the disk that the journal needs.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::Deserialize;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{EnvFilter, LevelFilter};

/// Lines that may wait to be written; more are dropped.
const LINES_WAITING_MAX: usize = 10_000;

/// A log file is put aside when it has so many bytes.
const FILE_MAX_BYTES: u64 = 10 * 1024 * 1024;

/// Files put aside that are kept beside the one that is written.
const KEPT_MAX: usize = 9;

/// Ends the thread that writes, when the program ends.
static WRITER: Mutex<Option<WorkerGuard>> = Mutex::new(None);

/// The section `[log]` of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSection {
    /// How a line looks.
    #[serde(default)]
    pub format: Format,
    /// What is left out.
    #[serde(default)]
    pub level: Level,
    /// Where lines go; without it, to standard error. Relative to the configuration's folder.
    pub file: Option<PathBuf>,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// For people.
    #[default]
    Pretty,
    /// A JSON object.
    Json,
}

/// What the log leaves out: everything less grave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "as everywhere in the field")]
pub enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// The log's file cannot be written.
#[derive(Debug)]
pub struct LogError(PathBuf, io::Error);

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[log] file = {:?}: {}; name one that this program may write", self.0, self.1)
    }
}

impl std::error::Error for LogError {}

/// Starts the log of this process; the environment's `RUST_LOG` goes before the section's level.
///
/// # Errors
/// The file cannot be written.
pub fn start(section: &LogSection) -> Result<(), LogError> {
    let level = match section.level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    let (lines, guard) = match &section.file {
        Some(file) => queue(Rotated::open(file).map_err(|error| LogError(file.clone(), error))?),
        None => queue(io::stderr()),
    };
    *WRITER.lock().unwrap_or_else(PoisonError::into_inner) = Some(guard);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::default().add_directive(level.into()));
    let colors = section.file.is_none() && io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines).with_ansi(colors);
    match section.format {
        Format::Pretty => log.init(),
        Format::Json => log.json().init(),
    }
    Ok(())
}

fn queue(to: impl Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default().lossy(true).buffered_lines_limit(LINES_WAITING_MAX).thread_name("log").finish(to)
}

/// Lets what waits be written, for a second at the most; what is said afterwards is lost. For whoever ends the process.
pub fn finish() {
    drop(WRITER.lock().unwrap_or_else(PoisonError::into_inner).take());
}

/// A file that is put aside when it is long.
#[derive(Debug)]
struct Rotated {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Rotated {
    fn open(path: &Path) -> io::Result<Self> {
        // Names of people and payments: for nobody else on the machine.
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, bytes })
    }

    /// `log` becomes `log.1`, that `log.2`, and so on; the oldest goes.
    fn rotate(&mut self) -> io::Result<()> {
        let name = |number: usize| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        for number in (1..KEPT_MAX).rev() {
            match std::fs::rename(name(number), name(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        std::fs::rename(&self.path, name(1))?;
        *self = Self::open(&self.path)?;
        Ok(())
    }
}

impl Write for Rotated {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.bytes >= FILE_MAX_BYTES && self.rotate().is_err() {
            // It cannot be put aside: rather no log than a full disk.
            return Ok(line.len());
        }
        let written = self.file.write(line)?;
        self.bytes += u64::try_from(written).unwrap_or(u64::MAX);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_put_aside_when_it_is_long_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("guitai.log");
        let mut log = Rotated::open(&path).unwrap();
        let line = vec![b'x'; usize::try_from(FILE_MAX_BYTES / 2).unwrap()];
        for _ in 0..27 {
            log.write_all(&line).unwrap();
        }
        drop(log);
        let mut sizes: Vec<(String, u64)> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.metadata().unwrap().len()))
            .collect();
        sizes.sort();
        assert_eq!(sizes.len(), 1 + KEPT_MAX, "{sizes:?}");
        assert!(sizes.iter().all(|(_, bytes)| *bytes <= FILE_MAX_BYTES), "{sizes:?}");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        // It goes on where it was.
        let mut log = Rotated::open(&path).unwrap();
        assert_eq!(log.bytes, sizes[0].1);
        log.write_all(b"more").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), sizes[0].1 + 4);
    }
}
