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

/// A journal longer than what every start walks, in commits of 500 facts.
fn long(database: &Database) -> u64 {
    let mut journal = open(database).expect("a journal");
    let facts = journal::WALKED_WHOLE_MAX * 2;
    for number in 2..=facts {
        journal.append(&account(u32::try_from(number % 100).expect("few"))).expect("appended");
        if number % 500 == 0 {
            journal.commit().expect("committed");
        }
    }
    journal.commit().expect("committed");
    facts
}

#[test]
fn a_start_walks_what_came_after_the_checkpoint_and_verify_walks_everything() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = database(&folder, "a.db");
    let last = long(&database);
    let connection = database.writer().expect("a writer");
    let flipped = |number: u64, sql: &str| {
        connection.execute_batch("SAVEPOINT damage").expect("begun");
        connection.execute(sql, [i64::try_from(number).expect("small")]).expect("written");
        connection.execute_batch("RELEASE damage").expect("written");
    };
    const BODY: &str =
        "UPDATE fact SET body = CAST(substr(body, 1, 9) || x'00' || substr(body, 11) AS BLOB) WHERE number = ?1";
    let read = |number: u64| -> (Vec<u8>, Vec<u8>) {
        let number = i64::try_from(number).expect("small");
        connection
            .query_row("SELECT body, head FROM fact WHERE number = ?1", [number], |row| Ok((row.get(0)?, row.get(1)?)))
            .expect("read")
    };
    let put_back = |number: u64, (body, head): &(Vec<u8>, Vec<u8>)| {
        let number = i64::try_from(number).expect("small");
        connection
            .execute("UPDATE fact SET body = ?2, head = ?3 WHERE number = ?1", (number, body, head))
            .expect("written");
    };
    let verified = || journal::verify(&connection, &id(), &identity().verifying_key(), &[]);
    let reopened = open(&database).expect("opens");
    assert!(!reopened.walked_whole(), "a long journal is not walked whole");
    assert_eq!(reopened.last(), at(last));
    drop(reopened);
    assert_eq!(verified().expect("whole").0, at(last));

    // Long before the checkpoint: the counter opens, and whoever walks everything finds it.
    let early = read(1_000);
    flipped(1_000, BODY);
    drop(open(&database).expect("opens"));
    assert!(matches!(verified(), Err(Integrity::BrokenAt(no)) if no == at(1_000)));
    let mut walk = journal::Walk::new(id(), &[]);
    let walked = std::iter::from_fn(|| match walk.step(&connection, 300) {
        Ok(true) => Some(Ok(())),
        Ok(false) => None,
        Err(error) => Some(Err(error)),
    });
    let found = walked.take_while(Result::is_ok).count();
    assert_eq!(found, 3, "three slices of 300 facts are whole, the fourth is not");
    put_back(1_000, &early);

    // The checkpoint's own fact and those behind it are walked at every start.
    let noted = guitai_store::note::get(&connection, "chain_checked").expect("read").expect("a checkpoint");
    let noted = String::from_utf8(noted).expect("text");
    let checkpoint: u64 = noted.split_once('-').expect("a place").1.parse().expect("a number");
    assert!(checkpoint > 1_000 && last - checkpoint < journal::WALKED_WHOLE_MAX, "{noted}");
    for number in [checkpoint, checkpoint + 1, last] {
        let Some(sound) = (number <= last).then(|| read(number)) else { continue };
        flipped(number, BODY);
        assert!(matches!(open(&database), Err(Integrity::BrokenAt(no)) if no == at(number)), "{number}");
        put_back(number, &sound);
    }

    // A checkpoint that does not hold is none: the whole chain is walked, and tells what is wrong.
    for damage in [
        format!("UPDATE fact SET head = zeroblob(32) WHERE number = {checkpoint}"),
        format!("DELETE FROM seal WHERE number = {checkpoint}"),
        "UPDATE note SET value = x'31' WHERE key = 'chain_checked'".into(),
        "DELETE FROM note WHERE key = 'chain_checked'".into(),
    ] {
        let copy = folder.path().join("copy.db");
        let _ = std::fs::remove_file(&copy);
        connection.execute("VACUUM INTO ?1", [copy.to_str()]).expect("copied");
        let copy = Database::open(&copy).expect("a database");
        assert!(copy.writer().expect("a writer").execute(&damage, []).expect("done") > 0, "{damage}");
        match open(&copy) {
            Ok(journal) => assert!(journal.walked_whole() && !damage.contains("head"), "{damage}"),
            Err(found) => {
                assert!(matches!(found, Integrity::BrokenAt(no) if no == at(checkpoint)), "{damage}: {found}")
            }
        }
    }
    let strange = Journal::open(&database, id(), issuer(), SigningKey::from_bytes(&[6; 32]), None, UtcMs(1));
    assert!(matches!(strange, Err(Integrity::Unsealed(_))), "another identity");
}
