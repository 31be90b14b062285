//! Signatures that are forged or bent: a byte of a hello, of facts, of a seal, of a roster's word flipped, and the vectors by which
//! lax verifiers are known. At core's own doors in full, and at the running hub's as often as connections allow.

use anyhow::{Context, ensure};
use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{FactNo, JournalId, Writer},
    sync::{
        contract::{Authorisation, HubConfig, Standing},
        drive::{Act, Drive, Job},
        frame::{Frame, Hello, Word},
        wire::FrameReader,
    },
    time::{Ticks, UtcMs},
    trust::{Channel, Grant, InForce, KeyBytes, RosterEntry, Side, usable_key},
};
use guitai_store::ingest::Run;
use guitai_tests::{charge::random_below, world::World};

use super::quic_peer::{End, Peer, Seen, chunk, key, report};
use crate::strangers::{HONEST_P99, honest_p99, memory_kib};

/// Flips of each kind; there are four.
const FLIPS: usize = 2_500;

/// Flips of each kind that the running hub hears; there are two.
const HEARD: usize = 200;

/// Bytes of the length in front of a frame.
const LENGTH_BYTES: usize = 4;

/// What the hub's memory may grow by, in KiB.
const GROWTH_MAX_KIB: u64 = 16 * 1024;

/// The order of the curve's prime group, least byte first: a signature's `s` lies below.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// Points of order eight, least byte first.
const ORDER_EIGHT: [[u8; 32]; 2] = [
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

/// Every spelling of a point of small order: the seven values, those at or above the field's prime among them, with either sign.
fn small_order() -> Vec<KeyBytes> {
    let near = |low: u8| {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (low, 0x7f);
        bytes
    };
    let mut one = [0; 32];
    one[0] = 1;
    let values = [[0; 32], one, ORDER_EIGHT[0], ORDER_EIGHT[1], near(0xec), near(0xed), near(0xee)];
    let signed = |mut bytes: KeyBytes| {
        bytes[31] |= 0x80;
        bytes
    };
    values.iter().copied().chain(values.iter().copied().map(signed)).collect()
}

/// The same signature with so many times the group's order added to its `s`; none once that is over 256 bits.
fn added(signature: &[u8; 64], times: usize) -> Option<[u8; 64]> {
    let mut bent = *signature;
    for _ in 0..times {
        let mut carry = 0;
        for (byte, order) in bent[32..].iter_mut().zip(ORDER) {
            let sum = u16::from(*byte) + u16::from(order) + carry;
            [*byte, _] = sum.to_le_bytes();
            carry = sum >> 8;
        }
        if carry > 0 {
            return None;
        }
    }
    Some(bent)
}

/// A byte of these at random, changed to another, never in front of `from`.
fn flipped(bytes: &[u8], from: usize) -> anyhow::Result<Vec<u8>> {
    let mut bent = bytes.to_vec();
    let at = from + usize::try_from(random_below(u64::try_from(bytes.len() - from)?))?;
    bent[at] ^= 1 + u8::try_from(random_below(255))?;
    Ok(bent)
}

/// A channel that no network is under.
struct Desk {
    hub: SigningKey,
    exporter: [u8; 32],
}

impl Desk {
    fn drive(&self, peer: &Peer) -> Drive {
        let peer_key = Some(peer.identity.verifying_key().to_bytes());
        let (identity, exporter) = (self.hub.clone(), self.exporter);
        Drive::hub(Ticks(0), HubConfig { identity, peer_key, exporter, app_version: "tests".into() })
    }

    /// What a hub makes of these bytes: whether it asks the roster about a hello.
    fn hears(&self, peer: &Peer, hello: &[u8]) -> bool {
        let mut drive = self.drive(peer);
        drive.bytes(hello);
        std::iter::from_fn(|| drive.poll(Ticks(1))).any(|act| matches!(act, Act::Authorise(_)))
    }

    /// Whether it would make facts durable that come after a good hello.
    fn takes(&self, peer: &Peer, hello: &[u8], facts: &[u8]) -> bool {
        let mut drive = self.drive(peer);
        drive.bytes(hello);
        while drive.poll(Ticks(1)).is_some() {}
        let standing = Standing { store: peer.store.clone(), outgoing: None, incoming: None };
        drive.authorised(Ticks(1), UtcMs(1), Authorisation::Admitted(standing), Word::default());
        while drive.poll(Ticks(1)).is_some() {}
        drive.bytes(facts);
        std::iter::from_fn(|| drive.poll(Ticks(1))).any(|act| matches!(act, Act::Do(Job::Persist(_))))
    }
}

/// Of so many flips at core's doors, how many were refused.
fn at_core(peer: &Peer, run: &Run) -> anyhow::Result<(usize, usize)> {
    let desk = Desk { hub: key(500), exporter: [9; 32] };
    let hub_key = desk.hub.verifying_key().to_bytes();
    let hello = Frame::from(peer.hello(hub_key, desk.exporter)?).to_wire();
    let facts = Frame::from(chunk(run)).to_wire();
    ensure!(desk.hears(peer, &hello) && desk.takes(peer, &hello, &facts), "whole they are taken");
    let own = peer.identity.verifying_key();
    let (issuer, at) = (peer.issuer()?, UtcMs(5));
    let entry = RosterEntry::sign(&desk.hub, peer.store.clone(), 4, Some(InForce { key: own.to_bytes(), issuer }), at);
    let grant = Grant::sign(&desk.hub, peer.store.clone(), issuer, own.to_bytes(), 3);
    let (entry, grant) = (entry.to_bytes(), grant.to_bytes());
    let stands = |entry: &[u8]| RosterEntry::from_bytes(entry).is_some_and(|entry| entry.verify(&hub_key));
    let granted = |grant: &[u8]| Grant::from_bytes(grant).is_some_and(|grant| grant.verify(&hub_key));
    ensure!(stands(&entry) && granted(&grant), "whole they stand");
    let journal = JournalId::node(peer.store.clone());
    let seal = [run.seal.head().as_slice(), run.seal.signature()].concat();
    let mut taken = 0;
    for n in 0..FLIPS {
        taken += usize::from(desk.hears(peer, &flipped(&hello, 0)?));
        taken += usize::from(desk.takes(peer, &hello, &flipped(&facts, 0)?));
        let bent = flipped(&seal, 0)?;
        let (head, signature) = (bent[..32].try_into()?, bent[32..].try_into()?);
        let bent = guitai_core::journal::chain::Seal::from_parts(run.seal.no, head, signature);
        taken += usize::from(bent.verify(&own, &journal));
        taken += usize::from(if n % 2 == 0 { stands(&flipped(&entry, 0)?) } else { granted(&flipped(&grant, 0)?) });
    }
    Ok((4 * FLIPS, 4 * FLIPS - taken))
}

/// The vectors by which lax verifiers are known.
fn edges(peer: &Peer) -> anyhow::Result<(usize, usize)> {
    let (mut tried, mut refused) = (0, 0);
    let hub_key = key(500).verifying_key().to_bytes();
    // Under a key of small order the neutral element and zero sign everything.
    let mut neutral = [0; 64];
    neutral[0] = 1;
    for weak in small_order() {
        let channel = Channel { node_key: weak, hub_key, exporter: [9; 32] };
        let mut own = [0; 64];
        own[..32].copy_from_slice(&weak);
        let forged = [neutral, own, [0; 64]].iter().any(|signature| channel.verify(Side::Node, &[b"x"], signature));
        tried += 1;
        refused += usize::from(!forged && usable_key(&weak).is_none());
    }
    let channel = Channel { node_key: peer.identity.verifying_key().to_bytes(), hub_key, exporter: [9; 32] };
    let right = channel.sign(&peer.identity, Side::Node, &[b"x"]);
    ensure!(channel.verify(Side::Node, &[b"x"], &right), "whole it stands");
    for times in 1.. {
        let Some(bent) = added(&right, times) else { break };
        tried += 1;
        refused += usize::from(!channel.verify(Side::Node, &[b"x"], &bent));
    }
    // A point of small order in place of the signature's own.
    for weak in small_order() {
        let mut bent = right;
        bent[..32].copy_from_slice(&weak);
        tried += 1;
        refused += usize::from(!channel.verify(Side::Node, &[b"x"], &bent));
    }
    Ok((tried, refused))
}

/// Whether the running hub refuses a hello with these bytes behind its length.
async fn hub_refuses_hello(peer: &Peer) -> anyhow::Result<bool> {
    let mut line = peer.dial().await?;
    let hello = Frame::from(peer.hello(peer.hub_key, line.secured.exporter)?).to_wire();
    line.throw(&flipped(&hello, LENGTH_BYTES)?).await;
    // Whatever else comes of it, an answer would be signed for the hello that the hub understood.
    Ok(matches!(line.end().await?, End::Said(_) | End::Gone))
}

async fn hub_refuses_facts(peer: &Peer, facts: &[u8]) -> anyhow::Result<bool> {
    let mut line = peer.open().await?;
    line.throw(&flipped(facts, LENGTH_BYTES)?).await;
    Ok(matches!(line.end().await?, End::Said(_) | End::Gone))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_forged_or_bent_is_taken() {
    World::builder()
        .stores(0)
        .play(async |world| {
            let hub = &world.hub;
            let peer = Peer::enter(hub, "S901", 1).await?;
            let mut journal = peer.journal()?;
            // Without texts: those are their facts' by commitments of their own.
            let first = journal.run(2);
            ensure!(first.records.is_empty(), "facts alone");
            let (tried, refused) = at_core(&peer, &first)?;
            let (edges_tried, edges_refused) = edges(&peer)?;

            peer.deliver(&first).await?;
            let next = Frame::from(chunk(&Run { records: Vec::new(), ..journal.run(2) })).to_wire();
            let (before, seen) = (memory_kib(hub.pid()?)?, Seen::by(hub).await?);
            let mut heard = 0;
            for _ in 0..HEARD {
                heard += usize::from(hub_refuses_hello(&peer).await?);
                heard += usize::from(hub_refuses_facts(&peer, &next).await?);
            }
            // A hello under a key that anybody can sign with.
            for weak in small_order() {
                let mut line = peer.dial().await?;
                let hello = Hello { key: weak, signature: [0; 64], ..peer.hello(peer.hub_key, line.secured.exporter)? };
                line.say(hello).await?;
                heard += usize::from(matches!(line.end().await?, End::Said(_)));
            }
            let p99 = honest_p99(hub.url(), hub.key().to_owned()).await?;
            let grown = memory_kib(hub.pid()?)?.saturating_sub(before);
            let heard_of = 2 * HEARD + small_order().len();
            println!("security: edge vectors, tried {edges_tried}, refused {edges_refused}");
            println!("security: flips at the running hub, tried {heard_of}, refused {heard}");
            report("signatures bent or forged", (tried, refused), p99, grown);
            ensure!(tried >= 10_000 && refused == tried, "{refused} of {tried} were refused");
            ensure!(edges_tried >= 20 && edges_refused == edges_tried, "{edges_refused} of {edges_tried}");
            ensure!(heard == heard_of, "the hub refused {heard} of {heard_of}");
            ensure!(Seen::by(hub).await? == seen, "something was taken");
            ensure!(p99 < HONEST_P99 && grown < GROWTH_MAX_KIB, "page {p99:?}, grown {grown} KiB");
            let mut reader = FrameReader::default();
            reader.hello_accepted();
            reader.push(&next);
            let Some(Frame::Chunk(whole)) = reader.next_frame()? else { anyhow::bail!("a chunk") };
            let mut line = peer.open().await?;
            line.say(whole).await?;
            let upto: FactNo = line.acked().await.context("whole it is taken")?;
            ensure!(upto > first.seal.no && matches!(journal.journal().writer, Writer::Node), "{upto}");
            Ok(())
        })
        .await;
}
