//! The rules as examples, in `cases/*.json`: the page's twin is tested against the same files.

use alloc::{string::ToString, vec::Vec};

use serde_json::{Map, Value, json};

use super::*;
use crate::{
    ids::{AccountId, NameError},
    limits,
    money::{YuanError, read_yuan},
    search::{Query, query},
    secret::{CodeError, PaymentCode},
};

type Case = Map<String, Value>;

/// Every case as written beside what the rule makes of it.
fn check(file: &str, rule: impl Fn(&str) -> Value) {
    let cases: Vec<Case> = serde_json::from_str(file).expect("a table of cases");
    assert!(!cases.is_empty());
    for mut case in cases {
        let given = case.remove("in").and_then(|given| given.as_str().map(ToString::to_string)).expect("an input");
        assert_eq!(rule(&given), Value::Object(case), "{given:?}");
    }
}

fn text_error(error: TextError) -> Value {
    let name = match error {
        TextError::Empty => "empty",
        TextError::TooLong { .. } => "too_long",
        TextError::Control => "control",
        TextError::Hidden => "hidden",
        TextError::Ambiguous => "ambiguous",
    };
    json!({ "error": name })
}

#[test]
fn payment_codes() {
    check(include_str!("../../cases/payment_codes.json"), |given| match PaymentCode::parse(given) {
        Ok(code) => json!({ "code": code.expose() }),
        Err(error) => {
            let name = match error {
                CodeError::Empty => "empty",
                CodeError::GoodsCode => "goods_code",
                CodeError::Link => "link",
                CodeError::NotDigits => "not_digits",
                CodeError::Length => "length",
                CodeError::OrderNo => "order_no",
            };
            json!({ "error": name })
        }
    });
}

#[test]
fn amounts() {
    check(include_str!("../../cases/amounts.json"), |given| match read_yuan(given) {
        Ok(fen) => json!({ "fen": fen.get() }),
        Err(error) => {
            let name = match error {
                YuanError::Empty => "empty",
                YuanError::NotANumber => "not_a_number",
                YuanError::Negative => "negative",
                YuanError::Decimals => "decimals",
                YuanError::Zero => "zero",
                YuanError::OverLimit => "over_limit",
            };
            json!({ "error": name })
        }
    });
}

#[test]
fn identifiers() {
    check(include_str!("../../cases/identifiers.json"), |given| {
        identifier(given, limits::BILL_NUMBER_MAX_CHARS).map_or_else(text_error, |text| json!({ "out": text }))
    });
}

#[test]
fn an_identifier_read_twice_is_the_same_one() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../../cases/identifiers.json")).expect("a table");
    for once in cases.iter().filter_map(|case| case.get("out")?.as_str()) {
        assert_eq!(identifier(once, limits::BILL_NUMBER_MAX_CHARS).as_deref(), Ok(once));
    }
}

#[test]
fn names() {
    check(include_str!("../../cases/names.json"), |given| {
        name(given, limits::NAME_MAX_CHARS).map_or_else(text_error, |text| json!({ "out": text }))
    });
}

#[test]
fn accounts() {
    check(include_str!("../../cases/accounts.json"), |given| match AccountId::parse(&typed(given)) {
        Ok(account) => json!({ "out": account.as_str() }),
        Err(error) => {
            let name = match error {
                NameError::Empty => "empty",
                NameError::TooLong => "too_long",
                NameError::BadCharacter => "bad_character",
            };
            json!({ "error": name })
        }
    });
}

#[test]
fn texts() {
    check(
        include_str!("../../cases/texts.json"),
        |given| json!({ "line": one_line(given), "paragraphs": paragraphs(given) }),
    );
}

#[test]
fn queries() {
    check(include_str!("../../cases/queries.json"), |given| {
        let Query { text, number, amount } = query(given);
        let mut meant = json!({ "text": text });
        if let Some(number) = number {
            meant["number"] = number.into();
        }
        if let Some(amount) = amount {
            meant["fen"] = amount.get().into();
        }
        meant
    });
}

#[test]
fn what_four_bytes_take_is_replaced() {
    assert_eq!(basic_plane("㐂𠮷野家😀店"), "㐂?野家?店");
}

#[test]
fn every_character_has_one_answer_everywhere() {
    // No character may be let through in one form and give another when read again, nor make any rule panic. Beyond the basic
    // plane rules know only ranges, so every 64th character will do.
    for c in ('\0'..='\u{ffff}').chain(('\u{10000}'..=char::MAX).step_by(64)) {
        let text = c.to_string();
        for (rule, once) in [("identifier", identifier(&text, 1).ok()), ("name", name(&text, 1).ok())] {
            let Some(once) = once else { continue };
            let twice = if rule == "name" { name(&once, 1) } else { identifier(&once, 1) };
            assert_eq!(twice, Ok(once), "{rule} {c:?}");
        }
        assert!(
            !one_line(&text).chars().any(is_hidden) && !paragraphs(&text).chars().any(|c| c != '\n' && is_hidden(c))
        );
        assert!(PaymentCode::parse(&text).is_err());
    }
}

#[test]
fn what_others_wrote_turns_no_screen_around() {
    for (text, seen) in [
        ("4200001", "4200001"),
        ("\u{202e}\u{1b}[31mEVIL\u{7}\n", "[31mEVIL"),
        ("\u{0}\u{2066}x", "x"),
        ("\u{1b}]0;pwn\u{7}\u{202e}ali", "]0;pwnali"),
        ("两 行\r\n文字", "两 行 文字"),
        ("", ""),
    ] {
        assert_eq!(shown(text), seen, "{text:?}");
    }
    assert_eq!(shown(&"长".repeat(4_000)).chars().count(), crate::limits::FOREIGN_TEXT_MAX_CHARS);
}
