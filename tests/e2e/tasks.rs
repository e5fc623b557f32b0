//! Tasks: the real `mistral` over every command of theirs; running again, and leaving out.

use anyhow::{Context as _, Result};
use e2e::client::id_of;
use e2e::host::Host;
use e2e::mistral::Mistral;
use reqwest::Method;
use serde_json::{Value, json};

const WORKFLOWS: &str = "
version: '2.0'
items:
  input: [names]
  tasks:
    each:
      with-items: n in <% $.names %>
      action: std.echo output=<% $.n %>
      publish:
        all: <% task().result %>
      on-success: call
    call:
      workflow: leaf
leaf:
  tasks:
    inner:
      action: std.noop
failing:
  tasks:
    fail:
      action: std.fail
      on-success: after
      on-skip: left_out
    after:
      action: std.noop
    left_out:
      action: std.noop
";

fn parsed(printed: &str) -> Result<Value> {
    serde_json::from_str(printed).with_context(|| printed.to_owned())
}

#[tokio::test]
async fn the_stock_client_looks_at_tasks() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    client.create_workflows(WORKFLOWS).await?;
    let mistral = Mistral::new(&host);
    let id = id_of(
        &client
            .execute("items", json!({ "names": ["a", "b"] }))
            .await?,
    )?;
    client.execution_in(&id, "SUCCESS").await?;
    let list = mistral.json(&["task-list", &id]).await?;
    let names: Vec<_> = list
        .as_array()
        .context("no list")?
        .iter()
        .map(|task| task["Name"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(names, ["each", "call"]);
    let each = list[0]["ID"].as_str().context("no ID")?;
    let call = list[1]["ID"].as_str().context("no ID")?;
    let shown = mistral.json(&["task-get", each]).await?;
    assert_eq!(shown["State"], "SUCCESS");
    let result = mistral.run(&["task-get-result", each]).await?;
    assert_eq!(parsed(&result)?, json!(["a", "b"]));
    let published = mistral.run(&["task-get-published", each]).await?;
    assert_eq!(parsed(&published)?, json!({ "all": ["a", "b"] }));
    let subs = mistral.json(&["task-get-sub-executions", call]).await?;
    assert_eq!(subs[0]["Workflow name"], "leaf");
    let runs = mistral.json(&["action-execution-list", each]).await?;
    assert_eq!(runs.as_array().map(Vec::len), Some(2));
    assert_eq!(runs[0]["Workflow name"], "items");

    let task = client
        .get(&format!("/v2/tasks/{each}"))
        .await?
        .expect(200)?;
    let context = parsed(task["runtime_context"].as_str().unwrap_or_default())?;
    assert_eq!(context["with_items"]["count"], 2);
    let list = client.get("/v2/tasks").await?.expect(200)?;
    assert_eq!(list["tasks"][0].get("result"), None);
    let run = client
        .get(&format!("/v2/tasks/{each}/action_executions?limit=1"))
        .await?
        .expect(200)?;
    let next = run["next"].as_str().context("no next page")?;
    assert!(
        next.contains(&format!("/v2/tasks/{each}/action_executions?")),
        "{next}"
    );
    let run = &run["action_executions"][0];
    assert_eq!(
        (&run["task_name"], &run["task_execution_id"]),
        (&json!("each"), &json!(each))
    );
    let path = format!("/v2/tasks/{call}/action_executions/{}", id_of(run)?);
    assert_eq!(client.get(&path).await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn a_failed_task_is_run_again_and_then_left_out() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    client.create_workflows(WORKFLOWS).await?;
    let mistral = Mistral::new(&host);
    let id = id_of(&client.execute("failing", json!({})).await?)?;
    client.execution_in(&id, "ERROR").await?;
    let task = id_of(&client.task_in(&id, "fail", "ERROR").await?)?;
    let runs = format!("/v2/tasks/{task}/action_executions");
    mistral.json(&["task-rerun", &task]).await?;
    e2e::wait::until("it was run again", || async {
        let list = client.get(&runs).await?.expect(200)?;
        let count = list["action_executions"].as_array().map(Vec::len);
        Ok((count == Some(2)).then_some(()))
    })
    .await?;
    client.execution_in(&id, "ERROR").await?;
    let refused = mistral.run(&["task-rerun", "--resume", &task]).await;
    let words = refused.err().context("it was resumed")?.to_string();
    assert!(
        words.contains("Only with-items task has the option to not reset."),
        "{words}"
    );

    let skip = json!({ "state": "SKIPPED" });
    let path = format!("/v2/tasks/{task}");
    let skipped = client.send_json(Method::PUT, &path, &skip).await?;
    assert_eq!(skipped.expect(200)?["state"], "SKIPPED");
    client.execution_in(&id, "SUCCESS").await?;
    client.task_in(&id, "left_out", "SUCCESS").await?;
    Ok(())
}
