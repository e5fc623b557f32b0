//! What is known of executions and tasks: one, and pages of them.

use std::fmt::Display;

use super::{Engine, Error, lists::bad_marker, seals::execution_place};
use crate::{
    domain::{
        ActionExecution, CustomContext, ListRequest, Operation, Page, ProjectId, Sight,
        TaskExecution, TaskExecutionId, WorkflowExecution, WorkflowExecutionId,
    },
    store::{self, Entity, List, Listing, PageError},
};

/// How many records of a tree are read at once.
pub(super) const BATCH: usize = 100;

impl Engine {
    /// One of the caller's executions, or anybody's where they reach beyond their project.
    ///
    /// # Errors
    /// When there is none, or it is out of reach.
    pub async fn execution(
        &self,
        op: &Operation,
        id: WorkflowExecutionId,
        sight: Sight,
    ) -> Result<WorkflowExecution, Error> {
        let found = store::find::<WorkflowExecution>(&*self.store, id.uuid()).await?;
        found
            .map(|kept| kept.entity)
            .filter(|it| sight == Sight::AllProjects || it.project_id == op.project_id)
            .ok_or_else(|| execution_not_found(id))
    }

    /// The custom context that holds for `execution`, which came with its root, for its own project.
    ///
    /// # Errors
    /// When the key that sealed it is gone.
    pub async fn execution_context(
        &self,
        op: &Operation,
        execution: &WorkflowExecution,
    ) -> Result<Option<CustomContext>, Error> {
        if op.project_id != execution.project_id {
            return Ok(None);
        }
        let above = if execution.parent.is_some() {
            store::find::<WorkflowExecution>(&*self.store, execution.root_id().uuid()).await?
        } else {
            None
        };
        let root = above.as_ref().map_or(execution, |kept| &kept.entity);
        let Some(sealed) = &root.custom_context else {
            return Ok(None);
        };
        let plain = self
            .keys
            .open(&execution_place(root.id, "custom_context"), sealed)
            .map_err(|error| Error::Host(error.into()))?;
        let text = std::str::from_utf8(&plain).map_err(|error| Error::Host(error.into()))?;
        Ok(Some(CustomContext::from_json(text.to_owned())))
    }

    /// A page of executions.
    ///
    /// # Errors
    /// When the marker is wrong or the store does not answer.
    pub async fn executions(
        &self,
        request: &ListRequest<WorkflowExecution>,
    ) -> Result<Page<WorkflowExecution>, Error> {
        self.list(request, |_| Vec::new()).await
    }

    /// A page of the executions that `task` began.
    ///
    /// # Errors
    /// As [`executions`](Self::executions).
    pub async fn executions_of(
        &self,
        task: &TaskExecution,
        request: &ListRequest<WorkflowExecution>,
    ) -> Result<Page<WorkflowExecution>, Error> {
        let key = ("task_execution_id", task.id.to_string());
        self.page_under(&task.project_id, key, request).await
    }

    /// One of the tasks of the caller's executions, or anybody's where they reach beyond their project.
    ///
    /// # Errors
    /// When there is none, or it is out of reach.
    pub async fn task(
        &self,
        op: &Operation,
        id: TaskExecutionId,
        sight: Sight,
    ) -> Result<TaskExecution, Error> {
        let found = store::find::<TaskExecution>(&*self.store, id.uuid()).await?;
        found
            .map(|kept| kept.entity)
            .filter(|it| sight == Sight::AllProjects || it.project_id == op.project_id)
            .ok_or_else(|| task_not_found(id))
    }

    /// A page of tasks.
    ///
    /// # Errors
    /// When the marker is wrong or the store does not answer.
    pub async fn tasks(
        &self,
        request: &ListRequest<TaskExecution>,
    ) -> Result<Page<TaskExecution>, Error> {
        self.list(request, |_| Vec::new()).await
    }

    /// A page of the tasks of `execution`.
    ///
    /// # Errors
    /// As [`tasks`](Self::tasks).
    pub async fn tasks_of(
        &self,
        execution: &WorkflowExecution,
        request: &ListRequest<TaskExecution>,
    ) -> Result<Page<TaskExecution>, Error> {
        let key = ("execution_id", execution.id.to_string());
        self.page_under(&execution.project_id, key, request).await
    }

    /// A page of the runs of actions that `task` began.
    ///
    /// # Errors
    /// As [`action_executions`](Self::action_executions).
    pub async fn action_executions_of(
        &self,
        task: &TaskExecution,
        request: &ListRequest<ActionExecution>,
    ) -> Result<Page<ActionExecution>, Error> {
        let key = ("task_execution_id", task.id.to_string());
        self.page_under(&task.project_id, key, request).await
    }

    /// A page of what hangs under an object of `project`, which the caller was found to see.
    async fn page_under<E: Entity>(
        &self,
        project: &ProjectId,
        key: (&'static str, String),
        request: &ListRequest<E>,
    ) -> Result<Page<E>, Error> {
        let listing = Listing {
            project: Some(project.clone()),
            index: Some(key),
        };
        let page = store::page(&*self.store, request, vec![listing]).await;
        page.map_err(|error| match error {
            PageError::BadMarker => bad_marker(request),
            PageError::Store(error) => error.into(),
        })
    }

    /// The records under an index key, oldest first and in batches, for a walk over all of them.
    pub(super) async fn batch_under<E: Entity>(
        &self,
        project: &ProjectId,
        key: (&'static str, impl Display),
        after: Option<uuid::Uuid>,
    ) -> Result<Vec<E>, Error> {
        let list = List {
            project: Some(project.clone()),
            index: Some((key.0, key.1.to_string())),
            order: crate::domain::Order::Ascending,
            after,
            limit: BATCH,
            is_filtered: false,
        };
        let kept = store::list::<E>(&*self.store, list, |_| true).await?;
        Ok(kept.into_iter().map(|kept| kept.entity).collect())
    }
}

/// An execution that is not there, in Mistral's words.
pub(super) fn execution_not_found(id: WorkflowExecutionId) -> Error {
    Error::NotFound(format!("WorkflowExecution not found [id={id}]"))
}

/// A task that is not there, in Mistral's words.
pub(super) fn task_not_found(id: TaskExecutionId) -> Error {
    Error::NotFound(format!("Task execution not found [id={id}]"))
}
