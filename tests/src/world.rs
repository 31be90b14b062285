//! A sandbox, a hub and its stores' nodes, ready to sell, in a folder of their own.

use std::path::Path;

use tempfile::TempDir;

use crate::{clock::Clock, hub::Hub, node::Node, sandbox::Sandbox};

/// Lines of each program's log that a failed test shows.
const LOG_LINES_SHOWN: usize = 25;

/// Everything that runs.
#[derive(Debug)]
pub struct World {
    /// The stores' nodes: `S001`, `S002`, …
    pub nodes: Vec<Node>,
    /// The merchant's hub.
    pub hub: Hub,
    /// The acquirers.
    pub sandbox: Sandbox,
    /// The folder that holds it all; it stays when the test fails.
    pub folder: Folder,
}

/// What a world is made of.
#[derive(Clone, Debug)]
pub struct Builder {
    stores: usize,
    sections: String,
    clock_s: Option<i64>,
}

impl World {
    /// One store without devices, unless told otherwise.
    #[must_use]
    pub const fn builder() -> Builder {
        Builder { stores: 1, sections: String::new(), clock_s: None }
    }

    /// The first store's node.
    ///
    /// # Panics
    /// There is no store.
    #[must_use]
    pub fn node(&self) -> &Node {
        self.nodes.first().expect("a world has a store")
    }

    /// Every clock is so many seconds ahead of the true one from now on.
    ///
    /// # Errors
    /// The world was made without movable clocks.
    pub fn set_clocks(&self, offset_s: i64) -> anyhow::Result<()> {
        self.sandbox.clock.set(offset_s)?;
        self.hub.clock.set(offset_s)?;
        self.nodes.iter().try_for_each(|node| node.clock.set(offset_s))
    }

    /// The first store's node, to stop and start it.
    ///
    /// # Panics
    /// There is no store.
    pub fn node_mut(&mut self) -> &mut Node {
        self.nodes.first_mut().expect("a world has a store")
    }
}

impl Builder {
    /// So many stores.
    #[must_use]
    pub const fn stores(mut self, stores: usize) -> Self {
        self.stores = stores;
        self
    }

    /// Further sections of every node's configuration, such as its devices.
    #[must_use]
    pub fn sections(mut self, toml: impl Into<String>) -> Self {
        self.sections = toml.into();
        self
    }

    /// Every program has a clock of its own that can be moved; it begins so many seconds ahead of the true time.
    #[must_use]
    pub const fn clocks(mut self, offset_s: i64) -> Self {
        self.clock_s = Some(offset_s);
        self
    }

    /// Starts everything.
    ///
    /// # Errors
    /// Something does not get ready.
    pub async fn start(self) -> anyhow::Result<World> {
        let mut folder = Folder::new()?;
        match self.fill(&folder).await {
            Ok((nodes, hub, sandbox)) => Ok(World { nodes, hub, sandbox, folder }),
            Err(error) => {
                folder.show();
                Err(error)
            }
        }
    }

    async fn fill(self, folder: &Folder) -> anyhow::Result<(Vec<Node>, Hub, Sandbox)> {
        let (sandbox_at, hub_at) = (folder.path().join("sandbox"), folder.path().join("hub"));
        let clock = |whose: &str| match self.clock_s {
            Some(offset_s) => Clock::movable(&folder.path().join(format!("{whose}.clock")), offset_s),
            None => Ok(Clock::TRUE),
        };
        let (sandbox_clock, hub_clock) = (clock("sandbox")?, clock("hub")?);
        let (sandbox, hub) =
            tokio::try_join!(Sandbox::start(&sandbox_at, sandbox_clock), Hub::start(&hub_at, hub_clock))?;
        let mut nodes = Vec::new();
        for number in 1..=self.stores {
            let store = format!("S{number:03}");
            let (at, clock) = (folder.path().join(&store), clock(&store)?);
            let mut node = Node::set_up(&at, &store, &self.sections, &sandbox, &hub, clock).await?;
            node.start().await?;
            nodes.push(node);
        }
        Ok((nodes, hub, sandbox))
    }

    /// Starts everything and plays a test in it.
    ///
    /// # Panics
    /// The test failed; the folder is kept.
    pub async fn play(self, test: impl AsyncFnOnce(&mut World) -> anyhow::Result<()>) {
        let mut world = self.start().await.unwrap_or_else(|error| panic!("the world does not start: {error:?}"));
        if let Err(error) = test(&mut world).await {
            panic!("{error:?}");
        }
    }
}

/// A folder that goes with the world, unless the test fails: then it stays, and the ends of its logs are shown.
#[derive(Debug)]
pub struct Folder(Option<TempDir>);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        Ok(Self(Some(tempfile::Builder::new().prefix("guitai-world-").tempdir()?)))
    }

    /// Where it is.
    ///
    /// # Panics
    /// Never: it is there until it is dropped.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.as_ref().expect("there until dropped").path()
    }

    /// Keeps it and shows the ends of its logs: for a test that is about to fail.
    pub fn show(&mut self) {
        let Some(folder) = self.0.take() else { return };
        let path = folder.keep();
        eprintln!("kept: {}", path.display());
        for log in ["sandbox/sandbox.log", "hub/hub.log", "S001/node.log", "S002/node.log", "second/node.log"] {
            let Ok(text) = std::fs::read_to_string(path.join(log)) else { continue };
            let lines: Vec<&str> = text.lines().collect();
            let from = lines.len().saturating_sub(LOG_LINES_SHOWN);
            eprintln!("--- {log}\n{}", lines.get(from..).unwrap_or_default().join("\n"));
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show();
        }
    }
}
