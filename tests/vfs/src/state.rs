//! A disk's state: its folder, who has what open, and what is to go wrong.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::c_int,
    sync::Arc,
};

use rusqlite::ffi;

use crate::{
    file::Survival,
    folder::{FileNo, Folder},
    lock::{Locks, Memory},
    random::Random,
};

/// What SQLite is answered: a value, or one of its codes.
pub(crate) type Answer<T> = Result<T, c_int>;

/// What goes wrong with an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A read fails, once.
    ReadError,
    /// A write, a truncation, a new file or a deletion fails and does nothing, and every one after it.
    WriteError,
    /// A write stops halfway, once.
    ShortWrite,
    /// A sync fails, once. What it should have kept is kept in part and forgotten in part, whatever is synced later.
    SyncError,
    /// No write can make a file longer from then on.
    Full,
}

impl Fault {
    /// Every one of them.
    pub const ALL: [Self; 5] = [Self::ReadError, Self::WriteError, Self::ShortWrite, Self::SyncError, Self::Full];

    const fn lasts(self) -> bool {
        matches!(self, Self::WriteError | Self::Full)
    }

    const fn strikes(self, operation: Operation) -> bool {
        match self {
            Self::ReadError => matches!(operation, Operation::Read),
            Self::WriteError => !matches!(operation, Operation::Open | Operation::Read | Operation::Sync),
            Self::ShortWrite => matches!(operation, Operation::Write { .. }),
            Self::SyncError => matches!(operation, Operation::Sync),
            Self::Full => matches!(operation, Operation::Write { grows: true }),
        }
    }
}

/// What reaches the disk, and is counted.
#[derive(Clone, Copy)]
pub(crate) enum Operation {
    Open,
    Make,
    Read,
    Write { grows: bool },
    Cut,
    Sync,
    Delete,
}

/// A handle: its number, and the life of the process that opened it.
#[derive(Clone, Copy)]
pub(crate) struct Held {
    pub(crate) handle: u64,
    life: u64,
}

struct Armed {
    from: u64,
    fault: Fault,
}

pub(crate) struct State {
    seed: u64,
    cuts: u64,
    life: u64,
    pub(crate) folder: Folder,
    /// Files open in this life, by handle.
    open: BTreeMap<u64, FileNo>,
    last_handle: u64,
    locks: BTreeMap<FileNo, Locks>,
    pub(crate) operations: u64,
    armed: Vec<Armed>,
    pub(crate) struck: u64,
    pub(crate) first_struck: Option<u64>,
    pub(crate) is_full: bool,
    pub(crate) crash: Option<(u64, Option<Survival>)>,
    pub(crate) recorded: Option<Vec<(u64, Folder)>>,
}

impl State {
    pub(crate) fn new(seed: u64, folder: Folder) -> Self {
        Self {
            seed,
            cuts: 0,
            life: 0,
            folder,
            open: BTreeMap::new(),
            last_handle: 0,
            locks: BTreeMap::new(),
            operations: 0,
            armed: Vec::new(),
            struck: 0,
            first_struck: None,
            is_full: false,
            crash: None,
            recorded: None,
        }
    }

    pub(crate) fn kill(&mut self) {
        self.life += 1;
        self.open.clear();
        self.locks.clear();
        self.crash = None;
        self.folder.forget_but(&BTreeSet::new());
    }

    pub(crate) fn power_cut(&mut self, survival: Survival) {
        self.kill();
        self.cuts += 1;
        let mut random = Random::of(Random::of(self.seed, self.cuts).draw(), survival.subset());
        self.folder.power_cut(survival, &mut random);
        self.record();
    }

    pub(crate) fn arm(&mut self, nth: u64, fault: Fault) {
        self.armed.push(Armed { from: self.operations + nth, fault });
    }

    pub(crate) fn heal(&mut self) {
        self.armed.clear();
        self.is_full = false;
        self.crash = None;
    }

    /// Counts an operation; answers what goes wrong with it, or that the process is dead.
    fn enter(&mut self, operation: Operation) -> Answer<Option<Fault>> {
        self.operations += 1;
        if let Some((_, survival)) = self.crash.filter(|(at, _)| *at <= self.operations) {
            match survival {
                Some(survival) => self.power_cut(survival),
                None => self.kill(),
            }
            return Err(ffi::SQLITE_IOERR);
        }
        let strikes = |armed: &Armed| armed.from <= self.operations && armed.fault.strikes(operation);
        if let Some(index) = self.armed.iter().position(strikes) {
            self.struck += 1;
            self.first_struck.get_or_insert(self.operations);
            let fault = self.armed[index].fault;
            if !fault.lasts() {
                self.armed.remove(index);
            }
            return Ok(Some(fault));
        }
        Ok((self.is_full && Fault::Full.strikes(operation)).then_some(Fault::Full))
    }

    /// After whatever may have changed the folder.
    fn record(&mut self) {
        if let Some(recorded) = &mut self.recorded {
            recorded.push((self.operations, self.folder.clone()));
        }
    }

    fn file_no(&self, held: Held) -> Answer<FileNo> {
        let open = if held.life == self.life { self.open.get(&held.handle) } else { None };
        open.copied().ok_or(ffi::SQLITE_IOERR)
    }

    fn locks_of(&mut self, held: Held) -> Answer<&mut Locks> {
        let no = self.file_no(held)?;
        Ok(self.locks.entry(no).or_default())
    }

    pub(crate) fn open(&mut self, name: Option<&str>, flags: c_int) -> Answer<Held> {
        let found = name.and_then(|name| self.folder.find(name));
        let no = match found {
            Some(_) if flags & ffi::SQLITE_OPEN_EXCLUSIVE != 0 => return Err(ffi::SQLITE_CANTOPEN),
            Some(no) => {
                self.enter(Operation::Open)?;
                no
            }
            None if flags & ffi::SQLITE_OPEN_CREATE == 0 => return Err(ffi::SQLITE_CANTOPEN),
            None => {
                if self.enter(Operation::Make)?.is_some() {
                    return Err(ffi::SQLITE_CANTOPEN);
                }
                let no = self.folder.make(name);
                self.record();
                no
            }
        };
        self.last_handle += 1;
        self.open.insert(self.last_handle, no);
        Ok(Held { handle: self.last_handle, life: self.life })
    }

    /// Closes a handle; one of a dead process holds nothing any more.
    pub(crate) fn close(&mut self, held: Held) {
        let Ok(no) = self.file_no(held) else { return };
        self.open.remove(&held.handle);
        if let Some(locks) = self.locks.get_mut(&no) {
            locks.leave(held.handle);
        }
        if !self.open.values().any(|other| *other == no) {
            self.locks.remove(&no);
            self.folder.forget_but(&self.open.values().copied().collect());
        }
    }

    pub(crate) fn delete(&mut self, name: &str, synced: bool) -> Answer<()> {
        if self.enter(Operation::Delete)?.is_some() {
            return Err(ffi::SQLITE_IOERR_DELETE);
        }
        if !self.folder.delete(name, synced) {
            return Err(ffi::SQLITE_IOERR_DELETE_NOENT);
        }
        self.record();
        Ok(())
    }

    /// As SQLite's code for Unix has it: an empty file is as good as none.
    pub(crate) fn exists(&self, name: &str) -> bool {
        self.folder.find(name).and_then(|no| self.folder.file(no)).is_some_and(|file| file.len() > 0)
    }

    /// Answers how many bytes were there; zeros follow.
    pub(crate) fn read(&mut self, held: Held, offset: usize, into: &mut [u8]) -> Answer<usize> {
        let no = self.file_no(held)?;
        if self.enter(Operation::Read)?.is_some() {
            return Err(ffi::SQLITE_IOERR_READ);
        }
        Ok(self.folder.file(no).map_or(0, |file| file.read(offset, into)))
    }

    pub(crate) fn write(&mut self, held: Held, offset: usize, bytes: &[u8]) -> Answer<()> {
        let no = self.file_no(held)?;
        let grows = self.folder.file(no).is_some_and(|file| offset + bytes.len() > file.len());
        let fault = self.enter(Operation::Write { grows })?;
        let file = self.folder.file_mut(no).ok_or(ffi::SQLITE_IOERR)?;
        let answer = match fault {
            None => {
                file.write(offset, bytes);
                Ok(())
            }
            Some(Fault::ShortWrite) => {
                file.write(offset, &bytes[..bytes.len() / 2]);
                Err(ffi::SQLITE_FULL)
            }
            Some(Fault::Full) => Err(ffi::SQLITE_FULL),
            Some(Fault::ReadError | Fault::WriteError | Fault::SyncError) => Err(ffi::SQLITE_IOERR_WRITE),
        };
        self.record();
        answer
    }

    pub(crate) fn set_len(&mut self, held: Held, len: usize) -> Answer<()> {
        let no = self.file_no(held)?;
        if self.enter(Operation::Cut)?.is_some() {
            return Err(ffi::SQLITE_IOERR_TRUNCATE);
        }
        self.folder.file_mut(no).ok_or(ffi::SQLITE_IOERR)?.set_len(len);
        self.record();
        Ok(())
    }

    pub(crate) fn sync(&mut self, held: Held) -> Answer<()> {
        let no = self.file_no(held)?;
        let fails = self.enter(Operation::Sync)?.is_some();
        if fails {
            let mut random = Random::of(self.seed, self.operations);
            self.folder.file_mut(no).ok_or(ffi::SQLITE_IOERR)?.sync_failed(&mut random);
        } else {
            self.folder.sync(no);
        }
        self.record();
        if fails { Err(ffi::SQLITE_IOERR_FSYNC) } else { Ok(()) }
    }

    pub(crate) fn len(&self, held: Held) -> Answer<usize> {
        let no = self.file_no(held)?;
        Ok(self.folder.file(no).map_or(0, crate::file::File::len))
    }

    pub(crate) fn lock(&mut self, held: Held, level: c_int) -> Answer<()> {
        self.locks_of(held)?.lock(held.handle, level)
    }

    pub(crate) fn unlock(&mut self, held: Held, level: c_int) -> Answer<()> {
        self.locks_of(held)?.unlock(held.handle, level);
        Ok(())
    }

    pub(crate) fn is_reserved(&mut self, held: Held) -> Answer<bool> {
        Ok(self.locks_of(held)?.is_reserved())
    }

    pub(crate) fn map(&mut self, held: Held) -> Answer<Arc<Memory>> {
        Ok(self.locks_of(held)?.map(held.handle))
    }

    pub(crate) fn unmap(&mut self, held: Held) -> Answer<()> {
        self.locks_of(held)?.unmap(held.handle);
        Ok(())
    }

    pub(crate) fn slots(&mut self, held: Held, first: u32, count: u32, flags: c_int) -> Answer<()> {
        self.locks_of(held)?.slots(held.handle, first, count, flags)
    }
}
