//! Sessions over a restart: what is written down of them, and which of them still count when it is read.
//!
//! Ticks begin anew with a process, so what is kept is how long each session has left; the time between is taken from the wall
//! clock. Where that went back nobody knows how long it was, and everybody logs in again.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use guitai_core::{
    ids::AccountId,
    time::{Now, Ticks},
};
use serde::{Deserialize, Serialize};
use tokio::{sync::watch, time::timeout};

use super::{Entry, Person, SessionId, Sessions, standing};

/// What is written down is at most this old when the process dies, as far as use goes; what began or ended is written at once.
pub const WRITTEN_EVERY: Duration = Duration::from_secs(60);

/// The sessions of one server at a moment.
#[derive(Debug, Serialize, Deserialize)]
pub struct Kept {
    at_ms: i64,
    sessions: Vec<One>,
}

#[derive(Debug, Serialize, Deserialize)]
struct One {
    session: [u8; 32],
    account: String,
    stands: [u8; 32],
    left_ms: u64,
    idle_left_ms: u64,
}

impl Sessions {
    /// What to write down.
    #[must_use]
    pub fn keep(&self, now: Now) -> Kept {
        let left = |at: Ticks| at.0.saturating_sub(now.up.0);
        let entries = self.lock();
        let live = entries.iter().filter(|(_, entry)| entry.ends() > now.up);
        let sessions = live.map(|(id, entry)| One {
            session: id.0,
            account: entry.person.account.to_string(),
            stands: entry.stands,
            left_ms: left(entry.latest),
            idle_left_ms: left(entry.idle_until),
        });
        Kept { at_ms: now.wall.0, sessions: sessions.collect() }
    }

    /// Takes back what was written down, for accounts that stand as they did; answers how many. `find` looks an account up, with its
    /// password's PHC text; a disabled one is none.
    ///
    /// # Errors
    /// Those of `find`.
    pub fn take_back<E>(
        &self,
        kept: &Kept,
        now: Now,
        mut find: impl FnMut(&AccountId) -> Result<Option<(Person, String)>, E>,
    ) -> Result<usize, E> {
        let Ok(away) = u64::try_from(now.wall.0.saturating_sub(kept.at_ms)) else { return Ok(0) };
        let mut accounts: HashMap<&str, Option<(Person, [u8; 32])>> = HashMap::new();
        let mut back = 0;
        for one in &kept.sessions {
            if !accounts.contains_key(one.account.as_str()) {
                let found = AccountId::parse(&one.account).ok().map_or(Ok(None), |account| find(&account))?;
                let stands = found.map(|(person, verifier)| (person.clone(), standing(person.role, &verifier)));
                accounts.insert(&one.account, stands);
            }
            let Some(Some((person, stands))) = accounts.get(one.account.as_str()) else { continue };
            let later = |left_ms: u64| now.up.after_ms(left_ms.saturating_sub(away));
            let (latest, idle_until) = (later(one.left_ms), later(one.idle_left_ms));
            let entry = Entry { person: person.clone(), stands: *stands, latest, idle_until };
            if *stands == one.stands && entry.ends() > now.up {
                self.lock().insert(SessionId(one.session), entry);
                back += 1;
            }
        }
        Ok(back)
    }

    /// Waits until there is something to write down: a session began or ended, or [`WRITTEN_EVERY`] is over. False when the server
    /// stops; what is then written down is the last.
    pub async fn changed(&self, stop: &mut watch::Receiver<bool>) -> bool {
        tokio::select! {
            _ = timeout(WRITTEN_EVERY, self.changed.notified()) => true,
            _ = stop.wait_for(|stop| *stop) => false,
        }
    }
}

impl Kept {
    /// Whose they are, each account once.
    #[must_use]
    pub fn accounts(&self) -> BTreeSet<AccountId> {
        self.sessions.iter().filter_map(|one| AccountId::parse(&one.account).ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ABSOLUTE_MS, IDLE_CASHIER_MS, Role, tests::*};
    use super::*;
    use guitai_core::time::UtcMs;

    const MINUTE: i64 = 60_000;

    /// The wall clock so many minutes after the test's beginning, in a process that has just started.
    fn restarted(minutes: i64) -> Now {
        Now::alone(UtcMs(at(0).wall.0 + minutes * MINUTE), Ticks(5))
    }

    fn stands(account: &AccountId) -> Result<Option<(Person, String)>, ()> {
        let role = if account.as_str() == "01" { Role::Administrator } else { Role::Cashier };
        Ok((account.as_str() != "09").then(|| (person(account.as_str(), role), "phc".to_owned())))
    }

    fn after_a_restart(kept: &Kept, now: Now) -> Sessions {
        let sessions = Sessions::new(b"k");
        let text = serde_json::to_vec(kept).unwrap();
        sessions.take_back(&serde_json::from_slice(&text).unwrap(), now, stands).unwrap();
        sessions
    }

    #[test]
    fn a_restart_logs_nobody_out_and_prolongs_nothing() {
        let before = Sessions::new(b"k");
        let cashier = sent_back(&before.open(person("02", Role::Cashier), "phc", at(0)).unwrap());
        let kept = before.keep(at(0));
        for (minutes, live) in [(0, true), (14, true), (15, false), (-1, false), (100_000, false)] {
            let now = restarted(minutes);
            let after = after_a_restart(&kept, now);
            assert_eq!(after.find(&cashier, now).is_some(), live, "{minutes} minutes");
        }
        let after = after_a_restart(&kept, restarted(14));
        let now = restarted(14);
        let late = Now::alone(UtcMs(now.wall.0 + 2 * MINUTE), Ticks(5 + 120_000));
        assert!(after.find(&cashier, late).is_none(), "what was idle before counts after");
        let near_the_end = before.keep(at(ABSOLUTE_MS - 1)).sessions;
        assert!(near_the_end.is_empty(), "an ended session is not kept");
    }

    #[test]
    fn only_accounts_that_stand_as_they_did_come_back() {
        let before = Sessions::new(b"k");
        let open = |account, role, verifier| sent_back(&before.open(person(account, role), verifier, at(0)).unwrap());
        let same = open("02", Role::Cashier, "phc");
        let new_password = open("02", Role::Cashier, "another");
        let demoted = open("03", Role::Administrator, "phc");
        let gone = open("09", Role::Cashier, "phc");
        let now = restarted(1);
        let after = after_a_restart(&before.keep(at(0)), now);
        assert!(after.find(&same, now).is_some());
        for other in [new_password, demoted, gone] {
            assert!(after.find(&other, now).is_none());
        }
        assert_eq!(after.count(), 1);
        assert_eq!(after.find(&same, now).unwrap().expires_at.0, now.wall.0 + i64::try_from(IDLE_CASHIER_MS).unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn what_changes_is_written_down_at_once_and_what_is_used_each_minute() {
        let sessions = Sessions::new(b"k");
        let (stop, mut stopped) = watch::channel(false);
        let began = tokio::time::Instant::now();
        sessions.open(person("02", Role::Cashier), "phc", at(0)).unwrap();
        assert_eq!((sessions.changed(&mut stopped).await, began.elapsed()), (true, Duration::ZERO));
        sessions.end_all();
        assert_eq!((sessions.changed(&mut stopped).await, began.elapsed()), (true, Duration::ZERO));
        assert_eq!((sessions.changed(&mut stopped).await, began.elapsed()), (true, WRITTEN_EVERY));
        stop.send(true).unwrap();
        assert!(!sessions.changed(&mut stopped).await);
    }
}
