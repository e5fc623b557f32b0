//! What is told to an execution, and by whom.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{RerunTask, UpdateExecution};
use crate::{
    domain::{
        ActionExecutionId, Job, Journal, Operation, Outcome, TargetCloud, TaskExecutionId,
        WorkflowExecutionId,
    },
    engine::{Error, UpdateAction, apply::Act},
    workflow::Event,
};

/// What a run of an action of a task ended in.
#[derive(Debug)]
pub(in crate::engine) struct ActionEnd {
    pub(in crate::engine) id: ActionExecutionId,
    pub(in crate::engine) outcome: Outcome,
    pub(in crate::engine) journal: Option<Arc<Journal>>,
}

/// What is told.
#[derive(Debug)]
pub(in crate::engine) enum Content {
    /// It needs no look at another record.
    Event(Event),
    /// A run of an action ended, here.
    ActionEnded(Box<ActionEnd>),
    /// Somebody completes, holds, resumes or cancels an action execution.
    ActionUpdated(ActionExecutionId, UpdateAction),
    /// An action execution was changed; its record says how.
    ActionChanged(ActionExecutionId),
    /// A sub-workflow was changed; its record says how.
    SubWorkflowChanged(WorkflowExecutionId),
    /// A caller changes the execution.
    Update(UpdateExecution),
    /// A caller has a task run again.
    Rerun(TaskExecutionId, Box<RerunTask>),
    /// A caller has a task taken as skipped.
    Skip(TaskExecutionId, Option<Box<TargetCloud>>),
}

impl Content {
    /// Whether an execution that has ended may go on by it.
    pub(super) const fn may_reopen(&self) -> bool {
        matches!(self, Self::Rerun(..) | Self::Skip(..))
    }

    /// Whether it is looked at by itself: what it may do depends on where the execution is.
    pub(super) const fn is_alone(&self) -> bool {
        matches!(self, Self::Update(_) | Self::Rerun(..) | Self::Skip(..))
    }
}

/// Who tells it.
#[derive(Debug)]
pub(in crate::engine) enum Cause {
    /// A job that this host holds; it is finished by the commit.
    Job(Job),
    /// A caller, whose act is in the audit trail by the commit.
    Caller(Operation, Act),
}

/// Something told, with the way to answer.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) content: Content,
    pub(super) cause: Cause,
    pub(super) answer: oneshot::Sender<Result<(), Error>>,
}

impl Letter {
    /// Answers; who does not wait any more does not want to know.
    pub(super) fn answer(self, answer: Result<(), Error>) {
        let _ = self.answer.send(answer);
    }
}
