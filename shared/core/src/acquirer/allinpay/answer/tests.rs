//! Every status against every call, and every check an answer must pass.

use alloc::{collections::BTreeMap, string::ToString, vec, vec::Vec};

use serde_json::{Map, Value};

use super::*;
use crate::{
    acquirer::allinpay::{Config, Keys},
    limits,
    time::UtcMs,
};

const SOLD: UtcMs = UtcMs(1_767_579_072_345);

fn number() -> OrderNo {
    crate::ids::Numbering::resume(crate::ids::Issuer::new(7).expect("in range"), None).next(SOLD)
}

fn codec() -> Allinpay {
    Allinpay::new(Config {
        orgid: None,
        cusid: "990581007426001".into(),
        appid: "00000051".into(),
        keys: Keys::md5("allinpay888").expect("a key"),
    })
}

fn expected() -> Expected {
    Expected { order_no: number(), amount: Fen::new(1234), wallet: Wallet::Alipay }
}

/// The number of a return is the one its answers name; the charge has the one before.
fn expected_return() -> ExpectedReturn {
    ExpectedReturn { return_no: number(), order_no: charge_no(), amount: Fen::new(1234) }
}

fn charge_no() -> OrderNo {
    crate::ids::Numbering::resume(crate::ids::Issuer::new(8).expect("in range"), None).next(SOLD)
}

type Changes<'a> = &'a [(&'a str, &'a str)];

/// A right answer with this status, changed by `changes` before it is signed; an empty value takes a member out.
fn signed(status: &str, changes: Changes<'_>) -> Reply {
    let mut members: BTreeMap<String, String> = BTreeMap::new();
    let no = number();
    let base = [
        ("retcode", "SUCCESS"),
        ("cusid", "990581007426001"),
        ("appid", "00000051"),
        ("reqsn", no.as_str()),
        ("trxid", "112094120001088317"),
        ("chnltrxid", "42000000001"),
        ("trxcode", "VSP511"),
        ("trxamt", "1234"),
        ("fintime", "20260105101112"),
        ("trxstatus", status),
        ("errmsg", "余额不足"),
        ("newmember", "anything"),
    ];
    for (name, value) in base.iter().chain(changes) {
        members.insert((*name).into(), (*value).into());
    }
    let pairs: Vec<(&str, &str)> = members.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let sign = codec().config.keys.sign(&pairs);
    members.insert("sign".into(), sign);
    reply(&members)
}

fn reply(members: &BTreeMap<String, String>) -> Reply {
    let object: Map<String, Value> = members.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str()))).collect();
    Reply::Http { status: 200, date: None, body: Value::Object(object).to_string().into_bytes() }
}

fn http(status: u16, body: &str) -> Reply {
    Reply::Http { status, date: None, body: body.as_bytes().to_vec() }
}

fn word(debug: &impl core::fmt::Debug) -> String {
    format!("{debug:?}").split(|c: char| !c.is_alphabetic()).next().unwrap_or("").into()
}

#[test]
fn every_status_of_every_call() {
    // status, charge, query, reversal, refund
    let table = [
        ("0000", "Paid", "Paid", "Done", "Done"),
        ("1001", "Unknown", "NotFound", "NotFound", "NotFound"),
        ("2000", "Pending", "Pending", "Unknown", "Processing"),
        ("2008", "Pending", "Pending", "Unknown", "Processing"),
        ("3014", "Declined", "Failed", "Refused", "Refused"),
        ("3031", "Declined", "Failed", "Refused", "Refused"),
        ("3045", "Declined", "Failed", "Refused", "Refused"),
        ("3050", "Declined", "Reversed", "Done", "Refused"),
        ("3088", "Declined", "Failed", "Refused", "Refused"),
        ("3089", "Unknown", "Unknown", "Unknown", "Unknown"),
        ("3099", "Declined", "Failed", "Refused", "Refused"),
        ("3888", "NumberUsed", "Unknown", "NumberUsed", "NumberUsed"),
        ("3889", "Declined", "Failed", "Refused", "Refused"),
        ("3999", "Declined", "Failed", "Refused", "Refused"),
        ("3000", "Unknown", "Unknown", "Unknown", "Unknown"),
        ("1999", "Unknown", "Unknown", "Unknown", "Unknown"),
        ("", "Unknown", "Unknown", "Unknown", "Unknown"),
        ("00000", "Unknown", "Unknown", "Unknown", "Unknown"),
    ];
    let (codec, back) = (codec(), expected_return());
    for (status, charge, query, reversal, refund) in table {
        let sale = signed(status, &[]);
        assert_eq!(word(&codec.charge_answer(&expected(), &sale)), charge, "charge {status}");
        assert_eq!(word(&codec.query_answer(&expected(), &sale)), query, "query {status}");
        let void = signed(status, &[("trxcode", "VSP512")]);
        assert_eq!(word(&codec.reversal_answer(&back, &void, Of::Call)), reversal, "reversal {status}");
        let by_its_number = match status {
            "3089" => "Refused",
            "3888" => "Unknown",
            _ => reversal,
        };
        assert_eq!(word(&codec.reversal_answer(&back, &void, Of::Query)), by_its_number, "reversal query {status}");
        let given_back = signed(status, &[("trxcode", "VSP513")]);
        assert_eq!(word(&codec.refund_answer(&back, &given_back, Of::Call)), refund, "refund {status}");
        let by_its_number = if status == "3888" { "Unknown" } else { refund };
        assert_eq!(word(&codec.refund_answer(&back, &given_back, Of::Query)), by_its_number, "refund query {status}");
    }
    assert!(STATUSES.iter().all(|(status, _)| table.iter().any(|row| row.0 == *status)));
}

#[test]
fn a_paid_answer_carries_its_evidence() {
    let ChargeAnswer::Paid(evidence) = codec().charge_answer(&expected(), &signed("0000", &[])) else {
        panic!("not paid");
    };
    assert_eq!(
        evidence,
        PaidEvidence {
            acquirer_no: "112094120001088317".into(),
            wallet_no: Some("42000000001".into()),
            wallet: Some(Wallet::Alipay),
            asked: Fen::new(1234),
            received: Fen::new(1234),
            finished_at: parse_beijing("20260105101112"),
        }
    );
    for (code, wallet) in [("VSP501", Some(Wallet::Wechat)), ("VSP551", Some(Wallet::Unionpay)), ("VSP541", None)] {
        let QueryAnswer::Paid(evidence) = codec().query_answer(&expected(), &signed("0000", &[("trxcode", code)]))
        else {
            panic!("not paid");
        };
        assert_eq!(evidence.wallet, wallet);
    }
}

#[test]
fn discounts_keep_the_amount_before_them() {
    let discounted = signed("0000", &[("initamt", "1234"), ("trxamt", "1111")]);
    let QueryAnswer::Paid(evidence) = codec().query_answer(&expected(), &discounted) else { panic!("not paid") };
    assert_eq!(evidence.received, Fen::new(1111));
    for (initial, taken) in [("1235", "1234"), ("", "1233"), ("1234", "1235"), ("", "1235")] {
        let other = signed("0000", &[("initamt", initial), ("trxamt", taken)]);
        assert_eq!(word(&codec().query_answer(&expected(), &other)), "Mismatched", "{initial} {taken}");
        assert_eq!(word(&codec().charge_answer(&expected(), &other)), "Mismatched", "{initial} {taken}");
    }
    for no_amount in ["", "12.34", "+1234", "-1"] {
        let odd = signed("0000", &[("trxamt", no_amount)]);
        assert_eq!(word(&codec().charge_answer(&expected(), &odd)), "Unknown", "{no_amount}");
    }
}

#[test]
fn no_time_makes_a_payment_another_one() {
    for (time, finished_at) in [
        ("20260105101112", Some(SOLD.0 / 1000 * 1000)),
        ("20260105100512", Some(SOLD.0 / 1000 * 1000 - 360_000)),
        ("20260104101112", Some(SOLD.0 / 1000 * 1000 - 86_400_000)),
        ("20360105101112", parse_beijing("20360105101112").map(|at| at.0)),
        ("", None),
        ("yesterday", None),
        ("20261305101112", None),
    ] {
        let reply = signed("0000", &[("fintime", time)]);
        let QueryAnswer::Paid(evidence) = codec().query_answer(&expected(), &reply) else { panic!("{time}") };
        assert_eq!(evidence.finished_at, finished_at.map(UtcMs), "{time}");
    }
}

#[test]
fn a_refusal_keeps_the_acquirers_words_and_its_amount_is_not_read() {
    let refusal = Refusal { code: "3999".into(), message: "余额不足".into() };
    for amount in ["1234", "", "1", "12.34", "lots"] {
        let reply = signed("3999", &[("trxamt", amount), ("initamt", amount)]);
        assert_eq!(codec().charge_answer(&expected(), &reply), ChargeAnswer::Declined(refusal.clone()), "{amount}");
        assert_eq!(codec().query_answer(&expected(), &reply), QueryAnswer::Failed(refusal.clone()), "{amount}");
        let void = signed("3999", &[("trxamt", amount), ("trxcode", "VSP512")]);
        let refused = ReversalAnswer::Refused(refusal.clone());
        assert_eq!(codec().reversal_answer(&expected_return(), &void, Of::Call), refused, "{amount}");
        assert_eq!(codec().reversal_answer(&expected_return(), &void, Of::Query), refused, "{amount}");
    }
    // The answer to a call is about that call, whatever code it shows of the sale it left alone.
    let reply = signed("3999", &[]);
    assert_eq!(codec().refund_answer(&expected_return(), &reply, Of::Call), RefundAnswer::Refused(refusal));
}

#[test]
fn a_number_is_asked_about_one_kind_of_trade() {
    let codes = ["VSP501", "VSP511", "VSP541", "VSP551", "VSP505", "VSP001"];
    let voids = ["VSP502", "VSP512", "VSP542", "VSP552", "VSP506"];
    let refunds = ["VSP503", "VSP513", "VSP543", "VSP553", "VSP507"];
    let (codec, back) = (codec(), expected_return());
    let all = codes.iter().chain(&voids).chain(&refunds).copied().chain(["VSP907", "VSP599", ""]);
    for code in all {
        let success = signed("0000", &[("trxcode", code)]);
        let refused = signed("3999", &[("trxcode", code)]);
        let pending = signed("2000", &[("trxcode", code)]);
        let other = |kinds: &[&[&str]]| kinds.iter().any(|kind| kind.contains(&code));
        let or_unknown = |word: &'static str, others: bool| if others { "Unknown" } else { word };
        let no_sale = other(&[&voids, &refunds]);
        assert_eq!(word(&codec.charge_answer(&expected(), &success)), or_unknown("Paid", no_sale), "{code}");
        assert_eq!(word(&codec.query_answer(&expected(), &success)), or_unknown("Paid", no_sale), "{code}");
        assert_eq!(word(&codec.query_answer(&expected(), &refused)), or_unknown("Failed", no_sale), "{code}");
        assert_eq!(word(&codec.query_answer(&expected(), &pending)), or_unknown("Pending", no_sale), "{code}");
        let no_void = other(&[&codes, &refunds]);
        assert_eq!(word(&codec.reversal_answer(&back, &success, Of::Call)), or_unknown("Done", no_void), "{code}");
        assert_eq!(word(&codec.reversal_answer(&back, &success, Of::Query)), or_unknown("Done", no_void), "{code}");
        assert_eq!(word(&codec.reversal_answer(&back, &refused, Of::Query)), or_unknown("Refused", no_void), "{code}");
        let no_refund = other(&[&codes, &voids]);
        assert_eq!(word(&codec.refund_answer(&back, &success, Of::Call)), or_unknown("Done", no_refund), "{code}");
        assert_eq!(word(&codec.refund_answer(&back, &success, Of::Query)), or_unknown("Done", no_refund), "{code}");
        assert_eq!(word(&codec.refund_answer(&back, &refused, Of::Query)), or_unknown("Refused", no_refund), "{code}");
        assert_eq!(
            word(&codec.refund_answer(&back, &pending, Of::Query)),
            or_unknown("Processing", no_refund),
            "{code}"
        );
    }
    for no_code in ["VSP5012345", "{}", "微信"] {
        let odd = signed("0000", &[("trxcode", no_code)]);
        assert_eq!(word(&codec.charge_answer(&expected(), &odd)), "Unknown", "{no_code}");
        assert_eq!(word(&codec.refund_answer(&back, &odd, Of::Query)), "Unknown", "{no_code}");
    }
}

#[test]
fn a_return_is_done_for_its_own_amount_and_its_own_order() {
    let (codec, back) = (codec(), expected_return());
    let charge_no = charge_no();
    // changes; answer to the call, answer to the query
    let table: [(Changes<'_>, &str, &str); 9] = [
        (&[], "Done", "Done"),
        (&[("oldreqsn", charge_no.as_str())], "Done", "Done"),
        (&[("oldreqsn", "26010500007366720097")], "Unknown", "Unknown"),
        (&[("trxamt", "1233")], "Unknown", "Unknown"),
        (&[("trxamt", "1235")], "Unknown", "Unknown"),
        (&[("trxamt", "1100"), ("initamt", "1234")], "Done", "Done"),
        (&[("trxamt", "1234"), ("initamt", "1235")], "Unknown", "Unknown"),
        (&[("trxamt", "12.34")], "Unknown", "Unknown"),
        (&[("trxamt", "")], "Done", "Unknown"),
    ];
    for (changes, of_call, of_query) in table {
        let of_kind = |code: &'static str| signed("0000", &[changes, &[("trxcode", code)]].concat());
        let (void, refund) = (of_kind("VSP512"), of_kind("VSP513"));
        assert_eq!(word(&codec.reversal_answer(&back, &void, Of::Call)), of_call, "{changes:?}");
        assert_eq!(word(&codec.reversal_answer(&back, &void, Of::Query)), of_query, "{changes:?}");
        assert_eq!(word(&codec.refund_answer(&back, &refund, Of::Call)), of_call, "{changes:?}");
        assert_eq!(word(&codec.refund_answer(&back, &refund, Of::Query)), of_query, "{changes:?}");
    }
}

#[test]
fn answers_about_others_and_unsigned_ones_are_unknown() {
    let mut replies = vec![
        signed("0000", &[("cusid", "990581007426002")]),
        signed("0000", &[("appid", "00000052")]),
        signed("0000", &[("reqsn", "26010500007366720097")]),
        signed("0000", &[("reqsn", "")]),
        signed("0000", &[("retcode", "FAIL")]),
        signed("0000", &[("retcode", "SYSTEMERR")]),
        signed("0000", &[("retcode", "")]),
        http(502, "Bad Gateway"),
        http(200, "<html>系统维护</html>"),
        http(200, ""),
        http(200, "[]"),
        http(200, r#"{"retcode":"SUCCESS"}"#),
        http(200, r#"{"retcode":"SUCCESS","trxstatus":0}"#),
        http(200, r#"{"retcode":"FAIL","retmsg":"x","sign":null}"#),
        Reply::NoAnswer { detail: "timeout".into() },
        Reply::Http { status: 200, date: None, body: vec![b' '; limits::ACQUIRER_ANSWER_MAX_BYTES + 1] },
    ];
    let Reply::Http { body, .. } = signed("0000", &[]) else { unreachable!() };
    let right = String::from_utf8(body).expect("JSON");
    replies.push(http(200, &right.replace("余额", "余款")));
    replies.push(http(200, &right.replace("\"anything\"", "\"anything\",\"more\":\"1\"")));
    replies.push(http(200, &right.replace("\"sign\"", "\"sgn\"")));
    replies.push(http(302, &right));
    for reply in replies {
        assert_eq!(word(&codec().charge_answer(&expected(), &reply)), "Unknown", "{reply:?}");
        assert_eq!(word(&codec().query_answer(&expected(), &reply)), "Unknown", "{reply:?}");
        assert_eq!(word(&codec().reversal_answer(&expected_return(), &reply, Of::Call)), "Unknown", "{reply:?}");
        assert_eq!(word(&codec().refund_answer(&expected_return(), &reply, Of::Call)), "Unknown", "{reply:?}");
    }
    let spaced = http(200, &right.replace(":\"", " :\n \"").replace("anything\"", "anything\",\"empty\":\"\""));
    assert_eq!(word(&codec().query_answer(&expected(), &spaced)), "Paid", "white space and empty members are harmless");
}

#[test]
fn configuration_refusals_end_a_charge_only() {
    for code in CONFIGURATION_REFUSALS {
        let reply = http(200, &format!(r#"{{"retcode":"{code}","retmsg":"验签失败"}}"#));
        let refusal = Refusal { code: code.into(), message: "验签失败".into() };
        assert_eq!(codec().charge_answer(&expected(), &reply), ChargeAnswer::Misconfigured(refusal));
        assert_eq!(word(&codec().query_answer(&expected(), &reply)), "Unknown");
        assert_eq!(word(&codec().reversal_answer(&expected_return(), &reply, Of::Call)), "Unknown");
        assert_eq!(word(&codec().refund_answer(&expected_return(), &reply, Of::Call)), "Unknown");
    }
}

#[test]
fn not_sent_ends_a_charge_only() {
    let reply = Reply::NotSent { detail: "no route".into() };
    assert_eq!(codec().charge_answer(&expected(), &reply), ChargeAnswer::NotSent { detail: "no route".into() });
    assert_eq!(word(&codec().query_answer(&expected(), &reply)), "Unknown");
    assert_eq!(word(&codec().refund_answer(&expected_return(), &reply, Of::Query)), "Unknown");
}

#[test]
fn any_answer_tells_what_the_acquirer_makes_of_the_merchant() {
    let http = |status, body: &str| Reply::Http { status, date: None, body: body.as_bytes().to_vec() };
    let refusal = |code: &str| SetUp::Refused(Refusal { code: code.into(), message: "x".into() });
    let word = |set_up: SetUp| match set_up {
        SetUp::Right | SetUp::Refused(_) => "clear",
        SetUp::Unproven { .. } => "unproven",
        SetUp::Unclear { .. } => "unclear",
    };
    let of = |codec: Allinpay, reply: &Reply| codec.set_up(&Question::Query(expected()), reply);
    for status in ["0000", "1001", "3999", "9999"] {
        assert_eq!(of(codec(), &signed(status, &[])), SetUp::Right, "{status}");
    }
    for code in CONFIGURATION_REFUSALS {
        let body = format!(r#"{{"retcode":"{code}","retmsg":"x"}}"#);
        assert_eq!(of(codec(), &http(200, &body)), refusal(code));
    }
    let keys = Keys::md5("another").expect("a key");
    let other_key = Allinpay::new(Config { keys, ..codec().config });
    assert_eq!(word(of(other_key, &signed("1001", &[]))), "unproven");
    assert_eq!(word(of(codec(), &signed("1001", &[("cusid", "990581007426002")]))), "unproven");
    for reply in [
        http(404, ""),
        http(200, "<html>"),
        http(200, r#"{"retcode":"SYSTEMERR","retmsg":"x"}"#),
        Reply::NotSent { detail: "x".into() },
        Reply::NoAnswer { detail: "x".into() },
    ] {
        assert_eq!(word(of(codec(), &reply)), "unclear", "{reply:?}");
    }
}
