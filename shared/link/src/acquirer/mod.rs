//! The HTTPS client for acquirers. It sends each request once and says honestly what is known afterwards.
//!
//! What matters is the line between "nothing can have happened" and "anything may have happened". While no byte of the request
//! was handed to a connection it is `NotSent` (name, route, TCP, TLS); everything after that without a whole answer is `NoAnswer`.
//! [`failure`] notes the first byte itself, so the line is drawn by us and not by an HTTP library.
//!
//! Every request has a connection of its own and every connection one request: hyper speaks HTTP over it, without a pool, so
//! there is nobody who could send anything again. The next connection may have been opened [`ahead`].

mod ahead;
mod exchange;
mod failure;
mod line;
#[cfg(test)]
mod tests;

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use guitai_core::{
    acquirer::{Pace, Reply, Request},
    secret::SecretText,
};
use http_body_util::Full;
use hyper::{
    Method, Uri,
    header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT},
};
use rustls::{ClientConfig, crypto::CryptoProvider, pki_types::ServerName};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::time::timeout;
use url::Url;

use ahead::{Ahead, Bounds};
use exchange::exchange;
use failure::Said;
use line::Opener;

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
    /// Before the operation's path.
    prefix: String,
    host: HeaderValue,
    opener: Arc<Opener>,
    ahead: Arc<Ahead>,
    answer_timeout: Duration,
}

impl fmt::Debug for AcquirerClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, prefix, .. } = self;
        f.debug_struct("AcquirerClient").field("host", host).field("prefix", prefix).finish_non_exhaustive()
    }
}

impl AcquirerClient {
    /// A client for the full prefix `base` before the operation's path. The rustls crypto provider must be installed already.
    ///
    /// # Errors
    /// See [`BaseError`].
    pub fn new(base: &str, pace: Pace) -> Result<Self, BaseError> {
        Self::with(base, pace, Bounds::USUAL, system_tls)
    }

    fn with(
        base: &str,
        pace: Pace,
        bounds: Bounds,
        tls: impl FnOnce() -> Result<ClientConfig, String>,
    ) -> Result<Self, BaseError> {
        let url = Url::parse(base).map_err(|error| not_an_address(&error))?;
        let encrypted = check_base(&url)?;
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        let to = format!("http://{host}:{port}").parse::<Uri>().map_err(|error| not_an_address(&error))?;
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let host = HeaderValue::try_from(host).map_err(|error| not_an_address(&error))?;
        // Without TLS no root certificates are needed, and the machine need not have any.
        let tls = match encrypted {
            false => None,
            true => Some((Arc::new(tls().map_err(|detail| BaseError::Tls { detail })?), certified_name(&url)?)),
        };
        let opener = Opener::new(to, tls, Duration::from_millis(pace.connect_timeout_ms));
        Ok(Self {
            prefix: url.path().trim_end_matches('/').to_owned(),
            host,
            opener: Arc::new(opener),
            ahead: Arc::new(Ahead::new(bounds)),
            answer_timeout: Duration::from_millis(pace.answer_timeout_ms),
        })
    }

    /// Sends the request once. Its body is wiped when the last byte has left.
    pub async fn post(&self, request: Request) -> Reply {
        let said = Said::default();
        let path = format!("{}{}", self.prefix, request.path);
        let sent = hyper::Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(HOST, &self.host)
            .header(ACCEPT, "*/*")
            .header(USER_AGENT, concat!("guitai/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, request.content_type)
            .header(CONNECTION, "close")
            .body(Full::new(Bytes::from_owner(WipedBody(request.body))));
        let reply = match sent {
            Ok(sent) => timeout(self.answer_timeout, self.send(sent, &said)).await,
            Err(error) => Ok(said.unanswered(failure::words("no request", &error))),
        };
        let reply = reply.unwrap_or_else(|_| said.unanswered("timed out".into()));
        if said.anything() {
            self.ahead.called(&self.opener);
        }
        reply
    }

    async fn send(&self, request: hyper::Request<Full<Bytes>>, said: &Said) -> Reply {
        if let Some(spare) = self.ahead.take().await {
            match exchange(spare, said.clone(), request.clone()).await {
                Ok(reply) => return reply,
                Err(detail) if said.anything() => {
                    self.ahead.failed();
                    return said.unanswered(detail);
                }
                // It was dead before the first byte, and is gone: as if there had been none.
                Err(_) => {}
            }
        }
        let fresh = match self.opener.open().await {
            Ok(line) => exchange(line, said.clone(), request).await,
            Err(detail) => Err(detail),
        };
        fresh.unwrap_or_else(|detail| said.unanswered(detail))
    }
}

/// Certificates as the system trusts them, TLS 1.2 and 1.3, HTTP/1.1 only.
fn system_tls() -> Result<ClientConfig, String> {
    let provider = CryptoProvider::get_default().ok_or("no crypto provider is installed")?;
    let trusting = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier);
    let mut config = trusting.map_err(|error| failure::words("TLS", &error))?.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn certified_name(url: &Url) -> Result<ServerName<'static>, BaseError> {
    let name = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    ServerName::try_from(name).map_err(|error| not_an_address(&error))
}

fn not_an_address(error: &dyn std::error::Error) -> BaseError {
    BaseError::NotAnAddress { detail: error.to_string() }
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

/// A request body that is wiped when its last reference goes.
struct WipedBody(SecretText);

impl AsRef<[u8]> for WipedBody {
    fn as_ref(&self) -> &[u8] {
        self.0.expose().as_bytes()
    }
}
