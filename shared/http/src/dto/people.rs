//! Sessions, accounts and announcements.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{session::Role, time::Time};

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
