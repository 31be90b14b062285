//! A person or a program that talks to a node or the hub over HTTP.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use reqwest::{
    Method, RequestBuilder,
    header::{HeaderMap, RETRY_AFTER, SET_COOKIE},
};
use serde_json::{Value, json};

use crate::charge::Charge;

/// Longer than any answer may take: `wait_ms` is at most a minute.
const ANSWER_LIMIT: Duration = Duration::from_secs(75);

/// The servers end idle connections after 5 s; one that is about to end is not used again.
const IDLE_LIMIT: Duration = Duration::from_secs(2);

#[derive(Clone, Debug)]
enum Identity {
    Nobody,
    Key(String),
    Cookie(String),
}

/// Somebody asking one server.
#[derive(Clone, Debug)]
pub struct Client {
    base: String,
    who: Identity,
    http: reqwest::Client,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; null if it is no JSON.
    pub json: Value,
    /// The headers.
    pub headers: HeaderMap,
    /// From the question to the last byte.
    pub took: Duration,
}

impl Client {
    /// Somebody without log-in or key. `base` is `http://host:port`.
    ///
    /// # Errors
    /// There is no HTTP client.
    pub fn nobody(base: &str) -> anyhow::Result<Self> {
        // A second client finds the provider installed.
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = reqwest::Client::builder()
            .timeout(ANSWER_LIMIT)
            .pool_idle_timeout(IDLE_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { base: base.to_owned(), who: Identity::Nobody, http })
    }

    /// The same, as the program that has this key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { who: Identity::Key(key.to_owned()), ..self.clone() }
    }

    /// Logs a person in.
    ///
    /// # Errors
    /// The log-in is refused.
    pub async fn log_in(&self, account: &str, password: &str) -> anyhow::Result<Self> {
        let answer = self.post("/sessions", &json!({ "account": account, "password": password })).await?;
        ensure!(answer.status == 200, "log-in of {account}: {} {}", answer.status, answer.json);
        let mut pairs = Vec::new();
        for cookie in answer.headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str()?;
            for attribute in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
                ensure!(cookie.contains(attribute), "the cookie lacks {attribute}: {cookie}");
            }
            pairs.push(cookie.split(';').next().unwrap_or_default().to_owned());
        }
        ensure!(pairs.first().is_some_and(|pair| pair.starts_with("__Host-sid-")), "cookies {pairs:?}");
        Ok(Self { who: Identity::Cookie(pairs.join("; ")), ..self.clone() })
    }

    /// The same browser without its session: what it still carries says only who logged in there before.
    #[must_use]
    pub fn without_session(&self) -> Self {
        let who = match &self.who {
            Identity::Cookie(pairs) => {
                let kept: Vec<_> = pairs.split("; ").filter(|pair| !pair.starts_with("__Host-sid-")).collect();
                Identity::Cookie(kept.join("; "))
            }
            other => other.clone(),
        };
        Self { who, ..self.clone() }
    }

    /// Reads.
    ///
    /// # Errors
    /// No answer.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.send(self.request(Method::GET, path)).await
    }

    /// Reads what must be there.
    ///
    /// # Errors
    /// No answer, or not 200.
    pub async fn read(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self.get(path).await?;
        ensure!(answer.status == 200, "GET {path}: {} {}", answer.status, answer.json);
        Ok(answer.json)
    }

    /// What the server says of its own interface.
    ///
    /// # Errors
    /// No answer, or no JSON.
    pub async fn description(&self) -> anyhow::Result<Value> {
        let answer = self.http.get(format!("{}/api/openapi.json", self.base)).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// Writes what moves no money.
    ///
    /// # Errors
    /// No answer.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Changes a thing.
    ///
    /// # Errors
    /// No answer.
    pub async fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send(self.request(Method::PATCH, path).json(body)).await
    }

    /// Writes what moves money, under an `Idempotency-Key`.
    ///
    /// # Errors
    /// No answer.
    pub async fn post_keyed(&self, path: &str, key: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send(self.request(Method::POST, path).header("Idempotency-Key", key).json(body)).await
    }

    /// Charges.
    ///
    /// # Errors
    /// No answer.
    pub async fn charge(&self, charge: &Charge) -> anyhow::Result<Answer> {
        self.post_keyed("/payments", &charge.key, &charge.body()).await
    }

    /// One payment.
    ///
    /// # Errors
    /// No answer, or not 200.
    pub async fn payment(&self, order_no: &str) -> anyhow::Result<Value> {
        self.read(&format!("/payments/{order_no}")).await
    }

    /// Every payment there is, newest first, page by page.
    ///
    /// # Errors
    /// A page is missing.
    pub async fn payments(&self) -> anyhow::Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.read(&format!("/payments?limit=200{cursor}")).await?;
            all.extend(page["items"].as_array().context("items")?.iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    }

    /// A request to `/api/v1` with the caller's identity; for what the methods above do not do.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let changes = method != Method::GET;
        let request = self.http.request(method, format!("{}/api/v1{path}", self.base));
        match &self.who {
            Identity::Nobody => request,
            Identity::Key(key) => request.bearer_auth(key),
            Identity::Cookie(cookie) if changes => request.header("Cookie", cookie).header("X-Guitai", "1"),
            Identity::Cookie(cookie) => request.header("Cookie", cookie),
        }
    }

    /// Sends a request made by [`Self::request`].
    ///
    /// # Errors
    /// No answer.
    pub async fn send(&self, request: RequestBuilder) -> anyhow::Result<Answer> {
        let begun = Instant::now();
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await?;
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { status, json, headers, took: begun.elapsed() })
    }
}

impl Answer {
    /// A member that is a text; empty when missing.
    #[must_use]
    pub fn text(&self, member: &str) -> &str {
        text(&self.json, member)
    }

    /// The seconds of `Retry-After`.
    #[must_use]
    pub fn retry_after_s(&self) -> Option<u64> {
        self.headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()
    }
}

/// A member that is a text; empty when missing.
#[must_use]
pub fn text<'a>(json: &'a Value, member: &str) -> &'a str {
    json[member].as_str().unwrap_or_default()
}
