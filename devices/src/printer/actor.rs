//! One thread that owns a printer and is its only writer.
//!
//! | outcome of a copy | the actor |
//! | --- | --- |
//! | confirmed | reports it, goes on |
//! | unknown | reports it, goes on; never sends it again |
//! | failed before the first byte | reports it once, keeps the copy, tries again with growing waits |
//!
//! Jobs are printed in the order they came. Where jobs survive a restart is the node's business: it records a job before it
//! submits it, and one without a report after a crash is unknown.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use guitai_core::receipt::Receipt;

use super::{
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
    /// Nothing was printed yet, or it took the last copy and did not answer.
    Unknown,
    /// It cannot be reached.
    Gone,
    /// The thread has ended.
    Off,
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
        let worker = Worker {
            config,
            transport,
            sink,
            queue: Arc::clone(&queue),
            stop: stop.clone(),
            state: PrinterState::Unknown,
        };
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

    /// Waits for a copy and marks it as being sent; `None` when it is time to stop.
    fn begin(&self, stop: &StopFlag) -> Option<(u64, Receipt)> {
        let waiting = self.lock();
        let idle = |waiting: &mut VecDeque<Copy>| waiting.is_empty() && !stop.is_set();
        let mut waiting = self.bell.wait_while(waiting, idle).unwrap_or_else(PoisonError::into_inner);
        if stop.is_set() {
            return None;
        }
        let copy = waiting.front_mut()?;
        copy.sending = true;
        Some((copy.id, copy.receipt.clone()))
    }

    /// The copy being sent stays in its place for another attempt.
    fn put_back(&self) {
        if let Some(copy) = self.lock().front_mut() {
            copy.sending = false;
        }
    }
}

struct Worker<T, S> {
    config: PrinterConfig,
    transport: T,
    sink: S,
    queue: Arc<Queue>,
    stop: StopFlag,
    state: PrinterState,
}

impl<T: Transport, S: Fn(PrinterEvent)> Worker<T, S> {
    fn run(mut self) {
        (self.sink)(PrinterEvent::StateChanged(self.state));
        let mut failures = 0;
        let mut failed_copy = None;
        while let Some((id, receipt)) = self.queue.begin(&self.stop) {
            let name = format!("{id}-{}", receipt.copy);
            let document = Document { name, bytes: compose(&receipt, &self.config.profile) };
            let outcome = self.transport.send(&document, &self.stop);
            let report = JobReport { id, copy: receipt.copy, outcome };
            if outcome == PrintOutcome::FailedBeforeFirstByte {
                failures += 1;
                self.queue.put_back();
                if failed_copy.replace((id, receipt.copy)) != Some((id, receipt.copy)) {
                    (self.sink)(PrinterEvent::Report(report));
                }
                self.enter(PrinterState::Gone);
                self.stop.0.wait(self.config.backoff.after(failures));
                continue;
            }
            failures = 0;
            failed_copy = None;
            self.queue.lock().pop_front();
            (self.sink)(PrinterEvent::Report(report));
            self.enter(if outcome == PrintOutcome::Confirmed { PrinterState::Ready } else { PrinterState::Unknown });
        }
        self.give_back();
        self.enter(PrinterState::Off);
    }

    fn give_back(&self) {
        let left = std::mem::take(&mut *self.queue.lock());
        for copy in left {
            let outcome = PrintOutcome::FailedBeforeFirstByte;
            (self.sink)(PrinterEvent::Report(JobReport { id: copy.id, copy: copy.receipt.copy, outcome }));
        }
    }

    fn enter(&mut self, state: PrinterState) {
        if self.state == state {
            return;
        }
        if state == PrinterState::Gone {
            tracing::warn!("the printer cannot be reached; its receipts wait");
        }
        self.state = state;
        (self.sink)(PrinterEvent::StateChanged(state));
    }
}

#[cfg(test)]
mod tests;
