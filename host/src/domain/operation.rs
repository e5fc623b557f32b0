//! Who acts: the caller's side of one operation.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use uuid::Uuid;

use super::ProjectId;

/// The ids that tie one request together across services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestContext {
    /// `req-` and a UUID, as in `X-Openstack-Request-Id`.
    pub request_id: Arc<str>,
    /// The W3C `traceparent` to send onward.
    pub traceparent: Arc<str>,
}

impl RequestContext {
    /// A context that goes on with `request_id` under a trace of its own, for work that outlives its request.
    #[must_use]
    pub fn resumed(request_id: &Arc<str>) -> Self {
        let trace_id = Uuid::now_v7().simple();
        let (span_id, _) = Uuid::now_v7().as_u64_pair();
        Self {
            request_id: Arc::clone(request_id),
            traceparent: format!("00-{trace_id}-{span_id:016x}-01").into(),
        }
    }
}

/// How far a caller sees when they ask for one object by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// What the caller's project sees.
    Project,
    /// Every project's objects: to look at, never to change.
    AllProjects,
}

/// Where an operation comes from, for the audit trail; empty for what the host does by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The caller's user name.
    pub user_name: Option<Arc<str>>,
    /// The address of whoever connected to the host.
    pub source: Option<IpAddr>,
    /// The name of the route's policy rule.
    pub rule: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The path without its query.
    pub path: Cow<'static, str>,
}

/// The caller's facts that an operation needs: they decide what is visible, and nothing else. Never a target cloud's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The caller's project.
    pub project_id: ProjectId,
    /// The caller's user id.
    pub user_id: Option<Arc<str>>,
    /// The request.
    pub request: RequestContext,
    /// Where it comes from.
    pub origin: Origin,
}
