//! The REST API: Mistral's v2, what Mistral has not, and Murano's list of environments.
//!
//! A request passes, from outside in: [`layers::without_trailing_slash`] (before routing), the limit of bodies,
//! [`layers::request`] (ids, span, log line, metrics), the form of refusals, and its route's guard (who calls, and may
//! they).

mod doc;
mod error;
mod extract;
#[cfg(test)]
mod fuzz;
mod json_text;
mod layers;
mod list;
mod origin;
mod patience;
mod root;
mod routes;
mod settings;
mod target;
#[cfg(test)]
mod tests;
mod v1;
mod v2;

use std::{borrow::Cow, ops::Deref, path::PathBuf, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderMap, header},
    middleware::{from_fn, from_fn_with_state},
};
use tower::util::MapRequest;

pub use doc::Doc;
pub use error::FaultView;
pub use list::{ListView, Shown};
pub use origin::Peer;
pub use routes::{Access, Route, Routes};
pub use settings::Settings;
pub use v2::{
    action_executions, actions, audit_events, cron_triggers, definitions, environments,
    event_triggers, executions, members, modules, quotas, tasks, workbooks, workflows,
};

use self::error::ApiError;
use crate::{
    auth::{Authenticator, Caller},
    domain::{ListRequest, Reach, Sight},
    engine::Engine,
    metrics::Metrics,
    policy::{Policy, Rule},
};

/// What handlers reach.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What an [`App`] is made of.
pub struct Parts {
    /// Carries operations out.
    pub engine: Arc<Engine>,
    /// Says who calls.
    pub auth: Authenticator,
    /// Says what they may.
    pub policy: Policy,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// `[listen]`.
    pub settings: Settings,
    /// The largest module in bytes: `[runtime.compile] max_component_mib`.
    pub max_module_bytes: u64,
    /// The folder in which uploads are received.
    pub uploads: PathBuf,
    /// The OpenAPI document, made once; see [`open_api`].
    pub open_api: Bytes,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// The application of `parts`.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Where this host is reached: `public_url`, else the host that the request names.
    fn base_url(&self, headers: &HeaderMap) -> Cow<'_, str> {
        if let Some(url) = &self.settings.public_url {
            return url.as_str().trim_end_matches('/').into();
        }
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        format!("http://{}", host.unwrap_or(&self.settings.address)).into()
    }

    /// How far `caller` sees when they ask for one object by its id: whoever may list those of all projects, by the rule
    /// `all_projects`, may look at one of them.
    fn sight(&self, caller: &Caller, all_projects: Rule) -> Sight {
        match self.policy.enforce(caller, all_projects) {
            Ok(()) => Sight::AllProjects,
            Err(_) => Sight::Project,
        }
    }

    async fn check_readiness(&self) -> Result<(), ApiError> {
        let probe = ListRequest::first(Reach::All, 1);
        self.engine.modules(&probe).await?;
        Ok(())
    }
}

/// Every route of the API.
#[must_use]
pub fn routes() -> Routes {
    v1::routes(v2::routes(root::routes(Routes::default())))
}

/// The OpenAPI document of every route.
#[must_use]
pub fn open_api() -> Bytes {
    doc::open_api(&routes().table()).to_string().into()
}

/// The service that answers requests.
pub type Service = MapRequest<Router, fn(Request) -> Request>;

/// The API over `app`.
#[must_use]
pub fn service(app: &App) -> Service {
    let router = routes()
        .mount(app)
        .layer(from_fn(v1::in_muranos_words))
        .layer(from_fn_with_state(app.clone(), layers::request))
        .layer(DefaultBodyLimit::max(app.settings.max_body_bytes))
        .with_state(app.clone());
    MapRequest::new(
        router,
        layers::without_trailing_slash as fn(Request) -> Request,
    )
}
