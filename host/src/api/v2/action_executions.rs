//! Action executions: run an action, look at its runs, complete or cancel them.

use axum::{
    Json as Answer,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde_json::{Map, Value};

mod list;
mod view;

use self::list::{INCLUDE_OUTPUT, LISTABLE, OF_TASK};
pub use self::view::{
    ActionExecutionView, LogLineView, LogView, RequestView, RequestsView, StartActionBody,
    UpdateActionBody,
};

use super::definitions::parse_namespace;
use crate::{
    api::{
        App,
        doc::Doc,
        error::ApiError,
        extract::{Acting, Json, Path, PathPair, QueryArgs},
        list::{ListView, python_list},
        routes::Routes,
        target::Target,
        v2::tasks,
    },
    auth::Caller,
    domain::{ActionExecutionId, ActionName, JsonText, Params, State as RunState},
    engine::{StartAction, UpdateAction},
    policy::Rule,
};

/// The states that a caller may wish for.
const WISHES: &[RunState] = &[
    RunState::Success,
    RunState::Error,
    RunState::Cancelled,
    RunState::Paused,
    RunState::Running,
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
        .list(
            Rule::ActionExecutionsList,
            &LISTABLE,
            Doc::new("Lists action executions, oldest first.").lists::<ActionExecutionView>(),
            list,
        )
        .get(
            "/v2/action_executions/{id}",
            Rule::ActionExecutionsGet,
            Doc::new("Shows an action execution.")
                .all_projects(Rule::ActionExecutionsListAllProjects)
                .answers::<ActionExecutionView>(OK),
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
        .list(
            Rule::ActionExecutionsList,
            &OF_TASK,
            Doc::new("Lists the runs of actions that a task began, oldest first.")
                .lists::<ActionExecutionView>(),
            list_of_task,
        )
        .get(
            "/v2/tasks/{id}/action_executions/{action_execution_id}",
            Rule::ActionExecutionsGet,
            Doc::new("Shows one of the runs of actions that a task began.")
                .all_projects(Rule::ActionExecutionsListAllProjects)
                .answers::<ActionExecutionView>(OK),
            get_of_task,
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
    // The headers are slices of the connection's read buffer: a waiting run would keep it.
    drop(headers);
    let started = app.engine.start_action(&op, start).await?;
    let view = ActionExecutionView::started(&started.execution, started.is_saved);
    Ok((StatusCode::CREATED, Answer(view)))
}

/// `GET /v2/action_executions`: a page of them.
async fn list(
    State(app): State<App>,
    acting: Acting,
    headers: HeaderMap,
    args: QueryArgs,
) -> Result<Answer<ListView<ActionExecutionView>>, ApiError> {
    let asked = LISTABLE.ask(&app, &acting, args)?;
    let page = app.engine.action_executions(&asked.request).await?;
    let shows_output = asked.flag(INCLUDE_OUTPUT) || asked.names("output");
    asked.answer(&app, &headers, &page, |execution| {
        Ok(ActionExecutionView::listed(execution, shows_output))
    })
}

/// `GET /v2/action_executions/{id}`: one, with its custom context.
async fn get(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    Path(id): Path,
) -> Result<Answer<ActionExecutionView>, ApiError> {
    let sight = app.sight(&caller, Rule::ActionExecutionsListAllProjects);
    let id = parse_id(&id)?;
    let execution = app.engine.action_execution(&op, id, sight).await?;
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

/// `GET /v2/tasks/{id}/action_executions`: a page of those that a task began.
async fn list_of_task(
    State(app): State<App>,
    acting: Acting,
    headers: HeaderMap,
    Path(id): Path,
    args: QueryArgs,
) -> Result<Answer<ListView<ActionExecutionView>>, ApiError> {
    let asked = OF_TASK.ask(&app, &acting, args)?.below(&id);
    let task = tasks::seen(&app, &acting, &id).await?;
    let request = &asked.request;
    let page = app.engine.action_executions_of(&task, request).await?;
    let shows_output = asked.flag(INCLUDE_OUTPUT) || asked.names("output");
    asked.answer(&app, &headers, &page, |execution| {
        Ok(ActionExecutionView::listed(execution, shows_output))
    })
}

/// `GET /v2/tasks/{id}/action_executions/{action_execution_id}`: one of those that a task began.
async fn get_of_task(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    PathPair(task, id): PathPair,
) -> Result<Answer<ActionExecutionView>, ApiError> {
    let sight = app.sight(&caller, Rule::ActionExecutionsListAllProjects);
    let execution = app
        .engine
        .action_execution(&op, parse_id(&id)?, sight)
        .await?;
    let of_task = execution.task.as_ref().map(|it| it.task_execution_id);
    if of_task.is_none() || of_task != task.parse().ok() {
        return Err(not_found(&id));
    }
    let context = app.engine.custom_context(&op, &execution)?;
    let view = ActionExecutionView::single(&execution, context.as_ref());
    Ok(Answer(view))
}

/// An id that is none is unknown like any other.
fn parse_id(text: &str) -> Result<ActionExecutionId, ApiError> {
    text.parse().map_err(|_| not_found(text))
}

fn not_found(id: &str) -> ApiError {
    ApiError::not_found(format!("ActionExecution not found [id={id}]"))
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
        let target = Target::of_request(headers, self.custom_context, caller)?;
        Ok(StartAction {
            name: ActionName::parse_any(&name).map_err(|_| {
                ApiError::bad_request(format!("Failed to find action [action_name={name}]"))
            })?,
            namespace: parse_namespace(self.workflow_namespace)?,
            input: self.input.map(|input| input.0).unwrap_or_default(),
            params,
            description: self.description,
            custom_context: target.custom_context,
            target: target.cloud,
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
            ("dry_run", Value::Bool(flag)) => parsed.dry_run = flag,
            ("audit", Value::Bool(flag)) => parsed.audit = flag,
            ("mutating_requests", Value::Number(number)) => {
                let number = number.as_u64();
                let number = number.ok_or_else(|| wrong("mutating_requests", "a whole number"))?;
                parsed.mutating_requests = Some(number);
            }
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
            ("save_result" | "run_sync" | "dry_run" | "audit", _) => {
                return Err(wrong(&name, "true or false"));
            }
            ("mutating_requests", _) => return Err(wrong("mutating_requests", "a whole number")),
            ("timeout", _) => return Err(wrong("timeout", "a number of seconds")),
            ("target", _) => return Err(wrong("target", "a string")),
            _ => {
                return Err(ApiError::bad_request(format!(
                    "params: unknown \"{name}\"; known are save_result, run_sync, timeout, dry_run, audit, \
                     mutating_requests, target."
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
            json!({ "save_result": true, "run_sync": false, "timeout": 1.5, "target": "x", "dry_run": true,
                "audit": true, "mutating_requests": 0 }),
        );
        assert_eq!(
            read.unwrap(),
            Params {
                save_result: true,
                run_sync: false,
                timeout_ms: Some(1500),
                mutating_requests: Some(0),
                dry_run: true,
                audit: true,
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
            (json!({ "dry_run": "yes" }), "params.dry_run"),
            (json!({ "audit": 1 }), "params.audit"),
            (
                json!({ "mutating_requests": -1 }),
                "params.mutating_requests",
            ),
            (
                json!({ "mutating_requests": true }),
                "params.mutating_requests",
            ),
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
