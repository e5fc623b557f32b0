//! Tasks: look at them, run them again, leave them out.

use axum::{
    Json as Answer,
    extract::State,
    http::{HeaderMap, StatusCode},
};

mod list;
mod view;

use self::list::{LISTABLE, OF_EXECUTION};
pub use self::view::{TaskView, UpdateTaskBody};

use crate::{
    api::{
        App,
        doc::Doc,
        error::ApiError,
        extract::{Acting, Json, Path, QueryArgs},
        list::{ListView, Shown},
        routes::Routes,
        target::Target,
        v2::executions,
    },
    auth::Caller,
    domain::{Sight, State as RunState, TargetCloud, TaskExecution, TaskExecutionId},
    engine::RerunTask,
    policy::Rule,
};

/// Adds the routes of tasks.
pub(super) fn routes(routes: Routes) -> Routes {
    const OK: StatusCode = StatusCode::OK;
    routes
        .list(
            Rule::TasksList,
            &LISTABLE,
            Doc::new("Lists tasks, oldest first.").lists::<TaskView>(),
            list,
        )
        .list(
            Rule::TasksList,
            &OF_EXECUTION,
            Doc::new("Lists the tasks of an execution, oldest first.").lists::<TaskView>(),
            list_of_execution,
        )
        .get(
            "/v2/tasks/{id}",
            Rule::TasksGet,
            Doc::new("Shows a task with its result.")
                .query(&[("fields", "the fields to show, separated by commas")])
                .all_projects(Rule::TasksListAllProjects)
                .answers::<TaskView>(OK),
            get,
        )
        .put(
            "/v2/tasks/{id}",
            Rule::TasksUpdate,
            Doc::new("Runs a task that ended in ERROR again, or takes it as skipped.")
                .target_headers()
                .takes::<UpdateTaskBody>()
                .answers::<TaskView>(OK),
            update,
        )
}

/// `GET /v2/tasks`: a page of them.
async fn list(
    State(app): State<App>,
    acting: Acting,
    headers: HeaderMap,
    args: QueryArgs,
) -> Result<Answer<ListView<TaskView>>, ApiError> {
    let asked = LISTABLE.ask(&app, &acting, args)?;
    let page = app.engine.tasks(&asked.request).await?;
    let shows_globals = asked.names("published_global");
    asked.answer(&app, &headers, &page, |task| {
        Ok(TaskView::listed(task, shows_globals))
    })
}

/// `GET /v2/executions/{id}/tasks`: a page of those of one execution.
async fn list_of_execution(
    State(app): State<App>,
    acting: Acting,
    headers: HeaderMap,
    Path(id): Path,
    args: QueryArgs,
) -> Result<Answer<ListView<TaskView>>, ApiError> {
    let asked = OF_EXECUTION.ask(&app, &acting, args)?.below(&id);
    let execution = executions::seen(&app, &acting, &id).await?;
    let page = app.engine.tasks_of(&execution, &asked.request).await?;
    let shows_globals = asked.names("published_global");
    asked.answer(&app, &headers, &page, |task| {
        Ok(TaskView::listed(task, shows_globals))
    })
}

/// `GET /v2/tasks/{id}`: one, with its result.
async fn get(
    State(app): State<App>,
    acting: Acting,
    Path(id): Path,
    args: QueryArgs,
) -> Result<Answer<Shown<TaskView>>, ApiError> {
    let fields = list::ONE.fields_of_one(args)?;
    let task = seen(&app, &acting, &id).await?;
    let result = app.engine.task_result(&task).await?;
    let view = TaskView::single(&task, result);
    Ok(Answer(Shown::new(view, fields.as_deref())?))
}

/// `PUT /v2/tasks/{id}`: it is run again, or left out.
async fn update(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    Path(id): Path,
    headers: HeaderMap,
    Json(body): Json<UpdateTaskBody>,
) -> Result<Answer<TaskView>, ApiError> {
    let id = parse_id(&id)?;
    let task = app.engine.task(&op, id, Sight::Project).await?;
    let task = match body.wish(&task, &headers, &caller)? {
        Wish::Rerun(rerun) => app.engine.rerun_task(&op, id, *rerun).await?,
        Wish::Skip(target) => {
            app.engine
                .skip_task(&op, id, target.map(|target| *target))
                .await?
        }
    };
    let result = app.engine.task_result(&task).await?;
    Ok(Answer(TaskView::changed(&task, result)))
}

/// The task that a path names, if the caller sees it.
pub(super) async fn seen(
    app: &App,
    Acting { op, caller }: &Acting,
    id: &str,
) -> Result<TaskExecution, ApiError> {
    let sight = app.sight(caller, Rule::TasksListAllProjects);
    Ok(app.engine.task(op, parse_id(id)?, sight).await?)
}

/// An id that is none is unknown like any other.
fn parse_id(text: &str) -> Result<TaskExecutionId, ApiError> {
    text.parse()
        .map_err(|_| ApiError::not_found(format!("Task execution not found [id={text}]")))
}

enum Wish {
    Rerun(Box<RerunTask>),
    Skip(Option<Box<TargetCloud>>),
}

impl UpdateTaskBody {
    /// What is wished of `task`, in the order in which Mistral finds faults.
    fn wish(
        self,
        task: &TaskExecution,
        headers: &HeaderMap,
        caller: &Caller,
    ) -> Result<Wish, ApiError> {
        let is_other =
            |given: &Option<String>, name: &str| given.as_ref().is_some_and(|given| given != name);
        if is_other(&self.name, &task.name) {
            return Err(ApiError::bad_request("Task name does not match."));
        }
        if is_other(&self.workflow_name, task.workflow_name.as_str()) {
            return Err(ApiError::bad_request("Workflow name does not match."));
        }
        let state = self.state.as_deref().and_then(|state| state.parse().ok());
        let Some(RunState::Running | RunState::Skipped) = state else {
            return Err(ApiError::bad_request(
                "Invalid task state. Only updating task to RUNNING or SKIPPED is supported.",
            ));
        };
        if task.state != RunState::Error {
            return Err(ApiError::bad_request(
                "The current task execution must be in ERROR for rerun. Only updating task to rerun is supported.",
            ));
        }
        let target = Target::of_request(headers, self.custom_context, caller)?;
        if target
            .custom_context
            .is_some_and(|rest| rest.expose() != "{}")
        {
            return Err(ApiError::bad_request(
                "custom_context: the execution keeps the one that it has; only \"os.auth\" is taken here.",
            ));
        }
        if state == Some(RunState::Skipped) {
            return Ok(Wish::Skip(target.cloud.map(Box::new)));
        }
        let Some(reset) = self.reset else {
            return Err(ApiError::bad_request(
                "Reset field is mandatory to rerun task.",
            ));
        };
        if !reset && task.items.is_none() {
            return Err(ApiError::bad_request(
                "Only with-items task has the option to not reset.",
            ));
        }
        Ok(Wish::Rerun(Box::new(RerunTask {
            reset,
            env: self.env.map(|env| env.0),
            target: target.cloud,
        })))
    }
}

#[cfg(test)]
mod tests;
