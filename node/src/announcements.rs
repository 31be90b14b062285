//! The store's announcements: one document, edited here and at headquarters, synced over the hub's session.
//!
//! The document is opened once and kept; every change is stored before it is sent or shown.

use std::sync::{Mutex, MutexGuard, PoisonError};

use guitai_core::{
    ids::{AccountId, StoreId},
    time::UtcMs,
};
use guitai_documents::{Announcement, Document, EditError, PeerSync};
use guitai_store::{Database, document, query::Connection};
use tokio::sync::watch;

/// Stored pieces after which a document is written anew in one.
const COMPACT_AFTER: u64 = 64;

/// The peer of this document.
const HUB: &str = "hub";

/// The announcements.
pub(crate) struct Announcements {
    id: String,
    state: Mutex<Inner>,
    changed: watch::Sender<u64>,
}

struct Inner {
    connection: Connection,
    document: Document,
    peer: PeerSync,
    /// Whether changes were taken from the document that could not be stored.
    unsaved: bool,
}

impl Announcements {
    /// Opens the store's document.
    pub(crate) fn open(side: &Database, store: &StoreId) -> anyhow::Result<Self> {
        let id = guitai_documents::announcements_id(store);
        let connection = side.shared_writer()?;
        let mut actor = [0; 16];
        getrandom::fill(&mut actor)?;
        let mut document = Document::open(&document::load(&connection, &id)?, actor)?;
        let peer = peer(&connection, &id, &mut document)?;
        let state = Mutex::new(Inner { connection, document, peer, unsaved: false });
        Ok(Self { id, state, changed: watch::Sender::new(0) })
    }

    /// The document's name in the sync session.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Counts changes; the sync session and the pages look again when it moves.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// All announcements, newest first.
    pub(crate) fn list(&self) -> Vec<Announcement> {
        self.inner().document.announcements()
    }

    /// Edits title or body.
    pub(crate) fn edit(
        &self,
        id: &str,
        title: Option<&str>,
        body: Option<&str>,
        at: UtcMs,
    ) -> anyhow::Result<Result<(), EditError>> {
        self.change(|document| document.edit(id, title, body, at))
    }

    /// Marks one as read by an account.
    pub(crate) fn mark_read(&self, id: &str, account: &AccountId, at: UtcMs) -> anyhow::Result<Result<(), EditError>> {
        self.change(|document| document.mark_read(id, account, at))
    }

    fn change(
        &self,
        edit: impl FnOnce(&mut Document) -> Result<(), EditError>,
    ) -> anyhow::Result<Result<(), EditError>> {
        let mut inner = self.inner();
        if let Err(error) = edit(&mut inner.document) {
            return Ok(Err(error));
        }
        inner.keep(&self.id)?;
        drop(inner);
        self.changed.send_modify(|count| *count += 1);
        Ok(Ok(()))
    }

    /// Begins a session with the hub: what it was known to have is taken up.
    pub(crate) fn begin_session(&self) -> anyhow::Result<()> {
        let mut inner = self.inner();
        let Inner { connection, document, .. } = &mut *inner;
        inner.peer = peer(connection, &self.id, document)?;
        Ok(())
    }

    /// A digest over the document's heads.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let heads = self.inner().document.heads_digest();
        guitai_documents::digest(&[(&self.id, heads)])
    }

    /// The next message for the hub, if it may lack something.
    pub(crate) fn message(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let mut inner = self.inner();
        let Inner { document, peer, .. } = &mut *inner;
        let message = guitai_documents::generate(document, peer);
        inner.keep_peer(&self.id)?;
        Ok(message)
    }

    /// Takes a message of the hub; its changes are stored before this returns.
    pub(crate) fn receive(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut inner = self.inner();
        let Inner { document, peer, .. } = &mut *inner;
        let changed = guitai_documents::receive(document, peer, bytes)?.0;
        inner.keep(&self.id)?;
        inner.keep_peer(&self.id)?;
        drop(inner);
        if changed {
            self.changed.send_modify(|count| *count += 1);
        }
        Ok(())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn keep(&mut self, id: &str) -> anyhow::Result<()> {
        let Some(changes) = self.document.take_changes() else { return Ok(()) };
        let pieces = if self.unsaved { Ok(u64::MAX) } else { document::append(&self.connection, id, &changes) };
        // Changes taken and not stored would be missing under all later ones: the next time, the whole is stored.
        self.unsaved = true;
        if pieces? > COMPACT_AFTER {
            document::compact(&mut self.connection, id, &self.document.compact())?;
        }
        self.unsaved = false;
        Ok(())
    }

    fn keep_peer(&self, id: &str) -> anyhow::Result<()> {
        document::set_peer_state(&self.connection, id, HUB, &self.peer.encode())?;
        Ok(())
    }
}

fn peer(connection: &Connection, id: &str, document: &mut Document) -> anyhow::Result<PeerSync> {
    let stored = document::peer_state(connection, id, HUB)?;
    Ok(stored.map_or_else(PeerSync::new, |state| PeerSync::resume(&state, document)))
}
