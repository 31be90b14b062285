//! The routes of one server: what is served, what is described and who may ask come from one list.
//!
//! A [`Table`] takes a handler only together with its [`Access`]. From that come the layer in front of the handler, what the
//! description says of it, and its line in the committed table. A handler behind no such layer gets no
//! [`crate::bearer::Principal`] and answers nobody.

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use serde_json::Value;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::{
    access::Access,
    bearer::{Authenticator, identify},
    description::{self, Declared},
    openapi,
    problem::{Code, Problem},
    serve,
};

/// The routes of one server, each with who may ask for it.
pub struct Table<S>(Vec<(Access, UtoipaMethodRouter<S>)>);

impl<S: Authenticator + Clone> Table<S> {
    /// No routes.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// With what `routes!` made, for those who may ask for it.
    #[must_use]
    pub fn routes(mut self, access: Access, handlers: UtoipaMethodRouter<S>) -> Self {
        self.0.push((access, handlers));
        self
    }

    /// With the routes of another one.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// With something around every handler so far. Who may not ask is refused before it.
    #[must_use]
    pub fn around(self, wrap: impl Fn(MethodRouter<S>) -> MethodRouter<S>) -> Self {
        let wrapped = |(access, (schemas, paths, handlers))| (access, (schemas, paths, wrap(handlers)));
        Self(self.0.into_iter().map(wrapped).collect())
    }

    /// The table as it is committed, one line a route: method, path, scopes, roles. Sorted by path and method.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut routes = self.declared();
        routes.sort_unstable_by(|(a, at, _), (b, bt, _)| (at, a).cmp(&(bt, b)));
        let line = |(method, path, access): &Declared| {
            let (scopes, roles) = access.columns();
            format!("{method} {path} {scopes} {roles}\n")
        };
        routes.iter().map(line).collect()
    }

    /// The description, as it is published.
    #[must_use]
    pub fn document(self, head: OpenApi) -> Value {
        self.build(head, |_, handlers| handlers).1
    }

    /// Everything that is served, each handler behind its check, with the description at [`openapi::PATH`].
    pub fn serve(self, head: OpenApi, state: &S) -> Router<S> {
        let (routes, document) = self.build(head, |access, handlers| guarded(access, handlers, state));
        openapi::serve(routes, &document)
    }

    fn declared(&self) -> Vec<Declared> {
        let mut routes = Vec::new();
        for (access, (_, paths, _)) in &self.0 {
            for (path, item) in &paths.paths {
                let declared = |method| (method, format!("{}{path}", openapi::BASE), *access);
                routes.extend(openapi::methods(item).map(declared));
            }
        }
        routes
    }

    fn build(self, head: OpenApi, guarded: impl Fn(Access, MethodRouter<S>) -> MethodRouter<S>) -> (Router<S>, Value) {
        let declared = self.declared();
        let mut routes = OpenApiRouter::new();
        for (access, (schemas, paths, handlers)) in self.0 {
            routes = routes.routes((schemas, paths, guarded(access, handlers)));
        }
        let (routes, document) = OpenApiRouter::with_openapi(head).nest(openapi::BASE, routes).split_for_parts();
        (routes, description::complete(&document, &declared))
    }
}

impl<S: Authenticator + Clone> Default for Table<S> {
    fn default() -> Self {
        Self::new()
    }
}

/// The handlers behind the check. Methods that a path does not have are answered without it.
pub(crate) fn guarded<S: Authenticator + Clone>(
    access: Access,
    handlers: MethodRouter<S>,
    state: &S,
) -> MethodRouter<S> {
    handlers.route_layer(from_fn_with_state((state.clone(), access), admit::<S>))
}

/// Lets those pass who may ask, and says to the handler who it is.
async fn admit<S: Authenticator + Clone>(
    State((state, access)): State<(S, Access)>,
    mut request: Request,
    next: Next,
) -> Response {
    let Access::Of(callers) = access else { return next.run(request).await };
    match identify(request.headers(), &state) {
        Ok(who) if callers.contain(&who) => {
            serve::known(request.extensions(), &who.caller());
            request.extensions_mut().insert(who);
            next.run(request).await
        }
        Ok(_) => Problem::from(Code::Forbidden).into_response(),
        Err(problem) => problem.into_response(),
    }
}

#[cfg(test)]
mod tests;
