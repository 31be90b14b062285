//! The payments of all stores.

use std::sync::Arc;

use axum::{Json, extract::State};
use guitai_core::{
    ids::{AccountId, OrderNo},
    payment,
    time::UtcMs,
};
use guitai_http::{
    dto::{Payment, PaymentsQuery, Time},
    paging::{FromParams, Page, Params, Query, decode_cursor, encode_cursor},
    path::Path,
    problem::{Code, Problem},
};
use guitai_store::list::PaymentFilter;
use utoipa::IntoParams;

use super::internal;
use crate::{app::App, rows};

/// What the hub's list filters by besides.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CashierQuery {
    /// Taken by this account or program; with `store`, by that store's.
    #[param(value_type = Option<String>)]
    cashier: Option<AccountId>,
}

/// `GET /payments` of the hub.
#[derive(Debug)]
pub(super) struct ListQuery(PaymentsQuery, CashierQuery);

impl FromParams for ListQuery {
    fn read(params: &mut Params) -> Result<Self, Problem> {
        let cashier = params.parsed("cashier", |text| AccountId::parse(text).ok())?;
        Ok(Self(PaymentsQuery::read(params)?, CashierQuery { cashier }))
    }
}

/// A page of payments, newest first; voids and refunds are rows of their own.
#[utoipa::path(get, path = "/payments", operation_id = "list_payments", params(PaymentsQuery, CashierQuery), responses(
    (status = 200, body = Page<Payment>)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<Payment>>, Problem> {
    let as_of = Time(app.clock.now().wall);
    let limit = query.0.limit;
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
    responses((status = 200, body = Payment)))]
pub(super) async fn one(State(app): State<Arc<App>>, Path(order_no): Path<String>) -> Result<Json<Payment>, Problem> {
    let row = app.store.payment(order_no).await.map_err(internal)?;
    row.as_ref().map(rows::payment).map(Json).ok_or_else(|| Code::NotFound.into())
}

fn filter(ListQuery(query, of): ListQuery, now: UtcMs) -> Result<PaymentFilter, Problem> {
    let after = query.cursor.as_deref().map(decode_cursor::<(i64, String)>).transpose()?;
    let after = after.map(|(at, no)| match OrderNo::parse(&no) {
        Some(no) => Ok((UtcMs(at), no.to_string())),
        None => Err(Problem::malformed("cursor")),
    });
    Ok(PaymentFilter {
        store: query.store.map(|store| store.to_string()),
        cashier: of.cashier.map(|cashier| cashier.to_string()),
        state: query.state.and_then(|state| payment::State::parse(state.as_str())),
        kind: query.kind.map(|kind| kind.as_str().to_owned()),
        from: query.from,
        to: query.to,
        days: (query.from_day, query.to_day),
        search: query.q,
        now,
        after: after.transpose()?,
    })
}
