//! One thread that owns a printer and is its only writer.
//!
//! | outcome of a copy | the actor |
//! | --- | --- |
//! | confirmed | reports it, goes on |
//! | unknown | reports it, goes on; never sends it again: a person may, and then it says 补打 |
//! | failed before the first byte | reports it once, keeps the copy, tries again with growing waits |
//!
//! Jobs are printed in the order they came. Where jobs survive a restart is the node's business: it records a job before it
//! submits it, and one without a report after a crash is unknown.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use guitai_core::receipt::Receipt;

use super::{
    answers::Condition,
    compose::{PrinterProfile, compose},
    transport::{Document, PrintOutcome, StopFlag, Transport},
};
use crate::stop::Backoff;

/// Jobs waiting for one printer. At 2 s each they print in 4 minutes; more means that nobody looks at the printer.
pub const QUEUE_MAX_JOBS: usize = 128;

/// How a printer is driven.
#[derive(Clone, Copy, Debug)]
pub struct PrinterConfig {
    /// What it can do.
    pub profile: PrinterProfile,
    /// Waits between attempts to reach it.
    pub backoff: Backoff,
}

/// A receipt to print.
#[derive(Clone, Debug)]
pub struct Job {
    /// The node's number of this job.
    pub id: u64,
    /// The first copy; the further ones count on from its copy number.
    pub receipt: Receipt,
    /// How many copies, each with an outcome of its own.
    pub copies: u8,
}

/// What became of one copy of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobReport {
    /// The job.
    pub id: u64,
    /// The copy number printed on it.
    pub copy: u8,
    /// Final, except [`PrintOutcome::FailedBeforeFirstByte`]: such a copy is still queued unless the actor is off.
    pub outcome: PrintOutcome,
}

/// What a printer reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrinterEvent {
    /// A copy has an outcome.
    Report(JobReport),
    /// The printer is in another state.
    StateChanged(PrinterState),
}

/// What is known of a printer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrinterState {
    /// Its last copy was confirmed.
    Ready,
    /// It prints, and says that its paper ends soon.
    NearEnd,
    /// It says that it has no paper; what waits is printed when it has.
    PaperOut,
    /// It says that its cover is open; likewise.
    CoverOpen,
    /// It says that its knife is stuck; likewise.
    CutterError,
    /// It says that something else is wrong; likewise.
    Error,
    /// Nothing was printed yet, or it took the last copy and did not answer.
    Unknown,
    /// It cannot be reached.
    Gone,
    /// The thread has ended.
    Off,
}

impl PrinterState {
    const fn of(condition: Condition) -> Self {
        match condition {
            Condition::Fine => Self::Ready,
            Condition::NearEnd => Self::NearEnd,
            Condition::PaperOut => Self::PaperOut,
            Condition::CoverOpen => Self::CoverOpen,
            Condition::CutterError => Self::CutterError,
            Condition::Error => Self::Error,
        }
    }
}

/// Why a job was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitError {
    /// [`QUEUE_MAX_JOBS`] jobs are waiting.
    QueueFull,
    /// The actor is ending.
    Off,
}

/// A printer at work. Dropping it stops it; what was not begun is reported as failed before the first byte.
#[derive(Debug)]
pub struct PrinterActor {
    queue: Arc<Queue>,
    stop: StopFlag,
    thread: Option<JoinHandle<()>>,
}

impl PrinterActor {
    /// Starts the thread. `sink` is called on that thread and must not block.
    ///
    /// # Errors
    /// The system has no room for a thread.
    pub fn spawn(
        config: PrinterConfig,
        transport: impl Transport + 'static,
        sink: impl Fn(PrinterEvent) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (queue, stop) = (Arc::new(Queue::default()), StopFlag::default());
        let shown = Shown { sink, state: PrinterState::Unknown };
        let worker = Worker { config, transport, shown, queue: Arc::clone(&queue), stop: stop.clone() };
        let thread = std::thread::Builder::new().name("printer".into()).spawn(move || worker.run())?;
        Ok(Self { queue, stop, thread: Some(thread) })
    }

    /// Queues a job; never waits for the printer.
    ///
    /// # Errors
    /// Says why it was not taken; then nothing of it will be printed.
    pub fn submit(&self, job: Job) -> Result<(), SubmitError> {
        let mut waiting = self.queue.lock();
        if self.stop.is_set() {
            return Err(SubmitError::Off);
        }
        if waiting.len() >= QUEUE_MAX_JOBS {
            return Err(SubmitError::QueueFull);
        }
        waiting.extend((0..job.copies).map(|n| Copy::of(&job, n)));
        self.queue.bell.notify_all();
        Ok(())
    }

    /// Takes back the copies of a job that are not being sent; returns how many.
    #[must_use]
    pub fn cancel(&self, id: u64) -> usize {
        let mut waiting = self.queue.lock();
        let before = waiting.len();
        waiting.retain(|copy| copy.id != id || copy.sending);
        before - waiting.len()
    }

    /// Ends the thread and waits for it, at most one connect or write timeout.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // Under the lock, so that the thread is either before its check or already waiting for the bell.
        let waiting = self.queue.lock();
        self.stop.0.set();
        self.queue.bell.notify_all();
        drop(waiting);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the printer's thread had panicked");
        }
    }
}

impl Drop for PrinterActor {
    fn drop(&mut self) {
        self.end();
    }
}

/// One copy waiting. Copies wait one by one, because each has its own outcome.
#[derive(Debug)]
struct Copy {
    id: u64,
    receipt: Receipt,
    sending: bool,
}

impl Copy {
    fn of(job: &Job, n: u8) -> Self {
        let receipt = Receipt { copy: job.receipt.copy.saturating_add(n), ..job.receipt.clone() };
        Self { id: job.id, receipt, sending: false }
    }
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<VecDeque<Copy>>,
    bell: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Copy>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a copy and marks it as being sent.
    fn begin(&self, stop: &StopFlag, patience: Option<Duration>) -> Begun {
        let waiting = self.lock();
        let idle = |waiting: &mut VecDeque<Copy>| waiting.is_empty() && !stop.is_set();
        let mut waiting = match patience {
            None => self.bell.wait_while(waiting, idle).unwrap_or_else(PoisonError::into_inner),
            Some(patience) => {
                self.bell.wait_timeout_while(waiting, patience, idle).unwrap_or_else(PoisonError::into_inner).0
            }
        };
        if stop.is_set() {
            return Begun::Stop;
        }
        let Some(copy) = waiting.front_mut() else { return Begun::Nothing };
        copy.sending = true;
        Begun::Copy(copy.id, Box::new(copy.receipt.clone()))
    }

    /// The copy being sent stays in its place for another attempt.
    fn put_back(&self) {
        if let Some(copy) = self.lock().front_mut() {
            copy.sending = false;
        }
    }
}

/// What came of waiting for a copy.
enum Begun {
    Copy(u64, Box<Receipt>),
    /// None came in this time.
    Nothing,
    Stop,
}

struct Worker<T, S> {
    config: PrinterConfig,
    transport: T,
    shown: Shown<S>,
    queue: Arc<Queue>,
    stop: StopFlag,
}

impl<T: Transport, S: Fn(PrinterEvent)> Worker<T, S> {
    fn run(mut self) {
        self.shown.tell(PrinterEvent::StateChanged(self.shown.state));
        let mut failures = 0;
        let mut failed_copy = None;
        loop {
            let (id, receipt) = match self.queue.begin(&self.stop, self.patience()) {
                Begun::Copy(id, receipt) => (id, receipt),
                Begun::Nothing => {
                    self.look();
                    continue;
                }
                Begun::Stop => break,
            };
            let name = format!("{id}-{}", receipt.copy);
            let document = Document { name, bytes: compose(&receipt, &self.config.profile) };
            let mut said = None;
            let shown = &mut self.shown;
            let outcome = self.transport.send(&document, &self.stop, &mut |condition| {
                said = Some(condition);
                shown.enter(PrinterState::of(condition));
            });
            let report = JobReport { id, copy: receipt.copy, outcome };
            let trouble = said.filter(|condition| !condition.prints()).map(PrinterState::of);
            if outcome == PrintOutcome::FailedBeforeFirstByte {
                failures += 1;
                self.queue.put_back();
                if failed_copy.replace((id, receipt.copy)) != Some((id, receipt.copy)) {
                    self.shown.tell(PrinterEvent::Report(report));
                }
                self.shown.enter(trouble.unwrap_or(PrinterState::Gone));
                self.stop.0.wait(self.config.backoff.after(failures));
                continue;
            }
            failures = 0;
            failed_copy = None;
            self.queue.lock().pop_front();
            self.shown.tell(PrinterEvent::Report(report));
            self.shown.enter(match outcome {
                PrintOutcome::Confirmed if said == Some(Condition::NearEnd) => PrinterState::NearEnd,
                PrintOutcome::Confirmed => PrinterState::Ready,
                PrintOutcome::Unknown | PrintOutcome::FailedBeforeFirstByte => trouble.unwrap_or(PrinterState::Unknown),
            });
        }
        self.give_back();
        self.shown.enter(PrinterState::Off);
    }

    /// A printer that said what is wrong is looked at again, so that nobody reads "no paper" until the next sale.
    const fn patience(&self) -> Option<Duration> {
        match self.shown.state {
            PrinterState::PaperOut | PrinterState::CoverOpen | PrinterState::CutterError | PrinterState::Error => {
                Some(self.config.backoff.longest)
            }
            PrinterState::Ready
            | PrinterState::NearEnd
            | PrinterState::Unknown
            | PrinterState::Gone
            | PrinterState::Off => None,
        }
    }

    fn look(&mut self) {
        let known = self.transport.look().map_or(PrinterState::Unknown, PrinterState::of);
        self.shown.enter(known);
    }

    fn give_back(&self) {
        let left = std::mem::take(&mut *self.queue.lock());
        for copy in left {
            let outcome = PrintOutcome::FailedBeforeFirstByte;
            self.shown.tell(PrinterEvent::Report(JobReport { id: copy.id, copy: copy.receipt.copy, outcome }));
        }
    }
}

/// What people see of the printer.
struct Shown<S> {
    sink: S,
    state: PrinterState,
}

impl<S: Fn(PrinterEvent)> Shown<S> {
    fn tell(&self, event: PrinterEvent) {
        (self.sink)(event);
    }

    fn enter(&mut self, state: PrinterState) {
        if self.state == state {
            return;
        }
        match state {
            PrinterState::Gone => tracing::warn!("the printer cannot be reached; its receipts wait"),
            PrinterState::PaperOut => tracing::warn!("the printer has no paper; its receipts wait"),
            PrinterState::CoverOpen => tracing::warn!("the printer's cover is open; its receipts wait"),
            PrinterState::CutterError => tracing::warn!("the printer's knife is stuck; its receipts wait"),
            PrinterState::Error => tracing::warn!("the printer reports an error; its receipts wait"),
            PrinterState::NearEnd => tracing::info!("the printer's paper ends soon"),
            PrinterState::Ready | PrinterState::Unknown | PrinterState::Off => {}
        }
        self.state = state;
        self.tell(PrinterEvent::StateChanged(state));
    }
}

#[cfg(test)]
mod tests;
