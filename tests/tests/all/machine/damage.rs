use std::{
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
};

use anyhow::{Context, ensure};
use guitai_tests::{
    charge::{Charge, random_digits},
    client::{Answer, Client, text},
    node::{ADMINISTRATOR, Node},
    wait::until,
    world::World,
};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::{SOON, file, says, starts_not};
use crate::sales;

/// The bill's payment was asked for under it.
const KEY: &str = "bill-0000000001";

/// What is changed in the journal's file.
#[derive(Debug)]
enum Damage {
    /// The head of this table's or index's first page.
    Root(&'static str),
    /// A row, by somebody else's program; every index stays sound.
    Row(&'static str),
}

fn on_bill(number: &str) -> Charge {
    let bill = json!({ "source": "pos", "number": number, "total_fen": 1_000 });
    Charge::of(1_000).with("bill", bill).keyed(KEY)
}

fn apply(file: &Path, damage: &Damage) -> anyhow::Result<()> {
    let database = Connection::open(file)?;
    match damage {
        Damage::Row(sql) => {
            let changed = database.execute(sql, [])?;
            ensure!(changed > 0, "{sql} changes nothing");
        }
        Damage::Root(name) => {
            let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
            let page: u64 = database.query_row(sql, [name], |row| row.get(0)).with_context(|| (*name).to_owned())?;
            drop(database);
            let mut file = std::fs::OpenOptions::new().read(true).write(true).open(file)?;
            let (at, mut bytes) = ((page - 1) * 4_096, [0; 8]);
            file.seek(SeekFrom::Start(at))?;
            file.read_exact(&mut bytes)?;
            file.seek(SeekFrom::Start(at))?;
            file.write_all(&bytes.map(|byte| byte ^ 0x5a))?;
        }
    }
    Ok(())
}

/// What the shop has afterwards: its bill is covered, its requests are known, what went back is back, its people log in, its
/// figures are whole.
async fn is_whole(node: &Node, returned: &str, figures: &Value) -> anyhow::Result<()> {
    let client = node.program()?;
    let health = client.read("/health").await?;
    ensure!(health["accepting"] == true, "{health}");
    let shown = self::figures(&client).await?;
    ensure!(shown == *figures, "the figures: {shown}, and were {figures}");
    let again = client.charge(&on_bill("B1").keyed(&random_digits(16))).await?;
    ensure!(again.text("code") == "bill_covered", "a paid bill was taken again: {} {}", again.status, again.json);
    // The same key is the same request, and not another payment.
    let repeated = client.charge(&Charge::of(1).keyed(KEY)).await?;
    ensure!(repeated.text("code") == "idempotency_conflict", "{} {}", repeated.status, repeated.json);
    // Nothing goes back before the hub was heard.
    node.synced(SOON).await?;
    let back = refund(&client, returned).await?;
    ensure!([409, 422].contains(&back.status), "paid back twice: {} {}", back.status, back.json);
    node.person(ADMINISTRATOR).await.map(drop)
}

/// The day's sums, without when they were made up.
async fn figures(client: &Client) -> anyhow::Result<Value> {
    let mut day = client.read("/stats/day").await?;
    day.as_object_mut().context("figures")?.remove("as_of");
    Ok(day)
}

async fn refund(client: &Client, order_no: &str) -> anyhow::Result<Answer> {
    let path = format!("/payments/{order_no}/refunds");
    client.post_keyed(&path, &random_digits(16), &json!({ "amount_fen": 900 })).await
}

// Before: a changed byte in an index or a row let a paid bill be paid again, with `verify` and health saying all is well; a damaged
// page of any row table ended every start or every sale, and `rebuild` could not mend it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d04_whatever_follows_from_facts_is_found_damaged_and_costs_no_sale() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let paid = client.charge(&on_bill("B1")).await?;
            ensure!(paid.text("state") == "paid", "{}", paid.json);
            let returned = sales::pays(&client, 900).await?;
            let returned = text(&returned, "order_no").to_owned();
            ensure!(refund(&client, &returned).await?.status == 200, "a refund");
            sales::becomes(&client, &returned, &["refunded"], SOON).await?;
            world.node().synced(SOON).await?;
            let figures = figures(&client).await?;
            let node = world.node_mut();
            node.stop().await?;
            for (damage, named) in [
                (Damage::Root("payment"), "payment"),
                (Damage::Root("payment_by_bill"), "payment_by_bill"),
                (Damage::Root("payment_by_wallet_no"), "payment_by_wallet_no"),
                (Damage::Root("payment_unfinished"), "payment_unfinished"),
                (Damage::Root("stat"), "stat"),
                (Damage::Root("bill"), "bill"),
                (Damage::Root("account"), "account"),
                (Damage::Root("api_key"), "api_key"),
                (Damage::Root("request"), "request"),
                (Damage::Root("fact_of_order"), "fact_of_order"),
                (Damage::Row("UPDATE bill SET number = 'Q' WHERE number = 'B1'"), "bill"),
                (Damage::Row("UPDATE payment SET covered = 0, bill_number = 'Q' WHERE bill_number = 'B1'"), "payment"),
                (Damage::Row("UPDATE payment SET refunded = 0, state = 'paid' WHERE amount = 900"), "payment"),
                (Damage::Row("DELETE FROM request"), "request"),
                (Damage::Row("UPDATE fact SET order_no = NULL WHERE order_no IS NOT NULL"), "fact"),
                (Damage::Row("UPDATE account SET verifier = 'x', disabled = 1"), "account"),
                (Damage::Row("UPDATE stat SET sum = sum + 1"), "stat"),
            ] {
                apply(&node.journal_file(), &damage)?;
                let found = node.command(&["verify"]).await?;
                says(&found, 3, &[named, "rebuild"]).with_context(|| format!("{damage:?}"))?;
                node.start().await.with_context(|| format!("{damage:?}"))?;
                is_whole(node, &returned, &figures).await.with_context(|| format!("{damage:?}"))?;
                node.stop().await?;
                // What was mended is damaged next.
                ensure!(node.command(&["verify"]).await?.code == 0, "{damage:?}");
            }
            ensure!(file(node, "journal.db.damaged-1").exists(), "nothing is kept aside");
            ensure!(!file(node, "journal.db.damaged-10").exists(), "the disk fills with what was damaged");
            // By command too, with the file that was damaged kept aside.
            apply(&node.journal_file(), &Damage::Root("payment_by_bill"))?;
            let rebuilt = node.command(&["rebuild"]).await?;
            ensure!(rebuilt.code == 0 && rebuilt.out.contains("journal.db.damaged-"), "{rebuilt:?}");
            ensure!(node.command(&["verify"]).await?.code == 0, "rebuilt");
            // Facts are not made up.
            apply(
                &node.journal_file(),
                &Damage::Row("UPDATE fact SET body = zeroblob(length(body)) WHERE number = 2"),
            )?;
            let before = std::fs::read(node.journal_file())?;
            says(&node.command(&["verify"]).await?, 3, &["1-2", "journal.db"])?;
            starts_not(node, 3, &["1-2", "call support"]).await?;
            ensure!(node.command(&["rebuild"]).await?.code == 3, "facts cannot be made anew");
            ensure!(std::fs::read(node.journal_file())? == before, "a damaged journal was changed");
            Ok(())
        })
        .await;
}

// Before: one row with a state nobody knows answered every list with 500, for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d04_a_running_node_that_meets_damage_mends_it_and_goes_on() {
    World::builder()
        .play(async |world| {
            let node = world.node();
            let (client, pid) = (node.program()?, node.pid()?);
            sales::pays(&client, 500).await?;
            apply(&node.journal_file(), &Damage::Row("UPDATE payment SET state = 'nothing'"))?;
            until("the list to be whole", SOON, async || {
                let rows = client.payments().await?;
                ensure!(rows.len() == 1 && text(&rows[0], "state") == "paid", "{rows:?}");
                Ok(Some(()))
            })
            .await?;
            sales::pays(&client, 600).await?;
            ensure!(node.pid()? == pid && Path::new(&format!("/proc/{pid}")).exists(), "another process");
            ensure!(node.command(&["verify"]).await?.code == 0, "verify");
            Ok(())
        })
        .await;
}
