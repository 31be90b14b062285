//! What waits for a person: answers that do not match, debts that did not go back, doubts nobody resolves. Each with its ways out.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State};
use guitai_core::{
    ids::OrderNo,
    limits,
    money::Fen,
    payment::{self, Settlement, ways_out},
    people::Approval,
    sync::member::Wish,
    time::UtcMs,
};
use guitai_http::{
    bearer::Principal,
    dto::{self, ExceptionKind, ExceptionState, ExceptionsQuery},
    idempotency::{IdempotencyParam, Keyed},
    paging::{Page, Query},
    path::Path,
    problem::{Code, Problem},
};
use guitai_store::{bills, query::PaymentRow};
use guitai_till::{Command, SettleRequest};

use super::{approval, payments};
use crate::app::App;

type Shared = State<Arc<App>>;

/// A payment without a result is listed this long after the acquirer's deadline, so that its reversal may be answered, in ms.
const REVERSAL_MS: u64 = 30_000;

/// How long the outcome is waited for; it goes on by itself.
const WAIT: Duration = Duration::from_millis(limits::WAIT_DEFAULT_MS);

/// What waits for a person, oldest first; or what persons ended, newest first.
#[utoipa::path(get, path = "/exceptions", operation_id = "list_exceptions", params(ExceptionsQuery),
    responses((status = 200, body = Page<dto::Exception>)))]
pub(crate) async fn list(
    State(app): Shared,
    who: Principal,
    Query(asked): Query<ExceptionsQuery>,
) -> Result<Json<Page<dto::Exception>>, Problem> {
    let now = app.trusted_now();
    let closed = asked.state == Some(ExceptionState::Closed);
    let store = app.store.as_str().to_owned();
    let stuck_after_ms = stuck_after_ms(&app);
    let listed = now.0.saturating_sub_unsigned(stuck_after_ms);
    let rows = app
        .read(move |connection| match closed {
            true => bills::settled(connection, &store, limits::PAGE_MAX),
            false => bills::for_a_person(connection, &store, listed..=now.0 + payments::AHEAD_MS),
        })
        .await?;
    let own = payments::own_only(&who);
    let items = rows
        .iter()
        .filter(|row| own.as_ref().is_none_or(|own| *own == row.cashier))
        .filter(|row| asked.kind.is_none_or(|kind| kind == kind_of(row)))
        .map(|row| dto::Exception {
            id: row.no.to_string(),
            kind: kind_of(row),
            state: if closed { ExceptionState::Closed } else { ExceptionState::Open },
            actions: actions(row, now, stuck_after_ms).iter().map(|how| how.as_str().to_owned()).collect(),
            payment: payments::payment_dto(row, &app),
        })
        .collect();
    Ok(Json(Page { items, next_cursor: None, as_of: now.into() }))
}

/// Ends one, with a reason and an approver.
#[utoipa::path(post, path = "/exceptions/{id}/{action}", operation_id = "settle_exception", request_body = Option<dto::Settle>,
    params(("id" = String, Path), ("action" = String, Path, description = "accept, give-back, close or write-off"),
        IdempotencyParam),
    responses((status = 200, body = dto::Payment)))]
pub(crate) async fn settle(
    State(app): Shared,
    who: Principal,
    Path((id, action)): Path<(String, String)>,
    asked: Keyed<dto::Settle>,
) -> Result<Json<dto::Payment>, Problem> {
    let how = Settlement::parse(&action).ok_or_else(|| {
        Problem::malformed("action")
            .detail("可用 accept、give-back、close、write-off。", "Use accept, give-back, close or write-off.")
    })?;
    let approver = approval::approver(&app, &who, asked.value.approver).await?;
    let order_no: OrderNo = payments::visible(&app, &who, &id)?.no;
    let request = SettleRequest {
        order_no,
        how,
        approval: Approval {
            by: who.caller(),
            approver,
            idempotency: payments::idempotency(&who, asked.key.as_str(), asked.request),
        },
        note: payments::remark(asked.value.note)?,
    };
    if how == Settlement::GiveBack {
        app.membership.admits(Wish::GiveBack).await;
    }
    let (accepted, waiting) =
        app.ask(|reply| Command::Settle(request, reply)).await.map_err(|problem| match problem.code() {
            Code::StateForbids => problem.detail(
                "现在不能这样处理，可用的处理方式见 GET /exceptions 的 actions。",
                "This cannot be done now; `actions` of GET /exceptions lists what can.",
            ),
            _ => problem,
        })?;
    waiting.final_or(WAIT).await;
    payments::answer(&app, accepted.order_no)
}

fn stuck_after_ms(app: &App) -> u64 {
    app.acquirer.terms().pace.deadline_ms.saturating_add(REVERSAL_MS)
}

fn kind_of(row: &PaymentRow) -> ExceptionKind {
    if row.state == payment::State::Quarantined {
        ExceptionKind::Quarantined
    } else if row.owed > Fen::ZERO || row.settled.as_deref() == Some(Settlement::WriteOff.as_str()) {
        ExceptionKind::Owed
    } else {
        ExceptionKind::Stuck
    }
}

fn voiding(row: &PaymentRow) -> bool {
    row.state == payment::State::Reversing && row.received.is_some()
}

fn actions(row: &PaymentRow, now: UtcMs, stuck_after_ms: u64) -> &'static [Settlement] {
    let number_used = row.reason.as_deref() == Some(payment::ClosedReason::NumberUsed.as_str());
    let back_under_way = voiding(row) || row.state == payment::State::Refunding;
    let since = if back_under_way { row.changed_at } else { row.at };
    let stuck = payments::age_ms(since, now) >= stuck_after_ms;
    ways_out(row.state, number_used, row.owed > Fen::ZERO, voiding(row), stuck)
}
