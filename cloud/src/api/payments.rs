//! The payments of all stores.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use guitai_core::{ids::OrderNo, payment, time::UtcMs};
use guitai_http::{
    bearer::{Principal, Scope},
    dto::{Payment, PaymentsQuery, Time},
    paging::{Page, Query, decode_cursor, encode_cursor},
    problem::{Code, Problem, ProblemBody},
};
use guitai_store::list::PaymentFilter;

use super::internal;
use crate::{app::App, rows};

/// A page of payments, newest first; voids and refunds are rows of their own.
#[utoipa::path(get, path = "/payments", operation_id = "list_payments", params(PaymentsQuery), responses(
    (status = 200, body = Page<Payment>), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Principal,
    Query(query): Query<PaymentsQuery>,
) -> Result<Json<Page<Payment>>, Problem> {
    caller.require(Scope::Read)?;
    let as_of = Time(app.clock.now().wall);
    let limit = query.limit;
    let mut rows = app.store.payments(filter(query, app.clock.now().wall)?, limit + 1).await.map_err(internal)?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| more);
    let next_cursor = last.map(|row| encode_cursor(&(row.at.0, row.no.as_str())));
    Ok(Json(Page { items: rows.iter().map(rows::payment).collect(), next_cursor, as_of }))
}

/// One payment.
#[utoipa::path(get, path = "/payments/{order_no}", operation_id = "get_payment",
    params(("order_no" = String, Path, description = "20 digits")),
    responses((status = 200, body = Payment), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    caller: Principal,
    Path(order_no): Path<String>,
) -> Result<Json<Payment>, Problem> {
    caller.require(Scope::Read)?;
    let row = app.store.payment(order_no).await.map_err(internal)?;
    row.as_ref().map(rows::payment).map(Json).ok_or_else(|| Code::NotFound.into())
}

fn filter(query: PaymentsQuery, now: UtcMs) -> Result<PaymentFilter, Problem> {
    let after = query.cursor.as_deref().map(decode_cursor::<(i64, String)>).transpose()?;
    let after = after.map(|(at, no)| match OrderNo::parse(&no) {
        Some(no) => Ok((UtcMs(at), no.to_string())),
        None => Err(Problem::malformed("cursor")),
    });
    Ok(PaymentFilter {
        store: query.store.map(|store| store.to_string()),
        cashier: None,
        state: query.state.and_then(|state| payment::State::parse(state.as_str())),
        kind: query.kind.map(|kind| kind.as_str().to_owned()),
        from: query.from,
        to: query.to,
        search: query.q,
        now,
        after: after.transpose()?,
    })
}
