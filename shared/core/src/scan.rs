//! Codes that scan boxes read, until a request takes them: they stay in the node, pages get a token.

use alloc::{borrow::ToOwned, collections::BTreeMap, format, string::String};

use crate::{secret::SecretText, time::Ticks};

/// A scanned code waits this long for its amount, in ms: wallets refresh their codes every minute.
pub const SCAN_LIFE_MS: u64 = 60_000;

/// Codes waiting at once.
pub const SCANS_MAX: usize = 64;

/// The waiting codes.
#[derive(Debug, Default)]
pub struct Scans(BTreeMap<String, Scan>);

#[derive(Debug)]
struct Scan {
    until: Ticks,
    code: SecretText,
    /// The request that took it: the same one may come again when its answer was lost, no other may.
    taken_by: Option<(String, String)>,
}

/// What became of a code that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What a page shows for it.
    pub token: String,
    /// Whether the oldest of [`SCANS_MAX`] codes gave way to it.
    pub displaced: bool,
}

impl Scans {
    /// Holds a code under a token of 16 random bytes.
    pub fn hold(&mut self, code: SecretText, random: [u8; 16], now: Ticks) -> Held {
        self.0.retain(|_, scan| scan.until > now);
        // The newest customer is the one who stands there.
        let displaced = self.0.len() >= SCANS_MAX;
        if displaced {
            let oldest = self.0.iter().min_by_key(|(_, scan)| scan.until).map(|(token, _)| token.clone());
            oldest.and_then(|oldest| self.0.remove(&oldest));
        }
        let token = format!("{:032x}", u128::from_be_bytes(random));
        self.0.insert(token.clone(), Scan { until: now.after_ms(SCAN_LIFE_MS), code, taken_by: None });
        Held { token, displaced }
    }

    /// The code behind a token, for one request of one caller.
    pub fn take(&mut self, token: &str, caller: &str, key: &str, now: Ticks) -> Option<SecretText> {
        let scan = self.0.get_mut(token).filter(|scan| scan.until > now)?;
        let request = (caller.to_owned(), key.to_owned());
        if scan.taken_by.as_ref().is_some_and(|taken_by| *taken_by != request) {
            return None;
        }
        scan.taken_by = Some(request);
        Some(scan.code.clone())
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn hold(scans: &mut Scans, number: u8, now: u64) -> Held {
        scans.hold(SecretText::new(format!("13{number:016}")), [number; 16], Ticks(now))
    }

    fn take(scans: &mut Scans, token: &str, key: &str, now: u64) -> Option<String> {
        scans.take(token, "person:01", key, Ticks(now)).map(|code| code.expose().to_owned())
    }

    #[test]
    fn the_oldest_scan_gives_way_to_the_newest() {
        let mut scans = Scans::default();
        let held: Vec<Held> = (0..=64).map(|number| hold(&mut scans, number, number.into())).collect();
        assert!(held.iter().enumerate().all(|(index, held)| held.displaced == (index == SCANS_MAX)));
        assert_eq!(take(&mut scans, &held[0].token, "key-1", 100), None);
        assert_eq!(take(&mut scans, &held[1].token, "key-1", 100).as_deref(), Some("130000000000000001"));
        assert_eq!(take(&mut scans, &held[SCANS_MAX].token, "key-1", 100).as_deref(), Some("130000000000000064"));
    }

    #[test]
    fn a_scan_is_for_one_request_and_for_a_minute() {
        let mut scans = Scans::default();
        let Held { token, .. } = hold(&mut scans, 0xab, 1_000);
        assert_eq!(token, "ab".repeat(16));
        assert!(take(&mut scans, &token, "key-1", 1_000).is_some());
        assert!(take(&mut scans, &token, "key-1", 60_999).is_some(), "its answer was lost");
        assert!(take(&mut scans, &token, "key-2", 60_999).is_none());
        assert!(scans.take(&token, "person:02", "key-1", Ticks(60_999)).is_none());
        assert!(take(&mut scans, &token, "key-1", 61_000).is_none());
        assert!(!hold(&mut scans, 1, 61_000).displaced);
    }
}
