//! Tasks on the wire.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    api::{
        extract::JsonBody,
        json_text::{JsonObject, time},
    },
    domain::{JsonText, TaskExecution, Timestamp},
};

/// A task that is to be run again, or left out.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateTaskBody {
    /// Without effect: the path says which.
    #[expect(dead_code, reason = "Mistral's clients send it")]
    id: Option<String>,
    /// The task's name, to be sure.
    pub(super) name: Option<String>,
    /// The workflow's name, to be sure.
    pub(super) workflow_name: Option<String>,
    /// RUNNING to run it again, SKIPPED to leave it out.
    pub(super) state: Option<String>,
    /// Whether all of its items are run again, or only those that failed.
    pub(super) reset: Option<bool>,
    /// Variables over those of the execution's environment.
    pub(super) env: Option<JsonObject>,
    /// `os.auth` alone: the target cloud, whose credentials the execution keeps only while it runs.
    pub(super) custom_context: Option<JsonObject>,
}

impl JsonBody for UpdateTaskBody {
    const ARGUMENT: &'static str = "task";
}

/// A task as Mistral shows it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TaskView {
    id: String,
    name: String,
    /// ACTION or WORKFLOW.
    r#type: &'static str,
    workflow_name: String,
    workflow_namespace: String,
    workflow_id: String,
    workflow_execution_id: String,
    tags: Vec<String>,
    /// The state's name in capitals.
    state: &'static str,
    state_info: Option<String>,
    project_id: String,
    /// A JSON object as text: what let it begin, its items, how often it was tried again.
    #[schemars(with = "String")]
    runtime_context: JsonText,
    /// JSON as text; of a single one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    result: Option<JsonText>,
    /// A JSON object as text.
    #[schemars(with = "String")]
    published: JsonText,
    /// A JSON object as text; of a single one that published something, or where `fields` names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    published_global: Option<JsonText>,
    processed: bool,
    #[serde(serialize_with = "time")]
    #[schemars(with = "String")]
    created_at: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    updated_at: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    started_at: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    finished_at: Option<Timestamp>,
}

impl TaskView {
    /// As an item of a list.
    pub(super) fn listed(task: &TaskExecution, shows_globals: bool) -> Self {
        Self {
            id: task.id.to_string(),
            name: task.name.to_string(),
            r#type: task.kind.as_str(),
            workflow_name: task.workflow_name.to_string(),
            workflow_namespace: task.workflow_namespace.to_string(),
            workflow_id: task.workflow_id.to_string(),
            workflow_execution_id: task.execution_id.to_string(),
            tags: task.tags.clone(),
            state: task.state.as_str(),
            state_info: task.state_info.clone(),
            project_id: task.project_id.as_str().to_owned(),
            runtime_context: runtime_context(task),
            result: None,
            published: task.published.clone(),
            published_global: shows_globals.then(|| task.published_global.clone()),
            processed: task.processed,
            created_at: Some(task.created_at),
            updated_at: task.updated_at,
            started_at: task.started_at,
            finished_at: task.finished_at,
        }
    }

    /// The answer to whoever changed it.
    pub(super) fn changed(task: &TaskExecution, result: JsonText) -> Self {
        Self {
            result: Some(result),
            ..Self::listed(task, false)
        }
    }

    /// As one that is looked at.
    pub(super) fn single(task: &TaskExecution, result: JsonText) -> Self {
        let published = task.published_global.to::<Map<String, Value>>();
        let has_globals = published.is_ok_and(|published| !published.is_empty());
        Self {
            result: Some(result),
            ..Self::listed(task, has_globals)
        }
    }
}

/// What Mistral keeps with a task while it runs.
pub(super) fn runtime_context(task: &TaskExecution) -> JsonText {
    let mut context = Map::new();
    if !task.inbound.is_empty() {
        let triggered_by: Vec<Value> = task
            .inbound
            .iter()
            .map(|inbound| {
                let id = inbound.task_execution_id.to_string();
                json!({ "task_id": id, "event": inbound.clause.as_ref() })
            })
            .collect();
        context.insert("triggered_by".to_owned(), triggered_by.into());
    }
    if let Some(items) = &task.items {
        let with_items = json!({ "capacity": items.concurrency, "count": items.count });
        context.insert("with_items".to_owned(), with_items);
    }
    if task.policies.retries > 0 {
        let retry = json!({ "retry_no": task.policies.retries });
        context.insert("retry_task_policy".to_owned(), retry);
    }
    JsonText::from_value(&Value::Object(context))
}
