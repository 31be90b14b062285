//! Sessions, lost and hostile.

use automerge::{
    ActorId, AutoCommit, ObjType, ROOT, ReadDoc,
    sync::{State, SyncDoc},
    transaction::Transactable,
};
use guitai_core::time::UtcMs;
use guitai_documents::{Changed, Document, PeerFault, PeerSync, generate, limits, receive};

use crate::side::{Side, account, pair, settle};

#[test]
fn a_lost_session_goes_on_from_its_encoding() {
    let (mut hub, mut store) = pair();
    for number in 0..20 {
        hub.document.mark_read("a1", &account(&format!("h{number}")), UtcMs(number)).unwrap();
    }
    let lost = hub.say().unwrap();
    assert!(!lost.is_empty());
    store.document.edit("a1", Some("改"), None, UtcMs(9)).unwrap();
    hub.restart(3);
    store.restart(4);
    assert!(settle(&mut hub, &mut store) <= 8);
    assert_eq!(store.view()[0].reads.len(), 20);
    assert_eq!(hub.view()[0].title, "改");
}

#[test]
fn the_encoding_saves_bytes_and_its_loss_costs_nothing_else() {
    let (mut hub, mut store) = pair();
    for number in 0..300 {
        hub.document.mark_read("a1", &account(&format!("h{number}")), UtcMs(number)).unwrap();
    }
    settle(&mut hub, &mut store);
    let encoded = hub.peer.encode();
    hub.peer = PeerSync::resume(&encoded, &mut hub.document);
    let resumed = hub.say().unwrap().len();
    hub.peer = PeerSync::resume(b"garbage", &mut hub.document);
    let anew = hub.say().unwrap().len();
    assert!(resumed + 200 < anew, "{resumed} and {anew} bytes");
    store.peer = PeerSync::new();
    hub.peer = PeerSync::new();
    settle(&mut hub, &mut store);
}

#[test]
fn a_restored_backup_is_brought_up_to_date() {
    let (mut hub, mut store) = pair();
    let backup = store.stored.clone();
    hub.publish("h1", "总部", "一", 200);
    store.publish("s1", "门店", "二", 200);
    settle(&mut hub, &mut store);
    let (encoded, full) = (store.peer.encode(), store.view());
    store.document = Document::open(&backup, [9; 16]).unwrap();
    store.stored = backup;
    store.peer = PeerSync::resume(&encoded, &mut store.document);
    hub.peer = PeerSync::resume(&hub.peer.encode(), &mut hub.document);
    store.publish("s2", "恢复后", "三", 300);
    settle(&mut hub, &mut store);
    assert_eq!(store.view().len(), full.len() + 1);
}

#[test]
fn nothing_goes_out_before_it_is_taken() {
    let (mut hub, mut store) = pair();
    hub.publish("h1", "总部", "一", 200);
    assert_eq!(generate(&mut hub.document, &mut hub.peer), None);
    let bytes = hub.say().unwrap();
    assert_eq!(store.hear(&bytes), Changed(true));
    assert_eq!(generate(&mut store.document, &mut store.peer), None);
    let answer = store.say().unwrap();
    assert_eq!(hub.hear(&answer), Changed(false));
}

#[test]
fn a_large_document_goes_over_in_frames() {
    let (mut hub, mut store) = (Side::new(1), Side::new(2));
    // Text that does not deflate, so that the whole document is above one message.
    let mut seed = 1_u64;
    for number in 0..48 {
        let mut hanzi = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from_u32(0x4e00 + u32::try_from(seed >> 51).unwrap()).unwrap()
        };
        let body: String = (0..limits::BODY_MAX_CHARS).map(|_| hanzi()).collect();
        hub.publish(&format!("h{number}"), "大", &body, number);
    }
    store.publish("s1", "门店", "二", 1000);
    assert!(hub.document.compact().len() > limits::MESSAGE_MAX_BYTES);
    let messages = settle(&mut hub, &mut store);
    assert_eq!(store.view().len(), 49);
    assert!(messages < 16, "{messages} messages");
    // Some of it, when the other side was there before.
    for number in 0..6 {
        hub.document.edit(&format!("h{number}"), None, Some(&format!("短 {number}")), UtcMs(2000)).unwrap();
    }
    store.document.withdraw("h3", UtcMs(2000)).unwrap();
    settle(&mut hub, &mut store);
}

#[test]
fn messages_that_are_none_are_refused() {
    let (mut hub, mut store) = pair();
    hub.publish("h1", "总部", "一", 200);
    let good = hub.say().unwrap();
    let before = (store.document.heads_digest(), store.peer.encode());
    let mut refuse = |bytes: &[u8], fault| {
        assert_eq!(receive(&mut store.document, &mut store.peer, bytes), Err(fault));
        assert_eq!((store.document.heads_digest(), store.peer.encode()), before);
    };
    refuse(&[], PeerFault::Malformed);
    refuse(b"GET / HTTP/1.1", PeerFault::Malformed);
    refuse(&vec![0x42; limits::MESSAGE_MAX_BYTES + 1], PeerFault::TooLong);
    refuse(&good[..good.len() / 2], PeerFault::Malformed);
    // The change inside is damaged, the message around it is whole.
    let at = good.windows(2).rposition(|w| w == "总部".as_bytes().get(..2).unwrap()).unwrap();
    let mut bytes = good.clone();
    bytes[at] ^= 0x01;
    refuse(&bytes, PeerFault::Malformed);
    // No heads, no needs, one filter that divides by zero or probes for ever; nothing sent.
    for filter in [[1, 0, 7, 0, 0], [1, 10, 0x7f, 0, 0], [1, 10, 1, 0, 0]] {
        let mut bytes = vec![0x42, 0, 0, 1, 0, 5];
        bytes.extend(filter);
        bytes.push(0);
        refuse(&bytes, PeerFault::Malformed);
    }
    // Heads out of order.
    let mut bytes = vec![0x42, 2];
    bytes.extend([9; 32]);
    bytes.extend([3; 32]);
    bytes.extend([0, 0, 0]);
    refuse(&bytes, PeerFault::Malformed);
    assert_eq!(store.hear(&good), Changed(true));
}

/// A peer that speaks the protocol but is not ours, on a copy of `side`'s document or on one of its own.
fn stranger(side: &mut Side, edit: impl FnOnce(&mut AutoCommit)) -> Result<Changed, PeerFault> {
    let mut other = AutoCommit::load(&side.document.compact()).unwrap().with_actor(ActorId::from([77; 16]));
    edit(&mut other);
    let mut state = State::new();
    side.peer = PeerSync::new();
    let mut last = Ok(Changed(false));
    loop {
        let message = other.sync().generate_sync_message(&mut state);
        let Some(message) = message else { break };
        last = receive(&mut side.document, &mut side.peer, &message.encode());
        if last != Ok(Changed(false)) {
            break;
        }
        let Some(answer) = side.say() else { break };
        let answer = automerge::sync::Message::decode(&answer).unwrap();
        other.sync().receive_sync_message(&mut state, answer).unwrap();
    }
    last
}

#[test]
fn a_document_that_began_elsewhere_is_refused() {
    let (_, mut store) = pair();
    let fault = stranger(&mut store, |other| {
        *other = AutoCommit::new().with_actor(ActorId::from([77; 16]));
        other.put_object(ROOT, "announcements", ObjType::Map).unwrap();
    });
    assert_eq!(fault, Err(PeerFault::Foreign));
    assert_eq!(store.view().len(), 1);
}

#[test]
fn two_writers_under_one_actor_are_named() {
    let (mut hub, mut store) = (Side::new(1), Side::new(1));
    hub.publish("h1", "总部", "一", 1);
    store.publish("s1", "门店", "二", 2);
    let bytes = hub.say().unwrap();
    store.hear(&bytes);
    // Each now knows what the other lacks; whoever hears first, it is named and both stay as they were.
    let (from_hub, from_store) = (hub.say(), store.say().unwrap());
    assert_eq!(from_hub, None);
    let fault = receive(&mut hub.document, &mut hub.peer, &from_store);
    assert_eq!(fault, Err(PeerFault::Forked));
    assert_eq!(hub.view()[0].id, "h1");
    assert_eq!(store.view()[0].id, "s1");
}

#[test]
fn what_a_peer_writes_wrongly_is_passed_over() {
    let (_, mut store) = pair();
    let heard = stranger(&mut store, |other| {
        let (_, all) = other.get(ROOT, "announcements").unwrap().unwrap();
        let (_, reads) = other.get(ROOT, "reads").unwrap().unwrap();
        other.put(ROOT, "role", "administrator").unwrap();
        other.put(&all, "no-map", 7).unwrap();
        other.put_object(&all, "no-time", ObjType::Map).unwrap();
        let odd = other.put_object(&all, "odd", ObjType::Map).unwrap();
        other.put(&odd, "published_at", 5_i64).unwrap();
        other.put(&odd, "published_by", "01").unwrap();
        other.put(&odd, "title", "not a text object").unwrap();
        other.put_object(&odd, "body", ObjType::List).unwrap();
        other.put(&odd, "edited_at", "yesterday").unwrap();
        other.put(&odd, "colour", "red").unwrap();
        other.put_object(&all, "bad id!", ObjType::Map).unwrap();
        let (_, marks) = other.get(&reads, "a1").unwrap().unwrap();
        other.put(&marks, "07", "soon").unwrap();
        other.put(&marks, "not an account", 8_i64).unwrap();
        other.put(&marks, "08", 8_i64).unwrap();
        other.put(&reads, "odd", 1).unwrap();
    });
    assert_eq!(heard, Ok(Changed(true)));
    let view = store.view();
    assert_eq!(view.iter().map(|a| a.id.as_str()).collect::<Vec<_>>(), ["a1", "odd"]);
    assert_eq!(view[0].reads, [(account("08"), UtcMs(8))]);
    assert_eq!((view[1].title.as_str(), view[1].body.as_str(), view[1].edited_at), ("", "", None));
    assert!(store.document.edit("odd", Some("修好"), None, UtcMs(9)).is_ok());
    assert_eq!(store.view()[1].title, "修好");
    assert_eq!(store.document.mark_read("odd", &account("01"), UtcMs(9)), Err(guitai_documents::EditError::Damaged));
}

/// The message of a store's node that writes what it likes into the document: no heads, no needs, no filter, one change.
fn said(store: &mut Side, write: impl FnOnce(&mut AutoCommit)) -> Vec<u8> {
    let mut auto = AutoCommit::load(&store.document.compact()).unwrap().with_actor(ActorId::from([77; 16]));
    let before = auto.get_heads();
    write(&mut auto);
    let change =
        auto.get_changes(&before).iter_mut().flat_map(|change| change.bytes().into_owned()).collect::<Vec<_>>();
    let mut message = vec![0x42, 0, 0, 0, 1];
    let mut length = change.len();
    while length > 0x7f {
        message.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    message.push(u8::try_from(length).unwrap());
    message.extend(change);
    message
}

#[test]
fn what_comes_to_more_than_a_document_is_refused_before_it_is_read() {
    let (mut hub, mut store) = pair();
    settle(&mut hub, &mut store);
    let before = hub.document.heads_digest();
    let small = said(&mut store, |auto| auto.put(ROOT, "x", "y").unwrap());
    let mut other = Document::open(&hub.stored, [8; 16]).unwrap();
    assert_eq!(receive(&mut other, &mut PeerSync::new(), &small), Ok(Changed(true)), "such messages are taken in");
    // One change of half a million operations, in hundreds of bytes.
    let many = said(&mut store, |auto| {
        let list = auto.put_object(ROOT, "x", ObjType::List).unwrap();
        for place in 0..500_000 {
            auto.insert(&list, place, ()).unwrap();
        }
    });
    assert!(many.len() < 4_096, "{} bytes", many.len());
    // A value that inflates to more than a message may come to.
    let large = said(&mut store, |auto| auto.put(ROOT, "x", vec![0_u8; 20_000_000]).unwrap());
    assert!(large.len() < 64 * 1_024, "{} bytes", large.len());
    for message in [many, large] {
        let begun = std::time::Instant::now();
        let refused = receive(&mut hub.document, &mut hub.peer, &message);
        assert_eq!(refused, Err(PeerFault::TooLarge), "{} bytes", message.len());
        assert!(begun.elapsed().as_millis() < 100, "{:?}", begun.elapsed());
    }
    assert_eq!(hub.document.heads_digest(), before);
    // The longest announcement, and the longest in its place, are no such thing.
    let (title, body) = ("题".repeat(limits::TITLE_MAX_CHARS), "字".repeat(limits::BODY_MAX_CHARS));
    store.publish("long", &title, &body, 300);
    settle(&mut hub, &mut store);
    let (title, body) = ("目".repeat(limits::TITLE_MAX_CHARS), "文".repeat(limits::BODY_MAX_CHARS));
    store.document.edit("long", Some(&title), Some(&body), UtcMs(400)).unwrap();
    settle(&mut hub, &mut store);
    assert_eq!(hub.document.heads_digest(), store.document.heads_digest());
}
