use guitai_core::{ids::JournalId, trust::Channel};

use super::*;
use crate::testing::{MORNING, Rig, key, rig, store_id};

const LIFE_MS: i64 = 600_000;

fn at(ms: i64) -> UtcMs {
    UtcMs(MORNING.0 + ms)
}

fn code(rig: &Rig, store: &str, nonce: u8) -> EnrolmentCode {
    rig.sqlite.new_code(&store_id(store), [nonce; 32], at(LIFE_MS)).unwrap()
}

fn hub_with_store() -> Rig {
    let rig = rig();
    rig.sqlite.add_store(&store_id("S001"), "一号店", MORNING).unwrap();
    rig
}

fn claim(seed: u8, store: Option<&str>) -> Claim {
    let key = key(seed).verifying_key().to_bytes();
    Claim { key, store: store.map(store_id), app_version: "test".into() }
}

#[test]
fn a_code_lets_one_node_in_once() {
    let rig = hub_with_store();
    let code = code(&rig, "S001", 9);
    let enrolled = rig.enrol(&code, 2, at(LIFE_MS - 1)).unwrap();
    assert_eq!(
        (enrolled.store, enrolled.store_name.as_str(), enrolled.issuer.get()),
        (store_id("S001"), "一号店", 10_001)
    );
    assert_eq!(rig.enrol(&code, 3, MORNING), Err(EnrolRefusal::Used), "another node");
    assert!(rig.enrol(&code, 2, at(2 * LIFE_MS)).is_ok(), "the same node, whose answer was lost");
}

#[test]
fn codes_end_and_must_be_right() {
    let rig = hub_with_store();
    let late = code(&rig, "S001", 9);
    assert_eq!(rig.enrol(&late, 2, at(LIFE_MS)), Err(EnrolRefusal::Expired));
    let hub_key = key(1).verifying_key().to_bytes();
    let made_up = EnrolmentCode::new(hub_key, [0; 16]);
    assert_eq!(rig.enrol(&made_up, 2, MORNING), Err(EnrolRefusal::WrongCode));
    let channel = |exporter| Channel { node_key: key(2).verifying_key().to_bytes(), hub_key, exporter };
    let moved = EnrolRequest {
        channel: channel([1; 32]),
        code_id: late.id(),
        proof: late.proof(&channel([2; 32])),
        app_version: "test".into(),
    };
    let answer = rig.sqlite.enrol(&moved, MORNING).unwrap();
    assert_eq!(answer, Err(EnrolRefusal::WrongCode), "a proof taken from another connection");
    assert!(rig.enrol(&late, 2, MORNING).is_ok(), "the refusals used nothing up");
}

#[test]
fn the_first_node_spends_the_stores_other_codes() {
    let rig = hub_with_store();
    let (one, two) = (code(&rig, "S001", 9), code(&rig, "S001", 10));
    assert!(rig.enrol(&one, 2, MORNING).is_ok());
    assert_eq!(rig.enrol(&two, 3, MORNING), Err(EnrolRefusal::Used));
    rig.sqlite.add_store(&store_id("S002"), "二号店", MORNING).unwrap();
    let other_store = code(&rig, "S002", 11);
    assert_eq!(rig.enrol(&other_store, 2, MORNING), Err(EnrolRefusal::KnownKey), "a node has one store");
}

#[test]
fn a_node_without_facts_gives_way_and_one_with_facts_does_not() {
    let rig = hub_with_store();
    let first = code(&rig, "S001", 9);
    assert!(rig.enrol(&first, 2, MORNING).is_ok());
    let second = code(&rig, "S001", 10);
    assert!(rig.enrol(&second, 3, MORNING).is_ok());
    let word = |claim: Claim| rig.sqlite.authorise(&claim, None).unwrap();
    assert_eq!(word(claim(2, Some("S001"))), Authorisation::Revoked);
    assert!(matches!(word(claim(3, Some("S001"))), Authorisation::Admitted(_)));

    let with_facts = crate::testing::rig();
    let mut node = with_facts.store("S001", "一号店", 2);
    let before = with_facts.sqlite.new_code(&store_id("S001"), [10; 32], at(LIFE_MS)).unwrap();
    node.deliver(&with_facts);
    assert_eq!(with_facts.enrol(&before, 3, MORNING), Err(EnrolRefusal::Used));
    let after = with_facts.sqlite.new_code(&store_id("S001"), [11; 32], at(LIFE_MS));
    assert!(matches!(after, Err(NoCode::HasNode(no)) if no == node.last()));
}

#[test]
fn the_roster_knows_who_may_do_what() {
    let rig = rig();
    let mut node = rig.store("S001", "一号店", 2);
    node.deliver(&rig);
    rig.sqlite.add_store(&store_id("S002"), "二号店", MORNING).unwrap();
    let word = |claim: Claim| rig.sqlite.authorise(&claim, None).unwrap();
    assert_eq!(word(claim(5, None)), Authorisation::EnrolOnly);
    assert_eq!(word(claim(5, Some("S001"))), Authorisation::Unknown);
    assert_eq!(word(claim(2, Some("S002"))), Authorisation::WrongStore);
    let Authorisation::Admitted(standing) = word(claim(2, Some("S001"))) else { panic!("an enrolled node") };
    let seal = standing.incoming.unwrap();
    assert_eq!((seal.no, standing.outgoing), (node.last(), None));
    assert!(
        seal.verify(&node.identity.verifying_key(), &JournalId::node(node.store.clone())),
        "the node's own seal, read back"
    );
}

#[test]
fn issuers_count_up_and_ids_are_taken_once() {
    let rig = hub_with_store();
    assert_eq!(rig.sqlite.add_store(&store_id("A1"), "甲", MORNING).unwrap().get(), 10_002);
    assert!(matches!(rig.sqlite.add_store(&store_id("S001"), "又", MORNING), Err(NotAdded::Exists)));
    assert!(matches!(rig.sqlite.new_code(&store_id("S009"), [0; 32], at(LIFE_MS)), Err(NoCode::UnknownStore)));
    let ids: Vec<String> = rig.sqlite.stores().unwrap().iter().map(|line| line.id.to_string()).collect();
    assert_eq!(ids, ["A1", "S001"]);
}

#[test]
fn the_database_alone_tells_no_code() {
    let rig = hub_with_store();
    let code = code(&rig, "S001", 9);
    let raw = Connection::open(rig.data.path().join("hub.db")).unwrap();
    let (id, nonce): (Vec<u8>, Vec<u8>) =
        raw.query_row("SELECT id, nonce FROM hub_code", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(id, code.id());
    assert!(!nonce.windows(16).any(|part| part == code.secret()));
}
