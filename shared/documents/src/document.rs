//! A document as it is opened, kept and compared. Every automerge document of the product is made in [`chunk::load`], and
//! only [`Document::open`] gives one an actor.
//!
//! All documents begin with the same first change, [`GENESIS`]: it makes the root maps, so that two sides which start apart
//! fill the same maps instead of two conflicting ones. Its actor id has 7 bytes, so no injected id (16) can be the same.

use std::{error::Error, fmt};

use automerge::{ActorId, AutoCommit, Change, ChangeHash, ReadDoc, SaveOptions};
use sha2::{Digest, Sha256};

use crate::chunk::{self, Malformed};

/// The first change of every document, as bytes: it must stay the same whatever a later automerge would write.
pub(crate) const GENESIS: [u8; 63] =
    *b"\x85o\x4a\x83e\xabn\x1c\x01\x35\x00\x07genesis\x01\x01\x00\x00\x00\x05\x15\x15\x34\
    \x01\x42\x02\x56\x02p\x02\x7e\x0dannouncements\x05reads\x02\x02\x00\x02\x00\x02\x00";

/// One document in memory.
pub struct Document {
    pub(crate) auto: AutoCommit,
    /// Up to here the changes were handed out by [`Self::take_changes`] or came from storage.
    taken: Vec<ChangeHash>,
    /// Received changes that wait for others they build on; an upper bound.
    pub(crate) waiting: usize,
}

/// Why stored bytes are no document of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corrupt {
    /// This chunk (counted from 0) cannot be read.
    Chunk(usize),
    /// The chunks do not fit together: one is missing, or two say different things under the same number.
    Gap,
    /// They belong to a document that began elsewhere.
    Foreign,
}

impl Document {
    /// Opens a document from its stored chunks, oldest first: a snapshot, increments, both or nothing at all (a new
    /// document). A change may stand in several chunks. `actor` must be new for every process and every restored backup:
    /// two writers under one id are a fork that no peer accepts.
    ///
    /// # Errors
    /// Says what is wrong with the chunks; nothing is kept of a damaged document.
    pub fn open(stored: &[Vec<u8>], actor: [u8; 16]) -> Result<Self, Corrupt> {
        let mut run = GENESIS.to_vec();
        for (index, chunks) in stored.iter().enumerate() {
            let changes = chunk::changes(chunks).map_err(|Malformed| Corrupt::Chunk(index))?;
            if !changes.iter().all(is_descended) {
                return Err(Corrupt::Foreign);
            }
            run.extend_from_slice(chunks);
        }
        let mut auto = chunk::load(&run).map_err(|Malformed| Corrupt::Gap)?;
        auto.set_actor(ActorId::from(actor));
        let taken = auto.get_heads();
        Ok(Self { auto, taken, waiting: 0 })
    }

    /// What changed since the last call, by an edit or by a peer, to be appended durably as one chunk. `None` if nothing did.
    pub fn take_changes(&mut self) -> Option<Vec<u8>> {
        if !self.has_untaken() {
            return None;
        }
        let bytes = self.auto.save_after(&self.taken);
        self.taken = self.auto.get_heads();
        Some(bytes)
    }

    /// The whole document as one chunk, changes not yet taken included, to be stored in place of all chunks. It does not
    /// count as taking them.
    pub fn compact(&mut self) -> Vec<u8> {
        // A change that waits for another is the peer's to send again: stored alone it would read as a gap.
        self.auto.save_with_options(SaveOptions { deflate: true, retain_orphans: false })
    }

    /// SHA-256 over the sorted heads: the same on two sides exactly when they hold the same changes.
    pub fn heads_digest(&mut self) -> [u8; 32] {
        let mut heads = self.auto.get_heads();
        heads.sort_unstable();
        let mut hash = Sha256::new();
        for head in heads {
            hash.update(head.0);
        }
        hash.finalize().into()
    }

    /// How many changes it holds; [`crate::limits::CHANGES_MAX`] is the bound for edits.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.auto.stats().num_changes
    }

    pub(crate) fn has_untaken(&mut self) -> bool {
        self.auto.get_heads() != self.taken
    }

    pub(crate) fn holds(&mut self, change: &ChangeHash) -> bool {
        self.auto.get_change_meta_by_hash(change).is_some()
    }
}

impl fmt::Debug for Document {
    /// Without its text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("changes", &self.changes()).finish_non_exhaustive()
    }
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chunk(index) => write!(f, "stored chunk {index} of the document cannot be read"),
            Self::Gap => f.write_str("the stored chunks of the document do not fit together"),
            Self::Foreign => f.write_str("the stored chunks belong to a document that began elsewhere"),
        }
    }
}

impl Error for Corrupt {}

/// Whether a change can belong to a document of ours: it builds on another, or is the first.
pub(crate) fn is_descended(change: &Change) -> bool {
    !change.deps().is_empty() || change.raw_bytes() == GENESIS
}

#[cfg(test)]
mod tests {
    use automerge::{
        ObjType, ROOT,
        transaction::{CommitOptions, Transactable},
    };

    use super::*;
    use crate::announcements::{ANNOUNCEMENTS, READS};

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the genesis is made here to compare it with its constant")]
    fn the_first_change_makes_the_root_maps_and_nothing_else() {
        let mut auto = AutoCommit::new().with_actor(ActorId::from(b"genesis".as_slice()));
        for key in [ANNOUNCEMENTS, READS] {
            auto.put_object(ROOT, key, ObjType::Map).expect("a new key");
        }
        auto.commit_with(CommitOptions::default().with_time(0));
        assert_eq!(auto.save_after(&[]), GENESIS);
    }
}
