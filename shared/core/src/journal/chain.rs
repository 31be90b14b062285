//! The hash chain over stored fact bodies, and the seals that sign its head.
//!
//! `start = H(tag, store, writer, epoch)`, `link = H(tag, previous, epoch, number, length, body)`, both SHA-256 over fixed-width
//! integers and length-prefixed texts, so no two different inputs hash the same bytes. Facts carry no signature of their own:
//! each commit ends with one seal over the chain's head, since a signature a fact would triple the bytes on the wire.

use ed25519_dalek::{SigningKey, VerifyingKey};
use minicbor::{Decode, Encode, bytes::ByteArray};
use sha2::{Digest, Sha256};

use crate::{
    ids::{FactNo, JournalId},
    show::{Show, Shown},
    signature,
};

/// The chain's value after a fact.
pub type ChainHash = [u8; 32];

const START_TAG: &[u8] = b"guitai/journal/start/2";
const LINK_TAG: &[u8] = b"guitai/journal/link/1";
const SEAL_TAG: &[u8] = b"guitai/journal/seal/2";

/// The chain's value before the first fact of an epoch.
#[must_use]
pub fn start(journal: &JournalId, epoch: u32) -> ChainHash {
    let mut hash = Sha256::new();
    hash.update(START_TAG);
    name(&mut hash, journal);
    hash.update(epoch.to_be_bytes());
    hash.finalize().into()
}

/// The chain's value after the fact `no` with these stored bytes.
#[must_use]
pub fn link(previous: &ChainHash, no: FactNo, body: &[u8]) -> ChainHash {
    let mut hash = Sha256::new();
    hash.update(LINK_TAG);
    hash.update(previous);
    hash.update(no.epoch.to_be_bytes());
    hash.update(no.number.to_be_bytes());
    hash.update(length(body).to_be_bytes());
    hash.update(body);
    hash.finalize().into()
}

/// One signature over the chain's head: the journal's writer vouches for every fact up to `no`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Seal {
    /// The last fact covered.
    #[n(0)]
    pub no: FactNo,
    /// The chain's value after it.
    #[n(1)]
    head: ByteArray<32>,
    #[n(2)]
    signature: ByteArray<64>,
}

impl Seal {
    /// Signs the head with the writer's identity.
    #[must_use]
    pub fn sign(identity: &SigningKey, journal: &JournalId, no: FactNo, head: ChainHash) -> Self {
        let signature = signature::sign(identity, &signed_bytes(journal, no, &head));
        Self { no, head: head.into(), signature: signature.into() }
    }

    /// Puts a stored seal together again.
    #[must_use]
    pub fn from_parts(no: FactNo, head: ChainHash, signature: [u8; 64]) -> Self {
        Self { no, head: head.into(), signature: signature.into() }
    }

    /// The chain's value after the last fact covered.
    #[must_use]
    pub fn head(&self) -> &ChainHash {
        &self.head
    }

    /// The ed25519 signature.
    #[must_use]
    pub fn signature(&self) -> &[u8; 64] {
        &self.signature
    }

    /// Whether `identity` signed exactly this, by RFC 8032's strict rules.
    #[must_use]
    pub fn verify(&self, identity: &VerifyingKey, journal: &JournalId) -> bool {
        signature::verify(identity, &signed_bytes(journal, self.no, &self.head), &self.signature)
    }
}

fn signed_bytes(journal: &JournalId, no: FactNo, head: &ChainHash) -> ChainHash {
    let mut hash = Sha256::new();
    hash.update(SEAL_TAG);
    name(&mut hash, journal);
    hash.update(no.epoch.to_be_bytes());
    hash.update(no.number.to_be_bytes());
    hash.update(head);
    hash.finalize().into()
}

pub(super) fn name(hash: &mut Sha256, journal: &JournalId) {
    for part in [journal.store.as_str(), &journal.writer.text()] {
        hash.update(length(part.as_bytes()).to_be_bytes());
        hash.update(part);
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("memory holds fewer than 2^64 bytes")
}

/// A place in a history: a fact, and the chain's value after it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Point {
    /// The fact; number 0 is the place before an epoch's first.
    #[n(0)]
    pub no: FactNo,
    #[n(1)]
    head: ByteArray<32>,
}

/// By its fact: whoever compares histories compares their seals.
impl Show for Point {
    fn show(&self) -> Shown {
        self.no.show()
    }
}

impl Point {
    /// The chain's value `head` after the fact `no`.
    #[must_use]
    pub fn new(no: FactNo, head: ChainHash) -> Self {
        Self { no, head: head.into() }
    }

    /// The chain's value after the fact.
    #[must_use]
    pub fn head(&self) -> &ChainHash {
        &self.head
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::StoreId;

    fn journal() -> JournalId {
        JournalId::node(StoreId::parse("S001").expect("a name"))
    }

    #[test]
    fn every_part_of_a_fact_changes_the_chain() {
        let no = FactNo { epoch: 1, number: 1 };
        let base = link(&start(&journal(), 1), no, b"body");
        assert_ne!(base, link(&start(&journal(), 2), no, b"body"));
        assert_ne!(base, link(&start(&JournalId::hub(journal().store), 1), no, b"body"));
        assert_ne!(base, link(&start(&journal(), 1), FactNo { epoch: 1, number: 2 }, b"body"));
        assert_ne!(base, link(&start(&journal(), 1), no, b"bodY"));
    }

    #[test]
    fn a_seal_holds_for_its_own_head_journal_and_key_only() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let no = FactNo { epoch: 1, number: 7 };
        let seal = Seal::sign(&key, &journal(), no, [9; 32]);
        assert!(seal.verify(&key.verifying_key(), &journal()));
        let other_store = JournalId::node(StoreId::parse("S002").expect("a name"));
        let other_writer = JournalId::hub(journal().store);
        for other in [other_store, other_writer] {
            assert!(!seal.verify(&key.verifying_key(), &other));
        }
        assert!(!seal.verify(&SigningKey::from_bytes(&[2; 32]).verifying_key(), &journal()));
        let moved = Seal::from_parts(FactNo { epoch: 1, number: 8 }, [9; 32], *seal.signature());
        assert!(!moved.verify(&key.verifying_key(), &journal()));
    }
}
