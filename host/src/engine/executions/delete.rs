//! Executions are deleted, with all below them.

use std::sync::Arc;

use super::{BATCH, Cause, Content};
use crate::{
    domain::{
        ActionExecution, ObjectType, Operation, State, TaskExecution, TaskKind, Work,
        WorkflowExecution, WorkflowExecutionId,
    },
    engine::{Engine, Error, apply::Act},
    store::{self, Commit, Kept, KeptJournal, Turn, Write},
};

impl Engine {
    /// Deletes an execution with all below it; by force also one that has not ended.
    ///
    /// # Errors
    /// When there is none, or it has not ended.
    pub async fn delete_execution(
        self: &Arc<Self>,
        op: &Operation,
        id: WorkflowExecutionId,
        force: bool,
    ) -> Result<(), Error> {
        let execution = self.own_execution(op, id).await?.entity;
        let state = execution.state;
        if !state.is_completed() {
            if !force {
                return Err(Error::Forbidden(format!(
                    "Only completed executions can be deleted. Use --force to override this. Execution {id} is in \
                     {state} state"
                )));
            }
            let stop = super::UpdateExecution::Stop(State::Cancelled, None);
            let name = execution.workflow_name.as_str();
            let act = Act::changing(ObjectType::Execution, id, Some(name));
            let cause = Cause::Caller(op.clone(), act);
            self.tell(id, Content::Update(stop), cause).await?;
        }
        if let Some(parent) = execution.parent {
            // While there is something to read of how it ended: later its task would wait for ever.
            let act = Act::changing(ObjectType::Execution, parent.execution_id, None);
            let told = Content::SubWorkflowChanged(id);
            let cause = Cause::Caller(op.clone(), act);
            match self.tell(parent.execution_id, told, cause).await {
                Ok(()) | Err(Error::NotFound(_)) => {}
                Err(err) => return Err(err),
            }
        }
        self.delete_tree(&execution, Some(op)).await
    }

    /// Deletes `top` and all below it, the lowest first, so that what is left after a crash is found again from its top.
    pub(super) async fn delete_tree(
        &self,
        top: &WorkflowExecution,
        op: Option<&Operation>,
    ) -> Result<(), Error> {
        // What is found on the way down is deleted on the way back.
        let mut found = vec![top.id];
        let mut seen = 0;
        while let Some(id) = found.get(seen).copied() {
            seen += 1;
            let tasks: Vec<Kept<TaskExecution>> = self.list_under("execution_id", id).await?;
            for task in tasks {
                if task.entity.kind == TaskKind::Workflow {
                    let key = "task_execution_id";
                    let below: Vec<Kept<WorkflowExecution>> =
                        self.list_under(key, task.entity.id).await?;
                    found.extend(below.iter().map(|run| run.entity.id));
                }
            }
        }
        for id in found.into_iter().skip(1).rev() {
            self.delete_one(id, None).await?;
        }
        self.delete_one(top.id, op.map(|op| (op, top))).await
    }

    async fn delete_one(
        &self,
        id: WorkflowExecutionId,
        by: Option<(&Operation, &WorkflowExecution)>,
    ) -> Result<(), Error> {
        self.delete_actions(id).await?;
        self.delete_tasks(id).await?;
        loop {
            let mut commit = Commit::new()
                .and(Write::CancelJob(Work::StartExecution(id).job_id()))
                .and(Write::CancelJob(Work::EndExecution(id).job_id()));
            if let Some(turn) = store::find::<Turn>(&*self.store, id.uuid()).await? {
                commit = commit.delete(&turn);
            }
            let found = store::find::<WorkflowExecution>(&*self.store, id.uuid()).await?;
            let Some(kept) = found else { return Ok(()) };
            commit = commit.delete(&kept);
            let committed = match by {
                Some((op, top)) => {
                    let name = top.workflow_name.as_str();
                    let act = Act::changing(ObjectType::Execution, id, Some(name));
                    self.commit_for(op, act, commit).await
                }
                None => self.store.commit(commit).await,
            };
            match committed {
                Err(store::Error::Conflict { .. }) => {}
                result => return Ok(result?),
            }
        }
    }

    async fn delete_actions(&self, id: WorkflowExecutionId) -> Result<(), Error> {
        loop {
            let runs: Vec<Kept<ActionExecution>> =
                self.batch_of("execution_id", id.to_string(), None).await?;
            let is_last = runs.len() < BATCH;
            let mut commit = Commit::new();
            for run in &runs {
                let id = run.entity.id;
                commit = commit.delete(run);
                if !run.entity.state().is_completed() {
                    commit = commit.and(Write::CancelJob(id.into()));
                }
                if let Some(journal) = store::find::<KeptJournal>(&*self.store, id.uuid()).await? {
                    commit = commit.delete(&journal);
                }
            }
            match self.store.commit(commit).await {
                // A run has just ended: once more.
                Err(store::Error::Conflict { .. }) => continue,
                result => result?,
            }
            for run in &runs {
                self.running.cancel(run.entity.id);
            }
            if is_last {
                return Ok(());
            }
        }
    }

    async fn delete_tasks(&self, id: WorkflowExecutionId) -> Result<(), Error> {
        loop {
            let tasks: Vec<Kept<TaskExecution>> =
                self.batch_of("execution_id", id.to_string(), None).await?;
            let is_last = tasks.len() < BATCH;
            let commit = tasks.iter().fold(Commit::new(), Commit::delete);
            match self.store.commit(commit).await {
                Err(store::Error::Conflict { .. }) => {}
                result => {
                    result?;
                    if is_last {
                        return Ok(());
                    }
                }
            }
        }
    }
}
