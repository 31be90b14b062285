//! Bounds and forms of values, taken from the product's own limits.

use guitai_core::limits::{
    AMOUNT_MAX_FEN, BILL_NUMBER_MAX_CHARS, BILL_TOTAL_MAX_FEN, IDEMPOTENCY_KEY_CHARS, NAME_MAX_CHARS, PAGE_DEFAULT,
    PAGE_MAX, REMARK_MAX_CHARS, SCAN_MAX_BYTES, WAIT_MAX_MS,
};
use serde_json::{Value, json};

use super::object;
use crate::paging::{CURSOR_MAX_CHARS, SEARCH_MAX_CHARS};

/// 20 digits.
const ORDER_NO: &str = "^[0-9]{20}$";

/// `epoch-number`.
const FACT_NO: &str = "^[0-9]+-[0-9]+$";

/// Nothing that cannot be seen. The server refuses more than a pattern can say: whatever looks like something else.
const VISIBLE: &str = r"^[^\u0000-\u0020\u007f-\u00a0\u00ad]+$";

/// Longest title and text of an announcement, as the documents have it; a test of the hub compares.
const TITLE_MAX_CHARS: usize = 100;
const BODY_MAX_CHARS: usize = 4_000;

/// Something to be seen in it.
fn text(max_chars: usize) -> Value {
    json!({ "minLength": 1, "maxLength": max_chars, "pattern": r"\S" })
}

/// What identifies a store, a till, an account.
fn name() -> Value {
    json!({ "minLength": 1, "maxLength": NAME_MAX_CHARS, "pattern": "^[A-Za-z0-9_-]+$" })
}

/// What identifies a bill in a system of the shop's own.
fn identifier() -> Value {
    json!({ "minLength": 1, "maxLength": BILL_NUMBER_MAX_CHARS, "pattern": VISIBLE })
}

fn one_of(words: &[&str]) -> Value {
    json!({ "enum": words })
}

/// What is known of a member of a schema besides its type. A `*` stands for every schema.
fn rules() -> Vec<(&'static str, &'static str, Value)> {
    let charged = json!({ "minimum": 1, "maximum": AMOUNT_MAX_FEN });
    let total = json!({ "minimum": 1, "maximum": BILL_TOTAL_MAX_FEN });
    let remark = json!({ "maxLength": REMARK_MAX_CHARS });
    let bill = identifier();
    let actions = ["accept", "give-back", "close", "write-off"];
    vec![
        ("Charge", "amount_fen", charged.clone()),
        ("Refund", "amount_fen", charged),
        ("NewTotal", "total_fen", total.clone()),
        ("BillRef", "total_fen", total),
        ("BillRef", "source", bill.clone()),
        ("BillRef", "number", bill),
        // Its words say what holds without it: a `default` makes it required in generated types.
        ("Charge", "wait_ms", json!({ "maximum": WAIT_MAX_MS })),
        ("Charge", "auth_code", json!({ "type": "string", "minLength": 1, "maxLength": SCAN_MAX_BYTES })),
        ("Charge", "scan", json!({ "type": "string", "minLength": 1 })),
        ("Charge", "till", name()),
        ("Charge", "cashier", name()),
        ("Charge", "retry_of", json!({ "pattern": ORDER_NO })),
        ("Fields", "remark", remark.clone()),
        ("Refund", "reason", remark.clone()),
        ("Settle", "note", remark.clone()),
        ("NewTotal", "note", remark),
        ("NewAccount", "account", name()),
        ("NewAccount", "name", text(NAME_MAX_CHARS)),
        ("NewAccount", "password", json!({ "minLength": 8, "maxLength": 256, "format": "password" })),
        ("NewAnnouncement", "title", text(TITLE_MAX_CHARS)),
        ("NewAnnouncement", "body", text(BODY_MAX_CHARS)),
        ("EditAnnouncement", "title", text(TITLE_MAX_CHARS)),
        ("EditAnnouncement", "body", text(BODY_MAX_CHARS)),
        ("EditHubAnnouncement", "title", text(TITLE_MAX_CHARS)),
        ("EditHubAnnouncement", "body", text(BODY_MAX_CHARS)),
        ("NewAnnouncement", "stores", json!({ "items": { "type": "string", "pattern": "^[A-Za-z0-9_-]{1,32}$" } })),
        ("NewAccount", "role", json!({ "type": "string", "enum": ["administrator", "cashier"] })),
        ("LogIn", "password", json!({ "format": "password" })),
        ("Approver", "password", json!({ "format": "password" })),
        ("Payment", "order_no", json!({ "pattern": ORDER_NO, "examples": ["09501010001366720007"] })),
        ("Payment", "original_no", json!({ "pattern": ORDER_NO })),
        ("Payment", "refund_no", json!({ "pattern": ORDER_NO })),
        ("Payment", "void_no", json!({ "pattern": ORDER_NO })),
        ("Payment", "settled", one_of(&actions)),
        ("Payment", "fact", json!({ "pattern": FACT_NO })),
        ("BillPart", "no", json!({ "pattern": ORDER_NO })),
        ("BillPart", "kind", one_of(&["wallet"])),
        ("Exception", "id", json!({ "pattern": ORDER_NO })),
        ("Exception", "actions", json!({ "items": { "type": "string", "enum": actions } })),
        ("ProblemBody", "status", json!({ "minimum": 400, "maximum": 599 })),
        ("ProblemBody", "type", json!({ "examples": ["about:blank"] })),
        ("ProblemBody", "code", json!({ "pattern": "^[a-z_]+$", "examples": ["bill_covered"] })),
        ("HourTally", "hour", json!({ "maximum": 23 })),
    ]
}

/// Sets them in all schemas.
pub(super) fn set(schemas: &mut Value) {
    for (schema, member, bounds) in rules() {
        let Some(schema) = schemas.get_mut(schema) else { continue };
        // A schema with flattened members is made of parts.
        let parts: Vec<&mut Value> = match schema.get("allOf") {
            Some(_) => schema["allOf"].as_array_mut().into_iter().flatten().collect(),
            None => vec![schema],
        };
        let members = parts.into_iter().filter_map(|part| part.get_mut("properties")?.get_mut(member));
        members.for_each(|member| extend(member, &bounds));
    }
    if let Some(charge) = schemas.get_mut("Charge") {
        let both = |one: &str, other: &str| json!({ "required": [one, other] });
        let neither = json!({ "not": { "anyOf": [{ "required": ["auth_code"] }, { "required": ["scan"] }] } });
        charge["not"] = json!({ "anyOf": [both("auth_code", "scan"), neither, both("bill", "retry_of")] });
    }
}

/// Adds bounds to a schema. One that says the type too stands for itself.
fn extend(schema: &mut Value, bounds: &Value) {
    if bounds.get("type").is_some() {
        object(schema).remove("$ref");
    }
    for (name, bound) in bounds.as_object().into_iter().flatten() {
        object(schema).insert(name.clone(), bound.clone());
    }
    // A value that may be null may be so besides.
    let nullable = schema["type"].as_array().is_some_and(|types| types.iter().any(|one| one == "null"));
    if let (true, Some(words)) = (nullable, schema.get_mut("enum").and_then(Value::as_array_mut)) {
        words.push(Value::Null);
    }
}

/// What is known of a parameter by its name, wherever it stands.
pub(super) fn set_parameter(parameter: &mut Value) {
    let Some(name) = parameter["name"].as_str().map(str::to_owned) else { return };
    let (words, bounds) = match name.as_str() {
        "order_no" => ("The payment's number, 20 digits.", json!({ "pattern": ORDER_NO })),
        "source" => ("Which of the shop's systems.", identifier()),
        "number" => ("The bill's number there.", identifier()),
        "id" => ("Names it.", json!({ "minLength": 1, "maxLength": 64 })),
        "action" => ("What is done.", one_of(&["accept", "give-back", "close", "write-off"])),
        "store" | "cashier" => ("", self::name()),
        "q" => ("", json!({ "maxLength": SEARCH_MAX_CHARS })),
        "cursor" => ("", json!({ "maxLength": CURSOR_MAX_CHARS })),
        "limit" => ("", json!({ "minimum": 1, "maximum": PAGE_MAX, "default": PAGE_DEFAULT })),
        "Idempotency-Key" => (
            "",
            json!({
                "minLength": IDEMPOTENCY_KEY_CHARS.start(),
                "maxLength": IDEMPOTENCY_KEY_CHARS.end(),
                "pattern": "^[!-~]+$",
                "examples": ["erp-20260105-000042"]
            }),
        ),
        _ => return,
    };
    extend(&mut parameter["schema"], &bounds);
    if parameter["description"].as_str().unwrap_or_default().is_empty() {
        parameter["description"] = words.into();
    }
    if parameter["in"] == "query" {
        parameter["allowEmptyValue"] = true.into();
    }
}
