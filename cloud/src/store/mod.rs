//! What the hub keeps: its copies of the stores' journals, the documents, and its own few tables. SQL stays in here.
//!
//! - [`roster`]: stores, enrolment codes, the keys let in.
//! - [`people`]: accounts of headquarters, keys of programs.
//! - [`letters`]: the announcement documents.
//!
//! [`HubStore`] is what the server uses: a few coarse asynchronous methods. The command line works on [`Sqlite`] directly.

pub(crate) mod days;
pub(crate) mod letters;
pub(crate) mod people;
pub(crate) mod roster;
mod sqlite;

use std::sync::Arc;

use guitai_core::{
    ids::{AccountId, FactNo, Issuer, OrderNo, StoreId},
    journal::{chain::Seal, epoch::Point},
    sync::{
        contract::{Claim, EnrolRequest},
        frame::EnrolRefusal,
        journal_lane::{Batch, Loaded},
    },
    time::{Day, UtcMs},
};
use guitai_documents::{Announcement, PeerSync};
use guitai_http::{
    bearer::{ApiKey, KeyHash},
    session::Person,
};
use guitai_store::{
    StoreError,
    list::PaymentFilter,
    query::{PaymentRow, StatRow},
};

use days::Days;
use letters::{Change, Draft, LetterError, MessageError, Turn};
use people::{KeyLine, NotAdmitted};
use roster::{Heard, Seen, StoreLine, Welcome};
pub use sqlite::{Fence, Refused, Sqlite};
pub(crate) use sqlite::{Figures, Letters, StoreDays, StoreNews, Watched};

/// Where the hub keeps everything.
#[derive(Clone, Debug)]
pub(crate) enum HubStore {
    /// One SQLite file.
    Sqlite(Arc<Sqlite>),
}

impl HubStore {
    /// The roster's word on a node; raises `fence` against the store's older session first.
    pub(crate) async fn authorise(&self, claim: Claim, older: Option<Fence>, now: UtcMs) -> Result<Heard, StoreError> {
        self.blocking(move |sqlite| sqlite.authorise(&claim, older.as_ref(), now)).await?
    }

    /// What a running hub watches for changes made beside it.
    pub(crate) async fn watched(&self) -> Result<Watched, StoreError> {
        self.blocking(Sqlite::watched).await?
    }

    /// The number of a store's box in force.
    pub(crate) async fn issuer_in_force(&self, store: StoreId) -> Result<Option<Issuer>, StoreError> {
        self.blocking(move |sqlite| sqlite.issuer_in_force(&store)).await?
    }

    /// Takes a node in.
    pub(crate) async fn enrol(
        &self,
        request: EnrolRequest,
        now: UtcMs,
    ) -> Result<Result<Welcome, EnrolRefusal>, StoreError> {
        self.blocking(move |sqlite| sqlite.enrol(&request, now)).await?
    }

    /// Makes a verified run of facts durable, if the box with this number still serves the store and its session was not
    /// superseded; answers the numbers whose rows it changed.
    pub(crate) async fn ingest(
        &self,
        (store, issuer): (StoreId, Issuer),
        batch: Batch,
        fence: Fence,
    ) -> Result<Vec<OrderNo>, Refused> {
        self.blocking(move |sqlite| sqlite.ingest((&store, issuer), batch, &fence)).await?
    }

    /// What is held of a box's journal from a fact on.
    pub(crate) async fn load(
        &self,
        store: StoreId,
        from: FactNo,
        max_bytes: usize,
    ) -> Result<Option<Loaded>, StoreError> {
        self.blocking(move |sqlite| sqlite.load(&store, from, max_bytes)).await?
    }

    /// The first of a box's places that is held too, the last fact held, and whether its seal proves another history, which is
    /// then kept.
    pub(crate) async fn recall(
        &self,
        store: StoreId,
        known: Vec<Point>,
        seal: Option<Seal>,
    ) -> Result<Recalled, StoreError> {
        self.blocking(move |sqlite| sqlite.recall(&store, &known, seal.as_ref())).await?
    }

    /// Notes how nodes fare, all in one write.
    pub(crate) async fn seen(&self, seen: Vec<(StoreId, Seen)>) -> Result<(), StoreError> {
        self.blocking(move |sqlite| sqlite.seen(&seen)).await?
    }

    /// How many stores there are.
    pub(crate) async fn store_count(&self) -> Result<u64, StoreError> {
        self.blocking(Sqlite::store_count).await?
    }

    /// All stores with the day that it is at each, and the figures of those days.
    pub(crate) async fn stores_today(&self, days: Days) -> Result<(StoreDays, Vec<StatRow>), StoreError> {
        self.blocking(move |sqlite| sqlite.stores_today(&days)).await?
    }

    /// One store with its figures of the day, and the rows of these payments.
    pub(crate) async fn news_of(
        &self,
        store: StoreId,
        days: Days,
        changed: Vec<OrderNo>,
    ) -> Result<StoreNews, StoreError> {
        self.blocking(move |sqlite| sqlite.news_of(&store, &days, &changed)).await?
    }

    /// All stores, and the figures of a day, or of today, of all or one of them.
    pub(crate) async fn figures(
        &self,
        (days, date): (Days, Option<Day>),
        store: Option<StoreId>,
    ) -> Result<Figures, StoreError> {
        self.blocking(move |sqlite| sqlite.figures((&days, date), store.as_ref())).await?
    }

    /// A page of payments, newest first.
    pub(crate) async fn payments(&self, filter: PaymentFilter, limit: usize) -> Result<Vec<PaymentRow>, StoreError> {
        self.blocking(move |sqlite| sqlite.payments(&filter, limit)).await?
    }

    /// One payment.
    pub(crate) async fn payment(&self, order_no: String) -> Result<Option<PaymentRow>, StoreError> {
        self.blocking(move |sqlite| sqlite.payment(&order_no)).await?
    }

    /// A person and the PHC text of the password.
    pub(crate) async fn account(&self, account: AccountId) -> Result<Option<(Person, String)>, StoreError> {
        self.blocking(move |sqlite| sqlite.account(&account)).await?
    }

    /// All accounts, and whether each may log in no more.
    pub(crate) async fn accounts(&self) -> Result<Vec<(Person, bool)>, StoreError> {
        self.blocking(Sqlite::accounts).await?
    }

    /// Lets an account log in no more, or again.
    pub(crate) async fn admit(&self, account: AccountId, disabled: bool, now: UtcMs) -> Result<Person, NotAdmitted> {
        self.blocking(move |sqlite| sqlite.admit(&account, disabled, now)).await?
    }

    /// All keys.
    pub(crate) async fn keys(&self) -> Result<Vec<KeyLine>, StoreError> {
        self.blocking(Sqlite::keys).await?
    }

    /// Makes the key of this name good no more; false if there is none.
    pub(crate) async fn revoke_key(&self, name: String, now: UtcMs) -> Result<bool, StoreError> {
        self.blocking(move |sqlite| sqlite.revoke_key(&name, now)).await?
    }

    /// The sessions as they were last written down.
    pub(crate) async fn sessions(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.blocking(Sqlite::sessions).await?
    }

    /// Writes the sessions down.
    pub(crate) async fn keep_sessions(&self, kept: Vec<u8>) -> Result<(), StoreError> {
        self.blocking(move |sqlite| sqlite.keep_sessions(&kept)).await?
    }

    /// A program's key. Not asynchronous: one look-up by primary key, for a caller that cannot wait.
    pub(crate) fn key(&self, hash: &KeyHash) -> Result<Option<ApiKey>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.key(hash),
        }
    }

    /// The announcements of these stores, or of all.
    pub(crate) async fn letters(&self, of: Option<Vec<StoreId>>) -> Result<Letters, StoreError> {
        self.blocking(move |sqlite| sqlite.letters(of.as_deref())).await?
    }

    /// Publishes an announcement in the named stores, or in all; answers them.
    pub(crate) async fn publish(&self, draft: Draft, to: Option<Vec<String>>) -> Result<Vec<StoreId>, LetterError> {
        self.blocking(move |sqlite| sqlite.publish(&draft, to.as_deref())).await?
    }

    /// Changes an announcement; answers the stores it is in.
    pub(crate) async fn edit(&self, id: String, change: Change, at: UtcMs) -> Result<Vec<StoreId>, LetterError> {
        self.blocking(move |sqlite| sqlite.edit(&id, &change, at)).await?
    }

    /// The digest over the documents shared with a store.
    pub(crate) async fn digest(&self, store: StoreId) -> Result<[u8; 32], StoreError> {
        self.blocking(move |sqlite| sqlite.digest(&store)).await?
    }

    /// What there is to say to a node about its documents.
    pub(crate) async fn speak(&self, store: StoreId, peer: PeerState) -> Result<Turn, StoreError> {
        self.blocking(move |sqlite| sqlite.speak(&store, &peer)).await?
    }

    /// Takes in what a node says about a document.
    pub(crate) async fn hear(
        &self,
        store: StoreId,
        peer: PeerState,
        document: String,
        message: Vec<u8>,
    ) -> Result<Turn, MessageError> {
        self.blocking(move |sqlite| sqlite.hear(&store, &peer, (&document, &message))).await?
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Sqlite) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        match self {
            Self::Sqlite(sqlite) => {
                let sqlite = Arc::clone(sqlite);
                let done = tokio::task::spawn_blocking(move || work(&sqlite)).await;
                done.map_err(|error| StoreError::Fault(format!("a piece of work ended early: {error}")))
            }
        }
    }
}

/// See [`HubStore::recall`].
pub type Recalled = (Option<FactNo>, Option<FactNo>, bool);

/// Where the documents' talk with one session's node stands; `None` until it begins.
pub(crate) type PeerState = Arc<std::sync::Mutex<Option<PeerSync>>>;

/// A store's announcements beside its line.
pub(crate) type StoreLetters = (StoreLine, Vec<Announcement>);
