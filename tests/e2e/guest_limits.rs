//! Guests that use up what there is end alone, with a reason for a person; everybody else goes on.

use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::client::{Client, id_of};
use e2e::guests;
use e2e::host::{Host, Settings};
use serde_json::json;

async fn with_probe(settings: Settings) -> Result<(Host, Client)> {
    let host = Host::start_with(settings).await?;
    let client = host.client()?;
    client
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;
    Ok((host, client))
}

#[tokio::test]
async fn computing_for_ever_ends_by_the_timeout() -> Result<()> {
    let (_host, client) = with_probe(Settings::new()).await?;
    let before = Instant::now();
    let words = client.run("probe.spin").param("timeout", 1).error().await?;
    assert!(words.to_lowercase().contains("timeout"), "{words}");
    let words = client
        .run("probe.fill")
        .input(json!({ "mib": 64 }))
        .param("timeout", 1)
        .error()
        .await?;
    assert!(words.to_lowercase().contains("timeout"), "{words}");
    assert!(before.elapsed() < Duration::from_secs(20));
    Ok(())
}

#[tokio::test]
async fn computing_for_ever_can_be_cancelled_and_keeps_nobody_waiting() -> Result<()> {
    let (_host, client) = with_probe(Settings::new()).await?;
    let mut spinning = Vec::new();
    for _ in 0..4 {
        spinning.push(id_of(&client.run("probe.spin").saved().created().await?)?);
    }
    // More of them than there are processors, and others still get their turn.
    assert_eq!(
        client
            .run("std.echo")
            .input(json!({ "output": 1 }))
            .result()
            .await?,
        1
    );
    for id in &spinning {
        let answer = client
            .update_action_execution(id, &json!({ "state": "CANCELLED" }))
            .await?;
        assert_eq!(answer.expect(200)?["state"], "CANCELLED");
        assert_eq!(client.completed(id).await?["state"], "CANCELLED");
    }
    Ok(())
}

#[tokio::test]
async fn each_limit_is_named_when_it_is_reached() -> Result<()> {
    let (_host, client) = with_probe(Settings::new()).await?;
    for (action, input, expected) in [
        ("probe.allocate", json!({}), "memory"),
        ("probe.recurse", json!({}), "stack"),
        ("probe.big_result", json!({ "bytes": 2 << 20 }), "output"),
        ("probe.panic", json!({ "message": "oh dear" }), "trap"),
        ("probe.exit", json!({ "code": 3 }), "exit"),
        ("probe.invalid_json", json!({}), "JSON"),
        ("probe.pending_not_declared", json!({}), "pending"),
        (
            "probe.http",
            json!({ "url": "http://127.0.0.1:9/" }),
            "allow",
        ),
    ] {
        let execution = client.run(action).input(input).created().await?;
        let output = execution["output"].to_string();
        assert!(
            output.to_lowercase().contains(&expected.to_lowercase()),
            "{action}: {execution}"
        );
        // `probe.http` shows the refusal it got; the others end in it.
        assert_eq!(
            execution["state"] == "ERROR",
            action != "probe.http",
            "{execution}"
        );
    }
    // The host is as good as before.
    assert_eq!(
        client
            .run("probe.big_result")
            .input(json!({ "bytes": 10 }))
            .result()
            .await?,
        "xxxxxxxxxx"
    );
    Ok(())
}

#[tokio::test]
async fn what_fits_into_the_memory_limit_is_given() -> Result<()> {
    let (_host, client) = with_probe(Settings::new()).await?;
    assert_eq!(
        client
            .run("probe.allocate")
            .input(json!({ "mib": 64 }))
            .result()
            .await?,
        64
    );
    Ok(())
}

#[tokio::test]
async fn a_flood_of_log_lines_is_cut_and_says_so() -> Result<()> {
    let (host, client) = with_probe(Settings::new()).await?;
    for to in ["log", "stdout", "stderr"] {
        let run = client
            .run("probe.flood_log")
            .input(json!({ "lines": 20_000, "bytes": 1000, "to": to }));
        let execution = run.saved().param("run_sync", true).created().await?;
        assert_eq!(execution["state"], "SUCCESS", "{execution}");
        let log = client
            .get(&format!("/v2/action_executions/{}/log", id_of(&execution)?))
            .await?;
        assert!(
            log.bytes.len() < 4 << 20,
            "{to}: {} bytes of log",
            log.bytes.len()
        );
        assert!(log.text().contains("xxxx"), "{to}: nothing of it was kept");
    }
    assert!(
        !host.log().contains("xxxxxxxx"),
        "the host's own log holds lines of a guest"
    );
    Ok(())
}

#[tokio::test]
async fn an_action_sees_neither_environment_nor_files() -> Result<()> {
    let (_host, client) = with_probe(Settings::new()).await?;
    let seen = client.run("probe.context").result().await?;
    assert_eq!(seen["environment"], json!([]));
    assert_eq!(seen["files"], json!(null));
    assert_eq!(seen["facts"]["name"], "probe.context");
    assert_eq!(seen["facts"]["attempt"], 1);
    Ok(())
}
