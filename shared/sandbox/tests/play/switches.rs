//! What a test can switch on: refusals, odd spellings, numbers of somebody else; and the acquirer's clock.

use guitai_core::{
    acquirer::{Call, ChargeAnswer, QueryAnswer, RefundAnswer, Reply, ReversalAnswer},
    secret::Wallet,
};
use serde_json::json;

use crate::world::{Signing, World, charge_call, expected, wall};

const FORMS: [&str; 8] = ["null", "number", "bool", "object", "bom", "shuffle", "refusal_amount", "off"];

#[test]
fn refunds_and_cancels_are_refused_until_they_are_not() {
    let mut world = World::start(Signing::Md5);
    let (order, _) = world.charge(1000);
    world.switch("refuse", &json!({"what": "refund", "mode": "refuse"}));
    let (refused, answer) = world.refund(order, 400);
    let RefundAnswer::Refused(refusal) = &answer else { panic!("{answer:?}") };
    assert_eq!((refusal.code.as_str(), refusal.message.as_str()), ("3999", "商户可用资金不足"));
    assert_eq!(world.query_refund(refused), answer);
    let (voided, _) = world.charge(1000);
    assert_eq!(world.reverse(voided, 1000).1, ReversalAnswer::Done, "cancels go on");

    world.switch("refuse", &json!({"what": "cancel", "mode": "refuse"}));
    let (reversal, answer) = world.reverse(order, 1000);
    assert!(matches!(answer, ReversalAnswer::Refused(_)), "{answer:?}");
    assert_eq!(world.query_reversal(reversal), answer);
    world.check_book(order, "paid", 0, 1);

    world.switch("refuse", &json!({"what": "refund", "mode": "accept"}));
    assert!(matches!(world.refund_as(refused, order, 400), RefundAnswer::Refused(_)), "the same refund");
    assert!(matches!(world.refund(order, 400).1, RefundAnswer::Done { .. }));
    world.switch("refuse", &json!({"what": "cancel", "mode": "accept"}));
    world.check_book(order, "part_refunded", 400, 1);
}

#[test]
fn however_answers_are_spelled_they_are_read() {
    for signing in [Signing::Md5, Signing::Rsa] {
        let mut world = World::start(signing);
        for form in FORMS {
            world.switch("odd", &json!({"form": form}));
            let (paid, answer) = world.charge(1022);
            let ChargeAnswer::Paid(evidence) = answer else { panic!("{form}: {answer:?}") };
            assert_eq!(evidence.received.get(), 920, "{form}");
            assert!(evidence.finished_at.is_some() && evidence.wallet_no.is_some(), "{form}");
            let (refund, answer) = world.refund(paid, 100);
            assert!(matches!(answer, RefundAnswer::Done { .. }), "{form}: {answer:?}");
            assert_eq!(world.query_refund(refund), answer, "{form}");
            let (pending, answer) = world.charge(1003);
            assert_eq!(answer, ChargeAnswer::Pending, "{form}");
            let (reversal, answer) = world.reverse(pending, 1003);
            assert_eq!(answer, ReversalAnswer::Done, "{form}");
            assert_eq!(world.query_reversal(reversal), ReversalAnswer::Done, "{form}");
            for amount in [1009, 1011] {
                let (declined, answer) = world.charge(amount);
                let ChargeAnswer::Declined(refusal) = answer else { panic!("{form}: {answer:?}") };
                assert_eq!(world.query(declined, amount), QueryAnswer::Failed(refusal), "{form}");
            }
            let (forged, answer) = world.charge(1012);
            assert!(matches!(answer, ChargeAnswer::Unknown { .. }), "{form}: a wrong signature stays one");
            assert!(matches!(world.query(forged, 1012), QueryAnswer::Paid(_)), "{form}");
        }
    }
}

#[test]
fn odd_answers_are_odd() {
    let mut world = World::start(Signing::Md5);
    let (paid, _) = world.charge(1000);
    let (declined, _) = world.charge(1009);
    let text = |order_no| {
        let Reply::Http { body, .. } = world.call(&Call::Query(expected(order_no, 1000))) else { panic!("no answer") };
        String::from_utf8(body).expect("UTF-8")
    };
    let holds = [
        ("null", "\"nullmember\" : null"),
        ("number", "\"trxamt\" : 1000"),
        ("number", "\"points\" : 1e2"),
        ("bool", "\"isfirst\" : true"),
        ("object", "\"goods\" : [ 1e2,"),
        ("bom", "\u{feff}{"),
    ];
    for (form, part) in holds {
        world.switch("odd", &json!({"form": form}));
        assert!(text(paid).contains(part), "{form}: {}", text(paid));
    }
    world.switch("odd", &json!({"form": "shuffle"}));
    let names = |text: &str| text.matches("\" : ").count();
    let shuffled = names(&text(paid));
    world.switch("odd", &json!({"form": "refusal_amount"}));
    assert!(text(declined).contains("\"trxamt\" : \"1\"") && text(paid).contains("\"trxamt\" : \"1000\""));
    world.switch("odd", &json!({"form": "off"}));
    assert_eq!(names(&text(paid)) + 1, shuffled, "one member stands there twice");
}

#[test]
fn a_number_of_somebody_elses_is_used_once() {
    let mut world = World::start(Signing::Md5);
    world.switch("occupy", &json!({"what": "charge", "amount_fen": 777, "wallet": "alipay", "age_ms": 180_000}));
    let (order, _) = world.charge(1003);
    world.check_book(order, "paid", 0, 1);
    let QueryAnswer::Mismatched { claimed, .. } = world.query(order, 1003) else { panic!("it is another's") };
    assert_eq!((claimed.asked.get(), claimed.wallet), (777, Some(Wallet::Alipay)));
    let age_ms = wall().0 - claimed.finished_at.expect("a time").0;
    assert!((179_000..240_000).contains(&age_ms), "{age_ms}");
    let (next, answer) = world.charge(1000);
    assert!(matches!(answer, ChargeAnswer::Paid(_)), "once: {answer:?}");

    world.switch("occupy", &json!({"what": "charge"}));
    let (order, answer) = world.charge(1000);
    assert!(matches!(answer, ChargeAnswer::NumberUsed { .. }), "{answer:?}");
    assert!(matches!(world.query(order, 1000), QueryAnswer::Paid(_)), "it agrees in everything");

    world.switch("occupy", &json!({"what": "cancel"}));
    let (reversal, answer) = world.reverse(next, 1000);
    assert!(matches!(answer, ReversalAnswer::NumberUsed { .. }), "{answer:?}");
    assert_eq!(world.query_reversal(reversal), ReversalAnswer::Done, "somebody else's");
    world.check_book(next, "paid", 0, 1);

    world.switch("occupy", &json!({"what": "refund", "amount_fen": 5}));
    let (refund, answer) = world.refund(next, 100);
    assert!(matches!(answer, RefundAnswer::NumberUsed { .. }), "{answer:?}");
    assert!(matches!(world.query_refund(refund), RefundAnswer::Unknown { .. }), "another amount");
    world.check_book(next, "paid", 0, 1);

    // A refund's number is no charge's, and no charge is taken for a refund.
    let refund_of = world.refund(next, 100).0;
    let code = world.code();
    let answer = world.charge_as(refund_of, 100, &code);
    assert!(matches!(answer, ChargeAnswer::NumberUsed { .. }), "{answer:?}");
    let answer = world.query(refund_of, 100);
    assert!(matches!(answer, QueryAnswer::Unknown { .. }), "{answer:?}");
    assert!(matches!(world.refund_as(order, next, 1000), RefundAnswer::NumberUsed { .. }));
    assert!(matches!(world.query_refund(order), RefundAnswer::Unknown { .. }), "a sale of that amount");
    assert!(matches!(world.reverse_as(order, next, 1000), ReversalAnswer::NumberUsed { .. }));
    assert!(matches!(world.query_reversal(order), ReversalAnswer::Unknown { .. }));
}

#[test]
fn sandbox_time_is_in_every_answer_and_the_machines_clock_in_its_date() {
    const AHEAD_MS: i64 = 3 * 3_600_000;
    let mut world = World::start(Signing::Md5);
    let (order, _) = world.charge(1000);
    let ahead_ms = |reply: Reply| reply.date().expect("a date").0 - wall().0;
    world.advance(AHEAD_MS);
    let told = ahead_ms(world.call(&Call::Query(expected(order, 1000))));
    assert!(
        told.abs() < 10_000,
        "nodes follow the Date, and a test that moves sandbox time tells them nothing: {told}"
    );
    let (late, answer) = world.charge(1000);
    let ChargeAnswer::Paid(evidence) = answer else { panic!("{answer:?}") };
    let finished = evidence.finished_at.expect("a time").0 - wall().0;
    // The world's own start may have advanced it by minutes more, away from midnight.
    assert!((AHEAD_MS..AHEAD_MS + 3_600_000).contains(&(finished + 10_000)), "{finished}");
    assert!(matches!(world.query(late, 1000), QueryAnswer::Paid(_)), "a clock hours away makes no mismatch");
    let gateway = world.number();
    let code = world.code();
    let reply = world.call(&charge_call(gateway, 1015, &code, "00000001"));
    assert!(matches!(reply, Reply::Http { status: 502, date: Some(_), .. }), "{reply:?}");
}
