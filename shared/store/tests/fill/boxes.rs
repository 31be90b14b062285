//! More than one box, and more than one history of one box.

use super::*;

#[test]
fn one_put_back_to_where_an_epoch_ended_takes_the_next_one_back() {
    for own in [0, 1, 2, 3, 7, 15] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut hub = Hub::new(&folder);
        let mut node = Counter::open(folder.path().join("a.db"));
        let first = node.copy("first.db");
        node.account("0001");
        hub.take(&node.journal);
        let end_of_epoch = node.copy("end.db");
        drop(node);
        let mut healed = Counter::open(first);
        healed.account("0002");
        healed.journal.fill(&hub.give(&healed.journal), issuer(), MORNING).expect("filled");
        hub.take(&healed.journal);
        assert_eq!(healed.journal.last(), FactNo { epoch: 2, number: 2 });
        drop(healed);

        let mut restored = Counter::open(end_of_epoch);
        (0..own).for_each(|number| restored.account(&format!("1{number:03}")));
        let runs = hub.give(&restored.journal);
        let filled = restored.journal.fill(&runs, issuer(), MORNING).expect("filled");
        assert_eq!(filled, Filled { taken: 2, entered: own, kept: 0 });
        hub.take(&restored.journal);
        same(&hub, &restored.journal);
        assert_eq!(rows(&hub.0), rows(restored.journal.connection()));
    }
}

#[test]
fn one_that_replaced_another_takes_back_what_it_wrote_itself() {
    for common in [0_usize, 3] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut hub = Hub::new(&folder);
        let mut first = Counter::open(folder.path().join("a.db"));
        first.sale(1_000, 0, "key-of-the-first");
        hub.take(&first.journal);
        let (last, head) = ingest::head(&hub.0, &id()).expect("read");
        let own = || SigningKey::from_bytes(&[6; 32]);
        let mut second = Counter::open_as(folder.path().join("b.db"), own(), Some(Point::new(last, head)));
        second.account("0001");
        second.account("0002");
        let mut path = second.copy("image.db");
        second.sale(2_000, 9, "key-lost");
        hub.take(&second.journal);
        drop(second);

        if common == 0 {
            // Its journal was lost whole, and begun anew a moment later.
            path = folder.path().join("empty.db");
            let database = Database::open(&path).expect("a database");
            let (parent, later) = (Some(Point::new(last, head)), UtcMs(MORNING.0 + 1));
            drop(Journal::open(&database, id(), issuer(), own(), parent, later).expect("a journal"));
        }
        let mut restored = Counter::open_as(path, own(), None);
        (0..4).for_each(|number| restored.account(&format!("1{number:03}")));
        let runs = hub.give(&restored.journal);
        let filled = restored.journal.fill(&runs, issuer(), MORNING).expect("filled");
        let kept = usize::from(common == 0);
        assert_eq!(filled, Filled { taken: 5 - common, entered: 4, kept }, "its second beginning is evidence only");
        hub.take(&restored.journal);
        assert_eq!(restored.journal.last(), FactNo { epoch: 3, number: 5 });
        assert_eq!(ingest::head(&hub.0, &id()).expect("read").0, restored.journal.last());
        let keys = [key(), own()].map(|key| key.verifying_key());
        journal::verify(&hub.0, &id(), &keys[1], &keys).expect("the hub's copy of both");
        Counter::open_as(restored.path.clone(), own(), None);
    }
}

#[test]
fn another_box_goes_on_where_the_first_left_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut hub = Hub::new(&folder);
    let mut first = Counter::open(folder.path().join("a.db"));
    first.sale(1_000, 0, "key-of-the-first");
    hub.take(&first.journal);
    let (last, head) = ingest::head(&hub.0, &id()).expect("read");

    let other = SigningKey::from_bytes(&[6; 32]);
    let path = folder.path().join("b.db");
    let mut second = Counter::open_as(path.clone(), other.clone(), Some(Point::new(last, head)));
    second.sale(2_000, 9, "key-of-the-second");
    assert_eq!(second.journal.last(), FactNo { epoch: 2, number: 3 });
    let found = ingest::head_at(second.journal.connection(), &id(), last).expect("read");
    assert_eq!(found, Some(head), "what it goes on from it knows by name");
    hub.take(&second.journal);
    let keys = [key().verifying_key(), other.verifying_key()];
    journal::verify(&hub.0, &id(), &keys[1], &keys).expect("both boxes are of the roster");
    journal::verify(&hub.0, &id(), &keys[1], &[]).expect_err("nobody vouches for the second");
    assert_eq!(rows(&hub.0).iter().filter(|row| row.starts_with('p')).count(), 2);
    drop(second);
    let again = Counter::open_as(path, other, None);
    assert_eq!(again.journal.last(), FactNo { epoch: 2, number: 3 }, "it opens again");
}
