//! Keystones that mean harm give nobody a token, and lead nobody to where the host does not go.

use anyhow::{Context as _, Result};
use e2e::faults::{self, FaultServer, path};
use e2e::host::Host;
use e2e::wire::{Step, WireServer};
use serde_json::{Value, json};

use super::evil_clouds::{OK, complaint, impatient};

/// What an evil Keystone says about a token; `more` stands in the token.
fn token_body(more: &Value) -> String {
    let mut token = json!({
        "methods": ["token"], "user": { "id": "u" }, "roles": [], "project": { "id": "p" }, "catalog": [],
    });
    if let (Some(token), Some(more)) = (token.as_object_mut(), more.as_object()) {
        token.extend(more.clone());
    }
    json!({ "token": token }).to_string()
}

fn endpoints(count: usize) -> Value {
    let endpoint = json!({ "region": "R", "interface": "public", "url": "http://127.0.0.1:9/" });
    json!({ "catalog": [{ "type": "compute", "endpoints": vec![endpoint; count] }] })
}

/// What an evil Keystone answers about a token, and what is said of it.
fn answers() -> Vec<(&'static str, &'static str, Vec<Step>)> {
    let ok = |body: &str| vec![Step::json("200 OK", "", body)];
    let endless = |begin: &str| {
        let head = Step::text(format!("{OK}content-type: application/json\r\n\r\n{begin}"));
        vec![head, Step::Flood(vec![b' '; 64 << 10])]
    };
    vec![
        ("silence", "in time", vec![Step::Hang]),
        (
            "half an answer",
            "in time",
            vec![Step::text(format!("{OK}\r\n{{\"token\"")), Step::Hang],
        ),
        (
            "a drip",
            "in time",
            vec![Step::text(format!("{OK}\r\n")), Step::Drip(b" ".into())],
        ),
        ("an endless body", "2 MiB", endless("{\"token\": {")),
        (
            "a million endpoints",
            "2 MiB",
            ok(&token_body(&endpoints(50_000))),
        ),
        (
            "too many endpoints",
            "no token",
            ok(&token_body(&endpoints(5000))),
        ),
        ("no JSON", "no token", ok("<html>")),
        ("deep JSON", "no token", ok(&"[".repeat(100_000))),
        (
            "a deep token",
            "no token",
            ok(&format!("{{\"token\": {}", "{\"a\":".repeat(100_000))),
        ),
        (
            "an expiry that is none",
            "no token",
            ok(&token_body(&json!({ "expires_at": 7 }))),
        ),
        (
            "an expiry of long ago",
            "expired",
            ok(&token_body(
                &json!({ "expires_at": "1970-01-01T00:00:00Z" }),
            )),
        ),
        (
            "another project",
            "project",
            ok(&token_body(&json!({ "project": { "id": "theirs" } }))),
        ),
        (
            "a service as a text",
            "no token",
            ok(&token_body(&json!({ "catalog": "x" }))),
        ),
        (
            "a coded answer",
            "no token",
            vec![Step::json("200 OK", "content-encoding: gzip\r\n", "\u{1f}")],
        ),
        (
            "a redirect",
            "does not answer like",
            vec![Step::json(
                "302 Found",
                "location: http://169.254.169.254/\r\n",
                "{}",
            )],
        ),
        (
            "a teapot",
            "does not answer like",
            vec![Step::json("418 Teapot", "", "{}")],
        ),
        (
            "an error",
            "answers 500",
            vec![Step::json("500 Oh", "", "{}")],
        ),
        (
            "nonsense",
            "cannot be reached",
            vec![Step::text("nonsense\r\n\r\n")],
        ),
    ]
}

#[tokio::test]
async fn evil_cloud_whose_keystone_is_evil_is_refused() -> Result<()> {
    let host = Host::start_with(impatient().set("log", "level", "info")).await?;
    let client = host.client()?;
    let before = host.resident_bytes()?;
    for (case, expected, steps) in answers() {
        let server = WireServer::start(move |_| steps.clone()).await?;
        let run = client
            .run("openstack.request")
            .input(json!({ "service_type": "compute", "path": "/" }));
        let mut headers = server.keystone_headers("token");
        headers.push(("X-Target-Project-Id", "p".to_owned()));
        let words = complaint(run.headers(headers)?.send().await?).context(case)?;
        assert!(
            words.contains(expected),
            "{case}: `{words}` does not say `{expected}`"
        );
        assert_eq!(server.seen().len(), 1, "{case}");
    }
    let grown = host.resident_bytes()?.saturating_sub(before);
    assert!(grown < 64 << 20, "the host took {grown} bytes more");
    Ok(())
}

#[tokio::test]
async fn evil_cloud_that_issues_tokens_that_are_none_is_refused() -> Result<()> {
    let host = Host::start_with(impatient()).await?;
    let client = host.client()?;
    let long = "t".repeat(100_000);
    for (case, token, expected) in [
        ("none", None, "no X-Subject-Token"),
        ("an empty one", Some(""), "no X-Subject-Token"),
        ("a letter", Some("e"), "no X-Subject-Token"),
        (
            "a control character",
            Some("token\u{1}token"),
            "cannot be reached",
        ),
        (
            "another alphabet",
            Some("ключключключ"),
            "no X-Subject-Token",
        ),
        ("a huge one", Some(long.as_str()), "headers"),
    ] {
        let header = token.map(|token| format!("x-subject-token: {token}\r\n"));
        let answer = Step::json(
            "201 Created",
            &header.unwrap_or_default(),
            &token_body(&json!({})),
        );
        let server = WireServer::start(move |_| vec![answer.clone()]).await?;
        let auth = json!({
            "auth_url": server.url("/v3"), "username": "u", "password": "marked-password", "project_id": "p",
        });
        let run = client
            .run("openstack.request")
            .input(json!({ "service_type": "compute", "path": "/" }))
            .custom_context(json!({ "os.auth": auth }));
        let words = complaint(run.send().await?).context(case)?;
        assert!(
            words.contains(expected),
            "{case}: `{words}` does not say `{expected}`"
        );
        assert!(!words.contains("marked-password"), "{words}");
    }
    Ok(())
}

#[tokio::test]
async fn evil_cloud_whose_catalog_leads_inside_is_not_followed() -> Result<()> {
    let host =
        Host::start_with(impatient().set("openstack", "allow", vec!["127.0.0.1/32"])).await?;
    let client = host.client()?;
    let inside = FaultServer::start().await?;
    let port = inside
        .url("")
        .rsplit(':')
        .next()
        .unwrap_or_default()
        .to_owned();
    for (url, expected) in [
        (host.url().to_owned(), "own listeners"),
        (
            host.url().replace("127.0.0.1", "2130706433"),
            "own listeners",
        ),
        (
            host.url().replace("127.0.0.1", "localhost"),
            "own listeners",
        ),
        (format!("http://127.0.0.2:{port}"), "loopback"),
        (format!("http://[::1]:{port}"), "loopback"),
        (format!("http://[::ffff:127.0.0.1]:{port}"), "as IPv6"),
        ("http://169.254.169.254".into(), "metadata"),
        ("http://[fd00:ec2::254]".into(), "metadata"),
        ("http://168.63.129.16".into(), "metadata"),
        ("http://100.100.100.200".into(), "metadata"),
        ("http://0.0.0.0".into(), "unspecified"),
        ("http://127.0.0.1:0".into(), "port 0"),
        (format!("http://user:pw@127.0.0.1:{port}"), "not an http"),
        (format!("http://127.0.0.1:{port}/\r\nx: y"), "not an http"),
        ("unix:///run/docker.sock".into(), "not an http"),
    ] {
        let catalog = json!({ "catalog": faults::catalog(&[("compute", &url)])["catalog"] });
        let body = token_body(&catalog);
        let keystone = WireServer::start(move |_| vec![Step::json("200 OK", "", &body)]).await?;
        let run = client
            .run("openstack.request")
            .input(json!({ "service_type": "compute", "path": path::ECHO }))
            .headers(keystone.keystone_headers("token"))?;
        let words = complaint(run.send().await?)?;
        assert!(
            words.contains(expected),
            "{url}: `{words}` does not say `{expected}`"
        );
    }
    assert!(inside.seen().is_empty());
    Ok(())
}
