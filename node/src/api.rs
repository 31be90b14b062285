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
};
use guitai_core::sync::member::Wish;
use guitai_http::{dto::NodeEvents, embed, openapi};
use rust_embed::Embed;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

/// The built cashier page; absent until `scripts/build-web` has run.
#[derive(Embed)]
#[folder = "$CARGO_MANIFEST_DIR/../shared/web/dist/cashier"]
#[allow_missing = true]
struct CashierPage;

/// What the description says of the whole; its paths come from [`table`].
#[derive(OpenApi)]
#[openapi(
    info(title = "Guitai node", description = "One store's payments. Amounts are integer fen; times RFC 3339 in UTC."),
    components(schemas(NodeEvents))
)]
struct Head;

type Table = OpenApiRouter<Arc<App>>;

/// Every route, once: what is served and what is described come from here. `guarded` goes around those about money.
fn table(guarded: impl FnOnce(Table) -> Table) -> Table {
    let money = Table::new()
        .routes(routes!(payments::list, payments::charge))
        .routes(routes!(payments::one))
        .routes(routes!(payments::cancel))
        .routes(routes!(payments::handed_over))
        .routes(routes!(payments::not_handed_over))
        .routes(routes!(returns::void))
        .routes(routes!(returns::refund))
        .routes(routes!(receipts::reprint))
        .routes(routes!(receipts::picture))
        .routes(routes!(bills::one))
        .routes(routes!(bills::total))
        .routes(routes!(exceptions::list))
        .routes(routes!(exceptions::settle));
    let rest = Table::new()
        .routes(routes!(sessions::log_in))
        .routes(routes!(sessions::current, sessions::log_out))
        .routes(routes!(stats::day))
        .routes(routes!(status::sync))
        .routes(routes!(status::health))
        .routes(routes!(accounts::list, accounts::create))
        .routes(routes!(announcements::list))
        .routes(routes!(announcements::edit))
        .routes(routes!(announcements::mark_read))
        .routes(routes!(events::follow));
    OpenApiRouter::with_openapi(Head::openapi()).nest(openapi::BASE, guarded(money).merge(rest))
}

/// The description that programs are written against.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    table(|money| money).into_openapi()
}

/// Everything that is served; [`guitai_http::guard::protect`] goes around it.
pub(crate) fn router(app: Arc<App>) -> Router {
    let caught_up = middleware::from_fn_with_state(Arc::clone(&app), caught_up);
    openapi::serve(table(|money| money.route_layer(caught_up))).fallback(embed::page::<CashierPage>).with_state(app)
}

/// Nothing is said or done about money before this journal has what the hub has of it, if the hub can be reached.
async fn caught_up(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    app.membership.admits(Wish::Other).await;
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_are_built_against_this_description() {
        let on_file = include_str!("../../shared/web/api/openapi/node.json");
        assert_eq!(on_file, document().to_pretty_json().unwrap() + "\n", "run scripts/openapi");
    }
}
