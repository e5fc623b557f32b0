//! Work that is due at a time, claimed by one host under a lease.

use serde::{Deserialize, Serialize};

use super::{
    ActionExecutionId, CronTriggerId, Digest, JobId, ProjectId, State, TaskExecutionId, Timestamp,
    TrustId, WorkflowExecutionId,
};

/// What a task waits for a time for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TimerKind {
    /// `wait-before` is over.
    WaitBefore,
    /// `wait-after` is over.
    WaitAfter,
    /// The delay of `retry` is over.
    Retry,
    /// `timeout` has passed.
    Timeout,
}

/// A time that a task waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Timer {
    /// The task.
    pub task_execution_id: TaskExecutionId,
    /// What for.
    pub kind: TimerKind,
    /// The task's generation when it was set: one of an earlier generation changes nothing.
    pub generation: u32,
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// Runs a stored action execution.
    RunAction(ActionExecutionId),
    /// Begins an execution.
    StartExecution(WorkflowExecutionId),
    /// Tells an execution that a time has come that one of its tasks waits for.
    WakeTask(WorkflowExecutionId, Timer),
    /// Ends an execution whose deadline has passed.
    EndExecution(WorkflowExecutionId),
    /// Tells an execution that a sub-workflow of one of its tasks has changed: `(execution, sub-workflow)`.
    SubWorkflowChanged(WorkflowExecutionId, WorkflowExecutionId),
    /// Tells an execution that an action execution of one of its tasks was changed through the API, or had to be ended
    /// by the host: `(execution, action execution)`.
    ActionChanged(WorkflowExecutionId, ActionExecutionId),
    /// Hands on to a sub-workflow what happened to the execution above it: RUNNING, PAUSED, CANCELLED or ERROR.
    ChangeExecution(WorkflowExecutionId, State),
    /// Starts the execution that a cron trigger is due for.
    FireCronTrigger(CronTriggerId),
    /// Removes a trust of Keystone's, once the execution that works by it has ended.
    RemoveTrust(TrustId, Option<WorkflowExecutionId>),
    /// Begins what a commit of the execution had no room for.
    BeginMore(WorkflowExecutionId),
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

/// In which line a job waits: neither delays the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Line {
    /// Runs of actions, which take as long as they take.
    #[default]
    Runs,
    /// What is told to executions, which is soon done.
    Steps,
}

impl Work {
    /// In which line it waits.
    #[must_use]
    pub const fn line(&self) -> Line {
        match self {
            Self::RunAction(_) => Line::Runs,
            Self::StartExecution(_)
            | Self::WakeTask(..)
            | Self::EndExecution(_)
            | Self::SubWorkflowChanged(..)
            | Self::ActionChanged(..)
            | Self::ChangeExecution(..)
            | Self::FireCronTrigger(_)
            | Self::RemoveTrust(..)
            | Self::BeginMore(_) => Line::Steps,
        }
    }

    /// The id of the only job of its sort: one that is added later takes its place. What it does is then read anew, or
    /// is what was last wished.
    #[must_use]
    pub fn job_id(&self) -> JobId {
        let (sort, id, more) = match self {
            Self::RunAction(id) => return JobId::from(*id),
            Self::StartExecution(id) => ("start", id.uuid(), String::new()),
            Self::WakeTask(_, timer) => (
                "wake",
                timer.task_execution_id.uuid(),
                format!("{:?} {}", timer.kind, timer.generation),
            ),
            Self::EndExecution(id) => ("end", id.uuid(), String::new()),
            Self::SubWorkflowChanged(_, id) => ("sub-workflow", id.uuid(), String::new()),
            Self::ActionChanged(_, id) => ("action", id.uuid(), String::new()),
            Self::ChangeExecution(id, _) => ("change", id.uuid(), String::new()),
            Self::FireCronTrigger(id) => ("cron", id.uuid(), String::new()),
            Self::RemoveTrust(id, _) => ("trust", id.uuid(), String::new()),
            Self::BeginMore(id) => ("more", id.uuid(), String::new()),
        };
        let digest = Digest::of(format!("{sort} {id} {more}").as_bytes());
        let mut bytes = [0; 16];
        for (byte, from) in bytes.iter_mut().zip(digest.as_bytes()) {
            *byte = *from;
        }
        JobId::from(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
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

    /// A job that takes the place of another of its [sort](Work::job_id).
    #[must_use]
    pub fn only(project_id: ProjectId, work: Work, due_at: Timestamp) -> Self {
        Self {
            id: work.job_id(),
            ..Self::new(project_id, work, due_at)
        }
    }
}
