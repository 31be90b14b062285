//! A call to an acquirer that is far away, over TLS: on a connection opened ahead, against one that is made for the call.
//!
//! The far end is a server of this process behind a relay that holds every byte back; the calls are made by a child, since what
//! certificates a program trusts is said in its environment.

use std::{
    process::{ExitCode, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use guitai_core::{
    acquirer::{Kind, Reply, Request},
    secret::SecretText,
};
use guitai_link::acquirer::AcquirerClient;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{sleep, sleep_until},
};
use tokio_rustls::TlsAcceptor;

use crate::table::{Table, median};

/// The word with which this program is started as its own child.
pub(crate) const CALLER: &str = "call-over-the-line";

/// A line from one end of the country to the other.
const ONE_WAY: Duration = Duration::from_millis(30);

/// Calls counted of each, and the time between two, in which the next connection is made.
const CALLS: usize = 20;
const PAUSE: Duration = Duration::from_millis(500);

/// Longer than it takes to see that a server keeps connections.
const LEARNING: Duration = Duration::from_millis(12_500);

const PATH: &str = "/tranx/query";
const BODY: &str = "reqsn=1";

/// Both, one after the other.
pub(crate) async fn compare(table: &mut Table) -> anyhow::Result<()> {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    let folder = tempfile::tempdir()?;
    let trusted = folder.path().join("trusted.pem");
    std::fs::write(&trusted, made.cert.pem())?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(anyhow::Error::msg)?;
    let address = listen(made.cert.der().clone(), key).await?;
    let said = tokio::process::Command::new(std::env::current_exe()?)
        .args([CALLER, &format!("https://{address}")])
        .env("SSL_CERT_FILE", &trusted)
        .env_remove("SSL_CERT_DIR")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .output()
        .await?;
    ensure!(said.status.success(), "the caller failed: {}", String::from_utf8_lossy(&said.stderr));
    let said = String::from_utf8(said.stdout)?;
    let mut figures = said.split_whitespace().map(str::parse::<u64>);
    let mut figure = || figures.next().context("two figures of the caller")?.context("a number");
    let (ours, rival) = (figure()?, figure()?);
    table.row("a call over TLS, line of 30 ms, median", ours, "µs", "a connection made for the call", rival);
    Ok(())
}

/// The child: prints both medians in µs.
pub(crate) fn call(base: Option<String>) -> ExitCode {
    let figures = crate::runtime().map_err(anyhow::Error::from).and_then(|runtime| {
        let base = base.context("where to")?;
        runtime.block_on(async { anyhow::Ok((ahead(&base).await?, made_for_it(&base).await?)) })
    });
    match figures {
        Ok((ours, rival)) => {
            println!("{ours} {rival}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn ahead(base: &str) -> anyhow::Result<u64> {
    let client = AcquirerClient::new(base, Kind::Allinpay.terms().pace)?;
    ask(&client).await?;
    sleep(LEARNING).await;
    let mut took = Vec::new();
    for _ in 0..=CALLS {
        took.push(ask(&client).await?);
        sleep(PAUSE).await;
    }
    // The first found no spare: what came before was only watched.
    Ok(median(took.split_off(1)))
}

async fn ask(client: &AcquirerClient) -> anyhow::Result<u64> {
    let begun = Instant::now();
    let body = SecretText::new(BODY.to_owned());
    let reply = client.post(Request { path: PATH, content_type: "application/x-www-form-urlencoded", body }).await;
    ensure!(matches!(reply, Reply::Http { status: 200, .. }), "{reply:?}");
    Ok(u64::try_from(begun.elapsed().as_micros())?)
}

async fn made_for_it(base: &str) -> anyhow::Result<u64> {
    let client = reqwest::Client::builder().pool_max_idle_per_host(0).http1_only().no_proxy().build()?;
    let mut took = Vec::new();
    for _ in 0..CALLS {
        let begun = Instant::now();
        let answer = client.post(format!("{base}{PATH}")).body(BODY).send().await?;
        ensure!(answer.status().is_success() && answer.bytes().await?.len() == 2, "not answered");
        took.push(u64::try_from(begun.elapsed().as_micros())?);
        sleep(PAUSE).await;
    }
    Ok(median(took))
}

async fn listen(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> anyhow::Result<String> {
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key)?;
    let (acceptor, listener) = (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await?);
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, acceptor.clone()));
        }
    });
    Ok(address)
}

/// Answers requests for as long as the caller keeps the connection.
async fn answer(near: TcpStream, acceptor: TlsAcceptor) -> anyhow::Result<()> {
    near.set_nodelay(true)?;
    let (far, end) = tokio::io::duplex(64 * 1024);
    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), tokio::io::split(end));
    // On this machine TCP connects at once; elsewhere that is a round trip.
    tokio::spawn(carry(from_near, to_far, ONE_WAY * 2));
    tokio::spawn(carry(from_far, to_near, Duration::ZERO));
    let mut stream = acceptor.accept(far).await?;
    let mut text = Vec::new();
    loop {
        while !text.ends_with(BODY.as_bytes()) {
            if stream.read_buf(&mut text).await? == 0 {
                return Ok(());
            }
        }
        text.clear();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await?;
    }
}

/// Every byte so much later, what comes first by `connecting` more.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Send + Unpin + 'static,
    connecting: Duration,
) -> anyhow::Result<()> {
    let (sent, mut under_way) = mpsc::unbounded_channel::<(tokio::time::Instant, Vec<u8>)>();
    tokio::spawn(async move {
        while let Some((at, bytes)) = under_way.recv().await {
            sleep_until(at).await;
            // A caller that has hung up gets no more.
            let done = if bytes.is_empty() { to.shutdown().await } else { to.write_all(&bytes).await };
            if done.is_err() {
                return;
            }
        }
    });
    let mut late = connecting;
    loop {
        let mut bytes = Vec::with_capacity(16 * 1024);
        let count = from.read_buf(&mut bytes).await?;
        sent.send((tokio::time::Instant::now() + ONE_WAY + std::mem::take(&mut late), bytes))?;
        if count == 0 {
            return Ok(());
        }
    }
}
