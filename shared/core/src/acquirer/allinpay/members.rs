//! An answer's members, read as they stood in it and proved by their signature.
//!
//! The documents promise flat JSON of strings. What comes is whatever a version of tomorrow sends: numbers, nulls, nested
//! values, members nobody knows, in any order. None of it may blind a node, so everything JSON allows is read; and none of
//! it may go unsigned, so the signature is computed over what was received: strings as their text, numbers and booleans
//! as the literal that stood there, nested values as their exact text, nulls and empty texts not at all. Where a foreign
//! signer may have meant it otherwise ([`Reading`]) the reading that verifies is the answer; one always must.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use serde_json::{Deserializer, value::RawValue};

use super::Keys;
use crate::limits;

/// An answer that nobody has vouched for yet.
pub(super) struct Received<'a>(Vec<(String, Value<'a>)>);

/// A value as it stood there.
#[derive(Clone, PartialEq, Eq)]
enum Value<'a> {
    Null,
    Text(String),
    /// A number or a boolean.
    Literal(&'a str),
    /// An object or an array.
    Nested(&'a str),
}

/// A way to understand what JSON leaves open, as a signer may have.
#[derive(Clone, Copy)]
struct Reading {
    /// Null is signed as the word rather than left out.
    null_is_a_word: bool,
    /// Nested values were signed before somebody spaced them out.
    nested_is_compact: bool,
    /// Of a member that stands there twice the first counts rather than the last.
    first_counts: bool,
}

/// The likely one first.
const READINGS: [Reading; 8] = {
    const fn reading(bits: u8) -> Reading {
        Reading { null_is_a_word: bits & 1 != 0, nested_is_compact: bits & 2 != 0, first_counts: bits & 4 != 0 }
    }
    [reading(0), reading(1), reading(2), reading(3), reading(4), reading(5), reading(6), reading(7)]
};

impl<'a> Received<'a> {
    /// Reads a body.
    ///
    /// # Errors
    /// It is no JSON object, or too long.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, &'static str> {
        if body.len() > limits::ACQUIRER_ANSWER_MAX_BYTES {
            return Err("the answer is too long");
        }
        let text = core::str::from_utf8(body).map_err(|_| "the answer is no UTF-8")?;
        let members = Scanner(text.strip_prefix('\u{feff}').unwrap_or(text)).object();
        members.map(Self).ok_or("the answer is no JSON object")
    }

    /// What the answer says before it is proved; nothing if it says two things.
    pub(super) fn claim(&self, name: &str) -> &str {
        let mut values = self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value);
        let first = values.next();
        if values.all(|value| Some(value) == first) { first.map_or("", Value::text) } else { "" }
    }

    /// The members, if their signature is right in one of the readings.
    pub(super) fn prove(&self, keys: &Keys) -> Option<Members> {
        READINGS.iter().find_map(|reading| {
            let chosen = self.choose(*reading);
            let signed: Vec<(&str, String)> =
                chosen.iter().map(|(name, value)| (*name, value.signed(*reading))).collect();
            let pairs: Vec<(&str, &str)> = signed.iter().map(|(name, text)| (*name, text.as_str())).collect();
            keys.verify(&pairs).then(|| Members(chosen.into_iter().map(Member::of).collect()))
        })
    }

    /// Each name once.
    fn choose(&self, reading: Reading) -> BTreeMap<&str, &Value<'a>> {
        let mut chosen = BTreeMap::new();
        for (name, value) in &self.0 {
            let known = chosen.entry(name.as_str()).or_insert(value);
            if !reading.first_counts {
                *known = value;
            }
        }
        chosen
    }
}

impl Value<'_> {
    /// What a decision may read; null and absent are the same.
    fn text(&self) -> &str {
        match self {
            Self::Null => "",
            Self::Text(text) => text,
            Self::Literal(text) | Self::Nested(text) => text,
        }
    }

    /// What the signer signed; empty is left out.
    fn signed(&self, reading: Reading) -> String {
        match self {
            Self::Null if reading.null_is_a_word => "null".into(),
            Self::Nested(text) if reading.nested_is_compact => compact(text),
            Self::Null | Self::Text(_) | Self::Literal(_) | Self::Nested(_) => self.text().into(),
        }
    }
}

/// JSON without the white space between its tokens.
fn compact(text: &str) -> String {
    let (mut in_text, mut escaped) = (false, false);
    let mut keep = |c: char| {
        let kept = in_text || !WHITE_SPACE.contains(&c);
        in_text ^= c == '"' && !escaped;
        escaped = in_text && c == '\\' && !escaped;
        kept
    };
    text.chars().filter(|c| keep(*c)).collect()
}

/// An answer's members, proved.
pub(super) struct Members(Vec<Member>);

struct Member {
    name: String,
    text: String,
    nested: bool,
}

impl Member {
    fn of((name, value): (&str, &Value<'_>)) -> Self {
        Self { name: name.into(), text: value.text().into(), nested: matches!(value, Value::Nested(_)) }
    }
}

impl Members {
    /// A member's text for a decision, which refuses what it does not understand; absent, null and empty are the same on
    /// this wire.
    pub(super) fn get(&self, name: &str) -> &str {
        self.find(name).map_or("", |member| &member.text)
    }

    /// A member's text for people and for the record; a nested value is none.
    pub(super) fn words(&self, name: &str) -> &str {
        self.find(name).filter(|member| !member.nested).map_or("", |member| &member.text)
    }

    fn find(&self, name: &str) -> Option<&Member> {
        self.0.iter().find(|member| member.name == name)
    }
}

const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// What is left of a JSON text. Values are serde's business; only the object around them is taken apart here, since a map
/// would drop members that stand there twice and a number's own spelling.
struct Scanner<'a>(&'a str);

impl<'a> Scanner<'a> {
    fn object(mut self) -> Option<Vec<(String, Value<'a>)>> {
        let mut members = Vec::new();
        self.take('{')?;
        if self.take('}').is_none() {
            loop {
                let name = serde_json::from_str(self.value()?).ok()?;
                self.take(':')?;
                members.push((name, read(self.value()?)?));
                if self.take(',').is_none() {
                    break self.take('}')?;
                }
            }
        }
        self.0.trim_start_matches(WHITE_SPACE).is_empty().then_some(members)
    }

    fn take(&mut self, sign: char) -> Option<()> {
        self.0 = self.0.trim_start_matches(WHITE_SPACE).strip_prefix(sign)?;
        Some(())
    }

    /// The text of the value that comes next.
    fn value(&mut self) -> Option<&'a str> {
        let mut values = Deserializer::from_str(self.0).into_iter::<&'a RawValue>();
        let value = values.next()?.ok()?.get();
        self.0 = self.0.get(values.byte_offset()..)?;
        Some(value)
    }
}

fn read(value: &str) -> Option<Value<'_>> {
    match value.as_bytes().first()? {
        b'"' => serde_json::from_str(value).ok().map(Value::Text),
        b'{' | b'[' => Some(Value::Nested(value)),
        b'n' => Some(Value::Null),
        _ => Some(Value::Literal(value)),
    }
}
