//! What was once said on the line, said again: on another connection, in another session, by another box. Nothing comes of it.

use anyhow::ensure;
use guitai_core::sync::frame::{ByeReason, DocDigest, Frame, Status};
use guitai_tests::world::World;

use super::quic_peer::{End, Line, Peer, Seen, chunk, report};
use crate::strangers::{HONEST_P99, honest_p99, memory_kib};

/// Replays of each kind; there are four.
const REPLAYS: usize = 250;

/// What the hub's memory may grow by, in KiB.
const GROWTH_MAX_KIB: u64 = 16 * 1024;

/// A session as it went over the line.
struct Recorded {
    hello: Vec<u8>,
    rest: Vec<u8>,
}

/// Plays a session to its end and keeps what was said.
async fn recorded(peer: &Peer) -> anyhow::Result<Recorded> {
    let mut line = peer.dial().await?;
    let hello = Frame::from(peer.hello(peer.hub_key, line.secured.exporter)?).to_wire();
    line.throw(&hello).await;
    line.answer().await?;
    line.reader.hello_accepted();
    let run = peer.journal()?.run(20);
    let status = Status { unsent: Some(41), app_version: "tests".into(), ..Status::default() };
    let rest = [status.into(), DocDigest { digest: [7; 32] }.into(), Frame::from(chunk(&run))];
    let rest: Vec<u8> = rest.iter().flat_map(Frame::to_wire).collect();
    line.throw(&rest).await;
    ensure!(line.acked().await? == run.seal.no, "the session that is recorded");
    Ok(Recorded { hello, rest })
}

async fn is_refused(mut line: Line) -> anyhow::Result<bool> {
    Ok(match line.end().await? {
        End::Said(bye) => bye.reason == ByeReason::PeerFault,
        // The hub may be gone before its word is read.
        End::Gone => true,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_session_played_again_changes_nothing() {
    World::builder()
        .stores(0)
        .play(async |world| {
            let hub = &world.hub;
            let (peer, neighbour) = (Peer::enter(hub, "S901", 1).await?, Peer::enter(hub, "S902", 2).await?);
            let record = recorded(&peer).await?;
            neighbour.deliver(&neighbour.journal()?.run(5)).await?;
            let (before, seen) = (memory_kib(hub.pid()?)?, Seen::by(hub).await?);
            let whole = [&record.hello[..], &record.rest].concat();
            let mut refused = 0;
            for number in 0..REPLAYS {
                // The same box, another connection.
                let mut line = peer.dial().await?;
                line.throw(&whole).await;
                refused += usize::from(is_refused(line).await?);
                // Another box of the merchant's, and one of nobody's.
                let teller = if number % 2 == 0 { neighbour.clone() } else { peer.stranger(7)? };
                let mut line = teller.dial().await?;
                line.throw(&whole).await;
                refused += usize::from(is_refused(line).await?);
                // Another session of the same box, rightly opened.
                let mut line = peer.open().await?;
                line.throw(&record.rest).await;
                refused += usize::from(is_refused(line).await?);
                // A session of another box, rightly opened.
                let mut line = neighbour.open().await?;
                line.throw(&record.rest).await;
                refused += usize::from(is_refused(line).await?);
            }
            let p99 = honest_p99(hub.url(), hub.key().to_owned()).await?;
            let grown = memory_kib(hub.pid()?)?.saturating_sub(before);
            report("frames replayed", (4 * REPLAYS, refused), p99, grown);
            ensure!(refused == 4 * REPLAYS, "{refused} were refused");
            let after = Seen::by(hub).await?;
            ensure!(after == seen, "it changed: {seen:?} {after:?}");
            ensure!(p99 < HONEST_P99 && grown < GROWTH_MAX_KIB, "page {p99:?}, grown {grown} KiB");
            // Both go on where they were.
            let (mut journal, mut beside) = (peer.journal()?, neighbour.journal()?);
            journal.run(20);
            beside.run(5);
            peer.deliver(&journal.run(3)).await?;
            neighbour.deliver(&beside.run(3)).await
        })
        .await;
}
