//! Stands between node and sandbox and knows, for each order, how long the acquirer's side of its charge took: from the first byte of
//! the request to having written the last one of the answer. The node's connection may have been opened long before.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Longest message either way.
const MESSAGE_MAX_BYTES: usize = 64 * 1024;

/// The proxy.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    /// Where the node finds it.
    pub(crate) address: String,
    took: Arc<Mutex<HashMap<String, Duration>>>,
}

impl Proxy {
    pub(crate) async fn start(sandbox: String) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let proxy = Self { address: listener.local_addr()?.to_string(), took: Arc::default() };
        let took = Arc::clone(&proxy.took);
        tokio::spawn(async move {
            while let Ok((node, _)) = listener.accept().await {
                let (took, sandbox) = (Arc::clone(&took), sandbox.clone());
                tokio::spawn(async move {
                    if let Some((order_no, begun)) = carry(node, &sandbox).await {
                        let mut took = took.lock().unwrap_or_else(PoisonError::into_inner);
                        took.insert(order_no, begun.elapsed());
                    }
                });
            }
        });
        Ok(proxy)
    }

    /// The acquirer's time of this order's charge. The answer may reach the node a moment before the clock is read here.
    pub(crate) async fn took(&self, order_no: &str) -> Option<Duration> {
        for _ in 0..100 {
            if let Some(took) = self.took.lock().unwrap_or_else(PoisonError::into_inner).remove(order_no) {
                return Some(took);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        None
    }
}

/// One call: the request over, the answer back.
async fn carry(mut node: TcpStream, sandbox: &str) -> Option<(String, Instant)> {
    node.set_nodelay(true).ok()?;
    node.readable().await.ok()?;
    let begun = Instant::now();
    let request = message(&mut node).await?;
    let order_no = member(&request, "reqsn=")?;
    let mut sandbox = TcpStream::connect(sandbox).await.ok()?;
    sandbox.set_nodelay(true).ok()?;
    sandbox.write_all(&request).await.ok()?;
    let answer = message(&mut sandbox).await?;
    node.write_all(&answer).await.ok()?;
    Some((order_no, begun))
}

async fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(4096);
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 || bytes.len() > MESSAGE_MAX_BYTES {
            return None;
        }
        let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(bytes.get(..head)?).to_ascii_lowercase();
        let length: usize = text.split("content-length:").nth(1)?.lines().next()?.trim().parse().ok()?;
        if bytes.len() >= head + 4 + length {
            return Some(bytes);
        }
    }
}

fn member(request: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(request);
    Some(text.split(name).nth(1)?.chars().take_while(char::is_ascii_digit).collect())
}
