//! Strangers at the hub's port: whoever was let in comes in, also beside thousands of them, and headquarters' page goes on.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::ensure;
use guitai_core::sync::frame::Verdict;
use guitai_link::quic::{Endpoint, Secured, connect};
use guitai_tests::world::World;
use tokio::task::JoinSet;

use super::quic_peer::{Peer, key, report};
use crate::strangers::{HONEST_P99, honest_p99, memory_kib};

/// Strangers who connect and say nothing.
const STRANGERS: usize = 2_600;

/// Of them at the same time in their handshakes.
const TOGETHER: usize = 16;

/// Dials of a box that was let in, while the strangers come.
const DIALS: usize = 8;

/// A dial of its has an answer by then.
const DIAL_LIMIT: Duration = Duration::from_secs(2);

/// What the hub's memory may grow by, in KiB: a stranger costs some 50 KiB, and 512 have seats.
const GROWTH_MAX_KIB: u64 = 48 * 1024;

/// Connects strangers until all have come; answers their connections, which stay open.
async fn strangers(hub: Peer, come: Arc<AtomicUsize>, worker: usize) -> anyhow::Result<Vec<Secured>> {
    // Half of them behind the address of the box that was let in, the others each at one of its own.
    let last = if worker.is_multiple_of(2) { 1 } else { 2 + u8::try_from(worker)? };
    let endpoint = Endpoint::client(SocketAddr::from(([127, 0, 0, last], 0)))?;
    let mut held = Vec::new();
    loop {
        let number = come.fetch_add(1, Ordering::Relaxed);
        if number >= STRANGERS {
            return Ok(held);
        }
        let identity = key(1_000_000 + u64::try_from(worker * STRANGERS + number)?);
        // One that is cut off in its handshake has made way for another.
        held.extend(connect(&endpoint, hub.hub, hub.hub_key, &identity).await.ok());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_box_that_was_let_in_comes_in_beside_2600_strangers() {
    World::builder()
        .stores(0)
        .play(async |world| {
            let peer = Peer::enter(&world.hub, "S901", 1).await?;
            ensure!(peer.asked().await? == Verdict::Ok, "it was let in");
            let pid = world.hub.pid()?;
            let before = memory_kib(pid)?;
            let come = Arc::new(AtomicUsize::new(0));
            let mut all = JoinSet::new();
            for worker in 0..TOGETHER {
                all.spawn(strangers(peer.clone(), Arc::clone(&come), worker));
            }
            let page = tokio::spawn(honest_p99(world.hub.url(), world.hub.key().to_owned()));
            let (mut slowest, mut again) = (Duration::ZERO, 0);
            for dial in 1..=DIALS {
                // Spread over the flood.
                while come.load(Ordering::Relaxed) < STRANGERS * dial / (DIALS + 1) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                let begun = Instant::now();
                // One that had to give way to its own address's strangers calls again, as a node does.
                let verdict = loop {
                    match peer.asked().await {
                        Ok(verdict) => break verdict,
                        Err(cut) => ensure!(begun.elapsed() < DIAL_LIMIT, "dial {dial} of {DIALS}: {cut:#}"),
                    }
                    again += 1;
                };
                ensure!(verdict == Verdict::Ok, "dial {dial} of {DIALS}: {verdict:?}");
                slowest = slowest.max(begun.elapsed());
            }
            let p99 = page.await??;
            let mut held = Vec::new();
            while let Some(done) = all.join_next().await {
                held.extend(done??);
            }
            let grown = memory_kib(pid)?.saturating_sub(before);
            let cut = held.iter().filter(|one| one.connection.close_reason().is_some()).count();
            let gone = STRANGERS - held.len() + cut;
            report("strangers on the sync port", (STRANGERS, gone), p99, grown);
            println!(
                "security: dials of an enrolled box beside them, {DIALS} of {DIALS} let in, {again} called again, slowest {slowest:?}"
            );
            ensure!(slowest < DIAL_LIMIT, "a dial took {slowest:?}");
            ensure!(p99 < HONEST_P99, "headquarters' page: {p99:?}");
            ensure!(grown < GROWTH_MAX_KIB, "the hub grew by {grown} KiB");
            Ok(())
        })
        .await;
}
