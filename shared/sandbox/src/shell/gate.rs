//! How the line is, for whoever asks, and the way to change it.

use guitai_sandbox::control::LineCondition;
use tokio::sync::{mpsc, oneshot, watch};

/// Changes of the line wait here for the accept loop; one at a time is enough for a person or a test.
const CHANGES_MAX: usize = 8;

/// A change of the line, and who waits for it.
pub(super) type Change = (LineCondition, oneshot::Sender<Result<(), String>>);

/// How the line is, and the way to change it.
pub(super) struct Gate {
    line: watch::Receiver<LineCondition>,
    changes: mpsc::Sender<Change>,
}

/// The accept loop's end of a [`Gate`].
pub(super) struct Latch {
    pub(super) line: watch::Sender<LineCondition>,
    pub(super) changes: mpsc::Receiver<Change>,
}

impl Gate {
    pub(super) fn new() -> (Self, Latch) {
        let (line, seen) = watch::channel(LineCondition::default());
        let (sender, changes) = mpsc::channel(CHANGES_MAX);
        (Self { line: seen, changes: sender }, Latch { line, changes })
    }

    pub(super) fn line(&self) -> LineCondition {
        *self.line.borrow()
    }

    /// Changes the line, and comes back when it is changed.
    pub(super) async fn change(&self, line: LineCondition) -> Result<(), String> {
        let (done, changed) = oneshot::channel();
        let gone = || "the accept loop has ended".to_owned();
        self.changes.send((line, done)).await.map_err(|_| gone())?;
        changed.await.map_err(|_| gone())?
    }

    pub(super) fn watch(&self) -> watch::Receiver<LineCondition> {
        self.line.clone()
    }
}
