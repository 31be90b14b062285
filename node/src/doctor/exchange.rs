//! One harmless HTTP GET, measured: a TCP connect to each resolved address, then a request over a fresh connection to the first that took
//! it. No redirects, no proxy, no body read.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, LOCATION};
use reqwest::{Client, Url, redirect};
use rustls::CertificateError;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::clock::Reading;

/// The longest one exchange takes, connect and answer together. Twice what counts as failed, so that "slow" and "silent" can be told apart.
pub(super) const EXCHANGE_LIMIT: Duration = Duration::from_secs(4);

/// A name with more addresses than this is tried on its first ones only.
const ADDRESSES_MAX: usize = 6;

/// A host and port out of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Endpoint {
    /// Reads `host:port` or `[v6]:port`.
    pub(super) fn parse(host_port: &str) -> Option<Self> {
        let (host, port) = host_port.rsplit_once(':')?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let bare_v6 = host.contains(':') && !host_port.starts_with('[');
        let port = port.parse().ok().filter(|port| *port != 0)?;
        (!host.is_empty() && !bare_v6).then(|| Self { host: host.to_owned(), port })
    }

    /// The endpoint of an `http` or `https` address.
    pub(super) fn of_url(url: &Url) -> Option<Self> {
        let host = url.host_str()?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Some(Self { host: host.to_owned(), port: url.port_or_known_default()? })
    }

    /// The address, if the host is one and needs no resolving.
    pub(super) fn literal(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

/// What can be fetched: `http` and `https` addresses with a host.
pub(super) fn parse_base(text: &str) -> Option<Url> {
    let url: Url = text.parse().ok()?;
    (matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty())).then_some(url)
}

/// What an answer to a GET may look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// Only that something answers: an acquirer's prefix has no page of its own.
    Anything,
    /// A program's answer: a web page instead means somebody else is answering.
    Json,
}

/// A server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) connect_ms: u64,
    pub(super) answer_ms: u64,
    /// The answer looks like the log-in page of a mall's or hotel's network.
    pub(super) portal: bool,
    /// What the answer tells about our clock.
    pub(super) reading: Option<Reading>,
}

/// No answer, told apart by what can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// This machine has no way out: cable, Wi-Fi, address.
    NoRoute,
    /// The machine is there, the service is not.
    Refused,
    /// Nothing came back in time.
    NoAnswer,
    /// Something at an `https` address took the connection and then said nothing: it may not speak TLS at all.
    NoTls,
    /// Connected, then dropped before an answer.
    Dropped,
    /// Something answers, but not HTTP.
    NotHttp,
    /// The certificate is out of date, or our clock is.
    CertificateDate,
    /// The certificate is somebody else's: a box in between opens the connection.
    CertificateForeign,
    /// This machine has no usable list of trusted authorities.
    NoTrustStore,
}

/// Fetches `url` from one of `addresses`.
pub(super) async fn exchange(url: &Url, addresses: &[IpAddr], expect: Expect) -> Result<Response, Failure> {
    let endpoint = Endpoint::of_url(url).ok_or(Failure::NoRoute)?;
    let begun = Instant::now();
    let connected = timeout(EXCHANGE_LIMIT, connect(addresses, endpoint.port)).await;
    let (to, connect_ms) = connected.unwrap_or(Err(Failure::NoAnswer))?;
    let left = EXCHANGE_LIMIT.saturating_sub(begun.elapsed());
    let silent = if url.scheme() == "https" { Failure::NoTls } else { Failure::NoAnswer };
    match timeout(left, ask(url, &endpoint, (to, connect_ms), expect)).await {
        Ok(Err(Failure::NoAnswer)) | Err(_) => Err(silent),
        Ok(told) => told,
    }
}

/// Connects to all addresses at once; the first that takes it wins, so that a dead IPv6 route costs nothing.
pub(super) async fn connect(addresses: &[IpAddr], port: u16) -> Result<(SocketAddr, u64), Failure> {
    let (stream, took_ms) = open(addresses, port).await?;
    stream.peer_addr().map(|to| (to, took_ms)).map_err(|error| of_io(&error))
}

/// The connection itself, and how long it took, in milliseconds.
pub(super) async fn open(addresses: &[IpAddr], port: u16) -> Result<(TcpStream, u64), Failure> {
    let begun = Instant::now();
    let mut attempts = JoinSet::new();
    for address in addresses.iter().take(ADDRESSES_MAX) {
        let to = SocketAddr::new(*address, port);
        attempts.spawn(TcpStream::connect(to));
    }
    let mut told = Failure::NoRoute;
    while let Some(attempt) = attempts.join_next().await {
        match attempt {
            Ok(Ok(stream)) => return Ok((stream, millis(begun.elapsed()))),
            Ok(Err(error)) => told = more_telling(told, of_io(&error)),
            Err(_) => told = more_telling(told, Failure::NoAnswer),
        }
    }
    Err(told)
}

async fn ask(
    url: &Url,
    endpoint: &Endpoint,
    (to, connect_ms): (SocketAddr, u64),
    expect: Expect,
) -> Result<Response, Failure> {
    let client = client(url, endpoint, to)?;
    let (begun, sent_ms) = (Instant::now(), wall_ms());
    let response = client.get(url.clone()).send().await.map_err(|error| of_request(&error))?;
    let answer_ms = millis(begun.elapsed());
    let portal = looks_like_portal(url, response.status().as_u16(), response.headers(), expect);
    let reading = header(response.headers(), DATE.as_str())
        .filter(|_| !portal)
        .and_then(|date| Reading::of_date(date, sent_ms, answer_ms));
    Ok(Response { status: response.status().as_u16(), connect_ms, answer_ms, portal, reading })
}

fn client(url: &Url, endpoint: &Endpoint, to: SocketAddr) -> Result<Client, Failure> {
    // The builder panics without a provider, even for plain HTTP; a second installation is refused and changes nothing.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let mut builder = Client::builder().redirect(redirect::Policy::none()).no_proxy().timeout(EXCHANGE_LIMIT);
    if endpoint.literal().is_none() {
        builder = builder.resolve_to_addrs(&endpoint.host, &[to]);
    }
    if url.scheme() == "http" {
        // Plain HTTP must not fail for want of the system's certificates.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|_| Failure::NoTrustStore)
}

fn looks_like_portal(url: &Url, status: u16, headers: &HeaderMap, expect: Expect) -> bool {
    // Nobody in between can answer for a verified certificate.
    if url.scheme() != "http" {
        return false;
    }
    let elsewhere = header(headers, LOCATION.as_str())
        .and_then(|location| url.join(location).ok())
        .is_some_and(|to| to.host_str() != url.host_str());
    let page = header(headers, CONTENT_TYPE.as_str()).is_some_and(|kind| kind.starts_with("text/html"));
    match status {
        300..=399 => elsewhere,
        511 => true,
        200..=299 => page && expect == Expect::Json,
        _ => false,
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn of_request(error: &reqwest::Error) -> Failure {
    if error.is_timeout() {
        return Failure::NoAnswer;
    }
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(inner) = cause {
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return of_tls(tls);
        }
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            // An io::Error reports its content's source as its own, so the content itself has to be asked for.
            return io.get_ref().and_then(|inner| inner.downcast_ref()).map_or_else(|| of_io(io), of_tls);
        }
        cause = inner.source();
    }
    let told = format!("{error:?}");
    if told.contains("Parse") { Failure::NotHttp } else { Failure::Dropped }
}

fn of_tls(error: &rustls::Error) -> Failure {
    match error {
        rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => Failure::CertificateDate,
        rustls::Error::InvalidCertificate(_) => Failure::CertificateForeign,
        rustls::Error::InvalidMessage(_) => Failure::NotHttp,
        _ => Failure::Dropped,
    }
}

fn of_io(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Failure::Refused,
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown | io::ErrorKind::AddrNotAvailable => {
            Failure::NoRoute
        }
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => Failure::Dropped,
        _ => Failure::NoAnswer,
    }
}

/// Of two addresses' failures, the one that got further.
fn more_telling(a: Failure, b: Failure) -> Failure {
    let rank = |failure| match failure {
        Failure::NoRoute => 0,
        Failure::NoAnswer => 1,
        Failure::Refused => 2,
        Failure::Dropped
        | Failure::NoTls
        | Failure::NotHttp
        | Failure::CertificateDate
        | Failure::CertificateForeign
        | Failure::NoTrustStore => 3,
    };
    if rank(b) > rank(a) { b } else { a }
}

/// Whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const LOOPBACK: [IpAddr; 1] = [IpAddr::V4(Ipv4Addr::LOCALHOST)];

    /// A server that answers every request with `reply`, or hangs up for an empty one; its base address.
    pub(in super::super) async fn serve(reply: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut request = [0; 2048];
                    if stream.read(&mut request).await.unwrap_or(0) > 0 {
                        let _ = stream.write_all(reply.as_bytes()).await;
                    }
                });
            }
        });
        base
    }

    /// An address nobody listens on.
    pub(in super::super) async fn nobody() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    }

    #[tokio::test]
    async fn answers_and_failures_are_told_apart() {
        let cases = [
            ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", Ok((404, false))),
            ("HTTP/1.1 302 Found\r\nlocation: http://login.mall/\r\ncontent-length: 0\r\n\r\n", Ok((302, true))),
            ("HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n", Ok((302, false))),
            ("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 0\r\n\r\n", Ok((200, true))),
            ("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\r\n", Ok((200, false))),
            ("SSH-2.0-OpenSSH_9.6\r\n", Err(Failure::NotHttp)),
            ("", Err(Failure::Dropped)),
        ];
        for (reply, expected) in cases {
            let url = parse_base(&serve(reply).await).unwrap();
            let got = exchange(&url, &LOOPBACK, Expect::Json).await;
            assert_eq!(got.map(|answer| (answer.status, answer.portal)), expected, "{reply:?}");
        }
        let url = parse_base(&nobody().await).unwrap();
        assert_eq!(exchange(&url, &LOOPBACK, Expect::Json).await, Err(Failure::Refused));
        assert_eq!(connect(&[], 80).await, Err(Failure::NoRoute));
    }

    #[tokio::test]
    async fn the_date_header_becomes_a_reading_unless_a_portal_sent_it() {
        let dated = "HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-length: 0\r\n\r\n";
        let url = parse_base(&serve(dated).await).unwrap();
        let answer = exchange(&url, &LOOPBACK, Expect::Json).await.unwrap();
        assert!(answer.reading.unwrap().skew_ms() > 1_000_000_000_000 - 784_111_777_500);
        let portal = "HTTP/1.1 511 Login\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-length: 0\r\n\r\n";
        let url = parse_base(&serve(portal).await).unwrap();
        assert_eq!(exchange(&url, &LOOPBACK, Expect::Anything).await.unwrap().reading, None);
    }

    #[tokio::test]
    async fn a_name_is_reached_at_the_resolved_address() {
        let base = serve("HTTP/1.1 204 No Content\r\n\r\n").await.replace("127.0.0.1", "acquirer.invalid");
        let url = parse_base(&base).unwrap();
        assert_eq!(exchange(&url, &LOOPBACK, Expect::Anything).await.unwrap().status, 204);
    }

    #[test]
    fn certificates_of_the_wrong_day_and_of_others_are_told_apart() {
        let of = |error| of_tls(&rustls::Error::InvalidCertificate(error));
        assert_eq!(of(CertificateError::Expired), Failure::CertificateDate);
        assert_eq!(of(CertificateError::NotValidYet), Failure::CertificateDate);
        assert_eq!(of(CertificateError::UnknownIssuer), Failure::CertificateForeign);
        assert_eq!(of(CertificateError::NotValidForName), Failure::CertificateForeign);
    }

    #[test]
    fn addresses_are_read() {
        let read = |text| Endpoint::parse(text).map(|endpoint| (endpoint.host, endpoint.port));
        assert_eq!(read("hub.example:443"), Some(("hub.example".into(), 443)));
        assert_eq!(read("[::1]:7000"), Some(("::1".into(), 7000)));
        for wrong in ["hub.example", "hub.example:", "hub.example:0", ":443", "::1:443", "hub.example:99999"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        let of = |text| Endpoint::of_url(&parse_base(text).unwrap()).unwrap();
        assert_eq!(of("https://[::1]/x"), Endpoint { host: "::1".into(), port: 443 });
        assert!(of("http://127.0.0.1:9/").literal().is_some() && of("http://localhost/").literal().is_none());
        assert!(parse_base("ftp://a/").is_none() && parse_base("acquirer.example").is_none());
    }
}
