//! Every cloud request goes through the host: what it refuses, rewrites and takes out of answers.

use anyhow::Result;
use e2e::client::{Client, Run, id_of};
use e2e::faults::{FaultServer, path};
use e2e::host::{Host, Settings};
use e2e::{guests, unique};
use serde_json::{Value, json};

/// A run on the fault server as every service, at `at`.
fn on<'a>(
    client: &'a Client,
    server: &FaultServer,
    at: &str,
    token: &str,
    action: &str,
) -> Result<Run<'a>> {
    let headers = server.target_headers(token, &server.catalog(at));
    client.run(action).headers(headers)
}

/// The path of the only request that reached the server's service.
fn paths(server: &FaultServer) -> Vec<String> {
    server
        .seen()
        .into_iter()
        .map(|request| request.path)
        .collect()
}

#[tokio::test]
async fn the_token_is_added_and_the_guests_own_headers_for_it_are_not() -> Result<()> {
    let (host, server, token) = (
        Host::start().await?,
        FaultServer::start().await?,
        unique("token"),
    );
    let client = host.client()?;
    let input = json!({
        "service_type": "compute", "method": "POST", "path": "/echo/servers", "query": { "a": "b c" },
        "body": { "name": "x" },
        "headers": {
            "X-Auth-Token": "mine", "Authorization": "Basic bWU6bWU=", "Host": "evil.example", "Cookie": "a=b",
            "X-Subject-Token": "mine", "X-Service-Token": "mine", "Connection": "keep-alive, X-One",
            "Transfer-Encoding": "chunked", "Proxy-Authorization": "mine", "X-One": "1", "X-Two": "2",
        },
    });
    let run = on(&client, &server, "", &token, "openstack.request")?.input(input);
    run.headers([(
        "X-Openstack-Request-Id",
        "req-6a26d3f1-5b0c-4f0a-9f1c-0d8c3d1c7a11",
    )])?
    .result()
    .await?;

    let seen = server
        .seen()
        .pop()
        .unwrap_or_else(|| panic!("nothing arrived"));
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str(), seen.body.as_str()),
        ("POST", "/echo/servers", r#"{"name":"x"}"#)
    );
    assert!(
        matches!(seen.query.as_str(), "a=b+c" | "a=b%20c"),
        "{}",
        seen.query
    );
    let header = |name: &str| seen.headers.get(name).map(String::as_str);
    assert_eq!(header("x-auth-token"), Some(token.as_str()));
    assert_eq!(header("host"), server.url("").strip_prefix("http://"));
    assert_eq!(header("x-two"), Some("2"));
    for name in [
        "authorization",
        "cookie",
        "x-subject-token",
        "x-service-token",
        "proxy-authorization",
    ] {
        assert_eq!(header(name), None, "{name} went through");
    }
    assert!(
        header("user-agent").is_some_and(|agent| agent.starts_with("zonda/")),
        "{:?}",
        header("user-agent")
    );
    assert!(header("x-openstack-request-id").is_some_and(|id| id.starts_with("req-")));
    assert!(header("traceparent").is_some());
    Ok(())
}

#[tokio::test]
async fn an_echoed_token_comes_back_without_itself() -> Result<()> {
    let (host, server, token) = (
        Host::start().await?,
        FaultServer::start().await?,
        unique("token"),
    );
    let client = host.client()?;
    let run = on(
        &client,
        &server,
        path::ECHO_TOKEN,
        &token,
        "openstack.request",
    )?;
    let answer = run
        .input(json!({ "service_type": "compute", "path": "" }))
        .result()
        .await?;

    let text = answer.to_string();
    assert!(!text.contains(&token), "{text}");
    assert!(text.contains("you sent "), "{text}");
    assert!(answer["headers"].get("x-subject-token").is_none(), "{text}");
    assert!(answer["headers"].get("set-cookie").is_none(), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_guest_that_searches_everything_does_not_find_the_token() -> Result<()> {
    let (host, server, token) = (
        Host::start().await?,
        FaultServer::start().await?,
        unique("token"),
    );
    let client = host.client()?;
    client
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;
    let run = on(
        &client,
        &server,
        path::ECHO_TOKEN,
        &token,
        "probe.search_token",
    )?;
    // The guest must know what to look for without holding it, so it gets it backward.
    let reversed: String = token.chars().rev().collect();
    let echo = json!([{ "service_type": "compute", "path": "" }]);
    let found = run
        .input(json!({ "reversed": reversed, "requests": echo }))
        .result()
        .await?;
    assert_eq!(found["places"], json!([]), "{found}");
    assert!(found.to_string().contains("you sent "), "{found}");
    assert!(
        server
            .seen()
            .iter()
            .any(|request| request.headers.values().any(|value| value == &token))
    );
    Ok(())
}

#[tokio::test]
async fn paths_that_leave_the_service_are_refused() -> Result<()> {
    let (host, server) = (Host::start().await?, FaultServer::start().await?);
    let client = host.client()?;
    for bad in [
        "/../admin",
        "/a/../../admin",
        "/%2e%2e/admin",
        "/a//b",
        "/a%2fb",
        "/a%5cb",
        "/a%00b",
        "/a%0d%0ab",
        "http://169.254.169.254/latest",
        "//169.254.169.254/latest",
        "/a\\b",
        "/%252e%252e/admin",
    ] {
        let run = on(&client, &server, "/echo/v2", "t", "openstack.request")?;
        let execution = run
            .input(json!({ "service_type": "compute", "path": bad }))
            .created()
            .await?;
        let arrived = paths(&server);
        if bad.contains("%25") {
            // Decoded once, this is a plain segment; it must arrive encoded as it was.
            assert!(
                arrived.iter().all(|path| path.starts_with("/echo/v2/%25")),
                "{arrived:?}"
            );
        } else {
            assert_eq!(execution["state"], "ERROR", "{bad}: {execution}");
            assert!(arrived.is_empty(), "{bad} arrived as {arrived:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_request_outside_the_access_rules_is_denied_with_the_rule_that_would_allow_it()
-> Result<()> {
    let (host, server) = (Host::start().await?, FaultServer::start().await?);
    let client = host.client()?;
    client
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;
    let input = json!({ "service_type": "identity", "method": "DELETE", "path": "/v3/projects/1" });
    let run = on(&client, &server, path::ECHO, "t", "probe.narrow")?
        .input(input)
        .saved();
    let execution = run.param("run_sync", true).created().await?;

    let denied = execution["output"].to_string();
    for part in ["identity", "DELETE", "path: /projects/{id}"] {
        assert!(denied.contains(part), "{denied}");
    }
    assert!(server.seen().is_empty());
    let log = client
        .get(&format!("/v2/action_executions/{}/log", id_of(&execution)?))
        .await?;
    assert!(
        log.text().contains("DELETE") && log.text().contains("path: /projects/{id}"),
        "{}",
        log.text()
    );
    Ok(())
}

#[tokio::test]
async fn redirects_stay_within_the_origin_and_the_rules() -> Result<()> {
    let (host, server, other) = (
        Host::start().await?,
        FaultServer::start().await?,
        FaultServer::start().await?,
    );
    let client = host.client()?;
    let follow = |to: String| {
        let run = on(&client, &server, "", "t", "openstack.request");
        let input =
            json!({ "service_type": "compute", "path": path::REDIRECT, "query": { "to": to } });
        async move { run?.input(input).created().await }
    };

    let same = follow("/echo/here".into()).await?;
    assert!(same["output"].to_string().contains("/echo/here"), "{same}");

    for to in [
        other.url(path::ECHO),
        "http://169.254.169.254/latest/meta-data".into(),
        "file:///etc/passwd".into(),
    ] {
        let execution = follow(to.clone()).await?;
        let output = execution["output"].to_string();
        // Either the redirect itself is the answer, or an error that says so.
        assert!(
            !output.contains("root:") && !output.contains("x-auth-token"),
            "{to}: {output}"
        );
    }
    assert!(other.seen().is_empty(), "the token left its origin");

    // A loop ends.
    let endless = follow(format!("{}?to={}", path::REDIRECT, path::REDIRECT)).await?;
    assert!(endless["state"] == "ERROR" || endless["state"] == "SUCCESS");
    Ok(())
}

#[tokio::test]
async fn a_redirect_is_checked_against_the_access_rules() -> Result<()> {
    let (host, server) = (Host::start().await?, FaultServer::start().await?);
    let client = host.client()?;
    client
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;
    // `probe.narrow` may only read /v3/projects, which this server redirects to where it may not go.
    let run = on(&client, &server, path::REDIRECT_ALL, "t", "probe.narrow")?;
    let execution = run
        .input(json!({ "service_type": "identity", "path": "/v3/projects" }))
        .created()
        .await?;
    assert_eq!(paths(&server), ["/redirect-all/v3/projects"], "{execution}");
    Ok(())
}

#[tokio::test]
async fn hanging_and_endless_services_end_in_a_clear_error() -> Result<()> {
    let limits = Settings::new().set("openstack", "response_bytes", 100_000);
    let (host, server) = (Host::start_with(limits).await?, FaultServer::start().await?);
    let client = host.client()?;
    for (at, expected) in [
        (path::HANG, "time"),
        (path::DRIP, "time"),
        (path::FLOOD, "100000"),
        ("/bytes/100001", "100000"),
    ] {
        let run = on(&client, &server, at, "t", "openstack.request")?;
        let run = run
            .input(json!({ "service_type": "compute", "path": "" }))
            .param("timeout", 2);
        let words = run.error().await?;
        assert!(
            words.contains(expected),
            "{at}: `{words}` does not say `{expected}`"
        );
    }
    let run = on(&client, &server, "/bytes/100000", "t", "openstack.request")?;
    assert_eq!(
        run.input(json!({ "service_type": "compute", "path": "" }))
            .created()
            .await?["state"],
        "SUCCESS"
    );
    Ok(())
}

#[tokio::test]
async fn link_local_and_the_host_itself_are_never_a_service() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let own = host.url().to_owned();
    for url in [
        "http://169.254.169.254",
        "http://[fe80::1]",
        "http://[::ffff:169.254.169.254]",
        "http://224.0.0.1",
        "http://0.0.0.0:80",
        own.as_str(),
    ] {
        let catalog = e2e::cloud::base64(&e2e::faults::catalog(&[("compute", url)]).to_string());
        let headers = [
            ("X-Target-Auth-Uri", "http://127.0.0.1:9/v3"),
            ("X-Target-Auth-Token", "t"),
            ("X-Target-Service-Catalog", &catalog),
        ];
        let run = client
            .run("openstack.request")
            .input(json!({ "service_type": "compute", "path": "/" }));
        let answer = run.headers(headers)?.param("timeout", 10).send().await?;
        assert!(
            answer.status == 400 || answer.body["state"] == "ERROR",
            "{url}: {}",
            answer.text()
        );
        assert!(
            !answer.text().to_lowercase().contains("timeout"),
            "{url} was tried: {}",
            answer.text()
        );
    }
    Ok(())
}

#[tokio::test]
async fn log_and_requests_of_a_saved_run_are_kept_for_its_caller() -> Result<()> {
    let (host, server) = (Host::start().await?, FaultServer::start().await?);
    let client = host.client()?;
    let run = on(&client, &server, path::ECHO, "t", "openstack.request")?
        .saved()
        .param("run_sync", true);
    let input = json!({ "service_type": "compute", "path": "/servers/detail", "query": { "marker": "private" } });
    let id = id_of(&run.input(input).created().await?)?;

    let requests = client
        .get(&format!("/v2/action_executions/{id}/requests"))
        .await?
        .expect(200)?;
    let rows: Vec<&Value> = requests
        .as_object()
        .into_iter()
        .flat_map(|all| all.values())
        .filter_map(Value::as_array)
        .flatten()
        .collect();
    assert_eq!(rows.len(), 1, "{requests}");
    assert_eq!(rows[0]["method"], "GET");
    assert_eq!(rows[0]["status"], 200);
    assert!(
        rows[0]["path"]
            .as_str()
            .is_some_and(|path| path.ends_with("/servers/detail")),
        "{requests}"
    );
    assert!(rows[0].to_string().contains("compute"), "{requests}");
    client
        .get(&format!("/v2/action_executions/{id}/log"))
        .await?
        .expect(200)?;
    Ok(())
}
