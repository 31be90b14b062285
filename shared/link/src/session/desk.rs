//! The shell's jobs, done by one task in order, beside the one that reads.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use guitai_core::{
    ids::{FactNo, Writer},
    journal::{
        chain::{ChainHash, Seal},
        epoch::Point,
    },
    sync::{
        fault::Fork,
        journal_lane::{Batch, Loaded},
        session::Session,
    },
};
use tokio::{sync::mpsc, task::JoinHandle};
use tracing::warn;

use super::{DocumentTurn, Shell, ShellError};

/// Jobs waiting for the shell beyond which nothing more is read: two full windows.
pub(super) const JOBS_MAX: usize = 32;

/// Tells the session what came of a job.
pub(super) fn apply(session: &mut Session, done: Done) {
    match done {
        Done::Loaded(writer, loaded) => session.loaded(writer, loaded),
        Done::Recalling(known, seal) => session.recall(known, seal),
        Done::Recalled(from, head) => session.give_back(from, head),
        Done::HeadAt(no, head) => session.head_at(no, head),
        Done::Persisted(token) => session.persisted(token),
        Done::Noted => {}
        Done::Documents(turn) => {
            for (doc, bytes) in turn.messages {
                if session.document_message(doc, bytes).is_err() {
                    warn!("a document's message is larger than a frame; the document stays as it is at the other end");
                }
            }
            session.documents_digest(turn.digest);
        }
    }
}

/// What the shell is asked to do.
pub(super) enum Job {
    Load { writer: Writer, from: FactNo, max_bytes: usize },
    Forked(Box<Fork>),
    Recall { known: Vec<Point>, seal: Option<Seal> },
    HeadAt(FactNo),
    Persist(Batch),
    Acked(FactNo),
    SyncDocuments,
    Document { doc: String, bytes: Vec<u8> },
}

/// What came of it.
pub(super) enum Done {
    Loaded(Writer, Option<Loaded>),
    Recalling(Vec<Point>, Option<Seal>),
    Recalled(Option<FactNo>, Option<FactNo>),
    HeadAt(FactNo, Option<ChainHash>),
    Persisted(u64),
    Noted,
    Documents(DocumentTurn),
}

/// The shell's jobs, done by one task in order.
pub(super) struct Desk {
    jobs: mpsc::UnboundedSender<Job>,
    pub(super) results: mpsc::UnboundedReceiver<Result<Done, ShellError>>,
    worker: JoinHandle<()>,
    ending: Arc<AtomicBool>,
    pub(super) waiting: usize,
}

impl Desk {
    pub(super) fn open<S: Shell>(shell: Arc<S>) -> Self {
        let (jobs, to_do) = mpsc::unbounded_channel();
        let (done, results) = mpsc::unbounded_channel();
        let ending = Arc::new(AtomicBool::new(false));
        let worker = tokio::spawn(work(shell, to_do, done, Arc::clone(&ending)));
        Self { jobs, results, worker, ending, waiting: 0 }
    }

    /// The channel has no bound of its own: loads are one at a time, batches within the window, and nothing is read while
    /// more than [`JOBS_MAX`] wait.
    pub(super) fn order(&mut self, job: Job) {
        self.waiting += 1;
        // A worker that died shows at `results`.
        self.jobs.send(job).ok();
    }

    /// What came whole is still made durable; the rest is left.
    pub(super) async fn close(self) {
        let Self { jobs, results, worker, ending, .. } = self;
        ending.store(true, Ordering::Release);
        drop((jobs, results));
        worker.await.ok();
    }
}

async fn work<S: Shell>(
    shell: Arc<S>,
    mut jobs: mpsc::UnboundedReceiver<Job>,
    results: mpsc::UnboundedSender<Result<Done, ShellError>>,
    ending: Arc<AtomicBool>,
) {
    while let Some(job) = jobs.recv().await {
        if ending.load(Ordering::Acquire) && !matches!(job, Job::Persist(_) | Job::Acked(_)) {
            continue;
        }
        let result = match job {
            Job::Load { writer, from, max_bytes } => {
                shell.load(writer, from, max_bytes).await.map(|loaded| Done::Loaded(writer, loaded))
            }
            Job::Forked(fork) => shell.forked(*fork).await.map(|(known, seal)| Done::Recalling(known, seal)),
            Job::Recall { known, seal } => {
                shell.recall(known, seal).await.map(|(from, head)| Done::Recalled(from, head))
            }
            Job::HeadAt(no) => shell.head_at(no).await.map(|head| Done::HeadAt(no, head)),
            Job::Persist(batch) => {
                let token = batch.token;
                shell.persist(batch).await.map(|()| Done::Persisted(token))
            }
            Job::Acked(upto) => shell.acked(upto).await.map(|()| Done::Noted),
            Job::SyncDocuments => shell.sync_documents().await.map(Done::Documents),
            Job::Document { doc, bytes } => shell.document(doc, bytes).await.map(Done::Documents),
        };
        // After a failure nothing later may be written: it would leave a gap.
        let failed = result.is_err();
        results.send(result).ok();
        if failed {
            break;
        }
    }
}
