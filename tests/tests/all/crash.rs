//! kill -9 of the node under load, again and again: what was acknowledged is there, nobody is charged twice.
//!
//! A kill leaves the page cache: this proves the logic of recovery, not durability (reliability.md section 4).

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, ensure};
use guitai_tests::{
    charge::{Charge, random_below},
    client::{Client, text},
    wait::until,
    world::World,
};

use crate::sales;

/// Kills, unless `GUITAI_KILLS` says otherwise.
const KILLS: u32 = 100;

/// People charging at the same time.
const CHARGERS: usize = 8;

/// Endings they meet: paid at once, an error with the money taken, paid.
const ENDINGS: [u64; 3] = [0, 7, 1];

/// The node lives this long after it is ready, in ms: at least, and how much longer.
const LIFE_MS: (u64, u64) = (20, 380);

/// Rule 5's deadline of 90 s runs anew at every start; then the reversal, and a machine that does other things too.
const SETTLED_LIMIT: Duration = Duration::from_secs(150);

/// Between two tries while the node is down.
const RETRY: Duration = Duration::from_millis(15);

/// Between two sales of one cashier: faster than any, and slow enough for two cores.
const PAUSE: Duration = Duration::from_millis(5);

/// What the node said about a request, latest last.
type Acknowledged = Arc<Mutex<BTreeMap<String, Vec<(String, String)>>>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_nothing_and_double_nothing() {
    let kills = std::env::var("GUITAI_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    World::builder()
        .play(async |world| {
            let acknowledged = Acknowledged::default();
            let stop = Arc::new(AtomicBool::new(false));
            let client = world.node().program()?;
            let chargers: Vec<_> = (0..CHARGERS)
                .map(|_| tokio::spawn(charge_on(client.clone(), Arc::clone(&acknowledged), Arc::clone(&stop))))
                .collect();
            for kill in 0..kills {
                tokio::time::sleep(Duration::from_millis(LIFE_MS.0 + random_below(LIFE_MS.1))).await;
                world.node_mut().kill()?;
                world.node_mut().start().await.with_context(|| format!("start after kill {kill}"))?;
            }
            stop.store(true, Ordering::Relaxed);
            for charger in chargers {
                charger.await?;
            }
            let acked = acknowledged.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let lost = compare(world, &client, &acked).await?;
            println!(
                "crash: kills {kills}, power cuts 0, vfs reopenings 0, acked {}, lost {}, control lost 0 (no control rig yet)",
                acked.len(),
                lost.len()
            );
            ensure!(lost.is_empty(), "lost or contradicted: {lost:#?}");
            // A killed node never got its answers out; a run without sales would prove nothing.
            ensure!(acked.len() > usize::try_from(kills)?, "only {} sales were acknowledged", acked.len());
            Ok(())
        })
        .await;
}

/// Sells until told to stop. An unanswered request is repeated, same key and body, until the node answers.
async fn charge_on(client: Client, acknowledged: Acknowledged, stop: Arc<AtomicBool>) {
    let mut turn = usize::try_from(random_below(3)).unwrap_or(0);
    while !stop.load(Ordering::Relaxed) {
        turn += 1;
        let ending = ENDINGS[turn % ENDINGS.len()];
        let charge = Charge::of(10_000 + 100 * random_below(50) + ending).wait_ms(300);
        loop {
            match client.charge(&charge).await {
                Ok(answer) if answer.status == 200 => {
                    let said = (answer.text("order_no").to_owned(), answer.text("state").to_owned());
                    acknowledged
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .entry(charge.key.clone())
                        .or_default()
                        .push(said);
                    break;
                }
                // A node on its way down may answer 503; any other refusal of a right request is a fault.
                Ok(answer) => assert!(answer.status == 503, "{} {}", answer.status, answer.json),
                Err(_) => tokio::time::sleep(RETRY).await,
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits until all is settled, then compares the parent's record with the node's list, the acquirer's book and the hub's copy.
async fn compare(
    world: &World,
    client: &Client,
    acked: &BTreeMap<String, Vec<(String, String)>>,
) -> anyhow::Result<Vec<String>> {
    let payments = until("every payment to be settled", SETTLED_LIMIT, async || {
        let payments = client.payments().await?;
        let open = payments.iter().filter(|payment| sales::allowed_in_book(text(payment, "state")).is_err());
        let open: Vec<_> = open.map(|payment| (text(payment, "order_no"), text(payment, "state"))).collect();
        ensure!(open.is_empty(), "open: {open:?}");
        Ok(Some(payments))
    })
    .await?;
    let by_number: BTreeMap<&str, &str> =
        payments.iter().map(|payment| (text(payment, "order_no"), text(payment, "state"))).collect();
    ensure!(by_number.len() == payments.len(), "an order stands twice in the list");
    let mut lost = Vec::new();
    for (key, answers) in acked {
        for (order_no, said) in answers {
            match by_number.get(order_no.as_str()) {
                None => lost.push(format!("{key}: {order_no} was acknowledged as {said} and is gone")),
                Some(now) if said == "paid" && *now != "paid" => {
                    lost.push(format!("{key}: {order_no} was acknowledged as paid and is {now}"));
                }
                Some(_) => {}
            }
        }
    }
    // One request, one order, however often it was sent.
    let charges = payments.iter().filter(|payment| text(payment, "kind") == "charge").count();
    ensure!(charges == acked.len(), "{} requests were answered, {charges} orders exist", acked.len());
    sales::agrees(&payments, &world.sandbox.book().await?)?;
    let verified = world.node().command(&["verify"]).await?;
    ensure!(verified.code == 0, "verify: {} {}{}", verified.code, verified.out, verified.err);
    // The line was cut as often as the node was killed: the hub's copy is the node's all the same.
    world.node().synced(Duration::from_secs(90)).await?;
    let there = world.hub.program()?.payments().await?;
    ensure!(there.len() == payments.len(), "here {} payments, at the hub {}", payments.len(), there.len());
    let verified = world.hub.command(&["verify"]).await?;
    ensure!(verified.code == 0, "hub verify: {} {}{}", verified.code, verified.out, verified.err);
    Ok(lost)
}
