//! A store's node.

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::{
    charge::random_digits,
    client::{Client, text},
    clock::Clock,
    hub::Hub,
    ports::Port,
    process::{Process, Said, program, run},
    sandbox::Sandbox,
    wait::until,
};

/// From start to the first answer.
const READY_LIMIT: Duration = Duration::from_secs(20);

/// Account 01, the administrator.
pub const ADMINISTRATOR: (&str, &str) = ("01", "dianzhang-mima-01");

/// Account 03, a cashier.
pub const CASHIER: (&str, &str) = ("03", "shouyin-mima-03");

/// A node.
#[derive(Debug)]
pub struct Node {
    /// The store's id.
    pub store: String,
    port: Port,
    folder: PathBuf,
    process: Option<Process>,
    /// Its wall clock.
    pub clock: Clock,
    key: String,
}

impl Node {
    /// Sets a new store's node up in `folder`: configuration with `sections` appended, enrolment, accounts, a program's key.
    /// It does not run yet.
    ///
    /// # Errors
    /// A step fails.
    pub async fn set_up(
        folder: &Path,
        store: &str,
        sections: &str,
        sandbox: &Sandbox,
        hub: &Hub,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let code = hub.add_store(store).await?;
        Self::set_up_with(folder, store, sections, sandbox, (hub, &code), clock).await
    }

    /// The same for a box of a store that exists, with a code it was given.
    ///
    /// # Errors
    /// A step fails.
    pub async fn set_up_with(
        folder: &Path,
        store: &str,
        sections: &str,
        sandbox: &Sandbox,
        (hub, code): (&Hub, &str),
        clock: Clock,
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let allinpay = sandbox.allinpay()?;
        write_secret(&folder.join("merchant.pem"), text(&allinpay, "merchant_private_key"))?;
        std::fs::write(folder.join("platform.pem"), text(&allinpay, "platform_public_key"))?;
        let port = Port::take()?;
        std::fs::write(folder.join("node.toml"), config(&port.address(), &allinpay, sections))?;
        let mut node =
            Self { store: store.to_owned(), port, folder: folder.to_owned(), process: None, clock, key: String::new() };
        node.command(&["enrol", "--hub", &hub.url(), "--code", code]).await?.line()?;
        for ((account, password), name, role) in
            [(ADMINISTRATOR, "李店长", "administrator"), (CASHIER, "张三", "cashier")]
        {
            let create = ["account", "create", "--account", account, "--name", name, "--role", role];
            node.command_with(&create, &format!("{password}\n")).await?.line()?;
        }
        let key = ["api-key", "create", "--name", "erp", "--scope", "charge,refund,read"];
        node.key = node.command(&key).await?.line()?;
        Ok(node)
    }

    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// It does not get ready.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        self.process = Some(Process::spawn(self.run_command(), &self.log())?);
        let anybody = self.anybody()?;
        until("the node", READY_LIMIT, async || {
            let ended = self.process.as_mut().map(Process::ended).transpose()?.flatten();
            ensure!(ended.is_none(), "the node ended: {ended:?}");
            anybody.read("/health").await.map(Some)
        })
        .await
        .map(drop)
    }

    /// Stops it as an operator does.
    ///
    /// # Errors
    /// It goes on.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let status = self.process.take().context("the node is not running")?.stop().await?;
        ensure!(status.success(), "the node stopped with {status}");
        Ok(())
    }

    /// Kills it.
    ///
    /// # Errors
    /// It cannot be killed.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.take().context("the node is not running")?.kill()
    }

    /// Its process id, to watch it.
    ///
    /// # Errors
    /// It is not running.
    pub fn pid(&self) -> anyhow::Result<u32> {
        self.process.as_ref().map(Process::id).context("the node is not running")
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
        let mut command = Command::new(program("guitai-node"));
        command.args(arguments).arg("--config").arg(self.config_file());
        self.clock.apply(&mut command);
        run(command, input).await
    }

    /// `guitai-node run`, for a start that must fail.
    #[must_use]
    pub fn run_command(&self) -> Command {
        let mut command = Command::new(program("guitai-node"));
        command.args(["run", "--config"]).arg(self.config_file());
        self.clock.apply(&mut command);
        command
    }

    /// A copy of its data as it lies on disk; it must have been stopped.
    ///
    /// # Errors
    /// It cannot be copied.
    pub fn back_up(&self) -> anyhow::Result<Backup> {
        let copy = self.folder.join(format!("backup-{}", random_digits(8)));
        copy_folder(&self.folder.join("data"), &copy)?;
        Ok(Backup(copy))
    }

    /// Puts its data back as they were; it must have been stopped.
    ///
    /// # Errors
    /// They cannot be copied.
    pub fn put_back(&self, backup: &Backup) -> anyhow::Result<()> {
        let data = self.folder.join("data");
        std::fs::remove_dir_all(&data)?;
        copy_folder(&backup.0, &data)
    }

    /// Another box with the same data, key and configuration on a port of its own; this one must have been stopped.
    ///
    /// # Errors
    /// The folder cannot be copied.
    pub fn copied_to(&self, folder: &Path) -> anyhow::Result<Self> {
        copy_folder(&self.folder, folder)?;
        let port = Port::take()?;
        let config = std::fs::read_to_string(self.config_file())?.replace(&self.port.address(), &port.address());
        std::fs::write(folder.join("node.toml"), config)?;
        let (store, key, clock) = (self.store.clone(), self.key.clone(), self.clock.clone());
        Ok(Self { store, port, folder: folder.to_owned(), process: None, clock, key })
    }

    /// Its configuration file.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.folder.join("node.toml")
    }

    /// Its journal.
    #[must_use]
    pub fn journal_file(&self) -> PathBuf {
        self.folder.join("data/journal.db")
    }

    /// What it said since the world began.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.join("node.log")
    }

    /// Its address, `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        self.port.address()
    }

    /// Somebody who is not known.
    ///
    /// # Errors
    /// There is no HTTP client.
    pub fn anybody(&self) -> anyhow::Result<Client> {
        Client::nobody(&self.port.url())
    }

    /// Its program's key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// A program with scopes `charge`, `refund` and `read`.
    ///
    /// # Errors
    /// There is no HTTP client.
    pub fn program(&self) -> anyhow::Result<Client> {
        Ok(self.anybody()?.with_key(&self.key))
    }

    /// The same program at a copy of this node that listens elsewhere.
    ///
    /// # Errors
    /// There is no HTTP client.
    pub fn program_at(&self, url: &str) -> anyhow::Result<Client> {
        Ok(Client::nobody(url)?.with_key(&self.key))
    }

    /// The administrator, or the cashier.
    ///
    /// # Errors
    /// The log-in is refused.
    pub async fn person(&self, (account, password): (&str, &str)) -> anyhow::Result<Client> {
        self.anybody()?.log_in(account, password).await
    }

    /// Waits until the line to the hub is up and everything is there.
    ///
    /// # Errors
    /// Not within `limit`.
    pub async fn synced(&self, limit: Duration) -> anyhow::Result<Value> {
        let program = self.program()?;
        until("everything at the hub", limit, async || {
            let sync = program.read("/sync").await?;
            ensure!(text(&sync, "hub") == "connected" && sync["unsent"] == 0, "{sync}");
            Ok(Some(sync))
        })
        .await
    }
}

/// Writes a file that only its owner may read.
///
/// # Errors
/// It cannot be written.
pub fn write_secret(file: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(file, text)?;
    Ok(std::fs::set_permissions(file, Permissions::from_mode(0o600))?)
}

/// A copy of a node's data.
#[derive(Debug)]
pub struct Backup(PathBuf);

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    let status = Command::new("cp").arg("-a").args([from, to]).status()?;
    ensure!(status.success(), "cp {} {}: {status}", from.display(), to.display());
    Ok(())
}

fn config(listen: &str, allinpay: &Value, sections: &str) -> String {
    let (base, orgid) = (text(allinpay, "base"), text(allinpay, "orgid"));
    let (cusid, appid) = (text(allinpay, "cusid"), text(allinpay, "appid"));
    let orgid = if orgid.is_empty() { String::new() } else { format!("orgid = \"{orgid}\"\n") };
    format!(
        r#"[node]
data = "data"
listen = "{listen}"

[store]
title = "示例药房"
longitude = "+121.48352"
latitude = "+31.221345"

[acquirer]
kind = "allinpay"
base = "{base}"
{orgid}cusid = "{cusid}"
appid = "{appid}"
sign = "rsa"
merchant_private_key_file = "merchant.pem"
platform_public_key_file = "platform.pem"

[[till]]
id = "T1"
name = "1号收银台"
termno = "00000001"

[[till]]
id = "T2"
name = "2号收银台"

{sections}"#
    )
}
