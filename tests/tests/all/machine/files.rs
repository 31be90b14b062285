use std::fs;

use anyhow::{Context, ensure};
use guitai_tests::{
    charge::{Charge, payment_code},
    client::text,
    node::{ADMINISTRATOR, write_secret},
    process::run,
    wait::until,
    world::World,
};
use serde_json::json;

use super::{SOON, file, says, starts_not};
use crate::sales;

// Before: a node whose side.db was lost, empty, no database or damaged in one page said that it belongs to no store, and sold
// nothing until somebody at headquarters printed a code.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d04_a_side_database_that_is_lost_or_damaged_costs_no_sale() {
    World::builder()
        .play(async |world| {
            let announced = json!({ "title": "盘点", "body": "今晚八点" });
            let published = world.hub.headquarters().await?.post("/announcements", &announced).await?;
            ensure!(published.status < 300, "{} {}", published.status, published.json);
            let node = world.node_mut();
            sales::pays(&node.program()?, 1_000).await?;
            node.synced(SOON).await?;
            node.stop().await?;
            let side = file(node, "side.db");
            let whole = fs::read(&side)?;
            let mut damaged: Vec<(String, Option<Vec<u8>>)> =
                vec![("lost".into(), None), ("empty".into(), Some(vec![])), ("noise".into(), Some(vec![7; 20_000]))];
            for page in 1..whole.len() / 4_096 {
                let mut bytes = whole.clone();
                bytes[page * 4_096..][..16].fill(0x5a);
                damaged.push((format!("page {}", page + 1), Some(bytes)));
            }
            for (how, bytes) in damaged {
                match &bytes {
                    Some(bytes) => fs::write(&side, bytes)?,
                    None => fs::remove_file(&side)?,
                }
                node.start().await.context(how.clone())?;
                sales::pays(&node.program()?, 700).await.context(how.clone())?;
                node.synced(SOON).await.context(how.clone())?;
                if how == "lost" {
                    until("the announcement", SOON, async || {
                        let letters = node.program()?.read("/announcements").await?;
                        ensure!(letters.to_string().contains("盘点"), "{letters}");
                        Ok(Some(()))
                    })
                    .await?;
                }
                node.stop().await?;
                ensure!(node.command(&["verify"]).await?.code == 0, "{how}");
                // A folder that is put back would be another box's to the hub; this one goes on.
                fs::write(&side, &whole)?;
            }
            // Both copies gone: said, with the way out; the payments stay.
            fs::remove_file(&side)?;
            fs::remove_file(file(node, "enrolment.json"))?;
            starts_not(node, 1, &["登记信息丢失", "guitai-hub enrol"]).await
        })
        .await;
}

// Before: with headquarters away as well it said accepting, and told whoever logged in that the password was wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d04_a_lost_journal_comes_back_from_headquarters_and_until_then_the_node_says_so() {
    World::builder()
        .play(async |world| {
            let bill = json!({ "source": "pos", "number": "L-1", "total_fen": 1_000 });
            let on_bill = || Charge::of(1_000).with("bill", bill.clone());
            ensure!(world.node().program()?.charge(&on_bill()).await?.text("state") == "paid");
            world.node().synced(SOON).await?;
            for lost in ["gone", "empty"] {
                world.hub.stop().await?;
                let node = world.node_mut();
                node.stop().await?;
                match lost {
                    "gone" => fs::remove_file(file(node, "journal.db"))?,
                    _ => fs::write(file(node, "journal.db"), "")?,
                }
                node.start().await?;
                let health = node.anybody()?.read("/health").await?;
                ensure!(health["accepting"] == false, "{lost}: {health}");
                let (account, password) = ADMINISTRATOR;
                let log_in = json!({ "account": account, "password": password });
                let answers =
                    [node.program()?.charge(&on_bill()).await?, node.anybody()?.post("/sessions", &log_in).await?];
                for answer in answers {
                    let behind = answer.status == 503 && answer.text("code") == "journal_behind";
                    ensure!(behind, "{lost}: {} {}", answer.status, answer.json);
                }
                world.hub.start_again().await?;
                let node = world.node();
                until("accepting", SOON, async || {
                    let health = node.anybody()?.read("/health").await?;
                    ensure!(health["accepting"] == true, "{health}");
                    Ok(Some(()))
                })
                .await
                .context(lost)?;
                let again = node.program()?.charge(&on_bill()).await?;
                ensure!(again.text("code") == "bill_covered", "{lost}: {} {}", again.status, again.json);
                node.person(ADMINISTRATOR).await?;
                node.synced(SOON).await?;
                ensure!(node.command(&["verify"]).await?.code == 0, "{lost}");
            }
            ensure!(world.sandbox.book().await?.len() == 1);
            Ok(())
        })
        .await;
}

// Before: status, which the README sends people to, said "malformed" and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d04_with_damaged_facts_the_readmes_way_out_is_told_and_leads_out() {
    World::builder()
        .play(async |world| {
            let node = world.node_mut();
            let paid = text(&sales::pays(&node.program()?, 1_000).await?, "order_no").to_owned();
            node.synced(SOON).await?;
            node.stop().await?;
            let journal = file(node, "journal.db");
            let mut bytes = fs::read(&journal)?;
            for page in bytes.chunks_mut(4_096).skip(1) {
                page[..1_500].fill(0x5a);
            }
            fs::write(&journal, bytes)?;
            let status = node.command(&["status"]).await?;
            ensure!(status.code == 3, "{status:?}");
            for word in ["门店 store", "已确认 acked", "unreadable"] {
                ensure!(status.out.contains(word), "{word}: {status:?}");
            }
            let doctor = node.command(&["doctor", "--only", "journal"]).await?;
            for said in [&status.err, &doctor.out] {
                ensure!(said.contains("最后一笔付款") && said.contains("移走 journal.db"), "{said}");
            }
            starts_not(node, 3, &["移走 journal.db"]).await?;
            // As it says.
            let last: String =
                world.hub.program()?.read("/payments?limit=1").await?["items"][0]["order_no"].to_string();
            ensure!(last.contains(&paid), "{last}: headquarters has not {paid}");
            let node = world.node_mut();
            fs::rename(&journal, journal.with_extension("kept"))?;
            node.start().await?;
            let found =
                until("the payment", SOON, async || node.program()?.read(&format!("/payments/{paid}")).await.map(Some));
            ensure!(text(&found.await?, "state") == "paid");
            sales::pays(&node.program()?, 1_100).await?;
            node.synced(SOON).await?;
            ensure!(node.command(&["verify"]).await?.code == 0);
            Ok(())
        })
        .await;
}

// Before: any command made another identity without a word, with which the journal's seals did not fit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h03_a_lost_key_is_named_and_no_other_is_made() {
    World::builder()
        .play(async |world| {
            let code = payment_code();
            let charge = Charge::of(800).with("auth_code", code.clone()).keyed("lost-key-000001");
            let node = world.node_mut();
            let paid = node.program()?.charge(&charge).await?;
            ensure!(paid.text("state") == "paid", "{}", paid.json);
            node.stop().await?;
            let identity = file(node, "identity.key");
            let kept = fs::read(&identity)?;
            fs::remove_file(&identity)?;
            for verb in ["status", "verify", "rebuild"] {
                says(&node.command(&[verb]).await?, 1, &["identity.key", "backup", "guitai-hub enrol"])?;
            }
            starts_not(node, 1, &["identity.key"]).await?;
            ensure!(!identity.exists(), "another key was made");
            write_secret(&identity, "")?;
            fs::write(&identity, kept)?;
            // The keys of hashes come back from their second copy: a code is known as used, a request as made.
            for name in ["code.key", "request.key"] {
                fs::remove_file(file(node, name))?;
            }
            node.start().await?;
            let client = node.program()?;
            let again = client.charge(&charge).await?;
            ensure!(text(&again.json, "order_no") == paid.text("order_no"), "{} {}", again.status, again.json);
            let used = client.charge(&Charge::of(800).with("auth_code", code)).await?;
            ensure!(used.text("code") == "payment_code_used", "{} {}", used.status, used.json);
            Ok(())
        })
        .await;
}

// Before: a hub without its key made another and cut every store off; one without its database started empty, with all well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h03_a_hub_without_its_key_or_its_database_does_not_start() {
    World::builder()
        .play(async |world| {
            world.hub.stop().await?;
            let (database, key) = (world.hub.file(), world.hub.file().with_file_name("identity.key"));
            let aside = database.with_file_name("aside");
            fs::rename(&key, &aside)?;
            says(&world.hub.command(&["verify"]).await?, 1, &["identity.key", "backup"])?;
            says(&run(world.hub.run_command(), "").await?, 1, &["identity.key"])?;
            ensure!(!key.exists(), "another key was made");
            fs::rename(&aside, &key)?;
            fs::rename(&database, &aside)?;
            says(&run(world.hub.run_command(), "").await?, 1, &["hub.db", "backup"])?;
            fs::write(&database, b"")?;
            says(&run(world.hub.run_command(), "").await?, 1, &["hub.db", "empty"])?;
            fs::write(&database, [7; 20_000])?;
            says(&world.hub.command(&["verify"]).await?, 3, &["hub.db"])?;
            fs::rename(&aside, &database)?;
            world.hub.start_again().await
        })
        .await;
}
