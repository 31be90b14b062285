//! News as they happen: payments and stores.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use guitai_http::{
    bearer::Principal,
    problem::Problem,
    sse::{self, Feed},
};

use crate::app::App;

/// Server-sent events: `payment` (a payment) and `store` (a row of `/stores`). Facts of many stores have no common number to
/// resume after, so a listener that was away reads the lists anew.
#[utoipa::path(get, path = "/events", operation_id = "follow_events", responses(
    (status = 200, content_type = "text/event-stream",
        description = "Events by name, each with one JSON object as its data: `HubEvents` says which.")))]
pub(super) async fn listen(State(app): State<Arc<App>>, caller: Principal) -> Result<Response, Problem> {
    let seat = app.streams.take(&caller)?;
    let live = app.news.subscribe();
    let stop = app.stop.clone();
    let alive = sse::while_let_in(app, &caller);
    Ok(sse::respond(Feed { replay: Vec::new(), live, stop, alive, hears: Box::new(|_| true), seat }))
}
