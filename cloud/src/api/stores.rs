//! The merchant's stores and how they are doing.

use std::sync::Arc;

use axum::{Json, extract::State};
use guitai_http::{
    dto::{StoreRows, Time},
    problem::Problem,
};

use super::internal;
use crate::app::App;

/// All stores, by id, each with the figures of its own business day.
#[utoipa::path(get, path = "/stores", operation_id = "list_stores",
    responses((status = 200, body = StoreRows)))]
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<StoreRows>, Problem> {
    let (stores, today) = app.store.stores_today(app.days(None)).await.map_err(internal)?;
    let items = stores.iter().map(|(day, line)| app.store_row(line, (*day, &today))).collect::<Result<_, _>>()?;
    Ok(Json(StoreRows { items, as_of: Time(app.clock.now().wall) }))
}
