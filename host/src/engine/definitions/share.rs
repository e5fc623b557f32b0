//! Workflows are shared: what members do to the workflow that they are members of.

use super::workflows::not_found;
use crate::{
    domain::{Member, Namespace, Operation, Scope, Shareable, WorkflowDefinition, WorkflowId},
    engine::{Engine, Error, members::check_private},
    store::{self, Commit, Kept},
};

impl Engine {
    /// A workflow of the caller's that can be offered, and a commit that fails when it changes meanwhile.
    pub(in crate::engine) async fn offerable_workflow(
        &self,
        op: &Operation,
        id: WorkflowId,
    ) -> Result<(Shareable, Commit), Error> {
        let kept = self.workflow_by_id(id).await?;
        if kept.entity.project_id != op.project_id {
            return Err(not_found(&id.to_string(), &Namespace::default()));
        }
        check_private(kept.entity.scope)?;
        Ok((Shareable::Workflow(id), Commit::new().update(&kept)))
    }

    /// Adds to `commit` that the member's project sees and uses a workflow.
    pub(in crate::engine) async fn take_up_workflow(
        &self,
        id: WorkflowId,
        member: &Member,
        commit: Commit,
    ) -> Result<Commit, Error> {
        let mut kept = self.workflow_by_id(id).await?;
        self.check_name_means_nothing_else(member, &kept.entity)
            .await?;
        kept.entity.shared_with.push(member.member_id.clone());
        Ok(commit.update(&kept))
    }

    /// Adds to `commit` that the member's project neither sees nor uses a workflow any more.
    pub(in crate::engine) async fn give_up_workflow(
        &self,
        id: WorkflowId,
        member: &Member,
        commit: Commit,
    ) -> Result<Commit, Error> {
        let mut kept = self.workflow_by_id(id).await?;
        kept.entity
            .shared_with
            .retain(|project| *project != member.member_id);
        Ok(commit.update(&kept))
    }

    /// An accepted workflow must neither hide another one of its name nor be hidden by it.
    async fn check_name_means_nothing_else(
        &self,
        member: &Member,
        workflow: &WorkflowDefinition,
    ) -> Result<(), Error> {
        let project = &member.member_id;
        let (name, namespace) = (workflow.name.as_str(), &workflow.namespace);
        let used = self
            .used_definition_in::<WorkflowDefinition>(project, name, namespace)
            .await?;
        let Some(other) = used.filter(|kept| kept.entity.id != workflow.id) else {
            return Ok(());
        };
        let whose = match &other.entity {
            other if other.project_id == *project => {
                "this project has a workflow of that name itself"
            }
            other if other.scope == Scope::Public => "a public workflow has that name",
            _ => "this project has accepted another workflow of that name",
        };
        Err(Error::Conflict(format!(
            "The workflow cannot be accepted: {whose} [name={name}, namespace={namespace}]"
        )))
    }

    async fn workflow_by_id(&self, id: WorkflowId) -> Result<Kept<WorkflowDefinition>, Error> {
        store::find::<WorkflowDefinition>(&*self.store, id.uuid())
            .await?
            .ok_or_else(|| not_found(&id.to_string(), &Namespace::default()))
    }
}
