//! Codes that scan boxes read, until a request takes them: they stay in the node, pages get a token.

use alloc::{borrow::ToOwned, collections::BTreeMap, format, string::String};

use crate::{secret::SecretText, time::Ticks};

/// A scanned code waits this long for its amount, in ms: wallets refresh their codes every minute.
pub const SCAN_LIFE_MS: u64 = 60_000;

/// A code that no request has taken yet is told again to a page that comes back to the line within this time of its reading, in
/// ms: the customer still stands there.
pub const SCAN_OFFER_MS: u64 = 10_000;

/// Codes waiting at once.
pub const SCANS_MAX: usize = 64;

/// The waiting codes.
#[derive(Debug, Default)]
pub struct Scans(BTreeMap<String, Scan>);

#[derive(Debug)]
struct Scan {
    till: String,
    read_at: Ticks,
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

impl Scan {
    fn lives(&self, now: Ticks) -> bool {
        self.read_at.after_ms(SCAN_LIFE_MS) > now
    }
}

/// A code that waits and may be told again.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// The box's till.
    pub till: &'a str,
    /// What a page shows for it.
    pub token: &'a str,
    /// The code itself.
    pub code: &'a SecretText,
}

impl Scans {
    /// Holds a code that the box of a till read, under a token of 16 random bytes.
    pub fn hold(&mut self, till: &str, code: SecretText, random: [u8; 16], now: Ticks) -> Held {
        self.0.retain(|_, scan| scan.lives(now));
        // The newest customer is the one who stands there.
        let displaced = self.0.len() >= SCANS_MAX;
        if displaced {
            let oldest = self.0.iter().min_by_key(|(_, scan)| scan.read_at).map(|(token, _)| token.clone());
            oldest.and_then(|oldest| self.0.remove(&oldest));
        }
        let token = format!("{:032x}", u128::from_be_bytes(random));
        self.0.insert(token.clone(), Scan { till: till.to_owned(), read_at: now, code, taken_by: None });
        Held { token, displaced }
    }

    /// The code behind a token, for one request of one caller.
    pub fn take(&mut self, token: &str, caller: &str, key: &str, now: Ticks) -> Option<SecretText> {
        let scan = self.0.get_mut(token).filter(|scan| scan.lives(now))?;
        let request = (caller.to_owned(), key.to_owned());
        if scan.taken_by.as_ref().is_some_and(|taken_by| *taken_by != request) {
            return None;
        }
        scan.taken_by = Some(request);
        Some(scan.code.clone())
    }

    /// The last code of each till, if it was read within [`SCAN_OFFER_MS`] and is nobody's yet: a page whose line was away missed
    /// it. What was read before it is of a customer who has left.
    pub fn offers(&self, now: Ticks) -> impl Iterator<Item = Offer<'_>> {
        let mut newest: BTreeMap<&str, (&str, &Scan)> = BTreeMap::new();
        for (token, scan) in &self.0 {
            if newest.get(scan.till.as_str()).is_none_or(|(_, known)| known.read_at < scan.read_at) {
                newest.insert(&scan.till, (token, scan));
            }
        }
        let offered = move |scan: &Scan| scan.taken_by.is_none() && scan.read_at.after_ms(SCAN_OFFER_MS) > now;
        let newest = newest.into_iter().filter(move |(_, (_, scan))| offered(scan));
        newest.map(|(till, (token, scan))| Offer { till, token, code: &scan.code })
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn hold(scans: &mut Scans, number: u8, now: u64) -> Held {
        scans.hold("T1", SecretText::new(format!("13{number:016}")), [number; 16], Ticks(now))
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
    fn a_scan_that_is_nobodys_is_offered_again_for_a_while() {
        let mut scans = Scans::default();
        let offered = |scans: &Scans, now| -> Vec<(String, String)> {
            scans.offers(Ticks(now)).map(|offer| (offer.till.to_owned(), offer.token.to_owned())).collect()
        };
        let first = hold(&mut scans, 1, 1_000).token;
        assert_eq!(offered(&scans, 1_000), [("T1".to_owned(), first.clone())]);
        let second = hold(&mut scans, 2, 3_000).token;
        let other = scans.hold("T2", SecretText::new("281234567890123456".to_owned()), [3; 16], Ticks(4_000)).token;
        let both = [("T1".to_owned(), second.clone()), ("T2".to_owned(), other.clone())];
        assert_eq!(offered(&scans, 5_000), both, "the newest of each till");
        assert_eq!(offered(&scans, 12_999), both);
        assert_eq!(offered(&scans, 13_000), both[1..]);
        assert!(take(&mut scans, &other, "key-1", 13_000).is_some());
        assert!(offered(&scans, 13_000).is_empty(), "taken");
        assert!(take(&mut scans, &second, "key-3", 5_000).is_some());
        assert!(offered(&scans, 5_000).is_empty(), "what came before it is not offered in its place");
        assert!(take(&mut scans, &first, "key-2", 13_000).is_some(), "what is not offered can still be taken");
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
