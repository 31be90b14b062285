//! Bills of the shop's own systems: what is paid, what is in doubt, what is free.

use std::sync::Arc;

use axum::{Json, extract::State};
use guitai_core::{bill::BillKey, limits, normal, people::Approval};
use guitai_http::{
    bearer::Principal,
    dto::{self, BillPart, BillQuery},
    idempotency::{IdempotencyParam, Keyed},
    paging::Query,
    path::Path,
    problem::{Code, Problem},
};
use guitai_store::bills;
use guitai_till::{Command, TotalRequest};
use tokio::sync::oneshot;

use super::{approval, payments};
use crate::{app::App, refusal};

type Shared = State<Arc<App>>;

/// One bill with its payments.
#[utoipa::path(get, path = "/bills/{source}/{number}", operation_id = "get_bill",
    params(("source" = String, Path), ("number" = String, Path), BillQuery),
    responses((status = 200, body = dto::Bill)))]
pub(crate) async fn one(
    State(app): Shared,
    Path((source, number)): Path<(String, String)>,
    Query(asked): Query<BillQuery>,
) -> Result<Json<dto::Bill>, Problem> {
    shown(&app, key(&app, &source, &number, asked.day)?).await
}

/// Changes what a bill comes to: an act of its own, never below what is paid or in doubt.
#[utoipa::path(post, path = "/bills/{source}/{number}/total", operation_id = "set_bill_total", request_body = dto::NewTotal,
    params(("source" = String, Path), ("number" = String, Path), IdempotencyParam),
    responses((status = 200, body = dto::Bill)))]
pub(crate) async fn total(
    State(app): Shared,
    who: Principal,
    Path((source, number)): Path<(String, String)>,
    asked: Keyed<dto::NewTotal>,
) -> Result<Json<dto::Bill>, Problem> {
    let approver = match (asked.value.approver, &who) {
        (Some(named), _) => Some(approval::administrator(&app, &who, named).await?),
        (None, Principal::Key(_)) => None,
        (None, Principal::Person(_)) => return Err(Problem::new(Code::ApproverWrongPassword).field("approver")),
    };
    let fen =
        u64::try_from(asked.value.total_fen).map_err(|_| Problem::new(Code::AmountNegative).field("total_fen"))?;
    let total = payments::total_of(fen, "total_fen")?;
    let key = key(&app, &source, &number, asked.value.day.map(|day| day.0))?;
    let request = TotalRequest {
        bill: key.clone(),
        total,
        approval: Approval {
            by: who.caller(),
            approver,
            idempotency: payments::idempotency(&who, asked.key.as_str(), asked.request),
        },
        note: payments::remark(asked.value.note)?,
    };
    let (done, committed) = oneshot::channel();
    let change = Command::ChangeTotal(request, Box::new(move |answer| _ = done.send(answer)));
    app.till.send(change).map_err(refusal::not_taken)?;
    committed.await.map_err(|_| Problem::from(Code::NotAccepting))?.map_err(refusal::problem)?;
    shown(&app, key).await
}

fn key(app: &App, source: &str, number: &str, day: Option<guitai_core::time::Day>) -> Result<BillKey, Problem> {
    let read = |field, text: &str| {
        normal::identifier(text, limits::BILL_NUMBER_MAX_CHARS).map_err(|error| Problem::text(field, error))
    };
    let (source, number) = (read("source", source)?, read("number", number)?);
    // Without a day the bill of today is meant, as for a charge.
    let day = if app.daily_bills.contains(&source) {
        Some(day.unwrap_or_else(|| app.clock.day(app.trusted_now())))
    } else {
        None
    };
    Ok(BillKey { source, number, day })
}

async fn shown(app: &Arc<App>, key: BillKey) -> Result<Json<dto::Bill>, Problem> {
    let (store, asked) = (app.store.as_str().to_owned(), key.clone());
    let found = app
        .read(move |connection| {
            let bill = bills::bill(connection, &store, &asked)?;
            Ok((bill, bills::payments_of(connection, &store, &asked)?))
        })
        .await?;
    let (Some(bill), rows) = found else { return Err(Code::NotFound.into()) };
    let parts = rows.iter().map(|row| BillPart {
        no: row.no.to_string(),
        kind: "wallet".to_owned(),
        state: row.state.into(),
        amount_fen: row.amount.get(),
    });
    Ok(Json(dto::Bill {
        source: key.source,
        number: key.number,
        day: key.day.map(Into::into),
        total_fen: bill.total().get(),
        covered_fen: bill.covered().get(),
        locked_fen: bill.locked().get(),
        free_fen: bill.free().get(),
        parts: parts.collect(),
    }))
}
