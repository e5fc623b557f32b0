//! What lists of tasks have.

use super::view::runtime_context;
use crate::{
    api::list::Listable,
    domain::{Column, TaskExecution},
    policy::Rule,
};

const SHOWN: &[&str] = &["workflow_namespace", "published_global"];

/// Mistral's clients may send them; a result is not kept with its task, and the others are of requests.
const IGNORED: &[&str] = &["result", "reset", "env"];

static COLUMNS: [Column<TaskExecution>; 17] = [
    Column::text("id", |it: &TaskExecution| it.id.to_string().into()).by_id(),
    Column::text("name", |it: &TaskExecution| (&*it.name).into()).indexed(),
    Column::text("type", |it| it.kind.as_str().into()),
    Column::text("workflow_name", |it| it.workflow_name.as_str().into()),
    Column::text("workflow_id", |it| it.workflow_id.to_string().into()),
    Column::text("workflow_execution_id", |it: &TaskExecution| {
        it.execution_id.to_string().into()
    })
    .found_by("execution_id"),
    Column::text("tags", |it| it.tags.join(",").into()),
    Column::text("state", |it: &TaskExecution| it.state.as_str().into()).indexed(),
    Column::text("state_info", |it| it.state_info.as_deref().into()),
    Column::text("project_id", |it| it.project_id.as_str().into()),
    Column::json("runtime_context", |it| {
        runtime_context(it).as_str().to_owned().into()
    }),
    Column::json("published", |it| it.published.as_str().into()),
    Column::flag("processed", |it| it.processed.into()),
    Column::time("created_at", |it: &TaskExecution| it.created_at.into()).by_id(),
    Column::time("updated_at", |it: &TaskExecution| it.updated_at.into()).indexed(),
    Column::time("started_at", |it| it.started_at.into()),
    Column::time("finished_at", |it| it.finished_at.into()),
];

pub(super) static LISTABLE: Listable<TaskExecution> = Listable {
    path: "/v2/tasks",
    collection: "tasks",
    default_sort: "created_at",
    columns: &COLUMNS,
    shown: SHOWN,
    flags: &[],
    ignored: IGNORED,
    all_projects: Rule::TasksListAllProjects,
    marker: |it| it.id.to_string(),
};

/// The tasks of one execution.
pub(super) static OF_EXECUTION: Listable<TaskExecution> = Listable {
    path: "/v2/executions/{id}/tasks",
    collection: "tasks",
    default_sort: "created_at",
    columns: &COLUMNS,
    shown: SHOWN,
    flags: &[],
    ignored: IGNORED,
    all_projects: Rule::TasksListAllProjects,
    marker: |it| it.id.to_string(),
};

/// A single task, which has its result.
pub(super) static ONE: Listable<TaskExecution> = Listable {
    path: "/v2/tasks/{id}",
    collection: "tasks",
    default_sort: "created_at",
    columns: &COLUMNS,
    shown: &["workflow_namespace", "result", "published_global"],
    flags: &[],
    ignored: &[],
    all_projects: Rule::TasksListAllProjects,
    marker: |it| it.id.to_string(),
};
