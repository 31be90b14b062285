//! Logging in and out.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header::SET_COOKIE},
    response::{IntoResponse, Response},
};
use guitai_core::{ids::AccountId, secret::SecretText};
use guitai_http::{
    bearer::SignedIn,
    body::Body,
    dto::{self, NameId, TillRef},
    problem::{Code, Problem, ProblemBody},
    serve::Peer,
    session::{Current, Person, Role},
};

use guitai_store::query;

use crate::{app::App, refusal};

type Shared = State<Arc<App>>;

/// Logs a person in; the answer sets the session's cookie.
#[utoipa::path(post, path = "/sessions", operation_id = "log_in", request_body = dto::LogIn,
    responses((status = 200, body = dto::Session), (status = 401, body = ProblemBody), (status = 429, body = ProblemBody)))]
pub(crate) async fn log_in(
    State(app): Shared,
    Peer(from): Peer,
    Body { value: asked }: Body<dto::LogIn>,
) -> Result<Response, Problem> {
    let password = SecretText::new(asked.password);
    let Some(row) = app.sign_in(&asked.account, password, from.ip()).await? else {
        return Err(Code::WrongPassword.into());
    };
    let person = Person {
        account: AccountId::parse(&row.account).map_err(refusal::name("account"))?,
        name: row.name,
        role: Role::parse(&row.role).ok_or(Code::Internal)?,
    };
    let opened = app.sessions.open(person, app.now()).map_err(|_| Code::Internal)?;
    // The account may have changed while its password was checked; what changes from here on ends this session.
    let store = app.store.as_str().to_owned();
    let (account, then) = (opened.current.person.account.clone(), (row.role, row.verifier, row.disabled));
    let now = app.look(|connection| query::account(connection, &store, account.as_str()))?;
    if now.is_none_or(|now| (now.role, now.verifier, now.disabled) != then) {
        app.sessions.end_account(&account);
        return Err(Code::WrongPassword.into());
    }
    let body = Json(session_dto(&app, &opened.current));
    Ok(([(SET_COOKIE, opened.set_cookie)], body).into_response())
}

/// Who is logged in.
#[utoipa::path(get, path = "/sessions/current", operation_id = "get_session",
    responses((status = 200, body = dto::Session), (status = 401, body = ProblemBody)))]
pub(crate) async fn current(State(app): Shared, SignedIn(current): SignedIn) -> Json<dto::Session> {
    Json(session_dto(&app, &current))
}

/// Logs out; the cookie is cleared.
#[utoipa::path(delete, path = "/sessions/current", operation_id = "log_out", responses((status = 204)))]
pub(crate) async fn log_out(State(app): Shared, headers: HeaderMap) -> Response {
    (StatusCode::NO_CONTENT, [(SET_COOKIE, app.sessions.close(&headers))]).into_response()
}

fn session_dto(app: &App, current: &Current) -> dto::Session {
    let tills: Vec<TillRef> = app
        .tills
        .iter()
        .map(|(id, till)| TillRef { id: id.to_string(), name: till.name.clone(), registered: till.terminal.is_some() })
        .collect();
    dto::Session {
        account: current.person.account.to_string(),
        name: current.person.name.clone(),
        role: current.person.role,
        store: Some(NameId { id: app.store.to_string(), name: app.store_name.clone() }),
        till: tills.first().map(|till| NameId { id: till.id.clone(), name: till.name.clone() }),
        tills,
        must_change_password: false,
        expires_at: current.expires_at.into(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
