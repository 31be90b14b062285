//! Chunks: appended, compacted, damaged.

use guitai_core::time::UtcMs;
use guitai_documents::{Corrupt, Document};

use crate::side::{Side, account, pair, settle};

#[test]
fn increments_open_to_the_same_document() {
    let mut side = Side::new(1);
    side.publish("a1", "标题", "正文", 100);
    side.store();
    for number in 0..5 {
        side.document.edit("a1", None, Some(&format!("正文 {number}")), UtcMs(200 + number)).unwrap();
        side.document.mark_read("a1", &account(&format!("0{number}")), UtcMs(300)).unwrap();
        side.store();
    }
    assert_eq!(side.stored.len(), 6);
    let mut again = Document::open(&side.stored, [2; 16]).unwrap();
    assert_eq!(again.announcements(), side.view());
    assert_eq!(again.heads_digest(), side.document.heads_digest());
    assert_eq!(again.take_changes(), None);
}

#[test]
fn compaction_preserves_everything_and_increments_go_on() {
    let (mut hub, mut store) = pair();
    hub.document.edit("a1", Some("改"), None, UtcMs(200)).unwrap();
    hub.store();
    let snapshot = hub.document.compact();
    let old = std::mem::replace(&mut hub.stored, vec![snapshot]);
    hub.document.mark_read("a1", &account("02"), UtcMs(210)).unwrap();
    hub.store();
    let opened = Document::open(&hub.stored, [3; 16]).unwrap();
    assert_eq!(opened.announcements(), hub.view());
    // A crash between writing the snapshot and deleting what it replaces leaves both.
    let both: Vec<_> = old.into_iter().chain(hub.stored.iter().cloned()).collect();
    assert_eq!(Document::open(&both, [4; 16]).unwrap().announcements(), hub.view());
    hub.restart(5);
    settle(&mut hub, &mut store);
}

#[test]
fn a_snapshot_does_not_count_as_taking() {
    let mut side = Side::new(1);
    side.publish("a1", "标题", "正文", 100);
    let snapshot = side.document.compact();
    let increment = side.document.take_changes().unwrap();
    let opened = Document::open(&[snapshot, increment], [2; 16]).unwrap();
    assert_eq!(opened.announcements(), side.view());
    assert_eq!(opened.changes(), 2);
}

#[test]
fn many_small_changes_compact_well() {
    let mut side = Side::new(1);
    side.publish("a1", "标题", "正文", 100);
    for number in 0..300 {
        side.document.mark_read("a1", &account(&format!("u{number}")), UtcMs(number)).unwrap();
        side.store();
    }
    let chunks: usize = side.stored.iter().map(Vec::len).sum();
    let snapshot = side.document.compact();
    assert!(snapshot.len() * 4 < chunks, "{} of {chunks}", snapshot.len());
}

#[test]
fn damage_is_named() {
    let mut side = Side::new(1);
    for id in ["a1", "a2", "a3"] {
        side.publish(id, "标题", "正文", 100);
        side.store();
    }
    let opens = |stored: &[Vec<u8>]| Document::open(stored, [2; 16]).map(|_| ());
    assert_eq!(opens(&side.stored), Ok(()));
    let mut cut = side.stored.clone();
    cut[1].pop();
    assert_eq!(opens(&cut), Err(Corrupt::Chunk(1)));
    let mut flipped = side.stored.clone();
    let middle = flipped[2].len() / 2;
    flipped[2][middle] ^= 0x10;
    assert_eq!(opens(&flipped), Err(Corrupt::Chunk(2)));
    let mut gap = side.stored.clone();
    gap.remove(1);
    assert_eq!(opens(&gap), Err(Corrupt::Gap));
    let mut fork = Side::new(1);
    fork.publish("b1", "另一个", "正文", 100);
    fork.store();
    assert_eq!(opens(&[side.stored[0].clone(), fork.stored[0].clone()]), Err(Corrupt::Gap));
    assert_eq!(opens(&[Vec::new()]), Ok(()));
    assert_eq!(opens(&[b"garbage".to_vec()]), Err(Corrupt::Chunk(0)));
}
