//! The merchant's hub.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, ensure};

use crate::{
    client::Client,
    clock::Clock,
    ports::Port,
    process::{Process, Said, program, run},
    wait::until,
};

/// From start to the first answer.
const READY_LIMIT: Duration = Duration::from_secs(20);

/// The password of account `hq`.
const HQ_PASSWORD: &str = "zongbu-mima-7431";

/// A hub.
#[derive(Debug)]
pub struct Hub {
    port: Port,
    folder: PathBuf,
    process: Option<Process>,
    /// Its wall clock.
    pub clock: Clock,
    key: String,
}

impl Hub {
    /// Starts a new one with its data in `folder`, with account `hq` and a program's key.
    ///
    /// # Errors
    /// It does not get ready.
    pub async fn start(folder: &Path, clock: Clock) -> anyhow::Result<Self> {
        Self::start_at(Port::take()?, folder, clock).await
    }

    /// Another hub at the same address: other folder, other identity. This one must have been stopped.
    ///
    /// # Errors
    /// It does not get ready.
    pub async fn replaced(self, folder: &Path) -> anyhow::Result<Self> {
        Self::start_at(self.port, folder, self.clock).await
    }

    async fn start_at(port: Port, folder: &Path, clock: Clock) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let at = port.address();
        let config = format!(
            "[hub]\nname = \"测试商户\"\ndata = \"data\"\nlisten = \"{at}\"\nquic = \"{at}\"\npublic_url = \"http://{at}\"\n"
        );
        std::fs::write(folder.join("hub.toml"), config)?;
        let mut hub = Self { port, folder: folder.to_owned(), process: None, clock, key: String::new() };
        hub.start_again().await?;
        let account = ["account", "create", "--account", "hq", "--name", "王总", "--role", "headquarters"];
        hub.command_with(&account, &format!("{HQ_PASSWORD}\n")).await?.line()?;
        hub.key = hub.command(&["api-key", "create", "--name", "tests", "--scope", "read"]).await?.line()?;
        Ok(hub)
    }

    /// Its process id, to freeze and thaw it.
    ///
    /// # Errors
    /// It is not running.
    pub fn pid(&self) -> anyhow::Result<u32> {
        self.process.as_ref().map(Process::id).context("the hub is not running")
    }

    /// Starts it after [`Self::stop`] or [`Self::kill`].
    ///
    /// # Errors
    /// It does not get ready.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.process = Some(Process::spawn(self.run_command(), &self.folder.join("hub.log"))?);
        let anybody = Client::nobody(&self.port.url())?;
        until("the hub", READY_LIMIT, async || {
            let ended = self.process.as_mut().map(Process::ended).transpose()?.flatten();
            ensure!(ended.is_none(), "the hub ended: {ended:?}");
            anybody.read("/health").await.map(Some)
        })
        .await
        .map(drop)
    }

    /// `guitai-hub run`, for a start that must fail.
    #[must_use]
    pub fn run_command(&self) -> Command {
        let mut command = Command::new(program("guitai-hub"));
        command.args(["run", "--config"]).arg(self.folder.join("hub.toml"));
        self.clock.apply(&mut command);
        command
    }

    /// Its database's file.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.join("data").join("hub.db")
    }

    /// Stops it as an operator does.
    ///
    /// # Errors
    /// It goes on.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let status = self.process.take().context("the hub is not running")?.stop().await?;
        ensure!(status.success(), "the hub stopped with {status}");
        Ok(())
    }

    /// Kills it.
    ///
    /// # Errors
    /// It cannot be killed.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.take().context("the hub is not running")?.kill()
    }

    /// A command of the program.
    ///
    /// # Errors
    /// It hangs.
    pub async fn command(&self, arguments: &[&str]) -> anyhow::Result<Said> {
        self.command_with(arguments, "").await
    }

    /// The same with something on its standard input.
    ///
    /// # Errors
    /// It hangs.
    pub async fn command_with(&self, arguments: &[&str], input: &str) -> anyhow::Result<Said> {
        let mut command = Command::new(program("guitai-hub"));
        command.args(arguments).arg("--config").arg(self.folder.join("hub.toml"));
        self.clock.apply(&mut command);
        run(command, input).await
    }

    /// Adds a store; answers its enrolment code.
    ///
    /// # Errors
    /// The hub refuses.
    pub async fn add_store(&self, store: &str) -> anyhow::Result<String> {
        let name = format!("测试{store}店");
        self.command(&["store", "add", "--store", store, "--name", &name]).await?.line()?;
        self.enrolment_code(store).await
    }

    /// A code that lets one box of a store in.
    ///
    /// # Errors
    /// The hub refuses.
    pub async fn enrolment_code(&self, store: &str) -> anyhow::Result<String> {
        self.command(&["enrol", "--store", store]).await?.line()
    }

    /// Its address, `http://host:port`.
    #[must_use]
    pub fn url(&self) -> String {
        self.port.url()
    }

    /// Its program's key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// A program with scope `read`.
    ///
    /// # Errors
    /// There is no HTTP client.
    pub fn program(&self) -> anyhow::Result<Client> {
        Ok(Client::nobody(&self.port.url())?.with_key(&self.key))
    }

    /// A person at headquarters.
    ///
    /// # Errors
    /// The log-in is refused.
    pub async fn headquarters(&self) -> anyhow::Result<Client> {
        Client::nobody(&self.port.url())?.log_in("hq", HQ_PASSWORD).await
    }
}
