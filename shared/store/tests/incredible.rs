//! A store's facts at a hub: what no box of ours writes is kept and named, counts for nothing, and stops nothing behind it.

use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{AccountId, FactNo, Issuer, JournalId, Numbering, OrderNo, StoreId, TillId, Writer},
    journal::{
        chain::{self, Seal},
        fact::{Fact, Opened},
    },
    money::Fen,
    payment::{Doubted, Intended, Paid, Place},
    people::Idempotency,
    secret::{CodeTrace, Wallet},
    time::{BusinessClock, Day, UtcMs, beijing_day},
};
use guitai_store::{
    Database, digest,
    ingest::{self, Run},
    list, refold, shadow,
};
use rusqlite::Connection;

const MORNING: UtcMs = UtcMs(1_767_579_072_000);

fn id() -> JournalId {
    JournalId::node(StoreId::parse("S001").expect("a name"))
}

fn issuer() -> Issuer {
    Issuer::new(7).expect("in range")
}

fn order(number: i64) -> OrderNo {
    Numbering::resume(issuer(), None).next(UtcMs(MORNING.0 + number * 60_000))
}

fn intended(number: i64, amount: u64, at: UtcMs, (business_day, hour): (Day, u8)) -> Fact {
    let (till, cashier) = (TillId::parse("T1").expect("a name"), AccountId::parse("01").expect("a name"));
    Intended {
        order_no: order(number),
        at,
        amount: Fen::new(amount),
        code: CodeTrace { wallet: Wallet::Wechat, last_two: "88".into(), hash: 1 },
        acquirer: "allinpay".into(),
        termno: "T0001".into(),
        place: Place { business_day, hour, till, cashier },
        bill: None,
        remark: None,
        idempotency: Idempotency { caller: "erp".into(), key: format!("key-{number:08}"), body_hash: [3; 32] },
        clock_doubted: false,
        acquirer_day: Some(beijing_day(MORNING)),
    }
    .into()
}

fn paid(number: i64, received: u64, at: UtcMs) -> Fact {
    Paid {
        order_no: order(number),
        at,
        received: Fen::new(received),
        wallet: Wallet::Wechat,
        acquirer_no: format!("A{number}"),
        wallet_no: None,
        finished_at: None,
    }
    .into()
}

fn doubted(number: i64) -> Fact {
    Doubted { order_no: order(number), at: MORNING, detail: None }.into()
}

/// The journal of a box that writes what it likes, as it comes over the line.
fn run(facts: &[Fact]) -> Run {
    let key = SigningKey::from_bytes(&[5; 32]);
    let opened = Opened {
        store: id().store,
        issuer: issuer(),
        at: MORNING,
        writer: Writer::Node,
        epoch: 1,
        key: key.verifying_key().to_bytes(),
        parent: None,
        vouch: None,
    };
    let bodies: Vec<Vec<u8>> = [Fact::from(opened)].iter().chain(facts).map(Fact::to_bytes).collect();
    let (mut head, mut no) = (chain::start(&id(), 1), FactNo { epoch: 1, number: 0 });
    for body in &bodies {
        no.number += 1;
        head = chain::link(&head, no, body);
    }
    Run { first: FactNo { epoch: 1, number: 1 }, bodies, seal: Seal::sign(&key, &id(), no, head), records: Vec::new() }
}

fn rows(connection: &Connection) -> Vec<(String, u64)> {
    let rows = list::payments(connection, &list::PaymentFilter::default(), 100).expect("read");
    rows.into_iter().map(|row| (row.no.to_string(), row.amount.get())).collect()
}

#[test]
fn what_no_box_writes_counts_for_nothing_and_stops_nothing() {
    let clock = BusinessClock::beijing();
    let today = (clock.day(MORNING), clock.hour(MORNING));
    let far = UtcMs(i64::MAX);
    let day_9999 = (Day::parse("9999-12-31").expect("a day"), 10);
    // Each with what comes behind it about the same payment.
    let incredible = [
        intended(1, u64::MAX, MORNING, today),
        doubted(1),
        intended(2, 1 << 63, MORNING, today),
        paid(2, 1 << 63, MORNING),
        intended(3, 100, far, today),
        paid(3, 100, MORNING),
        intended(4, 100, UtcMs(-1), today),
        intended(5, 100, UtcMs(32_188_000_000_000), today),
        intended(6, 100, MORNING, (today.0, 255)),
        intended(7, 100, MORNING, day_9999),
        doubted(7),
    ];
    let honest = [intended(8, 100, MORNING, today), paid(8, 5_000_000_000, MORNING), paid(8, 100, MORNING)];
    let facts = [&incredible[..], &honest[..]].concat();
    let folder = tempfile::tempdir().expect("a folder");
    let mut hub = Database::open(&folder.path().join("hub.db")).expect("a database").writer().expect("a writer");
    let draws = |_: &Connection, _: &JournalId| Ok(Some(vec![issuer()]));
    ingest::append(&hub, &id(), Some(&[issuer()]), &run(&facts)).expect("nothing stops the facts behind");
    let expected = vec![(order(8).to_string(), 100)];
    assert_eq!(rows(&hub), expected);
    // Seven charges, and a sum that one charge cannot have brought. What is about a payment that does not count changes no row.
    assert_eq!(digest::undigested(&hub, &id()).expect("read"), 9, "{:?}", why(&hub));
    assert_eq!(shadow::check(&hub, &draws).expect("read"), None, "made anew they are the same");
    refold::refold(&mut hub, &draws).expect("folded");
    assert_eq!(rows(&hub), expected);
    assert_eq!(digest::undigested(&hub, &id()).expect("read"), 9);
}

fn why(connection: &Connection) -> Vec<String> {
    let mut statement = connection.prepare("SELECT number || ' ' || why FROM undigested").expect("a statement");
    statement.query_map([], |row| row.get(0)).expect("read").map(|why| why.expect("read")).collect()
}
