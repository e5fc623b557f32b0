//! Killed at any moment, the host loses nothing that it acknowledged.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use e2e::client::{Client, id_of, result_of};
use e2e::host::Host;
use e2e::wait;
use serde_json::{Value, json};

const KILLS: usize = 12;
const CLIENTS: usize = 6;

/// Saves one run after the other until the host is gone; each acknowledged one is an id and what it echoes.
async fn save_until_the_end(
    client: &Client,
    number: usize,
    acknowledged: &AtomicUsize,
) -> Vec<(String, Value)> {
    let mut saved = Vec::new();
    for count in 0.. {
        let output = json!(format!("{number}-{count}"));
        let run = client
            .run("std.echo")
            .input(json!({ "output": output }))
            .saved();
        let run = if number.is_multiple_of(2) {
            run.param("run_sync", true)
        } else {
            run
        };
        let Ok(answer) = run.send().await else { break };
        let Ok(id) = answer.expect(201).and_then(|execution| id_of(&execution)) else {
            break;
        };
        saved.push((id, output));
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    saved
}

#[tokio::test]
async fn no_acknowledged_run_is_lost_however_often_the_host_is_killed() -> Result<()> {
    let mut host = Host::start().await?;
    let mut saved = Vec::new();
    for kill in 0..KILLS {
        let client = host.client()?;
        let acknowledged = AtomicUsize::new(0);
        let clients = (0..CLIENTS).map(|number| save_until_the_end(&client, number, &acknowledged));
        let killer = async {
            // Each time at another moment of the work.
            wait::until("some runs are acknowledged", || async {
                Ok(Some(()).filter(|()| acknowledged.load(Ordering::Relaxed) > 3 + 7 * kill))
            })
            .await?;
            host.kill().await
        };
        let (acknowledged, killed) = tokio::join!(futures::future::join_all(clients), killer);
        killed?;
        saved.extend(acknowledged.into_iter().flatten());
        host.restart().await?;
    }

    assert!(saved.len() > KILLS * 4);
    let client = host.client()?;
    for (id, output) in &saved {
        let execution = client.completed(id).await?;
        assert_eq!(execution["state"], "SUCCESS", "{execution}");
        assert_eq!(&result_of(&execution)?, output);
    }
    Ok(())
}

#[tokio::test]
async fn what_was_running_runs_again_or_ends_with_the_reason() -> Result<()> {
    let mut host = Host::start().await?;
    let client = host.client()?;
    let sleep = client
        .run("std.sleep")
        .input(json!({ "seconds": 2 }))
        .saved();
    let sleeping = id_of(&sleep.created().await?)?;
    let waiting = id_of(&client.run("std.async_noop").created().await?)?;
    client.action_execution(&sleeping).await?.expect(200)?;

    host.kill().await?;
    host.restart().await?;

    let client = host.client()?;
    let slept = client.completed(&sleeping).await?;
    let reason = result_of(&slept)?;
    assert!(
        slept["state"] == "SUCCESS" || (slept["state"] == "ERROR" && reason.is_string()),
        "neither run again nor ended with a reason: {slept}"
    );
    // What waits for somebody outside goes on waiting.
    let body = json!({ "state": "SUCCESS", "output": { "a": 1 } });
    let done = client
        .update_action_execution(&waiting, &body)
        .await?
        .expect(200)?;
    assert_eq!(result_of(&done)?, json!({ "a": 1 }));
    Ok(())
}

#[tokio::test]
async fn modules_survive_a_kill_with_all_their_versions() -> Result<()> {
    let mut host = Host::start().await?;
    let component = e2e::guests::guest("probe")?;
    host.client()?
        .push("probe", component.clone())
        .await?
        .expect(201)?;
    host.kill().await?;
    host.restart().await?;

    let client = host.client()?;
    let content = client.get("/v2/modules/probe/content").await?;
    assert_eq!(content.status, 200);
    assert!(content.bytes == component);
    client.run("probe.context").result().await?;
    Ok(())
}
