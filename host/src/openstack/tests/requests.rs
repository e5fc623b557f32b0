//! What goes out, what comes back, and what does not.

use serde_json::json;

use super::*;
use crate::openstack::{
    Body, Error,
    fake::{Response, Seen, answer, with_header},
};

#[tokio::test]
async fn the_host_writes_the_headers_that_are_its_own() {
    let fake = Fake::start(|_, _| answer(200, &json!({"servers": []}))).await;
    let world = world();
    let mut request = request("post", "/servers");
    request.query = vec![("name".into(), "a b&c".into())];
    request.headers = vec![
        ("X-Auth-Token".into(), "forged".into()),
        ("OpenStack-API-Version".into(), "compute 2.96".into()),
    ];
    request.body = Some(Body::Text("{}".into()));
    let response = world
        .session(with_catalog(&fake))
        .send(request)
        .await
        .unwrap();
    assert_eq!(response.body, Body::Text("{\"servers\":[]}".into()));

    let sent = fake.seen("/compute/v2.1/servers").remove(0);
    assert_eq!(
        (sent.method.as_str(), sent.query.as_str()),
        ("POST", "name=a+b%26c")
    );
    assert_eq!(sent.header("x-auth-token"), TOKEN);
    assert_eq!(sent.header("x-openstack-request-id"), "req-1");
    assert_eq!(sent.header("traceparent"), "00-11-22-01");
    assert!(sent.header("user-agent").starts_with("zonda/"));
    assert_eq!(sent.header("accept"), "application/json");
    assert_eq!(sent.header("content-type"), "application/json");
    assert_eq!(sent.header("openstack-api-version"), "compute 2.96");
}

#[tokio::test]
async fn a_request_outside_the_rules_is_denied_logged_and_not_sent() {
    let fake = Fake::start(|_, _| answer(200, &json!({}))).await;
    let world = world();
    let scope = world.scope("caller", &["compute GET /servers/detail"]);
    let session = world.clouds.session(scope, with_catalog(&fake)).unwrap();
    session
        .send(request("GET", "/servers/detail"))
        .await
        .unwrap();
    let error = session
        .send(request("GET", "/servers/1"))
        .await
        .unwrap_err();
    let denial = "GET compute /servers/1 is outside the access rules that the module declares for test.action; \
                  its author can add {service_type: compute, method: GET, path: /servers/{id}}";
    assert_eq!(error, Error::Denied(denial.into()));
    assert!(fake.seen("/compute/v2.1/servers/1").is_empty());
    let page = world.journal.page();
    assert_eq!(page.log[0].message, denial);
    let row = |n: usize| {
        let row = &page.requests[n];
        (row.path.as_str(), row.status, row.error.is_some())
    };
    assert_eq!(row(0), ("/servers/detail", Some(200), false));
    assert_eq!(row(1), ("/servers/1", None, true));
    assert_eq!(page.requests[0].region.as_deref(), Some("One"));
}

#[tokio::test]
async fn a_token_that_is_echoed_does_not_come_back() {
    let fake = Fake::start(|_, seen: &Seen| {
        let token = seen.header("x-auth-token");
        let mut response = with_header(400, "x-echo", token, &format!("bad token {token}!"));
        let headers = response.headers_mut();
        headers.insert("x-subject-token", "another".parse().unwrap());
        headers.insert("set-cookie", "a=b".parse().unwrap());
        headers.insert(
            "x-openstack-request-id",
            format!("req-{token}").parse().unwrap(),
        );
        response
    })
    .await;
    let world = world();
    let response = world
        .session(with_catalog(&fake))
        .send(request("GET", "/servers"))
        .await
        .unwrap();
    assert_eq!(response.body, Body::Text("bad token ***!".into()));
    let headers = format!("{:?}", response.head.headers);
    assert!(headers.contains("(\"x-echo\", \"***\")"), "{headers}");
    assert!(!headers.contains("subject-token") && !headers.contains("cookie"));
    let row = world.journal.page().requests.remove(0);
    assert_eq!(row.service_request_id.as_deref(), Some("req-***"));
}

#[tokio::test]
async fn redirects_are_followed_below_the_endpoint_and_checked_again() {
    let fake = Fake::start(|url: &str, seen: &Seen| -> Response {
        let to = |location: &str| with_header(302, "location", location, "");
        match seen.path.strip_prefix("/compute/v2.1").unwrap_or_default() {
            "/by-name" => to("/compute/v2.1/servers/1"),
            "/absolute" => to(&format!("{url}/compute/v2.1/servers/2?x=1")),
            "/forbidden" => to("/compute/v2.1/os-secrets"),
            "/out" => to("/admin"),
            "/metadata" => to("http://169.254.169.254/latest"),
            "/mapped" => to("http://[::ffff:127.0.0.1]/x"),
            "/other" => to("http://127.0.0.1:1/compute/v2.1/servers/1"),
            "/user" => to(&url.replace("//", "//u:p@")),
            "/loop" => to("loop"),
            path => answer(200, &json!([seen.method, path, seen.query, seen.body])),
        }
    })
    .await;
    let world = world();
    let rules = [
        "compute * /servers/*",
        "compute GET /by-name",
        "compute DELETE /by-name",
        "compute POST /by-name",
        "compute GET /absolute",
        "compute GET /forbidden",
        "compute GET /out",
        "compute GET /metadata",
        "compute GET /mapped",
        "compute GET /other",
        "compute GET /user",
        "compute GET /loop",
    ];
    let scope = world.scope("caller", &rules);
    let session = world.clouds.session(scope, with_catalog(&fake)).unwrap();
    let send = async |method: &str, path: &str| {
        let mut request = request(method, path);
        request.body = (method == "POST").then(|| Body::Text("{}".into()));
        session.send(request).await.map(|answer| answer.body)
    };
    let text = |text: &str| Ok(Body::Text(text.into()));
    assert_eq!(
        send("GET", "/by-name").await,
        text(r#"["GET","/servers/1","",""]"#)
    );
    assert_eq!(
        send("DELETE", "/by-name").await,
        text(r#"["DELETE","/servers/1","",""]"#)
    );
    assert_eq!(
        send("POST", "/by-name").await,
        text(r#"["GET","/servers/1","",""]"#)
    );
    assert_eq!(
        send("GET", "/absolute").await,
        text(r#"["GET","/servers/2","x=1",""]"#)
    );
    for path in [
        "/forbidden",
        "/out",
        "/metadata",
        "/mapped",
        "/other",
        "/user",
    ] {
        let answer = send("GET", path).await;
        assert!(
            matches!(answer, Err(Error::Denied(_))),
            "{path}: {answer:?}"
        );
    }
    assert!(matches!(
        send("GET", "/loop").await,
        Err(Error::InvalidRequest(_))
    ));
    assert!(fake.seen("/compute/v2.1/os-secrets").is_empty());
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_not_taken() {
    let fake = Fake::start(|_, _| with_header(200, "x-a", "b", &"x".repeat(2000))).await;
    let world = world_with(Settings {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        response_bytes: 1000,
        ..Settings::default()
    });
    let session = world.session(with_catalog(&fake));
    assert_eq!(
        session.send(request("GET", "/servers")).await,
        Err(Error::TooLarge(1000))
    );
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let fake = Fake::start(|_, _| answer(200, &json!({}))).await;
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let world = world_with(Settings {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        request_timeout_secs: 1,
        ..Settings::default()
    });
    let session = world.session(TargetCloud {
        catalog: Some(given_catalog(&token_body(&silent, "p1", LATER))),
        ..by_token(&fake)
    });
    assert_eq!(
        session.send(request("GET", "/servers")).await,
        Err(Error::TimedOut)
    );
    let row = world.journal.page().requests.remove(0);
    assert_eq!(row.status, None);
    assert!(row.error.is_some());
}

#[tokio::test]
async fn a_catalog_cannot_lead_to_loopback_or_to_the_host_itself() {
    let fake = Fake::start(|_, _| answer(200, &json!({}))).await;
    let port = fake.url.rsplit(':').next().unwrap().to_owned();
    let send = async |world: &World, url: String| {
        let target = TargetCloud {
            auth_url: "http://192.0.66.1/".parse().unwrap(),
            catalog: Some(given_catalog(&token_body(&url, "p1", LATER))),
            ..by_token(&fake)
        };
        world.session(target).send(request("GET", "/servers")).await
    };
    let closed = world_with(Settings::default());
    for (host, words) in [
        ("127.0.0.1", "[openstack] allow"),
        ("localhost", "[openstack] allow"),
        ("2130706433", "[openstack] allow"),
        ("[::ffff:127.0.0.1]", "written as IPv6"),
    ] {
        let error = send(&closed, format!("http://{host}:{port}"))
            .await
            .unwrap_err();
        assert!(error.to_string().contains(words), "{host}: {error}");
    }
    let open = world();
    send(&open, fake.url.clone()).await.unwrap();
    open.clouds.refuse_listeners(vec![
        fake.url.trim_start_matches("http://").parse().unwrap(),
    ]);
    for host in ["127.0.0.1", "0x7f.1"] {
        let error = send(&open, format!("http://{host}:{port}"))
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("own listeners"),
            "{host}: {error}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_told_and_not_sent() {
    let fake = Fake::start(|_, _| answer(200, &json!({}))).await;
    let world = world();
    let session = world.session(with_catalog(&fake));
    for (method, path) in [
        ("GET", "http://169.254.169.254/"),
        ("GET", "/servers/..%2f"),
        ("GET /x", "/servers"),
        ("CONNECT", "/servers"),
        ("TRACE", "/servers"),
    ] {
        let answer = session.send(request(method, path)).await;
        assert!(
            matches!(answer, Err(Error::InvalidRequest(_))),
            "{method} {path}"
        );
    }
    let mut elsewhere = request("GET", "/servers");
    elsewhere.region = Some("Nowhere".into());
    assert_eq!(
        session.send(elsewhere).await,
        Err(Error::NoEndpoint(
            "Unable to get service endpoint. Maybe endpoints are missing? \
             (service_name=compute, service_types=['compute'], region_name=Nowhere)"
                .into()
        ))
    );
    assert_eq!(world.journal.page().requests.len(), 6);
}

#[tokio::test]
async fn a_run_that_ends_before_the_answer_leaves_its_row() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let fake = Fake::start(|_, _| answer(200, &json!({}))).await;
    let world = world();
    let session = world.session(TargetCloud {
        catalog: Some(given_catalog(&token_body(&silent, "p1", LATER))),
        ..by_token(&fake)
    });
    let mut sending = Box::pin(session.send(request("GET", "/servers")));
    assert!(futures::poll!(sending.as_mut()).is_pending());
    drop(sending);
    let row = world.journal.page().requests.remove(0);
    assert_eq!(
        row.error.as_deref(),
        Some("the run ended before the answer")
    );
}
