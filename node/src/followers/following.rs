//! How a follower waits for news, off the engine's thread and off the threads that answer requests.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use guitai_core::ids::{FactNo, JournalId};
use guitai_store::{
    Database, Reader, StoreError,
    follower::{Begins, Follower, News},
};
use tokio::sync::watch;

/// Facts read at a time, some 100 kB.
const FACTS_AT_ONCE: usize = 256;

/// From a commit to its reading. A charge commits twice within some milliseconds, and somebody stands at the counter for its answer:
/// what follows takes no core from it, and is read once for many.
const GATHERED: Duration = Duration::from_millis(20);

/// After a failed read, until the next one.
const RETRY: Duration = Duration::from_secs(1);

/// Where followers read.
pub(crate) struct Source {
    /// The journal this box writes.
    pub(crate) journal: JournalId,
    pub(crate) reader: Arc<Reader>,
    /// Where cursors lie.
    pub(crate) side: Database,
    /// Moves with every commit.
    pub(crate) committed: watch::Receiver<FactNo>,
}

impl Source {
    /// A follower whose cursor outlives the process. One that is lost starts at the journal's end, and says so.
    pub(crate) fn resume(&self, name: &'static str) -> Result<Following, StoreError> {
        let (follower, begins) =
            self.reader.read(|connection| Follower::resume(name, self.journal.clone(), &self.side, connection))?;
        match begins {
            Begins::Resumed(at) => tracing::info!(follower = name, %at, "goes on behind"),
            Begins::AtEnd(at) => {
                tracing::warn!(follower = name, %at, "has no cursor and starts at the journal's end; what lies before is left alone");
            }
        }
        Ok(self.following(follower, true))
    }

    /// A follower that hears what happens from now on.
    pub(crate) fn at_end(&self, name: &'static str) -> Result<Following, StoreError> {
        let follower = self.reader.read(|connection| Follower::at_end(name, self.journal.clone(), connection))?;
        Ok(self.following(follower, false))
    }

    fn following(&self, follower: Follower, lasting: bool) -> Following {
        let (reader, committed) = (Arc::clone(&self.reader), self.committed.clone());
        Following { at: follower.at(), follower: Arc::new(Mutex::new(follower)), reader, committed, lasting }
    }
}

/// One follower at work.
pub(crate) struct Following {
    follower: Arc<Mutex<Follower>>,
    reader: Arc<Reader>,
    committed: watch::Receiver<FactNo>,
    at: FactNo,
    /// Whether its cursor is written down.
    lasting: bool,
}

impl Following {
    /// Waits for facts behind the cursor; none once the engine has ended.
    pub(crate) async fn next(&mut self) -> Option<News> {
        loop {
            self.committed.borrow_and_update();
            let reader = Arc::clone(&self.reader);
            let read =
                move |follower: &mut Follower| reader.read(|connection| follower.next(connection, FACTS_AT_ONCE));
            match self.work(read).await {
                Ok(news) if news.healed || news.upto != self.at => return Some(news),
                Ok(_) => {
                    self.committed.changed().await.ok()?;
                    tokio::time::sleep(GATHERED).await;
                }
                Err(error) => {
                    tracing::error!(%error, "a follower cannot read the journal; it tries again");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// Everything up to this fact is done.
    pub(crate) async fn done(&mut self, no: FactNo) {
        self.at = no;
        let done = if self.lasting {
            self.work(move |follower| follower.done(no)).await
        } else {
            lock(&self.follower).done(no)
        };
        if let Err(error) = done {
            // What is done now may be done once more after a restart.
            tracing::error!(%error, "a follower's cursor cannot be kept");
        }
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Follower) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let follower = Arc::clone(&self.follower);
        let done = tokio::task::spawn_blocking(move || work(&mut lock(&follower))).await;
        done.expect("a panic in there is a bug, and ends this task too")
    }
}

fn lock(follower: &Mutex<Follower>) -> std::sync::MutexGuard<'_, Follower> {
    follower.lock().unwrap_or_else(PoisonError::into_inner)
}
