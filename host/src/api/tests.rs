//! The whole API in one process, over a store of its own and an executor that does as it is told.

mod definitions;
mod environments;

use std::{collections::HashSet, sync::Arc};

use axum::{
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::{Access, App, Parts, Service};
use crate::{
    auth::{Authenticator, Caller},
    clock::SystemClock,
    domain::{ActionName, ActionSpec, Failure, JsonText, Outcome, ProjectId, Timestamp},
    engine::{self, Engine},
    executor::FakeExecutor,
    openstack::Clouds,
    policy::{Policy, Rule},
    store::{KeyRing, SledStore},
};

const WASM: &[u8] = b"\0asm and so on";

pub(super) struct Host {
    app: App,
    service: Service,
    folder: TempDir,
}

pub(super) struct Answered {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    pub(super) text: String,
    pub(super) body: Value,
}

fn spec(name: &str, is_asynchronous: bool) -> ActionSpec {
    ActionSpec {
        name: ActionName::parse(name).unwrap(),
        description: "An action.".to_owned(),
        input_schema: JsonText::parse(r#"{"type": "object"}"#).unwrap(),
        output_schema: None,
        access: Vec::new(),
        idempotent: false,
        asynchronous: is_asynchronous,
    }
}

fn executor() -> FakeExecutor {
    let echo = |call: &crate::executor::Call| {
        let input: Value = call.input.to().unwrap();
        Outcome::Done(JsonText::from_value(&input["output"]))
    };
    let fail = |_: &_| Outcome::Failed(Failure::new("no luck"));
    FakeExecutor::default()
        .with(spec("std.echo", false), echo)
        .with(spec("std.fail", false), fail)
        .with(spec("std.async_noop", true), |_| Outcome::Pending)
        .with(spec("own.echo", false), echo)
}

impl Host {
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let uploads = folder.path().join("uploads");
        let system = folder.path().join("actions");
        for path in [&uploads, &system] {
            std::fs::create_dir(path).unwrap();
        }
        // Every component of the fake offers all actions, so the system's module is given the prefix `std` alone.
        std::fs::write(system.join("std.wasm"), WASM).unwrap();
        let store = SledStore::open(&folder.path().join("store"), 16).unwrap();
        let keys = KeyRing::generate(Timestamp::from_unix_ms(0)).unwrap();
        let engine = Engine::open(engine::Parts {
            store: Arc::new(store),
            executor: Arc::new(executor()),
            clouds: Clouds::for_tests(),
            keys: Arc::new(keys),
            clock: Arc::new(SystemClock),
            settings: engine::Settings::default(),
        })
        .await
        .unwrap();
        engine.load_system_modules(&system).await.unwrap();
        let app = App::new(Parts {
            engine,
            auth: Authenticator::for_tests(),
            policy: Policy::default(),
            metrics: Arc::default(),
            settings: super::Settings::default(),
            max_module_bytes: 1000,
            uploads,
            open_api: super::open_api(),
        });
        Self {
            service: super::service(&app),
            app,
            folder,
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answered {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "h:8989");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.answer(request.body(body.into()).unwrap()).await
    }

    pub(super) async fn answer(&self, request: Request<Body>) -> Answered {
        let response = self.service.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answered {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }

    async fn get(&self, path: &str) -> Answered {
        self.send(Method::GET, path, &[], Body::empty()).await
    }

    async fn run(&self, body: Value) -> Answered {
        self.send(Method::POST, "/v2/action_executions", &[], body.to_string())
            .await
    }

    async fn push(&self, query: &str, component: &'static [u8]) -> Answered {
        let headers = [("content-type", "application/wasm")];
        self.send(
            Method::POST,
            &format!("/v2/modules?{query}"),
            &headers,
            component,
        )
        .await
    }
}

#[tokio::test]
async fn an_unsaved_run_is_answered_and_leaves_nothing() {
    let host = Host::start().await;
    let run = host
        .run(json!({ "name": "std.echo", "input": { "output": "hi" } }))
        .await;
    assert_eq!(run.status, 201, "{}", run.text);
    assert_eq!(run.body["output"], r#"{"result": "hi"}"#);
    assert_eq!(run.body["id"], Value::Null);
    let list = host.get("/v2/action_executions").await;
    assert_eq!(list.body, json!({ "action_executions": [] }));
}

#[tokio::test]
async fn a_run_that_fails_is_created_too() {
    let host = Host::start().await;
    let run = host.run(json!({ "name": "std.fail" })).await;
    assert_eq!(run.status, 201);
    assert_eq!(run.body["state"], "ERROR");
    assert_eq!(run.body["output"], r#"{"result": "no luck"}"#);
}

#[tokio::test]
async fn a_custom_context_is_shown_by_a_single_get_alone() {
    let host = Host::start().await;
    let params = json!({ "save_result": true, "run_sync": true });
    let run = json!({ "name": "std.echo", "input": {}, "params": params, "custom_context": { "key": "canary" } });
    let run = host.run(run).await;
    assert_eq!(run.status, 201);
    assert!(!run.text.contains("canary"));
    let list = host.get("/v2/action_executions?include_output=true").await;
    assert!(!list.text.contains("canary"));
    let path = format!("/v2/action_executions/{}", run.body["id"].as_str().unwrap());
    assert!(
        host.get(&path).await.body["custom_context"]
            .as_str()
            .unwrap()
            .contains("canary")
    );
}

#[tokio::test]
async fn pages_follow_each_other_to_the_end() {
    let host = Host::start().await;
    for n in 0..5 {
        let params = json!({ "save_result": true, "run_sync": true });
        host.run(json!({ "name": "std.echo", "input": { "output": n }, "params": params }))
            .await;
    }
    let mut next = Some(
        "/v2/action_executions?limit=2&sort_dirs=desc&state=SUCCESS&include_output=true".to_owned(),
    );
    let mut seen = Vec::new();
    while let Some(path) = next {
        let page = host.get(&path).await;
        assert_eq!(page.status, 200, "{}", page.text);
        for item in page.body["action_executions"].as_array().unwrap() {
            seen.push(item["output"].as_str().unwrap().to_owned());
        }
        next = page.body["next"]
            .as_str()
            .map(|url| url.strip_prefix("http://h:8989").unwrap().to_owned());
    }
    let expected: Vec<String> = (0..5)
        .rev()
        .map(|n| format!(r#"{{"result": {n}}}"#))
        .collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn filters_and_fields_choose_what_a_list_shows() {
    let host = Host::start().await;
    for name in ["std.echo", "std.fail"] {
        host.run(json!({ "name": name, "params": { "save_result": true, "run_sync": true } }))
            .await;
    }
    let list = host
        .get("/v2/action_executions?state=in:ERROR,CANCELLED&fields=name")
        .await;
    let items = list.body["action_executions"].as_array().unwrap();
    assert_eq!(items.len(), 1);
    assert_eq!(items[0]["name"], "std.fail");
    assert_eq!(items[0].as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn other_projects_are_for_admins() {
    let host = Host::start().await;
    for query in ["all_projects=true", "all_tenants=1", "project_id=other"] {
        let refusal = host.get(&format!("/v2/action_executions?{query}")).await;
        assert_eq!(refusal.status, 403, "{query}");
        assert_eq!(
            refusal.body["faultstring"],
            "Operation forbidden (insufficient permissions)"
        );
    }
    assert_eq!(
        host.get("/v2/action_executions?all_projects=false")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn an_asynchronous_run_is_completed_once() {
    let host = Host::start().await;
    let run = host.run(json!({ "name": "std.async_noop" })).await;
    let path = format!("/v2/action_executions/{}", run.body["id"].as_str().unwrap());
    let done = json!({ "state": "SUCCESS", "output": { "answer": 42 } }).to_string();
    let answer = host.send(Method::PUT, &path, &[], done.clone()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["state"], "SUCCESS");
    assert_eq!(host.send(Method::PUT, &path, &[], done).await.status, 409);
    assert_eq!(
        host.send(Method::DELETE, &path, &[], Body::empty())
            .await
            .status,
        204
    );
    assert_eq!(host.get(&path).await.status, 404);
}

#[tokio::test]
async fn wrong_requests_are_refused_in_mistrals_words() {
    let host = Host::start().await;
    for (body, words) in [
        (
            json!({}),
            "Please provide at least action name to run action.",
        ),
        (
            json!({ "name": "std.ecoh" }),
            "Failed to find action [action_name=std.ecoh]",
        ),
        (
            json!({ "name": "echo" }),
            "Failed to find action [action_name=echo]",
        ),
        (
            json!({ "name": "std.echo", "x": 1 }),
            "Unknown attribute for argument action_ex: x",
        ),
        (
            json!({ "name": "std.echo", "input": [1] }),
            "input: JsonType field value must be a dictionary",
        ),
        (
            json!({ "name": "std.async_noop", "params": { "run_sync": true } }),
            "Action does not support synchronous execution.",
        ),
    ] {
        let refusal = host.run(body.clone()).await;
        assert_eq!(refusal.status, 400, "{body}");
        assert_eq!(
            refusal.body,
            json!({ "faultcode": "Client", "faultstring": words, "debuginfo": null })
        );
    }
    for (path, status) in [
        ("/v2/action_executions?lmit=1", 400),
        ("/v2/action_executions?limit=0", 400),
        ("/v2/action_executions?marker=x", 400),
        ("/v2/action_executions/x", 404),
        (
            "/v2/action_executions/0196a1b2-0000-7000-8000-000000000001",
            404,
        ),
        ("/v2/actions/echo", 404),
        ("/v2/nothing", 404),
    ] {
        let refusal = host.get(path).await;
        assert_eq!(refusal.status, status, "{path}");
        assert_eq!(refusal.body["faultcode"], "Client", "{path}");
    }
    let refusal = host
        .send(Method::PATCH, "/v2/actions/std.echo", &[], Body::empty())
        .await;
    assert_eq!(
        (refusal.status.as_u16(), &refusal.body["faultcode"]),
        (405, &json!("Client"))
    );
    let refusal = host
        .send(Method::POST, "/v2/action_executions", &[], "{")
        .await;
    assert_eq!(refusal.status, 400);
}

#[tokio::test]
async fn a_broken_target_makes_no_execution() {
    let host = Host::start().await;
    let body = json!({ "name": "std.echo", "params": { "save_result": true } }).to_string();
    let headers = [("X-Target-Auth-Token", "s3cret")];
    let refusal = host
        .send(Method::POST, "/v2/action_executions", &headers, body)
        .await;
    assert_eq!(refusal.status, 400);
    assert!(
        refusal.body["faultstring"]
            .as_str()
            .unwrap()
            .starts_with("X-Target-Auth-Uri: ")
    );
    assert_eq!(
        host.get("/v2/action_executions").await.body["action_executions"],
        json!([])
    );
}

#[tokio::test]
async fn actions_are_paged_by_name_and_found_with_slash_and_namespace() {
    let host = Host::start().await;
    let page = host.get("/v2/actions?limit=2").await;
    let names: Vec<&str> = page.body["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| action["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 2);
    assert!(
        page.body["next"]
            .as_str()
            .unwrap()
            .contains(&format!("marker={}", names[1]))
    );
    let rest = host.get(&format!("/v2/actions?marker={}", names[1])).await;
    assert!(!rest.text.contains(&format!("\"name\":\"{}\"", names[1])));
    for path in [
        "/v2/actions/std.echo",
        "/v2/actions/std.echo/",
        "/v2/actions/std.echo/ns",
        "/v2/actions/std.echo?namespace=",
    ] {
        let action = host.get(path).await;
        assert_eq!(action.status, 200, "{path}");
        assert_eq!(action.body["id"], "std.echo");
        assert_eq!(action.body["is_system"], true);
    }
}

#[tokio::test]
async fn a_module_is_uploaded_replaced_rolled_back_and_deleted() {
    let host = Host::start().await;
    let made = host.push("name=own", WASM).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.body["version"], 1);
    assert_eq!(host.push("name=own", WASM).await.status, 409);
    let run = host
        .run(json!({ "name": "own.echo", "input": { "output": 1 } }))
        .await;
    assert_eq!(run.status, 201, "{}", run.text);

    let wasm = [("content-type", "application/wasm; charset=x")];
    let next = host
        .send(Method::PUT, "/v2/modules/own", &wasm, &b"\0asm2"[..])
        .await;
    assert_eq!(
        (next.status.as_u16(), &next.body["version"]),
        (200, &json!(2))
    );
    let back = host
        .send(
            Method::POST,
            "/v2/modules/own/rollback",
            &[],
            r#"{"version": 1}"#,
        )
        .await;
    assert_eq!(
        (back.status.as_u16(), &back.body["digest"]),
        (200, &made.body["digest"])
    );
    let scope = host
        .send(
            Method::PUT,
            "/v2/modules/own?scope=private",
            &[],
            Body::empty(),
        )
        .await;
    assert_eq!(
        (scope.status.as_u16(), &scope.body["scope"]),
        (200, &json!("private"))
    );
    for (path, headers, body, status, words) in [
        (
            "/v2/modules/own?scope=private",
            &wasm[..],
            &b"\0asm3"[..],
            400,
            "without a body",
        ),
        (
            "/v2/modules/own?scope=mine",
            &[][..],
            b"",
            400,
            "private or public",
        ),
        (
            "/v2/modules/own?scope=public",
            &[][..],
            b"",
            403,
            "Operation forbidden",
        ),
        ("/v2/modules/own", &[][..], b"", 415, "component"),
    ] {
        let refused = host.send(Method::PUT, path, headers, body).await;
        assert_eq!(refused.status, status, "{path}: {}", refused.text);
        assert!(refused.text.contains(words), "{}", refused.text);
    }
    let shown = host.get("/v2/modules/own").await;
    assert_eq!(shown.body["versions"].as_array().unwrap().len(), 2);

    assert_eq!(
        host.send(Method::DELETE, "/v2/modules/own", &[], Body::empty())
            .await
            .status,
        204
    );
    assert_eq!(host.get("/v2/modules/own").await.status, 404);
    assert_eq!(
        std::fs::read_dir(host.folder.path().join("uploads"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn sharing_needs_authentication_in_mistrals_words() {
    let host = Host::start().await;
    host.push("name=own", WASM).await;
    let (all, one) = ("/v2/modules/own/members", "/v2/modules/own/members/p");
    for (method, path, body) in [
        (Method::POST, all, r#"{"member_id": "p"}"#),
        (Method::GET, all, ""),
        (Method::GET, one, ""),
        (Method::PUT, one, r#"{"status": "accepted"}"#),
        (Method::DELETE, one, ""),
    ] {
        let refused = host.send(method, path, &[], body).await;
        assert_eq!(refused.status, 400);
        assert_eq!(
            refused.body["faultstring"],
            "Resource sharing feature can only be supported with authentication enabled."
        );
    }
}

#[tokio::test]
async fn a_wrong_upload_has_its_own_status_and_leaves_nothing() {
    let host = Host::start().await;
    assert_eq!(host.push("name=own", b"no wasm").await.status, 422);
    assert_eq!(host.push("name=o.wn", WASM).await.status, 400);
    assert_eq!(host.push("", WASM).await.status, 400);
    assert_eq!(host.push("name=own&scope=secret", WASM).await.status, 400);
    assert_eq!(host.push("name=own&scope=public", WASM).await.status, 403);
    let large: &'static [u8] = Box::leak(vec![0; 2000].into_boxed_slice());
    assert_eq!(host.push("name=own", large).await.status, 413);
    let text = [("content-type", "text/plain")];
    assert_eq!(
        host.send(Method::POST, "/v2/modules?name=own", &text, WASM)
            .await
            .status,
        415
    );
    assert_eq!(
        std::fs::read_dir(host.folder.path().join("uploads"))
            .unwrap()
            .count(),
        0
    );
    assert_eq!(
        host.send(Method::DELETE, "/v2/modules/std", &[], Body::empty())
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn every_answer_has_a_request_id() {
    let host = Host::start().await;
    let id = "req-0196a1b2-0000-7000-8000-000000000001";
    let headers = [("X-Openstack-Request-Id", id)];
    let answer = host
        .send(Method::GET, "/v2/actions", &headers, Body::empty())
        .await;
    assert_eq!(answer.headers["x-openstack-request-id"], id);
    for path in ["/", "/v2/nothing"] {
        assert!(
            host.get(path).await.headers["x-openstack-request-id"]
                .to_str()
                .unwrap()
                .starts_with("req-")
        );
    }
}

#[tokio::test]
async fn open_routes_tell_of_the_host() {
    let host = Host::start().await;
    let versions = host.get("/").await.body;
    assert_eq!(
        versions,
        json!({ "versions": [{ "id": "v2.0", "status": "CURRENT",
                               "links": [{ "href": "http://h:8989/v2", "target": "v2", "rel": "self" }] }] })
    );
    let moved = host.get("/v2").await;
    assert_eq!(
        (moved.status.as_u16(), &moved.headers["location"]),
        (302, &"/v2/".parse().unwrap())
    );
    assert_eq!(
        host.get("/v2/").await.body,
        json!({ "uri": "http://h:8989/v2" })
    );
    assert_eq!(host.get("/healthz").await.status, 200);
    assert_eq!(host.get("/readyz").await.status, 200);
    let metrics = host.get("/metrics").await;
    assert!(
        metrics.text.contains(r#"route="/readyz",status="200""#),
        "{}",
        metrics.text
    );
}

#[test]
fn every_route_is_in_the_open_api_document_with_its_rule() {
    let table = super::routes().table();
    let document: Value = serde_json::from_slice(&super::open_api()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    for route in &table {
        let method = route.method.as_str().to_ascii_lowercase();
        let operation = &document["paths"][route.path][&method];
        assert!(
            !operation["summary"].as_str().unwrap().is_empty(),
            "{method} {}",
            route.path
        );
        match route.access {
            Access::Open | Access::Signed => assert_eq!(operation["security"], json!([])),
            Access::Guarded(rule) => assert_eq!(operation["x-policy-rule"], rule.name()),
        }
    }
    assert!(document["components"]["schemas"]["ActionExecutionView"].is_object());
}

#[test]
fn every_list_has_a_rule_for_other_projects_objects_and_says_so() {
    let document: Value = serde_json::from_slice(&super::open_api()).unwrap();
    let lists: Vec<_> = super::routes().table();
    let lists = lists.iter().filter(|route| route.doc.is_list());
    let mut paths = Vec::new();
    for route in lists {
        paths.push(route.path);
        let operation = &document["paths"][route.path]["get"];
        let rule = route.doc.all_projects_rule().unwrap().name();
        assert_eq!(operation["x-all-projects-rule"], rule);
        // The last part of the path; only executions have another name below a task.
        let resource = route.path.rsplit('/').next().unwrap();
        let resource = resource.trim_start_matches("workflow_");
        assert_eq!(rule, format!("{resource}:list:all_projects"));
        let names: HashSet<_> = route.doc.query_names().collect();
        for name in [
            "all_projects",
            "all_tenants",
            "project_id",
            "limit",
            "marker",
            "nulls",
        ] {
            assert!(names.contains(name), "{} takes no {name}", route.path);
        }
    }
    paths.sort_unstable();
    assert_eq!(
        paths,
        [
            "/v2/action_executions",
            "/v2/actions",
            "/v2/audit_events",
            "/v2/cron_triggers",
            "/v2/environments",
            "/v2/event_triggers",
            "/v2/executions",
            "/v2/executions/{id}/tasks",
            "/v2/modules",
            "/v2/quotas",
            "/v2/tasks",
            "/v2/tasks/{id}/action_executions",
            "/v2/tasks/{id}/workflow_executions",
            "/v2/workbooks",
            "/v2/workflows",
        ]
    );
}

/// Answers that hold several objects and are not a list of a resource, each with what it is.
const NO_LISTS: [(&str, &str); 10] = [
    ("/", "versions of the API"),
    ("/v1/catalog/packages", "none, for pollers"),
    (
        "/v1/environments/{environment}/deployments",
        "none, for pollers",
    ),
    (
        "/v1/environments/{environment}/services",
        "none, for pollers",
    ),
    ("/v2/action_executions/{id}/log", "lines of one run"),
    ("/v2/action_executions/{id}/requests", "requests of one run"),
    (
        "/v2/executions/{id}/executions",
        "all that is below one execution",
    ),
    ("/v2/tasks/{id}/executions", "all that is below one task"),
    (
        "/v2/modules/{module}/members",
        "few, of one object; who sees all modules sees theirs",
    ),
    (
        "/v2/workflows/{workflow}/members",
        "few, of one object; who sees all workflows sees theirs",
    ),
];

#[test]
fn whatever_answers_a_collection_is_a_list() {
    let document: Value = serde_json::from_slice(&super::open_api()).unwrap();
    let resolve = |schema: &Value| match schema["$ref"].as_str() {
        Some(name) => document
            .pointer(name.trim_start_matches('#'))
            .unwrap()
            .clone(),
        None => schema.clone(),
    };
    for route in super::routes().table() {
        // A single object's path ends with its name.
        if route.doc.is_list() || route.method != Method::GET || route.path.ends_with('}') {
            continue;
        }
        let answers = &document["paths"][route.path]["get"]["responses"]["200"];
        let schema = resolve(&answers["content"]["application/json"]["schema"]);
        let has_several = |schema: &Value| {
            let kind = &schema["type"];
            kind == "array"
                || kind
                    .as_array()
                    .is_some_and(|kinds| kinds.contains(&json!("array")))
        };
        let members = schema["properties"].as_object().into_iter().flatten();
        let is_collection = has_several(&schema)
            || members
                .into_iter()
                .any(|(_, member)| has_several(&resolve(member)));
        // Murano's list has its own arguments, and its rule.
        let is_muranos = route.path == "/v1/environments"
            && route.doc.all_projects_rule() == Some(Rule::ListEnvironmentsAllTenants)
            && route.doc.query_names().any(|name| name == "all_tenants");
        let is_exempt = is_muranos || NO_LISTS.iter().any(|(path, _)| *path == route.path);
        assert!(
            !is_collection || is_exempt,
            "GET {} answers a collection: add it by Routes::list, so that it has a rule for all projects",
            route.path
        );
    }
}

#[test]
fn only_what_tells_nothing_of_a_project_is_open() {
    let open: HashSet<&str> = super::routes()
        .table()
        .into_iter()
        .filter(|route| route.access == Access::Open)
        .map(|route| route.path)
        .collect();
    let expected = [
        "/",
        "/v2",
        "/v2/",
        "/healthz",
        "/readyz",
        "/metrics",
        "/v2/openapi.json",
    ];
    assert_eq!(open, HashSet::from(expected));
}

#[test]
fn no_route_is_there_twice() {
    let table = super::routes().table();
    let distinct: HashSet<_> = table
        .iter()
        .map(|route| (&route.method, route.path))
        .collect();
    assert_eq!(distinct.len(), table.len());
}

#[tokio::test]
async fn a_handler_that_panics_is_a_500_that_says_nothing_of_it() {
    let host = Host::start().await;
    async fn panics() {
        panic!("with a secret in it")
    }
    let router = axum::Router::new()
        .route("/panics", axum::routing::get(panics))
        .layer(axum::middleware::from_fn_with_state(
            host.app.clone(),
            super::layers::request,
        ));
    let request = Request::get("/panics").body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 500);
    assert!(response.headers().contains_key("x-openstack-request-id"));
    let bytes = axum::body::to_bytes(response.into_body(), 1000)
        .await
        .unwrap();
    let body: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(
        body,
        json!({"faultcode": "Server", "faultstring": "internal error", "debuginfo": null})
    );
}

/// The members of an answer with the kinds of their values: what holds beside a recorded answer of Mistral.
pub(super) fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter();
            Value::Object(
                members
                    .map(|(name, it)| (name.clone(), shape(it)))
                    .collect(),
            )
        }
        Value::Array(items) => items.first().map(shape).into_iter().collect(),
        Value::Null => Value::Null,
        Value::Bool(_) => "true or false".into(),
        Value::Number(_) => "a number".into(),
        Value::String(_) => "a text".into(),
    }
}

/// A caller of the project `p` without a cloud.
pub(super) fn caller() -> Caller {
    Caller {
        project_id: ProjectId::new("p"),
        user_id: None,
        user_name: None,
        user_domain_id: None,
        project_domain_id: None,
        roles: Vec::new(),
        is_admin: false,
        home: None,
    }
}
