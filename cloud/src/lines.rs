//! Which stores are connected now, and how they fare. A store has one line. Of two boxes with one key the second is refused
//! while the first is heard; a program started again in the same folder takes its own place over.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use guitai_core::{
    ids::{Issuer, StoreId},
    sync::{
        contract::Claim,
        frame::{ByeReason, Status},
    },
    time::{DayRule, Now, Ticks, UtcMs},
    trust::{Instance, KeyBytes},
};
use guitai_link::session::{EVENTS_MAX, Event};
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::store::{Fence, roster::Seen};

/// A line that said nothing for so long gives way to any box with its key, in ms: a node says how it fares every 4 s.
const SILENT_MS: u64 = 10_000;

/// Processes remembered whose place another took in the same folder.
const SUPERSEDED_MAX: usize = 8;

/// A connected store.
#[derive(Debug)]
struct Connected {
    /// Raised when a newer line takes over.
    fence: Fence,
    /// News for its session.
    events: mpsc::Sender<Event>,
    /// Since when it is connected.
    since: UtcMs,
    /// How it fares, once it has said so: until then nobody knows of a backlog, and none is better than zero.
    seen: Option<Seen>,
    /// Of when that is which was last noted in the database.
    noted: Option<UtcMs>,
    /// Who sits there.
    sitter: Sitter,
    /// The number under which it serves the store.
    issuer: Issuer,
    /// When it was last heard.
    heard: Ticks,
    /// When another box with the same key last tried to come in.
    duplicate: Option<UtcMs>,
}

/// Who calls for a store's line, as far as the line has to know it later.
#[derive(Clone, Debug)]
pub struct Sitter {
    /// The node's key.
    key: KeyBytes,
    /// Which program on which folder.
    instance: Instance,
    /// The program's version.
    app_version: String,
    /// Processes of the same folder whose place it took. A folder has one program at a time, so none of them may come back.
    superseded: Vec<[u8; 16]>,
}

/// Whether a store's line is free for a caller.
#[derive(Clone, Debug)]
pub enum Seat {
    /// It may come in, if the roster says so too; an older line, if there is one, gives way.
    Free {
        /// The older line's fence.
        older: Option<Fence>,
        /// Who then sits there.
        sitter: Sitter,
    },
    /// Another box with the same key sits there.
    Taken,
}

/// A place on a line.
#[derive(Debug)]
pub struct Seated {
    /// The store.
    pub store: StoreId,
    /// The number under which the node serves it.
    pub issuer: Issuer,
    /// Raised when a newer line takes over.
    pub fence: Fence,
    /// What the hub has to say to the node.
    pub events: mpsc::Receiver<Event>,
}

/// A connected store as shown.
#[derive(Clone, Debug)]
pub(crate) struct LineState {
    /// Since when.
    pub(crate) since: UtcMs,
    /// How it fares, once it has said so.
    pub(crate) seen: Option<Seen>,
    /// The node's version.
    pub(crate) app_version: String,
    /// When another box with the same key last tried to come in.
    pub(crate) duplicate: Option<UtcMs>,
}

/// All connected stores.
#[derive(Debug, Default)]
pub struct Lines(Mutex<HashMap<StoreId, Connected>>);

impl Lines {
    /// Whether a caller may take its store's line; one that names no store takes none.
    pub fn seat(&self, claim: &Claim, now: Now) -> Seat {
        let (key, instance) = (claim.key, claim.papers.instance);
        let sitter = |superseded| Sitter { key, instance, app_version: claim.app_version.clone(), superseded };
        let mut lines = self.lock();
        let Some(line) = claim.store.as_ref().and_then(|store| lines.get_mut(store)) else {
            return Seat::Free { older: None, sitter: sitter(Vec::new()) };
        };
        let older = Some(line.fence.clone());
        let silent = line.heard.after_ms(SILENT_MS) <= now.up;
        let same_process = line.sitter.instance.process == instance.process;
        if line.sitter.key != key || silent || same_process {
            let superseded = if same_process { line.sitter.superseded.clone() } else { Vec::new() };
            return Seat::Free { older, sitter: sitter(superseded) };
        }
        let same_folder = line.sitter.instance.folder == instance.folder;
        if !same_folder || line.sitter.superseded.contains(&instance.process) {
            line.duplicate = Some(now.wall);
            return Seat::Taken;
        }
        let mut superseded = line.sitter.superseded.clone();
        superseded.push(line.sitter.instance.process);
        let too_many = superseded.len().saturating_sub(SUPERSEDED_MAX);
        superseded.drain(..too_many);
        Seat::Free { older, sitter: sitter(superseded) }
    }

    /// The roster let a caller in: it takes the store's line, an older one is hung up. `digest` is that of the store's documents,
    /// the first thing the node hears.
    pub fn take(&self, (store, issuer): (StoreId, Issuer), sitter: Sitter, digest: [u8; 32], now: Now) -> Seated {
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        // The first of an empty channel.
        sender.try_send(Event::Documents(digest)).ok();
        let (fence, at) = (Fence::default(), now.wall);
        let line = Connected {
            fence: fence.clone(),
            events: sender,
            since: at,
            seen: None,
            noted: None,
            sitter,
            issuer,
            heard: now.up,
            duplicate: None,
        };
        if let Some(older) = self.lock().insert(store.clone(), line) {
            info!(%store, "a newer session of this store takes over");
            older.fence.raise();
            // A session too busy to hear it is fenced, and ends when its line's sender is dropped here.
            older.events.try_send(Event::HangUp(ByeReason::Replaced)).ok();
        }
        Seated { store, issuer, fence, events }
    }

    /// The line of a store was heard.
    pub fn touch(&self, store: &StoreId, fence: &Fence, now: Ticks) {
        if let Some(line) = self.lock().get_mut(store).filter(|line| line.fence.is(fence)) {
            line.heard = now;
        }
    }

    /// The stores connected, and the numbers under which their nodes serve them.
    pub(crate) fn issuers(&self) -> Vec<(StoreId, Issuer)> {
        self.lock().iter().map(|(store, line)| (store.clone(), line.issuer)).collect()
    }

    /// Hangs one node up, if it is still there; it comes back and is told why.
    pub fn dismiss(&self, store: &StoreId, issuer: Issuer, reason: ByeReason) {
        if let Some(line) = self.lock().get(store).filter(|line| line.issuer == issuer) {
            line.events.try_send(Event::HangUp(reason)).ok();
            // Nothing it has on its way is taken any more, unless it only has to call again.
            if reason != ByeReason::Stopping {
                line.fence.raise();
            }
        }
    }

    /// How the store of the line with this fence fares, if it has said so; nothing where a newer line took over.
    pub(crate) fn told(&self, store: &StoreId, fence: &Fence) -> Option<Option<Seen>> {
        self.lock().get(store).filter(|line| line.fence.is(fence)).map(|line| line.seen.clone())
    }

    /// The line with this fence ended; answers whether that was its store's, and no newer one took over.
    pub fn leave(&self, store: &StoreId, fence: &Fence) -> bool {
        let mut lines = self.lock();
        let own = lines.get(store).is_some_and(|line| line.fence.is(fence));
        if own {
            lines.remove(store);
        }
        own
    }

    /// How a store fares now; answers whether that is news.
    pub(crate) fn heard(&self, store: &StoreId, fence: &Fence, status: Status, now: Now) -> bool {
        let mut lines = self.lock();
        let Some(line) = lines.get_mut(store).filter(|line| line.fence.is(fence)) else { return false };
        let changed = line.seen.as_ref().is_none_or(|seen| seen.status != status);
        line.seen = Some(Seen { at: now.wall, status });
        line.heard = now.up;
        changed
    }

    /// How those fare that were heard since it was last noted in the database; they count as noted from now on.
    pub(crate) fn unnoted(&self) -> Vec<(StoreId, Seen)> {
        let mut lines = self.lock();
        let noted = lines.iter_mut().filter_map(|(store, line)| {
            let seen = line.seen.clone().filter(|seen| Some(seen.at) > line.noted)?;
            line.noted = Some(seen.at);
            Some((store.clone(), seen))
        });
        noted.collect()
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
        self.lock().get(store).map(|line| LineState {
            since: line.since,
            seen: line.seen.clone(),
            app_version: line.sitter.app_version.clone(),
            duplicate: line.duplicate,
        })
    }

    /// What connected nodes say of their stores' days: of one store, or of all.
    pub(crate) fn days(&self, of: Option<&StoreId>) -> HashMap<StoreId, DayRule> {
        let rule = |line: &Connected| line.seen.as_ref().and_then(|seen| seen.status.day);
        let lines = self.lock();
        match of {
            Some(store) => lines.get(store).and_then(rule).map(|day| (store.clone(), day)).into_iter().collect(),
            None => lines.iter().filter_map(|(store, line)| Some((store.clone(), rule(line)?))).collect(),
        }
    }

    /// How many facts a connected store has not sent, if it has said so.
    pub(crate) fn unsent(&self, store: &StoreId) -> Option<u64> {
        self.lock().get(store)?.seen.as_ref()?.status.unsent
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Says goodbye to all.
    pub fn hang_up(&self) {
        for line in self.lock().values() {
            line.events.try_send(Event::HangUp(ByeReason::Stopping)).ok();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<StoreId, Connected>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use guitai_core::sync::contract::Papers;

    use super::*;

    const KEY: KeyBytes = [1; 32];

    fn store() -> StoreId {
        StoreId::parse("S001").unwrap()
    }

    fn instance(process: u8, folder: u8) -> Instance {
        Instance { process: [process; 16], folder: [folder; 16] }
    }

    fn at(up: u64) -> Now {
        Now::alone(UtcMs(1_000), Ticks(up))
    }

    fn claim(key: KeyBytes, instance: Instance) -> Claim {
        let papers = Papers { instance, ..Papers::default() };
        Claim { key, store: Some(store()), app_version: "1".into(), papers }
    }

    fn take(lines: &Lines, instance: Instance, now: Now) -> bool {
        let Seat::Free { older: _, sitter } = lines.seat(&claim(KEY, instance), now) else { return false };
        lines.take((store(), Issuer::new(10_001).unwrap()), sitter, [0; 32], now);
        true
    }

    #[test]
    fn the_second_of_two_boxes_with_one_key_waits_until_the_first_is_silent() {
        let lines = Lines::default();
        assert!(take(&lines, instance(1, 1), at(0)));
        assert!(!take(&lines, instance(2, 2), at(9_999)), "a copied folder, while the first is heard");
        assert_eq!(
            lines.state(&store()).and_then(|state| state.duplicate),
            Some(UtcMs(1_000)),
            "an alarm for the page"
        );
        assert!(take(&lines, instance(1, 1), at(9_999)), "the same process connects again");
        let fence = lines.lock()[&store()].fence.clone();
        lines.touch(&store(), &fence, Ticks(15_000));
        assert!(!take(&lines, instance(2, 2), at(20_000)));
        assert!(take(&lines, instance(2, 2), at(25_000)), "the first said nothing for 10 s");
    }

    #[test]
    fn a_program_started_again_takes_its_place_and_the_one_before_never_comes_back() {
        let lines = Lines::default();
        assert!(take(&lines, instance(1, 1), at(0)));
        assert!(take(&lines, instance(2, 1), at(10)), "killed and started again in its folder");
        assert!(!take(&lines, instance(1, 1), at(20)), "it lives: two clones of one disk");
        assert!(take(&lines, instance(2, 1), at(30)));
        assert!(!take(&lines, instance(1, 1), at(40)), "still remembered after a reconnection");
    }

    #[test]
    fn a_line_knows_of_no_backlog_before_the_node_tells_of_it() {
        let lines = Lines::default();
        assert!(take(&lines, instance(1, 1), at(0)));
        assert_eq!((lines.unsent(&store()), lines.unnoted().len()), (None, 0), "not told is not zero");
        let fence = lines.lock()[&store()].fence.clone();
        let status = Status { unsent: Some(3), ..Status::default() };
        assert!(lines.heard(&store(), &fence, status.clone(), at(1)), "the first word is news");
        assert!(!lines.heard(&store(), &fence, status, at(2)));
        assert_eq!((lines.unsent(&store()), lines.unnoted().len()), (Some(3), 1));
        assert!(take(&lines, instance(1, 1), at(3)));
        let newer = lines.lock()[&store()].fence.clone();
        assert!(!lines.leave(&store(), &fence) && lines.leave(&store(), &newer), "only its own line ends");
        assert_eq!(lines.unsent(&store()), None);
    }

    #[test]
    fn another_key_of_the_store_waits_for_nobody() {
        let lines = Lines::default();
        assert!(take(&lines, instance(1, 1), at(0)));
        assert!(matches!(lines.seat(&claim([2; 32], instance(2, 2)), at(1)), Seat::Free { .. }));
    }
}
