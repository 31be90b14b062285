//! The client and its spare against servers that close, reset, speak first or vanish. [`crate::acquirer`]'s manners without a
//! spare are tested from outside.

mod server;

use std::time::Duration;

use guitai_core::acquirer::Reply;
use tokio::time::{Instant, sleep, sleep_until};
use url::Url;

use self::server::{Carried, Manner, Server, client, request};
use super::{BaseError, ahead::Bounds, check_base, exchange::exchange, failure::Said, line::Opener};

/// A tenth of the usual, for servers that would take long.
const TENTH: Bounds = Bounds {
    max_age: Duration::from_secs(1),
    margin: Duration::from_millis(200),
    useful_age: Duration::from_millis(100),
    busy_for: Duration::from_secs(6),
    ..Bounds::USUAL
};

/// The line to a server elsewhere: a close is on its way for so long.
const ONE_WAY: Duration = Duration::from_millis(30);

/// Tills at once, and calls of each.
const TILLS: u32 = 40;
const CALLS: u32 = 5;

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

/// 200 calls of 40 tills: each makes one, learns how long the server keeps a connection, and then sells at moments spread around
/// the one at which it closes, or at which a spare is too old. How many went over a spare is answered.
async fn sell_around(closes_after: Duration, tls: bool, bounds: Bounds) -> usize {
    let server = Server::start_far(Manner::CloseIdle(closes_after), tls, ONE_WAY).await;
    let learnt = closes_after.min(bounds.max_age + bounds.margin) + bounds.margin;
    let around = closes_after.min(bounds.max_age);
    let mut tills = Vec::new();
    for till in 0..TILLS {
        let client = client(&server, bounds);
        tills.push(tokio::spawn(async move {
            let mut next = Instant::now();
            for call in 0..CALLS {
                sleep_until(next).await;
                let reply = client.post(request()).await;
                assert!(matches!(reply, Reply::Http { status: 200, .. }), "till {till}, call {call}: {reply:?}");
                // From half to a tenth past it.
                let gap = around * (50 + (till * CALLS + call) * 60 / (TILLS * CALLS)) / 100;
                next = Instant::now() + if call == 0 { learnt } else { gap };
            }
        }));
    }
    for till in tills {
        till.await.expect("no doubt of our own making");
    }
    let carried = server.carried();
    let calls = usize::try_from(TILLS * CALLS).expect("few");
    assert_eq!(carried.iter().map(|one| one.requests).sum::<usize>(), calls, "each call is one request");
    assert!(carried.iter().all(|one| one.requests <= 1), "no connection carries two");
    carried.iter().filter(|one| one.requests == 1 && one.was_spare()).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_closes_after_1_s_gets_no_request_on_a_spare() {
    assert_eq!(sell_around(Duration::from_secs(1), true, Bounds::USUAL).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_closes_after_5_s_causes_no_doubt() {
    assert!(sell_around(Duration::from_secs(5), true, Bounds::USUAL).await >= 20, "spares are used");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_closes_after_5_s_without_tls_causes_none_either() {
    assert!(sell_around(Duration::from_secs(5), false, Bounds::USUAL).await >= 20, "spares are used");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_close_after_15_and_60_s_cause_no_doubt() {
    for (seconds, tls) in [(15, false), (15, true), (60, true)] {
        let used = sell_around(Duration::from_millis(seconds * 100), tls, TENTH).await;
        assert!(used >= 80, "{seconds} s: {used} on spares");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_hang_up_or_reset_get_nothing_twice() {
    for (manner, tls) in [(Manner::CloseAtOnce, false), (Manner::Reset, false), (Manner::CloseAtOnce, true)] {
        let server = Server::start(manner.clone(), tls).await;
        let client = client(&server, TENTH);
        for _ in 0..200 {
            let reply = client.post(request()).await;
            // Which of the two it is decides the moment of the close; what matters is that nothing was taken for an answer.
            assert!(matches!(reply, Reply::NotSent { .. } | Reply::NoAnswer { .. }), "{manner:?}: {reply:?}");
        }
        let carried = server.carried();
        assert!(carried.len() <= 400, "{manner:?}: at most one ahead of each call: {}", carried.len());
        assert!(carried.iter().all(|one| one.requests <= 1));
    }
}

/// Sells once and waits until spares may be used, and one is there.
async fn proven(server: &Server) -> super::AcquirerClient {
    let client = client(server, TENTH);
    assert!(matches!(client.post(request()).await, Reply::Http { status: 200, .. }));
    sleep(TENTH.max_age + TENTH.margin + Duration::from_millis(150)).await;
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spare_whose_server_is_gone_is_dropped_and_nothing_is_sent() {
    for tls in [false, true] {
        let server = Server::start(Manner::CloseIdle(Duration::from_secs(60)), tls).await;
        let client = proven(&server).await;
        server.stop().await;
        let reply = client.post(request()).await;
        assert!(matches!(reply, Reply::NotSent { .. }), "{reply:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_the_system_does_not_trust_is_not_sent_to() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let server = Server::start(Manner::CloseIdle(Duration::from_secs(60)), true).await;
    let client = match super::AcquirerClient::new(&format!("https://{}/apiweb", server.address), server::PACE) {
        Ok(client) => client,
        // A machine without system certificates cannot speak TLS, and says so at the start.
        Err(BaseError::Tls { .. }) => return,
        Err(other) => panic!("{other}"),
    };
    let reply = client.post(request()).await;
    let Reply::NotSent { detail } = reply else { panic!("{reply:?}") };
    assert!(detail.contains("certificate"), "{detail}");
    assert_eq!(server.carried().iter().map(|one| one.requests).sum::<usize>(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_says_unasked_on_a_spare_is_no_answer() {
    let server = Server::start(Manner::SpeakFirst(Duration::from_millis(400)), false).await;
    let client = client(&server, TENTH);
    for call in 0..30_u64 {
        let reply = client.post(request()).await;
        let Reply::Http { body, .. } = reply else { panic!("call {call}: {reply:?}") };
        assert_eq!(body, b"asked", "call {call}");
        sleep(Duration::from_millis(30 * call)).await;
    }
    assert!(server.carried().iter().all(|one| one.requests <= 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_before_the_request_is_none() {
    let server = Server::start(Manner::SpeakFirst(Duration::ZERO), false).await;
    let opener = opener(&server);
    let line = opener.open().await.expect("it listens");
    sleep(Duration::from_millis(50)).await;
    assert!(!line.is_good(Duration::from_secs(10)), "it has spoken");
    let said = Said::default();
    assert!(exchange(line, said.clone(), http_request()).await.is_err());
    assert!(!said.anything(), "nothing left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_between_the_look_and_the_first_byte_leaves_nothing_said() {
    for manner in [Manner::CloseIdle(Duration::from_millis(50)), Manner::CloseAtOnce] {
        let server = Server::start(manner, false).await;
        let line = opener(&server).open().await.expect("it listens");
        sleep(Duration::from_millis(150)).await;
        assert!(!line.is_good(Duration::from_secs(10)), "it is closed");
        let said = Said::default();
        let reply = exchange(line, said.clone(), http_request()).await;
        assert!(reply.is_err() && !said.anything(), "{reply:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spare_that_fails_under_a_request_is_a_doubt_and_the_last_one() {
    let server = Server::start(Manner::CutSpares, true).await;
    let client = proven(&server).await;
    let reply = client.post(request()).await;
    assert!(matches!(reply, Reply::NoAnswer { .. }), "{reply:?}");
    let so_far = server.carried();
    assert_eq!(so_far.iter().map(|one| one.requests).sum::<usize>(), 2, "sent once");
    for _ in 0..5 {
        assert!(matches!(client.post(request()).await, Reply::Http { status: 200, .. }));
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(server.carried().len(), so_far.len() + 5, "no spare is opened");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_sells_nothing_opens_nothing() {
    let bounds = Bounds { busy_for: Duration::from_millis(2_500), ..TENTH };
    let server = Server::start(Manner::CloseIdle(Duration::from_secs(60)), false).await;
    let client = client(&server, bounds);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(server.carried().len(), 0, "none before the first call");
    client.post(request()).await;
    sleep(Duration::from_millis(4_000)).await;
    let opened = server.carried().len();
    // The call's, the one that was tried, and those of 1 s each that began within the 2.5 s.
    assert!((3..=4).contains(&opened), "{opened}");
    sleep(Duration::from_millis(2_000)).await;
    assert_eq!(server.carried().len(), opened, "none any more");
    assert!(server.carried().iter().all(|one| one.closed), "none is kept");
}

fn opener(server: &Server) -> Opener {
    let to = format!("http://{}", server.address).parse().expect("an address");
    Opener::new(to, None, Duration::from_secs(2))
}

fn http_request() -> hyper::Request<http_body_util::Full<bytes::Bytes>> {
    hyper::Request::post("/").body(http_body_util::Full::from("auth_code=1")).expect("a request")
}

impl Carried {
    /// Its request came later than anybody waits on a connection made for it.
    fn was_spare(&self) -> bool {
        self.first_byte_after.is_some_and(|age| age > Duration::from_millis(250))
    }
}
