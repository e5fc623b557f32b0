//! Triggers: what they start and where, out of options.

use serde_json::Value;

use super::*;

/// A server that takes a trigger and answers with what it was sent.
async fn echo(line: &'static str) -> FakeServer {
    FakeServer::start(move |request: &Request| {
        assert_eq!(request.line, line);
        Answer::json(201, &serde_json::from_slice(&request.body).unwrap())
    })
    .await
}

async fn sent(arguments: &[&str], env: &[(&str, &str)]) -> Value {
    let ended = zonda(&[arguments, &["-f", "json"]].concat(), env).await;
    assert_eq!(ended.code, 0, "{}", ended.notes);
    serde_json::from_str(&ended.out).unwrap()
}

/// Whether the arguments are a command line.
fn is_read(arguments: &[&str]) -> bool {
    Cli::try_parse_from([&["zonda"], arguments].concat()).is_ok()
}

#[tokio::test]
async fn a_cron_trigger_says_when_and_what() {
    let server = echo("POST /v2/cron_triggers").await;
    let env = [("ZONDA_URL", server.url.as_str())];
    let create = ["cron-trigger", "create", "nightly", "clean_up"];
    let more = ["--pattern", "0 3 * * *", "--count", "7", "--no-trust"];
    let input = ["--input", r#"{"a": 1}"#];
    assert_eq!(
        sent(&[&create[..], &more, &input].concat(), &env).await,
        json!({
            "name": "nightly", "workflow_name": "clean_up", "pattern": "0 3 * * *",
            "remaining_executions": 7, "trust": false, "workflow_input": {"a": 1},
        })
    );
    let first = ["--first-time", "2026-11-22 04:00"];
    let body = sent(&[&create[..], &first].concat(), &env).await;
    assert_eq!(body["first_execution_time"], "2026-11-22 04:00");
    assert!(!is_read(&create), "it says nothing of when");
}

#[tokio::test]
async fn a_triggers_target_goes_into_its_custom_context() {
    let server = echo("POST /v2/cron_triggers").await;
    let target = [
        ("ZONDA_URL", server.url.as_str()),
        ("OS_TARGET_AUTH_URL", "http://192.0.2.1:5000/v3"),
        ("OS_TARGET_APPLICATION_CREDENTIAL_ID", "id"),
        ("OS_TARGET_APPLICATION_CREDENTIAL_SECRET", "hunter2"),
        ("OS_TARGET_AUTH_TYPE", "v3applicationcredential"),
    ];
    let create = ["cron-trigger", "create", "c", "w", "--pattern", "@daily"];
    let context = ["--custom-context", r#"{"ticket": 1}"#];
    let body = sent(&[&create[..], &context].concat(), &target).await;
    let context = &body["custom_context"];
    assert_eq!(context["ticket"], 1);
    assert_eq!(
        context["os.auth"]["application_credential_secret"],
        "hunter2"
    );

    let token = [
        ("ZONDA_URL", server.url.as_str()),
        ("OS_TARGET_AUTH_URL", "http://192.0.2.1:5000/v3"),
        ("OS_TARGET_TOKEN", "a-token"),
        ("OS_TARGET_AUTH_TYPE", "token"),
    ];
    let ended = zonda(&create, &token).await;
    assert_eq!(ended.code, 2, "{}", ended.notes);
    assert!(ended.notes.contains("expired"), "{}", ended.notes);
}

#[tokio::test]
async fn an_event_trigger_follows_an_exchange_or_has_a_webhook() {
    let server = echo("POST /v2/event_triggers").await;
    let env = [("ZONDA_URL", server.url.as_str())];
    let create = ["event-trigger", "create", "e", "0196a1b2"];
    let nova = ["--exchange", "nova", "--topic", "notifications"];
    let event = ["--event", "compute.instance.create.end"];
    assert_eq!(
        sent(&[&create[..], &nova, &event].concat(), &env).await,
        json!({
            "name": "e", "workflow_id": "0196a1b2", "exchange": "nova", "topic": "notifications",
            "event": "compute.instance.create.end",
        })
    );
    let body = sent(&[&create[..], &["--webhook", "--public"]].concat(), &env).await;
    assert_eq!(body["webhook"], true);
    assert_eq!(body["scope"], "public");
    for wrong in [&[][..], &nova, &event] {
        assert!(!is_read(&[&create[..], wrong].concat()), "{wrong:?}");
    }
}

#[tokio::test]
async fn an_update_of_an_event_trigger_wants_something() {
    let server = FakeServer::start(|request: &Request| {
        assert_eq!(request.line, "PUT /v2/event_triggers/e");
        Answer::json(200, &serde_json::from_slice(&request.body).unwrap())
    })
    .await;
    let env = [("ZONDA_URL", server.url.as_str())];
    let update = ["event-trigger", "update", "e"];
    let changed = sent(&[&update[..], &["--name", "f", "--private"]].concat(), &env).await;
    assert_eq!(changed, json!({"name": "f", "scope": "private"}));
    let ended = zonda(&update, &env).await;
    assert_eq!(ended.code, 2);
    assert!(ended.notes.contains("nothing to change"), "{}", ended.notes);
}
