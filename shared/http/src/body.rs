//! Request bodies: JSON that names its mistake.
//!
//! The answer to a body that cannot be read says which field is wrong, but never repeats what was in it: bodies hold
//! passwords and payment codes.

use std::error::Error;

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
};
use http_body_util::{BodyExt, LengthLimitError};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    problem::{Code, Problem},
    serve::BodyTooSlow,
};

mod place;

/// A JSON object as `T`. An empty body reads as `{}`.
#[derive(Clone, Copy, Debug)]
pub struct Body<T> {
    /// What it says.
    pub value: T,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = collect(request.into_body()).await?;
        read(&bytes).map(|(value, _)| Self { value })
    }
}

/// All bytes of a body; the guards bound their number and their time.
pub(crate) async fn collect(body: axum::body::Body) -> Result<Bytes, Problem> {
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(refusal(&error)),
    }
}

fn refusal(error: &axum::Error) -> Problem {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return Code::TooLarge.into();
        }
        if error.is::<BodyTooSlow>() {
            return Code::TooSlow.into();
        }
        cause = error.source();
    }
    Code::Malformed.into()
}

/// Reads a body as `T` and as JSON.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, Value), Problem> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    let json: Value = serde_json::from_slice(bytes).map_err(|error| place::problem(bytes, &error))?;
    if !json.is_object() {
        // serde would read a list as a struct, field by field.
        return Err(Problem::new(Code::Malformed).detail("请求内容须为 JSON 对象。", "The body must be a JSON object."));
    }
    // From the bytes, not from the value: only so a field given twice is noticed.
    match serde_json::from_slice(bytes) {
        Err(error) if place::is_unknown_field(&error) => Err(place::problem(bytes, &error)),
        read => {
            check_amount(&json)?;
            read.map(|value| (value, json)).map_err(|error| place::problem(bytes, &error))
        }
    }
}

/// Programs get amounts wrong in few ways, and each deserves its own answer.
fn check_amount(json: &Value) -> Result<(), Problem> {
    let code = match json.get("amount_fen") {
        Some(Value::String(_)) => Code::AmountDecimals,
        Some(Value::Number(number)) if number.is_f64() => Code::AmountDecimals,
        Some(Value::Number(number)) if number.as_i64().is_some_and(i64::is_negative) => Code::AmountNegative,
        // Above the range of i64, which every request type uses.
        Some(Value::Number(number)) if number.as_i64().is_none() => Code::AmountOverLimit,
        Some(Value::Number(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => {
            return Ok(());
        }
    };
    Err(Problem::new(code).field("amount_fen"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Charge {
        amount_fen: i64,
        #[serde(default)]
        bill: Option<Bill>,
        #[serde(default)]
        names: Vec<String>,
    }

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Bill {
        number: String,
        total_fen: u64,
    }

    #[test]
    fn a_good_body_is_read_whole() {
        let body = br#"{"amount_fen":0,"bill":{"number":"A","total_fen":1},"names":["a"]}"#;
        let bill = Bill { number: "A".to_owned(), total_fen: 1 };
        let charge = Charge { amount_fen: 0, bill: Some(bill), names: vec!["a".to_owned()] };
        assert_eq!(read::<Charge>(body).map(|(charge, _)| charge), Ok(charge));
        assert!(read::<crate::dto::Nothing>(b"").is_ok());
    }

    fn refused(body: &str) -> (Code, Option<String>) {
        let problem = read::<Charge>(body.as_bytes()).map(|_| ()).expect_err(body);
        (problem.code(), problem.named_field().map(str::to_owned))
    }

    #[test]
    fn every_mistake_names_its_field() {
        let table = [
            (r#"{}"#, "amount_fen"),
            (r#""#, "amount_fen"),
            (r#"{"amount_fen":1,"bill":{"number":"A"}}"#, "bill.total_fen"),
            (r#"{"amount_fen":1,"bill":{"number":7,"total_fen":1}}"#, "bill.number"),
            (r#"{"bill":{"number":"A","total_fen":-1},"amount_fen":1}"#, "bill.total_fen"),
            (r#"{"bill":{"number":"A","total_fen":1.5},"amount_fen":1}"#, "bill.total_fen"),
            (r#"{"amount_fen":1,"bill":{"number":"A","total_fen":1,"x":2}}"#, "bill.x"),
            (r#"{"amount_fen":1,"tip":2}"#, "tip"),
            (r#"{"amount_fen":1,"amount_fen":2}"#, "amount_fen"),
            (r#"{"amount_fen":true}"#, "amount_fen"),
            (r#"{"amount_fen":null}"#, "amount_fen"),
            ("{\n \"amount_fen\": 1,\n \"names\": [\"a\\\"}{\", \"b\", 3]}", "names.2"),
            (r#"{"amount_fen":1,"names":["名",{}]}"#, "names.1"),
            (r#"{"amount_fen":1,"names":["a", [1]]}"#, "names.1"),
            (r#"{"amount_fen":1,"names":{"a":1}}"#, "names"),
            (r#"{"bill":7,"amount_fen":1}"#, "bill"),
            (r#"{"bill":{"number":true,"total_fen":1},"amount_fen":1}"#, "bill.number"),
            (r#"{"bill":{"number":"a","total_fen":99999999999999999999},"amount_fen":1}"#, "bill.total_fen"),
            (r#"{"bill":}"#, "bill"),
        ];
        for (body, field) in table {
            assert_eq!(refused(body), (Code::Malformed, Some(field.to_owned())), "{body}");
        }
    }

    #[test]
    fn what_is_no_json_names_no_field_it_cannot_know() {
        for body in ["{", "[", "nonsense", "{\"amount_fen\":1}x", "\u{feff}{}"] {
            assert_eq!(refused(body).0, Code::Malformed, "{body}");
        }
        assert_eq!(refused("[1]").0, Code::Malformed);
        assert!(read::<Charge>(&[0xff, 0xfe]).is_err());
        assert!(read::<Charge>("[".repeat(60_000).as_bytes()).is_err());
    }

    #[test]
    fn wrong_amounts_have_their_own_codes() {
        let table = [
            (r#"{"amount_fen":"1250"}"#, Code::AmountDecimals),
            (r#"{"amount_fen":12.50}"#, Code::AmountDecimals),
            (r#"{"amount_fen":1e3}"#, Code::AmountDecimals),
            (r#"{"amount_fen":-1}"#, Code::AmountNegative),
            (r#"{"amount_fen":18446744073709551615}"#, Code::AmountOverLimit),
        ];
        for (body, code) in table {
            assert_eq!(refused(body), (code, Some("amount_fen".to_owned())), "{body}");
        }
    }

    #[test]
    fn an_amount_where_none_is_asked_for_is_an_unknown_field() {
        for body in [r#"{"amount_fen":-1}"#, r#"{"amount_fen":"1"}"#] {
            let problem = read::<crate::dto::EditAnnouncement>(body.as_bytes()).map(|_| ()).expect_err(body);
            assert_eq!((problem.code(), problem.named_field()), (Code::Malformed, Some("amount_fen")), "{body}");
        }
    }

    #[test]
    fn the_answer_does_not_repeat_the_body() {
        let problem =
            read::<Charge>(br#"{"amount_fen":1,"names":130000000000000001}"#).map(|_| ()).expect_err("no list");
        let body = serde_json::to_string(&problem.body(crate::problem::Language::En)).unwrap();
        assert!(!body.contains("13000"), "{body}");
    }
}
