//! Executions: the real `mistral` over every command of theirs, and what our own API promises.

use anyhow::{Context as _, Result};
use e2e::client::id_of;
use e2e::executions::ids;
use e2e::host::Host;
use e2e::mistral::Mistral;
use e2e::wait;
use reqwest::Method;
use serde_json::{Value, json};

const WORKFLOWS: &str = "
version: '2.0'
greet:
  input:
    - name: world
  output:
    said: <% task(say).result %>
  tasks:
    say:
      action: std.echo output=<% $.name %>
      on-success:
        publish:
          global:
            heard: <% task().result %>
        next: noop
above:
  output:
    below: <% task(call).result %>
  tasks:
    call:
      workflow: greet name='below'
held:
  tasks:
    wait:
      action: std.async_noop
      on-success: after
    after:
      action: std.noop
failing:
  tasks:
    fail:
      action: std.fail
";

fn parsed(printed: &str) -> Result<Value> {
    serde_json::from_str(printed).with_context(|| printed.to_owned())
}

#[tokio::test]
async fn the_stock_client_starts_looks_at_and_deletes_executions() -> Result<()> {
    let host = Host::start().await?;
    host.client()?.create_workflows(WORKFLOWS).await?;
    let mistral = Mistral::new(&host);
    let created = mistral
        .json(&[
            "execution-create",
            "above",
            "{}",
            r#"{"env": {"k": 1}}"#,
            "-d",
            "words",
        ])
        .await?;
    let id = created["ID"].as_str().context("no ID")?;
    assert_eq!(created["Description"], "words");
    host.client()?.execution_in(id, "SUCCESS").await?;

    let shown = mistral.json(&["execution-get", id]).await?;
    assert_eq!(
        (&shown["State"], &shown["Workflow name"]),
        (&json!("SUCCESS"), &json!("above"))
    );
    let output = mistral.run(&["execution-get-output", id]).await?;
    assert_eq!(parsed(&output)?, json!({ "below": { "said": "below" } }));
    let input = mistral.run(&["execution-get-input", id]).await?;
    assert_eq!(parsed(&input)?, json!({}));
    let subs = mistral.json(&["execution-get-sub-executions", id]).await?;
    assert_eq!(subs[0]["ID"], id);
    let below = subs[1]["ID"].as_str().context("no sub-execution")?;
    assert_eq!(subs[1]["Root Execution ID"], id);
    let published = mistral.run(&["execution-get-published", below]).await?;
    assert_eq!(parsed(&published)?, json!({ "heard": "below" }));
    let report = mistral
        .run(&["execution-get-report", id, "--no-errors-only"])
        .await?;
    assert!(
        report.contains("call") && report.contains("say"),
        "{report}"
    );

    let roots = mistral.json(&["execution-list", "--rootsonly"]).await?;
    assert_eq!(roots.as_array().map(Vec::len), Some(1), "{roots}");
    let of_task = mistral.json(&["task-list", id]).await?;
    let task = of_task[0]["ID"].as_str().context("no task")?;
    let of_task = mistral.json(&["execution-list", "--task", task]).await?;
    assert_eq!(of_task[0]["ID"], below);

    let described = mistral
        .json(&["execution-update", id, "-d", "others"])
        .await?;
    assert_eq!(described["Description"], "others");
    mistral.run(&["execution-delete", id]).await?;
    let left = mistral.json(&["execution-list"]).await?;
    assert_eq!(left[0]["ID"], "");
    Ok(())
}

#[tokio::test]
async fn the_stock_client_holds_resumes_and_cancels() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    client.create_workflows(WORKFLOWS).await?;
    let mistral = Mistral::new(&host);
    let id = id_of(&client.execute("held", json!({})).await?)?;
    let task = client.task_in(&id, "wait", "RUNNING").await?;
    let refused = mistral.run(&["execution-delete", &id]).await;
    let words = refused.err().context("it was deleted")?.to_string();
    // The client says no more; why is in the answer.
    assert!(words.contains("Unable to delete"), "{words}");
    let refused = client.delete(&format!("/v2/executions/{id}")).await?;
    let words = refused.fault(403)?;
    assert!(
        words.contains("Only completed executions can be deleted"),
        "{words}"
    );

    let update = async |state: &str| mistral.json(&["execution-update", &id, "-s", state]).await;
    assert_eq!(update("PAUSED").await?["State"], "PAUSED");
    let path = format!("/v2/tasks/{}/action_executions", id_of(&task)?);
    let run = ids(&client.get(&path).await?.expect(200)?, "action_executions")?;
    let done = json!({ "state": "SUCCESS", "output": {} });
    client
        .update_action_execution(&run[0], &done)
        .await?
        .expect(200)?;
    client.task_in(&id, "wait", "SUCCESS").await?;
    assert_eq!(client.execution(&id).await?["state"], "PAUSED");
    update("RUNNING").await?;
    client.execution_in(&id, "SUCCESS").await?;

    let id = id_of(&client.execute("held", json!({})).await?)?;
    client.task_in(&id, "wait", "RUNNING").await?;
    mistral
        .json(&["execution-update", &id, "-s", "CANCELLED"])
        .await?;
    client.execution_in(&id, "CANCELLED").await?;
    mistral.run(&["execution-delete", &id]).await?;
    let id = id_of(&client.execute("held", json!({})).await?)?;
    mistral.run(&["execution-delete", "--force", &id]).await?;
    let gone = client.get(&format!("/v2/executions/{id}")).await?;
    assert_eq!(gone.status, 404);
    Ok(())
}

#[tokio::test]
async fn an_execution_is_repeated_and_a_given_id_starts_it_once() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    client.create_workflows(WORKFLOWS).await?;
    let first = id_of(&client.execute("greet", json!({ "name": "ann" })).await?)?;
    client.execution_in(&first, "SUCCESS").await?;
    let again = json!({ "source_execution_id": first, "description": "" });
    let again = client.send_json(Method::POST, "/v2/executions", &again);
    let again = again.await?.expect(201)?;
    let ended = client.execution_in(&id_of(&again)?, "SUCCESS").await?;
    assert_eq!(ended["source_execution_id"], first);
    assert_eq!(
        parsed(ended["output"].as_str().unwrap_or_default())?,
        json!({ "said": "ann" })
    );

    let id = uuid::Uuid::now_v7().to_string();
    let named = json!({ "workflow_name": "greet", "id": id });
    for _ in 0..2 {
        let answer = client.send_json(Method::POST, "/v2/executions", &named);
        assert_eq!(id_of(&answer.await?.expect(201)?)?, id);
    }
    let list = client.get("/v2/executions?workflow_name=greet").await?;
    assert_eq!(ids(&list.expect(200)?, "executions")?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn executions_with_ids_of_the_callers_own_are_listed_by_age() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    client.create_workflows(WORKFLOWS).await?;
    let (last, first) = (
        "ffffffff-ffff-4fff-bfff-ffffffffffff",
        "00000000-0000-4000-8000-000000000001",
    );
    let mut made = Vec::new();
    for id in [Some(last), None, Some(first), None] {
        let body = json!({ "workflow_name": "greet", "id": id });
        let answer = client.send_json(Method::POST, "/v2/executions", &body);
        let id = id_of(&answer.await?.expect(201)?)?;
        client.execution_in(&id, "SUCCESS").await?;
        made.push(id);
    }
    let mut newest_first = made.clone();
    newest_first.reverse();
    for (query, expected) in [
        ("", made.clone()),
        ("sort_dirs=desc&sort_keys=created_at", newest_first.clone()),
        (
            "state=SUCCESS&created_at=gte:2020-01-01 00:00:00",
            made.clone(),
        ),
        ("created_at=gt:2999-01-01 00:00:00", Vec::new()),
        (&format!("id={last}"), vec![last.to_owned()]),
        (&format!("marker={last}"), made[1..].to_vec()),
        (
            &format!("marker={first}&workflow_name=greet"),
            made[3..].to_vec(),
        ),
        (
            &format!("marker={first}&sort_keys=workflow_name"),
            made[3..].to_vec(),
        ),
    ] {
        let answer = client.get(&format!("/v2/executions?{query}")).await?;
        assert_eq!(
            ids(&answer.expect(200)?, "executions")?,
            expected,
            "{query}"
        );
    }
    let unknown = "/v2/executions?marker=ffffffff-ffff-4fff-bfff-fffffffffffe";
    client.get(unknown).await?.expect(400)?;
    let gone = client.delete(&format!("/v2/executions/{last}")).await?;
    gone.expect(204)?;
    client
        .get(&format!("/v2/executions/{last}"))
        .await?
        .expect(404)?;
    let left = client.get("/v2/executions").await?.expect(200)?;
    assert_eq!(ids(&left, "executions")?, made[1..]);
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_is_refused_in_mistrals_words() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    client.create_workflows(WORKFLOWS).await?;
    let unknown = uuid::Uuid::now_v7();
    for (body, status, words) in [
        (
            json!({}),
            400,
            "Workflow ID or workflow name must be provided.",
        ),
        (
            json!({ "workflow_name": "nope" }),
            404,
            "Workflow not found [workflow_identifier=nope",
        ),
        (
            json!({ "workflow_name": "greet", "input": { "nam": 1 } }),
            400,
            "nam",
        ),
        (
            json!({ "workflow_name": "greet", "zork": 1 }),
            400,
            "Unknown attribute for argument wf_ex: zork",
        ),
        (
            json!({ "workflow_name": "greet", "params": { "env": "nope" } }),
            400,
            "nope",
        ),
        (
            json!({ "source_execution_id": unknown }),
            404,
            "WorkflowExecution not found [id=",
        ),
        (
            json!({ "workflow_name": "greet", "custom_context": { "os.auth": { "auth_token": "t" } } }),
            400,
            "os.auth",
        ),
    ] {
        let answer = client.send_json(Method::POST, "/v2/executions", &body);
        let fault = answer.await?.fault(status)?;
        assert!(fault.contains(words), "{body}: {fault}");
    }
    let list = client.get("/v2/executions").await?.expect(200)?;
    assert_eq!(ids(&list, "executions")?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn the_custom_context_reaches_every_action_and_is_shown_to_its_own_project_alone()
-> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    client.create_workflows(WORKFLOWS).await?;
    let body = json!({ "workflow_name": "above", "custom_context": { "mark": "s3cret-mark" } });
    let created = client
        .send_json(Method::POST, "/v2/executions", &body)
        .await?;
    assert!(!created.text().contains("s3cret-mark"));
    let id = id_of(&created.expect(201)?)?;
    let ended = client.execution_in(&id, "SUCCESS").await?;
    assert_eq!(
        parsed(ended["custom_context"].as_str().unwrap_or_default())?,
        body["custom_context"]
    );
    for path in [
        "/v2/executions?include_output=true".to_owned(),
        "/v2/tasks".to_owned(),
        format!("/v2/executions/{id}/executions?include_output=true"),
        format!("/v2/executions/{id}/report"),
        format!("/v2/executions/{id}/events"),
    ] {
        let answer = client.get(&path).await?;
        assert!(!answer.text().contains("s3cret-mark"), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn our_own_client_watches_to_the_end() -> Result<()> {
    let host = Host::start().await?;
    host.client()?.create_workflows(WORKFLOWS).await?;
    let mistral = Mistral::new(&host);
    let printed = mistral
        .zonda(&[
            "execution",
            "create",
            "greet",
            "--input",
            "name=ann",
            "--watch",
        ])
        .await?;
    assert_eq!(parsed(&printed)?, json!({ "said": "ann" }));
    let failed = mistral
        .zonda(&["execution", "create", "failing", "--watch"])
        .await;
    let words = failed.err().context("it did not fail")?.to_string();
    assert!(words.contains("task fail ERROR"), "{words}");
    let listed = mistral
        .zonda(&[
            "execution",
            "list",
            "--state",
            "ERROR",
            "-f",
            "value",
            "-c",
            "workflow_name",
        ])
        .await?;
    assert_eq!(listed.trim(), "failing");
    Ok(())
}

#[tokio::test]
async fn a_report_counts_what_runs_and_estimates_when_it_ends() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    client.create_workflows(WORKFLOWS).await?;
    let id = id_of(&client.execute("held", json!({})).await?)?;
    let report = wait::until("the task runs", || async {
        let path = format!("/v2/executions/{id}/report?statistics_only=true");
        let report = client.get(&path).await?.expect(200)?;
        Ok(Some(report).filter(|it| it["statistics"]["running_tasks_count"] == 1))
    });
    let report = report.await?;
    assert_eq!(report["statistics"]["estimated_time"], -1);
    assert_eq!(report.get("root_workflow_execution"), None);
    Ok(())
}
