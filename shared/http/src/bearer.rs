//! Who is calling: a program with a key, or a person with a session.
//!
//! A request with an `Authorization` header is a program's; its cookies are then not looked at, so a wrong key is never healed
//! by a session that a browser added on its own. What a caller may ask for is said route by route ([`crate::access`]).

use std::{fmt, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use guitai_core::{ids::AccountId, secret::SecretText, time::Now};
use sha2::{Digest, Sha256};

use crate::{
    problem::{Code, Problem},
    random::{self, NoRandomness},
    session::{Current, Person, Sessions},
};

/// What a key starts with, so that scanners for leaked secrets can find it.
pub const KEY_PREFIX: &str = "gk_";

/// Characters of a key after its prefix: 256 bits in base64url.
pub const KEY_CHARS: usize = 43;

/// What a program's key is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Charge customers, and settle doubts of a charge.
    Charge,
    /// Say that a bill is booked.
    Post,
    /// Void, refund and end exceptions, without an approver.
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
    /// Which key of that name.
    pub hash: KeyHash,
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
    /// Refuses everybody but a program whose key has this scope.
    ///
    /// # Errors
    /// 403 `forbidden`.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        match self {
            Self::Key(key) if key.scopes.contains(scope) => Ok(()),
            Self::Key(_) | Self::Person(_) => Err(Code::Forbidden.into()),
        }
    }

    /// The caller's name, under which idempotency keys are kept: `key:erp` or `person:01`.
    #[must_use]
    pub fn caller(&self) -> String {
        match self {
            Self::Key(key) => format!("key:{}", key.name),
            Self::Person(current) => current.person.caller(),
        }
    }

    /// The name under which the caller does things: a person's account, or a program's own name.
    ///
    /// # Errors
    /// 403: the program's name is none that could stand for an account.
    pub fn account(&self) -> Result<AccountId, Problem> {
        match self {
            Self::Person(current) => Ok(current.person.account.clone()),
            Self::Key(key) => AccountId::parse(&key.name).map_err(|_| {
                Problem::new(Code::Forbidden).detail(
                    "这个密钥的名称不能用作署名，请新建一个名称只含字母、数字、- 和 _ 的密钥。",
                    "This key's name cannot sign; make one whose name has only letters, digits, - and _.",
                )
            }),
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

/// Who is calling, by the request's head.
///
/// # Errors
/// 401 for a stranger; 500 if what is on file cannot be read.
pub(crate) fn identify(headers: &HeaderMap, state: &impl Authenticator) -> Result<Principal, Problem> {
    if !headers.contains_key(header::AUTHORIZATION) {
        let found = state.sessions().find(headers, state.now());
        return found.map(Principal::Person).ok_or_else(|| Code::Unauthenticated.into());
    }
    let mut values = headers.get_all(header::AUTHORIZATION).into_iter();
    let key = match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().and_then(bearer_key),
        (None | Some(_), _) => None,
    };
    let Some(hash) = key else { return Err(Code::Unauthenticated.into()) };
    state.key(&hash)?.map(Principal::Key).ok_or_else(|| Code::Unauthenticated.into())
}

impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Absent only behind no declaration of who may ask, or behind one that lets everybody in.
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            tracing::error!(path = parts.uri.path(), "a handler asks who is calling, and nobody checked it");
            Code::Internal.into()
        })
    }
}

fn bearer_key(value: &str) -> Option<KeyHash> {
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| KeyHash::of(key.trim()))?
}

/// Somebody signed in; programs are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn(pub Current);

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Principal::from_request_parts(parts, state).await? {
            Principal::Person(current) => Ok(Self(current)),
            Principal::Key(_) => Err(Code::Forbidden.into()),
        }
    }
}

#[cfg(test)]
mod tests;
