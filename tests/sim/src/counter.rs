//! A store's box: a folder on a disk that may fail, a wall clock that may be wrong, and in it now and then a running node.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use anyhow::anyhow;
use ed25519_dalek::SigningKey;
use guitai_core::{
    acquirer::Kind,
    ids::{Issuer, JournalId, StoreId},
    journal::epoch::Point,
    sync::{
        member::{Member, Wish},
        pace::Pace,
    },
    time::{BusinessClock, Ticks, UtcMs},
    trust::{Grant, Instance, KeyBytes},
};
use guitai_store::{Database, Integrity, Journal, kept, query::Connection};
use guitai_till::{Clock, Command, Machine, Setup, Till};
use guitai_vfs::{Disk, Image, VFS};

use crate::plan::Wall;

/// The truth, shared by all clocks of a world: ms since its beginning.
pub type Truth = Arc<AtomicU64>;

/// A box's wall clock, kept by its battery over restarts.
#[derive(Clone, Copy, Debug)]
enum Hands {
    /// The truth and so much.
    Off(i64),
    /// They stand still here.
    Frozen(i64),
}

/// A machine's clocks, as a till of this life reads them.
struct Clocks {
    truth: Truth,
    begins_at_ms: i64,
    hands: Arc<Mutex<Hands>>,
    born_ms: u64,
}

impl Machine for Clocks {
    fn wall(&self) -> UtcMs {
        let truth = self.begins_at_ms.saturating_add_unsigned(self.truth.load(Ordering::Relaxed));
        match *self.hands.lock().unwrap_or_else(PoisonError::into_inner) {
            Hands::Off(ms) => UtcMs(truth.saturating_add(ms)),
            Hands::Frozen(at) => UtcMs(at),
        }
    }

    fn up(&self) -> Ticks {
        Ticks(self.truth.load(Ordering::Relaxed).saturating_sub(self.born_ms))
    }
}

/// What the folder's side database keeps of the enrolment.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// The number in its order numbers.
    pub issuer: Issuer,
    /// Where an empty folder goes on.
    pub after: Option<Point>,
}

/// What belongs to a folder and is copied with it.
#[derive(Clone)]
pub struct Folder {
    /// The key made there.
    pub identity: SigningKey,
    /// The hub's word.
    pub enrolment: Enrolment,
}

/// The box.
pub struct Counter {
    /// Its name in the story.
    pub name: String,
    /// The store it serves.
    pub store: StoreId,
    /// Its disk.
    pub disk: Disk,
    /// Its folder's keys.
    pub folder: Folder,
    /// A copy put aside.
    pub backup: Option<(Image, Folder)>,
    /// A disk as it once was, for a world whose power cuts take too much.
    pub stale: Option<Image>,
    /// Which machine and folder, for the hub.
    pub machine: u8,
    /// How often it was started.
    pub starts: u64,
    /// The running node.
    pub life: Option<Life>,
    /// No line to the hub before this, in ms of the world.
    pub offline_until_ms: u64,
    /// It never starts again: headquarters let another in and this one was put away.
    pub retired: bool,
    hands: Arc<Mutex<Hands>>,
    full: bool,
}

/// A running node.
pub struct Life {
    /// The engine and its clock.
    pub till: Till,
    /// What everything but the engine reads with.
    pub reader: Connection,
    /// The side database.
    pub side: Connection,
    /// Where it stands with the hub.
    pub member: Member,
    /// When it was started, in ms of the world.
    pub born_ms: u64,
    /// Requests at the door, each with when it goes in at the latest and what it is about.
    pub held: Vec<(u64, Wish, Command)>,
    /// When it dials.
    pub pace: Pace,
    /// The next moment at which it is looked at, in ms of the world.
    pub wake_ms: Option<u64>,
}

impl Counter {
    /// A box with an empty folder.
    #[must_use]
    pub fn new(name: String, store: StoreId, (disk, machine): (Disk, u8), folder: Folder) -> Self {
        Self {
            name,
            store,
            disk,
            folder,
            backup: None,
            stale: None,
            machine,
            starts: 0,
            life: None,
            offline_until_ms: 0,
            retired: false,
            hands: Arc::new(Mutex::new(Hands::Off(0))),
            full: false,
        }
    }

    /// The journal it writes.
    #[must_use]
    pub fn journal(&self) -> JournalId {
        JournalId::node(self.store.clone())
    }

    /// Its public key.
    #[must_use]
    pub fn key(&self) -> KeyBytes {
        self.folder.identity.verifying_key().to_bytes()
    }

    /// Fills the disk, or makes room.
    pub fn set_full(&mut self, full: bool) {
        self.full = full;
        self.disk.fill(full);
    }

    /// What failed for a while works again; a full disk stays full.
    pub fn unfail(&self) {
        self.disk.heal();
        self.disk.fill(self.full);
    }

    /// Sets the wall clock.
    pub fn set_wall(&self, to: Wall, truth: UtcMs) {
        let hands = match to {
            Wall::Off(ms) => Hands::Off(ms),
            Wall::Right => Hands::Off(0),
            Wall::Frozen => Hands::Frozen(truth.0),
            Wall::Year(year) => Hands::Off(first_of(year) - truth.0),
        };
        *self.hands.lock().unwrap_or_else(PoisonError::into_inner) = hands;
    }

    /// Starts the node.
    ///
    /// # Errors
    /// What keeps it from starting: its disk, or a journal that is damaged.
    pub fn start(&mut self, (truth, begins_at_ms): (&Truth, i64), hub_key: &KeyBytes, cut_off: u8) -> Result<(), Stop> {
        let database = Database::open_on(&self.disk.path("journal.db"), VFS).map_err(Stop::disk)?;
        let side = Database::open_on(&self.disk.path("side.db"), VFS).map_err(Stop::disk)?;
        let born_ms = truth.load(Ordering::Relaxed);
        let machine = Clocks { truth: Arc::clone(truth), begins_at_ms, hands: Arc::clone(&self.hands), born_ms };
        let side = side.shared_writer().map_err(Stop::disk)?;
        let kept = kept::kept(&side).map_err(Stop::disk)?;
        let Folder { identity, enrolment } = &self.folder;
        let clock = Clock::start_on(machine, None, None);
        let begun = clock.trusted_now();
        let opened = Journal::open(
            &database,
            self.journal(),
            enrolment.issuer,
            identity.clone(),
            enrolment.after.clone(),
            begun,
        );
        let journal = opened.map_err(|error| match error {
            Integrity::Unreadable(error) => Stop::disk(error),
            damaged @ (Integrity::BrokenAt(_) | Integrity::Unsealed(_) | Integrity::Differs(_)) => {
                Stop::Damaged(damaged.to_string())
            }
        })?;
        let last_at = journal.last_at().map_err(Stop::disk)?;
        let machine = Clocks { truth: Arc::clone(truth), begins_at_ms, hands: Arc::clone(&self.hands), born_ms };
        let clock = Clock::start_on(machine, last_at, None);
        let starts = self.starts + 1;
        let mut process = [0; 16];
        process[..8].copy_from_slice(&starts.to_be_bytes());
        process[8] = self.machine;
        let instance = Instance { process, folder: [self.machine; 16] };
        let member = Member::start((self.store.clone(), *hub_key), instance, kept, clock.up());
        let days = BusinessClock::new(jiff::tz::TimeZone::fixed(jiff::tz::offset(8)), u16::from(cut_off) * 60);
        let setup = Setup {
            journal,
            issuer: enrolment.issuer,
            acquirer: Kind::Allinpay,
            clock: days.unwrap_or_else(BusinessClock::beijing),
            code_key: [7; 32],
            subject: "测试店".into(),
            last_offset_ms: None,
            bar: member.bar(),
            awaits_hub: true,
        };
        let till = Till::resume(setup, clock).map_err(Stop::disk)?;
        let reader = database.reader().map_err(Stop::disk)?;
        self.starts = starts;
        self.life =
            Some(Life { till, reader, side, member, born_ms, held: Vec::new(), pace: Pace::default(), wake_ms: None });
        Ok(())
    }

    /// Keeps a grant in the folder, as `guitai-node enrol` does beside a stopped node.
    ///
    /// # Errors
    /// What the disk says.
    pub fn enrolled(&mut self, grant: &Grant, after: Option<Point>) -> anyhow::Result<()> {
        let side = Database::open_on(&self.disk.path("side.db"), VFS).map_err(|error| anyhow!("{error}"))?;
        let side = side.shared_writer().map_err(|error| anyhow!("{error}"))?;
        kept::granted(&side, grant).map_err(|error| anyhow!("{error}"))?;
        self.folder.enrolment = Enrolment { issuer: grant.issuer, after };
        Ok(())
    }
}

impl Life {
    /// Its own ticks.
    #[must_use]
    pub const fn up(&self, now_ms: u64) -> Ticks {
        Ticks(now_ms.saturating_sub(self.born_ms))
    }

    /// Until when, in ms of the world, a request waits at the latest; none if it goes in.
    #[must_use]
    pub fn door(&self, now_ms: u64, wish: Wish) -> Option<u64> {
        self.member.waits(wish, self.up(now_ms)).map(|Ticks(until)| self.born_ms + until)
    }

    /// The hub has spoken about the journal, or its time is over.
    #[must_use]
    pub fn hub_is_heard(&self, now_ms: u64) -> bool {
        self.member.unheard(self.up(now_ms)).is_none()
    }
}

/// Why a node does not start.
#[derive(Debug)]
pub enum Stop {
    /// The disk said no; a later start may find it well.
    Disk(String),
    /// History here is damaged.
    Damaged(String),
}

impl Stop {
    /// Without the disk's number: this process counts its disks, and a world is the same however many there were before.
    fn disk(error: impl std::fmt::Display) -> Self {
        let words = error.to_string();
        let file = words.strip_prefix("/disk-").and_then(|rest| rest.split_once('/'));
        Self::Disk(file.map_or_else(|| words.clone(), |(_, file)| file.to_owned()))
    }
}

/// A year's first moment in UTC, in ms since 1970.
fn first_of(year: u16) -> i64 {
    let days = (1970..i64::from(year)).map(|year| if year % 4 == 0 { 366 } else { 365 }).sum::<i64>();
    days * 24 * 3_600_000
}
