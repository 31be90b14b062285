//! Sockets, files and the clock around the sandbox.

mod gate;
mod ledger;
mod line;
mod server;

use std::{
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use guitai_console::{print, say};
use guitai_core::time::UtcMs;
use guitai_sandbox::allinpay::{self, Wire};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use self::{gate::Gate, ledger::Data, server::Server};

/// Serves until Ctrl-C or SIGTERM.
pub(crate) async fn run(
    (listen, control): (SocketAddr, Option<SocketAddr>),
    data: &Path,
    keys: Option<&Path>,
) -> anyhow::Result<()> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;

    let data = Data::open(data)?;
    let acquirer = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let acquirer_at = acquirer.local_addr()?;
    let control = match control {
        Some(at) => Some(TcpListener::bind(at).await.with_context(|| format!("cannot listen on {at}"))?),
        None => None,
    };
    let control_at = control.as_ref().map(TcpListener::local_addr).transpose()?;
    data.write_credentials(acquirer_at)?;
    if let Some(folder) = keys {
        ledger::write_key_files(&data.credentials, folder)?;
    }

    let wire = Wire::new(&data.credentials).context("the stored keys are damaged")?;
    let (gate, line) = Gate::new();
    let server = Arc::new(Server::new(wire, data.ledger, gate, control.is_some()));
    tokio::spawn(line::serve(acquirer, acquirer_at, line, Arc::clone(&server)));
    if let Some(control) = control {
        tokio::spawn(line::serve_control(control, Arc::clone(&server)));
    }
    match control_at {
        Some(control_at) => say(&format!("guitai-sandbox listen=http://{acquirer_at} control=http://{control_at}"))?,
        None => say(&format!("guitai-sandbox listen=http://{acquirer_at}"))?,
    }
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    Ok(())
}

/// Writes a merchant's key files, and prints what a node's configuration says of them. A sandbox may run on the directory.
pub(crate) fn write_keys(data: &Path, folder: &Path, listen: SocketAddr) -> anyhow::Result<()> {
    let credentials = Data::keys(data)?;
    ledger::write_key_files(&credentials, folder)?;
    let base = format!("http://{listen}{}", allinpay::PREFIX);
    Ok(print(&credentials.section(&base, (ledger::MERCHANT_FILE, ledger::PLATFORM_FILE)))?)
}

/// The world's time.
fn wall() -> UtcMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UtcMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
