//! Runs of actions through the REST API, without any cloud.

use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::client::{id_of, result_of};
use e2e::host::Host;
use e2e::unique;
use serde_json::{Value, json};

#[tokio::test]
async fn an_unsaved_run_answers_at_once_and_leaves_nothing() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;

    let execution = client
        .run("std.echo")
        .input(json!({ "output": "hi" }))
        .created()
        .await?;

    assert_eq!(execution["state"], "SUCCESS");
    assert_eq!(execution["name"], "std.echo");
    assert_eq!(execution["id"], Value::Null);
    assert_eq!(execution["created_at"], Value::Null);
    assert_eq!(execution["accepted"], Value::Null);
    assert_eq!(execution["output"], r#"{"result": "hi"}"#);
    let list = client.get("/v2/action_executions").await?.expect(200)?;
    assert_eq!(list["action_executions"], json!([]));
    Ok(())
}

#[tokio::test]
async fn input_and_params_may_be_json_text() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let run = client
        .run("std.echo")
        .input(json!(r#"{"output": 7}"#))
        .member("params", json!(r#"{"run_sync": true}"#));
    assert_eq!(run.result().await?, json!(7));
    Ok(())
}

#[tokio::test]
async fn a_saved_run_is_answered_while_it_runs_and_kept() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;

    let started = client
        .run("std.echo")
        .input(json!({ "output": [1, 2] }))
        .saved()
        .created()
        .await?;
    assert_eq!(started["state"], "RUNNING");
    assert_eq!(started["output"], Value::Null);
    assert_eq!(started["accepted"], false);

    let done = client.completed(&id_of(&started)?).await?;
    assert_eq!(done["state"], "SUCCESS");
    assert_eq!(done["accepted"], true);
    assert_eq!(result_of(&done)?, json!([1, 2]));
    let input: Value = serde_json::from_str(done["input"].as_str().unwrap_or_default())?;
    assert_eq!(input, json!({ "output": [1, 2] }));
    for field in ["created_at", "updated_at"] {
        let time = done[field].as_str().unwrap_or_default();
        assert!(is_mistral_time(time), "{field} is {time:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_saved_synchronous_run_is_answered_in_its_final_state() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let run = client
        .run("std.echo")
        .input(json!({ "output": null }))
        .saved()
        .param("run_sync", true);
    let execution = run.created().await?;
    assert_eq!(execution["state"], "SUCCESS");
    let kept = client
        .action_execution(&id_of(&execution)?)
        .await?
        .expect(200)?;
    assert_eq!(kept["output"], r#"{"result": null}"#);
    Ok(())
}

#[tokio::test]
async fn a_failing_action_is_created_and_in_error() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;

    let words = client.run("std.fail").error().await?;
    assert!(words.contains("Fail action expected exception"), "{words}");

    let run = client
        .run("std.fail")
        .input(json!({ "error_data": { "code": 7 } }));
    let execution = run.created().await?;
    assert_eq!(execution["state"], "ERROR");
    assert_eq!(execution["state_info"], Value::Null);
    assert_eq!(result_of(&execution)?, json!({ "code": 7 }));
    Ok(())
}

#[tokio::test]
async fn refusals_say_what_is_wrong_and_make_nothing() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;

    let refusals = [
        (
            client.run("std.ecoh").saved(),
            "Failed to find action [action_name=std.ecoh]",
        ),
        (client.run("std.echo").saved(), "output"),
        (
            client
                .run("std.echo")
                .input(json!({ "output": 1, "volume": 11 }))
                .saved(),
            "volume",
        ),
        (
            client
                .run("std.sleep")
                .input(json!({ "seconds": "one" }))
                .saved(),
            "seconds",
        ),
        (
            client.run("std.echo").input(json!([1])).saved(),
            "JsonType field value must be a dictionary",
        ),
        (
            client.run("std.echo").member("colour", json!("red")),
            "colour",
        ),
        (
            client
                .run("std.echo")
                .input(json!({ "output": 1 }))
                .param("timeout", "soon"),
            "timeout",
        ),
        (
            client.run("std.async_noop").param("run_sync", true),
            "Action does not support synchronous execution.",
        ),
    ];
    for (run, expected) in refusals {
        let fault = run.send().await?.fault(400)?;
        assert!(
            fault.contains(expected),
            "`{fault}` does not say `{expected}`"
        );
    }
    let nameless = client
        .send_json(reqwest::Method::POST, "/v2/action_executions", &json!({}))
        .await?;
    assert_eq!(
        nameless.fault(400)?,
        "Please provide at least action name to run action."
    );
    let list = client.get("/v2/action_executions").await?.expect(200)?;
    assert_eq!(list["action_executions"], json!([]));
    Ok(())
}

#[tokio::test]
async fn an_asynchronous_action_runs_until_somebody_completes_it() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;

    let id = id_of(&client.run("std.async_noop").created().await?)?;
    let running = client.action_execution(&id).await?.expect(200)?;
    assert_eq!(running["state"], "RUNNING");

    let body = json!({ "state": "SUCCESS", "output": { "answer": 42 } });
    let done = client
        .update_action_execution(&id, &body)
        .await?
        .expect(200)?;
    assert_eq!(done["state"], "SUCCESS");
    assert_eq!(result_of(&done)?, json!({ "answer": 42 }));

    client
        .update_action_execution(&id, &json!({ "state": "ERROR" }))
        .await?
        .fault(409)?;
    Ok(())
}

#[tokio::test]
async fn an_unknown_state_is_refused_with_the_states_there_are() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let id = id_of(&client.run("std.async_noop").created().await?)?;
    let fault = client
        .update_action_execution(&id, &json!({ "state": "DONE" }))
        .await?
        .fault(400)?;
    assert!(fault.contains("actual: DONE"), "{fault}");
    Ok(())
}

#[tokio::test]
async fn cancelling_ends_a_running_execution() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;

    let id = id_of(
        &client
            .run("std.sleep")
            .input(json!({ "seconds": 50 }))
            .saved()
            .created()
            .await?,
    )?;
    let before = Instant::now();
    let cancelled = client
        .update_action_execution(&id, &json!({ "state": "CANCELLED" }))
        .await?
        .expect(200)?;

    assert_eq!(cancelled["state"], "CANCELLED");
    assert_eq!(client.completed(&id).await?["state"], "CANCELLED");
    assert!(before.elapsed() < Duration::from_secs(20));
    Ok(())
}

#[tokio::test]
async fn a_timeout_ends_the_run_itself() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let before = Instant::now();
    let words = client
        .run("std.sleep")
        .input(json!({ "seconds": 50 }))
        .param("timeout", 1)
        .error()
        .await?;
    assert!(words.to_lowercase().contains("timeout"), "{words}");
    assert!(before.elapsed() < Duration::from_secs(20));
    Ok(())
}

#[tokio::test]
async fn only_completed_executions_can_be_deleted() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let id = id_of(&client.run("std.async_noop").created().await?)?;
    let path = format!("/v2/action_executions/{id}");

    client.delete(&path).await?.fault(403)?;
    client
        .update_action_execution(&id, &json!({ "state": "ERROR" }))
        .await?
        .expect(200)?;
    client.delete(&path).await?.expect(204)?;
    client.get(&path).await?.fault(404)?;
    client.delete(&path).await?.fault(404)?;
    Ok(())
}

#[tokio::test]
async fn lists_are_paged_filtered_and_sorted() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let mut ids = Vec::new();
    for number in 0..5 {
        let run = client
            .run("std.echo")
            .input(json!({ "output": number }))
            .saved()
            .param("run_sync", true);
        ids.push(id_of(&run.created().await?)?);
    }
    client
        .run("std.fail")
        .saved()
        .param("run_sync", true)
        .created()
        .await?;

    let mut path = "/v2/action_executions?limit=2&name=std.echo".to_owned();
    let mut listed = Vec::new();
    for _ in 0..4 {
        let page = client.get(&path).await?.expect(200)?;
        for execution in page["action_executions"].as_array().into_iter().flatten() {
            listed.push(id_of(execution)?);
            assert!(
                execution.get("output").is_none(),
                "a list without include_output has outputs"
            );
        }
        let Some(next) = page["next"].as_str() else {
            break;
        };
        let next = url::Url::parse(next)?;
        path = format!("{}?{}", next.path(), next.query().unwrap_or_default());
    }
    assert_eq!(listed, ids);

    let newest = client
        .get("/v2/action_executions?sort_keys=created_at&sort_dirs=desc&limit=1")
        .await?
        .expect(200)?;
    assert_eq!(newest["action_executions"][0]["name"], "std.fail");
    let failed = client
        .get("/v2/action_executions?state=ERROR&include_output=true")
        .await?
        .expect(200)?;
    assert_eq!(
        failed["action_executions"].as_array().map(Vec::len),
        Some(1)
    );
    assert!(failed["action_executions"][0]["output"].is_string());
    client
        .get("/v2/action_executions?limit=0")
        .await?
        .fault(400)?;
    client
        .get("/v2/action_executions?colour=red")
        .await?
        .fault(400)?;
    client
        .get("/v2/action_executions?marker=third")
        .await?
        .fault(400)?;
    Ok(())
}

#[tokio::test]
async fn an_unknown_execution_is_not_found() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let path = "/v2/action_executions/0197f0aa-0000-7000-8000-000000000000";
    for suffix in ["", "/log", "/requests"] {
        client.get(&format!("{path}{suffix}")).await?.fault(404)?;
    }
    client
        .get("/v2/action_executions/first")
        .await?
        .fault(404)?;
    Ok(())
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let mut headers = reqwest::header::HeaderMap::new();
    headers.insert("content-type", "application/json".parse()?);
    let body = Some(b"{\"name\": ".to_vec());
    client
        .send(
            reqwest::Method::POST,
            "/v2/action_executions",
            headers,
            body,
        )
        .await?
        .fault(400)?;
    Ok(())
}

#[tokio::test]
async fn a_request_id_comes_with_every_answer() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let made = client.get("/v2/action_executions").await?;
    let id = made
        .headers
        .get("x-openstack-request-id")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    assert!(id.starts_with("req-"), "{id}");

    let own = format!("req-{}", unique("own").trim_start_matches("own-"));
    let execution = client
        .run("std.noop")
        .headers([("X-Openstack-Request-Id", own.as_str())])?
        .send()
        .await?;
    assert!(execution.headers.contains_key("x-openstack-request-id"));
    Ok(())
}

/// `2026-11-22 03:59:06`: what Mistral's client can parse.
fn is_mistral_time(text: &str) -> bool {
    text.len() == 19
        && text.chars().enumerate().all(|(place, c)| match place {
            4 | 7 => c == '-',
            10 => c == ' ',
            13 | 16 => c == ':',
            _ => c.is_ascii_digit(),
        })
}
