//! Which action executions a list is asked for.

use std::borrow::Cow;

use super::view::{FIELDS, params_text};
use crate::{
    api::{
        App,
        error::ApiError,
        extract::QueryArgs,
        filter::Filters,
        page::{Listable, PageArgs},
    },
    auth::Caller,
    domain::{ActionExecution, ActionExecutionId, PageRequest, ProjectId},
    engine::ListActionExecutions,
    policy::Rule,
};

pub(super) const LISTABLE: Listable = Listable {
    path: "/v2/action_executions",
    default_sort: "created_at",
    sort_keys: &["created_at"],
    fields: FIELDS,
};

/// What can be filtered by, beside `project_id`.
const COLUMNS: &[&str] = &[
    "id",
    "name",
    "state",
    "state_info",
    "description",
    "accepted",
    "input",
    "output",
    "params",
    "created_at",
    "updated_at",
    "tags",
    "workflow_name",
    "task_name",
    "task_execution_id",
];

pub(super) const QUERY: &[(&str, &str)] = &[
    ("limit", "at most so many, 1 to 1000"),
    ("marker", "the id of the last one of the page before"),
    ("sort_keys", "created_at or id"),
    ("sort_dirs", "asc or desc"),
    ("fields", "the fields to show, separated by commas"),
    ("include_output", "whether outputs are shown"),
    ("all_projects", "those of all projects"),
    ("all_tenants", "the same as all_projects"),
    ("project_id", "those of this project"),
    (
        "name",
        "a filter, as every other field: VALUE or OP:VALUE with eq neq gt gte lt lte has in nin",
    ),
    ("state", "a filter"),
];

/// What a list was asked for.
pub(super) struct ListArgs {
    pub(super) page: PageArgs,
    filters: Filters,
    pub(super) include_output: bool,
    all_projects: bool,
    project_id: Option<String>,
}

impl ListArgs {
    pub(super) fn parse(mut args: QueryArgs) -> Result<Self, ApiError> {
        let page = PageArgs::take(&mut args, &LISTABLE)?;
        let filters = Filters::take(&mut args, COLUMNS);
        let all_projects = args.take_flag("all_projects")?;
        let all_tenants = args.take_flag("all_tenants")?;
        let asked = Self {
            page,
            filters,
            include_output: args.take_flag("include_output")?,
            all_projects: all_projects || all_tenants,
            project_id: args.take("project_id").filter(|id| !id.is_empty()),
        };
        args.finish()?;
        Ok(asked)
    }

    /// The project whose executions are asked for; none for all.
    pub(super) fn project(
        &self,
        app: &App,
        caller: &Caller,
        own: &ProjectId,
    ) -> Result<Option<ProjectId>, ApiError> {
        let asked = self.project_id.as_deref();
        let asked = asked.map(|id| id.strip_prefix("eq:").unwrap_or(id));
        if self.all_projects || asked.is_some_and(|id| id != own.as_str()) {
            app.policy
                .enforce(caller, Rule::ActionExecutionsListAllProjects)?;
        }
        Ok(match asked {
            Some(id) => Some(ProjectId::new(id)),
            None if self.all_projects => None,
            None => Some(own.clone()),
        })
    }

    pub(super) fn query(
        &self,
        project: Option<ProjectId>,
    ) -> Result<ListActionExecutions, ApiError> {
        let marker = self.page.marker.as_deref().map(|marker| {
            marker.parse::<ActionExecutionId>().map_err(|_| {
                ApiError::bad_request(format!("Invalid input for field/attribute marker. Value: '{marker}'. \
                                               It is the id of the last item of the page before, a UUID."))
            })
        });
        let index = |column: &'static str| {
            self.filters
                .exact(column)
                .map(|value| (column, value.to_owned()))
        };
        let filters = self.filters.clone();
        Ok(ListActionExecutions {
            project,
            index: index("name").or_else(|| index("state")),
            is_filtered: !filters.is_empty(),
            keep: Box::new(move |execution| filters.pass(|column| column_text(execution, column))),
            page: PageRequest {
                limit: self.page.limit,
                marker: marker.transpose()?.map(ActionExecutionId::uuid),
                order: self.page.order,
            },
        })
    }

    pub(super) fn repeated(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        let mut repeated = self.filters.repeated();
        for (name, is_set) in [
            ("include_output", self.include_output),
            ("all_projects", self.all_projects),
        ] {
            if is_set {
                repeated.push((name.into(), "true".into()));
            }
        }
        if let Some(id) = &self.project_id {
            repeated.push(("project_id".into(), id.into()));
        }
        repeated
    }
}

fn column_text<'a>(execution: &'a ActionExecution, column: &str) -> Option<Cow<'a, str>> {
    match column {
        "id" => Some(execution.id.to_string().into()),
        "name" => Some(execution.name.as_str().into()),
        "state" => Some(execution.state().as_str().into()),
        "state_info" => execution.state_info.as_deref().map(Cow::Borrowed),
        "description" => execution.description.as_deref().map(Cow::Borrowed),
        "accepted" => Some(if execution.accepted { "true" } else { "false" }.into()),
        "input" => Some(execution.input.as_str().into()),
        "output" => execution
            .output
            .as_ref()
            .map(|output| output.as_str().into()),
        "params" => Some(params_text(&execution.params).as_str().to_owned().into()),
        "created_at" => Some(execution.created_at.to_string().into()),
        "updated_at" => execution.updated_at.map(|time| time.to_string().into()),
        // Tags and tasks come with workflows.
        _ => None,
    }
}
