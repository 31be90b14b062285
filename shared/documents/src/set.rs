//! Several documents and one digest over all of them: the document lane compares it first, and is done when it agrees.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// The digests of several documents' heads, by document id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set {
    heads: BTreeMap<String, [u8; 32]>,
}

impl Set {
    /// Of no document.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes where a document is now.
    pub fn note(&mut self, doc_id: &str, heads_digest: [u8; 32]) {
        self.heads.insert(doc_id.to_owned(), heads_digest);
    }

    /// Where a document is.
    #[must_use]
    pub fn heads(&self, doc_id: &str) -> Option<[u8; 32]> {
        self.heads.get(doc_id).copied()
    }

    /// The digest over all of them, as [`digest`].
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        over(self.heads.iter().map(|(id, heads)| (id.as_str(), heads)))
    }

    /// The ids, in order, of documents that are elsewhere in `other` or missing on one side.
    #[must_use]
    pub fn differing(&self, other: &Self) -> Vec<String> {
        let mut ids: Vec<&String> = self.heads.keys().chain(other.heads.keys()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().filter(|id| self.heads.get(*id) != other.heads.get(*id)).cloned().collect()
    }
}

/// SHA-256 over (length of id, id, heads digest) in the order of the ids, whatever order they come in.
#[must_use]
pub fn digest(documents: &[(&str, [u8; 32])]) -> [u8; 32] {
    let mut sorted: Vec<_> = documents.iter().map(|(id, heads)| (*id, heads)).collect();
    sorted.sort_unstable();
    over(sorted.into_iter())
}

fn over<'a>(documents: impl Iterator<Item = (&'a str, &'a [u8; 32])>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (id, heads) in documents {
        // The length keeps one id's end from passing for another's digest. `usize` is at most 64 bits here.
        hash.update(u64::try_from(id.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(id.as_bytes());
        hash.update(heads);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_and_every_part_does() {
        let (a, b) = (("a", [1; 32]), ("b", [2; 32]));
        assert_eq!(digest(&[a, b]), digest(&[b, a]));
        let others =
            [digest(&[]), digest(&[a]), digest(&[("a", [2; 32]), ("b", [1; 32])]), digest(&[("c", [1; 32]), b])];
        for other in others {
            assert_ne!(digest(&[a, b]), other);
        }
    }

    #[test]
    fn a_set_knows_what_differs() {
        let mut ours = Set::new();
        ours.note("announcements/S001", [1; 32]);
        ours.note("announcements/S002", [2; 32]);
        let mut theirs = ours.clone();
        assert_eq!(ours.digest(), theirs.digest());
        assert!(ours.differing(&theirs).is_empty());
        theirs.note("announcements/S002", [3; 32]);
        theirs.note("announcements/S003", [4; 32]);
        assert_ne!(ours.digest(), theirs.digest());
        assert_eq!(ours.differing(&theirs), ["announcements/S002", "announcements/S003"]);
        assert_eq!(ours.heads("announcements/S001"), Some([1; 32]));
        assert_eq!(ours.digest(), digest(&[("announcements/S002", [2; 32]), ("announcements/S001", [1; 32])]));
    }
}
