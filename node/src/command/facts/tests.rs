use std::collections::BTreeSet;

use guitai_core::{
    bill::{self, BillKey},
    ids::{AccountId, Issuer, Numbering, OrderNo, StoreId, TillId, Writer},
    journal::fact::Opened,
    money::Fen,
    payment::{self, ClosedReason, Place, Settlement, TakeBack},
    people::{self, Approval, Idempotency, Role},
    secret::{CodeTrace, Wallet},
    time::{Day, UtcMs},
};

use super::*;

const AT: UtcMs = UtcMs(1_767_579_072_000);

/// What no line may hold: a verifier, the hashes of a key and of a request as text or numbers, a code's trace.
const SECRETS: [&str; 8] =
    ["argon2id", "abab", "171,171", "171, 171", "cdcd", "205,205", "205, 205", "16045690984503098046"];

fn no() -> OrderNo {
    Numbering::resume(Issuer::new(7).unwrap(), None).next(AT)
}

fn account() -> AccountId {
    AccountId::parse("01").unwrap()
}

fn idempotency() -> Idempotency {
    Idempotency { caller: "key:erp".into(), key: "order-0001".into(), body_hash: [0xcd; 32] }
}

fn approval() -> Approval {
    Approval { by: "person:03".into(), approver: Some(account()), idempotency: idempotency() }
}

fn place() -> Place {
    let day = Day::parse("2026-01-05").unwrap();
    Place { business_day: day, hour: 10, till: TillId::parse("T1").unwrap(), cashier: account() }
}

fn people() -> Vec<Fact> {
    let (name, verifier) = (Some("王芳".into()), Some("$argon2id$v=19$secret".into()));
    vec![
        people::AccountSet {
            account: account(),
            name,
            role: Role::Cashier,
            verifier,
            disabled: false,
            by: None,
            at: AT,
        }
        .into(),
        people::ApiKeyCreated { name: "erp".into(), scopes: "read".into(), hash: [0xab; 32], at: AT }.into(),
        people::ApiKeyRevoked { name: "erp".into(), hash: [0xab; 32], by: None, at: AT }.into(),
    ]
}

fn bills() -> Vec<Fact> {
    let key = BillKey { source: "his".into(), number: "B1".into(), day: None };
    let (total, business_day) = (Fen::new(100), place().business_day);
    vec![
        bill::Opened { bill: key.clone(), total, business_day, at: AT }.into(),
        bill::TotalChanged { bill: key, total, approval: approval(), note: Some("加项".into()), at: AT }.into(),
    ]
}

fn charges() -> Vec<Fact> {
    let (order_no, at, amount, claimed) = (no(), AT, Fen::new(1250), Fen::new(1));
    let code = CodeTrace { wallet: Wallet::Wechat, last_two: "89".into(), hash: 16_045_690_984_503_098_046 };
    let (acquirer_no, wallet_no) = ("A1".to_owned(), Some("W1".to_owned()));
    let intended = payment::Intended {
        order_no,
        at,
        amount,
        code,
        acquirer: "allinpay".into(),
        termno: "00000001".into(),
        place: place(),
        bill: Some(BillKey::counter(order_no)),
        remark: None,
        idempotency: idempotency(),
        clock_doubted: false,
        acquirer_day: None,
    };
    let paid = payment::Paid {
        order_no,
        at,
        received: amount,
        wallet: Wallet::Alipay,
        acquirer_no: acquirer_no.clone(),
        wallet_no: wallet_no.clone(),
        finished_at: Some(AT),
    };
    let (detail, message, business_day) = (Some("超时".into()), Some("余额不足".into()), place().business_day);
    vec![
        intended.into(),
        payment::Pended { order_no, at }.into(),
        payment::Doubted { order_no, at, detail: None }.into(),
        paid.into(),
        payment::Declined { order_no, at, code: "E1".into(), message }.into(),
        payment::Closed { order_no, at, reason: ClosedReason::NotSent, message: None }.into(),
        payment::Quarantined { order_no, at, detail: None, claimed, acquirer_no, wallet_no }.into(),
        payment::LateChecked { order_no, at, checks: 3 }.into(),
        payment::NumberUsed { order_no, at, answered_at: AT, detail }.into(),
        payment::DayCorrected { order_no, at, intended_at: AT, business_day, hour: 9 }.into(),
    ]
}

fn decisions() -> Vec<Fact> {
    let (order_no, at, by, idempotency) = (no(), AT, "person:03".to_owned(), idempotency());
    let approver = Some(account());
    vec![
        payment::HandedOver { order_no, at, by: by.clone(), idempotency: idempotency.clone() }.into(),
        payment::NotHandedOver {
            order_no,
            at,
            by: by.clone(),
            idempotency: idempotency.clone(),
            approver: approver.clone(),
        }
        .into(),
        payment::CancelAsked { order_no, at, by, idempotency, approver }.into(),
        payment::Settled { order_no, at, how: Settlement::GiveBack, approval: approval(), note: None }.into(),
    ]
}

fn returns() -> Vec<Fact> {
    let (order_no, at, amount, back, code) = (no(), AT, Fen::new(500), no(), "E2".to_owned());
    vec![
        payment::ReversalIntended {
            order_no,
            at,
            reversal_no: back,
            amount,
            place: place(),
            void: Some(approval()),
            how: TakeBack::Reverse,
        }
        .into(),
        payment::Reversed { order_no, at, reversal_no: Some(back), amount, void_no: None }.into(),
        payment::ReversalRefused {
            order_no,
            at,
            reversal_no: back,
            code: code.clone(),
            message: None,
            void_no: Some(back),
        }
        .into(),
        payment::GiveBackOwed { order_no, at, amount }.into(),
        payment::RefundIntended {
            order_no,
            at,
            refund_no: back,
            amount,
            place: place(),
            approval: Some(approval()),
            reason: Some("退".into()),
        }
        .into(),
        payment::Refunded {
            order_no,
            at,
            refund_no: back,
            amount,
            refunded: amount,
            left: Fen::ZERO,
            acquirer_no: "A2".into(),
        }
        .into(),
        payment::RefundRefused { order_no, at, refund_no: back, code, message: None }.into(),
    ]
}

fn opened() -> Fact {
    let (store, issuer) = (StoreId::parse("S001").unwrap(), Issuer::new(7).unwrap());
    Opened { store, issuer, at: AT, writer: Writer::Node, epoch: 1, key: [3; 32], parent: None, vouch: None }.into()
}

fn line(fact: Result<Fact, FactError>) -> Value {
    serde_json::from_str(&super::line(json!({ "fact": "1-1" }), &fact)).unwrap()
}

#[test]
fn every_kind_is_json_and_holds_no_secret() {
    let all = [people(), bills(), charges(), decisions(), returns(), vec![opened()]].concat();
    let mut kinds = BTreeSet::new();
    for fact in all {
        kinds.insert(fact.name());
        let line = line(Ok(fact.clone()));
        let body = line["fields"].as_object().unwrap();
        assert_eq!(line["kind"], fact.name());
        assert_eq!(body["at"], "2026-01-05T02:11:12.000Z");
        assert!(body.len() > 1, "{line}");
        assert!(line["body"].as_str().unwrap().contains(fact.name()), "{line}");
        let text = line.to_string();
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
    // Two families call a kind Opened.
    let names = [people::Fact::NAMES, bill::Fact::NAMES, payment::Fact::NAMES, &["Opened"]].concat();
    assert_eq!(kinds, BTreeSet::from_iter(names), "a kind is not walked");
}

#[test]
fn fields_have_their_names_and_values() {
    let line_of = |facts: Vec<Fact>, place: usize| line(Ok(facts[place].clone()));
    let set = line_of(people(), 0);
    assert_eq!((&set["fact"], &set["kind"]), (&json!("1-1"), &json!("AccountSet")));
    assert_eq!(
        set["fields"],
        json!({ "account": "01", "name": "王芳", "role": "cashier", "disabled": false, "at": "2026-01-05T02:11:12.000Z" })
    );
    let intended = line_of(charges(), 0);
    assert_eq!(intended["fields"]["code"], json!({ "wallet": "wechat", "last_two": "89" }));
    assert_eq!(intended["fields"]["idempotency"], json!({ "caller": "key:erp", "key": "order-0001" }));
    assert_eq!(
        intended["fields"]["place"],
        json!({ "business_day": "2026-01-05", "hour": 10, "till": "T1", "cashier": "01" })
    );
    assert_eq!((&intended["fields"]["amount"], intended["fields"].get("remark")), (&json!(1250), None));
    assert_eq!(line_of(decisions(), 3)["fields"]["how"], "give-back");
    assert_eq!(line_of(returns(), 0)["fields"]["how"], "reverse");
    // What is read back without its records was erased.
    let gone = Fact::from_bytes(&{
        let mut fact = returns()[4].clone();
        fact.commit_texts(|_| [0; 16]);
        fact.to_bytes()
    });
    assert_eq!(line(gone)["fields"]["reason"], json!({ "erased": true }));
    assert_eq!(
        line(Err(FactError::UnknownKind(99))),
        json!({ "fact": "1-1", "kind": "undigested", "body": "UnknownKind(99)", "fields": { "why": "unknown_kind", "number": 99 } })
    );
}
