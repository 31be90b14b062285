//! Voids and refunds: a person's password, or a key of scope `refund`.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State};
use guitai_core::{limits, money::Fen, people::Approval, sync::member::Wish};
use guitai_http::{
    bearer::Principal,
    dto,
    idempotency::{IdempotencyParam, Keyed},
    path::Path,
    problem::{Code, Problem},
};
use guitai_till::{Command, ReturnRequest};

use super::{approval::approver, payments};
use crate::{app::App, refusal};

type Shared = State<Arc<App>>;

/// How long a void or refund is waited for; it goes on by itself.
const WAIT: Duration = Duration::from_millis(limits::WAIT_DEFAULT_MS);

/// Takes a paid payment of today back whole.
#[utoipa::path(post, path = "/payments/{order_no}/void", operation_id = "void_payment", request_body = Option<dto::Void>,
    params(("order_no" = String, Path), IdempotencyParam),
    responses((status = 200, body = dto::Payment)))]
pub(crate) async fn void(
    State(app): Shared,
    who: Principal,
    Path(order_no): Path<String>,
    asked: Keyed<dto::Void>,
) -> Result<Json<dto::Payment>, Problem> {
    let approver = approver(&app, &who, asked.value.approver).await?;
    let approval = Approval {
        by: who.caller(),
        approver,
        idempotency: payments::idempotency(&who, asked.key.as_str(), asked.request),
    };
    let request = request(&app, &who, &order_no, approval, None)?;
    app.membership.admits(Wish::GiveBack).await;
    let (accepted, waiting) = app.begin(|reply| Command::Void(request, reply)).await?;
    waiting.final_or(WAIT).await;
    let mut answer = payments::answer(&app, accepted.order_no)?;
    answer.void_no = accepted.return_no.map(|no| no.to_string());
    Ok(answer)
}

/// Gives a part or the rest back.
#[utoipa::path(post, path = "/payments/{order_no}/refunds", operation_id = "refund_payment", request_body = dto::Refund,
    params(("order_no" = String, Path), IdempotencyParam),
    responses((status = 200, body = dto::Payment)))]
pub(crate) async fn refund(
    State(app): Shared,
    who: Principal,
    Path(order_no): Path<String>,
    asked: Keyed<dto::Refund>,
) -> Result<Json<dto::Payment>, Problem> {
    let amount = Fen::chargeable(asked.value.amount_fen).map_err(refusal::amount)?;
    let approver = approver(&app, &who, asked.value.approver).await?;
    let approval = Approval {
        by: who.caller(),
        approver,
        idempotency: payments::idempotency(&who, asked.key.as_str(), asked.request),
    };
    let reason = payments::remark(asked.value.reason)?;
    let request = request(&app, &who, &order_no, approval, reason)?;
    app.membership.admits(Wish::GiveBack).await;
    let (accepted, waiting) = app.begin(|reply| Command::Refund(request, amount, reply)).await?;
    waiting.final_or(WAIT).await;
    let mut answer = payments::answer(&app, accepted.order_no)?;
    answer.refund_no = accepted.return_no.map(|no| no.to_string());
    Ok(answer)
}

/// The return counts at the payment's own till, and for whoever acts now.
fn request(
    app: &App,
    who: &Principal,
    order_no: &str,
    approval: Approval,
    reason: Option<String>,
) -> Result<ReturnRequest, Problem> {
    let row = payments::visible(app, who, order_no)?;
    if row.kind != "charge" {
        return Err(Code::StateForbids.into());
    }
    let (till, _) = payments::till(app, Some(&row.till)).or_else(|_| payments::till(app, None))?;
    Ok(ReturnRequest {
        order_no: row.no,
        till,
        cashier: payments::cashier(who, None)?.account().clone(),
        approval,
        reason,
    })
}
