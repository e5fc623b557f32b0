//! The audit trail: who did what to which object, from where and when, or was refused it.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{AuditEventId, Operation, ProjectId, Timestamp};

/// The longest path that is kept, in bytes.
const TEXT_BYTES: usize = 512;

/// The kinds of things that callers change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ObjectType {
    /// A run of an action.
    ActionExecution,
    /// Something runnable.
    Action,
    /// The audit trail itself.
    AuditEvent,
    /// What starts executions at times.
    CronTrigger,
    /// An environment.
    Environment,
    /// What starts executions at events.
    EventTrigger,
    /// A run of a workflow.
    Execution,
    /// A project with whom an object is shared.
    Member,
    /// A module.
    Module,
    /// A project's quotas.
    Quota,
    /// A run of a task.
    Task,
    /// Workflows and ad-hoc actions in one document.
    Workbook,
    /// A workflow.
    Workflow,
}

impl ObjectType {
    /// Every type.
    pub const ALL: [Self; 13] = [
        Self::ActionExecution,
        Self::Action,
        Self::AuditEvent,
        Self::CronTrigger,
        Self::Environment,
        Self::EventTrigger,
        Self::Execution,
        Self::Member,
        Self::Module,
        Self::Quota,
        Self::Task,
        Self::Workbook,
        Self::Workflow,
    ];

    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ActionExecution => "action_execution",
            Self::Action => "action",
            Self::AuditEvent => "audit_event",
            Self::CronTrigger => "cron_trigger",
            Self::Environment => "environment",
            Self::EventTrigger => "event_trigger",
            Self::Execution => "execution",
            Self::Member => "member",
            Self::Module => "module",
            Self::Quota => "quota",
            Self::Task => "task",
            Self::Workbook => "workbook",
            Self::Workflow => "workflow",
        }
    }

    /// What a policy rule governs, by the collection in its name: `modules:create`, `list_environments_all_tenants`.
    #[must_use]
    pub fn of_rule(rule: &str) -> Option<Self> {
        let collection = rule.split(':').next().unwrap_or_default();
        let collection = collection.strip_prefix("list_").unwrap_or(collection);
        let collection = collection
            .strip_suffix("_all_tenants")
            .unwrap_or(collection);
        let singular = collection.strip_suffix('s')?;
        Self::ALL.into_iter().find(|it| it.as_str() == singular)
    }
}

/// What was changed, or was to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditObject {
    /// What it is; none where the rule tells of no single kind.
    pub object_type: Option<ObjectType>,
    /// Its id, where it is known.
    pub id: Option<String>,
    /// Its name, where it has one.
    pub name: Option<String>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuditOutcome {
    /// It was done.
    Done,
    /// It was refused, and nothing was changed.
    Refused {
        /// With this HTTP status.
        status: u16,
        /// In these words.
        reason: String,
    },
}

impl AuditOutcome {
    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Done => "ok",
            Self::Refused { .. } => "refused",
        }
    }
}

/// One line of the audit trail. Never changed; holds no body, no header and no query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// Its id.
    pub id: AuditEventId,
    /// The caller's project.
    pub project_id: ProjectId,
    /// The caller's user id.
    pub user_id: Option<Arc<str>>,
    /// The caller's user name.
    pub user_name: Option<Arc<str>>,
    /// The policy rule that governs what was done, such as `modules:create`.
    pub rule: Cow<'static, str>,
    /// The HTTP method.
    pub method: Cow<'static, str>,
    /// The path without its query.
    pub path: Cow<'static, str>,
    /// The address from which the request came.
    pub source: Option<IpAddr>,
    /// To what it was done.
    pub object: AuditObject,
    /// What became of it.
    pub outcome: AuditOutcome,
    /// The request, as in `X-Openstack-Request-Id`.
    pub request_id: Arc<str>,
    /// When.
    pub created_at: Timestamp,
}

impl AuditEvent {
    /// What the caller of `op` did to `object`, or was refused.
    #[must_use]
    pub fn new(op: &Operation, object: AuditObject, outcome: AuditOutcome, at: Timestamp) -> Self {
        let origin = &op.origin;
        let mut path = origin.path.clone();
        if path.len() > TEXT_BYTES {
            let end = path.floor_char_boundary(TEXT_BYTES);
            path.to_mut().truncate(end);
        }
        Self {
            id: AuditEventId::generate(),
            project_id: op.project_id.clone(),
            user_id: op.user_id.clone(),
            user_name: origin.user_name.clone(),
            rule: origin.rule.into(),
            method: origin.method.into(),
            path,
            source: origin.source,
            object,
            outcome,
            request_id: Arc::clone(&op.request.request_id),
            created_at: at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_tells_what_it_governs() {
        for (rule, expected) in [
            ("modules:list:all_projects", Some("module")),
            ("action_executions:create", Some("action_execution")),
            ("list_environments_all_tenants", Some("environment")),
            ("quotas:update", Some("quota")),
            ("nothing", None),
        ] {
            let found = ObjectType::of_rule(rule).map(ObjectType::as_str);
            assert_eq!(found, expected, "{rule}");
        }
    }
}
