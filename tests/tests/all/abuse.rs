//! Somebody on the shop's network who wants it to stop selling.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use guitai_tests::world::World;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::sales;

/// Callers that never finish their request.
const SLOW_CALLERS: usize = 150;

/// A head must be whole within 5 s.
const CLOSED_LIMIT: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_callers_stop_no_sale_and_are_hung_up_on() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            sales::pays(&client, 1_000).await?;
            let mut callers = Vec::new();
            for _ in 0..SLOW_CALLERS {
                let mut caller = TcpStream::connect(world.node().address()).await?;
                caller.write_all(b"POST /api/v1/payments HTTP/1.1\r\nHost: ").await?;
                callers.push(caller);
            }
            let begun = Instant::now();
            for _ in 0..20 {
                let sale = Instant::now();
                sales::pays(&client, 1_000).await?;
                ensure!(sale.elapsed() < Duration::from_secs(1), "a sale took {:?}", sale.elapsed());
            }
            for caller in &mut callers {
                let mut answer = Vec::new();
                let left = CLOSED_LIMIT.saturating_sub(begun.elapsed());
                let closed = tokio::time::timeout(left, caller.read_to_end(&mut answer)).await;
                // A reset ends a connection as well as a farewell.
                closed.context("a slow caller is still connected")?.ok();
            }
            Ok(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_requests_are_answered_or_hung_up_on() {
    World::builder()
        .play(async |world| {
            let client = world.node().program()?;
            let host = world.node().address();
            let head = format!("POST /api/v1/payments HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n");
            let long = "x".repeat(64 * 1024);
            for (what, request) in [
                ("noise", "\u{0}\u{1}\u{2}\r\n\r\n".to_owned()),
                ("64 KiB of head", format!("GET /api/v1/health HTTP/1.1\r\nHost: {host}\r\nX-Long: {long}\r\n\r\n")),
                ("two lengths", format!("{head}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}")),
                ("no Host", "GET /api/v1/health HTTP/1.1\r\n\r\n".to_owned()),
                ("two Hosts", format!("GET /api/v1/health HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n\r\n")),
                ("another Host", "GET /api/v1/health HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned()),
                ("a length that lies", format!("{head}Content-Length: 99999999999\r\n\r\n{{")),
            ] {
                let mut caller = TcpStream::connect(&host).await?;
                caller.write_all(request.as_bytes()).await?;
                let mut answer = vec![0; 512];
                let read = tokio::time::timeout(Duration::from_secs(20), caller.read(&mut answer)).await;
                let length = read.with_context(|| format!("{what}: neither answered nor hung up on"))?.unwrap_or(0);
                let said = String::from_utf8_lossy(&answer[..length]).into_owned();
                ensure!(length == 0 || said.starts_with("HTTP/1.1 4"), "{what}: {said}");
            }
            ensure!(world.sandbox.book().await?.is_empty(), "a broken request reached the acquirer");
            sales::pays(&client, 1_000).await.map(drop)
        })
        .await;
}
