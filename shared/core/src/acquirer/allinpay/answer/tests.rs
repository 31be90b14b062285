//! Every status against every call, and every check an answer must pass.

use alloc::{collections::BTreeMap, string::ToString, vec};

use super::*;
use crate::acquirer::allinpay::{Config, Keys};

const INTENDED: UtcMs = UtcMs(1_767_579_072_345);

fn number() -> OrderNo {
    crate::ids::Numbering::resume(crate::ids::Issuer::new(7).expect("in range"), None).next(INTENDED)
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
    Expected { order_no: number(), amount: Fen::new(1234), intended_at: INTENDED }
}

/// A right answer with this status, changed by `changes` before it is signed; an empty value takes a member out.
fn signed(status: &str, changes: &[(&str, &str)]) -> Reply {
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
    Reply::Http { status: 200, body: Value::Object(object).to_string().into_bytes() }
}

fn http(status: u16, body: &str) -> Reply {
    Reply::Http { status, body: body.as_bytes().to_vec() }
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
        ("3888", "Unknown", "Unknown", "Unknown", "Unknown"),
        ("3889", "Declined", "Failed", "Refused", "Refused"),
        ("3999", "Declined", "Failed", "Refused", "Refused"),
        ("3000", "Unknown", "Unknown", "Unknown", "Unknown"),
        ("1999", "Unknown", "Unknown", "Unknown", "Unknown"),
        ("", "Unknown", "Unknown", "Unknown", "Unknown"),
        ("00000", "Unknown", "Unknown", "Unknown", "Unknown"),
    ];
    let (codec, no) = (codec(), number());
    for (status, charge, query, reversal, refund) in table {
        let reply = signed(status, &[]);
        assert_eq!(word(&codec.decode_charge(&expected(), &reply)), charge, "charge {status}");
        assert_eq!(word(&codec.decode_query(&expected(), &reply)), query, "query {status}");
        assert_eq!(word(&codec.decode_reversal(&no, &reply)), reversal, "reversal {status}");
        let by_its_number = if status == "3089" { "Refused" } else { reversal };
        assert_eq!(word(&codec.decode_reversal_query(&no, &reply)), by_its_number, "reversal query {status}");
        assert_eq!(word(&codec.decode_refund(&no, &reply)), refund, "refund {status}");
        assert_eq!(word(&codec.decode_refund_query(&no, &reply)), refund, "refund query {status}");
    }
    assert!(STATUSES.iter().all(|(status, _)| table.iter().any(|row| row.0 == *status)));
}

#[test]
fn a_paid_answer_carries_its_evidence() {
    let ChargeAnswer::Paid(evidence) = codec().decode_charge(&expected(), &signed("0000", &[])) else {
        panic!("not paid");
    };
    assert_eq!(
        evidence,
        PaidEvidence {
            acquirer_no: "112094120001088317".into(),
            wallet_no: Some("42000000001".into()),
            wallet: Some(Wallet::Alipay),
            received: Fen::new(1234),
            finished_at: parse_beijing("20260105101112"),
        }
    );
    for (code, wallet) in [("VSP501", Some(Wallet::Wechat)), ("VSP551", Some(Wallet::Unionpay)), ("VSP541", None)] {
        let QueryAnswer::Paid(evidence) = codec().decode_query(&expected(), &signed("0000", &[("trxcode", code)]))
        else {
            panic!("not paid");
        };
        assert_eq!(evidence.wallet, wallet);
    }
}

#[test]
fn discounts_keep_the_amount_before_them() {
    let discounted = signed("0000", &[("initamt", "1234"), ("trxamt", "1111")]);
    let QueryAnswer::Paid(evidence) = codec().decode_query(&expected(), &discounted) else { panic!("not paid") };
    assert_eq!(evidence.received, Fen::new(1111));
    for (initial, taken) in [("1235", "1234"), ("", "1233"), ("1234", "1235"), ("", "1235")] {
        let other = signed("0000", &[("initamt", initial), ("trxamt", taken)]);
        assert_eq!(word(&codec().decode_query(&expected(), &other)), "Mismatched", "{initial} {taken}");
        assert_eq!(word(&codec().decode_charge(&expected(), &other)), "Mismatched", "{initial} {taken}");
    }
    for no_amount in ["", "12.34", "+1234", "-1"] {
        let odd = signed("0000", &[("trxamt", no_amount)]);
        assert_eq!(word(&codec().decode_charge(&expected(), &odd)), "Unknown", "{no_amount}");
    }
}

#[test]
fn a_payment_older_than_its_intent_is_another_one() {
    // The intent was at 10:11:12.345.
    for (time, answer) in [
        ("20260105101112", "Paid"),
        ("20260105100612", "Paid"),
        ("20260105100611", "Mismatched"),
        ("20260104101112", "Mismatched"),
        ("", "Paid"),
        ("yesterday", "Unknown"),
    ] {
        let reply = signed("0000", &[("fintime", time)]);
        assert_eq!(word(&codec().decode_query(&expected(), &reply)), answer, "{time}");
    }
}

#[test]
fn a_refusal_keeps_the_acquirers_words_and_must_be_of_our_amount() {
    let refusal = Refusal { code: "3999".into(), message: "余额不足".into() };
    assert_eq!(codec().decode_charge(&expected(), &signed("3999", &[])), ChargeAnswer::Declined(refusal));
    let silent = signed("3999", &[("trxamt", "")]);
    assert_eq!(word(&codec().decode_charge(&expected(), &silent)), "Declined");
    let other = signed("3999", &[("trxamt", "1")]);
    assert_eq!(word(&codec().decode_charge(&expected(), &other)), "Unknown");
    assert_eq!(word(&codec().decode_query(&expected(), &other)), "Unknown");
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
        Reply::Http { status: 200, body: vec![b' '; limits::ACQUIRER_ANSWER_MAX_BYTES + 1] },
    ];
    let Reply::Http { body, .. } = signed("0000", &[]) else { unreachable!() };
    let right = String::from_utf8(body).expect("JSON");
    replies.push(http(200, &right.replace("余额", "余款")));
    replies.push(http(200, &right.replace("\"anything\"", "\"anything\",\"more\":\"1\"")));
    replies.push(http(200, &right.replace("\"sign\"", "\"sgn\"")));
    replies.push(http(302, &right));
    for reply in replies {
        assert_eq!(word(&codec().decode_charge(&expected(), &reply)), "Unknown", "{reply:?}");
        assert_eq!(word(&codec().decode_query(&expected(), &reply)), "Unknown", "{reply:?}");
        assert_eq!(word(&codec().decode_reversal(&number(), &reply)), "Unknown", "{reply:?}");
        assert_eq!(word(&codec().decode_refund(&number(), &reply)), "Unknown", "{reply:?}");
    }
    let spaced = http(200, &right.replace(":\"", " :\n \"").replace("anything\"", "anything\",\"empty\":\"\""));
    assert_eq!(word(&codec().decode_query(&expected(), &spaced)), "Paid", "white space and empty members are harmless");
}

#[test]
fn configuration_refusals_end_a_charge_only() {
    for code in CONFIGURATION_REFUSALS {
        let reply = http(200, &format!(r#"{{"retcode":"{code}","retmsg":"验签失败"}}"#));
        let refusal = Refusal { code: code.into(), message: "验签失败".into() };
        assert_eq!(codec().decode_charge(&expected(), &reply), ChargeAnswer::Misconfigured(refusal));
        assert_eq!(word(&codec().decode_query(&expected(), &reply)), "Unknown");
        assert_eq!(word(&codec().decode_reversal(&number(), &reply)), "Unknown");
        assert_eq!(word(&codec().decode_refund(&number(), &reply)), "Unknown");
    }
}

#[test]
fn not_sent_ends_a_charge_only() {
    let reply = Reply::NotSent { detail: "no route".into() };
    assert_eq!(codec().decode_charge(&expected(), &reply), ChargeAnswer::NotSent { detail: "no route".into() });
    assert_eq!(word(&codec().decode_query(&expected(), &reply)), "Unknown");
    assert_eq!(word(&codec().decode_refund_query(&number(), &reply)), "Unknown");
}
