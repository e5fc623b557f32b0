//! What executions look like on the wire, beside answers of a real Mistral; what is refused.

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::*;
use crate::{
    api::tests::{caller, shape},
    domain::{CustomContext, JsonText, State, TaskKind, samples},
    engine::{ExecutionEntry, Report, ReportEntry, TaskCounts, TaskEntry},
};

macro_rules! recorded {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!(
            "../../../../../tests/fixtures/answers/",
            $name,
            ".json"
        )))
        .unwrap()
    };
}

fn shown(view: &impl serde::Serialize) -> Value {
    serde_json::to_value(view).unwrap()
}

fn ended() -> WorkflowExecution {
    let text = |text: &str| JsonText::parse(text).unwrap();
    WorkflowExecution {
        state: State::Error,
        state_info: Some("why".to_owned()),
        description: Some("hi".to_owned()),
        tags: vec!["blue".to_owned()],
        output: Some(text(r#"{"result": 1}"#)),
        published_global: text(r#"{"g": 7}"#),
        updated_at: Some(samples::NOW),
        ..samples::execution("p")
    }
}

#[test]
fn an_execution_has_mistrals_members_in_each_answer() {
    let mut started = samples::execution("p");
    started.description = Some("hi".to_owned());
    started.tags = vec!["blue".to_owned()];
    started.updated_at = Some(samples::NOW);
    assert_eq!(
        shape(&shown(&ExecutionView::changed(&started))),
        shape(&recorded!("execution_created"))
    );
    let ended = ended();
    assert_eq!(
        shape(&shown(&ExecutionView::single(&ended, None))),
        shape(&recorded!("execution"))
    );
    let listed = ExecutionView::listed(&ended, InList::default());
    assert_eq!(
        shape(&shown(&listed)),
        shape(&recorded!("executions")["executions"][0])
    );
}

#[test]
fn one_that_runs_has_an_empty_output_and_a_sub_workflow_tells_where_it_hangs() {
    let above = samples::execution("p");
    let view = shown(&ExecutionView::changed(&above));
    assert_eq!(view["output"], "{}");
    assert_eq!(view["created_at"], "2025-11-22 04:01:41");
    assert_eq!(view["root_execution_id"], Value::Null);
    let task = samples::task(&above, "sub", TaskKind::Workflow);
    let below = samples::sub_execution(&above, &task);
    let view = shown(&ExecutionView::listed(&below, InList::default()));
    assert_eq!(view["task_execution_id"], task.id.to_string());
    assert_eq!(view["root_execution_id"], above.id.to_string());
    let below = recorded!("sub_executions")["executions"][1].clone();
    assert_eq!(
        view.as_object().unwrap().len(),
        below.as_object().unwrap().len()
    );
}

#[test]
fn every_member_can_be_chosen_and_only_a_single_one_shows_the_custom_context() {
    let context = CustomContext::from_json(r#"{"key": "value"}"#.to_owned());
    let execution = WorkflowExecution {
        source_execution_id: Some(WorkflowExecutionId::generate()),
        ..ended()
    };
    let view = shown(&ExecutionView::single(&execution, Some(&context)));
    assert_eq!(view["custom_context"], r#"{"key": "value"}"#);
    let members = view.as_object().unwrap().keys();
    let mut members: Vec<&str> = members.map(String::as_str).collect();
    members.retain(|name| *name != "custom_context");
    members.sort_unstable();
    let mut fields = LISTABLE.fields();
    fields.sort_unstable();
    assert_eq!(members, fields);
    let everything = InList {
        output: true,
        globals: true,
    };
    let view = shown(&ExecutionView::listed(&execution, everything));
    assert_eq!(view.get("custom_context"), None);
}

fn entry(name: &str) -> ReportEntry {
    ReportEntry {
        id: WorkflowExecutionId::generate().uuid(),
        name: name.to_owned(),
        state: State::Error,
        state_info: Some("why".to_owned()),
        created_at: samples::NOW,
        updated_at: Some(samples::NOW),
    }
}

#[test]
fn a_report_has_mistrals_members() {
    let task = TaskEntry {
        entry: entry("tried"),
        retries: 1,
        actions: vec![(entry("std.fail"), true)],
        executions: vec![ExecutionEntry {
            entry: entry("leaf"),
            tasks: None,
        }],
    };
    let report = |root| {
        shown(&ReportView::from(Report {
            counts: TaskCounts {
                error: 1,
                ..TaskCounts::default()
            },
            estimated_secs: 0,
            root,
        }))
    };
    let whole = report(Some(ExecutionEntry {
        entry: entry("main"),
        tasks: Some(vec![task]),
    }));
    let recorded = recorded!("report");
    assert_eq!(shape(&whole["statistics"]), shape(&recorded["statistics"]));
    assert_eq!(whole["statistics"]["total_tasks_count"], 1);
    let (ours, theirs) = (
        &whole["root_workflow_execution"],
        &recorded["root_workflow_execution"],
    );
    let names = |value: &Value| {
        let names = value.as_object().unwrap().keys().cloned();
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(ours), names(theirs));
    let (ours, theirs) = (&ours["task_executions"][0], &theirs["task_executions"][2]);
    assert_eq!(names(ours), names(theirs));
    assert_eq!(
        shape(&ours["action_executions"][0])
            .as_object()
            .map(serde_json::Map::len),
        shape(&theirs["action_executions"][0])
            .as_object()
            .map(serde_json::Map::len)
    );
    // As Mistral shows what is below `max_depth`.
    let below = &ours["workflow_executions"][0];
    assert_eq!(below.get("task_executions"), None);
    assert_eq!(shape(&report(None)), shape(&recorded!("report_statistics")));
}

fn update(body: Value) -> Result<UpdateExecution, String> {
    let body: UpdateExecutionBody = serde_json::from_value(body).unwrap();
    body.into_domain()
        .map_err(|refusal| refusal.message().to_owned())
}

#[test]
fn what_an_execution_can_become_is_what_mistral_lets_it() {
    for (body, expected) in [
        (json!({"state": "PAUSED"}), "Pause"),
        (json!({"state": "RUNNING"}), "Resume(None)"),
        (
            json!({"state": "RUNNING", "params": {"env": {"a": 1}}}),
            "Resume(Some",
        ),
        (
            json!({"state": "RUNNING", "params": "{\"env\": {}}"}),
            "Resume(None)",
        ),
        (
            json!({"state": "CANCELLED", "state_info": "stop"}),
            "Stop(Cancelled, Some",
        ),
        (
            json!({"state": "ERROR", "description": ""}),
            "Stop(Error, None)",
        ),
        (json!({"description": "new"}), "Describe(Some"),
        (json!({"params": {"env": {"a": 1}}}), "Describe(None, Some"),
    ] {
        let update = format!("{:?}", update(body.clone()).unwrap());
        assert!(update.starts_with(expected), "{body}: {update}");
    }
}

#[test]
fn what_it_cannot_become_is_refused_in_mistrals_words() {
    for (body, words) in [
        (
            json!({}),
            "The property state, description, or env is not provided for update.",
        ),
        (
            json!({"description": "new", "state": "ERROR"}),
            "The property description must be updated separately from state.",
        ),
        (
            json!({"state": "PAUSED", "params": {"env": {"a": 1}}}),
            "The property env can only be updated when workflow execution is not running or on resume from pause.",
        ),
        (
            json!({"state": "IDLE"}),
            "Cannot change state to IDLE. Allowed states are: 'RUNNING, PAUSED, SUCCESS, ERROR, CANCELLED",
        ),
        (
            json!({"state": "RUNNING", "params": {"env": "prod"}}),
            "params.env: must be an object of variables.",
        ),
        (
            json!({"params": {"task_name": "t"}}),
            "params.task_name: cannot be changed, only params.env.",
        ),
    ] {
        assert_eq!(update(body).unwrap_err(), words);
    }
}

fn start(body: Value, headers: &HeaderMap) -> Result<StartExecution, String> {
    let body: StartExecutionBody = serde_json::from_value(body).unwrap();
    body.into_domain(headers, &caller())
        .map_err(|refusal| refusal.message().to_owned())
}

#[test]
fn a_start_says_which_workflow_and_keeps_the_target_cloud_apart() {
    let none = HeaderMap::new();
    let by_name = json!({"workflow_name": "w", "workflow_namespace": "n", "description": ""});
    let by_name = start(by_name, &none).unwrap();
    assert!(matches!(by_name.workflow, Some(WorkflowRef::Name(..))));
    assert_eq!(by_name.description, None);
    assert!(by_name.input.is_none() && by_name.target.is_none());
    let id = WorkflowExecutionId::generate().to_string();
    let by_id = start(json!({"workflow_id": id, "workflow_name": "w"}), &none).unwrap();
    assert!(matches!(by_id.workflow, Some(WorkflowRef::Id(_))));
    let again = start(json!({"source_execution_id": id, "description": ""}), &none).unwrap();
    assert!(again.source_execution_id.is_some() && again.workflow.is_none());
    let auth = json!({"auth_url": "http://k:5000/v3", "auth_token": "s3cret"});
    let context = json!({"key": "value", "os.auth": auth});
    let elsewhere = json!({"workflow_name": "w", "custom_context": context});
    let elsewhere = start(elsewhere, &none).unwrap();
    assert!(elsewhere.target.is_some());
    assert_eq!(
        elsewhere.custom_context.unwrap().expose(),
        r#"{"key":"value"}"#
    );
}

#[test]
fn a_start_that_is_wrong_is_refused_by_name() {
    let id = WorkflowExecutionId::generate().to_string();
    let nowhere =
        json!({"workflow_name": "w", "custom_context": {"os.auth": {"auth_token": "s3cret"}}});
    for (body, words) in [
        (
            json!({"input": {}}),
            "Workflow ID or workflow name must be provided. Workflow ID is recommended.",
        ),
        (
            json!({"workflow_name": "w", "id": "x"}),
            "id: must be a UUID, not \"x\".",
        ),
        (
            json!({"workflow_id": "x"}),
            "Workflow not found [workflow_identifier=x, namespace=]",
        ),
        (
            json!({"source_execution_id": "x"}),
            "WorkflowExecution not found [id=x]",
        ),
    ] {
        assert_eq!(start(body, &HeaderMap::new()).unwrap_err(), words);
    }
    let refusal = start(nowhere, &HeaderMap::new()).unwrap_err();
    assert!(
        refusal.contains("os.auth") && !refusal.contains("s3cret"),
        "{refusal}"
    );
    let mut headers = HeaderMap::new();
    headers.insert("x-target-auth-token", "s3cret".parse().unwrap());
    let refusal = start(json!({"workflow_id": id}), &headers).unwrap_err();
    assert!(refusal.starts_with("X-Target-Auth-Uri"), "{refusal}");
}

#[test]
fn a_part_of_a_tree_is_asked_for_as_mistrals_client_does() {
    let tree = |query: &str| {
        let request = tree(&mut QueryArgs::parse(query));
        request.map(|it| (it.errors_only, it.max_depth))
    };
    for (query, expected) in [
        ("", (false, None)),
        ("max_depth=-1&errors_only=", (false, None)),
        ("max_depth=0&errors_only=True", (true, Some(0))),
        ("max_depth=3", (false, Some(3))),
    ] {
        assert_eq!(tree(query).unwrap(), expected, "{query}");
    }
    assert!(
        tree("max_depth=deep")
            .unwrap_err()
            .message()
            .contains("max_depth")
    );
}
