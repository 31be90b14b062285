//! What went wrong, as RFC 9457 problem JSON: a stable `code` for programs, words for people in their language, what to do next.
//!
//! A [`Problem`] is turned into an answer where nobody knows the caller's language, so it is first written in Chinese and
//! carried along in the answer's extensions; [`localise`] rewrites it on the way out for a caller who prefers English.

use std::convert::Infallible;

use axum::{
    body::Body,
    extract::{FromRequestParts, Request},
    http::{HeaderMap, HeaderValue, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use guitai_core::{money::AmountError, normal::TextError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use crate::code::Code;
use crate::{random::NoRandomness, words::Words};

/// The content type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The language of the words in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// 简体中文, unless the caller prefers another.
    Zh,
    /// English.
    En,
}

impl Language {
    /// The caller's preference in `Accept-Language`: of Chinese and English the one with the greater weight, the first named
    /// when equal, Chinese when neither is named.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let named = headers.get_all(header::ACCEPT_LANGUAGE).into_iter().filter_map(|value| value.to_str().ok());
        let mut best: Option<(u16, Self)> = None;
        for range in named.flat_map(|value| value.split(',')) {
            let Some((language, weight)) = Self::weighed(range) else { continue };
            if weight > 0 && best.is_none_or(|(most, _)| weight > most) {
                best = Some((weight, language));
            }
        }
        best.map_or(Self::Zh, |(_, language)| language)
    }

    fn weighed(range: &str) -> Option<(Self, u16)> {
        let mut parts = range.split(';').map(str::trim);
        let primary = parts.next()?.split('-').next()?.to_ascii_lowercase();
        let language = match primary.as_str() {
            "zh" => Self::Zh,
            "en" => Self::En,
            _ => return None,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1000), thousandths)?;
        Some((language, weight))
    }
}

/// `0.75` as 750.
pub(crate) fn thousandths(weight: &str) -> Option<u16> {
    let (whole, part) = weight.split_once('.').unwrap_or((weight, ""));
    if part.len() > 3 {
        return None;
    }
    let thousandths = format!("{part:0<3}").parse::<u16>().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

/// A refused request: its code, and what the words cannot know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    code: Code,
    field: Option<String>,
    detail: Option<(String, String)>,
    retry_after_s: Option<u64>,
    facts: Option<Box<Facts>>,
}

/// What a program needs besides the words to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Facts {
    /// What of the bill is free, in fen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub free_fen: Option<u64>,
    /// What the bill comes to, in fen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub total_fen: Option<u64>,
    /// The days to choose from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub days: Option<Vec<String>>,
}

impl Problem {
    /// A problem with the words of its code.
    #[must_use]
    pub const fn new(code: Code) -> Self {
        Self { code, field: None, detail: None, retry_after_s: None, facts: None }
    }

    /// A request that cannot be read at this field, as a path such as `bill.total_fen`.
    #[must_use]
    pub fn malformed(field: impl Into<String>) -> Self {
        Self::new(Code::Malformed).field(field)
    }

    /// A text that cannot be taken at this field.
    #[must_use]
    pub fn text(field: impl Into<String>, error: TextError) -> Self {
        let zh = match error {
            TextError::Empty => "不能为空。".to_owned(),
            TextError::TooLong { max } => format!("最多 {max} 个字。"),
            TextError::Control => "不能有换行、制表符或控制字符。".to_owned(),
            TextError::Hidden => "含有看不见的字符或方向控制符，请重新输入，不要粘贴。".to_owned(),
            TextError::Ambiguous => "含有组合字符或兼容字符，请换成普通字符重新输入。".to_owned(),
        };
        Self::malformed(field).detail(zh, format!("It is refused: {error}."))
    }

    /// Names the field that is wrong.
    #[must_use]
    pub fn field(mut self, path: impl Into<String>) -> Self {
        self.field = Some(path.into());
        self
    }

    /// Says more exactly what is wrong than the code's own words.
    #[must_use]
    pub fn detail(mut self, zh: impl Into<String>, en: impl Into<String>) -> Self {
        self.detail = Some((zh.into(), en.into()));
        self
    }

    /// Says when to try again, in whole seconds.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Adds what a program needs to go on.
    #[must_use]
    pub fn facts(mut self, facts: Facts) -> Self {
        self.facts = Some(Box::new(facts));
        self
    }

    /// Its code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The field it names.
    #[must_use]
    pub fn named_field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// The body in one language.
    #[must_use]
    pub fn body(&self, language: Language) -> ProblemBody {
        let words = Words::of(self.code);
        let pick = |zh: &str, en: &str| match language {
            Language::Zh => zh.to_owned(),
            Language::En => en.to_owned(),
        };
        let detail = match &self.detail {
            Some((zh, en)) => pick(zh, en),
            None => pick(words.detail.0, words.detail.1),
        };
        ProblemBody {
            r#type: "about:blank".to_owned(),
            title: pick(words.title.0, words.title.1),
            status: self.code.status().as_u16(),
            code: self.code.as_str().to_owned(),
            detail,
            field: self.field.clone(),
            remedy: pick(words.remedy.0, words.remedy.1),
            facts: self.facts.as_deref().cloned().unwrap_or_default(),
        }
    }

    fn answer(self, language: Language) -> Response {
        let body = serde_json::to_vec(&self.body(language)).unwrap_or_default();
        let mut response = (self.code.status(), Body::from(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        let language = match language {
            Language::Zh => "zh-CN",
            Language::En => "en",
        };
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language));
        headers.insert(header::VARY, HeaderValue::from_static("accept-language"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The JSON of a problem (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemBody {
    /// Always `about:blank`: `code` is what tells problems apart.
    pub r#type: String,
    /// A few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// For programs; never changes.
    pub code: String,
    /// What is wrong, in a sentence.
    pub detail: String,
    /// The field that is wrong, as a path such as `bill.total_fen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub field: Option<String>,
    /// What to do next.
    pub remedy: String,
    /// What a program needs to go on.
    #[serde(flatten)]
    pub facts: Facts,
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl From<NoRandomness> for Problem {
    fn from(error: NoRandomness) -> Self {
        tracing::error!(%error, "no randomness");
        Self::new(Code::Internal)
    }
}

impl From<AmountError> for Problem {
    fn from(error: AmountError) -> Self {
        let code = match error {
            AmountError::Zero => Code::AmountZero,
            AmountError::Negative => Code::AmountNegative,
            AmountError::OverLimit => Code::AmountOverLimit,
        };
        Self::new(code).field("amount_fen")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.answer(Language::Zh)
    }
}

/// Rewrites a problem for a caller who prefers English.
pub async fn localise(request: Request, next: Next) -> Response {
    let language = Language::of(request.headers());
    let mut response = next.run(request).await;
    match (language, response.extensions_mut().remove::<Problem>()) {
        (Language::En, Some(problem)) => {
            let mut english = problem.answer(Language::En);
            // What a layer added on the way out, such as `Allow` or a cookie, stays.
            for (name, value) in response.headers() {
                if !english.headers().contains_key(name) && name != header::CONTENT_LENGTH {
                    english.headers_mut().append(name, value.clone());
                }
            }
            english
        }
        (Language::Zh, _) | (Language::En, None) => response,
    }
}

/// The answer for a path that does not exist; give it to `Router::fallback`.
pub async fn not_found() -> Problem {
    Problem::new(Code::NotFound)
}

/// The answer for a method a path does not have; give it to `Router::method_not_allowed_fallback`.
pub async fn method_not_allowed() -> Problem {
    Problem::new(Code::MethodNotAllowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(accepted: &str) -> Language {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_str(accepted).expect("a value"));
        Language::of(&headers)
    }

    #[test]
    fn the_heavier_language_wins_and_chinese_is_the_default() {
        assert_eq!(Language::of(&HeaderMap::new()), Language::Zh);
        let table = [
            ("en", Language::En),
            ("en-US,en;q=0.9,zh;q=0.8", Language::En),
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Zh),
            ("zh;q=0.5, EN-gb", Language::En),
            ("fr-FR, *;q=0.5", Language::Zh),
            ("en;q=0", Language::Zh),
            ("en;q=7, en;q=0.1234", Language::Zh),
            ("fr, en;q=0.001", Language::En),
            ("", Language::Zh),
        ];
        for (accepted, expected) in table {
            assert_eq!(language(accepted), expected, "{accepted}");
        }
    }

    #[test]
    fn every_code_has_words_in_both_languages_and_its_own_text() {
        let mut texts = std::collections::HashSet::new();
        for code in Code::ALL {
            assert!(texts.insert(code.as_str()), "{code:?} twice");
            assert!(code.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{code:?}");
            assert!(code.status().is_client_error() || code.status().is_server_error(), "{code:?}");
            let words = Words::of(*code);
            let chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
            for (zh, en) in [words.title, words.detail, words.remedy] {
                assert!(chinese(zh), "{code:?}: {zh}");
                assert!(!en.is_empty() && !chinese(en), "{code:?}: {en}");
            }
            assert!(words.title.0.chars().count() <= 20, "{code:?}: a title is a few words");
        }
    }

    #[test]
    fn a_problem_carries_what_the_words_cannot_know() {
        let problem = Problem::new(Code::TooManyTries).field("password").detail("甲", "a").retry_after(4);
        let body = problem.body(Language::En);
        assert_eq!((body.status, body.code.as_str(), body.detail.as_str()), (429, "too_many_tries", "a"));
        let response = problem.into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "4");
        assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_JSON);
        let json = serde_json::to_value(Problem::new(Code::NotFound).body(Language::Zh)).unwrap();
        assert_eq!(json["type"], "about:blank");
        assert!(json.get("field").is_none());
    }
}
