//! What happens to an execution.

use crate::domain::{
    ActionExecutionId, JsonText, State, TaskExecutionId, Timer, WorkflowExecutionId,
};

/// A run that a task began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChildId {
    /// Of an action.
    Action(ActionExecutionId),
    /// Of a sub-workflow.
    Workflow(WorkflowExecutionId),
}

impl ChildId {
    pub(super) const fn uuid(self) -> uuid::Uuid {
        match self {
            Self::Action(id) => id.uuid(),
            Self::Workflow(id) => id.uuid(),
        }
    }
}

/// What a run of a task came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// SUCCESS, ERROR or CANCELLED.
    pub state: State,
    /// Its result: what an action answered or failed with, a sub-workflow's output.
    pub result: JsonText,
    /// Whether another try may succeed, as the action said.
    pub is_retryable: bool,
    /// The [`run`](crate::domain::WorkflowExecution::run) of a sub-workflow that ended; 0 of an action.
    pub run: u32,
}

/// What happens to an execution. Each may come twice, late or in another order: what was done before, or is of an
/// earlier generation of its task, changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It is to begin.
    Start,
    /// What a commit before had no room for is to begin.
    BeginMore,
    /// A run of a task has ended.
    ChildEnded(ChildId, Ended),
    /// A run of a task was paused (PAUSED) or goes on (RUNNING): an asynchronous action by the API, or a sub-workflow
    /// with its [`run`](crate::domain::WorkflowExecution::run); 0 of an action. A sub-workflow that goes on after it
    /// had ended, since a task of it is run again, has a higher run than the one that ended.
    ChildMoved(ChildId, State, u32),
    /// A time has come.
    Due(Timer),
    /// Its deadline has passed.
    DeadlinePassed,
    /// It is to be held: nothing new is begun.
    Pause,
    /// It is to go on; tasks that ended meanwhile are followed up.
    Resume,
    /// It is to end in SUCCESS, ERROR or CANCELLED, with the reason if there is one; what is under way is cancelled.
    Stop(State, Option<String>),
    /// A task that ended in ERROR is to be run again: all of its items, or only those that failed.
    Rerun {
        /// The task.
        task: TaskExecutionId,
        /// Whether all of its items.
        reset: bool,
    },
    /// A task that ended in ERROR is to be taken as skipped.
    Skip {
        /// The task.
        task: TaskExecutionId,
    },
}

impl Event {
    /// What brings an execution into `state`: holds it, lets it go on, or ends it.
    #[must_use]
    pub const fn towards(state: State) -> Self {
        match state {
            State::Paused => Self::Pause,
            State::Running => Self::Resume,
            State::Success
            | State::Error
            | State::Cancelled
            | State::Skipped
            | State::Idle
            | State::Waiting
            | State::Delayed => Self::Stop(state, None),
        }
    }
}
