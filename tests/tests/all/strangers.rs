//! Whoever reaches the page without a log-in: what they may cost the counter, and what they may learn.

use std::{
    collections::BTreeMap,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use guitai_tests::{
    charge::{Charge, random_digits},
    client::Client,
    node::{ADMINISTRATOR, CASHIER},
    wait::until,
    world::World,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::sales;

/// What is written behind an answer is there by then.
const SOON: Duration = Duration::from_secs(10);

/// The 99th of 100 requests of an honest client, whatever strangers do.
pub(crate) const HONEST_P99: Duration = Duration::from_millis(300);

/// How long guessers guess.
const GUESSING: Duration = Duration::from_secs(4);

/// Longer than a hundred honest requests take in any flood.
const FLOOD_LIMIT: Duration = Duration::from_secs(60);

/// What the server's memory may grow by under any flood, in KiB.
const GROWTH_MAX_KIB: u64 = 48 * 1024;

/// Strangers' ways to keep a server busy.
#[derive(Clone, Copy, Debug)]
enum Flood {
    SilentConnections,
    SlowHeads,
    SlowBodies,
    Reconnecting,
    DeafReaders,
}

impl Flood {
    const ALL: [(Self, usize); 5] = [
        (Self::SilentConnections, 600),
        (Self::SlowHeads, 2_000),
        (Self::SlowBodies, 600),
        (Self::Reconnecting, 600),
        (Self::DeafReaders, 600),
    ];

    /// One stranger's connection, for as long as it is left.
    async fn stranger(self, address: String, until: Instant) {
        while Instant::now() < until {
            let Ok(mut stream) = TcpStream::connect(&address).await else { continue };
            let body =
                format!("POST /api/v1/sessions HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n");
            let said = match self {
                Self::SilentConnections => String::new(),
                Self::SlowHeads => format!("GET /api/v1/health HTTP/1.1\r\nHost: {address}\r\nX-Slow: "),
                Self::SlowBodies => format!("{body}Content-Length: 60\r\n\r\n{{"),
                Self::Reconnecting => {
                    drop(stream);
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                }
                Self::DeafReaders => format!("GET /api/openapi.json HTTP/1.1\r\nHost: {address}\r\n\r\n").repeat(20),
            };
            if stream.write_all(said.as_bytes()).await.is_err() {
                continue;
            }
            if let Self::DeafReaders = self {
                tokio::time::sleep_until(until.into()).await;
                continue;
            }
            // Until the server has had enough of it.
            let left = until.saturating_duration_since(Instant::now());
            let _ = tokio::time::timeout(left, stream.read(&mut [0; 256])).await;
        }
    }
}

/// The memory of a process that is in use, in KiB.
pub(crate) fn memory_kib(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// The longest but one of a hundred requests of somebody with a key, each on a connection of its own; all must be answered. They have a
/// thread of their own: the strangers' must not keep them from sending.
pub(crate) async fn honest_p99(base: String, key: String) -> anyhow::Result<Duration> {
    let asked = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut took = Vec::new();
            for _ in 0..100 {
                let begun = Instant::now();
                Client::nobody(&base)?.with_key(&key).read("/payments?limit=1").await?;
                took.push(begun.elapsed());
            }
            took.sort_unstable();
            anyhow::Ok(took[98])
        })
    });
    tokio::task::spawn_blocking(move || asked.join().map_err(|_| anyhow::anyhow!("the honest client panicked"))?)
        .await?
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_flood_of_strangers_stops_the_counter_or_headquarters() {
    World::builder()
        .play(async |world| {
            sales::pays(&world.node().program()?, 1_000).await?;
            for (server, address) in [("node", world.node().address()), ("hub", world.hub.url()[7..].to_owned())] {
                let pid = if server == "node" { world.node().pid()? } else { world.hub.pid()? };
                for (flood, strangers) in Flood::ALL {
                    let before = memory_kib(pid)?;
                    let until = Instant::now() + FLOOD_LIMIT;
                    let mut all = JoinSet::new();
                    for _ in 0..strangers {
                        all.spawn(flood.stranger(address.clone(), until));
                    }
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    let key = if server == "node" { world.node().key() } else { world.hub.key() };
                    let p99 = honest_p99(format!("http://{address}"), key.to_owned()).await?;
                    let grown = memory_kib(pid)?.saturating_sub(before);
                    all.abort_all();
                    println!(
                        "security: {server}, {flood:?}, strangers {strangers}, honest p99 {p99:?}, grown {grown} KiB"
                    );
                    ensure!(p99 < HONEST_P99, "{server}, {flood:?}: {p99:?}");
                    ensure!(grown < GROWTH_MAX_KIB, "{server}, {flood:?}: {grown} KiB");
                }
            }
            sales::pays(&world.node().program()?, 1_000).await.map(drop)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_follows_four_event_streams_and_no_more() {
    World::builder()
        .play(async |world| {
            for program in [world.node().program()?, world.hub.program()?] {
                let follow = || program.request(reqwest::Method::GET, "/events").send();
                let mut held = Vec::new();
                for _ in 0..4 {
                    let stream = follow().await?;
                    ensure!(stream.status() == 200, "{}", stream.status());
                    held.push(stream);
                }
                for _ in 0..252 {
                    let refused = follow().await?;
                    ensure!(refused.status() == 429 && refused.headers().contains_key("retry-after"), "{refused:?}");
                }
                held.pop();
                tokio::time::sleep(Duration::from_millis(200)).await;
                ensure!(follow().await?.status() == 200, "a stream that ended gave its place back");
            }
            let cashier = world.node().person(CASHIER).await?;
            let answer = cashier.request(reqwest::Method::GET, "/events").send().await?;
            ensure!(answer.status() == 200, "another caller has its own");
            Ok(())
        })
        .await;
}

/// Tries to log in until the time is over; answers how often, and how often the password was looked at.
async fn guess(client: Client, account: String, until: Instant) -> anyhow::Result<(u32, u32)> {
    let (mut tried, mut looked_at) = (0, 0);
    while Instant::now() < until {
        let body = json!({ "account": account, "password": format!("geheim-{}", random_digits(8)) });
        let answer = client.post("/sessions", &body).await?;
        tried += 1;
        match answer.status {
            401 => looked_at += 1,
            429 => ensure!(answer.retry_after_s().is_some(), "{:?}", answer.headers),
            other => anyhow::bail!("{other} {}", answer.json),
        }
    }
    Ok((tried, looked_at))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessing_locks_nobody_out_and_leaves_the_processor_to_the_counter() {
    World::builder()
        .play(async |world| {
            let (account, password) = ADMINISTRATOR;
            let owner = world.node().person(ADMINISTRATOR).await?.without_session();
            for guessed in [account, "no such account!", "", "密码密码", &"x".repeat(300)] {
                let until = Instant::now() + GUESSING;
                let mut guessers = JoinSet::new();
                for _ in 0..24 {
                    guessers.spawn(guess(world.node().anybody()?, guessed.to_owned(), until));
                }
                let mut sales_took = Vec::new();
                let program = world.node().program()?;
                while Instant::now() + Duration::from_millis(500) < until {
                    let begun = Instant::now();
                    let back = owner.log_in(account, password).await?;
                    ensure!(back.get("/accounts").await?.status == 200);
                    ensure!(begun.elapsed() < Duration::from_secs(2), "log-in took {:?}", begun.elapsed());
                    let begun = Instant::now();
                    sales::pays(&program, 1_000).await?;
                    sales_took.push(begun.elapsed());
                }
                let (mut tried, mut looked_at) = (0, 0);
                while let Some(done) = guessers.join_next().await {
                    let (one_tried, one_looked_at) = done??;
                    tried += one_tried;
                    looked_at += one_looked_at;
                }
                let slowest = sales_took.iter().max().copied().unwrap_or_default();
                println!(
                    "security: log-in as {guessed:.20}, tried {tried}, looked at {looked_at}, slowest sale {slowest:?}"
                );
                ensure!(looked_at <= 30, "{guessed}: {looked_at} of {tried} were looked at");
                ensure!(slowest < HONEST_P99 && sales_took.len() >= 5, "{sales_took:?}");
            }
            Ok(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_approver_passwords_cost_their_own_cashier_only() {
    World::builder()
        .play(async |world| {
            let (account, password) = ADMINISTRATOR;
            let (cashier, program) = (world.node().person(CASHIER).await?, world.node().program()?);
            let paid = sales::pays(&program, 1_000).await?;
            let order_no = paid["order_no"].as_str().context("order_no")?;
            let void = |password: &str| json!({ "approver": { "account": account, "password": password } });
            let path = format!("/payments/{order_no}/void");
            let mut codes = BTreeMap::<String, u32>::new();
            for _ in 0..12 {
                let refused = cashier.post_keyed(&path, &random_digits(16), &void("geraten-123")).await?;
                *codes.entry(refused.text("code").to_owned()).or_default() += 1;
            }
            ensure!(
                codes == BTreeMap::from([("approver_wrong_password".into(), 5), ("too_many_tries".into(), 7)]),
                "{codes:?}"
            );
            // Whoever guesses is slowed; the owner logs in, also where nobody did before, and approves for everybody else.
            world.node().person(ADMINISTRATOR).await?;
            let done = program.post_keyed(&path, &random_digits(16), &void(password)).await?;
            ensure!(done.status == 200, "{} {}", done.status, done.json);
            Ok(())
        })
        .await;
}

/// What the log says under the target for log-ins.
fn audited(log: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(log)?;
    Ok(text.lines().filter(|line| line.contains("audit")).map(str::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_not_let_in_is_in_the_log_and_what_they_typed_is_not() {
    World::builder()
        .play(async |world| {
            let typed = format!("Mima{}", random_digits(10));
            let node_log = world.node().log();
            let hub_log = world.folder.path().join("hub/hub.log");
            for (server, log, known) in [
                (world.node().anybody()?, node_log, ADMINISTRATOR.0),
                (Client::nobody(&world.hub.url())?, hub_log, "hq"),
            ] {
                for account in [known, &typed, &format!("{typed} !")] {
                    let body = json!({ "account": account, "password": typed });
                    ensure!(server.post("/sessions", &body).await?.status == 401);
                }
                // A line is written when its turn comes, behind the answer.
                until("the log", SOON, async || {
                    let said = audited(&log)?;
                    let about = |word: &str| said.iter().filter(|line| line.contains(word)).count();
                    ensure!(about("wrong password") == 1 && about(known) >= 1, "{said:#?}");
                    ensure!(about("no such account") == 2 && about("account_hash") == 2, "{said:#?}");
                    Ok(Some(()))
                })
                .await?;
                ensure!(!std::fs::read_to_string(&log)?.contains(&typed), "what was typed is in {}", log.display());
            }
            Ok(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_on_the_machine_reads_what_lies_on_disk() {
    World::builder()
        .play(async |world| {
            sales::pays(&world.node().program()?, 1_000).await?;
            for data in [world.folder.path().join("S001/data"), world.folder.path().join("hub/data")] {
                let mode = |path: &Path| Ok::<_, std::io::Error>(path.metadata()?.permissions().mode() & 0o777);
                ensure!(mode(&data)? == 0o700, "{}: {:o}", data.display(), mode(&data)?);
                for entry in std::fs::read_dir(&data)? {
                    let path = entry?.path();
                    ensure!(mode(&path)? & 0o077 == 0, "{}: {:o}", path.display(), mode(&path)?);
                }
            }
            world.node_mut().stop().await?;
            world.hub.stop().await?;
            for key in ["identity.key", "code.key", "request.key"] {
                let key = world.folder.path().join("S001/data").join(key);
                std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644))?;
                let said = guitai_tests::process::run(world.node().run_command(), "").await?;
                ensure!(said.code == 1 && said.err.contains("chmod 600"), "{} {}", said.code, said.err);
                std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600))?;
            }
            let merchant = world.node().config_file().with_file_name("merchant.pem");
            std::fs::set_permissions(&merchant, std::fs::Permissions::from_mode(0o640))?;
            // It is read by what talks to the acquirer, and by whoever checks the configuration.
            let said = guitai_tests::process::run(world.node().run_command(), "").await?;
            ensure!(said.code == 1 && said.err.contains("merchant.pem"), "{} {}", said.code, said.err);
            let said = world.node().command(&["config", "check"]).await?;
            ensure!(said.code == 2 && said.err.contains("merchant.pem"), "{} {}", said.code, said.err);
            let key = world.folder.path().join("hub/data/identity.key");
            std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o604))?;
            let said = world.hub.command(&["verify"]).await?;
            ensure!(said.code == 1 && said.err.contains("chmod 600"), "{} {}", said.code, said.err);
            Ok(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_for_other_machines_needs_tls_or_a_named_proxy() {
    World::builder()
        .play(async |world| {
            world.node_mut().stop().await?;
            world.hub.stop().await?;
            for config in [world.node().config_file(), world.folder.path().join("hub/hub.toml")] {
                let text = std::fs::read_to_string(&config)?;
                std::fs::write(&config, text.replace("listen = \"127.0.0.1", "listen = \"0.0.0.0"))?;
            }
            let said = guitai_tests::process::run(world.node().run_command(), "").await?;
            ensure!(said.code == 1 && said.err.contains("trusted_proxies"), "{} {}", said.code, said.err);
            let said = world.hub.command(&["run"]).await?;
            ensure!(said.code == 1 && said.err.contains("trusted_proxies"), "{} {}", said.code, said.err);
            Ok(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_logs_nobody_out_but_who_changed_meanwhile() {
    World::builder()
        .play(async |world| {
            let (cashier, owner) = (world.node().person(CASHIER).await?, world.node().person(ADMINISTRATOR).await?);
            let headquarters = world.hub.headquarters().await?;
            let left = world.node().person(CASHIER).await?;
            let gone = left.send(left.request(reqwest::Method::DELETE, "/sessions/current")).await?;
            ensure!(gone.status == 204);
            world.node_mut().kill()?;
            world.hub.kill()?;
            world.hub.start_again().await?;
            world.node_mut().start().await?;
            for (who, person) in [("cashier", &cashier), ("owner", &owner), ("headquarters", &headquarters)] {
                ensure!(person.get("/sessions/current").await?.status == 200, "{who} was logged out by a kill");
            }
            ensure!(left.get("/sessions/current").await?.status == 401, "who logged out stays so");

            world.node_mut().stop().await?;
            let (account, _) = ADMINISTRATOR;
            // The last administrator could not be made a cashier.
            let second = ["account", "create", "--account", "02", "--name", "王五", "--role", "administrator"];
            world.node().command_with(&second, "xin-mima-2026-02\n").await?.line()?;
            let demote = ["account", "create", "--account", account, "--name", "李店长", "--role", "cashier"];
            world.node().command_with(&demote, "xin-mima-2026-01\n").await?.line()?;
            world.node_mut().start().await?;
            ensure!(cashier.get("/sessions/current").await?.status == 200, "logged out by a stop");
            ensure!(
                owner.get("/sessions/current").await?.status == 401,
                "the account changed while the node was stopped"
            );
            let charge = cashier.charge(&Charge::of(1_000)).await?;
            ensure!(charge.status == 200 && charge.text("state") == "paid", "{} {}", charge.status, charge.json);
            Ok(())
        })
        .await;
}
