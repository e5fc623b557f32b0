//! The operator's policy file: followed while the host runs, refused when it is faulty, told by `zonda policy`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use e2e::client::{Client, id_of};
use e2e::cloud::Cloud;
use e2e::host::{Host, Settings};
use e2e::{unique, wait};
use reqwest::Method;
use serde_json::{Value, json};

const ALL_RUNS: &str = "/v2/action_executions?all_projects=true";

fn policy_file(host: &Host) -> Result<PathBuf> {
    let data = host.data_folder();
    let folder = data.parent().context("the data folder is the root")?;
    Ok(folder.join("policy.yaml"))
}

/// Puts a policy file beside the configuration, as a whole.
fn write_policy(host: &Host, yaml: &str) -> Result<()> {
    let path = policy_file(host)?;
    let next = path.with_extension("next");
    std::fs::write(&next, yaml)?;
    Ok(std::fs::rename(next, path)?)
}

async fn until_answered(client: &Client, path: &str, status: u16) -> Result<()> {
    wait::until(&format!("GET {path} is answered with {status}"), || async {
        let answer = client.get(path).await?;
        Ok((answer.status == status).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_policy_file_that_changes_takes_effect_without_a_restart() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    client.get("/v2/actions").await?.expect(200)?;
    write_policy(&host, "\"actions:list\": \"rule:admin_only\"")?;
    until_answered(&client, "/v2/actions", 403).await?;
    let fault = client.get("/v2/actions").await?.fault(403)?;
    assert_eq!(fault, "Operation forbidden (insufficient permissions)");
    // Other rules are as they were.
    client.get("/v2/modules").await?.expect(200)?;
    write_policy(&host, "\"modules:list\": \"!\"")?;
    until_answered(&client, "/v2/modules", 403).await?;
    client.get("/v2/actions").await?.expect(200)?;
    std::fs::remove_file(policy_file(&host)?)?;
    until_answered(&client, "/v2/modules", 200).await
}

#[tokio::test]
async fn a_broken_policy_file_keeps_the_old_decisions_and_is_logged_once() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    write_policy(&host, "\"actions:list\": \"!\"")?;
    until_answered(&client, "/v2/actions", 403).await?;
    let logged = || host.log().matches("the last good policy stays").count();
    assert_eq!(logged(), 0);

    write_policy(&host, "\n\"actions:list\": \"role:a or\"\n")?;
    wait::until("the fault is logged", || async {
        Ok((logged() > 0).then_some(()))
    })
    .await?;
    let log = host.log();
    assert!(log.contains("line 2: actions:list: "), "{log}");
    client.get("/v2/actions").await?.fault(403)?;

    // Whatever comes next shows that the fault was logged for its change alone.
    write_policy(&host, "\"actions:list\": \"@\"")?;
    until_answered(&client, "/v2/actions", 200).await?;
    assert_eq!(logged(), 1);
    Ok(())
}

#[tokio::test]
async fn a_faulty_policy_file_keeps_a_host_from_starting() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("policy.yaml");
    let start = || {
        let settings = Settings::new().set("policy", "file", path.to_string_lossy().as_ref());
        Host::start_with(settings)
    };
    for (yaml, words) in [
        (None, "cannot be read; see [policy] file"),
        (
            Some("\"actions:list\": \"http://policy.example.com/\""),
            "line 1: actions:list: `http://policy.example.com/` asks another server",
        ),
        (
            Some("a: rule:b\nb: rule:a"),
            "line 1: a: the rules refer to each other in a circle: a → b → a",
        ),
    ] {
        if let Some(yaml) = yaml {
            std::fs::write(&path, yaml)?;
        }
        let refusal = start().await.err().context("the host starts")?;
        let refusal = format!("{refusal:#}");
        assert!(refusal.contains(words), "{refusal}");
    }
    Ok(())
}

#[tokio::test]
async fn a_role_that_the_policy_names_lists_all_projects() -> Result<()> {
    let cloud = Cloud::a()?;
    let role = unique("auditor");
    let admin = cloud.admin_token().await?;
    let body = json!({ "role": { "name": role } });
    cloud
        .identity(&admin, Method::POST, "/roles", Some(body))
        .await?;
    let auditor = cloud.tenant_with(&["member", &role]).await?;
    let (owner, member) = (cloud.tenant().await?, cloud.tenant().await?);
    let host = Host::start_with(Settings::new().keystone(&cloud)).await?;
    let with_token = async |tenant: &e2e::cloud::Tenant| {
        anyhow::Ok(host.client()?.with_token(&tenant.token().await?.secret))
    };
    let (auditor, owner, member) = (
        with_token(&auditor).await?,
        with_token(&owner).await?,
        with_token(&member).await?,
    );
    let run = owner.run("std.echo").input(json!({ "output": 1 })).saved();
    let id = id_of(&run.created().await?)?;
    auditor.get(ALL_RUNS).await?.fault(403)?;

    write_policy(
        &host,
        &format!(
            "\"action_executions:list:all_projects\": \"rule:admin_only or role:{}\"",
            role.to_uppercase()
        ),
    )?;
    until_answered(&auditor, ALL_RUNS, 200).await?;
    assert!(auditor.get(ALL_RUNS).await?.text().contains(&id));
    member.get(ALL_RUNS).await?.fault(403)?;
    // It opens what it names and nothing else.
    auditor
        .get("/v2/modules?all_projects=true")
        .await?
        .fault(403)?;
    // What is listed can be looked at one by one, but for what is its own project's alone.
    let path = format!("/v2/action_executions/{id}");
    auditor.get(&path).await?.expect(200)?;
    auditor.get(&format!("{path}/log")).await?.fault(404)?;
    auditor.delete(&path).await?.fault(404)?;
    Ok(())
}

#[tokio::test]
async fn the_command_line_tells_rules_and_explains_decisions() -> Result<()> {
    let host = Host::start().await?;
    write_policy(
        &host,
        "\"modules:create\": \"role:developer\"\n\"modules:lst\": \"!\"\n",
    )?;
    let listed = host.command(&["policy", "list", "-f", "json"]).await?;
    assert!(listed.status.success(), "{listed:?}");
    let rules: Vec<Value> = serde_json::from_slice(&listed.stdout)?;
    let rule = rules
        .iter()
        .find(|rule| rule["name"] == "modules:create")
        .context("no modules:create")?;
    assert_eq!(rule["check"], "role:developer");
    assert_eq!(rule["overridden"], true);
    assert_eq!(rule["operations"], json!(["POST /v2/modules"]));
    let warnings = String::from_utf8_lossy(&listed.stderr).into_owned();
    assert!(
        warnings.contains("`modules:lst` governs nothing"),
        "{warnings}"
    );

    let check = async |arguments: &[&str]| {
        let command = [&["policy", "check", "modules:create"], arguments].concat();
        let output = host.command(&command).await?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        anyhow::Ok((output.status.code(), text))
    };
    let (code, text) = check(&["--role", "Developer"]).await?;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("modules:create: allowed"), "{text}");
    let (code, text) = check(&["--role", "admin", "--is-admin"]).await?;
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("role:developer    # the roles are [admin]"),
        "{text}"
    );

    let unknown = host
        .command(&["policy", "check", "modules:creat", "--role", "admin"])
        .await?;
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
    write_policy(&host, "\"modules:create\": \"(role:a\"")?;
    for command in [&["policy", "list"][..], &["config", "check"]] {
        let refused = host.command(command).await?;
        let words = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success(), "{words}");
        assert!(words.contains("line 1: modules:create: "), "{words}");
    }
    Ok(())
}
