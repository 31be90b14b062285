//! Where a node stands with its hub: what is kept of the hub's words, how the journal compares with the hub's copy of it, and
//! what waits for that. An older copy of the folder that was put back knows neither its payments nor what it gave back.

use super::{
    contract::{Hangup, Papers, PeerFault},
    frame::{Bye, ByeReason, Verdict, Word},
    kept::{Fork, Kept},
    pace::Fill,
};
use crate::{
    ids::{FactNo, OrderNo, StoreId},
    time::Ticks,
    trust::{Bar, Instance, KeyBytes},
};

/// How long after the start whatever gives money back waits for the hub's word about the journal, in ms. A hub that answers at
/// all has done so by then.
pub const COMPARED_WITHIN_MS: u64 = 5_000;

/// How long after the start any other request waits for it, in ms: a hub that can be reached answers in a fraction.
pub const HEARD_WITHIN_MS: u64 = 2_000;

/// How long requests wait while the hub gives back what the journal lost, in ms. Without a hub, or with one that gives nothing
/// back, the counter sells on.
pub const HEALED_WITHIN_MS: u64 = 10_000;

/// How a journal compares with the hub's copy of it, as far as was said since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// Nothing was said.
    NotYet,
    /// The hub will not say.
    Refused,
    /// The hub holds facts that are missing here.
    Behind {
        /// Since it is known.
        since: Ticks,
    },
    /// Both hold the same.
    Same,
}

/// What somebody wants who stands at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To give money back.
    GiveBack,
    /// Anything else about money.
    Other,
}

/// What the end of a session says about the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// Nothing.
    Plain,
    /// It is not the one the hub holds.
    Forked,
    /// The hub's copy ends in another box's seal, which went on from this one's facts.
    WrittenOn,
    /// The hub's copy ends in the seal of the box before this one: a hub restored from a backup has nothing of ours.
    HubLostUs,
}

impl Parting {
    /// `begins` is this journal's first fact. The hub writes no facts of its own towards stores, so a seal that is not this
    /// box's is another box's.
    #[must_use]
    pub fn of(hangup: &Hangup, begins: Option<FactNo>) -> Self {
        match hangup {
            Hangup::Fault(PeerFault::BadSeal(no)) if begins.is_some_and(|begins| *no < begins) => Self::HubLostUs,
            Hangup::Fault(PeerFault::BadSeal(_)) => Self::WrittenOn,
            Hangup::Fault(PeerFault::Forked(_)) | Hangup::Peer(Bye { reason: ByeReason::Forked, .. }) => Self::Forked,
            Hangup::Fault(_)
            | Hangup::Refused(_)
            | Hangup::Peer(_)
            | Hangup::Asked(_)
            | Hangup::Enrolled
            | Hangup::EnrolRefused(_)
            | Hangup::TimedOut
            | Hangup::Shell => Self::Plain,
        }
    }

    /// What that means for the next call. Where the hub holds another box's facts instead of ours nothing changes by itself.
    #[must_use]
    pub const fn fill(self, fill: Fill) -> Fill {
        match self {
            Self::WrittenOn | Self::HubLostUs => Fill::Failed,
            Self::Forked | Self::Plain => fill,
        }
    }
}

/// A node as a member of its hub's chain, from the node's start to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    store: StoreId,
    hub_key: KeyBytes,
    instance: Instance,
    kept: Kept,
    compared: Compared,
    lost_at_hub: bool,
    started: Ticks,
}

impl Member {
    /// Takes up what was kept over the restart; what is not this hub's own word is dropped.
    #[must_use]
    pub fn start((store, hub_key): (StoreId, KeyBytes), instance: Instance, kept: Kept, now: Ticks) -> Self {
        let kept = kept.verified(&hub_key);
        Self { store, hub_key, instance, kept, compared: Compared::NotYet, lost_at_hub: false, started: now }
    }

    /// What is to be kept over restarts.
    #[must_use]
    pub const fn kept(&self) -> &Kept {
        &self.kept
    }

    /// What this node may not do, and why.
    #[must_use]
    pub fn bar(&self) -> Option<Bar> {
        self.kept.bar()
    }

    /// What its hello shows.
    #[must_use]
    pub fn papers(&self) -> Papers {
        self.kept.clone().papers(self.instance)
    }

    /// Which process on which folder.
    #[must_use]
    pub const fn instance(&self) -> Instance {
        self.instance
    }

    /// The hub's signed answer to the hello. Numbers up to the one given back are used.
    pub fn told(&mut self, verdict: Verdict, word: Word) -> Option<OrderNo> {
        let floor = word.last_no;
        self.kept.told(verdict, word, (&self.store, &self.hub_key));
        // A hub that is busy has said nothing, and what was compared once stays so.
        if !matches!(verdict, Verdict::Ok | Verdict::Later) {
            self.says_nothing();
        }
        floor
    }

    /// The journal here is not the one the hub holds; what is missing is on its way.
    pub fn forked(&mut self, now: Ticks) {
        self.kept.forked = self.kept.forked.or(Some(Fork::Filling));
        if !matches!(self.compared, Compared::Behind { .. }) {
            self.compared = Compared::Behind { since: now };
        }
    }

    /// The same, and nothing can be done about it here.
    pub fn unfillable(&mut self, now: Ticks) {
        self.kept.forked = Some(Fork::Unfillable);
        self.forked(now);
    }

    /// The hub acknowledged facts of this journal, or gave back what it lost: both hold the same.
    pub const fn agreed(&mut self) {
        self.kept.forked = None;
        self.compared = Compared::Same;
        self.lost_at_hub = false;
    }

    /// A session ended so. A hub that lost this box bars nothing.
    pub fn parted(&mut self, parting: Parting, now: Ticks) {
        match parting {
            Parting::Plain => {}
            Parting::Forked => self.forked(now),
            Parting::WrittenOn => self.unfillable(now),
            Parting::HubLostUs => {
                self.lost_at_hub = true;
                self.says_nothing();
            }
        }
    }

    /// Until when this waits at the latest, unless something is said before; none if it may go in.
    #[must_use]
    pub fn waits(&self, wish: Wish, now: Ticks) -> Option<Ticks> {
        let until = match (self.compared, wish) {
            (Compared::NotYet, Wish::GiveBack) => self.started.after_ms(COMPARED_WITHIN_MS),
            (Compared::NotYet, Wish::Other) => self.started.after_ms(HEARD_WITHIN_MS),
            (Compared::Behind { since }, Wish::GiveBack | Wish::Other) => since.after_ms(HEALED_WITHIN_MS),
            (Compared::Refused | Compared::Same, Wish::GiveBack | Wish::Other) => return None,
        };
        (until > now).then_some(until)
    }

    /// Until when nothing may go back by itself; none once the hub has spoken about the journal, or its time is over.
    #[must_use]
    pub fn unheard(&self, now: Ticks) -> Option<Ticks> {
        let until = self.started.after_ms(COMPARED_WITHIN_MS);
        (self.compared == Compared::NotYet && until > now).then_some(until)
    }

    /// Whether what is not found in this journal does not exist.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.compared == Compared::Same
    }

    /// Whether the hub was put back to before this box and cannot take anything of it.
    #[must_use]
    pub const fn is_lost_at_hub(&self) -> bool {
        self.lost_at_hub
    }

    fn says_nothing(&mut self) {
        if self.compared == Compared::NotYet {
            self.compared = Compared::Refused;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member() -> Member {
        let store = StoreId::parse("S001").unwrap();
        Member::start((store, [1; 32]), Instance::default(), Kept::default(), Ticks(1_000))
    }

    fn waits(member: &Member, now: u64) -> [Option<u64>; 3] {
        let now = Ticks(now);
        let (other, back) = (member.waits(Wish::Other, now), member.waits(Wish::GiveBack, now));
        [other, back, member.unheard(now)].map(|until| until.map(|Ticks(ms)| ms))
    }

    #[test]
    fn after_a_start_requests_wait_for_the_hubs_word_and_never_long() {
        let started = member();
        assert_eq!(waits(&started, 1_000), [Some(3_000), Some(6_000), Some(6_000)]);
        assert_eq!(waits(&started, 3_000), [None, Some(6_000), Some(6_000)]);
        assert_eq!(waits(&started, 6_000), [None; 3]);

        let mut busy = member();
        busy.told(Verdict::Later, Word::default());
        busy.told(Verdict::Ok, Word::default());
        assert_eq!(waits(&busy, 1_500), waits(&started, 1_500), "it has not compared yet");

        let mut refused = member();
        refused.told(Verdict::Unknown, Word::default());
        assert_eq!((waits(&refused, 1_500), refused.is_whole()), ([None; 3], false));
    }

    #[test]
    fn while_lost_facts_come_back_all_requests_wait_ten_seconds_from_the_first_word_of_it() {
        let mut member = member();
        member.forked(Ticks(2_000));
        member.forked(Ticks(9_000));
        assert_eq!(waits(&member, 9_000), [Some(12_000), Some(12_000), None]);
        assert_eq!(waits(&member, 12_000), [None; 3]);
        assert_eq!(member.bar(), Some(Bar::Forked));
        member.agreed();
        assert_eq!((waits(&member, 9_000), member.bar(), member.is_whole()), ([None; 3], None, true));
        member.told(Verdict::Unknown, Word::default());
        assert!(member.is_whole(), "what was compared once stays so");
    }

    #[test]
    fn another_boxs_facts_are_told_from_a_broken_protocol() {
        let begins = Some(FactNo { epoch: 2, number: 1 });
        let of = |hangup: &Hangup| Parting::of(hangup, begins);
        let seal = |epoch, number| Hangup::Fault(PeerFault::BadSeal(FactNo { epoch, number }));
        assert_eq!((of(&seal(2, 1)), of(&seal(1, 80))), (Parting::WrittenOn, Parting::HubLostUs));
        assert_eq!(of(&Hangup::Fault(PeerFault::TooLong)), Parting::Plain);
        for strange in [Parting::WrittenOn, Parting::HubLostUs] {
            assert_eq!(strange.fill(Fill::Nothing), Fill::Failed, "nothing changes by itself");
        }

        let mut lost = member();
        lost.parted(Parting::HubLostUs, Ticks(1_100));
        assert_eq!((lost.bar(), waits(&lost, 1_100), lost.is_lost_at_hub()), (None, [None; 3], true));
        lost.parted(Parting::WrittenOn, Ticks(1_200));
        assert_eq!(lost.bar(), Some(Bar::Unfillable));
    }
}
