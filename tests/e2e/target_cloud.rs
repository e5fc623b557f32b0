//! Where a run works: every wrong description of a target cloud is a refusal that names the field.

use anyhow::{Result, bail};
use e2e::client::{Answer, Client, result_of};
use e2e::cloud::{Cloud, base64};
use e2e::faults::{Certificate, FaultServer, path};
use e2e::host::{Host, Settings};
use e2e::unique;
use serde_json::{Value, json};

const URL: (&str, &str) = ("X-Target-Auth-Uri", "http://127.0.0.1:9/v3");
const TOKEN: (&str, &str) = ("X-Target-Auth-Token", "secret-token");

/// Whether a refusal names a field, in whichever spelling it was sent.
fn names(fault: &str, field: &str) -> bool {
    fault.to_lowercase().replace('-', "_").contains(field)
}

async fn nothing_was_made(client: &Client) -> Result<()> {
    let list = client.get("/v2/action_executions").await?.expect(200)?;
    assert_eq!(
        list["action_executions"],
        json!([]),
        "an execution was created by mistake"
    );
    Ok(())
}

/// What a run complained of that could only fail once it talked to the cloud: at once, or as a run in ERROR.
fn complaint(answer: Answer) -> Result<String> {
    match answer.status {
        400 => answer.fault(400),
        201 if answer.body["state"] == "ERROR" => Ok(result_of(&answer.body)?.to_string()),
        _ => bail!("neither refused nor failed: {}", answer.text()),
    }
}

#[tokio::test]
async fn every_wrong_header_is_refused_by_name() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let catalog = base64(r#"{"methods": ["token"], "catalog": []}"#);
    let other = base64(r#"{"methods": ["token"], "catalog": [], "project": {"id": "theirs"}}"#);
    let no_json = base64("[1, 2");
    let no_catalog = base64(r#"{"servers": []}"#);
    let number = base64("7");
    let no_pem = base64("not a certificate");
    let empty_pem = base64("-----BEGIN CERTIFICATE-----\nMTIz\n-----END CERTIFICATE-----\n");
    let cases: Vec<(Vec<(&str, &str)>, &str)> = vec![
        (vec![URL], "auth_token"),
        (vec![TOKEN], "auth_uri"),
        (vec![("X-Target-Project-Id", "p")], "auth_uri"),
        (vec![("X-Target-User-Id", "u")], "auth_uri"),
        (vec![("X-Target-User-Name", "u")], "auth_uri"),
        (vec![("X-Target-Region-Name", "r")], "auth_uri"),
        (vec![("X-Target-Insecure", "True")], "auth_uri"),
        (vec![("X-Target-Service-Catalog", &catalog)], "auth_uri"),
        (vec![("X-Target-Ca-Cert", &no_pem)], "x_target_"),
        (vec![URL, ("X-Target-Auth-Token", "")], "auth_token"),
        (vec![("X-Target-Auth-Uri", ""), TOKEN], "auth_uri"),
        (
            vec![("X-Target-Auth-Uri", "127.0.0.1:5000/v3"), TOKEN],
            "auth_uri",
        ),
        (
            vec![("X-Target-Auth-Uri", "file:///etc/passwd"), TOKEN],
            "auth_uri",
        ),
        (
            vec![("X-Target-Auth-Uri", "http://user:pw@127.0.0.1/v3"), TOKEN],
            "auth_uri",
        ),
        (vec![URL, TOKEN, ("X-Target-Insecure", "yes")], "insecure"),
        (vec![URL, TOKEN, ("X-Target-Insecure", "")], "insecure"),
        (
            vec![URL, TOKEN, ("X-Target-Service-Catalog", "***")],
            "service_catalog",
        ),
        (
            vec![URL, TOKEN, ("X-Target-Service-Catalog", &no_json)],
            "service_catalog",
        ),
        (
            vec![URL, TOKEN, ("X-Target-Service-Catalog", &no_catalog)],
            "service_catalog",
        ),
        (
            vec![URL, TOKEN, ("X-Target-Service-Catalog", &number)],
            "service_catalog",
        ),
        (vec![URL, TOKEN, ("X-Target-Ca-Cert", "%%%")], "ca_cert"),
        (vec![URL, TOKEN, ("X-Target-Ca-Cert", &no_pem)], "ca_cert"),
        (
            vec![URL, TOKEN, ("X-Target-Ca-Cert", &empty_pem)],
            "ca_cert",
        ),
        (
            vec![
                URL,
                TOKEN,
                ("X-Target-Service-Catalog", &other),
                ("X-Target-Project-Id", "mine"),
            ],
            "project_id",
        ),
        (
            vec![URL, TOKEN, ("X-Target-Favorite-Color", "red")],
            "favorite_color",
        ),
    ];
    for (headers, field) in cases {
        let case = format!("{headers:?}");
        let fault = client
            .run("std.noop")
            .saved()
            .headers(headers)?
            .send()
            .await?
            .fault(400)?;
        assert!(
            names(&fault, field),
            "{case}: `{fault}` does not name {field}"
        );
        assert!(
            !fault.contains(TOKEN.1),
            "{case}: `{fault}` repeats the token"
        );
    }
    nothing_was_made(&client).await
}

#[tokio::test]
async fn every_wrong_os_auth_is_refused_by_name() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let url = "http://127.0.0.1:9/v3";
    let cases = [
        (json!("text"), "os.auth"),
        (json!([]), "os.auth"),
        (json!({ "auth_url": url }), "auth_token"),
        (json!({ "auth_token": "t" }), "auth_url"),
        (json!({ "region_name": "r" }), "auth_url"),
        (json!({ "auth_url": 7, "auth_token": "t" }), "auth_url"),
        (
            json!({ "auth_url": "keystone", "auth_token": "t" }),
            "auth_url",
        ),
        (json!({ "auth_url": url, "username": "u" }), "password"),
        (json!({ "auth_url": url, "password": "p" }), "username"),
        (
            json!({ "auth_url": url, "application_credential_id": "i" }),
            "application_credential_secret",
        ),
        (
            json!({ "auth_url": url, "application_credential_secret": "s" }),
            "application_credential_id",
        ),
        (
            json!({ "auth_url": url, "auth_token": "t", "username": "u", "password": "p" }),
            "credential",
        ),
        (
            json!({ "auth_url": url, "auth_token": "t", "insecure": "maybe" }),
            "insecure",
        ),
        (
            json!({ "auth_url": url, "auth_token": "t", "ca_cert": "no certificate" }),
            "ca_cert",
        ),
        (
            json!({ "auth_url": url, "auth_token": "t", "service_catalog": "***" }),
            "service_catalog",
        ),
        (
            json!({ "auth_url": url, "auth_token": "t", "colour": "red" }),
            "colour",
        ),
        (
            json!({ "auth_url": url, "X-Target-Auth-Uri": url, "auth_token": "t" }),
            "auth_ur",
        ),
    ];
    for (auth, field) in cases {
        let run = client
            .run("std.noop")
            .saved()
            .custom_context(json!({ "os.auth": auth }));
        let fault = run.send().await?.fault(400)?;
        assert!(
            names(&fault, field),
            "{auth}: `{fault}` does not name {field}"
        );
    }
    nothing_was_made(&client).await
}

#[tokio::test]
async fn a_custom_context_is_an_object_or_the_text_of_one() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    for context in [
        json!([]),
        json!(7),
        json!(true),
        json!("{"),
        json!("[]"),
        json!("text"),
    ] {
        let fault = client
            .run("std.noop")
            .saved()
            .custom_context(context.clone())
            .send()
            .await?
            .fault(400)?;
        assert!(fault.contains("custom_context"), "{context}: {fault}");
    }
    nothing_was_made(&client).await
}

#[tokio::test]
async fn headers_and_os_auth_together_are_refused() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let context = json!({ "os.auth": { "auth_url": URL.1, "auth_token": TOKEN.1 } });
    let fault = client
        .run("std.noop")
        .saved()
        .headers([URL, TOKEN])?
        .custom_context(context)
        .send()
        .await?
        .fault(400)?;
    assert!(
        fault.contains("os.auth") && names(&fault, "x_target"),
        "{fault}"
    );
    nothing_was_made(&client).await
}

#[tokio::test]
async fn domain_names_alone_are_taken_and_ignored() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let headers = [
        ("X-Target-User-Domain-Name", "Default"),
        ("X-Target-Project-Domain-Name", "Default"),
    ];
    assert_eq!(
        client.run("std.noop").headers(headers)?.result().await?,
        Value::Null
    );
    Ok(())
}

#[tokio::test]
async fn without_a_target_there_is_no_cloud() -> Result<()> {
    let host = Host::start().await?;
    let words = host.client()?.run("heat.stacks_list").error().await?;
    assert!(words.contains("target cloud"), "{words}");
    Ok(())
}

#[tokio::test]
async fn three_forms_of_a_catalog_are_understood_and_cost_no_identity_call() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let server = FaultServer::start().await?;
    let body = server.catalog(path::ECHO);
    for catalog in [
        body.clone(),
        json!({ "catalog": body["catalog"] }),
        body["catalog"].clone(),
    ] {
        let headers = server.target_headers(TOKEN.1, &catalog);
        let input = json!({ "service_type": "compute", "path": "/servers" });
        let answer = client
            .run("openstack.request")
            .input(input)
            .headers(headers)?
            .result()
            .await?;
        assert_eq!(answer["status"], 200);
    }
    let seen: Vec<_> = server
        .seen()
        .into_iter()
        .map(|request| request.path)
        .collect();
    assert_eq!(seen, ["/echo/servers"; 3]);
    Ok(())
}

#[tokio::test]
async fn a_keystone_that_is_none_is_named() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let server = FaultServer::start().await?;
    let closed = "http://127.0.0.1:9/v3".to_owned();
    for url in [
        closed,
        server.url(path::HTML),
        server.url("/status/404"),
        server.url("/status/500"),
        server.url("/nowhere"),
    ] {
        let headers = [("X-Target-Auth-Uri", url.as_str()), TOKEN];
        let words = complaint(
            client
                .run("heat.stacks_list")
                .headers(headers)?
                .send()
                .await?,
        )?;
        assert!(
            words.contains(&url) || words.to_lowercase().contains("keystone"),
            "{url}: {words}"
        );
        assert!(!words.contains(TOKEN.1), "{words}");
    }
    Ok(())
}

#[tokio::test]
async fn a_worthless_token_is_said_to_be_one() -> Result<()> {
    let tenant = Cloud::a()?.tenant().await?;
    let host = Host::start().await?;
    let client = host.client()?;
    let mut revoked = tenant.token().await?;
    tenant.revoke(&revoked).await?;
    for secret in [revoked.secret.clone(), unique("made-up")] {
        revoked.secret = secret;
        let headers = tenant.target_headers(&revoked);
        let words = complaint(
            client
                .run("heat.stacks_list")
                .headers(headers)?
                .send()
                .await?,
        )?;
        assert!(words.contains("token"), "{words}");
    }
    let mut auth = tenant.os_auth();
    auth["password"] = json!("wrong");
    let run = client
        .run("heat.stacks_list")
        .custom_context(json!({ "os.auth": auth }));
    let words = complaint(run.send().await?)?;
    assert!(
        words.contains("401") || words.to_lowercase().contains("password"),
        "{words}"
    );
    Ok(())
}

#[tokio::test]
async fn a_project_that_is_not_the_tokens_is_refused() -> Result<()> {
    let cloud = Cloud::a()?;
    let (one, two) = (cloud.tenant().await?, cloud.tenant().await?);
    let host = Host::start().await?;
    let client = host.client()?;
    let token = one.token().await?;
    let headers = two.target_headers(&token);
    let fault = client
        .run("heat.stacks_list")
        .saved()
        .headers(headers)?
        .send()
        .await?
        .fault(400)?;
    assert!(names(&fault, "project"), "{fault}");
    nothing_was_made(&client).await
}

#[tokio::test]
async fn a_missing_service_or_region_is_named() -> Result<()> {
    let tenant = Cloud::b()?.tenant().await?;
    let host = Host::start().await?;
    let client = host.client()?;
    let context = json!({ "os.auth": tenant.os_auth() });
    let words = client
        .run("nova.servers_list")
        .custom_context(context.clone())
        .error()
        .await?;
    assert!(words.contains("compute"), "{words}");

    let run = client
        .run("heat.stacks_list")
        .input(json!({ "action_region": "Atlantis" }))
        .custom_context(context);
    let words = run.error().await?;
    assert!(words.contains("Atlantis"), "{words}");
    Ok(())
}

#[tokio::test]
async fn a_private_ca_and_insecure_govern_every_connection() -> Result<()> {
    let tenant = Cloud::b()?.tenant().await?;
    let host = Host::start().await?;
    let client = host.client()?;
    let token = tenant.token().await?;
    let with_ca = tenant.target_headers(&token);
    let without_ca: Vec<_> = with_ca
        .iter()
        .filter(|(name, _)| *name != "X-Target-Ca-Cert")
        .cloned()
        .collect();
    let run = |headers: Vec<(&'static str, String)>| async {
        client
            .run("heat.stacks_list")
            .headers(headers)?
            .send()
            .await
    };

    assert_eq!(run(with_ca).await?.body["state"], "SUCCESS");
    let words = complaint(run(without_ca.clone()).await?)?;
    assert!(words.contains("certificate"), "{words}");
    let mut insecure = without_ca;
    insecure.push(("X-Target-Insecure", "True".into()));
    assert_eq!(run(insecure).await?.body["state"], "SUCCESS");
    Ok(())
}

#[tokio::test]
async fn a_bad_certificate_is_refused_even_under_the_right_ca() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    for (certificate, trusted) in [
        (Certificate::Valid, true),
        (Certificate::WrongName, false),
        (Certificate::Expired, false),
    ] {
        let server = FaultServer::start_tls(certificate).await?;
        let headers = server.target_headers(TOKEN.1, &server.catalog(path::ECHO));
        let run = client
            .run("openstack.request")
            .input(json!({ "service_type": "compute", "path": "" }))
            .headers(headers)?;
        let execution = run.created().await?;
        assert_eq!(
            execution["state"] == "SUCCESS",
            trusted,
            "{certificate:?}: {execution}"
        );
        assert_eq!(server.seen().len(), usize::from(trusted));
    }
    Ok(())
}

#[tokio::test]
async fn loopback_is_refused_unless_the_operator_allows_it() -> Result<()> {
    let host =
        Host::start_with(Settings::new().set("openstack", "allow", toml::Value::Array(Vec::new())))
            .await?;
    let server = FaultServer::start().await?;
    let headers = server.target_headers(TOKEN.1, &server.catalog(path::ECHO));
    let client = host.client()?;
    let run = client
        .run("openstack.request")
        .input(json!({ "service_type": "compute" }));
    let words = complaint(run.headers(headers)?.send().await?)?;
    assert!(
        words.contains("127.0.0.1") || words.contains("address"),
        "{words}"
    );
    assert!(server.seen().is_empty());
    Ok(())
}
