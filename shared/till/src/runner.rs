//! The engine's thread: drain, decide, commit, release.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::JoinHandle,
    time::Duration,
};

use guitai_core::{limits, time::Ticks};
use guitai_store::StoreError;

use crate::{
    clock::{Clock, Look},
    command::Command,
    engine::{Engine, Output, Setup},
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
    let look = clock.look();
    let mut engine = Engine::resume(setup, look.now)?;
    stamp(&engine, &clock, &look);
    let (queue, receiver) = channel();
    let handle = Handle { queue, clock: clock.clone() };
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
    Ok((handle, thread))
}

fn turn_until_stopped(
    engine: &mut Engine,
    queue: &Receiver<Command>,
    clock: &Clock,
    output: &mut impl FnMut(Output),
) -> Result<(), StoreError> {
    engine.commit(&mut *output)?;
    loop {
        let wait = engine.next_wake().map_or(IDLE, |wake| until(clock.up(), wake).min(IDLE));
        let first = match queue.recv_timeout(wait) {
            Ok(command) => Some(command),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        if first.is_none() && engine.next_wake().is_none_or(|wake| wake > clock.up()) {
            continue;
        }
        let mut look = look(engine, clock);
        engine.due(look.now)?;
        let mut stopping = false;
        let more = std::iter::from_fn(|| queue.try_recv().ok());
        for command in first.into_iter().chain(more).take(limits::COMMIT_MAX_INPUTS) {
            stopping |= matches!(command, Command::Stop);
            if let Command::TimeTold { said, by, asked } = command {
                stamp(engine, clock, &look);
                let correction = clock.witness(said, by, asked);
                look = self::look(engine, clock);
                if let Some(correction) = correction {
                    tracing::warn!(since_ms = correction.since.0, correction.by_ms, "facts were stamped in doubt");
                    engine.correct_days(look.now, correction)?;
                }
                continue;
            }
            engine.handle(look.now, command)?;
        }
        stamp(engine, clock, &look);
        engine.commit(&mut *output)?;
        if stopping {
            return Ok(());
        }
    }
}

/// Time for the next facts, and whether it is in doubt.
fn look(engine: &mut Engine, clock: &Clock) -> Look {
    let look = clock.look();
    engine.clock_stands(look.now, look.doubted);
    look
}

/// Time goes on from what facts bear, and only from that.
fn stamp(engine: &Engine, clock: &Clock, look: &Look) {
    if engine.has_news() {
        clock.stamped(look);
    }
}

/// Rounded up to the next millisecond, so that a wait that ends is over.
const fn until(up: Ticks, wake: Ticks) -> Duration {
    Duration::from_millis(wake.0.saturating_sub(up.0).saturating_add(1))
}
