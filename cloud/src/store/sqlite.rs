//! The hub's file: one shared writing connection, readers, and the hub's own tables beside guitai-store's.

mod check;
mod fence;
mod foresight;
mod intake;
mod people;
mod refused;
mod schema;

use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{FactNo, Issuer, JournalId, OrderNo, StoreId},
    journal::{chain::Seal, epoch::Point},
    money::Fen,
    sync::{
        contract::{Authorisation, Claim, EnrolRequest},
        frame::EnrolRefusal,
        journal_lane::Loaded,
    },
    time::{Day, UtcMs},
    trust::EnrolmentCode,
};
use guitai_store::{
    Database, Reader, StoreError, ingest,
    list::{self, PaymentFilter},
    note,
    query::{self, PaymentRow, StatRow},
    refold::{self, Refolded},
};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tracing::warn;

use super::{
    PeerState, Recalled, StoreLetters,
    days::Days,
    letters::{self, Actor, Change, Draft, LetterError, MessageError, Turn},
    roster::{self, BoxLine, Heard, NoCode, NotAdded, NotChanged, Seen, StoreLine, Welcome},
};

use intake::Intake;

pub use fence::Fence;
pub use refused::Refused;

const MERCHANT_NOTE: &str = "merchant_name";

const WRITABLE_NOTE: &str = "written_at_start";

const ADDRESS_NOTE: &str = "node_address";

const SESSIONS_NOTE: &str = "sessions";

/// A day's figures, and the stores they are of.
#[derive(Debug)]
pub(crate) struct Figures {
    /// Which day.
    pub(crate) day: Day,
    /// All stores of the merchant.
    pub(crate) stores: Vec<StoreLine>,
    /// The figures of the day.
    pub(crate) rows: Vec<StatRow>,
    /// Count and sum of what is in doubt.
    pub(crate) doubt: (u64, Fen),
    /// Names of the people of the stores: store, account, name.
    pub(crate) names: Vec<(String, String, String)>,
}

/// What there is to tell of a store.
#[derive(Debug)]
pub(crate) struct StoreNews {
    /// The store, if it is there, and the day that it is at it.
    pub(crate) line: Option<(Day, StoreLine)>,
    /// Its figures of the day.
    pub(crate) today: Vec<StatRow>,
    /// Payments that changed.
    pub(crate) payments: Vec<PaymentRow>,
}

/// Stores, each with the day that it is there.
pub(crate) type StoreDays = Vec<(Day, StoreLine)>;

/// Every store with its announcements.
pub(crate) type Letters = Vec<StoreLetters>;

/// The file.
pub struct Sqlite {
    writer: Mutex<Connection>,
    intake: Intake,
    reader: Reader,
    identity: SigningKey,
    actor: Actor,
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sqlite").finish_non_exhaustive()
    }
}

impl Sqlite {
    /// The file's name in the data folder.
    pub(crate) const FILE: &str = "hub.db";

    /// Opens or makes the file in the data folder. `actor` must be new for every process.
    pub fn open(data: &Path, identity: SigningKey, actor: Actor) -> Result<Self, StoreError> {
        let path: PathBuf = data.join(Self::FILE);
        Self::adopt(Database::open(&path)?, &path, identity, actor).map_err(|error| error.at(&path))
    }

    /// As [`Self::open`], on a VFS registered with SQLite under this name.
    ///
    /// # Errors
    /// As [`Self::open`]; an unknown VFS.
    pub fn open_on(data: &Path, vfs: &'static str, identity: SigningKey, actor: Actor) -> Result<Self, StoreError> {
        let path: PathBuf = data.join(Self::FILE);
        Self::adopt(Database::open_on(&path, vfs)?, &path, identity, actor)
    }

    fn adopt(database: Database, path: &Path, identity: SigningKey, actor: Actor) -> Result<Self, StoreError> {
        let mut writer = database.bulk_writer()?;
        schema::adopt(&mut writer, path)?;
        refold::fit(&mut writer, &draws)?;
        Ok(Self {
            writer: Mutex::new(writer),
            intake: Intake::default(),
            reader: Reader::new(database),
            identity,
            actor,
        })
    }

    /// Whether anything can be written: a hub that only reads would look well and keep nothing.
    pub(crate) fn try_writing(&self) -> Result<(), StoreError> {
        self.write(|tx| note::set(tx, WRITABLE_NOTE, b""))
    }

    /// What is read with, by many at once.
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Makes the rows of every store anew from their journals.
    pub(crate) fn rebuild(&self) -> Result<Refolded, StoreError> {
        refold::refold(&mut self.lock(), &draws)
    }

    /// The sessions as they were last written down.
    pub(crate) fn sessions(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.reader.read(|connection| note::get(connection, SESSIONS_NOTE))
    }

    /// Writes the sessions down.
    pub(crate) fn keep_sessions(&self, kept: &[u8]) -> Result<(), StoreError> {
        self.write(|tx| note::set(tx, SESSIONS_NOTE, kept))
    }

    /// The merchant's name, if one was set.
    pub(crate) fn merchant(&self) -> Result<Option<String>, StoreError> {
        let name = self.reader.read(|connection| note::get(connection, MERCHANT_NOTE))?;
        Ok(name.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// Sets the merchant's name.
    pub(crate) fn set_merchant(&self, name: &str) -> Result<(), StoreError> {
        self.write(|tx| note::set(tx, MERCHANT_NOTE, name.as_bytes()))
    }

    /// Adds a store.
    pub fn add_store(&self, store: &StoreId, name: &str, now: UtcMs) -> Result<(), NotAdded> {
        self.write(|tx| roster::add_store(tx, store, name, now))
    }

    /// Gives a store another name.
    pub(crate) fn rename_store(&self, store: &StoreId, name: &str) -> Result<(), NotChanged> {
        self.write(|tx| roster::rename_store(tx, store, name))
    }

    /// Closes a store; answers the box that is disabled with it.
    pub(crate) fn close_store(&self, store: &StoreId, now: UtcMs) -> Result<Option<BoxLine>, NotChanged> {
        self.write(|tx| roster::close_store(tx, store, now))
    }

    /// Opens a closed store again.
    pub(crate) fn reopen_store(&self, store: &StoreId) -> Result<(), NotChanged> {
        self.write(|tx| roster::reopen_store(tx, store))
    }

    /// Disables a store's box, if its key begins with these digits; answers it.
    pub(crate) fn revoke(&self, store: &StoreId, key: Option<&str>, now: UtcMs) -> Result<BoxLine, NotChanged> {
        self.write(|tx| roster::revoke(tx, store, key, now))
    }

    /// Where nodes are told to find the hub, if it moves.
    pub(crate) fn address(&self) -> Result<Option<String>, StoreError> {
        self.reader.read(address)
    }

    /// Tells nodes where to find the hub from now on; an empty address: where they always did.
    pub(crate) fn set_address(&self, address: &str) -> Result<(), StoreError> {
        self.write(|tx| note::set(tx, ADDRESS_NOTE, address.as_bytes()))
    }

    /// What a running hub watches for changes made beside it: the newest roster entry, and the address.
    pub(super) fn watched(&self) -> Result<Watched, StoreError> {
        self.reader
            .read(|connection| Ok(Watched { entry: roster::newest_entry(connection)?, address: address(connection)? }))
    }

    /// The number of a store's box in force.
    pub fn issuer_in_force(&self, store: &StoreId) -> Result<Option<Issuer>, StoreError> {
        self.reader.read(|connection| roster::issuer_in_force(connection, store))
    }

    /// All stores, by id.
    pub fn stores(&self) -> Result<Vec<StoreLine>, StoreError> {
        self.reader.read(roster::stores)
    }

    /// Makes an enrolment code.
    pub fn new_code(
        &self,
        store: &StoreId,
        nonce: [u8; 32],
        expires_at: UtcMs,
    ) -> Result<(EnrolmentCode, StoreLine), NoCode> {
        self.write(|tx| roster::new_code(tx, &self.identity, store, nonce, expires_at))
    }

    /// See [`super::HubStore::authorise`]. It holds the writer, so that what an older session is just storing is counted and
    /// nothing of it comes later.
    pub fn authorise(&self, claim: &Claim, older: Option<&Fence>, now: UtcMs) -> Result<Heard, StoreError> {
        self.write(|tx| {
            let mut heard = roster::authorise(tx, &self.identity, claim, now)?;
            if let (Authorisation::Admitted(_), Some(older)) = (&heard.answer, older) {
                older.raise();
            }
            heard.word.address = address(tx)?;
            Ok(heard)
        })
    }

    /// See [`super::HubStore::enrol`].
    pub fn enrol(&self, request: &EnrolRequest, now: UtcMs) -> Result<Result<Welcome, EnrolRefusal>, StoreError> {
        self.write(|tx| roster::enrol(tx, &self.identity, request, now))
    }

    /// See [`super::HubStore::load`].
    pub fn load(&self, store: &StoreId, from: FactNo, max_bytes: usize) -> Result<Option<Loaded>, StoreError> {
        let journal = JournalId::node(store.clone());
        let run = self.reader.read(|connection| ingest::load(connection, &journal, from, max_bytes))?;
        Ok(run.map(Loaded::from))
    }

    /// See [`super::HubStore::recall`].
    pub fn recall(&self, store: &StoreId, known: &[Point], seal: Option<&Seal>) -> Result<Recalled, StoreError> {
        let journal = JournalId::node(store.clone());
        self.write(|tx| {
            let forked = seal.map(|seal| ingest::keep_fork(tx, &journal, seal)).transpose()?;
            let from = ingest::common(tx, &journal, known)?;
            Ok((from, query::last_fact(tx, &journal)?, forked.unwrap_or(false)))
        })
    }

    /// See [`super::HubStore::seen`].
    pub(super) fn seen(&self, seen: &[(StoreId, Seen)]) -> Result<(), StoreError> {
        self.write(|tx| seen.iter().try_for_each(|(store, seen)| roster::seen(tx, store, seen)))
    }

    /// See [`super::HubStore::store_count`].
    pub(super) fn store_count(&self) -> Result<u64, StoreError> {
        self.reader.read(roster::store_count)
    }

    /// See [`super::HubStore::stores_today`].
    pub(super) fn stores_today(&self, days: &Days) -> Result<(StoreDays, Vec<StatRow>), StoreError> {
        self.reader.read(|connection| {
            let stores: Vec<_> =
                roster::stores(connection)?.into_iter().map(|line| (days.today(&line), line)).collect();
            // Stores of one merchant have few days at a time, mostly one.
            let of: HashMap<String, Day> = stores.iter().map(|(day, line)| (line.id.to_string(), *day)).collect();
            let mut figures = Vec::new();
            for day in of.values().copied().collect::<BTreeSet<_>>() {
                let rows = query::day_stats(connection, day, None)?;
                figures.extend(rows.into_iter().filter(|row| of.get(&row.store) == Some(&day)));
            }
            Ok((stores, figures))
        })
    }

    /// See [`super::HubStore::news_of`].
    pub(super) fn news_of(&self, store: &StoreId, days: &Days, changed: &[OrderNo]) -> Result<StoreNews, StoreError> {
        self.reader.read(|connection| {
            let line = roster::store(connection, store)?.map(|line| (days.today(&line), line));
            let today = match &line {
                Some((day, line)) => query::day_stats(connection, *day, Some(line.id.as_str()))?,
                None => Vec::new(),
            };
            let rows: Result<Vec<_>, _> = changed.iter().map(|no| query::payment(connection, no.as_str())).collect();
            Ok(StoreNews { line, today, payments: rows?.into_iter().flatten().collect() })
        })
    }

    /// See [`super::HubStore::figures`].
    pub(super) fn figures(
        &self,
        (days, date): (&Days, Option<Day>),
        store: Option<&StoreId>,
    ) -> Result<Figures, StoreError> {
        self.reader.read(|connection| {
            let stores = roster::stores(connection)?;
            let asked = stores.iter().filter(|line| store.is_none_or(|store| line.id == *store));
            let day = date.unwrap_or_else(|| match store {
                Some(_) => asked.map(|line| days.today(line)).min().unwrap_or_else(|| days.merchants(&stores)),
                None => days.merchants(&stores),
            });
            let one = store.map(StoreId::as_str);
            let mut names = Vec::new();
            for line in stores.iter().filter(|line| store.is_none_or(|store| line.id == *store)) {
                let accounts = query::accounts(connection, line.id.as_str())?;
                names.extend(accounts.into_iter().map(|row| (line.id.to_string(), row.account, row.name)));
            }
            let rows = query::day_stats(connection, day, one)?;
            Ok(Figures { day, stores, rows, doubt: query::in_doubt(connection, day, one, None)?, names })
        })
    }

    /// See [`super::HubStore::payments`].
    pub(super) fn payments(&self, filter: &PaymentFilter, limit: usize) -> Result<Vec<PaymentRow>, StoreError> {
        self.reader.read(|connection| list::payments(connection, filter, limit))
    }

    /// See [`super::HubStore::payment`].
    pub(super) fn payment(&self, order_no: &str) -> Result<Option<PaymentRow>, StoreError> {
        self.reader.read(|connection| query::payment(connection, order_no))
    }

    /// See [`super::HubStore::letters`].
    pub(crate) fn letters(&self, of: Option<&[StoreId]>) -> Result<Letters, StoreError> {
        self.reader.read(|connection| {
            let stores = match of {
                None => roster::stores(connection)?,
                Some(named) => {
                    let found: Result<Vec<_>, _> = named.iter().map(|one| roster::store(connection, one)).collect();
                    found?.into_iter().flatten().collect()
                }
            };
            stores
                .into_iter()
                .map(|line| letters::list(connection, self.actor, &line.id).map(|letters| (line, letters)))
                .collect()
        })
    }

    /// See [`super::HubStore::publish`].
    pub(super) fn publish(&self, draft: &Draft, to: Option<&[String]>) -> Result<Vec<StoreId>, LetterError> {
        let touched = self.write(|tx| {
            let known: Vec<StoreId> = roster::stores(tx)?.into_iter().map(|line| line.id).collect();
            let to = match to {
                None | Some([]) => known,
                Some(named) => addressees(&known, named)?,
            };
            letters::publish(tx, self.actor, &to, draft)?;
            Ok::<_, LetterError>(to)
        })?;
        self.tidy(&touched);
        Ok(touched)
    }

    /// See [`super::HubStore::edit`].
    pub(super) fn edit(&self, id: &str, change: &Change, at: UtcMs) -> Result<Vec<StoreId>, LetterError> {
        let touched = self.write(|tx| {
            let known: Vec<StoreId> = roster::stores(tx)?.into_iter().map(|line| line.id).collect();
            letters::edit(tx, self.actor, &known, id, change, at)
        })?;
        self.tidy(&touched);
        Ok(touched)
    }

    /// See [`super::HubStore::digest`].
    pub(crate) fn digest(&self, store: &StoreId) -> Result<[u8; 32], StoreError> {
        self.reader.read(|connection| letters::digest(connection, self.actor, store))
    }

    /// See [`super::HubStore::speak`].
    pub(crate) fn speak(&self, store: &StoreId, peer: &PeerState) -> Result<Turn, StoreError> {
        let mut peer = peer.lock().unwrap_or_else(PoisonError::into_inner);
        self.reader.read(|connection| letters::speak(connection, self.actor, store, &mut peer))
    }

    /// See [`super::HubStore::hear`].
    pub(crate) fn hear(&self, store: &StoreId, peer: &PeerState, message: (&str, &[u8])) -> Result<Turn, MessageError> {
        let mut peer = peer.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = self.write(|tx| letters::hear(tx, self.actor, store, &mut peer, message))?;
        if turn.changed {
            self.tidy(std::slice::from_ref(store));
        }
        Ok(turn)
    }

    /// What was written is written, whether or not it can be made shorter.
    fn tidy(&self, stores: &[StoreId]) {
        for store in stores {
            if let Err(error) = letters::tidy(&mut self.lock(), self.actor, store) {
                warn!(%store, %error, "the store's announcements stay in many pieces");
            }
        }
    }

    fn write<T, E: From<StoreError>>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, E>) -> Result<T, E> {
        let mut writer = self.lock();
        let transaction =
            writer.transaction_with_behavior(TransactionBehavior::Immediate).map_err(StoreError::Sqlite)?;
        let done = work(&transaction)?;
        transaction.commit().map_err(StoreError::Sqlite)?;
        Ok(done)
    }

    /// A thread that panicked left no open transaction behind: dropping one rolls it back.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A store's boxes draw under the numbers the hub gave them.
fn draws(connection: &Connection, journal: &JournalId) -> Result<Option<Vec<Issuer>>, StoreError> {
    roster::issuers(connection, &journal.store).map(Some)
}

/// What a running hub watches for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watched {
    /// Grows with every change of who serves a store.
    pub(crate) entry: u64,
    /// Where nodes are told to find the hub.
    pub(crate) address: Option<String>,
}

fn address(connection: &Connection) -> Result<Option<String>, StoreError> {
    let note = note::get(connection, ADDRESS_NOTE)?;
    Ok(note.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|address| !address.is_empty()))
}

fn addressees(known: &[StoreId], named: &[String]) -> Result<Vec<StoreId>, LetterError> {
    let find = |name: &String| known.iter().find(|store| store.as_str() == name).cloned();
    let mut to: Vec<StoreId> = Vec::new();
    for name in named {
        let store = find(name).ok_or_else(|| LetterError::UnknownStore(name.clone()))?;
        if !to.contains(&store) {
            to.push(store);
        }
    }
    Ok(to)
}

#[cfg(test)]
mod tests;
