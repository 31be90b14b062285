//! People and programs: who may do what, who asked, who approved.

use alloc::string::String;

use minicbor::{Decode, Encode};

use crate::{
    family::family,
    ids::AccountId,
    show::{Show, Shown, show},
    text::Text,
    time::UtcMs,
};

family! {
    /// An account was made or changed, whole.
    10 => AccountSet[name, verifier],
    /// A key for a program was made.
    11 => ApiKeyCreated,
    /// A key is good no more.
    12 => ApiKeyRevoked,
}

/// See [`Fact::AccountSet`].
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AccountSet {
    /// The account.
    #[n(0)]
    pub account: AccountId,
    /// The person's name.
    #[n(1)]
    pub name: Option<Text>,
    /// What they may do.
    #[n(2)]
    pub role: Role,
    /// Argon2id PHC string of the password.
    #[n(3)]
    pub verifier: Option<Text>,
    /// Whether it may log in no more.
    #[n(4)]
    pub disabled: bool,
    /// Who changed it; absent when set up on the machine itself.
    #[n(5)]
    pub by: Option<AccountId>,
    /// When.
    #[n(6)]
    pub at: UtcMs,
}

/// See [`Fact::ApiKeyCreated`].
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ApiKeyCreated {
    /// The program's name, an identifier.
    #[n(0)]
    pub name: String,
    /// Scopes as `charge,post,refund`.
    #[n(1)]
    pub scopes: String,
    /// SHA-256 of the key.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub hash: [u8; 32],
    /// When.
    #[n(3)]
    pub at: UtcMs,
}

/// See [`Fact::ApiKeyRevoked`].
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ApiKeyRevoked {
    /// The program's name, for people.
    #[n(0)]
    pub name: String,
    /// SHA-256 of the key: of two under one name each is revoked by itself.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub hash: [u8; 32],
    /// Who revoked it; absent when done on the machine itself.
    #[n(2)]
    pub by: Option<AccountId>,
    /// When.
    #[n(3)]
    pub at: UtcMs,
}

show! {
    AccountSet { account, name, role, disabled, by, at } without verifier;
    ApiKeyCreated { name, scopes, at } without hash;
    ApiKeyRevoked { name, by, at } without hash;
    Idempotency { caller, key } without body_hash;
    Approval { by, approver, idempotency };
}

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Role {
    /// Everything at the store; approves voids and refunds.
    #[n(1)]
    Administrator,
    /// Collects; sees own payments.
    #[n(2)]
    Cashier,
}

impl Show for Role {
    fn show(&self) -> Shown {
        Shown::Text(self.as_str().into())
    }
}

impl Role {
    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Cashier => "cashier",
        }
    }

    /// Reads [`Self::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Administrator, Self::Cashier].into_iter().find(|role| role.as_str() == text)
    }
}

/// Who sent a money-moving request, with what key: the same one never moves money twice.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Idempotency {
    /// Account or key name.
    #[n(0)]
    pub caller: String,
    /// The caller's `Idempotency-Key`.
    #[n(1)]
    pub key: String,
    /// Keyed SHA-256 of what was asked.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub body_hash: [u8; 32],
}

/// A request that needs a second person: who asked, who approved.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Approval {
    /// Account or key name of whoever asked.
    #[n(0)]
    pub by: String,
    /// Absent where a key of scope `refund` acts.
    #[n(1)]
    pub approver: Option<AccountId>,
    /// The request.
    #[n(2)]
    pub idempotency: Idempotency,
}
