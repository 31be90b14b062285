//! What must stay secret goes through a day's life and is then looked for everywhere it could have been left.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use guitai_tests::{
    charge::{Charge, random_digits},
    client::Client,
    node::{ADMINISTRATOR, CASHIER, Node},
    world::World,
};
use serde_json::json;

/// A secret and what it is.
type Canary = (&'static str, String);

/// Every file below a folder, but keys in files of their own, which only their owner reads.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            all.extend(files(&path)?);
        } else if path.is_file() && !path.extension().is_some_and(|end| end == "key" || end == "pem") {
            all.push(path);
        }
    }
    Ok(all)
}

/// The places where a secret stands.
fn hits(canaries: &[Canary], place: &str, bytes: &[u8]) -> Vec<String> {
    let there = |secret: &str| bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
    canaries.iter().filter(|(_, secret)| there(secret)).map(|(what, _)| format!("{what} in {place}")).collect()
}

/// What the node's commands print for others' eyes.
async fn printed(node: &Node) -> anyhow::Result<Vec<(String, String)>> {
    let mut all = Vec::new();
    for words in [
        &["status"][..],
        &["status", "--json"],
        &["journal"],
        &["verify"],
        &["doctor", "--share"],
        &["doctor", "--json", "--full"],
        &["account", "list"],
        &["api-key", "list"],
        &["config", "check"],
    ] {
        let said = node.command(words).await?;
        all.push((words.join(" "), said.out + &said.err));
    }
    Ok(all)
}

/// What routes answer that have no secret to tell.
async fn answered(who: &Client, order_no: &str) -> anyhow::Result<Vec<(String, String)>> {
    let mut all = Vec::new();
    for path in [
        "/payments",
        &format!("/payments/{order_no}"),
        "/accounts",
        "/api-keys",
        "/announcements",
        "/exceptions",
        "/health",
        "/sync",
        "/stats/day",
        "/sessions/current",
    ] {
        all.push((path.to_owned(), who.get(path).await?.json.to_string()));
    }
    Ok(all)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_lies_where_others_look() {
    World::builder()
        .play(async |world| {
            let node = world.node();
            let key =
                node.command(&["api-key", "create", "--name", "leaks", "--scope", "charge,refund"]).await?.line()?;
            let enrolment = world.hub.enrolment_code("S001").await?;
            let (typed, code) = (format!("typed-{}", random_digits(12)), format!("13{}", random_digits(16)));
            let owner = node.person(ADMINISTRATOR).await?;
            let cashier = node.person(CASHIER).await?;
            let cookie = owner.request(reqwest::Method::GET, "/health").build()?;
            let cookie = cookie.headers().get("Cookie").context("a cookie")?.to_str()?.to_owned();
            let session = cookie.split(['=', ';']).nth(1).context("its value")?.to_owned();

            let program = node.anybody()?.with_key(&key);
            ensure!(program.charge(&Charge::of(1_100)).await?.text("state") == "paid");
            let paid = cashier.charge(&Charge::of(1_000).with("auth_code", code.as_str())).await?;
            ensure!(paid.text("state") == "paid", "{} {}", paid.status, paid.json);
            let order_no = paid.text("order_no").to_owned();
            let approver = json!({ "account": ADMINISTRATOR.0, "password": ADMINISTRATOR.1 });
            let back = json!({ "amount_fen": 100, "approver": approver });
            let back = cashier.post_keyed(&format!("/payments/{order_no}/refunds"), &random_digits(20), &back).await?;
            ensure!(back.status == 200, "{} {}", back.status, back.json);
            // A password in the wrong field, a wrong one, and a key in the wrong place.
            for log_in in [
                json!({ "account": typed, "password": "x" }),
                json!({ "account": ADMINISTRATOR.0, "password": typed }),
                json!({ "account": key, "password": typed }),
            ] {
                ensure!(node.anybody()?.post("/sessions", &log_in).await?.status >= 400);
            }
            node.anybody()?.get(&format!("/payments?q={typed}")).await?;

            let canaries: Vec<Canary> = vec![
                ("the administrator's password", ADMINISTRATOR.1.to_owned()),
                ("the cashier's password", CASHIER.1.to_owned()),
                ("an API key", key),
                ("the customer's payment code", code),
                ("a session", session),
                ("an enrolment code", enrolment),
                ("what was typed in place of an account", typed),
            ];
            ensure!(canaries.iter().all(|(_, secret)| secret.len() >= 8), "{canaries:?}");
            let mut found = Vec::new();
            let mut places = 0;
            for (place, text) in printed(node).await?.into_iter().chain(answered(&owner, &order_no).await?) {
                places += 1;
                found.extend(hits(&canaries, &place, text.as_bytes()));
            }
            let folders = [node.config_file(), world.hub.file()];
            for folder in folders {
                for file in files(folder.parent().context("a folder")?)? {
                    places += 1;
                    found.extend(hits(&canaries, &file.display().to_string(), &std::fs::read(&file)?));
                }
            }
            println!("security: places searched for {} secrets, tried {places}, found {}", canaries.len(), found.len());
            ensure!(found.is_empty(), "{}", found.join("\n"));
            // It would find one: the order's number is everywhere.
            let journal = std::fs::read(node.journal_file())?;
            let wal = std::fs::read(node.journal_file().with_extension("db-wal")).unwrap_or_default();
            let number = [("an order's number", order_no)];
            ensure!(!hits(&number, "journal", &[journal, wal].concat()).is_empty(), "nothing is found at all");
            Ok(())
        })
        .await;
}
