//! Sessions over a restart: a note in the side database.

use std::sync::{Arc, PoisonError};

use guitai_http::session::{Person, Role, kept::Kept};
use guitai_store::{Database, note, query};

use crate::app::App;

const NOTE: &str = "sessions";

/// Takes back who was logged in when the node stopped. A damaged note costs a log-in and nothing else.
pub(crate) fn take_back(app: &App, side: &Database) -> anyhow::Result<()> {
    let Some(bytes) = note::get(&side.reader()?, NOTE)? else { return Ok(()) };
    let kept: Kept = match serde_json::from_slice(&bytes) {
        Ok(kept) => kept,
        Err(error) => {
            tracing::warn!(%error, "the sessions written down cannot be read: everybody logs in again");
            return Ok(());
        }
    };
    let back = app.sessions.take_back(&kept, app.now(), |account| {
        let row = app.reader.read(|connection| query::account(connection, app.store.as_str(), account.as_str()))?;
        let standing = row.filter(|row| !row.disabled).and_then(|row| {
            let (account, role) = (account.clone(), Role::parse(&row.role)?);
            Some((Person { account, name: row.name, role }, row.verifier))
        });
        Ok::<_, guitai_store::StoreError>(standing)
    })?;
    tracing::info!(back, "sessions go on");
    Ok(())
}

/// Writes them down as they are now. What fails is said in the log: it costs a log-in after a restart and nothing else.
pub(crate) async fn write(app: &Arc<App>) {
    let of = Arc::clone(app);
    let written = tokio::task::spawn_blocking(move || {
        let writer = of.sessions_note.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock: an older state must not follow a newer one.
        let bytes = serde_json::to_vec(&of.sessions.keep(of.now()))?;
        Ok::<_, anyhow::Error>(note::set_unsynced(&writer, NOTE, &bytes)?)
    });
    if let Ok(Err(error)) = written.await {
        tracing::warn!(%error, "sessions are not written down: a restart now logs people out");
    }
}

/// Writes them down while the node runs.
pub(crate) async fn write_down(app: Arc<App>) {
    let mut stop = app.stop.clone();
    let mut going_on = true;
    while going_on {
        going_on = app.sessions.changed(&mut stop).await;
        write(&app).await;
    }
}
