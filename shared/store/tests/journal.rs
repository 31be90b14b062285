//! The journal on a real file: what it keeps, what it notices, what travels.

use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{AccountId, FactNo, Issuer, JournalId, StoreId},
    journal::{fact::Fact, text::Text},
    limits,
    people::{AccountSet, Role},
    sync::{frame::FactRecord, journal_lane::UNSEALED_MAX_BYTES},
    time::UtcMs,
};
use guitai_store::{Database, Integrity, Journal, StoreError, digest, ingest, journal, query};

fn id() -> JournalId {
    JournalId::node(StoreId::parse("S001").expect("a name"))
}

fn identity() -> SigningKey {
    SigningKey::from_bytes(&[5; 32])
}

fn issuer() -> Issuer {
    Issuer::new(7).expect("in range")
}

fn open(database: &Database) -> Result<Journal, Integrity> {
    Journal::open(database, id(), issuer(), identity(), None, UtcMs(1))
}

fn account(number: u32) -> Fact {
    Fact::from(set(number, format!("收银员{number}"), "x".repeat(100)))
}

fn set(number: u32, name: String, verifier: String) -> AccountSet {
    AccountSet {
        account: AccountId::parse(&format!("{number:04}")).expect("a name"),
        name: Some(Text::new(name)),
        role: Role::Cashier,
        verifier: Some(Text::new(verifier)),
        disabled: false,
        by: None,
        at: UtcMs(i64::from(number)),
    }
}

/// A journal of 100 accounts in commits of 3 facts.
fn filled(database: &Database) -> Journal {
    let mut journal = open(database).expect("a journal");
    for number in 1..=100 {
        journal.append(&account(number)).expect("appended");
        if number % 3 == 0 {
            journal.commit().expect("committed");
        }
    }
    journal.commit().expect("committed");
    journal
}

fn at(number: u64) -> FactNo {
    FactNo { epoch: 1, number }
}

fn database(folder: &tempfile::TempDir, name: &str) -> Database {
    Database::open(&folder.path().join(name)).expect("a database")
}

#[test]
fn what_was_committed_is_there_after_reopening_and_what_was_not_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = database(&folder, "a.db");
    let mut journal = filled(&database);
    assert_eq!(journal.last(), at(101));
    journal.append(&account(999)).expect("appended");
    drop(journal);
    assert_eq!(open(&database).expect("opens").last(), at(101));
    let connection = database.reader().expect("a reader");
    assert_eq!(query::accounts(&connection, "S001").expect("read").len(), 100);
}

#[test]
fn one_flipped_byte_anywhere_is_noticed_and_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = database(&folder, "a.db");
    drop(filled(&database));
    for (column, broken_at) in [("body", 1_i64), ("body", 57), ("head", 57), ("body", 101)] {
        let connection = database.writer().expect("a writer");
        let original: Vec<u8> = connection
            .query_row(&format!("SELECT {column} FROM fact WHERE number = ?1"), [broken_at], |row| row.get(0))
            .expect("read");
        let mut flipped = original.clone();
        flipped[original.len() / 2] ^= 1;
        let put = |bytes: &[u8]| {
            connection
                .execute(&format!("UPDATE fact SET {column} = ?2 WHERE number = ?1"), (broken_at, bytes))
                .expect("written")
        };
        put(&flipped);
        let found = open(&database).expect_err("noticed");
        assert!(matches!(found, Integrity::BrokenAt(no) if no == at(broken_at.unsigned_abs())), "{column} {found}");
        put(&original);
        drop(open(&database).expect("whole again"));
    }
}

#[test]
fn removed_and_unsealed_facts_are_noticed() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = database(&folder, "a.db");
    drop(filled(&database));
    let connection = database.writer().expect("a writer");
    connection.execute("DELETE FROM fact WHERE number >= 100", []).expect("deleted");
    assert!(matches!(open(&database), Err(Integrity::Unsealed(no)) if no == at(99)), "99 lies inside a commit");
    connection.execute("DELETE FROM fact WHERE number = 50", []).expect("deleted");
    assert!(matches!(open(&database), Err(Integrity::BrokenAt(no)) if no == at(50)));
    let other = SigningKey::from_bytes(&[6; 32]).verifying_key();
    connection.execute("DELETE FROM fact WHERE number > 49", []).expect("deleted");
    let reader = database.reader().expect("a reader");
    assert!(matches!(journal::verify(&reader, &id(), &other, &[]), Err(Integrity::Unsealed(_))), "another identity");
}

#[test]
fn a_journal_travels_in_runs_that_end_at_seals() {
    let folder = tempfile::tempdir().expect("a folder");
    let (here, there) = (database(&folder, "a.db"), database(&folder, "b.db"));
    drop(filled(&here));
    let from = here.reader().expect("a reader");
    let mut to = there.writer().expect("a writer");
    let (mut next, mut runs) = (at(1), 0);
    while let Some(run) = ingest::load(&from, &id(), next, 2_000).expect("loaded") {
        assert_eq!(run.seal.no.number + 1 - run.first.number, u64::try_from(run.bodies.len()).expect("few"));
        assert!(run.seal.verify(&identity().verifying_key(), &id()));
        next = at(run.seal.no.number + 1);
        ingest::persist(&mut to, &id(), &[issuer()], &run).expect("persisted");
        let again = ingest::persist(&mut to, &id(), &[issuer()], &run);
        assert!(matches!(again, Err(StoreError::Corrupt(_))), "the same run twice");
        runs += 1;
    }
    assert!(runs > 5, "{runs} runs");
    let copy = there.reader().expect("a reader");
    assert_eq!(ingest::head(&copy, &id()).expect("read"), ingest::head(&from, &id()).expect("read"));
    assert_eq!(query::accounts(&copy, "S001").expect("read").len(), 100);
    let (last, _) = journal::verify(&copy, &id(), &identity().verifying_key(), &[]).expect("verifies");
    assert_eq!(last, at(101));
}

#[test]
fn a_commit_larger_than_a_receiver_keeps_is_sealed_on_the_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let (here, there) = (database(&folder, "a.db"), database(&folder, "b.db"));
    let mut journal = open(&here).expect("a journal");
    let name = "收".repeat(limits::RECORD_TEXT_MAX_CHARS);
    for number in 1..=4_000 {
        journal.append(&Fact::from(set(number, name.clone(), name.clone()))).expect("appended");
    }
    journal.commit().expect("committed");
    journal.commit().expect("nothing new needs no seal");
    let from = here.reader().expect("a reader");
    let mut to = there.writer().expect("a writer");
    let (mut next, mut bytes) = (at(1), 0);
    while let Some(run) = ingest::load(&from, &id(), next, limits::CHUNK_MAX_BYTES).expect("loaded") {
        let texts: usize = run.records.iter().map(FactRecord::weight).sum();
        let run_bytes = texts + run.bodies.iter().map(Vec::len).sum::<usize>();
        assert!(run_bytes <= UNSEALED_MAX_BYTES, "{run_bytes} bytes at {next}");
        bytes += run_bytes;
        next = at(run.seal.no.number + 1);
        ingest::persist(&mut to, &id(), &[issuer()], &run).expect("persisted");
    }
    assert!(bytes > UNSEALED_MAX_BYTES, "{bytes} bytes in one commit");
    assert_eq!(ingest::head(&to, &id()).expect("read").0, at(4_001));
    journal::verify(&from, &id(), &identity().verifying_key(), &[]).expect("every seal on the way is right");
}

#[test]
fn a_fact_of_a_newer_version_is_kept_and_flagged_and_blocks_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (here, there) = (database(&folder, "a.db"), database(&folder, "b.db"));
    drop(filled(&here));
    let from = here.reader().expect("a reader");
    let mut run = ingest::load(&from, &id(), at(1), limits::CHUNK_MAX_BYTES).expect("loaded").expect("a run");
    let unknown_kind = vec![0x82, 0x18, 0xf0, 0xa0];
    run.bodies[1].clone_from(&unknown_kind);
    let mut to = there.writer().expect("a writer");
    let (_, digested) = ingest::persist(&mut to, &id(), &[issuer()], &run).expect("persisted");
    assert_eq!(digested.len(), run.bodies.len() - 1);
    assert_eq!(digest::undigested(&to, &id()).expect("read"), 1);
    let kept: Vec<u8> = to.query_row("SELECT body FROM fact WHERE number = 2", [], |row| row.get(0)).expect("read");
    assert_eq!(kept, unknown_kind);
}

#[test]
fn another_programs_file_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("foreign.db");
    let foreign = rusqlite::Connection::open(&path).expect("opens");
    foreign.execute_batch("CREATE TABLE theirs (x)").expect("made");
    assert!(matches!(Database::open(&path), Err(StoreError::ForeignFile(_))));
    let newer = database(&folder, "newer.db");
    newer.writer().expect("a writer").execute_batch("PRAGMA user_version=99").expect("set");
    let refused = Database::open(&folder.path().join("newer.db")).expect_err("refused");
    assert!(refused.to_string().contains("update Guitai"), "{refused}");
}
