use super::*;
use crate::{body::Body as JsonBody, problem};
use axum::routing::{get, post};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Deadlines short enough for a test; the loop is the product's own.
const QUICK: Limits = Limits {
    header: Duration::from_millis(60),
    body: Duration::from_millis(60),
    stall: Duration::from_millis(60),
    drain: Duration::from_millis(500),
    ..Limits::PRODUCT
};

/// No test waits longer than this for anything.
const PATIENCE: Duration = Duration::from_secs(10);

struct Rig {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    served: tokio::task::JoinHandle<()>,
}

async fn rig(limits: Limits) -> Rig {
    rig_behind(Front::default(), limits).await
}

async fn rig_behind(front: Front, limits: Limits) -> Rig {
    let slow = || async {
        tokio::time::sleep(Duration::from_millis(90)).await;
        "slept"
    };
    let endless = || async {
        let chunks =
            tokio_stream::StreamExt::map(tokio_stream::iter(0_u64..), |_| Ok::<_, io::Error>(vec![0_u8; 64 * 1024]));
        Body::from_stream(chunks)
    };
    let app = Router::new()
        .route("/", get(|Peer(peer): Peer| async move { peer.ip().to_string() }))
        .route("/slow", get(slow))
        .route("/known", get(known_and_slow))
        .route("/endless", get(endless))
        .route("/body", post(|body: JsonBody<serde_json::Value>| async move { body.value.to_string() }))
        .fallback(problem::not_found);
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let addr = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let served = tokio::spawn(run_with(listener, app, front, stopped, limits));
    Rig { addr, stop, served }
}

/// Says who calls, then takes its time.
async fn known_and_slow(request: Request) -> &'static str {
    known(request.extensions(), "key:erp");
    tokio::time::sleep(Duration::from_secs(2)).await;
    "known"
}

impl Rig {
    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }
}

/// What comes until the server closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset after the answer is an end like any other.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("closed in time");
    String::from_utf8_lossy(&bytes).into_owned()
}

const ONE: &str = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn it_serves_and_says_who_asked() {
    let rig = rig(Limits::PRODUCT).await;
    let answer = rest(rig.send(ONE).await).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"), "{answer}");
}

#[tokio::test]
async fn a_busy_port_is_named() {
    let rig = rig(Limits::PRODUCT).await;
    let error = bind(rig.addr).expect_err("taken");
    assert!(matches!(error, BindError::Busy { addr } if addr == rig.addr), "{error:?}");
    assert!(error.to_string().contains(&rig.addr.to_string()), "{error}");
}

#[tokio::test]
async fn slow_heads_and_silent_connections_are_closed() {
    let rig = rig(QUICK).await;
    for text in ["", "GET / HTTP/1.1\r\nhost: x\r\nx-slow: ", "GET / HTTP/1.1\r\nhost: x\r\n\r\n"] {
        let began = Instant::now();
        rest(rig.send(text).await).await;
        assert!(began.elapsed() >= Duration::from_millis(50), "{text:?}");
    }
}

#[tokio::test]
async fn a_trickling_body_is_refused() {
    let rig = rig(QUICK).await;
    let mut stream = rig.send("POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n").await;
    for _ in 0..3 {
        stream.write_all(b"1").await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let answer = rest(stream).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("too_slow"), "{answer}");
}

#[tokio::test]
async fn a_slow_answer_is_not_cut_but_a_peer_that_reads_nothing_is() {
    let rig = rig(QUICK).await;
    let slow = rig.send("GET /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(rest(slow).await.ends_with("slept"));
    let mut deaf = rig.send("GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(90)).await;
    let drained = async {
        let mut buffer = vec![0; 256 * 1024];
        while deaf.read(&mut buffer).await.is_ok_and(|read| read > 0) {
            // Reading after the cut only empties the system's buffers, so it must end.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    // Whoever reads slowly but steadily keeps the line; so give the server time to notice before reading.
    tokio::time::sleep(Duration::from_millis(90)).await;
    tokio::time::timeout(PATIENCE, drained).await.expect("cut");
}

#[tokio::test]
async fn one_address_has_its_share_and_loopback_is_exempt() {
    let narrow = Limits { per_address: 2, loopback_exempt: LoopbackExempt::No, ..Limits::PRODUCT };
    let rig1 = rig(narrow).await;
    let held = [rig1.send("").await, rig1.send("").await];
    // The two are accepted before the third: the queue is in order.
    assert_eq!(rest(rig1.send(ONE).await).await, "");
    drop(held);
    let mut answer = String::new();
    while answer.is_empty() {
        answer = rest(rig1.send(ONE).await).await;
    }
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let rig2 = rig(Limits { per_address: 2, ..Limits::PRODUCT }).await;
    let _held = [rig2.send("").await, rig2.send("").await];
    assert!(rest(rig2.send(ONE).await).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn strangers_who_keep_a_seat_waiting_give_it_to_whoever_asks() {
    let few = Limits { connections: 4, ..Limits::PRODUCT };
    let rig = rig(few).await;
    let known = rig.send("GET /known HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let slow_body = "POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n1";
    for round in 0..20 {
        let mut strangers = Vec::new();
        for text in ["", "GET / HTTP/1.1\r\nhost: x\r\nx-slow: ", slow_body, slow_body] {
            strangers.push(rig.send(text).await);
        }
        let answer = tokio::time::timeout(Duration::from_millis(500), rest(rig.send(ONE).await)).await;
        assert!(answer.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")), "round {round}");
    }
    assert!(rest(known).await.ends_with("known"), "whoever said who they are kept the seat");
}

#[tokio::test]
async fn a_named_proxy_says_who_asks_and_each_of_its_callers_has_a_share() {
    let proxy = Proxies::new(&[IpAddr::from([127, 0, 0, 1])]);
    let front = Front::new(SocketAddr::from(([127, 0, 0, 1], 80)), proxy, None).unwrap();
    let proxied = rig_behind(front, Limits { per_address: 2, ..Limits::PRODUCT }).await;
    let asked = |path: &str, from: &str| {
        format!("GET {path} HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 6.6.6.6, {from}\r\nconnection: close\r\n\r\n")
    };
    assert!(rest(proxied.send(&asked("/", "203.0.113.9")).await).await.ends_with("203.0.113.9"));
    let held = [proxied.send(&asked("/slow", "203.0.113.9")).await, proxied.send(&asked("/slow", "203.0.113.9")).await];
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(rest(proxied.send(&asked("/", "203.0.113.9")).await).await.starts_with("HTTP/1.1 429"));
    assert!(
        rest(proxied.send(&asked("/", "203.0.113.8")).await).await.starts_with("HTTP/1.1 200"),
        "another has its own"
    );
    for held in held {
        assert!(rest(held).await.ends_with("slept"));
    }
    assert!(rest(proxied.send(&asked("/", "203.0.113.9")).await).await.starts_with("HTTP/1.1 200"));
    let unnamed = rig(Limits::PRODUCT).await;
    assert!(
        rest(unnamed.send(&asked("/", "203.0.113.9")).await).await.ends_with("127.0.0.1"),
        "nobody else is believed"
    );
}

#[tokio::test]
async fn tls_is_spoken_where_a_certificate_is_given_and_plain_http_is_told_so() {
    let made = rcgen::generate_simple_self_signed(["till.shop.lan".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    assert!(matches!(Tls::new(b"nothing", key.as_bytes()), Err(TlsError::Unusable(_) | TlsError::Certificate(_))));
    assert!(matches!(Tls::new(certificate.as_bytes(), b"nothing"), Err(TlsError::Key(_))));
    let other = rcgen::generate_simple_self_signed(["till.shop.lan".to_owned()]).unwrap().signing_key.serialize_pem();
    assert!(matches!(Tls::new(certificate.as_bytes(), other.as_bytes()), Err(TlsError::Unusable(_))));
    let tls = Tls::new(certificate.as_bytes(), key.as_bytes()).unwrap();
    let front = Front::new(SocketAddr::from(([0, 0, 0, 0], 443)), Proxies::default(), Some(tls)).unwrap();
    let rig = rig_behind(front, Limits::PRODUCT).await;

    let plain = rest(rig.send(ONE).await).await;
    assert!(plain.starts_with("HTTP/1.1 400") && plain.contains("请用 https://"), "{plain}");

    let mut roots = tokio_rustls::rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = tokio_rustls::rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(rig.addr).await.unwrap();
    let mut stream = connector.connect("till.shop.lan".try_into().unwrap(), stream).await.unwrap();
    stream.write_all(ONE.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_stop_lets_the_answer_under_way_finish() {
    let rig = rig(Limits::PRODUCT).await;
    let slow = rig.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let idle = rig.send("").await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    rig.stop.send(true).unwrap();
    assert!(rest(slow).await.ends_with("slept"));
    assert_eq!(rest(idle).await, "");
    tokio::time::timeout(PATIENCE, rig.served).await.expect("stops").unwrap();
    assert!(TcpStream::connect(rig.addr).await.is_err());
}

#[tokio::test]
async fn heads_that_are_too_long_or_ambiguous_are_refused() {
    let rig = rig(QUICK).await;
    let long = format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "x".repeat(64 * 1024));
    let both = "POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{}   ";
    let strange = "POST /body HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n";
    for text in [long.as_str(), both, strange, "GET  / HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}"] {
        let mut stream = TcpStream::connect(rig.addr).await.unwrap();
        // The server may close while we still write.
        let _ = stream.write_all(text.as_bytes()).await;
        let answer = rest(stream).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
}
