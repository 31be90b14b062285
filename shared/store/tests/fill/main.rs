//! A box put back to an older copy takes back what the hub holds.

mod boxes;
mod followers;

use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{AccountId, FactNo, Issuer, JournalId, Numbering, OrderNo, StoreId, TillId},
    journal::{chain::Seal, epoch::Point, fact::Fact},
    limits::{CHUNK_MAX_BYTES, RECORD_TEXT_MAX_CHARS},
    money::Fen,
    payment::{Intended, Paid, Place},
    people::{AccountSet, Idempotency, Role},
    secret::{CodeTrace, Wallet},
    sync::{frame::FactRecord, journal_lane::UNSEALED_MAX_BYTES},
    time::{BusinessClock, UtcMs, beijing_day},
};
use guitai_store::{
    Database, Filled, Journal, StoreError, digest,
    ingest::{self, Run},
    journal, list, query, request,
};
use rusqlite::{Connection, ErrorCode};

const MORNING: UtcMs = UtcMs(1_767_579_072_000);

fn id() -> JournalId {
    JournalId::node(StoreId::parse("S001").expect("a name"))
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[5; 32])
}

fn issuer() -> Issuer {
    Issuer::new(7).expect("in range")
}

fn set(account: &str, name: &str, verifier: &str) -> Fact {
    Fact::from(AccountSet {
        account: AccountId::parse(account).expect("a name"),
        name: Some(name.into()),
        role: Role::Cashier,
        verifier: Some(verifier.into()),
        disabled: false,
        by: None,
        at: MORNING,
    })
}

struct Counter {
    path: std::path::PathBuf,
    journal: Journal,
    numbers: Numbering,
}

impl Counter {
    fn open(path: std::path::PathBuf) -> Self {
        Self::open_as(path, key(), None)
    }

    fn open_as(path: std::path::PathBuf, key: SigningKey, after: Option<Point>) -> Self {
        let database = Database::open(&path).expect("a database");
        let journal = Journal::open(&database, id(), issuer(), key, after, MORNING).expect("a journal");
        let numbers = Numbering::resume(issuer(), journal.last_issued().expect("read"));
        Self { path, journal, numbers }
    }

    fn record(&mut self, fact: &Fact) {
        self.journal.append(fact).expect("appended");
        self.journal.commit().expect("committed");
    }

    fn sale(&mut self, fen: u64, minute: i64, key: &str) -> OrderNo {
        let at = UtcMs(MORNING.0 + minute * 60_000);
        let order_no = self.numbers.next(at);
        let amount = Fen::new(fen);
        let clock = BusinessClock::beijing();
        let place = Place {
            business_day: clock.day(at),
            hour: clock.hour(at),
            till: TillId::parse("T1").expect("a name"),
            cashier: AccountId::parse("01").expect("a name"),
        };
        self.record(&Fact::from(Intended {
            order_no,
            at,
            amount,
            code: CodeTrace { wallet: Wallet::Wechat, last_two: "88".into(), hash: 1 },
            acquirer: "allinpay".into(),
            termno: "T0001".into(),
            place,
            bill: None,
            remark: None,
            idempotency: Idempotency { caller: "erp".into(), key: key.into(), body_hash: [3; 32] },
            clock_doubted: false,
            acquirer_day: Some(beijing_day(at)),
        }));
        self.paid(order_no, amount, at);
        order_no
    }

    fn paid(&mut self, order_no: OrderNo, amount: Fen, at: UtcMs) {
        self.record(&Fact::from(Paid {
            order_no,
            at,
            received: amount,
            wallet: Wallet::Wechat,
            acquirer_no: format!("A{order_no}"),
            wallet_no: None,
            finished_at: None,
        }));
    }

    fn account(&mut self, account: &str) {
        self.record(&set(account, account, "x"));
    }

    /// A copy of the file, as a backup takes it.
    fn copy(&self, name: &str) -> std::path::PathBuf {
        let to = self.path.with_file_name(name);
        self.journal.connection().execute("VACUUM INTO ?1", [to.to_str()]).expect("copied");
        to
    }

    fn charges(&self) -> Vec<(String, u64)> {
        let filter = list::PaymentFilter::default();
        let rows = list::payments(self.journal.connection(), &filter, 1_000).expect("read");
        rows.into_iter().map(|row| (row.no.to_string(), row.amount.get())).collect()
    }
}

/// The hub's copy.
struct Hub(Connection);

impl Hub {
    fn new(folder: &tempfile::TempDir) -> Self {
        Self(Database::open(&folder.path().join("hub.db")).expect("a database").writer().expect("a writer"))
    }

    fn take(&mut self, from: &Journal) {
        loop {
            let (last, _) = ingest::head(&self.0, &id()).expect("read");
            let next = FactNo { epoch: last.epoch, number: last.number + 1 };
            let Some(run) = ingest::load(from.connection(), &id(), next, 1_000).expect("loaded") else { return };
            let bytes =
                run.bodies.iter().map(Vec::len).chain(run.records.iter().map(FactRecord::weight)).sum::<usize>();
            assert!(bytes <= UNSEALED_MAX_BYTES, "the lane takes no {bytes} bytes without a seal");
            ingest::persist(&mut self.0, &id(), &[issuer()], &run).expect("persisted");
        }
    }

    /// What it gives a box that names these places of its history.
    fn give(&self, to: &Journal) -> Vec<Run> {
        let places = ingest::places(to.connection(), &id()).expect("read");
        let mut at = ingest::common(&self.0, &id(), &places).expect("read").expect("the beginning at least");
        let mut runs = Vec::new();
        loop {
            let next = FactNo { epoch: at.epoch, number: at.number + 1 };
            let Some(run) = ingest::load(&self.0, &id(), next, CHUNK_MAX_BYTES).expect("loaded") else { return runs };
            at = run.seal.no;
            runs.push(run);
        }
    }
}

fn same(hub: &Hub, node: &Journal) {
    assert_eq!(ingest::head(&hub.0, &id()).expect("read"), ingest::head(node.connection(), &id()).expect("read"));
    for side in [&hub.0, node.connection()] {
        journal::verify(side, &id(), &key().verifying_key(), &[]).expect("verifies");
    }
}

/// Rows as they would be if all were folded anew.
fn rows(connection: &Connection) -> Vec<String> {
    let mut statement = connection
        .prepare(
            "SELECT 'p' || no || state || amount || epoch || '-' || number AS row FROM payment
             UNION ALL SELECT 's' || day || movement || hour || count || '/' || sum FROM stat
             UNION ALL SELECT 'a' || account FROM account
             UNION ALL SELECT 'r' || caller || ' ' || idem_key || ' ' || order_no FROM request ORDER BY row",
        )
        .expect("a query");
    let rows = statement.query_map([], |row| row.get(0)).expect("read");
    rows.collect::<Result<_, _>>().expect("text")
}

#[test]
fn one_that_wrote_nothing_has_all_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut hub = Hub::new(&folder);
    let mut node = Counter::open(folder.path().join("a.db"));
    for minute in 0..5 {
        node.sale(1_000, minute, &format!("key-before-{minute}"));
    }
    let backup = node.copy("backup.db");
    for minute in 5..30 {
        node.sale(1_000, minute, &format!("key-after-{minute}"));
    }
    node.account("0001");
    hub.take(&node.journal);
    let live = rows(node.journal.connection());
    drop(node);

    let mut restored = Counter::open(backup);
    let runs = hub.give(&restored.journal);
    let filled = restored.journal.fill(&runs, issuer(), MORNING).expect("filled");
    assert_eq!(filled, Filled { taken: 51, entered: 0, kept: 0 });
    assert_eq!(rows(restored.journal.connection()), live);
    same(&hub, &restored.journal);
    assert_eq!(
        restored.journal.fill(&hub.give(&restored.journal), issuer(), MORNING).expect("nothing"),
        Filled::default()
    );
    restored.sale(500, 40, "key-on");
    hub.take(&restored.journal);
    same(&hub, &restored.journal);
    assert_eq!(Counter::open(restored.path.clone()).journal.last(), restored.journal.last(), "it opens again");
}

#[test]
fn one_that_wrote_on_loses_nothing_and_counts_nothing_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut hub = Hub::new(&folder);
    let mut node = Counter::open(folder.path().join("a.db"));
    for minute in 0..5 {
        node.sale(1_000, minute, &format!("key-before-{minute}"));
    }
    node.account("0001");
    let backup = node.copy("backup.db");
    for minute in 5..30 {
        node.sale(2_000, minute, &format!("key-after-{minute}"));
    }
    let held = node.charges();
    hub.take(&node.journal);
    drop(node);

    let mut restored = Counter::open(backup);
    let own = restored.sale(3_000, 60, "key-own");
    // The customer's program asks once more, and the box does not know that it answered.
    let again = restored.sale(2_000, 61, "key-after-7");
    restored.account("0002");
    let seal = query::last_seal(restored.journal.connection(), &id()).expect("read").expect("a seal");
    assert!(ingest::keep_fork(&hub.0, &id(), &seal).expect("kept"), "the hub keeps the proof");
    let runs = hub.give(&restored.journal);
    assert!(runs[0].first < FactNo { epoch: 1, number: 13 }, "it reaches back before the fork");
    let filled = restored.journal.fill(&runs, issuer(), MORNING).expect("filled");
    assert_eq!(filled, Filled { taken: 50, entered: 5, kept: 0 });
    assert_eq!(restored.journal.last(), FactNo { epoch: 2, number: 6 });

    hub.take(&restored.journal);
    same(&hub, &restored.journal);
    let now = restored.charges();
    assert!(held.iter().all(|row| now.contains(row)), "what the hub held stays");
    assert!(now.contains(&(own.to_string(), 3_000)) && now.contains(&(again.to_string(), 2_000)), "order numbers stay");
    assert_eq!(now.len(), held.len() + 2);
    assert_eq!(rows(&hub.0), rows(restored.journal.connection()));
    let buried = journal::branch_facts(restored.journal.connection(), &id()).expect("read");
    assert_eq!(buried.len(), 5);
    assert!(buried.iter().all(|fact| fact.branch == buried[0].branch && fact.no >= buried[0].no));
    let of = |fact: &journal::BranchFact| Fact::from_bytes(&fact.body).expect("a fact").order_no();
    assert!(buried.iter().any(|fact| of(fact) == Some(own)), "what was answered can be found under its old number");
    assert_eq!(digest::undigested(&hub.0, &id()).expect("read"), 0);
    let first = request::earlier(&hub.0, &id(), "erp", "key-after-7").expect("read").expect("known");
    assert_ne!(first.order_no, Some(again), "of two under one key the first stands");
    let here = request::earlier(restored.journal.connection(), &id(), "erp", "key-after-7").expect("read");
    assert_eq!(here.map(|request| request.order_no), Some(first.order_no), "at the box as at the hub");
    drop(restored);

    // Put back once more, to a copy from before the first fork: it takes both epochs back.
    let mut third = Counter::open(folder.path().join("c.db"));
    let runs = hub.give(&third.journal);
    let filled = third.journal.fill(&runs, issuer(), MORNING).expect("filled");
    assert_eq!((filled.entered, filled.kept), (0, 0));
    same(&hub, &third.journal);
    assert_eq!(rows(&hub.0), rows(third.journal.connection()));
}

#[test]
fn the_latest_time_and_number_may_lie_before_what_was_entered_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut hub = Hub::new(&folder);
    let mut node = Counter::open(folder.path().join("a.db"));
    node.sale(1_000, 0, "key-before");
    let backup = node.copy("backup.db");
    for minute in 10..30 {
        node.sale(2_000, minute, &format!("key-after-{minute}"));
    }
    let (newest, latest) = (node.journal.last_issued().expect("read"), node.journal.last_at().expect("read"));
    hub.take(&node.journal);
    drop(node);

    // Its clock is behind: what it writes comes last and is older.
    let mut restored = Counter::open(backup);
    restored.sale(3_000, 5, "key-own");
    restored.journal.fill(&hub.give(&restored.journal), issuer(), MORNING).expect("filled");
    hub.take(&restored.journal);
    assert_eq!(restored.journal.last_issued().expect("read"), newest);
    assert_eq!(journal::last_issued(&hub.0, &id()).expect("read"), newest, "as the hub tells it");
    assert_eq!(restored.journal.last_at().expect("read"), latest);
    let mut again = Counter::open(restored.path.clone());
    assert!(Some(again.sale(1_000, 6, "key-on")) > newest);
}

#[test]
fn a_branch_larger_than_the_lane_keeps_unsealed_is_delivered() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut hub = Hub::new(&folder);
    let mut node = Counter::open(folder.path().join("a.db"));
    let backup = node.copy("backup.db");
    node.account("0001");
    hub.take(&node.journal);
    drop(node);

    let mut restored = Counter::open(backup);
    let (accounts, long) = (4_000_usize, "收".repeat(RECORD_TEXT_MAX_CHARS));
    for number in 0..accounts {
        restored.journal.append(&set(&format!("{number:06}"), &long, &long)).expect("appended");
        if number % 100 == 0 {
            restored.journal.commit().expect("committed");
        }
    }
    restored.journal.commit().expect("committed");
    let filled = restored.journal.fill(&hub.give(&restored.journal), issuer(), MORNING).expect("filled");
    assert_eq!(filled, Filled { taken: 1, entered: accounts, kept: 0 });
    assert!(accounts * 2 * "收".len() * RECORD_TEXT_MAX_CHARS > UNSEALED_MAX_BYTES, "in one commit");
    hub.take(&restored.journal);
    same(&hub, &restored.journal);
}

#[test]
fn what_the_box_never_wrote_is_not_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut hub = Hub::new(&folder);
    let mut node = Counter::open(folder.path().join("a.db"));
    let backup = node.copy("backup.db");
    for minute in 0..10 {
        node.sale(1_000, minute, &format!("key-number-{minute}"));
    }
    hub.take(&node.journal);
    let mut restored = Counter::open(backup);
    let before = rows(restored.journal.connection());
    let runs = hub.give(&restored.journal);
    let bend = |bend: &dyn Fn(&mut Vec<Run>)| {
        let mut bent = runs.clone();
        bend(&mut bent);
        bent
    };
    let strange = SigningKey::from_bytes(&[9; 32]);
    for bent in [
        bend(&|runs| runs[0].bodies[1][9] ^= 1),
        bend(&|runs| drop(runs[0].bodies.remove(1))),
        bend(&|runs| runs[0].first.number += 1),
        bend(&|runs| {
            let last = runs.last_mut().expect("runs");
            last.seal = Seal::sign(&strange, &id(), last.seal.no, *last.seal.head());
        }),
    ] {
        let refused = restored.journal.fill(&bent, issuer(), MORNING);
        assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
        assert_eq!(rows(restored.journal.connection()), before);
    }
    assert_eq!(restored.journal.fill(&runs, issuer(), MORNING).expect("the honest ones").taken, 20);
}

#[test]
fn a_fill_that_the_disk_has_no_room_for_changes_nothing() {
    for writes_on in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut hub = Hub::new(&folder);
        let mut node = Counter::open(folder.path().join("a.db"));
        node.sale(1_000, 0, "key-before");
        let backup = node.copy("backup.db");
        for number in 0..400 {
            node.journal.append(&set(&format!("{number:06}"), &"收".repeat(100), "x")).expect("appended");
        }
        node.journal.commit().expect("committed");
        hub.take(&node.journal);
        drop(node);

        let mut restored = Counter::open(backup);
        let runs = hub.give(&restored.journal);
        let room = |pages: u32, journal: &Journal| {
            let connection = journal.connection();
            let held: u32 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).expect("read");
            connection.pragma_update(None, "max_page_count", held + pages).expect("set");
        };
        let mut refused = 0;
        loop {
            if writes_on {
                room(u32::MAX / 2, &restored.journal);
                restored.sale(2_000, 60 + i64::from(refused), &format!("key-own-{refused}"));
            }
            let (last, before) = (restored.journal.last(), rows(restored.journal.connection()));
            room(4 * refused, &restored.journal);
            match restored.journal.fill(&runs, issuer(), MORNING) {
                Ok(_) => break,
                Err(StoreError::Sqlite(error)) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => {}
                Err(error) => panic!("{error:?} with room for {} pages", 4 * refused),
            }
            refused += 1;
            assert_eq!(restored.journal.last(), last);
            assert_eq!(rows(restored.journal.connection()), before);
        }
        assert!(refused > 10, "{refused}");
        hub.take(&restored.journal);
        same(&hub, &restored.journal);
    }
}
