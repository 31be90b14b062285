//! The HTTP interface: what headquarters' page and programs read and write. Node and hub answer in the same types.

mod announcements;
mod events;
mod figures;
mod health;
pub(crate) mod payments;
mod sessions;
mod stores;

pub(crate) use sessions::watch_accounts;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use guitai_http::{
    dto::HubEvents,
    embed, openapi,
    problem::{Code, Problem},
};
use guitai_store::StoreError;
use rust_embed::Embed;
use tracing::error;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

/// Headquarters' page, as it was built before this program.
#[derive(Embed)]
#[folder = "$CARGO_MANIFEST_DIR/../shared/web/dist/hq"]
#[allow_missing = true]
struct Page;

/// What the description says of the whole; its paths come from [`table`].
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Guitai hub 柜台总部",
        description = "What all stores of a merchant do. Times are RFC 3339 UTC, amounts whole fen."
    ),
    components(schemas(HubEvents))
)]
struct Head;

type Table = OpenApiRouter<Arc<App>>;

/// Every route, once: what is served and what is described come from here.
fn table() -> Table {
    let v1 = Table::new()
        .routes(routes!(sessions::open))
        .routes(routes!(sessions::current, sessions::close))
        .routes(routes!(stores::list))
        .routes(routes!(payments::list))
        .routes(routes!(payments::one))
        .routes(routes!(figures::day))
        .routes(routes!(announcements::list, announcements::publish))
        .routes(routes!(announcements::edit))
        .routes(routes!(events::listen))
        .routes(routes!(health::read));
    OpenApiRouter::with_openapi(Head::openapi()).nest(openapi::BASE, v1)
}

/// The description that programs are written against.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    table().into_openapi()
}

/// Everything that is served; [`guitai_http::guard::protect`] goes around it.
pub(crate) fn router(app: Arc<App>) -> Router {
    openapi::serve(table()).fallback(embed::page::<Page>).with_state(app)
}

/// A fault of ours: the log gets the cause, the caller only that there is one.
fn internal(error: StoreError) -> Problem {
    error!(%error, "a request failed");
    Code::Internal.into()
}
