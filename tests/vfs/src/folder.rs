//! A folder: files by name, as it shows and as a power cut keeps it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    file::{File, Survival},
    random::Random,
};

/// A file's number: it stays when the name goes.
pub(crate) type FileNo = u64;

#[derive(Clone, Default)]
pub(crate) struct Folder {
    names: BTreeMap<String, FileNo>,
    kept: BTreeMap<String, FileNo>,
    files: BTreeMap<FileNo, File>,
    last: FileNo,
}

impl Folder {
    pub(crate) fn find(&self, name: &str) -> Option<FileNo> {
        self.names.get(name).copied()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    pub(crate) fn file(&self, no: FileNo) -> Option<&File> {
        self.files.get(&no)
    }

    pub(crate) fn file_mut(&mut self, no: FileNo) -> Option<&mut File> {
        self.files.get_mut(&no)
    }

    /// Makes an empty file; one without a name is nobody's after its last handle.
    pub(crate) fn make(&mut self, name: Option<&str>) -> FileNo {
        self.last += 1;
        self.files.insert(self.last, File::default());
        if let Some(name) = name {
            self.names.insert(name.to_owned(), self.last);
        }
        self.last
    }

    /// Takes a name away, for good where the folder is synced too; false where there is none.
    pub(crate) fn delete(&mut self, name: &str, synced: bool) -> bool {
        if synced {
            self.kept.remove(name);
        }
        self.names.remove(name).is_some()
    }

    /// A file's content and name stay, and what was deleted before is gone.
    pub(crate) fn sync(&mut self, no: FileNo) {
        if let Some(file) = self.files.get_mut(&no) {
            file.sync();
        }
        self.kept.extend(self.names.iter().filter(|(_, file)| **file == no).map(|(name, file)| (name.clone(), *file)));
        self.kept.retain(|name, _| self.names.contains_key(name));
    }

    pub(crate) fn power_cut(&mut self, survival: Survival, random: &mut Random) {
        let all: BTreeSet<String> = self.names.keys().chain(self.kept.keys()).cloned().collect();
        for name in all {
            let (shown, kept) = (self.names.get(&name), self.kept.get(&name));
            if shown == kept || !survival.keeps(random) {
                continue;
            }
            match shown.copied() {
                Some(file) => self.kept.insert(name, file),
                None => self.kept.remove(&name),
            };
        }
        self.names = self.kept.clone();
        self.forget_but(&BTreeSet::new());
        for file in self.files.values_mut() {
            file.survive(survival, random);
        }
    }

    /// Forgets files that have no name and are not among those open.
    pub(crate) fn forget_but(&mut self, open: &BTreeSet<FileNo>) {
        let named: BTreeSet<FileNo> = self.names.values().chain(self.kept.values()).copied().collect();
        self.files.retain(|no, _| named.contains(no) || open.contains(no));
    }
}
