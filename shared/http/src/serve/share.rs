//! Requests under way, by place: a proxy's connections say nothing about how many callers share them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::place::Place;

/// How many requests each place has under way.
#[derive(Debug)]
pub(super) struct Shares {
    max: usize,
    held: Mutex<HashMap<Place, usize>>,
}

impl Shares {
    pub(super) fn new(max: usize) -> Self {
        Self { max, held: Mutex::default() }
    }

    /// One more; none when the place has all of its own.
    pub(super) fn take(this: &Arc<Self>, place: Place) -> Option<Share> {
        let mut held = this.held();
        let count = held.entry(place).or_default();
        if *count >= this.max {
            return None;
        }
        *count += 1;
        Some(Share { shares: Arc::clone(this), place })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Place, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way; given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    shares: Arc<Shares>,
    place: Place,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.held();
        if let Some(count) = held.get_mut(&self.place) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.place);
            }
        }
    }
}
