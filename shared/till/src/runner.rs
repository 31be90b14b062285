//! The engine's thread: drain, decide, commit, release.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use guitai_core::{
    limits,
    time::{Now, Ticks, UtcMs},
};
use guitai_store::StoreError;

use crate::{
    command::Command,
    engine::{Engine, Output, Setup},
};

/// The engine looks up at least this often even with nothing to wait for.
const IDLE: Duration = Duration::from_secs(60);

/// The door to a running engine.
#[derive(Clone, Debug)]
pub struct Handle(Sender<Command>);

/// The engine has ended; nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended;

impl Handle {
    /// Queues a command.
    ///
    /// # Errors
    /// When the engine has ended.
    pub fn send(&self, command: Command) -> Result<(), Ended> {
        self.0.send(command).map_err(|_| Ended)
    }
}

/// Starts the engine on its own thread. Every output comes from a commit; a failed commit or a panic ends in `fatal`, which must not
/// return to normal work, since what is on disk is then unknown.
///
/// # Errors
/// What the journal says while payments are recalled.
pub fn spawn(
    setup: Setup,
    mut output: impl FnMut(Output) + Send + 'static,
    fatal: impl FnOnce(StoreError) + Send + 'static,
) -> Result<(Handle, JoinHandle<()>), StoreError> {
    let clock = Clock::start();
    let mut engine = Engine::resume(setup, clock.now())?;
    let (sender, receiver) = channel();
    let run = move || {
        let turned = catch_unwind(AssertUnwindSafe(|| turn_until_stopped(&mut engine, &receiver, &clock, &mut output)));
        match turned {
            Ok(Ok(())) => {}
            Ok(Err(error)) => fatal(error),
            // Without its engine a node would look alive and time no payment.
            Err(_) => fatal(StoreError::Corrupt("the engine panicked; see above".into())),
        }
    };
    let thread = std::thread::Builder::new().name("till".into()).spawn(run);
    let thread = thread.map_err(|error| StoreError::Corrupt(format!("no thread for the till: {error}")))?;
    Ok((Handle(sender), thread))
}

fn turn_until_stopped(
    engine: &mut Engine,
    queue: &Receiver<Command>,
    clock: &Clock,
    output: &mut impl FnMut(Output),
) -> Result<(), StoreError> {
    engine.commit(&mut *output)?;
    loop {
        let wait = engine.next_wake().map_or(IDLE, |wake| clock.until(wake).min(IDLE));
        let first = match queue.recv_timeout(wait) {
            Ok(command) => Some(command),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        let now = clock.now();
        engine.due(now)?;
        let mut stopping = false;
        let more = std::iter::from_fn(|| queue.try_recv().ok());
        for command in first.into_iter().chain(more).take(limits::COMMIT_MAX_INPUTS) {
            stopping |= matches!(command, Command::Stop);
            engine.handle(now, command)?;
        }
        engine.commit(&mut *output)?;
        if stopping {
            return Ok(());
        }
    }
}

/// Both clocks of this process.
#[derive(Debug)]
struct Clock(Instant);

impl Clock {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn now(&self) -> Now {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = UtcMs(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX));
        Now { wall, up: self.up() }
    }

    fn up(&self) -> Ticks {
        Ticks(u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Rounded up to the next millisecond, so that a wait that ends is over.
    fn until(&self, wake: Ticks) -> Duration {
        Duration::from_millis(wake.0.saturating_sub(self.up().0).saturating_add(1))
    }
}
