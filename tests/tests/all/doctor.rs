//! `guitai-node doctor`: what is wrong, and who must act.

use anyhow::ensure;
use guitai_tests::{client::text, world::World};
use serde_json::Value;

async fn report(world: &World) -> anyhow::Result<(i32, Value)> {
    let said = world.node().command(&["doctor", "--json"]).await?;
    let report =
        serde_json::from_str(&said.out).map_err(|error| anyhow::anyhow!("{error}: {}{}", said.out, said.err))?;
    Ok((said.code, report))
}

fn mark<'a>(report: &'a Value, name: &str) -> &'a str {
    let probes = report["probes"].as_array();
    let found = probes.into_iter().flatten().find(|probe| text(probe, "probe") == name);
    found.map_or("", |probe| text(probe, "mark"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_names_who_must_act() {
    World::builder()
        .play(async |world| {
            for running in [true, false] {
                if !running {
                    world.node_mut().stop().await?;
                }
                let (code, well) = report(world).await?;
                ensure!([0, 1].contains(&code), "running {running}: exit {code}: {well:#}");
                for probe in ["acquirer", "hub", "disk"] {
                    ensure!(["good", "poor"].contains(&mark(&well, probe)), "{probe}: {well:#}");
                }
            }
            world.node_mut().start().await?;
            world.sandbox.stop()?;
            for running in [true, false] {
                if !running {
                    world.node_mut().stop().await?;
                }
                let (code, ill) = report(world).await?;
                ensure!(code == 2 && mark(&ill, "acquirer") == "failed", "running {running}: exit {code}: {ill:#}");
                ensure!(text(&ill["verdict"], "who") == "acquirer", "{ill:#}");
                ensure!(!text(&ill["verdict"], "words").is_empty(), "{ill:#}");
            }
            world.sandbox.start_again().await?;
            world.hub.stop().await?;
            let (code, ill) = report(world).await?;
            ensure!(code == 2 && mark(&ill, "acquirer") == "good" && mark(&ill, "hub") == "failed", "{code}: {ill:#}");
            ensure!(text(&ill["verdict"], "who") == "headquarters", "{ill:#}");
            Ok(())
        })
        .await;
}
