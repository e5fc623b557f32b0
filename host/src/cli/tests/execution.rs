//! `zonda execution …` and `zonda task …` against a server.

use super::*;

fn workflow_execution(state: &str) -> serde_json::Value {
    json!({"id": "e1", "workflow_name": "main", "state": state, "state_info": null,
           "input": "{\"a\": 1}", "output": "{\"b\": 2}", "published_global": "{\"g\": 7}",
           "custom_context": "{\"key\": \"s3cret\"}"})
}

fn events(state: &str) -> Answer {
    let log =
        json!({"action_execution_id": "r1", "line": {"level": "info", "message": "hi \u{1b}[2J"}});
    let events = [
        (
            "execution",
            json!({"id": "e1", "workflow_name": "main", "state": "RUNNING"}),
        ),
        (
            "task",
            json!({"id": "t1", "name": "first", "workflow_execution_id": "e1", "state": "RUNNING"}),
        ),
        (
            "action_execution",
            json!({"id": "r1", "name": "std.echo", "task_execution_id": "t1", "state": "RUNNING"}),
        ),
        ("log", log),
        (
            "execution",
            json!({"id": "e1", "workflow_name": "main", "state": state, "state_info": "why"}),
        ),
    ];
    let events = events
        .iter()
        .map(|(name, data)| format!("event: {name}\ndata: {data}\nid: 7\n\n"));
    let body = events.collect::<String>().into_bytes();
    Answer {
        status: 200,
        headers: Vec::new(),
        body,
    }
}

#[tokio::test]
async fn an_execution_is_started_with_its_context_and_target_cloud() {
    let keystone = keystone().await;
    let server =
        FakeServer::start(|_: &Request| Answer::json(201, &workflow_execution("RUNNING"))).await;
    let env = [
        ("ZONDA_URL", server.url.as_str()),
        ("OS_TARGET_AUTH_URL", keystone.url.as_str()),
        ("OS_TARGET_USERNAME", "ann"),
        ("OS_TARGET_PASSWORD", "right"),
        ("OS_TARGET_PROJECT_NAME", "demo"),
    ];
    let args = [
        "execution",
        "create",
        "main",
        "{\"a\": 1}",
        "--input",
        "b=2",
        "--params",
        "{\"task_name\": \"t\"}",
        "--environment",
        "prod",
        "--namespace",
        "n",
        "--description",
        "words",
        "--custom-context",
        "{\"key\": \"value\"}",
    ];
    let ended = zonda(&args, &env).await;
    assert_eq!(ended.code, 0, "{}", ended.notes);
    let request = &server.requests()[0];
    assert_eq!(request.line, "POST /v2/executions");
    let mut body = request.json();
    let auth = body["custom_context"]
        .as_object_mut()
        .unwrap()
        .remove("os.auth");
    assert_eq!(auth.unwrap()["auth_token"], "tok-demo");
    assert_eq!(
        body,
        json!({"workflow_name": "main", "workflow_namespace": "n", "description": "words",
               "input": {"a": 1, "b": 2}, "params": {"task_name": "t", "env": "prod"},
               "custom_context": {"key": "value"}})
    );
}

#[tokio::test]
async fn a_workflow_is_named_by_id_or_name_or_taken_from_a_source() {
    let server =
        FakeServer::start(|_: &Request| Answer::json(201, &workflow_execution("RUNNING"))).await;
    let env = [("ZONDA_URL", server.url.as_str())];
    let id = "0196a1b2-0000-7000-8000-000000000001";
    for (args, body) in [
        (&["execution", "create", id][..], json!({"workflow_id": id})),
        (
            &["execution", "create", "--source", id, "--id", id],
            json!({"source_execution_id": id, "id": id}),
        ),
    ] {
        assert_eq!(zonda(args, &env).await.code, 0);
        assert_eq!(server.requests().last().unwrap().json(), body);
    }
    let both = [
        "execution",
        "create",
        "w",
        "--params",
        "{\"env\": {}}",
        "--environment",
        "e",
    ];
    assert_eq!(zonda(&both, &env).await.code, 2);
}

#[tokio::test]
async fn watching_tells_what_happens_and_the_exit_code_how_it_ends() {
    for (state, code) in [("SUCCESS", 0), ("ERROR", 1)] {
        let server = FakeServer::start(move |request: &Request| {
            if request.line.ends_with("/events") {
                return events(state);
            }
            Answer::json(201, &workflow_execution(state))
        })
        .await;
        let env = [("ZONDA_URL", server.url.as_str())];
        let ended = zonda(&["execution", "create", "main", "--watch"], &env).await;
        assert_eq!(
            (ended.code, ended.out.as_str()),
            (code, "{\n  \"b\": 2\n}\n")
        );
        let told = format!(
            "execution e1\nexecution main RUNNING\ntask first RUNNING\nfirst info: hi \\u001b[2J\nexecution main {state}: why\n"
        );
        assert_eq!(ended.notes, told);
        let ended = zonda(&["execution", "watch", "e1"], &env).await;
        assert_eq!((ended.code, ended.out.as_str()), (code, ""));
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_goes_on_after_what_was_heard() {
    let mut asked = 0;
    let server = FakeServer::start(move |_: &Request| {
        asked += 1;
        match asked {
            1 => {
                let mut answer = events("SUCCESS");
                answer.body.truncate(answer.body.len() / 2);
                answer
            }
            2 => fault(503, "not now"),
            _ => events("SUCCESS"),
        }
    })
    .await;
    let env = [("ZONDA_URL", server.url.as_str())];
    let ended = zonda(&["execution", "watch", "e1"], &env).await;
    assert_eq!(ended.code, 0, "{}", ended.notes);
    let requests = server.requests();
    assert_eq!(requests[0].header("last-event-id"), None);
    assert_eq!(requests[2].header("last-event-id").as_deref(), Some("7"));
}

#[tokio::test]
async fn what_is_not_there_is_not_watched_again_and_again() {
    let server = FakeServer::start(|_: &Request| fault(404, "WorkflowExecution not found")).await;
    let env = [("ZONDA_URL", server.url.as_str())];
    let ended = zonda(&["execution", "watch", "e1"], &env).await;
    assert_eq!(ended.code, 1);
    assert!(ended.notes.contains("not found"), "{}", ended.notes);
    assert_eq!(server.lines().len(), 1);
}

#[tokio::test]
async fn executions_are_looked_after() {
    let server = FakeServer::start(|request: &Request| {
        if request.line.starts_with("DELETE") {
            return Answer {
                status: 204,
                headers: Vec::new(),
                body: Vec::new(),
            };
        }
        if request.line.contains("/v2/executions?") || request.line.ends_with("/executions") {
            return Answer::json(200, &json!({"executions": [workflow_execution("ERROR")]}));
        }
        Answer::json(200, &workflow_execution("ERROR"))
    })
    .await;
    let env = [("ZONDA_URL", server.url.as_str())];
    for (args, line, printed) in [
        (
            &[
                "execution",
                "list",
                "--workflow",
                "main",
                "--state",
                "error",
                "--roots-only",
            ][..],
            "GET /v2/executions?sort_keys=created_at&sort_dirs=desc&workflow_name=main&state=ERROR&nulls=root_execution_id",
            "| main ",
        ),
        (
            &["execution", "show", "e1"],
            "GET /v2/executions/e1",
            "| main ",
        ),
        (
            &["execution", "show-input", "e1"],
            "GET /v2/executions/e1",
            "\"a\": 1",
        ),
        (
            &["execution", "show-output", "e1"],
            "GET /v2/executions/e1",
            "\"b\": 2",
        ),
        (
            &["execution", "published", "e1"],
            "GET /v2/executions/e1",
            "\"g\": 7",
        ),
        (
            &["execution", "show-report", "e1", "--max-depth", "1"],
            "GET /v2/executions/e1/report?errors_only=true&max_depth=1&statistics_only=false",
            "",
        ),
        (
            &["execution", "sub-executions", "e1"],
            "GET /v2/executions/e1/executions",
            "| main ",
        ),
        (
            &["execution", "delete", "e1", "--force"],
            "DELETE /v2/executions/e1?force=true",
            "",
        ),
    ] {
        let ended = zonda(args, &env).await;
        assert_eq!(ended.code, 0, "{args:?}: {}", ended.notes);
        assert_eq!(server.lines().last().unwrap(), line, "{args:?}");
        assert!(ended.out.contains(printed), "{args:?}: {}", ended.out);
        assert!(!ended.out.contains("s3cret"), "{args:?}");
    }
    let update = [
        "execution",
        "update",
        "e1",
        "--state",
        "cancelled",
        "--reason",
        "late",
    ];
    assert_eq!(zonda(&update, &env).await.code, 0);
    let body = json!({"state": "CANCELLED", "state_info": "late"});
    assert_eq!(server.requests().last().unwrap().json(), body);
    let resume = [
        "execution",
        "update",
        "e1",
        "-s",
        "RUNNING",
        "-e",
        "{\"k\": 1}",
    ];
    assert_eq!(zonda(&resume, &env).await.code, 0);
    let body = json!({"state": "RUNNING", "params": {"env": {"k": 1}}});
    assert_eq!(server.requests().last().unwrap().json(), body);
    assert_eq!(zonda(&["execution", "update", "e1"], &env).await.code, 2);
}

#[tokio::test]
async fn tasks_are_looked_after() {
    let task = json!({"id": "t1", "name": "first", "type": "ACTION", "state": "ERROR", "result": "\"text\"",
                      "published": "{\"p\": 1}", "published_global": "{\"g\": 7}"});
    let server = FakeServer::start(move |request: &Request| {
        if request.line.contains("/tasks?") || request.line.ends_with("/tasks") {
            return Answer::json(200, &json!({"tasks": [task]}));
        }
        Answer::json(200, &task)
    })
    .await;
    let env = [("ZONDA_URL", server.url.as_str())];
    for (args, line, printed) in [
        (&["task", "list"][..], "GET /v2/tasks", "| first "),
        (
            &["task", "list", "e1", "--state", "ERROR", "--limit", "1"],
            "GET /v2/executions/e1/tasks?limit=1&state=ERROR",
            "| first ",
        ),
        (&["task", "show", "t1"], "GET /v2/tasks/t1", "| first "),
        (&["task", "result", "t1"], "GET /v2/tasks/t1", "\"text\""),
        (&["task", "published", "t1"], "GET /v2/tasks/t1", "\"g\": 7"),
        (&["task", "rerun", "t1"], "PUT /v2/tasks/t1", "| first "),
        (&["task", "skip", "t1"], "PUT /v2/tasks/t1", "| first "),
    ] {
        let ended = zonda(args, &env).await;
        assert_eq!(ended.code, 0, "{args:?}: {}", ended.notes);
        assert_eq!(server.lines().last().unwrap(), line, "{args:?}");
        assert!(ended.out.contains(printed), "{args:?}: {}", ended.out);
    }
    assert_eq!(
        server.requests().last().unwrap().json(),
        json!({"state": "SKIPPED"})
    );
    let resume = ["task", "rerun", "t1", "--resume", "--env", "{\"k\": 1}"];
    assert_eq!(zonda(&resume, &env).await.code, 0);
    assert_eq!(
        server.requests().last().unwrap().json(),
        json!({"state": "RUNNING", "reset": false, "env": {"k": 1}})
    );
}
