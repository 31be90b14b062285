//! Where SQLite finds a disk by a path's first component.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::state::State;

/// Disks by number, while anybody holds them.
static DISKS: Mutex<BTreeMap<u64, Weak<Shared>>> = Mutex::new(BTreeMap::new());

static NEXT: AtomicU64 = AtomicU64::new(1);

/// What a path's first component is called, before the disk's number.
const COMPONENT: &str = "disk-";

/// One disk, held by its [`crate::Disk`]s and by open files; it leaves the register with the last of them.
pub(crate) struct Shared {
    no: u64,
    state: Mutex<State>,
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        format!("/{COMPONENT}{}/{name}", self.no)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        disks().remove(&self.no);
    }
}

fn disks() -> MutexGuard<'static, BTreeMap<u64, Weak<Shared>>> {
    DISKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives a disk a number.
pub(crate) fn add(state: State) -> Arc<Shared> {
    let no = NEXT.fetch_add(1, Ordering::Relaxed);
    let shared = Arc::new(Shared { no, state: Mutex::new(state) });
    disks().insert(no, Arc::downgrade(&shared));
    shared
}

/// The disk that a path names, with the file's name on it.
pub(crate) fn find(path: &str) -> Option<(Arc<Shared>, &str)> {
    let (component, name) = path.trim_start_matches('/').split_once('/')?;
    let no: u64 = component.strip_prefix(COMPONENT)?.parse().ok()?;
    // The last handle may go as soon as this one is dropped: not under the lock that it takes then.
    let found = disks().get(&no).and_then(Weak::upgrade);
    Some((found?, name))
}
