//! `GET /v2/executions/{id}/events`: what becomes of an execution, as server-sent events.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, stream};
use schemars::JsonSchema;
use serde::Serialize;
use tracing::error;

use super::parse_id;
use crate::{
    api::{
        App,
        error::ApiError,
        extract::{Acting, Path},
        json_text::time,
        v2::action_executions::{LogLineView, RequestView},
    },
    domain::{ActionExecution, TaskExecution, Timestamp, WorkflowExecution},
    engine::{Change, Told, Watch, Watched},
    policy::Rule,
    telemetry::Chain,
};

/// How often a listener hears that the host is there, when there is nothing else to tell.
const HEARTBEAT: Duration = Duration::from_secs(15);

const LAST_EVENT_ID: &str = "last-event-id";

/// An execution in another state.
#[derive(Serialize, JsonSchema)]
pub struct ExecutionEventView {
    id: String,
    workflow_name: String,
    /// The task that began it.
    task_execution_id: Option<String>,
    root_execution_id: Option<String>,
    state: &'static str,
    state_info: Option<String>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "String")]
    created_at: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    updated_at: Option<Timestamp>,
}

/// A task in another state.
#[derive(Serialize, JsonSchema)]
pub struct TaskEventView {
    id: String,
    name: String,
    /// ACTION or WORKFLOW.
    r#type: &'static str,
    workflow_name: String,
    workflow_execution_id: String,
    state: &'static str,
    state_info: Option<String>,
    /// How many items it has; null for a task without.
    items: Option<u32>,
    /// How often it was tried again.
    retries: u32,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    started_at: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    finished_at: Option<Timestamp>,
}

/// A run of an action in another state.
#[derive(Serialize, JsonSchema)]
pub struct ActionExecutionEventView {
    id: String,
    name: String,
    task_name: Option<String>,
    task_execution_id: Option<String>,
    workflow_execution_id: Option<String>,
    /// The place among the items of its task.
    index: Option<u32>,
    state: &'static str,
    state_info: Option<String>,
    accepted: bool,
    #[serde(serialize_with = "time")]
    #[schemars(with = "String")]
    created_at: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    updated_at: Option<Timestamp>,
}

/// What a run of an action logged.
#[derive(Serialize, JsonSchema)]
pub struct LogEventView {
    action_execution_id: String,
    line: LogLineView,
}

/// What a run of an action asked of its cloud.
#[derive(Serialize, JsonSchema)]
pub struct RequestEventView {
    action_execution_id: String,
    request: RequestView,
}

/// Tells of an execution until its end; `Last-Event-ID` goes on where another connection broke off.
pub(super) async fn events(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    Path(id): Path,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let sight = app.sight(&caller, Rule::ExecutionsListAllProjects);
    let since = since(&headers)?;
    let watch = app.engine.watch(&op, parse_id(&id)?, sight, since).await?;
    let heartbeat = KeepAlive::new().interval(HEARTBEAT);
    Ok(Sse::new(stream::unfold(watch, next)).keep_alive(heartbeat))
}

async fn next(mut watch: Watch) -> Option<(Result<Event, Infallible>, Watch)> {
    match watch.next().await {
        Ok(told) => Some((Ok(event(told?)), watch)),
        Err(source) => {
            // The listener comes again by itself, after the last event that it heard.
            error!(error = %Chain(&source), "an execution cannot be watched any more");
            None
        }
    }
}

fn since(headers: &HeaderMap) -> Result<Option<Timestamp>, ApiError> {
    let Some(id) = headers.get(LAST_EVENT_ID).filter(|id| !id.is_empty()) else {
        return Ok(None);
    };
    let ms = id.to_str().ok().and_then(|id| id.parse().ok());
    ms.map(|ms| Some(Timestamp::from_unix_ms(ms)))
        .ok_or_else(|| {
            ApiError::bad_request("Last-Event-ID: must be the id of an event, a whole number.")
        })
}

fn event(Told { what, upto }: Told) -> Event {
    let event = match what {
        Watched::Changed(Change::Execution(it)) => {
            json("execution", ExecutionEventView::from(&*it))
        }
        Watched::Changed(Change::Task(it)) => json("task", TaskEventView::from(&*it)),
        Watched::Changed(Change::ActionExecution(it)) => {
            json("action_execution", ActionExecutionEventView::from(&*it))
        }
        Watched::Log(id, line) => json(
            "log",
            LogEventView {
                action_execution_id: id.to_string(),
                line: line.into(),
            },
        ),
        Watched::Request(id, trace) => json(
            "request",
            RequestEventView {
                action_execution_id: id.to_string(),
                request: trace.into(),
            },
        ),
        Watched::Lagged => json("lagged", serde_json::Map::new()),
    };
    match upto {
        Some(time) => event.id(time.unix_ms().to_string()),
        None => event,
    }
}

fn json(name: &str, data: impl Serialize) -> Event {
    // JSON in one line; a view always serializes.
    let data = serde_json::to_string(&data).unwrap_or_default();
    Event::default().event(name).data(data)
}

impl From<&WorkflowExecution> for ExecutionEventView {
    fn from(it: &WorkflowExecution) -> Self {
        let parent = it.parent;
        Self {
            id: it.id.to_string(),
            workflow_name: it.workflow_name.to_string(),
            task_execution_id: parent.map(|parent| parent.task_execution_id.to_string()),
            root_execution_id: parent.map(|parent| parent.root_execution_id.to_string()),
            state: it.state.as_str(),
            state_info: it.state_info.clone(),
            created_at: Some(it.created_at),
            updated_at: it.updated_at,
        }
    }
}

impl From<&TaskExecution> for TaskEventView {
    fn from(it: &TaskExecution) -> Self {
        Self {
            id: it.id.to_string(),
            name: it.name.to_string(),
            r#type: it.kind.as_str(),
            workflow_name: it.workflow_name.to_string(),
            workflow_execution_id: it.execution_id.to_string(),
            state: it.state.as_str(),
            state_info: it.state_info.clone(),
            items: it.items.as_ref().map(|items| items.count),
            retries: it.policies.retries,
            started_at: it.started_at,
            finished_at: it.finished_at,
        }
    }
}

impl From<&ActionExecution> for ActionExecutionEventView {
    fn from(it: &ActionExecution) -> Self {
        let task = it.task.as_ref();
        Self {
            id: it.id.to_string(),
            name: it.name.to_string(),
            task_name: task.map(|task| task.task_name.to_string()),
            task_execution_id: task.map(|task| task.task_execution_id.to_string()),
            workflow_execution_id: task.map(|task| task.execution_id.to_string()),
            index: task.and_then(|task| task.index),
            state: it.state().as_str(),
            state_info: it.state_info.clone(),
            accepted: it.accepted,
            created_at: Some(it.created_at),
            updated_at: it.updated_at,
        }
    }
}
