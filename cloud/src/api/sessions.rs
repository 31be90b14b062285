//! Signing in and out.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::AppendHeaders,
};
use guitai_core::{ids::AccountId, secret::SecretText};
use guitai_http::{
    bearer::SignedIn,
    body::Body,
    dto::{LogIn, Session, Time},
    login::Attempt,
    problem::{Code, Problem, ProblemBody},
    serve::Peer,
    session::Current,
};
use tracing::{info, warn};

use super::internal;
use crate::{
    app::{App, VERSION},
    sessions,
};

/// How often the accounts of those who are signed in are looked at. Few people sign in to a hub at the same time.
const LOOK_EVERY: Duration = Duration::from_secs(2);

type SetCookie = [(HeaderName, HeaderValue); 1];

/// Signs a person in.
#[utoipa::path(post, path = "/sessions", operation_id = "log_in", request_body = LogIn, responses(
    (status = 200, body = Session, headers(("Set-Cookie" = String, description = "The session."))),
    (status = 401, body = ProblemBody), (status = 429, body = ProblemBody)))]
pub(super) async fn open(
    State(app): State<Arc<App>>,
    Peer(from): Peer,
    headers: HeaderMap,
    Body { value: asked }: Body<LogIn>,
) -> Result<(AppendHeaders<[(HeaderName, HeaderValue); 2]>, Json<Session>), Problem> {
    let (password, current) = (SecretText::new(asked.password), app.sessions.find(&headers, app.clock.now()));
    let attempt =
        Attempt { account: &asked.account, password, from: from.ip(), headers: &headers, current: current.as_ref() };
    let find = async |account: &AccountId| {
        let found = app.store.account(account.clone()).await.map_err(internal)?;
        Ok(found.map(|known| (known.clone(), known.1)))
    };
    let (known, terminal) = app.log_ins.log_in(attempt, app.clock.now().up, find).await?;
    let account = known.0.account.clone();
    if app.accounts.known(&known) {
        app.sessions.end_account(&account);
    }
    let opened = app.sessions.open(known.0.clone(), &known.1, app.clock.now())?;
    // The account may have changed while its password was checked; what changes from here on ends this session.
    if app.store.account(account.clone()).await.map_err(internal)? != Some(known) {
        app.sessions.end_account(&account);
        return Err(Code::WrongPassword.into());
    }
    let cookies = AppendHeaders([(header::SET_COOKIE, opened.set_cookie), (header::SET_COOKIE, terminal)]);
    Ok((cookies, Json(shown(opened.current))))
}

/// Who is signed in.
#[utoipa::path(get, path = "/sessions/current", operation_id = "get_session",
    responses((status = 200, body = Session)))]
pub(super) async fn current(SignedIn(current): SignedIn) -> Json<Session> {
    Json(shown(current))
}

/// Signs out.
#[utoipa::path(delete, path = "/sessions/current", operation_id = "log_out",
    responses((status = 204, headers(("Set-Cookie" = String, description = "Makes the browser forget the session.")))))]
pub(super) async fn close(State(app): State<Arc<App>>, headers: HeaderMap) -> (StatusCode, SetCookie) {
    let forget = app.sessions.close(&headers);
    // Whoever logged out stays so, whatever becomes of this process.
    sessions::write(&app).await;
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, forget)])
}

/// Ends the sessions of accounts that the command line sets anew beside the running hub.
pub(crate) async fn watch_accounts(app: Arc<App>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        look(&app).await;
    }
}

/// Looks once.
pub(super) async fn look(app: &App) {
    for known in app.accounts.all() {
        let account = &known.0.account;
        if !app.sessions.holds(account, app.clock.now()) {
            app.accounts.forget(&known);
            continue;
        }
        match app.store.account(account.clone()).await {
            Ok(now) if now.as_ref() == Some(&known) => {}
            Ok(_) => {
                app.accounts.forget(&known);
                let ended = app.sessions.end_account(account);
                info!(%account, ended, "the account changed: its sessions are over");
            }
            // Nobody knows: the next look will tell.
            Err(error) => warn!(%account, %error, "an account cannot be looked at"),
        }
    }
}

fn shown(current: Current) -> Session {
    Session {
        account: current.person.account.to_string(),
        name: current.person.name,
        role: current.person.role,
        store: None,
        till: None,
        tills: Vec::new(),
        must_change_password: false,
        expires_at: Time(current.expires_at),
        version: VERSION.to_owned(),
    }
}
