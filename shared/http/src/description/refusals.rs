//! Every refusal a route may answer: which follow from what it is, and what each looks like.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::object;
use crate::{
    access::Access,
    problem::{Code, Language, PROBLEM_JSON, Problem},
};

/// Where a refusal of this status is described.
fn reference(status: u16) -> Value {
    json!({ "$ref": format!("#/components/responses/Problem{status}") })
}

/// Statuses that say when to try again.
const WITH_RETRY_AFTER: [StatusCode; 3] =
    [StatusCode::CONFLICT, StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];

/// One response a status, with all codes that have it.
pub(super) fn all() -> Value {
    let mut statuses: Vec<StatusCode> = Code::ALL.iter().map(|code| code.status()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    statuses.into_iter().map(|status| (format!("Problem{}", status.as_u16()), response(status))).collect()
}

fn response(status: StatusCode) -> Value {
    let codes: Vec<Code> = Code::ALL.iter().copied().filter(|code| code.status() == status).collect();
    let meaning = |code: &Code| {
        let body = Problem::new(*code).body(Language::En);
        format!("- `{}`: {}", code.as_str(), body.detail)
    };
    let list: Vec<String> = codes.iter().map(meaning).collect();
    let mut response = json!({
        "description": format!("{}. `code` is one of:\n\n{}", status.canonical_reason().unwrap_or("Refused"), list.join("\n")),
        "content": { PROBLEM_JSON: { "schema": { "$ref": "#/components/schemas/ProblemBody" } } }
    });
    if let Some(first) = codes.first() {
        let example = serde_json::to_value(Problem::new(*first).body(Language::En)).unwrap_or_default();
        response["content"][PROBLEM_JSON]["example"] = example;
    }
    if WITH_RETRY_AFTER.contains(&status) {
        response["headers"]["Retry-After"] = json!({
            "description": "Try again after so many seconds; absent where waiting alone does not help.",
            "schema": { "type": "integer", "minimum": 0 }
        });
    }
    response
}

/// Adds what may be refused. What the handler names besides is kept, described as everywhere.
pub(super) fn declare(operation: &mut Value, changes: bool, access: &Access) {
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let any = |of: &dyn Fn(&Value) -> bool| parameters.iter().any(of);
    let keyed = any(&|one| one["name"] == "Idempotency-Key");
    let read = any(&|one| one["in"] == "query") || operation["requestBody"].is_object();
    let named = any(&|one| one["in"] == "path");
    let mut statuses = vec![403, 421, 500];
    statuses.extend((*access != Access::Open).then_some(401));
    statuses.extend((keyed || read).then_some(400));
    statuses.extend(named.then_some(404));
    if changes {
        statuses.extend([408, 413, 415]);
    }
    if keyed {
        statuses.extend([409, 422, 429, 503]);
    }
    let responses = object(&mut operation["responses"]);
    let own: Vec<u16> = responses.keys().filter_map(|status| status.parse().ok()).collect();
    for (status, response) in responses.iter_mut() {
        if response["description"].as_str().unwrap_or_default().is_empty() {
            response["description"] = went_well(status).into();
        }
    }
    for status in statuses.into_iter().chain(own.into_iter().filter(|status| *status >= 400)) {
        responses.insert(status.to_string(), reference(status));
    }
}

fn went_well(status: &str) -> &'static str {
    match status {
        "201" => "Made.",
        "202" => "Taken; it is being done.",
        "204" => "Done; there is nothing to say.",
        _ => "As asked.",
    }
}
