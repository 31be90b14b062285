//! The interface's own description, at `/api/openapi.json`.

use axum::{Router, body::Bytes, http::header, routing::get};
use utoipa::openapi::OpenApi;

/// Where it is served.
pub const PATH: &str = "/api/openapi.json";

/// A router with that one route. The text is made once: it does not change while the program runs.
///
/// # Panics
/// When the document does not serialise, which a program notices at its start.
pub fn route<S: Clone + Send + Sync + 'static>(document: &OpenApi) -> Router<S> {
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
}
