//! What lists of executions have.

use crate::{
    api::list::Listable,
    domain::{Column, WorkflowExecution},
    policy::Rule,
};

/// Shows outputs in a list.
pub(super) const INCLUDE_OUTPUT: &str = "include_output";

/// Members that are shown when they are asked for by name.
const SHOWN: &[&str] = &["workflow_namespace", "published_global"];

const FLAGS: &[(&str, &str)] = &[(INCLUDE_OUTPUT, "shows outputs")];

static COLUMNS: [Column<WorkflowExecution>; 16] = [
    Column::text("id", |it: &WorkflowExecution| it.id.to_string().into()).by_id(),
    Column::text("workflow_id", |it| it.workflow_id.to_string().into()),
    Column::text("workflow_name", |it: &WorkflowExecution| {
        it.workflow_name.as_str().into()
    })
    .indexed(),
    Column::text("description", |it| it.description.as_deref().into()),
    Column::text("tags", |it| it.tags.join(",").into()),
    Column::json("params", |it| it.params.as_str().into()),
    Column::text("task_execution_id", |it: &WorkflowExecution| {
        it.parent
            .map(|parent| parent.task_execution_id.to_string())
            .into()
    })
    .found_by("task_execution_id"),
    Column::text("root_execution_id", |it: &WorkflowExecution| {
        it.parent
            .map(|parent| parent.root_execution_id.to_string())
            .into()
    })
    .found_by("root_execution_id"),
    Column::text("source_execution_id", |it| {
        it.source_execution_id.map(|id| id.to_string()).into()
    }),
    Column::text("state", |it: &WorkflowExecution| it.state.as_str().into()).indexed(),
    Column::text("state_info", |it| it.state_info.as_deref().into()),
    Column::json("input", |it| it.input.as_str().into()),
    Column::json("output", |it| {
        it.output.as_ref().map(|output| output.as_str()).into()
    }),
    Column::time("created_at", |it: &WorkflowExecution| it.created_at.into()).by_id(),
    Column::time("updated_at", |it: &WorkflowExecution| it.updated_at.into()).indexed(),
    Column::text("project_id", |it| it.project_id.as_str().into()),
];

pub(super) static LISTABLE: Listable<WorkflowExecution> = Listable {
    path: "/v2/executions",
    collection: "executions",
    default_sort: "created_at",
    columns: &COLUMNS,
    shown: SHOWN,
    flags: FLAGS,
    ignored: &[],
    all_projects: Rule::ExecutionsListAllProjects,
    marker: |it| it.id.to_string(),
};

/// The executions that one task began.
pub(super) static OF_TASK: Listable<WorkflowExecution> = Listable {
    path: "/v2/tasks/{id}/workflow_executions",
    collection: "executions",
    default_sort: "created_at",
    columns: &COLUMNS,
    shown: SHOWN,
    flags: FLAGS,
    ignored: &[],
    all_projects: Rule::ExecutionsListAllProjects,
    marker: |it| it.id.to_string(),
};
