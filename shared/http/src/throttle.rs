//! Slower and slower answers to wrong passwords; never a lock.
//!
//! Some wrong tries in a row are free, then each costs a wait of 1, 2, 4 … [`WAIT_MAX_S`] s. After [`FORGET_MS`] without a try all
//! is forgotten. A stranger's tries at logging in are counted by account and by address; those of a known terminal for itself
//! alone, so that nobody who guesses elsewhere locks its people out. What a cashier types as an approver's password is counted for
//! that cashier, apart from log-ins.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

use guitai_core::{ids::AccountId, time::Ticks};

use crate::{
    place::Place,
    problem::{Code, Problem},
    terminal::TerminalId,
};

/// Wrong tries in a row on one account before it slows down.
pub const ACCOUNT_FREE: u32 = 5;

/// Wrong tries from one known terminal before it slows down.
pub const TERMINAL_FREE: u32 = 5;

/// Wrong passwords of approvers that one caller gives before it slows down.
pub const APPROVAL_FREE: u32 = 5;

/// Wrong tries from one address before it slows down: a shop's people share it. They are not forgotten by signing in, or one good
/// account would pay for guessing at all others.
pub const ADDRESS_FREE: u32 = 20;

/// The longest wait, in seconds: with it at most 24 guesses at one account are looked at in a quarter of an hour.
pub const WAIT_MAX_S: u64 = 60;

/// Wrong tries are forgotten after this long without one, in ms.
pub const FORGET_MS: u64 = 15 * 60 * 1000;

/// Keys of one kind remembered. Guessing at more accounts than this is slowed by address.
pub const REMEMBERED_MAX: usize = 10_000;

/// Try again after so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// At least 1.
    pub seconds: u64,
}

impl From<Wait> for Problem {
    fn from(wait: Wait) -> Self {
        Self::new(Code::TooManyTries)
            .detail(
                format!("密码连续输错，请 {} 秒后再试。", wait.seconds),
                format!("Too many wrong passwords; try again in {} s.", wait.seconds),
            )
            .retry_after(wait.seconds)
    }
}

/// Who tries to log in.
#[derive(Clone, Copy, Debug)]
pub struct Try<'a> {
    /// The account, unless what was typed cannot be one.
    pub account: Option<&'a AccountId>,
    /// Where from.
    pub place: Place,
    /// The terminal, if this account logged in there before.
    pub terminal: Option<TerminalId>,
}

/// Who guessed wrong lately at logging in.
#[derive(Debug)]
pub struct Throttle(Mutex<Memory>);

#[derive(Debug)]
struct Memory {
    accounts: Tries<AccountId>,
    places: Tries<Place>,
    terminals: Tries<TerminalId>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self::new()
    }
}

impl Throttle {
    /// Nobody has guessed yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Mutex::new(Memory {
            accounts: Tries::new(ACCOUNT_FREE),
            places: Tries::new(ADDRESS_FREE),
            terminals: Tries::new(TERMINAL_FREE),
        }))
    }

    /// Lets a try through or says how long to wait. A try let through counts as wrong until [`Self::right`] is called, so that
    /// many at the same moment cannot slip by before the first is found wrong. A refused try costs nothing.
    ///
    /// # Errors
    /// The wait left.
    pub fn admit(&self, one: Try<'_>, now: Ticks) -> Result<(), Wait> {
        let Memory { accounts, places, terminals } = &mut *self.memory();
        if let Some(terminal) = one.terminal {
            return terminals.admit(terminal, now);
        }
        let by_account = one.account.map_or(0, |account| accounts.wait_ms(account, now));
        admitted(by_account.max(places.wait_ms(&one.place, now)))?;
        places.count(one.place, now);
        if let Some(account) = one.account {
            accounts.count(account.clone(), now);
        }
        Ok(())
    }

    /// The password was right: account and terminal start anew, and the address gets this one try back.
    pub fn right(&self, one: Try<'_>) {
        let Memory { accounts, places, terminals } = &mut *self.memory();
        match (one.terminal, one.account) {
            (Some(terminal), _) => terminals.forget(&terminal),
            (None, account) => {
                account.into_iter().for_each(|account| accounts.forget(account));
                places.give_back(&one.place);
            }
        }
    }

    /// Nobody looked at the password: the try does not count.
    pub fn not_looked_at(&self, one: Try<'_>) {
        let Memory { accounts, places, terminals } = &mut *self.memory();
        match (one.terminal, one.account) {
            (Some(terminal), _) => terminals.give_back(&terminal),
            (None, account) => {
                account.into_iter().for_each(|account| accounts.give_back(account));
                places.give_back(&one.place);
            }
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who gave wrong passwords of approvers lately.
#[derive(Debug)]
pub struct Approvals(Mutex<Tries<String>>);

impl Default for Approvals {
    fn default() -> Self {
        Self::new()
    }
}

impl Approvals {
    /// Nobody has guessed yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Mutex::new(Tries::new(APPROVAL_FREE)))
    }

    /// As [`Throttle::admit`], for this caller.
    ///
    /// # Errors
    /// The wait left.
    pub fn admit(&self, caller: &str, now: Ticks) -> Result<(), Wait> {
        self.tries().admit(caller.to_owned(), now)
    }

    /// The password was right.
    pub fn right(&self, caller: &str) {
        self.tries().forget(&caller.to_owned());
    }

    /// Nobody looked at the password.
    pub fn not_looked_at(&self, caller: &str) {
        self.tries().give_back(&caller.to_owned());
    }

    fn tries(&self) -> MutexGuard<'_, Tries<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wrong tries by key.
#[derive(Debug)]
struct Tries<K> {
    free: u32,
    wrong: HashMap<K, Wrong>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Wrong {
    tries: u32,
    last: Ticks,
}

const fn admitted(wait_ms: u64) -> Result<(), Wait> {
    if wait_ms == 0 { Ok(()) } else { Err(Wait { seconds: wait_ms.div_ceil(1000) }) }
}

impl<K: Eq + Hash + Clone> Tries<K> {
    fn new(free: u32) -> Self {
        Self { free, wrong: HashMap::new() }
    }

    fn admit(&mut self, key: K, now: Ticks) -> Result<(), Wait> {
        admitted(self.wait_ms(&key, now))?;
        self.count(key, now);
        Ok(())
    }

    fn wait_ms(&self, key: &K, now: Ticks) -> u64 {
        self.wrong.get(key).map_or(0, |wrong| wrong.wait_ms(self.free, now))
    }

    fn count(&mut self, key: K, now: Ticks) {
        if self.wrong.len() >= REMEMBERED_MAX && !self.wrong.contains_key(&key) {
            self.wrong.retain(|_, wrong| !wrong.forgotten(now));
            let fewest =
                self.wrong.iter().min_by_key(|(_, wrong)| (wrong.tries, wrong.last)).map(|(key, _)| key.clone());
            if let Some(fewest) = fewest.filter(|_| self.wrong.len() >= REMEMBERED_MAX) {
                self.wrong.remove(&fewest);
            }
        }
        self.wrong.entry(key).or_default().count(now);
    }

    fn forget(&mut self, key: &K) {
        self.wrong.remove(key);
    }

    fn give_back(&mut self, key: &K) {
        if let Some(wrong) = self.wrong.get_mut(key) {
            wrong.tries = wrong.tries.saturating_sub(1);
        }
    }
}

impl Wrong {
    /// How long to wait before the next try, in ms.
    fn wait_ms(self, free: u32, now: Ticks) -> u64 {
        let Some(paid) = self.tries.checked_sub(free).filter(|_| !self.forgotten(now)) else { return 0 };
        let seconds = 1_u64.checked_shl(paid).map_or(WAIT_MAX_S, |seconds| seconds.min(WAIT_MAX_S));
        self.last.after_ms(seconds * 1000).0.saturating_sub(now.0)
    }

    fn forgotten(self, now: Ticks) -> bool {
        now >= self.last.after_ms(FORGET_MS)
    }

    fn count(&mut self, now: Ticks) {
        let tries = if self.forgotten(now) { 0 } else { self.tries };
        *self = Self { tries: tries.saturating_add(1), last: now };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn account(n: u32) -> AccountId {
        AccountId::parse(&n.to_string()).expect("a name")
    }

    fn home() -> Place {
        Place::of(IpAddr::from([192, 168, 1, 9]))
    }

    fn stranger(account: &AccountId) -> Try<'_> {
        Try { account: Some(account), place: home(), terminal: None }
    }

    #[test]
    fn five_are_free_and_the_waits_double_to_a_minute() {
        let throttle = Throttle::new();
        let (one, two) = (account(1), account(2));
        let mut now = Ticks(1);
        for _ in 0..ACCOUNT_FREE {
            assert_eq!(throttle.admit(stranger(&one), now), Ok(()));
        }
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(throttle.admit(stranger(&one), now), Err(Wait { seconds }));
            let early = Ticks(now.0 + seconds * 1000 - 1);
            assert_eq!(throttle.admit(stranger(&one), early), Err(Wait { seconds: 1 }), "a refused try costs nothing");
            now = now.after_ms(seconds * 1000);
            assert_eq!(throttle.admit(stranger(&one), now), Ok(()));
        }
        assert_eq!(throttle.admit(stranger(&two), now), Ok(()), "other accounts go on");
        assert_eq!(throttle.admit(stranger(&one), now.after_ms(FORGET_MS)), Ok(()));
        assert_eq!(throttle.admit(stranger(&one), now.after_ms(FORGET_MS)), Ok(()), "free ones again");
    }

    #[test]
    fn at_most_thirty_guesses_at_an_account_are_looked_at_in_a_quarter_of_an_hour() {
        let throttle = Throttle::new();
        let one = account(1);
        let looked_at = (0..15 * 60).flat_map(|second| std::iter::repeat_n(Ticks(1 + second * 1000), 11)).enumerate();
        let admitted = looked_at.filter(|(n, now)| {
            let place = Place::of(IpAddr::from(u32::try_from(*n).unwrap().to_be_bytes()));
            throttle.admit(Try { place, ..stranger(&one) }, *now).is_ok()
        });
        assert!((20..=30).contains(&admitted.count()), "from however many addresses");
    }

    #[test]
    fn a_right_password_clears_the_account_but_not_the_address() {
        let throttle = Throttle::new();
        let (now, one, good) = (Ticks(1), account(1), account(999));
        for _ in 0..ACCOUNT_FREE {
            throttle.admit(stranger(&one), now).unwrap();
        }
        throttle.right(stranger(&one));
        assert_eq!(throttle.admit(stranger(&one), now), Ok(()));

        let throttle = Throttle::new();
        for n in 0..ADDRESS_FREE {
            throttle.admit(stranger(&good), now).unwrap();
            throttle.right(stranger(&good));
            throttle.admit(stranger(&account(n)), now).unwrap();
        }
        assert!(throttle.admit(stranger(&good), now).is_err(), "guessing at many accounts is slowed by address");
        let elsewhere = Place::of(IpAddr::from([192, 168, 1, 10]));
        assert_eq!(throttle.admit(Try { place: elsewhere, ..stranger(&good) }, now), Ok(()));
    }

    #[test]
    fn what_cannot_be_an_account_is_slowed_by_its_address() {
        let throttle = Throttle::new();
        let nobody = Try { account: None, place: home(), terminal: None };
        let let_through = (0..100).filter(|_| throttle.admit(nobody, Ticks(1)).is_ok()).count();
        assert_eq!(let_through, usize::try_from(ADDRESS_FREE).unwrap());
        assert!(throttle.admit(stranger(&account(1)), Ticks(1)).is_err(), "the same address, whatever it sends");
    }

    #[test]
    fn a_known_terminal_goes_on_whoever_guesses_elsewhere() {
        let throttle = Throttle::new();
        let (now, owner) = (Ticks(1), account(1));
        let at_home = Try { terminal: Some(TerminalId([1; 16])), ..stranger(&owner) };
        while throttle.admit(stranger(&owner), now).is_ok() {}
        for _ in 0..TERMINAL_FREE {
            assert_eq!(throttle.admit(at_home, now), Ok(()));
        }
        assert_eq!(throttle.admit(at_home, now), Err(Wait { seconds: 1 }), "a terminal that guesses is slowed as well");
        throttle.right(at_home);
        assert_eq!(throttle.admit(at_home, now), Ok(()));
        assert!(throttle.admit(stranger(&owner), now).is_err(), "and pays for no stranger");
    }

    #[test]
    fn a_try_nobody_looked_at_costs_nothing() {
        let throttle = Throttle::new();
        let (now, one) = (Ticks(1), account(1));
        for _ in 0..3 * ADDRESS_FREE {
            assert_eq!(throttle.admit(stranger(&one), now), Ok(()));
            throttle.not_looked_at(stranger(&one));
        }
        let approvals = Approvals::new();
        for _ in 0..APPROVAL_FREE {
            assert_eq!(approvals.admit("person:03", now), Ok(()));
            approvals.not_looked_at("person:03");
            assert_eq!(approvals.admit("person:03", now), Ok(()));
        }
        assert!(approvals.admit("person:03", now).is_err());
        assert_eq!(approvals.admit("person:04", now), Ok(()), "another cashier's approvals go on");
        approvals.right("person:03");
        assert_eq!(approvals.admit("person:03", now), Ok(()));
    }

    #[test]
    fn many_at_once_cannot_slip_by() {
        let throttle = Throttle::new();
        let one = account(1);
        let let_through = (0..200).filter(|_| throttle.admit(stranger(&one), Ticks(1)).is_ok()).count();
        assert_eq!(let_through, 5);
    }

    #[test]
    fn memory_is_bounded_and_keeps_the_worst() {
        let mut tries = Tries::new(1);
        for _ in 0..10 {
            tries.count(u32::MAX, Ticks(1));
        }
        for n in 0..u32::try_from(REMEMBERED_MAX).unwrap() + 5 {
            tries.count(n, Ticks(2));
        }
        assert_eq!(tries.wrong.len(), REMEMBERED_MAX);
        assert_eq!(tries.wrong[&u32::MAX].tries, 10);
    }
}
