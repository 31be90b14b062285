//! The pages as browsers load them.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use guitai_tests::world::World;

/// What a first load may come to compressed, as a part of a hundred of what it is.
const PERCENT_MAX: usize = 40;

/// Undone by what made it.
const UNPACK: &str = "const z = require('node:zlib'), bytes = require('node:fs').readFileSync(0); \
    process.stdout.write(process.argv[1] === 'br' ? z.brotliDecompressSync(bytes) : z.gunzipSync(bytes))";

fn unpacked(encoding: &str, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut node =
        Command::new("node").args(["-e", UNPACK, encoding]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    node.stdin.take().context("a pipe was asked for")?.write_all(bytes)?;
    Ok(node.wait_with_output()?.stdout)
}

/// The body of a file, and how it came.
async fn fetched(base: &str, path: &str, accepted: &str) -> anyhow::Result<(String, Vec<u8>)> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let answer = client.get(format!("{base}{path}")).header("Accept-Encoding", accepted).send().await?;
    ensure!(answer.status() == 200, "{path}: {}", answer.status());
    ensure!(
        answer.headers().get("vary").is_some_and(|vary| vary == "accept-encoding"),
        "{path}: {:?}",
        answer.headers()
    );
    let encoding = answer.headers().get("content-encoding").map(|name| name.to_str().map(str::to_owned)).transpose()?;
    Ok((encoding.unwrap_or_default(), answer.bytes().await?.to_vec()))
}

// P10. Before: nothing was compressed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_load_comes_compressed() {
    World::builder()
        .play(async |world| {
            for (page, base) in [("cashier", format!("http://{}", world.node().address())), ("hq", world.hub.url())] {
                let index = String::from_utf8(fetched(&base, "/", "identity").await?.1)?;
                let linked = index.split(['"', '\'']).filter(|text| text.starts_with("/assets/"));
                let files: Vec<_> = std::iter::once("/").chain(linked).collect();
                ensure!(files.len() >= 3, "{page} has no script and style; run scripts/build-web: {index}");
                let mut sums = [0, 0, 0];
                for path in &files {
                    let (_, plain) = fetched(&base, path, "identity").await?;
                    sums[0] += plain.len();
                    for (sum, accepted) in [(1, "br"), (2, "gzip")] {
                        let (encoding, packed) = fetched(&base, path, accepted).await?;
                        sums[sum] += packed.len();
                        ensure!(encoding == accepted || packed == plain, "{page} {path}: {encoding}");
                        ensure!(
                            encoding.is_empty() || unpacked(accepted, &packed)? == plain,
                            "{page} {path}: another file"
                        );
                    }
                }
                let [plain, br, gzip] = sums;
                println!(
                    "performance: {page}, first load of {} files {plain} B, as br {br} B, as gzip {gzip} B",
                    files.len()
                );
                for packed in [br, gzip] {
                    ensure!(packed * 100 < plain * PERCENT_MAX, "{page}: {packed} of {plain} B");
                }
            }
            Ok(())
        })
        .await;
}
