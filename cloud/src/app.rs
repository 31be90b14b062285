//! What the server's parts share while it runs.

use std::{
    sync::{Arc, OnceLock, atomic::AtomicBool},
    time::Duration,
};

use ed25519_dalek::SigningKey;
use guitai_core::{
    clock::Deviation,
    ids::{OrderNo, StoreId},
    normal,
    stats::Movement,
    time::{Day, Now},
    trust::key_short,
};
use guitai_http::{
    bearer::{ApiKey, Authenticator, KeyHash},
    dto::{Date, DisabledNode, EndedWord, StoreRow, StoreState, StoreToday, Tally, Time, net_fen},
    login::LogIns,
    problem::{Code, Problem},
    session::Sessions,
    sse::{Event, Streams},
};
use guitai_store::query::StatRow;
use tokio::sync::{broadcast, watch};
use tracing::{error, warn};

use crate::{
    accounts::Accounts,
    clock::Clock,
    due::{Changes, Due},
    identity,
    lines::Lines,
    rows,
    store::{
        HubStore, StoreNews,
        days::Days,
        roster::{StoreLine, Why},
    },
};

/// Events kept for listeners that fall behind: a full window of facts of some stores at once.
const NEWS_MAX: usize = 1024;

/// Between two news of one store: a backlog coming in is told of in strides.
const TOLD_EVERY: Duration = Duration::from_millis(250);

/// The version of this program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The hub while it runs.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) store: HubStore,
    pub(crate) identity: SigningKey,
    pub(crate) clock: Clock,
    pub(crate) sessions: Sessions,
    /// Whose turn it is to write the sessions down.
    pub(crate) sessions_written: tokio::sync::Mutex<()>,
    pub(crate) log_ins: LogIns,
    pub(crate) streams: Streams,
    pub(crate) news: broadcast::Sender<Event>,
    due: Due,
    pub(crate) accounts: Accounts,
    pub(crate) lines: Lines,
    /// Whether the last facts that a store sent were kept: not so on a full or read-only disk.
    pub(crate) storing: AtomicBool,
    /// Where nodes are heard (UDP), once they are.
    pub(crate) sync_port: OnceLock<u16>,
    pub(crate) stop: watch::Receiver<bool>,
}

impl App {
    /// A hub over this store.
    pub(crate) fn new(store: HubStore, identity: SigningKey, stop: watch::Receiver<bool>) -> Arc<Self> {
        let process_key = identity.verifying_key().to_bytes();
        let sessions = Sessions::new(&process_key);
        let log_ins = LogIns::new(&process_key, identity::request_key(&identity));
        Arc::new(Self {
            store,
            identity,
            clock: Clock::start(),
            sessions,
            sessions_written: tokio::sync::Mutex::default(),
            log_ins,
            streams: Streams::default(),
            news: broadcast::Sender::new(NEWS_MAX),
            due: Due::default(),
            accounts: Accounts::default(),
            lines: Lines::default(),
            storing: AtomicBool::new(true),
            sync_port: OnceLock::new(),
            stop,
        })
    }

    /// Which day it is now, at one store or at all.
    pub(crate) fn days(&self, of: Option<&StoreId>) -> Days {
        Days::at(self.clock.now().wall, self.lines.days(of))
    }

    /// A store as people see it, with the figures of its day.
    ///
    /// # Errors
    /// 500 if its figures have no place in their types.
    pub(crate) fn store_row(&self, line: &StoreLine, (day, today): (Day, &[StatRow])) -> Result<StoreRow, Problem> {
        let link = self.lines.state(&line.id);
        let (state, since) = match (&link, &line.seen) {
            (Some(link), _) => (StoreState::Connected, Some(link.since)),
            (None, Some(seen)) => (StoreState::Offline, Some(seen.at)),
            (None, None) => (StoreState::Never, None),
        };
        let duplicate = link.as_ref().and_then(|link| link.duplicate).map(Time);
        let version = link.as_ref().map(|link| link.app_version.clone());
        // A node that is connected and has not said how it fares yet fares as it said last.
        let seen = link.and_then(|link| link.seen).or_else(|| line.seen.clone());
        Ok(StoreRow {
            store: line.id.to_string(),
            name: line.name.clone(),
            state,
            since: since.map(Time),
            last_seen_at: seen.as_ref().map(|seen| Time(seen.at)),
            facts: line.facts.map(|no| no.to_string()),
            unsent: seen.as_ref().and_then(|seen| seen.status.unsent),
            oldest_unsent_at: seen.as_ref().and_then(|seen| seen.status.oldest_unsent_at).map(Time),
            clock_offset_ms: seen.as_ref().and_then(|seen| seen.status.clock_offset_ms),
            clock: seen.as_ref().and_then(|seen| seen.status.clock_offset_ms).map(|off| Deviation::of(off).into()),
            issuer: line.in_force().map(|one| one.issuer.get()),
            node: line.in_force().map(|one| key_short(&one.key)),
            closed_since: line.closed_at.map(Time),
            duplicate_at: duplicate,
            disabled: disabled(line),
            version: version
                .or_else(|| seen.map(|seen| seen.status.app_version))
                .map(|version| normal::shown(&version))
                .filter(|version| !version.is_empty()),
            today: day_so_far(day, today.iter().filter(|row| row.store == line.id.as_str()))?,
        })
    }

    /// Tells listeners how a store is doing, and which of its payments changed: soon, and not more often than [`TOLD_EVERY`]. Nobody
    /// waits for it.
    pub(crate) fn announce(self: &Arc<Self>, store: &StoreId, changed: impl IntoIterator<Item = OrderNo>) {
        if self.news.receiver_count() > 0 && self.due.add(store, changed) {
            let (app, store) = (Arc::clone(self), store.clone());
            tokio::spawn(async move { app.tell_until_all_is_told(store).await });
        }
    }

    async fn tell_until_all_is_told(&self, store: StoreId) {
        while let Some(Changes { payments, dropped }) = self.due.take(&store) {
            {
                let _turn = self.due.turn.lock().await;
                if dropped {
                    self.tell(Event::resync());
                }
                match self.store.news_of(store.clone(), self.days(Some(&store)), payments).await {
                    Ok(StoreNews { line, today, payments }) => {
                        payments.iter().for_each(|row| self.tell(Event::new(&rows::payment(row))));
                        match line.map(|(day, line)| self.store_row(&line, (day, &today))).transpose() {
                            Ok(row) => row.iter().for_each(|row| self.tell(Event::new(row))),
                            // The list says so to whoever asks.
                            Err(_) => warn!(%store, "the figures of this store are not told"),
                        }
                    }
                    Err(error) => warn!(%store, %error, "no news of this store"),
                }
            }
            tokio::time::sleep(TOLD_EVERY).await;
        }
    }

    /// Tells the nodes of these stores at once that their documents changed.
    pub(crate) async fn push_documents(&self, stores: &[StoreId]) {
        for store in stores {
            match self.store.digest(store.clone()).await {
                Ok(digest) => self.lines.documents_changed(store, digest),
                Err(error) => warn!(%store, %error, "the node is not told of a change until it connects again"),
            }
        }
    }

    fn tell(&self, event: Event) {
        // Fails only when nobody listens.
        self.news.send(event).ok();
    }
}

impl Authenticator for App {
    fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    fn key(&self, hash: &KeyHash) -> Result<Option<ApiKey>, Problem> {
        self.store.key(hash).map_err(|error| {
            error!(%error, "keys cannot be read");
            Code::Internal.into()
        })
    }

    fn now(&self) -> Now {
        self.clock.now()
    }

    fn request_key(&self) -> [u8; 32] {
        identity::request_key(&self.identity)
    }
}

/// Boxes shown that serve a store no more.
const DISABLED_SHOWN: usize = 3;

/// The boxes that served this store before, the last one first.
fn disabled(line: &StoreLine) -> Vec<DisabledNode> {
    let ended = line.boxes.iter().filter_map(|one| Some((one, one.ended?)));
    let shown = ended.map(|(one, ended)| DisabledNode {
        node: key_short(&one.key),
        issuer: one.issuer.get(),
        since: Time(ended.at),
        why: match ended.why {
            Why::Revoked => EndedWord::Revoked,
            Why::Replaced => EndedWord::Replaced,
        },
        last_fact: ended.last.map(|no| no.to_string()),
    });
    shown.take(DISABLED_SHOWN).collect()
}

fn day_so_far<'a>(day: Day, rows: impl Iterator<Item = &'a StatRow>) -> Result<StoreToday, Problem> {
    let (mut paid, mut back) = (Tally::default(), Tally::default());
    for row in rows {
        match row.movement {
            Movement::Paid => paid.count(row.count, row.sum)?,
            Movement::Discounted => {}
            Movement::Voided | Movement::Refunded => back.count(row.count, row.sum)?,
        }
    }
    Ok(StoreToday { date: Date(day), orders: paid.count, income_fen: net_fen(paid, &[back])? })
}
