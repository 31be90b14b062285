//! The document lane: one digest over all documents decides whether the two ends have anything to tell each other.
//!
//! Each end says its digest at the opening and after every change. While the digests differ, each change on either side asks
//! the shell for its sync messages; automerge has none once both are equal, so the lane comes to rest by itself.

use super::frame::{DocDigest, Frame};

/// What each end was last known to hold.
#[derive(Debug, Default)]
pub(super) struct DocumentLane {
    ours: Option<[u8; 32]>,
    sent: Option<[u8; 32]>,
    theirs: Option<[u8; 32]>,
}

impl DocumentLane {
    /// Our documents were looked at; whether they had changed, or were read for the first time.
    pub(super) fn set_ours(&mut self, digest: [u8; 32]) -> bool {
        self.ours.replace(digest) != Some(digest)
    }

    /// The peer said what it holds.
    pub(super) const fn set_theirs(&mut self, digest: [u8; 32]) {
        self.theirs = Some(digest);
    }

    /// Our digest, if the peer has not heard it.
    pub(super) fn announce(&mut self) -> Option<Frame> {
        if self.sent == self.ours {
            return None;
        }
        self.sent = self.ours;
        self.ours.map(|digest| DocDigest { digest }.into())
    }

    /// Whether both are known and differ.
    pub(super) fn differs(&self) -> bool {
        matches!((self.ours, self.theirs), (Some(ours), Some(theirs)) if ours != theirs)
    }
}
