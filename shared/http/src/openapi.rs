//! The interface's own description, at `/api/openapi.json`.
//!
//! Router and description come from one [`crate::table::Table`]: what `routes!` takes is a handler with its description, so neither
//! is without the other. Method and path stand only in the handler's `#[utoipa::path]`.

use axum::{Router, body::Bytes, http::header, routing::get};
use utoipa::openapi::{OpenApi, PathItem, path::Operation};
use utoipa_axum::router::OpenApiRouter;

use crate::problem;

/// Where it is served.
pub const PATH: &str = "/api/openapi.json";

/// What every described path begins with.
pub const BASE: &str = "/api/v1";

/// What is served under one path, by method.
pub(crate) fn operations(item: &PathItem) -> impl Iterator<Item = (&'static str, &Operation)> {
    let all = [
        ("GET", &item.get),
        ("PUT", &item.put),
        ("POST", &item.post),
        ("DELETE", &item.delete),
        ("OPTIONS", &item.options),
        ("HEAD", &item.head),
        ("PATCH", &item.patch),
        ("TRACE", &item.trace),
    ];
    all.into_iter().filter_map(|(method, operation)| operation.as_ref().map(|operation| (method, operation)))
}

/// The routes of a table, and their description at [`PATH`].
///
/// # Panics
/// When the document does not serialise, which a program notices at its start.
pub(crate) fn serve<S: Clone + Send + Sync + 'static>(table: OpenApiRouter<S>) -> Router<S> {
    let (routes, document) = table.split_for_parts();
    routes.merge(route(&document)).method_not_allowed_fallback(problem::method_not_allowed)
}

/// A router with that one route. The text is made once: it does not change while the program runs.
fn route<S: Clone + Send + Sync + 'static>(document: &OpenApi) -> Router<S> {
    let text = document.to_json().expect("an OpenAPI document has texts as keys");
    let text = Bytes::from(text);
    Router::new().route(PATH, get(move || async move { ([(header::CONTENT_TYPE, "application/json")], text) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{body::Body, http::Request};
    use http_body_util::BodyExt;
    use tower::ServiceExt;
    use utoipa::OpenApi as _;

    #[derive(utoipa::OpenApi)]
    #[openapi(components(schemas(
        crate::dto::Payment,
        crate::dto::Stats,
        crate::dto::StoreRow,
        crate::problem::ProblemBody
    )))]
    struct Doc;

    #[tokio::test]
    async fn the_document_is_served_and_names_our_types() {
        let app: Router = route(&Doc::openapi());
        let response = app.oneshot(Request::get(PATH).body(Body::empty()).unwrap()).await.unwrap();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let schemas = &json["components"]["schemas"];
        assert_eq!(schemas["Payment"]["properties"]["created_at"]["$ref"], "#/components/schemas/Time");
        assert_eq!(schemas["Time"]["format"], "date-time");
        assert_eq!(schemas["State"]["enum"].as_array().map(Vec::len), Some(12));
        assert!(schemas["StoreRow"].is_object() && schemas["ProblemBody"].is_object());
    }

    /// One thing.
    #[utoipa::path(get, path = "/things/{id}", operation_id = "get_thing", params(("id" = String, Path)),
        responses((status = 200, body = crate::dto::Resync)))]
    async fn thing() -> axum::Json<crate::dto::Resync> {
        axum::Json(crate::dto::Resync {})
    }

    #[tokio::test]
    async fn a_table_is_served_and_described() {
        let table = OpenApiRouter::<()>::new().nest(BASE, OpenApiRouter::new().routes(utoipa_axum::routes!(thing)));
        let app = serve(table);
        let ask = |method: &str, path: &str| {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            app.clone().oneshot(request)
        };
        assert_eq!(ask("GET", "/api/v1/things/1").await.unwrap().status(), 200);
        assert_eq!(ask("GET", "/things/1").await.unwrap().status(), 404);
        let wrong = ask("PUT", "/api/v1/things/1").await.unwrap();
        assert_eq!(wrong.status(), 405);
        assert_eq!(wrong.headers()[header::CONTENT_TYPE], problem::PROBLEM_JSON);
        let bytes = ask("GET", PATH).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(json["paths"]["/api/v1/things/{id}"]["get"]["operationId"], "get_thing");
        assert!(json["components"]["schemas"]["Resync"].is_object());
    }
}
