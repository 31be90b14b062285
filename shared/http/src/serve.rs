//! The accept loop: HTTP/1.1 with deadlines.
//!
//! axum's own `serve` installs no timer, which leaves hyper's header timeout inert, so the connection is built here. Limits:
//! the head within [`HEADER_DEADLINE`] (this also ends idle keep-alive connections), the request body within
//! [`BODY_DEADLINE`], [`CONNECTIONS_MAX`] connections, [`PER_ADDRESS_MAX`] from one address. An answer may take as long as it
//! likes (event streams do), but a peer that stops reading it is cut after [`WRITE_STALL`].

use std::{
    collections::HashMap,
    fmt, io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{FromRequestParts, Request},
    http::request::Parts,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};

use crate::problem::{Code, Problem};

mod deadline;

pub(crate) use deadline::BodyTooSlow;
use deadline::{Deadline, Stall};

/// A request's head must be complete this long after the connection became idle or open.
pub const HEADER_DEADLINE: Duration = Duration::from_secs(5);

/// A request's body must be complete this long after its head.
pub const BODY_DEADLINE: Duration = Duration::from_secs(15);

/// A peer that takes no byte of a waiting answer for this long is gone.
pub const WRITE_STALL: Duration = Duration::from_secs(30);

/// Connections at one time. Each costs about 20 KiB with its buffers, so 5 MiB at most.
pub const CONNECTIONS_MAX: usize = 256;

/// Connections from one address. A browser opens at most 6 to one host; three people behind one address still fit.
/// Loopback is exempt: the cashier's browser, the shop's own programs and a proxy in front all come from 127.0.0.1, and nobody
/// else can; [`CONNECTIONS_MAX`] still holds for them.
pub const PER_ADDRESS_MAX: usize = 20;

/// A request's head, all lines together.
pub const HEAD_MAX_BYTES: usize = 16 * 1024;

/// After the order to stop, answers under way get this long.
pub const DRAIN: Duration = Duration::from_secs(5);

/// When the system refuses a new connection (no descriptors left), wait before asking again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the server could not take its address.
#[derive(Debug)]
pub enum BindError {
    /// Another program has it.
    Busy {
        /// The address asked for.
        addr: SocketAddr,
    },
    /// The system forbids it, as it does ports below 1024.
    Denied {
        /// The address asked for.
        addr: SocketAddr,
    },
    /// Anything else.
    Other {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy { addr } => write!(
                f,
                "端口被占用 port in use: {addr} is taken by another program; stop it or set another `listen` address"
            ),
            Self::Denied { addr } => {
                write!(
                    f,
                    "没有权限 not permitted: {addr} may not be bound; ports below 1024 need rights, choose a higher one"
                )
            }
            Self::Other { addr, error } => write!(f, "无法监听 cannot listen on {addr}: {error}"),
        }
    }
}

impl std::error::Error for BindError {}

/// Takes the address.
///
/// # Errors
/// Says whether another program has it.
pub async fn bind(addr: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(addr).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => BindError::Busy { addr },
        io::ErrorKind::PermissionDenied => BindError::Denied { addr },
        _ => BindError::Other { addr, error },
    })
}

/// Serves until `stop` becomes true or its sender is gone; then lets answers under way finish for [`DRAIN`].
pub async fn run(listener: TcpListener, app: Router, stop: watch::Receiver<bool>) {
    run_with(listener, app, stop, Limits::PRODUCT).await;
}

/// The address a request came from, as the accept loop saw it. Forwarded headers are not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Absent only when a router is driven without the accept loop.
        parts.extensions.get::<Self>().copied().ok_or_else(|| Problem::new(Code::Internal))
    }
}

#[derive(Clone, Copy)]
struct Limits {
    header: Duration,
    body: Duration,
    stall: Duration,
    drain: Duration,
    connections: usize,
    per_address: usize,
    loopback_exempt: LoopbackExempt,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LoopbackExempt {
    Yes,
    #[cfg(test)]
    No,
}

impl Limits {
    const PRODUCT: Self = Self {
        header: HEADER_DEADLINE,
        body: BODY_DEADLINE,
        stall: WRITE_STALL,
        drain: DRAIN,
        connections: CONNECTIONS_MAX,
        per_address: PER_ADDRESS_MAX,
        loopback_exempt: LoopbackExempt::Yes,
    };
}

async fn run_with(listener: TcpListener, app: Router, mut stop: watch::Receiver<bool>, limits: Limits) {
    let seats = Arc::new(Semaphore::new(limits.connections));
    let addresses = Arc::new(Addresses::default());
    let mut connections = JoinSet::new();
    loop {
        // The seat comes first: when all are taken, newcomers wait in the system's own queue instead of in our memory.
        let next = async {
            let seat = Arc::clone(&seats).acquire_owned().await;
            (seat, listener.accept().await)
        };
        let (seat, accepted) = tokio::select! {
            () = stopped(&mut stop) => break,
            next = next => next,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        let Ok(seat) = seat else { break };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some(permit) = Addresses::enter(&addresses, peer.ip(), limits) else {
            tracing::warn!(peer = %peer.ip(), "too many connections from one address");
            continue;
        };
        let (app, stop) = (app.clone(), stop.clone());
        connections.spawn(async move {
            serve_connection(stream, peer, app, stop, limits).await;
            drop((seat, permit));
        });
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain, drained).await.is_err() {
        tracing::warn!("answers still under way were cut");
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    mut stop: watch::Receiver<bool>,
    limits: Limits,
) {
    // Small answers must not wait for the next one; failing to say so costs milliseconds only.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(|body| Body::new(Deadline::new(body, limits.body)));
        request.extensions_mut().insert(Peer(peer));
        hyper::service::Service::call(&TowerToHyperService::new(app.clone()), request)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.header).max_buf_size(HEAD_MAX_BYTES);
    let io = TokioIo::new(Stall::new(stream, limits.stall));
    let mut connection = pin!(builder.serve_connection(io, service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(peer = %peer, %error, "connection ended early");
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone can never say stop, so its going is the order.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// How many connections each address holds.
#[derive(Default)]
struct Addresses(Mutex<HashMap<IpAddr, usize>>);

impl Addresses {
    /// A permit for one connection, given back when dropped; `None` when the address has all of its own.
    fn enter(this: &Arc<Self>, address: IpAddr, limits: Limits) -> Option<Permit> {
        let address = address.to_canonical();
        let exempt = address.is_loopback() && limits.loopback_exempt == LoopbackExempt::Yes;
        let mut held = this.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(address).or_default();
        if *count >= limits.per_address && !exempt {
            return None;
        }
        *count += 1;
        Some(Permit { addresses: Arc::clone(this), address })
    }
}

struct Permit {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut held = self.addresses.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests;
