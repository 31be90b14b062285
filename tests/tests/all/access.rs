//! Who may ask for what: every route of the committed tables, asked by nobody, by a key of every single scope and by people of every
//! role, of the real programs.

use anyhow::{Context, ensure};
use guitai_tests::{
    charge::random_digits,
    client::{Client, text},
    node::{ADMINISTRATOR, CASHIER},
    world::World,
};
use reqwest::Method;
use serde_json::{Value, json};

pub(crate) const NODE: &str = include_str!("../../../docs/access/node.txt");
pub(crate) const HUB: &str = include_str!("../../../docs/access/hub.txt");

const BASE: &str = "/api/v1";
const SCOPES: [&str; 5] = ["charge", "post", "refund", "read", "admin"];

/// A line of the committed table.
pub(crate) struct Route {
    pub(crate) method: Method,
    path: String,
    scopes: Vec<String>,
    roles: Vec<String>,
}

pub(crate) fn routes(table: &str) -> anyhow::Result<Vec<Route>> {
    let route = |line: &str| {
        let mut words = line.split(' ');
        let mut word = || words.next().context(line.to_owned());
        let words = |list: &str| list.split(',').map(str::to_owned).collect();
        let (method, path) = (word()?.parse()?, word()?.to_owned());
        anyhow::Ok(Route { method, path, scopes: words(word()?), roles: words(word()?) })
    };
    table.lines().map(route).collect()
}

impl Route {
    fn is_open(&self) -> bool {
        self.scopes == ["open"] && self.roles == ["open"]
    }

    /// Whether the table lets this scope or role in.
    fn admits(&self, who: &str, approved: bool) -> bool {
        let of =
            |list: &[String]| list.iter().any(|word| word == who || (approved && *word == format!("{who}+approver")));
        of(&self.scopes) || of(&self.roles)
    }

    /// Whether an approver makes a difference to anybody.
    fn takes_an_approver(&self) -> bool {
        self.scopes.iter().chain(&self.roles).any(|word| word.ends_with("+approver"))
    }

    /// A path that names nothing there is: whoever is let in hears 404 or less.
    pub(crate) fn asked(&self) -> anyhow::Result<String> {
        let path = self.path.strip_prefix(BASE).context("not under /api/v1")?;
        let path = path.replace("{order_no}", "09501010001366720007").replace("{id}", "09501010001366720007");
        Ok(path
            .replace("{action}", "close")
            .replace("{source}", "his")
            .replace("{number}", "none")
            .replace("{account}", "99")
            .replace("{name}", "none"))
    }

    /// A body that is right, so that only the caller decides.
    pub(crate) fn body(&self, approved: bool) -> Value {
        let mut body = match self.path.rsplit('/').next().unwrap_or_default() {
            "refunds" => json!({ "amount_fen": 1 }),
            "total" => json!({ "total_fen": 100 }),
            _ => json!({}),
        };
        if approved {
            body["approver"] = json!({ "account": ADMINISTRATOR.0, "password": ADMINISTRATOR.1 });
        }
        body
    }

    /// The status and the code of the answer. Its body is read only when it has an end.
    async fn ask(&self, client: &Client, approved: bool) -> anyhow::Result<(u16, String)> {
        let mut request = client.request(self.method.clone(), &self.asked()?);
        if matches!(self.method, Method::POST | Method::PATCH) {
            request = request.header("Idempotency-Key", random_digits(20)).json(&self.body(approved));
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let code = if status < 400 { String::new() } else { text(&answer.json().await?, "code").to_owned() };
        Ok((status, code))
    }
}

/// Asks every route as every caller. Answers the number of questions.
async fn walk(
    table: &str,
    nobody: &Client,
    keys: &[(&str, Client)],
    people: &[(&str, Client)],
) -> anyhow::Result<usize> {
    let mut asked = 0;
    for route in routes(table)? {
        let shown = |who: &str, answer: &(u16, String)| format!("{} {} as {who}: {answer:?}", route.method, route.path);
        let answer = route.ask(nobody, false).await?;
        asked += 1;
        if route.is_open() {
            ensure!(answer.1 != "unauthenticated" && answer.0 != 403, "{}", shown("nobody", &answer));
            continue;
        }
        ensure!(answer == (401, "unauthenticated".to_owned()), "{}", shown("nobody", &answer));
        for (who, client) in keys.iter().chain(people) {
            let approvals: &[bool] = if route.takes_an_approver() { &[false, true] } else { &[false] };
            for approved in approvals {
                let answer = route.ask(client, *approved).await?;
                asked += 1;
                let admitted = answer.0 != 403 && answer.0 != 401;
                let shown = shown(who, &answer);
                ensure!(admitted == route.admits(who, *approved), "{shown}; approved: {approved}");
                if !admitted && !route.admits(who, true) {
                    ensure!(answer.1 == "forbidden", "an approver's password opens nothing here: {shown}");
                }
            }
        }
    }
    Ok(asked)
}

/// The table and the description tell of the same routes.
async fn describes(nobody: &Client, table: &str) -> anyhow::Result<()> {
    let description = nobody.description().await?;
    let mut described = Vec::new();
    for (path, methods) in description["paths"].as_object().context("paths")? {
        described
            .extend(methods.as_object().into_iter().flatten().map(|(method, _)| (method.to_uppercase(), path.clone())));
    }
    let mut listed: Vec<_> = routes(table)?.into_iter().map(|route| (route.method.to_string(), route.path)).collect();
    described.sort();
    listed.sort();
    ensure!(described == listed, "{described:?} {listed:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_asks_who_it_is() {
    World::builder()
        .play(async |world| {
            let node = world.node();
            let nobody = node.anybody()?;
            let mut keys = Vec::new();
            for scope in SCOPES {
                let key = node.command(&["api-key", "create", "--name", scope, "--scope", scope]).await?.line()?;
                keys.push((scope, nobody.with_key(&key)));
            }
            let people =
                [("cashier", node.person(CASHIER).await?), ("administrator", node.person(ADMINISTRATOR).await?)];
            describes(&nobody, NODE).await?;
            let asked = walk(NODE, &nobody, &keys, &people).await?;
            ensure!(asked > 200, "{asked} questions");
            ensure!(world.sandbox.book().await?.is_empty(), "nobody was charged");

            let nobody = Client::nobody(&world.hub.url())?;
            let mut keys = Vec::new();
            for scope in SCOPES {
                let made = world.hub.command(&["api-key", "create", "--name", scope, "--scope", scope]).await?;
                if ["read", "admin"].contains(&scope) {
                    keys.push((scope, nobody.with_key(&made.line()?)));
                } else {
                    ensure!(made.code == 2, "the hub moves no money: {made:?}");
                }
            }
            let people = [("headquarters", world.hub.headquarters().await?)];
            describes(&nobody, HUB).await?;
            let asked = walk(HUB, &nobody, &keys, &people).await?;
            ensure!(asked > 35, "{asked} questions");
            Ok(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_has_a_name_of_its_own() {
    World::builder()
        .play(async |world| {
            let again = ["api-key", "create", "--name", "erp", "--scope", "read"];
            let bogus = ["api-key", "create", "--name", "other", "--scope", "bogus"];
            let node = world.node_mut();
            for running in [true, false] {
                let refused = node.command(&again).await?;
                ensure!(refused.code == 1 && refused.err.contains("key_exists"), "running {running}: {refused:?}");
                ensure!(refused.out.is_empty(), "a key nobody knows: {refused:?}");
                let usage = node.command(&bogus).await?;
                ensure!(usage.code == 2 && usage.err.contains("charge, post, refund, read, admin"), "{usage:?}");
                if running {
                    node.stop().await?;
                }
            }
            node.start().await?;
            node.program()?.read("/payments").await?;
            let again = ["api-key", "create", "--name", "tests", "--scope", "read"];
            let refused = world.hub.command(&again).await?;
            ensure!(refused.code == 1 && refused.err.contains("key_exists"), "{refused:?}");
            let usage = world.hub.command(&bogus).await?;
            ensure!(usage.code == 2, "{usage:?}");
            Ok(())
        })
        .await;
}
