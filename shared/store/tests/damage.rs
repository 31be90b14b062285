//! A byte goes wrong, anywhere in the file: it is found, and everything that follows from facts is made anew.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use ed25519_dalek::SigningKey;
use guitai_core::{
    bill::{self, BillKey},
    ids::{AccountId, Issuer, JournalId, Numbering, OrderNo, StoreId, TillId},
    journal::fact::Fact,
    money::Fen,
    payment::{Intended, Paid, Place, RefundIntended},
    people::{AccountSet, ApiKeyCreated, Approval, Idempotency, Role},
    secret::{CodeTrace, Wallet},
    time::{BusinessClock, UtcMs, beijing_day},
};
use guitai_store::{Database, Integrity, Journal, journal, shadow, shadow::Difference};
use rusqlite::{Connection, types::Value};

const MORNING: UtcMs = UtcMs(1_767_579_072_000);

/// Charges of the journal; with them every table and every index has several pages, or as many as it ever needs.
const CHARGES: i64 = 240;

/// What follows from facts: of these no damage may cost anything.
const FOLDED: [&str; 8] = ["payment", "astray", "bill", "stat", "account", "api_key", "request", "fact_of_order"];

fn id() -> JournalId {
    JournalId::node(StoreId::parse("S001").expect("a name"))
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[5; 32])
}

fn open(path: &Path) -> Result<Journal, Integrity> {
    Journal::open(&Database::open(path)?, id(), Issuer::new(7).expect("in range"), key(), None, MORNING)
}

/// What a start does, and then whether everything is as the facts say.
fn checked(path: &Path) -> Result<(), Integrity> {
    journal::check_rows(open(path)?.connection())
}

fn verified(path: &Path) -> Result<(), Integrity> {
    let connection = Database::open(path)?.reader()?;
    journal::verify(&connection, &id(), &key().verifying_key(), &[]).map(|_| ())
}

fn heal(path: &Path) -> Result<PathBuf, Integrity> {
    shadow::heal(&Database::open(path)?, &|_, _| Ok(None), |healed| verified(healed.path()))
}

fn charge(number: i64, order_no: OrderNo) -> [Fact; 2] {
    let at = UtcMs(MORNING.0 + number * 60_000);
    let (clock, amount) = (BusinessClock::beijing(), Fen::new(100 + number.unsigned_abs()));
    let place = Place {
        business_day: clock.day(at),
        hour: clock.hour(at),
        till: TillId::parse("T1").expect("a name"),
        cashier: AccountId::parse("01").expect("a name"),
    };
    let bill = BillKey { source: "pos".into(), number: format!("B{number}"), day: None };
    let intended = Intended {
        order_no,
        at,
        amount,
        code: CodeTrace { wallet: Wallet::Wechat, last_two: "88".into(), hash: number.unsigned_abs() },
        acquirer: "allinpay".into(),
        termno: "T0001".into(),
        place,
        bill: Some(bill),
        remark: (number % 3 == 0).then(|| "少辣".into()),
        idempotency: Idempotency { caller: "erp".into(), key: format!("order-{number}"), body_hash: [3; 32] },
        clock_doubted: false,
        acquirer_day: Some(beijing_day(at)),
    };
    let paid = Paid {
        order_no,
        at,
        received: amount,
        wallet: Wallet::Wechat,
        acquirer_no: format!("A{order_no}"),
        wallet_no: Some(format!("W{order_no}")),
        finished_at: None,
    };
    [intended.into(), paid.into()]
}

/// A day of a shop, in a file whose WAL is folded in.
fn day(path: &Path) {
    let mut journal = open(path).expect("a journal");
    let mut numbers = Numbering::resume(Issuer::new(7).expect("in range"), None);
    let account = |account: &str| AccountId::parse(account).expect("a name");
    for name in ["01", "02", "03"] {
        let (account, name, verifier) = (account(name), Some(name.into()), Some("x".into()));
        let set =
            AccountSet { account, name, role: Role::Administrator, verifier, disabled: false, by: None, at: MORNING };
        journal.append(&set.into()).expect("appended");
    }
    let key = ApiKeyCreated { name: "erp".into(), scopes: "charge".into(), hash: [9; 32], at: MORNING };
    journal.append(&key.into()).expect("appended");
    for number in 0..CHARGES {
        let at = UtcMs(MORNING.0 + number * 60_000);
        let (order_no, place) = (numbers.next(at), BusinessClock::beijing());
        if number % 2 == 0 {
            let bill = BillKey { source: "pos".into(), number: format!("B{number}"), day: None };
            let total = Fen::new(100 + number.unsigned_abs());
            let opened = bill::Opened { bill, total, business_day: place.day(at), at };
            journal.append(&opened.into()).expect("appended");
        }
        let facts = charge(number, order_no);
        // The last few are still under way.
        let told = if number > CHARGES - 5 { 1 } else { 2 };
        for fact in &facts[..told] {
            journal.append(fact).expect("appended");
        }
        if number % 5 == 0 && told == 2 {
            let idempotency = Idempotency { caller: "erp".into(), key: format!("back-{number}"), body_hash: [4; 32] };
            let approval = Some(Approval { by: "person:01".into(), approver: Some(account("02")), idempotency });
            let Fact::Payment(guitai_core::payment::Fact::Intended(intended)) = &facts[0] else { unreachable!() };
            let back = RefundIntended {
                order_no,
                at,
                refund_no: numbers.next(at),
                amount: Fen::new(1),
                place: intended.place.clone(),
                approval,
                reason: None,
            };
            journal.append(&back.into()).expect("appended");
        }
        journal.commit().expect("committed");
    }
    let folded_in = journal.connection().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    assert_eq!(folded_in.expect("folded in"), 0);
}

type Rows = BTreeMap<String, Vec<Vec<Value>>>;

/// All that is stored, table by table, but for what only says how far something has come.
fn stored(path: &Path) -> Rows {
    let connection = Connection::open(path).expect("a database");
    let names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'note' ORDER BY name";
    let mut statement = connection.prepare(names).expect("a statement");
    let names: Vec<String> =
        statement.query_map([], |row| row.get(0)).expect("read").map(|name| name.expect("read")).collect();
    let rows_of = |name: &String| {
        let mut statement = connection.prepare(&format!("SELECT * FROM \"{name}\"")).expect("a statement");
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| (0..columns).map(|place| row.get(place)).collect());
        rows.expect("read").map(|row| row.expect("read")).collect()
    };
    names.iter().map(|name| (name.clone(), rows_of(name))).collect()
}

/// The pages of the file by the table that they serve; an index serves its table.
fn pages(path: &Path) -> Vec<(u64, String)> {
    let connection = Connection::open(path).expect("a database");
    let sql = "SELECT d.pageno, CASE WHEN d.name = 'fact_of_order' THEN d.name ELSE coalesce(s.tbl_name, d.name) END
               FROM dbstat d LEFT JOIN sqlite_schema s ON s.name = d.name ORDER BY d.pageno";
    let mut statement = connection.prepare(sql).expect("a statement");
    let pages = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("read");
    pages.map(|page| page.expect("read")).collect()
}

/// Where a page is damaged.
#[derive(Clone, Copy, Debug)]
enum Where {
    /// The kind of the page and how many cells it has.
    Head,
    Middle,
    /// The first cells written lie at the end.
    End,
}

fn damage(path: &Path, page: u64, place: Where) {
    const PAGE: u64 = 4_096;
    let at = (page - 1) * PAGE
        + match place {
            Where::Head => 0,
            Where::Middle => PAGE / 2,
            Where::End => PAGE - 40,
        };
    let mut file = fs::OpenOptions::new().read(true).write(true).open(path).expect("the file");
    let mut bytes = [0; 8];
    file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut bytes)).expect("read");
    bytes.iter_mut().for_each(|byte| *byte ^= 0x15);
    file.seek(SeekFrom::Start(at)).and_then(|_| file.write_all(&bytes)).expect("written");
}

fn copy_of(path: &Path, folder: &Path) -> PathBuf {
    let copy = folder.join("copy.db");
    for entry in fs::read_dir(folder).expect("a folder").filter_map(Result::ok) {
        if entry.file_name().to_string_lossy().starts_with("copy.db") {
            fs::remove_file(entry.path()).expect("removed");
        }
    }
    fs::copy(path, &copy).expect("copied");
    copy
}

#[test]
fn what_follows_from_facts_is_found_damaged_and_made_anew_wherever_it_lies() {
    let folder = tempfile::tempdir().expect("a folder");
    let sound = folder.path().join("sound.db");
    day(&sound);
    checked(&sound).expect("a sound file");
    let (before, mut healed, mut harmless, mut refused) = (stored(&sound), 0, 0, BTreeMap::new());
    for (page, table) in pages(&sound).into_iter().filter(|(page, _)| *page > 1) {
        for place in [Where::Head, Where::Middle, Where::End] {
            let copy = copy_of(&sound, folder.path());
            damage(&copy, page, place);
            let shown = format!("page {page} of {table}, {place:?}");
            let follows = FOLDED.contains(&table.as_str());
            match checked(&copy) {
                // Seals before the last are looked at by whoever verifies all of them.
                Ok(()) if !follows && verified(&copy).is_err() => *refused.entry(table.clone()).or_insert(0) += 1,
                Ok(()) => {
                    assert!(stored(&copy) == before, "{shown}: not found");
                    harmless += 1;
                }
                Err(found) if found.may_heal() => match heal(&copy) {
                    Ok(aside) => {
                        assert!(aside.exists(), "{shown}");
                        checked(&copy).unwrap_or_else(|still| panic!("{shown}: healed of {found}, and still {still}"));
                        assert!(stored(&copy) == before, "{shown}: {found}");
                        healed += 1;
                    }
                    Err(cannot) => {
                        assert!(!follows, "{shown}: {found}, and not healed: {cannot}");
                        *refused.entry(table.clone()).or_insert(0) += 1;
                    }
                },
                Err(found) => {
                    assert!(!follows, "{shown}: {found}");
                    *refused.entry(table.clone()).or_insert(0) += 1;
                }
            }
        }
    }
    println!("damage: healed {healed}, in unused bytes {harmless}, refused {refused:?}");
    assert!(healed > 100, "only {healed} healed");
    assert!(refused.keys().all(|table| !FOLDED.contains(&table.as_str())), "{refused:?}");
}

/// Changes that leave the pages sound: somebody else's program, or a bit in a row that has no index over it.
#[test]
fn a_changed_row_is_named_with_its_table_and_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let sound = folder.path().join("sound.db");
    day(&sound);
    let before = stored(&sound);
    for (sql, table, key) in [
        ("UPDATE payment SET amount = amount + 1 WHERE bill_number = 'B7'", "payment", "S001"),
        ("UPDATE payment SET covered = 0 WHERE bill_number = 'B7'", "payment", "S001"),
        ("DELETE FROM payment WHERE bill_number = 'B7'", "payment", "S001"),
        ("UPDATE bill SET number = 'Q4' WHERE number = 'B4'", "bill", "pos"),
        ("UPDATE request SET idem_key = 'order-X' WHERE idem_key = 'order-9'", "request", "erp"),
        ("DELETE FROM request WHERE idem_key = 'order-239'", "request", "erp"),
        ("UPDATE account SET verifier = 'y' WHERE account = '02'", "account", "02"),
        ("UPDATE api_key SET scopes = 'charge,refund'", "api_key", "S001"),
        ("UPDATE stat SET sum = sum + 1", "stat", "S001"),
        ("INSERT INTO account VALUES ('S001', '99', 'x', 'administrator', 'x', 0)", "account", "99"),
    ] {
        let copy = copy_of(&sound, folder.path());
        let changed = Connection::open(&copy).and_then(|connection| connection.execute(sql, [])).expect("changed");
        assert!(changed > 0, "{sql}");
        let Err(Integrity::Differs(Difference::Row { table: named, key: at })) = checked(&copy) else {
            panic!("{sql}: not found");
        };
        assert!(named == table && at.contains(key), "{sql}: {named} {at}");
        heal(&copy).expect("healed");
        assert!(stored(&copy) == before, "{sql}");
    }
    // Facts that are filed under another payment are not found when it is paid back.
    let copy = copy_of(&sound, folder.path());
    let sql = "UPDATE fact SET order_no = '00000000000000000001' WHERE number = 40";
    Connection::open(&copy).and_then(|connection| connection.execute(sql, [])).expect("changed");
    assert!(matches!(checked(&copy), Err(Integrity::Differs(Difference::Misfiled(no))) if no.number == 40));
    heal(&copy).expect("healed");
    assert!(stored(&copy) == before);
    // A journal that is not whole is left as it is.
    let copy = copy_of(&sound, folder.path());
    let sql = "UPDATE fact SET body = CAST(body || x'00' AS BLOB) WHERE number = 40";
    Connection::open(&copy).and_then(|connection| connection.execute(sql, [])).expect("changed");
    assert!(checked(&copy).is_err_and(|found| !found.may_heal()));
    let bytes = fs::read(&copy).expect("read");
    assert!(matches!(heal(&copy), Err(Integrity::BrokenAt(no)) if no.number == 40));
    assert_eq!(fs::read(&copy).expect("read"), bytes);
    assert!(!copy.with_file_name("copy.db.new").exists());
}
