//! Custom contexts and credentials reach the action and nothing else: no log, no answer, no file.

use std::os::unix::process::ExitStatusExt as _;

use anyhow::{Result, ensure};
use e2e::client::{Answer, Client, headers, id_of};
use e2e::cloud::{Cloud, Tenant, Token, base64};
use e2e::faults::{FaultServer, path};
use e2e::host::{Host, Settings};
use e2e::marks::Marks;
use e2e::{guests, unique, wait};
use reqwest::Method;
use reqwest::header::HeaderMap;
use rustix::process::Signal;
use serde_json::{Map, Value, json};

#[tokio::test]
async fn a_custom_context_reaches_the_action_without_os_auth() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    client
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;
    let tenant = Cloud::a()?.tenant().await?;

    let context = json!({ "ticket": 4711, "os.auth": tenant.os_auth() });
    let expected = json!({ "ticket": 4711 });
    let seen = client
        .run("probe.context")
        .custom_context(context.clone())
        .result()
        .await?;
    assert_eq!(seen["custom_context"], expected);
    // Mistral's clients send text.
    let seen = client
        .run("probe.context")
        .custom_context(json!(context.to_string()))
        .result()
        .await?;
    assert_eq!(seen["custom_context"], expected);
    let seen = client.run("probe.context").result().await?;
    assert_eq!(seen["custom_context"], json!({}));
    Ok(())
}

#[tokio::test]
async fn only_a_single_get_of_the_own_project_shows_a_custom_context() -> Result<()> {
    let cloud = Cloud::a()?;
    let (owner, admin) = (cloud.tenant().await?, cloud.admin_token().await?);
    let host = Host::start_with(Settings::new().keystone(&cloud)).await?;
    let client = host.client()?.with_token(&owner.token().await?.secret);

    let canary = unique("canary");
    let run = client
        .run("std.echo")
        .input(json!({ "output": 1 }))
        .custom_context(json!({ "key": canary }))
        .saved();
    let answer = run.send().await?;
    assert!(!answer.text().contains(&canary));
    let id = id_of(&answer.expect(201)?)?;
    let path = format!("/v2/action_executions/{id}");

    let shown = client.get(&path).await?.expect(200)?;
    let context: Value =
        serde_json::from_str(shown["custom_context"].as_str().unwrap_or_default())?;
    assert_eq!(context, json!({ "key": canary }));
    for list in [
        "/v2/action_executions",
        "/v2/action_executions?include_output=true",
    ] {
        let list = client.get(list).await?;
        assert!(list.text().contains(&id) && !list.text().contains(&canary));
    }
    let admin = host.client()?.with_token(&admin.secret);
    for path in [path.as_str(), "/v2/action_executions"] {
        assert!(!admin.get(path).await?.text().contains(&canary));
    }
    Ok(())
}

/// Everything at its most talkative, the libraries that see headers and bodies above all.
const TRACE: &str = "trace,h2=trace,hyper=trace,hyper::proto=trace,hyper_util=trace,reqwest=trace,rustls=trace,\
                     wasmtime=trace,wasmtime_wasi=trace,cranelift=trace,sled=trace,axum=trace,tower=trace,tokio=trace";

/// What the host takes as a request's body.
const MAX_BODY_BYTES: usize = 1_000_000;

/// All that the host answered.
#[derive(Default)]
struct Answers(Vec<u8>);

impl Answers {
    fn take(&mut self, answer: Answer) -> Answer {
        self.0.extend_from_slice(&answer.bytes);
        self.0.extend(format!("{:?}", answer.headers).bytes());
        answer
    }
}

/// A run of `action` in a service that never answers, which has begun.
async fn hanging(client: &Client, server: &FaultServer, context: Value) -> Result<String> {
    let before = server.seen().len();
    let run = client
        .run("probe.wait")
        .custom_context(context)
        .input(json!({ "service_type": "compute", "path": path::HANG }))
        .saved();
    let id = id_of(&run.created().await?)?;
    wait::until("the run's request has arrived", || async {
        Ok(Some(()).filter(|()| server.seen().len() > before))
    })
    .await?;
    Ok(id)
}

/// Bodies and headers that are refused, each with `mark` in a place where a secret may stand by mistake.
async fn send_refused(client: &Client, mark: &str, answers: &mut Answers) -> Result<()> {
    let post = |headers: HeaderMap, body: Vec<u8>| {
        client.send(Method::POST, "/v2/action_executions", headers, Some(body))
    };
    let url = "http://127.0.0.1:1/v3";
    let mut bodies = vec![
        format!(r#"{{"name": "std.noop", "custom_context": {{"key": "{mark}""#).into_bytes(),
        format!(r#"{{"name": "std.noop", "custom_context": {{"key": "{mark}" 7}}}}"#).into_bytes(),
        mark.as_bytes().to_vec(),
        format!("\"{mark}\"").into_bytes(),
    ];
    for context in [
        json!(mark),
        json!([mark]),
        json!({ "os.auth": mark }),
        json!({ "os.auth": [mark] }),
        json!({ "os.auth": { mark.repeat(2): "x" } }),
        json!({ "os.auth": { "auth_token": mark } }),
        json!({ "os.auth": { "auth_url": url, "password": mark } }),
        json!({ "os.auth": { "auth_url": url, "auth_token": { "id": mark } } }),
        json!({ "os.auth": { "auth_url": mark, "auth_token": mark } }),
        json!({ "os.auth": { "auth_url": format!("http://user:{mark}@127.0.0.1/"), "auth_token": mark } }),
        json!({ "os.auth": { "auth_url": format!("{url}?token={mark}"), "auth_token": mark } }),
        json!({ "os.auth": { "auth_url": url, "auth_token": format!("{mark}\n") } }),
        json!({ "os.auth": { "auth_url": url, "auth_token": mark, "password": mark } }),
        json!({ "os.auth": { "auth_url": url, "auth_token": mark, "insecure": mark } }),
        json!({ "os.auth": { "auth_url": url, "auth_token": mark, "ca_cert": mark } }),
        json!({ "os.auth": { "auth_url": url, "auth_token": mark, "service_catalog": mark } }),
        json!({ "os.auth": { "auth_url": url, "auth_token": mark, "service_catalog": base64(mark) } }),
        json!({ "os.auth": { "auth_url": url, "auth_token": mark, "service_catalog": { "catalog": mark } } }),
        json!({ "os.auth": { "auth_url": url, "auth_token": mark,
            "service_catalog": { "catalog": [{ "type": "compute", "endpoints": [{ "url": [mark] }] }] } } }),
        json!({ "os.auth": { "auth_url": url, "auth_token": mark,
            "service_catalog": { "serviceCatalog": [], "token": mark } } }),
    ] {
        let body = json!({ "name": "heat.stacks_list", "custom_context": context });
        bodies.push(serde_json::to_vec(&body)?);
        let body = json!({ "name": "heat.stacks_list", "custom_context": body["custom_context"].to_string() });
        bodies.push(serde_json::to_vec(&body)?);
    }
    for body in [
        json!({ "name": "std.noop", "token": mark }),
        json!({ "name": "std.noop", "input": mark }),
        json!({ "name": "std.noop", "params": { "timeout": mark } }),
        json!({ "name": "std.noop", "params": { "save_result": mark } }),
        json!({ "name": { "a": mark } }),
        json!({ "name": "std.noop", "description": [mark] }),
    ] {
        bodies.push(serde_json::to_vec(&body)?);
    }
    let typed = || headers([("content-type", "application/json")]);
    for body in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
        let answer = answers.take(post(typed()?, body).await?);
        ensure!(!answer.text().contains(mark), "{shown}: {}", answer.text());
        ensure!(
            (400..500).contains(&answer.status),
            "{shown}: {}",
            answer.text()
        );
    }

    let noop = serde_json::to_vec(&json!({ "name": "std.noop" }))?;
    for (name, value) in [
        ("x-target-auth-uri", mark.to_owned()),
        ("x-target-auth-token", mark.to_owned()),
        ("x-target-insecure", mark.to_owned()),
        ("x-target-service-catalog", base64(mark)),
        ("x-target-ca-cert", base64(mark)),
        ("x-target-password", mark.to_owned()),
    ] {
        let mut sent = typed()?;
        sent.extend(headers([
            ("x-target-auth-uri", url),
            ("x-target-auth-token", mark),
            (name, value.as_str()),
        ])?);
        if name == "x-target-auth-token" {
            sent.remove("x-target-auth-uri");
        }
        let answer = answers.take(post(sent, noop.clone()).await?);
        ensure!(answer.status == 400, "{name}: {}", answer.text());
    }
    let stranger = client.clone().with_token(mark);
    ensure!(answers.take(stranger.get("/v2/actions").await?).status == 401);
    Ok(())
}

/// A body that is too long. The host does not read it to its end, so the connection may break before the refusal is
/// read, and cannot be used again.
async fn send_too_much(own: &Client, mark: &str, answers: &mut Answers) -> Result<()> {
    let context = json!({ "key": mark.repeat(MAX_BODY_BYTES / mark.len() + 1) });
    let run = own.run("std.noop").custom_context(context);
    if let Ok(answer) = run.send().await {
        ensure!(answers.take(answer).status == 413);
    }
    Ok(())
}

/// Every way to name a cloud, and some that lead nowhere.
fn clouds(target: &Tenant, token: &Token, credential: &Value, server: &FaultServer) -> [Value; 7] {
    let mut by_token = target.os_auth_base();
    by_token["auth_token"] = json!(token.secret);
    let by_names_of_headers: Map<String, Value> = target
        .target_headers(token)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let mut of_v2 = by_token.clone();
    let endpoint =
        json!({ "region": target.cloud.region(), "publicURL": server.url(path::ECHO_TOKEN) });
    of_v2["service_catalog"] = json!({ "access": {
        "token": { "id": token.secret, "expires": "2099-01-01T00:00:00Z" },
        "serviceCatalog": [{ "type": "compute", "endpoints": [endpoint] }],
    } });
    let mut to_nowhere = target.os_auth();
    to_nowhere["auth_url"] = json!("http://127.0.0.1:1/v3");
    let mut wrong = target.os_auth();
    wrong["password"] = json!(format!("{}-not", target.password));
    [
        target.os_auth(),
        credential.clone(),
        by_token,
        Value::Object(by_names_of_headers),
        of_v2,
        to_nowhere,
        wrong,
    ]
}

/// Runs that succeed, that fail, that wait, that are denied and that are refused.
async fn run_everything(
    client: &Client,
    context: &Value,
    answers: &mut Answers,
    saved: &mut Vec<String>,
) -> Result<()> {
    let asks = json!({ "service_type": "compute", "path": "" });
    for (action, input) in [
        ("heat.stacks_list", json!({})),
        ("std.fail", json!({})),
        ("std.async_noop", json!({})),
        ("std.ecoh", json!({})),
        ("probe.narrow", asks.clone()),
        ("probe.request", asks),
    ] {
        let run = client
            .run(action)
            .input(input)
            .custom_context(context.clone());
        let answer = answers.take(run.saved().send().await?);
        if let Some(id) = answer.body["id"].as_str() {
            saved.push(id.to_owned());
            if action != "std.async_noop" {
                client.completed(id).await?;
            }
        }
    }
    // It answers with its context, which is why it is not saved, and why the answer is not searched.
    let tells = client.run("probe.context").custom_context(context.clone());
    tells.send().await?;
    Ok(())
}

/// Reads what the host tells of itself and of these runs, and deletes them.
async fn read_everything(client: &Client, saved: &[String], answers: &mut Answers) -> Result<()> {
    for path in [
        "/metrics",
        "/healthz",
        "/readyz",
        "/v2/openapi.json",
        "/v2/modules",
        "/v2/actions",
        "/v2/action_executions?include_output=true",
    ] {
        answers.take(client.get(path).await?);
    }
    for id in saved {
        for part in ["log", "requests"] {
            let path = format!("/v2/action_executions/{id}/{part}");
            answers.take(client.get(&path).await?);
        }
        let path = format!("/v2/action_executions/{id}");
        answers.take(client.delete(&path).await?);
    }
    Ok(())
}

/// The search finds what is there.
fn check_search(host: &Host, marks: &Marks) -> Result<()> {
    let planted: Vec<u8> = marks
        .forms()
        .flat_map(|(_, bytes)| bytes.to_vec())
        .collect();
    std::fs::write(host.data_folder().join("planted"), planted)?;
    let places = found(host, marks)?;
    for (name, _) in marks.forms() {
        ensure!(
            places.iter().any(|place| place.starts_with(name)),
            "{name} is not found"
        );
    }
    std::fs::remove_file(host.data_folder().join("planted"))?;
    Ok(())
}

#[tokio::test]
async fn no_secret_is_ever_written_down() -> Result<()> {
    let (home, away) = (Cloud::a()?, Cloud::b()?);
    let (owner, target) = (home.tenant().await?, away.tenant().await?);
    let settings = Settings::new()
        .keystone(&home)
        .set("log", "level", TRACE)
        .set("listen", "max_body_bytes", i64::try_from(MAX_BODY_BYTES)?);
    let mut host = Host::start_with(settings).await?;
    let server = FaultServer::start().await?;
    let owner_token = owner.token().await?.secret;
    let mut client = host.client()?.with_token(&owner_token);
    client
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;

    let mut marks = Marks::default();
    // Long, and with characters that every way of writing texts down treats in its own way.
    let canary = format!("{}/\"é?>", unique("a-custom-context-that-is-private"));
    let misplaced = unique("a-secret-in-the-wrong-place-in-a-request");
    let target_token = target.token().await?;
    let (credential_id, credential_secret) = target.application_credential().await?;
    for (name, secret) in [
        ("custom context", &canary),
        ("misplaced secret", &misplaced),
        ("target's password", &target.password),
        ("target's token", &target_token.secret),
        ("application credential's secret", &credential_secret),
        ("caller's token", &owner_token),
        ("caller's password", &owner.password),
        ("service user's password", &home.admin().password),
    ] {
        marks.add(name, secret);
    }
    let mut answers = Answers::default();

    let credential = target.application_credential_os_auth(&credential_id, &credential_secret);
    let mut saved = Vec::new();
    for auth in clouds(&target, &target_token, &credential, &server) {
        let context = json!({ "a": { "list": ["b", { "key": canary }] }, "os.auth": auth });
        run_everything(&client, &context, &mut answers, &mut saved).await?;
    }
    let with_headers = client
        .run("heat.stacks_list")
        .headers(target.target_headers(&target_token))?
        .custom_context(json!({ "key": canary }));
    answers.take(with_headers.send().await?);
    // What a guest says of its context is its caller's own business, but not the host's log's.
    let panics = client
        .run("probe.panic")
        .input(json!({ "message": canary }))
        .custom_context(json!({ "key": canary }));
    let failed = panics.send().await?;
    ensure!(failed.text().contains("a-custom-context-that-is-private"));
    send_refused(&client, &misplaced, &mut answers).await?;
    let own = host.client()?.with_token(&owner_token);
    send_too_much(&own, &misplaced, &mut answers).await?;

    // Runs that are cancelled, and runs that go on when the host does not.
    let mut hung = credential;
    hung["service_catalog"] = server.catalog("");
    hung["region_name"] = json!("RegionF");
    let context = json!({ "key": canary, "os.auth": hung });
    let cancelled = hanging(&client, &server, context.clone()).await?;
    let wish = json!({ "state": "CANCELLED" });
    answers.take(client.update_action_execution(&cancelled, &wish).await?);
    saved.push(cancelled);
    for signal in [Signal::ABORT, Signal::KILL] {
        let id = hanging(&client, &server, context.clone()).await?;
        let status = host.end_by(signal).await?;
        ensure!(!status.core_dumped() && !status.success(), "{status}");
        host.restart().await?;
        client = host.client()?.with_token(&owner_token);
        answers.take(client.update_action_execution(&id, &wish).await?);
        saved.push(id);
    }

    read_everything(&client, &saved, &mut answers).await?;
    host.stop().await?;

    ensure!(
        host.log().contains("sent a request for an action"),
        "the host did not log at its most talkative"
    );
    check_search(&host, &marks)?;
    assert_eq!(found(&host, &marks)?, Vec::<String>::new());
    assert_eq!(marks.found_in(&answers.0), Vec::<&str>::new());
    Ok(())
}

/// Where in the host's files which marks are.
fn found(host: &Host, marks: &Marks) -> Result<Vec<String>> {
    let mut places = Vec::new();
    for (path, bytes) in host.files()? {
        for name in marks.found_in(&bytes) {
            places.push(format!("{name} in {}", path.display()));
        }
    }
    Ok(places)
}

#[tokio::test]
async fn a_rerun_of_the_host_still_knows_a_sealed_context() -> Result<()> {
    let mut host = Host::start().await?;
    let client = host.client()?;
    let run = client
        .run("std.async_noop")
        .custom_context(json!({ "key": "value" }));
    let path = format!("/v2/action_executions/{}", id_of(&run.created().await?)?);

    host.restart().await?;
    let shown = host.client()?.get(&path).await?.expect(200)?;
    assert_eq!(shown["custom_context"], r#"{"key":"value"}"#);
    Ok(())
}
