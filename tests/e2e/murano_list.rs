//! Murano's list of environments over ours: the real `murano` command, and a poller as Congress has it.

use anyhow::{Context as _, Result};
use e2e::client::{Client, id_of};
use e2e::cloud::{Cloud, Tenant};
use e2e::host::{Host, Settings};
use e2e::murano::Murano;
use e2e::unique;
use reqwest::Method;
use serde_json::{Value, json};

const PASSWORD: &str = "password-6b2e";

/// Polls as Congress' driver does: packages, environments, the services and deployments of each.
const POLLER: &str = r#"
import json, os
import muranoclient.client
client = muranoclient.client.Client("1", endpoint=os.environ["MURANO_URL"], token=os.environ["OS_AUTH_TOKEN"])
packages = [package.to_dict() for package in client.packages.list()]
environments = client.environments.list(all_tenants=True)
rows = []
for env in environments:
    services = client.services.list(env.id)
    deployments = client.deployments.list(env.id)
    rows.append({"object": [env.id, env.tenant_id], "state": [env.id, env.status], "properties": env.to_dict(),
                 "services": len(services), "deployments": len(deployments)})
print(json.dumps({"packages": packages, "environments": rows}))
"#;

/// Three users in three projects, one of them an admin, each with an environment of the same name.
struct Setting {
    host: Host,
    users: Vec<User>,
}

struct User {
    tenant: Tenant,
    client: Client,
    environment: Value,
}

impl Setting {
    async fn new() -> Result<Self> {
        let cloud = Cloud::a()?;
        let host = Host::start_with(Settings::new().keystone(&cloud)).await?;
        let mut users = Vec::new();
        for role in ["member", "member", "admin"] {
            let tenant = cloud.tenant_with(&[role]).await?;
            let client = host.client()?.with_token(&tenant.token().await?.secret);
            let body = json!({ "name": "prod", "variables": { "key": PASSWORD } });
            let made = client.send_json(Method::POST, "/v2/environments", &body);
            let environment = made.await?.expect(201)?;
            users.push(User {
                tenant,
                client,
                environment,
            });
        }
        Ok(Self { host, users })
    }

    fn murano(&self, user: usize) -> Murano {
        Murano::new(self.host.url(), &self.users[user].tenant)
    }

    /// The ids of the environments of these users, sorted.
    fn ids(&self, users: &[usize]) -> Result<Vec<String>> {
        let ids = users
            .iter()
            .map(|user| id_of(&self.users[*user].environment));
        let mut ids: Vec<String> = ids.collect::<Result<_>>()?;
        ids.sort();
        Ok(ids)
    }
}

/// The ids in a table of the `murano` command, sorted.
async fn listed(murano: &Murano, arguments: &[&str]) -> Result<Vec<String>> {
    let rows = murano.rows(arguments).await?;
    let ids = rows.into_iter().filter_map(|row| row.into_iter().next());
    let mut ids: Vec<String> = ids.collect();
    ids.sort();
    Ok(ids)
}

#[tokio::test]
async fn the_murano_command_lists_ones_own_environments_or_an_admins_all() -> Result<()> {
    let setting = Setting::new().await?;
    for user in 0..3 {
        let own = listed(&setting.murano(user), &["environment-list"]).await?;
        assert_eq!(own, setting.ids(&[user])?);
    }
    let admin = setting.murano(2);
    let all = listed(&admin, &["environment-list", "--all-tenants"]).await?;
    assert_eq!(all, setting.ids(&[0, 1, 2])?);
    let tenant = &setting.users[0].tenant.project_id;
    let one = listed(&admin, &["environment-list", "--tenant", tenant]).await?;
    assert_eq!(one, setting.ids(&[0])?);
    let none = listed(&admin, &["environment-list", "--tenant", "nobody"]).await?;
    assert_eq!(none, Vec::<String>::new());

    let rows = admin.rows(&["environment-list"]).await?;
    let environment = &setting.users[2].environment;
    let time = environment["created_at"].as_str().context("no time")?;
    let time = time.replace(' ', "T");
    let expected = [
        environment["id"].as_str().context("no id")?,
        "prod",
        "ready",
        &time,
        &time,
    ];
    assert_eq!(rows, [expected]);

    let shown = admin.run(&["environment-show", expected[0]]).await?;
    assert!(
        shown.contains("ready") && !shown.contains(PASSWORD),
        "{shown}"
    );
    Ok(())
}

#[tokio::test]
async fn a_member_is_refused_the_environments_of_other_tenants() -> Result<()> {
    let setting = Setting::new().await?;
    let member = setting.murano(0);
    let other = setting.users[1].tenant.project_id.as_str();
    for arguments in [
        &["environment-list", "--all-tenants"][..],
        &["environment-list", "--tenant", other],
        &["environment-list", "--all-tenants", "--tenant", other],
    ] {
        let refused = member.run(arguments).await;
        let words = refused
            .err()
            .context("a member saw all tenants")?
            .to_string();
        assert!(words.contains("HTTP 403"), "{words}");
        assert!(
            words.contains("Access was denied to this resource."),
            "{words}"
        );
    }
    let theirs = id_of(&setting.users[1].environment)?;
    let client = &setting.users[0].client;
    for path in [
        format!("/v1/environments/{theirs}"),
        format!("/v1/environments/{theirs}/services"),
        format!("/v1/environments/{theirs}/deployments"),
    ] {
        let answer = client.get(&path).await?;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (404, &json!(404)),
            "{path}"
        );
        assert!(!answer.text().contains("prod"), "{path}");
    }
    // False is false, in any case.
    for flag in ["false", "False", "FALSE", "", "0"] {
        let list = client
            .get(&format!("/v1/environments?all_tenants={flag}"))
            .await?
            .expect(200)?;
        let ids = list["environments"]
            .as_array()
            .context("no list")?
            .iter()
            .map(id_of);
        assert_eq!(
            ids.collect::<Result<Vec<_>>>()?,
            setting.ids(&[0])?,
            "{flag}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn muranos_routes_want_a_token() -> Result<()> {
    let setting = Setting::new().await?;
    let id = id_of(&setting.users[0].environment)?;
    for client in [
        setting.host.client()?,
        setting.host.client()?.with_token(&unique("made-up")),
    ] {
        for path in [
            "/v1/environments".to_owned(),
            "/v1/environments?all_tenants=true".to_owned(),
            format!("/v1/environments/{id}"),
            format!("/v1/environments/{id}/services"),
            format!("/v1/environments/{id}/deployments"),
            "/v1/catalog/packages".to_owned(),
        ] {
            let answer = client.get(&path).await?;
            assert_eq!(answer.status, 401, "{path}");
            assert!(answer.headers.contains_key("www-authenticate"), "{path}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_poller_reads_the_environments_of_all_tenants() -> Result<()> {
    let setting = Setting::new().await?;
    let printed = setting.murano(2).python(POLLER).await?;
    assert!(!printed.contains(PASSWORD), "{printed}");
    let polled: Value = serde_json::from_str(&printed)?;
    assert_eq!(polled["packages"], json!([]));
    let rows = polled["environments"].as_array().context("no list")?;
    assert_eq!(rows.len(), 3);
    for user in &setting.users {
        let (id, tenant) = (&user.environment["id"], &user.tenant.project_id);
        let row = rows.iter().find(|row| row["object"] == json!([id, tenant]));
        let row = row.with_context(|| format!("{id} of {tenant} is missing: {printed}"))?;
        assert_eq!(row["state"], json!([id, "ready"]));
        assert_eq!(
            (&row["services"], &row["deployments"]),
            (&json!(0), &json!(0))
        );
        let time = user.environment["created_at"].as_str().context("no time")?;
        let time = time.replace(' ', "T");
        let properties = json!({
            "id": id, "name": "prod", "tenant_id": tenant, "status": "ready", "version": 0, "created": time,
            "updated": time, "description_text": "", "networking": {},
        });
        assert_eq!(row["properties"], properties);
    }

    let refused = setting.murano(0).python(POLLER).await;
    let words = refused
        .err()
        .context("a member polled all tenants")?
        .to_string();
    assert!(
        words.contains("HTTPForbidden") && words.contains("(HTTP 403)"),
        "{words}"
    );
    Ok(())
}

/// One succeeds or fails as its environment says, one waits until it is told to go on.
const DEPLOYMENTS: &str = "
version: '2.0'
deploy:
  tasks:
    choose:
      on-success:
        - well: <% env().key = fine %>
        - badly: <% env().key != fine %>
    well: {action: std.noop}
    badly: {action: std.fail}
wait:
  tasks:
    wait: {action: std.async_noop}
above:
  tasks:
    call: {workflow: wait}
";

#[tokio::test]
async fn an_environment_has_the_status_of_the_executions_that_name_it() -> Result<()> {
    let setting = Setting::new().await?;
    let [owner, stranger] = [0, 1].map(|user| &setting.users[user].client);
    let id = id_of(&setting.users[0].environment)?;
    for client in [owner, stranger] {
        client.create_workflows(DEPLOYMENTS).await?;
    }
    let status = async |client: &Client| -> Result<(String, String)> {
        let list = client.get("/v1/environments").await?.expect(200)?;
        let listed = list["environments"][0]["status"].as_str();
        let listed = listed.context("no status")?.to_owned();
        let id = id_of(&list["environments"][0])?;
        let shown = client.get(&format!("/v1/environments/{id}")).await?;
        let shown = shown.expect(200)?["status"].as_str().map(str::to_owned);
        Ok((listed, shown.context("no status")?))
    };
    let both = |word: &str| (word.to_owned(), word.to_owned());
    let named = |workflow| owner.start(workflow).params(json!({ "env": "prod" }));
    assert_eq!(status(owner).await?, both("ready"));

    // Variables that are given, not named, are no environment; nor does it matter who else has one of that name.
    let given = owner
        .start("deploy")
        .params(json!({ "env": { "key": "bad" } }));
    assert_eq!(given.ended().await?["state"], "ERROR");
    let theirs = stranger.start("deploy").params(json!({ "env": "prod" }));
    assert_eq!(theirs.ended().await?["state"], "ERROR");
    assert_eq!(status(owner).await?, both("ready"));
    assert_eq!(status(stranger).await?, both("deploy failure"));

    let waiting = named("above").id().await?;
    assert_eq!(status(owner).await?, both("deploying"));
    // It goes on, whatever ends meanwhile.
    assert_eq!(named("deploy").ended().await?["state"], "ERROR");
    assert_eq!(status(owner).await?, both("deploying"));
    let rows = setting.murano(0).rows(&["environment-list"]).await?;
    assert_eq!(rows[0][2], "deploying");
    owner
        .update_execution(&waiting, json!({ "state": "CANCELLED" }))
        .await?;
    owner.ended(&waiting).await?;
    assert_eq!(status(owner).await?, both("deploy failure"));

    let fine = json!({ "name": "prod", "variables": { "key": "fine" } });
    let fine = owner.send_json(Method::PUT, "/v2/environments", &fine);
    fine.await?.expect(200)?;
    let last = named("deploy").ended().await?;
    assert_eq!(last["state"], "SUCCESS", "{last}");
    assert_eq!(status(owner).await?, both("ready"));
    let rows = setting.murano(0).rows(&["environment-show", &id]).await?;
    assert!(
        rows.iter().any(|row| row == &["status", "ready"]),
        "{rows:?}"
    );

    // What is repeated names the environment as well.
    let failed = owner.get("/v2/executions?state=ERROR&sort_dirs=desc&limit=1");
    let failed = id_of(&failed.await?.expect(200)?["executions"][0])?;
    let again = json!({ "source_execution_id": failed });
    let again = owner.send_json(Method::POST, "/v2/executions", &again);
    owner.ended(&id_of(&again.await?.expect(201)?)?).await?;
    assert_eq!(status(owner).await?, both("deploy failure"));
    Ok(())
}
