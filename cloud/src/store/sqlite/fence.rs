//! The session fence: of two sessions of one store only the newer may write.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Raised when a newer session of the same store took over: the older one may then write no more.
#[derive(Clone, Debug, Default)]
pub struct Fence(Arc<AtomicBool>);

impl Fence {
    /// From now on its session writes nothing.
    pub fn raise(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it is the same fence, not only one in the same position.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether a newer session took over.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
