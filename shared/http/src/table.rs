//! The routes of one server: what is served, what is described and who may ask come from one list.
//!
//! A [`Table`] takes a handler only together with its [`Access`]. From that come the layer in front of the handler, what the
//! description says of it ([`openapi`]), and its line in the committed table. A handler behind no such layer gets no
//! [`crate::bearer::Principal`] and answers nobody.

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::{
    access::Access,
    bearer::{Authenticator, identify},
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
        let mut lines = Vec::new();
        for (access, (_, paths, _)) in &self.0 {
            let (scopes, roles) = access.columns();
            for (path, item) in &paths.paths {
                lines.extend(openapi::operations(item).map(|(method, _)| {
                    let path = format!("{}{path}", openapi::BASE);
                    let line = format!("{method} {path} {scopes} {roles}\n");
                    (path, method, line)
                }));
            }
        }
        lines.sort_unstable();
        lines.into_iter().map(|(_, _, line)| line).collect()
    }

    /// The description.
    #[must_use]
    pub fn document(self, head: OpenApi) -> OpenApi {
        self.build(head, |_, handlers| handlers).into_openapi()
    }

    /// Everything that is served, each handler behind its check, with the description at [`openapi::PATH`].
    ///
    /// # Panics
    /// When the description does not serialise, which a program notices at its start.
    pub fn serve(self, head: OpenApi, state: &S) -> Router<S> {
        openapi::serve(self.build(head, |access, handlers| guarded(access, handlers, state)))
    }

    fn build(self, head: OpenApi, guarded: impl Fn(Access, MethodRouter<S>) -> MethodRouter<S>) -> OpenApiRouter<S> {
        let mut routes = OpenApiRouter::new();
        for (access, (schemas, paths, handlers)) in self.0 {
            routes = routes.routes((schemas, paths, guarded(access, handlers)));
        }
        OpenApiRouter::with_openapi(head).nest(openapi::BASE, routes)
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
