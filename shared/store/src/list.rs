//! Pages of payments: which index a list walks, newest first, and what a search looks up.
//!
//! A list walks one index that has what it filters by in front of the time, newest first, and judges the rest on the way: that
//! is little, since only `paid` and `charge`, what most rows are, have no index of their own, and of the few returns the state is
//! judged. A number is looked up where it may stand.

use guitai_core::{
    payment::State,
    search,
    time::{Day, UtcMs},
};
use rusqlite::{params_from_iter, types::Value};

use crate::{
    StoreError, astray,
    query::{Connection, PAYMENT_COLUMNS, PaymentRow, payment_row},
};

/// How far back remarks are searched unless the time asked for says otherwise, in days.
pub const REMARK_DAYS: i64 = 31;

/// Rows that one look-up of a number may bring: of a prefix that more numbers have, the greatest are found.
const FOUND_MAX: i64 = 1_000;

/// Sorts behind everything that begins as it does.
const LAST_CHAR: char = char::MAX;

const DAY_MS: i64 = 24 * 3600 * 1000;

/// Which rows a list wants. Empty fields filter nothing.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "named as on the wire, see design section 5")]
pub struct PaymentFilter {
    pub store: Option<String>,
    pub cashier: Option<String>,
    pub state: Option<State>,
    pub kind: Option<String>,
    /// Inclusive.
    pub from: Option<UtcMs>,
    /// Exclusive.
    pub to: Option<UtcMs>,
    /// Business days, the first and the last of them.
    pub days: (Option<Day>, Option<Day>),
    /// As people write it: a number (ours, the acquirer's, the wallet's, a bill's, the charge's of a refund) or its beginning, part
    /// of a remark, or an amount in yuan.
    pub search: Option<String>,
    /// Without `from`, remarks are searched over [`REMARK_DAYS`] before `to`, or before this.
    pub now: UtcMs,
    /// Rows after this place: (at, number) of the last one seen.
    pub after: Option<(UtcMs, String)>,
}

/// A page of rows, newest first.
///
/// # Errors
/// What SQLite says.
pub fn payments(connection: &Connection, filter: &PaymentFilter, limit: usize) -> Result<Vec<PaymentRow>, StoreError> {
    let filter = &within_days(connection, filter)?;
    let limit = Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX));
    let page = match &filter.search {
        None => walked(filter, limit),
        Some(search) => searched(filter, &search::query(search), &limit),
    };
    let mut statement = connection.prepare_cached(&page.sql)?;
    let rows = statement.query_map(params_from_iter(page.values), |row| Ok(payment_row(row)))?;
    rows.map(|row| row?).collect()
}

/// The same filter with the time in which rows of its days lie: indexes are by time, and a day is judged row by row.
fn within_days(connection: &Connection, filter: &PaymentFilter) -> Result<PaymentFilter, StoreError> {
    let mut filter = filter.clone();
    if filter.days == (None, None) {
        return Ok(filter);
    }
    let astray = astray::most_ms(connection)?;
    if let (Some(first), _) = filter.days {
        let from = UtcMs(astray::earliest(first).0.saturating_sub(astray));
        filter.from = Some(filter.from.map_or(from, |asked| asked.max(from)));
    }
    if let (_, Some(last)) = filter.days {
        let to = UtcMs(astray::end(last).0.saturating_add(astray));
        filter.to = Some(filter.to.map_or(to, |asked| asked.min(to)));
    }
    Ok(filter)
}

/// A statement with its values, as far as it is put together.
#[derive(Default)]
struct Draft {
    sql: String,
    values: Vec<Value>,
}

impl Draft {
    fn add(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(sql);
        self.values.extend(values);
    }

    /// What the filter says of a row `p`; the time comes first, as in every index.
    fn conditions(&mut self, filter: &PaymentFilter) {
        if let Some(from) = filter.from {
            self.add(" AND p.at >= ?", [Value::Integer(from.0)]);
        }
        if let Some(to) = filter.to {
            self.add(" AND p.at < ?", [Value::Integer(to.0)]);
        }
        if let (Some(first), _) = filter.days {
            self.add(" AND p.business_day >= ?", [Value::Integer(first.number().into())]);
        }
        if let (_, Some(last)) = filter.days {
            self.add(" AND p.business_day <= ?", [Value::Integer(last.number().into())]);
        }
        if let Some((at, no)) = &filter.after {
            self.add(" AND (p.at, p.no) < (?, ?)", [Value::Integer(at.0), text(no)]);
        }
        if let Some(store) = &filter.store {
            self.add(" AND p.store = ?", [text(store)]);
        }
        if let Some(cashier) = &filter.cashier {
            self.add(" AND p.cashier = ?", [text(cashier)]);
        }
        if let Some(state) = filter.state {
            self.add(" AND p.state = ?", [text(state.as_str())]);
        }
        if let Some(kind) = &filter.kind {
            self.add(" AND p.kind = ?", [text(kind)]);
        }
    }

    fn newest_first(&mut self, limit: Value) {
        self.add(" ORDER BY p.at DESC, p.no DESC LIMIT ?", [limit]);
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// What most rows are has no index of its own.
#[derive(Clone, Copy)]
enum Of {
    Returns,
    Open,
    /// In a state that few rows are in.
    Rare,
    Any,
}

impl Of {
    fn wanted(filter: &PaymentFilter) -> Self {
        if filter.kind.as_ref().is_some_and(|kind| kind != "charge") {
            return Self::Returns;
        }
        match filter.state {
            None | Some(State::Paid) => Self::Any,
            Some(State::Pending) => Self::Open,
            Some(
                State::Declined
                | State::Unknown
                | State::Held
                | State::Reversing
                | State::Closed
                | State::Reversed
                | State::Refunding
                | State::PartRefunded
                | State::Refunded
                | State::Quarantined,
            ) => Self::Rare,
        }
    }
}

/// The index a list walks, and what says that it holds all rows wanted.
fn walk(filter: &PaymentFilter) -> &'static str {
    match (Of::wanted(filter), &filter.cashier, &filter.store) {
        (Of::Open, ..) => "payment_unfinished WHERE p.unfinished = 1",
        (Of::Returns, Some(_), _) => "payment_returns_of_cashier WHERE p.kind <> 'charge'",
        (Of::Returns, None, Some(_)) => "payment_returns_of_store WHERE p.kind <> 'charge'",
        (Of::Returns, None, None) => "payment_returns WHERE p.kind <> 'charge'",
        (Of::Rare, Some(_), _) => "payment_by_cashier_state WHERE p.state NOT IN ('pending', 'paid')",
        (Of::Rare, None, Some(_)) => "payment_by_store_state WHERE p.state NOT IN ('pending', 'paid')",
        (Of::Rare, None, None) => "payment_by_state WHERE p.state NOT IN ('pending', 'paid')",
        (Of::Any, Some(_), _) => "payment_by_cashier WHERE TRUE",
        (Of::Any, None, Some(_)) => "payment_by_store_time WHERE TRUE",
        (Of::Any, None, None) => "payment_by_time WHERE p.at <= 9223372036854775807",
    }
}

fn walked(filter: &PaymentFilter, limit: Value) -> Draft {
    let mut page = Draft::default();
    page.add(&format!("SELECT {PAYMENT_COLUMNS} FROM payment p INDEXED BY {}", walk(filter)), []);
    page.conditions(filter);
    page.newest_first(limit);
    page
}

fn searched(filter: &PaymentFilter, search: &search::Query, limit: &Value) -> Draft {
    let mut page = Draft::default();
    page.add("WITH found (no, store) AS (", []);
    if let Some(number) = &search.number {
        numbers(&mut page, number);
    }
    if let Some(amount) = search.amount {
        page.add(
            "SELECT * FROM (SELECT p.no, p.store FROM payment p INDEXED BY payment_by_amount WHERE p.amount = ?",
            [Value::Integer(i64::try_from(amount.get()).unwrap_or(i64::MAX))],
        );
        page.conditions(filter);
        page.newest_first(limit.clone());
        page.add(") UNION ", []);
    }
    remarks(&mut page, filter, &search.text, limit);
    page.add(
        &format!(
            ") SELECT {PAYMENT_COLUMNS} FROM found f CROSS JOIN payment p ON p.no = f.no AND p.store = f.store WHERE TRUE"
        ),
        [],
    );
    page.conditions(filter);
    page.newest_first(limit.clone());
    page
}

/// Where a number may stand, each in an index of its own. The counter's and the acquirer's numbers are of fixed form; the others
/// are looked up exactly too, as one of them may be the beginning of many.
fn numbers(page: &mut Draft, number: &str) {
    let mut look = |column: &str, values: [&str; 2]| {
        // What the partial index says of itself: a comparison with a value does not tell SQLite that it is not empty.
        let indexed = if column == "original" { "p.original <> '' AND " } else { "" };
        page.add(
            &format!(
                "SELECT * FROM (SELECT p.no, p.store FROM payment p WHERE {indexed}p.{column} BETWEEN ? AND ?
                     ORDER BY p.{column} DESC LIMIT ?) UNION "
            ),
            [text(values[0]), text(values[1]), Value::Integer(FOUND_MAX)],
        );
    };
    let upto = |number: &str| format!("{number}{LAST_CHAR}");
    for column in ["no", "original", "acquirer_no", "wallet_no"] {
        look(column, [number, &upto(number)]);
    }
    let mut spellings = vec![number.to_owned(), number.to_uppercase(), number.to_lowercase()];
    spellings.sort_unstable();
    spellings.dedup();
    for spelling in &spellings {
        look("bill_number", [spelling, spelling]);
        look("bill_number", [spelling, &upto(spelling)]);
    }
}

/// Remarks are read one by one, so only those of a stretch of time.
fn remarks(page: &mut Draft, filter: &PaymentFilter, words: &str, limit: &Value) {
    let pattern = format!("%{}%", words.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_"));
    let since = filter.to.unwrap_or(filter.now).0.saturating_sub(REMARK_DAYS * DAY_MS);
    page.add(
        r"SELECT * FROM (SELECT p.no, p.store FROM payment p INDEXED BY payment_with_remark
              WHERE p.remark IS NOT NULL AND p.at >= ? AND p.remark LIKE ? ESCAPE '\'",
        [Value::Integer(filter.from.map_or(since, |from| from.0)), text(&pattern)],
    );
    page.conditions(filter);
    page.newest_first(limit.clone());
    page.add(")", []);
}
