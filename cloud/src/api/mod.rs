//! The HTTP interface: what headquarters' page and programs read and write. Node and hub answer in the same types.

mod announcements;
mod events;
mod figures;
mod health;
pub(crate) mod openapi;
pub(crate) mod payments;
mod sessions;
mod stores;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, patch, post},
};
use guitai_http::{
    embed, openapi as description,
    problem::{self, Code, Problem},
};
use guitai_store::StoreError;
use rust_embed::Embed;
use tracing::error;

use crate::app::App;

/// Headquarters' page, as it was built before this program.
#[derive(Embed)]
#[folder = "$CARGO_MANIFEST_DIR/../shared/web/dist/hq"]
#[allow_missing = true]
struct Page;

/// Everything that is served; [`guitai_http::guard::protect`] goes around it.
pub(crate) fn router(app: Arc<App>) -> Router {
    let v1 = Router::new()
        .route("/sessions", post(sessions::open))
        .route("/sessions/current", get(sessions::current).delete(sessions::close))
        .route("/stores", get(stores::list))
        .route("/payments", get(payments::list))
        .route("/payments/{order_no}", get(payments::one))
        .route("/stats", get(figures::day))
        .route("/announcements", get(announcements::list).post(announcements::publish))
        .route("/announcements/{id}", patch(announcements::edit))
        .route("/events", get(events::listen))
        .route("/health", get(health::read))
        .method_not_allowed_fallback(problem::method_not_allowed);
    Router::new()
        .nest("/api/v1", v1)
        .merge(description::route(&openapi::document()))
        .fallback(embed::page::<Page>)
        .with_state(app)
}

/// A fault of ours: the log gets the cause, the caller only that there is one.
fn internal(error: StoreError) -> Problem {
    error!(%error, "a request failed");
    Code::Internal.into()
}
