//! The HTTPS client for acquirers. It sends each request once and says honestly what is known afterwards.
//!
//! What matters is the line between "nothing can have happened" and "anything may have happened". Before the connection
//! stands (name, route, TCP, TLS) no byte of the request has been written: `NotSent`. Everything after that without a whole
//! answer is `NoAnswer`.
//!
//! Every request has a connection of its own. hyper-util's pool silently sends a request again when a kept connection turns
//! out to be dead before the request was started (`retry_canceled_requests`, on by default), and reqwest has no switch for it;
//! `pool_max_idle_per_host(0)` turns the pool off, so there is no kept connection and no second sending. It costs one TCP and
//! TLS handshake a call and buys that rule 2 of the design holds by construction.

use std::{fmt, net::IpAddr, time::Duration};

use bytes::Bytes;
use guitai_core::{
    acquirer::{Pace, Reply, Request, date::parse_http_date},
    limits::ACQUIRER_ANSWER_MAX_BYTES,
    secret::SecretText,
};
use reqwest::{
    Client, Response, Url,
    header::{CONTENT_TYPE, DATE},
    redirect, retry,
};

/// Why a client cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaseError {
    /// Not `https://host[:port][/prefix]`.
    NotAnAddress {
        /// What is wrong with it.
        detail: String,
    },
    /// Plain HTTP is for the sandbox on this machine only.
    PlainHttp,
    /// TLS cannot be set up: no system certificates, or no crypto provider installed.
    Tls {
        /// Why.
        detail: String,
    },
}

impl fmt::Display for BaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnAddress { detail } => {
                write!(f, "收单机构地址不正确：{detail} / the acquirer's address is not usable: {detail}")
            }
            Self::PlainHttp => f.write_str(
                "收单机构地址必须以 https:// 开头（本机沙箱除外） / the acquirer's address must begin with https:// (except for a sandbox on this machine)",
            ),
            Self::Tls { detail } => {
                write!(f, "无法建立加密连接环境：{detail} / TLS cannot be set up: {detail}")
            }
        }
    }
}

impl std::error::Error for BaseError {}

/// One acquirer at one address.
#[derive(Clone)]
pub struct AcquirerClient {
    base: String,
    client: Client,
}

impl fmt::Debug for AcquirerClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquirerClient").field("base", &self.base).finish_non_exhaustive()
    }
}

impl AcquirerClient {
    /// A client for the full prefix `base` before the operation's path. The rustls crypto provider must be installed already.
    ///
    /// # Errors
    /// See [`BaseError`].
    pub fn new(base: &str, pace: Pace) -> Result<Self, BaseError> {
        let url = Url::parse(base).map_err(|e| BaseError::NotAnAddress { detail: e.to_string() })?;
        let encrypted = check_base(&url)?;
        let builder = Client::builder()
            .connect_timeout(Duration::from_millis(pace.connect_timeout_ms))
            .timeout(Duration::from_millis(pace.answer_timeout_ms))
            .retry(retry::never())
            .pool_max_idle_per_host(0)
            .http1_only()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .https_only(encrypted)
            .user_agent(concat!("guitai/", env!("CARGO_PKG_VERSION")));
        // Without TLS no root certificates are needed, and the machine need not have any.
        let builder = if encrypted { builder } else { builder.tls_certs_only([]) };
        let client = builder.build().map_err(|e| BaseError::Tls { detail: detail(&e) })?;
        Ok(Self { base: url.as_str().trim_end_matches('/').to_owned(), client })
    }

    /// Sends the request once. Its body is wiped when the last byte has left.
    pub async fn post(&self, request: Request) -> Reply {
        let url = format!("{}{}", self.base, request.path);
        let body = Bytes::from_owner(WipedBody(request.body));
        let sent = self.client.post(url).header(CONTENT_TYPE, request.content_type).body(body).send().await;
        match sent {
            Ok(response) => read(response).await,
            Err(error) if error.is_connect() || error.is_builder() => Reply::NotSent { detail: detail(&error) },
            Err(error) => Reply::NoAnswer { detail: detail(&error) },
        }
    }
}

/// Whether the base is encrypted; anything else but this machine's sandbox is refused.
fn check_base(url: &Url) -> Result<bool, BaseError> {
    let wrong = |detail: &str| Err(BaseError::NotAnAddress { detail: detail.into() });
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("? 或 # / a query or fragment");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("用户名或密码 / a user name or password");
    }
    match url.scheme() {
        "https" => Ok(true),
        "http" if url.host_str().is_some_and(is_this_machine) => Ok(false),
        "http" => Err(BaseError::PlainHttp),
        _ => wrong("https://"),
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

async fn read(mut response: Response) -> Reply {
    let status = response.status().as_u16();
    let date = response.headers().get(DATE).and_then(|date| parse_http_date(date.to_str().ok()?));
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > ACQUIRER_ANSWER_MAX_BYTES => {
                return Reply::NoAnswer { detail: format!("an answer of more than {ACQUIRER_ANSWER_MAX_BYTES} bytes") };
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Reply::Http { status, date, body },
            Err(error) => return Reply::NoAnswer { detail: detail(&error) },
        }
    }
}

/// The error and its causes, without the address.
fn detail(error: &reqwest::Error) -> String {
    let kind = if error.is_timeout() {
        "timed out"
    } else if error.is_connect() {
        "no connection"
    } else {
        "cut"
    };
    let mut text = kind.to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// A request body that is wiped when its last reference goes.
struct WipedBody(SecretText);

impl AsRef<[u8]> for WipedBody {
    fn as_ref(&self) -> &[u8] {
        self.0.expose().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_may_go_without_tls() {
        let check = |base: &str| Url::parse(base).map_err(|_| ()).map(|url| check_base(&url));
        for base in ["http://127.0.0.1:30000/allinpay", "http://localhost:30000", "http://[::1]:30000"] {
            assert_eq!(check(base), Ok(Ok(false)), "{base}");
        }
        assert_eq!(check("https://vsp.example.com/apiweb"), Ok(Ok(true)));
        for base in ["http://192.168.1.5/", "http://example.com", "http://localhost.example.com"] {
            assert_eq!(check(base), Ok(Err(BaseError::PlainHttp)), "{base}");
        }
        for base in ["ftp://127.0.0.1/", "https://a.example/?x=1", "https://u:p@a.example/"] {
            assert!(matches!(check(base), Ok(Err(BaseError::NotAnAddress { .. }))), "{base}");
        }
    }
}
