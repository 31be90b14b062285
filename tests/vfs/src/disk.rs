//! A disk as its tests see it.

use std::{
    path::PathBuf,
    sync::{Arc, MutexGuard},
};

use crate::{
    file::Survival,
    folder::Folder,
    registry::{self, Shared},
    sqlite,
    state::{Fault, State},
};

/// A disk with one folder. Clones are the same disk; it goes with the last of them and the last open file.
#[derive(Clone)]
pub struct Disk(Arc<Shared>);

/// A folder as it stood at one moment, to the last unsynced write. Cheap: pages are shared until they are written.
#[derive(Clone)]
pub struct Image(Folder);

impl Disk {
    /// An empty disk. What it draws comes from the seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with(seed, Folder::default())
    }

    /// A disk with a copied folder. What was unsynced in it is unsynced here.
    #[must_use]
    pub fn from_image(seed: u64, image: &Image) -> Self {
        Self::with(seed, image.0.clone())
    }

    fn with(seed: u64, folder: Folder) -> Self {
        sqlite::register();
        Self(registry::add(State::new(seed, folder)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state()
    }

    /// Where SQLite finds a file of this disk, on the VFS [`crate::VFS`]. A path stays good over kills and cuts.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(self.0.path(name))
    }

    /// The process dies: every open handle answers `SQLITE_IOERR` from now on, locks and shared memory are gone, everything written
    /// stays. A fault that is armed stays armed; a crash that was to come does not.
    pub fn kill(&self) {
        self.state().kill();
    }

    /// The power goes: as [`Self::kill`], and of what was not synced only a part survives. Cuts draw anew each time.
    pub fn power_cut(&self, survival: Survival) {
        self.state().power_cut(survival);
    }

    /// In place of the `nth` operation from now, 1 for the next one, the process dies, or with a survival the power goes.
    pub fn crash_at(&self, nth: u64, survival: Option<Survival>) {
        let mut state = self.state();
        state.crash = Some((state.operations + nth, survival));
    }

    /// The folder as it stands.
    #[must_use]
    pub fn image(&self) -> Image {
        Image(self.state().folder.clone())
    }

    /// Puts an older copy of the folder back; the process dies.
    pub fn restore(&self, image: &Image) {
        let mut state = self.state();
        state.kill();
        state.folder = image.0.clone();
    }

    /// Operations so far: opened, made, read, written, cut, synced and deleted files.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// How many images were kept since [`Self::record`].
    #[must_use]
    pub fn changes(&self) -> usize {
        self.state().recorded.as_ref().map_or(0, Vec::len)
    }

    /// From now on keeps an image after each operation that may have changed the folder.
    pub fn record(&self) {
        self.state().recorded = Some(Vec::new());
    }

    /// The images kept since [`Self::record`], each with the count of operations when it was taken; keeps no more.
    #[must_use]
    pub fn recorded(&self) -> Vec<(u64, Image)> {
        let recorded = self.state().recorded.take().unwrap_or_default();
        recorded.into_iter().map(|(operations, folder)| (operations, Image(folder))).collect()
    }

    /// The fault strikes the first operation that it can, from the `nth` from now on, 1 for the next one; one that lasts, all after
    /// it too. Several may be armed.
    pub fn fail_at(&self, nth: u64, fault: Fault) {
        self.state().arm(nth, fault);
    }

    /// How many operations were struck by faults that were armed.
    #[must_use]
    pub fn struck(&self) -> u64 {
        self.state().struck
    }

    /// The count of operations when a fault first struck.
    #[must_use]
    pub fn first_struck(&self) -> Option<u64> {
        self.state().first_struck
    }

    /// Nothing goes wrong any more, and there is room; what was lost stays lost.
    pub fn heal(&self) {
        self.state().heal();
    }

    /// Whether there is no room: then a write that would make a file longer answers `SQLITE_FULL`.
    pub fn fill(&self, is_full: bool) {
        self.state().is_full = is_full;
    }

    /// Turns one bit (0–7) of a file over; false where there is no such byte.
    pub fn flip(&self, name: &str, offset: usize, bit: u8) -> bool {
        let mut state = self.state();
        let found = state.folder.find(name);
        found.and_then(|no| state.folder.file_mut(no)).is_some_and(|file| file.flip(offset, bit))
    }

    /// A file's length in bytes, if it is there.
    #[must_use]
    pub fn len(&self, name: &str) -> Option<usize> {
        let state = self.state();
        Some(state.folder.file(state.folder.find(name)?)?.len())
    }

    /// A file's bytes as they show, if it is there.
    #[must_use]
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state();
        let file = state.folder.file(state.folder.find(name)?)?;
        let mut content = vec![0; file.len()];
        file.read(0, &mut content);
        Some(content)
    }

    /// The files' names.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.state().folder.names().map(str::to_owned).collect()
    }
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disk").field("path", &self.path("")).field("names", &self.names()).finish()
    }
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.names()).finish()
    }
}
