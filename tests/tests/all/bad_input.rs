//! Wrong requests: each is refused with its status, its code and words for people, and none reaches the acquirer.

use anyhow::ensure;
use guitai_tests::{
    charge::{Charge, payment_code, random_digits},
    client::{Answer, Client, text},
    node::{ADMINISTRATOR, CASHIER},
    world::World,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::sales;

/// A refusal that programs and people can read.
fn refused(what: &str, answer: &Answer, status: u16, code: &str) -> anyhow::Result<()> {
    let said = format!("{what}: {} {}", answer.status, answer.json);
    ensure!(answer.status == status && answer.text("code") == code, "wanted {status} {code}, got {said}");
    ensure!(answer.json["status"] == status, "{said}");
    let kind = answer.headers.get("content-type").and_then(|value| value.to_str().ok());
    ensure!(kind.is_some_and(|kind| kind.starts_with("application/problem+json")), "{kind:?}: {said}");
    for member in ["title", "detail"] {
        ensure!(is_chinese(answer.text(member)), "{member} is no Chinese: {said}");
    }
    Ok(())
}

fn is_chinese(words: &str) -> bool {
    words.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_charges_are_refused_in_words_and_never_sent() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let table: Vec<(&str, Charge, u16, &str)> = vec![
                ("zero", Charge::of(0), 422, "amount_zero"),
                ("negative", Charge::of(1).with("amount_fen", -5), 422, "amount_negative"),
                ("least i64", Charge::of(1).with("amount_fen", i64::MIN), 422, "amount_negative"),
                ("yuan", Charge::of(1).with("amount_fen", json!(12.345)), 400, "amount_decimals"),
                ("a half", Charge::of(1).with("amount_fen", json!(1.5)), 400, "amount_decimals"),
                ("one, as a decimal", Charge::of(1).with("amount_fen", json!(1.0)), 400, "amount_decimals"),
                ("a text", Charge::of(1).with("amount_fen", "12"), 400, "amount_decimals"),
                ("null", Charge::of(1).with("amount_fen", Value::Null), 400, "malformed"),
                ("one over the limit", Charge::of(50_000_001), 422, "amount_over_limit"),
                ("over i64", Charge::of(1).with("amount_fen", u64::MAX), 422, "amount_over_limit"),
                ("no amount", Charge::raw(json!({ "auth_code": payment_code() })), 400, "malformed"),
                ("goods", Charge::of(100).with("auth_code", "6901234567892"), 422, "goods_code"),
                ("a link", Charge::of(100).with("auth_code", "https://example.com/pay"), 422, "not_a_payment_code"),
                ("letters", Charge::of(100).with("auth_code", "13012345678901234x"), 422, "not_a_payment_code"),
                ("too short", Charge::of(100).with("auth_code", "13012345"), 422, "goods_code"),
                ("15 digits", Charge::of(100).with("auth_code", "130123456789012"), 422, "not_a_payment_code"),
                ("25 digits", Charge::of(100).with("auth_code", random_digits(25)), 422, "not_a_payment_code"),
                ("other digits", Charge::of(100).with("auth_code", "١٣٠١٢٣٤٥٦٧٨٩٠١٢٣٤٥"), 422, "not_a_payment_code"),
                ("our own number", Charge::of(100).with("auth_code", "10010123454366720010"), 422, "order_number"),
                ("an empty code", Charge::of(100).with("auth_code", ""), 422, "not_a_payment_code"),
                ("no code", Charge::raw(json!({ "amount_fen": 100 })), 400, "malformed"),
                ("two codes", Charge::of(100).with("scan", "0123456789abcdef"), 400, "malformed"),
                ("an unknown scan", Charge::raw(json!({ "amount_fen": 100, "scan": "0123" })), 422, "scan_expired"),
                ("unregistered till", Charge::of(100).with("till", "T2"), 422, "till_not_registered"),
                ("unknown till", Charge::of(100).with("till", "T9"), 422, "till_unknown"),
                ("unknown field", Charge::of(100).with("amount_yuan", 1), 400, "malformed"),
                ("unknown inner field", Charge::of(100).with("fields", json!({ "colour": "红" })), 400, "malformed"),
                ("waits too long", Charge::of(100).wait_ms(60_001), 400, "malformed"),
                ("long remark", Charge::of(100).with("fields", json!({ "remark": "长".repeat(51) })), 400, "malformed"),
                (
                    "no total",
                    Charge::of(100).with("bill", json!({ "source": "his", "number": "1" })),
                    422,
                    "bill_total_missing",
                ),
                ("a line break in a bill", Charge::of(100).with("bill", bill("B\n1", 100)), 400, "malformed"),
                ("a hidden bill", Charge::of(100).with("bill", bill("B1\u{200b}", 100)), 400, "malformed"),
                ("a turned bill", Charge::of(100).with("bill", bill("\u{202e}B1", 100)), 400, "malformed"),
                ("more than the bill", Charge::of(100).with("bill", bill("B-0", 99)), 422, "bill_covered"),
                ("bad cashier", Charge::of(100).with("cashier", "张三"), 400, "malformed"),
            ];
            for (what, charge, status, code) in table {
                refused(what, &client.charge(&charge).await?, status, code)?;
            }
            the_field_is_named(&client).await?;
            what_is_no_json_is_refused(&client).await?;
            ensure!(world.sandbox.book().await?.is_empty(), "a refused charge reached the acquirer");
            ensure!(client.payments().await?.is_empty(), "a refused charge left a trace");
            Ok(())
        })
        .await;
}

fn bill(number: &str, total_fen: u64) -> Value {
    json!({ "source": "his", "number": number, "total_fen": total_fen })
}

async fn the_field_is_named(client: &Client) -> anyhow::Result<()> {
    for (charge, field) in [
        (Charge::of(0), "amount_fen"),
        (Charge::of(100).with("auth_code", "6901234567892"), "auth_code"),
        (Charge::of(100).with("till", "T9"), "till"),
        (Charge::of(100).with("amount_yuan", 1), "amount_yuan"),
        (Charge::of(100).with("bill", json!({ "source": "his", "number": "1", "total": 1 })), "bill.total"),
    ] {
        let answer = client.charge(&charge).await?;
        ensure!(answer.text("field") == field, "{field}: {}", answer.json);
    }
    let english =
        client.request(Method::POST, "/payments").header("Accept-Language", "en-GB").json(&Charge::of(0).body());
    let english = client.send(english.header("Idempotency-Key", random_digits(20))).await?;
    ensure!(english.text("code") == "amount_zero" && !is_chinese(english.text("detail")), "{}", english.json);
    ensure!(!english.text("title").is_empty(), "{}", english.json);
    Ok(())
}

async fn what_is_no_json_is_refused(client: &Client) -> anyhow::Result<()> {
    let keyed = || client.request(Method::POST, "/payments").header("Idempotency-Key", random_digits(20));
    let json = |body: &'static str| keyed().header("Content-Type", "application/json").body(body);
    refused("a list", &client.send(json("[100]")).await?, 400, "malformed")?;
    refused("half a body", &client.send(json("{\"amount_fen\": 1")).await?, 400, "malformed")?;
    refused("nothing", &client.send(json("")).await?, 400, "malformed")?;
    let twice = "{\"amount_fen\": 1, \"amount_fen\": 900, \"auth_code\": \"130123456789012345\"}";
    refused("an amount twice", &client.send(json(twice)).await?, 400, "malformed")?;
    let form = keyed().header("Content-Type", "application/x-www-form-urlencoded").body("amount_fen=100");
    refused("a form", &client.send(form).await?, 415, "unsupported_media_type")?;
    let large =
        keyed().header("Content-Type", "application/json").body(format!("{{\"a\": \"{}\"}}", "x".repeat(3 << 20)));
    refused("3 MiB", &client.send(large).await?, 413, "too_large")?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_is_one_payment() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            for (what, key, code) in [
                ("none", None, "idempotency_key_missing"),
                ("short", Some("1234567"), "idempotency_key_malformed"),
                ("long", Some("k".repeat(65)).as_deref(), "idempotency_key_malformed"),
                ("with a blank", Some("1234 5678"), "idempotency_key_malformed"),
            ] {
                let request = client.request(Method::POST, "/payments").json(&Charge::of(100).body());
                let request = key.map_or_else(
                    || request.try_clone(),
                    |key| request.try_clone().map(|r| r.header("Idempotency-Key", key)),
                );
                let request = request.ok_or_else(|| anyhow::anyhow!("a body in memory"))?;
                refused(what, &client.send(request).await?, 400, code)?;
            }
            ensure!(world.sandbox.book().await?.is_empty(), "a charge without a key reached the acquirer");

            let charge = Charge::of(500);
            let mut together = tokio::task::JoinSet::new();
            for _ in 0..8 {
                let (client, charge) = (client.clone(), charge.clone());
                together.spawn(async move { client.charge(&charge).await });
            }
            let answers = together.join_all().await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
            let first = answers[0].text("order_no").to_owned();
            for answer in &answers {
                ensure!(answer.status == 200 && answer.text("order_no") == first, "{} {}", answer.status, answer.json);
                ensure!(answer.text("state") == "paid", "a duplicate waits for the first: {}", answer.json);
            }
            let other = charge.clone().with("amount_fen", 501);
            refused("another body", &client.charge(&other).await?, 409, "idempotency_conflict")?;
            let used = Charge::of(700).with("auth_code", charge.body()["auth_code"].clone());
            refused("a code used before", &client.charge(&used).await?, 422, "payment_code_used")?;
            // Keys belong to their callers.
            let person = world.node().person(CASHIER).await?;
            let theirs = Charge::of(800).keyed(&charge.key);
            let answer = person.charge(&theirs).await?;
            ensure!(answer.status == 200 && answer.text("order_no") != first, "{} {}", answer.status, answer.json);
            let book = world.sandbox.book().await?;
            ensure!(book.len() == 2 && book.values().all(|line| line.charges == 1), "{book:?}");
            sales::agrees(&client.payments().await?, &book)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bill_is_never_paid_twice() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            // Six cashiers at once, 30 yuan each, on a bill of 100 yuan: three fit.
            let mut together = tokio::task::JoinSet::new();
            for _ in 0..6 {
                let (client, charge) = (client.clone(), Charge::of(3_000).with("bill", bill("B-1", 10_000)));
                together.spawn(async move { client.charge(&charge).await });
            }
            let answers = together.join_all().await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
            let paid = answers.iter().filter(|answer| answer.status == 200 && answer.text("state") == "paid").count();
            ensure!(paid == 3, "{paid} of 6 were paid: {answers:?}");
            for answer in answers.iter().filter(|answer| answer.status != 200) {
                // Paid by others, or still in doubt: design section 5 has a code for each.
                let code = answer.text("code");
                ensure!(answer.status == 422 && ["bill_covered", "bill_locked"].contains(&code), "{}", answer.json);
            }
            let rest = client.charge(&Charge::of(1_000).with("bill", bill("B-1", 10_000))).await?;
            ensure!(rest.text("state") == "paid", "the last 10 yuan: {}", rest.json);
            let more = client.charge(&Charge::of(1).with("bill", bill("B-1", 10_000))).await?;
            refused("one fen more", &more, 422, "bill_covered")?;
            for written in ["B-1 ", " B-1", "B-1\n", "\tB-1\r\n", "\u{3000}B-1", "Ｂ－１"] {
                let again = client.charge(&Charge::of(1).with("bill", bill(written, 10_000))).await?;
                refused(written, &again, 422, "bill_covered")?;
            }
            let sum: u64 = world.sandbox.book().await?.values().map(|line| line.amount_fen).sum();
            ensure!(sum == 10_000, "the acquirer took {sum}");
            // A declined attempt leaves its bill free.
            let declined = client.charge(&Charge::of(3_009).with("bill", bill("B-2", 3_009))).await?;
            ensure!(declined.text("state") == "declined", "{}", declined.json);
            let ok = client.charge(&Charge::of(3_000).with("bill", bill("B-2", 3_009))).await?;
            ensure!(ok.text("state") == "paid", "{}", ok.json);
            Ok(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessing_passwords_gets_slow_and_tells_nothing() {
    World::builder()
        .play(async |world| {
            let anybody = world.node().anybody()?;
            let guess = async |account: &str, password: &str| {
                anybody.post("/sessions", &json!({ "account": account, "password": password })).await
            };
            let unknown = guess("99", "some-password").await?;
            refused("an unknown account", &unknown, 401, "wrong_password")?;
            let mut answers = Vec::new();
            for _ in 0..6 {
                answers.push(guess(CASHIER.0, "not-this-one").await?);
            }
            ensure!(
                answers[0].json == unknown.json,
                "accounts can be told apart: {} {}",
                answers[0].json,
                unknown.json
            );
            refused("the first wrong one", &answers[0], 401, "wrong_password")?;
            refused("the sixth wrong one", &answers[5], 429, "too_many_tries")?;
            ensure!(answers[5].retry_after_s().is_some_and(|s| (1..=30).contains(&s)), "{:?}", answers[5].headers);
            // The right password waits as well; the administrator does not.
            refused("too early", &guess(CASHIER.0, CASHIER.1).await?, 429, "too_many_tries")?;
            world.node().person(ADMINISTRATOR).await?;
            let seconds = answers[5].retry_after_s().unwrap_or(30);
            tokio::time::sleep(std::time::Duration::from_millis(seconds * 1_000 + 200)).await;
            world.node().person(CASHIER).await.map(drop)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_administrators_who_make_one_account_make_it_once() {
    World::builder()
        .play(async |world| {
            let administrator = world.node().person(ADMINISTRATOR).await?;
            for round in 0..5 {
                let account = format!("n{round}");
                let make = async |name: &str| {
                    let new =
                        json!({ "account": account, "name": name, "role": "cashier", "password": "mima-mima-04" });
                    administrator.post("/accounts", &new).await
                };
                let (one, other) = tokio::join!(make("李四"), make("王五"));
                let (one, other) = (one?, other?);
                let (made, told) = if one.status == 201 { (one, other) } else { (other, one) };
                ensure!(made.status == 201, "{} {}", made.status, made.json);
                refused("the second", &told, 409, "account_exists")?;
                let all = administrator.read("/accounts").await?;
                let named =
                    all["items"].as_array().into_iter().flatten().find(|one| one["account"] == account.as_str());
                ensure!(named.is_some_and(|one| one["name"] == made.json["name"]), "{all}");
            }
            Ok(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_more_than_theirs() {
    World::builder()
        .play(async |world| {
            let node = world.node();
            let (anybody, program) = (node.anybody()?, node.program()?);
            let (cashier, administrator) = (node.person(CASHIER).await?, node.person(ADMINISTRATOR).await?);
            for path in
                ["/payments", "/stats/day", "/accounts", "/announcements", "/sync", "/events", "/sessions/current"]
            {
                refused(path, &anybody.get(path).await?, 401, "unauthenticated")?;
            }
            refused("a charge by nobody", &anybody.charge(&Charge::of(100)).await?, 401, "unauthenticated")?;
            let forged = anybody.with_key("gk_0000000000000000000000000000000000000000000");
            refused("a forged key", &forged.charge(&Charge::of(100)).await?, 401, "unauthenticated")?;

            let paid = sales::pays(&program, 900).await?;
            let order_no = text(&paid, "order_no");
            refused("another's payment", &cashier.get(&format!("/payments/{order_no}")).await?, 404, "not_found")?;
            refused("accounts", &cashier.get("/accounts").await?, 403, "forbidden")?;
            let new = json!({ "account": "04", "name": "李四", "role": "administrator", "password": "mima-mima-04" });
            refused("a new account", &cashier.post("/accounts", &new).await?, 403, "forbidden")?;

            let own = sales::pays(&cashier, 950).await?;
            let void = format!("/payments/{}/void", text(&own, "order_no"));
            let approved_by =
                |account: &str, password: &str| json!({ "approver": { "account": account, "password": password } });
            for (what, body, code) in [
                ("no approver", json!({}), "approver_wrong_password"),
                ("a cashier approves", approved_by(CASHIER.0, CASHIER.1), "approver_not_allowed"),
                ("a wrong password", approved_by(ADMINISTRATOR.0, "not-this-one"), "approver_wrong_password"),
                ("an unknown approver", approved_by("99", "not-this-one"), "approver_wrong_password"),
            ] {
                refused(what, &cashier.post_keyed(&void, &random_digits(12), &body).await?, 403, code)?;
            }
            let book = world.sandbox.book().await?;
            ensure!(book.values().all(|line| line.state == "paid"), "a refused void reached the acquirer: {book:?}");
            let approved = approved_by(ADMINISTRATOR.0, ADMINISTRATOR.1);
            let voided = cashier.post_keyed(&void, &random_digits(12), &approved).await?;
            ensure!(voided.status == 200 && voided.text("state") == "reversed", "{} {}", voided.status, voided.json);

            // A page of another site has the cookie but not the header, or has an origin of its own.
            let bare = administrator.request(Method::POST, "/accounts").json(&new).build()?;
            let cookie = bare.headers()["cookie"].clone();
            let forged = anybody.request(Method::POST, "/accounts").header("Cookie", cookie).json(&new);
            refused("without X-Guitai", &anybody.send(forged).await?, 403, "cross_site")?;
            let foreign =
                administrator.request(Method::POST, "/accounts").header("Origin", "http://evil.example").json(&new);
            refused("a foreign origin", &administrator.send(foreign).await?, 403, "cross_site")?;
            let rebound = administrator.request(Method::GET, "/accounts").header("Host", "evil.example");
            refused("a foreign host", &administrator.send(rebound).await?, 421, "misdirected")?;
            let accounts = administrator.read("/accounts").await?;
            ensure!(accounts["items"].as_array().is_some_and(|items| items.len() == 2), "{accounts}");
            refused("no such payment", &program.get("/payments/09501010001366720007").await?, 404, "not_found")?;
            refused("no such path", &program.get("/nothing").await?, 404, "not_found")?;
            refused("a wrong method", &program.patch("/payments", &json!({})).await?, 405, "method_not_allowed")
        })
        .await;
}
