//! Whatever a program sends: no panic, no hang, and a request is another request exactly where it asks for something else.

#[path = "../../../tests/fuzz/target.rs"]
mod target;

use std::net::{IpAddr, Ipv4Addr};

use axum::http::{HeaderMap, HeaderValue, Method, header};
use guitai_core::limits::PAGE_MAX;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use target::Target;

use crate::{
    bearer::Scopes,
    body,
    dto::{
        BillQuery, Charge, DayQuery, ExceptionsQuery, LogIn, NewAccount, NewAnnouncement, NewTotal, PaymentsQuery,
        Refund, Settle, Void,
    },
    idempotency::{IdempotencyKey, RequestHash},
    paging::{CURSOR_MAX_CHARS, FromParams, Query, decode_cursor, encode_cursor},
    place::Proxies,
    problem::{Code, Language, Problem},
    time::Time,
};

/// Inputs made for each target; with those of other crates some 300,000 a run.
const INPUTS: usize = 20_000;

/// A refusal that people can read, whatever was refused.
fn is_said(problem: &Problem) {
    for language in [Language::Zh, Language::En] {
        let said = serde_json::to_string(&problem.body(language)).expect("a problem is JSON");
        assert!(said.contains("\"title\":\"") && said.contains("\"code\":\""), "{said}");
    }
}

fn is_body<T: DeserializeOwned>(bytes: &[u8]) -> bool {
    match body::read::<T>(bytes) {
        Ok(_) => true,
        Err(problem) => {
            is_said(&problem);
            false
        }
    }
}

/// Whether the hash tells requests apart by what they ask for and by nothing else.
fn is_told_apart(asked: &Value) {
    let hash = |body: &Value| RequestHash::of(&[7; 32], &Method::POST, "/api/v1/payments", body);
    let with = |name: &str, value: Value| {
        let mut other = asked.clone();
        other.as_object_mut().expect("a body is an object").insert(name.to_owned(), value);
        other
    };
    assert_eq!(hash(asked), hash(&with("wait_ms", json!(60_000))), "more patience is another request");
    assert_eq!(hash(asked), hash(&with("approver", json!({"account": "01"}))), "who approves makes another request");
    assert_ne!(hash(asked), hash(&with("not asked before", json!(1))), "one more member is the same request");
    for (name, value) in
        asked.as_object().into_iter().flatten().filter(|(name, _)| !["wait_ms", "approver"].contains(&name.as_str()))
    {
        assert_ne!(hash(asked), hash(&with(name, json!([value]))), "{name} counts for nothing");
    }
}

#[test]
fn http_bodies() {
    let examples: Vec<Vec<u8>> = [
        r#"{"amount_fen":1250,"auth_code":"130000000000000001","bill":{"source":"his","number":"B-1","total_fen":1250}}"#,
        r#"{"amount_fen":100,"reason":"退","approver":{"account":"01","password":"x"}}"#,
        r#"{"account":"01","password":"12345678","till":"T1"}"#,
        r#"{"amount_fen":1}"#,
        "{}",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    let seen = Target::new("http_bodies", 12, INPUTS).run(examples, |input, _| {
        for reads in [
            is_body::<Void>,
            is_body::<Refund>,
            is_body::<Settle>,
            is_body::<NewTotal>,
            is_body::<LogIn>,
            is_body::<NewAccount>,
            is_body::<NewAnnouncement>,
        ] {
            reads(input);
        }
        if let Ok((_, asked)) = body::read::<Value>(input) {
            is_told_apart(&asked);
        }
        match body::read::<Charge>(input) {
            Ok(_) => "charge",
            Err(problem) => {
                is_said(&problem);
                match problem.code() {
                    Code::Malformed if problem.named_field().is_some() => "named",
                    Code::Malformed => "refused",
                    _ => "amount",
                }
            }
        }
    });
    let charges = seen.count("charge");
    assert!(charges > INPUTS / 1_000, "only {charges}: the inputs are too far off to be of use");
}

fn is_query<T: FromParams>(text: &str) -> bool {
    match Query::<T>::parse(text) {
        Ok(_) => true,
        Err(problem) => {
            assert_eq!(problem.code(), Code::Malformed);
            assert!(problem.named_field().is_some(), "nothing is named");
            is_said(&problem);
            false
        }
    }
}

#[test]
fn http_queries() {
    let cursor = encode_cursor(&(1_767_579_072_000_i64, "26010501234366720042"));
    let examples: Vec<Vec<u8>> = [
        "store=S001&from=2026-01-05T00:00:00%2B08:00&to=2026-01-06T00:00:00.000Z&state=paid&kind=charge&q=%E7%8E%8B&limit=200",
        "from_day=2026-01-05&to_day=2026-01-06&limit=1",
        "date=2026-01-05&store=S001",
        cursor.as_str(),
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    let seen = Target::new("http_queries", 13, INPUTS).run(examples, |input, _| {
        let text = String::from_utf8_lossy(input);
        is_query::<DayQuery>(&text);
        is_query::<BillQuery>(&text);
        is_query::<ExceptionsQuery>(&text);
        if let Some(time) = Time::parse(&text) {
            assert_eq!(Time::parse(&time.to_string()), Some(time), "{text}");
        }
        if let Ok(place) = decode_cursor::<(i64, String)>(&text) {
            assert!(text.len() <= CURSOR_MAX_CHARS);
            assert_eq!(decode_cursor(&encode_cursor(&place)), Ok(place), "{text}");
            return "cursor";
        }
        match Query::<PaymentsQuery>::parse(&text) {
            Ok(Query(query)) => {
                assert!((1..=PAGE_MAX).contains(&query.limit));
                assert!(query.from.zip(query.to).is_none_or(|(from, to)| from <= to));
                "payments"
            }
            Err(_) => {
                is_query::<PaymentsQuery>(&text);
                "refused"
            }
        }
    });
    assert!(seen.count("payments") > INPUTS / 100, "the inputs are too far off to be of use");
}

#[test]
fn http_headers() {
    let examples: Vec<Vec<u8>> =
        ["en-GB,en;q=0.9,zh;q=0.8", "10.0.0.9, 10.0.0.2", "charge,refund,read", "0123456789abcdef"]
            .iter()
            .map(|text| text.as_bytes().to_vec())
            .collect();
    let proxy = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
    Target::new("http_headers", 14, INPUTS).run(examples, move |input, _| {
        let Ok(value) = HeaderValue::from_bytes(input) else { return "no_header" };
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, value.clone());
        headers.insert("x-forwarded-for", value.clone());
        let proxies = Proxies::new(&[proxy]);
        let stranger = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));
        assert_eq!(proxies.caller(stranger, &headers), stranger, "a stranger's word is believed");
        let forwarded = proxies.caller(proxy, &headers) != proxy;
        let Ok(text) = value.to_str() else { return "not_ascii" };
        if let Some(key) = IdempotencyKey::parse(text) {
            assert_eq!(key.as_str(), text);
        }
        if let Ok(scopes) = Scopes::parse(text) {
            assert_eq!(Scopes::parse(&scopes.to_text()).ok(), Some(scopes), "{text}");
        }
        match (forwarded, Language::of(&headers), IdempotencyKey::parse(text)) {
            (true, ..) => "forwarded",
            (false, Language::En, _) => "english",
            (false, Language::Zh, Some(_)) => "key",
            (false, Language::Zh, None) => "other",
        }
    });
}
