//! The events of an execution, from how it is to its end.

use anyhow::{Context as _, Result};
use e2e::client::id_of;
use e2e::cloud::Cloud;
use e2e::executions::Event;
use e2e::host::{Host, Settings};
use reqwest::Method;
use serde_json::json;

const WORKFLOWS: &str = "
version: '2.0'
above:
  tasks:
    first:
      action: std.async_noop
      on-success: call
    call:
      workflow: leaf
leaf:
  tasks:
    inner:
      action: std.echo output=1
";

fn told(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|event| {
            let name = event
                .data
                .get("workflow_name")
                .filter(|_| event.name == "execution");
            let name = name.or_else(|| event.data.get("name"));
            let name = name.and_then(|name| name.as_str()).unwrap_or_default();
            let state = event.data["state"].as_str().unwrap_or_default();
            format!("{} {name} {state}", event.name)
        })
        .collect()
}

#[tokio::test]
async fn everything_is_told_until_the_end_and_a_listener_that_comes_again_goes_on() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    client.create_workflows(WORKFLOWS).await?;
    let id = id_of(&client.execute("above", json!({})).await?)?;
    let first = id_of(&client.task_in(&id, "first", "RUNNING").await?)?;
    let listener = {
        let (client, id) = (client.clone(), id.clone());
        tokio::spawn(async move { client.events(&id, None).await })
    };
    let runs = format!("/v2/tasks/{first}/action_executions");
    let run = id_of(&client.get(&runs).await?.expect(200)?["action_executions"][0])?;
    let done = json!({ "state": "SUCCESS", "output": {} });
    client
        .update_action_execution(&run, &done)
        .await?
        .expect(200)?;
    let events = listener.await??;
    let words = told(&events);
    for expected in [
        "task first SUCCESS",
        "action_execution std.async_noop SUCCESS",
        "execution leaf SUCCESS",
        "task inner SUCCESS",
        "action_execution std.echo SUCCESS",
        "task call SUCCESS",
    ] {
        assert!(
            words.iter().any(|word| word == expected),
            "no {expected} in {words:#?}"
        );
    }
    assert_eq!(
        words.last().map(String::as_str),
        Some("execution above SUCCESS")
    );
    let last = events.iter().rev().find_map(|event| event.id.clone());
    let last = last.context("no event has an id")?;
    let later = (last.parse::<i64>()? + 60_000).to_string();
    let again = client.events(&id, Some(&later)).await?;
    assert_eq!(told(&again), ["execution above SUCCESS"]);
    let answer = client
        .send(
            Method::GET,
            &format!("/v2/executions/{id}/events"),
            e2e::client::headers([("last-event-id", "x")])?,
            None,
        )
        .await?;
    assert!(answer.fault(400)?.contains("Last-Event-ID"));
    Ok(())
}

#[tokio::test]
async fn another_project_hears_nothing_and_an_admin_nothing_that_runs_say() -> Result<()> {
    let cloud = Cloud::a()?;
    let host = Host::start_with(Settings::new().keystone(&cloud)).await?;
    let mut clients = Vec::new();
    for tenant in [
        cloud.tenant().await?,
        cloud.tenant().await?,
        cloud.tenant_with(&["admin"]).await?,
    ] {
        clients.push(host.client()?.with_token(&tenant.token().await?.secret));
    }
    let [owner, stranger, admin] = &clients[..] else {
        anyhow::bail!("three tenants have three clients");
    };
    owner.create_workflows(WORKFLOWS).await?;
    let id = id_of(&owner.execute("leaf", json!({})).await?)?;
    owner.execution_in(&id, "SUCCESS").await?;
    let path = format!("/v2/executions/{id}/events");
    assert_eq!(stranger.get(&path).await?.status, 404);
    let events = admin.events(&id, None).await?;
    assert!(events.iter().any(|event| event.name == "task"));
    assert!(
        events
            .iter()
            .all(|event| !matches!(event.name.as_str(), "log" | "request"))
    );
    Ok(())
}
