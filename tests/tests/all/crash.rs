//! kill -9 of the node, the hub and both under load, again and again: what was acknowledged is there, nobody is charged twice.
//!
//! A kill leaves the page cache: this proves the logic of recovery, not durability (reliability.md section 4).

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use guitai_tests::{
    charge::{Charge, random_below, random_digits},
    client::{Answer, Client, text},
    wait::until,
    world::World,
};
use serde_json::{Value, json};

use crate::sales;

/// Kills, unless `GUITAI_KILLS` says otherwise: of ten, eight hit the node, one the hub, and one both at once.
const KILLS: u32 = 100;

/// People charging at the same time.
const CHARGERS: usize = 8;

/// Endings they meet: paid at once, an error with the money taken, paid.
const ENDINGS: [u64; 3] = [0, 7, 1];

/// The node lives this long after it is ready, in ms: at least, and how much longer.
const LIFE_MS: (u64, u64) = (20, 380);

/// A killed hub stays away so long at most, in ms.
const HUB_AWAY_MS: u64 = 300;

/// Rule 5's deadline of 90 s runs anew at every start; then the reversal, and a machine that does other things too.
const SETTLED_LIMIT: Duration = Duration::from_secs(150);

/// Between two tries while the node is down.
const RETRY: Duration = Duration::from_millis(15);

/// Between two sales of one cashier: faster than any, and slow enough for two cores.
const PAUSE: Duration = Duration::from_millis(5);

/// What is given back of some sales, in fen.
const REFUND_FEN: u64 = 100;

/// P7: from the kill to serving again.
const RESTART_LIMIT: Duration = Duration::from_secs(2);

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Node,
    Hub,
    Both,
}

impl Victim {
    const fn of(kill: u32) -> Self {
        match kill % 10 {
            4 => Self::Hub,
            9 => Self::Both,
            _ => Self::Node,
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::Node => 0,
            Self::Hub => 1,
            Self::Both => 2,
        }
    }

    /// Kills and starts again; answers how long the node took, if it was hit and the machine did nothing else.
    async fn hit(self, world: &mut World) -> anyhow::Result<Option<Duration>> {
        let killed = Instant::now();
        if self != Self::Hub {
            world.node_mut().kill()?;
        }
        if self != Self::Node {
            world.hub.kill()?;
        }
        if self == Self::Hub {
            // The node goes on selling without it for a moment.
            tokio::time::sleep(Duration::from_millis(random_below(HUB_AWAY_MS))).await;
        }
        if self != Self::Hub {
            world.node_mut().start().await.context("the node")?;
        }
        let took = killed.elapsed();
        if self != Self::Node {
            world.hub.start_again().await.context("the hub")?;
        }
        Ok((self == Self::Node).then_some(took))
    }
}

/// A sale the node acknowledged.
#[derive(Clone, Debug)]
struct Asked {
    order_no: String,
    /// The state in the first answer.
    said: String,
    /// What became of it afterwards by an acknowledged void or refund.
    wanted: Option<&'static str>,
}

/// The parent's record, by idempotency key.
type Acknowledged = Arc<Mutex<BTreeMap<String, Asked>>>;

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
            let (mut slowest, mut hits) = (Duration::ZERO, [0; 3]);
            for kill in 0..kills {
                tokio::time::sleep(Duration::from_millis(LIFE_MS.0 + random_below(LIFE_MS.1))).await;
                let victim = Victim::of(kill);
                let took = victim.hit(world).await.with_context(|| format!("kill {kill}: {victim:?}"))?;
                slowest = slowest.max(took.unwrap_or_default());
                hits[victim.index()] += 1;
            }
            stop.store(true, Ordering::Relaxed);
            for charger in chargers {
                charger.await?;
            }
            let acked = acknowledged.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let lost = compare(world, &client, &acked).await?;
            println!(
                "restart: slowest {} ms; kills of node {}, hub {}, both {}",
                slowest.as_millis(),
                hits[0],
                hits[1],
                hits[2]
            );
            println!("crash part: kills {kills}, acked {}, lost {}", acked.len(), lost.len());
            ensure!(slowest <= RESTART_LIMIT, "a restart took {slowest:?}");
            ensure!(lost.is_empty(), "lost or contradicted: {lost:#?}");
            // A killed node never got its answers out; a run without sales would prove nothing.
            ensure!(acked.len() > usize::try_from(kills)?, "only {} sales were acknowledged", acked.len());
            Ok(())
        })
        .await;
}

/// Sells until told to stop, and gives some of it back.
async fn charge_on(client: Client, acknowledged: Acknowledged, stop: Arc<AtomicBool>) {
    let mut turn = usize::try_from(random_below(3)).unwrap_or(0);
    while !stop.load(Ordering::Relaxed) {
        turn += 1;
        let ending = ENDINGS[turn % ENDINGS.len()];
        let charge = Charge::of(10_000 + 100 * random_below(50) + ending).wait_ms(300);
        let answer = answered(&client, "/payments", &charge.key, &charge.body()).await;
        assert!(answer.status == 200, "{} {}", answer.status, answer.json);
        let order_no = answer.text("order_no").to_owned();
        let said = answer.text("state").to_owned();
        let back = match random_below(8) {
            _ if said != "paid" => None,
            0 => Some(("void", json!({}))),
            1 | 2 => Some(("refunds", json!({ "amount_fen": REFUND_FEN }))),
            _ => None,
        };
        let mut asked = Asked { order_no, said, wanted: None };
        if let Some((what, body)) = back {
            let path = format!("/payments/{}/{what}", asked.order_no);
            let answer = answered(&client, &path, &random_digits(20), &body).await;
            assert!(answer.status == 200, "{path}: {} {}", answer.status, answer.json);
            asked.wanted = Some(if what == "void" { "reversed" } else { "part_refunded" });
        }
        acknowledged.lock().unwrap_or_else(PoisonError::into_inner).insert(charge.key.clone(), asked);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Repeats a request, same key and body, until the node answers it.
async fn answered(client: &Client, path: &str, key: &str, body: &Value) -> Answer {
    loop {
        match client.post_keyed(path, key, body).await {
            // A node on its way down.
            Ok(answer) if answer.status == 503 => {}
            Ok(answer) => return answer,
            Err(_) => {}
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Waits until all is settled, then compares the parent's record with the node's list, the acquirer's book and the hub's copy.
async fn compare(world: &World, client: &Client, acked: &BTreeMap<String, Asked>) -> anyhow::Result<Vec<String>> {
    let payments = until("every payment to be settled", SETTLED_LIMIT, async || {
        let payments = client.payments().await?;
        // Voids and refunds end with their charge; a row of theirs that does not is found below.
        let charges = payments.iter().filter(|payment| text(payment, "kind") == "charge");
        let open = charges.filter(|payment| sales::allowed_in_book(text(payment, "state")).is_err());
        let open: Vec<_> = open.map(|payment| (text(payment, "order_no"), text(payment, "state"))).collect();
        ensure!(open.is_empty(), "open: {open:?}");
        Ok(Some(payments))
    })
    .await?;
    let lost = contradicted(&payments, acked);
    // One request, one order, however often it was sent.
    let charges = payments.iter().filter(|payment| text(payment, "kind") == "charge").count();
    ensure!(charges == acked.len(), "{} requests were answered, {charges} orders exist", acked.len());
    sales::agrees(&payments, &world.sandbox.book().await?)?;
    let verified = world.node().command(&["verify"]).await?;
    ensure!(verified.code == 0, "verify: {} {}{}", verified.code, verified.out, verified.err);
    // The line was cut as often as either was killed: the hub's copy is the node's all the same.
    world.node().synced(Duration::from_secs(90)).await?;
    let there = world.hub.program()?.payments().await?;
    ensure!(there.len() == payments.len(), "here {} payments, at the hub {}", payments.len(), there.len());
    same_rows(&payments, &there)?;
    let verified = world.hub.command(&["verify"]).await?;
    ensure!(verified.code == 0, "hub verify: {} {}{}", verified.code, verified.out, verified.err);
    Ok(lost)
}

/// Each payment stands at the hub as at the node, in what both tell of it.
fn same_rows(here: &[Value], there: &[Value]) -> anyhow::Result<()> {
    let by_number: BTreeMap<&str, &Value> = there.iter().map(|payment| (text(payment, "order_no"), payment)).collect();
    for payment in here {
        let copy = by_number.get(text(payment, "order_no")).with_context(|| format!("the hub lacks {payment}"))?;
        for field in ["kind", "state", "amount_fen", "refunded_fen"] {
            ensure!(
                !payment[field].is_null() && payment[field] == copy[field],
                "{field}: here {payment}, at the hub {copy}"
            );
        }
    }
    Ok(())
}

/// Acknowledgements that the node's list does not bear out.
fn contradicted(payments: &[Value], acked: &BTreeMap<String, Asked>) -> Vec<String> {
    let by_number: BTreeMap<&str, &Value> =
        payments.iter().map(|payment| (text(payment, "order_no"), payment)).collect();
    let mut wrong = Vec::new();
    if by_number.len() != payments.len() {
        wrong.push("an order stands twice in the list".to_owned());
    }
    for row in payments.iter().filter(|payment| text(payment, "kind") != "charge") {
        if !["reversed", "refunded", "declined"].contains(&text(row, "state")) {
            wrong.push(format!("open for ever: {row}"));
        }
    }
    for (key, Asked { order_no, said, wanted }) in acked {
        let Some(payment) = by_number.get(order_no.as_str()) else {
            wrong.push(format!("{key}: {order_no} was acknowledged as {said} and is gone"));
            continue;
        };
        let (now, refunded) = (text(payment, "state"), payment["refunded_fen"].as_u64());
        let right = match (wanted, said.as_str()) {
            (Some(wanted), _) => now == *wanted && (*wanted != "part_refunded" || refunded == Some(REFUND_FEN)),
            (None, "paid" | "declined") => now == said,
            (None, _) => true,
        };
        if !right {
            let is = format!("{now}, {refunded:?} given back");
            wrong.push(format!("{key}: {order_no} was acknowledged as {said}, then {wanted:?}; it is {is}"));
        }
    }
    wrong
}

#[test]
fn a_broken_acknowledgement_is_noticed() {
    let payment = |order_no: &str, state: &str, back: u64| {
        let kind = "charge";
        json!({ "order_no": order_no, "kind": kind, "state": state, "refunded_fen": back })
    };
    let asked = |said: &str, wanted: Option<&'static str>| {
        BTreeMap::from([("key".to_owned(), Asked { order_no: "1".into(), said: said.into(), wanted })])
    };
    for (payments, acked, right) in [
        (vec![payment("1", "paid", 0)], asked("paid", None), true),
        (vec![payment("2", "paid", 0)], asked("paid", None), false),
        (vec![payment("1", "closed", 0)], asked("paid", None), false),
        (vec![payment("1", "paid", 0)], asked("unknown", None), true),
        (vec![payment("1", "paid", 0), payment("1", "paid", 0)], asked("paid", None), false),
        (vec![payment("1", "part_refunded", 100)], asked("paid", Some("part_refunded")), true),
        (vec![payment("1", "part_refunded", 200)], asked("paid", Some("part_refunded")), false),
        (vec![payment("1", "paid", 0)], asked("paid", Some("reversed")), false),
    ] {
        assert_eq!(contradicted(&payments, &acked).is_empty(), right, "{payments:?} {acked:?}");
    }
}
