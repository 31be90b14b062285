//! Who may ask for what at headquarters. The whole table is committed: `docs/access/hub.txt`.

use guitai_http::{
    access::{Access, Callers},
    bearer::Scope,
    session::Role,
};

const HEADQUARTERS: &[Role] = &[Role::Headquarters];

/// Monitors, and people who log in or out.
pub(super) const ANYBODY: Access = Access::Open;

/// Somebody logged in.
pub(super) const PEOPLE: Access = Access::Of(Callers::people().roles(HEADQUARTERS));

/// Reads what the stores do.
pub(super) const READ: Access = Access::Of(Callers::keys(&[Scope::Read]).roles(HEADQUARTERS));

/// Manages accounts and keys. A key of scope `admin` may, since it makes none.
pub(super) const ACCOUNTS: Access = Access::Of(Callers::keys(&[Scope::Admin]).roles(HEADQUARTERS));

/// Reads announcements.
pub(super) const READ_NOTICES: Access = Access::Of(Callers::keys(&[Scope::Read, Scope::Admin]).roles(HEADQUARTERS));

/// Publishes and edits announcements.
pub(super) const WRITE_NOTICES: Access = Access::Of(Callers::keys(&[Scope::Admin]).roles(HEADQUARTERS));
