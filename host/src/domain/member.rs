//! Members: projects that an object of another project is offered to, and what they answered.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{MemberId, ModuleId, ProjectId, Timestamp, WorkflowId};

/// An object that can be shared with other projects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shareable {
    /// A module.
    Module(ModuleId),
    /// A workflow.
    Workflow(WorkflowId),
}

impl Shareable {
    /// Its id.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        match self {
            Self::Module(id) => id.uuid(),
            Self::Workflow(id) => id.uuid(),
        }
    }

    /// What it is, as members show it.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Module(_) => "module",
            Self::Workflow(_) => "workflow",
        }
    }
}

/// What a project answered to an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemberStatus {
    /// Nothing yet.
    Pending,
    /// It uses the object.
    Accepted,
    /// It does not want it.
    Rejected,
}

impl MemberStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Accepted, Self::Rejected];

    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        }
    }
}

/// An object that is offered to a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its id.
    pub id: MemberId,
    /// What is shared.
    pub resource: Shareable,
    /// Whose it is.
    pub project_id: ProjectId,
    /// To whom it is offered.
    pub member_id: ProjectId,
    /// What they answered.
    pub status: MemberStatus,
    /// When it was offered.
    pub created_at: Timestamp,
    /// When they answered.
    pub updated_at: Option<Timestamp>,
}

impl Member {
    /// Whether `project` may know of it: whose the object is, and to whom it is offered.
    #[must_use]
    pub fn is_known_to(&self, project: &ProjectId) -> bool {
        self.project_id == *project || self.member_id == *project
    }
}
