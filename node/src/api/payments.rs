//! Collecting, and the payments there are.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State};
use guitai_core::{
    acquirer::ReversalTerms,
    bill::{BillKey, COUNTER_BILLS},
    ids::{AccountId, JournalId, OrderNo, TillId},
    limits,
    money::Fen,
    normal::{self, TextError},
    payment::{self, GOODS_KEYS_AFTER_MS, Say},
    people::Idempotency,
    secret::PaymentCode,
    time::{UtcMs, beijing_day},
};
use guitai_http::{
    bearer::Principal,
    dto::{self, BillRef, Can, Kind, PaymentsQuery},
    idempotency::{IdempotencyParam, Keyed, RequestHash},
    paging::{Page, Query, decode_cursor, encode_cursor},
    path::Path,
    problem::{Code, Problem},
    session::Role,
};
use guitai_store::{
    list::{self, PaymentFilter},
    query::{self, PaymentRow},
    request,
};
use guitai_till::{Accepted, Cashier, ChargeRequest, Command, NamedBill, Pays, Reply};

use super::approval;
use crate::{app::App, config::Till, refusal};

type Shared = State<Arc<App>>;

/// Time moves by less than this when a witness confirms it, in ms.
pub(super) const AHEAD_MS: i64 = 60_000;

/// Charges a customer's payment code.
#[utoipa::path(post, path = "/payments", operation_id = "charge", request_body = dto::Charge,
    params(IdempotencyParam),
    responses((status = 200, body = dto::Payment), (status = 404)))]
pub(crate) async fn charge(
    State(app): Shared,
    who: Principal,
    asked: Keyed<dto::Charge>,
) -> Result<Json<dto::Payment>, Problem> {
    let charge = asked.value;
    let amount = Fen::chargeable(charge.amount_fen).map_err(refusal::amount)?;
    let wait = wait(charge.wait_ms)?;
    let idempotency = idempotency(&who, asked.key.as_str(), asked.request);
    // A scanned code is gone when its request comes again: what that request did is answered first.
    if let Some(order_no) = earlier(&app, &idempotency)? {
        let row = visible(&app, &who, order_no.as_str())?;
        let accepted = Accepted { order_no, state: row.state, return_no: None };
        // The first one's result is the answer to both.
        app.waiters.enter(accepted).final_or(wait).await;
        return answer(&app, order_no);
    }
    let (till, at) = till(&app, charge.till.as_deref())?;
    let Some(terminal) = at.terminal.clone() else {
        return Err(Problem::new(Code::TillNotRegistered).field("till"));
    };
    let bill = match (charge.bill, charge.retry_of) {
        (Some(named), None) => Pays::Named(bill(&app, named)?),
        (None, Some(order_no)) => Pays::Again(bill_of(&app, &who, &order_no, amount)?),
        (None, None) => Pays::Itself,
        (Some(_), Some(_)) => {
            let both = Problem::malformed("retry_of");
            return Err(both.detail("bill 和 retry_of 只能给一个。", "Give either bill or retry_of."));
        }
    };
    let request = ChargeRequest {
        amount,
        till,
        cashier: cashier(&who, charge.cashier.as_deref())?,
        terminal,
        bill,
        remark: remark(charge.fields.and_then(|fields| fields.remark))?,
        code: code(&app, charge.auth_code.as_deref(), charge.scan.as_deref(), &idempotency)?,
        idempotency,
    };
    let (accepted, waiting) = app.begin(|reply| Command::Charge(request, reply)).await?;
    waiting.final_or(wait).await;
    answer(&app, accepted.order_no)
}

/// One payment.
#[utoipa::path(get, path = "/payments/{order_no}", operation_id = "get_payment", params(("order_no" = String, Path)),
    responses((status = 200, body = dto::Payment), (status = 503)))]
pub(crate) async fn one(
    State(app): Shared,
    who: Principal,
    Path(order_no): Path<String>,
) -> Result<Json<dto::Payment>, Problem> {
    let row = visible(&app, &who, &order_no)?;
    Ok(Json(payment_dto(&row, &app)))
}

/// Payments, voids and refunds, newest first.
#[utoipa::path(get, path = "/payments", operation_id = "list_payments", params(PaymentsQuery),
    responses((status = 200, body = Page<dto::Payment>)))]
pub(crate) async fn list(
    State(app): Shared,
    who: Principal,
    Query(asked): Query<PaymentsQuery>,
) -> Result<Json<Page<dto::Payment>>, Problem> {
    let after = asked.cursor.as_deref().map(decode_cursor::<(i64, String)>).transpose()?;
    let filter = PaymentFilter {
        store: Some(app.store.as_str().to_owned()),
        cashier: own_only(&who),
        state: asked.state.and_then(|state| payment::State::parse(state.as_str())),
        kind: asked.kind.map(|kind| kind.as_str().to_owned()),
        from: asked.from,
        to: asked.to,
        days: (asked.from_day, asked.to_day),
        search: asked.q,
        now: app.trusted_now(),
        after: after.map(|(at, no)| (UtcMs(at), no)),
    };
    let limit = asked.limit;
    let mut rows = app.read(move |connection| list::payments(connection, &filter, limit + 1)).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|row| encode_cursor(&(row.at.0, row.no.as_str())));
    let items = rows.iter().map(|row| payment_dto(row, &app)).collect();
    Ok(Json(Page { items, next_cursor, as_of: app.trusted_now().into() }))
}

/// The cashier gives the payment up: it is asked about at once and taken back unless it was paid.
#[utoipa::path(post, path = "/payments/{order_no}/cancel", operation_id = "cancel_payment",
    request_body = Option<dto::GiveUp>, params(("order_no" = String, Path), IdempotencyParam),
    responses((status = 200, body = dto::Payment)))]
pub(crate) async fn cancel(
    State(app): Shared,
    who: Principal,
    Path(order_no): Path<String>,
    asked: Keyed<dto::GiveUp>,
) -> Result<Json<dto::Payment>, Problem> {
    let approver = lets_go(&app, &who, asked.value.approver).await?;
    said(&app, &who, &order_no, (asked.key.as_str(), asked.request), approver, Command::Cancel).await
}

/// 货已交: the goods are gone; keep asking, never reverse by itself.
#[utoipa::path(post, path = "/payments/{order_no}/handed-over", operation_id = "goods_handed_over",
    request_body = Option<dto::Nothing>, params(("order_no" = String, Path), IdempotencyParam),
    responses((status = 200, body = dto::Payment)))]
pub(crate) async fn handed_over(
    State(app): Shared,
    who: Principal,
    Path(order_no): Path<String>,
    asked: Keyed<dto::Nothing>,
) -> Result<Json<dto::Payment>, Problem> {
    said(&app, &who, &order_no, (asked.key.as_str(), asked.request), None, Command::HandedOver).await
}

/// 没交货: take it back as soon as the acquirer answers.
#[utoipa::path(post, path = "/payments/{order_no}/not-handed-over", operation_id = "goods_not_handed_over",
    request_body = Option<dto::GiveUp>, params(("order_no" = String, Path), IdempotencyParam),
    responses((status = 200, body = dto::Payment)))]
pub(crate) async fn not_handed_over(
    State(app): Shared,
    who: Principal,
    Path(order_no): Path<String>,
    asked: Keyed<dto::GiveUp>,
) -> Result<Json<dto::Payment>, Problem> {
    let approver = lets_go(&app, &who, asked.value.approver).await?;
    said(&app, &who, &order_no, (asked.key.as_str(), asked.request), approver, Command::NotHandedOver).await
}

/// The administrator who lets the bill go at once.
async fn lets_go(app: &Arc<App>, who: &Principal, named: Option<dto::Approver>) -> Result<Option<AccountId>, Problem> {
    match named {
        Some(named) => approval::administrator(app, who, named).await.map(Some),
        None => Ok(None),
    }
}

/// Passes on what a person says about one of their open payments.
async fn said(
    app: &App,
    who: &Principal,
    order_no: &str,
    (key, request): (&str, RequestHash),
    approver: Option<AccountId>,
    command: fn(OrderNo, Say, Reply) -> Command,
) -> Result<Json<dto::Payment>, Problem> {
    let no = visible(app, who, order_no)?.no;
    let say = Say { by: who.caller(), idempotency: idempotency(who, key, request), approver };
    app.ask(|reply| command(no, say, reply)).await?;
    answer(app, no)
}

/// What the same request did before; another body under the same key is a conflict.
fn earlier(app: &App, asked: &Idempotency) -> Result<Option<OrderNo>, Problem> {
    let journal = JournalId::node(app.store.clone());
    let found = app.look(|connection| request::earlier(connection, &journal, &asked.caller, &asked.key))?;
    match found {
        Some(found) if found.body_hash != asked.body_hash => Err(Code::IdempotencyConflict.into()),
        Some(found) => found.order_no.map(Some).ok_or_else(|| Code::IdempotencyConflict.into()),
        None => Ok(None),
    }
}

/// The bill of an earlier attempt of the same sale.
fn bill_of(app: &App, who: &Principal, order_no: &str, amount: Fen) -> Result<BillKey, Problem> {
    let row = visible(app, who, order_no).map_err(|problem| problem.field("retry_of"))?;
    let same = row.kind == "charge" && row.amount == amount;
    let bill = row.bill.filter(|_| same).ok_or_else(|| {
        Problem::malformed("retry_of")
            .detail("只能是同金额的上一次收款。", "Must be an earlier charge of the same amount.")
    })?;
    Ok(bill.key)
}

/// The payment as it now stands.
pub(super) fn answer(app: &App, no: OrderNo) -> Result<Json<dto::Payment>, Problem> {
    let row = app.look(|connection| query::payment(connection, no.as_str()))?;
    row.map(|row| Json(payment_dto(&row, app))).ok_or_else(|| Code::NotFound.into())
}

/// A row this caller may see; what they may not see does not exist for them.
pub(super) fn visible(app: &App, who: &Principal, order_no: &str) -> Result<PaymentRow, Problem> {
    let own = own_only(who);
    match app.look(|connection| query::payment(connection, order_no))? {
        Some(row) if own.is_none_or(|own| own == row.cashier) => Ok(row),
        Some(_) => Err(Code::NotFound.into()),
        None => Err(missing(app, order_no)),
    }
}

/// A number of this box's own that is not in its journal was never drawn, or is among what an older copy of the folder lost.
fn missing(app: &App, order_no: &str) -> Problem {
    let own = OrderNo::parse(order_no).is_some_and(|no| no.issuer() == Some(app.issuer));
    if own && !app.membership.is_whole() {
        return Problem::new(Code::JournalBehind).retry_after(refusal::JOURNAL_BEHIND_RETRY_S);
    }
    Code::NotFound.into()
}

/// Administrators and programs see everything, cashiers only their own.
pub(super) fn own_only(who: &Principal) -> Option<String> {
    let person = who.person()?;
    (person.role == Role::Cashier).then(|| person.account.as_str().to_owned())
}

pub(super) fn idempotency(who: &Principal, key: &str, request: RequestHash) -> Idempotency {
    Idempotency { caller: who.caller(), key: key.to_owned(), body_hash: request.0 }
}

pub(super) fn wait(asked: Option<u64>) -> Result<Duration, Problem> {
    let ms = asked.unwrap_or(limits::WAIT_DEFAULT_MS);
    if ms > limits::WAIT_MAX_MS {
        return Err(Problem::malformed("wait_ms").detail("最多 60000 毫秒。", "60000 ms at most."));
    }
    Ok(Duration::from_millis(ms))
}

/// The till named, or the store's first.
pub(super) fn till<'a>(app: &'a App, asked: Option<&str>) -> Result<(TillId, &'a Till), Problem> {
    let unknown = || Problem::new(Code::TillUnknown).field("till");
    let found = match asked {
        Some(id) => app.tills.iter().find(|(till, _)| till.as_str() == id),
        None => app.tills.iter().next(),
    };
    found.map(|(id, till)| (id.clone(), till)).ok_or_else(unknown)
}

/// A person acts as themselves; a program names its cashier or acts under its own name.
pub(super) fn cashier(who: &Principal, asked: Option<&str>) -> Result<Cashier, Problem> {
    match (who, asked) {
        (Principal::Person(current), _) => Ok(Cashier::Present(current.person.account.clone())),
        (Principal::Key(_), Some(account)) => {
            let account = AccountId::parse(&normal::typed(account)).map_err(refusal::name("cashier"))?;
            Ok(Cashier::Named(account))
        }
        (Principal::Key(key), None) => {
            AccountId::parse(&key.name).map(Cashier::Program).map_err(refusal::name("cashier"))
        }
    }
}

fn code(app: &App, auth_code: Option<&str>, scan: Option<&str>, request: &Idempotency) -> Result<PaymentCode, Problem> {
    match (auth_code, scan) {
        (Some(code), None) => PaymentCode::parse(code).map_err(refusal::payment_code),
        (None, Some(token)) => {
            let scanned = app.scans.take(token, &request.caller, &request.key, app.now().up);
            let text = scanned.ok_or_else(|| Problem::new(Code::ScanExpired).field("scan"))?;
            PaymentCode::parse(text.expose()).map_err(refusal::payment_code)
        }
        _ => Err(Problem::malformed("auth_code")
            .detail("需要付款码 auth_code 或 scan 其中一个。", "Give either auth_code or scan.")),
    }
}

fn bill(app: &App, named: BillRef) -> Result<NamedBill, Problem> {
    let BillRef { source, number, total_fen, day } = named;
    let read = |field, text: &str| {
        normal::identifier(text, limits::BILL_NUMBER_MAX_CHARS).map_err(|error| Problem::text(field, error))
    };
    let (source, number) = (read("bill.source", &source)?, read("bill.number", &number)?);
    if source == COUNTER_BILLS {
        let field = Problem::malformed("bill.source");
        return Err(field.detail("counter 由柜台自己使用。", "`counter` is the counter's own."));
    }
    let total = total_fen.ok_or_else(|| Problem::new(Code::BillTotalMissing).field("bill.total_fen"))?;
    let total = total_of(total, "bill.total_fen")?;
    let daily = app.daily_bills.contains(&source);
    if day.is_some() && !daily {
        let field = Problem::malformed("bill.day");
        return Err(field.detail(
            "这个来源没有设为每天重新编号，见配置 [[bill_source]]。",
            "This source is not configured as daily; see [[bill_source]].",
        ));
    }
    Ok(NamedBill { source, number, total, day: day.map(|day| day.0), daily })
}

/// What a bill may come to: 1 fen to [`limits::BILL_TOTAL_MAX_FEN`].
pub(super) fn total_of(fen: u64, field: &'static str) -> Result<Fen, Problem> {
    match fen {
        0 => Err(Problem::new(Code::AmountZero).field(field)),
        fen if fen > limits::BILL_TOTAL_MAX_FEN => Err(Problem::new(Code::AmountOverLimit).field(field)),
        fen => Ok(Fen::new(fen)),
    }
}

pub(super) fn remark(text: Option<String>) -> Result<Option<String>, Problem> {
    let text = text.map(|text| normal::one_line(&text)).filter(|text| !text.is_empty());
    if text.as_ref().is_some_and(|text| text.chars().count() > limits::REMARK_MAX_CHARS) {
        return Err(Problem::text("fields.remark", TextError::TooLong { max: limits::REMARK_MAX_CHARS }));
    }
    Ok(text)
}

/// A row as the API shows it, with what may be done to it now.
pub(crate) fn payment_dto(row: &PaymentRow, app: &App) -> dto::Payment {
    // The acquirer's own words.
    let shown = |text: &Option<String>| text.as_deref().map(normal::shown);
    let final_at = row.paid_at.or(row.state.is_final().then_some(row.changed_at)).map(Into::into);
    dto::Payment {
        order_no: row.no.to_string(),
        kind: Kind::parse(&row.kind).unwrap_or(Kind::Charge),
        original_no: row.original.clone(),
        state: row.state.into(),
        reason: row.reason.clone(),
        message: shown(&row.message),
        amount_fen: row.amount.get(),
        received_fen: row.received.map(Fen::get),
        refunded_fen: row.refunded.get(),
        owed_fen: Some(row.owed.get()).filter(|owed| *owed > 0),
        settled: row.settled.clone(),
        refund_no: None,
        void_no: None,
        wallet: row.wallet.map(Into::into),
        code_last_two: row.code_last_two.clone(),
        acquirer: row.acquirer.clone().unwrap_or_default(),
        acquirer_no: shown(&row.acquirer_no),
        wallet_no: shown(&row.wallet_no),
        till: row.till.clone(),
        cashier: row.cashier.clone(),
        bill: row.bill.as_ref().map(|bill| BillRef {
            source: bill.key.source.clone(),
            number: bill.key.number.clone(),
            total_fen: Some(bill.total.get()),
            day: bill.key.day.map(Into::into),
        }),
        business_day: row.business_day.into(),
        created_at: row.at.into(),
        finished_at: final_at,
        remark: row.remark.clone(),
        approver: row.approver.clone(),
        can: can(row, app.trusted_now(), &app.acquirer.terms().reversal),
        fact: row.fact.to_string(),
        store: None,
    }
}

/// How long ago a stamp was, in ms. One made while time was ahead tells no age and counts as old: the engine, which counts ticks, has
/// the last word.
pub(super) fn age_ms(at: UtcMs, now: UtcMs) -> u64 {
    if is_ahead(at, now) { u64::MAX } else { u64::try_from(now.0.saturating_sub(at.0)).unwrap_or(0) }
}

fn is_ahead(at: UtcMs, now: UtcMs) -> bool {
    at.0.saturating_sub(now.0) > AHEAD_MS
}

fn can(row: &PaymentRow, now: UtcMs, reversal: &ReversalTerms) -> Can {
    let charge = row.kind == "charge";
    let left = row.received.unwrap_or(row.amount).checked_sub(row.refunded).unwrap_or(Fen::ZERO).get();
    let age_ms = age_ms(row.at, now);
    let open = charge && matches!(row.state, payment::State::Pending | payment::State::Unknown);
    let held = charge && row.state == payment::State::Held;
    let paid = charge && row.state == payment::State::Paid;
    let in_window = reversal.window.is_open(beijing_day(row.at), beijing_day(now), age_ms);
    let refundable = paid || (charge && row.state == payment::State::PartRefunded);
    Can {
        void: paid && (in_window || is_ahead(row.at, now)),
        refund_fen: if refundable { left } else { 0 },
        // Let go by an approver, its bill may be another's by now.
        handed_over: open && row.locked > Fen::ZERO && age_ms >= GOODS_KEYS_AFTER_MS,
        not_handed_over: ((open && !row.given_up) || held) && age_ms >= GOODS_KEYS_AFTER_MS,
        cancel: open && !row.given_up && age_ms >= reversal.not_before_ms,
    }
}
