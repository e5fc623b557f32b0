//! Somebody completes, pauses, resumes or cancels an action execution through the API.

use std::sync::Arc;

use super::{
    Engine, Error,
    apply::Act,
    executions::{Cause, Content},
};
use crate::{
    domain::{ActionExecution, ActionExecutionId, JsonText, ObjectType, Operation, State},
    store::{self, Commit, Write},
};

/// A wished change.
#[derive(Debug, Clone)]
pub struct UpdateAction {
    /// The state to go to.
    pub state: State,
    /// The result, where the state is an end.
    pub output: Option<JsonText>,
}

impl Engine {
    /// Changes the state of an action execution. One that is under way here and ends by it is ended at once; one that
    /// is under way elsewhere is refused its result. What follows for the execution that it is part of is one commit with
    /// it.
    ///
    /// # Errors
    /// When there is none, or it may not go there.
    pub async fn update_action(
        self: &Arc<Self>,
        op: &Operation,
        id: ActionExecutionId,
        update: UpdateAction,
    ) -> Result<ActionExecution, Error> {
        loop {
            let mut kept = self.own_action_execution(op, id).await?;
            if let Some(task) = &kept.entity.task {
                let name = kept.entity.name.as_str();
                let act = Act::changing(ObjectType::ActionExecution, id, Some(name));
                let content = Content::ActionUpdated(id, update.clone());
                let cause = Cause::Caller(op.clone(), act);
                self.tell(task.execution_id, content, cause).await?;
                return Ok(self.own_action_execution(op, id).await?.entity);
            }
            kept.entity = self.updated_run(kept.entity, &update).await?;
            let mut commit = Commit::new().update(&kept);
            // One that is under way here ends its job itself, with its journal.
            if kept.entity.state().is_completed() && !self.running.has(id) {
                commit = commit.and(Write::CancelJob(id.into()));
            }
            let name = kept.entity.name.as_str();
            let act = Act::changing(ObjectType::ActionExecution, id, Some(name));
            match self.commit_for(op, act, commit).await {
                Ok(()) => {
                    if kept.entity.state().is_completed() {
                        self.running.cancel(id);
                    }
                    return Ok(kept.entity);
                }
                Err(store::Error::Conflict { .. }) => {}
                Err(err) => return Err(err.into()),
            }
        }
    }
}
