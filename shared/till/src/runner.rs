//! The till's thread: drain its queue, turn, again.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use guitai_core::{limits, time::Ticks};
use guitai_store::StoreError;

use crate::{
    clock::Clock,
    command::Command,
    engine::{Output, Setup},
    till::Till,
};

/// The engine looks up at least this often even with nothing to wait for.
const IDLE: Duration = Duration::from_secs(60);

/// The door to a running engine.
#[derive(Clone, Debug)]
pub struct Handle {
    queue: Sender<Command>,
    /// Requests in the queue.
    waiting: Arc<AtomicUsize>,
    clock: Clock,
}

/// A command was not queued; nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// [`limits::ENGINE_REQUESTS_MAX`] requests are waiting.
    Full,
    /// The engine has ended.
    Ended,
}

impl Handle {
    /// Queues a command.
    ///
    /// # Errors
    /// When the engine has ended, or has too much to do for one more request.
    pub fn send(&self, command: Command) -> Result<(), NotTaken> {
        let request = command.is_request();
        if request && self.waiting.fetch_add(1, Ordering::Relaxed) >= limits::ENGINE_REQUESTS_MAX {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(NotTaken::Full);
        }
        self.queue.send(command).map_err(|_| NotTaken::Ended)
    }

    /// The engine's clock.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }
}

/// Why the engine's thread ended: what is on disk is then unknown.
#[derive(Debug)]
pub enum Fatal {
    /// The journal failed.
    Store(StoreError),
    /// A bug of ours; the panic's own words went to standard error.
    Panicked,
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Panicked => f.write_str("the engine panicked; see above"),
        }
    }
}

/// Why the engine did not start.
#[derive(Debug)]
pub enum Unstarted {
    /// The journal cannot be read or written.
    Store(StoreError),
    /// The system has no room for a thread.
    Thread(std::io::Error),
}

impl fmt::Display for Unstarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Thread(error) => write!(f, "no thread for the till: {error}"),
        }
    }
}

impl std::error::Error for Unstarted {}

impl From<StoreError> for Unstarted {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Starts the engine on its own thread. Every output comes from a commit; a failed commit or a panic ends in `fatal`, which must not
/// return to normal work, since what is on disk is then unknown.
///
/// # Errors
/// What the journal says while payments are recalled, or that there is no thread to be had.
pub fn spawn(
    setup: Setup,
    mut output: impl FnMut(Output) + Send + 'static,
    fatal: impl FnOnce(Fatal) + Send + 'static,
) -> Result<(Handle, JoinHandle<()>), Unstarted> {
    let clock = Clock::start(setup.journal.last_at()?, setup.last_offset_ms);
    let mut till = Till::resume(setup, clock.clone())?;
    let (sender, commands) = channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let handle = Handle { queue: sender, waiting: Arc::clone(&waiting), clock };
    let queue = Queue { commands, waiting };
    let run = move || {
        let turned = catch_unwind(AssertUnwindSafe(|| turn_until_stopped(&mut till, &queue, &mut output)));
        match turned {
            Ok(Ok(())) => {}
            Ok(Err(error)) => fatal(Fatal::Store(error)),
            // Without its engine a node would look alive and time no payment.
            Err(_) => fatal(Fatal::Panicked),
        }
    };
    let thread = std::thread::Builder::new().name("till".into()).spawn(run);
    Ok((handle, thread.map_err(Unstarted::Thread)?))
}

/// The engine's end of the queue.
struct Queue {
    commands: Receiver<Command>,
    waiting: Arc<AtomicUsize>,
}

impl Queue {
    fn wait(&self, at_most: Duration) -> Result<Command, RecvTimeoutError> {
        self.commands.recv_timeout(at_most).inspect(|command| self.taken(command))
    }

    fn next(&self) -> Option<Command> {
        self.commands.try_recv().ok().inspect(|command| self.taken(command))
    }

    fn taken(&self, command: &Command) {
        if command.is_request() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn turn_until_stopped(till: &mut Till, queue: &Queue, output: &mut impl FnMut(Output)) -> Result<(), StoreError> {
    // What the start recalled is asked about.
    till.turn([], &mut *output)?;
    loop {
        let wait = till.next_wake().map_or(IDLE, |wake| until(till.clock().up(), wake).min(IDLE));
        let first = match queue.wait(wait) {
            Ok(command) => Some(command),
            Err(RecvTimeoutError::Timeout) if till.is_due() => None,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        let mut stopping = false;
        let more = std::iter::from_fn(|| queue.next());
        let commands = first.into_iter().chain(more).take(limits::COMMIT_MAX_INPUTS);
        till.turn(commands.inspect(|command| stopping |= matches!(command, Command::Stop)), &mut *output)?;
        if stopping {
            return Ok(());
        }
    }
}

/// Rounded up to the next millisecond, so that a wait that ends is over.
const fn until(up: Ticks, wake: Ticks) -> Duration {
    Duration::from_millis(wake.0.saturating_sub(up.0).saturating_add(1))
}
