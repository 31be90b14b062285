//! The node's own share of a charge, and how many it takes a second.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use guitai_tests::{charge::Charge, world::World};

use crate::{
    proxy::Proxy,
    rival::Rival,
    table::{Aim, Table, median},
};

/// Charges not counted, first.
const WARM_UP: usize = 30;

/// Charges counted.
const CHARGES: usize = 300;

/// Counters at once, and for how long.
const COUNTERS: usize = 32;
const RUSH: Duration = Duration::from_secs(8);

/// HTTP in to answer out, less the acquirer's time, against two bare commits of the same rows; in turn, so that the disk's mood
/// meets both.
pub(crate) async fn own_share(table: &mut Table) -> anyhow::Result<()> {
    own_share_signing(table, Sign::Md5).await?;
    own_share_signing(table, Sign::Rsa).await
}

/// What signs the requests: a 2048-bit RSA signature alone takes longer than everything else the node does.
#[derive(Clone, Copy)]
enum Sign {
    Md5,
    Rsa,
}

impl Sign {
    const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Rsa => "RSA",
        }
    }
}

async fn own_share_signing(table: &mut Table, sign: Sign) -> anyhow::Result<()> {
    let (world, proxy) = behind_proxy(sign).await?;
    let node = world.node();
    let client = node.program()?;
    let rival = Rival::open(world.folder.path(), &node.journal_file())?;
    let (mut own, mut bare, mut over) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..WARM_UP + CHARGES {
        let charge = Charge::of(1250);
        let begun = Instant::now();
        let answer = client.charge(&charge).await?;
        let whole = begun.elapsed();
        ensure!(answer.text("state") == "paid", "a charge ended {}", answer.text("state"));
        let order_no = answer.text("order_no").to_owned();
        let took = proxy.took(&order_no).await.context("the acquirer's time of a charge")?;
        let own_us = u64::try_from(whole.saturating_sub(took).as_micros())?;
        let bare_us = rival.commit_twice(&order_no)?;
        if round >= WARM_UP {
            own.push(own_us);
            bare.push(bare_us);
            over.push(own_us.saturating_sub(bare_us));
        }
    }
    let (own, bare, over) = (median(own), median(bare), median(over));
    let with = sign.name();
    table.row(
        &format!("own share of a charge, {with}, median"),
        own,
        "µs",
        "two bare SQLite commits of its rows",
        bare,
    );
    let row = table.row(&format!("own share minus the commits, {with}, paired median"), over, "µs", "nothing", 0);
    // The signature of the other kind is the library's, not ours.
    if let Sign::Md5 = sign {
        row.aim("P1", Aim::Most(500));
    }
    Ok(())
}

/// Payments a second from many counters, against bare commits by one writer. With RSA keys they are bound by the processor time of
/// signatures, which is the library's.
pub(crate) async fn throughput(table: &mut Table) -> anyhow::Result<()> {
    throughput_signing(table, Sign::Md5).await?;
    throughput_signing(table, Sign::Rsa).await
}

async fn throughput_signing(table: &mut Table, sign: Sign) -> anyhow::Result<()> {
    let world = signing(sign).await?;
    let node = world.node();
    let until = Instant::now() + RUSH;
    let mut counters = Vec::new();
    for _ in 0..COUNTERS {
        let client = node.program()?;
        counters.push(tokio::spawn(async move {
            let mut paid = Vec::new();
            while Instant::now() < until {
                let answer = client.charge(&Charge::of(1250).wait_ms(30_000)).await?;
                ensure!(answer.text("state") == "paid", "a charge ended {}", answer.text("state"));
                paid.push(answer.text("order_no").to_owned());
            }
            anyhow::Ok(paid)
        }));
    }
    let mut paid = Vec::new();
    for counter in counters {
        paid.extend(counter.await??);
    }
    let rival = Rival::open(world.folder.path(), &node.journal_file())?;
    let mut bare_us = 0;
    let sample = paid.iter().take(CHARGES);
    for order_no in sample.clone() {
        bare_us += rival.commit_twice(order_no)?;
    }
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let bare = count(sample.count()) * 1_000_000 / bare_us.max(1);
    let ours = count(paid.len()) / RUSH.as_secs();
    let what = format!("payments a second, 32 counters, {}", sign.name());
    let row = table.row(&what, ours, "/s", "pairs of bare commits, one writer, alone", bare);
    if let Sign::Md5 = sign {
        row.aim("P2", Aim::LeastOfRival { hundredths: 60 });
    }
    Ok(())
}

/// A world whose node signs so.
async fn signing(sign: Sign) -> anyhow::Result<World> {
    let mut world = World::builder().start().await?;
    if let Sign::Md5 = sign {
        let file = world.node().config_file();
        let key = world.sandbox.allinpay()?["md5_key"].as_str().context("md5_key")?.to_owned();
        guitai_tests::node::write_secret(&file.with_file_name("md5.key"), &key)?;
        configure(&mut world, ("sign = \"rsa\"", "sign = \"md5\"\nmd5_key_file = \"md5.key\"")).await?;
    }
    Ok(world)
}

/// Likewise, and it reaches the sandbox through the proxy.
async fn behind_proxy(sign: Sign) -> anyhow::Result<(World, Proxy)> {
    let mut world = signing(sign).await?;
    let sandbox = std::fs::read_to_string(world.node().config_file())?
        .lines()
        .find_map(|line| line.strip_prefix("base = \"http://")?.split('/').next())
        .context("[acquirer] base in the node's configuration")?
        .to_owned();
    let proxy = Proxy::start(sandbox.clone()).await?;
    configure(&mut world, (&sandbox, &proxy.address)).await?;
    Ok((world, proxy))
}

/// Replaces a text of the node's configuration.
async fn configure(world: &mut World, (before, after): (&str, &str)) -> anyhow::Result<()> {
    let file = world.node().config_file();
    let text = std::fs::read_to_string(&file)?;
    ensure!(text.contains(before), "no {before} in the node's configuration");
    world.node_mut().stop().await?;
    std::fs::write(&file, text.replace(before, after))?;
    world.node_mut().start().await
}
