//! The published descriptions are true: every route of both programs is asked rightly, wrongly and with parts missing, and each
//! answer's status, content type and body are looked up in what the program says of itself.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use guitai_tests::{
    charge::{payment_code, random_digits},
    client::{Client, text},
    node::{ADMINISTRATOR, CASHIER},
    schema::Description,
    world::World,
};
use reqwest::{Method, RequestBuilder, Response, header::CONTENT_TYPE};
use serde_json::{Value, json};

const BASE: &str = "/api/v1";

/// The largest body is 64 KiB.
const TOO_LARGE: usize = 100 * 1024;

/// One route of a program, as it is described.
struct Operation<'a> {
    of: Description<'a>,
    method: Method,
    path: String,
    itself: &'a Value,
}

/// What goes into a path, a query and a body so that the request is right.
struct Right<'a> {
    order_no: &'a str,
    announcement: &'a str,
}

/// How often each status was answered, and what was not as described.
#[derive(Default)]
struct Answers {
    statuses: BTreeMap<u16, usize>,
    wrong: Vec<String>,
}

fn operations(description: &Value) -> anyhow::Result<Vec<Operation<'_>>> {
    let mut all = Vec::new();
    for (path, methods) in description["paths"].as_object().context("paths")? {
        for (method, itself) in methods.as_object().into_iter().flatten() {
            let path = path.strip_prefix(BASE).context("not under /api/v1")?.to_owned();
            all.push(Operation { of: Description(description), method: method.to_uppercase().parse()?, path, itself });
        }
    }
    Ok(all)
}

impl Operation<'_> {
    fn name(&self) -> &str {
        text(self.itself, "operationId")
    }

    fn takes(&self, kind: &str, name: &str) -> bool {
        let mut parameters = self.itself["parameters"].as_array().into_iter().flatten().map(|one| self.of.resolve(one));
        parameters.any(|one| one["in"] == kind && (name.is_empty() || one["name"] == name))
    }

    fn at(&self, right: &Right<'_>) -> String {
        let id = if self.path.starts_with("/exceptions") { right.order_no } else { right.announcement };
        let path = self.path.replace("{order_no}", right.order_no).replace("{id}", id);
        path.replace("{action}", "close")
            .replace("{source}", "his")
            .replace("{number}", "B-1")
            .replace("{account}", CASHIER.0)
            .replace("{name}", "none")
    }

    fn body(&self) -> Value {
        match self.name() {
            "charge" => json!({
                "amount_fen": 300, "auth_code": payment_code(), "cashier": ADMINISTRATOR.0,
                "bill": { "source": "his", "number": "B-1", "total_fen": 90_000 }
            }),
            "refund_payment" => json!({ "amount_fen": 1 }),
            "set_bill_total" => json!({ "total_fen": 91_000 }),
            "create_account" => {
                json!({ "account": random_digits(9), "name": "李四", "role": "cashier", "password": "mima-mima-04" })
            }
            "change_account" => json!({ "disabled": false }),
            "log_in" => json!({ "account": ADMINISTRATOR.0, "password": ADMINISTRATOR.1 }),
            "publish_announcement" => json!({ "title": "盘点", "body": "周日盘点" }),
            "edit_announcement" => json!({ "title": "盘点改期" }),
            _ => json!({}),
        }
    }

    /// A request without a body may be right.
    fn may_be_empty(&self) -> bool {
        self.itself["requestBody"]["required"] == false
    }

    fn has_body(&self) -> bool {
        self.itself["requestBody"].is_object()
    }

    fn begin(&self, who: &Client, path: &str) -> RequestBuilder {
        let request = who.request(self.method.clone(), path);
        if self.takes("header", "Idempotency-Key") {
            return request.header("Idempotency-Key", random_digits(20));
        }
        request
    }

    /// Requests that are wrong in what every route has.
    fn wrong(&self, who: &Client, at: &str) -> Vec<RequestBuilder> {
        let mut all = vec![
            self.begin(who, at).header("Host", "evil.example"),
            self.begin(who, at).header("Origin", "http://evil.example"),
        ];
        if self.takes("path", "") {
            let base = self.path.split('{').next().unwrap_or_default();
            let rest = ["{source}", "{order_no}", "{id}", "{account}"]
                .iter()
                .fold(self.path.clone(), |path, part| path.replace(part, "%ff"));
            all.push(
                self.begin(who, &rest.replace("{name}", "%ff").replace("{number}", "x").replace("{action}", "close")),
            );
            let parts = self.path.matches('/').count();
            if parts == 2 {
                all.push(self.begin(who, &format!("{base}{}", "9".repeat(300))));
            }
        }
        if self.takes("query", "") {
            for query in ["nonsense=1", "limit=0", "limit=x", "day=x", "state=x&kind=y", "from=x", "date=2026-02-30"] {
                all.push(self.begin(who, &format!("{at}?{query}")));
            }
        }
        if self.has_body() {
            let json = |body: String| self.begin(who, at).header(CONTENT_TYPE, "application/json").body(body);
            for body in
                ["[1]", "{", "null", "\"x\"", "{\"nonsense\":1}", "{\"amount_fen\":\"1\"}", "{\"amount_fen\":-1}"]
            {
                all.push(json(body.to_owned()));
            }
            all.push(json(format!("{{\"note\":\"{}\"}}", "x".repeat(TOO_LARGE))));
            all.push(self.begin(who, at).header(CONTENT_TYPE, "text/plain").body("x"));
            all.push(self.begin(who, at));
        }
        if self.takes("header", "Idempotency-Key") {
            all.push(who.request(self.method.clone(), at).json(&self.body()));
            all.push(who.request(self.method.clone(), at).header("Idempotency-Key", "short").json(&self.body()));
        }
        all
    }

    /// Looks an answer up.
    async fn check(&self, response: Response, answers: &mut Answers) -> anyhow::Result<u16> {
        let status = response.status().as_u16();
        *answers.statuses.entry(status).or_default() += 1;
        let url = response.url().clone();
        let faults = self.faults(response).await?;
        answers
            .wrong
            .extend(faults.into_iter().map(|fault| format!("{} {url} answered {status}: {fault}", self.method)));
        Ok(status)
    }

    async fn faults(&self, response: Response) -> anyhow::Result<Vec<String>> {
        let described = &self.itself["responses"][response.status().as_u16().to_string()];
        if !described.is_object() {
            return Ok(vec!["not described".to_owned()]);
        }
        let described = self.of.resolve(described);
        let mut faults = Vec::new();
        if text(described, "description").is_empty() {
            faults.push("described without a word".to_owned());
        }
        for name in described["headers"].as_object().into_iter().flatten().map(|(name, _)| name) {
            if !response.headers().contains_key(name) && name != "Retry-After" {
                faults.push(format!("without {name}"));
            }
        }
        let kind = response.headers().get(CONTENT_TYPE).map(|kind| kind.to_str().map(str::to_owned)).transpose()?;
        let Some(kind) = kind else {
            faults.extend(described.get("content").map(|content| format!("nothing, described as {content}")));
            return Ok(faults);
        };
        let content = &described["content"][kind.split(';').next().unwrap_or_default()];
        if !content.is_object() {
            faults.push(format!("{kind}, described as {}", described["content"]));
        } else if kind.contains("json") {
            let body: Value = response.json().await?;
            faults.extend(self.of.faults(&content["schema"], &body));
        }
        Ok(faults)
    }
}

/// Asks every route of a program. `people` is who may ask what no program may.
async fn ask_all(
    (description, right): (&Value, &Right<'_>),
    nobody: &Client,
    program: &Client,
    people: &Client,
) -> anyhow::Result<Answers> {
    let mut answers = Answers::default();
    for operation in operations(description)? {
        let at = operation.at(right);
        let for_people = !operation.itself["security"].to_string().contains("\"key\"");
        let who = if for_people { people } else { program };
        for request in operation.wrong(who, &at) {
            let status = operation.check(request.send().await?, &mut answers).await?;
            if (200..300).contains(&status) && !operation.may_be_empty() {
                answers.wrong.push(format!("{} {at}: a wrong request was answered {status}", operation.method));
            }
        }
        operation.check(operation.begin(nobody, &at).send().await?, &mut answers).await?;
        // Logging out would end the session that asks on.
        let who = if operation.name() == "log_out" { nobody } else { who };
        let mut request = operation.begin(who, &at);
        if operation.has_body() {
            request = request.json(&operation.body());
        }
        let status = operation.check(request.send().await?, &mut answers).await?;
        // An account of the store is none of headquarters'.
        let stranger = operation.name() == "log_in" && status == 401;
        if status >= 300 && ![404, 409].contains(&status) && !stranger {
            answers.wrong.push(format!("{} {at}, asked rightly: {status}", operation.method));
        }
    }
    let Answers { statuses, wrong } = &answers;
    ensure!(wrong.is_empty() && !statuses.contains_key(&500), "{statuses:?}\n{}", wrong.join("\n"));
    Ok(answers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_what_the_descriptions_say() {
    World::builder()
        .play(async |world| {
            let headquarters = world.hub.headquarters().await?;
            let published = headquarters.post("/announcements", &json!({ "title": "a", "body": "b" })).await?.json;
            let node = world.node();
            let make = ["api-key", "create", "--name", "all", "--scope", "charge,post,refund,read,admin"];
            let nobody = node.anybody()?;
            let program = nobody.with_key(&node.command(&make).await?.line()?);
            let charge = guitai_tests::charge::Charge::of(5_000);
            let paid = program.charge(&charge).await?.json;
            let right = Right { order_no: text(&paid, "order_no"), announcement: text(&published, "id") };
            let description = nobody.description().await?;
            let people = node.person(ADMINISTRATOR).await?;
            let answers = ask_all((&description, &right), &nobody, &program, &people).await?.statuses;
            let told: Vec<u16> = answers.keys().copied().collect();
            ensure!(
                [200, 201, 204, 400, 401, 403, 404, 409, 413, 415, 421].iter().all(|s| told.contains(s)),
                "{answers:?}"
            );
            ensure!(answers.values().sum::<usize>() > 250, "{answers:?}");

            let make = ["api-key", "create", "--name", "all", "--scope", "read,admin"];
            let nobody = Client::nobody(&world.hub.url())?;
            let program = nobody.with_key(&world.hub.command(&make).await?.line()?);
            let description = nobody.description().await?;
            let people = world.hub.headquarters().await?;
            let answers = ask_all((&description, &right), &nobody, &program, &people).await?.statuses;
            ensure!(answers.values().sum::<usize>() > 70, "{answers:?}");
            Ok(())
        })
        .await;
}
