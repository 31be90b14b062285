use alloc::{format, vec};

use super::*;
use crate::sync::{
    contract::{Purpose, Standing},
    pair::{hub_session, node_session, store},
};

const NOW: Ticks = Ticks(0);

fn standing() -> Standing {
    Standing { store: store(), outgoing: None, incoming: None }
}

/// Moves bytes between two ends until neither has anything to do; what else they want is given back.
fn settle(node: &mut Drive, hub: &mut Drive) -> (Vec<Act>, Vec<Act>) {
    let mut wanted = (Vec::new(), Vec::new());
    loop {
        let (from_node, from_hub) = (node.poll(NOW), hub.poll(NOW));
        let idle = from_node.is_none() && from_hub.is_none();
        match from_node {
            Some(Act::Write(bytes)) => {
                node.written(bytes.len());
                // A wire cuts where it likes.
                bytes.chunks(7).for_each(|some| hub.bytes(some));
            }
            other => wanted.0.extend(other),
        }
        match from_hub {
            Some(Act::Write(bytes)) => {
                hub.written(bytes.len());
                node.bytes(&bytes);
            }
            Some(Act::Authorise(_)) => {
                hub.authorised(NOW, UtcMs(1), Authorisation::Admitted(standing()), Word::default());
            }
            other => wanted.1.extend(other),
        }
        if idle {
            return wanted;
        }
    }
}

fn opened() -> (Drive, Drive) {
    let mut node = Drive::of(node_session(NOW, Purpose::Sync(standing())));
    let mut hub = Drive::of(hub_session(NOW));
    let (told, _) = settle(&mut node, &mut hub);
    assert!(told.iter().any(|act| matches!(act, Act::Opened { .. })), "{told:?}");
    (node, hub)
}

fn ends(acts: &[Act]) -> Vec<&Act> {
    acts.iter().filter(|act| matches!(act, Act::End { .. })).collect()
}

#[test]
fn a_goodbye_ends_both_ends_and_nothing_follows() {
    let (mut node, mut hub) = opened();
    node.heard(NOW, Event::HangUp(ByeReason::Stopping));
    let (from_node, from_hub) = settle(&mut node, &mut hub);
    assert_eq!((ends(&from_node).len(), ends(&from_hub).len()), (1, 1));
    for end in [&mut node, &mut hub] {
        assert!(!end.reads());
        end.bytes(&[0xff; 64]);
        end.heard(NOW, Event::Appended(FactNo { epoch: 1, number: 1 }));
        assert!(end.poll(NOW).is_none());
    }
}

#[test]
fn bytes_that_are_no_frame_end_it() {
    let (mut node, mut hub) = opened();
    hub.bytes(&[0xff; 64]);
    let (_, from_hub) = settle(&mut node, &mut hub);
    let ended = format!("{:?}", ends(&from_hub));
    assert!(ended.contains("Fault(Frame(TooLong"), "{ended}");
}

#[test]
fn beyond_so_many_jobs_the_other_end_waits_until_one_is_done() {
    let (mut node, mut hub) = opened();
    let message = |text: &str| DocumentTurn { digest: [1; 32], messages: vec![("doc".into(), text.into())] };
    for _ in 0..=JOBS_MAX {
        node.done(Ok(Done::Documents(message("news"))));
    }
    let jobs = |acts: &[Act]| acts.iter().filter(|act| matches!(act, Act::Do(Job::Document { .. }))).count();
    let (_, from_hub) = settle(&mut node, &mut hub);
    let first = jobs(&from_hub);
    assert!(first < JOBS_MAX + 1 && !hub.reads(), "{first}");
    hub.done(Ok(Done::Noted));
    let (_, from_hub) = settle(&mut node, &mut hub);
    assert_eq!(jobs(&from_hub), 1);
}

#[test]
fn a_shell_that_fails_ends_it_with_its_own_words() {
    let (mut node, mut hub) = opened();
    hub.done(Err("the disk is full".into()));
    let (_, from_hub) = settle(&mut node, &mut hub);
    let fault = |act: &Act| matches!(act, Act::End { own_fault: Some(why), .. } if why == "the disk is full");
    assert!(from_hub.iter().any(fault), "{from_hub:?}");
}

#[test]
fn a_transport_that_takes_nothing_stops_the_talk_but_not_the_goodbye() {
    let (mut node, _) = opened();
    let mut unwritten = 0;
    for _ in 0..64 {
        let messages = vec![("doc".into(), vec![7; 16 * 1024])];
        node.done(Ok(Done::Documents(DocumentTurn { digest: [1; 32], messages })));
        while let Some(act) = node.poll(NOW) {
            if let Act::Write(bytes) = act {
                unwritten += bytes.len();
            }
        }
    }
    assert!((WRITE_ROOM_BYTES..2 * WRITE_ROOM_BYTES).contains(&unwritten), "{unwritten}");
    node.heard(NOW, Event::HangUp(ByeReason::Stopping));
    assert!(matches!(node.poll(NOW), Some(Act::Write(_))));
    assert!(matches!(node.poll(NOW), Some(Act::End { .. })));
}

#[test]
fn what_is_larger_than_a_frame_is_named() {
    let (mut node, mut hub) = opened();
    let messages = vec![("doc".into(), vec![0; crate::sync::contract::DOC_MESSAGE_MAX_BYTES])];
    node.done(Ok(Done::Documents(DocumentTurn { digest: [1; 32], messages })));
    let (from_node, _) = settle(&mut node, &mut hub);
    assert!(from_node.iter().any(|act| matches!(act, Act::Unsaid(doc) if doc == "doc")), "{from_node:?}");
}

#[test]
fn documents_are_compared_one_at_a_time_however_often_the_other_end_asks() {
    let (mut node, mut hub) = opened();
    hub.heard(NOW, Event::Documents([0; 32]));
    for change in 1..=50 {
        node.heard(NOW, Event::Documents([change; 32]));
        let (_, from_hub) = settle(&mut node, &mut hub);
        let jobs = from_hub.iter().filter(|act| matches!(act, Act::Do(Job::SyncDocuments))).count();
        assert_eq!(jobs, usize::from(change == 1), "the first is not done yet");
    }
    let equal = DocumentTurn { digest: [7; 32], messages: Vec::new() };
    hub.done(Ok(Done::Documents(equal)));
    let (_, from_hub) = settle(&mut node, &mut hub);
    let jobs = |acts: &[Act]| acts.iter().filter(|act| matches!(act, Act::Do(Job::SyncDocuments))).count();
    assert!((1..=2).contains(&jobs(&from_hub)), "once more, since they changed meanwhile: {from_hub:?}");
}
