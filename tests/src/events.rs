//! A page that listens: server-sent events.

use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::Value;

use crate::client::Client;

/// One event.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its id; empty if it has none.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its data.
    pub data: Value,
}

/// An open stream.
#[derive(Debug)]
pub struct Events {
    response: reqwest::Response,
    read: Vec<u8>,
}

impl Events {
    /// Listens from now on, or from after the event `last`.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn open(client: &Client, last: Option<&str>) -> anyhow::Result<Self> {
        let mut request = client.request(Method::GET, "/events");
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await?;
        ensure!(response.status() == 200, "GET /events: {}", response.status());
        Ok(Self { response, read: Vec::new() })
    }

    /// The next event of this name within `limit`; others are passed over.
    ///
    /// # Errors
    /// None came, or the stream ended.
    pub async fn next(&mut self, name: &str, limit: Duration) -> anyhow::Result<Event> {
        let wanted = async {
            loop {
                let event = self.any().await?;
                if event.name == name {
                    return Ok(event);
                }
            }
        };
        tokio::time::timeout(limit, wanted).await.with_context(|| format!("no event {name} within {limit:?}"))?
    }

    async fn any(&mut self) -> anyhow::Result<Event> {
        loop {
            if let Some(event) = self.parsed()? {
                return Ok(event);
            }
            let chunk = self.response.chunk().await?.context("the stream ended")?;
            self.read.extend_from_slice(&chunk);
        }
    }

    /// The next whole event among the bytes read; comments that keep the line alive are dropped.
    fn parsed(&mut self) -> anyhow::Result<Option<Event>> {
        while let Some(end) = self.read.windows(2).position(|pair| pair == b"\n\n") {
            let block: Vec<u8> = self.read.drain(..end + 2).collect();
            let block = String::from_utf8(block)?;
            let field = |name: &str| {
                let values = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                values.map(|value| value.strip_prefix(' ').unwrap_or(value)).collect::<Vec<_>>().join("\n")
            };
            let data = field("data");
            if !data.is_empty() {
                let data = serde_json::from_str(&data).with_context(|| data.clone())?;
                return Ok(Some(Event { id: field("id"), name: field("event"), data }));
            }
        }
        Ok(None)
    }
}
