//! What happened, in words. Its hash is what two runs of one seed must share.

use std::fmt;

use sha2::{Digest, Sha256};

/// A world's story.
#[derive(Debug)]
pub struct Story {
    hash: Sha256,
    events: u64,
    kept: Option<Vec<String>>,
    line: String,
}

impl Story {
    /// A story that is only hashed, or also kept to be read.
    #[must_use]
    pub fn new(keep: bool) -> Self {
        Self { hash: Sha256::new(), events: 0, kept: keep.then(Vec::new), line: String::new() }
    }

    /// Adds an event at `at_ms` of the world's time.
    pub fn tell(&mut self, at_ms: u64, event: fmt::Arguments<'_>) {
        use fmt::Write as _;
        self.line.clear();
        let (seconds, ms) = (at_ms / 1000, at_ms % 1000);
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(self.line, "{hours:02}:{minutes:02}:{seconds:02}.{ms:03} {event}").expect("a String takes all");
        self.hash.update(self.line.as_bytes());
        self.hash.update(b"\n");
        self.events += 1;
        if let Some(kept) = &mut self.kept {
            kept.push(self.line.clone());
        }
    }

    /// Events so far.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// The hash over all of them.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }

    /// The events, if they were kept.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        self.kept.as_deref().unwrap_or_default()
    }
}
