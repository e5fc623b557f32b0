//! Executions: start a workflow, look at its runs and what is below them, hold, resume or end them.

use axum::{
    Json as Answer,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde_json::{Map, Value};

mod events;
mod list;
mod report;
mod view;

pub use self::{
    events::{
        ActionExecutionEventView, ExecutionEventView, LogEventView, RequestEventView, TaskEventView,
    },
    report::{ActionEntryView, ExecutionEntryView, ReportView, StatisticsView, TaskEntryView},
    view::{ExecutionView, StartExecutionBody, SubExecutionsView, UpdateExecutionBody},
};
use self::{
    list::{INCLUDE_OUTPUT, LISTABLE, OF_TASK},
    view::Shown as InList,
};

use crate::{
    api::{
        App,
        doc::Doc,
        error::ApiError,
        extract::{Acting, Json, Path, QueryArgs},
        json_text::JsonObject,
        list::{ListView, Shown},
        routes::Routes,
        target::Target,
        v2::tasks,
    },
    auth::Caller,
    domain::{Namespace, State as RunState, WorkflowExecution, WorkflowExecutionId, WorkflowName},
    engine::{StartExecution, TreeRequest, UpdateExecution, WorkflowRef},
    policy::Rule,
};

const ERRORS_ONLY: (&str, &str) = ("errors_only", "only what led to errors");
const MAX_DEPTH: (&str, &str) = (
    "max_depth",
    "how far down, 0 for the execution itself; all of it when negative or absent",
);
/// What asks for a part of a tree, and what shows more of its executions.
const TREE: &[(&str, &str)] = &[ERRORS_ONLY, MAX_DEPTH, (INCLUDE_OUTPUT, "shows outputs")];

/// Adds the routes of executions.
pub(super) fn routes(routes: Routes) -> Routes {
    const OK: StatusCode = StatusCode::OK;
    let routes = routes
        .post(
            "/v2/executions",
            Rule::ExecutionsCreate,
            Doc::new("Starts an execution of a workflow.")
                .target_headers()
                .takes::<StartExecutionBody>()
                .answers::<ExecutionView>(StatusCode::CREATED),
            create,
        )
        .list(
            Rule::ExecutionsList,
            &LISTABLE,
            Doc::new("Lists executions, oldest first.").lists::<ExecutionView>(),
            list,
        )
        .get(
            "/v2/executions/{id}",
            Rule::ExecutionsGet,
            Doc::new("Shows an execution.")
                .query(&[("fields", "the fields to show, separated by commas")])
                .all_projects(Rule::ExecutionsListAllProjects)
                .answers::<ExecutionView>(OK),
            get,
        )
        .put(
            "/v2/executions/{id}",
            Rule::ExecutionsUpdate,
            Doc::new("Holds, resumes or ends an execution, or describes it.")
                .takes::<UpdateExecutionBody>()
                .answers::<ExecutionView>(OK),
            update,
        )
        .delete(
            "/v2/executions/{id}",
            Rule::ExecutionsDelete,
            Doc::new("Deletes an execution with all below it.")
                .query(&[("force", "also one that has not ended")]),
            delete,
        );
    below(routes)
}

/// Adds what is below an execution or a task.
fn below(routes: Routes) -> Routes {
    const OK: StatusCode = StatusCode::OK;
    routes
        .get(
            "/v2/executions/{id}/executions",
            Rule::ExecutionsGet,
            Doc::new("Shows an execution and all executions below it.")
                .query(TREE)
                .all_projects(Rule::ExecutionsListAllProjects)
                .answers::<SubExecutionsView>(OK),
            sub_executions,
        )
        .get(
            "/v2/tasks/{id}/executions",
            Rule::ExecutionsGet,
            Doc::new("Shows the executions that a task began, and all below them.")
                .query(TREE)
                .all_projects(Rule::ExecutionsListAllProjects)
                .answers::<SubExecutionsView>(OK),
            sub_executions_of_task,
        )
        .list(
            Rule::ExecutionsList,
            &OF_TASK,
            Doc::new("Lists the executions that a task began, oldest first.")
                .lists::<ExecutionView>(),
            list_of_task,
        )
        .get(
            "/v2/executions/{id}/report",
            Rule::ExecutionsGet,
            Doc::new("What became of an execution and everything below it.")
                .query(&[
                    ERRORS_ONLY,
                    MAX_DEPTH,
                    ("statistics_only", "only numbers of tasks"),
                ])
                .all_projects(Rule::ExecutionsListAllProjects)
                .answers::<ReportView>(OK),
            report,
        )
        .get(
            "/v2/executions/{id}/events",
            Rule::ExecutionsGet,
            Doc::new(
                "Tells of an execution until its end, as server-sent events; `Last-Event-ID` goes on after one.",
            )
                .all_projects(Rule::ExecutionsListAllProjects)
                .answers_events(),
            events::events,
        )
}

/// `POST /v2/executions`: an execution begins.
async fn create(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    headers: HeaderMap,
    Json(body): Json<StartExecutionBody>,
) -> Result<(StatusCode, Answer<ExecutionView>), ApiError> {
    let start = body.into_domain(&headers, &caller)?;
    let execution = app.engine.start_execution(&op, start).await?;
    let view = ExecutionView::changed(&execution);
    Ok((StatusCode::CREATED, Answer(view)))
}

/// `GET /v2/executions`: a page of them.
async fn list(
    State(app): State<App>,
    acting: Acting,
    headers: HeaderMap,
    args: QueryArgs,
) -> Result<Answer<ListView<ExecutionView>>, ApiError> {
    let asked = LISTABLE.ask(&app, &acting, args)?;
    let page = app.engine.executions(&asked.request).await?;
    let shown = InList {
        output: asked.flag(INCLUDE_OUTPUT) || asked.names("output"),
        globals: asked.names("published_global"),
    };
    asked.answer(&app, &headers, &page, |it| {
        Ok(ExecutionView::listed(it, shown))
    })
}

/// `GET /v2/tasks/{id}/workflow_executions`: a page of those that a task began.
async fn list_of_task(
    State(app): State<App>,
    acting: Acting,
    headers: HeaderMap,
    Path(id): Path,
    args: QueryArgs,
) -> Result<Answer<ListView<ExecutionView>>, ApiError> {
    let asked = OF_TASK.ask(&app, &acting, args)?.below(&id);
    let task = tasks::seen(&app, &acting, &id).await?;
    let page = app.engine.executions_of(&task, &asked.request).await?;
    let shown = InList {
        output: asked.flag(INCLUDE_OUTPUT) || asked.names("output"),
        globals: asked.names("published_global"),
    };
    asked.answer(&app, &headers, &page, |it| {
        Ok(ExecutionView::listed(it, shown))
    })
}

/// `GET /v2/executions/{id}`: one, with its custom context.
async fn get(
    State(app): State<App>,
    acting: Acting,
    Path(id): Path,
    args: QueryArgs,
) -> Result<Answer<Shown<ExecutionView>>, ApiError> {
    let fields = LISTABLE.fields_of_one(args)?;
    let execution = seen(&app, &acting, &id).await?;
    let context = app.engine.execution_context(&acting.op, &execution).await?;
    let view = ExecutionView::single(&execution, context.as_ref());
    Ok(Answer(Shown::new(view, fields.as_deref())?))
}

/// `PUT /v2/executions/{id}`: another state, or other words about it.
async fn update(
    State(app): State<App>,
    Acting { op, .. }: Acting,
    Path(id): Path,
    Json(body): Json<UpdateExecutionBody>,
) -> Result<Answer<ExecutionView>, ApiError> {
    let id = parse_id(&id)?;
    let update = body.into_domain()?;
    let execution = app.engine.update_execution(&op, id, update).await?;
    Ok(Answer(ExecutionView::changed(&execution)))
}

/// `DELETE /v2/executions/{id}`: one goes, with all below it.
async fn delete(
    State(app): State<App>,
    Acting { op, .. }: Acting,
    Path(id): Path,
    mut args: QueryArgs,
) -> Result<StatusCode, ApiError> {
    let force = args.take_flag("force")?;
    args.finish()?;
    app.engine
        .delete_execution(&op, parse_id(&id)?, force)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v2/executions/{id}/executions`: it and all below it.
async fn sub_executions(
    State(app): State<App>,
    acting: Acting,
    Path(id): Path,
    mut args: QueryArgs,
) -> Result<Answer<SubExecutionsView>, ApiError> {
    let request = tree(&mut args)?;
    let output = args.take_flag(INCLUDE_OUTPUT)?;
    args.finish()?;
    let execution = seen(&app, &acting, &id).await?;
    let found = app
        .engine
        .sub_executions(execution, request, output)
        .await?;
    Ok(Answer(all(&found, output)))
}

/// `GET /v2/tasks/{id}/executions`: all below a task.
async fn sub_executions_of_task(
    State(app): State<App>,
    acting: Acting,
    Path(id): Path,
    mut args: QueryArgs,
) -> Result<Answer<SubExecutionsView>, ApiError> {
    let request = tree(&mut args)?;
    let output = args.take_flag(INCLUDE_OUTPUT)?;
    args.finish()?;
    let task = tasks::seen(&app, &acting, &id).await?;
    let found = app.engine.sub_executions_of(&task, request, output).await?;
    Ok(Answer(all(&found, output)))
}

fn all(executions: &[WorkflowExecution], output: bool) -> SubExecutionsView {
    let shown = InList {
        output,
        globals: false,
    };
    let executions = executions.iter();
    SubExecutionsView {
        executions: executions
            .map(|it| ExecutionView::listed(it, shown))
            .collect(),
    }
}

/// `GET /v2/executions/{id}/report`: what became of it.
async fn report(
    State(app): State<App>,
    acting: Acting,
    Path(id): Path,
    mut args: QueryArgs,
) -> Result<Answer<ReportView>, ApiError> {
    let request = tree(&mut args)?;
    let statistics_only = args.take_flag("statistics_only")?;
    args.finish()?;
    let execution = seen(&app, &acting, &id).await?;
    let report = app
        .engine
        .report(&execution, request, !statistics_only)
        .await?;
    Ok(Answer(report.into()))
}

fn tree(args: &mut QueryArgs) -> Result<TreeRequest, ApiError> {
    let errors_only = args.take_flag(ERRORS_ONLY.0)?;
    let max_depth = match args.take(MAX_DEPTH.0).filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => {
            let depth: i64 = text.parse().map_err(|_| {
                ApiError::bad_request(format!(
                    "max_depth: must be a whole number, not \"{text}\"."
                ))
            })?;
            u32::try_from(depth).ok()
        }
    };
    Ok(TreeRequest {
        errors_only,
        max_depth,
    })
}

/// The execution that a path names, if the caller sees it.
pub(super) async fn seen(
    app: &App,
    Acting { op, caller }: &Acting,
    id: &str,
) -> Result<WorkflowExecution, ApiError> {
    let sight = app.sight(caller, Rule::ExecutionsListAllProjects);
    Ok(app.engine.execution(op, parse_id(id)?, sight).await?)
}

/// An id that is none is unknown like any other.
fn parse_id(text: &str) -> Result<WorkflowExecutionId, ApiError> {
    text.parse()
        .map_err(|_| ApiError::not_found(format!("WorkflowExecution not found [id={text}]")))
}

/// What is given; an empty text is nothing, as Mistral's clients mean it.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

impl StartExecutionBody {
    fn into_domain(self, headers: &HeaderMap, caller: &Caller) -> Result<StartExecution, ApiError> {
        let id = given(self.id).map(|id| {
            id.parse()
                .map_err(|_| ApiError::bad_request(format!("id: must be a UUID, not \"{id}\".")))
        });
        let source = given(self.source_execution_id).map(|id| parse_id(&id));
        let namespace = self.workflow_namespace.unwrap_or_default();
        let namespace = Namespace::parse(&namespace)
            .map_err(|bad| ApiError::bad_request(format!("workflow_namespace: {bad}.")))?;
        let unknown = |named: &str| {
            ApiError::not_found(format!(
                "Workflow not found [workflow_identifier={named}, namespace={namespace}]"
            ))
        };
        let workflow = match (given(self.workflow_id), given(self.workflow_name)) {
            (Some(id), _) => Some(WorkflowRef::Id(id.parse().map_err(|_| unknown(&id))?)),
            (None, Some(name)) => {
                let parsed = WorkflowName::parse(&name).map_err(|_| unknown(&name))?;
                Some(WorkflowRef::Name(parsed, namespace))
            }
            (None, None) => None,
        };
        let (id, source) = (id.transpose()?, source.transpose()?);
        if workflow.is_none() && source.is_none() && id.is_none() {
            return Err(ApiError::bad_request(
                "Workflow ID or workflow name must be provided. Workflow ID is recommended.",
            ));
        }
        let target = Target::of_request(headers, self.custom_context, caller)?;
        Ok(StartExecution {
            id,
            workflow,
            source_execution_id: source,
            input: self.input.map(|input| input.0),
            params: self.params.map(|params| params.0),
            description: given(self.description),
            custom_context: target.custom_context,
            target: target.cloud,
        })
    }
}

impl UpdateExecutionBody {
    fn into_domain(self) -> Result<UpdateExecution, ApiError> {
        let env = self.params.map(env).transpose()?.flatten();
        let description = given(self.description);
        let Some(wished) = given(self.state) else {
            if description.is_none() && env.is_none() {
                return Err(ApiError::bad_request(
                    "The property state, description, or env is not provided for update.",
                ));
            }
            return Ok(UpdateExecution::Describe(description, env));
        };
        if description.is_some() {
            return Err(ApiError::bad_request(
                "The property description must be updated separately from state.",
            ));
        }
        let state = wished.parse::<RunState>().ok();
        if env.is_some() && state != Some(RunState::Running) {
            return Err(ApiError::bad_request(
                "The property env can only be updated when workflow execution is not running or on resume from pause.",
            ));
        }
        match state {
            Some(RunState::Paused) => Ok(UpdateExecution::Pause),
            Some(RunState::Running) => Ok(UpdateExecution::Resume(env)),
            Some(state @ (RunState::Success | RunState::Error | RunState::Cancelled)) => {
                Ok(UpdateExecution::Stop(state, given(self.state_info)))
            }
            Some(RunState::Idle | RunState::Waiting | RunState::Delayed | RunState::Skipped)
            | None => Err(ApiError::bad_request(format!(
                "Cannot change state to {wished}. Allowed states are: 'RUNNING, PAUSED, SUCCESS, ERROR, CANCELLED"
            ))),
        }
    }
}

/// The `env` of params; nothing else of them can be changed.
fn env(JsonObject(mut params): JsonObject) -> Result<Option<Map<String, Value>>, ApiError> {
    let env = match params.remove("env") {
        None | Some(Value::Null) => None,
        Some(Value::Object(env)) => Some(env),
        Some(_) => {
            return Err(ApiError::bad_request(
                "params.env: must be an object of variables.",
            ));
        }
    };
    match params.keys().next() {
        None => Ok(env.filter(|env| !env.is_empty())),
        Some(name) => Err(ApiError::bad_request(format!(
            "params.{name}: cannot be changed, only params.env."
        ))),
    }
}

#[cfg(test)]
mod tests;
