//! Executions on the wire.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    api::{
        extract::JsonBody,
        json_text::{JsonObject, time},
    },
    domain::{CustomContext, JsonText, Timestamp, WorkflowExecution},
};

/// A wish to run a workflow.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartExecutionBody {
    /// The execution's id; one that exists is answered as it is, so that a lost answer can be asked for again.
    pub(super) id: Option<String>,
    /// The workflow's id.
    pub(super) workflow_id: Option<String>,
    /// The workflow's name.
    pub(super) workflow_name: Option<String>,
    /// The namespace in which the name is looked up first.
    pub(super) workflow_namespace: Option<String>,
    /// The workflow's input.
    pub(super) input: Option<JsonObject>,
    /// `env` (variables, or the name of an environment), `evaluate_env`, `task_name` (of a reverse workflow), …
    pub(super) params: Option<JsonObject>,
    /// A person's words about it.
    pub(super) description: Option<String>,
    /// The execution to repeat: what is not given is taken from it.
    pub(super) source_execution_id: Option<String>,
    /// The caller's private dict for every action of it; `os.auth` in it names the target cloud.
    pub(super) custom_context: Option<JsonObject>,
}

impl JsonBody for StartExecutionBody {
    const ARGUMENT: &'static str = "wf_ex";
}

/// What is to become of an execution.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateExecutionBody {
    /// Without effect: the path says which.
    #[expect(dead_code, reason = "clients send it")]
    id: Option<String>,
    /// PAUSED, RUNNING, SUCCESS, ERROR or CANCELLED.
    pub(super) state: Option<String>,
    /// Why, where it is to end.
    pub(super) state_info: Option<String>,
    /// Other words about it.
    pub(super) description: Option<String>,
    /// `env`: variables over those that it has.
    pub(super) params: Option<JsonObject>,
}

impl JsonBody for UpdateExecutionBody {
    const ARGUMENT: &'static str = "wf_ex";
}

/// What a list shows only where it is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shown {
    pub(super) output: bool,
    pub(super) globals: bool,
}

/// An execution as Mistral shows it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ExecutionView {
    id: String,
    workflow_id: String,
    workflow_name: String,
    workflow_namespace: String,
    /// Empty when there is none.
    description: String,
    tags: Vec<String>,
    /// A JSON object as text.
    #[schemars(with = "String")]
    params: JsonText,
    /// The task that began it.
    task_execution_id: Option<String>,
    /// The execution at the top.
    root_execution_id: Option<String>,
    /// The execution that it repeats; absent when it repeats none.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_execution_id: Option<String>,
    /// The state's name in capitals.
    state: &'static str,
    state_info: Option<String>,
    /// A JSON object as text.
    #[schemars(with = "String")]
    input: JsonText,
    /// A JSON object as text; absent in lists without `include_output`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    output: Option<JsonText>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    created_at: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    updated_at: Option<Timestamp>,
    project_id: String,
    /// A JSON object as text; of a single one, or where `fields` names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    published_global: Option<JsonText>,
    /// A JSON object as text; only when one is shown to its own project.
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_context: Option<String>,
}

impl ExecutionView {
    /// The answer to whoever started or changed it.
    pub(super) fn changed(execution: &WorkflowExecution) -> Self {
        Self {
            id: execution.id.to_string(),
            workflow_id: execution.workflow_id.to_string(),
            workflow_name: execution.workflow_name.to_string(),
            workflow_namespace: execution.workflow_namespace.to_string(),
            description: execution.description.clone().unwrap_or_default(),
            tags: execution.tags.clone(),
            params: execution.params.clone(),
            task_execution_id: execution
                .parent
                .map(|parent| parent.task_execution_id.to_string()),
            root_execution_id: execution
                .parent
                .map(|parent| parent.root_execution_id.to_string()),
            source_execution_id: execution.source_execution_id.map(|id| id.to_string()),
            state: execution.state.as_str(),
            state_info: execution.state_info.clone(),
            input: execution.input.clone(),
            output: Some(execution.output.clone().unwrap_or_else(no_output)),
            created_at: Some(execution.created_at),
            updated_at: execution.updated_at,
            project_id: execution.project_id.as_str().to_owned(),
            published_global: None,
            custom_context: None,
        }
    }

    /// As an item of a list.
    pub(super) fn listed(execution: &WorkflowExecution, shown: Shown) -> Self {
        let mut view = Self::changed(execution);
        view.output = view.output.filter(|_| shown.output);
        view.published_global = shown.globals.then(|| execution.published_global.clone());
        view
    }

    /// As one that is looked at.
    pub(super) fn single(execution: &WorkflowExecution, context: Option<&CustomContext>) -> Self {
        Self {
            published_global: Some(execution.published_global.clone()),
            custom_context: context.map(|context| context.expose().to_owned()),
            ..Self::changed(execution)
        }
    }
}

/// An execution and those below it.
#[derive(Serialize, JsonSchema)]
pub struct SubExecutionsView {
    pub(super) executions: Vec<ExecutionView>,
}

/// What one that has not ended shows as its output.
fn no_output() -> JsonText {
    JsonText::from_value(&Value::Object(Map::new()))
}
