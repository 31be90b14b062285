//! Terminals known to this server: a browser in which somebody logged in before carries a cookie that says so.
//!
//! The cookie opens nothing. It only lets the people who work there log in while others guess at their accounts from elsewhere: tries
//! that carry it are counted for that terminal alone. It is sealed by this server and kept nowhere here, so it outlives a restart.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use guitai_core::ids::AccountId;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::random::{self, NoRandomness};

/// What the cookie's name starts with.
const COOKIE_PREFIX: &str = "__Host-terminal-";

/// Accounts that a terminal is known for; the one that logged in longest ago is dropped.
pub const ACCOUNTS_MAX: usize = 12;

/// A terminal is forgotten after this long without a log-in, in seconds.
pub const KNOWN_FOR_S: u64 = 180 * 24 * 60 * 60;

const SEAL_TAG: &[u8] = b"guitai/http/terminal/1";

/// A terminal's name; random, no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TerminalId(pub [u8; 16]);

/// Seals and reads the cookies of one server.
#[derive(Clone)]
pub struct Terminals {
    cookie_name: String,
    key: [u8; 32],
}

impl std::fmt::Debug for Terminals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terminals").field("cookie_name", &self.cookie_name).finish_non_exhaustive()
    }
}

struct Known {
    id: TerminalId,
    /// Who logged in there, the last one first.
    accounts: Vec<AccountId>,
}

impl Terminals {
    /// Under a key that no restart changes. The cookie's name carries 8 hex digits of `process_key`'s SHA-256, like the session's.
    #[must_use]
    pub fn new(process_key: &[u8], key: [u8; 32]) -> Self {
        let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(process_key));
        Self { cookie_name: format!("{COOKIE_PREFIX}{:08x}", u32::from_be_bytes([a, b, c, d])), key }
    }

    /// The terminal a request comes from, if this account logged in there before.
    #[must_use]
    pub fn known(&self, headers: &HeaderMap, account: &AccountId) -> Option<TerminalId> {
        self.read(headers).filter(|known| known.accounts.contains(account)).map(|known| known.id)
    }

    /// This account logged in there: the value for `Set-Cookie`.
    ///
    /// # Errors
    /// When the operating system has no random bytes for a new terminal's name.
    pub fn remember(&self, headers: &HeaderMap, account: &AccountId) -> Result<HeaderValue, NoRandomness> {
        let mut known = match self.read(headers) {
            Some(known) => known,
            None => Known { id: TerminalId(random::bytes()?), accounts: Vec::new() },
        };
        known.accounts.retain(|known| known != account);
        known.accounts.insert(0, account.clone());
        known.accounts.truncate(ACCOUNTS_MAX);
        let names: Vec<&str> = known.accounts.iter().map(AccountId::as_str).collect();
        let said = format!("{}.{}", URL_SAFE_NO_PAD.encode(known.id.0), names.join("~"));
        let seal = URL_SAFE_NO_PAD.encode(self.seal(&said).finalize().into_bytes());
        let name = &self.cookie_name;
        let cookie = format!("{name}={said}.{seal}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={KNOWN_FOR_S}");
        Ok(HeaderValue::try_from(cookie).expect("base64url, account names and fixed words are visible ASCII"))
    }

    fn read(&self, headers: &HeaderMap) -> Option<Known> {
        let values = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        let mut cookies = values
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.cookie_name);
        let (Some((_, cookie)), None) = (cookies.next(), cookies.next()) else { return None };
        let (said, seal) = cookie.rsplit_once('.')?;
        self.seal(said).verify_slice(&URL_SAFE_NO_PAD.decode(seal).ok()?).ok()?;
        let (id, names) = said.split_once('.')?;
        let id = TerminalId(URL_SAFE_NO_PAD.decode(id).ok()?.try_into().ok()?);
        let accounts = names.split('~').map(AccountId::parse).collect::<Result<_, _>>().ok()?;
        Some(Known { id, accounts })
    }

    fn seal(&self, said: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(SEAL_TAG);
        mac.update(said.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> AccountId {
        AccountId::parse(name).unwrap()
    }

    fn sent_back(set_cookie: &HeaderValue) -> HeaderMap {
        let pair = set_cookie.to_str().unwrap().split(';').next().unwrap();
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::try_from(format!("other=1; {pair}")).unwrap())])
    }

    #[test]
    fn a_terminal_keeps_its_name_and_is_known_for_who_logged_in_there() {
        let terminals = Terminals::new(b"node", [7; 32]);
        let first = sent_back(&terminals.remember(&HeaderMap::new(), &account("01")).unwrap());
        let id = terminals.known(&first, &account("01")).expect("known");
        assert_eq!(terminals.known(&first, &account("02")), None, "for its own people only");
        let mut headers = first;
        for n in 0..ACCOUNTS_MAX {
            headers = sent_back(&terminals.remember(&headers, &account(&format!("a-{n}_"))).unwrap());
            assert_eq!(terminals.known(&headers, &account(&format!("a-{n}_"))), Some(id));
        }
        assert_eq!(terminals.known(&headers, &account("01")), None, "the longest ago is dropped");
        assert_eq!(Terminals::new(b"node", [7; 32]).known(&headers, &account("a-1_")), Some(id), "after a restart");
    }

    #[test]
    fn what_this_server_did_not_seal_is_unknown() {
        let terminals = Terminals::new(b"node", [7; 32]);
        let cookie = terminals.remember(&HeaderMap::new(), &account("02")).unwrap();
        assert_eq!(Terminals::new(b"node", [8; 32]).known(&sent_back(&cookie), &account("02")), None);
        assert_eq!(Terminals::new(b"hub", [7; 32]).known(&sent_back(&cookie), &account("02")), None);
        let text = cookie.to_str().unwrap();
        for forged in [text.replace(".02.", ".01."), text.replace(".02.", ".01~02."), text.replace('=', "=A")] {
            let headers = sent_back(&HeaderValue::try_from(forged).unwrap());
            assert_eq!(terminals.known(&headers, &account("01")), None);
            assert_eq!(terminals.known(&headers, &account("02")), None);
        }
        for bad in ["", ".", "..", "x.02.y"] {
            let headers = sent_back(&HeaderValue::try_from(format!("{}={bad}", terminals.cookie_name)).unwrap());
            assert_eq!(terminals.known(&headers, &account("02")), None, "{bad}");
        }
        let mut twice = sent_back(&cookie);
        twice.append(header::COOKIE, twice[header::COOKIE].clone());
        assert_eq!(terminals.known(&twice, &account("02")), None, "one of two was planted");
    }
}
