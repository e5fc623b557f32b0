//! `zonda action run` against a server and two Keystones.

use super::*;

#[tokio::test]
async fn a_run_prints_its_result_and_a_failed_one_its_reason() {
    let server = FakeServer::start(|request: &Request| {
        let failing = request.json()["name"] == "std.fail";
        let body = if failing {
            execution("ERROR", "{\"result\": \"no \\u001b[31mluck\"}")
        } else {
            execution("SUCCESS", "{\"result\": {\"a\": 1}}")
        };
        Answer::json(201, &body)
    })
    .await;
    let env = [("ZONDA_URL", server.url.as_str())];
    let ended = zonda(
        &["action", "run", "std.echo", "{\"x\": 1}", "--input", "y=2"],
        &env,
    )
    .await;
    assert_eq!((ended.code, ended.out.as_str()), (0, "{\n  \"a\": 1\n}\n"));
    let request = &server.requests()[0];
    assert_eq!(request.line, "POST /v2/action_executions");
    assert_eq!(
        request.json(),
        json!({"name": "std.echo", "input": {"x": 1, "y": 2}})
    );
    assert_eq!(request.header("x-auth-token"), None);

    let ended = zonda(&["action", "run", "std.fail"], &env).await;
    assert_eq!((ended.code, ended.out.as_str()), (1, ""));
    assert_eq!(ended.notes, "std.fail ended in ERROR: no \\u001b[31mluck\n");

    let ended = zonda(&["action", "run", "std.fail", "-f", "json"], &env).await;
    assert_eq!(ended.code, 1);
    assert!(ended.out.contains("\"state\": \"ERROR\""));
}

#[tokio::test]
async fn a_dry_run_and_an_audit_are_asked_for_and_shown_beside_the_result() {
    let server = FakeServer::start(|_: &Request| {
        let rule = json!({"service_type": "compute", "method": "POST", "path": "/servers"});
        let output = json!({"result": 7, "plan": [rule], "access_rules": [rule], "denied": []});
        Answer::json(201, &execution("SUCCESS", &output.to_string()))
    })
    .await;
    let args = [
        "action",
        "run",
        "std.echo",
        "--dry-run",
        "--audit",
        "--mutating-requests",
        "3",
    ];
    let ended = zonda(&args, &[("ZONDA_URL", &server.url)]).await;
    assert_eq!((ended.code, ended.out.as_str()), (0, "7\n"));
    assert_eq!(
        server.requests()[0].json()["params"],
        json!({"dry_run": true, "audit": true, "mutating_requests": 3})
    );
    assert!(
        ended.notes.contains("| /servers") && ended.notes.contains("path = \"/servers\""),
        "{}",
        ended.notes
    );
    assert!(!ended.notes.contains("denied"), "{}", ended.notes);
}

#[tokio::test]
async fn a_saved_run_is_followed_to_its_end() {
    let mut looks = 0;
    let server = FakeServer::start(move |request: &Request| {
        looks += i32::from(request.line.starts_with("GET"));
        match (looks, request.line.rsplit('/').next()) {
            (_, Some("log")) => Answer::json(
                200,
                &json!({"log": [{"at": "now", "level": "INFO",
                "message": "hello", "fields": ""}], "dropped": 2}),
            ),
            (_, Some("requests")) => Answer::json(
                200,
                &json!({"requests": [{"method": "GET",
                "service_type": "compute", "path": "/servers", "status": 200}], "dropped": 0}),
            ),
            (0..3, _) => Answer::json(200, &execution("RUNNING", "")),
            _ => Answer::json(200, &execution("SUCCESS", "{\"result\": 7}")),
        }
    })
    .await;
    let env = [("ZONDA_URL", server.url.as_str())];
    let ended = zonda(
        &["action", "run", "std.echo", "--trace", "--timeout", "9"],
        &env,
    )
    .await;
    assert_eq!((ended.code, ended.out.as_str()), (0, "7\n"));
    let params = server.requests()[0].json()["params"].clone();
    assert_eq!(params, json!({"save_result": true, "timeout": 9}));
    assert!(ended.notes.contains("hello") && ended.notes.contains("2 more were not kept"));
    assert!(ended.notes.contains("/servers"));
}

#[tokio::test]
async fn a_saved_run_is_left_alone_with_no_wait() {
    let server =
        FakeServer::start(|_: &Request| Answer::json(201, &execution("RUNNING", ""))).await;
    let args = [
        "action",
        "run",
        "std.sleep",
        "-s",
        "--no-wait",
        "-f",
        "value",
        "-c",
        "id",
    ];
    let ended = zonda(&args, &[("ZONDA_URL", &server.url)]).await;
    assert_eq!((ended.code, ended.out.as_str()), (0, "e1\n"));
    assert_eq!(server.lines().len(), 1);
}

#[tokio::test]
async fn an_interrupt_cancels_the_saved_run_that_is_waited_for() {
    let server = FakeServer::start(|request: &Request| {
        if request.line.starts_with("PUT") {
            assert_eq!(request.json(), json!({"state": "CANCELLED"}));
            Answer::json(200, &execution("CANCELLED", ""))
        } else {
            Answer::json(200, &execution("RUNNING", ""))
        }
    })
    .await;
    let ended = zonda_with(
        &["action", "run", "std.sleep", "-s"],
        &[("ZONDA_URL", &server.url)],
        |session| session.interrupt = || Box::pin(std::future::ready(())),
    )
    .await;
    assert_eq!(ended.code, 130);
    assert!(
        ended
            .notes
            .contains("interrupted: action execution e1 is CANCELLED")
    );
    assert_eq!(server.lines()[1], "PUT /v2/action_executions/e1");
}

#[tokio::test]
async fn both_clouds_give_a_token_and_the_targets_travels_in_os_auth() {
    let (home, target) = (keystone().await, keystone().await);
    let server = FakeServer::start(|_: &Request| {
        Answer::json(201, &execution("SUCCESS", "{\"result\": null}"))
    })
    .await;
    let ca = rcgen::generate_simple_self_signed(["ca".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem").display().to_string();
    fs::write(&ca_file, ca.cert.pem()).unwrap();
    let env = [
        ("ZONDA_URL", server.url.as_str()),
        ("OS_AUTH_URL", &home.url),
        ("OS_USERNAME", "ann"),
        ("OS_PASSWORD", "p"),
        ("OS_PROJECT_NAME", "home"),
        ("TARGET_OS_AUTH_URL", &target.url),
        ("TARGET_OS_USERNAME", "bob"),
        ("TARGET_OS_PASSWORD", "hunter2"),
        ("TARGET_OS_TENANT", "away"),
        ("TARGET_OS_CA_CERT", &ca_file),
        ("OS_TARGET_REGION_NAME", "r2"),
    ];
    let run = [
        "action",
        "run",
        "std.noop",
        "--custom-context",
        "{\"k\": 1}",
    ];
    let ended = zonda(&run, &env).await;
    assert_eq!(ended.code, 0, "{}", ended.notes);
    let request = &server.requests()[0];
    assert_eq!(request.header("x-auth-token").as_deref(), Some("tok-home"));
    let expected = json!({"k": 1, "os.auth": {
        "auth_url": format!("{}/v3", target.url),
        "auth_token": "tok-away",
        "project_id": "p1",
        "user_id": "u1",
        "region_name": "r2",
        "ca_cert": ca.cert.pem(),
        "service_catalog": {
            "methods": ["password"],
            "catalog": [{"type": "compute", "endpoints": []}],
            "project": {"id": "p1", "name": "demo", "domain": {"id": "default"}},
            "user": {"id": "u1"},
            "expires_at": "2030-01-01T00:00:00Z",
        },
    }});
    assert_eq!(request.json()["custom_context"], expected);

    let ended = zonda(
        &[&run[..3], &["--os-target-pass-credential"]].concat(),
        &env,
    )
    .await;
    assert_eq!(ended.code, 0, "{}", ended.notes);
    let auth = server.requests()[1].json()["custom_context"]["os.auth"].clone();
    assert_eq!(auth["password"], "hunter2");
    assert_eq!(auth["user_domain_id"], "default");
    assert_eq!(auth["project_name"], "away");
    assert_eq!(auth.get("auth_token"), None);
    assert_eq!(
        target.lines(),
        ["POST /v3/auth/tokens"],
        "the host logs in itself"
    );
}

#[tokio::test]
async fn a_target_token_is_asked_about_and_moved_to_the_project_only_when_it_is_elsewhere() {
    let target = keystone().await;
    let server = FakeServer::start(|_: &Request| {
        Answer::json(201, &execution("SUCCESS", "{\"result\": null}"))
    })
    .await;
    let env = |project: &'static str| {
        [
            ("ZONDA_URL", server.url.clone()),
            ("OS_TARGET_AUTH_URL", target.url.clone()),
            ("OS_TARGET_AUTH_TOKEN", "mine".to_owned()),
            ("OS_TARGET_PROJECT_NAME", project.to_owned()),
        ]
    };
    for (project, token) in [("demo", "mine"), ("away", "tok-away")] {
        let pairs = env(project);
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (*k, v.as_str())).collect();
        zonda(&["action", "run", "std.noop"], &pairs).await;
        let body = server.requests().last().unwrap().json();
        assert_eq!(body["custom_context"]["os.auth"]["auth_token"], token);
    }
    assert_eq!(
        target.lines(),
        [
            "GET /v3/auth/tokens",
            "GET /v3/auth/tokens",
            "POST /v3/auth/tokens"
        ]
    );
}
