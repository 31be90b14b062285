//! The node's HTTP API (design section 5): the table of contents, one file a noun.

mod access;
mod accounts;
mod announcements;
mod approval;
mod bills;
pub(crate) mod events;
mod exceptions;
pub(crate) mod keys;
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
use guitai_http::{dto::NodeEvents, embed, problem::ProblemBody, table};
use rust_embed::Embed;
use utoipa::OpenApi;
use utoipa_axum::routes;

use access::{
    ACCOUNTS, ANYBODY, CHARGE, EDIT_NOTICES, GIVE_BACK, PEOPLE, READ, READ_EXCEPTIONS, READ_NOTICES, READ_ONE,
    SET_TOTAL,
};

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
    components(schemas(NodeEvents, ProblemBody))
)]
struct Head;

type Table = table::Table<Arc<App>>;

/// Every route, once: what is served, who may ask for it and what is described come from here. `guarded` goes around those about
/// money.
fn table(guarded: impl FnOnce(Table) -> Table) -> Table {
    let money = Table::new()
        .routes(READ, routes!(payments::list))
        .routes(CHARGE, routes!(payments::charge))
        .routes(READ_ONE, routes!(payments::one))
        .routes(CHARGE, routes!(payments::cancel))
        .routes(CHARGE, routes!(payments::handed_over))
        .routes(CHARGE, routes!(payments::not_handed_over))
        .routes(GIVE_BACK, routes!(returns::void))
        .routes(GIVE_BACK, routes!(returns::refund))
        .routes(READ, routes!(receipts::reprint))
        .routes(READ, routes!(receipts::picture))
        .routes(READ, routes!(bills::one))
        .routes(SET_TOTAL, routes!(bills::total))
        .routes(READ_EXCEPTIONS, routes!(exceptions::list))
        .routes(GIVE_BACK, routes!(exceptions::settle));
    let rest = Table::new()
        .routes(ANYBODY, routes!(sessions::log_in))
        .routes(PEOPLE, routes!(sessions::current))
        .routes(ANYBODY, routes!(sessions::log_out))
        .routes(READ, routes!(stats::day))
        .routes(READ, routes!(status::sync))
        .routes(ANYBODY, routes!(status::health))
        .routes(ACCOUNTS, routes!(accounts::list, accounts::create))
        .routes(ACCOUNTS, routes!(accounts::change))
        .routes(ACCOUNTS, routes!(keys::list))
        .routes(ACCOUNTS, routes!(keys::revoke))
        .routes(READ_NOTICES, routes!(announcements::list))
        .routes(EDIT_NOTICES, routes!(announcements::edit))
        .routes(PEOPLE, routes!(announcements::mark_read))
        .routes(READ, routes!(events::follow));
    guarded(money).merge(rest)
}

/// The description that programs are written against.
pub(crate) fn document() -> String {
    format!("{:#}\n", table(|money| money).document(Head::openapi()))
}

/// Who may ask for what, one line a route.
pub(crate) fn who_may() -> String {
    table(|money| money).to_text()
}

/// Everything that is served; [`guitai_http::guard::protect`] goes around it.
pub(crate) fn router(app: Arc<App>) -> Router {
    let caught_up = middleware::from_fn_with_state(Arc::clone(&app), caught_up);
    let table = table(|money| money.around(|handlers| handlers.route_layer(caught_up.clone())));
    table.serve(Head::openapi(), &app).fallback(embed::page::<CashierPage>).with_state(app)
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
    fn who_may_ask_is_what_was_decided() {
        assert_eq!(
            include_str!("../../docs/access/node.txt"),
            who_may(),
            "run scripts/openapi and read the change twice"
        );
    }

    #[test]
    fn the_pages_are_built_against_this_description() {
        let on_file = include_str!("../../shared/web/api/openapi/node.json");
        assert!(on_file == document(), "run scripts/openapi");
    }
}
