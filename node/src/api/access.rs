//! Who may ask for what at a store. The whole table is committed: `docs/access/node.txt`.
//!
//! A key does one thing: one that reads moves no money, also not with an approver's password.

use guitai_http::{
    access::{Access, Callers},
    bearer::Scope,
    session::Role,
};

/// Everybody who works at the store.
const STAFF: &[Role] = &[Role::Cashier, Role::Administrator];

/// Monitors, and people who log in or out.
pub(super) const ANYBODY: Access = Access::Open;

/// Somebody logged in.
pub(super) const PEOPLE: Access = Access::Of(Callers::people().roles(STAFF));

/// Those who collect.
pub(super) const CHARGERS: Callers = Callers::keys(&[Scope::Charge]).roles(STAFF);

/// Collects, and says what became of the goods.
pub(super) const CHARGE: Access = Access::Of(CHARGERS);

/// Says what a bill comes to: among people it takes an administrator's word.
pub(super) const SET_TOTAL: Access = Access::Of(Callers::keys(&[Scope::Charge]).approved_roles(STAFF));

/// Gives money back, or ends what only a person can end.
pub(super) const GIVE_BACK: Access =
    Access::Of(Callers::keys(&[Scope::Refund]).or_approved_keys(&[Scope::Charge]).approved_roles(STAFF));

/// Reads what happened and how things stand. Whoever collects must see what came of it.
pub(super) const READ: Access = Access::Of(Callers::keys(&[Scope::Read, Scope::Charge]).roles(STAFF));

/// Reads one payment. A program that gives back follows its refunds.
pub(super) const READ_ONE: Access =
    Access::Of(Callers::keys(&[Scope::Read, Scope::Charge, Scope::Refund]).roles(STAFF));

/// Reads what waits for a person.
pub(super) const READ_EXCEPTIONS: Access = Access::Of(Callers::keys(&[Scope::Read]).roles(STAFF));

/// Reads announcements.
pub(super) const READ_NOTICES: Access = Access::Of(Callers::keys(&[Scope::Read, Scope::Admin]).roles(STAFF));

/// Edits announcements.
pub(super) const EDIT_NOTICES: Access = Access::Of(Callers::keys(&[Scope::Admin]).roles(&[Role::Administrator]));

/// Manages accounts and keys. A key makes no administrators: that would let it give money back.
pub(super) const ACCOUNTS: Access = Access::Of(Callers::keys(&[Scope::Admin]).roles(&[Role::Administrator]));
