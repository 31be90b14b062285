//! Who may ask for what, as a value: each route of a [`crate::table::Table`] is declared with one.

use crate::{
    bearer::{Principal, Scope},
    session::Role,
};

/// Who may ask for a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever reaches the server.
    Open,
    /// Those who say who they are, and are among these.
    Of(Callers),
}

/// Programs by the scopes of their keys, people by their roles. Any one that fits is enough; whoever is not named is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Callers {
    keys: &'static [Scope],
    approved_keys: &'static [Scope],
    roles: &'static [Role],
    approved_roles: &'static [Role],
}

impl Callers {
    /// Programs whose key has one of these scopes.
    #[must_use]
    pub const fn keys(scopes: &'static [Scope]) -> Self {
        Self { keys: scopes, approved_keys: &[], roles: &[], approved_roles: &[] }
    }

    /// Nobody but the people named by what follows.
    #[must_use]
    pub const fn people() -> Self {
        Self::keys(&[])
    }

    /// And programs with one of these scopes, if the request names an approver with their password. The handler asks for it.
    #[must_use]
    pub const fn or_approved_keys(self, scopes: &'static [Scope]) -> Self {
        Self { approved_keys: scopes, ..self }
    }

    /// And people in one of these roles.
    #[must_use]
    pub const fn roles(self, roles: &'static [Role]) -> Self {
        Self { roles, ..self }
    }

    /// And people in one of these roles, if the request names an approver with their password. The handler asks for it.
    #[must_use]
    pub const fn approved_roles(self, roles: &'static [Role]) -> Self {
        Self { approved_roles: roles, ..self }
    }

    /// Whether this caller is among them; an approver is asked for later.
    #[must_use]
    pub fn contain(&self, who: &Principal) -> bool {
        match who {
            Principal::Key(key) => Access::Of(*self).scopes().any(|scope| key.scopes.contains(scope)),
            Principal::Person(current) => Access::Of(*self).roles().any(|role| role == current.person.role),
        }
    }
}

impl Access {
    /// Every scope that opens the route, those that need an approver included.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> {
        self.callers().into_iter().flat_map(|callers| callers.keys.iter().chain(callers.approved_keys)).copied()
    }

    /// Every role that opens the route, those that need an approver included.
    pub fn roles(&self) -> impl Iterator<Item = Role> {
        self.callers().into_iter().flat_map(|callers| callers.roles.iter().chain(callers.approved_roles)).copied()
    }

    const fn callers(&self) -> Option<&Callers> {
        match self {
            Self::Open => None,
            Self::Of(callers) => Some(callers),
        }
    }

    /// Two columns of the committed table: scopes and roles, `open` for everybody, `-` for nobody.
    #[must_use]
    pub fn columns(&self) -> (String, String) {
        let Self::Of(callers) = self else { return ("open".to_owned(), "open".to_owned()) };
        let words = |alone: Vec<&str>, approved: Vec<&str>| {
            let approved = approved.into_iter().map(|word| format!("{word}+approver"));
            let words: Vec<_> = alone.into_iter().map(str::to_owned).chain(approved).collect();
            if words.is_empty() { "-".to_owned() } else { words.join(",") }
        };
        let scopes = |scopes: &[Scope]| scopes.iter().map(|scope| scope.as_str()).collect();
        let roles = |roles: &[Role]| roles.iter().map(|role| role.as_str()).collect();
        (
            words(scopes(callers.keys), scopes(callers.approved_keys)),
            words(roles(callers.roles), roles(callers.approved_roles)),
        )
    }
}
