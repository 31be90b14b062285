//! A data folder looked at without leaving a trace: nothing is made, nothing is opened for writing, and no byte of it changes. What is
//! wrong with it is an observation, never an error.

use std::{
    fs::File,
    io::ErrorKind,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, Instant},
};

use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{FactNo, JournalId},
    journal::fact::Fact,
    payment::State,
    sync::kept::Kept,
    time::{BusinessClock, UtcMs},
};
use guitai_store::{
    Database, Integrity, StoreError, ingest, journal, kept,
    list::{self, PaymentFilter},
    private::OTHERS,
    query::{self, Connection, PaymentRow},
};

use crate::{
    clock,
    data_folder::{self, Enrolment, IDENTITY_FILE, JOURNAL_FILE, KEY_FILES, LOCK_FILE, SIDE_FILE},
    doctor::{
        ChargeEnd, IdentityObservation, JournalObservation, LAST_CHARGES, NodeObservation, PaymentsObservation,
        SyncObservation,
    },
    sync,
};

/// Charges in doubt that are looked at, of each state; there are never so many.
const DOUBTS_MAX: usize = 500;

/// Nothing was acknowledged yet.
const NOTHING: FactNo = FactNo { epoch: 1, number: 0 };

/// One database of the folder.
enum Part {
    /// It is not there.
    Absent,
    Readable(Database),
    Unreadable(StoreError),
}

impl Part {
    fn at(path: &Path, in_use: bool) -> Self {
        if !path.exists() {
            return Self::Absent;
        }
        match Database::as_it_lies(path, in_use) {
            Ok(database) => Self::Readable(database),
            Err(error) => Self::Unreadable(error),
        }
    }

    const fn database(&self) -> Option<&Database> {
        match self {
            Self::Readable(database) => Some(database),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }
}

/// A folder as it lies there.
pub(crate) struct Look {
    path: PathBuf,
    /// A node runs on it.
    pub(crate) running: bool,
    pub(crate) node: NodeObservation,
    pub(crate) identity: IdentityObservation,
    /// This machine's key, if it can be read.
    pub(crate) key: Option<SigningKey>,
    /// The enrolment, if there is one that can be read.
    pub(crate) enrolment: Option<Enrolment>,
    /// What the hub said; `None` if it cannot be read.
    pub(crate) kept: Option<Kept>,
    side: Part,
    journal: Part,
}

impl Look {
    /// Looks at a folder.
    pub(crate) fn at(path: &Path) -> Self {
        let blind = |node| Self {
            path: path.to_owned(),
            running: false,
            node,
            identity: IdentityObservation::NotYet,
            key: None,
            enrolment: None,
            kept: None,
            side: Part::Absent,
            journal: Part::Absent,
        };
        match std::fs::read_dir(path) {
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return blind(NodeObservation::NoFolder);
            }
            Err(_) => return blind(NodeObservation::NotAllowed),
        }
        let running = is_locked(&path.join(LOCK_FILE));
        let (mut side, journal) =
            (Part::at(&path.join(SIDE_FILE), running), Part::at(&path.join(JOURNAL_FILE), running));
        let (enrolment, kept) = match notes(&side) {
            Ok((enrolment, kept)) => (enrolment, Some(kept)),
            Err(error) => {
                side = Part::Unreadable(error);
                (None, None)
            }
        };
        let key = read_key(path);
        let is_new = matches!((&side, &journal), (Part::Readable(_) | Part::Absent, Part::Absent));
        let node = match (running, &enrolment) {
            (true, _) => NodeObservation::Running,
            (false, None) if is_new => NodeObservation::NotEnrolled,
            (false, None) if matches!(side, Part::Readable(_)) => NodeObservation::NotEnrolled,
            (false, _) if is_anothers(path) => NodeObservation::OthersFolder,
            (false, _) => NodeObservation::Stopped,
        };
        let needed = node != NodeObservation::NotEnrolled;
        let identity = identity(path, &key, kept.as_ref(), needed);
        Self {
            path: path.to_owned(),
            running,
            node,
            identity,
            key: key.ok(),
            enrolment,
            kept: kept.filter(|_| needed),
            side,
            journal,
        }
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The offset of this machine's clock that the running node measured last, in ms.
    pub(crate) fn clock_offset_ms(&self) -> Option<i64> {
        let side = self.side.database().filter(|_| self.running)?;
        sync::last_clock_offset(side).ok().flatten()
    }

    /// The journal this box writes, and the file it lies in.
    pub(crate) fn journal_file(&self) -> Option<(JournalId, Database)> {
        Some((self.journal_id()?, self.journal.database()?.clone()))
    }

    fn journal_id(&self) -> Option<JournalId> {
        self.enrolment.as_ref()?.journal().ok()
    }

    fn acked(&self) -> Option<FactNo> {
        sync::start(self.side.database()?).ok()?.acked
    }

    /// Looks at the pages of both databases, at the last seals or the whole chain; for so long at the most.
    pub(crate) fn journal(&self, whole: bool, limit: Duration) -> JournalObservation {
        let until = Instant::now() + limit;
        let side = match (&self.side, &self.journal) {
            (Part::Absent, Part::Absent) => return JournalObservation::NotYet,
            (Part::Absent, _) => return JournalObservation::Missing { file: SIDE_FILE },
            (Part::Unreadable(error), _) => return trouble(SIDE_FILE, error),
            (Part::Readable(side), _) => side,
        };
        if let Some(trouble) = pages(side, SIDE_FILE, until) {
            return trouble;
        }
        let facts = match &self.journal {
            Part::Absent if self.acked().is_some_and(|acked| acked.number > 0) => {
                return JournalObservation::Missing { file: JOURNAL_FILE };
            }
            Part::Absent => return JournalObservation::NotYet,
            Part::Unreadable(error) => return trouble(JOURNAL_FILE, error),
            Part::Readable(facts) => facts,
        };
        let walked = match (self.journal_id(), &self.key) {
            (Some(id), Some(key)) => walk(facts, &id, key, whole, until),
            // Without a key there is nobody to have sealed it; the pages tell what they tell.
            (_, _) => Ok(JournalObservation::NotFinished),
        };
        let seen = match walked {
            Ok(seen) => seen,
            Err(Integrity::Unreadable(error)) => return trouble(JOURNAL_FILE, &error),
            Err(broken @ (Integrity::BrokenAt(_) | Integrity::Unsealed(_) | Integrity::Differs(_))) => {
                return JournalObservation::Damaged { file: JOURNAL_FILE, what: broken.to_string() };
            }
        };
        pages(facts, JOURNAL_FILE, until).unwrap_or(seen)
    }

    /// Counts what is not at the hub.
    pub(crate) fn backlog(&self) -> Option<SyncObservation> {
        let (id, running) = (self.journal_id()?, self.running);
        let nothing = SyncObservation { unsent: 0, oldest_ms: None, acked_at_ms: None, running };
        let facts = match &self.journal {
            Part::Absent => return Some(nothing),
            Part::Unreadable(_) => return None,
            Part::Readable(facts) => facts.reader().ok()?,
        };
        let acked = self.acked();
        let (unsent, oldest) = query::unsent(&facts, &id, acked.unwrap_or(NOTHING)).ok()?;
        let acked_at_ms = acked.and_then(|acked| written_at(&facts, &id, acked)).map(|at| at.0);
        Some(SyncObservation { unsent, oldest_ms: oldest.map(since), acked_at_ms, ..nothing })
    }

    /// Looks at the last charges.
    pub(crate) fn payments(&self, business: &BusinessClock) -> Option<PaymentsObservation> {
        let store = self.enrolment.as_ref()?.store.clone();
        let facts = match &self.journal {
            Part::Absent => return Some(PaymentsObservation::default()),
            Part::Unreadable(_) => return None,
            Part::Readable(facts) => facts.reader().ok()?,
        };
        let charges = |state, limit| {
            let of = PaymentFilter {
                store: Some(store.clone()),
                kind: Some("charge".into()),
                state,
                ..PaymentFilter::default()
            };
            list::payments(&facts, &of, limit).ok()
        };
        let mut doubts = Vec::new();
        for state in [State::Unknown, State::Held, State::Reversing, State::Quarantined] {
            doubts.extend(charges(Some(state), DOUBTS_MAX)?);
        }
        let today = business.day(clock::wall());
        let mut last = charges(None, LAST_CHARGES)?;
        last.retain(|row| row.business_day == today);
        let oldest = doubts.iter().map(|row| row.at).min();
        Some(PaymentsObservation {
            doubts: u64::try_from(doubts.len()).unwrap_or(u64::MAX),
            oldest_ms: oldest.map(since),
            oldest_at_ms: oldest.map(|at| at.0),
            last_reason: last.iter().find(|row| end(row) == ChargeEnd::Unanswered).map(reason),
            today: last.iter().map(end).collect(),
        })
    }
}

/// Whether a node holds the folder's lock. A lock that is taken for the look is given back at once.
fn is_locked(path: &Path) -> bool {
    let Ok(lock) = File::open(path) else { return false };
    matches!(lock.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock))
}

fn notes(side: &Part) -> Result<(Option<Enrolment>, Kept), StoreError> {
    let Some(side) = side.database() else { return Ok((None, Kept::default())) };
    let connection = side.reader()?;
    let kept = kept::kept(&connection)?;
    match data_folder::enrolment(&connection) {
        Ok(enrolment) => Ok((enrolment, kept)),
        Err(error) => match error.downcast::<StoreError>() {
            Ok(error) => Err(error),
            Err(error) => Err(StoreError::Corrupt(format!("{error:#}"))),
        },
    }
}

/// Whether the folder belongs to another user than this one. Where the system does not say who this is, it does not.
fn is_anothers(path: &Path) -> bool {
    let owner = |path: &Path| std::fs::metadata(path).ok().map(|metadata| metadata.uid());
    match (owner(path), owner(Path::new("/proc/self"))) {
        (Some(folder), Some(this)) => folder != this,
        (_, None) | (None, _) => false,
    }
}

fn read_key(folder: &Path) -> Result<SigningKey, IdentityObservation> {
    match std::fs::read(folder.join(IDENTITY_FILE)) {
        Ok(bytes) => match <[u8; 32]>::try_from(bytes) {
            Ok(bytes) => Ok(SigningKey::from_bytes(&bytes)),
            Err(_) => Err(IdentityObservation::Damaged),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Err(IdentityObservation::Missing),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(IdentityObservation::NotAllowed),
        Err(_) => Err(IdentityObservation::Damaged),
    }
}

fn identity(
    folder: &Path,
    key: &Result<SigningKey, IdentityObservation>,
    kept: Option<&Kept>,
    needed: bool,
) -> IdentityObservation {
    let key = match key {
        Ok(key) => key.verifying_key().to_bytes(),
        Err(IdentityObservation::Missing) if !needed => return IdentityObservation::NotYet,
        Err(wrong) => return wrong.clone(),
    };
    if kept.and_then(|kept| kept.grant.as_ref()).is_some_and(|grant| grant.key != key) {
        return IdentityObservation::Other;
    }
    let mode = |name: &str| std::fs::metadata(folder.join(name)).map_or(0, |metadata| metadata.mode());
    let files: Vec<_> = KEY_FILES.into_iter().filter(|name| mode(name) & OTHERS != 0).collect();
    if files.is_empty() { IdentityObservation::Sound } else { IdentityObservation::Exposed { files } }
}

/// What the pages of a file say against it.
fn pages(database: &Database, file: &'static str, until: Instant) -> Option<JournalObservation> {
    let read = || -> Result<Option<String>, StoreError> {
        let connection = database.reader()?;
        until_then(&connection, until, journal::quick_check)
    };
    match read() {
        Ok(None) => None,
        Ok(Some(what)) => Some(JournalObservation::Damaged { file, what }),
        Err(error) => Some(trouble(file, &error)),
    }
}

fn walk(
    facts: &Database,
    id: &JournalId,
    key: &SigningKey,
    whole: bool,
    until: Instant,
) -> Result<JournalObservation, Integrity> {
    let connection = facts.reader()?;
    let key = key.verifying_key();
    let (last, whole) = if whole {
        let (last, _) = until_then(&connection, until, |connection| journal::verify(connection, id, &key, &[]))?;
        (last, true)
    } else {
        let (last, _) = until_then(&connection, until, |connection| journal::check_recent(connection, id, &key))?;
        (last, false)
    };
    Ok(JournalObservation::Sound { last: last.to_string(), whole })
}

/// Does some reading, and interrupts it when its time is over.
fn until_then<T>(connection: &Connection, until: Instant, read: impl FnOnce(&Connection) -> T) -> T {
    let (interrupt, limit) = (connection.get_interrupt_handle(), until.saturating_duration_since(Instant::now()));
    let (done, over) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if over.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                interrupt.interrupt();
            }
        });
        let found = read(connection);
        drop(done);
        found
    })
}

fn trouble(file: &'static str, error: &StoreError) -> JournalObservation {
    if error.is_interruption() {
        return JournalObservation::NotFinished;
    }
    if error.is_damage() {
        return JournalObservation::Damaged { file, what: error.to_string() };
    }
    match error {
        StoreError::ForeignFile(_) => JournalObservation::Foreign { file },
        StoreError::Unfinished => JournalObservation::Unfinished { file },
        StoreError::Sqlite(_)
        | StoreError::Undecided(_)
        | StoreError::File(..)
        | StoreError::Io(..)
        | StoreError::OldSqlite(_)
        | StoreError::NoRandomness(_)
        | StoreError::Corrupt(_)
        | StoreError::Fault(_) => JournalObservation::Unreadable { file, what: error.to_string() },
    }
}

fn written_at(facts: &Connection, id: &JournalId, no: FactNo) -> Option<UtcMs> {
    let run = ingest::load(facts, id, no, 1).ok()??;
    let body = run.bodies.first().filter(|_| run.first == no)?;
    Some(Fact::from_bytes(body).ok()?.at())
}

/// How long ago, in ms; nothing is in the future.
fn since(at: UtcMs) -> u64 {
    u64::try_from(clock::wall().0.saturating_sub(at.0)).unwrap_or(0)
}

fn end(row: &PaymentRow) -> ChargeEnd {
    match row.state {
        State::Pending => ChargeEnd::Open,
        State::Unknown | State::Held | State::Reversing | State::Quarantined => ChargeEnd::Unanswered,
        // Closed is also what nobody paid, or a cashier cancelled.
        State::Closed if matches!(row.reason.as_deref(), Some("not_sent" | "configuration")) => ChargeEnd::Unanswered,
        State::Closed
        | State::Paid
        | State::Declined
        | State::Reversed
        | State::Refunding
        | State::PartRefunded
        | State::Refunded => ChargeEnd::Answered,
    }
}

fn reason(row: &PaymentRow) -> String {
    row.reason.clone().unwrap_or_else(|| row.state.as_str().to_owned())
}
