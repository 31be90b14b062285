//! What the other end says of how it fares, at the pace at which it may be told.

use super::STATUS_GAP_MS;
use crate::{sync::frame::Status, time::Ticks};

/// How the other end fares, told to the shell at most once in [`STATUS_GAP_MS`]: each costs it a look at the store's figures.
#[derive(Debug, Default)]
pub(super) struct PeerStatus {
    told_at: Option<Ticks>,
    /// Came too early; the newest counts.
    waiting: Option<Status>,
}

impl PeerStatus {
    /// The other end says it; the newest counts.
    pub(super) fn heard(&mut self, status: Status) {
        self.waiting = Some(status);
    }

    /// When what waits may be told.
    pub(super) fn due(&self) -> Option<Ticks> {
        self.waiting.as_ref()?;
        self.told_at.map(|told| told.after_ms(STATUS_GAP_MS))
    }

    /// What may be told now.
    pub(super) fn take(&mut self, now: Ticks) -> Option<Status> {
        if self.told_at.is_some_and(|told| told.after_ms(STATUS_GAP_MS) > now) {
            return None;
        }
        let status = self.waiting.take()?;
        self.told_at = Some(now);
        Some(status)
    }
}
