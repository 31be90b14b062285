//! Passwords typed by people: to log in, and to approve what somebody else does. The same order at node and hub.
//!
//! The throttle comes first, whatever the body says; then the look-up; then argon2, in a lane of the caller's own. What was refused
//! goes to the log under the target [`AUDIT`]: an account that exists by its name, anything else typed there by a keyed hash, because
//! people type passwords into the account field.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue};
use guitai_core::{ids::AccountId, secret::SecretText, time::Ticks};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    password::{Lane, PasswordError, Passwords},
    place::Place,
    problem::{Code, Problem},
    session::Current,
    terminal::Terminals,
    throttle::{Approvals, Throttle, Try},
};

/// The log's target for who was let in and who was not.
pub const AUDIT: &str = "audit";

const HASH_TAG: &[u8] = b"guitai/http/typed-account/1";

/// An account looked up by its name, and the PHC text of its password.
pub type Found<T> = Option<(T, String)>;

/// Somebody's try to log in.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// What was typed as the account.
    pub account: &'a str,
    /// What was typed as the password.
    pub password: SecretText,
    /// Where the request came from.
    pub from: IpAddr,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// The live session it carries; one of the same account makes the terminal known as well.
    pub current: Option<&'a Current>,
}

/// The one place where passwords are asked.
#[derive(Debug)]
pub struct LogIns {
    /// Hashes them.
    pub passwords: Passwords,
    throttle: Throttle,
    approvals: Approvals,
    terminals: Terminals,
    key: [u8; 32],
}

impl LogIns {
    /// For the server with this process key; `key` is its own secret and no restart changes it.
    #[must_use]
    pub fn new(process_key: &[u8], key: [u8; 32]) -> Self {
        Self {
            passwords: Passwords::new(),
            throttle: Throttle::new(),
            approvals: Approvals::new(),
            terminals: Terminals::new(process_key, key),
            key,
        }
    }

    /// Answers the account if the password is its own, and the cookie that makes the terminal known. `find` looks an account up; a
    /// disabled one is none.
    ///
    /// # Errors
    /// 401 `wrong_password`, 429 `too_many_tries` and `busy`, and those of `find`.
    pub async fn log_in<T>(
        &self,
        attempt: Attempt<'_>,
        now: Ticks,
        find: impl AsyncFnOnce(&AccountId) -> Result<Found<T>, Problem>,
    ) -> Result<(T, HeaderValue), Problem> {
        let Attempt { account: typed, password, from, headers, current } = attempt;
        let account = AccountId::parse(typed).ok();
        let terminal = account.as_ref().and_then(|account| {
            let own = current.filter(|current| current.person.account == *account);
            own.map(|current| current.session.terminal()).or_else(|| self.terminals.known(headers, account))
        });
        let one = Try { account: account.as_ref(), place: Place::of(from), terminal };
        self.throttle.admit(one, now)?;
        let lane = if terminal.is_some() { Lane::Known } else { Lane::Stranger };
        let (found, verifier) =
            self.look_up(account.as_ref(), find).await.inspect_err(|_| self.throttle.not_looked_at(one))?;
        let exists = verifier.is_some();
        let right = self.passwords.verify(lane, password, verifier).await.inspect_err(|error| {
            if *error == PasswordError::TooBusy {
                self.throttle.not_looked_at(one);
            }
        })?;
        match (found, account.as_ref()) {
            (Some(found), Some(account)) if right => {
                self.throttle.right(one);
                tracing::info!(target: AUDIT, %account, %from, known = terminal.is_some(), "logged in");
                Ok((found, self.terminals.remember(headers, account)?))
            }
            (_, account) => {
                match account.filter(|_| exists) {
                    Some(account) => tracing::warn!(target: AUDIT, %account, %from, "log-in refused: wrong password"),
                    None => {
                        let typed = self.hash_of(typed);
                        tracing::warn!(target: AUDIT, account_hash = typed, %from, "log-in refused: no such account");
                    }
                }
                Err(Code::WrongPassword.into())
            }
        }
    }

    /// Answers the approver's account if the password is its own, for a caller who is logged in already.
    ///
    /// # Errors
    /// 429 `too_many_tries` and `busy`, and those of `find`.
    pub async fn approve<T>(
        &self,
        caller: &str,
        (typed, password): (&str, SecretText),
        now: Ticks,
        find: impl AsyncFnOnce(&AccountId) -> Result<Found<T>, Problem>,
    ) -> Result<Option<T>, Problem> {
        self.approvals.admit(caller, now)?;
        let account = AccountId::parse(typed).ok();
        let (found, verifier) =
            self.look_up(account.as_ref(), find).await.inspect_err(|_| self.approvals.not_looked_at(caller))?;
        let exists = verifier.is_some();
        let right = self.passwords.verify(Lane::LoggedIn, password, verifier).await.inspect_err(|error| {
            if *error == PasswordError::TooBusy {
                self.approvals.not_looked_at(caller);
            }
        })?;
        if right {
            self.approvals.right(caller);
            return Ok(found);
        }
        match account.filter(|_| exists) {
            Some(approver) => tracing::warn!(target: AUDIT, caller, %approver, "approval refused: wrong password"),
            None => {
                let typed = self.hash_of(typed);
                tracing::warn!(target: AUDIT, caller, approver_hash = typed, "approval refused: no such account");
            }
        }
        Ok(None)
    }

    async fn look_up<T>(
        &self,
        account: Option<&AccountId>,
        find: impl AsyncFnOnce(&AccountId) -> Result<Found<T>, Problem>,
    ) -> Result<(Option<T>, Option<String>), Problem> {
        Ok(match account {
            Some(account) => find(account).await?.unzip(),
            // As unknown as any other, and it takes as long.
            None => (None, None),
        })
    }

    /// What was typed, for telling the same from another.
    fn hash_of(&self, typed: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(HASH_TAG);
        mac.update(typed.as_bytes());
        let [a, b, c, d, ..] = <[u8; 32]>::from(mac.finalize().into_bytes());
        format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
    }
}
