//! A target cloud never decides what a caller may see.

use anyhow::Result;
use e2e::client::{Client, id_of};
use e2e::cloud::{Cloud, Tenant};
use e2e::host::{Host, Settings};
use e2e::{guests, unique};
use serde_json::{Value, json};

/// Target headers that claim somebody else's project.
fn claim(victim: &Tenant, token: &str) -> [(&'static str, String); 4] {
    [
        ("X-Target-Auth-Uri", victim.cloud.auth_url().to_owned()),
        ("X-Target-Auth-Token", token.to_owned()),
        ("X-Target-Project-Id", victim.project_id.clone()),
        ("X-Target-User-Id", victim.user_id.clone()),
    ]
}

async fn listed(client: &Client) -> Result<Vec<String>> {
    let list = client.get("/v2/action_executions").await?.expect(200)?;
    list["action_executions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(id_of)
        .collect()
}

#[tokio::test]
async fn a_target_project_of_somebody_else_opens_nothing() -> Result<()> {
    let cloud = Cloud::a()?;
    let (victim, other) = (cloud.tenant().await?, cloud.tenant().await?);
    let host = Host::start_with(Settings::new().keystone(&cloud)).await?;
    let theirs = host.client()?.with_token(&victim.token().await?.secret);
    let other_token = other.token().await?.secret;
    let ours = host.client()?.with_token(&other_token);

    theirs
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;
    let kept = id_of(
        &theirs
            .run("std.echo")
            .input(json!({ "output": 1 }))
            .saved()
            .created()
            .await?,
    )?;

    for token in [other_token.as_str(), "made-up"] {
        let headers = claim(&victim, token);
        let fault = ours
            .run("probe.context")
            .headers(headers.clone())?
            .send()
            .await?
            .fault(400)?;
        assert!(
            fault.contains("Failed to find action") || fault.to_lowercase().contains("project"),
            "{fault}"
        );

        let map = e2e::client::headers(headers)?;
        for path in [
            format!("/v2/action_executions/{kept}"),
            "/v2/modules/probe".into(),
            "/v2/actions/probe.context".into(),
        ] {
            let answer = ours
                .send(reqwest::Method::GET, &path, map.clone(), None)
                .await?;
            assert!(
                matches!(answer.status, 400 | 404),
                "{path}: {}",
                answer.text()
            );
        }
        for path in ["/v2/action_executions", "/v2/modules", "/v2/actions"] {
            let answer = ours
                .send(reqwest::Method::GET, path, map.clone(), None)
                .await?;
            assert!(
                !answer.text().contains(&kept) && !answer.text().contains("probe"),
                "{path}: {}",
                answer.text()
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_run_on_another_cloud_is_filed_under_its_caller() -> Result<()> {
    let (home, away) = (Cloud::a()?, Cloud::b()?);
    let (caller, target) = (home.tenant().await?, away.tenant().await?);
    let host = Host::start_with(Settings::new().keystone(&home)).await?;
    let client = host.client()?.with_token(&caller.token().await?.secret);

    let auth = json!({ "os.auth": target.os_auth() });
    let run = client
        .run("heat.stacks_list")
        .custom_context(auth)
        .saved()
        .param("run_sync", true);
    let execution = run.created().await?;
    let id = id_of(&execution)?;

    assert_eq!(execution["state"], "SUCCESS", "{execution}");
    assert_eq!(execution["project_id"], caller.project_id.as_str());
    assert_eq!(listed(&client).await?, [id]);
    Ok(())
}

#[tokio::test]
async fn projects_do_not_see_each_other() -> Result<()> {
    let cloud = Cloud::a()?;
    let (one, two) = (cloud.tenant().await?, cloud.tenant().await?);
    let host = Host::start_with(Settings::new().keystone(&cloud)).await?;
    let first = host.client()?.with_token(&one.token().await?.secret);
    let second = host.client()?.with_token(&two.token().await?.secret);

    let id = id_of(&first.run("std.async_noop").created().await?)?;
    let path = format!("/v2/action_executions/{id}");
    assert_eq!(listed(&second).await?, Vec::<String>::new());
    second.get(&path).await?.fault(404)?;
    second.get(&format!("{path}/log")).await?.fault(404)?;
    second.get(&format!("{path}/requests")).await?.fault(404)?;
    second
        .update_action_execution(&id, &json!({ "state": "CANCELLED" }))
        .await?
        .fault(404)?;
    second.delete(&path).await?.fault(404)?;
    assert_eq!(first.get(&path).await?.expect(200)?["state"], "RUNNING");

    // The same name is free in every project.
    let component = guests::guest("probe")?;
    first.push("probe", component.clone()).await?.expect(201)?;
    second.push("probe", component).await?.expect(201)?;
    Ok(())
}

#[tokio::test]
async fn without_a_good_token_there_is_no_answer() -> Result<()> {
    let cloud = Cloud::a()?;
    let tenant = cloud.tenant().await?;
    let revoked = tenant.token().await?;
    tenant.revoke(&revoked).await?;
    let host = Host::start_with(Settings::new().keystone(&cloud)).await?;

    let nobody = host.client()?;
    for client in [
        nobody.clone(),
        nobody.clone().with_token(&unique("made-up")),
        nobody.with_token(&revoked.secret),
    ] {
        for path in ["/v2/action_executions", "/v2/actions", "/v2/modules"] {
            assert_eq!(client.get(path).await?.status, 401);
        }
        assert_eq!(client.run("std.noop").send().await?.status, 401);
        assert_eq!(client.get("/").await?.status, 200);
    }
    Ok(())
}

#[tokio::test]
async fn without_a_target_the_caller_works_on_their_own_cloud() -> Result<()> {
    let cloud = Cloud::a()?;
    let tenant = cloud.tenant().await?;
    let host = Host::start_with(Settings::new().keystone(&cloud)).await?;
    let client = host.client()?.with_token(&tenant.token().await?.secret);
    assert_eq!(
        client.run("heat.stacks_list").result().await?,
        Value::Array(Vec::new())
    );
    Ok(())
}
