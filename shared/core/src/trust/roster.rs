//! The hub's signed words about who serves a store: grants of issuers, and roster entries that name the box in force.
//!
//! Both are signed by the hub's identity, the organisation's key, and carry a serial that only grows, so that they can be kept,
//! shown again and compared wherever they came from. A node shows its grant in every hello: a hub restored from a backup takes
//! it in again. A node stops selling only on an entry that is newer than its grant; a hub that merely does not know it is an
//! alarm and no more.

use alloc::vec::Vec;
use core::fmt;

use ed25519_dalek::SigningKey;
use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

use super::{KeyBytes, key_text, usable_key};
use crate::{
    ids::{Issuer, StoreId},
    signature,
    time::UtcMs,
};

const GRANT_TAG: &[u8] = b"guitai/trust/grant/1";
const ENTRY_TAG: &[u8] = b"guitai/trust/entry/1";
const FOLDER_TAG: &[u8] = b"guitai/trust/folder/1";

/// The hub let a key in for a store and gave it an issuer number.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Grant {
    /// The store it serves.
    #[n(0)]
    pub store: StoreId,
    /// The number in its order numbers; no other grant of this hub has it.
    #[n(1)]
    pub issuer: Issuer,
    /// The node's key.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub key: KeyBytes,
    /// Greater than in everything the hub signed before.
    #[n(3)]
    pub serial: u64,
    /// By the hub's identity.
    #[cbor(n(4), with = "minicbor::bytes")]
    signature: [u8; 64],
}

impl Grant {
    /// Signs a grant.
    #[must_use]
    pub fn sign(hub: &SigningKey, store: StoreId, issuer: Issuer, key: KeyBytes, serial: u64) -> Self {
        let mut grant = Self { store, issuer, key, serial, signature: [0; 64] };
        grant.signature = signature::sign(hub, &grant.digest(hub.verifying_key().as_bytes()));
        grant
    }

    /// Whether this hub signed it.
    #[must_use]
    pub fn verify(&self, hub: &KeyBytes) -> bool {
        signed(hub, &self.digest(hub), &self.signature)
    }

    /// As it is kept.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encoded(self)
    }

    /// Reads what [`Self::to_bytes`] wrote; verify it before use.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        minicbor::decode(bytes).ok()
    }

    /// Several as they are kept.
    #[must_use]
    pub fn all_to_bytes(grants: &[Self]) -> Vec<u8> {
        encoded(&grants)
    }

    /// Reads what [`Self::all_to_bytes`] wrote; verify each before use.
    #[must_use]
    pub fn all_from_bytes(bytes: &[u8]) -> Option<Vec<Self>> {
        minicbor::decode(bytes).ok()
    }

    fn digest(&self, hub: &KeyBytes) -> [u8; 32] {
        let mut hash = begin(GRANT_TAG, hub, &self.store);
        hash.update(self.serial.to_be_bytes());
        hash.update(self.issuer.get().to_be_bytes());
        hash.update(self.key);
        hash.finalize().into()
    }
}

/// The box a store is served by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct InForce {
    /// Its key.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub key: KeyBytes,
    /// Its issuer; a key that was let in again has another than before, so that an older copy of its folder is told apart.
    #[n(1)]
    pub issuer: Issuer,
}

/// Which box serves a store from now on; none: it was disabled without a successor.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RosterEntry {
    /// The store.
    #[n(0)]
    pub store: StoreId,
    /// Greater than in everything the hub signed before.
    #[n(1)]
    pub serial: u64,
    /// The box in force.
    #[n(2)]
    pub in_force: Option<InForce>,
    /// Since when, by the hub's clock.
    #[n(3)]
    pub at: UtcMs,
    /// By the hub's identity.
    #[cbor(n(4), with = "minicbor::bytes")]
    signature: [u8; 64],
}

impl RosterEntry {
    /// Signs an entry.
    #[must_use]
    pub fn sign(hub: &SigningKey, store: StoreId, serial: u64, in_force: Option<InForce>, at: UtcMs) -> Self {
        let mut entry = Self { store, serial, in_force, at, signature: [0; 64] };
        entry.signature = signature::sign(hub, &entry.digest(hub.verifying_key().as_bytes()));
        entry
    }

    /// Whether this hub signed it.
    #[must_use]
    pub fn verify(&self, hub: &KeyBytes) -> bool {
        signed(hub, &self.digest(hub), &self.signature)
    }

    /// As it is kept.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encoded(self)
    }

    /// Reads what [`Self::to_bytes`] wrote; verify it before use.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        minicbor::decode(bytes).ok()
    }

    /// What it means for the bearer of a grant. An entry no newer than the grant, or about another store, means nothing.
    #[must_use]
    pub fn bars(&self, grant: &Grant) -> Option<Bar> {
        if self.store != grant.store || self.serial <= grant.serial {
            return None;
        }
        match &self.in_force {
            None => Some(Bar::Revoked),
            Some(box_) if box_.key == grant.key && box_.issuer == grant.issuer => None,
            Some(_) => Some(Bar::Replaced),
        }
    }

    fn digest(&self, hub: &KeyBytes) -> [u8; 32] {
        let mut hash = begin(ENTRY_TAG, hub, &self.store);
        hash.update(self.serial.to_be_bytes());
        hash.update(self.at.0.to_be_bytes());
        match &self.in_force {
            None => hash.update([0]),
            Some(InForce { key, issuer }) => {
                hash.update([1]);
                hash.update(key);
                hash.update(issuer.get().to_be_bytes());
            }
        }
        hash.finalize().into()
    }
}

/// Why a till moves no money as it otherwise would. It goes on asking about what is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bar {
    /// A signed roster entry disabled this box.
    Revoked,
    /// A signed roster entry names another box.
    Replaced,
    /// Another box with the same key is connected: a copied folder. Both would draw the same numbers.
    Duplicate,
    /// The journal is not the one the hub holds: what was given back may be missing here, until it has come back.
    Forked,
    /// The same, and what is missing here cannot come back.
    Unfillable,
}

impl Bar {
    /// Whether customers may not be charged. A forked node goes on selling while it can still become whole.
    #[must_use]
    pub const fn stops_charges(self) -> bool {
        match self {
            Self::Revoked | Self::Replaced | Self::Duplicate | Self::Unfillable => true,
            Self::Forked => false,
        }
    }

    /// The name in logs and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Replaced => "replaced",
            Self::Duplicate => "duplicate",
            Self::Forked => "forked",
            Self::Unfillable => "unfillable",
        }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One running program on one folder, so that two boxes with one key are told from one that was started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Instance {
    /// Random, made when the program started.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub process: [u8; 16],
    /// A hash of the machine and the folder; a folder has one program at a time, so a new process in it took the old one's place.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub folder: [u8; 16],
}

impl Instance {
    /// The program `process` on this folder: the machine's name for itself, and the folder's device and inode.
    #[must_use]
    pub fn of(process: [u8; 16], machine: &[u8], (device, inode): (u64, u64)) -> Self {
        let hash = Sha256::new()
            .chain_update(FOLDER_TAG)
            .chain_update(device.to_be_bytes())
            .chain_update(inode.to_be_bytes())
            .chain_update(machine)
            .finalize();
        let mut folder = [0; 16];
        folder.copy_from_slice(&hash[..16]);
        Self { process, folder }
    }
}

/// The first eight hexadecimal digits of a key, in two groups, as people read it out.
#[must_use]
pub fn key_short(key: &KeyBytes) -> alloc::string::String {
    let text = key_text(key);
    alloc::format!("{}-{}", &text[..4], &text[4..8])
}

/// Domain tag, the hub's key and the store, whose name has no fixed length.
fn begin(tag: &[u8], hub: &KeyBytes, store: &StoreId) -> Sha256 {
    let length = u64::try_from(store.as_str().len()).expect("memory holds fewer than 2^64 bytes");
    Sha256::new().chain_update(tag).chain_update(hub).chain_update(length.to_be_bytes()).chain_update(store.as_str())
}

fn encoded(word: &impl Encode<()>) -> Vec<u8> {
    let mut bytes = Vec::new();
    minicbor::encode(word, &mut bytes).expect("writing to a Vec cannot fail");
    bytes
}

fn signed(hub: &KeyBytes, digest: &[u8; 32], signature: &[u8; 64]) -> bool {
    usable_key(hub).is_some_and(|key| signature::verify(&key, digest, signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub() -> SigningKey {
        SigningKey::from_bytes(&[3; 32])
    }

    fn store(text: &str) -> StoreId {
        StoreId::parse(text).expect("a name")
    }

    fn issuer(number: u32) -> Issuer {
        Issuer::new(number).expect("in range")
    }

    fn grant() -> Grant {
        Grant::sign(&hub(), store("S001"), issuer(7), [4; 32], 10)
    }

    fn entry(serial: u64, in_force: Option<InForce>) -> RosterEntry {
        RosterEntry::sign(&hub(), store("S001"), serial, in_force, UtcMs(5))
    }

    #[test]
    fn a_grant_is_its_hubs_word_and_nobody_elses() {
        let hub_key = hub().verifying_key().to_bytes();
        let other = SigningKey::from_bytes(&[9; 32]).verifying_key().to_bytes();
        assert!(grant().verify(&hub_key) && !grant().verify(&other));
        let bent = [
            Grant { store: store("S002"), ..grant() },
            Grant { issuer: issuer(8), ..grant() },
            Grant { key: [5; 32], ..grant() },
            Grant { serial: 11, ..grant() },
        ];
        assert!(bent.iter().all(|grant| !grant.verify(&hub_key)));
        assert_eq!(Grant::from_bytes(&grant().to_bytes()), Some(grant()));
        let several = [grant(), Grant::sign(&hub(), store("S001"), issuer(8), [4; 32], 11)];
        assert_eq!(Grant::all_from_bytes(&Grant::all_to_bytes(&several)).as_deref(), Some(&several[..]));
    }

    #[test]
    fn an_entry_is_its_hubs_word_and_no_grant() {
        let hub_key = hub().verifying_key().to_bytes();
        let box_ = InForce { key: [4; 32], issuer: issuer(7) };
        for in_force in [None, Some(box_)] {
            let entry = entry(11, in_force);
            assert!(entry.verify(&hub_key));
            let bent = [
                RosterEntry { serial: 12, ..entry.clone() },
                RosterEntry { at: UtcMs(6), ..entry.clone() },
                RosterEntry { store: store("S0011"), ..entry.clone() },
                RosterEntry { in_force: Some(InForce { key: [6; 32], ..box_ }), ..entry.clone() },
                RosterEntry { in_force: Some(InForce { issuer: issuer(8), ..box_ }), ..entry.clone() },
            ];
            assert!(bent.iter().all(|entry| !entry.verify(&hub_key)));
            assert_eq!(RosterEntry::from_bytes(&entry.to_bytes()), Some(entry));
        }
    }

    #[test]
    fn only_a_newer_entry_that_names_another_or_none_bars() {
        let own = InForce { key: [4; 32], issuer: issuer(7) };
        let (other, again) = (InForce { key: [5; 32], issuer: issuer(8) }, InForce { issuer: issuer(8), ..own });
        let table = [
            (11, None, Some(Bar::Revoked)),
            (11, Some(other), Some(Bar::Replaced)),
            (11, Some(again), Some(Bar::Replaced)),
            (11, Some(own), None),
            (10, None, None),
            (9, Some(other), None),
        ];
        for (serial, in_force, bar) in table {
            assert_eq!(entry(serial, in_force).bars(&grant()), bar, "serial {serial}, {in_force:?}");
        }
        let elsewhere = RosterEntry::sign(&hub(), store("S002"), 99, None, UtcMs(5));
        assert_eq!(elsewhere.bars(&grant()), None, "another store's entry");
    }
}
