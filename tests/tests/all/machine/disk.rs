use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, ensure};
use guitai_tests::{charge::Charge, client::Client, process::program, wait::until, world::World};

use super::SOON;
use crate::sales;

/// A node whose data folder is a disk of its own, in a mount namespace that this test made; it is ended when this goes.
struct OnSmallDisk {
    child: Child,
    /// The disk, as seen from outside.
    disk: PathBuf,
}

impl Drop for OnSmallDisk {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Copies a folder onto a fresh disk of 100 MiB and runs the node on it.
fn start(config: &Path, data: &Path) -> anyhow::Result<OnSmallDisk> {
    let script = "set -e; cp -a \"$1\" \"$1.kept\"; mount -t tmpfs -o size=100m,mode=700 tmpfs \"$1\"; cp -a \"$1.kept\"/. \"$1\"; \
                  exec \"$0\" run --config \"$2\"";
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", script]).arg(program("guitai-node")).arg(data).arg(config);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let root = PathBuf::from(format!("/proc/{}/root", child.id()));
    let disk = root.join(data.strip_prefix("/").context("an absolute path")?);
    Ok(OnSmallDisk { child, disk })
}

async fn ready(client: &Client, accepting: bool) -> anyhow::Result<()> {
    until(&format!("accepting {accepting}"), SOON, async || {
        let health = client.read("/health").await?;
        ensure!(health["accepting"] == accepting, "{health}");
        Ok(Some(()))
    })
    .await
}

// Before: a full disk ended the node at the next sale, and every start after it, in words without a path; health said accepting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d04_a_disk_that_fills_up_refuses_what_is_new_and_goes_on_once_there_is_room() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            sales::pays(&client, 1_000).await?;
            let node = world.node_mut();
            node.stop().await?;
            let data = node.journal_file().parent().context("a folder")?.to_owned();
            let mut on_disk = start(&node.config_file(), &data)?;
            ready(&client, true).await?;
            sales::pays(&client, 1_100).await?;
            // Somebody copies films onto the till.
            let films = on_disk.disk.join("films");
            std::fs::write(&films, vec![1; 60 * 1024 * 1024]).context("no such disk")?;
            ready(&client, false).await?;
            let charge = Charge::of(1_200);
            let refused = client.charge(&charge).await?;
            ensure!(
                refused.status == 503 && refused.text("code") == "not_accepting",
                "{} {}",
                refused.status,
                refused.json
            );
            ensure!(
                refused.text("detail").contains("数据盘") && refused.text("detail").contains("data"),
                "{}",
                refused.json
            );
            ensure!(on_disk.child.try_wait()?.is_none(), "the node ended");
            std::fs::remove_file(&films)?;
            ready(&client, true).await?;
            // The same request, again.
            let paid = client.charge(&charge).await?;
            ensure!(paid.text("state") == "paid", "{} {}", paid.status, paid.json);
            ensure!(world.sandbox.book().await?.len() == 3, "charged twice, or not at all");
            Ok(())
        })
        .await;
}
