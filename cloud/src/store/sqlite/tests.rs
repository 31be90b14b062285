use guitai_core::{ids::AccountId, secret::Wallet, sync::journal_lane::Batch};
use guitai_http::bearer::KeyHash;
use guitai_store::Integrity;

use super::*;
use crate::testing::{Rig, key, rig, store_id};

fn raw(rig: &Rig) -> Connection {
    Connection::open(rig.data.path().join(Sqlite::FILE)).unwrap()
}

#[test]
fn a_copy_is_verified_and_a_flipped_byte_is_named() {
    let rig = rig();
    for (store, seed) in [("S001", 2), ("S002", 3)] {
        let mut node = rig.store(store, store, seed);
        node.sale(1_000, Wallet::Wechat, 1);
        node.sale(2_000, Wallet::Alipay, 2);
        node.deliver(&rig);
    }
    let verified = rig.sqlite.verify().unwrap();
    assert!(
        verified.len() == 2 && verified.iter().all(|store| matches!(store.found, Ok((FactNo { number: 6, .. }, 1..))))
    );

    let mut body: Vec<u8> =
        raw(&rig).query_row("SELECT body FROM fact WHERE store = 'S002' AND number = 4", [], |row| row.get(0)).unwrap();
    let middle = body.len() / 2;
    body[middle] ^= 1;
    raw(&rig).execute("UPDATE fact SET body = ?1 WHERE store = 'S002' AND number = 4", [body]).unwrap();
    let verified = rig.sqlite.verify().unwrap();
    assert!(verified[0].found.is_ok());
    assert!(matches!(verified[1].found, Err(Integrity::BrokenAt(FactNo { epoch: 1, number: 4 }))), "{verified:?}");
}

#[test]
fn a_broken_seal_and_a_missing_end_are_noticed() {
    for damage in [
        "UPDATE seal SET signature = zeroblob(64) WHERE store = 'S001' AND number = 4",
        "DELETE FROM fact WHERE store = 'S001' AND number = 4",
        "UPDATE fact SET head = zeroblob(32) WHERE store = 'S001' AND number = 4",
    ] {
        let rig = rig();
        let mut node = rig.store("S001", "一号店", 2);
        node.sale(1_000, Wallet::Wechat, 1);
        node.deliver(&rig);
        assert!(rig.sqlite.verify().unwrap()[0].found.is_ok());
        assert_eq!(raw(&rig).execute(damage, []).unwrap(), 1, "{damage}");
        assert!(rig.sqlite.verify().unwrap()[0].found.is_err(), "{damage}");
    }
}

#[test]
fn runs_come_once_and_in_order() {
    let rig = rig();
    let mut node = rig.store("S001", "一号店", 2);
    for minute in 0..40 {
        node.sale(100, Wallet::Wechat, minute);
    }
    let batches = node.batches();
    assert!(batches.len() > 2, "several runs");
    let take = |batch: &Batch| rig.sqlite.ingest((&node.store, node.issuer), batch.clone(), &Fence::default());
    assert!(matches!(take(&batches[1]), Err(Refused::Store(_))), "a gap");
    take(&batches[0]).unwrap();
    assert!(matches!(take(&batches[0]), Err(Refused::Store(_))), "twice");
    for batch in &batches[1..] {
        take(batch).unwrap();
    }
    assert_eq!(rig.sqlite.stores().unwrap()[0].facts, Some(node.last()));
    assert!(rig.sqlite.verify().unwrap()[0].found.is_ok());
}

/// Every row of every table that is folded from facts, and of the requests kept for ever, as SQL literals.
fn folded(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut found = Vec::new();
    for table in ["payment", "stat", "account", "api_key", "request", "undigested"] {
        let columns: Vec<String> = connection
            .prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let quoted: Vec<String> = columns.iter().map(|column| format!("quote({column})")).collect();
        let sql = format!("SELECT '{table} ' || concat_ws(',', {}) FROM {table}", quoted.join(", "));
        let mut statement = connection.prepare(&sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        found.extend(rows.collect::<Result<Vec<String>, _>>().unwrap());
    }
    found
}

#[test]
fn rows_made_anew_are_the_rows_as_they_were_at_node_and_hub() {
    let rig = rig();
    let mut files = vec![rig.data.path().join(Sqlite::FILE)];
    let mut nodes = Vec::new();
    for (store, seed) in [("S001", 2), ("S002", 3)] {
        let mut node = rig.store(store, store, seed);
        for minute in 0..40 {
            let sale = node.sale(1_000 + 7 * u64::from(seed), Wallet::Wechat, minute);
            if minute % 5 == 0 {
                node.refund(sale, 300, 700, minute);
            }
            if minute % 7 == 0 {
                node.doubt(500, minute);
            }
        }
        node.deliver(&rig);
        files.push(node.file());
        nodes.push(node);
    }
    let live: Vec<_> = files.iter().map(|file| folded(file)).collect();
    assert!(live[0].len() > 200, "{}", live[0].len());
    let hub = rig.sqlite.rebuild().unwrap();
    assert_eq!(hub.undigested, 0);
    for node in &nodes {
        refold::refold(&mut node.database.writer().unwrap(), &|_, _| Ok(None)).unwrap();
    }
    for (file, live) in files.iter().zip(live) {
        assert_eq!(folded(file), live, "{}", file.display());
    }
    assert!(rig.sqlite.verify().unwrap().iter().all(|store| store.found.is_ok()));
}

#[test]
fn an_older_session_writes_no_more() {
    let rig = rig();
    let mut node = rig.store("S001", "一号店", 2);
    let older = Fence::default();
    let claim = Claim {
        key: key(2).verifying_key().to_bytes(),
        store: Some(store_id("S001")),
        app_version: String::new(),
        papers: guitai_core::sync::contract::Papers::default(),
    };
    rig.sqlite.authorise(&claim, Some(&older), crate::testing::MORNING).unwrap();
    let batch = node.batches().remove(0);
    assert!(matches!(rig.sqlite.ingest((&node.store, node.issuer), batch.clone(), &older), Err(Refused::Fenced)));
    assert!(rig.sqlite.ingest((&node.store, node.issuer), batch, &Fence::default()).is_ok());
}

#[test]
fn bytes_that_are_no_fact_are_refused_and_unknown_kinds_kept() {
    let rig = rig();
    let mut node = rig.store("S001", "一号店", 2);
    let good = node.batches().remove(0);
    let with = |body: &[u8]| Batch { bodies: vec![body.to_vec()], ..good.clone() };
    let rubbish = rig.sqlite.ingest((&node.store, node.issuer), with(b"rubbish"), &Fence::default());
    assert!(matches!(rubbish, Err(Refused::NoFact(FactNo { epoch: 1, number: 1 }))));
    let newer = rig.sqlite.ingest((&node.store, node.issuer), with(&[0x82, 0x18, 0xf0, 0xa0]), &Fence::default());
    assert!(newer.is_ok_and(|rows| rows.is_empty()));
    let kept: i64 = raw(&rig).query_row("SELECT count(*) FROM undigested", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 1);
    assert_eq!(rig.sqlite.stores().unwrap()[0].undigested, 1, "headquarters is told that rows are missing");
}

#[test]
fn the_rows_changed_are_told() {
    let rig = rig();
    let mut node = rig.store("S001", "一号店", 2);
    node.deliver(&rig);
    let sale = node.sale(1_000, Wallet::Wechat, 1);
    let refund = node.refund(sale, 300, 700, 2);
    let rows: Vec<PaymentRow> = node
        .batches()
        .into_iter()
        .flat_map(|batch| {
            let changed = rig.sqlite.ingest((&node.store, node.issuer), batch, &Fence::default()).unwrap();
            rig.sqlite.news_of(&node.store, &rig.app.days(None), &changed).unwrap().payments
        })
        .collect();
    let told: Vec<(OrderNo, &str, &str)> =
        rows.iter().map(|row| (row.no, row.kind.as_str(), row.state.as_str())).collect();
    assert_eq!(told, [(sale, "charge", "part_refunded"), (refund, "refund", "refunded")]);
}

#[test]
fn the_command_line_writes_beside_a_running_hub() {
    let rig = rig();
    let beside = Sqlite::open(rig.data.path(), key(1), [2; 16]).unwrap();
    beside.add_store(&store_id("S001"), "一号店", UtcMs(1)).unwrap();
    assert_eq!(rig.sqlite.stores().unwrap().len(), 1);

    // One in the middle of a short transaction is waited for.
    let (began, wait) = std::sync::mpsc::channel();
    let path = rig.data.path().join(Sqlite::FILE);
    let busy = std::thread::spawn(move || {
        let mut other = Connection::open(path).unwrap();
        let transaction = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        began.send(()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(60));
        transaction.commit().unwrap();
    });
    wait.recv().unwrap();
    rig.sqlite.set_merchant("好邻居").unwrap();
    busy.join().unwrap();
    assert_eq!(beside.merchant().unwrap().as_deref(), Some("好邻居"));
}

#[test]
fn a_newer_hubs_file_is_left_alone() {
    let rig = rig();
    raw(&rig).execute("UPDATE note SET value = x'39' WHERE key = 'hub_schema'", []).unwrap();
    assert!(matches!(Sqlite::open(rig.data.path(), key(1), [2; 16]), Err(StoreError::ForeignFile(_))));
}

/// What schemas 5 to 7 changed, as it was made before.
const KEYS_AND_ACCOUNTS_4: &str = "
    DROP TABLE hub_account; DROP TABLE hub_api_key;
    ALTER TABLE hub_store DROP COLUMN utc_offset_minutes; ALTER TABLE hub_store DROP COLUMN cutoff_minutes;
    ALTER TABLE hub_code DROP COLUMN wrong_proofs;
    CREATE TABLE hub_account (account TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL,
        verifier TEXT NOT NULL, changed_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE hub_api_key (hash BLOB NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, scopes TEXT NOT NULL,
        created_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO hub_account VALUES ('hq', '王总', 'headquarters', 'phc', 1);
    INSERT INTO hub_api_key VALUES (zeroblob(32), 'erp', 'read', 1);
    UPDATE note SET value = x'34' WHERE key = 'hub_schema';";

/// The tables and indexes of the hub, without how they are spelt.
fn shapes(connection: &Connection) -> Vec<String> {
    let mut statement = connection
        .prepare(
            "SELECT s.name || ' ' || group_concat(c.name || ' ' || c.type || ' ' || c.\"notnull\" || ' ' || c.pk)
             FROM sqlite_schema s JOIN pragma_table_xinfo(s.name) c WHERE s.name LIKE 'hub%' GROUP BY s.name ORDER BY 1",
        )
        .unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn accounts_and_keys_of_the_version_before_come_along() {
    let rig = rig();
    let new = shapes(&raw(&rig));
    raw(&rig).execute_batch(KEYS_AND_ACCOUNTS_4).unwrap();
    assert_ne!(shapes(&raw(&rig)), new);
    let after = Sqlite::open(rig.data.path(), key(1), [2; 16]).unwrap();
    assert_eq!(shapes(&raw(&rig)), new);
    let account = AccountId::parse("hq").unwrap();
    assert!(after.account(&account).unwrap().is_some() && after.key(&KeyHash([0; 32])).unwrap().is_some());
    assert!(after.revoke_key("erp", UtcMs(2)).unwrap());
}

#[test]
fn a_much_edited_document_is_kept_short() {
    let rig = rig();
    let node = rig.store("S001", "一号店", 2);
    let by = AccountId::parse("admin").unwrap();
    let draft = Draft { id: "a1".into(), title: "0".into(), body: "正文".into(), by, at: UtcMs(1) };
    rig.sqlite.publish(&draft, None).unwrap();
    for edit in 1..=150 {
        let change = Change { title: Some(edit.to_string()), ..Change::default() };
        rig.sqlite.edit("a1", &change, UtcMs(edit)).unwrap();
    }
    let pieces: u32 = raw(&rig).query_row("SELECT count(*) FROM document_change", [], |row| row.get(0)).unwrap();
    assert!((1..=letters::PIECES_MAX).contains(&usize::try_from(pieces).unwrap()), "{pieces}");
    assert_eq!(rig.sqlite.letters(None).unwrap()[0].1[0].title, "150");
    let after_restart = Sqlite::open(rig.data.path(), key(1), [3; 16]).unwrap();
    let change = Change { title: Some("新".into()), ..Change::default() };
    assert_eq!(after_restart.edit("a1", &change, UtcMs(200)).unwrap(), [node.store]);
    assert_eq!(rig.sqlite.letters(None).unwrap()[0].1[0].title, "新", "two processes under two actors");
}

#[test]
fn what_comes_at_once_is_written_together_and_answered_apart() {
    let rig = rig();
    let mut nodes = Vec::new();
    for (n, seed) in (1..=6).zip(2..) {
        let store = format!("S{n:03}");
        let mut node = rig.store(&store, &store, seed);
        for minute in 0..3 {
            node.sale(100 * n, Wallet::Wechat, minute);
        }
        nodes.push(node);
    }
    let mut ends = Vec::new();
    let raised = Fence::default();
    raised.raise();
    let taken: Vec<Result<Vec<OrderNo>, Refused>> = std::thread::scope(|scope| {
        // Held until all of them wait: then one of them writes what all came with.
        let writer = rig.sqlite.lock();
        let mut taking = Vec::new();
        for (n, node) in nodes.iter_mut().enumerate() {
            let mut batch = node.batches().remove(0);
            ends.push(batch.seal.no);
            let fence = if n == 2 { raised.clone() } else { Fence::default() };
            if n == 4 {
                // It does not follow what is held: the others must not suffer.
                batch.first.number += 1;
            }
            let (sqlite, store, issuer) = (&rig.sqlite, node.store.clone(), node.issuer);
            taking.push(scope.spawn(move || sqlite.ingest((&store, issuer), batch, &fence)));
        }
        while rig.sqlite.intake.count() < nodes.len() {
            std::thread::yield_now();
        }
        drop(writer);
        taking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for (n, (taken, node)) in taken.iter().zip(&nodes).enumerate() {
        let held = rig.sqlite.stores().unwrap()[n].facts;
        match (n, taken) {
            (2, Err(Refused::Fenced)) | (4, Err(Refused::Store(StoreError::Corrupt(_)))) => assert_eq!(held, None),
            (0 | 1 | 3 | 5, Ok(numbers)) => {
                let own = |no: &OrderNo| rig.sqlite.payment(no.as_str()).unwrap().unwrap().store == node.store.as_str();
                assert!(!numbers.is_empty() && numbers.iter().all(own), "each is told its own: {numbers:?}");
                assert_eq!(held, Some(ends[n]));
            }
            _ => panic!("{n}: {taken:?}"),
        }
    }
}
