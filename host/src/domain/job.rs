//! Work that is due at a time, claimed by one host under a lease.

use serde::{Deserialize, Serialize};

use super::{ActionExecutionId, JobId, ProjectId, Timestamp};

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// Runs a stored action execution.
    RunAction(ActionExecutionId),
}

/// A piece of due work. A claim counts `attempt` up, and only the claimer with the current attempt may finish it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// For whom: projects take turns.
    pub project_id: ProjectId,
    /// What it does.
    pub work: Work,
    /// Not before this time.
    pub due_at: Timestamp,
    /// How often it has been claimed.
    pub attempt: u32,
}

impl From<ActionExecutionId> for JobId {
    /// The job that runs it.
    fn from(id: ActionExecutionId) -> Self {
        Self::from(id.uuid())
    }
}

impl Job {
    /// A job that nobody has claimed yet.
    #[must_use]
    pub fn new(project_id: ProjectId, work: Work, due_at: Timestamp) -> Self {
        Self {
            id: JobId::generate(),
            project_id,
            work,
            due_at,
            attempt: 0,
        }
    }
}
