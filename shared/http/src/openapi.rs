//! The interface's own description, at `/api/openapi.json`.
//!
//! Router and description come from one [`crate::table::Table`]: what `routes!` takes is a handler with its description, so neither
//! is without the other. Method and path stand only in the handler's `#[utoipa::path]`.

use axum::{Router, body::Bytes, http::header, routing::get};
use serde_json::Value;
use utoipa::openapi::PathItem;

use crate::problem;

/// Where it is served.
pub const PATH: &str = "/api/openapi.json";

/// What every described path begins with.
pub const BASE: &str = "/api/v1";

/// The methods of one path.
pub(crate) fn methods(item: &PathItem) -> impl Iterator<Item = &'static str> {
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
    all.into_iter().filter_map(|(method, operation)| operation.as_ref().map(|_| method))
}

/// The routes, with their description at [`PATH`]. Its text is made once: it does not change while the program runs.
pub(crate) fn serve<S: Clone + Send + Sync + 'static>(routes: Router<S>, document: &Value) -> Router<S> {
    let text = Bytes::from(document.to_string());
    let described = get(move || async move { ([(header::CONTENT_TYPE, "application/json")], text) });
    routes.route(PATH, described).method_not_allowed_fallback(problem::method_not_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{body::Body, http::Request};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    #[tokio::test]
    async fn the_description_is_served_beside_the_routes() {
        let routes: Router = Router::new().route("/api/v1/things", get(|| async { "things" }));
        let app = serve(routes, &serde_json::json!({ "openapi": "3.1.0" }));
        let ask = |method: &str, path: &str| {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            app.clone().oneshot(request)
        };
        assert_eq!(ask("GET", "/api/v1/things").await.unwrap().status(), 200);
        let wrong = ask("PUT", "/api/v1/things").await.unwrap();
        assert_eq!(wrong.status(), 405);
        assert_eq!(wrong.headers()[header::CONTENT_TYPE], problem::PROBLEM_JSON);
        let bytes = ask("GET", PATH).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        assert_eq!(&*bytes, br#"{"openapi":"3.1.0"}"#);
    }
}
