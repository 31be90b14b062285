//! Sessions, accounts and announcements.

use guitai_core::time::UtcMs;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    bearer::{Scope, Scopes},
    session::Role,
    time::Time,
};

/// `POST /sessions`.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogIn {
    /// The account.
    pub account: String,
    /// The password.
    pub password: String,
}

/// Who is signed in, where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// The account.
    pub account: String,
    /// The person's name.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// The store; absent at the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub store: Option<NameId>,
    /// The till charges go to unless another is named; absent at the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub till: Option<NameId>,
    /// All tills of the store.
    pub tills: Vec<TillRef>,
    /// The password was set by somebody else.
    pub must_change_password: bool,
    /// When the session ends unless a request comes.
    pub expires_at: Time,
    /// The program's version.
    pub version: String,
}

/// A thing with an id and a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NameId {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
}

/// A till of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TillRef {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// It is registered with the acquirer and may charge.
    pub registered: bool,
}

/// An account, without its password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// The account.
    pub account: String,
    /// The person's name.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// A telephone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub phone: Option<String>,
    /// A remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remark: Option<String>,
    /// It may not sign in.
    pub disabled: bool,
}

/// `GET /accounts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Accounts {
    /// All of them.
    pub items: Vec<Account>,
}

/// `POST /accounts`.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// The account.
    pub account: String,
    /// The person's name.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// The first password.
    pub password: String,
}

/// `PATCH /accounts/{account}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeAccount {
    /// It may sign in no more, or again.
    pub disabled: bool,
}

/// A program's key, without itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiKeyLine {
    /// Whose it is.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Time,
    /// Since when it is good no more; absent while it is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub revoked_at: Option<Time>,
}

impl ApiKeyLine {
    /// A key as it is on file.
    #[must_use]
    pub fn new(name: String, scopes: Scopes, created_at: UtcMs, revoked_at: Option<UtcMs>) -> Self {
        let held = Scope::ALL.into_iter().filter(|scope| scopes.contains(*scope));
        Self {
            name,
            scopes: held.map(|scope| scope.as_str().to_owned()).collect(),
            created_at: Time(created_at),
            revoked_at: revoked_at.map(Time),
        }
    }

    /// One line for whoever types commands: name, scopes, made at, revoked at; tabs between.
    #[must_use]
    pub fn to_text(&self) -> String {
        let revoked = self.revoked_at.map_or_else(|| "-".to_owned(), |at| at.to_string());
        format!("{}\t{}\t{}\t{revoked}", self.name, self.scopes.join(","), self.created_at)
    }
}

/// `GET /api-keys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiKeys {
    /// By name; also those that are good no more.
    pub items: Vec<ApiKeyLine>,
}

impl Account {
    /// One line for whoever types commands: account, name, role, whether it may sign in; tabs between.
    #[must_use]
    pub fn to_text(&self) -> String {
        let state = if self.disabled { "disabled" } else { "enabled" };
        format!("{}\t{}\t{}\t{state}", self.account, self.name, self.role.as_str())
    }
}

/// An announcement as a store reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeAnnouncement {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// When it was published.
    pub published_at: Time,
    /// By whom.
    pub published_by: String,
    /// When it was last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub edited_at: Option<Time>,
    /// It no longer counts.
    pub withdrawn: bool,
    /// The caller has read it.
    pub read: bool,
    /// How many people of the store have.
    pub reads: u64,
}

/// `GET /announcements` of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeAnnouncements {
    /// Newest first.
    pub items: Vec<NodeAnnouncement>,
    /// When they were read.
    pub as_of: Time,
}

/// `PATCH /announcements/{id}` of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditAnnouncement {
    /// A new title.
    pub title: Option<String>,
    /// A new text.
    pub body: Option<String>,
}

/// An announcement as headquarters sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HubAnnouncement {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// When it was published.
    pub published_at: Time,
    /// By whom.
    pub published_by: String,
    /// When it was last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub edited_at: Option<Time>,
    /// It no longer counts.
    pub withdrawn: bool,
    /// The stores it goes to, and who read it there.
    pub stores: Vec<StoreReads>,
}

/// Who read an announcement in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoreReads {
    /// The store.
    pub store: String,
    /// Its name.
    pub name: String,
    /// How many.
    pub reads: u64,
    /// Their accounts.
    pub read_by: Vec<String>,
}

/// `GET /announcements` of the hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HubAnnouncements {
    /// Newest first.
    pub items: Vec<HubAnnouncement>,
}

/// `POST /announcements` of the hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAnnouncement {
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// The stores it goes to; all when absent.
    pub stores: Option<Vec<String>>,
}

/// `PATCH /announcements/{id}` of the hub.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditHubAnnouncement {
    /// A new title.
    pub title: Option<String>,
    /// A new text.
    pub body: Option<String>,
    /// Takes it back, or lets it count again.
    pub withdrawn: Option<bool>,
}
