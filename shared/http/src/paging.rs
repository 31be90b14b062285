//! Lists in pages, and query strings that name their mistake.

use std::collections::BTreeMap;

use axum::{extract::FromRequestParts, http::request::Parts};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use guitai_core::{
    limits::{PAGE_DEFAULT, PAGE_MAX},
    time::{Day, UtcMs},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

use crate::{
    problem::{Code, Problem},
    time::Time,
};

/// The longest cursor we take back: ours have below 100 characters.
pub const CURSOR_MAX_CHARS: usize = 256;

/// The longest text to search for, in characters.
pub const SEARCH_MAX_CHARS: usize = 64;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Give it back as `cursor` for the next page; null on the last.
    #[schema(required)]
    pub next_cursor: Option<String>,
    /// When the rows were read.
    pub as_of: Time,
}

/// Where the next page begins, as a text without meaning for the caller.
#[must_use]
pub fn encode_cursor<T: Serialize>(place: &T) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).unwrap_or_default())
}

/// Reads [`encode_cursor`] back. A cursor is no secret and no right: whoever edits one reads what the filters allow anyway.
///
/// # Errors
/// 400 naming `cursor`.
pub fn decode_cursor<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    let bytes = (text.len() <= CURSOR_MAX_CHARS).then(|| URL_SAFE_NO_PAD.decode(text).ok()).flatten();
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(|| Problem::malformed("cursor"))
}

/// A query string read into `T`. Unknown and repeated parameters are refused: a misspelt filter must not show everything.
#[derive(Clone, Debug)]
pub struct Query<T>(pub T);

/// What a query string can be read into.
pub trait FromParams: Sized {
    /// Takes the parameters it knows.
    ///
    /// # Errors
    /// 400 naming the parameter.
    fn read(params: &mut Params) -> Result<Self, Problem>;
}

impl<S: Send + Sync, T: FromParams> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::parse(parts.uri.query().unwrap_or(""))
    }
}

impl<T: FromParams> Query<T> {
    /// Reads the text after the question mark.
    ///
    /// # Errors
    /// 400 naming the parameter.
    pub fn parse(query: &str) -> Result<Self, Problem> {
        let mut params = Params::parse(query)?;
        let value = T::read(&mut params)?;
        params.finish()?;
        Ok(Self(value))
    }
}

/// The parameters of a query string that nobody took yet. A parameter without a value counts as absent.
#[derive(Clone, Debug)]
pub struct Params(BTreeMap<String, String>);

impl Params {
    fn parse(query: &str) -> Result<Self, Problem> {
        let mut params = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if params.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(Problem::malformed(name).detail("这个参数出现了两次。", "This parameter is given twice."));
            }
        }
        Ok(Self(params))
    }

    fn finish(self) -> Result<(), Problem> {
        match self.0.into_keys().next() {
            None => Ok(()),
            Some(name) => Err(Problem::malformed(name).detail("没有这个参数。", "There is no such parameter.")),
        }
    }

    /// Takes a parameter that `parse` must understand.
    ///
    /// # Errors
    /// 400 naming the parameter.
    pub fn parsed<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Problem> {
        match self.0.remove(name).filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => parse(&text).map(Some).ok_or_else(|| Problem::new(Code::Malformed).field(name)),
        }
    }

    /// Takes a text of at most so many characters.
    ///
    /// # Errors
    /// 400 naming the parameter.
    pub fn text(&mut self, name: &str, max_chars: usize) -> Result<Option<String>, Problem> {
        self.parsed(name, |text| (text.chars().count() <= max_chars).then(|| text.to_owned()))
    }

    /// Takes a moment, RFC 3339 with any offset.
    ///
    /// # Errors
    /// 400 naming the parameter.
    pub fn time(&mut self, name: &str) -> Result<Option<UtcMs>, Problem> {
        self.parsed(name, |text| Time::parse(text).map(|time| time.0))
    }

    /// Takes a day, `YYYY-MM-DD`.
    ///
    /// # Errors
    /// 400 naming the parameter.
    pub fn day(&mut self, name: &str) -> Result<Option<Day>, Problem> {
        self.parsed(name, |text| Day::parse(text).filter(|day| day.to_string() == text))
    }

    /// Takes `limit`: 1 to 200, 50 when absent.
    ///
    /// # Errors
    /// 400 naming `limit`.
    pub fn limit(&mut self) -> Result<usize, Problem> {
        let limit = self.parsed("limit", |text| text.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit)));
        limit
            .map(|limit| limit.unwrap_or(PAGE_DEFAULT))
            .map_err(|problem| problem.detail("limit 是 1 到 200 的整数。", "`limit` is a whole number from 1 to 200."))
    }

    /// Takes `cursor`; [`decode_cursor`] reads it.
    ///
    /// # Errors
    /// 400 naming `cursor`.
    pub fn cursor(&mut self) -> Result<Option<String>, Problem> {
        self.text("cursor", CURSOR_MAX_CHARS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dto::{DayQuery, Kind, PaymentsQuery, State};

    fn refused<T: FromParams>(query: &str) -> Option<String> {
        let problem = Query::<T>::parse(query).map(|_| ()).expect_err(query);
        assert_eq!(problem.code(), Code::Malformed);
        problem.named_field().map(str::to_owned)
    }

    #[test]
    fn a_good_query_is_read_whole() {
        let text = "store=S001&from=2026-01-05T00:00:00%2B08:00&to=2026-01-06T00:00:00.000Z&state=part_refunded\
                    &kind=charge&q=%E7%8E%8B&limit=200&cursor=abc";
        let Query(query) = Query::<PaymentsQuery>::parse(text).expect("a good query");
        assert_eq!(query.from, Some(UtcMs(1_767_542_400_000)));
        assert_eq!(query.to, Some(UtcMs(1_767_657_600_000)));
        assert_eq!((query.state, query.kind), (Some(State::PartRefunded), Some(Kind::Charge)));
        assert_eq!((query.q.as_deref(), query.limit, query.cursor.as_deref()), (Some("王"), 200, Some("abc")));
        let Query(empty) = Query::<PaymentsQuery>::parse("q=&state=").expect("empty values are absent");
        assert_eq!((empty.q, empty.state, empty.limit), (None, None, PAGE_DEFAULT));
        let Query(padded) = Query::<PaymentsQuery>::parse("q=%E3%80%80B1%20%0A").expect("blanks around it");
        assert_eq!(padded.q.as_deref(), Some("B1"));
        let Query(blank) = Query::<PaymentsQuery>::parse("q=%20%E2%80%8B").expect("nothing to be seen is absent");
        assert_eq!(blank.q, None);
        let Query(day) = Query::<DayQuery>::parse("date=2026-01-05").expect("a day");
        assert_eq!(day.date, Day::parse("2026-01-05"));
    }

    #[test]
    fn every_wrong_parameter_is_named() {
        let long = format!("q={}", "x".repeat(SEARCH_MAX_CHARS + 1));
        let table = [
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=-1", "limit"),
            ("limit=abc", "limit"),
            ("from=yesterday", "from"),
            ("to=2026-01-06", "to"),
            ("state=lost", "state"),
            ("kind=gift", "kind"),
            ("limit=1&limit=2", "limit"),
            ("stat=paid", "stat"),
            ("store=S%2F1", "store"),
            (long.as_str(), "q"),
        ];
        for (query, field) in table {
            assert_eq!(refused::<PaymentsQuery>(query).as_deref(), Some(field), "{query}");
        }
        assert_eq!(
            refused::<PaymentsQuery>("from=2026-01-06T00:00:00Z&to=2026-01-05T00:00:00Z").as_deref(),
            Some("to")
        );
        for date in ["2026-02-30", "20260105", "2026-1-5", "today"] {
            assert_eq!(refused::<DayQuery>(&format!("date={date}")).as_deref(), Some("date"), "{date}");
        }
    }

    #[test]
    fn cursors_read_back_and_foreign_ones_are_refused() {
        let place = (1_767_579_072_000_i64, "26010501234366720042".to_owned());
        let text = encode_cursor(&place);
        assert!(
            text.len() < CURSOR_MAX_CHARS && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        );
        assert_eq!(decode_cursor::<(i64, String)>(&text), Ok(place));
        for bad in ["", "!", "AAAA", &"A".repeat(CURSOR_MAX_CHARS + 1)] {
            let problem = decode_cursor::<(i64, String)>(bad).expect_err(bad);
            assert_eq!(problem.named_field(), Some("cursor"));
        }
    }
}
