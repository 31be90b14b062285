//! The acquirers' double, and what its book says.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::{
    client::text,
    clock::Clock,
    ports::Port,
    process::{Process, program},
    wait::until,
};

/// It makes its keys at the first start, which takes a while on a busy machine.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// What the acquirer knows of one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookLine {
    /// The amount asked for, in fen.
    pub amount_fen: u64,
    /// What was given back, in fen.
    pub refunded_fen: u64,
    /// How often money was taken.
    pub charges: u64,
    /// `pending`, `paid`, `failed`, `closed`, `reversed`, `part_refunded` or `refunded`.
    pub state: String,
}

/// The sandbox.
#[derive(Debug)]
pub struct Sandbox {
    listen: Port,
    control: Port,
    folder: PathBuf,
    process: Option<Process>,
    /// Its wall clock.
    pub clock: Clock,
    http: reqwest::Client,
}

impl Sandbox {
    /// Starts one with its data in `folder`.
    ///
    /// # Errors
    /// It does not get ready.
    pub async fn start(folder: &Path, clock: Clock) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
        let (listen, control) = (Port::take()?, Port::take()?);
        let mut sandbox = Self { listen, control, folder: folder.to_owned(), process: None, clock, http };
        sandbox.start_again().await?;
        Ok(sandbox)
    }

    /// Starts it after [`Self::stop`].
    ///
    /// # Errors
    /// It does not get ready.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        let mut command = Command::new(program("guitai-sandbox"));
        command.args(["run", "--listen", &self.listen.address(), "--control", &self.control.address(), "--data"]);
        command.arg(&self.folder);
        self.clock.apply(&mut command);
        self.process = Some(Process::spawn(command, &self.folder.join("sandbox.log"))?);
        until("the sandbox", READY_LIMIT, async || {
            let ended = self.process.as_mut().map(Process::ended).transpose()?.flatten();
            ensure!(ended.is_none(), "the sandbox ended: {ended:?}");
            self.book().await.map(Some)
        })
        .await
        .map(drop)
    }

    /// Stops it.
    ///
    /// # Errors
    /// It goes on.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.process.take().map_or(Ok(()), Process::kill)
    }

    /// What a merchant is given.
    ///
    /// # Errors
    /// `credentials.json` cannot be read.
    pub fn allinpay(&self) -> anyhow::Result<Value> {
        let text = std::fs::read_to_string(self.folder.join("credentials.json"))?;
        let credentials: Value = serde_json::from_str(&text)?;
        Ok(credentials["allinpay"].clone())
    }

    /// Connections to it that stand, as the system counts them.
    ///
    /// # Errors
    /// The system does not say.
    pub fn connections(&self) -> anyhow::Result<usize> {
        let remote = format!(":{:04X}", self.listen.number());
        let table = std::fs::read_to_string("/proc/net/tcp").context("/proc/net/tcp")?;
        let established = |line: &&str| {
            let mut columns = line.split_whitespace().skip(2);
            columns.next().is_some_and(|peer| peer.ends_with(&remote)) && columns.next() == Some("01")
        };
        Ok(table.lines().filter(established).count())
    }

    /// The book, by order number.
    ///
    /// # Errors
    /// No answer, or a book that does not read.
    pub async fn book(&self) -> anyhow::Result<BTreeMap<String, BookLine>> {
        let url = format!("{}/control/book", self.control.url());
        let book: Value = serde_json::from_slice(&self.http.get(url).send().await?.bytes().await?)?;
        let lines = book["orders"].as_array().context("orders")?.iter().map(|order| {
            let number = |member: &str| order[member].as_u64().with_context(|| format!("{member} of {order}"));
            let line = BookLine {
                amount_fen: number("amount_fen")?,
                refunded_fen: number("refunded_fen")?,
                charges: number("charges")?,
                state: text(order, "state").to_owned(),
            };
            Ok((text(order, "order_no").to_owned(), line))
        });
        lines.collect()
    }

    /// What becomes of the line: `up`, `refuse`, `mute`, `slow` or `cut`.
    ///
    /// # Errors
    /// It is not done.
    pub async fn line(&self, mode: &str) -> anyhow::Result<()> {
        self.control("line", &json!({ "mode": mode })).await
    }

    /// Every `refund` or `cancel` is refused (`refuse`), or no longer (`accept`).
    ///
    /// # Errors
    /// It is not done.
    pub async fn refuse(&self, what: &str, mode: &str) -> anyhow::Result<()> {
        self.control("refuse", &json!({ "what": what, "mode": mode })).await
    }

    /// Answers of an odd but legal form, or a refusal that states another amount; `off`: as ever.
    ///
    /// # Errors
    /// It is not done.
    pub async fn odd(&self, form: &str) -> anyhow::Result<()> {
        self.control("odd", &json!({ "form": form })).await
    }

    /// The next call of a kind finds its number used by a trade of somebody else's: `what` is `charge`, `cancel` or `refund`;
    /// `amount_fen`, `wallet` and `age_ms` say how that trade differs.
    ///
    /// # Errors
    /// It is not done.
    pub async fn occupy(&self, switch: &Value) -> anyhow::Result<()> {
        self.control("occupy", switch).await
    }

    /// Moves the sandbox's time on.
    ///
    /// # Errors
    /// It is not done.
    pub async fn advance(&self, by: Duration) -> anyhow::Result<()> {
        let advance_ms = u64::try_from(by.as_millis())?;
        self.control("clock", &json!({ "advance_ms": advance_ms })).await
    }

    async fn control(&self, what: &str, body: &Value) -> anyhow::Result<()> {
        let url = format!("{}/control/{what}", self.control.url());
        let response = self.http.post(url).json(body).send().await?;
        ensure!(response.status().is_success(), "control {what} {body}: {}", response.status());
        Ok(())
    }
}
