//! What callers do with executions and tasks that there are: hold, resume, end, describe, run again, skip.

use std::{fmt, sync::Arc};

use serde_json::{Map, Value};

use super::{Cause, Content, not_found};
use crate::{
    domain::{
        ObjectType, Operation, State, TargetCloud, TaskExecution, TaskExecutionId,
        WorkflowExecution, WorkflowExecutionId,
    },
    engine::{Engine, Error, apply::Act},
    store::{self, Kept},
};

/// What is to become of an execution.
#[derive(Clone)]
pub enum UpdateExecution {
    /// It is held.
    Pause,
    /// It goes on, with these variables over those of its environment.
    Resume(Option<Map<String, Value>>),
    /// It ends in SUCCESS, ERROR or CANCELLED, with the reason if there is one.
    Stop(State, Option<String>),
    /// Other words about it, other variables over those of its environment, or both.
    Describe(Option<String>, Option<Map<String, Value>>),
}

// Variables may be private.
impl fmt::Debug for UpdateExecution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = |env: &Option<Map<String, Value>>| env.as_ref().map(|_| format_args!("***"));
        match self {
            Self::Pause => f.write_str("Pause"),
            Self::Resume(env) => write!(f, "Resume({:?})", hidden(env)),
            Self::Stop(state, reason) => write!(f, "Stop({state:?}, {reason:?})"),
            Self::Describe(words, env) => write!(f, "Describe({words:?}, {:?})", hidden(env)),
        }
    }
}

/// How a task is run again.
pub struct RerunTask {
    /// All of its items, or only those that failed.
    pub reset: bool,
    /// Variables over those of the environment.
    pub env: Option<Map<String, Value>>,
    /// The cloud to work on, since the execution's credentials are gone.
    pub target: Option<TargetCloud>,
}

impl fmt::Debug for RerunTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RerunTask(reset: {})", self.reset)
    }
}

impl Engine {
    /// Changes an execution.
    ///
    /// # Errors
    /// When there is none, or it cannot become that.
    pub async fn update_execution(
        self: &Arc<Self>,
        op: &Operation,
        id: WorkflowExecutionId,
        update: UpdateExecution,
    ) -> Result<WorkflowExecution, Error> {
        let execution = self.own_execution(op, id).await?.entity;
        let name = execution.workflow_name.as_str();
        let act = Act::changing(ObjectType::Execution, id, Some(name));
        let cause = Cause::Caller(op.clone(), act);
        self.tell(id, Content::Update(update), cause).await?;
        Ok(self.own_execution(op, id).await?.entity)
    }

    /// Runs a task again that ended in ERROR, and lets its execution go on.
    ///
    /// # Errors
    /// When there is none, it is not in ERROR, or the execution's target cloud is gone and none is given.
    pub async fn rerun_task(
        self: &Arc<Self>,
        op: &Operation,
        id: TaskExecutionId,
        rerun: RerunTask,
    ) -> Result<TaskExecution, Error> {
        self.change_task(op, id, Content::Rerun(id, Box::new(rerun)))
            .await
    }

    /// Takes a task that ended in ERROR as skipped, and lets its execution go on, on `target` if its credentials are gone.
    ///
    /// # Errors
    /// As [`rerun_task`](Self::rerun_task).
    pub async fn skip_task(
        self: &Arc<Self>,
        op: &Operation,
        id: TaskExecutionId,
        target: Option<TargetCloud>,
    ) -> Result<TaskExecution, Error> {
        let target = target.map(Box::new);
        self.change_task(op, id, Content::Skip(id, target)).await
    }

    async fn change_task(
        self: &Arc<Self>,
        op: &Operation,
        id: TaskExecutionId,
        content: Content,
    ) -> Result<TaskExecution, Error> {
        let task = self.own_task(op, id).await?;
        let act = Act::changing(ObjectType::Task, id, Some(&task.name));
        let cause = Cause::Caller(op.clone(), act);
        self.tell(task.execution_id, content, cause).await?;
        self.own_task(op, id).await
    }

    async fn own_task(&self, op: &Operation, id: TaskExecutionId) -> Result<TaskExecution, Error> {
        let found: Option<Kept<TaskExecution>> = store::find(&*self.store, id.uuid()).await?;
        found
            .map(|kept| kept.entity)
            .filter(|task| task.project_id == op.project_id)
            .ok_or_else(|| Error::NotFound(format!("TaskExecution not found [id={id}]")))
    }

    pub(super) async fn own_execution(
        &self,
        op: &Operation,
        id: WorkflowExecutionId,
    ) -> Result<Kept<WorkflowExecution>, Error> {
        let found: Option<Kept<WorkflowExecution>> = store::find(&*self.store, id.uuid()).await?;
        found
            .filter(|kept| kept.entity.project_id == op.project_id)
            .ok_or_else(|| not_found(id))
    }
}
