//! TLS ended by this server itself: a certificate and its key from two PEM files.

use std::{fmt, io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        pki_types::{
            CertificateDer, PrivateKeyDer,
            pem::{self, PemObject},
        },
    },
    server::TlsStream,
};

/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;

/// What a peer without TLS sent is read off up to this size, for so long.
const UNREAD_MAX_BYTES: u64 = 64 * 1024;
const SAID_WITHIN: Duration = Duration::from_secs(1);

/// What somebody hears who comes without TLS.
const PLAIN: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n\r\n\
    \xe8\xaf\xb7\xe7\x94\xa8 https:// \xe6\x89\x93\xe5\xbc\x80\xe3\x80\x82 Use https:// for this address.\n";

/// Why there is no TLS.
#[derive(Debug)]
pub enum TlsError {
    /// What should be the certificates is no PEM of such.
    Certificate(pem::Error),
    /// What should be the private key is no PEM of such.
    Key(pem::Error),
    /// Key and certificate do not fit, or are of a kind that is not taken.
    Unusable(rustls::Error),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(error) => write!(f, "certificate: 不是 PEM 证书 no PEM certificates: {error}"),
            Self::Key(error) => write!(f, "private_key: 不是 PEM 私钥 no PEM private key: {error}"),
            Self::Unusable(error) => {
                write!(f, "certificate, private_key: 证书与私钥不匹配或不支持 do not fit: {error}")
            }
        }
    }
}

impl std::error::Error for TlsError {}

/// A certificate and its key.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl Tls {
    /// From the PEM texts of both, the server's own certificate first. A new certificate is taken at the next start.
    ///
    /// # Errors
    /// Says which of the two is wrong, or that they do not fit.
    pub fn new(certificate: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(TlsError::Certificate)?;
        let secret = PrivateKeyDer::from_pem_slice(key).map_err(TlsError::Key)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Unusable)?
            .with_no_client_auth()
            .with_single_cert(chain, secret)
            .map_err(TlsError::Unusable)?;
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// Shakes hands. Whoever speaks plain HTTP is told so and gets nothing.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<Option<TlsStream<TcpStream>>> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 1 && first != [HANDSHAKE] {
            say_so(stream).await;
            return Ok(None);
        }
        self.0.accept(stream).await.map(Some)
    }
}

/// Tells a peer to come with TLS.
pub(super) async fn say_so(mut stream: TcpStream) {
    let said = async {
        stream.write_all(PLAIN).await?;
        stream.shutdown().await?;
        // A connection closed with unread bytes takes the answer down with it.
        tokio::io::copy(&mut stream.take(UNREAD_MAX_BYTES), &mut tokio::io::sink()).await
    };
    // Whoever does not listen is told nothing.
    let _ = timeout(SAID_WITHIN, said).await;
}
