//! Anything at any moment.

use alloc::{vec, vec::Vec};

use crate::{
    ids::Writer,
    journal::chain::Seal,
    sync::{
        frame::{Ack, Bye, ByeReason, Chunk, DocMessage, Enrol, EnrolRefusal, EnrolRefused, Frame, Have, Want},
        pair::{Pair, hub_key, no, node_journal, node_key},
    },
};

/// A small generator, so that a failing seed is a complete reproduction.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

/// Whatever the sizes of commits and deliveries and wherever the wire is cut: in the end each side holds the other's journal,
/// and at no time has more been acknowledged than is durable, or anything been taken twice (the disks assert that).
#[test]
fn any_weather_ends_with_equal_journals() {
    for seed in 1..=300_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut pair = Pair::new();
        for _ in 0..dice.below(60) {
            match dice.below(8) {
                0 => pair.reconnect(),
                1 => pair.hub.slow_disk = true,
                2 => {
                    pair.hub.slow_disk = false;
                    pair.hub.flush();
                }
                3 | 4 => {
                    let size = usize::try_from(dice.below(9_000)).expect("small");
                    let count = usize::try_from(1 + dice.below(5)).expect("small");
                    let bodies: Vec<Vec<u8>> = vec![vec![u8::try_from(seed % 251).expect("small"); size]; count];
                    if dice.below(3) == 0 {
                        let upto = pair.hub.own.commit(&hub_key(), 1, &bodies);
                        pair.hub.session.appended(upto);
                    } else {
                        let upto = pair.node.own.commit(&node_key(), 1, &bodies);
                        pair.node.session.appended(upto);
                    }
                }
                _ => {
                    for _ in 0..dice.below(20) {
                        pair.step(usize::try_from(1 + dice.below(6_000)).expect("small"));
                    }
                }
            }
            assert!(pair.node.acked <= pair.hub.held.last(), "seed {seed}: acknowledged but not durable");
            assert!(pair.hub.acked <= pair.node.held.last(), "seed {seed}: acknowledged but not durable");
        }
        pair.hub.slow_disk = false;
        pair.reconnect();
        pair.drive();
        assert_eq!(pair.faults, [], "seed {seed}");
        assert_eq!(pair.hub.held, pair.node.own, "seed {seed}");
        assert_eq!(pair.node.held, pair.hub.own, "seed {seed}");
    }
}

/// Frames of every kind with numbers at their edges, at any moment: nothing panics, and nothing is taken that was not sealed.
#[test]
fn a_storm_of_frames_changes_nothing() {
    for seed in 1..=200_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut pair = Pair::with_backlog(2);
        for _ in 0..dice.below(12) {
            pair.step(200);
        }
        for _ in 0..10 {
            let numbers = [0, 1, 2, 3, u64::MAX - 1, u64::MAX];
            let mut any_no = || {
                let epoch = [0, 1, 2, u32::MAX][usize::try_from(dice.below(4)).expect("small")];
                no(epoch, numbers[usize::try_from(dice.below(6)).expect("small")])
            };
            let (at, other) = (any_no(), any_no());
            let strange = Seal::sign(&hub_key(), &node_journal(), at, [3; 32]);
            let own = Seal::sign(&node_key(), &node_journal(), at, [3; 32]);
            let writer = if dice.below(2) == 0 { Writer::Node } else { Writer::Hub };
            let frame: Frame = match dice.below(12) {
                0 => Have { writer, head: Some(at) }.into(),
                1 => Have { writer, head: None }.into(),
                2 => Want { writer, after: Some(strange) }.into(),
                3 => Want { writer, after: Some(own) }.into(),
                4 => {
                    Chunk { writer, first: at, bodies: vec![vec![1], vec![2]], seal: None, records: Vec::new() }.into()
                }
                5 => Chunk { writer, first: at, bodies: vec![vec![1]], seal: Some(own), records: Vec::new() }.into(),
                6 => Chunk { writer, first: other, bodies: vec![Vec::new()], seal: Some(strange), records: Vec::new() }
                    .into(),
                7 => Ack { writer, upto: at }.into(),
                8 => Enrol { code_id: [0; 8], proof: [0; 32] }.into(),
                9 => EnrolRefused { reason: EnrolRefusal::Used }.into(),
                10 => DocMessage { doc: "d".into(), bytes: vec![0] }.into(),
                _ => Bye { reason: ByeReason::Stopping, evidence: None }.into(),
            };
            if dice.below(2) == 0 {
                pair.forge_to_hub(frame);
            } else {
                pair.to_node.extend(frame.to_wire());
            }
            pair.step(usize::MAX);
        }
        pair.drive();
        assert!(pair.hub.held.facts.iter().all(|(at, body)| pair.node.own.facts.get(at) == Some(body)), "seed {seed}");
        assert!(pair.node.held.facts.is_empty(), "seed {seed}");
        pair.reconnect();
        pair.drive();
        assert_eq!(pair.hub.held, pair.node.own, "seed {seed}");
    }
}
