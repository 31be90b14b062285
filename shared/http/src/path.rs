//! What a path names. A name that is no text names nothing there is.

use axum::{
    extract::{FromRequestParts, Path as Extracted},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use crate::problem::{Code, Problem};

/// The named parts of a route's path.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Extracted(named) =
            Extracted::from_request_parts(parts, state).await.map_err(|_| Problem::from(Code::NotFound))?;
        Ok(Self(named))
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, http::Request, routing::get};
    use tower::ServiceExt;

    use super::*;
    use crate::problem::PROBLEM_JSON;

    #[tokio::test]
    async fn what_is_no_text_is_not_found() {
        let app: Router = Router::new()
            .route("/{source}/{number}", get(|Path((a, b)): Path<(String, String)>| async move { a + &b }));
        let ask = |path: &str| app.clone().oneshot(Request::get(path).body(Body::empty()).unwrap());
        assert_eq!(ask("/his/%E5%8D%95").await.unwrap().status(), 200);
        let wrong = ask("/his/%ff").await.unwrap();
        assert_eq!((wrong.status().as_u16(), &wrong.headers()["content-type"]), (404, &PROBLEM_JSON.parse().unwrap()));
    }
}
