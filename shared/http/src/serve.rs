//! The accept loop: HTTP/1.1 with deadlines, over TLS where a certificate is given.
//!
//! axum's own `serve` installs no timer, which leaves hyper's header timeout inert, so the connection is built here. Limits:
//! the head within [`HEADER_DEADLINE`] (this also ends idle keep-alive connections), the request body within
//! [`BODY_DEADLINE`], [`CONNECTIONS_MAX`] connections, of which strangers give theirs up first ([`seats`]), [`PER_ADDRESS_MAX`] from
//! one address. An answer may take as long as it likes (event streams do), but a peer that stops reading it is cut after
//! [`WRITE_STALL`].

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{FromRequestParts, Request},
    http::{Extensions, request::Parts},
    response::{IntoResponse, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
    time::timeout,
};

use crate::{
    place::{Place, Proxies},
    problem::{Code, Problem},
    share::Shares,
};

mod deadline;
mod front;
pub mod seats;
mod tls;

pub(crate) use deadline::BodyTooSlow;
use deadline::{Deadline, Stall};
pub use front::{Front, FrontError};
use seats::{NoSeat, Phase, Seat, Seats};
pub use tls::{Tls, TlsError};

/// A request's head must be complete this long after the connection became idle or open.
pub const HEADER_DEADLINE: Duration = Duration::from_secs(5);

/// A request's body must be complete this long after its head.
pub const BODY_DEADLINE: Duration = Duration::from_secs(15);

/// A peer that takes no byte of a waiting answer for this long is gone.
pub const WRITE_STALL: Duration = Duration::from_secs(30);

/// Connections at one time. Each costs about 20 KiB with its buffers, so 10 MiB at most.
pub const CONNECTIONS_MAX: usize = 512;

/// Connections from one address, and requests under way of one that comes through a named proxy. A browser opens at most 6 to one
/// host; three people behind one address still fit. Loopback and a proxy are exempt as connections: the cashier's browser and the
/// shop's own programs come from 127.0.0.1, everybody else through the proxy; [`CONNECTIONS_MAX`] still holds for them.
pub const PER_ADDRESS_MAX: usize = 20;

/// A request's head, all lines together.
pub const HEAD_MAX_BYTES: usize = 16 * 1024;

/// After the order to stop, answers under way get this long.
pub const DRAIN: Duration = Duration::from_secs(5);

/// Connections that wait in the system's queue. One that finds it full is tried again by its own side after a whole second.
pub const BACKLOG: u32 = 4_096;

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

/// Takes the address; in a runtime.
///
/// # Errors
/// Says whether another program has it.
pub fn bind(addr: SocketAddr) -> Result<TcpListener, BindError> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let listening = socket.and_then(|socket| {
        // A server started again takes its address although connections of the one before are still ending.
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        socket.listen(BACKLOG)
    });
    listening.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => BindError::Busy { addr },
        io::ErrorKind::PermissionDenied => BindError::Denied { addr },
        _ => BindError::Other { addr, error },
    })
}

/// Serves until `stop` becomes true or its sender is gone; then lets answers under way finish for [`DRAIN`].
pub async fn run(listener: TcpListener, app: Router, front: Front, stop: watch::Receiver<bool>) {
    run_with(listener, app, front, stop, Limits::PRODUCT).await;
}

/// The address a request came from: as the accept loop saw it, or as a named proxy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Absent only when a router is driven without the accept loop.
        parts.extensions.get::<Self>().copied().ok_or_else(|| Problem::new(Code::Internal))
    }
}

/// The seat of the connection that a request came by.
#[derive(Clone)]
struct Sitting(Arc<Seat>);

/// This request is a known caller's: its seat is kept while it is under way.
pub(crate) fn known(request: &Extensions, caller: &str) {
    // Absent only when a router is driven without the accept loop.
    if let Some(Sitting(seat)) = request.get() {
        seat.known(caller);
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

    /// The place a connection counts for, unless it is exempt.
    fn place(self, peer: IpAddr, proxies: &Proxies) -> Option<Place> {
        let peer = peer.to_canonical();
        let exempt = peer.is_loopback() && self.loopback_exempt == LoopbackExempt::Yes;
        (!exempt && !proxies.contains(peer)).then(|| Place::of(peer))
    }
}

/// What every connection is served with.
struct Server {
    app: Router,
    front: Front,
    limits: Limits,
    /// Requests under way of those who come through a proxy.
    shares: Arc<Shares<Place>>,
}

async fn run_with(listener: TcpListener, app: Router, front: Front, mut stop: watch::Receiver<bool>, limits: Limits) {
    let seats = Seats::new(limits.connections, limits.per_address);
    let shares = Arc::new(Shares::new(limits.per_address));
    let server = Arc::new(Server { app, front, limits, shares });
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let place = limits.place(peer.ip(), server.front.proxies());
        let seat = tokio::select! {
            () = stopped(&mut stop) => break,
            seat = take_seat(&seats, place) => seat,
        };
        let Some(seat) = seat else {
            tracing::warn!(peer = %peer.ip(), "too many connections from one address");
            continue;
        };
        // Whoever comes in faster than they are seen off would fill the memory with what is left of them.
        while connections.try_join_next().is_some() {}
        connections.spawn(serve_connection(stream, peer, Arc::new(seat), Arc::clone(&server), stop.clone()));
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.drain, drained).await.is_err() {
        tracing::warn!("answers still under way were cut");
    }
}

/// A seat, once there is one; none for an address that has all of its own.
async fn take_seat(seats: &Arc<Seats>, place: Option<Place>) -> Option<Seat> {
    loop {
        match seats.take(place) {
            Ok(seat) => return Some(seat),
            Err(NoSeat::Place) => return None,
            // Newcomers wait in the system's own queue instead of in our memory.
            Err(NoSeat::Full) => seats.somebody_left().await,
        }
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    seat: Arc<Seat>,
    server: Arc<Server>,
    stop: watch::Receiver<bool>,
) {
    seat.begin();
    // Small answers must not wait for the next one; failing to say so costs milliseconds only.
    let _ = stream.set_nodelay(true);
    if !server.front.admits(peer.ip()) {
        tls::say_so(stream).await;
        return;
    }
    let served = async {
        match server.front.tls() {
            None => answer(stream, peer, &seat, &server, stop).await,
            Some(tls) => match timeout(server.limits.header, tls.accept(stream)).await {
                Ok(Ok(Some(stream))) => answer(stream, peer, &seat, &server, stop).await,
                Ok(Ok(None)) => {}
                Ok(Err(error)) => tracing::debug!(peer = %peer, %error, "no TLS"),
                Err(_) => tracing::debug!(peer = %peer, "TLS did not begin in time"),
            },
        }
    };
    tokio::select! {
        () = served => {}
        () = seat.given_away() => tracing::debug!(peer = %peer, "gave its seat to another"),
    }
}

async fn answer<S>(stream: S, peer: SocketAddr, seat: &Arc<Seat>, server: &Arc<Server>, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let limits = server.limits;
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let (seat, server) = (Arc::clone(seat), Arc::clone(server));
        async move { Ok::<_, std::convert::Infallible>(respond(request, peer, seat, &server).await) }
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

/// One request and its answer.
async fn respond(request: hyper::Request<Incoming>, peer: SocketAddr, seat: Arc<Seat>, server: &Server) -> Response {
    let proxies = server.front.proxies();
    let caller = proxies.caller(peer.ip(), request.headers());
    let share = if proxies.contains(peer.ip()) {
        match server.shares.take(Place::of(caller)) {
            Some(share) => Some(share),
            None => return Problem::new(Code::Busy).retry_after(1).into_response(),
        }
    } else {
        None
    };
    seat.now(if hyper::body::Body::is_end_stream(request.body()) { Phase::Answer } else { Phase::Body });
    let within = server.limits.body;
    let mut request: Request = request.map(|body| Body::new(Deadline::new(body, within, Arc::clone(&seat))));
    request.extensions_mut().insert(Peer(SocketAddr::new(caller, peer.port())));
    request.extensions_mut().insert(Sitting(Arc::clone(&seat)));
    let Ok(response) = hyper::service::Service::call(&TowerToHyperService::new(server.app.clone()), request).await;
    response.map(|body| Body::new(deadline::Answered::new(body, seat, share)))
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone can never say stop, so its going is the order.
    let _ = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests;
