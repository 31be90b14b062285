//! Files of earlier versions, made from the schemas as they were: what climbs, what is refused, and what rows become.

use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{AccountId, FactNo, Issuer, JournalId, StoreId},
    journal::{fact::Fact, text::Text},
    limits,
    people::{AccountSet, Role},
    time::UtcMs,
};
use guitai_store::{Database, Journal, StoreError, digest, ingest, note, query, record, refold};
use rusqlite::Connection;

const VERSION_1: &str = include_str!("schema/1.sql");
const VERSION_2: &str = include_str!("schema/2.sql");

fn id() -> JournalId {
    JournalId::node(StoreId::parse("S001").expect("a name"))
}

fn issuer() -> Issuer {
    Issuer::new(7).expect("in range")
}

fn account(number: u32) -> Fact {
    Fact::from(AccountSet {
        account: AccountId::parse(&format!("{number:04}")).expect("a name"),
        name: Some(Text::new(format!("收银员{number}"))),
        role: Role::Cashier,
        verifier: Some(Text::new("x".into())),
        disabled: false,
        by: None,
        at: UtcMs(i64::from(number)),
    })
}

fn journal(database: &Database) -> Journal {
    let identity = SigningKey::from_bytes(&[5; 32]);
    Journal::open(database, id(), issuer(), identity, None, UtcMs(1)).expect("a journal")
}

/// A file of an earlier version.
fn old(folder: &tempfile::TempDir, version: u32, schema: &str) -> Connection {
    let connection = Connection::open(folder.path().join("old.db")).expect("opens");
    connection.execute_batch("PRAGMA journal_mode=WAL").expect("set");
    connection.execute_batch(schema).expect("as it was");
    connection.execute_batch(&format!("PRAGMA application_id=0x47554954; PRAGMA user_version={version}")).expect("set");
    connection
}

fn open(folder: &tempfile::TempDir) -> Result<Database, StoreError> {
    Database::open(&folder.path().join("old.db"))
}

/// Everything that makes up the schema, without its spelling.
fn schema(connection: &Connection) -> Vec<String> {
    let mut statement =
        connection.prepare("SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY type, name").expect("a query");
    let found = statement.query_map([], |row| row.get::<_, String>(0)).expect("read");
    found
        .map(|sql| {
            let sql = sql.expect("text");
            let lines = sql.lines().filter(|line| !line.trim().starts_with("--"));
            lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
        })
        .collect()
}

#[test]
fn a_file_of_version_2_climbs_with_its_facts() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = Database::open(&folder.path().join("new.db")).expect("a database");
    let mut written = journal(&source);
    for number in 1..=40 {
        written.append(&account(number)).expect("appended");
        written.commit().expect("committed");
    }
    drop(written);
    let raw = old(&folder, 2, VERSION_2);
    raw.execute("ATTACH ?1 AS new", [folder.path().join("new.db").to_str()]).expect("attached");
    raw.execute_batch("INSERT INTO main.fact SELECT * FROM new.fact; INSERT INTO main.seal SELECT * FROM new.seal;")
        .expect("copied");
    drop(raw);

    let climbed = open(&folder).expect("climbs");
    let reopened = journal(&climbed);
    assert_eq!(reopened.last(), FactNo { epoch: 1, number: 41 });
    assert_eq!(query::accounts(reopened.connection(), "S001").expect("read").len(), 40, "rows are folded from facts");
    assert_eq!(schema(reopened.connection()), schema(&source.reader().expect("a reader")), "as a new file");
    drop(reopened);
    journal(&open(&folder).expect("opens again")).append(&account(99)).expect("goes on");
}

#[test]
fn a_file_of_version_1_climbs_without_facts_and_is_refused_with_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let raw = old(&folder, 1, VERSION_1);
    raw.execute("INSERT INTO note VALUES ('enrolment', x'7b7d')", []).expect("written");
    raw.execute("INSERT INTO fact VALUES ('S001', 1, 1, x'00', x'00', NULL)", []).expect("written");
    let refused = open(&folder).expect_err("refused");
    assert!(matches!(&refused, StoreError::ForeignFile(why) if why.contains("enrol")), "{refused}");
    let version: i64 = raw.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("read");
    assert_eq!(version, 1, "nothing was changed");

    raw.execute("DELETE FROM fact", []).expect("deleted");
    drop(raw);
    let climbed = open(&folder).expect("climbs");
    let note = note::get(&climbed.reader().expect("a reader"), "enrolment").expect("read");
    assert_eq!(note.as_deref(), Some(&b"{}"[..]));
    assert_eq!(journal(&climbed).last(), FactNo { epoch: 1, number: 1 });
}

#[test]
fn rows_of_another_version_are_dropped_and_folded_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::open(&folder.path().join("a.db")).expect("a database");
    let mut written = journal(&database);
    for number in 1..=30 {
        written.append(&account(number)).expect("appended");
    }
    written.commit().expect("committed");
    drop(written);
    let raw = database.writer().expect("a writer");
    raw.execute_batch("CREATE TABLE fancy (x); UPDATE account SET name = 'of an older fold'").expect("changed");
    let note = note::get(&raw, "rows_version").expect("read").expect("a version");
    let note = String::from_utf8(note).expect("text");
    let (_, tables) = note.split_once(' ').expect("a version and its tables");
    note::set(&raw, "rows_version", format!("999 {tables} fancy").as_bytes()).expect("set");
    drop(raw);
    let reopened = journal(&database);
    let accounts = query::accounts(reopened.connection(), "S001").expect("read");
    assert_eq!((accounts.len(), accounts[0].name.as_str()), (30, "收银员1"));
    let fancy = reopened.connection().prepare("SELECT * FROM fancy");
    assert!(fancy.is_err(), "a table of that version only");
}

/// A copy that takes runs while its rows are half made anew ends with every fact folded once.
#[test]
fn facts_that_come_while_rows_are_made_anew_are_folded_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = Database::open(&folder.path().join("a.db")).expect("a database");
    let there = Database::open(&folder.path().join("b.db")).expect("a database");
    let mut written = journal(&here);
    for number in 1..=60 {
        written.append(&account(number)).expect("appended");
        written.commit().expect("committed");
    }
    let mut copy = there.writer().expect("a writer");
    let take = |copy: &mut Connection, from: u64| {
        let first = FactNo { epoch: 1, number: from };
        let run = ingest::load(written.connection(), &id(), first, 500).expect("loaded").expect("a run");
        ingest::persist(copy, &id(), &[issuer()], &run).expect("persisted");
        run.seal.no.number + 1
    };
    let next = take(&mut copy, 1);
    // Stopped after the rows were dropped.
    copy.execute_batch("DELETE FROM account; INSERT INTO note VALUES ('rows_folded', x'')").expect("set");
    take(&mut copy, next);
    assert_eq!(query::accounts(&copy, "S001").expect("read").len(), 0, "folded later");
    refold::fit(&mut copy, &|_, _| Ok(None)).expect("folded");
    let folded = query::accounts(&copy, "S001").expect("read").len();
    let held = query::last_fact(&copy, &id()).expect("read").expect("facts").number;
    assert_eq!(u64::try_from(folded).expect("few") + 1, held);
    take(&mut copy, held + 1);
    assert!(query::accounts(&copy, "S001").expect("read").len() > folded, "and then at once again");
}

#[test]
fn a_fact_that_an_older_version_could_not_digest_gets_its_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::open(&folder.path().join("a.db")).expect("a database");
    let mut written = journal(&database);
    written.append(&account(1)).expect("appended");
    written.commit().expect("committed");
    drop(written);
    let mut raw = database.writer().expect("a writer");
    raw.execute_batch("DELETE FROM account; INSERT INTO undigested VALUES ('S001', 'node', 1, 2, 'UnknownKind(10)')")
        .expect("as an older version left it");
    let done = refold::refold(&mut raw, &|_, _| Ok(None)).expect("folded");
    assert_eq!((done.facts, done.undigested), (2, 0));
    assert_eq!(digest::undigested(&raw, &id()).expect("read"), 0);
    assert_eq!(query::accounts(&raw, "S001").expect("read").len(), 1);
}

#[test]
fn a_text_that_its_fact_did_not_commit_to_is_dropped_and_one_nobody_can_judge_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = Database::open(&folder.path().join("a.db")).expect("a database");
    let there = Database::open(&folder.path().join("b.db")).expect("a database");
    let mut written = journal(&here);
    written.append(&account(1)).expect("appended");
    written.append(&account(2)).expect("appended");
    written.commit().expect("committed");
    let first = FactNo { epoch: 1, number: 1 };
    let mut run =
        ingest::load(written.connection(), &id(), first, limits::CHUNK_MAX_BYTES).expect("loaded").expect("a run");
    let beside = |number, text: &str| guitai_core::sync::frame::FactRecord {
        number,
        record: guitai_core::journal::text::Record::from_parts(0, [1; 16], text.into()),
    };
    run.bodies[1] = vec![0x82, 0x18, 0xf0, 0xa0];
    run.records = vec![beside(2, "of a newer kind"), beside(3, "strange")];
    let mut to = there.writer().expect("a writer");
    ingest::persist(&mut to, &id(), &[issuer()], &run).expect("blocks nothing");
    let kept = |number| record::of_fact(&to, &id(), FactNo { epoch: 1, number }).expect("read").len();
    assert_eq!((kept(2), kept(3)), (1, 0));
    let sent = ingest::load(&to, &id(), first, limits::CHUNK_MAX_BYTES).expect("loaded").expect("a run");
    assert_eq!(sent.records, [beside(2, "of a newer kind")], "it travels on");
    assert_eq!(record::erase(&to, &id(), FactNo { epoch: 1, number: 2 }).expect("erased"), 1);
    assert_eq!(kept(2), 0);
}
