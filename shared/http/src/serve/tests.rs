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
        .route("/endless", get(endless))
        .route("/body", post(|body: JsonBody<serde_json::Value>| async move { body.value.to_string() }))
        .fallback(problem::not_found);
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let served = tokio::spawn(run_with(listener, app, stopped, limits));
    Rig { addr, stop, served }
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
    let error = bind(rig.addr).await.expect_err("taken");
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
async fn newcomers_wait_while_all_seats_are_taken() {
    let rig = rig(Limits { connections: 1, ..QUICK }).await;
    let _silent = rig.send("").await;
    let began = Instant::now();
    assert!(rest(rig.send(ONE).await).await.starts_with("HTTP/1.1 200"));
    assert!(began.elapsed() >= Duration::from_millis(30), "served once the silent one was closed");
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
