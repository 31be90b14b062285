//! Sessions over a restart: a note in the hub's file.

use std::{collections::HashMap, sync::Arc};

use guitai_http::session::kept::Kept;
use guitai_store::StoreError;
use tracing::{info, warn};

use crate::app::App;

/// Takes back who was logged in when the hub stopped. A damaged note costs a log-in and nothing else.
pub(crate) async fn take_back(app: &App) -> Result<(), StoreError> {
    let Some(bytes) = app.store.sessions().await? else { return Ok(()) };
    let kept: Kept = match serde_json::from_slice(&bytes) {
        Ok(kept) => kept,
        Err(error) => {
            warn!(%error, "the sessions written down cannot be read: everybody logs in again");
            return Ok(());
        }
    };
    let mut found = HashMap::new();
    for account in kept.accounts() {
        if let Some(known) = app.store.account(account.clone()).await? {
            found.insert(account, known);
        }
    }
    let back = app.sessions.take_back(&kept, app.clock.now(), |account| {
        let known = found.get(account).cloned();
        known.iter().for_each(|known| _ = app.accounts.known(known));
        Ok::<_, StoreError>(known)
    })?;
    info!(back, "sessions go on");
    Ok(())
}

/// Writes them down as they are now. What fails is said in the log: it costs a log-in after a restart and nothing else.
pub(crate) async fn write(app: &App) {
    // Held meanwhile: an older state must not follow a newer one.
    let _turn = app.sessions_written.lock().await;
    let written = match serde_json::to_vec(&app.sessions.keep(app.clock.now())) {
        Ok(bytes) => app.store.keep_sessions(bytes).await,
        Err(error) => Err(StoreError::Fault(error.to_string())),
    };
    if let Err(error) = written {
        warn!(%error, "sessions are not written down: a restart now logs people out");
    }
}

/// Writes them down while the hub runs.
pub(crate) async fn write_down(app: Arc<App>) {
    let mut stop = app.stop.clone();
    let mut going_on = true;
    while going_on {
        going_on = app.sessions.changed(&mut stop).await;
        write(&app).await;
    }
}
