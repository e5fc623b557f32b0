//! The caller of the API.

use std::sync::Arc;

use crate::domain::{ProjectId, TargetCloud};

/// Who called: project, user and roles. Never a target cloud's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The project whose records the caller sees.
    pub project_id: ProjectId,
    /// The user's id.
    pub user_id: Option<Arc<str>>,
    /// The user's name.
    pub user_name: Option<Arc<str>>,
    /// The id of the user's domain, where it is known.
    pub user_domain_id: Option<Arc<str>>,
    /// The id of the project's domain, where it is known.
    pub project_domain_id: Option<Arc<str>>,
    /// The names of the roles in the project.
    pub roles: Vec<String>,
    /// Whether a role is named exactly `admin`.
    pub is_admin: bool,
    /// The caller's own token on the cloud of the Keystone that issued it, for runs without a target (legacy mode).
    pub home: Option<TargetCloud>,
}
