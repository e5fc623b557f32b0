//! Who acts: the caller's side of one operation.

use std::sync::Arc;

use super::ProjectId;

/// The ids that tie one request together across services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestContext {
    /// `req-` and a UUID, as in `X-Openstack-Request-Id`.
    pub request_id: Arc<str>,
    /// The W3C `traceparent` to send onward.
    pub traceparent: Arc<str>,
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
}
