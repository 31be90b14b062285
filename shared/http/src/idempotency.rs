//! `Idempotency-Key`: the caller's name for one business act, and what that act was.

use axum::{
    extract::{FromRequest, FromRequestParts, OriginalUri, Request},
    http::{Method, request::Parts},
};
use guitai_core::limits::IDEMPOTENCY_KEY_CHARS;
use hmac::{Hmac, KeyInit, Mac};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::Sha256;
use utoipa::IntoParams;

use crate::{
    bearer::Authenticator,
    body,
    problem::{Code, Problem},
};

/// The header's name.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// 8 to 64 visible ASCII characters the caller chose. Two callers may choose the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

/// The header as the description names it.
#[derive(Clone, Debug, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IdempotencyParam {
    /// 8 to 64 visible ASCII characters, kept for ever. The same key with the same request answers with what came of it.
    #[param(rename = "Idempotency-Key", min_length = 8, max_length = 64)]
    pub idempotency_key: String,
}

impl IdempotencyKey {
    /// Reads a header's value.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fine = IDEMPOTENCY_KEY_CHARS.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fine.then(|| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(IDEMPOTENCY_KEY).into_iter();
        match (values.next(), values.next()) {
            (None, _) => Err(Code::IdempotencyKeyMissing.into()),
            (Some(value), None) => {
                value.to_str().ok().and_then(Self::parse).ok_or_else(|| Code::IdempotencyKeyMalformed.into())
            }
            (Some(_), Some(_)) => Err(Code::IdempotencyKeyMalformed.into()),
        }
    }
}

/// What tells two requests with one key apart: HMAC-SHA-256, under the server's own key, over method, path and body. It is
/// keyed because it is kept for ever and bodies hold payment codes and passwords, which a plain hash would let be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestHash(pub [u8; 32]);

/// Members that change nothing about what is asked.
const NOT_ASKED_FOR: [&str; 2] = ["wait_ms", "approver"];

impl RequestHash {
    /// The hash of one request. Order of keys and white space in the body do not count, nor do the members that say how long to
    /// wait or who approves: with another patience, or a password typed again, it is the same request.
    #[must_use]
    pub fn of(key: &[u8; 32], method: &Method, path: &str, body: &Value) -> Self {
        let mut body = body.clone();
        if let Value::Object(members) = &mut body {
            NOT_ASKED_FOR.iter().for_each(|member| _ = members.remove(*member));
        }
        let mut canonical = Vec::new();
        write_canonical(&body, &mut canonical);
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        // Neither a method nor a path holds a zero byte, so the parts cannot be shifted against each other.
        for part in [b"guitai request 1".as_slice(), method.as_str().as_bytes(), path.as_bytes()] {
            mac.update(part);
            mac.update(&[0]);
        }
        mac.update(&canonical);
        Self(mac.finalize().into_bytes().into())
    }
}

fn write_canonical(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(map) => {
            // Sorted here, because whether `Map` itself sorts depends on features other crates turn on.
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push(b'{');
            for (place, (key, value)) in entries.into_iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                out.extend(Value::from(key.as_str()).to_string().bytes());
                out.push(b':');
                write_canonical(value, out);
            }
            out.push(b'}');
        }
        Value::Array(values) => {
            out.push(b'[');
            for (place, value) in values.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_canonical(value, out);
            }
            out.push(b']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => out.extend(value.to_string().bytes()),
    }
}

/// A request that moves money: its key, what it was, and its body. An empty body reads as `{}`.
#[derive(Clone, Debug)]
pub struct Keyed<T> {
    /// The caller's key.
    pub key: IdempotencyKey,
    /// What the request was.
    pub request: RequestHash,
    /// What the body says.
    pub value: T,
}

impl<S: Authenticator, T: DeserializeOwned> FromRequest<S> for Keyed<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let key = IdempotencyKey::from_request_parts(&mut parts, state).await?;
        let bytes = body::collect(body).await?;
        let (value, json) = body::read(&bytes)?;
        // A nested router sees a shortened path; the caller sent the original one.
        let path = parts.extensions.get::<OriginalUri>().map_or(parts.uri.path(), |uri| uri.0.path());
        let request = RequestHash::of(&state.request_key(), &parts.method, path, &json);
        Ok(Self { key, request, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_8_to_64_visible_characters() {
        let long = "x".repeat(65);
        for bad in ["", "1234567", "1234 5678", "键键键键键键键键", "1234567\u{7f}", long.as_str()] {
            assert_eq!(IdempotencyKey::parse(bad), None, "{bad}");
        }
        for good in ["12345678", "!~!~!~!~", &long[..64]] {
            assert!(IdempotencyKey::parse(good).is_some(), "{good}");
        }
    }

    #[test]
    fn order_and_space_do_not_count_but_everything_else_does() {
        let hash = |key: u8, method: &Method, path: &str, body: &str| {
            RequestHash::of(&[key; 32], method, path, &serde_json::from_str(body).unwrap())
        };
        let one = hash(1, &Method::POST, "/p", r#"{"a":1,"b":{"c":[1,2],"d":null}}"#);
        assert_eq!(one, hash(1, &Method::POST, "/p", "{ \"b\": {\"d\":null,\"c\":[1, 2]},\n\"a\":1}"));
        let patient = r#"{"a":1,"b":{"c":[1,2],"d":null},"wait_ms":9,"approver":{"account":"01","password":"x"}}"#;
        assert_eq!(one, hash(1, &Method::POST, "/p", patient));
        let others = [
            hash(2, &Method::POST, "/p", r#"{"a":1,"b":{"c":[1,2],"d":null}}"#),
            hash(1, &Method::PUT, "/p", r#"{"a":1,"b":{"c":[1,2],"d":null}}"#),
            hash(1, &Method::POST, "/q", r#"{"a":1,"b":{"c":[1,2],"d":null}}"#),
            hash(1, &Method::POST, "/p", r#"{"a":"1","b":{"c":[1,2],"d":null}}"#),
            hash(1, &Method::POST, "/p", r#"{"a":1,"b":{"c":[2,1],"d":null}}"#),
            hash(1, &Method::POST, "/p", r#"{"a":1,"b":{"c":[1,2]}}"#),
        ];
        assert!(others.iter().all(|other| *other != one));
    }
}
