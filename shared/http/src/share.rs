//! How many of a kind each has under way: requests of a place behind a proxy, event streams of a caller.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What each holds, up to a number that is the same for all.
#[derive(Debug)]
pub(crate) struct Shares<K: Eq + Hash> {
    max: usize,
    held: Mutex<HashMap<K, usize>>,
}

impl<K: Eq + Hash + Clone> Shares<K> {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, held: Mutex::default() }
    }

    /// One more; none for whoever has all of its own.
    pub(crate) fn take(self: &Arc<Self>, whose: K) -> Option<Share<K>> {
        let mut held = self.held();
        let count = held.entry(whose.clone()).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        Some(Share { shares: Arc::clone(self), whose })
    }
}

impl<K: Eq + Hash> Shares<K> {
    fn held(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody holds any.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.held().is_empty()
    }
}

/// One of what somebody holds; given back when dropped.
#[derive(Debug)]
pub(crate) struct Share<K: Eq + Hash> {
    shares: Arc<Shares<K>>,
    whose: K,
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        give_back(&mut self.shares.held(), &self.whose);
    }
}

/// Counts one less; who has none is forgotten.
pub(crate) fn give_back<K: Eq + Hash>(held: &mut HashMap<K, usize>, whose: &K) {
    if let Some(count) = held.get_mut(whose) {
        *count -= 1;
        if *count == 0 {
            held.remove(whose);
        }
    }
}
