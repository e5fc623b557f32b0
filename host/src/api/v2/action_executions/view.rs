//! Action executions on the wire.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::{
    api::{
        extract::JsonBody,
        json_text::{JsonObject, time},
    },
    domain::{
        ActionExecution, CustomContext, JournalPage, JsonText, LogLevel, LogLine, Params,
        RequestTrace, Timestamp,
    },
};

/// A wish to run an action.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartActionBody {
    /// The action: `prefix.verb`, or an ad-hoc one's name.
    pub(super) name: Option<String>,
    /// Its input.
    pub(super) input: Option<JsonObject>,
    /// A person's words about the run.
    pub(super) description: Option<String>,
    /// Where an ad-hoc action is looked for, before the default namespace.
    pub(super) workflow_namespace: Option<String>,
    /// `save_result`, `run_sync`, `timeout` in seconds, `dry_run` (only GET and HEAD go out; the output has the `plan`),
    /// `audit` (the output has the `access_rules` that the run needs, and the `denied` ones), `mutating_requests` (at
    /// most so many), `target` (without effect).
    pub(super) params: Option<JsonObject>,
    /// The caller's private dict; `os.auth` in it names the target cloud.
    pub(super) custom_context: Option<JsonObject>,
}

impl JsonBody for StartActionBody {
    const ARGUMENT: &'static str = "action_ex";
}

/// A state to go to.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateActionBody {
    /// SUCCESS, ERROR, CANCELLED, PAUSED or RUNNING.
    pub(super) state: Option<String>,
    /// The result, or the error data.
    pub(super) output: Option<JsonObject>,
}

impl JsonBody for UpdateActionBody {
    const ARGUMENT: &'static str = "action_ex";
}

/// An action execution as Mistral shows it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ActionExecutionView {
    /// Null for a run that is not saved.
    id: Option<String>,
    name: String,
    /// The state's name in capitals.
    state: &'static str,
    state_info: Option<String>,
    description: Option<String>,
    tags: Option<Vec<String>>,
    workflow_name: Option<String>,
    workflow_namespace: Option<String>,
    task_name: Option<String>,
    task_execution_id: Option<String>,
    project_id: Option<String>,
    accepted: Option<bool>,
    /// A JSON object as text.
    #[schemars(with = "String")]
    input: JsonText,
    /// `{"result": …}` as text, with `plan` beside it for `dry_run`, and `access_rules` and `denied` for `audit`; absent in lists without `include_output`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    output: Option<Option<JsonText>>,
    /// A JSON object as text.
    #[schemars(with = "Option<String>")]
    params: Option<JsonText>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    created_at: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    updated_at: Option<Timestamp>,
    /// A JSON object as text; only when one is shown to its own project.
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_context: Option<String>,
}

impl ActionExecutionView {
    /// The answer to whoever started or changed it.
    pub(super) fn started(execution: &ActionExecution, is_saved: bool) -> Self {
        let task = execution.task.as_ref();
        Self {
            id: is_saved.then(|| execution.id.to_string()),
            name: execution.name.as_str().to_owned(),
            state: execution.state().as_str(),
            state_info: execution.state_info.clone(),
            description: execution.description.clone(),
            tags: None,
            workflow_name: task.map(|task| task.workflow_name.to_string()),
            workflow_namespace: task
                .map(|task| task.workflow_namespace.to_string())
                .or_else(|| is_saved.then(String::new)),
            task_name: task.map(|task| task.task_name.to_string()),
            task_execution_id: task.map(|task| task.task_execution_id.to_string()),
            project_id: is_saved.then(|| execution.project_id.as_str().to_owned()),
            accepted: is_saved.then_some(execution.accepted),
            input: execution.input.clone(),
            output: Some(execution.output.clone()),
            params: is_saved.then(|| params_text(&execution.params)),
            created_at: is_saved.then_some(execution.created_at),
            updated_at: execution.updated_at.filter(|_| is_saved),
            custom_context: None,
        }
    }

    /// As an item of a list.
    pub(super) fn listed(execution: &ActionExecution, shows_output: bool) -> Self {
        let mut view = Self::started(execution, true);
        if !shows_output {
            view.output = None;
        }
        view
    }

    /// As one that is looked at.
    pub(super) fn single(execution: &ActionExecution, context: Option<&CustomContext>) -> Self {
        Self {
            custom_context: context.map(|context| context.expose().to_owned()),
            ..Self::started(execution, true)
        }
    }
}

/// `params` as the caller gave them, but for what has no effect.
pub(super) fn params_text(params: &Params) -> JsonText {
    let mut members = Map::new();
    for (name, is_set) in [
        ("save_result", params.save_result),
        ("run_sync", params.run_sync),
        ("dry_run", params.dry_run),
        ("audit", params.audit),
    ] {
        if is_set {
            members.insert(name.to_owned(), Value::Bool(true));
        }
    }
    if let Some(ms) = params.timeout_ms {
        let secs = std::time::Duration::from_millis(ms).as_secs_f64();
        let secs = if ms % 1000 == 0 {
            Value::from(ms / 1000)
        } else {
            Value::from(secs)
        };
        members.insert("timeout".to_owned(), secs);
    }
    if let Some(limit) = params.mutating_requests {
        members.insert("mutating_requests".to_owned(), limit.into());
    }
    JsonText::from_value(&Value::Object(members))
}

/// What a run logged.
#[derive(Serialize, JsonSchema)]
pub struct LogView {
    log: Vec<LogLineView>,
    /// Lines that were not kept because there were too many.
    dropped: u64,
}

/// One log line.
#[derive(Serialize, JsonSchema)]
pub struct LogLineView {
    #[serde(serialize_with = "time")]
    #[schemars(with = "String")]
    at: Option<Timestamp>,
    /// debug, info, warn or error.
    level: &'static str,
    message: String,
    /// An object; null when there are none.
    #[schemars(with = "Value")]
    fields: Option<Box<RawValue>>,
}

impl From<JournalPage> for LogView {
    fn from(page: JournalPage) -> Self {
        Self {
            log: page.log.into_iter().map(LogLineView::from).collect(),
            dropped: page.log_dropped,
        }
    }
}

impl From<LogLine> for LogLineView {
    fn from(line: LogLine) -> Self {
        Self {
            at: Some(line.at),
            level: match line.level {
                LogLevel::Debug => "debug",
                LogLevel::Info => "info",
                LogLevel::Warn => "warn",
                LogLevel::Error => "error",
            },
            message: line.message,
            // What a guest gave as fields and is no JSON is shown as the text that it is.
            fields: (!line.fields.is_empty())
                .then(|| {
                    RawValue::from_string(line.fields.clone())
                        .or_else(|_| serde_json::value::to_raw_value(&line.fields))
                        .ok()
                })
                .flatten(),
        }
    }
}

/// What a run asked of its cloud.
#[derive(Serialize, JsonSchema)]
pub struct RequestsView {
    requests: Vec<RequestView>,
    /// Requests that were not kept because there were too many.
    dropped: u64,
}

/// One request that the host made for a run.
#[derive(Serialize, JsonSchema)]
pub struct RequestView {
    #[serde(serialize_with = "time")]
    #[schemars(with = "String")]
    at: Option<Timestamp>,
    method: String,
    service_type: String,
    region: Option<String>,
    path: String,
    status: Option<u16>,
    error: Option<String>,
    duration_ms: u64,
    service_request_id: Option<String>,
}

impl From<JournalPage> for RequestsView {
    fn from(page: JournalPage) -> Self {
        Self {
            requests: page.requests.into_iter().map(RequestView::from).collect(),
            dropped: page.requests_dropped,
        }
    }
}

impl From<RequestTrace> for RequestView {
    fn from(trace: RequestTrace) -> Self {
        Self {
            at: Some(trace.at),
            method: trace.method,
            service_type: trace.service_type,
            region: trace.region,
            path: trace.path,
            status: trace.status,
            error: trace.error,
            duration_ms: trace.duration_ms,
            service_request_id: trace.service_request_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{
        ActionExecutionId, ActionName, Digest, NewActionExecution, Outcome, ProjectId,
    };

    fn execution() -> ActionExecution {
        let mut execution = ActionExecution::start(
            NewActionExecution {
                id: ActionExecutionId::generate(),
                project_id: ProjectId::new("p"),
                name: ActionName::parse("std.echo").unwrap(),
                digest: Digest::of(b""),
                input: JsonText::parse(r#"{"output": "hi"}"#).unwrap(),
                description: None,
                params: Params {
                    save_result: true,
                    ..Params::default()
                },
                is_idempotent: false,
                is_asynchronous: false,
                task: None,
                ad_hoc: None,
                request_id: "req-1".into(),
                custom_context: None,
                target: None,
            },
            Timestamp::from_unix_ms(1_763_784_101_900),
        );
        let done = Outcome::Done(JsonText::parse(r#""hi""#).unwrap());
        execution
            .complete(&done, Timestamp::from_unix_ms(1_763_784_102_000))
            .unwrap();
        execution
    }

    #[test]
    fn an_unsaved_run_has_neither_id_nor_times() {
        let view = serde_json::to_value(ActionExecutionView::started(&execution(), false)).unwrap();
        assert_eq!(
            view,
            json!({
                "id": null, "name": "std.echo", "state": "SUCCESS", "state_info": null, "description": null,
                "tags": null, "workflow_name": null, "workflow_namespace": null, "task_name": null,
                "task_execution_id": null, "project_id": null, "accepted": null,
                "input": "{\"output\": \"hi\"}", "output": "{\"result\": \"hi\"}", "params": null,
                "created_at": null, "updated_at": null
            })
        );
    }

    #[test]
    fn a_saved_run_has_mistrals_times_and_params() {
        let view = serde_json::to_value(ActionExecutionView::started(&execution(), true)).unwrap();
        assert_eq!(view["created_at"], "2025-11-22 04:01:41");
        assert_eq!(
            view["params"].as_str().unwrap().replace(' ', ""),
            r#"{"save_result":true}"#
        );
        assert_eq!(view["project_id"], "p");
        assert_eq!(view["accepted"], true);
        let mut names: Vec<&str> = view
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        names.sort_unstable();
        let mut fields = super::super::list::LISTABLE.fields();
        fields.sort_unstable();
        assert_eq!(names, fields);
    }

    #[test]
    fn a_list_leaves_the_output_out() {
        let view = serde_json::to_value(ActionExecutionView::listed(&execution(), false)).unwrap();
        assert_eq!(view.get("output"), None);
    }

    #[test]
    fn only_a_single_one_shows_the_custom_context() {
        let context = CustomContext::from_json(r#"{"key": "value"}"#.to_owned());
        let view = ActionExecutionView::single(&execution(), Some(&context));
        assert_eq!(
            serde_json::to_value(view).unwrap()["custom_context"],
            r#"{"key": "value"}"#
        );
        let view = ActionExecutionView::started(&execution(), true);
        assert_eq!(
            serde_json::to_value(view).unwrap().get("custom_context"),
            None
        );
    }

    #[test]
    fn fields_of_a_log_line_are_an_object_and_never_break_the_answer() {
        let line = |fields: &str| {
            serde_json::to_value(LogLineView::from(LogLine {
                at: Timestamp::from_unix_ms(0),
                level: LogLevel::Warn,
                message: "m".to_owned(),
                fields: fields.to_owned(),
            }))
            .unwrap()
        };
        assert_eq!(line(r#"{"a":1}"#)["fields"], json!({ "a": 1 }));
        assert_eq!(line("")["fields"], Value::Null);
        assert_eq!(line("{")["fields"], "{");
    }
}
