//! The node's HTTP API (design section 5): the table of contents, one file a noun.

mod accounts;
mod announcements;
mod approval;
mod bills;
pub(crate) mod events;
mod exceptions;
pub(crate) mod payments;
mod receipts;
mod returns;
mod sessions;
mod stats;
mod status;
pub(crate) use status::sync_dto;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
    routing::{get, patch, post},
};
use guitai_core::sync::member::Wish;
use guitai_http::{embed, openapi, problem};
use rust_embed::Embed;
use utoipa::OpenApi;

use crate::app::App;

/// The built cashier page; absent until `scripts/build-web` has run.
#[derive(Embed)]
#[folder = "$CARGO_MANIFEST_DIR/../shared/web/dist/cashier"]
#[allow_missing = true]
struct CashierPage;

/// The description that programs are written against.
#[derive(OpenApi)]
#[openapi(
    info(title = "Guitai node", description = "One store's payments. Amounts are integer fen; times RFC 3339 in UTC."),
    paths(
        sessions::log_in,
        sessions::current,
        sessions::log_out,
        payments::charge,
        payments::one,
        payments::list,
        payments::cancel,
        payments::handed_over,
        payments::not_handed_over,
        returns::void,
        returns::refund,
        bills::one,
        bills::total,
        exceptions::list,
        exceptions::settle,
        receipts::reprint,
        receipts::picture,
        stats::day,
        status::sync,
        status::health,
        accounts::list,
        accounts::create,
        announcements::list,
        announcements::mark_read,
        announcements::edit,
        events::follow,
    )
)]
pub(crate) struct Description;

/// Every route.
pub(crate) fn router(app: Arc<App>) -> Router {
    let money = Router::new()
        .route("/payments", get(payments::list).post(payments::charge))
        .route("/payments/{order_no}", get(payments::one))
        .route("/payments/{order_no}/cancel", post(payments::cancel))
        .route("/payments/{order_no}/handed-over", post(payments::handed_over))
        .route("/payments/{order_no}/not-handed-over", post(payments::not_handed_over))
        .route("/payments/{order_no}/void", post(returns::void))
        .route("/payments/{order_no}/refunds", post(returns::refund))
        .route("/payments/{order_no}/receipt", post(receipts::reprint))
        .route("/payments/{order_no}/receipt.png", get(receipts::picture))
        .route("/bills/{source}/{number}", get(bills::one))
        .route("/bills/{source}/{number}/total", post(bills::total))
        .route("/exceptions", get(exceptions::list))
        .route("/exceptions/{id}/{action}", post(exceptions::settle))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&app), caught_up));
    let api = Router::new()
        .merge(money)
        .route("/sessions", post(sessions::log_in))
        .route("/sessions/current", get(sessions::current).delete(sessions::log_out))
        .route("/stats/day", get(stats::day))
        .route("/sync", get(status::sync))
        .route("/health", get(status::health))
        .route("/accounts", get(accounts::list).post(accounts::create))
        .route("/announcements", get(announcements::list))
        .route("/announcements/{id}", patch(announcements::edit))
        .route("/announcements/{id}/read", post(announcements::mark_read))
        .route("/events", get(events::follow))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed);
    Router::new()
        .nest("/api/v1", api)
        .merge(openapi::route(&Description::openapi()))
        .fallback(embed::page::<CashierPage>)
        .with_state(app)
}

/// Nothing is said or done about money before this journal has what the hub has of it, if the hub can be reached.
async fn caught_up(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    app.membership.admits(Wish::Other).await;
    next.run(request).await
}
