//! Edits made apart.

use guitai_core::time::UtcMs;
use guitai_documents::{Document, EditError, Field, PeerSync, generate, receive};
use proptest::prelude::*;

use crate::side::{Side, account, pair, settle};

#[test]
fn what_is_published_is_read_back() {
    let mut side = Side::new(1);
    side.publish("a1", "标题", "正文", 100);
    side.publish("a2", "New hours", "From Monday", 200);
    side.document.mark_read("a1", &account("07"), UtcMs(150)).unwrap();
    side.document.mark_read("a1", &account("03"), UtcMs(160)).unwrap();
    side.document.mark_read("a1", &account("07"), UtcMs(170)).unwrap();
    side.document.edit("a1", Some("新标题"), None, UtcMs(300)).unwrap();
    side.document.withdraw("a2", UtcMs(400)).unwrap();
    side.document.withdraw("a2", UtcMs(500)).unwrap();
    let view = side.view();
    assert_eq!(view.iter().map(|a| a.id.as_str()).collect::<Vec<_>>(), ["a2", "a1"]);
    assert_eq!(view[0].withdrawn_at, Some(UtcMs(400)));
    assert_eq!(view[0].edited_at, None);
    assert_eq!((view[1].title.as_str(), view[1].body.as_str()), ("新标题", "正文"));
    assert_eq!((view[1].published_at, view[1].edited_at), (UtcMs(100), Some(UtcMs(300))));
    assert_eq!(view[1].published_by, account("01"));
    assert_eq!(view[1].reads, [(account("03"), UtcMs(160)), (account("07"), UtcMs(150))]);
}

#[test]
fn what_a_peer_wrote_is_read_without_what_nobody_sees() {
    let mut side = Side::new(1);
    side.publish("a1", "\u{202e}\u{1b}[2J盘点\u{200b}\n改期", "\u{feff}周日\r\n\u{1b}]0;x\u{7}盘点", 100);
    let view = side.view();
    assert_eq!((view[0].title.as_str(), view[0].body.as_str()), ("[2J盘点 改期", "周日\n]0;x盘点"));
}

#[test]
fn repeating_what_stands_is_no_change() {
    let mut side = Side::new(1);
    side.publish("a1", "标题", "正文", 100);
    side.document.mark_read("a1", &account("07"), UtcMs(150)).unwrap();
    side.document.withdraw("a1", UtcMs(160)).unwrap();
    side.store();
    side.document.edit("a1", Some("标题"), Some("正文"), UtcMs(200)).unwrap();
    side.document.edit("a1", None, None, UtcMs(200)).unwrap();
    side.document.mark_read("a1", &account("07"), UtcMs(250)).unwrap();
    side.document.withdraw("a1", UtcMs(260)).unwrap();
    assert_eq!(side.document.take_changes(), None);
    assert_eq!(side.view()[0].edited_at, None);
}

#[test]
fn hub_and_store_edit_apart_and_agree() {
    let (mut hub, mut store) = pair();
    hub.document.edit("a1", Some("春节营业时间（更新）"), None, UtcMs(200)).unwrap();
    store.document.edit("a1", None, Some("除夕 17:00 闭店"), UtcMs(300)).unwrap();
    store.document.mark_read("a1", &account("07"), UtcMs(310)).unwrap();
    store.publish("s1", "本店通知", "收银台搬到二楼", 320);
    hub.publish("h1", "Stocktaking", "On Friday", 330);
    hub.document.mark_read("a1", &account("08"), UtcMs(340)).unwrap();
    settle(&mut hub, &mut store);
    let view = hub.view();
    assert_eq!(view.iter().map(|a| a.id.as_str()).collect::<Vec<_>>(), ["h1", "s1", "a1"]);
    assert_eq!(view[2].title, "春节营业时间（更新）");
    assert_eq!(view[2].body, "除夕 17:00 闭店");
    assert_eq!(view[2].edited_at, Some(UtcMs(300)));
    assert_eq!(view[2].reads, [(account("07"), UtcMs(310)), (account("08"), UtcMs(340))]);
}

#[test]
fn different_words_of_one_text_both_stay() {
    let (mut hub, mut store) = pair();
    hub.document.edit("a1", None, Some("除夕 17:30 闭店 the shop closes early"), UtcMs(200)).unwrap();
    store.document.edit("a1", None, Some("除夕 18:00 闭店 the shop opens early"), UtcMs(190)).unwrap();
    settle(&mut hub, &mut store);
    assert_eq!(store.view()[0].body, "除夕 17:30 闭店 the shop opens early");
    assert_eq!(store.view()[0].edited_at, Some(UtcMs(200)));
}

#[test]
fn an_edit_does_not_undo_a_withdrawal_and_the_first_mark_counts() {
    let (mut hub, mut store) = pair();
    hub.document.withdraw("a1", UtcMs(250)).unwrap();
    store.document.withdraw("a1", UtcMs(240)).unwrap();
    store.document.edit("a1", Some("改"), None, UtcMs(260)).unwrap();
    hub.document.mark_read("a1", &account("07"), UtcMs(270)).unwrap();
    store.document.mark_read("a1", &account("07"), UtcMs(280)).unwrap();
    settle(&mut hub, &mut store);
    let view = hub.view();
    assert_eq!((view[0].withdrawn_at, view[0].title.as_str()), (Some(UtcMs(240)), "改"));
    assert_eq!(view[0].reads, [(account("07"), UtcMs(270))]);
}

#[test]
fn both_begin_apart_from_nothing() {
    let (mut hub, mut store) = (Side::new(1), Side::new(2));
    assert_eq!(hub.document.heads_digest(), store.document.heads_digest());
    hub.publish("h1", "总部", "一", 1);
    store.publish("s1", "门店", "二", 2);
    assert_ne!(hub.document.heads_digest(), store.document.heads_digest());
    settle(&mut hub, &mut store);
    assert_eq!(hub.view().len(), 2);
}

#[test]
fn one_id_chosen_twice_still_agrees() {
    let (mut hub, mut store) = (Side::new(1), Side::new(2));
    hub.publish("x", "总部", "一", 1);
    store.publish("x", "门店", "二", 2);
    settle(&mut hub, &mut store);
    assert_eq!(hub.view().len(), 1);
}

#[test]
fn limits_name_the_field() {
    let mut side = Side::new(1);
    let by = account("01");
    let mut publish = |id: &str, title: &str, body: &str| side.document.publish(id, title, body, &by, UtcMs(1));
    let over = |field, max| Err(EditError::OverLimit { field, max });
    assert_eq!(publish("", "t", "b"), Err(EditError::Empty(Field::Id)));
    assert_eq!(publish("a b", "t", "b"), Err(EditError::BadId));
    assert_eq!(publish(&"x".repeat(65), "t", "b"), over(Field::Id, 64));
    assert_eq!(publish("a", " \n", "b"), Err(EditError::Empty(Field::Title)));
    assert_eq!(publish("a", "t", ""), Err(EditError::Empty(Field::Body)));
    assert_eq!(publish("a", &"字".repeat(101), "b"), over(Field::Title, 100));
    assert_eq!(publish("a", "t", &"字".repeat(4001)), over(Field::Body, 4000));
    assert_eq!(publish("a", &"字".repeat(100), &"字".repeat(4000)), Ok(()));
    assert_eq!(publish("a", "t", "b"), Err(EditError::AlreadyPublished));
    for number in 1..200 {
        assert_eq!(publish(&format!("n{number}"), "t", "b"), Ok(()));
    }
    assert_eq!(publish("one-more", "t", "b"), over(Field::Announcements, 200));
    let edit = side.document.edit("a", Some("t"), Some(&"字".repeat(4001)), UtcMs(2));
    assert_eq!(edit, over(Field::Body, 4000));
    assert_eq!(side.view().iter().find(|a| a.id == "a").unwrap().title, "字".repeat(100));
    assert_eq!(side.document.edit("none", None, None, UtcMs(2)), Err(EditError::NotFound));
    assert_eq!(side.document.withdraw("none", UtcMs(2)), Err(EditError::NotFound));
    assert_eq!(side.document.mark_read("none", &by, UtcMs(2)), Err(EditError::NotFound));
}

#[derive(Clone, Debug)]
enum Act {
    Publish(u8),
    Edit { id: u8, at: u8, word: String },
    Withdraw(u8),
    Read { id: u8, account: u8 },
    Say,
    Drop,
    Restart,
    Compact,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (0_u8..6).prop_map(Act::Publish),
        4 => (0_u8..6, any::<u8>(), "[a-z 字店]{1,6}").prop_map(|(id, at, word)| Act::Edit { id, at, word }),
        1 => (0_u8..6).prop_map(Act::Withdraw),
        2 => (0_u8..6, 0_u8..4).prop_map(|(id, account)| Act::Read { id, account }),
        6 => Just(Act::Say),
        1 => Just(Act::Drop),
        1 => Just(Act::Restart),
        1 => Just(Act::Compact),
    ]
}

/// Refusals (a name taken, nothing there) are part of the game; the sides must only agree afterwards.
fn perform(side: usize, sides: &mut [Side; 2], act: Act, now: i64) {
    let id = |n: u8| format!("a{n}");
    match act {
        Act::Publish(n) => {
            let _ = sides[side].document.publish(&id(n), "标题 title", "正文 body", &account("01"), UtcMs(now));
        }
        Act::Edit { id: n, at, word } => {
            let Some(seen) = sides[side].view().into_iter().find(|a| a.id == id(n)) else { return };
            let mut chars: Vec<char> = seen.body.chars().collect();
            let place = usize::from(at) % (chars.len() + 1);
            chars.splice(place..(place + 2).min(chars.len()), word.chars());
            let body: String = chars.into_iter().collect();
            let _ = sides[side].document.edit(&id(n), None, Some(&body), UtcMs(now));
        }
        Act::Withdraw(n) => {
            let _ = sides[side].document.withdraw(&id(n), UtcMs(now));
        }
        Act::Read { id: n, account: a } => {
            let _ = sides[side].document.mark_read(&id(n), &account(&format!("0{a}")), UtcMs(now));
        }
        Act::Say => {
            if let Some(bytes) = sides[side].say() {
                sides[1 - side].hear(&bytes);
            }
        }
        // The line breaks with a message under way: both sides begin a new session.
        Act::Drop => {
            drop(sides[side].say());
            for side in sides.iter_mut() {
                side.store();
                side.peer = PeerSync::resume(&side.peer.encode(), &mut side.document);
            }
        }
        Act::Restart => {
            let actor = u8::try_from(10 + now).unwrap();
            sides[side].restart(actor);
            let other = &mut sides[1 - side];
            other.store();
            other.peer = PeerSync::resume(&other.peer.encode(), &mut other.document);
        }
        Act::Compact => {
            let side = &mut sides[side];
            side.store();
            side.stored = vec![side.document.compact()];
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_edits_and_syncs_converge(acts in proptest::collection::vec((0_usize..2, act()), 1..60)) {
        let mut sides = [Side::new(1), Side::new(2)];
        for (now, (side, act)) in (1_i64..).zip(acts) {
            perform(side, &mut sides, act, now);
        }
        let [mut a, mut b] = sides;
        for side in [&mut a, &mut b] {
            side.store();
            side.peer = PeerSync::resume(&side.peer.encode(), &mut side.document);
        }
        settle(&mut a, &mut b);
        let mut reopened = Document::open(&a.stored, [200; 16]).unwrap();
        prop_assert_eq!(reopened.heads_digest(), a.document.heads_digest());
        prop_assert_eq!(reopened.announcements(), b.view());
    }

    #[test]
    fn damaged_messages_never_panic(flips in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..4), cut: u16) {
        let (mut hub, mut store) = pair();
        hub.document.edit("a1", Some("改"), Some("全新的正文"), UtcMs(9)).unwrap();
        store.publish("s1", "门店", "二", 9);
        let mut bytes = hub.say().unwrap();
        for (place, with) in flips {
            let place = usize::from(place) % bytes.len();
            bytes[place] ^= with;
        }
        bytes.truncate(1 + usize::from(cut) % (2 * bytes.len()));
        store.store();
        let before = (store.document.heads_digest(), store.view());
        if receive(&mut store.document, &mut store.peer, &bytes).is_err() {
            prop_assert_eq!(before, (store.document.heads_digest(), store.view()));
        }
        store.store();
        let _ = generate(&mut store.document, &mut store.peer);
        let _ = store.peer.encode();
    }
}
