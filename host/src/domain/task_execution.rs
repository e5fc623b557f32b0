//! One run of one task, as it is kept.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    JsonText, Namespace, ProjectId, State, TaskExecutionId, Timestamp, WorkflowExecutionId,
    WorkflowId, WorkflowName,
};

/// What a task runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskKind {
    /// An action.
    Action,
    /// A sub-workflow.
    Workflow,
}

impl TaskKind {
    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Action => "ACTION",
            Self::Workflow => "WORKFLOW",
        }
    }
}

/// A task that let this one begin, or is to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbound {
    /// The task.
    pub task_execution_id: TaskExecutionId,
    /// By which of its clauses: `on-success`, …
    pub clause: Arc<str>,
    /// Whether it came in after the join had begun: the join sees nothing of it.
    pub is_late: bool,
}

/// Where a `with-items` task is. What each item came to is in the item's own record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Items {
    /// How many there are.
    pub count: u32,
    /// The most under way at a time.
    pub concurrency: Option<u32>,
    /// The first that has not been started.
    pub next: u32,
}

/// How long a task may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeLimit {
    /// So many seconds,
    pub secs: u64,
    /// since then.
    pub since: Timestamp,
}

/// What the policies of a task keep in mind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policies {
    /// How often it was tried again by `retry`.
    pub retries: u32,
    /// `wait-before` is over, or `pause-before` was resumed: what comes before the task's run does not come again.
    pub is_before_done: bool,
    /// `wait-after` is over.
    pub is_after_done: bool,
    /// The state in which the task will be when `wait-after` is over.
    pub state_after: Option<State>,
    /// Why it will be there.
    pub info_after: Option<String>,
    /// What is left of `timeout` follows from this; tries share it until one of them has used it up.
    pub time_limit: Option<TimeLimit>,
    /// The time of `wait-before` or of `retry`'s delay came while the execution was held, or a commit had
    /// no room for another run.
    pub is_due: bool,
    /// Counts up with each try and rerun: a timer or end of an earlier one changes nothing.
    pub generation: u32,
}

/// One run of one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskExecution {
    /// Its id.
    pub id: TaskExecutionId,
    /// The caller's project.
    pub project_id: ProjectId,
    /// The execution.
    pub execution_id: WorkflowExecutionId,
    /// The execution's workflow.
    pub workflow_id: WorkflowId,
    /// Its name.
    pub workflow_name: WorkflowName,
    /// Its namespace.
    pub workflow_namespace: Namespace,
    /// The task's name in the workflow.
    pub name: Arc<str>,
    /// What it runs.
    pub kind: TaskKind,
    /// The definition's tags.
    pub tags: Vec<String>,
    /// Where it is.
    pub state: State,
    /// Why it is there.
    pub state_info: Option<String>,
    /// What it published for its branch, an object.
    pub published: JsonText,
    /// What it published for all of the execution, an object.
    pub published_global: JsonText,
    /// Whether what follows from its end was begun.
    pub processed: bool,
    /// How much of what follows was dealt with before a `pause` among it.
    pub followed: u32,
    /// Whether one of its `on-error` clauses held when it ended in ERROR.
    pub error_handled: bool,
    /// The tasks that let it begin. For a join: those that have come in so far.
    pub inbound: Vec<Inbound>,
    /// Of a `with-items` task.
    pub items: Option<Items>,
    /// Of its policies.
    pub policies: Policies,
    /// When it first ran.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
}
