//! People of this store.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use guitai_core::{
    ids::AccountId,
    limits, normal,
    people::{AccountSet, Role as StoreRole},
    secret::SecretText,
};
use guitai_http::{
    bearer::SignedIn,
    body::Body,
    dto,
    password::check_policy,
    problem::{Code, Problem, ProblemBody},
    session::Role,
};
use guitai_store::query;
use guitai_till::Command;
use tokio::sync::oneshot;

use crate::{app::App, refusal};

type Shared = State<Arc<App>>;

/// Everybody who may log in here.
#[utoipa::path(get, path = "/accounts", operation_id = "list_accounts",
    responses((status = 200, body = dto::Accounts)))]
pub(crate) async fn list(State(app): Shared) -> Result<Json<dto::Accounts>, Problem> {
    let store = app.store.as_str().to_owned();
    let rows = app.read(move |connection| query::accounts(connection, &store)).await?;
    let items = rows
        .into_iter()
        .filter_map(|row| {
            let role = Role::parse(&row.role)?;
            let (account, name, disabled) = (row.account, row.name, row.disabled);
            Some(dto::Account { account, name, role, phone: None, remark: None, disabled })
        })
        .collect();
    Ok(Json(dto::Accounts { items }))
}

/// Makes an account. It may log in at once.
#[utoipa::path(post, path = "/accounts", operation_id = "create_account", request_body = dto::NewAccount,
    responses((status = 201, body = dto::Account), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody),
    (status = 429, body = ProblemBody), (status = 503, body = ProblemBody)))]
pub(crate) async fn create(
    State(app): Shared,
    SignedIn(current): SignedIn,
    Body { value: asked }: Body<dto::NewAccount>,
) -> Result<(StatusCode, Json<dto::Account>), Problem> {
    let account = AccountId::parse(&normal::typed(&asked.account)).map_err(refusal::name("account"))?;
    let role = StoreRole::parse(asked.role.as_str())
        .ok_or_else(|| Problem::malformed("role").detail("administrator 或 cashier。", "administrator or cashier."))?;
    let name = normal::name(&asked.name, limits::NAME_MAX_CHARS).map_err(|error| Problem::text("name", error))?;
    check_policy(&asked.password)?;
    let verifier = app.log_ins.passwords.hash(SecretText::new(asked.password)).await?;
    let fact = AccountSet {
        account: account.clone(),
        name: Some(name.clone().into()),
        role,
        verifier: Some(verifier.into()),
        disabled: false,
        by: Some(current.person.account.clone()),
        at: app.trusted_now(),
    };
    let (done, committed) = oneshot::channel();
    let create = Command::CreateAccount(fact, Box::new(move |answer| _ = done.send(answer)));
    app.till.send(create).map_err(refusal::not_taken)?;
    committed.await.map_err(|_| Problem::from(Code::NotAccepting))?.map_err(refusal::problem)?;
    let body = dto::Account {
        account: account.to_string(),
        name,
        role: asked.role,
        phone: None,
        remark: None,
        disabled: false,
    };
    Ok((StatusCode::CREATED, Json(body)))
}
