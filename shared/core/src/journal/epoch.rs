//! Epochs: a journal that lost its tail goes on in a new one.
//!
//! The first fact of an epoch is [`Opened`]: it names the journal, the epoch, the key that seals it and, from the second epoch
//! on, the parent: the last fact of the history it goes on from, with the chain's value there. A new key is vouched for by the
//! one before it, or by the roster where a box was replaced, so a [`Keyring`] read from the facts ends in the key in force.

use alloc::{collections::BTreeMap, vec::Vec};
use core::fmt;

use ed25519_dalek::{SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

pub use super::chain::Point;
use super::{
    chain::name,
    fact::{Fact, Opened},
};
use crate::{
    ids::{FactNo, JournalId},
    signature,
    trust::{KeyBytes, usable_key},
};

const VOUCH_TAG: &[u8] = b"guitai/journal/vouch/1";

/// Why a fact does not open an epoch here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochFault {
    /// It is no `Opened`.
    NoOpening,
    /// It opens another journal or another epoch.
    Elsewhere,
    /// It goes on from another place than where the history held ends.
    OtherParent,
    /// Its key is a new one that the key before it did not vouch for, or one nobody can sign with.
    Unvouched,
}

impl fmt::Display for EpochFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoOpening => "an epoch begins with another fact than its opening",
            Self::Elsewhere => "an epoch's opening names another journal or epoch",
            Self::OtherParent => "an epoch goes on from another place than where the history held ends",
            Self::Unvouched => "an epoch's key was not vouched for by the key before it",
        })
    }
}

/// The key that seals each epoch of a journal.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    known: Vec<VerifyingKey>,
    epochs: BTreeMap<u32, VerifyingKey>,
}

impl Keyring {
    /// A keyring to which the roster's keys of the store need no voucher.
    #[must_use]
    pub fn knowing(keys: &[VerifyingKey]) -> Self {
        Self { known: keys.to_vec(), epochs: BTreeMap::new() }
    }

    /// The key of an epoch.
    #[must_use]
    pub fn key(&self, epoch: u32) -> Option<&VerifyingKey> {
        self.epochs.get(&epoch)
    }

    /// The newest key: the one a roster must know.
    #[must_use]
    pub fn newest(&self) -> Option<&VerifyingKey> {
        self.epochs.values().next_back()
    }

    /// Takes the first fact of an epoch in. `before` is where the history ends before it; none at a journal's beginning, which
    /// in a box that replaced another is a later epoch than 1 and names what went before.
    ///
    /// # Errors
    /// Why this fact does not open the epoch.
    pub fn follow(
        &mut self,
        journal: &JournalId,
        epoch: u32,
        before: Option<&Point>,
        body: &[u8],
    ) -> Result<(), EpochFault> {
        let key = match opening(journal, epoch, before, self.newest(), body) {
            Err(EpochFault::Unvouched) => opening(journal, epoch, before, None, body)
                .ok()
                .filter(|key| self.known.contains(key))
                .ok_or(EpochFault::Unvouched)?,
            found => found?,
        };
        self.epochs.insert(epoch, key);
        Ok(())
    }
}

/// The fact that a run goes on from, as the run itself says: the one before its `first`, or where that opens a later epoch, the
/// parent that its `body` names. None for a body that opens none, or that names none.
#[must_use]
pub fn goes_on_from(first: FactNo, body: &[u8]) -> Option<FactNo> {
    if first.number != 1 || first.epoch == 1 {
        return Some(FactNo { epoch: first.epoch, number: first.number.checked_sub(1)? });
    }
    match Fact::from_bytes(body) {
        Ok(Fact::Opened(opened)) => opened.parent.map(|parent| parent.no),
        Ok(Fact::People(_) | Fact::Bill(_) | Fact::Payment(_)) | Err(_) => None,
    }
}

/// The key of the epoch that `body` opens after `before`, whose key was `previous`.
///
/// # Errors
/// Why this fact does not open the epoch.
pub fn opening(
    journal: &JournalId,
    epoch: u32,
    before: Option<&Point>,
    previous: Option<&VerifyingKey>,
    body: &[u8],
) -> Result<VerifyingKey, EpochFault> {
    let Ok(Fact::Opened(opened)) = Fact::from_bytes(body) else { return Err(EpochFault::NoOpening) };
    if opened.store != journal.store || opened.writer != journal.writer || opened.epoch != epoch {
        return Err(EpochFault::Elsewhere);
    }
    let later_beginning = before.is_none() && epoch > 1;
    if opened.parent.as_ref() != before && !later_beginning {
        return Err(EpochFault::OtherParent);
    }
    let key = usable_key(&opened.key).ok_or(EpochFault::Unvouched)?;
    match previous {
        Some(previous) if *previous != key && !opened.is_vouched_by(previous) => Err(EpochFault::Unvouched),
        Some(_) | None => Ok(key),
    }
}

impl Opened {
    /// The key before signs for the new one.
    pub fn vouch(&mut self, previous: &SigningKey) {
        self.vouch = Some(signature::sign(previous, &self.vouched_bytes()).into());
    }

    fn is_vouched_by(&self, previous: &VerifyingKey) -> bool {
        self.vouch.as_ref().is_some_and(|vouch| signature::verify(previous, &self.vouched_bytes(), vouch))
    }

    fn vouched_bytes(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(VOUCH_TAG);
        name(&mut hash, &JournalId { store: self.store.clone(), writer: self.writer });
        hash.update(self.epoch.to_be_bytes());
        let key: &KeyBytes = &self.key;
        hash.update(key);
        let none = Point::new(FactNo::default(), [0; 32]);
        let parent = self.parent.as_ref().unwrap_or(&none);
        hash.update(parent.no.epoch.to_be_bytes());
        hash.update(parent.no.number.to_be_bytes());
        hash.update(parent.head());
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{Issuer, StoreId, Writer},
        time::UtcMs,
    };

    fn journal() -> JournalId {
        JournalId::node(StoreId::parse("S001").expect("a name"))
    }

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn end() -> Point {
        Point::new(FactNo { epoch: 1, number: 9 }, [9; 32])
    }

    fn opened(epoch: u32, seed: u8, parent: Option<Point>) -> Opened {
        Opened {
            store: journal().store,
            issuer: Issuer::new(7).expect("in range"),
            at: UtcMs(1),
            writer: Writer::Node,
            epoch,
            key: key(seed).verifying_key().to_bytes(),
            parent,
            vouch: None,
        }
    }

    fn followed(second: Opened) -> Result<Keyring, EpochFault> {
        let mut ring = Keyring::default();
        ring.follow(&journal(), 1, None, &Fact::Opened(opened(1, 1, None)).to_bytes())?;
        ring.follow(&journal(), 2, Some(&end()), &Fact::Opened(second).to_bytes())?;
        Ok(ring)
    }

    #[test]
    fn an_epoch_goes_on_from_where_the_history_ends_under_the_same_key_or_one_vouched_for() {
        let same = followed(opened(2, 1, Some(end()))).expect("the same key");
        assert_eq!(same.key(2), Some(&key(1).verifying_key()));
        let mut rotated = opened(2, 2, Some(end()));
        rotated.vouch(&key(1));
        let ring = followed(rotated.clone()).expect("vouched for");
        assert_eq!((ring.key(1), ring.newest()), (Some(&key(1).verifying_key()), Some(&key(2).verifying_key())));

        let refused = |opened: Opened| followed(opened).expect_err("refused");
        assert_eq!(refused(opened(2, 2, Some(end()))), EpochFault::Unvouched);
        let mut by_itself = opened(2, 2, Some(end()));
        by_itself.vouch(&key(2));
        assert_eq!(refused(by_itself), EpochFault::Unvouched);
        rotated.key = key(3).verifying_key().to_bytes();
        assert_eq!(refused(rotated), EpochFault::Unvouched, "a vouch is for one key");
        assert_eq!(refused(opened(2, 1, None)), EpochFault::OtherParent);
        assert_eq!(refused(opened(2, 1, Some(Point::new(end().no, [8; 32])))), EpochFault::OtherParent);
        assert_eq!(refused(opened(3, 1, Some(end()))), EpochFault::Elsewhere);
        assert_eq!(refused(Opened { writer: Writer::Hub, ..opened(2, 1, Some(end())) }), EpochFault::Elsewhere);
        let mut ring = Keyring::knowing(&[key(1).verifying_key(), key(2).verifying_key()]);
        ring.follow(&journal(), 1, None, &Fact::Opened(opened(1, 1, None)).to_bytes()).expect("the first box");
        let replaced = Fact::Opened(opened(2, 2, Some(end()))).to_bytes();
        ring.follow(&journal(), 2, Some(&end()), &replaced).expect("known to the roster");
        assert_eq!(ring.newest(), Some(&key(2).verifying_key()));
        let elsewhere = Fact::Opened(opened(3, 1, None)).to_bytes();
        assert_eq!(ring.follow(&journal(), 3, Some(&end()), &elsewhere), Err(EpochFault::OtherParent));
        let mut ring = Keyring::default();
        ring.follow(&journal(), 2, None, &replaced).expect("the journal of the second box begins here");
        assert_eq!(ring.follow(&journal(), 1, None, &[0x82, 0x18, 0xf0, 0xa0]), Err(EpochFault::NoOpening));
    }
}
