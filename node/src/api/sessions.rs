//! Logging in and out.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header::SET_COOKIE},
    response::{AppendHeaders, IntoResponse, Response},
};
use guitai_core::{ids::AccountId, secret::SecretText};
use guitai_http::{
    bearer::SignedIn,
    body::Body,
    dto::{self, NameId, TillRef},
    login::Attempt,
    problem::{Code, Problem, ProblemBody},
    serve::Peer,
    session::{Current, Person, Role},
};

use crate::{app::App, refusal, sessions};

type Shared = State<Arc<App>>;

/// Logs a person in; the answer sets the session's cookie.
#[utoipa::path(post, path = "/sessions", operation_id = "log_in", request_body = dto::LogIn,
    responses((status = 200, body = dto::Session, headers(("Set-Cookie" = String, description = "The session."))),
    (status = 401, body = ProblemBody), (status = 429, body = ProblemBody), (status = 503, body = ProblemBody)))]
pub(crate) async fn log_in(
    State(app): Shared,
    Peer(from): Peer,
    headers: HeaderMap,
    Body { value: asked }: Body<dto::LogIn>,
) -> Result<Response, Problem> {
    if app.lacks_people().await? {
        return Err(refusal::journal_behind());
    }
    let (password, current) = (SecretText::new(asked.password), app.sessions.find(&headers, app.now()));
    let attempt =
        Attempt { account: &asked.account, password, from: from.ip(), headers: &headers, current: current.as_ref() };
    let (row, terminal) = app.log_ins.log_in(attempt, app.now().up, async |account| app.account(account).await).await?;
    let person = Person {
        account: AccountId::parse(&row.account).map_err(refusal::name("account"))?,
        name: row.name,
        role: Role::parse(&row.role).ok_or(Code::Internal)?,
    };
    let opened = app.sessions.open(person, &row.verifier, app.now()).map_err(|_| Code::Internal)?;
    // The account may have changed while its password was checked; what changes from here on ends this session.
    let account = opened.current.person.account.clone();
    let then = (row.role, row.verifier);
    if app.account(&account).await?.is_none_or(|(now, _)| (now.role, now.verifier) != then) {
        app.sessions.end_account(&account);
        return Err(Code::WrongPassword.into());
    }
    let body = Json(session_dto(&app, &opened.current));
    Ok((AppendHeaders([(SET_COOKIE, opened.set_cookie), (SET_COOKIE, terminal)]), body).into_response())
}

/// Who is logged in.
#[utoipa::path(get, path = "/sessions/current", operation_id = "get_session",
    responses((status = 200, body = dto::Session)))]
pub(crate) async fn current(State(app): Shared, SignedIn(current): SignedIn) -> Json<dto::Session> {
    Json(session_dto(&app, &current))
}

/// Logs out; the cookie is cleared.
#[utoipa::path(delete, path = "/sessions/current", operation_id = "log_out",
    responses((status = 204, headers(("Set-Cookie" = String, description = "Makes the browser forget the session.")))))]
pub(crate) async fn log_out(State(app): Shared, headers: HeaderMap) -> Response {
    let forget = app.sessions.close(&headers);
    // Whoever logged out stays so, whatever becomes of this process.
    sessions::write(&app).await;
    (StatusCode::NO_CONTENT, [(SET_COOKIE, forget)]).into_response()
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
