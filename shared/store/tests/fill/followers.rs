//! Who follows a journal sees each fact once, whatever happens to the process, the cursor or the journal.

use guitai_core::payment;
use guitai_store::follower::{self, Begins, Follower, News};

use super::*;

const NAME: &str = "receipts";

fn side(folder: &tempfile::TempDir) -> Database {
    Database::open(&folder.path().join("side.db")).expect("a database")
}

fn resume(side: &Database, node: &Counter) -> (Follower, Begins) {
    Follower::resume(NAME, id(), side, node.journal.connection()).expect("a follower")
}

/// The amounts of the payments that it tells as paid.
fn paid(news: &News, node: &Counter) -> Vec<u64> {
    let paid = news.facts.iter().filter_map(|one| match &one.fact {
        Fact::Payment(fact @ payment::Fact::Paid(f)) => {
            let facts = follower::payment_upto(node.journal.connection(), &id(), one.no, f.order_no).expect("read");
            assert_eq!((facts.len(), facts.last()), (2, Some(fact)), "its intent and itself, whatever came after");
            Some(f.received.get())
        }
        _ => None,
    });
    paid.collect()
}

/// Follows to the end, so many facts at a time.
fn follow(follower: &mut Follower, node: &Counter, most: usize) -> Vec<u64> {
    let mut told = Vec::new();
    loop {
        let news = follower.next(node.journal.connection(), most).expect("read");
        if news.upto == follower.at() && !news.healed {
            assert!(news.facts.is_empty());
            return told;
        }
        told.extend(paid(&news, node));
        follower.done(news.upto).expect("kept");
    }
}

#[test]
fn a_follower_goes_on_behind_what_it_had_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let side = side(&folder);
    let mut node = Counter::open(folder.path().join("a.db"));
    node.sale(100, 0, "key-before");
    let (mut follower, begins) = resume(&side, &node);
    assert_eq!(begins, Begins::AtEnd(node.journal.last()), "nobody knows what was done");
    assert_eq!(follow(&mut follower, &node, 10), [0_u64; 0]);

    node.sale(200, 1, "key-1");
    let order_no = node.sale(300, 2, "key-2");
    let news = follower.next(node.journal.connection(), 2).expect("read");
    assert_eq!((paid(&news, &node), news.facts.len()), (vec![200], 2));
    follower.done(news.upto).expect("kept");
    // What comes later changes nothing of what a fact said.
    node.record(&Fact::from(payment::GiveBackOwed { order_no, at: MORNING, amount: Fen::new(300) }));
    drop(follower);

    let (mut follower, begins) = resume(&side, &node);
    assert_eq!(begins, Begins::Resumed(news.upto));
    let again = follower.next(node.journal.connection(), 10).expect("read");
    assert_eq!(paid(&again, &node), [300]);
    drop(follower);
    // It was told and not done: it is told again.
    assert_eq!(follow(&mut resume(&side, &node).0, &node, 10), [300]);
    assert_eq!(follow(&mut resume(&side, &node).0, &node, 10), [0_u64; 0]);
    assert_eq!(follower::at(&side.reader().expect("a reader"), NAME).expect("read"), Some(node.journal.last()));
}

#[test]
fn a_cursor_that_is_gone_or_points_beyond_the_journal_starts_at_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let side = side(&folder);
    let mut node = Counter::open(folder.path().join("a.db"));
    let older = node.copy("older.db");
    node.sale(100, 0, "key-before");
    drop(resume(&side, &node));
    // Only the journal was put back.
    let mut older = Counter::open(older);
    let (mut follower, begins) = resume(&side, &older);
    assert_eq!(begins, Begins::AtEnd(older.journal.last()));
    older.sale(200, 1, "key-after");
    assert_eq!(follow(&mut follower, &older, 10), [200]);

    let name = format!("follower/{NAME}");
    guitai_store::note::set(&side.shared_writer().expect("a writer"), &name, b"").expect("erased");
    older.sale(300, 2, "key-lost");
    assert_eq!(resume(&side, &older).1, Begins::AtEnd(older.journal.last()));
}

#[test]
fn a_heal_repeats_nothing_and_loses_nothing() {
    // The backup has three sales, of which two were followed; the hub four more; the restored box writes `own`.
    for (most, own, followed) in [1, 2, 100]
        .into_iter()
        .flat_map(|most| [0, 1, 3, 5].map(|own| (most, own)))
        .flat_map(|(most, own)| (0..=own + 1).map(move |followed| (most, own, followed)))
    {
        let folder = tempfile::tempdir().expect("a folder");
        let side = side(&folder);
        let mut hub = Hub::new(&folder);
        let mut node = Counter::open(folder.path().join("a.db"));
        let (mut follower, _) = resume(&side, &node);
        for n in 1..=2 {
            node.sale(n, 0, &format!("key-common-{n}"));
        }
        assert_eq!(follow(&mut follower, &node, 100), [1, 2]);
        node.sale(3, 0, "key-common-3");
        let backup = node.copy("backup.db");
        for n in 4..=7 {
            node.sale(n, 1, &format!("key-lost-{n}"));
        }
        hub.take(&node.journal);
        drop((node, follower));

        let mut node = Counter::open(backup);
        let (mut follower, begins) = resume(&side, &node);
        assert!(matches!(begins, Begins::Resumed(_)));
        let mut told = Vec::new();
        let mut wanted = vec![3];
        for n in 0..own {
            // It stops to follow somewhere before the heal.
            if n < followed {
                told.extend(follow(&mut follower, &node, most));
            }
            node.sale(11 + n, 2, &format!("key-own-{n}"));
            wanted.push(11 + n);
        }
        if followed > own {
            told.extend(follow(&mut follower, &node, most));
        }
        let filled = node.journal.fill(&hub.give(&node.journal), issuer(), MORNING).expect("filled");
        assert_eq!((filled.taken, filled.entered), (8, 2 * usize::try_from(own).expect("few")));

        // A stop right after the heal changes nothing.
        for restarts in [false, true] {
            if restarts {
                drop(follower);
                follower = resume(&side, &node).0;
            }
            told.extend(follow(&mut follower, &node, most));
        }
        node.sale(99, 3, "key-after");
        wanted.push(99);
        told.extend(follow(&mut follower, &node, most));
        assert_eq!(told, wanted, "most {most}, own {own}, followed {followed}");
        assert_eq!(follower.at(), node.journal.last());
    }
}

#[test]
fn half_a_heal_is_followed_again_as_a_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let side = side(&folder);
    let mut hub = Hub::new(&folder);
    let mut node = Counter::open(folder.path().join("a.db"));
    let backup = node.copy("backup.db");
    node.sale(1, 0, "key-lost");
    hub.take(&node.journal);
    drop(node);
    let mut node = Counter::open(backup);
    let (mut follower, _) = resume(&side, &node);
    node.sale(11, 1, "key-own-1");
    node.sale(12, 1, "key-own-2");
    node.journal.fill(&hub.give(&node.journal), issuer(), MORNING).expect("filled");

    let news = follower.next(node.journal.connection(), 1).expect("read");
    assert_eq!((paid(&news, &node), news.healed), (vec![11, 12], true));
    follower.done(news.facts[1].no).expect("kept");
    drop(follower);
    let (mut follower, _) = resume(&side, &node);
    assert_eq!(follow(&mut follower, &node, 1), [11, 12]);
    assert_eq!(follow(&mut resume(&side, &node).0, &node, 1), [0_u64; 0]);
}
