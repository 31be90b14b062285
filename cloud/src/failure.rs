//! How a verb of the command line fails.

use std::{fmt, process::ExitCode};

use guitai_console::{Unsaid, note};

/// This program's name.
pub(crate) const PROGRAM: &str = "guitai-hub";

/// Nothing was wrong, there was only nobody to tell it.
const EXIT_GOOD: u8 = 0;

use guitai_store::StoreError;

/// Nothing else was wrong.
const EXIT_FAILED: u8 = 1;

/// A value on the command line is wrong; clap uses the same.
pub(crate) const EXIT_USAGE: u8 = 2;

/// Something stored is damaged.
pub(crate) const EXIT_INTEGRITY: u8 = 3;

/// A failed verb: its exit code, and why.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) words: String,
}

impl Failure {
    /// Exit code 1.
    pub(crate) fn failed(why: impl fmt::Display) -> Self {
        Self { code: EXIT_FAILED, words: why.to_string() }
    }

    /// Exit code 2.
    pub(crate) fn usage(why: impl fmt::Display) -> Self {
        Self { code: EXIT_USAGE, words: why.to_string() }
    }

    /// Exit code 3.
    pub(crate) fn integrity(why: impl fmt::Display) -> Self {
        Self { code: EXIT_INTEGRITY, words: why.to_string() }
    }

    /// The same, and what was shown before it has no worth.
    pub(crate) fn void(self) -> Self {
        Self {
            words: format!("{}；没有记下，刚才显示的作废 / not recorded, what was shown is void", self.words),
            ..self
        }
    }

    /// What the store says: 3 if it is damaged.
    pub(crate) fn stored(error: StoreError) -> Self {
        if error.is_damage() { Self::integrity(error) } else { Self::failed(error) }
    }

    /// Says why on standard error.
    pub(crate) fn report(&self) -> ExitCode {
        if self.code != EXIT_GOOD {
            note(PROGRAM, &self.words);
        }
        ExitCode::from(self.code)
    }
}

impl From<Unsaid> for Failure {
    fn from(unsaid: Unsaid) -> Self {
        match unsaid {
            Unsaid::NobodyListens => Self { code: EXIT_GOOD, words: String::new() },
            Unsaid::Failed(_) => Self::failed(unsaid),
        }
    }
}
