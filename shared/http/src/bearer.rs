//! Who is calling: a program with a key, or a person with a session.
//!
//! A request with an `Authorization` header is a program's; its cookies are then not looked at, so a wrong key is never healed
//! by a session that a browser added on its own.

use std::{fmt, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use guitai_core::{secret::SecretText, time::Now};
use sha2::{Digest, Sha256};

use crate::{
    problem::{Code, Problem},
    random::{self, NoRandomness},
    serve,
    session::{Current, Person, Role, Sessions},
};

/// What a key starts with, so that scanners for leaked secrets can find it.
pub const KEY_PREFIX: &str = "gk_";

/// Characters of a key after its prefix: 256 bits in base64url.
pub const KEY_CHARS: usize = 43;

/// What a caller may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Charge customers, and settle doubts of a charge.
    Charge,
    /// Say that a bill is booked.
    Post,
    /// Void and refund. A person with it may ask; the approver is checked apart.
    Refund,
    /// Read payments, figures and states.
    Read,
    /// Accounts and announcements.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Charge, Self::Post, Self::Refund, Self::Read, Self::Admin];

    /// The text on the command line and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Post => "post",
            Self::Refund => "refund",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Charge => 1,
            Self::Post => 2,
            Self::Refund => 4,
            Self::Read => 8,
            Self::Admin => 16,
        }
    }
}

/// A word that is no scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownScope(pub String);

impl fmt::Display for UnknownScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = Scope::ALL.map(Scope::as_str).join(", ");
        write!(f, "没有这个权限 unknown scope {:?}; there are {all}", self.0)
    }
}

impl std::error::Error for UnknownScope {}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Reads `charge,post,refund`.
    ///
    /// # Errors
    /// Names the first word that is no scope; an empty list is none either.
    pub fn parse(list: &str) -> Result<Self, UnknownScope> {
        list.split(',').map(str::trim).try_fold(Self::default(), |scopes, word| {
            let scope = Scope::ALL.into_iter().find(|scope| scope.as_str() == word);
            scope.map(|scope| scopes.with(scope)).ok_or_else(|| UnknownScope(word.to_owned()))
        })
    }

    /// The set with one more.
    #[must_use]
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | scope.bit())
    }

    /// Whether it holds a scope.
    #[must_use]
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// The text [`Self::parse`] reads.
    #[must_use]
    pub fn to_text(self) -> String {
        let held: Vec<_> = Scope::ALL.into_iter().filter(|scope| self.contains(*scope)).map(Scope::as_str).collect();
        held.join(",")
    }
}

/// The SHA-256 of a key: all that is stored of it. No salt is needed, a key has 256 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash(pub [u8; 32]);

impl KeyHash {
    /// The hash of a text that has a key's form.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let random = text.strip_prefix(KEY_PREFIX)?;
        let fine =
            random.len() == KEY_CHARS && random.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        fine.then(|| Self(Sha256::digest(text.as_bytes()).into()))
    }
}

/// A key just made: its text, shown once, and what to store.
#[derive(Debug)]
pub struct NewKey {
    /// For the program that will use it.
    pub text: SecretText,
    /// For the database.
    pub hash: KeyHash,
}

/// Makes a key.
///
/// # Errors
/// When the operating system has no random bytes.
pub fn new_key() -> Result<NewKey, NoRandomness> {
    let text = format!("{KEY_PREFIX}{}", random::token()?);
    let hash = KeyHash::of(&text).expect("the prefix and 43 characters of base64url");
    Ok(NewKey { text: SecretText::new(text), hash })
}

/// A key on file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Whose it is, such as `erp`.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
}

/// What the extractors ask of a server's state.
pub trait Authenticator: Send + Sync + 'static {
    /// The sessions of people.
    fn sessions(&self) -> &Sessions;

    /// The key on file with this hash, unless it was revoked.
    ///
    /// # Errors
    /// What is on file cannot be read: nobody knows whether the caller may.
    fn key(&self, hash: &KeyHash) -> Result<Option<ApiKey>, Problem>;

    /// Both clocks at this moment.
    fn now(&self) -> Now;

    /// The server's own key for [`crate::idempotency::RequestHash`]; the same after a restart, or retries become conflicts.
    fn request_key(&self) -> [u8; 32];
}

impl<T: Authenticator + ?Sized> Authenticator for Arc<T> {
    fn sessions(&self) -> &Sessions {
        (**self).sessions()
    }

    fn key(&self, hash: &KeyHash) -> Result<Option<ApiKey>, Problem> {
        (**self).key(hash)
    }

    fn now(&self) -> Now {
        (**self).now()
    }

    fn request_key(&self) -> [u8; 32] {
        (**self).request_key()
    }
}

/// Who is calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Somebody signed in.
    Person(Current),
    /// A program.
    Key(ApiKey),
}

impl Principal {
    /// Whether the caller may ask for this.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        match self {
            Self::Key(key) => key.scopes.contains(scope),
            Self::Person(current) => role_scopes(current.person.role).contains(scope),
        }
    }

    /// Refuses a caller who may not ask for this.
    ///
    /// # Errors
    /// 403 `forbidden`.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.may(scope) { Ok(()) } else { Err(Code::Forbidden.into()) }
    }

    /// The caller's name, under which idempotency keys are kept: `key:erp` or `person:01`.
    #[must_use]
    pub fn caller(&self) -> String {
        match self {
            Self::Key(key) => format!("key:{}", key.name),
            Self::Person(current) => current.person.caller(),
        }
    }

    /// The person, if it is one.
    #[must_use]
    pub const fn person(&self) -> Option<&Person> {
        match self {
            Self::Person(current) => Some(&current.person),
            Self::Key(_) => None,
        }
    }
}

/// What each role may ask for. Headquarters sees and administers; it charges nobody.
const fn role_scopes(role: Role) -> Scopes {
    let reader = Scopes(0).with(Scope::Read);
    match role {
        Role::Headquarters => reader.with(Scope::Admin),
        Role::Cashier => reader.with(Scope::Charge).with(Scope::Post).with(Scope::Refund),
        Role::Administrator => reader.with(Scope::Charge).with(Scope::Post).with(Scope::Refund).with(Scope::Admin),
    }
}

impl<S: Authenticator> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if !parts.headers.contains_key(header::AUTHORIZATION) {
            return SignedIn::from_request_parts(parts, state).await.map(|SignedIn(current)| Self::Person(current));
        }
        let mut values = parts.headers.get_all(header::AUTHORIZATION).into_iter();
        let key = match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok().and_then(bearer_key),
            (None | Some(_), _) => None,
        };
        let Some(hash) = key else { return Err(Code::Unauthenticated.into()) };
        let found = state.key(&hash)?.map(Self::Key).ok_or(Code::Unauthenticated)?;
        serve::known(parts, &found.caller());
        Ok(found)
    }
}

fn bearer_key(value: &str) -> Option<KeyHash> {
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| KeyHash::of(key.trim()))?
}

/// Somebody signed in; programs are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn(pub Current);

impl<S: Authenticator> FromRequestParts<S> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if parts.headers.contains_key(header::AUTHORIZATION) {
            return Err(Code::Forbidden.into());
        }
        let current = state.sessions().find(&parts.headers, state.now()).ok_or(Code::Unauthenticated)?;
        serve::known(parts, &current.person.caller());
        Ok(Self(current))
    }
}

#[cfg(test)]
mod tests;
