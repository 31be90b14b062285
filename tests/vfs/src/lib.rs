//! guitai-vfs: disks in memory under SQLite, that die, lose what was not synced, fail and fill up when told to.
//!
//! A [`Disk`] plays a folder on a disk. SQLite reaches it through one VFS, [`VFS`], registered once per process: a path's first
//! component names the disk, so thousands of them live and die on any thread. WAL works among all connections of a process.
//!
//! What is modelled:
//!
//! - A write shows at once and is unsynced until its file is synced. A power cut keeps of the unsynced writes what
//!   [`Survival`] draws: each whole, torn at sectors of 512 bytes (one of them perhaps garbled), or not at all, whatever came
//!   after it. A truncation is such a write.
//! - A name (a file made or deleted) is unsynced too. A file's sync keeps its own name, as SQLite's code for Unix syncs the folder
//!   of a new file, and every deletion before it; a deletion that SQLite asks to sync is kept at once.
//! - A failed sync keeps some of the writes and forgets the others for good: they still show, and no later sync keeps them. That
//!   is what Linux does.
//! - Shared memory and locks are in memory and end with the process. They never fail and take no room on a full disk.
//! - Nothing is promised of the device: no atomic writes, no powersafe overwrite.
//!
//! No wall clock, no chance: all is drawn from the disk's seed. One thing is out of reach: SQLite salts a WAL from a generator of
//! its own, of the process and not of the VFS. So these bytes differ from run to run; what survives a cut does not depend on them.

mod content;
mod disk;
mod file;
mod folder;
mod lock;
mod random;
mod registry;
mod sqlite;
mod state;

pub use disk::{Disk, Image};
pub use file::Survival;
pub use random::Random;
pub use sqlite::VFS;
pub use state::Fault;
