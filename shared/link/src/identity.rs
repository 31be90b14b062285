//! An ed25519 identity in TLS 1.3: a raw public key (RFC 7250) in place of a certificate.
//!
//! The client pins the hub's key. The server takes any key whose possession the handshake proves; who may come in is the
//! hello's matter, so that a stranger gets an answer that names the reason. Certificates, intermediates and TLS 1.2 are
//! refused. There is no resumption: it would skip these checks, and a revoked node could come back.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use ed25519_dalek::SigningKey;
use guitai_core::trust::KeyBytes;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible, ServerConfig,
    SignatureScheme,
    client::{
        AlwaysResolvesClientRawPublicKeys, Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls13_signature_with_raw_key},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime},
    server::{
        AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
    version::TLS13,
};
use zeroize::Zeroizing;

/// What both ends call this protocol (ALPN).
pub const PROTOCOL: &[u8] = b"guitai/1";

/// DER in front of the 32 bytes of an ed25519 public key (RFC 8410, section 4).
const SPKI_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// DER in front of the 32 bytes of an ed25519 seed in PKCS #8 (RFC 8410, section 7).
const PKCS8_HEAD: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The client's side of TLS, to a hub whose key is pinned: `pinned` knows it. The cell receives the key of another hub.
pub(crate) fn client_config(
    identity: &SigningKey,
    pinned: impl Fn(&KeyBytes) -> bool + Send + Sync + 'static,
    other_hub: Arc<OnceLock<KeyBytes>>,
) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier =
        PinnedHub { pinned: Box::new(pinned), other_hub, algorithms: provider.signature_verification_algorithms };
    let key = certified_key(identity, &provider)?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(key)));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    Ok(config)
}

/// The server's side of TLS.
pub(crate) fn server_config(identity: &SigningKey) -> Result<ServerConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = AnyRawKey { algorithms: provider.signature_verification_algorithms };
    let key = certified_key(identity, &provider)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(key)));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    Ok(config)
}

/// The ed25519 key in a SubjectPublicKeyInfo, if it is one.
pub(crate) fn key_of_spki(spki: &[u8]) -> Option<KeyBytes> {
    spki.strip_prefix(&SPKI_HEAD).and_then(|key| key.try_into().ok())
}

fn certified_key(identity: &SigningKey, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, Error> {
    let pkcs8 = Zeroizing::new([PKCS8_HEAD.as_slice(), identity.as_bytes()].concat());
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8.as_slice())).clone_key();
    let signing_key = provider.key_provider.load_private_key(der)?;
    let spki = [SPKI_HEAD.as_slice(), identity.verifying_key().as_bytes()].concat();
    Ok(Arc::new(CertifiedKey::new(vec![CertificateDer::from(spki)], signing_key)))
}

/// The key offered, if it is one ed25519 key and nothing else.
fn sole_key(end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Result<KeyBytes, Error> {
    if !intermediates.is_empty() {
        return Err(CertificateError::BadEncoding.into());
    }
    key_of_spki(end_entity).ok_or_else(|| CertificateError::BadEncoding.into())
}

fn proof(
    message: &[u8],
    key: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    verify_tls13_signature_with_raw_key(message, &SubjectPublicKeyInfoDer::from(key.as_ref()), dss, algorithms)
}

fn only_tls13() -> Error {
    PeerIncompatible::Tls12NotOffered.into()
}

struct PinnedHub {
    pinned: Box<dyn Fn(&KeyBytes) -> bool + Send + Sync>,
    other_hub: Arc<OnceLock<KeyBytes>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl fmt::Debug for PinnedHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PinnedHub").field("other_hub", &self.other_hub).finish_non_exhaustive()
    }
}

impl ServerCertVerifier for PinnedHub {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let key = sole_key(end_entity, intermediates)?;
        if (self.pinned)(&key) {
            return Ok(ServerCertVerified::assertion());
        }
        self.other_hub.get_or_init(|| key);
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(only_tls13())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        proof(message, key, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct AnyRawKey {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for AnyRawKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        sole_key(end_entity, intermediates).map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(only_tls13())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        proof(message, key, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
