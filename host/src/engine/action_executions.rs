//! What is known of action executions: one, a page of them, their journals; and their deletion.

use super::{Engine, Error, apply::Act};
use crate::{
    domain::{
        ActionExecution, ActionExecutionId, CustomContext, JournalPage, ListRequest, ObjectType,
        Operation, Page, Sight,
    },
    store::{self, Commit, Kept, KeptJournal},
};

impl Engine {
    /// One of the caller's action executions, or anybody's where they reach beyond their project.
    ///
    /// # Errors
    /// When there is none, or it is out of reach.
    pub async fn action_execution(
        &self,
        op: &Operation,
        id: ActionExecutionId,
        sight: Sight,
    ) -> Result<ActionExecution, Error> {
        let found = store::find::<ActionExecution>(&*self.store, id.uuid()).await?;
        found
            .map(|kept| kept.entity)
            .filter(|it| sight == Sight::AllProjects || it.project_id == op.project_id)
            .ok_or_else(|| not_found(id))
    }

    /// The custom context that came with `execution`, for its own project.
    ///
    /// # Errors
    /// When the key that sealed it is gone.
    pub fn custom_context(
        &self,
        op: &Operation,
        execution: &ActionExecution,
    ) -> Result<Option<CustomContext>, Error> {
        if op.project_id == execution.project_id {
            self.open_context(execution)
        } else {
            Ok(None)
        }
    }

    /// A page of action executions.
    ///
    /// # Errors
    /// When the marker is wrong or the store does not answer.
    pub async fn action_executions(
        &self,
        request: &ListRequest<ActionExecution>,
    ) -> Result<Page<ActionExecution>, Error> {
        self.list(request, |_| Vec::new()).await
    }

    /// Deletes one that has ended, with its journal.
    ///
    /// # Errors
    /// When there is none, or it has not ended.
    pub async fn delete_action_execution(
        &self,
        op: &Operation,
        id: ActionExecutionId,
    ) -> Result<(), Error> {
        loop {
            let kept = self.own_action_execution(op, id).await?;
            if !kept.entity.state().is_completed() {
                return Err(Error::Forbidden(
                    "Only completed action execution can be deleted.".to_owned(),
                ));
            }
            let mut commit = Commit::new().delete(&kept);
            if let Some(journal) = store::find::<KeptJournal>(&*self.store, id.uuid()).await? {
                commit = commit.delete(&journal);
            }
            let name = kept.entity.name.as_str();
            let act = Act::changing(ObjectType::ActionExecution, id, Some(name));
            match self.commit_for(op, act, commit).await {
                // The journal of a cancelled run may come after its end.
                Err(store::Error::Conflict { .. }) => {}
                result => return Ok(result?),
            }
        }
    }

    /// What the run said and asked so far.
    ///
    /// # Errors
    /// When there is none.
    pub async fn journal(
        &self,
        op: &Operation,
        id: ActionExecutionId,
    ) -> Result<JournalPage, Error> {
        self.own_action_execution(op, id).await?;
        if let Some(journal) = self.running.journal(id) {
            return Ok(journal.page());
        }
        match store::find::<KeptJournal>(&*self.store, id.uuid()).await? {
            Some(kept) => self.open_journal(&kept.entity),
            None => Ok(JournalPage::default()),
        }
    }

    pub(super) async fn own_action_execution(
        &self,
        op: &Operation,
        id: ActionExecutionId,
    ) -> Result<Kept<ActionExecution>, Error> {
        store::find::<ActionExecution>(&*self.store, id.uuid())
            .await?
            .filter(|kept| kept.entity.project_id == op.project_id)
            .ok_or_else(|| not_found(id))
    }
}

fn not_found(id: ActionExecutionId) -> Error {
    Error::NotFound(format!("ActionExecution not found [id={id}]"))
}
