//! A box that was put back to an older copy.

use alloc::{vec, vec::Vec};

use super::open_pair;
use crate::{
    ids::{Issuer, Writer},
    journal::{
        chain::{self, Seal},
        epoch::{EpochFault, Point},
        fact::{Fact, Opened},
    },
    sync::{
        contract::{Hangup, PeerFault},
        frame::Recall,
        pair::{Pair, hub_key, no, node_journal, node_key, store},
    },
    time::UtcMs,
};

fn opening(epoch: u32, parent: Option<Point>) -> Vec<u8> {
    opening_at(UtcMs(1), epoch, parent)
}

fn opening_at(at: UtcMs, epoch: u32, parent: Option<Point>) -> Vec<u8> {
    let opened = Opened {
        store: store(),
        issuer: Issuer::new(7).expect("in range"),
        at,
        writer: Writer::Node,
        epoch,
        key: node_key().verifying_key().to_bytes(),
        parent,
        vouch: None,
    };
    Fact::Opened(opened).to_bytes()
}

/// A pair whose hub holds 40 facts, of which the node, put back to an older copy, has the first ten.
fn restored() -> Pair {
    let mut pair = Pair::with_backlog(10);
    pair.drive();
    let older = pair.node.own.clone();
    for number in 0..30_u64 {
        pair.node.own.commit(&node_key(), 1, &[vec![9; 3_000], number.to_be_bytes().to_vec()]);
    }
    pair.reconnect();
    pair.drive();
    pair.node.own = older;
    pair.reconnect();
    pair
}

#[test]
fn a_box_put_back_that_wrote_nothing_gets_back_what_it_lost() {
    let mut pair = restored();
    pair.drive();
    assert_eq!((&pair.faults[..], &pair.node.hangup), (&[][..], &None));
    let fork = pair.node.fork.take().expect("a fork");
    assert_eq!((fork.seal.no, fork.ours), (no(1, 70), None));
    assert!(fork.seal.verify(&node_key().verifying_key(), &node_journal()), "the evidence stands by itself");
    assert_eq!(pair.hub.evidence, None, "its history is only shorter");
    let taken = core::mem::take(&mut pair.node.taken);
    assert_eq!((taken[0].first, taken.last().map(|batch| batch.seal.no)), (no(1, 11), Some(no(1, 70))));
    pair.node.own.heal(taken);
    assert_eq!(pair.node.own, pair.hub.held);
    pair.reconnect();
    pair.node.own.commit(&node_key(), 1, &[b"and on".to_vec()]);
    pair.reconnect();
    pair.drive();
    assert_eq!(pair.hub.held, pair.node.own);
    assert_eq!(pair.node.acked, Some(no(1, 71)));
}

#[test]
fn a_box_put_back_that_wrote_on_goes_on_behind_the_hubs_history_in_a_new_epoch() {
    for own in [1, 60, 200_u64] {
        let mut pair = restored();
        let mut last = None;
        for number in 0..own {
            last = Some(pair.node.own.commit(&node_key(), 1, &[b"another".to_vec(), number.to_be_bytes().to_vec()]));
        }
        pair.reconnect();
        pair.drive();
        assert_eq!(pair.faults, []);
        let evidence = pair.hub.evidence.take().expect("a seal that does not fit");
        assert_eq!(Some(evidence.no), last);
        let taken = core::mem::take(&mut pair.node.taken);
        assert!(taken[0].first <= no(1, 11), "from a place that both have");
        pair.node.own.heal(taken);
        let parent = Point::new(no(1, 70), pair.node.own.heads[&no(1, 70)]);

        let whole = pair.node.own.clone();
        for (strange, why) in [
            (b"no opening".to_vec(), EpochFault::NoOpening),
            (opening(2, None), EpochFault::OtherParent),
            (opening(3, Some(parent.clone())), EpochFault::Elsewhere),
        ] {
            pair.node.own.commit(&node_key(), 2, &[strange]);
            pair.reconnect();
            pair.drive();
            assert_eq!(pair.faults, [PeerFault::BadEpoch(no(2, 1), why)]);
            pair.faults.clear();
            pair.node.own = whole.clone();
        }
        pair.node.own.commit(&node_key(), 2, &[opening(2, Some(parent)), b"another".to_vec()]);
        pair.reconnect();
        pair.drive();
        assert_eq!(pair.faults, []);
        assert_eq!(pair.hub.held, pair.node.own);
        assert_eq!(pair.node.acked, Some(no(2, 2)));
    }
}

#[test]
fn a_box_put_back_to_where_an_epoch_ended_takes_the_next_one_back() {
    for own in [0, 1, 2, 3, 7, 15_u64] {
        let mut pair = Pair::with_backlog(10);
        pair.drive();
        let mut older = pair.node.own.clone();
        let end = older.last().expect("facts");
        let parent = Point::new(end, older.heads[&end]);
        pair.node.own.commit(&node_key(), 2, &[opening(2, Some(parent)), b"and on".to_vec()]);
        pair.reconnect();
        pair.drive();
        for number in 0..own {
            older.commit(&node_key(), 1, &[number.to_be_bytes().to_vec()]);
        }
        pair.node.own = older;
        pair.reconnect();
        pair.drive();
        assert_eq!(pair.faults, [], "{own} facts of its own");
        let taken = core::mem::take(&mut pair.node.taken);
        assert_eq!(taken.last().map(|batch| batch.seal.no), Some(no(2, 2)));
        assert_eq!(taken[0].first == no(2, 1), own != 2, "from the end of the epoch where a step meets it");
    }
}

#[test]
fn a_box_that_replaced_another_takes_back_its_own_facts_only() {
    let another_box = hub_key();
    for common in [0, 3_u64] {
        let mut pair = Pair::with_backlog(0);
        pair.hub.held.commit(&another_box, 1, &vec![b"of another box".to_vec(); 9]);
        let parent = Point::new(no(1, 9), pair.hub.held.heads[&no(1, 9)]);
        let begun = |at| [opening_at(at, 2, Some(parent.clone())), b"a".to_vec(), b"b".to_vec()];
        pair.hub.held.commit(&node_key(), 2, &begun(UtcMs(1)));
        pair.hub.held.commit(&node_key(), 2, &[b"lost".to_vec(), b"lost".to_vec()]);
        // Without a fact in common its journal was lost whole, and begun anew.
        pair.node.own.commit(&node_key(), 2, &begun(UtcMs(if common == 0 { 2 } else { 1 })));
        pair.node.own.commit(&node_key(), 2, &vec![b"since".to_vec(); 4]);
        pair.reconnect();
        pair.drive();
        assert_eq!(pair.faults, [], "{common} facts in common");
        let taken = core::mem::take(&mut pair.node.taken);
        assert_eq!(taken.last().map(|batch| batch.seal.no), Some(no(2, 5)));
        assert_eq!(taken[0].first, if common == 0 { no(2, 1) } else { no(2, 2) });

        pair.hub.held.facts.insert(no(2, 1), opening(2, Some(Point::new(no(1, 8), [8; 32]))));
        pair.reconnect();
        pair.drive();
        let elsewhere = PeerFault::BadEpoch(no(2, 1), EpochFault::OtherParent);
        let expected = if common == 0 { vec![elsewhere] } else { vec![] };
        assert_eq!(pair.faults, expected, "an epoch must go on from a place of its own history");
    }
}

/// What comes back is checked like anything else: by the box's own key and its own chain.
#[test]
fn a_hub_cannot_make_a_box_take_what_it_never_wrote() {
    let mut pair = restored();
    let (last, first) = (no(1, 70), no(1, 12));
    pair.hub.held.facts.insert(first, b"never written".to_vec());
    pair.drive();
    assert!(matches!(pair.faults[..], [PeerFault::BadChain(_)]), "{:?}", pair.faults);
    assert!(pair.node.taken.iter().all(|batch| batch.seal.no < last));

    let mut pair = restored();
    pair.hub.held.commit(&hub_key(), 1, &[b"never written".to_vec()]);
    pair.reconnect();
    pair.drive();
    assert_eq!(pair.faults, [PeerFault::BadSeal(no(1, 71))]);
}

#[test]
fn only_a_box_recalls_and_only_once_and_within_bounds() {
    let (pair, _) = open_pair();
    let point = Point::new(no(1, 0), [0; 32]);
    let recall = |writer, count: usize, seal| Recall { writer, known: vec![point.clone(); count], seal };
    drop(pair);
    let strange = Seal::sign(&hub_key(), &node_journal(), no(1, 9), [3; 32]);
    for (frames, fault) in [
        (vec![recall(Writer::Hub, 1, None)], PeerFault::NoLane(Writer::Hub)),
        (vec![recall(Writer::Node, 81, None)], PeerFault::TooLong),
        (vec![recall(Writer::Node, 1, Some(strange))], PeerFault::BadSeal(no(1, 9))),
        (vec![recall(Writer::Node, 1, None), recall(Writer::Node, 1, None)], PeerFault::OutOfTurn("Recall")),
    ] {
        let (mut pair, _) = open_pair();
        for frame in frames {
            pair.forge_to_hub(frame);
        }
        pair.drive();
        assert_eq!(pair.faults.first(), Some(&fault), "{:?}", pair.faults);
    }
}

#[test]
fn a_false_claim_of_a_fork_convinces_nobody() {
    let mut pair = Pair::with_backlog(2);
    let forged = Seal::sign(&hub_key(), &node_journal(), no(1, 9), chain::start(&node_journal(), 1));
    pair.hub.held.seals.insert(no(1, 9), forged);
    pair.node.own.commit(&node_key(), 1, &vec![vec![1]; 20]);
    pair.reconnect();
    pair.drive();
    assert_eq!(pair.node.hangup, Some(Hangup::Fault(PeerFault::BadSeal(no(1, 9)))));
}
