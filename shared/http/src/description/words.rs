//! Words of the description: its introduction, its chapters, who may ask, and examples.

use serde_json::{Value, json};

use crate::access::Access;

const INTRODUCTION: &str = "\n\nPrograms send `Authorization: Bearer <key>`; people log in by `POST /sessions`. Every POST that moves \
     money needs an `Idempotency-Key`: make one for each business act, keep it, and send the same request again until an answer comes. \
     A payment's `state` may be `pending` or `unknown`: then nobody knows yet whether money was taken. Read it again, or follow \
     `/events`; never charge again under another key.\n\nWhatever is refused is a problem (RFC 9457) with a stable `code`, and words \
     for people in the language of `Accept-Language`: Chinese, or English where it is preferred. `GET` routes answer `HEAD` as well. A \
     query parameter without a value counts as absent; an unknown one is refused.";

/// What holds for the whole interface, after the server's own sentence.
pub(super) fn introduce(info: &mut Value) {
    let own = info["description"].as_str().unwrap_or_default().to_owned();
    info["description"] = format!("{own}{INTRODUCTION}").into();
}

/// The chapters in which routes are grouped, by the first part of their path.
const TAGS: &[(&str, &str)] = &[
    ("payments", "Collecting, taking back, giving back, and looking up."),
    ("bills", "Bills of the shop's own systems: what is paid, in doubt and free."),
    ("exceptions", "What waits for a person, and its ways out."),
    ("stats", "Figures of a business day."),
    ("stores", "The merchant's stores and how they are doing."),
    ("events", "News as they happen, as server-sent events."),
    ("announcements", "Words of headquarters to its stores."),
    ("accounts", "People of the store."),
    ("sessions", "Logging in and out."),
    ("sync", "The line to the hub."),
    ("health", "For monitors."),
];

/// The chapter of a path.
pub(super) fn tag(path: &str) -> &str {
    path.strip_prefix(crate::openapi::BASE).unwrap_or(path).split('/').nth(1).unwrap_or_default()
}

/// The chapters these paths belong to.
pub(super) fn tags<'a>(paths: impl Iterator<Item = &'a str>) -> Value {
    let used: Vec<&str> = paths.map(tag).collect();
    let of = |(name, description): &(&str, &str)| json!({ "name": name, "description": description });
    TAGS.iter().filter(|(name, _)| used.contains(name)).map(of).collect()
}

/// The operation's own description, and who may ask.
pub(super) fn who_may(own: Option<&str>, access: &Access) -> String {
    let (scopes, roles) = access.columns();
    let list = |words: &str| words.replace("+approver", " with an approver").replace(',', ", ");
    let who = if *access == Access::Open {
        "Open to everybody.".to_owned()
    } else {
        let nobody = |words: String| if words == "-" { "none".to_owned() } else { words };
        format!("Scopes of keys: {}. Roles of people: {}.", nobody(list(&scopes)), nobody(list(&roles)))
    };
    own.map_or_else(|| who.clone(), |own| format!("{own}\n\n{who}"))
}

/// A request as an example, by operation.
pub(super) fn example(operation: &str) -> Option<Value> {
    Some(match operation {
        "charge" => json!({
            "amount_fen": 1250,
            "auth_code": "134567890123456789",
            "bill": { "source": "his", "number": "MZ20260105-0042", "total_fen": 1250 },
            "cashier": "03",
            "wait_ms": 5000
        }),
        "refund_payment" => json!({ "amount_fen": 500, "reason": "退一盒" }),
        "void_payment" | "cancel_payment" | "goods_not_handed_over" => json!({}),
        "settle_exception" => json!({ "note": "与收单机构核对过" }),
        "set_bill_total" => json!({ "total_fen": 9900, "note": "加一项检查" }),
        _ => return None,
    })
}
