//! More than one box, and more than one history of one box.

use guitai_core::{payment::RefundIntended, people::Approval};

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

/// A refund of a sale, under a number that is drawn like a sale's.
fn refund(counter: &mut Counter, of: OrderNo, fen: u64, minute: i64, key: &str) -> OrderNo {
    let at = UtcMs(MORNING.0 + minute * 60_000);
    let (refund_no, amount, clock) = (counter.numbers.next(at), Fen::new(fen), BusinessClock::beijing());
    let place = Place {
        business_day: clock.day(at),
        hour: clock.hour(at),
        till: TillId::parse("T1").expect("a name"),
        cashier: AccountId::parse("01").expect("a name"),
    };
    let idempotency = Idempotency { caller: "erp".into(), key: key.into(), body_hash: [3; 32] };
    let approval = Some(Approval { by: "01".into(), approver: None, idempotency });
    counter.record(&Fact::from(RefundIntended { order_no: of, at, refund_no, amount, place, approval, reason: None }));
    refund_no
}

/// Both drew the next number at the same hundredth of a second: here for a refund, there for a sale, and for a refund of another.
#[test]
fn copies_of_one_folder_that_drew_one_number_for_two_things_keep_both() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut hub = Hub::new(&folder);
    let mut node = Counter::open(folder.path().join("a.db"));
    let [one, two] = [0, 1].map(|minute| node.sale(1_000, minute, &format!("key-before-{minute}")));
    let copies = [node.copy("copy-1.db"), node.copy("copy-2.db")];
    let number = refund(&mut node, one, 300, 5, "key-refund-of-one");
    hub.take(&node.journal);
    drop(node);
    for (copy, path) in copies.into_iter().enumerate() {
        let mut copied = Counter::open(path);
        let drawn = match copy {
            0 => copied.sale(2_000, 5, "key-of-a-sale"),
            _ => refund(&mut copied, two, 400, 5, "key-refund-of-two"),
        };
        assert_eq!(drawn, number);
        copied.journal.fill(&hub.give(&copied.journal), issuer(), MORNING).expect("filled");
        hub.take(&copied.journal);
        same(&hub, &copied.journal);
        assert_eq!(rows(&hub.0), rows(copied.journal.connection()));
        let undigested = copied.journal.connection().query_row("SELECT count(*) FROM undigested", [], |row| row.get(0));
        assert_eq!(undigested, Ok(0_i64), "copy {copy}");
        let said = query::payment(copied.journal.connection(), drawn.as_str()).expect("read").expect("a row");
        assert_eq!((said.kind.as_str(), said.amount.get()), ("charge", 2_000), "a number is asked for a sale first");
    }
    let connection = &hub.0;
    let mut statement =
        connection.prepare("SELECT kind, amount FROM payment WHERE no = ?1 ORDER BY amount").expect("a query");
    let held = statement.query_map([number.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).expect("read");
    let held: Vec<(String, i64)> = held.collect::<Result<_, _>>().expect("rows");
    let right = [("refund", 300), ("refund", 400), ("charge", 2_000)];
    assert_eq!(held, right.map(|(kind, amount)| (kind.to_owned(), amount)));
}
