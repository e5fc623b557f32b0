//! Action executions: run an action, look at its runs, complete or cancel them.

use std::borrow::Cow;

use axum::{
    Json as Answer,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde_json::{Map, Value};

mod view;

pub use view::{
    ActionExecutionView, ActionExecutionsView, LogLineView, LogView, RequestView, RequestsView,
    StartActionBody, UpdateActionBody,
};

use crate::{
    api::{
        App,
        doc::Doc,
        error::ApiError,
        extract::{Acting, Json, Path, QueryArgs},
        filter::Filters,
        page::{Listable, PageArgs, Shown, python_list},
        routes::Routes,
        target::Target,
    },
    auth::Caller,
    domain::{
        ActionExecution, ActionExecutionId, ActionName, JsonText, PageRequest, Params, ProjectId,
        State as RunState,
    },
    engine::{ListActionExecutions, StartAction, UpdateAction},
    policy::Rule,
};

const LISTABLE: Listable = Listable {
    path: "/v2/action_executions",
    default_sort: "created_at",
    sort_keys: &["created_at"],
    fields: view::FIELDS,
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

/// The states that a caller may wish for.
const WISHES: &[RunState] = &[
    RunState::Success,
    RunState::Error,
    RunState::Cancelled,
    RunState::Paused,
    RunState::Running,
];

const QUERY: &[(&str, &str)] = &[
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

/// Adds the routes of action executions.
pub(super) fn routes(routes: Routes) -> Routes {
    const OK: StatusCode = StatusCode::OK;
    routes
        .post(
            "/v2/action_executions",
            Rule::ActionExecutionsCreate,
            Doc::new("Runs an action; 201 also when the run ends in ERROR.")
                .target_headers()
                .takes::<StartActionBody>()
                .answers::<ActionExecutionView>(StatusCode::CREATED),
            create,
        )
        .get(
            "/v2/action_executions",
            Rule::ActionExecutionsList,
            Doc::new("Lists action executions, oldest first.")
                .query(QUERY)
                .answers::<ActionExecutionsView>(OK),
            list,
        )
        .get(
            "/v2/action_executions/{id}",
            Rule::ActionExecutionsGet,
            Doc::new("Shows an action execution.").answers::<ActionExecutionView>(OK),
            get,
        )
        .put(
            "/v2/action_executions/{id}",
            Rule::ActionExecutionsUpdate,
            Doc::new("Completes, pauses, resumes or cancels an action execution.")
                .takes::<UpdateActionBody>()
                .answers::<ActionExecutionView>(OK),
            update,
        )
        .delete(
            "/v2/action_executions/{id}",
            Rule::ActionExecutionsDelete,
            Doc::new("Deletes an action execution that has ended."),
            delete,
        )
        .get(
            "/v2/action_executions/{id}/log",
            Rule::ActionExecutionsGet,
            Doc::new("What the run logged.").answers::<LogView>(OK),
            log,
        )
        .get(
            "/v2/action_executions/{id}/requests",
            Rule::ActionExecutionsGet,
            Doc::new("What the run asked of its cloud.").answers::<RequestsView>(OK),
            requests,
        )
}

/// `POST /v2/action_executions`: runs an action at once or leaves it to a worker.
async fn create(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    headers: HeaderMap,
    Json(body): Json<StartActionBody>,
) -> Result<(StatusCode, Answer<ActionExecutionView>), ApiError> {
    let start = body.into_domain(&headers, &caller)?;
    let started = app.engine.start_action(&op, start).await?;
    let view = ActionExecutionView::started(&started.execution, started.is_saved);
    Ok((StatusCode::CREATED, Answer(view)))
}

/// `GET /v2/action_executions`: a page of them.
async fn list(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    headers: HeaderMap,
    args: QueryArgs,
) -> Result<Answer<ActionExecutionsView>, ApiError> {
    let asked = ListArgs::parse(args)?;
    let project = asked.project(&app, &caller, &op.project_id)?;
    let page = app.engine.action_executions(asked.query(project)?).await?;
    let fields = asked.page.fields.as_deref();
    let next = page.items.last().filter(|_| page.is_full).map(|last| {
        let base = app.base_url(&headers);
        let marker = last.id.to_string();
        asked
            .page
            .next(&base, &LISTABLE, &asked.repeated(), &marker)
    });
    let shows_output = asked.include_output
        || fields.is_some_and(|fields| fields.iter().any(|field| field == "output"));
    let shown = |execution: &ActionExecution| {
        Shown::new(ActionExecutionView::listed(execution, shows_output), fields)
    };
    Ok(Answer(ActionExecutionsView {
        action_executions: page.items.iter().map(shown).collect::<Result<_, _>>()?,
        next,
    }))
}

/// `GET /v2/action_executions/{id}`: one, with its custom context.
async fn get(
    State(app): State<App>,
    Acting { op, .. }: Acting,
    Path(id): Path,
) -> Result<Answer<ActionExecutionView>, ApiError> {
    let execution = app.engine.action_execution(&op, parse_id(&id)?).await?;
    let context = app.engine.custom_context(&op, &execution)?;
    Ok(Answer(ActionExecutionView::single(
        &execution,
        context.as_ref(),
    )))
}

/// `PUT /v2/action_executions/{id}`: a state to go to.
async fn update(
    State(app): State<App>,
    Acting { op, .. }: Acting,
    Path(id): Path,
    Json(body): Json<UpdateActionBody>,
) -> Result<Answer<ActionExecutionView>, ApiError> {
    let id = parse_id(&id)?;
    let execution = app
        .engine
        .update_action(&op, id, body.into_domain()?)
        .await?;
    Ok(Answer(ActionExecutionView::started(&execution, true)))
}

/// `DELETE /v2/action_executions/{id}`: an ended one goes.
async fn delete(
    State(app): State<App>,
    Acting { op, .. }: Acting,
    Path(id): Path,
) -> Result<StatusCode, ApiError> {
    app.engine
        .delete_action_execution(&op, parse_id(&id)?)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v2/action_executions/{id}/log`: what the run logged so far.
async fn log(
    State(app): State<App>,
    Acting { op, .. }: Acting,
    Path(id): Path,
) -> Result<Answer<LogView>, ApiError> {
    let journal = app.engine.journal(&op, parse_id(&id)?).await?;
    Ok(Answer(journal.into()))
}

/// `GET /v2/action_executions/{id}/requests`: what the run asked so far.
async fn requests(
    State(app): State<App>,
    Acting { op, .. }: Acting,
    Path(id): Path,
) -> Result<Answer<RequestsView>, ApiError> {
    let journal = app.engine.journal(&op, parse_id(&id)?).await?;
    Ok(Answer(journal.into()))
}

/// An id that is none is unknown like any other.
fn parse_id(text: &str) -> Result<ActionExecutionId, ApiError> {
    text.parse()
        .map_err(|_| ApiError::not_found(format!("ActionExecution not found [id={text}]")))
}

impl StartActionBody {
    fn into_domain(self, headers: &HeaderMap, caller: &Caller) -> Result<StartAction, ApiError> {
        let name = self.name.filter(|name| !name.is_empty()).ok_or_else(|| {
            ApiError::bad_request("Please provide at least action name to run action.")
        })?;
        let params = match self.params {
            Some(params) => parse_params(params.0)?,
            None => Params::default(),
        };
        let target = Target::take(headers, self.custom_context.map(|context| context.0))?;
        Ok(StartAction {
            name: ActionName::parse(&name).map_err(|_| {
                ApiError::bad_request(format!("Failed to find action [action_name={name}]"))
            })?,
            input: self.input.map(|input| input.0).unwrap_or_default(),
            params,
            description: self.description,
            custom_context: target.custom_context,
            target: target.cloud.or_else(|| caller.home.clone()),
        })
    }
}

fn parse_params(params: Map<String, Value>) -> Result<Params, ApiError> {
    let wrong =
        |name: &str, right: &str| ApiError::bad_request(format!("params.{name}: must be {right}."));
    let mut parsed = Params::default();
    for (name, value) in params {
        match (name.as_str(), value) {
            (_, Value::Null) => {}
            ("save_result", Value::Bool(flag)) => parsed.save_result = flag,
            ("run_sync", Value::Bool(flag)) => parsed.run_sync = flag,
            ("timeout", Value::Number(secs)) => {
                let ms = secs
                    .as_f64()
                    .filter(|secs| *secs >= 0.0)
                    .map(|secs| secs * 1000.0);
                // Longer than any host allows, and exact as a float.
                let ms = ms.filter(|ms| *ms < 1e15);
                let ms = ms.ok_or_else(|| wrong("timeout", "a number of seconds"))?;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "it is between 0 and 1e15"
                )]
                let ms = ms.ceil() as u64;
                parsed.timeout_ms = Some(ms);
            }
            // Which executor runs it: there is one kind.
            ("target", Value::String(_)) => {}
            ("save_result" | "run_sync", _) => return Err(wrong(&name, "true or false")),
            ("timeout", _) => return Err(wrong("timeout", "a number of seconds")),
            ("target", _) => return Err(wrong("target", "a string")),
            _ => {
                return Err(ApiError::bad_request(format!(
                    "params: unknown \"{name}\"; known are save_result, run_sync, timeout, target."
                )));
            }
        }
    }
    Ok(parsed)
}

impl UpdateActionBody {
    fn into_domain(self) -> Result<UpdateAction, ApiError> {
        let wished = self.state.as_deref().unwrap_or("None");
        let state = wished.parse::<RunState>().ok();
        let state = state
            .filter(|state| WISHES.contains(state))
            .ok_or_else(|| {
                let names: Vec<&str> = WISHES.iter().map(|state| state.as_str()).collect();
                ApiError::bad_request(format!(
                    "Error. Expected one of {}, actual: {wished}",
                    python_list(&names)
                ))
            })?;
        let output = self
            .output
            .map(|output| JsonText::from_value(&Value::Object(output.0)));
        Ok(UpdateAction { state, output })
    }
}

/// What a list was asked for.
struct ListArgs {
    page: PageArgs,
    filters: Filters,
    include_output: bool,
    all_projects: bool,
    project_id: Option<String>,
}

impl ListArgs {
    fn parse(mut args: QueryArgs) -> Result<Self, ApiError> {
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
    fn project(
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

    fn query(&self, project: Option<ProjectId>) -> Result<ListActionExecutions, ApiError> {
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

    fn repeated(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
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
        "params" => Some(
            view::params_text(&execution.params)
                .as_str()
                .to_owned()
                .into(),
        ),
        "created_at" => Some(execution.created_at.to_string().into()),
        "updated_at" => execution.updated_at.map(|time| time.to_string().into()),
        // Tags and tasks come with workflows.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn params(value: Value) -> Result<Params, String> {
        let Value::Object(members) = value else {
            panic!("not an object");
        };
        parse_params(members).map_err(|refusal| refusal.message().to_owned())
    }

    #[test]
    fn params_are_read_in_mistrals_units() {
        let read = params(
            json!({ "save_result": true, "run_sync": false, "timeout": 1.5, "target": "x" }),
        );
        assert_eq!(
            read.unwrap(),
            Params {
                save_result: true,
                run_sync: false,
                timeout_ms: Some(1500)
            }
        );
    }

    #[test]
    fn wrong_params_are_named() {
        for (value, name) in [
            (json!({ "timeout": "soon" }), "params.timeout"),
            (json!({ "timeout": -1 }), "params.timeout"),
            (json!({ "save_result": "yes" }), "params.save_result"),
            (json!({ "run_sync": 1 }), "params.run_sync"),
            (json!({ "tiemout": 1 }), "tiemout"),
        ] {
            assert!(params(value).unwrap_err().contains(name));
        }
    }

    #[test]
    fn a_state_that_nobody_may_wish_for_is_named() {
        let body = |state: Option<&str>| UpdateActionBody {
            state: state.map(str::to_owned),
            output: None,
        };
        for (state, shown) in [
            (Some("DONE"), "DONE"),
            (Some("IDLE"), "IDLE"),
            (None, "None"),
        ] {
            let refusal = body(state).into_domain().unwrap_err();
            assert_eq!(
                refusal.message(),
                format!(
                    "Error. Expected one of ['SUCCESS', 'ERROR', 'CANCELLED', 'PAUSED', 'RUNNING'], actual: {shown}"
                )
            );
        }
        assert!(body(Some("SUCCESS")).into_domain().is_ok());
    }
}
