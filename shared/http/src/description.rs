//! What the description says of every route alike, written once over the whole document: how callers say who they are, every
//! refusal with its problem, the headers they come with, bounds of values, tags and examples.
//!
//! A handler's `#[utoipa::path]` names what is its own: its parameters, its body, what it answers when it goes well, and the refusals
//! that do not follow from those. Everything here works on the document as JSON, since that is what is published.

use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use crate::access::Access;

mod bounds;
mod refusals;
mod words;

/// A route as it is declared: method in capitals, path, and who may ask.
pub(crate) type Declared = (&'static str, String, Access);

/// The finished description.
///
/// # Panics
/// When the document does not serialise, which a program notices at its start.
pub(crate) fn complete(document: &OpenApi, routes: &[Declared]) -> Value {
    let mut document = serde_json::to_value(document).expect("an OpenAPI document has texts as keys");
    words::introduce(&mut document["info"]);
    document["tags"] = words::tags(routes.iter().map(|(_, path, _)| path.as_str()));
    document["components"]["securitySchemes"] = security_schemes();
    document["components"]["responses"] = refusals::all();
    document["components"]["parameters"] = json!({ "OwnPage": own_page() });
    pages_of_named_rows(&mut document["components"]["schemas"]);
    bounds::set(&mut document["components"]["schemas"]);
    let schemas = document["components"]["schemas"].clone();
    for (method, path, access) in routes {
        let operation = &mut document["paths"][path][method.to_ascii_lowercase()];
        if operation.is_object() {
            complete_operation(operation, (method, path), access, &schemas);
        }
    }
    document
}

fn complete_operation(operation: &mut Value, (method, path): (&str, &str), access: &Access, schemas: &Value) {
    operation["tags"] = json!([words::tag(path)]);
    operation["security"] = security(access);
    operation["description"] = words::who_may(operation["description"].as_str(), access).into();
    let changes = method != "GET";
    if changes && (*access == Access::Open || access.roles().next().is_some()) {
        members(&mut operation["parameters"]).push(json!({ "$ref": "#/components/parameters/OwnPage" }));
    }
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        bounds::set_parameter(parameter);
    }
    let example = operation["operationId"].as_str().and_then(words::example);
    if let Some(body) = operation.get_mut("requestBody") {
        plain_body(body, schemas);
        if let Some(example) = example {
            body["content"]["application/json"]["example"] = example;
        }
    }
    refusals::declare(operation, changes, access);
}

/// A page is described with its rows written out; they have a name of their own.
fn pages_of_named_rows(schemas: &mut Value) {
    for (name, page) in schemas.as_object_mut().into_iter().flatten() {
        if let Some(row) = name.strip_prefix("Page_") {
            page["properties"]["items"]["items"] = json!({ "$ref": format!("#/components/schemas/{row}") });
        }
    }
}

/// A body that needs no member may be left out; it may not be null.
fn plain_body(body: &mut Value, schemas: &Value) {
    let schema = &mut body["content"]["application/json"]["schema"];
    let content = schema["oneOf"].as_array().and_then(|any| any.iter().find(|one| one["$ref"].is_string()));
    if let Some(content) = content.cloned() {
        *schema = content;
    }
    let name = schema["$ref"].as_str().and_then(|of| of.rsplit('/').next()).unwrap_or_default();
    let needed = schemas[name]["required"].as_array().is_some_and(|members| !members.is_empty());
    body["required"] = needed.into();
}

/// A key of a program, or a session of a person.
fn security_schemes() -> Value {
    json!({
        "key": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "gk_ and 43 characters",
            "description": "A program's key, made at the machine by `guitai-node api-key create` or `guitai-hub api-key create`. \
                            The scopes that open a route stand beside it; any one is enough."
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "__Host-sid-00000000",
            "description": "A person's session, as `POST /sessions` sets it. The last 8 characters of the cookie's name differ from \
                            server to server: send back the name that came. Whatever is no GET then needs `X-Guitai: 1`. The roles \
                            that open a route stand beside it."
        }
    })
}

fn security(access: &Access) -> Value {
    let keys = access.scopes().map(|scope| json!({ "key": [scope.as_str()] }));
    let sessions = access.roles().map(|role| json!({ "session": [role.as_str()] }));
    keys.chain(sessions).collect()
}

fn own_page() -> Value {
    json!({
        "name": "X-Guitai",
        "in": "header",
        "required": false,
        "description": "Needed with a session's cookie, never with a key: a page of another site cannot send it.",
        "schema": { "type": "string", "examples": ["1"] }
    })
}

/// A list, made if there is none.
fn members(list: &mut Value) -> &mut Vec<Value> {
    if !list.is_array() {
        *list = json!([]);
    }
    list.as_array_mut().expect("a list by now")
}

/// An object, made if there is none.
fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = json!({});
    }
    value.as_object_mut().expect("an object by now")
}

#[cfg(test)]
mod tests;
