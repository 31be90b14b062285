//! Slower and slower answers to wrong passwords, by account and by address; never a lock.
//!
//! [`ACCOUNT_FREE`] wrong tries in a row are free, then each costs a wait of 1, 2, 4 … [`WAIT_MAX_S`] s. After [`FORGET_MS`]
//! without a try all is forgotten. An address gets more free ones, because a shop's people share it.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use guitai_core::{ids::AccountId, time::Ticks};

use crate::problem::{Code, Problem};

/// Wrong tries in a row on one account before it slows down.
pub const ACCOUNT_FREE: u32 = 5;

/// Wrong tries from one address before it slows down; they are not forgotten by signing in, or one good account would pay for
/// guessing at all others.
pub const ADDRESS_FREE: u32 = 20;

/// The longest wait, in seconds.
pub const WAIT_MAX_S: u64 = 30;

/// Wrong tries are forgotten after this long without one, in ms.
pub const FORGET_MS: u64 = 15 * 60 * 1000;

/// Accounts, and addresses, remembered. Guessing at more accounts than this is slowed by address.
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

/// Who guessed wrong lately.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    accounts: HashMap<AccountId, Wrong>,
    addresses: HashMap<IpAddr, Wrong>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Wrong {
    tries: u32,
    last: Ticks,
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

impl Throttle {
    /// Nobody has guessed yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets a try through or says how long to wait. A try let through counts as wrong until [`Self::right`] is called, so that
    /// many at the same moment cannot slip by before the first is found wrong. A refused try costs nothing.
    ///
    /// # Errors
    /// The wait left.
    pub fn admit(&self, account: &AccountId, address: IpAddr, now: Ticks) -> Result<(), Wait> {
        let address = address.to_canonical();
        let mut memory = self.lock();
        let by_account = memory.accounts.get(account).map_or(0, |wrong| wrong.wait_ms(ACCOUNT_FREE, now));
        let by_address = memory.addresses.get(&address).map_or(0, |wrong| wrong.wait_ms(ADDRESS_FREE, now));
        match by_account.max(by_address) {
            0 => {
                remember(&mut memory.accounts, account.clone(), now);
                remember(&mut memory.addresses, address, now);
                Ok(())
            }
            wait_ms => Err(Wait { seconds: wait_ms.div_ceil(1000) }),
        }
    }

    /// The password was right: the account starts anew, and the address gets this one try back.
    pub fn right(&self, account: &AccountId, address: IpAddr) {
        let mut memory = self.lock();
        memory.accounts.remove(account);
        if let Some(wrong) = memory.addresses.get_mut(&address.to_canonical()) {
            wrong.tries = wrong.tries.saturating_sub(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remember<K: Eq + Hash + Clone>(map: &mut HashMap<K, Wrong>, key: K, now: Ticks) {
    if map.len() >= REMEMBERED_MAX && !map.contains_key(&key) {
        map.retain(|_, wrong| !wrong.forgotten(now));
        let fewest = map.iter().min_by_key(|(_, wrong)| (wrong.tries, wrong.last)).map(|(key, _)| key.clone());
        if let Some(fewest) = fewest.filter(|_| map.len() >= REMEMBERED_MAX) {
            map.remove(&fewest);
        }
    }
    map.entry(key).or_default().count(now);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(n: u32) -> AccountId {
        AccountId::parse(&n.to_string()).expect("a name")
    }

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 9));

    #[test]
    fn five_are_free_and_the_waits_double_to_thirty_seconds() {
        let throttle = Throttle::new();
        let mut now = Ticks(1);
        for _ in 0..ACCOUNT_FREE {
            assert_eq!(throttle.admit(&account(1), HOME, now), Ok(()));
        }
        for seconds in [1, 2, 4, 8, 16, 30, 30, 30] {
            assert_eq!(throttle.admit(&account(1), HOME, now), Err(Wait { seconds }));
            let early = Ticks(now.0 + seconds * 1000 - 1);
            assert_eq!(
                throttle.admit(&account(1), HOME, early),
                Err(Wait { seconds: 1 }),
                "a refused try costs nothing"
            );
            now = now.after_ms(seconds * 1000);
            assert_eq!(throttle.admit(&account(1), HOME, now), Ok(()));
        }
        assert_eq!(throttle.admit(&account(2), HOME, now), Ok(()), "other accounts go on");
        assert_eq!(throttle.admit(&account(1), HOME, now.after_ms(FORGET_MS)), Ok(()));
        assert_eq!(throttle.admit(&account(1), HOME, now.after_ms(FORGET_MS)), Ok(()), "free ones again");
    }

    #[test]
    fn a_right_password_clears_the_account_but_not_the_address() {
        let throttle = Throttle::new();
        let now = Ticks(1);
        for _ in 0..ACCOUNT_FREE {
            throttle.admit(&account(1), HOME, now).unwrap();
        }
        throttle.right(&account(1), HOME);
        assert_eq!(throttle.admit(&account(1), HOME, now), Ok(()));

        let throttle = Throttle::new();
        for n in 0..ADDRESS_FREE {
            throttle.admit(&account(999), HOME, now).unwrap();
            throttle.right(&account(999), HOME);
            throttle.admit(&account(n), HOME, now).unwrap();
        }
        assert!(throttle.admit(&account(999), HOME, now).is_err(), "guessing at many accounts is slowed by address");
        let mapped = IpAddr::V6("::ffff:192.168.1.9".parse().unwrap());
        assert!(throttle.admit(&account(999), mapped, now).is_err(), "the same address written otherwise");
        let elsewhere = IpAddr::V4([192, 168, 1, 10].into());
        assert_eq!(throttle.admit(&account(999), elsewhere, now), Ok(()));
    }

    #[test]
    fn many_at_once_cannot_slip_by() {
        let throttle = Throttle::new();
        let let_through = (0..200).filter(|_| throttle.admit(&account(1), HOME, Ticks(1)).is_ok()).count();
        assert_eq!(let_through, 5);
    }

    #[test]
    fn memory_is_bounded_and_keeps_the_worst() {
        let mut map = HashMap::new();
        for _ in 0..10 {
            remember(&mut map, u32::MAX, Ticks(1));
        }
        for n in 0..u32::try_from(REMEMBERED_MAX).unwrap() + 5 {
            remember(&mut map, n, Ticks(2));
        }
        assert_eq!(map.len(), REMEMBERED_MAX);
        assert_eq!(map[&u32::MAX].tries, 10);
    }
}
