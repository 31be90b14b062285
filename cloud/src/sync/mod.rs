//! The hub's end of the sessions with its stores' nodes.
//!
//! Changes of the roster made by the command line beside a running hub are noticed by [`watch`].
//! Per connection one [`Caller`] asks the roster; an admitted one is served by a [`NodeShell`]. Which store is connected, and
//! how it fares, is kept in [`crate::lines`].

mod shell;
mod strangers;

#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use guitai_core::{
    ids::StoreId,
    sync::{
        contract::{Authorisation, Claim, EnrolRequest, Hangup},
        frame::{ByeReason, EnrolRefusal, Enrolled, Status, Word},
    },
    trust::{KeyBytes, key_short, key_text},
};
use guitai_http::place::Place;
use guitai_link::{
    quic::{Handshake, Listener, Secured},
    session::{Admission, Admitted, Ended, Gate, run_hub_session},
};
use guitai_store::StoreError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{debug, error, info, warn};

use crate::{
    app::{App, VERSION},
    lines::{Seat, Seated},
    store::{
        Fence, Watched,
        roster::{BoxLine, Heard, Seen, Welcome},
    },
};
use shell::NodeShell;
use strangers::{StrangerSeat, Strangers};

/// Nodes connected at one time, without the strangers. A session at rest costs some 50 KiB.
const NODES_MAX: usize = 2048;

/// How often the roster is looked at for changes made beside the running hub: a revoked node is gone within 5 s.
const WATCH_EVERY: Duration = Duration::from_secs(2);

/// How often it is noted in the database how connected stores fare.
const NOTE_EVERY: Duration = Duration::from_secs(60);

/// Takes calls until the listener is closed.
pub(crate) async fn serve(app: Arc<App>, listener: Arc<Listener>) {
    let watching = tokio::spawn(watch(Arc::clone(&app)));
    let noting = tokio::spawn(note_seen(Arc::clone(&app)));
    take_calls(app, listener).await;
    watching.abort();
    noting.abort();
}

/// Notes in the database how connected stores fare, all in one write; their lines know it at any time.
async fn note_seen(app: Arc<App>) {
    loop {
        tokio::time::sleep(NOTE_EVERY).await;
        let seen = app.lines.unnoted();
        if seen.is_empty() {
            continue;
        }
        if let Err(error) = app.store.seen(seen).await {
            warn!(%error, "when the connected stores were last heard is not noted");
        }
    }
}

/// Hangs up nodes that serve their store no more, and all of them when the hub's address changed: they call again and are told.
async fn watch(app: Arc<App>) {
    let mut known: Option<Watched> = None;
    loop {
        match app.store.watched().await {
            Ok(found) => {
                if known.as_ref().is_some_and(|known| known.address != found.address) {
                    info!(address = found.address.as_deref().unwrap_or("-"), "nodes are told where the hub is now");
                    app.lines.hang_up();
                }
                if known.as_ref().is_some_and(|known| known.entry != found.entry) {
                    dismiss_ended(&app).await;
                }
                known = Some(found);
            }
            Err(error) => warn!(%error, "the roster cannot be looked at"),
        }
        tokio::time::sleep(WATCH_EVERY).await;
    }
}

async fn dismiss_ended(app: &Arc<App>) {
    for (store, issuer) in app.lines.issuers() {
        match app.store.issuer_in_force(store.clone()).await {
            Ok(Some(in_force)) if in_force == issuer => {}
            Ok(_) => {
                info!(%store, issuer = issuer.get(), "this node serves the store no more; it is hung up");
                app.lines.dismiss(&store, issuer, ByeReason::Revoked);
                app.announce(&store, []);
            }
            Err(error) => warn!(%store, %error, "the roster cannot be looked at"),
        }
    }
}

async fn take_calls(app: Arc<App>, listener: Arc<Listener>) {
    let (nodes, strangers) = (Arc::new(Semaphore::new(NODES_MAX)), Arc::new(Strangers::default()));
    while let Some(handshake) = listener.accept().await {
        let seat = strangers.seat(Place::of(handshake.remote_address().ip()));
        tokio::spawn(answer(Arc::clone(&app), handshake, seat, Arc::clone(&nodes)));
    }
}

async fn answer(app: Arc<App>, handshake: Handshake, seat: StrangerSeat, nodes: Arc<Semaphore>) {
    let (from, seat) = (handshake.remote_address(), Arc::new(seat));
    let attended = async {
        match handshake.finish().await {
            Ok(secured) => attend(app, &secured, Entrance { stranger: Arc::clone(&seat), nodes }).await,
            Err(why) => debug!(%from, why, "a handshake failed"),
        }
    };
    tokio::select! {
        () = attended => {}
        // Nothing is lost: nobody was admitted here.
        () = seat.taken_away() => debug!(%from, "a stranger gives way to another"),
    }
}

/// The seat that a caller comes with, and those it may get.
struct Entrance {
    stranger: Arc<StrangerSeat>,
    nodes: Arc<Semaphore>,
}

impl Entrance {
    /// A node's seat in place of the stranger's, if there is one.
    fn pass(&self) -> Option<OwnedSemaphorePermit> {
        let seat = Arc::clone(&self.nodes).try_acquire_owned().ok()?;
        self.stranger.leave().then_some(seat)
    }
}

async fn attend(app: Arc<App>, secured: &Secured, entrance: Entrance) {
    let identity = app.identity.clone();
    let caller = Caller { app, place: Mutex::default(), entrance, seat: Mutex::default() };
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
    entrance: Entrance,
    /// Held until the session has ended.
    seat: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Caller {
    /// The session has ended; tells which store's it was.
    async fn leave(&self) -> Option<StoreId> {
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (store, fence) = place?;
        fence.raise();
        if let Some(told) = self.app.lines.told(&store, &fence) {
            // Noted while it is still shown as connected, or it would be shown as one that never was.
            if let Err(error) = self.note(&store, told).await {
                warn!(%store, %error, "when this store was last heard is not noted");
            }
            if self.app.lines.leave(&store, &fence) {
                self.app.announce(&store, []);
            }
        }
        Some(store)
    }

    /// Notes that a store was heard up to now. One that said nothing of how it fares fares as it said last.
    async fn note(&self, store: &StoreId, told: Option<Seen>) -> Result<(), StoreError> {
        let told = match told {
            Some(told) => Some(told),
            None => self
                .app
                .store
                .news_of(store.clone(), self.app.days(Some(store)), Vec::new())
                .await?
                .line
                .and_then(|(_, line)| line.seen),
        };
        let seen =
            Seen { at: self.app.clock.now().wall, status: told.map_or_else(Status::default, |told| told.status) };
        self.app.store.seen(vec![(store.clone(), seen)]).await
    }

    async fn admit(&self, claim: Claim) -> Result<(Admission<NodeShell>, Word), StoreError> {
        let app = &self.app;
        let (node, now) = (key_text(&claim.key), app.clock.now());
        let (older, sitter) = match app.lines.seat(&claim, now) {
            Seat::Free { older, sitter } => (older, sitter),
            Seat::Taken => {
                let store = claim.store.as_ref().map_or("-", StoreId::as_str);
                error!(
                    store,
                    node, "two boxes have one key: a copied folder calls while the other is connected; refused"
                );
                if let Some(store) = &claim.store {
                    app.announce(store, []);
                }
                return Ok((Admission::Duplicate, Word::default()));
            }
        };
        let Heard { answer, issuer, word } = app.store.authorise(claim, older, now.wall).await?;
        let (standing, issuer) = match answer {
            Authorisation::Admitted(standing) => {
                let no_grant = || StoreError::Corrupt(format!("{node} is admitted without a grant in force"));
                (standing, issuer.ok_or_else(no_grant)?)
            }
            Authorisation::EnrolOnly => return Ok((Admission::EnrolOnly, word)),
            Authorisation::Unknown => return Ok((Admission::Unknown, word)),
            Authorisation::Revoked => return Ok((Admission::Revoked, word)),
            Authorisation::WrongStore => return Ok((Admission::WrongStore, word)),
            Authorisation::Replaced => return Ok((Admission::Replaced, word)),
            Authorisation::Duplicate => return Ok((Admission::Duplicate, word)),
            Authorisation::Later => return Ok((Admission::Later, word)),
        };
        let Some(seat) = self.entrance.pass() else {
            warn!(store = %standing.store, limit = NODES_MAX, "too many nodes; this one comes back later");
            return Ok((Admission::Later, word));
        };
        *self.seat.lock().unwrap_or_else(PoisonError::into_inner) = Some(seat);
        let store = standing.store.clone();
        let digest = app.store.digest(store.clone()).await?;
        let Seated { store, issuer, fence, events } = app.lines.take((store, issuer), sitter, digest, now);
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Some((store.clone(), fence.clone()));
        info!(%store, node, "node connected");
        let shell = NodeShell::new(Arc::clone(app), (store, issuer), fence);
        Ok((Admission::Admitted(Admitted { standing, shell, events }), word))
    }
}

impl Caller {
    /// Another box was let in: the one before it is told so when it calls again.
    async fn replace(&self, store: &StoreId, replaced: &BoxLine, by: &KeyBytes) {
        let last = replaced.ended.and_then(|ended| ended.last).map_or_else(|| "-".to_owned(), |no| no.to_string());
        warn!(
            %store,
            disabled = key_short(&replaced.key),
            disabled_issuer = replaced.issuer.get(),
            last_fact = last,
            by = key_short(by),
            "a new box serves this store; the one before it is disabled"
        );
        self.app.lines.dismiss(store, replaced.issuer, ByeReason::Revoked);
        self.app.announce(store, []);
    }
}

impl Gate for Caller {
    type Shell = NodeShell;

    async fn authorise(&self, claim: Claim) -> (Admission<NodeShell>, Word) {
        self.admit(claim).await.unwrap_or_else(|error| {
            warn!(%error, "the roster cannot be read; the node comes back later");
            (Admission::Later, Word::default())
        })
    }

    async fn enrol(&self, request: EnrolRequest) -> Result<Enrolled, EnrolRefusal> {
        let node = key_text(&request.channel.node_key);
        let now = self.app.clock.now().wall;
        match self.app.store.enrol(request.clone(), now).await {
            Ok(Ok(Welcome { enrolled, replaced })) => {
                let store = &enrolled.grant.store;
                info!(%store, node, issuer = enrolled.grant.issuer.get(), "node enrolled");
                if let Some(replaced) = replaced {
                    self.replace(store, &replaced, &request.channel.node_key).await;
                }
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
