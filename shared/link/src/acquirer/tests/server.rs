//! A server with one manner, which remembers what each connection carried.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use guitai_core::{
    acquirer::{Pace, Request},
    secret::SecretText,
};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::acquirer::{AcquirerClient, Bounds};

const BODY: &str = "auth_code=134500000000000042&trxamt=1";

/// Longer than a request is on its way.
const NEVER: Duration = Duration::from_secs(600);

pub(super) const PACE: Pace = Pace {
    first_query_ms: 0,
    query_interval_ms: 0,
    deadline_ms: 0,
    connect_timeout_ms: 5_000,
    answer_timeout_ms: 15_000,
};

#[derive(Clone, Debug)]
pub(super) enum Manner {
    /// Answers; closes a connection on which no request came for so long.
    CloseIdle(Duration),
    /// Closes what it accepts.
    CloseAtOnce,
    /// Resets what it accepts.
    Reset,
    /// Answers unasked on a connection on which no request came for so long; answers requests before that.
    SpeakFirst(Duration),
    /// Answers on fresh connections, and hangs up when a request comes on an old one.
    CutSpares,
}

/// What one connection carried.
#[derive(Clone, Debug, Default)]
pub(super) struct Carried {
    pub(super) requests: usize,
    pub(super) first_byte_after: Option<Duration>,
    pub(super) closed: bool,
}

type Seen = Arc<Mutex<Vec<Carried>>>;

pub(super) struct Server {
    pub(super) address: SocketAddr,
    trusted: Option<CertificateDer<'static>>,
    seen: Seen,
    stopping: watch::Sender<bool>,
}

impl Server {
    pub(super) async fn start(manner: Manner, tls: bool) -> Self {
        Self::start_far(manner, tls, Duration::ZERO).await
    }

    /// One whose bytes, and whose close, take so long either way.
    pub(super) async fn start_far(manner: Manner, tls: bool, one_way: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let seen = Seen::default();
        let (stopping, mut stop) = watch::channel(false);
        let (acceptor, trusted) = tls.then(certified).unzip();
        let met = Arc::clone(&seen);
        tokio::spawn(async move {
            loop {
                let stream = tokio::select! {
                    accepted = listener.accept() => accepted.expect("a connection").0,
                    _ = stop.wait_for(|stop| *stop) => return,
                };
                let one = {
                    let mut met = met.lock().expect("no panic");
                    met.push(Carried::default());
                    met.len() - 1
                };
                let (met, manner, acceptor, mut stop) =
                    (Arc::clone(&met), manner.clone(), acceptor.clone(), stop.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        _ = meet(stream, one_way, acceptor, manner, &met, one) => {}
                        _ = stop.wait_for(|stop| *stop) => {}
                    }
                    met.lock().expect("no panic")[one].closed = true;
                });
            }
        });
        Self { address, trusted, seen, stopping }
    }

    pub(super) fn carried(&self) -> Vec<Carried> {
        self.seen.lock().expect("no panic").clone()
    }

    /// Closes everything, and listens no more.
    pub(super) async fn stop(&self) {
        self.stopping.send_replace(true);
        sleep(Duration::from_millis(100)).await;
    }
}

async fn meet(
    stream: TcpStream,
    one_way: Duration,
    acceptor: Option<TlsAcceptor>,
    manner: Manner,
    seen: &Seen,
    one: usize,
) -> io::Result<()> {
    match manner {
        Manner::CloseAtOnce => return Ok(()),
        Manner::Reset => return stream.set_zero_linger(),
        Manner::CloseIdle(_) | Manner::SpeakFirst(_) | Manner::CutSpares => {}
    }
    let stream: Box<dyn Stream> = match one_way {
        Duration::ZERO => Box::new(stream),
        one_way => Box::new(far(stream, one_way)?),
    };
    match acceptor {
        None => serve(stream, manner, seen, one).await,
        Some(acceptor) => serve(acceptor.accept(stream).await?, manner, seen, one).await,
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The far end of a line.
fn far(near: TcpStream, one_way: Duration) -> io::Result<DuplexStream> {
    near.set_nodelay(true)?;
    let (far, end) = tokio::io::duplex(64 * 1024);
    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), tokio::io::split(end));
    tokio::spawn(carry(from_near, to_far, one_way));
    tokio::spawn(carry(from_far, to_near, one_way));
    Ok(far)
}

/// Every byte, and the end, so much later. What cannot be delivered any more is lost.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Send + Unpin + 'static,
    one_way: Duration,
) -> io::Result<()> {
    let (sent, mut under_way) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    tokio::spawn(async move {
        while let Some((at, bytes)) = under_way.recv().await {
            sleep_until(at + one_way).await;
            let done = if bytes.is_empty() { to.shutdown().await } else { to.write_all(&bytes).await };
            if done.is_err() {
                return;
            }
        }
    });
    loop {
        let mut bytes = Vec::with_capacity(16 * 1024);
        let count = from.read_buf(&mut bytes).await.unwrap_or(0);
        if sent.send((Instant::now(), bytes)).is_err() || count == 0 {
            return Ok(());
        }
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    manner: Manner,
    seen: &Seen,
    one: usize,
) -> io::Result<()> {
    let begun = Instant::now();
    let idle = match &manner {
        Manner::CloseIdle(idle) | Manner::SpeakFirst(idle) => *idle,
        Manner::CutSpares | Manner::CloseAtOnce | Manner::Reset => NEVER,
    };
    loop {
        let mut text = Vec::new();
        match timeout(idle, stream.read_buf(&mut text)).await {
            Ok(Ok(0)) => return Ok(()),
            Ok(read) => _ = read?,
            Err(_) if matches!(manner, Manner::SpeakFirst(_)) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nunasked").await?;
                sleep(NEVER).await;
            }
            Err(_) => return stream.shutdown().await,
        }
        let age = begun.elapsed();
        while !text.ends_with(BODY.as_bytes()) {
            if stream.read_buf(&mut text).await? == 0 {
                return Ok(());
            }
        }
        {
            let mut seen = seen.lock().expect("no panic");
            seen[one].requests += 1;
            seen[one].first_byte_after.get_or_insert(age);
        }
        if matches!(manner, Manner::CutSpares) && age > Duration::from_millis(50) {
            return Ok(());
        }
        // It would serve another request.
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: keep-alive\r\n\r\nasked").await?;
    }
}

fn certified() -> (TlsAcceptor, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .expect("a pair");
    (TlsAcceptor::from(Arc::new(config)), certificate)
}

pub(super) fn client(server: &Server, bounds: Bounds) -> AcquirerClient {
    let scheme = if server.trusted.is_some() { "https" } else { "http" };
    let tls = || {
        let mut roots = RootCertStore::empty();
        roots.add(server.trusted.clone().expect("asked for TLS only")).expect("a root");
        let config = ClientConfig::builder_with_provider(default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(config)
    };
    AcquirerClient::with(&format!("{scheme}://{}/apiweb", server.address), PACE, bounds, tls).expect("a client")
}

pub(super) fn request() -> Request {
    Request {
        path: "/unitorder/scanqrpay",
        content_type: "application/x-www-form-urlencoded",
        body: SecretText::new(BODY.to_owned()),
    }
}
