//! Journals that are not what they should be, from a box that was let in and signs rightly: refused, or kept and flagged; named in the
//! log; and no other store's affair.

use anyhow::{Context, ensure};
use guitai_core::{
    ids::{FactNo, JournalId, Writer},
    journal::{
        chain::{self, Seal},
        epoch::Point,
        fact::{Fact, Opened},
    },
    sync::frame::{ByeReason, Chunk, Recall},
    time::UtcMs,
};
use guitai_store::{Database, ingest::Run};
use guitai_tests::{hub::Hub, world::World};

use super::quic_peer::{End, Peer, Seen, chunk, lines_with, log_of, report};
use crate::strangers::{HONEST_P99, honest_p99, memory_kib};

/// Of each kind.
const EACH: usize = 100;

/// What the hub's memory may grow by, in KiB.
const GROWTH_MAX_KIB: u64 = 16 * 1024;

/// Another morning: 2026-02-14 in Beijing.
const ANOTHER_MORNING: UtcMs = UtcMs(1_771_000_000_000);

/// What a box says of its journal that is not so.
#[derive(Clone, Copy, Debug)]
enum Attack {
    Gap,
    Reorder,
    Duplicate,
    Fork,
    Foreign,
    FarFuture,
}

/// A box whose journal the hub holds up to a place.
struct Shop {
    peer: Peer,
    journal: JournalId,
    /// What it holds, and what comes next.
    held: Run,
    next: Run,
    /// The same box's other history, from the beginning.
    other: Vec<Run>,
}

impl Shop {
    async fn enter(hub: &Hub, store: &str, seed: u64) -> anyhow::Result<Self> {
        let peer = Peer::enter(hub, store, seed).await?;
        let (mut own, mut other) = (peer.journal()?, peer.journal_from(ANOTHER_MORNING)?);
        let (held, next) = (own.run(4), own.run(4));
        peer.deliver(&held).await?;
        let journal = own.journal().clone();
        Ok(Self { peer, journal, held, next, other: vec![other.run(4), other.run(4)] })
    }

    /// The facts of a run behind what is held, sealed anew as this journal's.
    fn behind(&self, bodies: Vec<Vec<u8>>) -> Run {
        let (mut no, mut head) = (self.held.seal.no, *self.held.seal.head());
        let first = FactNo { number: no.number + 1, ..no };
        for body in &bodies {
            no.number += 1;
            head = chain::link(&head, no, body);
        }
        Run { first, bodies, seal: Seal::sign(&self.peer.identity, &self.journal, no, head), records: Vec::new() }
    }

    /// A new epoch with one fact, its opening.
    fn epoch(&self, epoch: u32, parent: Option<Point>) -> anyhow::Result<Run> {
        let opened = Opened {
            store: self.journal.store.clone(),
            issuer: self.peer.issuer()?,
            at: ANOTHER_MORNING,
            writer: Writer::Node,
            epoch,
            key: self.peer.identity.verifying_key().to_bytes(),
            parent,
            vouch: None,
        };
        let (no, body) = (FactNo { epoch, number: 1 }, Fact::Opened(opened).to_bytes());
        let head = chain::link(&chain::start(&self.journal, epoch), no, &body);
        let seal = Seal::sign(&self.peer.identity, &self.journal, no, head);
        Ok(Run { first: no, bodies: vec![body], seal, records: Vec::new() })
    }

    /// The nth variation.
    fn says(&self, attack: Attack, n: usize, neighbour: &Self) -> anyhow::Result<Chunk> {
        let far = u64::try_from(n)?;
        let mut next = self.next.clone();
        Ok(match attack {
            Attack::Gap => {
                next.first.number += 1 + far;
                chunk(&next)
            }
            Attack::Reorder => {
                let count = next.bodies.len();
                let (one, two) = (n % count, (n / count + 1 + n % count) % count);
                next.bodies.swap(one, if one == two { (two + 1) % count } else { two });
                chunk(&next)
            }
            Attack::Duplicate => match n % 2 {
                0 => chunk(&self.held),
                // The last of what is held, and what comes next behind it.
                _ => {
                    let last = self.held.bodies.last().context("facts")?.clone();
                    next.bodies.insert(0, last);
                    next.first = self.held.seal.no;
                    chunk(&next)
                }
            },
            Attack::Fork => match n % 4 {
                0 => chunk(&self.other[0]),
                1 => chunk(&Run { first: self.next.first, ..self.other[1].clone() }),
                2 => chunk(&self.epoch(2, Some(Point::new(self.other[0].seal.no, *self.other[0].seal.head())))?),
                _ => chunk(&self.epoch(2, None)?),
            },
            Attack::Foreign => match n % 4 {
                // Another store's facts, as that store sealed them.
                0 => chunk(&neighbour.next),
                // Sealed by this box's key as that store's.
                1 => {
                    let own = self.behind(neighbour.next.bodies.clone());
                    let seal = Seal::sign(&self.peer.identity, &neighbour.journal, own.seal.no, *own.seal.head());
                    chunk(&Run { seal, ..own })
                }
                // Of a writer that is no box.
                2 => Chunk { writer: Writer::Hub, ..chunk(&self.next) },
                // This journal's facts sealed by the neighbour's key.
                _ => {
                    let seal = &self.next.seal;
                    let seal = Seal::sign(&neighbour.peer.identity, &self.journal, seal.no, *seal.head());
                    chunk(&Run { seal, ..self.next.clone() })
                }
            },
            Attack::FarFuture => match n % 3 {
                0 => {
                    next.first.number = u64::MAX - far;
                    chunk(&next)
                }
                1 => {
                    next.first.epoch = u32::MAX - u32::try_from(n)?;
                    chunk(&next)
                }
                _ => chunk(&self.epoch(u32::MAX - u32::try_from(n)?, None)?),
            },
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_with_a_gap_a_fork_or_anothers_facts_is_not_taken() {
    World::builder()
        .stores(0)
        .play(async |world| {
            let hub = &world.hub;
            let (own, neighbour) = (Shop::enter(hub, "S901", 1).await?, Shop::enter(hub, "S902", 2).await?);
            let log = log_of(world);
            let (before, seen, named) = (memory_kib(hub.pid()?)?, Seen::by(hub).await?, lines_with(&log, "fault: ")?);
            let mut refused = 0;
            let all =
                [Attack::Gap, Attack::Reorder, Attack::Duplicate, Attack::Fork, Attack::Foreign, Attack::FarFuture];
            for attack in all {
                for n in 0..EACH {
                    let mut line = own.peer.open().await?;
                    line.say(own.says(attack, n, &neighbour)?).await?;
                    let end = line.end().await.with_context(|| format!("{attack:?} {n}"))?;
                    let said = matches!(&end, End::Said(bye) if bye.reason == ByeReason::PeerFault);
                    ensure!(said, "{attack:?} {n}: {end:?}");
                    refused += 1;
                }
            }
            let p99 = honest_p99(hub.url(), hub.key().to_owned()).await?;
            let grown = memory_kib(hub.pid()?)?.saturating_sub(before);
            report("journals that are wrong", (all.len() * EACH, refused), p99, grown);
            ensure!(Seen::by(hub).await? == seen, "something was taken");
            let named = lines_with(&log, "fault: ")? - named;
            ensure!(named >= refused, "the log names {named} faults of {refused}");
            ensure!(p99 < HONEST_P99 && grown < GROWTH_MAX_KIB, "page {p99:?}, grown {grown} KiB");
            // What is right is taken after all of that.
            own.peer.deliver(&own.next).await?;
            neighbour.peer.deliver(&neighbour.next).await
        })
        .await;
}

/// How many lines a table of the hub's has.
fn count(hub: &Hub, sql: &str) -> anyhow::Result<u64> {
    Ok(Database::open(&hub.file())?.reader()?.query_row(sql, [], |row| row.get(0))?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_of_another_store_or_time_are_kept_flagged_and_count_for_nothing() {
    World::builder()
        .stores(0)
        .play(async |world| {
            let hub = &world.hub;
            let (own, neighbour) = (Shop::enter(hub, "S901", 1).await?, Shop::enter(hub, "S902", 2).await?);
            let before = Seen::by(hub).await?;
            let flagged_before = count(hub, "SELECT count(*) FROM undigested")?;
            let mut last = UtcMs(32_188_000_000_000);
            let mut bodies = Vec::new();
            // The neighbour's payments under this box's seal; and payments of a time that no clock shows.
            for n in 0..EACH {
                bodies.extend(neighbour.next.bodies.clone());
                last = UtcMs(last.0 + i64::try_from(n)?);
                let begin = if n % 2 == 0 { last } else { UtcMs(2 * last.0) };
                bodies.extend(own.peer.journal_from(begin)?.run(1).bodies.into_iter().skip(1));
            }
            let facts = bodies.len();
            let run = own.behind(bodies);
            let mut line = own.peer.open().await?;
            // As many as a chunk holds at a time; the seal is over the last.
            let mut first = run.first;
            for some in run.bodies.chunks(40) {
                let bodies = some.to_vec();
                let count = u64::try_from(bodies.len())?;
                let whole = first.number + count == run.seal.no.number + 1;
                let seal = whole.then(|| run.seal.clone());
                line.say(Chunk { writer: Writer::Node, first, bodies, seal, records: Vec::new() }).await?;
                first.number += count;
            }
            ensure!(line.acked().await? == run.seal.no, "a box's facts are kept, whatever they say");
            let flagged = count(hub, "SELECT count(*) FROM undigested")? - flagged_before;
            let after = Seen::by(hub).await?;
            println!("security: facts of another store or time, kept {facts}, flagged {flagged}");
            ensure!(after.payments == before.payments, "they count: {after:?}");
            ensure!(after.figures == before.figures, "they are in the figures: {after:?}");
            ensure!(flagged >= u64::try_from(2 * EACH)?, "{flagged} of {facts} are flagged");
            neighbour.peer.deliver(&neighbour.next).await?;
            ensure!(Seen::by(hub).await?.payments.len() > before.payments.len(), "the neighbour's own are shown");
            Ok(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_seal_of_another_history_is_kept_as_evidence() {
    World::builder()
        .stores(0)
        .play(async |world| {
            let hub = &world.hub;
            let (own, neighbour) = (Shop::enter(hub, "S901", 1).await?, Shop::enter(hub, "S902", 2).await?);
            let seen = Seen::by(hub).await?;
            // A seal that this box never made proves nothing.
            let known = vec![Point::new(FactNo { epoch: 1, number: 0 }, chain::start(&own.journal, 1))];
            let recall = |seal: &Seal| Recall { writer: Writer::Node, known: known.clone(), seal: Some(seal.clone()) };
            for n in 0..EACH {
                let mut line = own.peer.open().await?;
                line.say(recall(if n % 2 == 0 { &neighbour.held.seal } else { &neighbour.next.seal })).await?;
                let end = line.end().await?;
                ensure!(matches!(&end, End::Said(bye) if bye.reason == ByeReason::PeerFault), "{end:?}");
            }
            ensure!(count(hub, "SELECT count(*) FROM fork")? == 0, "kept without proof");
            for _ in 0..EACH {
                let mut line = own.peer.open().await?;
                line.say(recall(&own.other[0].seal)).await?;
                // It gets back what is held of its journal.
                while !matches!(line.next().await?.context("gone")?, guitai_core::sync::frame::Frame::Chunk(_)) {}
            }
            let kept = count(hub, "SELECT count(*) FROM fork")?;
            println!("security: seals of another history, shown {EACH}, kept as evidence {kept}");
            ensure!(kept == 1, "one proof is kept, once: {kept}");
            ensure!(Seen::by(hub).await? == seen, "nothing else changed");
            Ok(())
        })
        .await;
}
