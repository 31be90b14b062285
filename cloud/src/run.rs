//! Starting and stopping the server.

use std::{io, sync::Arc, time::Duration};

use ed25519_dalek::SigningKey;
use guitai_http::{guard, guard::Hosts, log, serve};
use guitai_link::quic::Listener;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::timeout,
};
use tracing::{info, warn};

use crate::{
    api,
    app::{App, VERSION},
    config::Config,
    failure::Failure,
    identity, sessions,
    store::{HubStore, Sqlite},
    sync,
};

/// After the order to stop, goodbyes to nodes get this long.
const GOODBYE: Duration = Duration::from_secs(3);

/// Runs until SIGINT or SIGTERM.
pub(crate) fn run(config: Config, sqlite: Sqlite, identity: SigningKey) -> Result<(), Failure> {
    // Fails only when one is installed already, which would be this one.
    rustls::crypto::ring::default_provider().install_default().ok();
    sqlite.try_writing().map_err(|error| Failure::stored(error.at(&config.hub.data.join(Sqlite::FILE))))?;
    log::start(&config.log).map_err(Failure::failed)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::failed)?;
    let ran = runtime.block_on(serve_until_stopped(config, sqlite, identity));
    log::finish();
    ran
}

async fn serve_until_stopped(config: Config, sqlite: Sqlite, identity: SigningKey) -> Result<(), Failure> {
    // Before anybody can know that this hub runs: a signal that nobody waits for ends a process on the spot.
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::failed)?;
    let front = config.front().map_err(Failure::failed)?;
    let http = serve::bind(config.hub.listen).map_err(Failure::failed)?;
    let listener = Arc::new(listen(&config, &identity)?);
    let bound = http.local_addr().map_err(Failure::failed)?;
    let hosts = Hosts::new(bound, &config.hosts()).map_err(Failure::failed)?;
    let merchant = sqlite.merchant().map_err(Failure::failed)?.unwrap_or_else(|| config.hub.name.clone());

    let nobody = !sqlite.has_account().map_err(Failure::failed)?;
    let sync_port = listener.local_addr().map_err(Failure::failed)?.port();

    let (stop, stopped) = watch::channel(false);
    let app = App::new(HubStore::Sqlite(Arc::new(sqlite)), identity, stopped.clone());
    info!(
        merchant,
        http = %bound,
        quic = %listener.local_addr().map_err(Failure::failed)?,
        url = config.public_url(),
        fingerprint = identity::fingerprint(&app.identity),
        version = VERSION,
        "hub ready"
    );
    if nobody {
        warn!(
            "还没有总部账号，无法登录 / no account can log in: make one with `guitai-hub account create --account hq --name NAME --role \
             headquarters`"
        );
    }
    // Where the port of nodes is another than the page's, the page tells it.
    app.sync_port.set(sync_port).ok();
    let nodes = tokio::spawn(sync::serve(Arc::clone(&app), Arc::clone(&listener)));
    sessions::take_back(&app).await.map_err(Failure::failed)?;
    let people = tokio::spawn(api::watch_accounts(Arc::clone(&app)));
    let written = tokio::spawn(sessions::write_down(Arc::clone(&app)));
    let pages =
        tokio::spawn(serve::run(http, guard::protect(api::router(Arc::clone(&app)), hosts), front, stopped.clone()));

    signalled(&mut terminate, &mut interrupt).await;
    info!("stopping");
    stop.send_replace(true);
    app.lines.hang_up();
    // Late goodbyes are cut: nodes notice a silent hub by themselves.
    timeout(GOODBYE, all_gone(&app)).await.ok();
    timeout(GOODBYE, listener.close()).await.ok();
    nodes.abort();
    people.abort();
    written.await.map_err(Failure::failed)?;
    pages.await.map_err(Failure::failed)
}

fn listen(config: &Config, identity: &SigningKey) -> Result<Listener, Failure> {
    let addr = config.quic();
    Listener::bind(addr, identity).map_err(|error| {
        Failure::failed(match error.kind() {
            io::ErrorKind::AddrInUse => {
                format!("端口被占用 port in use: {addr} (UDP) is taken by another program; stop it or set another `quic` address")
            }
            _ => format!("无法监听 cannot listen on {addr} (UDP): {error}"),
        })
    })
}

async fn all_gone(app: &App) {
    while app.lines.count() > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn signalled(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
