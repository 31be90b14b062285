//! QUIC between node and hub: who dials whom, and the limits of a shop's box.
//!
//! quinn's defaults suit a server farm (65,536 pending handshakes, 10 MiB buffered each); ours are in the constants below.

use std::{
    fmt, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ed25519_dalek::SigningKey;
use guitai_core::trust::{EXPORTER_LABEL, HubPin, KeyBytes, key_text};
pub use quinn::Endpoint;
use quinn::{
    ClientConfig, Connection, ConnectionError, IdleTimeout, Incoming, ServerConfig, TransportConfig, VarInt,
    crypto::rustls::{QuicClientConfig, QuicServerConfig},
};
use rustls::pki_types::CertificateDer;

use crate::identity;

/// Handshakes waiting to be taken up; more are dropped.
const INCOMING_MAX: usize = 64;

/// Handshakes under way beyond which a caller must first show that its address is its own.
const RETRY_ABOVE: usize = 16;

/// Early packets kept per waiting handshake. A hello fits.
const INCOMING_BUFFER_BYTES: u64 = 16 * 1024;

/// Data under way in each direction, of a connection and of its one stream.
const WINDOW_BYTES: u32 = 1024 * 1024;

/// Streams a peer may have open; one is used.
const STREAMS: u32 = 4;

/// Data a stranger may have under way at the hub: its hello, and what QUIC cannot do without. [`Secured::welcome`] lifts it.
const STRANGER_WINDOW_BYTES: u32 = 16 * 1024;

/// A silent peer is gone after this long.
const IDLE_MS: u32 = 8_000;

/// The node shows that it lives this often; that also keeps a NAT's entry, which many forget after 30 s.
const KEEP_ALIVE: Duration = Duration::from_millis(2_500);

/// A handshake over a bad line takes a few seconds; beyond, dial again.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection whose ends both proved their keys. Who is welcome is decided by the hello.
#[derive(Clone, Debug)]
pub struct Secured {
    /// The connection.
    pub connection: Connection,
    /// The other end's key.
    pub peer_key: KeyBytes,
    /// What only this connection has.
    pub exporter: [u8; 32],
}

impl Secured {
    /// The hub has admitted the node: it may send as much as any.
    pub(crate) fn welcome(&self) {
        self.connection.set_receive_window(VarInt::from_u32(WINDOW_BYTES));
        self.connection.set_max_concurrent_bi_streams(VarInt::from_u32(STREAMS));
    }
}

/// By what a hub is known before it is dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// Its key, as an enrolled node keeps it.
    Key(KeyBytes),
    /// What an enrolment code says of its key.
    Hash(HubPin),
}

impl Pin {
    /// Whether this is the hub's key.
    pub(crate) fn is(&self, key: &KeyBytes) -> bool {
        match self {
            Self::Key(pinned) => pinned == key,
            Self::Hash(pin) => pin.is(key),
        }
    }
}

impl From<KeyBytes> for Pin {
    fn from(key: KeyBytes) -> Self {
        Self::Key(key)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.write_str(&key_text(key)),
            Self::Hash(_) => f.write_str("the code's"),
        }
    }
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// The hub at this address has another key than the one pinned at enrolment: a wrong address, or someone in between.
    HubKeyMismatch {
        /// What is pinned.
        expected: Pin,
        /// The key shown.
        got: KeyBytes,
    },
    /// Nothing answers, or not in time. Dial again later.
    Unreachable {
        /// Why, for logs.
        detail: String,
    },
    /// Something answers that is no hub of ours.
    Refused {
        /// Why, for logs.
        detail: String,
    },
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HubKeyMismatch { expected, got } => {
                write!(f, "the hub shows key {} where {expected} is pinned", key_text(got))
            }
            Self::Unreachable { detail } => write!(f, "the hub cannot be reached: {detail}"),
            Self::Refused { detail } => write!(f, "the handshake failed: {detail}"),
        }
    }
}

impl std::error::Error for ConnectError {}

/// A node's socket, good for all its dialling to addresses of the same family as `hub`.
///
/// # Errors
/// The system gives no UDP socket.
pub fn node_endpoint(hub: SocketAddr) -> io::Result<Endpoint> {
    let any: SocketAddr = match hub {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    Endpoint::client(any)
}

/// Dials a hub whose key is pinned.
///
/// # Errors
/// See [`ConnectError`]; a hub with another key is told apart from one that is away.
pub async fn connect(
    endpoint: &Endpoint,
    hub: SocketAddr,
    pinned: impl Into<Pin>,
    identity: &SigningKey,
) -> Result<Secured, ConnectError> {
    let pin = pinned.into();
    let refused = |detail: String| ConnectError::Refused { detail };
    let other_hub = Arc::new(OnceLock::new());
    let tls = identity::client_config(identity, move |key| pin.is(key), Arc::clone(&other_hub))
        .map_err(|e| refused(e.to_string()))?;
    let crypto = QuicClientConfig::try_from(tls).map_err(|e| refused(e.to_string()))?;
    let mut config = ClientConfig::new(Arc::new(crypto));
    let mut transport = transport();
    transport.keep_alive_interval(Some(KEEP_ALIVE));
    config.transport_config(Arc::new(transport));
    // The name is not checked by anyone; the key is.
    let connecting = endpoint
        .connect_with(config, hub, "hub.guitai.invalid")
        .map_err(|e| ConnectError::Unreachable { detail: e.to_string() })?;
    let connection = match tokio::time::timeout(HANDSHAKE_TIMEOUT, connecting).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return Err(classify(error, pin, &other_hub)),
        Err(_) => return Err(ConnectError::Unreachable { detail: "no answer in time".into() }),
    };
    secured(connection).map_err(refused)
}

fn classify(error: ConnectionError, expected: Pin, other_hub: &OnceLock<KeyBytes>) -> ConnectError {
    if let Some(got) = other_hub.get() {
        return ConnectError::HubKeyMismatch { expected, got: *got };
    }
    let detail = error.to_string();
    match error {
        ConnectionError::TimedOut
        | ConnectionError::Reset
        | ConnectionError::LocallyClosed
        | ConnectionError::ConnectionClosed(_)
        | ConnectionError::CidsExhausted => ConnectError::Unreachable { detail },
        ConnectionError::VersionMismatch
        | ConnectionError::TransportError(_)
        | ConnectionError::ApplicationClosed(_) => ConnectError::Refused { detail },
    }
}

/// A hub's ear.
#[derive(Debug)]
pub struct Listener {
    endpoint: Endpoint,
    under_way: Arc<AtomicUsize>,
}

impl Listener {
    /// Listens at `address` (UDP).
    ///
    /// # Errors
    /// The address cannot be had.
    pub fn bind(address: SocketAddr, identity: &SigningKey) -> io::Result<Self> {
        let tls = identity::server_config(identity).map_err(io::Error::other)?;
        let crypto = QuicServerConfig::try_from(tls).map_err(io::Error::other)?;
        let mut config = ServerConfig::with_crypto(Arc::new(crypto));
        let mut strangers = transport();
        strangers
            .receive_window(VarInt::from_u32(STRANGER_WINDOW_BYTES))
            .max_concurrent_bidi_streams(VarInt::from_u32(1));
        let buffers = INCOMING_BUFFER_BYTES * u64::try_from(INCOMING_MAX).expect("64");
        config
            .transport_config(Arc::new(strangers))
            .max_incoming(INCOMING_MAX)
            .incoming_buffer_size(INCOMING_BUFFER_BYTES)
            .incoming_buffer_size_total(buffers);
        let endpoint = Endpoint::server(config, address)?;
        Ok(Self { endpoint, under_way: Arc::default() })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.endpoint.local_addr()
    }

    /// The next caller; none after [`Listener::close`]. Finish each handshake in a task of its own.
    pub async fn accept(&self) -> Option<Handshake> {
        loop {
            let incoming = self.endpoint.accept().await?;
            if self.under_way.load(Ordering::Relaxed) >= RETRY_ABOVE && incoming.may_retry() {
                // Cannot fail: may_retry was asked.
                incoming.retry().ok();
                continue;
            }
            self.under_way.fetch_add(1, Ordering::Relaxed);
            return Some(Handshake { incoming, permit: Permit(Arc::clone(&self.under_way)) });
        }
    }

    /// Hangs up on everyone and stops listening; waits until the goodbyes are out.
    pub async fn close(&self) {
        self.endpoint.close(VarInt::from_u32(0), b"stopping");
        self.endpoint.wait_idle().await;
    }
}

/// A caller whose key is not known yet.
#[derive(Debug)]
pub struct Handshake {
    incoming: Incoming,
    permit: Permit,
}

/// One of the handshakes under way.
#[derive(Debug)]
struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Handshake {
    /// Where the caller is.
    #[must_use]
    pub fn remote_address(&self) -> SocketAddr {
        self.incoming.remote_address()
    }

    /// Completes the handshake.
    ///
    /// # Errors
    /// Why it failed, for logs.
    pub async fn finish(self) -> Result<Secured, String> {
        let Self { incoming, permit } = self;
        let connecting = incoming.accept().map_err(|e| e.to_string())?;
        let connection = tokio::time::timeout(HANDSHAKE_TIMEOUT, connecting)
            .await
            .map_err(|_| "no end in time".to_owned())?
            .map_err(|e| e.to_string())?;
        drop(permit);
        secured(connection)
    }
}

fn secured(connection: Connection) -> Result<Secured, String> {
    let peer_key = connection
        .peer_identity()
        .and_then(|identity| identity.downcast::<Vec<CertificateDer<'static>>>().ok())
        .and_then(|keys| keys.first().and_then(|key| identity::key_of_spki(key)))
        .ok_or("the other end showed no key")?;
    let mut exporter = [0; 32];
    connection
        .export_keying_material(&mut exporter, EXPORTER_LABEL, b"")
        .map_err(|_| "the channel exports nothing".to_owned())?;
    Ok(Secured { connection, peer_key, exporter })
}

fn transport() -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(WINDOW_BYTES))
        .receive_window(VarInt::from_u32(WINDOW_BYTES))
        .send_window(u64::from(WINDOW_BYTES))
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(IDLE_MS))));
    config
}
