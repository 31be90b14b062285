//! Guessing of enrolment codes: none is found, a code whose id is known is void after a few tries, and other codes stay good.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use guitai_core::{
    sync::frame::{Enrol, EnrolRefusal, EnrolRefused, Frame, Hello, Verdict},
    trust::{Channel, EnrolmentCode, Side},
};
use guitai_link::{
    quic::{connect, node_endpoint},
    session::enrol,
};
use guitai_tests::world::World;
use tokio::task::JoinSet;

use super::quic_peer::{Line, Peer, key, report};
use crate::strangers::{HONEST_P99, honest_p99, memory_kib};

const GUESSES: usize = 5_000;

/// Guesses at the same time.
const TOGETHER: usize = 12;

/// Wrong proofs that void a code.
const WRONG_PROOFS_MAX: usize = 5;

/// A box with the right code is let in by then, whoever guesses.
const ENROLLED_LIMIT: Duration = Duration::from_secs(2);

/// What the hub's memory may grow by, in KiB.
const GROWTH_MAX_KIB: u64 = 32 * 1024;

/// What the hub says to a hello without a store and an enrolment with this code's id and this proof.
async fn guess(peer: &Peer, code: &EnrolmentCode, right: bool) -> anyhow::Result<EnrolRefusal> {
    let mut line = Line::on(peer.connect().await?).await?;
    let channel = Channel {
        node_key: peer.identity.verifying_key().to_bytes(),
        hub_key: peer.hub_key,
        exporter: line.secured.exporter,
    };
    let hello = storeless(peer, &channel)?;
    line.say(hello).await?;
    let answer = line.answer().await?;
    ensure!(answer.verdict == Verdict::EnrolOnly, "{answer:?}");
    let mut proof = code.proof(&channel);
    if !right {
        proof[0] ^= 1;
    }
    line.say(Enrol { code_id: code.id(), proof }).await?;
    match line.next().await? {
        Some(Frame::EnrolRefused(EnrolRefused { reason })) => Ok(reason),
        other => bail!("in place of a refusal: {other:?}"),
    }
}

/// The hello of a box that was never let in.
fn storeless(peer: &Peer, channel: &Channel) -> anyhow::Result<Hello> {
    let hello = peer.hello(channel.hub_key, channel.exporter)?;
    let mut hello = Hello { store: None, grant: None, signature: [0; 64], ..hello };
    let wire = Frame::from(hello.clone()).to_wire();
    // Behind the length, `[kind, body]`: two bytes, then what is signed.
    let unsigned = wire.get(4 + 2..).context("a hello")?;
    hello.signature = channel.sign(&peer.identity, Side::Node, &[unsigned]);
    Ok(hello)
}

async fn guesses(peer: Peer, tried: Arc<AtomicUsize>) -> anyhow::Result<usize> {
    let mut refused = 0;
    loop {
        let number = tried.fetch_add(1, Ordering::Relaxed);
        if number >= GUESSES {
            return Ok(refused);
        }
        let mut secret = [0; EnrolmentCode::SECRET_BYTES];
        secret[..8].copy_from_slice(&u64::try_from(number)?.to_le_bytes());
        let reason = guess(&peer, &EnrolmentCode::new(peer.hub_key, secret), true).await?;
        ensure!(reason == EnrolRefusal::WrongCode, "guess {number}: {reason:?}");
        refused += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_code_is_guessed_and_guessing_one_spoils_no_other() {
    World::builder()
        .stores(0)
        .play(async |world| {
            let first = Peer::enter(&world.hub, "S901", 1).await?;
            let (code, other) = (world.hub.add_store("S902").await?, world.hub.add_store("S903").await?);
            let code = EnrolmentCode::parse(&code).ok().context("a code")?;
            let pid = world.hub.pid()?;
            let before = memory_kib(pid)?;
            let tried = Arc::new(AtomicUsize::new(0));
            let mut all = JoinSet::new();
            for worker in 0..TOGETHER {
                let guesser = first.stranger(100 + u64::try_from(worker)?)?;
                all.spawn(guesses(guesser, Arc::clone(&tried)));
            }
            let page = tokio::spawn(honest_p99(world.hub.url(), world.hub.key().to_owned()));
            while tried.load(Ordering::Relaxed) < GUESSES / 4 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let begun = Instant::now();
            Peer::enter_with(&world.hub, "S903", &other, 3).await?;
            let took = begun.elapsed();
            let p99 = page.await??;
            let mut refused = 0;
            while let Some(done) = all.join_next().await {
                refused += done??;
            }

            // Somebody who knows which code is open, and not the code.
            let guesser = first.stranger(99)?;
            for _ in 0..WRONG_PROOFS_MAX {
                ensure!(guess(&guesser, &code, false).await? == EnrolRefusal::WrongCode, "a wrong proof");
                refused += 1;
            }
            let reason = guess(&guesser, &code, true).await?;
            ensure!(
                reason == EnrolRefusal::Expired,
                "after {WRONG_PROOFS_MAX} wrong proofs the code is void: {reason:?}"
            );
            let anew = world.hub.enrolment_code("S902").await?;
            Peer::enter_with(&world.hub, "S902", &anew, 2).await?;

            let grown = memory_kib(pid)?.saturating_sub(before);
            report("enrolment codes guessed", (GUESSES + WRONG_PROOFS_MAX, refused), p99, grown);
            println!("security: an honest enrolment beside them took {took:?}");
            ensure!(refused == GUESSES + WRONG_PROOFS_MAX, "{refused} were refused");
            ensure!(took < ENROLLED_LIMIT, "an honest box waited {took:?}");
            ensure!(p99 < HONEST_P99, "headquarters' page: {p99:?}");
            ensure!(grown < GROWTH_MAX_KIB, "the hub grew by {grown} KiB");
            Ok(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_ends_after_its_ten_minutes() {
    World::builder()
        .stores(0)
        .clocks(0)
        .play(async |world| {
            let late = world.hub.add_store("S901").await?;
            let code = EnrolmentCode::parse(&late).ok().context("a code")?;
            world.hub.clock.set(601)?;
            let address = super::quic_peer::address(&world.hub)?;
            let endpoint = node_endpoint(address)?;
            let secured = connect(&endpoint, address, guitai_link::quic::Pin::Hash(code.hub), &key(1)).await?;
            let ended = enrol(&secured, &key(1), "tests", (Default::default(), code)).await;
            ensure!(format!("{ended:?}").contains("Expired"), "{ended:?}");
            let anew = world.hub.enrolment_code("S901").await?;
            Peer::enter_with(&world.hub, "S901", &anew, 1).await.map(drop)
        })
        .await;
}
