//! Floods on the sync line: handshakes that nobody means, and a box that was let in and never stops talking.

use std::{
    collections::HashMap,
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use guitai_core::sync::frame::{DocDigest, DocMessage, Frame, Status};
use guitai_link::quic::{connect, node_endpoint};
use guitai_tests::{client::text, events::Events, wait::until, world::World};
use tokio::{task::JoinSet, time::timeout};

use super::quic_peer::{Line, Peer, of_process, report};
use crate::{
    sales,
    strangers::{HONEST_P99, honest_p99, memory_kib},
};

/// First packets of handshakes, all different.
const INITIALS: usize = 2_500;

/// Sent in each second.
const A_SECOND: usize = 5_000;

/// Sent at once.
const BURST: usize = 50;

const FLOODING: Duration = Duration::from_secs(8);

/// Until a first packet has left.
const FIRST_PACKET: Duration = Duration::from_millis(3);

/// Sockets they come from.
const SOCKETS: u8 = 16;

/// The longest packet of a handshake's beginning.
const PACKET_BYTES: usize = 2_048;

/// A sale is at the hub by then, whatever comes.
const SALE_LIMIT: Duration = Duration::from_secs(2);

/// What the hub's memory may grow by in a flood, in KiB.
const GROWTH_MAX_KIB: u64 = 32 * 1024;

/// How long a box talks without pause.
const TALKING: Duration = Duration::from_secs(5);

/// Threads that a talking box may cost the hub.
const THREADS_MAX: u64 = 16;

/// Longest that the open page hears of nothing.
const PAGE_LIMIT: Duration = Duration::from_secs(60);

/// Requests for the page of stores, each of which must be answered.
const PAGES: usize = 40;

/// The first packets of handshakes with a hub that never answers.
async fn initials(peer: &Peer) -> anyhow::Result<Vec<Vec<u8>>> {
    let silent = UdpSocket::bind("127.0.0.1:0")?;
    silent.set_nonblocking(true)?;
    let (at, endpoint) = (silent.local_addr()?, node_endpoint(peer.hub)?);
    let mut packets = HashMap::new();
    let mut buffer = [0; PACKET_BYTES];
    while packets.len() < INITIALS {
        let mut dialling = JoinSet::new();
        for _ in 0..BURST {
            let (endpoint, peer) = (endpoint.clone(), peer.clone());
            // Nobody answers: long enough for the first packet to leave.
            dialling.spawn(timeout(FIRST_PACKET, async move {
                connect(&endpoint, at, peer.hub_key, &peer.identity).await.ok()
            }));
        }
        dialling.join_all().await;
        while let Ok(count) = silent.recv(&mut buffer) {
            let packet = buffer.get(..count).context("a packet")?;
            // The name that the client gives the connection, behind its length; a goodbye of the same one comes later.
            let name = packet.get(5).and_then(|length| packet.get(6..6 + usize::from(*length))).context("a name")?;
            packets.entry(name.to_vec()).or_insert_with(|| packet.to_vec());
        }
    }
    Ok(packets.into_values().collect())
}

/// What a flood came to.
#[derive(Debug, Default)]
struct Flooded {
    sent: usize,
    retries: usize,
    answers: usize,
}

/// Sends them again and again until told to stop.
fn flood(hub: SocketAddr, packets: &[Vec<u8>], stop: &AtomicBool) -> anyhow::Result<Flooded> {
    let mut sockets = Vec::new();
    for last in 1..=SOCKETS {
        let socket = UdpSocket::bind(SocketAddr::from(([127, 0, 1, last], 0)))?;
        socket.set_nonblocking(true)?;
        sockets.push(socket);
    }
    let (mut flooded, begun, mut buffer) = (Flooded::default(), Instant::now(), [0; PACKET_BYTES]);
    let mut next = packets.iter().cycle().zip(sockets.iter().cycle());
    while !stop.load(Ordering::Relaxed) {
        for (packet, socket) in next.by_ref().take(BURST) {
            match socket.send_to(packet, hub) {
                Ok(_) => flooded.sent += 1,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        for socket in &sockets {
            while let Ok(count) = socket.recv(&mut buffer) {
                // A long header's type is in two bits of its first byte; three is Retry.
                let retry = count > 0 && buffer[0] & 0xB0 == 0xB0;
                flooded.retries += usize::from(retry);
                flooded.answers += usize::from(!retry);
            }
        }
        let due = Duration::from_millis(u64::try_from(flooded.sent * 1_000 / A_SECOND)?);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    Ok(flooded)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_handshakes_harms_no_session_that_is_open() {
    World::builder()
        .play(async |world| {
            let peer = Peer::enter(&world.hub, "S901", 1).await?;
            let (program, hub) = (world.node().program()?, world.hub.program()?);
            sales::pays(&program, 1_000).await?;
            world.node().synced(Duration::from_secs(20)).await?;
            let packets = initials(&peer).await?;
            let pid = world.hub.pid()?;
            let (before, cpu) = (memory_kib(pid)?, Instant::now());
            let stop = Arc::new(AtomicBool::new(false));
            let (at, told) = (peer.hub, Arc::clone(&stop));
            let flooding = std::thread::spawn(move || flood(at, &packets, &told));
            let (mut sales_made, mut slowest) = (0, Duration::ZERO);
            let (mut dials, mut slowest_dial) = (0, Duration::ZERO);
            let page = tokio::spawn(honest_p99(world.hub.url(), world.hub.key().to_owned()));
            while cpu.elapsed() < FLOODING {
                let paid = sales::pays(&program, 1_000).await?;
                let begun = Instant::now();
                sales::becomes(&hub, text(&paid, "order_no"), &["paid"], SALE_LIMIT).await?;
                (sales_made, slowest) = (sales_made + 1, slowest.max(begun.elapsed()));
                let begun = Instant::now();
                peer.asked().await?;
                (dials, slowest_dial) = (dials + 1, slowest_dial.max(begun.elapsed()));
            }
            stop.store(true, Ordering::Relaxed);
            let p99 = page.await??;
            let flooded = flooding.join().map_err(|_| anyhow::anyhow!("the flood panicked"))??;
            let grown = memory_kib(pid)?.saturating_sub(before);
            report("handshake flood", (flooded.sent, flooded.retries), p99, grown);
            println!(
                "security: beside it {sales_made} sales, slowest at the hub after {slowest:?}; {dials} dials, slowest {slowest_dial:?}"
            );
            ensure!(flooded.retries > flooded.sent / 4, "under load an address is asked for: {flooded:?}");
            ensure!(flooded.answers < flooded.sent / 10, "handshakes that nobody means are not answered: {flooded:?}");
            ensure!(sales_made >= 10 && p99 < HONEST_P99, "{sales_made} sales, page {p99:?}");
            ensure!(grown < GROWTH_MAX_KIB, "the hub grew by {grown} KiB");
            let sync = program.read("/sync").await?;
            ensure!(text(&sync, "hub") == "connected", "{sync}");
            Ok(())
        })
        .await;
}

/// What a box says without pause.
#[derive(Clone, Copy, Debug)]
enum Talk {
    StatusAndDigest,
    Messages,
    /// What the hub says about the document, back to it.
    Echo,
}

/// Talks until the time is over, and reads meanwhile; answers the frames said.
async fn talk(mut line: Line, doc: String, what: Talk, until: Instant) -> anyhow::Result<usize> {
    let (mut said, mut echo) = (0_usize, None);
    if let Talk::Echo = what {
        line.say(DocDigest { digest: [1; 32] }).await?;
        while echo.is_none() {
            if let Some(Frame::DocMessage(message)) = line.next().await? {
                echo = Some(message);
            }
        }
    }
    let mut write = line.write;
    let reading = tokio::spawn(async move {
        let mut buffer = vec![0; 64 * 1024];
        while matches!(line.read.read(&mut buffer).await, Ok(Some(_))) {}
    });
    while Instant::now() < until {
        let mut bytes = Vec::new();
        for _ in 0..64 {
            said += 1;
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&u64::try_from(said)?.to_le_bytes());
            match what {
                Talk::StatusAndDigest => {
                    let unsent = Some(u64::try_from(said)?);
                    let status = Status { unsent, app_version: "tests".into(), ..Status::default() };
                    bytes.extend(Frame::from(status).to_wire());
                    bytes.extend(Frame::from(DocDigest { digest }).to_wire());
                    said += 1;
                }
                Talk::Messages => {
                    bytes.extend(Frame::from(DocMessage { doc: doc.clone(), bytes: digest.repeat(32) }).to_wire());
                }
                Talk::Echo => bytes.extend(echo.clone().map(|echo| Frame::from(echo).to_wire()).unwrap_or_default()),
            }
        }
        let left = until.saturating_duration_since(Instant::now());
        // A hub that reads no more makes it wait: that is one way to bound it.
        match timeout(left, write.write_all(&bytes)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => break,
        }
    }
    reading.abort();
    Ok(said)
}

/// The slowest of some requests for the page of stores.
async fn stores_page(world: &World) -> anyhow::Result<Duration> {
    let program = world.hub.program()?;
    let mut took = Vec::new();
    for _ in 0..PAGES {
        let begun = Instant::now();
        program.read("/stores").await?;
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    took.last().copied().context("some pages")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_box_that_never_stops_talking_costs_no_threads_no_memory_and_no_page() {
    World::builder()
        .stores(0)
        .play(async |world| {
            let hq = world.hub.headquarters().await?;
            let new = serde_json::json!({ "title": "盘点", "body": "周五晚九点盘点。" });
            let talkers = [("S901", Talk::StatusAndDigest), ("S902", Talk::Messages), ("S903", Talk::Echo)];
            let mut peers = Vec::new();
            for (seed, (store, what)) in (1..).zip(talkers) {
                let peer = Peer::enter(&world.hub, store, seed).await?;
                peer.deliver(&peer.journal()?.run(10)).await?;
                peers.push((peer, what));
            }
            let published = hq.post("/announcements", &new).await?;
            ensure!(published.status == 201, "{published:?}");
            let pid = world.hub.pid()?;
            stores_page(world).await?;
            // A page of headquarters stands open: whatever is said is news to it.
            let mut page = Events::open(&hq, None).await?;
            let listening = tokio::spawn(async move { while page.next("store", PAGE_LIMIT).await.is_ok() {} });
            for (peer, what) in peers {
                let (before, threads_before) = (memory_kib(pid)?, of_process(pid, "Threads")?);
                let line = peer.open().await?;
                let doc = format!("announcements/{}", peer.store);
                let talking = tokio::spawn(talk(line, doc, what, Instant::now() + TALKING));
                let (mut most_threads, mut slowest) = (0, Duration::ZERO);
                while !talking.is_finished() {
                    slowest = slowest.max(stores_page(world).await?);
                    most_threads = most_threads.max(of_process(pid, "Threads")?);
                }
                let said = talking.await??;
                let grown = memory_kib(pid)?.saturating_sub(before);
                let threads = most_threads.saturating_sub(threads_before);
                report(&format!("{what:?} without pause"), (said, 0), slowest, grown);
                println!("security: {what:?} without pause, {threads} threads more");
                ensure!(slowest < HONEST_P99, "{what:?}: the page of stores took {slowest:?}");
                ensure!(threads <= THREADS_MAX, "{what:?}: {threads} threads more");
                ensure!(grown < GROWTH_MAX_KIB, "{what:?}: the hub grew by {grown} KiB");
            }
            ensure!(!listening.is_finished(), "the page that stood open was cut off");
            listening.abort();
            // It is still a hub: another box comes in and delivers.
            let next = Peer::enter(&world.hub, "S904", 9).await?;
            next.deliver(&next.journal()?.run(10)).await?;
            until("its facts on the page", SALE_LIMIT, async || {
                let stores = world.hub.program()?.read("/stores").await?;
                Ok(stores["items"][3]["facts"].is_string().then_some(()))
            })
            .await
        })
        .await;
}
