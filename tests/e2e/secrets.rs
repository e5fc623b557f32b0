//! Custom contexts and credentials reach the action and nothing else: no log, no answer, no file.

use anyhow::Result;
use e2e::client::id_of;
use e2e::cloud::Cloud;
use e2e::host::{Host, Settings};
use e2e::{guests, unique};
use serde_json::{Value, json};

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

#[tokio::test]
async fn no_secret_is_ever_written_down() -> Result<()> {
    let (home, away) = (Cloud::a()?, Cloud::b()?);
    let (owner, target) = (home.tenant().await?, away.tenant().await?);
    let mut host = Host::start_with(Settings::new().keystone(&home)).await?;
    let owner_token = owner.token().await?.secret;
    let client = host.client()?.with_token(&owner_token);
    client
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;

    let canary = unique("canary");
    let target_token = target.token().await?;
    let (credential_id, credential_secret) = target.application_credential().await?;
    let mut by_credential = target.os_auth_base();
    by_credential["application_credential_id"] = json!(credential_id);
    by_credential["application_credential_secret"] = json!(credential_secret);

    // Runs that succeed, that fail, that are refused, saved and not.
    for auth in [target.os_auth(), by_credential] {
        for action in [
            "heat.stacks_list",
            "std.fail",
            "std.async_noop",
            "std.ecoh",
            "probe.context",
        ] {
            let context = json!({ "key": canary, "os.auth": auth });
            let run = client.run(action).custom_context(context);
            let answer = if action == "probe.context" {
                run
            } else {
                run.saved()
            }
            .send()
            .await?;
            if let Some(id) = answer.body["id"]
                .as_str()
                .filter(|_| action == "heat.stacks_list")
            {
                client.completed(id).await?;
            }
        }
    }
    let headers = target.target_headers(&target_token);
    for action in ["heat.stacks_list", "std.async_noop", "std.ecoh"] {
        client
            .run(action)
            .headers(headers.clone())?
            .custom_context(json!({ "key": canary }))
            .saved()
            .send()
            .await?;
    }
    // A bad field beside good secrets must not take them into the refusal.
    let broken =
        json!({ "key": canary, "os.auth": { "auth_token": target_token.secret, "auth_url": 7 } });
    let refusal = client.run("std.noop").custom_context(broken).send().await?;
    assert!(!refusal.text().contains(&canary) && !refusal.text().contains(&target_token.secret));
    host.stop().await?;

    let secrets = [
        &canary,
        &target.password,
        &target_token.secret,
        &credential_secret,
        &owner_token,
        &home.admin().password,
    ];
    for secret in secrets {
        assert_eq!(host.files_with(secret)?, Vec::<std::path::PathBuf>::new());
    }
    Ok(())
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
