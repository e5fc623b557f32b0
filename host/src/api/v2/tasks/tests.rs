//! What tasks look like on the wire, beside answers of a real Mistral; what is refused.

use serde_json::{Value, json};

use super::*;
use crate::{
    api::tests::{caller, shape},
    domain::{Inbound, Items, JsonText, State, TaskKind, samples},
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

fn json_text(text: &str) -> JsonText {
    JsonText::parse(text).unwrap()
}

fn ended() -> TaskExecution {
    let execution = samples::execution("p");
    TaskExecution {
        state: State::Success,
        published_global: json_text(r#"{"g": 7}"#),
        processed: true,
        finished_at: Some(samples::NOW),
        updated_at: Some(samples::NOW),
        ..samples::task(&execution, "t", TaskKind::Action)
    }
}

fn failed() -> TaskExecution {
    TaskExecution {
        state: State::Error,
        ..ended()
    }
}

#[test]
fn a_task_has_mistrals_members_in_each_answer() {
    let task = ended();
    assert_eq!(
        shape(&shown(&TaskView::single(&task, json_text("1")))),
        shape(&recorded!("task"))
    );
    assert_eq!(
        shape(&shown(&TaskView::listed(&task, false))),
        shape(&recorded!("tasks")["tasks"][0])
    );
    // One that published nothing for all has no such member.
    let silent = TaskExecution {
        published_global: json_text("{}"),
        ..ended()
    };
    let view = shown(&TaskView::single(&silent, json_text("1")));
    assert_eq!(view.get("published_global"), None);
}

#[test]
fn every_member_can_be_chosen() {
    let view = shown(&TaskView::single(&ended(), json_text("1")));
    let members = view.as_object().unwrap().keys();
    let mut members: Vec<&str> = members.map(String::as_str).collect();
    members.sort_unstable();
    let mut fields = list::ONE.fields();
    fields.sort_unstable();
    assert_eq!(members, fields);
}

#[test]
fn what_a_task_keeps_in_mind_is_shown_in_mistrals_form() {
    let mut task = ended();
    assert_eq!(view::runtime_context(&task).as_str(), "{}");
    let above = samples::task(&samples::execution("p"), "above", TaskKind::Action);
    task.inbound = vec![Inbound {
        task_execution_id: above.id,
        clause: "on-success".into(),
        is_late: false,
    }];
    task.items = Some(Items {
        count: 2,
        concurrency: None,
        next: 2,
    });
    task.policies.retries = 1;
    let expected = json!({
        "triggered_by": [{"task_id": above.id.to_string(), "event": "on-success"}],
        "with_items": {"capacity": null, "count": 2},
        "retry_task_policy": {"retry_no": 1},
    });
    assert_eq!(
        view::runtime_context(&task).to::<Value>().unwrap(),
        expected
    );
}

fn wish(body: Value, task: &TaskExecution) -> Result<Wish, String> {
    let body: UpdateTaskBody = serde_json::from_value(body).unwrap();
    body.wish(task, &HeaderMap::new(), &caller())
        .map_err(|refusal| refusal.message().to_owned())
}

#[test]
fn a_failed_task_is_run_again_or_left_out() {
    let auth = json!({"auth_url": "http://k:5000/v3", "auth_token": "s3cret"});
    let body = json!({
        "id": "x", "name": "t", "workflow_name": "main", "state": "RUNNING", "reset": true,
        "env": "{\"a\": 1}", "custom_context": {"os.auth": auth},
    });
    let Ok(Wish::Rerun(rerun)) = wish(body, &failed()) else {
        panic!("it is not run again");
    };
    assert!(rerun.reset && rerun.target.is_some());
    assert_eq!(rerun.env.unwrap()["a"], 1);
    let skip = wish(json!({"state": "SKIPPED"}), &failed());
    assert!(matches!(skip, Ok(Wish::Skip(None))));
    let mut with_items = failed();
    with_items.items = Some(Items {
        count: 2,
        concurrency: None,
        next: 2,
    });
    let resumed = wish(json!({"state": "RUNNING", "reset": false}), &with_items);
    assert!(matches!(resumed, Ok(Wish::Rerun(rerun)) if !rerun.reset));
}

#[test]
fn what_is_not_allowed_is_refused_in_mistrals_words() {
    let rerun = json!({"state": "RUNNING", "reset": true});
    for (body, task, words) in [
        (
            json!({"name": "zz", "state": "RUNNING"}),
            failed(),
            "Task name does not match.",
        ),
        (
            json!({"workflow_name": "zz", "state": "RUNNING"}),
            failed(),
            "Workflow name does not match.",
        ),
        (
            json!({"state": "ERROR"}),
            failed(),
            "Invalid task state. Only updating task to RUNNING or SKIPPED is supported.",
        ),
        (
            rerun,
            ended(),
            "The current task execution must be in ERROR for rerun. Only updating task to rerun is supported.",
        ),
        (
            json!({"state": "RUNNING"}),
            failed(),
            "Reset field is mandatory to rerun task.",
        ),
        (
            json!({"state": "RUNNING", "reset": false}),
            failed(),
            "Only with-items task has the option to not reset.",
        ),
        (
            json!({"state": "RUNNING", "reset": true, "custom_context": {"key": "value"}}),
            failed(),
            "custom_context: the execution keeps the one that it has; only \"os.auth\" is taken here.",
        ),
    ] {
        assert_eq!(wish(body, &task).err().as_deref(), Some(words));
    }
}
