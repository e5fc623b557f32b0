//! Modules, lists and single objects.

use super::*;

#[tokio::test]
async fn a_push_creates_a_module_and_then_a_version() {
    let server = FakeServer::start(|request: &Request| {
        if request.line.starts_with('P') {
            assert_eq!(request.body, b"\0asm");
            assert_eq!(request.header("content-type").unwrap(), "application/wasm");
        }
        match request.line.as_str() {
            "GET /v2/modules/hello" => Answer::json(200, &json!({"scope": "private"})),
            "PUT /v2/modules/hello" => Answer::json(200, &json!({"name": "hello", "version": 2})),
            "POST /v2/modules?name=fresh&scope=public" => {
                Answer::json(201, &json!({"name": "fresh", "version": 1}))
            }
            line if line.starts_with("POST /v2/modules?name=hello&scope=") => fault(409, "taken"),
            other => panic!("{other}"),
        }
    })
    .await;
    let folder = component();
    let file = folder.path().join("hello.wasm").display().to_string();
    let env = [("ZONDA_URL", server.url.as_str())];
    let ended = zonda(&["module", "push", &file], &env).await;
    let noted = (ended.code, ended.notes.as_str());
    assert_eq!(noted, (0, "updated module hello, version 2\n"));
    let fresh = ["module", "push", &file, "--name", "fresh", "--public"];
    let ended = zonda(&fresh, &env).await;
    let noted = (ended.code, ended.notes.as_str());
    assert_eq!(noted, (0, "created module fresh, version 1\n"));
    let ended = zonda(&["module", "push", &file, "--public"], &env).await;
    assert!(
        ended.notes.contains("module hello is private"),
        "{}",
        ended.notes
    );
    assert_eq!(ended.code, 2);
}

#[tokio::test]
async fn a_push_takes_the_signature_that_is_named_or_lies_beside_the_component() {
    let server = FakeServer::start(|request: &Request| {
        let signature = request.header("x-module-signature");
        Answer::json(
            201,
            &json!({"name": "hello", "version": 1, "signature": signature}),
        )
    })
    .await;
    let folder = component();
    let file = folder.path().join("hello.wasm").display().to_string();
    let env = [("ZONDA_URL", server.url.as_str())];
    let show = ["module", "push", &file, "-f", "value", "-c", "signature"];
    let unsigned = zonda(&show, &env).await;
    assert_ne!(unsigned.out, "b25l\n");
    fs::write(folder.path().join("hello.wasm.minisig"), "one").unwrap();
    assert_eq!(zonda(&show, &env).await.out, "b25l\n");
    let other = folder.path().join("other").display().to_string();
    fs::write(&other, "two").unwrap();
    let named = [&show[..], &["--signature", &other]].concat();
    assert_eq!(zonda(&named, &env).await.out, "dHdv\n");
    let missing = [&show[..], &["--signature", "/nowhere"]].concat();
    assert!(zonda(&missing, &env).await.notes.contains("/nowhere"));
}

#[tokio::test]
async fn a_push_under_a_name_of_somebody_elses_tells_the_conflict() {
    let server = FakeServer::start(|request: &Request| {
        if request.line.starts_with("POST") {
            fault(409, "the name hello is taken")
        } else {
            fault(404, "Module not found")
        }
    })
    .await;
    let folder = component();
    let file = folder.path().join("hello.wasm").display().to_string();
    let ended = zonda(&["module", "push", &file], &[("ZONDA_URL", &server.url)]).await;
    assert_eq!(
        (ended.code, ended.notes.as_str()),
        (1, "the name hello is taken (HTTP 409)\n")
    );
}

#[tokio::test]
async fn a_list_follows_its_links_on_the_server_that_the_user_named() {
    let server = FakeServer::start(|request: &Request| {
        let last = request.line.contains("marker=b");
        let next = "http://elsewhere.example.com/v2/modules?all_projects=true&marker=b";
        let page = if last {
            json!({"modules": [{"name": "c"}]})
        } else {
            json!({"modules": [{"name": "a"}, {"name": "b"}], "next": next})
        };
        Answer::json(200, &page)
    })
    .await;
    let env = [("ZONDA_URL", server.url.as_str())];
    let args = [
        "module",
        "list",
        "--all-tenants",
        "-f",
        "value",
        "-c",
        "name",
    ];
    assert_eq!(zonda(&args, &env).await.out, "a\nb\nc\n");
    let expected = [
        "GET /v2/modules?all_projects=true",
        "GET /v2/modules?all_projects=true&marker=b",
    ];
    assert_eq!(server.lines(), expected);
    let ended = zonda(&[&args[..], &["--limit", "1"]].concat(), &env).await;
    assert_eq!(ended.out, "a\n");
}

#[tokio::test]
async fn a_list_of_all_tenants_tells_whose_each_object_is() {
    let server = FakeServer::start(|_: &Request| {
        let object = json!({"id": "i", "name": "n", "project_id": "whose"});
        let page = json!({"modules": [object], "actions": [object], "action_executions": [object]});
        Answer::json(200, &page)
    })
    .await;
    let env = [("ZONDA_URL", server.url.as_str())];
    for noun in ["module", "action", "action-execution"] {
        let all = zonda(&[noun, "list", "--all-tenants"], &env).await;
        assert!(all.out.contains("whose"), "{noun}: {}", all.out);
        let own = zonda(&[noun, "list", "--project-id", "p"], &env).await;
        assert!(!own.out.contains("whose"), "{noun}: {}", own.out);
    }
    let lines = server.lines();
    assert_eq!(lines[0], "GET /v2/modules?all_projects=true");
    assert_eq!(lines[1], "GET /v2/modules?project_id=p");
}

#[tokio::test]
async fn a_shown_execution_keeps_its_custom_context_to_who_asks_for_it() {
    let server = FakeServer::start(|_: &Request| {
        let body =
            json!({"id": "e1", "state": "SUCCESS", "custom_context": "{\"k\": \"private\"}"});
        Answer::json(200, &body)
    })
    .await;
    let env = [("ZONDA_URL", server.url.as_str())];
    let show = ["action-execution", "show", "e1", "-f", "json"];
    assert!(!zonda(&show, &env).await.out.contains("private"));
    let ended = zonda(&[&show[..], &["-c", "custom_context"]].concat(), &env).await;
    assert!(ended.out.contains("\"k\": \"private\""), "{}", ended.out);
}

#[tokio::test]
async fn a_module_is_saved_under_its_own_name_only() {
    let server = FakeServer::start(|_: &Request| Answer {
        status: 200,
        headers: Vec::new(),
        body: b"\0asm\x1b".to_vec(),
    })
    .await;
    let env = [("ZONDA_URL", server.url.as_str())];
    let ended = zonda(&["module", "save", "hello", "--file", "-"], &env).await;
    assert_eq!(ended.out.as_bytes(), b"\0asm\x1b");
    let ended = zonda(&["module", "save", "../hello"], &env).await;
    assert_eq!(ended.code, 2);
}

#[tokio::test]
async fn quotas_are_shown_set_and_reset() {
    let server = FakeServer::start(|request: &Request| {
        let quotas = json!({"id": "p", "project_id": "p", "modules": {"limit": 3, "in_use": 2}});
        match request.line.as_str() {
            "PUT /v2/quotas/p" => {
                assert_eq!(request.json(), json!({"modules": 3, "bytes": -1}));
                Answer::json(200, &quotas)
            }
            "GET /v2/quotas/p" => Answer::json(200, &quotas),
            "GET /v2/quotas" | "GET /v2/quotas?all_projects=true" => {
                Answer::json(200, &json!({"quotas": [quotas]}))
            }
            "DELETE /v2/quotas/p" => Answer::json(204, &json!(null)),
            other => panic!("{other}"),
        }
    })
    .await;
    let env = [("ZONDA_URL", server.url.as_str())];
    let set = ["quota", "set", "p", "--modules", "3", "--bytes", "-1"];
    for args in [&set[..], &["quota", "show"], &["quota", "show", "p"]] {
        let ended = zonda(args, &env).await;
        assert!(ended.out.contains("| modules"), "{}", ended.out);
        assert_eq!(ended.code, 0);
    }
    let ended = zonda(&["quota", "list", "--all-tenants"], &env).await;
    assert!(ended.out.contains("2/3"), "{}", ended.out);
    let ended = zonda(&["quota", "reset", "p"], &env).await;
    assert_eq!(ended.notes, "project p has the usual quotas\n");
}

#[tokio::test]
async fn the_audit_trail_is_listed_by_what_is_looked_for() {
    let server = FakeServer::start(|_: &Request| {
        Answer::json(200, &json!({"audit_events": [{"rule": "modules:create"}]}))
    })
    .await;
    let env = [("ZONDA_URL", server.url.as_str())];
    let args = ["audit", "list", "--all-tenants", "--rule", "modules:create"];
    let more = [
        "--since",
        "2026-11-22 00:00:00",
        "-f",
        "value",
        "-c",
        "rule",
    ];
    let ended = zonda(&[&args[..], &more].concat(), &env).await;
    assert_eq!(ended.out, "modules:create\n");
    let expected = "GET /v2/audit_events?all_projects=true&rule=modules%3Acreate\
                    &created_at=gte%3A2026-11-22+00%3A00%3A00";
    assert_eq!(server.lines(), [expected]);
}
