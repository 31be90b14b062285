//! Accounts of headquarters and keys of programs: which there are, and who is let in no more. They are made by commands on the hub's
//! own machine, where passwords and keys stay.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use guitai_core::ids::AccountId;
use guitai_http::{
    body::Body,
    dto,
    path::Path,
    problem::{Code, Problem, ProblemBody},
    session::Person,
};
use tracing::info;

use super::internal;
use crate::{
    app::App,
    store::people::{KeyLine, NotAdmitted},
};

/// Everybody of headquarters.
#[utoipa::path(get, path = "/accounts", operation_id = "list_accounts",
    responses((status = 200, body = dto::Accounts)))]
pub(super) async fn accounts(State(app): State<Arc<App>>) -> Result<Json<dto::Accounts>, Problem> {
    let accounts = app.store.accounts().await.map_err(internal)?;
    let items = accounts.into_iter().map(|(person, disabled)| account(person, disabled)).collect();
    Ok(Json(dto::Accounts { items }))
}

/// Lets somebody log in no more, or again. Whoever is logged in is logged out at once.
#[utoipa::path(patch, path = "/accounts/{account}", operation_id = "change_account", params(("account" = String, Path)),
    request_body = dto::ChangeAccount, responses((status = 200, body = dto::Account), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody)))]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    Path(named): Path<String>,
    Body { value: asked }: Body<dto::ChangeAccount>,
) -> Result<Json<dto::Account>, Problem> {
    let named = AccountId::parse(&named).map_err(|_| Problem::from(Code::NotFound))?;
    let now = app.clock.now().wall;
    let person = app.store.admit(named, asked.disabled, now).await.map_err(|why| match why {
        NotAdmitted::Unknown => Code::NotFound.into(),
        NotAdmitted::Last => Code::LastAdministrator.into(),
        NotAdmitted::Store(error) => internal(error),
    })?;
    if asked.disabled {
        let ended = app.sessions.end_account(&person.account);
        info!(account = %person.account, ended, "the account is disabled");
    }
    Ok(Json(account(person, asked.disabled)))
}

/// Every key that was made here, also those that are good no more.
#[utoipa::path(get, path = "/api-keys", operation_id = "list_api_keys", responses((status = 200, body = dto::ApiKeys)))]
pub(super) async fn keys(State(app): State<Arc<App>>) -> Result<Json<dto::ApiKeys>, Problem> {
    let keys = app.store.keys().await.map_err(internal)?;
    Ok(Json(dto::ApiKeys { items: keys.into_iter().map(key).collect() }))
}

/// Makes the key of this name good no more. Its event streams end within seconds.
#[utoipa::path(delete, path = "/api-keys/{name}", operation_id = "revoke_api_key", params(("name" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemBody)))]
pub(super) async fn revoke(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    let now = app.clock.now().wall;
    if !app.store.revoke_key(name.clone(), now).await.map_err(internal)? {
        return Err(Code::NotFound.into());
    }
    info!(key = %name, "the key is revoked");
    Ok(StatusCode::NO_CONTENT)
}

/// An account as people and programs see it.
pub(crate) fn account(person: Person, disabled: bool) -> dto::Account {
    let (account, name, role) = (person.account.to_string(), person.name, person.role);
    dto::Account { account, name, role, phone: None, remark: None, disabled }
}

/// A key as people and programs see it.
pub(crate) fn key(line: KeyLine) -> dto::ApiKeyLine {
    dto::ApiKeyLine::new(line.name, line.scopes, line.created_at, line.revoked_at)
}
