use std::{
    os::fd::OwnedFd,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, ensure};
use guitai_tests::{process::signal, wait::until, world::World};

use super::SOON;
use crate::sales;

/// A program whose log nobody keeps; it is ended when this goes.
struct Unread(Child);

impl Drop for Unread {
    fn drop(&mut self) {
        // It may have ended already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Where a log goes.
#[derive(Clone, Copy, Debug)]
enum Sink {
    /// A pipe that its reader closed.
    Closed,
    /// A pipe that nobody reads.
    Unread,
    /// A disk without room.
    Full,
}

/// Starts it; the reader's end is kept open where it is not read.
fn start(mut command: Command, sink: Sink) -> anyhow::Result<(Unread, Option<OwnedFd>)> {
    let (reader, writer) = std::io::pipe()?;
    // As much as a debugger at the counter would see: some kilobytes a sale.
    command.env("RUST_LOG", "trace").stdin(Stdio::null()).stdout(Stdio::null());
    let reader = match sink {
        Sink::Full => {
            command.stderr(std::fs::OpenOptions::new().write(true).open("/dev/full")?);
            None
        }
        Sink::Closed => {
            command.stderr(writer);
            drop(reader);
            None
        }
        Sink::Unread => {
            command.stderr(writer);
            Some(reader.into())
        }
    };
    Ok((Unread(command.spawn()?), reader))
}

// Before: a reader that went, or a full disk under the log, ended node and hub (101); one that did not read stopped every sale.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d05_whoever_reads_the_log_or_not_stops_nothing() {
    World::builder()
        .play(async |world| {
            world.node_mut().stop().await?;
            world.hub.stop().await?;
            for sink in [Sink::Closed, Sink::Unread, Sink::Full] {
                let (mut hub, _hubs_log) = start(world.hub.run_command(), sink)?;
                let (mut node, _log) = start(world.node().run_command(), sink)?;
                let client = world.node().program()?;
                until("the node", SOON, async || client.read("/health").await.map(Some)).await?;
                for _ in 0..40 {
                    sales::pays(&client, 500).await.with_context(|| format!("{sink:?}"))?;
                }
                world.node().synced(SOON).await.with_context(|| format!("{sink:?}"))?;
                for (name, child) in [("node", &mut node.0), ("hub", &mut hub.0)] {
                    ensure!(child.try_wait()?.is_none(), "{sink:?}: the {name} ended");
                    signal(child.id(), "TERM").await?;
                    let ended = until("its end", Duration::from_secs(12), async || Ok(child.try_wait()?)).await?;
                    ensure!(ended.success(), "{sink:?}: the {name} stopped with {ended}");
                }
            }
            world.hub.start_again().await?;
            world.node_mut().start().await
        })
        .await;
}
