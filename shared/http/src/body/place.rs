//! Where in a body a mistake is: serde_json tells line and column, a person wants `bill.total_fen`.

use serde_json::error::Category;

use crate::problem::{Code, Problem};

/// The problem for a body that failed to parse.
pub(super) fn problem(bytes: &[u8], error: &serde_json::Error) -> Problem {
    let path = path_at(bytes, error.line(), error.column());
    match error.classify() {
        Category::Data => data_problem(path, &error.to_string()),
        Category::Syntax | Category::Eof | Category::Io => {
            let problem = Problem::new(Code::Malformed).detail(
                format!("请求内容不是 JSON（第 {} 行第 {} 列）。", error.line(), error.column()),
                format!("The body is not JSON (line {}, column {}).", error.line(), error.column()),
            );
            if path.is_empty() { problem } else { problem.field(path.join(".")) }
        }
    }
}

/// Whether a body was refused for a member that its type does not have.
pub(super) fn is_unknown_field(error: &serde_json::Error) -> bool {
    error.to_string().starts_with(UNKNOWN_FIELD)
}

const UNKNOWN_FIELD: &str = "unknown field";

/// serde has no other way to tell these apart than its words, which have been the same since its first release.
fn data_problem(mut path: Vec<String>, message: &str) -> Problem {
    let named = |start: &str| message.strip_prefix(start)?.split('`').nth(1).map(str::to_owned);
    let (name, zh, en) = if let Some(name) = named("missing field") {
        (Some(name), "缺少这一项。", "This field is missing.")
    } else if let Some(name) = named(UNKNOWN_FIELD) {
        (Some(name), "没有这一项。", "There is no such field.")
    } else if let Some(name) = named("duplicate field") {
        (Some(name), "这一项出现了两次。", "This field is given twice.")
    } else {
        (None, "这一项的类型或取值不对。", "This field has a wrong type or value.")
    };
    if let Some(name) = name {
        // The place is inside the object that lacks it, at the last field read there.
        path.pop();
        path.push(name);
    }
    let problem = Problem::new(Code::Malformed).detail(zh, en);
    if path.is_empty() { problem } else { problem.field(path.join(".")) }
}

enum Level {
    Object { key: String, at_key: bool },
    Array { index: usize },
}

/// The path of keys and indexes open at a place; the text before it is well-formed JSON.
fn path_at(bytes: &[u8], line: usize, column: usize) -> Vec<String> {
    let before =
        bytes.split_inclusive(|byte| *byte == b'\n').take(line.saturating_sub(1)).map(<[u8]>::len).sum::<usize>();
    let end = bytes.len().min(before.saturating_add(column));
    let mut levels = Vec::new();
    let mut rest = bytes.get(..end).unwrap_or(bytes);
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'{' => levels.push(Level::Object { key: String::new(), at_key: true }),
            b'[' => levels.push(Level::Array { index: 0 }),
            b'}' | b']' if rest.is_empty() => {}
            b'}' | b']' => drop(levels.pop()),
            b',' => match levels.last_mut() {
                Some(Level::Object { at_key, .. }) => *at_key = true,
                Some(Level::Array { index }) => *index += 1,
                None => {}
            },
            b'"' => {
                let length = string_length(rest);
                let (text, after) = rest.split_at(length);
                rest = after.get(1..).unwrap_or_default();
                if let Some(Level::Object { key, at_key: at_key @ true }) = levels.last_mut() {
                    *key = String::from_utf8_lossy(text).into_owned();
                    *at_key = false;
                }
            }
            _ => {}
        }
    }
    levels
        .into_iter()
        .map(|level| match level {
            Level::Object { key, .. } => key,
            Level::Array { index } => index.to_string(),
        })
        .collect()
}

/// Bytes up to the closing quote.
fn string_length(text: &[u8]) -> usize {
    let mut escaped = false;
    text.iter()
        .position(|byte| {
            let closes = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            closes
        })
        .unwrap_or(text.len())
}
