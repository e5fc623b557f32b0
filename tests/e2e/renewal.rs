//! Tokens that end before their run: those of the host's own are renewed, a caller's are refused in time.

use anyhow::{Context as _, Result};
use e2e::client::Client;
use e2e::cloud::{Cloud, Token};
use e2e::faults::FaultServer;
use e2e::host::{Host, Settings};
use e2e::{guests, wait};
use serde_json::{Value, json};

/// The token that the host sends for `auth`, seen by a service that records all that reaches it.
async fn sent(client: &Client, server: &FaultServer, auth: &Value) -> Result<String> {
    let mut auth = auth.clone();
    auth["service_catalog"] = server.catalog("");
    auth["region_name"] = json!("RegionF");
    client
        .run("probe.request")
        .custom_context(json!({ "os.auth": auth }))
        .input(json!({ "service_type": "compute", "path": "/echo" }))
        .result()
        .await?;
    let seen = server.seen().pop().context("nothing arrived")?;
    Ok(seen.headers["x-auth-token"].clone())
}

#[tokio::test]
async fn a_revoked_token_of_the_hosts_own_is_renewed_and_the_action_never_notices() -> Result<()> {
    let cloud = Cloud::b()?;
    let (host, server) = (
        Host::start_with(Settings::new().trust(&cloud)).await?,
        FaultServer::start().await?,
    );
    let client = host.client()?;
    client
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;
    let tenant = cloud.tenant().await?;
    let (id, secret) = tenant.application_credential().await?;
    let by_credential = tenant.application_credential_os_auth(&id, &secret);

    for auth in [tenant.os_auth(), by_credential] {
        let first = sent(&client, &server, &auth).await?;
        assert_eq!(sent(&client, &server, &auth).await?, first);
        let token = Token {
            secret: first.clone(),
            body: Value::Null,
        };
        tenant.revoke(&token).await?;

        let context = json!({ "os.auth": auth });
        // Each process of Keystone hears of it in its own time, and a token of a few seconds is not renewed: a service
        // that refuses everything would have it renewed for ever.
        let second = wait::until("the revoked token is renewed", async || {
            let answer = client
                .run("probe.request")
                .custom_context(context.clone())
                .input(json!({ "service_type": "identity", "path": "/v3/auth/catalog" }))
                .result()
                .await?;
            let token = sent(&client, &server, &auth).await?;
            Ok((answer["status"] == 200 && token != first).then_some(token))
        })
        .await?;

        // One answer after the other, at once and in chunks.
        let asks: Vec<Value> = (0..8)
            .map(|_| json!({ "service_type": "identity", "path": "/v3/auth/catalog" }))
            .collect();
        let answers = client
            .run("probe.requests")
            .custom_context(context.clone())
            .input(json!({ "requests": asks }))
            .result()
            .await?;
        for answer in answers.as_array().context("no answers")? {
            assert_eq!(answer["status"], 200, "{answer}");
        }
        let download = json!({ "service_type": "identity", "path": "/v3/auth/catalog", "bytes": 1_000_000, "chunk": 64 });
        let streamed = client
            .run("probe.download")
            .custom_context(context)
            .input(download)
            .result()
            .await?;
        assert_eq!(streamed["status"], 200, "{streamed}");
        assert_eq!(sent(&client, &server, &auth).await?, second);
    }
    Ok(())
}

#[tokio::test]
async fn a_given_token_that_ends_before_its_run_may_is_refused() -> Result<()> {
    let cloud = Cloud::a()?;
    let host = Host::start_with(Settings::new().set("engine", "max_timeout_secs", 86_400)).await?;
    let (client, tenant) = (host.client()?, cloud.tenant().await?);
    let token = tenant.token().await?;
    let mut with_catalog = tenant.target_headers(&token);
    with_catalog.push(("X-Target-Service-Catalog", token.catalog_header()));
    for headers in [tenant.target_headers(&token), with_catalog] {
        let run = |timeout: u32| {
            client
                .run("heat.stacks_list")
                .param("timeout", timeout)
                .headers(headers.clone())
        };
        // Keystone's tokens here are good for less than a day.
        let refusal = run(86_400)?.send().await?.fault(400)?;
        assert!(
            refusal.contains("auth_token: the token expires in")
                && refusal.contains("timeout of 86400 s"),
            "{refusal}"
        );
        run(60)?.result().await?;
    }
    // A credential outlasts any run.
    client
        .run("heat.stacks_list")
        .param("timeout", 86_400)
        .custom_context(json!({ "os.auth": tenant.os_auth() }))
        .result()
        .await?;
    Ok(())
}
