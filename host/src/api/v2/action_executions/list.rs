//! What lists of action executions have.

use super::view::params_text;
use crate::{
    api::list::Listable,
    domain::{ActionExecution, Column},
    policy::Rule,
};

/// Shows outputs in a list.
pub(super) const INCLUDE_OUTPUT: &str = "include_output";

static COLUMNS: [Column<ActionExecution>; 16] = [
    Column::text("id", |it: &ActionExecution| it.id.to_string().into()).by_id(),
    Column::text("name", |it: &ActionExecution| it.name.as_str().into()).indexed(),
    Column::text("state", |it: &ActionExecution| it.state().as_str().into()).indexed(),
    Column::text("state_info", |it| it.state_info.as_deref().into()),
    Column::text("description", |it| it.description.as_deref().into()),
    Column::null("tags"),
    Column::text("workflow_name", |it| {
        let task = it.task.as_ref();
        task.map(|task| task.workflow_name.as_str()).into()
    }),
    Column::text("task_name", |it| {
        it.task.as_ref().map(|task| &*task.task_name).into()
    }),
    Column::text("task_execution_id", |it: &ActionExecution| {
        let task = it.task.as_ref();
        task.map(|task| task.task_execution_id.to_string()).into()
    })
    .found_by("task_execution_id"),
    Column::text("project_id", |it| it.project_id.as_str().into()),
    Column::flag("accepted", |it| it.accepted.into()),
    Column::json("input", |it| it.input.as_str().into()),
    Column::json("output", |it| {
        it.output.as_ref().map(|output| output.as_str()).into()
    }),
    Column::json("params", |it| {
        params_text(&it.params).as_str().to_owned().into()
    }),
    Column::time("created_at", |it: &ActionExecution| it.created_at.into()).by_id(),
    Column::time("updated_at", |it: &ActionExecution| it.updated_at.into()).indexed(),
];

pub(super) static LISTABLE: Listable<ActionExecution> = Listable {
    path: "/v2/action_executions",
    collection: "action_executions",
    default_sort: "created_at",
    columns: &COLUMNS,
    shown: &["workflow_namespace"],
    flags: &[(INCLUDE_OUTPUT, "shows outputs")],
    ignored: &[],
    all_projects: Rule::ActionExecutionsListAllProjects,
    marker: |it| it.id.to_string(),
};

/// The runs that one task began.
pub(super) static OF_TASK: Listable<ActionExecution> = Listable {
    path: "/v2/tasks/{id}/action_executions",
    collection: "action_executions",
    default_sort: "created_at",
    columns: &COLUMNS,
    shown: &["workflow_namespace"],
    flags: &[(INCLUDE_OUTPUT, "shows outputs")],
    ignored: &[],
    all_projects: Rule::ActionExecutionsListAllProjects,
    marker: |it| it.id.to_string(),
};
