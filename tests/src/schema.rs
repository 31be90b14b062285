//! Whether an answer is what its description says: the part of JSON Schema that the descriptions use. Patterns are not read.

use serde_json::Value;

use crate::clock::utc_s;

/// A description, to look things up in.
#[derive(Clone, Copy, Debug)]
pub struct Description<'a>(pub &'a Value);

impl<'a> Description<'a> {
    /// What a reference stands for; anything else stands for itself.
    #[must_use]
    pub fn resolve(&self, value: &'a Value) -> &'a Value {
        let Some(reference) = value["$ref"].as_str() else { return value };
        reference.strip_prefix('#').and_then(|at| self.0.pointer(at)).unwrap_or(&Value::Null)
    }

    /// What is wrong with a value, as `place: why`; empty if it fits.
    #[must_use]
    pub fn faults(&self, schema: &'a Value, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.check(schema, value, "$", &mut faults);
        faults
    }

    fn fits(&self, schema: &'a Value, value: &Value) -> bool {
        self.faults(schema, value).is_empty()
    }

    fn check(&self, schema: &'a Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let schema = if schema["$ref"].is_string() {
            let meant = self.resolve(schema);
            if meant.is_null() {
                faults.push(format!("{at}: {} stands for nothing", schema["$ref"]));
            }
            meant
        } else {
            schema
        };
        let mut wrong = |why: String| faults.push(format!("{at}: {why}"));
        if !is_of_type(&schema["type"], value) {
            wrong(format!("{value} is no {}", schema["type"]));
        }
        if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
            wrong(format!("{value} is none of {}", schema["enum"]));
        }
        if let (Some(text), Some(format)) = (value.as_str(), schema["format"].as_str()) {
            let fine = match format {
                "date-time" => text.len() == 24 && text.ends_with('Z') && utc_s(text).is_some(),
                "date" => utc_s(&format!("{text}T00:00:00.000Z")).is_some(),
                _ => true,
            };
            if !fine {
                wrong(format!("{text} is no {format}"));
            }
        }
        for fault in bounds(schema, value) {
            wrong(fault);
        }
        self.check_combined(schema, value, at, faults);
        self.check_members(schema, value, at, faults);
        for (place, item) in value.as_array().into_iter().flatten().enumerate() {
            self.check(&schema["items"], item, &format!("{at}.{place}"), faults);
        }
    }

    fn check_combined(&self, schema: &'a Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.check(part, value, at, faults);
        }
        let fitting = |of: &'a Value| of.as_array().map(|any| any.iter().filter(|one| self.fits(one, value)).count());
        if fitting(&schema["anyOf"]) == Some(0) {
            faults.push(format!("{at}: {value} fits none of several"));
        }
        if fitting(&schema["oneOf"]).is_some_and(|fitting| fitting != 1) {
            faults.push(format!("{at}: {value} does not fit exactly one of several"));
        }
        if schema["not"].is_object() && self.fits(&schema["not"], value) {
            faults.push(format!("{at}: {value} is what it must not be"));
        }
    }

    fn check_members(&self, schema: &'a Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let Some(members) = value.as_object() else { return };
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                faults.push(format!("{at}: {name} is missing"));
            }
        }
        for (name, member) in members {
            match schema["properties"].get(name) {
                Some(known) => self.check(known, member, &format!("{at}.{name}"), faults),
                None if schema["additionalProperties"] == false => {
                    faults.push(format!("{at}: {name} is not described"))
                }
                None => {}
            }
        }
    }
}

fn is_of_type(kind: &Value, value: &Value) -> bool {
    match kind {
        Value::String(kind) => match kind.as_str() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            _ => false,
        },
        Value::Array(kinds) => kinds.iter().any(|kind| is_of_type(kind, value)),
        _ => true,
    }
}

fn bounds(schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut limit = |name: &str, found: Option<i128>, holds: fn(i128, i128) -> bool| {
        let limit = schema[name].as_i64().map(i128::from);
        if let (Some(limit), Some(found)) = (limit, found)
            && !holds(found, limit)
        {
            faults.push(format!("{value} is past {name} {limit}"));
        }
    };
    let number = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
    let length = value.as_str().and_then(|text| i128::try_from(text.chars().count()).ok());
    limit("minimum", number, |found, limit| found >= limit);
    limit("maximum", number, |found, limit| found <= limit);
    limit("minLength", length, |found, limit| found >= limit);
    limit("maxLength", length, |found, limit| found <= limit);
    faults
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_fit_is_found() {
        let document =
            json!({ "components": { "schemas": { "Sum": { "type": "integer", "minimum": 1, "maximum": 9 } } } });
        let schema = json!({
            "type": "object", "required": ["sum"], "additionalProperties": false,
            "properties": {
                "sum": { "$ref": "#/components/schemas/Sum" },
                "word": { "type": ["string", "null"], "enum": ["a", null], "maxLength": 1 },
                "at": { "type": "string", "format": "date-time" },
                "list": { "type": "array", "items": { "oneOf": [{ "type": "string" }, { "type": "boolean" }] } },
                "lost": { "$ref": "#/components/schemas/Lost" }
            },
            "not": { "required": ["word", "at"] }
        });
        let faults = |value: Value| Description(&document).faults(&schema, &value).len();
        let right = [
            json!({ "sum": 1 }),
            json!({ "sum": 9, "word": null, "list": ["x", true] }),
            json!({ "sum": 2, "at": "2026-01-05T02:11:12.000Z" }),
        ];
        for value in right {
            assert_eq!(faults(value.clone()), 0, "{value}");
        }
        let wrong = [
            json!({}),
            json!([]),
            json!({ "sum": 0 }),
            json!({ "sum": 10 }),
            json!({ "sum": 1.5 }),
            json!({ "sum": 1, "other": 1 }),
            json!({ "sum": 1, "word": "b" }),
            json!({ "sum": 1, "at": "2026-01-05" }),
            json!({ "sum": 1, "list": [1] }),
            json!({ "sum": 1, "lost": 1 }),
            json!({ "sum": 1, "word": "a", "at": "2026-01-05T02:11:12.000Z" }),
        ];
        for value in wrong {
            assert_ne!(faults(value.clone()), 0, "{value}");
        }
    }
}
