//! The till's thread: drain its queue, turn, again.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
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
    clock: Clock,
}

/// The engine has ended; nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended;

impl Handle {
    /// Queues a command.
    ///
    /// # Errors
    /// When the engine has ended.
    pub fn send(&self, command: Command) -> Result<(), Ended> {
        self.queue.send(command).map_err(|_| Ended)
    }

    /// The engine's clock.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
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
    let clock = Clock::start(setup.journal.last_at()?, setup.last_offset_ms);
    let mut till = Till::resume(setup, clock.clone())?;
    let (queue, receiver) = channel();
    let handle = Handle { queue, clock };
    let run = move || {
        let turned = catch_unwind(AssertUnwindSafe(|| turn_until_stopped(&mut till, &receiver, &mut output)));
        match turned {
            Ok(Ok(())) => {}
            Ok(Err(error)) => fatal(error),
            // Without its engine a node would look alive and time no payment.
            Err(_) => fatal(StoreError::Corrupt("the engine panicked; see above".into())),
        }
    };
    let thread = std::thread::Builder::new().name("till".into()).spawn(run);
    let thread = thread.map_err(|error| StoreError::Corrupt(format!("no thread for the till: {error}")))?;
    Ok((handle, thread))
}

fn turn_until_stopped(
    till: &mut Till,
    queue: &Receiver<Command>,
    output: &mut impl FnMut(Output),
) -> Result<(), StoreError> {
    // What the start recalled is asked about.
    till.turn([], &mut *output)?;
    loop {
        let wait = till.next_wake().map_or(IDLE, |wake| until(till.clock().up(), wake).min(IDLE));
        let first = match queue.recv_timeout(wait) {
            Ok(command) => Some(command),
            Err(RecvTimeoutError::Timeout) if till.is_due() => None,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        let mut stopping = false;
        let more = std::iter::from_fn(|| queue.try_recv().ok());
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
