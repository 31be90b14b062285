//! The merchant's stores and how they are doing.

use std::sync::Arc;

use axum::{Json, extract::State};
use guitai_http::{
    bearer::{Principal, Scope},
    dto::{StoreRows, Time},
    problem::{Problem, ProblemBody},
};

use super::internal;
use crate::app::App;

/// All stores, by id.
#[utoipa::path(get, path = "/stores", responses((status = 200, body = StoreRows), (status = 401, body = ProblemBody)))]
pub(super) async fn list(State(app): State<Arc<App>>, caller: Principal) -> Result<Json<StoreRows>, Problem> {
    caller.require(Scope::Read)?;
    let figures = app.store.figures(app.today(), None).await.map_err(internal)?;
    let items = figures.stores.iter().map(|line| app.store_row(line, &figures.rows)).collect();
    Ok(Json(StoreRows { items, as_of: Time(app.clock.now().wall) }))
}
