//! One run of one workflow, as it is kept.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    EnvironmentId, JsonText, Namespace, ProjectId, Sealed, State, TaskExecutionId, Timestamp,
    WorkbookName, WorkflowExecutionId, WorkflowId, WorkflowName,
};

/// One run of one workflow. Its tasks are records of their own; this one changes when the run itself does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkflowExecution {
    /// Its id.
    pub id: WorkflowExecutionId,
    /// The caller's project.
    pub project_id: ProjectId,
    /// The definition.
    pub workflow_id: WorkflowId,
    /// Its name.
    pub workflow_name: WorkflowName,
    /// Its namespace.
    pub workflow_namespace: Namespace,
    /// The workbook it is part of: its other workflows and its actions come first by their short names.
    pub workbook: Option<WorkbookName>,
    /// The document that the run began with, of this workflow alone: what is changed later does not change it.
    pub definition: Arc<str>,
    /// A person's words about it.
    pub description: Option<String>,
    /// The definition's tags.
    pub tags: Vec<String>,
    /// The `params` that it was started with, an object, without what is private.
    pub params: JsonText,
    /// The checked input, an object with defaults filled in.
    pub input: JsonText,
    /// What it ended in, an object.
    pub output: Option<JsonText>,
    /// Where it is.
    pub state: State,
    /// Why it is there.
    pub state_info: Option<String>,
    /// Its variables, evaluated once when it began, an object.
    pub vars: JsonText,
    /// What its tasks published for all of it, an object.
    pub published_global: JsonText,
    /// How often it was begun again after it had ended: what is told of an earlier run changes nothing.
    pub run: u32,
    /// The task that this is a sub-workflow of.
    pub parent: Option<Parent>,
    /// What the execution above it has taken of it so far.
    pub heard: Heard,
    /// The execution that it repeats.
    pub source_execution_id: Option<WorkflowExecutionId>,
    /// It ends in ERROR when it has not ended by then; inherited by its sub-workflows.
    pub deadline: Option<Timestamp>,
    /// The request that started it, or its root.
    pub request_id: Arc<str>,
    /// The user who started it, or its root.
    pub user_id: Option<Arc<str>>,
    /// The sealed custom context: of a root only, for all below it; stays for reruns.
    pub custom_context: Option<Sealed>,
    /// The sealed target cloud: of a root only, for all below it; erased when the root has ended.
    pub target: Option<Sealed>,
    /// Whether it works on a target cloud, of which the credentials may be erased: of a root only.
    pub has_target: bool,
    /// Whether its callers named that cloud, so that it is not theirs by default: of a root only.
    pub is_target: bool,
    /// The sealed variables of a named environment: of a root only, for all below it.
    pub environment: Option<Sealed>,
    /// The environment that `params` name: of a root only.
    pub environment_id: Option<EnvironmentId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
}

/// What an execution has taken of a sub-workflow; kept with the sub-workflow, and written by the execution above it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Which [`run`](WorkflowExecution::run) of it.
    pub run: u32,
    /// Where it was.
    pub state: State,
    /// Whether it counts: false once its task was tried or run again without it.
    pub is_accepted: bool,
}

impl Default for Heard {
    fn default() -> Self {
        Self {
            run: 0,
            state: State::Running,
            is_accepted: true,
        }
    }
}

/// Where a sub-workflow hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// The task.
    pub task_execution_id: TaskExecutionId,
    /// The task's execution.
    pub execution_id: WorkflowExecutionId,
    /// The execution at the top.
    pub root_execution_id: WorkflowExecutionId,
    /// The place among the runs of a `with-items` task.
    pub index: u32,
    /// How deep below the root, from 1.
    pub depth: u32,
}

impl WorkflowExecution {
    /// The execution at the top: itself, when it is no sub-workflow.
    #[must_use]
    pub fn root_id(&self) -> WorkflowExecutionId {
        self.parent
            .map_or(self.id, |parent| parent.root_execution_id)
    }
}
