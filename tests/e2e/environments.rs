//! Environments of three projects: who sees, changes and publishes what, by the real `mistral` command and by REST.

use anyhow::{Context as _, Result};
use e2e::client::{Client, id_of};
use e2e::cloud::{Cloud, Tenant};
use e2e::host::{Host, Settings};
use e2e::mistral::Mistral;
use e2e::unique;
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/v2/environments";
const FORBIDDEN: &str = "Operation forbidden (insufficient permissions)";

/// Two members and an admin, each in a project of their own.
struct Setting {
    host: Host,
    tenants: Vec<Tenant>,
    clients: Vec<Client>,
}

impl Setting {
    async fn new() -> Result<Self> {
        let cloud = Cloud::a()?;
        let host = Host::start_with(Settings::new().keystone(&cloud)).await?;
        let (mut tenants, mut clients) = (Vec::new(), Vec::new());
        for role in ["member", "member", "admin"] {
            let tenant = cloud.tenant_with(&[role]).await?;
            clients.push(host.client()?.with_token(&tenant.token().await?.secret));
            tenants.push(tenant);
        }
        Ok(Self {
            host,
            tenants,
            clients,
        })
    }

    fn mistral(&self, user: usize) -> Mistral {
        Mistral::new(&self.host).caller(&self.tenants[user])
    }

    async fn make(&self, user: usize, name: &str) -> Result<String> {
        let body = json!({ "name": name, "variables": { "of": user } });
        let made = self.clients[user].send_json(Method::POST, PATH, &body);
        id_of(&made.await?.expect(201)?)
    }

    /// The ids in a list, sorted.
    async fn listed(&self, user: usize, query: &str) -> Result<Vec<String>> {
        let list = self.clients[user]
            .get(&format!("{PATH}{query}"))
            .await?
            .expect(200)?;
        let list = list["environments"].as_array().context("no list")?;
        let mut ids = list.iter().map(id_of).collect::<Result<Vec<_>>>()?;
        ids.sort();
        Ok(ids)
    }
}

/// A file that holds `body`.
fn file(body: &Value) -> Result<tempfile::NamedTempFile> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), body.to_string())?;
    Ok(file)
}

impl Setting {
    /// A command that takes a file.
    async fn send(&self, user: usize, command: &str, body: &Value) -> Result<Value> {
        let file = file(body)?;
        let path = file.path().to_str().context("a path that is not UTF-8")?;
        self.mistral(user).json(&[command, path]).await
    }
}

#[tokio::test]
async fn an_environment_goes_through_every_command_of_mistral() -> Result<()> {
    let setting = Setting::new().await?;
    let body = json!({ "name": "prod", "description": "for real", "variables": { "size": 3, "nested": { "a": [1] } } });
    for user in 0..3 {
        let made = setting.send(user, "environment-create", &body).await?;
        assert_eq!(made["Name"], "prod");
        assert_eq!(made["Scope"], "private");
        assert_eq!(
            serde_json::from_str::<Value>(made["Variables"].as_str().context("no text")?)?,
            body["variables"]
        );

        let again = setting.send(user, "environment-create", &body).await;
        let words = again.err().context("a name was given twice")?.to_string();
        assert!(
            words.contains("Duplicate entry for Environment ['name', 'project_id']: prod"),
            "{words}"
        );
    }
    let mistral = setting.mistral(0);
    let list = mistral.json(&["environment-list"]).await?;
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
    assert_eq!(list[0]["Description"], "for real");

    let change = json!({ "name": "prod", "variables": { "size": 4 } });
    let changed = setting.send(0, "environment-update", &change).await?;
    assert_eq!(changed["Description"], "for real");
    let shown = mistral.json(&["environment-get", "prod"]).await?;
    assert_eq!(
        serde_json::from_str::<Value>(shown["Variables"].as_str().context("no text")?)?,
        json!({ "size": 4 })
    );
    let other = setting
        .mistral(1)
        .json(&["environment-get", "prod"])
        .await?;
    assert_eq!(
        serde_json::from_str::<Value>(other["Variables"].as_str().context("no text")?)?,
        body["variables"]
    );

    mistral.run(&["environment-delete", "prod"]).await?;
    let gone = mistral.run(&["environment-get", "prod"]).await;
    let words = gone.err().context("it is still there")?.to_string();
    assert!(
        words.contains("Environment not found [name=prod]"),
        "{words}"
    );
    setting.mistral(1).run(&["environment-get", "prod"]).await?;
    Ok(())
}

#[tokio::test]
async fn an_admin_publishes_and_everybody_sees_but_nobody_else_changes_it() -> Result<()> {
    let setting = Setting::new().await?;
    let public = json!({ "name": "shared", "variables": { "a": 1 }, "scope": "public" });
    for command in ["environment-create", "environment-update"] {
        let refused = setting.send(0, command, &public).await;
        let words = refused.err().context("a member published")?.to_string();
        assert!(words.contains(FORBIDDEN), "{words}");
    }
    let made = setting.send(2, "environment-create", &public).await?;
    assert_eq!(made["Scope"], "public");
    let list = setting.mistral(0).json(&["environment-list"]).await?;
    assert_eq!(list[0]["Name"], "shared");

    let client = &setting.clients[0];
    let shown = client.get(&format!("{PATH}/shared")).await?.expect(200)?;
    assert_eq!(shown["project_id"], setting.tenants[2].project_id.as_str());
    let id = id_of(&shown)?;
    for reference in ["shared", &id] {
        client
            .delete(&format!("{PATH}/{reference}"))
            .await?
            .fault(404)?;
    }
    let change = json!({ "name": "shared", "variables": {} });
    client
        .send_json(Method::PUT, PATH, &change)
        .await?
        .fault(404)?;

    // One's own comes first.
    let own = setting.make(0, "shared").await?;
    let shown = client.get(&format!("{PATH}/shared")).await?.expect(200)?;
    assert_eq!(id_of(&shown)?, own);
    let mut both = vec![own, id.clone()];
    both.sort();
    assert_eq!(setting.listed(0, "").await?, both);

    // Private again, it is gone for the others.
    let private = json!({ "name": "shared", "scope": "private" });
    setting.clients[2]
        .send_json(Method::PUT, PATH, &private)
        .await?
        .expect(200)?;
    assert_eq!(setting.listed(1, "").await?, Vec::<String>::new());
    setting.clients[1]
        .get(&format!("{PATH}/shared"))
        .await?
        .fault(404)?;
    setting.clients[1]
        .get(&format!("{PATH}/{id}"))
        .await?
        .fault(404)?;
    Ok(())
}

#[tokio::test]
async fn another_projects_environment_is_not_there_except_for_an_admin_by_id() -> Result<()> {
    let setting = Setting::new().await?;
    let theirs = setting.make(1, "theirs").await?;
    for user in [0, 2] {
        let client = &setting.clients[user];
        client.get(&format!("{PATH}/theirs")).await?.fault(404)?;
        for reference in ["theirs", &theirs] {
            client
                .delete(&format!("{PATH}/{reference}"))
                .await?
                .fault(404)?;
        }
        let change = json!({ "name": "theirs", "variables": {} });
        client
            .send_json(Method::PUT, PATH, &change)
            .await?
            .fault(404)?;
    }
    let path = format!("{PATH}/{theirs}");
    setting.clients[0].get(&path).await?.fault(404)?;
    let shown = setting.clients[2].get(&path).await?.expect(200)?;
    assert_eq!(shown["project_id"], setting.tenants[1].project_id.as_str());
    assert_eq!(shown["variables"], r#"{"of":1}"#);
    Ok(())
}

#[tokio::test]
async fn environments_of_all_projects_are_an_admins_to_list() -> Result<()> {
    let setting = Setting::new().await?;
    let mut ids = Vec::new();
    for user in 0..3 {
        ids.push(setting.make(user, "prod").await?);
    }
    for (user, id) in ids.iter().enumerate() {
        for query in ["", "?all_projects=false"] {
            assert_eq!(setting.listed(user, query).await?, [id.as_str()]);
        }
    }
    let other = format!("?project_id={}", setting.tenants[1].project_id);
    for query in ["?all_projects=true", "?all_tenants=True", &other] {
        let refusal = setting.clients[0].get(&format!("{PATH}{query}")).await?;
        assert_eq!(refusal.fault(403)?, FORBIDDEN);
    }
    assert_eq!(setting.listed(2, &other).await?, &ids[1..2]);
    ids.sort();
    for query in [
        "?all_projects=true",
        "?all_tenants=1",
        "?all_projects=true&limit=1000&name=prod",
    ] {
        assert_eq!(setting.listed(2, query).await?, ids);
    }
    Ok(())
}

#[tokio::test]
async fn environments_want_a_token() -> Result<()> {
    let setting = Setting::new().await?;
    setting.make(0, "prod").await?;
    for client in [
        setting.host.client()?,
        setting.host.client()?.with_token(&unique("made-up")),
    ] {
        let one = format!("{PATH}/prod");
        let body = json!({ "name": "prod", "variables": {} });
        for (method, path) in [
            (Method::GET, PATH),
            (Method::GET, &one),
            (Method::POST, PATH),
            (Method::PUT, PATH),
            (Method::DELETE, &one),
        ] {
            let answer = client.send_json(method.clone(), path, &body).await?;
            assert_eq!(answer.status, 401, "{method} {path}");
        }
    }
    assert_eq!(setting.listed(0, "").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn variables_are_sealed_unlogged_and_outlive_the_key_that_sealed_them() -> Result<()> {
    let secret = unique("password");
    let mut host = Host::start().await?;
    let body = json!({ "name": "prod", "variables": { "key": secret } });
    host.client()?
        .send_json(Method::POST, PATH, &body)
        .await?
        .expect(201)?;
    // A refusal repeats nothing of it.
    let wrong = json!({ "name": "other", "variables": [secret] });
    let refusal = host.client()?.send_json(Method::POST, PATH, &wrong).await?;
    assert!(!refusal.fault(400)?.contains(&secret));
    host.stop().await?;

    let old = said(&host, &["keys", "list"]).await?;
    let old = old.split_whitespace().next().context("there is no key")?;
    said(&host, &["keys", "rotate"]).await?;
    let report = said(&host, &["keys", "drop", old]).await?;
    assert!(report.contains("sealed 1 record"), "{report}");
    for (path, bytes) in host.files()? {
        let is_there = bytes
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!is_there, "{} holds it in the clear", path.display());
    }
    host.restart().await?;
    let shown = host
        .client()?
        .get(&format!("{PATH}/prod"))
        .await?
        .expect(200)?;
    assert_eq!(shown["variables"], json!({ "key": secret }).to_string());
    assert!(!host.log().contains(&secret));
    Ok(())
}

/// What a command of the host's program printed, if it succeeded.
async fn said(host: &Host, arguments: &[&str]) -> Result<String> {
    let output = host.command(arguments).await?;
    let errors = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "it failed: {errors}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
