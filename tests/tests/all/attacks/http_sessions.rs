//! A session ends with what it was made for: after a log-out, another password, another role, a disabled account, nobody goes on with it.

use std::time::{Duration, Instant};

use anyhow::ensure;
use guitai_tests::{client::Client, hub::Hub, node::Node, process::Said, wait::until, world::World};
use reqwest::Method;

/// What is taken back has ended by then; a command of the hub is another process than its server.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

const FIRST: &str = "pingguo-shu-2026";
const SECOND: &str = "li-hua-yuan-2026";

/// What becomes of an account while somebody is logged in.
#[derive(Clone, Copy, Debug)]
enum Change {
    LogOut,
    Password,
    Role(&'static str),
    Disabled,
    DisabledAndEnabled,
}

/// Where accounts are.
#[derive(Clone, Copy)]
enum At<'a> {
    Node(&'a Node),
    Hub(&'a Hub),
}

impl At<'_> {
    async fn command(self, words: &[&str], input: &str) -> anyhow::Result<()> {
        let said: Said = match self {
            Self::Node(node) => node.command_with(words, input).await?,
            Self::Hub(hub) => hub.command_with(words, input).await?,
        };
        ensure!(said.code == 0, "{words:?}: {said:?}");
        Ok(())
    }

    async fn set(self, account: &str, role: &str, password: &str) -> anyhow::Result<()> {
        let words = ["account", "create", "--account", account, "--name", "某人", "--role", role];
        self.command(&words, &format!("{password}\n")).await
    }

    fn anybody(self) -> anyhow::Result<Client> {
        match self {
            Self::Node(node) => node.anybody(),
            Self::Hub(hub) => Client::nobody(&hub.url()),
        }
    }

    async fn apply(self, change: Change, person: &Client, account: &str, role: &str) -> anyhow::Result<()> {
        match change {
            Change::LogOut => {
                let gone = person.send(person.request(Method::DELETE, "/sessions/current")).await?;
                ensure!(gone.status == 204, "{} {}", gone.status, gone.json);
                Ok(())
            }
            Change::Password => self.set(account, role, SECOND).await,
            Change::Role(other) => self.set(account, other, FIRST).await,
            Change::Disabled => self.command(&["account", "disable", "--account", account], "").await,
            Change::DisabledAndEnabled => {
                self.command(&["account", "disable", "--account", account], "").await?;
                is_over(person, account, change).await?;
                self.command(&["account", "enable", "--account", account], "").await
            }
        }
    }
}

async fn is_over(session: &Client, account: &str, change: Change) -> anyhow::Result<()> {
    until(&format!("{account}, {change:?}: the session's end"), ENDS_WITHIN, async || {
        let answer = session.get("/sessions/current").await?;
        ensure!(answer.status == 401, "{}", answer.json);
        Ok(Some(()))
    })
    .await
}

/// Two sessions of one account; answers how long the old ones lived on.
async fn ends(at: At<'_>, account: &str, role: &str, change: Change) -> anyhow::Result<Duration> {
    at.set(account, role, FIRST).await?;
    let person = at.anybody()?.log_in(account, FIRST).await?;
    let elsewhere = at.anybody()?.log_in(account, FIRST).await?;
    at.apply(change, &person, account, role).await?;
    let begun = Instant::now();
    // Who logs out at one place stays logged in at another.
    let ended: &[&Client] = if let Change::LogOut = change { &[&person] } else { &[&person, &elsewhere] };
    for session in ended {
        is_over(session, account, change).await?;
    }
    let took = begun.elapsed();
    for session in ended {
        ensure!(session.get("/payments").await?.status == 401, "{account}, {change:?}: it lives again");
    }
    Ok(took)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ends_with_what_it_was_made_for() {
    World::builder()
        .play(async |world| {
            let (mut tried, mut slowest) = (0, Duration::ZERO);
            let places = [
                (At::Node(world.node()), "cashier", Some("administrator")),
                (At::Node(world.node()), "administrator", Some("cashier")),
                (At::Hub(&world.hub), "headquarters", None),
            ];
            for (at, role, other) in places {
                let same = [Change::LogOut, Change::Password, Change::Disabled, Change::DisabledAndEnabled];
                for change in same.into_iter().chain(other.map(Change::Role)) {
                    tried += 1;
                    let took = ends(at, &format!("7{tried:02}"), role, change).await?;
                    slowest = slowest.max(took);
                }
            }
            println!("security: sessions after a change, tried {tried}, refused {tried}, slowest end {slowest:?}");
            ensure!(tried == 14, "{tried}");
            Ok(())
        })
        .await;
}
