//! What the hub does for one node's session: keep its facts, and talk about its documents.

use std::sync::{Arc, OnceLock, atomic::Ordering};

use guitai_core::{
    ids::{FactNo, Issuer, StoreId, Writer},
    journal::{
        chain::{ChainHash, Seal},
        epoch::Point,
    },
    sync::{
        frame::Status,
        journal_lane::{Batch, Loaded},
    },
};
use guitai_link::session::{DocumentTurn, Shell, ShellError};
use tracing::{debug, error, warn};

use crate::{
    app::App,
    store::{
        Fence, PeerState, Refused,
        letters::{MessageError, Turn},
    },
};

/// The hub's side of an admitted node.
#[derive(Debug)]
pub(crate) struct NodeShell {
    app: Arc<App>,
    store: StoreId,
    /// The number under which the node serves the store.
    issuer: Issuer,
    fence: Fence,
    peer: PeerState,
    /// Where the documents stood when a message of the node's could not be taken in; nothing is said about them any more.
    aside: OnceLock<[u8; 32]>,
}

impl NodeShell {
    pub(super) fn new(app: Arc<App>, (store, issuer): (StoreId, Issuer), fence: Fence) -> Self {
        Self { app, store, issuer, fence, peer: PeerState::default(), aside: OnceLock::new() }
    }

    fn set_aside(&self) -> Option<DocumentTurn> {
        self.aside.get().map(|digest| DocumentTurn { digest: *digest, messages: Vec::new() })
    }

    fn turn(turn: Turn) -> DocumentTurn {
        DocumentTurn { digest: turn.digest, messages: turn.messages }
    }
}

impl Shell for NodeShell {
    fn opened(&self, _: &str) {
        self.app.announce(&self.store, []);
    }

    /// The hub writes no facts of its own yet, so of its journal there is never one to load, to compare or to be acknowledged.
    /// What a box lost of its own is here.
    async fn load(&self, writer: Writer, from: FactNo, max_bytes: usize) -> Result<Option<Loaded>, ShellError> {
        match writer {
            Writer::Node => {
                let loaded = self.app.store.load(self.store.clone(), from, max_bytes).await;
                loaded.map_err(|error| ShellError(error.to_string()))
            }
            Writer::Hub | Writer::Hosted(_) => Ok(None),
        }
    }

    async fn recall(
        &self,
        known: Vec<Point>,
        seal: Option<Seal>,
    ) -> Result<(Option<FactNo>, Option<FactNo>), ShellError> {
        let found = self.app.store.recall(self.store.clone(), known, seal).await;
        let (from, head, forked) = found.map_err(|error| ShellError(error.to_string()))?;
        let shown = |no: Option<FactNo>| no.map_or_else(|| "-".to_owned(), |no| no.to_string());
        warn!(
            store = %self.store, common = shown(from), held = shown(head), forked,
            "the store's box was put back to an older copy; it gets back what it lost"
        );
        Ok((from, head))
    }

    async fn head_at(&self, _: FactNo) -> Result<Option<ChainHash>, ShellError> {
        Ok(None)
    }

    async fn acked(&self, _: FactNo) -> Result<(), ShellError> {
        Ok(())
    }

    async fn persist(&self, batch: Batch) -> Result<(), ShellError> {
        let last = batch.seal.no;
        self.app.lines.touch(&self.store, &self.fence, self.app.clock.now().up);
        match self.app.store.ingest((self.store.clone(), self.issuer), batch, self.fence.clone()).await {
            Ok(changed) => {
                self.app.storing.store(true, Ordering::Relaxed);
                self.app.announce(&self.store, changed);
                Ok(())
            }
            Err(refused) => {
                if matches!(&refused, Refused::Store(error) if error.is_of_disk()) {
                    self.app.storing.store(false, Ordering::Relaxed);
                }
                error!(store = %self.store, upto = %last, %refused, "facts are not taken");
                Err(ShellError(refused.to_string()))
            }
        }
    }

    async fn sync_documents(&self) -> Result<DocumentTurn, ShellError> {
        if let Some(turn) = self.set_aside() {
            return Ok(turn);
        }
        let turn = self.app.store.speak(self.store.clone(), Arc::clone(&self.peer)).await;
        turn.map(Self::turn).map_err(|error| ShellError(error.to_string()))
    }

    async fn document(&self, doc: String, bytes: Vec<u8>) -> Result<DocumentTurn, ShellError> {
        if let Some(turn) = self.set_aside() {
            return Ok(turn);
        }
        let turn = self.app.store.hear(self.store.clone(), Arc::clone(&self.peer), doc, bytes).await;
        if turn.as_ref().is_ok_and(|turn| turn.changed) {
            debug!(store = %self.store, "the store's announcements changed");
        }
        match turn {
            Ok(turn) => Ok(Self::turn(turn)),
            Err(MessageError::Peer(why)) => {
                // Its facts are money, its document is not: the session goes on without it.
                warn!(store = %self.store, why, "the node's document is set aside until it connects anew");
                let digest = self.app.store.digest(self.store.clone()).await;
                let digest = digest.map_err(|error| ShellError(error.to_string()))?;
                Ok(DocumentTurn { digest: *self.aside.get_or_init(|| digest), messages: Vec::new() })
            }
            Err(MessageError::Store(error)) => Err(ShellError(error.to_string())),
        }
    }

    fn peer_status(&self, status: Status) {
        let now = self.app.clock.now();
        if self.app.lines.heard(&self.store, &self.fence, status, now) {
            self.app.announce(&self.store, []);
        }
    }
}
