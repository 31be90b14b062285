//! Payments, the requests that make and change them, and a day's figures.

use guitai_core::{
    ids::StoreId,
    normal,
    time::{Day, UtcMs},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::value::{Kind, State, WalletDto, words};
use crate::{
    paging::{FromParams, Params, SEARCH_MAX_CHARS},
    problem::Problem,
    time::{Date, Time},
};

/// A charge, a void or a refund as a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Payment {
    /// Our number of it, 20 digits.
    pub order_no: String,
    /// What it is.
    pub kind: Kind,
    /// The charge a void or refund belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub original_no: Option<String>,
    /// Its state.
    pub state: State,
    /// Why it ended so, as a stable word.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
    /// The same for people, often in the acquirer's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub message: Option<String>,
    /// What was asked for, in fen.
    pub amount_fen: u64,
    /// What the customer paid of it when discounts are off, in fen: the most that can go back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub received_fen: Option<u64>,
    /// What was given back so far, in fen.
    pub refunded_fen: u64,
    /// What must still go back by itself, in fen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub owed_fen: Option<u64>,
    /// How a person ended what only a person can end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub settled: Option<String>,
    /// The refund this request began; only in its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub refund_no: Option<String>,
    /// The void this request began; only in its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub void_no: Option<String>,
    /// Whose wallet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub wallet: Option<WalletDto>,
    /// The last two characters of the payment code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub code_last_two: Option<String>,
    /// Through whom.
    pub acquirer: String,
    /// The acquirer's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub acquirer_no: Option<String>,
    /// The wallet's number, as the customer sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub wallet_no: Option<String>,
    /// The till.
    pub till: String,
    /// The cashier's account.
    pub cashier: String,
    /// The shop's own bill.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub bill: Option<BillRef>,
    /// The store's day it counts to.
    pub business_day: Date,
    /// When it was asked for.
    pub created_at: Time,
    /// When its result was known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub finished_at: Option<Time>,
    /// The cashier's remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remark: Option<String>,
    /// Who approved a void or refund.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub approver: Option<String>,
    /// What may be done with it now.
    pub can: Can,
    /// The last fact about it, as `epoch-number`.
    pub fact: String,
    /// The store; only at the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub store: Option<String>,
}

/// What may be done with a payment now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Can {
    /// It may be voided.
    pub void: bool,
    /// So much may be refunded, in fen.
    pub refund_fen: u64,
    /// A person may say that the goods were handed over.
    pub handed_over: bool,
    /// A person may say that they were not.
    pub not_handed_over: bool,
    /// It may be cancelled.
    pub cancel: bool,
}

/// A bill of the shop's own system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BillRef {
    /// Which system.
    pub source: String,
    /// Its number there.
    pub number: String,
    /// What the whole bill comes to, in fen.
    pub total_fen: Option<u64>,
    /// The business day it belongs to, where the system's numbers start anew each day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub day: Option<Date>,
}

/// `POST /payments/{order_no}/cancel` and `…/not-handed-over`.
#[derive(Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GiveUp {
    /// An administrator who lets the bill go at once, before the end is firm.
    pub approver: Option<Approver>,
}

/// `GET /bills/{source}/{number}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Bill {
    /// Which system.
    pub source: String,
    /// Its number there.
    pub number: String,
    /// Its day, where the system's numbers start anew each day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub day: Option<Date>,
    /// What it comes to, in fen.
    pub total_fen: u64,
    /// What is paid, in fen.
    pub covered_fen: u64,
    /// What may be paid: in doubt, or being given back, in fen.
    pub locked_fen: u64,
    /// What may be charged now, in fen.
    pub free_fen: u64,
    /// Its payments, oldest first.
    pub parts: Vec<BillPart>,
}

/// One payment of a bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BillPart {
    /// Its number.
    pub no: String,
    /// What it is: `wallet`.
    pub kind: String,
    /// Its state.
    pub state: State,
    /// What was asked, in fen.
    pub amount_fen: u64,
}

/// `POST /bills/{source}/{number}/total`.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTotal {
    /// What the bill comes to now, in fen.
    pub total_fen: i64,
    /// Its day, where the system's numbers start anew each day.
    pub day: Option<Date>,
    /// Why, for the shop's records.
    pub note: Option<String>,
    /// Who approves; a key of scope `charge` needs nobody.
    pub approver: Option<Approver>,
}

words! {
    /// Why something waits for a person.
    ExceptionKind {
        /// An answer that does not match.
        Quarantined "quarantined",
        /// Money that must go back and did not yet.
        Owed "owed",
        /// No result long after the deadline.
        Stuck "stuck",
    }
}

words! {
    /// Whether something waits for a person.
    ExceptionState {
        /// It waits.
        Open "open",
        /// A person ended it.
        Closed "closed",
    }
}

/// What waits for a person, or was ended by one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Exception {
    /// Names it in `/exceptions/{id}/{action}`.
    pub id: String,
    /// Why it waits.
    pub kind: ExceptionKind,
    /// Whether it still does.
    pub state: ExceptionState,
    /// What may be done now.
    pub actions: Vec<String>,
    /// The payment.
    pub payment: Payment,
}

/// `POST /exceptions/{id}/{action}`.
#[derive(Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Settle {
    /// Why, for the shop's records.
    pub note: Option<String>,
    /// Who approves; a key of scope `refund` needs nobody.
    pub approver: Option<Approver>,
}

/// `GET /exceptions`.
#[derive(Clone, Debug, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExceptionsQuery {
    /// `open` when absent.
    pub state: Option<ExceptionState>,
    /// Of this kind.
    pub kind: Option<ExceptionKind>,
}

impl FromParams for ExceptionsQuery {
    fn read(params: &mut Params) -> Result<Self, Problem> {
        Ok(Self {
            state: params.parsed("state", ExceptionState::parse)?,
            kind: params.parsed("kind", ExceptionKind::parse)?,
        })
    }
}

/// `GET /bills/{source}/{number}`.
#[derive(Clone, Debug, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BillQuery {
    /// Its day, where the system's numbers start anew each day.
    #[param(value_type = Option<String>, format = Date)]
    pub day: Option<Day>,
}

impl FromParams for BillQuery {
    fn read(params: &mut Params) -> Result<Self, Problem> {
        Ok(Self { day: params.day("day")? })
    }
}

/// `POST /payments`.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Charge {
    /// In fen; zero, negative and too large are answered with codes of their own.
    pub amount_fen: i64,
    /// The customer's payment code. This or `scan`.
    pub auth_code: Option<String>,
    /// The token of a `scan` event. This or `auth_code`.
    pub scan: Option<String>,
    /// An earlier attempt of the same sale, which takes its bill over: if that one is paid after all, it is given back.
    pub retry_of: Option<String>,
    /// The shop's own bill.
    pub bill: Option<BillRef>,
    /// The till; the caller's own when absent.
    pub till: Option<String>,
    /// The cashier, when a program charges for one.
    pub cashier: Option<String>,
    /// Fields the shop keeps with a payment.
    pub fields: Option<Fields>,
    /// How long to wait for a final state, in ms: 5,000 when absent, at most 60,000.
    pub wait_ms: Option<u64>,
}

/// Fields the shop keeps with a payment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    /// A remark.
    pub remark: Option<String>,
}

/// Somebody who approves with account and password.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Approver {
    /// The account.
    pub account: String,
    /// The password.
    pub password: String,
}

/// `POST /payments/{order_no}/void`.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Void {
    /// Who approves; a key of scope `refund` needs nobody.
    pub approver: Option<Approver>,
}

/// `POST /payments/{order_no}/refunds`.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refund {
    /// In fen.
    pub amount_fen: i64,
    /// Why, for the shop's records.
    pub reason: Option<String>,
    /// Who approves; a key of scope `refund` needs nobody.
    pub approver: Option<Approver>,
}

/// `GET /payments`.
#[derive(Clone, Debug, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PaymentsQuery {
    /// One store; only at the hub.
    #[param(value_type = Option<String>)]
    pub store: Option<StoreId>,
    /// From this moment on, RFC 3339.
    #[param(value_type = Option<String>, format = DateTime)]
    pub from: Option<UtcMs>,
    /// Before this moment, RFC 3339.
    #[param(value_type = Option<String>, format = DateTime)]
    pub to: Option<UtcMs>,
    /// From this business day on, `YYYY-MM-DD`: the store's own day, as figures count it.
    #[param(value_type = Option<String>, format = Date)]
    pub from_day: Option<Day>,
    /// Up to this business day, itself included.
    #[param(value_type = Option<String>, format = Date)]
    pub to_day: Option<Day>,
    /// In this state.
    pub state: Option<State>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// An amount in yuan as people write it, an order, acquirer, wallet or bill number or its beginning, or part of a remark.
    /// Remarks are searched from `from` on, or over the 31 days before `to` or now.
    pub q: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Rows of a page: 1 to 200, 50 when absent.
    #[param(value_type = Option<usize>)]
    pub limit: usize,
}

impl FromParams for PaymentsQuery {
    fn read(params: &mut Params) -> Result<Self, Problem> {
        let query = Self {
            store: params.parsed("store", |text| StoreId::parse(text).ok())?,
            from: params.time("from")?,
            to: params.time("to")?,
            from_day: params.day("from_day")?,
            to_day: params.day("to_day")?,
            state: params.parsed("state", State::parse)?,
            kind: params.parsed("kind", Kind::parse)?,
            // As texts are stored; what it may mean, `search::query` says where it is searched.
            q: params.text("q", SEARCH_MAX_CHARS)?.map(|q| normal::one_line(&q)).filter(|q| !q.is_empty()),
            cursor: params.cursor()?,
            limit: params.limit()?,
        };
        match (query.from, query.to) {
            (Some(from), Some(to)) if from > to => {
                Err(Problem::malformed("to").detail("结束时间早于开始时间。", "`to` is before `from`."))
            }
            _ if query.from_day.zip(query.to_day).is_some_and(|(from, to)| from > to) => {
                Err(Problem::malformed("to_day").detail("结束日期早于开始日期。", "`to_day` is before `from_day`."))
            }
            _ => Ok(query),
        }
    }
}
