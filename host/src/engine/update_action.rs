//! Somebody completes, pauses, resumes or cancels an action execution through the API.

use super::{Engine, Error, apply::Act};
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
    /// is under way elsewhere is refused its result.
    ///
    /// # Errors
    /// When there is none, or it may not go there.
    pub async fn update_action(
        &self,
        op: &Operation,
        id: ActionExecutionId,
        update: UpdateAction,
    ) -> Result<ActionExecution, Error> {
        loop {
            let mut kept = self.own_action_execution(op, id).await?;
            kept.entity
                .update(update.state, update.output.as_ref(), self.clock.now())?;
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
