//! The HTTPS client against a server that misbehaves in one chosen way.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use guitai_core::{
    acquirer::{Pace, Reply, Request},
    limits::ACQUIRER_ANSWER_MAX_BYTES,
    secret::SecretText,
    time::UtcMs,
};
use guitai_link::acquirer::{AcquirerClient, BaseError};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const BODY: &str = "auth_code=134500000000000042&trxamt=1";

/// What the server does once it has read a request.
#[derive(Clone)]
enum Manner {
    /// Writes these bytes and keeps the connection.
    Say(Vec<u8>),
    /// Writes these bytes and closes.
    SayAndClose(Vec<u8>),
    /// Says nothing and keeps the connection.
    Mute,
}

struct Server {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
    most_on_one: Arc<AtomicUsize>,
}

impl Server {
    async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let (requests, connections) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let most_on_one = Arc::new(AtomicUsize::new(0));
        let (seen, met, most) = (Arc::clone(&requests), Arc::clone(&connections), Arc::clone(&most_on_one));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                met.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, manner.clone(), Arc::clone(&seen), Arc::clone(&most)));
            }
        });
        Self { address, requests, connections, most_on_one }
    }

    async fn post(&self) -> Reply {
        client(self.address).post(request()).await
    }

    fn counts(&self) -> (usize, usize) {
        (self.connections.load(Ordering::SeqCst), self.requests.load(Ordering::SeqCst))
    }

    fn most_on_one(&self) -> usize {
        self.most_on_one.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, manner: Manner, requests: Arc<AtomicUsize>, most: Arc<AtomicUsize>) {
    let mut here = 0;
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => text.extend_from_slice(&buffer[..count]),
        }
        if !text.ends_with(BODY.as_bytes()) {
            continue;
        }
        let head = String::from_utf8(std::mem::take(&mut text)).expect("text");
        assert!(head.starts_with("POST /apiweb/unitorder/scanqrpay HTTP/1.1\r\n"), "{head}");
        requests.fetch_add(1, Ordering::SeqCst);
        here += 1;
        most.fetch_max(here, Ordering::SeqCst);
        match &manner {
            Manner::Say(bytes) => stream.write_all(bytes).await.expect("the client listens"),
            Manner::SayAndClose(bytes) => {
                stream.write_all(bytes).await.ok();
                return;
            }
            Manner::Mute => {}
        }
    }
}

fn client(address: SocketAddr) -> AcquirerClient {
    let pace = Pace {
        first_query_ms: 0,
        query_interval_ms: 0,
        deadline_ms: 0,
        connect_timeout_ms: 1_000,
        answer_timeout_ms: 2_000,
    };
    rustls::crypto::ring::default_provider().install_default().ok();
    AcquirerClient::new(&format!("http://{address}/apiweb"), pace).expect("a client")
}

fn request() -> Request {
    Request {
        path: "/unitorder/scanqrpay",
        content_type: "application/x-www-form-urlencoded",
        body: SecretText::new(BODY.to_owned()),
    }
}

#[track_caller]
fn assert_no_answer(reply: &Reply) {
    let Reply::NoAnswer { detail } = reply else { panic!("{reply:?}") };
    assert!(!detail.contains("1345"), "no body in words: {detail}");
}

#[tokio::test]
async fn refused_is_not_sent_and_says_so_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let start = Instant::now();
    let reply = client(address).post(request()).await;
    assert!(matches!(reply, Reply::NotSent { .. }), "{reply:?}");
    assert!(start.elapsed() < Duration::from_millis(500));
}

#[tokio::test]
async fn a_failed_tls_handshake_is_not_sent() {
    let server = Server::start(Manner::Mute).await;
    rustls::crypto::ring::default_provider().install_default().ok();
    let pace = Pace {
        first_query_ms: 0,
        query_interval_ms: 0,
        deadline_ms: 0,
        connect_timeout_ms: 100,
        answer_timeout_ms: 2_000,
    };
    let client = match AcquirerClient::new(&format!("https://{}/apiweb", server.address), pace) {
        Ok(client) => client,
        // A machine without system certificates cannot speak TLS, and says so at the start.
        Err(BaseError::Tls { .. }) => return,
        Err(other) => panic!("{other}"),
    };
    let reply = client.post(request()).await;
    assert!(matches!(reply, Reply::NotSent { .. }), "{reply:?}");
    assert_eq!(server.counts(), (1, 0));
}

#[tokio::test]
async fn an_answer_is_an_answer_whatever_its_status() {
    let server = Server::start(Manner::Say(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".to_vec())).await;
    assert_eq!(server.post().await, Reply::Http { status: 200, date: None, body: b"hello".to_vec() });
    let moved = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let server = Server::start(Manner::Say(moved.to_vec())).await;
    assert_eq!(
        server.post().await,
        Reply::Http { status: 302, date: None, body: Vec::new() },
        "no redirect is followed"
    );
    let busy = b"HTTP/1.1 503 Busy\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n";
    let server = Server::start(Manner::Say(busy.to_vec())).await;
    assert_eq!(server.post().await, Reply::Http { status: 503, date: None, body: Vec::new() });
    assert_eq!(server.counts(), (1, 1), "no retry");
}

#[tokio::test]
async fn the_date_of_an_answer_is_handed_up_and_a_wrong_one_is_none() {
    for (header, date) in [
        ("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", Some(UtcMs(784_111_777_000))),
        ("date: Sunday, 06-Nov-94 08:49:37 GMT\r\n", Some(UtcMs(784_111_777_000))),
        ("date: half past eight\r\n", None),
        ("date: \u{ff}\r\n", None),
        ("", None),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{header}content-length: 0\r\n\r\n");
        let server = Server::start(Manner::Say(answer.into_bytes())).await;
        let reply = server.post().await;
        assert!(matches!(reply, Reply::Http { status: 200, .. }), "{header}: {reply:?}");
        assert_eq!(reply.date(), date, "{header}");
    }
}

#[tokio::test]
async fn whatever_breaks_after_the_request_is_no_answer() {
    let cases = [
        ("closed at once", Manner::SayAndClose(Vec::new())),
        ("closed in the head", Manner::SayAndClose(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec())),
        ("cut in the body", Manner::SayAndClose(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf".to_vec())),
        (
            "cut in a chunk",
            Manner::SayAndClose(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhalf".to_vec()),
        ),
        ("not HTTP", Manner::Say(b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec())),
    ];
    for (name, manner) in cases {
        let server = Server::start(manner).await;
        assert_no_answer(&server.post().await);
        assert_eq!(server.counts(), (1, 1), "{name}: sent once");
    }
}

#[tokio::test]
async fn an_endless_answer_is_no_answer() {
    let mut endless = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
    endless.resize(endless.len() + ACQUIRER_ANSWER_MAX_BYTES + 1, b'x');
    assert_no_answer(&Server::start(Manner::SayAndClose(endless.clone())).await.post().await);
    endless.pop();
    let reply = Server::start(Manner::SayAndClose(endless)).await.post().await;
    assert!(
        matches!(reply, Reply::Http { body, .. } if body.len() == ACQUIRER_ANSWER_MAX_BYTES),
        "the limit itself is fine"
    );
}

#[tokio::test]
async fn silence_is_no_answer_when_the_time_is_over() {
    let server = Server::start(Manner::Mute).await;
    rustls::crypto::ring::default_provider().install_default().ok();
    let pace = Pace {
        first_query_ms: 0,
        query_interval_ms: 0,
        deadline_ms: 0,
        connect_timeout_ms: 90,
        answer_timeout_ms: 100,
    };
    let client = AcquirerClient::new(&format!("http://{}/apiweb/", server.address), pace).expect("a client");
    assert_no_answer(&client.post(request()).await);
    assert_eq!(server.counts(), (1, 1));
}

/// The trap: a server keeps the connection after an answer and closes it at the moment the next request is on its way. A
/// pooling client would send that request again by itself. Ours never uses a connection twice; the next may be open already.
#[tokio::test]
async fn no_connection_is_used_twice_so_nothing_is_sent_again() {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nok".to_vec();
    for (manner, answered) in [(Manner::Say(answer), true), (Manner::SayAndClose(Vec::new()), false)] {
        let server = Server::start(manner).await;
        let client = client(server.address);
        for call in 1..=5 {
            let reply = client.post(request()).await;
            assert_eq!(matches!(reply, Reply::Http { status: 200, .. }), answered, "{reply:?}");
            assert_eq!(matches!(reply, Reply::NoAnswer { .. }), !answered, "{reply:?}");
            let (connections, requests) = server.counts();
            assert_eq!(requests, call);
            assert!((call..=call + 1).contains(&connections), "{connections} connections, at most one ahead");
            assert_eq!(server.most_on_one(), 1);
        }
    }
}
