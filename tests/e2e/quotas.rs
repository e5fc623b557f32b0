//! Quotas: exact among many callers at once and after a crash, each project's own, set by admins alone.

use anyhow::{Context as _, Result};
use e2e::client::{Client, id_of};
use e2e::cloud::{Cloud, Tenant};
use e2e::guests;
use e2e::host::{Host, Settings};
use futures::future::try_join_all;
use reqwest::Method;
use serde_json::{Value, json};

/// A host whose callers are a cloud's, an admin and two tenants.
struct Scene {
    host: Host,
    admin: Client,
    tenants: [(Tenant, String); 2],
}

impl Scene {
    async fn start(settings: Settings) -> Result<Self> {
        let cloud = Cloud::a()?;
        let host = Host::start_with(settings.keystone(&cloud)).await?;
        let (one, two) = (cloud.tenant().await?, cloud.tenant().await?);
        let tokens = (one.token().await?.secret, two.token().await?.secret);
        let admin = host.client()?;
        Ok(Self {
            admin: admin.with_token(&cloud.admin_token().await?.secret),
            host,
            tenants: [(one, tokens.0), (two, tokens.1)],
        })
    }

    fn client(&self, tenant: usize) -> Result<Client> {
        Ok(self.host.client()?.with_token(&self.tenants[tenant].1))
    }

    fn path(&self, tenant: usize) -> String {
        format!("/v2/quotas/{}", self.tenants[tenant].0.project_id)
    }

    async fn set(&self, tenant: usize, limits: Value) -> Result<Value> {
        let path = self.path(tenant);
        let answer = self.admin.send_json(Method::PUT, &path, &limits);
        answer.await?.expect(200)
    }
}

async fn own(client: &Client) -> Result<Value> {
    let list = client.get("/v2/quotas").await?.expect(200)?;
    let quotas = list["quotas"].as_array().context("no list")?;
    assert_eq!(quotas.len(), 1, "{list}");
    Ok(quotas[0].clone())
}

async fn count(client: &Client, path: &str, collection: &str) -> Result<usize> {
    let list = client.get(path).await?.expect(200)?;
    Ok(list[collection].as_array().context("no list")?.len())
}

#[tokio::test]
async fn a_quota_holds_exactly_among_many_callers_and_a_deletion_makes_room() -> Result<()> {
    let scene = Scene::start(Settings::new()).await?;
    let (first, second) = (scene.client(0)?, scene.client(1)?);
    scene
        .set(0, json!({ "stored_action_executions": 7 }))
        .await?;

    let runs = (0..50).map(|_| first.run("std.async_noop").send());
    let answers = try_join_all(runs).await?;
    let kept: Vec<_> = answers.iter().filter(|it| it.status == 201).collect();
    assert_eq!(kept.len(), 7);
    let id = id_of(&kept[0].body)?;
    let refused = answers.into_iter().find(|it| it.status != 201);
    let words = refused.context("none was refused")?.fault(403)?;
    assert_eq!(
        words,
        "Quota exceeded for stored_action_executions: 7 of 7 are in use; delete some or ask an admin for more."
    );
    second.run("std.async_noop").created().await?;
    first
        .run("std.echo")
        .input(json!({ "output": 1 }))
        .result()
        .await?;

    first
        .update_action_execution(&id, &json!({ "state": "SUCCESS" }))
        .await?
        .expect(200)?;
    let quota = own(&first).await?;
    assert_eq!(
        quota["stored_action_executions"],
        json!({ "limit": 7, "in_use": 7 })
    );
    assert_eq!(quota["running_action_executions"]["in_use"], 6);
    assert_eq!(quota["project_id"], scene.tenants[0].0.project_id.as_str());
    first
        .delete(&format!("/v2/action_executions/{id}"))
        .await?
        .expect(204)?;
    first.run("std.async_noop").created().await?;
    first.run("std.async_noop").send().await?.fault(403)?;
    Ok(())
}

#[tokio::test]
async fn what_a_project_has_survives_a_kill_with_what_it_is_counted_from() -> Result<()> {
    let mut scene = Scene::start(Settings::new()).await?;
    let client = scene.client(0)?;
    client
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;
    let runs = (0..40).map(|number| {
        let run = client.run("std.echo").input(json!({ "output": number }));
        run.saved().param("run_sync", number % 2 == 0).send()
    });
    let (answers, killed) = tokio::join!(futures::future::join_all(runs), async {
        client.run("std.async_noop").created().await?;
        scene.host.kill().await
    });
    killed?;
    drop(answers);
    scene.host.restart().await?;

    let client = scene.client(0)?;
    let runs = client.get("/v2/action_executions").await?.expect(200)?;
    let runs = runs["action_executions"]
        .as_array()
        .context("no list")?
        .clone();
    for run in runs.iter().filter(|run| run["name"] == "std.echo") {
        client.completed(&id_of(run)?).await?;
    }
    let quota = own(&client).await?;
    assert_eq!(quota["stored_action_executions"]["in_use"], runs.len());
    assert_eq!(quota["running_action_executions"]["in_use"], 1);
    assert_eq!(quota["modules"]["in_use"], 1);

    for run in &runs {
        let id = id_of(run)?;
        let end = json!({ "state": "CANCELLED" });
        if run["name"] == "std.async_noop" {
            client
                .update_action_execution(&id, &end)
                .await?
                .expect(200)?;
        }
        let path = format!("/v2/action_executions/{id}");
        client.delete(&path).await?.expect(204)?;
    }
    client.delete("/v2/modules/probe").await?.expect(204)?;
    let quota = own(&client).await?;
    for name in [
        "stored_action_executions",
        "running_action_executions",
        "stored_executions",
        "running_executions",
        "modules",
        "bytes",
    ] {
        assert_eq!(quota[name]["in_use"], 0, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn a_module_beyond_the_quota_is_refused_and_leaves_nothing() -> Result<()> {
    let settings = Settings::new().set("quotas", "modules", 1);
    let scene = Scene::start(settings).await?;
    let client = scene.client(0)?;
    client
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;
    let names = ["one", "two", "three"];
    let pushes = names.map(|name| client.push(name, b"x".to_vec()));
    for answer in try_join_all(pushes).await? {
        let words = answer.fault(403)?;
        assert!(
            words.starts_with("Quota exceeded for modules: 1 of 1 are in use"),
            "{words}"
        );
    }
    scene.set(0, json!({ "bytes": 1 })).await?;
    let update = client
        .update_module("probe", guests::guest("probe")?)
        .await?;
    assert!(update.fault(403)?.starts_with("Quota exceeded for bytes:"));
    scene
        .client(1)?
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;
    Ok(())
}

#[tokio::test]
async fn quotas_are_given_by_admins_and_seen_by_their_own_project() -> Result<()> {
    let settings = Settings::new().set("quotas", "modules", -1);
    let scene = Scene::start(settings).await?;
    let (first, second) = (scene.client(0)?, scene.client(1)?);
    let path = scene.path(0);
    for member in [&first, &second] {
        let more = json!({ "modules": 9 });
        let put = member.send_json(Method::PUT, &path, &more);
        put.await?.fault(403)?;
        member.delete(&path).await?.fault(403)?;
    }
    second.get(&path).await?.fault(403)?;
    second
        .get("/v2/quotas?all_projects=true")
        .await?
        .fault(403)?;
    let project = &scene.tenants[0].0.project_id;
    second
        .get(&format!("/v2/quotas?project_id={project}"))
        .await?
        .fault(403)?;

    let set = scene.set(0, json!({ "modules": 3 })).await?;
    assert_eq!(set["modules"], json!({ "limit": 3, "in_use": 0 }));
    assert_eq!(first.get(&path).await?.expect(200)?, own(&first).await?);
    let defaults = first.get("/v2/quotas/defaults").await?.expect(200)?;
    assert_eq!(defaults["modules"], -1);
    assert_eq!(own(&second).await?["modules"]["limit"], -1);

    // All that have quotas of their own or use some, in pages.
    second.run("std.async_noop").created().await?;
    let mut next = Some("/v2/quotas?all_projects=true&limit=1".to_owned());
    let mut seen = Vec::new();
    while let Some(path) = next {
        let page = scene.admin.get(&path).await?.expect(200)?;
        for quota in page["quotas"].as_array().into_iter().flatten() {
            seen.push(quota["project_id"].as_str().unwrap_or_default().to_owned());
        }
        let link = page["next"].as_str();
        next = link.and_then(|url| Some(format!("/v2/quotas?{}", url.split_once('?')?.1)));
    }
    let mut expected: Vec<String> = scene
        .tenants
        .iter()
        .map(|it| it.0.project_id.clone())
        .collect();
    expected.sort();
    assert_eq!(seen, expected);

    for wrong in [
        json!({ "modules": -2 }),
        json!({ "modules": "many" }),
        json!({ "cores": 1 }),
    ] {
        let answer = scene.admin.send_json(Method::PUT, &path, &wrong).await?;
        assert!(!answer.fault(400)?.is_empty());
    }
    scene.admin.delete(&path).await?.expect(204)?;
    assert_eq!(own(&first).await?["modules"]["limit"], -1);
    assert_eq!(count(&first, "/v2/quotas", "quotas").await?, 1);
    Ok(())
}
