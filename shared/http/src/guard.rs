//! What every request passes before any handler, and what every answer carries.
//!
//! From the outside in: security headers, the caller's language, the Host list (which is the defence against DNS rebinding:
//! an Origin check alone does not help there), then the cross-site checks and the body limit. No forwarded header
//! is read here; of a named proxy's the accept loop believes `X-Forwarded-For` (see [`crate::place`]).

use std::{
    collections::HashSet,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header, uri::Authority},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt, Limited};

use crate::{
    problem::{self, Code, Problem},
    session::COOKIE_PREFIX,
};

/// The largest request body: the longest charge is below 2 KiB, an announcement of 10,000 hanzi 30 KiB.
pub const BODY_MAX_BYTES: usize = 64 * 1024;

/// A refused body is read off up to this size, so that its sender hears why.
const REFUSED_BODY_MAX_BYTES: usize = 4 * 1024 * 1024;

/// The header a page of ours adds to every request that changes something. A foreign page cannot without a preflight, and
/// preflights are refused.
pub const OWN_PAGE_HEADER: HeaderName = HeaderName::from_static("x-guitai");

/// Scripts, styles, pictures and connections of our own only; nothing inline.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
     connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; \
     form-action 'self'";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

const SECURITY_HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Puts all guards around a finished router.
pub fn protect(app: Router, hosts: Hosts) -> Router {
    app.layer(from_fn(refuse_foreign))
        .layer(from_fn_with_state(Arc::new(hosts), refuse_other_hosts))
        .layer(from_fn(problem::localise))
        .layer(from_fn(add_headers))
}

/// A configured host name that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadHost(pub String);

impl fmt::Display for BadHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "不是主机名 not a host name: {:?}; write name or name:port", self.0)
    }
}

impl std::error::Error for BadHost {}

/// The values of `Host` this server answers to, each with its port.
#[derive(Clone, Debug)]
pub struct Hosts(HashSet<String>);

impl Hosts {
    /// The bound address; `localhost` and the loopback addresses when those reach it; and the configured names. A name without a port gets
    /// the bound one; with a proxy in front, write the outside port (`hq.example:443`). Binding all addresses (`0.0.0.0`)
    /// lists no LAN address: those must be configured.
    ///
    /// # Errors
    /// Names the first configured text that is no host name.
    pub fn new(bound: SocketAddr, names: &[String]) -> Result<Self, BadHost> {
        let mut hosts = Self(HashSet::new());
        let port = bound.port();
        let ip = bound.ip().to_canonical();
        if !ip.is_unspecified() {
            hosts.allow(&SocketAddr::new(ip, port).to_string(), port);
        }
        let loopback: &[IpAddr] = &[IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])];
        if ip.is_loopback() || ip.is_unspecified() {
            hosts.allow(&format!("localhost:{port}"), port);
            for address in loopback {
                hosts.allow(&SocketAddr::new(*address, port).to_string(), port);
            }
        }
        for name in names {
            let (authority, port) = Self::configured(name, port).ok_or_else(|| BadHost(name.clone()))?;
            hosts.allow(&authority, port);
        }
        Ok(hosts)
    }

    fn configured(name: &str, bound: u16) -> Option<(String, u16)> {
        let authority: Authority = name.parse().ok()?;
        if name.contains('@') || authority.host().is_empty() || authority.host().contains('*') {
            return None;
        }
        let port = match name.strip_prefix(authority.host()) {
            Some("") => bound,
            Some(_) => authority.port_u16()?,
            None => return None,
        };
        Some((format!("{}:{port}", authority.host()), port))
    }

    fn allow(&mut self, authority: &str, port: u16) {
        let authority = authority.to_ascii_lowercase();
        // Browsers leave out the port of the scheme: 80, or 443 where a proxy ends TLS.
        if matches!(port, 80 | 443)
            && let Some((name, _)) = authority.rsplit_once(':')
        {
            self.0.insert(name.to_owned());
        }
        self.0.insert(authority);
    }

    /// Whether a value of `Host` is one of ours, exactly, port included.
    #[must_use]
    pub fn allows(&self, host: &str) -> bool {
        self.0.contains(&host.to_ascii_lowercase())
    }
}

async fn refuse_other_hosts(State(hosts): State<Arc<Hosts>>, request: Request, next: Next) -> Response {
    let named = the_only(request.headers(), &header::HOST).is_some_and(|host| hosts.allows(host));
    // A request line with a whole address in it must name us as well.
    let target = request.uri().authority().is_none_or(|authority| hosts.allows(authority.as_str()));
    if named && target { next.run(request).await } else { Problem::new(Code::Misdirected).into_response() }
}

async fn refuse_foreign(request: Request, next: Next) -> Response {
    match check(&request) {
        Ok(()) => next.run(request.map(|body| Body::new(Limited::new(body, BODY_MAX_BYTES)))).await,
        Err(problem) => {
            read_off(request.into_body()).await;
            problem.into_response()
        }
    }
}

/// Reads what a refused sender still has to say, within a bound: a connection closed in the middle of it would take the answer
/// down with it. The body's deadline holds here too.
async fn read_off(mut body: Body) {
    let mut left = REFUSED_BODY_MAX_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let size = frame.data_ref().map_or(0, |data| data.len());
        if size > left {
            return;
        }
        left -= size;
    }
}

fn check(request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    if changes || is_api(request.uri().path()) {
        check_origin(headers)?;
    }
    if changes {
        check_sender(headers)?;
        check_body(request)?;
    }
    Ok(())
}

/// A page that names its origin must be ours. The schemes may differ: a proxy may end TLS.
fn check_origin(headers: &HeaderMap) -> Result<(), Problem> {
    if !headers.contains_key(header::ORIGIN) {
        return Ok(());
    }
    let host = the_only(headers, &header::HOST);
    let origin = the_only(headers, &header::ORIGIN)
        .and_then(|origin| origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")));
    match (origin, host) {
        (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(Code::CrossSite.into()),
    }
}

fn check_sender(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(SEC_FETCH_SITE) && the_only(headers, &SEC_FETCH_SITE) != Some("same-origin") {
        return Err(Code::CrossSite.into());
    }
    if carries_session(headers) && the_only(headers, &OWN_PAGE_HEADER) != Some("1") {
        return Err(Problem::new(Code::CrossSite).detail(
            "带登录状态的修改请求必须带 X-Guitai: 1。",
            "A change made with a session needs the header X-Guitai: 1.",
        ));
    }
    Ok(())
}

fn carries_session(headers: &HeaderMap) -> bool {
    headers.get_all(header::COOKIE).into_iter().any(|value| {
        // A value that is no text might hide a session: treat it as one.
        value.to_str().map_or(true, |text| text.split(';').any(|pair| pair.trim_start().starts_with(COOKIE_PREFIX)))
    })
}

fn check_body(request: &Request) -> Result<(), Problem> {
    let hint = request.body().size_hint();
    if hint.lower() > u64::try_from(BODY_MAX_BYTES).unwrap_or(u64::MAX) {
        return Err(Code::TooLarge.into());
    }
    if request.body().is_end_stream() {
        return Ok(());
    }
    let json = the_only(request.headers(), &header::CONTENT_TYPE)
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    if json { Ok(()) } else { Err(Code::UnsupportedMediaType.into()) }
}

/// The value of a header that is there exactly once: with two, a proxy and we might each believe another one.
fn the_only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).into_iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

async fn add_headers(request: Request, next: Next) -> Response {
    let api = is_api(request.uri().path());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if api {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

fn is_api(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}

#[cfg(test)]
mod tests;
