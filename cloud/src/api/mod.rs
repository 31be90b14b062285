//! The HTTP interface: what headquarters' page and programs read and write. Node and hub answer in the same types.

mod access;
mod announcements;
mod events;
mod figures;
mod health;
pub(crate) mod payments;
pub(crate) mod people;
mod sessions;
mod stores;

pub(crate) use sessions::watch_accounts;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use guitai_http::{
    dto::HubEvents,
    embed,
    problem::{Code, Problem, ProblemBody},
    table,
};
use guitai_store::StoreError;
use rust_embed::Embed;
use tracing::error;
use utoipa::OpenApi;
use utoipa_axum::routes;

use access::{ACCOUNTS, ANYBODY, PEOPLE, READ, READ_NOTICES, WRITE_NOTICES};

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
    components(schemas(HubEvents, ProblemBody))
)]
struct Head;

type Table = table::Table<Arc<App>>;

/// Every route, once: what is served, who may ask for it and what is described come from here.
fn table() -> Table {
    Table::new()
        .routes(ANYBODY, routes!(sessions::open))
        .routes(PEOPLE, routes!(sessions::current))
        .routes(ANYBODY, routes!(sessions::close))
        .routes(READ, routes!(stores::list))
        .routes(READ, routes!(payments::list))
        .routes(READ, routes!(payments::one))
        .routes(READ, routes!(figures::day))
        .routes(ACCOUNTS, routes!(people::accounts))
        .routes(ACCOUNTS, routes!(people::change))
        .routes(ACCOUNTS, routes!(people::keys))
        .routes(ACCOUNTS, routes!(people::revoke))
        .routes(READ_NOTICES, routes!(announcements::list))
        .routes(WRITE_NOTICES, routes!(announcements::publish))
        .routes(WRITE_NOTICES, routes!(announcements::edit))
        .routes(READ, routes!(events::listen))
        .routes(ANYBODY, routes!(health::read))
}

/// The description that programs are written against.
pub(crate) fn document() -> String {
    format!("{:#}\n", table().document(Head::openapi()))
}

/// Who may ask for what, one line a route.
pub(crate) fn who_may() -> String {
    table().to_text()
}

/// Everything that is served; [`guitai_http::guard::protect`] goes around it.
pub(crate) fn router(app: Arc<App>) -> Router {
    table().serve(Head::openapi(), &app).fallback(embed::page::<Page>).with_state(app)
}

/// A fault of ours: the log gets the cause, the caller only that there is one.
fn internal(error: StoreError) -> Problem {
    error!(%error, "a request failed");
    Code::Internal.into()
}
