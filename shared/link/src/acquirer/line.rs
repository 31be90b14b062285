//! One connection to an acquirer, from its making to the last look before the first byte.

use std::{
    io::{self, ErrorKind},
    mem::MaybeUninit,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant, SystemTime},
};

use hyper::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{ClientConfig, pki_types::ServerName};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tower::ServiceExt;

use super::failure::{self, Said};

/// Where an acquirer is, and how it is reached.
pub(super) struct Opener {
    to: Uri,
    connector: HttpConnector,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    connect_timeout: Duration,
}

impl Opener {
    /// `to` is `http://host:port`, whatever is spoken there; `tls` where it is TLS, with the name its certificate must bear.
    pub(super) fn new(
        to: Uri,
        tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
        connect_timeout: Duration,
    ) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(connect_timeout));
        connector.set_nodelay(true);
        let tls = tls.map(|(config, name)| (TlsConnector::from(config), name));
        Self { to, connector, tls, connect_timeout }
    }

    /// Name, route, TCP, TLS; or why not. No byte of any request is written.
    pub(super) async fn open(&self) -> Result<Spare, String> {
        match timeout(self.connect_timeout, self.connect()).await {
            Ok(Ok(stream)) => Ok(Spare { stream, opened: Instant::now(), opened_at: SystemTime::now() }),
            Ok(Err(why)) => Err(why),
            Err(_) => Err("timed out: no connection".into()),
        }
    }

    async fn connect(&self) -> Result<Box<dyn Carrier>, String> {
        let why = |error: &dyn std::error::Error| failure::words("no connection", error);
        let tcp = self.connector.clone().oneshot(self.to.clone()).await.map_err(|error| why(&error))?.into_inner();
        match &self.tls {
            None => Ok(Box::new(tcp)),
            Some((tls, name)) => match tls.connect(name.clone(), tcp).await {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) => Err(why(&error)),
            },
        }
    }
}

/// What carries bytes.
trait Carrier: AsyncRead + AsyncWrite + Send + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Carrier for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Carrier for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// A connection on which no request was written yet.
pub(super) struct Spare {
    stream: Box<dyn Carrier>,
    opened: Instant,
    /// A machine that slept did not count the time.
    opened_at: SystemTime,
}

impl Spare {
    /// When it stood.
    pub(super) const fn opened(&self) -> Instant {
        self.opened
    }

    /// Comes back when it is of no use any more: closed, or the other side spoke first. Reads what TLS says to itself.
    pub(super) async fn ended(&mut self) {
        let _ = self.stream.read(&mut [0; 1]).await;
    }

    /// Whether a request may go out on it: younger than `age` by both clocks, nothing from the other side that was not read, and
    /// this machine would still go the same way.
    pub(super) fn is_good(&self, age: Duration) -> bool {
        let slept = self.opened_at.elapsed().map_or(true, |passed| passed >= age);
        self.opened.elapsed() < age && !slept && self.is_quiet() && self.is_routed().unwrap_or(false)
    }

    /// Asks the system itself: what the runtime knows of a socket may be older.
    fn is_quiet(&self) -> bool {
        let peeked = SockRef::from(self.stream.tcp()).peek(&mut [MaybeUninit::uninit(); 1]);
        peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// Whether the system's routes still lead there from the same address: a cable pulled, or another network. Sends nothing.
    fn is_routed(&self) -> io::Result<bool> {
        let (here, there) = (self.stream.tcp().local_addr()?, self.stream.tcp().peer_addr()?);
        let any: SocketAddr = match there {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let probe = UdpSocket::bind(any)?;
        probe.connect(there)?;
        Ok(probe.local_addr()?.ip() == here.ip())
    }

    /// For the one request it carries.
    pub(super) fn speak(self, said: Said) -> Speaking {
        Speaking { stream: self.stream, said }
    }
}

/// A line that notes, before the first byte is handed on, that one was.
pub(super) struct Speaking {
    stream: Box<dyn Carrier>,
    said: Said,
}

impl AsyncRead for Speaking {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Speaking {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.said.note();
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.said.note();
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    /// Without it the payment code would be copied into a buffer that is not wiped.
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
