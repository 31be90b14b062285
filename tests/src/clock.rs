//! A program's wall clock, moved while it runs by Debian's `faketime`. Its monotonic clock stays true, as on a machine whose
//! time somebody sets.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context;

/// Beijing is eight hours ahead of UTC and knows no summer time.
const BEIJING_AHEAD_S: i64 = 8 * 3_600;

/// Seconds of a day.
pub const DAY_S: i64 = 86_400;

/// Seconds of an hour.
pub const HOUR_S: i64 = 3_600;

/// Seconds since 1970 of a moment as the programs write it, `2026-01-05T02:11:12.000Z`.
#[must_use]
pub fn utc_s(text: &str) -> Option<i64> {
    let digits: String = text.get(..19)?.chars().filter(char::is_ascii_digit).collect();
    let as_if_in_beijing = guitai_core::time::parse_beijing(&digits)?;
    Some(as_if_in_beijing.0 / 1_000 + BEIJING_AHEAD_S)
}

/// The clock of one program.
#[derive(Clone, Debug)]
pub struct Clock(Option<Faked>);

#[derive(Clone, Debug)]
struct Faked {
    library: PathBuf,
    /// Holds the offset; read anew with every look at the clock.
    file: PathBuf,
}

impl Clock {
    /// The machine's own.
    pub const TRUE: Self = Self(None);

    /// One that can be moved, `offset_s` ahead of the true one; it lives in `file`.
    ///
    /// # Errors
    /// `faketime` is not installed, or the file cannot be written.
    pub fn movable(file: &Path, offset_s: i64) -> anyhow::Result<Self> {
        let clock = Self(Some(Faked { library: library()?, file: file.to_owned() }));
        clock.set(offset_s)?;
        Ok(clock)
    }

    /// From now on so many seconds ahead of the true time; negative: behind it.
    ///
    /// # Errors
    /// It is the machine's own, or the file cannot be written.
    pub fn set(&self, offset_s: i64) -> anyhow::Result<()> {
        let faked = self.0.as_ref().context("this world's clocks are the machine's own")?;
        // Renamed, so that nobody reads half a number.
        let new = faked.file.with_extension("new");
        std::fs::write(&new, format!("{offset_s:+}\n"))?;
        Ok(std::fs::rename(&new, &faked.file)?)
    }

    /// Seconds ahead of the true time.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn offset_s(&self) -> anyhow::Result<i64> {
        let Some(faked) = &self.0 else { return Ok(0) };
        let text = std::fs::read_to_string(&faked.file)?;
        text.trim().parse().with_context(|| text.clone())
    }

    /// Makes a program that is about to start live by this clock.
    pub fn apply(&self, command: &mut Command) {
        let Some(faked) = &self.0 else { return };
        command.env("LD_PRELOAD", &faked.library).env("FAKETIME_TIMESTAMP_FILE", &faked.file).envs([
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("NO_FAKE_STAT", "1"),
        ]);
    }
}

/// The library of the package `faketime`, wherever the architecture puts it.
fn library() -> anyhow::Result<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib")?.filter_map(Result::ok).map(|folder| folder.path());
    let mut found = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).filter(|file| file.is_file());
    found.next().context("moved clocks need Debian's package `faketime`")
}

/// The true time, in seconds since 1970.
#[must_use]
pub fn true_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// The offset that makes it today at this second of the Beijing day.
#[must_use]
pub fn offset_to_beijing(second_of_day: i64) -> i64 {
    second_of_day - (true_s() + BEIJING_AHEAD_S).rem_euclid(DAY_S)
}

/// The Beijing day of a moment, as `YYYY-MM-DD`.
#[must_use]
pub fn beijing_day(utc_s: i64) -> String {
    let days = (utc_s + BEIJING_AHEAD_S).div_euclid(DAY_S);
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_civil_days_in_beijing() {
        for (utc_s, day) in [
            (0, "1970-01-01"),
            (951_753_600, "2000-02-29"),
            (951_782_400, "2000-02-29"),
            (951_839_999, "2000-02-29"),
            (951_840_000, "2000-03-01"),
            (1_767_110_399, "2025-12-30"),
            (1_767_110_400, "2025-12-31"),
        ] {
            assert_eq!(beijing_day(utc_s), day, "{utc_s}");
        }
    }
}
