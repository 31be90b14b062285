//! Which stores are connected now, and how they fare. A store has one line: the newest wins.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use guitai_core::{
    ids::StoreId,
    sync::frame::{ByeReason, Status},
    time::UtcMs,
};
use guitai_link::session::Event;
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::store::{Fence, roster::Seen};

/// How often a connected store's state is noted in the database, in ms; its line knows it at any time.
const NOTE_EVERY_MS: i64 = 60_000;

/// A connected store.
#[derive(Debug)]
pub(crate) struct Line {
    /// Raised when a newer line takes over.
    pub(crate) fence: Fence,
    /// News for its session.
    pub(crate) events: mpsc::Sender<Event>,
    /// Since when it is connected.
    pub(crate) since: UtcMs,
    /// How it fares.
    pub(crate) seen: Seen,
    /// When that was last noted in the database.
    pub(crate) noted: UtcMs,
}

/// A connected store as shown.
#[derive(Clone, Debug)]
pub(crate) struct LineState {
    /// Since when.
    pub(crate) since: UtcMs,
    /// How it fares.
    pub(crate) seen: Seen,
}

/// What a status was worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// It says something new.
    pub(crate) changed: bool,
    /// It is time to note it in the database.
    pub(crate) note: bool,
}

/// All connected stores.
#[derive(Debug, Default)]
pub(crate) struct Lines(Mutex<HashMap<StoreId, Line>>);

impl Lines {
    /// The fence of a store's line.
    pub(crate) fn fence(&self, store: &StoreId) -> Option<Fence> {
        self.lock().get(store).map(|line| line.fence.clone())
    }

    /// A store connected; an older line of it is hung up.
    pub(crate) fn admit(&self, store: &StoreId, line: Line) {
        if let Some(older) = self.lock().insert(store.clone(), line) {
            info!(%store, "a newer session of this store takes over");
            older.fence.raise();
            // A session too busy to hear it is fenced, and ends when its line's sender is dropped here.
            older.events.try_send(Event::HangUp(ByeReason::Replaced)).ok();
        }
    }

    /// The line with this fence ended; gives back how the store fared, unless a newer one took over.
    pub(crate) fn leave(&self, store: &StoreId, fence: &Fence) -> Option<Seen> {
        let mut lines = self.lock();
        if !lines.get(store)?.fence.is(fence) {
            return None;
        }
        lines.remove(store).map(|line| line.seen)
    }

    /// How a store fares now.
    pub(crate) fn heard(&self, store: &StoreId, fence: &Fence, status: Status, now: UtcMs) -> Option<Heard> {
        let mut lines = self.lock();
        let line = lines.get_mut(store).filter(|line| line.fence.is(fence))?;
        let changed = line.seen.status != status;
        line.seen = Seen { at: now, status };
        let note = now.0.saturating_sub(line.noted.0) >= NOTE_EVERY_MS;
        if note {
            line.noted = now;
        }
        Some(Heard { changed, note })
    }

    /// Tells a store's node that its documents are elsewhere now.
    pub(crate) fn documents_changed(&self, store: &StoreId, digest: [u8; 32]) {
        if let Some(line) = self.lock().get(store)
            && line.events.try_send(Event::Documents(digest)).is_err()
        {
            warn!(%store, "the node's line is stuck; it hears of the change at the next one");
        }
    }

    /// How a store's line is, if there is one.
    pub(crate) fn state(&self, store: &StoreId) -> Option<LineState> {
        self.lock().get(store).map(|line| LineState { since: line.since, seen: line.seen.clone() })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Says goodbye to all.
    pub(crate) fn hang_up(&self) {
        for line in self.lock().values() {
            line.events.try_send(Event::HangUp(ByeReason::Stopping)).ok();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<StoreId, Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
