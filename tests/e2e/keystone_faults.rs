//! A real Keystone that is down, slow, restarting, or rotating its keys, and the callers meanwhile.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use e2e::client::{Answer, Client};
use e2e::cloud::{Cloud, Tenant};
use e2e::gate::Gate;
use e2e::host::{Host, Settings};
use e2e::keystone::Keystone;
use e2e::wait;
use futures::future::try_join_all;
use reqwest::Method;

/// Long before a caller would give up, and longer than any answer takes on a busy machine.
const BOUND: Duration = Duration::from_secs(30);

/// A host with a service user of its own, which believes no token without asking again.
async fn host(cloud: &Cloud) -> Result<(Host, Tenant)> {
    let service = cloud.tenant_with(&["service"]).await?;
    let settings = settings(cloud, &service).set("auth.keystone", "cache_secs", 0);
    Ok((Host::start_with(settings).await?, service))
}

fn settings(cloud: &Cloud, service: &Tenant) -> Settings {
    Settings::new().keystone(cloud).service_user(service)
}

async fn list(client: &Client) -> Result<Answer> {
    let begin = Instant::now();
    let answer = client.get("/v2/action_executions").await?;
    assert!(begin.elapsed() < BOUND, "it hangs");
    Ok(answer)
}

/// A 503 that says why and when to come again.
async fn refused(client: &Client) -> Result<String> {
    let answer = list(client).await?;
    assert!(
        answer.headers.contains_key("retry-after"),
        "{}",
        answer.text()
    );
    let words = answer.fault(503)?;
    assert!(words.contains("cannot be authenticated"), "{words}");
    Ok(words)
}

/// Waits until the host has found out what became of Keystone.
async fn until_answered(client: &Client, status: u16) -> Result<()> {
    wait::until(&format!("the host answers {status}"), async || {
        let answer = list(client).await?;
        Ok((answer.status == status).then_some(()))
    })
    .await
}

#[tokio::test]
async fn while_keystone_is_down_known_callers_go_on_until_their_tokens_expire() -> Result<()> {
    let mut keystone = Keystone::start_with(30).await?;
    let cloud = keystone.cloud()?;
    let (tenant, stranger) = (cloud.tenant().await?, cloud.tenant().await?);
    let (host, _) = host(&cloud).await?;
    let unknown = host.client()?.with_token(&stranger.token().await?.secret);
    let known = host.client()?.with_token(&tenant.token().await?.secret);
    list(&known).await?.expect(200)?;

    keystone.stop().await?;
    for _ in 0..20 {
        list(&known).await?.expect(200)?;
    }
    known.run("std.noop").result().await?;
    let words = refused(&unknown).await?;
    assert!(words.contains("cannot be reached"), "{words}");
    assert_eq!(host.client()?.get("/").await?.status, 200);

    // Its token ends, Keystone or not.
    until_answered(&known, 503).await?;

    keystone.resume().await?;
    until_answered(&known, 401).await?;
    let again = host.client()?.with_token(&tenant.token().await?.secret);
    until_answered(&again, 200).await?;

    let log = host.log();
    assert_eq!(log.matches("callers cannot be authenticated;").count(), 1);
    assert_eq!(log.matches("Keystone answers again").count(), 1);
    Ok(())
}

#[tokio::test]
async fn a_host_starts_without_its_keystone_and_finds_it_later() -> Result<()> {
    let mut keystone = Keystone::start().await?;
    let cloud = keystone.cloud()?;
    let tenant = cloud.tenant().await?;
    let token = tenant.token().await?;
    let service = cloud.tenant_with(&["service"]).await?;
    keystone.stop().await?;

    let host = Host::start_with(settings(&cloud, &service)).await?;
    let client = host.client()?.with_token(&token.secret);
    refused(&client).await?;
    // Without a token nobody needs to be asked.
    assert_eq!(list(&host.client()?).await?.status, 401);

    keystone.resume().await?;
    until_answered(&client, 200).await
}

#[tokio::test]
async fn a_keystone_that_hangs_makes_nobody_hang() -> Result<()> {
    let keystone = Keystone::start().await?;
    let cloud = keystone.cloud()?;
    let (tenant, stranger) = (cloud.tenant().await?, cloud.tenant().await?);
    let service = cloud.tenant_with(&["service"]).await?;
    let settings = settings(&cloud, &service).set("auth.keystone", "cache_secs", 0);
    let host = Host::start_with(settings.set("auth.keystone", "timeout_secs", 3)).await?;
    let unknown = host.client()?.with_token(&stranger.token().await?.secret);
    let known = host.client()?.with_token(&tenant.token().await?.secret);
    until_answered(&known, 200).await?;

    keystone.gate(Gate::Hanging);
    let words = refused(&unknown).await?;
    assert!(words.contains("did not answer"), "{words}");
    // Many more than would pass if each waited for Keystone itself.
    let begin = Instant::now();
    for _ in 0..100 {
        list(&known).await?.expect(200)?;
    }
    assert!(
        begin.elapsed() < 2 * BOUND,
        "each of the callers waits for Keystone"
    );
    try_join_all((0..20).map(|_| refused(&unknown))).await?;

    keystone.gate(Gate::Open);
    until_answered(&unknown, 200).await?;

    // One that cuts connections off is away as one that takes none.
    keystone.gate(Gate::Shut);
    list(&known).await?.expect(200)?;
    let other = host.client()?.with_token("made-up-token");
    refused(&other).await?;
    keystone.gate(Gate::Open);
    until_answered(&other, 401).await
}

#[tokio::test]
async fn a_slow_keystone_is_asked_once_about_a_token_and_serves_everybody() -> Result<()> {
    let keystone = Keystone::start().await?;
    let cloud = keystone.cloud()?;
    let tenant = cloud.tenant().await?;
    let service = cloud.tenant_with(&["service"]).await?;
    let settings = settings(&cloud, &service);
    let host = Host::start_with(settings.set("auth.keystone", "timeout_secs", 60)).await?;
    let client = host.client()?.with_token(&tenant.token().await?.secret);

    keystone.gate(Gate::Slow(Duration::from_millis(300)));
    let answers = try_join_all((0..20).map(|_| list(&client))).await?;
    for answer in answers {
        answer.expect(200)?;
    }
    assert_eq!(keystone.questions()?, 1);
    Ok(())
}

#[tokio::test]
async fn after_its_keys_are_gone_old_tokens_end_and_the_service_user_logs_in_again() -> Result<()> {
    let keystone = Keystone::start().await?;
    let cloud = keystone.cloud()?;
    let tenant = cloud.tenant().await?;
    let (host, _) = host(&cloud).await?;
    let old = host.client()?.with_token(&tenant.token().await?.secret);
    list(&old).await?.expect(200)?;

    keystone.rotate_keys().await?;
    list(&old).await?.expect(200)?;

    keystone.forget_keys().await?;
    assert_eq!(list(&old).await?.status, 401);
    let new = host.client()?.with_token(&tenant.token().await?.secret);
    list(&new).await?.expect(200)?;
    assert!(!host.log().contains("callers cannot be authenticated"));
    Ok(())
}

#[tokio::test]
async fn a_service_user_that_cannot_do_its_work_is_a_503_that_names_the_setting() -> Result<()> {
    let keystone = Keystone::start().await?;
    let cloud = keystone.cloud()?;
    let tenant = cloud.tenant().await?;
    let token = tenant.token().await?;
    let good = cloud.tenant_with(&["service"]).await?;
    let without_role = cloud.tenant().await?;
    let wrong_password = Tenant {
        password: "wrong".into(),
        ..good.clone()
    };
    let elsewhere = Tenant {
        project_name: tenant.project_name.clone(),
        ..good
    };
    for (user, expected) in [
        (&wrong_password, "`password`"),
        (&elsewhere, "`project_name`"),
        (&without_role, "role `service`"),
    ] {
        let host = Host::start_with(settings(&cloud, user)).await?;
        let client = host.client()?.with_token(&token.secret);
        let words = refused(&client).await?;
        assert!(
            words.contains(expected) && words.contains("[auth.keystone]"),
            "{words}"
        );
        assert!(!words.contains("wrong"), "{words}");
    }
    Ok(())
}

#[tokio::test]
async fn a_service_user_whose_password_changed_is_told_and_works_once_it_fits_again() -> Result<()>
{
    let keystone = Keystone::start().await?;
    let cloud = keystone.cloud()?;
    let tenant = cloud.tenant().await?;
    let (mut host, service) = host(&cloud).await?;
    let client = host.client()?.with_token(&tenant.token().await?.secret);
    list(&client).await?.expect(200)?;

    let admin = cloud.admin_token().await?;
    let path = format!("/users/{}", service.user_id);
    let change = |password: &str| {
        let body = serde_json::json!({ "user": { "password": password } });
        cloud.identity(&admin, Method::PATCH, &path, Some(body))
    };
    // Its tokens end with it: the known caller goes on, the stranger does not.
    change("another").await?;
    list(&client).await?.expect(200)?;
    let other = cloud.tenant().await?.token().await?;
    let other = host.client()?.with_token(&other.secret);
    assert!(refused(&other).await?.contains("`password`"));

    change(&service.password).await?;
    until_answered(&other, 200).await?;
    host.stop().await.context("the host ends as it should")
}

#[tokio::test]
async fn a_token_that_is_revoked_ends_within_the_window() -> Result<()> {
    let cloud = Cloud::a()?;
    let tenant = cloud.tenant().await?;
    let token = tenant.token().await?;
    let settings = Settings::new().keystone(&cloud);
    let host = Host::start_with(settings.set("auth.keystone", "cache_secs", 1)).await?;
    let client = host.client()?.with_token(&token.secret);
    list(&client).await?.expect(200)?;
    tenant.revoke(&token).await?;
    until_answered(&client, 401).await
}

#[tokio::test]
async fn only_tokens_of_a_project_name_a_caller() -> Result<()> {
    let cloud = Cloud::a()?;
    let (tenant, trustee) = (cloud.tenant().await?, cloud.tenant().await?);
    let (host, _) = host(&cloud).await?;
    let caller = |secret: &str| anyhow::Ok(host.client()?.with_token(secret));

    for token in [
        tenant.unscoped_token().await?,
        tenant.system_token().await?,
        tenant.domain_token().await?,
    ] {
        let answer = list(&caller(&token.secret)?).await?;
        assert_eq!(answer.status, 401);
        let words = answer.text();
        assert!(words.contains("not scoped to a project"), "{words}");
        assert_eq!(answer.headers["content-type"], "text/html; charset=UTF-8");
        let message = answer.headers["server-error-message"].to_str()?;
        assert!(message.starts_with("Failed to validate access token: "));
        let challenge = answer.headers["www-authenticate"].to_str()?;
        assert_eq!(challenge, format!("Keystone uri=\"{}\"", cloud.auth_url()));
    }

    let (id, secret) = tenant.application_credential().await?;
    let token = cloud.token_by_credential(&id, &secret).await?;
    list(&caller(&token.secret)?).await?.expect(200)?;
    let token = trustee.token_by_trust_of(&tenant).await?;
    list(&caller(&token.secret)?).await?.expect(200)?;

    // Whoever is disabled has no valid token any more.
    let admin = cloud.admin_token().await?;
    for (kind, id, token) in [
        ("user", &tenant.user_id, tenant.token().await?),
        ("project", &trustee.project_id, trustee.token().await?),
    ] {
        let client = caller(&token.secret)?;
        list(&client).await?.expect(200)?;
        let body = serde_json::json!({ kind: { "enabled": false } });
        let path = format!("/{kind}s/{id}");
        cloud
            .identity(&admin, Method::PATCH, &path, Some(body))
            .await?;
        until_answered(&client, 401).await?;
    }
    Ok(())
}
