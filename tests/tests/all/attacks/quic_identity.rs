//! Whoever is not who it says, on the line between node and hub: refused, each for its own reason; and nothing of a connection is
//! kept that could bring a box back which is welcome no more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, ensure};
use guitai_core::{
    sync::frame::{ByeReason, Enrol, Frame, Verdict},
    trust::key_text,
};
use guitai_link::{
    identity::PROTOCOL,
    quic::{ConnectError, connect, node_endpoint},
};
use guitai_tests::{wait::until, world::World};
use quinn::{ClientConfig, Connection, Endpoint, crypto::rustls::QuicClientConfig};
use rcgen::PublicKeyData as _;
use rustls::{
    DigitallySignedStruct, NamedGroup, SignatureScheme,
    client::{
        AlwaysResolvesClientRawPublicKeys, ClientSessionMemoryCache, ClientSessionStore, ResolvesClientCert,
        Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime},
    sign::CertifiedKey,
    version::TLS13,
};

use super::quic_peer::{End, Peer, WORD_LIMIT, lines_with, log_of, report};
use crate::strangers::{HONEST_P99, honest_p99, memory_kib};

/// DER in front of the 32 bytes of an ed25519 public key.
const SPKI_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Dials that would resume, and dials that would send data early.
const RESUMED: usize = 50;

/// Until a running hub has seen what a command changed.
const SOON: Duration = Duration::from_secs(10);

/// A client that takes any hub.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// Shows an X.509 certificate, whatever is asked for.
#[derive(Debug)]
struct Certificate(Arc<CertifiedKey>);

impl ResolvesClientCert for Certificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// What a client shows of itself.
enum Shows {
    Nothing,
    Raw(Arc<CertifiedKey>),
    Certificate(Arc<CertifiedKey>),
}

fn tls(shows: Shows, protocol: &[u8]) -> anyhow::Result<rustls::ClientConfig> {
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody));
    let mut config = match shows {
        Shows::Nothing => builder.with_no_client_auth(),
        Shows::Raw(key) => builder.with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(key))),
        Shows::Certificate(key) => builder.with_client_cert_resolver(Arc::new(Certificate(key))),
    };
    config.alpn_protocols = vec![protocol.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// A private key with what is shown of it.
fn certified(pkcs8: Vec<u8>, shown: Vec<Vec<u8>>) -> anyhow::Result<Arc<CertifiedKey>> {
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8));
    let signing = ring::default_provider().key_provider.load_private_key(der)?;
    Ok(Arc::new(CertifiedKey::new(shown.into_iter().map(CertificateDer::from).collect(), signing)))
}

/// A peer's own key in the forms of TLS.
fn raw(peer: &Peer) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    const PKCS8_HEAD: [u8; 16] =
        [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    let pkcs8 = [&PKCS8_HEAD[..], peer.identity.as_bytes()].concat();
    Ok((pkcs8, [&SPKI_HEAD[..], peer.identity.verifying_key().as_bytes()].concat()))
}

/// Whether a client with this configuration comes as far as a hub that answers a stream. A client that has said its last word
/// counts itself as connected; whether the hub took it shows when it hangs up.
async fn is_refused(peer: &Peer, config: rustls::ClientConfig) -> anyhow::Result<bool> {
    let endpoint = node_endpoint(peer.hub)?;
    let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(config)?));
    let connecting = endpoint.connect_with(config, peer.hub, "hub.guitai.invalid")?;
    let Ok(connection) = tokio::time::timeout(WORD_LIMIT, connecting).await.context("no answer")? else {
        return Ok(true);
    };
    let closed = tokio::time::timeout(WORD_LIMIT, connection.closed()).await.context("it stays connected")?;
    // A stranger in its place would have been hung up on by the hub's program, for saying nothing.
    Ok(matches!(closed, quinn::ConnectionError::ConnectionClosed(_)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_not_who_it_says_is_refused() {
    World::builder()
        .stores(0)
        .play(async |world| {
            let hub = &world.hub;
            let (peer, neighbour) = (Peer::enter(hub, "S901", 1).await?, Peer::enter(hub, "S902", 2).await?);
            peer.deliver(&peer.journal()?.run(2)).await?;
            let before = memory_kib(hub.pid()?)?;
            let mut refused = Vec::new();

            // At the handshake.
            let endpoint = node_endpoint(peer.hub)?;
            let other_hub = neighbour.identity.verifying_key().to_bytes();
            let shown = connect(&endpoint, peer.hub, other_hub, &peer.identity).await;
            let mismatch = matches!(&shown, Err(ConnectError::HubKeyMismatch { got, .. }) if *got == peer.hub_key);
            ensure!(mismatch, "a hub with another key than the one pinned, {}: {shown:?}", key_text(&other_hub));
            refused.push("another hub");
            let (pkcs8, spki) = raw(&peer)?;
            let x509 = rcgen::generate_simple_self_signed(["node.guitai.invalid".into()])?;
            let x509_key = x509.signing_key.serialize_der();
            let p256 = x509.signing_key.subject_public_key_info();
            let cases = [
                ("another protocol", tls(Shows::Raw(certified(pkcs8.clone(), vec![spki.clone()])?), b"guitai/0")?),
                ("no protocol", {
                    let mut config = tls(Shows::Raw(certified(pkcs8.clone(), vec![spki.clone()])?), PROTOCOL)?;
                    config.alpn_protocols.clear();
                    config
                }),
                ("no key", tls(Shows::Nothing, PROTOCOL)?),
                (
                    "an X.509 certificate",
                    tls(Shows::Certificate(certified(x509_key.clone(), vec![x509.cert.der().to_vec()])?), PROTOCOL)?,
                ),
                (
                    "an X.509 certificate as a raw key",
                    tls(Shows::Raw(certified(x509_key.clone(), vec![x509.cert.der().to_vec()])?), PROTOCOL)?,
                ),
                ("a key of another kind", tls(Shows::Raw(certified(x509_key, vec![p256])?), PROTOCOL)?),
                (
                    "a key with another behind it",
                    tls(Shows::Raw(certified(pkcs8, vec![spki.clone(), spki.clone()])?), PROTOCOL)?,
                ),
                (
                    "somebody else's key, whose secret it has not",
                    tls(Shows::Raw(certified(raw(&neighbour)?.0, vec![spki])?), PROTOCOL)?,
                ),
            ];
            for (what, config) in cases {
                ensure!(is_refused(&peer, config).await?, "let in: {what}");
                refused.push(what);
            }

            // At the hello.
            for what in ["a bad signature", "signed for another hub", "signed for another channel", "another's hello"] {
                let mut line = peer.dial().await?;
                let exporter = line.secured.exporter;
                let mut hello = match what {
                    "signed for another hub" => peer.hello(other_hub, exporter)?,
                    "signed for another channel" => peer.hello(peer.hub_key, peer.connect().await?.exporter)?,
                    "another's hello" => neighbour.hello(peer.hub_key, exporter)?,
                    _ => peer.hello(peer.hub_key, exporter)?,
                };
                if what == "a bad signature" {
                    hello.signature[17] ^= 0x40;
                }
                line.say(hello).await?;
                let end = line.end().await?;
                ensure!(matches!(&end, End::Said(bye) if bye.reason == ByeReason::PeerFault), "{what}: {end:?}");
                refused.push(what);
            }
            let mut line = peer.dial().await?;
            line.say(Frame::from(Enrol { code_id: [1; 8], proof: [2; 32] })).await?;
            let end = line.end().await?;
            ensure!(matches!(&end, End::Said(bye) if bye.reason == ByeReason::PeerFault), "no hello: {end:?}");
            refused.push("no hello");

            // By the roster.
            let stranger = peer.stranger(77)?;
            ensure!(stranger.asked().await? == Verdict::Unknown, "nobody let this key in");
            let forged = Peer { grant: peer.grant.clone(), ..stranger };
            ensure!(forged.asked().await? == Verdict::Unknown, "another's grant");
            let elsewhere = Peer { store: neighbour.store.clone(), ..peer.clone() };
            ensure!(elsewhere.asked().await? == Verdict::WrongStore, "its store is another one");
            refused.extend(["an unknown key", "another's grant", "another store"]);
            let code = hub.enrolment_code("S901").await?;
            let anew = Peer::enter_with(hub, "S901", &code, 1).await?;
            ensure!(peer.asked().await? == Verdict::Replaced, "a grant from before it was let in again");
            ensure!(anew.asked().await? == Verdict::Ok, "let in again");
            let code = hub.enrolment_code("S901").await?;
            let next = Peer::enter_with(hub, "S901", &code, 3).await?;
            ensure!(anew.asked().await? == Verdict::Replaced, "another box serves the store");
            hub.command(&["node", "revoke", "--store", "S902"]).await?.line()?;
            ensure!(neighbour.asked().await? == Verdict::Revoked, "its rights were taken away");
            refused.extend(["an old grant", "replaced", "revoked"]);
            ensure!(next.asked().await? == Verdict::Ok, "whoever serves the store comes in");

            let p99 = honest_p99(hub.url(), hub.key().to_owned()).await?;
            let grown = memory_kib(hub.pid()?)?.saturating_sub(before);
            report("wrong identity on the sync line", (refused.len(), refused.len()), p99, grown);
            ensure!(refused.len() >= 14 && p99 < HONEST_P99, "{p99:?} {refused:?}");
            // Written behind the answers.
            until("five faults in the log", SOON, async || {
                let faults = lines_with(&log_of(world), "fault: ")?;
                ensure!(faults >= 5, "the log names {faults} faults");
                Ok(Some(()))
            })
            .await?;
            Ok(())
        })
        .await;
}

/// Where a client would keep what lets it resume; counts what it was given.
#[derive(Debug)]
struct Kept {
    cache: ClientSessionMemoryCache,
    tickets: AtomicUsize,
}

impl ClientSessionStore for Kept {
    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.cache.set_kx_hint(server, group);
    }

    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        self.cache.kx_hint(server)
    }

    fn set_tls12_session(&self, server: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.tickets.fetch_add(1, Ordering::Relaxed);
        self.cache.set_tls12_session(server, value);
    }

    fn tls12_session(&self, server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.cache.tls12_session(server)
    }

    fn remove_tls12_session(&self, server: &ServerName<'static>) {
        self.cache.remove_tls12_session(server);
    }

    fn insert_tls13_ticket(&self, server: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.tickets.fetch_add(1, Ordering::Relaxed);
        self.cache.insert_tls13_ticket(server, value);
    }

    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.cache.take_tls13_ticket(server)
    }
}

/// Dials like a client that resumes and sends early wherever it can; answers whether it could have sent anything before the hub
/// answered.
async fn dial_early(endpoint: &Endpoint, peer: &Peer, config: &ClientConfig) -> anyhow::Result<(Connection, bool)> {
    let connecting = endpoint.connect_with(config.clone(), peer.hub, "hub.guitai.invalid")?;
    match connecting.into_0rtt() {
        Ok((connection, _)) => Ok((connection, true)),
        Err(connecting) => Ok((tokio::time::timeout(WORD_LIMIT, connecting).await.context("no answer")??, false)),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_resumed_and_nothing_is_sent_early_also_after_a_revocation() {
    World::builder()
        .stores(0)
        .play(async |world| {
            let hub = &world.hub;
            let peer = Peer::enter(hub, "S901", 1).await?;
            let before = memory_kib(hub.pid()?)?;
            let (pkcs8, spki) = raw(&peer)?;
            let kept = Arc::new(Kept { cache: ClientSessionMemoryCache::new(256), tickets: AtomicUsize::new(0) });
            let mut config = tls(Shows::Raw(certified(pkcs8, vec![spki])?), PROTOCOL)?;
            config.resumption = Resumption::store(kept.clone());
            config.enable_early_data = true;
            let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(config)?));
            let endpoint = node_endpoint(peer.hub)?;
            let mut early = 0;
            for _ in 0..RESUMED {
                let (connection, sent_early) = dial_early(&endpoint, &peer, &config).await?;
                early += usize::from(sent_early);
                ensure!(peer.asked_on(connection).await? == Verdict::Ok, "it is welcome");
            }
            hub.command(&["node", "revoke", "--store", "S901"]).await?.line()?;
            until("the revocation", SOON, async || Ok((peer.asked().await? == Verdict::Revoked).then_some(()))).await?;
            let mut back = 0;
            for _ in 0..RESUMED {
                let (connection, sent_early) = dial_early(&endpoint, &peer, &config).await?;
                early += usize::from(sent_early);
                back += usize::from(peer.asked_on(connection).await? != Verdict::Revoked);
            }
            let tickets = kept.tickets.load(Ordering::Relaxed);
            let p99 = honest_p99(hub.url(), hub.key().to_owned()).await?;
            let grown = memory_kib(hub.pid()?)?.saturating_sub(before);
            report("resumption and early data", (2 * RESUMED, 2 * RESUMED - early.max(back)), p99, grown);
            ensure!((early, back, tickets) == (0, 0, 0), "early {early}, back {back}, tickets {tickets}");
            Ok(())
        })
        .await;
}
