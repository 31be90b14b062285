//! One file: what shows, what a power cut keeps for certain, and what was changed since the last sync.

use std::sync::Arc;

use crate::{content::Content, random::Random};

/// What a disk writes whole or not at all, in bytes.
pub(crate) const SECTOR: usize = 512;

/// Of so many torn writes in a hundred, one sector is left as garbage: the one under the head.
const GARBLED_PERCENT: u8 = 25;

/// Which part of what was not synced survives a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Survival {
    whole_percent: u8,
    torn_percent: u8,
    subset: u64,
}

impl Survival {
    /// Nothing that was not synced.
    pub const NOTHING: Self = Self { whole_percent: 0, torn_percent: 0, subset: 0 };

    /// All of it, as after the death of a process.
    pub const EVERYTHING: Self = Self { whole_percent: 100, torn_percent: 0, subset: 0 };

    /// About a third of the writes whole, a third torn, a third not at all. Other numbers draw other subsets.
    #[must_use]
    pub const fn drawn(subset: u64) -> Self {
        Self { whole_percent: 34, torn_percent: 33, subset }
    }

    /// So many writes in a hundred whole, up to 100, and half of the others torn.
    #[must_use]
    pub const fn share(percent: u8, subset: u64) -> Self {
        let whole_percent = if percent > 100 { 100 } else { percent };
        Self { whole_percent, torn_percent: (100 - whole_percent) / 2, subset }
    }

    pub(crate) const fn subset(&self) -> u64 {
        self.subset
    }

    /// Whether a change that cannot tear survives.
    pub(crate) fn keeps(&self, random: &mut Random) -> bool {
        random.percent(self.whole_percent + self.torn_percent / 2)
    }
}

#[derive(Clone)]
enum Change {
    Write(usize, Arc<[u8]>),
    Length(usize),
}

/// Copies are cheap, see [`Content`].
#[derive(Clone, Default)]
pub(crate) struct File {
    shown: Content,
    kept: Content,
    unsynced: Vec<Change>,
}

impl File {
    pub(crate) const fn len(&self) -> usize {
        self.shown.len()
    }

    pub(crate) fn read(&self, offset: usize, into: &mut [u8]) -> usize {
        self.shown.read(offset, into)
    }

    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.shown.write(offset, bytes);
        self.unsynced.push(Change::Write(offset, bytes.into()));
    }

    pub(crate) fn set_len(&mut self, len: usize) {
        self.shown.set_len(len);
        self.unsynced.push(Change::Length(len));
    }

    pub(crate) fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            match change {
                Change::Write(offset, bytes) => self.kept.write(offset, &bytes),
                Change::Length(len) => self.kept.set_len(len),
            }
        }
    }

    /// A sync that failed: some of it is kept, and nobody will try the rest again. It shows until the power goes.
    pub(crate) fn sync_failed(&mut self, random: &mut Random) {
        self.keep(Survival::drawn(0), random);
    }

    /// After a power cut.
    pub(crate) fn survive(&mut self, survival: Survival, random: &mut Random) {
        self.keep(survival, random);
        self.shown = self.kept.clone();
    }

    fn keep(&mut self, survival: Survival, random: &mut Random) {
        for change in std::mem::take(&mut self.unsynced) {
            match change {
                Change::Length(len) if survival.keeps(random) => self.kept.set_len(len),
                Change::Length(_) => {}
                Change::Write(offset, bytes) if random.percent(survival.whole_percent) => {
                    self.kept.write(offset, &bytes);
                }
                Change::Write(offset, bytes) => {
                    // Of the writes that are not whole.
                    let rest = u64::from(100 - survival.whole_percent);
                    if random.below(rest) < u64::from(survival.torn_percent) {
                        self.tear(offset, &bytes, random);
                    }
                }
            }
        }
    }

    /// Each sector is written or not; one may be garbage, all of it, since nothing is promised of the bytes beside a write.
    fn tear(&mut self, offset: usize, bytes: &[u8], random: &mut Random) {
        let sectors: Vec<_> = (offset / SECTOR..(offset + bytes.len()).div_ceil(SECTOR)).collect();
        let garbled = random.percent(GARBLED_PERCENT).then(|| {
            let among = u64::try_from(sectors.len()).unwrap_or(1);
            usize::try_from(random.below(among)).unwrap_or(0)
        });
        for (index, sector) in sectors.into_iter().enumerate() {
            let (start, end) = ((sector * SECTOR).max(offset), ((sector + 1) * SECTOR).min(offset + bytes.len()));
            if garbled == Some(index) {
                let until = ((sector + 1) * SECTOR).min(self.kept.len().max(end));
                let mut garbage = vec![0; until - sector * SECTOR];
                random.fill(&mut garbage);
                self.kept.write(sector * SECTOR, &garbage);
            } else if random.percent(50) {
                self.kept.write(start, &bytes[start - offset..end - offset]);
            }
        }
    }

    /// Turns one bit over, shown and kept; false where the file is shorter.
    pub(crate) fn flip(&mut self, offset: usize, bit: u8) -> bool {
        let mut there = false;
        for content in [&mut self.shown, &mut self.kept] {
            let mut byte = [0];
            if content.read(offset, &mut byte) == 1 {
                content.write(offset, &[byte[0] ^ (1 << (bit % 8))]);
                there = true;
            }
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &File) -> Vec<u8> {
        let mut bytes = vec![0; file.len()];
        file.read(0, &mut bytes);
        bytes
    }

    #[test]
    fn of_what_is_unsynced_all_none_or_parts_survive() {
        let mut file = File::default();
        file.write(0, &[1; 2048]);
        file.sync();
        file.write(0, &[2; 2048]);
        file.set_len(1024);
        let (mut none, mut all) = (file.clone(), file.clone());
        none.survive(Survival::NOTHING, &mut Random::of(1, 1));
        assert_eq!(read(&none), vec![1; 2048]);
        all.survive(Survival::EVERYTHING, &mut Random::of(1, 1));
        assert_eq!(read(&all), vec![2; 1024]);
        let (mut torn, mut garbled) = (0, 0);
        for stream in 0..200 {
            let mut some = file.clone();
            some.survive(Survival::drawn(0), &mut Random::of(7, stream));
            let sectors: Vec<_> = read(&some).chunks(SECTOR).map(|sector| sector.to_vec()).collect();
            let has = |byte: u8| sectors.iter().any(|sector| sector.iter().all(|one| *one == byte));
            torn += usize::from(has(1) && has(2));
            garbled += usize::from(sectors.iter().any(|sector| sector.iter().any(|byte| *byte > 2)));
        }
        assert!(torn > 10 && garbled > 4, "{torn} torn, {garbled} garbled");
    }

    #[test]
    fn what_a_failed_sync_forgot_no_later_sync_keeps() {
        let mut forgotten = 0;
        for stream in 0..100 {
            let mut file = File::default();
            file.write(0, &[1; 512]);
            file.sync_failed(&mut Random::of(3, stream));
            assert_eq!(read(&file), vec![1; 512], "it shows");
            file.sync();
            file.survive(Survival::EVERYTHING, &mut Random::of(0, 0));
            forgotten += usize::from(read(&file) != vec![1; 512]);
        }
        assert!((20..80).contains(&forgotten), "{forgotten} of 100 forgotten");
    }
}
