use super::*;
use axum::{
    http::StatusCode,
    routing::{get, post},
};
use http_body_util::BodyExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use tower::ServiceExt;

const OURS: &str = "127.0.0.1:7070";

/// A guarded router that counts how often a handler ran.
struct Rig {
    app: Router,
    ran: Arc<AtomicUsize>,
}

impl Rig {
    fn new() -> Self {
        let ran = Arc::new(AtomicUsize::new(0));
        let count = |ran: &Arc<AtomicUsize>| {
            let ran = Arc::clone(ran);
            move || async move {
                ran.fetch_add(1, Ordering::SeqCst);
                "done"
            }
        };
        let echo = |body: crate::body::Body<serde_json::Value>| async move { body.value.to_string() };
        let app = Router::new()
            .route("/api/v1/thing", get(count(&ran)).post(count(&ran)).delete(count(&ran)))
            .route("/api/v1/echo", post(echo))
            .route("/", get(count(&ran)))
            .fallback(problem::not_found)
            .method_not_allowed_fallback(problem::method_not_allowed);
        let hosts = Hosts::new(OURS.parse().unwrap(), &["hq.example:443".to_owned(), "till-1".to_owned()]).unwrap();
        Self { app: protect(app, hosts), ran }
    }

    async fn ask(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (StatusCode, HeaderMap, String) {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_empty() { Body::empty() } else { Body::from(body.to_owned()) };
        let response = self.app.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, String::from_utf8(bytes.to_vec()).unwrap())
    }

    fn ran(&self) -> usize {
        self.ran.swap(0, Ordering::SeqCst)
    }
}

#[tokio::test]
async fn only_our_own_hosts_reach_a_handler() {
    let rig = Rig::new();
    for ours in [OURS, "localhost:7070", "LOCALHOST:7070", "[::1]:7070", "hq.example", "hq.example:443", "Till-1:7070"]
    {
        let (status, ..) = rig.ask(Method::GET, "/api/v1/thing", &[("host", ours)], "").await;
        assert_eq!((status, rig.ran()), (StatusCode::OK, 1), "{ours}");
    }
    let foreign = [
        "",
        "127.0.0.1",
        "127.0.0.1:7071",
        "127.0.0.1:070",
        "127.0.0.1:7070:7070",
        "localhost",
        "localhost.:7070",
        "localhost:80",
        "evil.example",
        "evil.example:7070",
        "127.0.0.1:7070.evil.example",
        "evil@127.0.0.1:7070",
        "hq.example:80",
        "hq.example.:443",
        "till-1",
        "till-1.evil.example:7070",
        "127.1:7070",
        "2130706433:7070",
        "0x7f000001:7070",
        "0.0.0.0:7070",
        "[::]:7070",
        "[::ffff:127.0.0.1]:7070",
        "localhost:7070, evil",
        "localhost:7070/",
        "localhost%3a7070",
        "localhost :7070",
        "xn--lcalhost-54a:7070",
    ];
    for host in foreign {
        let (status, headers, _) = rig.ask(Method::GET, "/api/v1/thing", &[("host", host)], "").await;
        assert_eq!((status, rig.ran()), (StatusCode::MISDIRECTED_REQUEST, 0), "{host:?}");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
    let (status, ..) = rig.ask(Method::GET, "/", &[], "").await;
    assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "no Host");
    let (status, ..) = rig.ask(Method::GET, "/", &[("host", OURS), ("host", OURS)], "").await;
    assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "two");
    for target in ["http://evil.example/", "http://127.0.0.1:7071/", "http://u@127.0.0.1:7070/"] {
        let (status, ..) = rig.ask(Method::GET, target, &[("host", OURS)], "").await;
        assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "{target}");
    }
    let forwarded = [("host", "evil.example"), ("x-forwarded-host", OURS), ("forwarded", "host=127.0.0.1:7070")];
    let (status, ..) = rig.ask(Method::GET, "/", &forwarded, "").await;
    assert_eq!((status, rig.ran()), (StatusCode::MISDIRECTED_REQUEST, 0));
}

#[test]
fn the_list_follows_the_bound_address() {
    let hosts = |bound: &str| Hosts::new(bound.parse().unwrap(), &[]).unwrap();
    assert!(hosts("127.0.0.1:80").allows("localhost") && hosts("127.0.0.1:80").allows("127.0.0.1"));
    assert!(hosts("192.168.1.5:8080").allows("192.168.1.5:8080"));
    assert!(!hosts("192.168.1.5:8080").allows("localhost:8080"), "localhost is not this server then");
    assert!(hosts("[::1]:8080").allows("[::1]:8080"));
    assert!(hosts("0.0.0.0:8080").allows("localhost:8080"));
    assert!(!hosts("0.0.0.0:8080").allows("0.0.0.0:8080"));
    for bad in ["", "*", "*.example", "a b", "http://x", "a/b", "u@x", "x:99999", "x:", ":80"] {
        let refused = Hosts::new("127.0.0.1:1".parse().unwrap(), &[bad.to_owned()]);
        assert_eq!(refused.map(|_| ()), Err(BadHost(bad.to_owned())), "{bad}");
    }
}

const COOKIE: (&str, &str) = ("cookie", "a=1; __Host-sid-0a1b2c3d=token");
const HOST: (&str, &str) = ("host", OURS);
const OWN: (&str, &str) = ("x-guitai", "1");
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn forgeries_change_nothing() {
    let rig = Rig::new();
    let forgeries: &[(&str, &[(&str, &str)])] = &[
        ("no header", &[HOST, COOKIE, JSON]),
        ("wrong header", &[HOST, COOKIE, JSON, ("x-guitai", "0")]),
        ("doubled header", &[HOST, COOKIE, JSON, OWN, OWN]),
        ("foreign origin", &[HOST, COOKIE, JSON, OWN, ("origin", "http://evil.example")]),
        ("origin of another port", &[HOST, COOKIE, JSON, OWN, ("origin", "http://127.0.0.1:7071")]),
        ("origin of another name of ours", &[HOST, COOKIE, JSON, OWN, ("origin", "http://localhost:7070")]),
        ("null origin", &[HOST, COOKIE, JSON, OWN, ("origin", "null")]),
        ("origin that starts like ours", &[HOST, COOKIE, JSON, OWN, ("origin", "http://127.0.0.1:7070.evil.example")]),
        ("two origins", &[HOST, COOKIE, JSON, OWN, ("origin", "http://127.0.0.1:7070"), ("origin", "null")]),
        ("cross-site", &[HOST, COOKIE, JSON, OWN, ("sec-fetch-site", "cross-site")]),
        ("same-site", &[HOST, COOKIE, JSON, OWN, ("sec-fetch-site", "same-site")]),
        ("none", &[HOST, COOKIE, JSON, OWN, ("sec-fetch-site", "none")]),
        ("log-in of a foreign page", &[HOST, JSON, ("origin", "http://evil.example")]),
        ("log-in of a foreign page, no origin", &[HOST, JSON, ("sec-fetch-site", "cross-site")]),
        ("second cookie header", &[HOST, ("cookie", "x=1"), COOKIE, JSON]),
    ];
    for (what, headers) in forgeries {
        for method in [Method::POST, Method::DELETE] {
            let (status, _, body) = rig.ask(method, "/api/v1/thing", headers, "{}").await;
            assert_eq!((status, rig.ran()), (StatusCode::FORBIDDEN, 0), "{what}");
            assert!(body.contains("\"cross_site\""), "{body}");
        }
    }
    let (status, ..) =
        rig.ask(Method::GET, "/api/v1/thing", &[HOST, COOKIE, ("origin", "http://evil.example")], "").await;
    assert_eq!((status, rig.ran()), (StatusCode::FORBIDDEN, 0), "an event stream of a foreign page");
    let (status, ..) = rig.ask(Method::OPTIONS, "/api/v1/thing", &[HOST, ("origin", "http://evil.example")], "").await;
    assert_eq!((status, rig.ran()), (StatusCode::FORBIDDEN, 0), "a preflight");
}

#[tokio::test]
async fn our_own_page_and_programs_pass() {
    let rig = Rig::new();
    let good: &[&[(&str, &str)]] = &[
        &[HOST, COOKIE, JSON, OWN],
        &[HOST, COOKIE, JSON, OWN, ("origin", "http://127.0.0.1:7070"), ("sec-fetch-site", "same-origin")],
        &[("host", "hq.example"), COOKIE, JSON, OWN, ("origin", "https://hq.example")],
        &[HOST, JSON],
        &[HOST, ("cookie", "theirs=1"), JSON],
        &[HOST, ("content-type", "Application/JSON; charset=utf-8")],
    ];
    for headers in good {
        let (status, ..) = rig.ask(Method::POST, "/api/v1/thing", headers, "{}").await;
        assert_eq!((status, rig.ran()), (StatusCode::OK, 1), "{headers:?}");
    }
    let (status, ..) = rig.ask(Method::DELETE, "/api/v1/thing", &[HOST, COOKIE, OWN], "").await;
    assert_eq!((status, rig.ran()), (StatusCode::OK, 1), "no body, no content type");
    let (status, ..) = rig.ask(Method::GET, "/", &[HOST, COOKIE, ("sec-fetch-site", "cross-site")], "").await;
    assert_eq!((status, rig.ran()), (StatusCode::OK, 1), "a link from elsewhere to the page");
}

#[tokio::test]
async fn bodies_are_json_and_small() {
    let rig = Rig::new();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx", ""] {
        let (status, ..) = rig.ask(Method::POST, "/api/v1/thing", &[HOST, ("content-type", kind)], "{}").await;
        assert_eq!((status, rig.ran()), (StatusCode::UNSUPPORTED_MEDIA_TYPE, 0), "{kind}");
    }
    let fits = format!("{{\"x\":\"{}\"}}", "x".repeat(BODY_MAX_BYTES - 8));
    let (status, _, body) = rig.ask(Method::POST, "/api/v1/echo", &[HOST, JSON], &fits).await;
    assert_eq!((status, body.len()), (StatusCode::OK, BODY_MAX_BYTES));
    let (status, _, body) = rig.ask(Method::POST, "/api/v1/echo", &[HOST, JSON], &format!("{fits} ")).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{body}");
    // Without a length the bound is found while reading.
    let chunks = tokio_stream::iter((0..9).map(|_| Ok::<_, std::io::Error>("1".repeat(8 * 1024))));
    let request = Request::post("/api/v1/echo").header("host", OURS).header("content-type", "application/json");
    let response = rig.app.clone().oneshot(request.body(Body::from_stream(chunks)).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn every_answer_carries_the_headers_and_speaks_the_callers_language() {
    let rig = Rig::new();
    for (target, status) in [("/", 200), ("/api/v1/thing", 200), ("/api/v1/none", 404), ("/none", 404)] {
        let (got, headers, _) = rig.ask(Method::GET, target, &[HOST, ("accept-language", "en")], "").await;
        assert_eq!(got.as_u16(), status);
        for (name, value) in SECURITY_HEADERS {
            assert_eq!(headers[&name], value, "{target} {name}");
        }
        let stored = headers.get(header::CACHE_CONTROL).is_none_or(|value| value != "no-store");
        assert_eq!(stored, !target.starts_with("/api/"), "{target}");
    }
    assert!(!CONTENT_SECURITY_POLICY.contains("  ") && !CONTENT_SECURITY_POLICY.contains("unsafe"));
    let (_, headers, zh) = rig.ask(Method::GET, "/api/v1/none", &[HOST], "").await;
    assert!(zh.contains("没有找到"), "{zh}");
    assert_eq!(headers[header::CONTENT_LANGUAGE], "zh-CN");
    let (_, headers, en) = rig.ask(Method::GET, "/api/v1/none", &[HOST, ("accept-language", "en-GB")], "").await;
    assert!(en.contains("Not found"), "{en}");
    assert_eq!(headers[header::CONTENT_LANGUAGE], "en");
    let (status, headers, en) = rig.ask(Method::PUT, "/api/v1/thing", &[HOST, ("accept-language", "en")], "").await;
    assert_eq!((status, headers.contains_key(header::ALLOW)), (StatusCode::METHOD_NOT_ALLOWED, true));
    assert!(en.contains("method_not_allowed"), "{en}");
}
