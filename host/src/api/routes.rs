//! Routes: none can be added without its policy rule and its documentation.
//!
//! The table of routes is what tests of coverage walk, and what `/v2/openapi.json` is made of.

use axum::{
    Router,
    extract::{Request, State},
    handler::Handler,
    http::Method,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use tracing::{Span, debug};

use super::{
    App,
    doc::Doc,
    error::{ApiError, unauthorized},
    list::Listable,
    origin::{self, Entrance},
};
use crate::{auth, domain::RequestContext, policy::Rule, telemetry::Chain};

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody, without a token.
    Open,
    /// Whoever signs the body with the secret of the object that the path names, without a token.
    Signed,
    /// Callers whom the rule lets pass.
    Guarded(Rule),
}

/// One route as the table shows it.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path, with `{name}` for variable parts.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    /// What it does.
    pub doc: Doc,
}

type Mount = Box<dyn FnOnce(&App) -> MethodRouter<App>>;

/// Routes in the making.
#[derive(Default)]
pub struct Routes {
    routes: Vec<(Route, Mount)>,
}

impl Routes {
    /// Adds an open `GET`.
    pub fn open<H, T>(self, path: &'static str, doc: Doc, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.add(Method::GET, path, Access::Open, doc, handler)
    }

    /// Adds a `POST` for who signs its body with the secret of the object that the path names, which the handler verifies.
    pub fn signed_post<H, T>(self, path: &'static str, doc: Doc, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.add(Method::POST, path, Access::Signed, doc, handler)
    }

    /// Adds a `GET`.
    pub fn get<H, T>(self, path: &'static str, rule: Rule, doc: Doc, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.add(Method::GET, path, Access::Guarded(rule), doc, handler)
    }

    /// Adds the `GET` of a list: its path, its arguments and the rule for other projects' objects are `listable`'s, what
    /// it answers is `doc`'s by [`Doc::lists`].
    pub(crate) fn list<L, H, T>(
        self,
        rule: Rule,
        listable: &'static Listable<L>,
        doc: Doc,
        handler: H,
    ) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.get(listable.path, rule, doc.list_of(listable), handler)
    }

    /// Adds a `POST`.
    pub fn post<H, T>(self, path: &'static str, rule: Rule, doc: Doc, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.add(Method::POST, path, Access::Guarded(rule), doc, handler)
    }

    /// Adds a `PUT`.
    pub fn put<H, T>(self, path: &'static str, rule: Rule, doc: Doc, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.add(Method::PUT, path, Access::Guarded(rule), doc, handler)
    }

    /// Adds a `DELETE`.
    pub fn delete<H, T>(self, path: &'static str, rule: Rule, doc: Doc, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.add(Method::DELETE, path, Access::Guarded(rule), doc, handler)
    }

    fn add<H, T>(
        mut self,
        method: Method,
        path: &'static str,
        access: Access,
        doc: Doc,
        handler: H,
    ) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        let (filter, verb) = match method {
            Method::POST => (MethodFilter::POST, "POST"),
            Method::PUT => (MethodFilter::PUT, "PUT"),
            Method::DELETE => (MethodFilter::DELETE, "DELETE"),
            _ => (MethodFilter::GET, "GET"),
        };
        let mount = move |app: &App| match access {
            Access::Open | Access::Signed => on(filter, handler),
            Access::Guarded(rule) => {
                let entrance = Entrance {
                    rule: rule.name(),
                    method: verb,
                    path,
                };
                let state = (app.clone(), rule, entrance);
                on(filter, handler).route_layer(from_fn_with_state(state, guard))
            }
        };
        let route = Route {
            method,
            path,
            access,
            doc,
        };
        self.routes.push((route, Box::new(mount)));
        self
    }

    /// Every route.
    #[must_use]
    pub fn table(&self) -> Vec<Route> {
        self.routes.iter().map(|(route, _)| route.clone()).collect()
    }

    /// The router of all routes, each behind its guard.
    pub(super) fn mount(self, app: &App) -> Router<App> {
        self.routes
            .into_iter()
            .fold(Router::new(), |router, (route, mount)| {
                router.route(route.path, mount(app))
            })
            .fallback(|| async { ApiError::not_found("There is no such path.") })
            .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
    }
}

/// Lets through whom the authentication service knows and the rule lets pass; who is refused is in the audit trail.
async fn guard(
    State((app, rule, entrance)): State<(App, Rule, Entrance)>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(context) = request.extensions().get::<RequestContext>() else {
        return ApiError::internal(&NoContext).into_response();
    };
    let caller = match app.auth.authenticate(request.headers(), context).await {
        Ok(caller) => caller,
        Err(err @ auth::Error::Unauthorized(_)) => {
            return unauthorized(&app.auth.challenge(request.headers()), &err.to_string());
        }
        Err(err @ auth::Error::Unavailable(_)) => {
            // The host's log has it once, from when it began.
            debug!(error = %Chain(&err), "a caller cannot be authenticated");
            return ApiError::away(err.to_string(), auth::Error::RETRY_AFTER).into_response();
        }
    };
    Span::current().record("project.id", caller.project_id.as_str());
    let op = origin::operation(&request, &caller, context, entrance);
    let response = if let Err(refusal) = app.policy.enforce(&caller, rule) {
        ApiError::from(refusal).into_response()
    } else {
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(op.clone());
        next.run(request).await
    };
    origin::record_refusal(&app, op, entrance, &response);
    response
}

#[derive(Debug, thiserror::Error)]
#[error("the request layer does not stand outside the guard")]
struct NoContext;
