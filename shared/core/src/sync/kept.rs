//! What a node keeps of the hub's words, over restarts and without the hub, and what that forbids it.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use super::{
    contract::Papers,
    frame::{Verdict, Word},
};
use crate::{
    ids::StoreId,
    trust::{Bar, Grant, Instance, KeyBytes, RosterEntry},
};

/// What the hub signed for this node and what it said last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The grant in force.
    pub grant: Option<Grant>,
    /// The grants before that one, newest first.
    pub earlier: Vec<Grant>,
    /// The newest roster entry.
    pub entry: Option<RosterEntry>,
    /// The hub's new address, if it moved.
    pub moved: Option<String>,
    /// Where the hub's key answered, the last first.
    pub answered: Vec<String>,
    /// The last word, a verdict's name.
    pub hub_word: Option<String>,
    /// The journal is not what the hub holds of it, since the hub said so and until both hold the same.
    pub forked: Option<Fork>,
}

/// How a journal differs from the hub's copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fork {
    /// What is missing here is on its way.
    Filling,
    /// It cannot come back.
    Unfillable,
}

impl Fork {
    /// The name in notes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Filling => "filling",
            Self::Unfillable => "unfillable",
        }
    }
}

impl Kept {
    /// Without what is not this hub's own word.
    #[must_use]
    pub fn verified(self, hub_key: &KeyBytes) -> Self {
        let grant = self.grant.filter(|grant| grant.verify(hub_key));
        let earlier = self.earlier.into_iter().filter(|grant| grant.verify(hub_key)).collect();
        let entry = self.entry.filter(|entry| entry.verify(hub_key));
        Self { grant, earlier, entry, ..self }
    }

    /// What a hello shows.
    #[must_use]
    pub fn papers(self, instance: Instance) -> Papers {
        Papers { instance, grant: self.grant, earlier: self.earlier, entry: self.entry }
    }

    /// Takes in the hub's answer to a hello. A hub that cannot tell now has said nothing.
    pub fn told(&mut self, verdict: Verdict, word: Word, (store, hub_key): (&StoreId, &KeyBytes)) {
        let newer = |entry: &RosterEntry| self.entry.as_ref().is_none_or(|held| held.serial < entry.serial);
        let entry = word.entry.filter(|entry| entry.store == *store && entry.verify(hub_key)).filter(newer);
        if entry.is_some() {
            self.entry = entry;
        }
        // Only a hub that knows this node says where it is; the others' silence is no word about it.
        if verdict == Verdict::Ok {
            self.moved = word.address;
        }
        if verdict != Verdict::Later {
            self.hub_word = Some(verdict.as_str().to_owned());
        }
    }

    /// What this node may not do, and why; of several reasons the worst. What is kept must be [`Self::verified`].
    #[must_use]
    pub fn bar(&self) -> Option<Bar> {
        let signed = self.grant.as_ref().zip(self.entry.as_ref()).and_then(|(grant, entry)| entry.bars(grant));
        let duplicate = self.hub_word.as_deref() == Some(Verdict::Duplicate.as_str());
        let forked = self.forked.map(|fork| match fork {
            Fork::Filling => Bar::Forked,
            Fork::Unfillable => Bar::Unfillable,
        });
        signed.or(duplicate.then_some(Bar::Duplicate)).or(forked)
    }
}
