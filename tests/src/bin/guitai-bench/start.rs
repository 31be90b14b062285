//! Starting with a long history, and what the program weighs.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{AccountId, Issuer, JournalId, Numbering, StoreId, TillId},
    money::Fen,
    payment::{Intended, Paid, Place},
    people::Idempotency,
    secret::{CodeTrace, Wallet},
    time::{BusinessClock, UtcMs, beijing_day},
};
use guitai_store::{Database, Journal, note};
use guitai_tests::{process::program, world::World};

use crate::table::{Aim, Table, median};

/// Payments of two facts each.
const PAYMENTS: u64 = 50_000;

/// Starts measured.
const STARTS: usize = 7;

/// From exec to the first answer with 100,000 facts, against reading the same facts bare.
pub(crate) async fn cold_start(table: &mut Table) -> anyhow::Result<()> {
    let mut world = World::builder().start().await?;
    world.node_mut().stop().await?;
    let journal = world.node().journal_file();
    fill(&journal)?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let begun = Instant::now();
        read_bare(&journal)?;
        bare.push(micros(begun));
        let address = world.node().address();
        let begun = Instant::now();
        let log = std::fs::File::create(world.folder.path().join("start.log"))?;
        let mut child = world.node().run_command().stdout(log.try_clone()?).stderr(log).spawn()?;
        while std::net::TcpStream::connect(&address).is_err() {
            ensure!(begun.elapsed() < Duration::from_secs(30), "the node does not start");
            std::thread::sleep(Duration::from_millis(1));
        }
        let answer = reqwest::get(format!("http://{address}/api/v1/health")).await?;
        ours.push(micros(begun));
        ensure!(answer.status().is_success(), "health answers {}", answer.status());
        child.kill()?;
        child.wait()?;
    }
    let facts = format!("cold start with {} facts, median", PAYMENTS * 2);
    let ours = median(ours) / 1000;
    table.row(&facts, ours, "ms", "reading the same facts bare", median(bare) / 1000).aim("start", Aim::Most(300));
    Ok(())
}

/// Writes a history with the store's own journal and the node's own identity.
fn fill(journal: &Path) -> anyhow::Result<()> {
    let folder = journal.parent().context("the data folder")?;
    let key: [u8; 32] = std::fs::read(folder.join("identity.key"))?.as_slice().try_into()?;
    let database = Database::open(journal)?;
    let issuer: u32 = {
        let side = Database::open(&folder.join("side.db"))?;
        let note = note::get(&side.reader()?, "enrolment")?.context("the enrolment")?;
        let note: serde_json::Value = serde_json::from_slice(&note)?;
        u32::try_from(note["issuer"].as_u64().context("an issuer")?)?
    };
    let issuer = Issuer::new(issuer).context("an issuer")?;
    let store = StoreId::parse("S001").ok().context("a store")?;
    let begin = UtcMs(1_760_000_000_000);
    let mut journal =
        Journal::open(&database, JournalId::node(store), issuer, SigningKey::from_bytes(&key), None, begin)?;
    let mut numbers = Numbering::resume(issuer, None);
    let clock = BusinessClock::beijing();
    for n in 0..PAYMENTS {
        let at = UtcMs(begin.0 + i64::try_from(n)? * 40_000);
        let order_no = numbers.next(at);
        let place = Place {
            business_day: clock.day(at),
            hour: clock.hour(at),
            till: TillId::parse("T1").ok().context("a till")?,
            cashier: AccountId::parse("03").ok().context("a cashier")?,
        };
        let intended = Intended {
            order_no,
            at,
            amount: Fen::new(1250),
            code: CodeTrace { wallet: Wallet::Wechat, last_two: "01".into(), hash: n },
            acquirer: "allinpay".into(),
            termno: "00000001".into(),
            place,
            bill: None,
            remark: None,
            clock_doubted: false,
            acquirer_day: Some(beijing_day(at)),
            idempotency: Idempotency { caller: "key:erp".into(), key: format!("bench-{n:08}"), body_hash: [7; 32] },
        };
        let paid = Paid {
            order_no,
            at,
            received: Fen::new(1250),
            wallet: Wallet::Wechat,
            acquirer_no: format!("2611220000{n:08}"),
            wallet_no: Some(format!("42000000002026{n:014}")),
            finished_at: Some(at),
        };
        journal.append(&intended.into())?;
        journal.append(&paid.into())?;
        if n % 1000 == 999 {
            journal.commit()?;
        }
    }
    journal.commit()?;
    Ok(())
}

fn read_bare(journal: &Path) -> anyhow::Result<()> {
    let connection = Database::open(journal)?.reader()?;
    let mut statement = connection.prepare("SELECT body, head FROM fact ORDER BY epoch, number")?;
    let mut rows = statement.query([])?;
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        bytes += row.get_ref(0)?.as_blob()?.len() + row.get_ref(1)?.as_blob()?.len();
    }
    ensure!(bytes > 0, "no facts");
    Ok(())
}

/// Size on disk and in memory, idle, against the sandbox: a bare HTTP server on the same stack.
pub(crate) async fn size(table: &mut Table) -> anyhow::Result<()> {
    let world = World::builder().start().await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let weigh = |name: &str| anyhow::Ok(std::fs::metadata(program(name))?.len() / 1024);
    table.row(
        "guitai-node, program",
        weigh("guitai-node")?,
        "KiB",
        "guitai-sandbox, program",
        weigh("guitai-sandbox")?,
    );
    let (node, sandbox) = (resident_kib("guitai-node run")?, resident_kib("guitai-sandbox run")?);
    table
        .row("guitai-node, resident idle", node, "KiB", "guitai-sandbox, resident idle", sandbox)
        .aim("size", Aim::Most(40 * 1024));
    drop(world);
    Ok(())
}

fn resident_kib(words: &str) -> anyhow::Result<u64> {
    let found = Command::new("pgrep").args(["-n", "-f", words]).output()?;
    let pid = String::from_utf8(found.stdout)?.trim().to_owned();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| words.to_owned())?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

fn micros(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX)
}
