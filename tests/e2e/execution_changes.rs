//! What callers do with executions and tasks that there are, through all that is below them.

use anyhow::{Context as _, Result, ensure};
use e2e::client::{Client, id_of};
use e2e::executions::ids;
use e2e::host::Host;
use e2e::workflows::json_in;
use reqwest::Method;
use serde_json::{Value, json};

/// Three levels, with something to wait for at the lowest.
const LEVELS: &str = "
version: '2.0'
top:
  output: {said: <% task(call).result.said %>}
  output-on-error: {failed: yes}
  tasks:
    call: {workflow: middle}
middle:
  output: {said: <% task(call).result.said %>}
  tasks:
    call: {workflow: bottom}
bottom:
  output:
    said: <% env().get(word, nothing) %>
  tasks:
    wait:
      action: std.async_noop
      on-success: say
    say:
      action: <% env().get(act, 'std.noop') %>
      on-skip: skipped
    skipped:
      publish: {said: it was skipped}
";

struct Levels {
    _host: Host,
    client: Client,
}

impl Levels {
    async fn start() -> Result<Self> {
        let host = Host::start().await?;
        let client = host.client()?;
        client.create_workflows(LEVELS).await?;
        let _host = host;
        Ok(Self { _host, client })
    }

    /// The executions from top to bottom, of which the lowest waits.
    async fn begun(&self, params: Value) -> Result<[String; 3]> {
        let top = self.client.start("top").params(params).id().await?;
        let [middle, bottom] = self.below(&top).await?;
        self.client.task_in(&bottom, "wait", "RUNNING").await?;
        Ok([top, middle, bottom])
    }

    async fn below(&self, top: &str) -> Result<[String; 2]> {
        let path = format!("/v2/executions?root_execution_id={top}");
        e2e::wait::until("all levels are there", || async {
            let list = self.client.get(&path).await?.expect(200)?;
            Ok(<[String; 2]>::try_from(ids(&list, "executions")?).ok())
        })
        .await
    }

    async fn all_in(&self, all: &[String; 3], state: &str) -> Result<()> {
        for id in all {
            self.client.execution_in(id, state).await?;
        }
        Ok(())
    }

    /// Somebody completes what the lowest waits for.
    async fn complete(&self, bottom: &str) -> Result<()> {
        let run = self.waiting_run(bottom).await?;
        let done = json!({ "state": "SUCCESS", "output": {} });
        let answer = self.client.update_action_execution(&run, &done);
        answer.await?.expect(200).map(drop)
    }

    async fn waiting_run(&self, bottom: &str) -> Result<String> {
        let task = id_of(&self.client.task(bottom, "wait").await?)?;
        let runs = format!("/v2/tasks/{task}/action_executions");
        let runs = self.client.get(&runs).await?.expect(200)?;
        id_of(&runs["action_executions"][0])
    }

    async fn refused(&self, id: &str, body: Value, status: u16) -> Result<String> {
        let path = format!("/v2/executions/{id}");
        let answer = self.client.send_json(Method::PUT, &path, &body).await?;
        answer.fault(status)
    }

    /// Runs a task again, or leaves it out, as `body` says.
    async fn put_task(&self, execution: &str, name: &str, body: Value) -> Result<Value> {
        let task = id_of(&self.client.task(execution, name).await?)?;
        let path = format!("/v2/tasks/{task}");
        let answer = self.client.send_json(Method::PUT, &path, &body).await?;
        answer.expect(200)
    }

    async fn output(&self, id: &str) -> Result<Value> {
        let ended = self.client.ended(id).await?;
        ensure!(ended["state"] == "SUCCESS", "{ended}");
        json_in(&ended, "output")
    }
}

#[tokio::test]
async fn holding_and_resuming_reach_all_below() -> Result<()> {
    let levels = Levels::start().await?;
    let all = levels.begun(json!({})).await?;
    let [top, _, bottom] = &all;
    let update = |body| levels.client.update_execution(top, body);
    assert_eq!(
        update(json!({ "state": "PAUSED" })).await?["state"],
        "PAUSED"
    );
    levels.all_in(&all, "PAUSED").await?;
    levels.complete(bottom).await?;
    levels.client.task_in(bottom, "wait", "SUCCESS").await?;
    // Nothing follows while it is held.
    let tasks = levels.client.tasks(bottom).await?;
    ensure!(
        tasks
            .iter()
            .all(|task| task["name"] == "wait" || task["state"] == "IDLE"),
        "{tasks:?}"
    );

    let words = "The property description must be updated separately from state.";
    let body = json!({ "state": "RUNNING", "description": "x" });
    assert_eq!(levels.refused(top, body, 400).await?, words);
    let env = json!({ "params": { "env": { "word": "early" } } });
    update(env).await?;
    let env = json!({ "state": "RUNNING", "params": { "env": { "word": "late" } } });
    update(env).await?;
    assert_eq!(levels.output(top).await?, json!({ "said": "late" }));
    let shown = levels.client.execution(top).await?;
    assert_eq!(json_in(&shown, "params")?["env"], json!({ "word": "late" }));
    Ok(())
}

#[tokio::test]
async fn one_in_the_middle_is_held_and_goes_on_by_itself() -> Result<()> {
    let levels = Levels::start().await?;
    let all = levels.begun(json!({})).await?;
    let [top, middle, bottom] = &all;
    let paused = json!({ "state": "PAUSED" });
    levels.client.update_execution(middle, paused).await?;
    levels.client.execution_in(bottom, "PAUSED").await?;
    levels.client.execution_in(top, "PAUSED").await?;
    let running = json!({ "state": "RUNNING" });
    levels.client.update_execution(top, running).await?;
    levels.all_in(&all, "RUNNING").await?;
    levels.complete(bottom).await?;
    assert_eq!(levels.output(top).await?, json!({ "said": "nothing" }));
    Ok(())
}

#[tokio::test]
async fn ending_reaches_all_below_and_what_they_wait_for() -> Result<()> {
    let levels = Levels::start().await?;
    for state in ["CANCELLED", "ERROR"] {
        let all = levels.begun(json!({})).await?;
        let run = levels.waiting_run(&all[2]).await?;
        let body = json!({ "state": state, "state_info": "because" });
        let ended = levels.client.update_execution(&all[0], body).await?;
        assert_eq!(
            (&ended["state"], &ended["state_info"]),
            (&json!(state), &json!("because"))
        );
        for id in &all[1..] {
            let ended = levels.client.ended(id).await?;
            assert_eq!(ended["state"], "CANCELLED", "{ended}");
        }
        let run = levels.client.completed(&run).await?;
        assert_eq!(run["state"], "CANCELLED");
        if state == "ERROR" {
            let ended = levels.client.execution(&all[0]).await?;
            let output = json_in(&ended, "output")?;
            assert_eq!(output, json!({ "result": "because", "failed": true }));
        }
        // What has ended is not held, nor does it go on; to end it again changes nothing.
        let words = levels
            .refused(&all[0], json!({ "state": "PAUSED" }), 400)
            .await?;
        assert!(
            words.contains(&format!("from {state} to PAUSED")),
            "{words}"
        );
        let again = json!({ "state": "CANCELLED" });
        let again = levels.client.update_execution(&all[0], again).await?;
        assert_eq!(again["state"], state);
    }
    // One in the middle ends what is above it, too.
    for (state, above) in [("CANCELLED", "CANCELLED"), ("ERROR", "ERROR")] {
        let all = levels.begun(json!({})).await?;
        let body = json!({ "state": state, "state_info": "because" });
        levels.client.update_execution(&all[1], body).await?;
        let top = levels.client.execution_in(&all[0], above).await?;
        assert!(
            top["state_info"]
                .as_str()
                .is_some_and(|words| words.contains("call")),
            "{top}"
        );
        levels.client.execution_in(&all[2], "CANCELLED").await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_execution_takes_only_what_it_can_become() -> Result<()> {
    let levels = Levels::start().await?;
    let [top, _, bottom] = levels.begun(json!({})).await?;
    for (body, status, words) in [
        (
            json!({}),
            400,
            "The property state, description, or env is not provided for update.",
        ),
        (
            json!({ "state": "IDLE" }),
            400,
            "Cannot change state to IDLE. Allowed states are:",
        ),
        (
            json!({ "state": "DONE" }),
            400,
            "Cannot change state to DONE",
        ),
        (
            json!({ "state": "PAUSED", "params": { "env": { "a": 1 } } }),
            400,
            "The property env can only be updated when workflow execution is not running or on resume from pause.",
        ),
        (
            json!({ "params": { "env": { "a": 1 } } }),
            403,
            "Updating env to workflow execution is only permitted",
        ),
        (json!({ "params": { "env": [] } }), 400, "params.env"),
        (
            json!({ "params": { "notify": [] } }),
            400,
            "params.notify: cannot be changed",
        ),
        (
            json!({ "input": {} }),
            400,
            "Unknown attribute for argument wf_ex: input",
        ),
    ] {
        let fault = levels.refused(&top, body.clone(), status).await?;
        assert!(fault.contains(words), "{body}: {fault}");
    }
    // To let go on what is not held is no fault, and says nothing.
    let running = json!({ "state": "RUNNING" });
    let same = levels.client.update_execution(&top, running).await?;
    assert_eq!(same["state"], "RUNNING");
    levels.complete(&bottom).await?;
    levels.output(&top).await?;
    let described = json!({ "description": "done" });
    let described = levels.client.update_execution(&top, described).await?;
    assert_eq!(described["description"], "done");
    let unknown = uuid::Uuid::now_v7().to_string();
    levels
        .refused(&unknown, json!({ "state": "PAUSED" }), 404)
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_task_at_the_bottom_is_run_again_or_left_out_and_all_above_go_on() -> Result<()> {
    let levels = Levels::start().await?;
    let failing = json!({ "env": { "act": "std.fail", "word": "again" } });
    let failed = async || {
        let all = levels.begun(failing.clone()).await?;
        levels.complete(&all[2]).await?;
        levels.all_in(&all, "ERROR").await?;
        anyhow::Ok(all)
    };
    let all = failed().await?;
    for (body, words) in [
        (json!({ "state": "SUCCESS" }), "Invalid task state."),
        (
            json!({ "state": "RUNNING" }),
            "Reset field is mandatory to rerun task.",
        ),
        (
            json!({ "state": "RUNNING", "reset": false }),
            "Only with-items task has the option to not reset.",
        ),
        (
            json!({ "state": "RUNNING", "reset": true, "name": "x" }),
            "Task name does not match.",
        ),
        (
            json!({ "state": "RUNNING", "reset": true, "workflow_name": "x" }),
            "Workflow name does not match.",
        ),
    ] {
        let refused = levels.put_task(&all[2], "say", body.clone()).await;
        let fault = refused.err().context("it was taken")?.to_string();
        assert!(
            fault.contains("400") && fault.contains(words),
            "{body}: {fault}"
        );
    }
    let env = json!({ "act": "std.noop" });
    let body = json!({ "state": "RUNNING", "reset": true, "env": env });
    let task = levels.put_task(&all[2], "say", body).await?;
    assert_eq!(task["name"], "say");
    levels.all_in(&all, "SUCCESS").await?;
    assert_eq!(levels.output(&all[0]).await?, json!({ "said": "again" }));
    let done = levels
        .put_task(&all[2], "say", json!({ "state": "SKIPPED" }))
        .await;
    let fault = done.err().context("it was skipped")?.to_string();
    assert!(fault.contains("must be in ERROR"), "{fault}");

    let all = failed().await?;
    let task = levels
        .put_task(&all[2], "say", json!({ "state": "SKIPPED" }))
        .await?;
    assert_eq!(task["state"], "SKIPPED");
    levels.all_in(&all, "SUCCESS").await?;
    let skipped = levels.client.task(&all[2], "skipped").await?;
    assert_eq!(
        json_in(&skipped, "published")?,
        json!({ "said": "it was skipped" })
    );

    // The task above that calls it is run again as a whole.
    let all = failed().await?;
    let body = json!({ "state": "RUNNING", "reset": true, "env": { "act": "std.noop" } });
    levels.put_task(&all[0], "call", body).await?;
    levels.client.execution_in(&all[0], "RUNNING").await?;
    let path = format!("/v2/executions?root_execution_id={}", all[0]);
    let bottom = e2e::wait::until("another bottom is there", || async {
        let list = levels.client.get(&path).await?.expect(200)?;
        let all = ids(&list, "executions")?;
        Ok(all.get(3).cloned())
    });
    let bottom = bottom.await?;
    levels.client.task_in(&bottom, "wait", "RUNNING").await?;
    levels.complete(&bottom).await?;
    levels.output(&all[0]).await?;
    Ok(())
}

#[tokio::test]
async fn deleting_takes_all_below_along() -> Result<()> {
    let levels = Levels::start().await?;
    let all = levels.begun(json!({})).await?;
    let run = levels.waiting_run(&all[2]).await?;
    let path = format!("/v2/executions/{}", all[0]);
    let refused = levels.client.delete(&path).await?;
    let words = refused.fault(403)?;
    assert!(words.contains("is in RUNNING state"), "{words}");
    levels
        .client
        .delete(&format!("{path}?force=true"))
        .await?
        .expect(204)?;
    for id in &all {
        levels
            .client
            .get(&format!("/v2/executions/{id}"))
            .await?
            .fault(404)?;
        levels
            .client
            .get(&format!("/v2/executions/{id}/tasks"))
            .await?
            .fault(404)?;
    }
    assert_eq!(levels.client.action_execution(&run).await?.status, 404);
    for list in ["executions", "tasks", "action_executions"] {
        let left = levels
            .client
            .get(&format!("/v2/{list}"))
            .await?
            .expect(200)?;
        assert_eq!(ids(&left, list)?, Vec::<String>::new());
    }
    levels.client.delete(&path).await?.fault(404)?;
    Ok(())
}

#[tokio::test]
async fn an_execution_ends_when_its_time_is_over() -> Result<()> {
    let levels = Levels::start().await?;
    let top = levels.client.start("top").params(json!({ "timeout": 0.5 }));
    let top = top.id().await?;
    let ended = levels.client.execution_in(&top, "ERROR").await?;
    let words = ended["state_info"].as_str().context("no reason")?;
    assert!(words.contains("deadline has passed"), "{words}");
    for id in levels.below(&top).await? {
        levels.client.ended(&id).await?;
    }
    for timeout in [json!(0), json!("soon"), json!(-1)] {
        let start = levels
            .client
            .start("top")
            .params(json!({ "timeout": timeout }));
        let words = start.send().await?.fault(400)?;
        assert!(words.contains("params.timeout"), "{words}");
    }
    Ok(())
}

#[tokio::test]
async fn many_callers_with_one_id_start_one_execution() -> Result<()> {
    let levels = Levels::start().await?;
    let id = uuid::Uuid::now_v7().to_string();
    let start = || levels.client.start("top").member("id", id.as_str()).id();
    let started = futures::future::try_join_all((0..8).map(|_| start())).await?;
    assert!(started.iter().all(|it| *it == id), "{started:?}");
    let [_, bottom] = levels.below(&id).await?;
    levels.client.task_in(&bottom, "wait", "RUNNING").await?;
    levels.complete(&bottom).await?;
    levels.output(&id).await?;
    let list = levels
        .client
        .get("/v2/action_executions?name=std.async_noop");
    assert_eq!(
        ids(&list.await?.expect(200)?, "action_executions")?.len(),
        1
    );
    let bad = levels.client.start("top").member("id", "seven").send();
    let words = bad.await?.fault(400)?;
    assert!(words.starts_with("id: must be a UUID"), "{words}");
    Ok(())
}
