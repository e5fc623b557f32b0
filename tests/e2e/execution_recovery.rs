//! Killed at any moment, the host brings every execution to its right end after the restart.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use e2e::client::Client;
use e2e::host::Host;
use e2e::wait;
use e2e::workflows::json_in;
use serde_json::{Value, json};

const KILLS: usize = 8;
const CLIENTS: usize = 6;

/// A sequence, a fork with a join, items, a retry that gives up, and a sub-workflow.
const DOCUMENT: &str = r#"
version: '2.0'

work:
  input: [n]
  output:
    sum: <% $.sum %>
    items: <% $.items %>
    below: <% $.below %>
  tasks:
    begin:
      action: std.echo output=<% $.n %>
      publish: {base: <% task().result %>}
      on-success: [left, right, each, call]
    left:
      action: std.echo output=<% $.base + 1 %>
      publish: {left: <% task().result %>}
      on-success: [gather]
    right:
      action: std.fail
      retry: {count: 1, delay: 0}
      publish-on-error: {right: <% $.base + 2 %>}
      on-error: [gather]
    each:
      with-items: i in <% range(0, 5) %>
      concurrency: 2
      action: std.echo output=<% $.base * $.i %>
      publish: {items: <% task().result %>}
      on-success: [gather]
    call:
      workflow: below
      input: {n: <% $.base %>}
      publish: {below: <% task().result.twice %>}
      on-success: [gather]
    gather:
      join: all
      action: std.echo output=<% $.left + $.right %>
      publish: {sum: <% task().result %>}

below:
  input: [n]
  output: {twice: <% $.twice %>}
  tasks:
    first:
      action: std.echo output=<% $.n * 2 %>
      publish: {twice: <% task().result %>}
      on-success: [second]
    second:
      action: std.noop
"#;

/// Starts one execution after the other until the host is gone; each acknowledged one is an id and its input.
async fn start_until_the_end(
    client: &Client,
    number: usize,
    acknowledged: &AtomicUsize,
) -> Vec<(String, i64)> {
    let mut started = Vec::new();
    for count in 0.. {
        let n = i64::try_from(number * 1000 + count).unwrap_or_default();
        let Ok(id) = client.start("work").input(json!({ "n": n })).id().await else {
            break;
        };
        started.push((id, n));
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    started
}

fn expected(n: i64) -> Value {
    json!({
        "sum": 2 * n + 3,
        "items": (0..5).map(|i| n * i).collect::<Vec<_>>(),
        "below": 2 * n,
    })
}

#[tokio::test]
async fn every_execution_ends_right_however_often_the_host_is_killed() -> Result<()> {
    let mut host = Host::start().await?;
    host.client()?.define(DOCUMENT, "").await?.expect(201)?;
    let mut started = Vec::new();
    for kill in 0..KILLS {
        let client = host.client()?;
        let acknowledged = AtomicUsize::new(0);
        let clients =
            (0..CLIENTS).map(|number| start_until_the_end(&client, number, &acknowledged));
        let killer = async {
            // Each time at another moment of the work.
            wait::until("some executions are acknowledged", || async {
                Ok(Some(()).filter(|()| acknowledged.load(Ordering::Relaxed) > 10 + 11 * kill))
            })
            .await?;
            host.kill().await
        };
        let (acknowledged, killed) = tokio::join!(futures::future::join_all(clients), killer);
        killed?;
        started.extend(acknowledged.into_iter().flatten());
        host.restart().await?;
    }

    assert!(started.len() > 200, "{} executions only", started.len());
    let client = host.client()?;
    for (id, n) in &started {
        let execution = client.ended(id).await?;
        assert_eq!(execution["state"], "SUCCESS", "{execution}");
        assert_eq!(json_in(&execution, "output")?, expected(*n));
    }
    // Each task once, whatever was done again on the way to it.
    let (id, _) = &started[0];
    let mut names: Vec<String> = client
        .tasks(id)
        .await?
        .iter()
        .map(|task| task["name"].to_string())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "\"begin\"",
            "\"call\"",
            "\"each\"",
            "\"gather\"",
            "\"left\"",
            "\"right\""
        ]
    );
    Ok(())
}
