//! Locks among the handles of one file: SQLite's five levels, and the eight slots of a WAL's shared memory.

use std::{
    collections::BTreeMap,
    ffi::c_int,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
};

use rusqlite::ffi;

/// What SQLite maps at a time, in bytes of 64 bits; it asks for 32 KiB.
type Region = Box<[AtomicU64]>;

/// A WAL's shared memory. It lives as long as a handle has it mapped: one of a killed process too.
#[derive(Default)]
pub(crate) struct Memory(Mutex<Vec<Region>>);

impl Memory {
    /// The address of a region; none where it is not there and must not be made.
    pub(crate) fn region(&self, index: usize, bytes: usize, make: bool) -> Option<*const AtomicU64> {
        let mut regions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while make && regions.len() <= index {
            regions.push((0..bytes.div_ceil(8)).map(|_| AtomicU64::new(0)).collect());
        }
        regions.get(index).map(|region| region.as_ptr())
    }
}

/// What the handles of one file hold, by handle.
#[derive(Default)]
pub(crate) struct Locks {
    levels: BTreeMap<u64, c_int>,
    slots: BTreeMap<u64, Slots>,
    memory: Option<Arc<Memory>>,
}

/// The slots a handle holds, as bits.
#[derive(Clone, Copy, Default)]
struct Slots {
    shared: u32,
    exclusive: u32,
}

impl Locks {
    /// Climbs to a level.
    pub(crate) fn lock(&mut self, handle: u64, level: c_int) -> Result<(), c_int> {
        let held = self.levels.get(&handle).copied().unwrap_or(ffi::SQLITE_LOCK_NONE);
        if level <= held {
            return Ok(());
        }
        let highest = self.levels.iter().filter(|(other, _)| **other != handle).map(|(_, level)| *level).max();
        let highest = highest.unwrap_or(ffi::SQLITE_LOCK_NONE);
        let refused_from = match level {
            ffi::SQLITE_LOCK_SHARED => ffi::SQLITE_LOCK_PENDING,
            _ => ffi::SQLITE_LOCK_RESERVED,
        };
        if highest >= refused_from {
            return Err(ffi::SQLITE_BUSY);
        }
        if level == ffi::SQLITE_LOCK_EXCLUSIVE && highest > ffi::SQLITE_LOCK_NONE {
            // Readers that are there may end; no new ones come.
            self.levels.insert(handle, ffi::SQLITE_LOCK_PENDING);
            return Err(ffi::SQLITE_BUSY);
        }
        self.levels.insert(handle, level);
        Ok(())
    }

    /// Goes down to a level.
    pub(crate) fn unlock(&mut self, handle: u64, level: c_int) {
        if level == ffi::SQLITE_LOCK_NONE {
            self.levels.remove(&handle);
        } else {
            self.levels.insert(handle, level);
        }
    }

    pub(crate) fn is_reserved(&self) -> bool {
        self.levels.values().any(|level| *level >= ffi::SQLITE_LOCK_RESERVED)
    }

    /// The shared memory, mapped by this handle from now on.
    pub(crate) fn map(&mut self, handle: u64) -> Arc<Memory> {
        self.slots.entry(handle).or_default();
        Arc::clone(self.memory.get_or_insert_default())
    }

    /// The last one to leave takes the memory away: who comes next reads the WAL anew.
    pub(crate) fn unmap(&mut self, handle: u64) {
        self.slots.remove(&handle);
        if self.slots.is_empty() {
            self.memory = None;
        }
    }

    /// Takes or gives back `count` slots from `first` on.
    pub(crate) fn slots(&mut self, handle: u64, first: u32, count: u32, flags: c_int) -> Result<(), c_int> {
        let mask = ((1 << count) - 1) << first;
        let exclusive = flags & ffi::SQLITE_SHM_EXCLUSIVE != 0;
        let mut others = self.slots.iter().filter(|(other, _)| **other != handle).map(|(_, held)| held);
        if flags & ffi::SQLITE_SHM_LOCK != 0 {
            let is_taken = others.any(|held| (held.exclusive | if exclusive { held.shared } else { 0 }) & mask != 0);
            if is_taken {
                return Err(ffi::SQLITE_BUSY);
            }
        }
        let held = self.slots.entry(handle).or_default();
        let bits = if exclusive { &mut held.exclusive } else { &mut held.shared };
        *bits = if flags & ffi::SQLITE_SHM_LOCK != 0 { *bits | mask } else { *bits & !mask };
        Ok(())
    }

    /// A handle is closed.
    pub(crate) fn leave(&mut self, handle: u64) {
        self.levels.remove(&handle);
        self.unmap(handle);
    }
}
