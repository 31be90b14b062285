//! The shell's jobs, done by one task in order, beside the one that reads.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use guitai_core::sync::drive::{Done, Job};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{Shell, ShellError};

/// The shell's jobs, done by one task in order.
pub(super) struct Desk {
    jobs: mpsc::UnboundedSender<Job>,
    pub(super) results: mpsc::UnboundedReceiver<Result<Done, ShellError>>,
    worker: JoinHandle<()>,
    ending: Arc<AtomicBool>,
}

impl Desk {
    pub(super) fn open<S: Shell>(shell: Arc<S>) -> Self {
        let (jobs, to_do) = mpsc::unbounded_channel();
        let (done, results) = mpsc::unbounded_channel();
        let ending = Arc::new(AtomicBool::new(false));
        let worker = tokio::spawn(work(shell, to_do, done, Arc::clone(&ending)));
        Self { jobs, results, worker, ending }
    }

    /// The channel has no bound of its own: loads are one at a time, batches within the window, and the drive reads nothing
    /// while more than [`guitai_core::sync::drive::JOBS_MAX`] wait.
    pub(super) fn order(&self, job: Job) {
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
        if ending.load(Ordering::Acquire) && !job.outlives_its_session() {
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
