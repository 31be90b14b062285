//! Facts as JSON lines, for whoever reads the journal: `body` is for eyes, `fields` for programs.

use guitai_core::{
    journal::fact::{Fact, FactError},
    show::Shown,
};
use guitai_http::dto::Time;
use serde_json::{Value, json};

/// One fact as a line, with what says where it lies.
pub(super) fn line(place: Value, fact: &Result<Fact, FactError>) -> String {
    let mut line = place;
    match fact {
        Ok(fact) => {
            line["kind"] = fact.name().into();
            line["body"] = format!("{fact:?}").into();
            line["fields"] = json(fact.show());
        }
        Err(error) => {
            line["kind"] = "undigested".into();
            line["body"] = format!("{error:?}").into();
            line["fields"] = match error {
                FactError::Malformed => json!({ "why": "malformed" }),
                FactError::UnknownKind(kind) => json!({ "why": "unknown_kind", "number": kind }),
                FactError::Undigestible => json!({ "why": "undigestible" }),
            };
        }
    }
    line.to_string()
}

fn json(shown: Shown) -> Value {
    match shown {
        Shown::Absent => Value::Null,
        Shown::Flag(flag) => flag.into(),
        Shown::Number(number) => number.into(),
        Shown::Time(at) => Time(at).to_string().into(),
        Shown::Text(text) => text.into(),
        Shown::Fields(fields) => {
            let there = fields.into_iter().filter(|(_, value)| *value != Shown::Absent);
            there.map(|(name, value)| (name.to_owned(), json(value))).collect()
        }
    }
}

#[cfg(test)]
mod tests;
