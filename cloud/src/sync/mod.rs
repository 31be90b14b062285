//! The hub's end of the sessions with its stores' nodes.
//!
//! Per connection one [`Caller`] asks the roster; an admitted one is served by a [`NodeShell`]. Which store is connected, and
//! how it fares, is kept in [`lines`].

pub(crate) mod lines;
mod shell;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use guitai_core::{
    ids::StoreId,
    sync::{
        contract::{Authorisation, Claim, EnrolRequest, Hangup},
        frame::{EnrolRefusal, Enrolled, Status},
    },
    trust::key_text,
};
use guitai_link::{
    quic::{Handshake, Listener, Secured},
    session::{Admitted, Answer, EVENTS_MAX, Ended, Event, Gate, run_hub_session},
};
use tokio::sync::{Semaphore, mpsc};
use tracing::{debug, info, warn};

use crate::{
    app::{App, VERSION},
    store::{Fence, roster::Seen},
};
use lines::Line;
use shell::NodeShell;

/// Nodes connected at one time, strangers included. A session at rest costs some 50 KiB.
const CALLERS_MAX: usize = 2048;

/// Takes calls until the listener is closed.
pub(crate) async fn serve(app: Arc<App>, listener: Arc<Listener>) {
    let places = Arc::new(Semaphore::new(CALLERS_MAX));
    while let Some(handshake) = listener.accept().await {
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            warn!(from = %handshake.remote_address(), limit = CALLERS_MAX, "too many nodes; this one is dropped");
            continue;
        };
        let app = Arc::clone(&app);
        tokio::spawn(async move {
            answer(app, handshake).await;
            drop(place);
        });
    }
}

async fn answer(app: Arc<App>, handshake: Handshake) {
    let from = handshake.remote_address();
    match handshake.finish().await {
        Ok(secured) => attend(app, &secured).await,
        Err(why) => debug!(%from, why, "a handshake failed"),
    }
}

async fn attend(app: Arc<App>, secured: &Secured) {
    let identity = app.identity.clone();
    let caller = Caller { app, place: Mutex::default() };
    let ended = run_hub_session(secured, &identity, VERSION, &caller).await;
    let node = key_text(&secured.peer_key);
    match caller.leave().await {
        Some(store) => info!(%store, node, ended = words(&ended), "node disconnected"),
        None => info!(node, ended = words(&ended), "caller gone"),
    }
}

fn words(ended: &Ended) -> String {
    match ended {
        Ended::Hangup(Hangup::Fault(fault)) => format!("fault: {fault}"),
        Ended::Hangup(hangup) => format!("{hangup:?}"),
        Ended::Lost(why) => format!("lost: {why}"),
        Ended::Shell(error) => format!("own fault: {error}"),
    }
}

/// One connection, until the roster has spoken and after.
struct Caller {
    app: Arc<App>,
    place: Mutex<Option<(StoreId, Fence)>>,
}

impl Caller {
    /// The session has ended; tells which store's it was.
    async fn leave(&self) -> Option<StoreId> {
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (store, fence) = place?;
        fence.raise();
        if let Some(mut seen) = self.app.lines.leave(&store, &fence) {
            seen.at = self.app.clock.now().wall;
            if let Err(error) = self.app.store.seen(store.clone(), seen).await {
                warn!(%store, %error, "when this store was last heard is not noted");
            }
            self.app.announce_store(&store).await;
        }
        Some(store)
    }

    async fn admit(&self, claim: Claim) -> Result<Answer<NodeShell>, guitai_store::StoreError> {
        let app = &self.app;
        let app_version = claim.app_version.clone();
        let node = key_text(&claim.key);
        let older = claim.store.as_ref().and_then(|store| app.lines.fence(store));
        let standing = match app.store.authorise(claim, older).await? {
            Authorisation::Admitted(standing) => standing,
            Authorisation::EnrolOnly => return Ok(Answer::EnrolOnly),
            Authorisation::Unknown => return Ok(Answer::Unknown),
            Authorisation::Revoked => return Ok(Answer::Revoked),
            Authorisation::WrongStore => return Ok(Answer::WrongStore),
        };
        let store = standing.store.clone();
        let digest = app.store.digest(store.clone()).await?;
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        // The first of an empty channel.
        sender.try_send(Event::Documents(digest)).ok();
        let fence = Fence::default();
        let at = app.clock.now().wall;
        let seen = Seen { at, status: Status { app_version, ..Status::default() } };
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Some((store.clone(), fence.clone()));
        app.lines
            .admit(&store, Line { fence: fence.clone(), events: sender, since: at, seen: seen.clone(), noted: at });
        app.store.seen(store.clone(), seen).await?;
        info!(%store, node, "node connected");
        let shell = NodeShell::new(Arc::clone(app), store, fence);
        Ok(Answer::Admitted(Admitted { standing, shell, events }))
    }
}

impl Gate for Caller {
    type Shell = NodeShell;

    async fn authorise(&self, claim: Claim) -> Answer<NodeShell> {
        self.admit(claim).await.unwrap_or_else(|error| {
            // The hello knows no "later"; an unknown node tries again.
            warn!(%error, "the roster cannot be read; the node is sent away");
            Answer::Unknown
        })
    }

    async fn enrol(&self, request: EnrolRequest) -> Result<Enrolled, EnrolRefusal> {
        let node = key_text(&request.channel.node_key);
        let now = self.app.clock.now().wall;
        match self.app.store.enrol(request, now).await {
            Ok(Ok(enrolled)) => {
                info!(store = %enrolled.store, node, "node enrolled");
                Ok(enrolled)
            }
            Ok(Err(refusal)) => {
                info!(node, ?refusal, "enrolment refused");
                Err(refusal)
            }
            Err(error) => {
                warn!(%error, "an enrolment cannot be noted");
                Err(EnrolRefusal::TryAgain)
            }
        }
    }
}
