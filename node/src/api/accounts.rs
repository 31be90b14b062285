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
    bearer::Principal,
    body::Body,
    dto,
    password::check_policy,
    path::Path,
    problem::{Code, Problem, ProblemBody},
    session::Role,
};
use guitai_store::query::{self, AccountRow};
use guitai_till::{Admit, Command};
use tokio::sync::oneshot;

use crate::{app::App, refusal};

type Shared = State<Arc<App>>;

/// Everybody who may log in here.
#[utoipa::path(get, path = "/accounts", operation_id = "list_accounts",
    responses((status = 200, body = dto::Accounts)))]
pub(crate) async fn list(State(app): Shared) -> Result<Json<dto::Accounts>, Problem> {
    let store = app.store.as_str().to_owned();
    let rows = app.read(move |connection| query::accounts(connection, &store)).await?;
    let items = rows.into_iter().filter_map(shown).collect();
    Ok(Json(dto::Accounts { items }))
}

/// Makes an account. It may log in at once. A program makes no administrators.
#[utoipa::path(post, path = "/accounts", operation_id = "create_account", request_body = dto::NewAccount,
    responses((status = 201, body = dto::Account), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody),
    (status = 429, body = ProblemBody), (status = 503, body = ProblemBody)))]
pub(crate) async fn create(
    State(app): Shared,
    who: Principal,
    Body { value: asked }: Body<dto::NewAccount>,
) -> Result<(StatusCode, Json<dto::Account>), Problem> {
    let account = AccountId::parse(&normal::typed(&asked.account)).map_err(refusal::name("account"))?;
    let role = StoreRole::parse(asked.role.as_str())
        .ok_or_else(|| Problem::malformed("role").detail("administrator 或 cashier。", "administrator or cashier."))?;
    if role == StoreRole::Administrator && who.person().is_none() {
        return Err(Problem::new(Code::Forbidden)
            .field("role")
            .detail("管理员账号只能由管理员建立。", "Only an administrator makes administrators."));
    }
    let by = who.account()?;
    let name = normal::name(&asked.name, limits::NAME_MAX_CHARS).map_err(|error| Problem::text("name", error))?;
    check_policy(&asked.password)?;
    let verifier = app.log_ins.passwords.hash(SecretText::new(asked.password)).await?;
    let fact = AccountSet {
        account: account.clone(),
        name: Some(name.clone().into()),
        role,
        verifier: Some(verifier.into()),
        disabled: false,
        by: Some(by),
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

/// Lets somebody log in no more, or again. Whoever is logged in is logged out at once.
#[utoipa::path(patch, path = "/accounts/{account}", operation_id = "change_account", params(("account" = String, Path)),
    request_body = dto::ChangeAccount, responses((status = 200, body = dto::Account), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody), (status = 503, body = ProblemBody)))]
pub(crate) async fn change(
    State(app): Shared,
    who: Principal,
    Path(account): Path<String>,
    Body { value: asked }: Body<dto::ChangeAccount>,
) -> Result<Json<dto::Account>, Problem> {
    let account = AccountId::parse(&account).map_err(|_| Problem::from(Code::NotFound))?;
    let admit = Admit { account: account.clone(), disabled: asked.disabled, by: Some(who.account()?) };
    let (done, committed) = oneshot::channel();
    app.till.send(Command::Admit(admit, Box::new(move |answer| _ = done.send(answer)))).map_err(refusal::not_taken)?;
    committed.await.map_err(|_| Problem::from(Code::NotAccepting))?.map_err(refusal::problem)?;
    let store = app.store.as_str().to_owned();
    let row = app.read(move |connection| query::account(connection, &store, account.as_str())).await?;
    row.and_then(shown).map(Json).ok_or_else(|| Code::NotFound.into())
}

fn shown(row: AccountRow) -> Option<dto::Account> {
    let role = Role::parse(&row.role)?;
    let (account, name, disabled) = (row.account, row.name, row.disabled);
    Some(dto::Account { account, name, role, phone: None, remark: None, disabled })
}
