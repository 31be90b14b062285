//! Frames of every wrong size, before a hello and in an open session.

use std::{future::Future, time::Duration};

use anyhow::ensure;
use guitai_core::{
    ids::Writer,
    limits::{FRAME_MAX_BYTES, HELLO_MAX_BYTES},
    sync::frame::{ByeReason, DocMessage, Frame, Have},
};
use guitai_tests::world::World;

use super::quic_peer::{End, Line, Peer, Seen, lines_with, log_of, report};
use crate::strangers::{HONEST_P99, honest_p99, memory_kib};

/// What the hub's memory may grow by, in KiB.
const GROWTH_MAX_KIB: u64 = 8 * 1024;

/// Bytes of the length in front of a frame.
const LENGTH_BYTES: usize = 4;

/// Tiny frames of one session.
const TINY: usize = 1_000_000;

/// Of them sent at once.
const TINY_TOGETHER: usize = 10_000;

/// Times that each wrong size is tried.
const ROUNDS: usize = 5;

/// A frame whose head says so many bytes, with so many behind it.
fn sized(says: u32, has: usize) -> Vec<u8> {
    [&says.to_be_bytes()[..], &vec![0x82; has]].concat()
}

/// What is no frame here: what it is, its bytes, and whether more must be said, or the line ended, before that shows.
fn wrong(limit: usize) -> anyhow::Result<Vec<(&'static str, Vec<u8>, bool)>> {
    let max = u32::try_from(limit)?;
    Ok(vec![
        ("of 0 bytes", sized(0, 0), false),
        ("of 1 byte", sized(1, 1), false),
        ("of the most bytes, and none", sized(max, limit), false),
        ("of one byte more", sized(max + 1, 0), false),
        ("of 2^32-1 bytes", sized(u32::MAX, 0), false),
        ("cut in its length", sized(max, 0)[..2].to_vec(), true),
        ("cut in its body", sized(max, limit / 2), true),
    ])
}

async fn is_refused(mut line: Line, bytes: &[u8], cut: bool) -> anyhow::Result<bool> {
    line.throw(bytes).await;
    if cut {
        line.write.finish()?;
    }
    Ok(match line.end().await? {
        End::Said(bye) => bye.reason == ByeReason::PeerFault,
        End::Gone => cut,
    })
}

async fn each<F>(limit: usize, open: impl Fn() -> F) -> anyhow::Result<usize>
where
    F: Future<Output = anyhow::Result<Line>>,
{
    let mut refused = 0;
    for _ in 0..ROUNDS {
        for (what, bytes, cut) in wrong(limit)? {
            ensure!(is_refused(open().await?, &bytes, cut).await?, "taken: a frame {what} where {limit} are allowed");
            refused += 1;
        }
    }
    Ok(refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_wrong_sizes_are_refused_and_cost_no_memory() {
    World::builder()
        .stores(0)
        .play(async |world| {
            let hub = &world.hub;
            let peer = Peer::enter(hub, "S901", 1).await?;
            let (mut journal, pid) = (peer.journal()?, hub.pid()?);
            peer.deliver(&journal.run(20)).await?;
            // What a first session of full size leaves behind stays: it is not what these cost.
            each(FRAME_MAX_BYTES, || peer.open()).await?;
            let (before, seen) = (memory_kib(pid)?, Seen::by(hub).await?);

            let mut refused = each(HELLO_MAX_BYTES - LENGTH_BYTES, || peer.dial()).await?;
            refused += each(FRAME_MAX_BYTES, || peer.open()).await?;
            // The largest that is one: it is heard, and says nothing that anybody understands.
            let head =
                Frame::from(DocMessage { doc: "staff".into(), bytes: vec![0; 0x1_0000] }).to_wire().len() - 0x1_0000;
            let bytes = vec![0x5a; FRAME_MAX_BYTES + LENGTH_BYTES - head];
            let largest = Frame::from(DocMessage { doc: "staff".into(), bytes }).to_wire();
            ensure!(largest.len() == FRAME_MAX_BYTES + LENGTH_BYTES, "{} bytes", largest.len());
            let mut line = peer.open().await?;
            line.throw(&largest).await;
            let run = journal.run(2);
            line.say(super::quic_peer::chunk(&run)).await?;
            ensure!(line.acked().await? == run.seal.no, "facts behind it are taken");

            // A million tiny ones that are no frames: the first ends it. A million that are, which say nothing new.
            let tiny = sized(1, 1).repeat(TINY_TOGETHER);
            let mut line = peer.open().await?;
            for _ in 0..TINY / TINY_TOGETHER {
                if line.write.write_all(&tiny).await.is_err() {
                    break;
                }
            }
            let end = line.end().await?;
            ensure!(!matches!(&end, End::Said(bye) if bye.reason != ByeReason::PeerFault), "{end:?}");
            refused += 1;
            let mut line = peer.open().await?;
            let have = Frame::from(Have { writer: Writer::Node, head: None }).to_wire().repeat(TINY_TOGETHER);
            let mut heard = 0;
            for _ in 0..TINY / TINY_TOGETHER {
                if line.write.write_all(&have).await.is_err() {
                    break;
                }
                heard += TINY_TOGETHER;
            }
            println!("security: tiny frames that are frames, {heard} heard");
            let p99 = honest_p99(hub.url(), hub.key().to_owned()).await?;
            let run = journal.run(2);
            // Where it was not hung up on, the line is as good as before.
            match line.say(super::quic_peer::chunk(&run)).await {
                Ok(()) => ensure!(line.acked().await? == run.seal.no, "facts behind them are taken"),
                Err(_) => peer.deliver(&run).await?,
            }

            let grown = memory_kib(pid)?.saturating_sub(before);
            report("frame sizes", (refused, refused), p99, grown);
            ensure!(grown < GROWTH_MAX_KIB, "the hub grew by {grown} KiB");
            ensure!(p99 < HONEST_P99, "headquarters' page: {p99:?}");
            ensure!(Seen::by(hub).await? != seen, "what was said rightly is there");
            let faults = lines_with(&log_of(world), "fault: ")?;
            ensure!(faults >= refused * 5 / 7, "the log names {faults} faults of {refused}");
            Ok(())
        })
        .await;
}

/// Nobody waits for a stranger who says the beginning of a hello and no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_who_stops_in_mid_word_is_hung_up_on() {
    World::builder()
        .stores(0)
        .play(async |world| {
            let peer = Peer::enter(&world.hub, "S901", 1).await?;
            let mut line = peer.dial().await?;
            let begun = std::time::Instant::now();
            line.throw(&sized(1_000, 10)).await;
            let end = line.end().await?;
            ensure!(matches!(&end, End::Said(bye) if bye.reason == ByeReason::TooSlow), "{end:?}");
            ensure!(begun.elapsed() < Duration::from_secs(8), "after {:?}", begun.elapsed());
            Ok(())
        })
        .await;
}
