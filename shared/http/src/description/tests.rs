use axum::Json;
use serde_json::{Value, json};
use utoipa::OpenApi as _;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::*;
use crate::{
    access::Callers,
    bearer::Scope,
    dto,
    idempotency::IdempotencyParam,
    problem::{Code, ProblemBody},
    session::Role,
};

#[derive(utoipa::OpenApi)]
#[openapi(info(description = "A till."), components(schemas(ProblemBody, dto::Exception)))]
struct Head;

/// Gives back.
///
/// In part.
#[utoipa::path(post, path = "/payments/{order_no}/refunds", operation_id = "refund_payment", request_body = dto::Refund,
    params(("order_no" = String, Path), IdempotencyParam), responses((status = 200, body = dto::Payment)))]
async fn refund() {}

/// Voids.
#[utoipa::path(post, path = "/void", operation_id = "void_payment", request_body = Option<dto::Void>,
    responses((status = 204), (status = 409)))]
async fn void() {}

/// Is well.
#[utoipa::path(get, path = "/health", operation_id = "get_health", responses((status = 200, body = dto::Resync)))]
async fn health() -> Json<dto::Resync> {
    Json(dto::Resync {})
}

fn described() -> Value {
    let routes = OpenApiRouter::<()>::new().routes(routes!(refund)).routes(routes!(void)).routes(routes!(health));
    let document = OpenApiRouter::with_openapi(Head::openapi()).nest(crate::openapi::BASE, routes).into_openapi();
    let refund = Callers::keys(&[Scope::Refund]).or_approved_keys(&[Scope::Charge]).approved_roles(&[Role::Cashier]);
    let declared: Vec<Declared> = vec![
        ("POST", "/api/v1/payments/{order_no}/refunds".into(), Access::Of(refund)),
        ("POST", "/api/v1/void".into(), Access::Of(Callers::keys(&[Scope::Refund]))),
        ("GET", "/api/v1/health".into(), Access::Open),
    ];
    complete(&document, &declared)
}

fn statuses(operation: &Value) -> Vec<&str> {
    operation["responses"].as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_route_says_who_may_and_what_it_may_refuse() {
    let document = described();
    let refund = &document["paths"]["/api/v1/payments/{order_no}/refunds"]["post"];
    assert_eq!(refund["security"], json!([{ "key": ["refund"] }, { "key": ["charge"] }, { "session": ["cashier"] }]));
    assert_eq!(
        refund["description"],
        "In part.\n\nScopes of keys: refund, charge with an approver. Roles of people: cashier with an approver."
    );
    let all = ["200", "400", "401", "403", "404", "408", "409", "413", "415", "421", "422", "429", "500", "503"];
    assert_eq!(statuses(refund), all);
    assert_eq!(refund["responses"]["422"], json!({ "$ref": "#/components/responses/Problem422" }));
    assert_eq!(refund["responses"]["200"]["description"], "As asked.");
    assert_eq!(refund["requestBody"]["content"]["application/json"]["example"]["amount_fen"], 500);
    assert_eq!(refund["tags"], json!(["payments"]));
    let parameters = refund["parameters"].as_array().unwrap();
    assert_eq!(parameters[0]["schema"]["pattern"], "^[0-9]{20}$");
    assert_eq!(parameters[1]["schema"]["maxLength"], 64);
    assert_eq!(parameters[2], json!({ "$ref": "#/components/parameters/OwnPage" }));

    let void = &document["paths"]["/api/v1/void"]["post"];
    assert!(void.get("parameters").is_none(), "a key needs no X-Guitai: {void}");
    assert_eq!(void["requestBody"]["required"], false);
    let body = &void["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(*body, json!({ "$ref": "#/components/schemas/Void" }), "left out, and not null");
    assert!(statuses(void).contains(&"409"), "what a handler names is kept");

    let health = &document["paths"]["/api/v1/health"]["get"];
    assert_eq!((&health["security"], statuses(health)), (&json!([]), vec!["200", "403", "421", "500"]));
    assert!(health.get("requestBody").is_none());
}

#[test]
fn every_code_is_described_once_as_a_problem() {
    let document = described();
    let responses = document["components"]["responses"].as_object().unwrap();
    for code in Code::ALL {
        let word = format!("- `{}`: ", code.as_str());
        let told: Vec<_> =
            responses.iter().filter(|(_, of)| of["description"].as_str().unwrap().contains(&word)).collect();
        assert_eq!(told.len(), 1, "{code:?}");
        assert_eq!(*told[0].0, format!("Problem{}", code.status().as_u16()));
    }
    for response in responses.values() {
        let content = &response["content"]["application/problem+json"];
        assert_eq!(content["schema"]["$ref"], "#/components/schemas/ProblemBody");
        assert_eq!(content["example"]["type"], "about:blank");
    }
    assert!(responses["Problem429"]["headers"]["Retry-After"].is_object());
}

#[test]
fn bounds_are_the_products_own() {
    let document = described();
    let schemas = &document["components"]["schemas"];
    let amount = &schemas["Refund"]["properties"]["amount_fen"];
    assert_eq!((&amount["minimum"], &amount["maximum"]), (&json!(1), &json!(50_000_000)));
    assert_eq!(schemas["ExceptionKind"]["enum"], json!(["quarantined", "owed", "stuck"]));
    let part = schemas["ProblemBody"]["allOf"].as_array().unwrap().iter().find(|part| part["properties"].is_object());
    assert_eq!(part.unwrap()["properties"]["status"]["maximum"], 599);
}
