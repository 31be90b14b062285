//! The running node: what its parts share, and how they are wired together.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Instant,
};

use guitai_core::{
    acquirer::Kind,
    ids::{AccountId, FactNo, Issuer, JournalId, StoreId, TillId},
    time::{BusinessClock, Now, Ticks, UtcMs},
    trust::Bar,
};
use guitai_http::{
    bearer::{ApiKey, Authenticator, KeyHash, Scopes},
    login::{Found, LogIns},
    problem::{Code, Problem},
    session::Sessions,
    sse::{Event, Streams},
};
use guitai_store::{Reader, StoreError, query};
use guitai_till::{Accepted, Command, Handle, NotAccepted};
use tokio::sync::{broadcast, oneshot, watch};

use crate::{
    announcements::Announcements,
    clock::wall,
    config::Till,
    data_folder::DataFolder,
    devices::{Printer, ScannerWatch, Scans},
    membership::Membership,
    refusal, room, suspect,
    sync::SyncState,
    waiters::{Wait, Waiters},
};

/// Everything the web page and the programs talk to.
pub(crate) struct App {
    pub(crate) folder: DataFolder,
    pub(crate) store: StoreId,
    pub(crate) store_name: String,
    /// Whose order numbers this box draws.
    pub(crate) issuer: Issuer,
    pub(crate) title: String,
    pub(crate) clock: BusinessClock,
    /// Whose terms its payments follow.
    pub(crate) acquirer: Kind,
    pub(crate) tills: BTreeMap<TillId, Till>,
    /// Sources of bills whose numbers start anew each day.
    pub(crate) daily_bills: BTreeSet<String>,
    pub(crate) reader: Reader,
    pub(crate) till: Handle,
    pub(crate) waiters: Arc<Waiters>,
    pub(crate) sessions: Sessions,
    /// Writes the sessions down, one at a time.
    pub(crate) sessions_note: Mutex<query::Connection>,
    pub(crate) log_ins: LogIns,
    pub(crate) streams: Streams,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) announcements: Arc<Announcements>,
    pub(crate) membership: Arc<Membership>,
    pub(crate) sync: watch::Receiver<SyncState>,
    pub(crate) scans: Arc<Scans>,
    pub(crate) scanner: ScannerWatch,
    pub(crate) printer: Printer,
    pub(crate) committed: watch::Receiver<FactNo>,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) request_key: [u8; 32],
    pub(crate) started: Instant,
}

impl App {
    pub(crate) fn now(&self) -> Now {
        let up = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now::alone(wall(), Ticks(up))
    }

    /// Trusted time: for days, windows and everything people read as the time.
    pub(crate) fn trusted_now(&self) -> UtcMs {
        self.till.clock().trusted_now()
    }

    /// The journal this box writes.
    pub(crate) fn journal(&self) -> JournalId {
        JournalId::node(self.store.clone())
    }

    /// Looks one thing up by its key, on this thread: it takes microseconds, and handing it to another would take longer.
    pub(crate) fn look<T>(
        &self,
        work: impl FnOnce(&guitai_store::query::Connection) -> Result<T, StoreError>,
    ) -> Result<T, Problem> {
        self.reader.read(work).map_err(|error| self.read_failed(&error))
    }

    /// Reads on a thread that may block.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&guitai_store::query::Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let this = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || this.reader.read(work)).await;
        match done {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(self.read_failed(&error)),
            Err(_) => Err(Code::Internal.into()),
        }
    }

    fn read_failed(&self, error: &StoreError) -> Problem {
        tracing::error!(%error, "read failed");
        suspect::begin_again_if_damaged(&self.folder, error);
        Code::Internal.into()
    }

    /// Asks the engine for what begins something new, if it can be booked to its end; see [`Self::ask`].
    pub(crate) async fn begin(
        &self,
        command: impl FnOnce(guitai_till::Reply) -> Command,
    ) -> Result<(Accepted, Wait), Problem> {
        room::check(self.folder.path()).map_err(|why| room::problem(why, self.folder.path()))?;
        self.ask(command).await
    }

    /// Asks the engine, and waits for its commit. The wait for the payment begins inside the engine's reply.
    pub(crate) async fn ask(
        &self,
        command: impl FnOnce(guitai_till::Reply) -> Command,
    ) -> Result<(Accepted, Wait), Problem> {
        let (sender, receiver) = oneshot::channel();
        let waiters = Arc::clone(&self.waiters);
        let reply = Box::new(move |answer: Result<Accepted, NotAccepted>| {
            let answer = answer.map(|accepted| (accepted, waiters.enter(accepted)));
            // The caller may have hung up; the payment goes on.
            let _ = sender.send(answer);
        });
        self.till.send(command(reply)).map_err(refusal::not_taken)?;
        match receiver.await {
            Ok(Ok(taken)) => Ok(taken),
            Ok(Err(refusal)) => Err(refusal::problem(refusal)),
            Err(_) => Err(Code::NotAccepting.into()),
        }
    }

    /// Whether nobody can be let in: the journal was lost, its people with it, and the hub has not given it back.
    pub(crate) async fn lacks_people(self: &Arc<Self>) -> Result<bool, Problem> {
        if self.membership.bar() != Some(Bar::Forked) {
            return Ok(false);
        }
        let store = self.store.as_str().to_owned();
        Ok(self.read(move |connection| query::accounts(connection, &store)).await?.is_empty())
    }

    /// An account that may log in, with its password's PHC text.
    pub(crate) async fn account(self: &Arc<Self>, account: &AccountId) -> Result<Found<query::AccountRow>, Problem> {
        let (store, account) = (self.store.as_str().to_owned(), account.to_string());
        let row = self.read(move |connection| query::account(connection, &store, &account)).await?;
        Ok(row.filter(|row| !row.disabled).map(|row| {
            let verifier = row.verifier.clone();
            (row, verifier)
        }))
    }
}

impl Authenticator for App {
    fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    fn key(&self, hash: &KeyHash) -> Result<Option<ApiKey>, Problem> {
        let found = self.look(|connection| query::api_key(connection, &hash.0))?;
        if found.is_none() && self.membership.bar() == Some(Bar::Forked) {
            // It may be among what the journal lost.
            return Err(refusal::journal_behind());
        }
        Ok(found.and_then(|(name, scopes)| Some(ApiKey { name, scopes: Scopes::parse(&scopes).ok()?, hash: *hash })))
    }

    fn now(&self) -> Now {
        Self::now(self)
    }

    fn request_key(&self) -> [u8; 32] {
        self.request_key
    }
}
