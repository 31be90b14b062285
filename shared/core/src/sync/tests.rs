//! Stories of two ends.

mod fork;
mod weather;

use alloc::{vec, vec::Vec};

use ed25519_dalek::SigningKey;

use super::{
    contract::{Authorisation, Hangup, HubConfig, PeerFault, Purpose},
    frame::{Ack, ByeReason, Chunk, EnrolRefusal, FactRecord, Frame, Have, Status, Verdict, Want, Word},
    journal_lane::WINDOW_LOADS,
    pair::{HUB_TIME, Pair, hub_key, hub_session, no, node_journal, node_key, node_session, store},
    session::{HELLO_TIMEOUT_MS, STATUS_GAP_MS, STATUS_INTERVAL_MS, Session},
    wire::FrameError,
};
use crate::{
    ids::Writer,
    journal::{chain::Seal, text::Record},
    limits::{CHUNK_MAX_BYTES, RECORD_TEXT_MAX_CHARS},
    time::{DayRule, UtcMs},
    trust::{EnrolmentCode, RosterEntry},
};

#[test]
fn a_backlog_arrives_once_and_in_order() {
    let mut pair = Pair::with_backlog(5_000);
    pair.drive();
    assert_eq!(pair.hub.held, pair.node.own);
    assert_eq!(pair.node.acked, Some(no(1, 5_000)));
    assert_eq!(pair.faults, []);
    let again = pair.node.sent.iter().filter(|name| **name == "Chunk").count();
    pair.reconnect();
    pair.drive();
    assert_eq!(pair.node.sent.iter().filter(|name| **name == "Chunk").count(), again, "nothing left to say");
}

#[test]
fn both_journals_travel_in_one_session_and_news_follow() {
    let mut pair = Pair::with_backlog(3);
    pair.drive();
    let upto = pair.hub.own.commit(&hub_key(), 1, &[b"grant".to_vec(), b"batch".to_vec()]);
    pair.hub.session.appended(upto);
    let upto = pair.node.own.commit(&node_key(), 1, &[b"sale".to_vec()]);
    pair.node.session.appended(upto);
    pair.drive();
    assert_eq!(pair.node.held, pair.hub.own);
    assert_eq!(pair.hub.held, pair.node.own);
    assert_eq!((pair.node.acked, pair.hub.acked), (Some(no(1, 4)), Some(no(1, 2))));
}

#[test]
fn a_cut_in_the_middle_resumes_without_a_duplicate() {
    let mut pair = Pair::new();
    for byte in 0..40_u8 {
        // Each commit is larger than a chunk, so that a cut also falls between the chunks of one commit.
        pair.node.own.commit(&node_key(), 1, &vec![vec![byte; 6_000]; 4]);
    }
    for cut in 1..12_usize {
        pair.reconnect();
        for _ in 0..cut * 3 {
            pair.step(4_001 + cut);
        }
    }
    let before = pair.hub.held.facts.len();
    assert!(before > 0 && before < 160, "cuts fell into the backlog: {before}");
    pair.reconnect();
    pair.drive();
    assert_eq!(pair.hub.held, pair.node.own);
    assert_eq!(pair.faults, []);
}

#[test]
fn nothing_is_acknowledged_before_it_is_durable() {
    let mut pair = Pair::with_backlog(1);
    pair.hub.slow_disk = true;
    pair.drive();
    assert_eq!((pair.hub.writing.len(), pair.node.acked), (1, None));
    pair.hub.flush();
    pair.drive();
    assert_eq!(pair.node.acked, Some(no(1, 1)));
}

#[test]
fn the_window_bounds_what_is_under_way() {
    let mut pair = Pair::new();
    for _ in 0..3 * WINDOW_LOADS {
        pair.node.own.commit(&node_key(), 1, &[vec![0; 8_000], vec![1; 8_000]]);
    }
    pair.reconnect();
    pair.hub.slow_disk = true;
    pair.drive();
    assert_eq!(pair.hub.writing.len(), WINDOW_LOADS);
    pair.hub.slow_disk = false;
    pair.hub.flush();
    pair.drive();
    assert_eq!(pair.hub.held, pair.node.own);
}

#[test]
fn nothing_is_sent_while_the_transport_is_full() {
    let mut pair = Pair::with_backlog(10);
    pair.node.session.writable(0);
    pair.perform();
    assert!(pair.to_hub.is_empty());
    pair.node.session.writable(1);
    pair.perform();
    assert!(!pair.to_hub.is_empty(), "one frame goes whole");
}

/// A pair that is open and quiet, with one fact `b"old"` at the hub; and what an honest next chunk would be.
fn open_pair() -> (Pair, Chunk) {
    let mut pair = Pair::new();
    pair.node.own.commit(&node_key(), 1, &[b"old".to_vec()]);
    pair.reconnect();
    pair.drive();
    let mut next = pair.node.own.clone();
    let last = next.commit(&node_key(), 1, &[b"new".to_vec(), b"newer".to_vec()]);
    let bodies = vec![b"new".to_vec(), b"newer".to_vec()];
    let chunk = Chunk {
        writer: Writer::Node,
        first: no(1, 2),
        bodies,
        seal: Some(next.seals[&last].clone()),
        records: Vec::new(),
    };
    (pair, chunk)
}

fn beside(number: u64, slot: u8, text: &str) -> FactRecord {
    FactRecord { number, record: Record::from_parts(slot, [5; 16], text.into()) }
}

#[track_caller]
fn refused(bend: impl FnOnce(&mut Chunk)) -> PeerFault {
    let (mut pair, mut chunk) = open_pair();
    bend(&mut chunk);
    let before = pair.hub.held.clone();
    pair.forge_to_hub(chunk);
    pair.drive();
    assert_eq!(pair.hub.held, before, "nothing was taken");
    assert!(matches!(&pair.node.hangup, Some(Hangup::Peer(bye)) if bye.reason == ByeReason::PeerFault));
    let fault = pair.faults.pop().expect("a fault");
    assert_eq!(pair.hub.hangup, Some(Hangup::Fault(fault.clone())));
    fault
}

#[test]
fn a_bent_chunk_is_refused() {
    let (mut pair, honest) = open_pair();
    pair.forge_to_hub(honest);
    pair.drive();
    assert_eq!(pair.hub.held.last(), Some(no(1, 3)), "the honest one is taken");

    assert_eq!(refused(|c| c.bodies[0][0] ^= 1), PeerFault::BadChain(no(1, 3)), "flipped bit");
    assert_eq!(refused(|c| c.bodies.swap(0, 1)), PeerFault::BadChain(no(1, 3)), "reordered");
    assert_eq!(refused(|c| drop(c.bodies.pop())), PeerFault::BadChain(no(1, 2)), "seal of another fact");
    assert_eq!(refused(|c| c.first = no(1, 3)), PeerFault::Gap { expected: no(1, 2), got: no(1, 3) });
    assert_eq!(refused(|c| c.first = no(1, 1)), PeerFault::Gap { expected: no(1, 2), got: no(1, 1) });
    assert_eq!(refused(|c| c.first = no(2, 2)), PeerFault::Gap { expected: no(2, 1), got: no(2, 2) });
    assert_eq!(refused(|c| c.first = no(0, 2)), PeerFault::Gap { expected: no(1, 2), got: no(0, 2) });
    assert_eq!(refused(|c| c.bodies.clear()), PeerFault::ChunkSize { bytes: 0, facts: 0 });
    let long = "字".repeat(RECORD_TEXT_MAX_CHARS + 1);
    let strange = [(1, 0, "before"), (4, 0, "behind"), (2, 16, "no such slot"), (2, 0, long.as_str())];
    for (number, slot, text) in strange {
        assert_eq!(refused(|c| c.records.push(beside(number, slot, text))), PeerFault::TooLong, "{text}");
    }
    let twice = vec![beside(2, 0, "a"), beside(2, 0, "b")];
    assert_eq!(refused(|c| c.records = twice), PeerFault::TooLong);
    let large = CHUNK_MAX_BYTES + 5;
    assert_eq!(refused(|c| c.bodies[0] = vec![0; CHUNK_MAX_BYTES]), PeerFault::ChunkSize { bytes: large, facts: 2 });
}

/// The longest texts a fact may have beside it still fit the frame, whatever the facts' own size.
#[test]
fn texts_travel_beside_their_facts() {
    let mut pair = Pair::new();
    for size in [10, 8_000, 100] {
        let last = pair.node.own.commit(&node_key(), 1, &vec![vec![7; size]; 40]);
        for number in (last.number - 39..=last.number).step_by(3) {
            let texts = (0..16).map(|slot| beside(number, slot, &"字".repeat(RECORD_TEXT_MAX_CHARS)));
            pair.node.own.records.extend(texts.map(|text| ((last.epoch, number, text.record.slot), text)));
        }
    }
    pair.reconnect();
    pair.drive();
    assert_eq!(pair.faults, []);
    assert_eq!(pair.hub.held, pair.node.own);
    assert_eq!(pair.hub.held.records, pair.node.own.records);
}

#[test]
fn frames_of_a_journal_that_does_not_travel_this_way_are_refused() {
    assert_eq!(refused(|c| c.writer = Writer::Hub), PeerFault::NoLane(Writer::Hub));
    for frame in [
        Have { writer: Writer::Hub, head: None }.into(),
        Want { writer: Writer::Node, after: None }.into(),
        Frame::from(Ack { writer: Writer::Node, upto: no(1, 1) }),
    ] {
        let (mut pair, _) = open_pair();
        pair.forge_to_hub(frame);
        pair.drive();
        assert!(matches!(pair.faults[..], [PeerFault::NoLane(_)]), "{:?}", pair.faults);
    }
}

#[test]
fn a_seal_by_another_key_is_refused() {
    let strange = |key: &ed25519_dalek::SigningKey| {
        refused(|chunk| {
            let seal = chunk.seal.take().expect("sealed");
            chunk.seal = Some(Seal::sign(key, &node_journal(), seal.no, *seal.head()));
        })
    };
    assert_eq!(strange(&ed25519_dalek::SigningKey::from_bytes(&[66; 32])), PeerFault::BadSeal(no(1, 3)));
    assert_eq!(strange(&hub_key()), PeerFault::BadSeal(no(1, 3)));
}

#[test]
fn a_commit_without_end_is_refused() {
    let (mut pair, _) = open_pair();
    for number in 0..2_000 {
        pair.forge_to_hub(Chunk {
            writer: Writer::Node,
            first: no(1, 2 + number),
            bodies: vec![vec![0; 8_000]],
            seal: None,
            records: Vec::new(),
        });
    }
    pair.drive();
    assert_eq!(pair.faults, [PeerFault::CommitTooLarge]);
}

#[test]
fn an_acknowledgement_of_nothing_is_refused() {
    let (mut pair, _) = open_pair();
    pair.to_node.extend(super::frame::Frame::from(Ack { writer: Writer::Node, upto: no(1, 9) }).to_wire());
    pair.drive();
    assert_eq!(pair.faults, [PeerFault::AckOfNothing(no(1, 9))]);
}

#[test]
fn the_roster_has_the_word() {
    let answers = [
        (Authorisation::Unknown, Verdict::Unknown),
        (Authorisation::Revoked, Verdict::Revoked),
        (Authorisation::WrongStore, Verdict::WrongStore),
        (Authorisation::Replaced, Verdict::Replaced),
        (Authorisation::Duplicate, Verdict::Duplicate),
        (Authorisation::Later, Verdict::Later),
    ];
    for (answer, verdict) in answers {
        let mut pair = Pair::with_backlog(1);
        pair.refusal = Some(answer);
        pair.drive();
        assert_eq!(pair.node.hangup, Some(Hangup::Refused(verdict)));
        assert_eq!(pair.hub.hangup, Some(Hangup::Refused(verdict)));
        assert_eq!(pair.hub.held.last(), None);
        assert_eq!(pair.node.told, Some((verdict, Word::default())), "and the node's shell hears it");
    }
}

#[test]
fn what_the_answer_carries_reaches_the_node_and_an_entry_must_be_the_hubs() {
    let word = |hub: &SigningKey| Word {
        entry: Some(RosterEntry::sign(hub, store(), 9, None, UtcMs(5))),
        last_no: None,
        address: Some("hub:9443".into()),
    };
    for refusal in [None, Some(Authorisation::Revoked)] {
        let mut pair = Pair::with_backlog(1);
        pair.refusal = refusal;
        pair.word = word(&hub_key());
        pair.drive();
        let told = pair.node.told.map(|(_, word)| word);
        assert_eq!(told, Some(word(&hub_key())));
    }
    let mut pair = Pair::with_backlog(1);
    pair.word = word(&node_key());
    pair.drive();
    assert_eq!((pair.faults, pair.node.told), (vec![PeerFault::BadSignature], None));
}

#[test]
fn a_grant_must_be_the_hubs() {
    let mut pair = Pair::new();
    pair.refusal = Some(Authorisation::EnrolOnly);
    pair.grantor = Some(node_key());
    pair.node.session = node_session(pair.now, Purpose::Enrol(pair.code.clone()));
    pair.drive();
    assert_eq!((pair.faults, pair.node.enrolled), (vec![PeerFault::BadSignature], None));
}

#[test]
fn a_new_node_is_taken_in_by_its_code_only() {
    let mut pair = Pair::new();
    pair.refusal = Some(Authorisation::EnrolOnly);
    pair.node.session = node_session(pair.now, Purpose::Enrol(pair.code.clone()));
    pair.drive();
    assert_eq!(pair.node.enrolled.as_ref().map(|e| e.grant.store.clone()), Some(store()));
    assert_eq!((&pair.node.hangup, &pair.hub.hangup), (&Some(Hangup::Enrolled), &Some(Hangup::Enrolled)));

    let mut pair = Pair::new();
    pair.refusal = Some(Authorisation::EnrolOnly);
    let guess = EnrolmentCode::new(hub_key().verifying_key().to_bytes(), [0; 10]);
    pair.node.session = node_session(pair.now, Purpose::Enrol(guess));
    pair.drive();
    assert_eq!(pair.node.hangup, Some(Hangup::EnrolRefused(EnrolRefusal::WrongCode)));
}

#[test]
fn a_hello_is_good_on_its_own_connection_only() {
    let peer_key = Some(node_key().verifying_key().to_bytes());
    let cases = [
        (
            HubConfig { identity: hub_key(), peer_key, exporter: [0; 32], app_version: "1".into() },
            PeerFault::BadSignature,
        ),
        (
            HubConfig { identity: hub_key(), peer_key: Some([5; 32]), exporter: [9; 32], app_version: "1".into() },
            PeerFault::WrongKey,
        ),
        (
            HubConfig { identity: node_key(), peer_key, exporter: [9; 32], app_version: "1".into() },
            PeerFault::BadSignature,
        ),
    ];
    for (config, fault) in cases {
        let mut pair = Pair::new();
        pair.hub.session = Session::hub(pair.now, config);
        pair.drive();
        assert_eq!(pair.faults, [fault]);
    }
}

#[test]
fn before_the_hello_nothing_else_is_heard() {
    let mut pair = Pair::new();
    pair.forge_to_hub(Have { writer: Writer::Node, head: None });
    pair.drive();
    assert_eq!(pair.faults, [PeerFault::OutOfTurn("Have")]);

    let mut pair = Pair::new();
    pair.to_hub.extend(10_000_u32.to_be_bytes());
    pair.drive();
    let too_long = Hangup::Fault(PeerFault::Frame(FrameError::TooLong { length: 10_000, limit: 4_092 }));
    assert_eq!(pair.hub.hangup, Some(too_long));

    let mut pair = Pair::new();
    pair.hub.session = hub_session(pair.now);
    pair.now = pair.now.after_ms(HELLO_TIMEOUT_MS);
    assert_eq!(pair.hub.session.next_wake(), Some(pair.now));
    pair.hub.session.wake(pair.now);
    pair.perform();
    assert_eq!(pair.hub.hangup, Some(Hangup::TimedOut));
    assert!(pair.hub.session.is_closed());
}

#[test]
fn documents_talk_only_while_they_differ() {
    let mut pair = Pair::new();
    pair.node.session.documents_digest([3; 32]);
    pair.hub.session.documents_digest([3; 32]);
    pair.drive();
    assert!(!pair.node.sent.contains(&"DocMessage") && !pair.hub.sent.contains(&"DocMessage"));

    pair.hub.document = 9;
    pair.hub.session.documents_digest([9; 32]);
    pair.drive();
    assert_eq!(pair.node.document, 9);
    assert!(pair.hub.sent.contains(&"DocMessage"));
    let said = pair.hub.sent.len() + pair.node.sent.len();
    pair.drive();
    assert_eq!(pair.hub.sent.len() + pair.node.sent.len(), said, "it comes to rest");
}

#[test]
fn the_status_goes_out_on_change_and_every_few_seconds() {
    let mut pair = Pair::new();
    pair.drive();
    assert_eq!(pair.hub.statuses.len(), 1);
    let day = DayRule::new(480, 360);
    let status = Status {
        unsent: Some(5),
        oldest_unsent_at: Some(UtcMs(7)),
        app_version: "0.1.0".into(),
        clock_offset_ms: Some(-61_000),
        day,
    };
    pair.node.session.status(pair.now, status.clone());
    pair.drive();
    assert_eq!(pair.hub.statuses.len(), 1, "not within a second of the last");
    pair.now = pair.now.after_ms(1_000);
    pair.node.session.wake(pair.now);
    pair.drive();
    assert_eq!(pair.hub.statuses.last(), Some(&status));
    assert_eq!(pair.node.session.next_wake(), Some(pair.now.after_ms(STATUS_INTERVAL_MS)));
}

#[test]
fn a_status_that_comes_too_often_is_told_once_a_second_and_the_newest_counts() {
    let mut pair = Pair::new();
    pair.drive();
    assert_eq!(pair.hub.statuses.len(), 1);
    for unsent in 0..500 {
        let status = Status { unsent: Some(unsent), app_version: "0.1.0".into(), ..Status::default() };
        pair.hub.session.handle(pair.now, status.into()).expect("no fault: a line bunches what was sent apart");
    }
    pair.drive();
    assert_eq!(pair.hub.statuses.len(), 1);
    assert_eq!(pair.hub.session.next_wake(), Some(pair.now.after_ms(STATUS_GAP_MS)));
    pair.now = pair.now.after_ms(STATUS_GAP_MS);
    pair.hub.session.wake(pair.now);
    pair.drive();
    assert_eq!(pair.hub.statuses.len(), 2);
    assert_eq!(pair.hub.statuses.last().and_then(|status| status.unsent), Some(499));
}

#[test]
fn the_hub_says_what_time_it_is_in_its_answer() {
    let mut pair = Pair::new();
    pair.now = pair.now.after_ms(1_250);
    pair.drive();
    assert_eq!(pair.node.peer_time, Some((HUB_TIME, 1_250)), "measured from the hello on");
    assert_eq!(pair.hub.peer_time, None);
}

#[test]
fn a_goodbye_reaches_the_other_end() {
    let mut pair = Pair::new();
    pair.drive();
    pair.hub.session.hang_up(ByeReason::Revoked);
    pair.drive();
    assert_eq!(pair.hub.hangup, Some(Hangup::Asked(ByeReason::Revoked)));
    assert!(matches!(&pair.node.hangup, Some(Hangup::Peer(bye)) if bye.reason == ByeReason::Revoked));
}
