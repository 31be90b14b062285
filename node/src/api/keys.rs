//! Keys of programs: which there are, and that one is good no more. They are made on the machine itself, where they are shown once.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use guitai_http::{
    bearer::{Principal, Scopes},
    dto,
    path::Path,
    problem::{Code, Problem, ProblemBody},
};
use guitai_store::query::{self, ApiKeyRow};
use guitai_till::Command;
use tokio::sync::oneshot;

use crate::{app::App, refusal};

/// Every key that was made here, also those that are good no more.
#[utoipa::path(get, path = "/api-keys", operation_id = "list_api_keys", responses((status = 200, body = dto::ApiKeys)))]
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<dto::ApiKeys>, Problem> {
    let store = app.store.as_str().to_owned();
    let rows = app.read(move |connection| query::api_keys(connection, &store)).await?;
    Ok(Json(dto::ApiKeys { items: rows.into_iter().map(line).collect() }))
}

/// Makes all keys of this name good no more. Their event streams end within seconds.
#[utoipa::path(delete, path = "/api-keys/{name}", operation_id = "revoke_api_key", params(("name" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemBody), (status = 503, body = ProblemBody)))]
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    who: Principal,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let (done, committed) = oneshot::channel();
    let revoke = Command::RevokeApiKeys(name, Some(who.account()?), Box::new(move |answer| _ = done.send(answer)));
    app.till.send(revoke).map_err(refusal::not_taken)?;
    committed.await.map_err(|_| Problem::from(Code::NotAccepting))?.map_err(refusal::problem)?;
    Ok(StatusCode::NO_CONTENT)
}

/// A key as people and programs see it. One whose scopes a newer version wrote opens nothing here.
pub(crate) fn line(row: ApiKeyRow) -> dto::ApiKeyLine {
    let scopes = Scopes::parse(&row.scopes).unwrap_or_default();
    dto::ApiKeyLine::new(row.name, scopes, row.created_at, row.revoked_at)
}
