//! Other people's pages and other people's names at the web door: nothing they send gets in, and nothing changes.

use anyhow::{Context, ensure};
use guitai_tests::{
    charge::random_digits,
    client::{Client, text},
    node::ADMINISTRATOR,
    world::World,
};
use reqwest::{
    Method, Request,
    header::{CONTENT_TYPE, HeaderValue, ORIGIN},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::quic_peer::report;
use crate::{
    access::{HUB, NODE, routes},
    sales,
    strangers::{HONEST_P99, honest_p99, memory_kib},
};

/// An order that no shop has; the tables' routes are asked about it.
const NO_ORDER: &str = "09501010001366720007";

/// What refused requests may cost in memory, in KiB.
const GROWTH_MAX_KIB: u64 = 8 * 1024;

/// Makes a right request into one that a foreign page's visitor would send.
type Forgery = (&'static str, fn(&mut Request));

fn forgeries() -> [Forgery; 8] {
    fn set(request: &mut Request, name: &'static str, value: &'static str) {
        request.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    [
        ("without our page's header", |request| drop(request.headers_mut().remove("x-guitai"))),
        ("with that header twice", |request| {
            request.headers_mut().append("x-guitai", HeaderValue::from_static("1"));
        }),
        ("from another origin", |request| set(request, ORIGIN.as_str(), "http://evil.example")),
        ("from no origin", |request| set(request, ORIGIN.as_str(), "null")),
        ("from another port", |request| set(request, ORIGIN.as_str(), "http://127.0.0.1:1")),
        ("across sites", |request| set(request, "sec-fetch-site", "cross-site")),
        ("from a sister site", |request| set(request, "sec-fetch-site", "same-site")),
        ("as a form", |request| {
            request.headers_mut().remove("x-guitai");
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        }),
    ]
}

/// Sends every request that changes something, forged in every way; answers how many were tried.
async fn forge(table: &str, person: &Client, order_no: &str) -> anyhow::Result<usize> {
    let (http, mut tried) = (reqwest::Client::builder().no_proxy().build()?, 0);
    for route in routes(table)?.into_iter().filter(|route| route.method != Method::GET) {
        let path = route.asked()?.replace(NO_ORDER, order_no);
        for (how, forgery) in forgeries() {
            let request = person.request(route.method.clone(), &path).header("Idempotency-Key", random_digits(20));
            let mut request = request.json(&route.body(true)).build()?;
            forgery(&mut request);
            let answer = http.execute(request).await?;
            let status = answer.status().as_u16();
            let code = text(&answer.json().await?, "code").to_owned();
            ensure!((status, code.as_str()) == (403, "cross_site"), "{} {path} {how}: {status} {code}", route.method);
            tried += 1;
        }
    }
    Ok(tried)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_foreign_page_sends_changes_nothing() {
    World::builder()
        .play(async |world| {
            let node = world.node();
            let paid = text(&sales::pays(&node.program()?, 1_000).await?, "order_no").to_owned();
            let (owner, headquarters) = (node.person(ADMINISTRATOR).await?, world.hub.headquarters().await?);
            let lists = async || {
                let (accounts, keys) = (owner.read("/accounts").await?, owner.read("/api-keys").await?);
                anyhow::Ok((accounts, keys, headquarters.read("/announcements").await?))
            };
            let before = lists().await?;
            for (server, table, person) in [("node", NODE, &owner), ("hub", HUB, &headquarters)] {
                let (pid, url, key) = if server == "node" {
                    (node.pid()?, format!("http://{}", node.address()), node.key())
                } else {
                    (world.hub.pid()?, world.hub.url(), world.hub.key())
                };
                let memory = memory_kib(pid)?;
                let page = tokio::spawn(honest_p99(url, key.to_owned()));
                let tried = forge(table, person, &paid).await?;
                let (p99, grown) = (page.await??, memory_kib(pid)?.saturating_sub(memory));
                report(&format!("{server}, forged requests"), (tried, tried), p99, grown);
                ensure!(p99 < HONEST_P99 && grown < GROWTH_MAX_KIB, "{server}: {p99:?}, {grown} KiB");
            }
            ensure!(lists().await? == before, "something was changed");
            let payment = owner.payment(&paid).await?;
            ensure!(text(&payment, "state") == "paid" && payment["refunded_fen"] == 0, "{payment}");
            ensure!(world.sandbox.book().await?.len() == 1, "somebody was charged");
            Ok(())
        })
        .await;
}

/// Values of `Host` that are not the server's own; `at` is where it listens.
fn other_names(at: &str) -> Vec<String> {
    let port = at.rsplit(':').next().unwrap_or_default();
    let with_port = [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.localhost",
        "localhost.",
        "LOCALHOST.localdomain",
        "evil.example@127.0.0.1",
        "127.0.0.2",
        "127.1",
        "127.0.1",
        "0177.0.0.1",
        "0x7f000001",
        "2130706433",
        "0.0.0.0",
        "[::]",
        "[::2]",
        "[::ffff:127.0.0.1]",
        "::1",
        "xn--e1aybc.example",
        "127.0.0.1:1",
        "",
    ];
    let alone = ["evil.example", "127.0.0.1", "localhost", "[::1]", "*", "", "null", "127.0.0.1:0", "localhost:65536"];
    let around = |before: &str, after: &str| format!("{before}{at}{after}");
    let mut all: Vec<String> = with_port.iter().map(|name| format!("{name}:{port}")).collect();
    all.extend(alone.iter().map(|name| (*name).to_owned()));
    all.extend([
        around("", ".evil.example"),
        around("", "@evil.example"),
        around("", ",evil.example"),
        around("evil.example,", ""),
        around("http://", ""),
        around("//", ""),
        around("", "/"),
        around("", "?"),
        around("", "#evil.example"),
        around("", "0"),
        around("0", ""),
        around("", " evil.example"),
    ]);
    all
}

/// The heads of requests that name somebody else.
fn misdirected(at: &str) -> Vec<String> {
    let mut all = Vec::new();
    for name in other_names(at) {
        for path in ["/api/v1/health", "/"] {
            all.push(format!("GET {path} HTTP/1.1\r\nHost: {name}\r\n"));
        }
    }
    for forwarded in ["X-Forwarded-Host", "X-Host", "X-Original-Host", "X-Forwarded-Server", "X-HTTP-Host-Override"] {
        all.push(format!("GET /api/v1/health HTTP/1.1\r\nHost: evil.example\r\n{forwarded}: {at}\r\n"));
    }
    all.extend([
        format!("GET /api/v1/health HTTP/1.1\r\nHost: evil.example\r\nForwarded: host=\"{at}\"\r\n"),
        format!("GET /api/v1/health HTTP/1.1\r\nHost: {at}\r\nHost: evil.example\r\n"),
        format!("GET /api/v1/health HTTP/1.1\r\nHost: evil.example\r\nHost: {at}\r\n"),
        format!("GET http://evil.example/api/v1/health HTTP/1.1\r\nHost: {at}\r\n"),
        format!("GET http://evil.example:80/ HTTP/1.1\r\nHost: {at}\r\n"),
        format!("GET http://{at}/api/v1/health HTTP/1.1\r\nHost: evil.example\r\n"),
        "GET /api/v1/health HTTP/1.1\r\n".to_owned(),
    ]);
    all
}

/// The status line's number; none if it hung up.
async fn status(at: &str, head: &str) -> anyhow::Result<Option<u16>> {
    let mut stream = TcpStream::connect(at).await?;
    stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let line = String::from_utf8_lossy(&answer).into_owned();
    line.split(' ').nth(1).map(|code| code.parse().context(line.clone())).transpose()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_is_not_ours_reaches_no_handler() {
    World::builder()
        .play(async |world| {
            for (server, at, key, pid) in [
                ("node", world.node().address(), world.node().key(), world.node().pid()?),
                ("hub", world.hub.url()[7..].to_owned(), world.hub.key(), world.hub.pid()?),
            ] {
                let own = format!("GET /api/v1/health HTTP/1.1\r\nHost: {at}\r\n");
                ensure!(status(&at, &own).await? == Some(200), "{server} does not answer to its own name");
                let memory = memory_kib(pid)?;
                let page = tokio::spawn(honest_p99(format!("http://{at}"), key.to_owned()));
                let heads = misdirected(&at);
                for head in &heads {
                    // Some are no request at all.
                    let answered = status(&at, head).await?;
                    ensure!(matches!(answered, Some(421 | 400)), "{server}: {answered:?} to {head:?}");
                }
                let (p99, grown) = (page.await??, memory_kib(pid)?.saturating_sub(memory));
                report(&format!("{server}, other names"), (heads.len(), heads.len()), p99, grown);
                ensure!(p99 < HONEST_P99 && grown < GROWTH_MAX_KIB, "{server}: {p99:?}, {grown} KiB");
            }
            Ok(())
        })
        .await;
}
