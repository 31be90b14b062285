//! Sessions of people: random tokens in a cookie; of a token only its SHA-256 is kept, so nothing here can be turned into a session.
//!
//! A session ends after a while without requests, after [`ABSOLUTE_MS`] in any case, by logging out, and at once when
//! [`Sessions::end_account`] is called (password change, role change, disabling). A restart ends none: see [`kept`].

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use axum::http::{HeaderMap, HeaderValue, header};
use guitai_core::{
    ids::AccountId,
    time::{Now, Ticks, UtcMs},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use utoipa::ToSchema;

use crate::{
    random::{self, NoRandomness},
    terminal::TerminalId,
};

pub mod kept;

/// What the cookie's name starts with. `__Host-` makes browsers refuse it from other hosts, other paths and without Secure.
pub const COOKIE_PREFIX: &str = "__Host-sid-";

/// A cashier's session ends after this long without a request, in ms.
pub const IDLE_CASHIER_MS: u64 = 15 * 60 * 1000;

/// An administrator's session, at the store or at headquarters, ends after this long without a request, in ms.
pub const IDLE_ADMINISTRATOR_MS: u64 = 10 * 60 * 1000;

/// Any session ends after this long, in ms.
pub const ABSOLUTE_MS: u64 = 12 * 60 * 60 * 1000;

/// Sessions at one time; the one idle for longest gives way. About 300 bytes each, so 1.3 MB at most.
pub const SESSIONS_MAX: usize = 4096;

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// 管理员 of a store.
    Administrator,
    /// 收银员.
    Cashier,
    /// 总部, at the hub.
    Headquarters,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Administrator, Self::Cashier, Self::Headquarters];

    /// The text on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Cashier => "cashier",
            Self::Headquarters => "headquarters",
        }
    }

    /// Reads [`Self::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    const fn idle_ms(self) -> u64 {
        match self {
            Self::Cashier => IDLE_CASHIER_MS,
            Self::Administrator | Self::Headquarters => IDLE_ADMINISTRATOR_MS,
        }
    }
}

/// Who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The account.
    pub account: AccountId,
    /// The name other people read.
    pub name: String,
    /// What the person may do.
    pub role: Role,
}

impl Person {
    /// The name under which a person's requests are kept: `person:01`.
    #[must_use]
    pub fn caller(&self) -> String {
        format!("person:{}", self.account)
    }
}

/// A session's name within this process: the SHA-256 of its token. It opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId([u8; 32]);

impl SessionId {
    /// The name of the terminal that holds this session, where it has no other.
    #[must_use]
    pub const fn terminal(self) -> TerminalId {
        let [id, _] = self.0.as_chunks::<16>().0 else { unreachable!() };
        TerminalId(*id)
    }
}

/// A live session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Current {
    /// Who it is.
    pub person: Person,
    /// Its name, for [`Sessions::is_live`].
    pub session: SessionId,
    /// When it ends unless another request comes.
    pub expires_at: UtcMs,
}

/// A session just opened.
#[derive(Debug)]
pub struct Opened {
    /// The value for `Set-Cookie`.
    pub set_cookie: HeaderValue,
    /// The session.
    pub current: Current,
}

#[derive(Debug)]
struct Entry {
    person: Person,
    /// The account as it stood at the log-in: [`standing`].
    stands: [u8; 32],
    /// When it ends in any case.
    latest: Ticks,
    /// When it ends unless another request comes.
    idle_until: Ticks,
}

impl Entry {
    fn ends(&self) -> Ticks {
        self.idle_until.min(self.latest)
    }
}

/// What of an account a session goes by: its role and password. Another one ends its sessions.
fn standing(role: Role, verifier: &str) -> [u8; 32] {
    Sha256::new().chain_update(role.as_str()).chain_update([0]).chain_update(verifier).finalize().into()
}

/// All sessions of one server.
#[derive(Debug)]
pub struct Sessions {
    cookie_name: String,
    entries: Mutex<HashMap<SessionId, Entry>>,
    /// A session began or ended.
    changed: Notify,
}

impl Sessions {
    /// No sessions yet. The cookie's name carries 8 hex digits of the process key's SHA-256: cookies do not know ports, so two
    /// servers on one host would otherwise sign each other's people out.
    #[must_use]
    pub fn new(process_key: &[u8]) -> Self {
        let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(process_key));
        let cookie_name = format!("{COOKIE_PREFIX}{:08x}", u32::from_be_bytes([a, b, c, d]));
        Self { cookie_name, entries: Mutex::default(), changed: Notify::new() }
    }

    /// The cookie's name.
    #[must_use]
    pub fn cookie_name(&self) -> &str {
        &self.cookie_name
    }

    /// Opens a session under a new token, for the account with this password's PHC text. Also call it at each gain of rights, so
    /// that no older token gains them.
    ///
    /// # Errors
    /// When the operating system has no random bytes.
    pub fn open(&self, person: Person, verifier: &str, now: Now) -> Result<Opened, NoRandomness> {
        let token = random::token()?;
        let session = id_of(&token);
        let entry = Entry {
            stands: standing(person.role, verifier),
            latest: now.up.after_ms(ABSOLUTE_MS),
            idle_until: now.up.after_ms(person.role.idle_ms()),
            person: person.clone(),
        };
        let expires_at = wall(now, entry.ends());
        let mut entries = self.lock();
        entries.retain(|_, entry| entry.ends() > now.up);
        if entries.len() >= SESSIONS_MAX
            && let Some(idlest) = entries.iter().min_by_key(|(_, entry)| entry.idle_until).map(|(id, _)| *id)
        {
            entries.remove(&idlest);
        }
        entries.insert(session, entry);
        drop(entries);
        self.changed.notify_one();
        let cookie = format!("{}={token}; Path=/; Secure; HttpOnly; SameSite=Strict", self.cookie_name);
        let mut set_cookie = HeaderValue::try_from(cookie).expect("base64url and fixed words are visible ASCII");
        set_cookie.set_sensitive(true);
        Ok(Opened { set_cookie, current: Current { person, session, expires_at } })
    }

    /// The session of a request. Finding it counts as using it.
    #[must_use]
    pub fn find(&self, headers: &HeaderMap, now: Now) -> Option<Current> {
        let session = self.named(headers)?;
        let mut entries = self.lock();
        let entry = entries.get_mut(&session)?;
        if entry.ends() <= now.up {
            entries.remove(&session);
            return None;
        }
        entry.idle_until = now.up.after_ms(entry.person.role.idle_ms());
        Some(Current { person: entry.person.clone(), session, expires_at: wall(now, entry.ends()) })
    }

    /// Whether a session is still alive. Asking does not count as using it: an open event stream alone keeps nobody signed in.
    #[must_use]
    pub fn is_live(&self, session: SessionId, now: Now) -> bool {
        self.lock().get(&session).is_some_and(|entry| entry.ends() > now.up)
    }

    /// Ends the session of a request, if there is one. Returns the value for `Set-Cookie` that makes the browser forget it.
    pub fn close(&self, headers: &HeaderMap) -> HeaderValue {
        if let Some(session) = self.named(headers) {
            self.lock().remove(&session);
            self.changed.notify_one();
        }
        let cookie = format!("{}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0", self.cookie_name);
        HeaderValue::try_from(cookie).expect("hex and fixed words are visible ASCII")
    }

    /// Ends all sessions of an account; says how many.
    pub fn end_account(&self, account: &AccountId) -> usize {
        let mut entries = self.lock();
        let before = entries.len();
        entries.retain(|_, entry| entry.person.account != *account);
        let ended = before - entries.len();
        drop(entries);
        self.changed.notify_one();
        ended
    }

    /// Whether an account has a live session.
    #[must_use]
    pub fn holds(&self, account: &AccountId, now: Now) -> bool {
        self.lock().values().any(|entry| entry.person.account == *account && entry.ends() > now.up)
    }

    /// Ends all sessions; says how many.
    pub fn end_all(&self) -> usize {
        let ended = std::mem::take(&mut *self.lock()).len();
        self.changed.notify_one();
        ended
    }

    /// Sessions held, ended ones included until the next one opens.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn named(&self, headers: &HeaderMap) -> Option<SessionId> {
        let mut tokens = headers
            .get_all(header::COOKIE)
            .into_iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.cookie_name)
            .map(|(_, token)| token);
        match (tokens.next(), tokens.next()) {
            (Some(token), None) => Some(id_of(token)),
            // Two cookies of this name: one of them was planted.
            (None | Some(_), _) => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn id_of(token: &str) -> SessionId {
    SessionId(Sha256::digest(token.as_bytes()).into())
}

/// The wall-clock time of a later tick.
fn wall(now: Now, at: Ticks) -> UtcMs {
    let ahead = i64::try_from(at.0.saturating_sub(now.up.0)).unwrap_or(i64::MAX);
    UtcMs(now.wall.0.saturating_add(ahead))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn at(up: u64) -> Now {
        Now::alone(UtcMs(1_767_579_072_000 + i64::try_from(up).unwrap()), Ticks(up))
    }

    pub(super) fn person(account: &str, role: Role) -> Person {
        Person { account: AccountId::parse(account).expect("a name"), name: "王".to_owned(), role }
    }

    pub(super) fn sent_back(opened: &Opened) -> HeaderMap {
        let pair = opened.set_cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::try_from(format!("other=1; {pair}")).unwrap())])
    }

    #[test]
    fn the_cookie_has_every_flag_and_256_bits() {
        let sessions = Sessions::new(b"node one");
        let opened = sessions.open(person("01", Role::Cashier), "v", at(0)).unwrap();
        let cookie = opened.set_cookie.to_str().unwrap();
        let (name, rest) = cookie.split_once('=').unwrap();
        let hex = name.strip_prefix("__Host-sid-").unwrap();
        assert!(hex.len() == 8 && hex.bytes().all(|b| b.is_ascii_hexdigit()), "{name}");
        assert!(rest.ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict"), "{rest}");
        assert_eq!(rest.split(';').next().unwrap().len(), 43);
        assert_ne!(sessions.cookie_name(), Sessions::new(b"node two").cookie_name());
        assert!(!format!("{sessions:?} {opened:?}").contains(rest.split(';').next().unwrap()));
    }

    #[test]
    fn use_prolongs_a_session_up_to_twelve_hours() {
        for (role, idle) in [
            (Role::Cashier, IDLE_CASHIER_MS),
            (Role::Administrator, IDLE_ADMINISTRATOR_MS),
            (Role::Headquarters, IDLE_ADMINISTRATOR_MS),
        ] {
            let sessions = Sessions::new(b"k");
            let opened = sessions.open(person("01", role), "v", at(0)).unwrap();
            let headers = sent_back(&opened);
            assert_eq!(opened.current.expires_at, at(idle).wall);
            assert_eq!(sessions.find(&headers, at(idle - 1)).unwrap().expires_at, at(2 * idle - 1).wall);
            assert!(sessions.is_live(opened.current.session, at(2 * idle - 2)));
            assert!(!sessions.is_live(opened.current.session, at(2 * idle - 1)));
            assert!(sessions.find(&headers, at(2 * idle - 1)).is_none());
            assert!(sessions.find(&headers, at(idle)).is_none(), "an ended session stays ended");

            let headers = sent_back(&sessions.open(person("01", role), "v", at(0)).unwrap());
            for minute in 1..12 * 60 {
                assert!(sessions.find(&headers, at(minute * 60_000)).is_some(), "minute {minute}");
            }
            assert!(sessions.find(&headers, at(ABSOLUTE_MS)).is_none());
        }
    }

    #[test]
    fn logging_out_and_ending_an_account_kill_at_once() {
        let sessions = Sessions::new(b"k");
        let open = |account| sent_back(&sessions.open(person(account, Role::Cashier), "v", at(0)).unwrap());
        let (one, two, other) = (open("01"), open("01"), open("02"));
        let cleared = sessions.close(&one);
        assert!(cleared.to_str().unwrap().contains("Max-Age=0"));
        assert!(sessions.find(&one, at(1)).is_none());
        assert!(sessions.find(&two, at(1)).is_some());
        let account = AccountId::parse("01").unwrap();
        assert!(sessions.holds(&account, at(0)) && !sessions.holds(&account, at(ABSOLUTE_MS)));
        assert_eq!(sessions.end_account(&account), 1);
        assert!(!sessions.holds(&account, at(0)));
        assert!(sessions.find(&two, at(1)).is_none());
        assert!(sessions.find(&other, at(1)).is_some());
        assert_eq!(sessions.end_all(), 1);
        assert!(sessions.find(&other, at(1)).is_none());
    }

    #[test]
    fn forged_doubled_and_foreign_cookies_open_nothing() {
        let sessions = Sessions::new(b"k");
        let mut headers = sent_back(&sessions.open(person("01", Role::Cashier), "v", at(0)).unwrap());
        assert!(Sessions::new(b"k").find(&headers, at(1)).is_none(), "another process");
        let name = sessions.cookie_name().to_owned();
        headers.append(header::COOKIE, HeaderValue::try_from(format!("{name}=planted")).unwrap());
        assert!(sessions.find(&headers, at(1)).is_none());
        for forged in [format!("{name}="), format!("{name}={}", "A".repeat(43)), "x".to_owned()] {
            let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::try_from(forged).unwrap())]);
            assert!(sessions.find(&headers, at(1)).is_none());
        }
    }

    #[test]
    fn the_number_of_sessions_is_bounded() {
        let sessions = Sessions::new(b"k");
        let first = sent_back(&sessions.open(person("01", Role::Cashier), "v", at(0)).unwrap());
        for n in 0..u64::try_from(SESSIONS_MAX).unwrap() {
            sessions.open(person("02", Role::Cashier), "v", at(1 + n)).unwrap();
        }
        assert_eq!(sessions.count(), SESSIONS_MAX);
        assert!(sessions.find(&first, at(5000)).is_none(), "the idlest gave way");
    }
}
