//! Cron triggers: every command of the real `mistral`, other clouds by sealed credentials, the own one by a real trust,
//! and times that the host missed.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, NaiveDateTime, Utc};
use e2e::client::{Client, id_of};
use e2e::cloud::{Cloud, Tenant, Token};
use e2e::host::{Host, Settings};
use e2e::marks::Marks;
use e2e::mistral::Mistral;
use e2e::workflows::json_in;
use e2e::{unique, wait};
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/v2/cron_triggers";
const MINUTELY: &str = "* * * * *";

/// Lists the stacks of the cloud it works on.
const STACKS: &str = r#"
version: '2.0'

stacks:
  input: [given: nothing]
  output:
    names: <% $.names %>
    given: <% $.given %>
  tasks:
    list:
      action: heat.stacks_list
      publish:
        names: <% task().result.stack_name %>
"#;

const NOTHING: &str = "version: '2.0'\nnothing: {tasks: {a: {action: std.noop}}}";

/// The first whole minute that a trigger may begin with: at least one minute from now.
fn first_minute() -> DateTime<Utc> {
    let now = wait::now() + Duration::from_secs(62);
    let secs = u64::try_from(now.timestamp().rem_euclid(60)).unwrap_or_default();
    now + Duration::from_secs(60 - secs)
}

fn to_the_minute(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M").to_string()
}

async fn create(client: &Client, body: Value) -> Result<Value> {
    client
        .send_json(Method::POST, PATH, &body)
        .await?
        .expect(201)
}

/// The executions that a trigger started.
async fn started_by(client: &Client, trigger: &str) -> Result<Vec<Value>> {
    let list = client.get("/v2/executions").await?.expect(200)?;
    let list = list["executions"].as_array().context("no list")?.clone();
    let is_its_own = |execution: &Value| {
        let description = execution["description"].as_str();
        description.is_some_and(|text| text.contains(trigger))
    };
    Ok(list.into_iter().filter(is_its_own).collect())
}

/// The trigger's only execution, when it has ended; its trigger has fired for the last time.
async fn fired(client: &Client, trigger: &str) -> Result<Value> {
    let path = format!("{PATH}/{trigger}");
    let shown = client.get(&path).await?.body;
    if let Some(next) = shown["next_execution_time"].as_str() {
        let next = NaiveDateTime::parse_from_str(next, "%Y-%m-%d %H:%M:%S")?;
        wait::past(next.and_utc()).await?;
    }
    wait::until("the trigger is gone after its last time", || async {
        let answer = client.get(&path).await?;
        Ok((answer.status == 404).then_some(()))
    })
    .await?;
    let started = started_by(client, trigger).await?;
    let [execution] = started.as_slice() else {
        anyhow::bail!("it started {started:?}");
    };
    client.ended(&id_of(execution)?).await
}

#[tokio::test]
async fn a_cron_trigger_goes_through_every_command_of_mistral() -> Result<()> {
    let host = Host::start().await?;
    let mistral = Mistral::new(&host);
    let made = host.client()?.define(STACKS, "").await?.expect(201)?;
    let workflow = id_of(&made["workflows"][0])?;

    let create = [
        "cron-trigger-create",
        "nightly",
        "stacks",
        r#"{"given": [1]}"#,
        "--params",
        r#"{"env": {"a": 1}}"#,
        "--pattern",
        "0 3 * * *",
        "--count",
        "7",
    ];
    let made = mistral.json(&create).await?;
    assert_eq!(made["Name"], "nightly");
    assert_eq!(made["Workflow"], "stacks");
    assert_eq!(made["Pattern"], "0 3 * * *");
    assert_eq!(made["Remaining executions"], 7);
    let next = made["Next execution time"].as_str().context("no time")?;
    assert!(next.ends_with(" 03:00:00"), "{next}");

    // Once, at a time; its workflow by its id.
    let first = first_minute();
    let at = to_the_minute(first);
    let create = ["cron-trigger-create", "once", &workflow];
    let once = [&create[..], &["--first-time", &at, "--utc"]].concat();
    let made = mistral.json(&once).await?;
    assert_eq!(made["Next execution time"], format!("{at}:00"));
    assert_eq!(made["Remaining executions"], 1);

    let list = mistral.json(&["cron-trigger-list"]).await?;
    let names: Vec<_> = list.as_array().into_iter().flatten().collect();
    let names: Vec<_> = names.iter().map(|trigger| &trigger["Name"]).collect();
    assert_eq!(names, ["nightly", "once"]);
    let shown = mistral.json(&["cron-trigger-get", "nightly"]).await?;
    assert_eq!(shown["Workflow"], "stacks");
    let params: Value = serde_json::from_str(shown["Params"].as_str().context("no text")?)?;
    assert_eq!(params, json!({ "env": { "a": 1 } }));

    mistral
        .run(&["cron-trigger-delete", "nightly", "once"])
        .await?;
    let gone = mistral.run(&["cron-trigger-get", "nightly"]).await;
    let words = gone.err().context("it is still there")?.to_string();
    assert!(words.contains("Cron trigger not found"), "{words}");
    Ok(())
}

#[tokio::test]
async fn what_a_cron_trigger_cannot_be_reaches_the_terminal_in_mistrals_words() -> Result<()> {
    let host = Host::start().await?;
    let mistral = Mistral::new(&host);
    host.client()?.define(NOTHING, "").await?.expect(201)?;
    let create = ["cron-trigger-create", "daily", "nothing"];
    mistral
        .json(&[&create[..], &["--pattern", "@daily"]].concat())
        .await?;
    let soon = to_the_minute(wait::now());
    for (arguments, expected) in [
        (
            &["--pattern", "@daily"][..],
            "Duplicate entry for CronTrigger ['name', 'project_id']: daily",
        ),
        (
            &["--pattern", "61 * * * *"],
            "The specified pattern is not valid: 61 * * * *",
        ),
        (&[], "Pattern or first_execution_time must be specified."),
        (
            &["--first-time", &soon, "--utc"],
            "first_execution_time must be at least 1 minute in the future.",
        ),
        (
            &["--pattern", "@daily", "--count", "0"],
            "Value should be greater or equal to 1",
        ),
    ] {
        let refusal = mistral.run(&[&create[..], arguments].concat()).await;
        let words = refusal.err().context("it was made")?.to_string();
        assert!(words.contains(expected), "{words}");
    }
    let unknown = [
        "cron-trigger-create",
        "other",
        "other",
        "--pattern",
        "@daily",
    ];
    let words = mistral.run(&unknown).await.err().context("it was made")?;
    assert!(words.to_string().contains("Workflow not found"), "{words}");
    Ok(())
}

/// What a host whose callers are cloud A's is asked, and who asks.
struct Setting {
    host: Host,
    home: Cloud,
    caller: Tenant,
    client: Client,
    token: Token,
    /// The id of the host's own user.
    trustee: String,
}

impl Setting {
    async fn new() -> Result<Self> {
        let home = Cloud::a()?;
        let caller = home.tenant().await?;
        let host = Host::start_with(Settings::new().keystone(&home)).await?;
        let token = caller.token().await?;
        let client = host.client()?.with_token(&token.secret);
        client.define(STACKS, "").await?.expect(201)?;
        let trustee = id_of(&home.admin_token().await?.body["token"]["user"])?;
        Ok(Self {
            trustee,
            host,
            home,
            caller,
            client,
            token,
        })
    }

    /// The trusts that the caller gave the host's user; Heat's has others.
    async fn trusts(&self) -> Result<Vec<Value>> {
        let token = self.caller.token().await?;
        let path = format!("/OS-TRUST/trusts?trustor_user_id={}", self.caller.user_id);
        let list = self.home.identity(&token, Method::GET, &path, None).await?;
        let mut trusts = list["trusts"].as_array().context("no list")?.clone();
        trusts.retain(|trust| trust["trustee_user_id"] == self.trustee.as_str());
        Ok(trusts)
    }

    async fn trusts_gone(&self) -> Result<()> {
        wait::until("the trust is gone", || async {
            Ok(self.trusts().await?.is_empty().then_some(()))
        })
        .await
    }
}

#[tokio::test]
async fn a_trigger_works_on_another_cloud_and_its_credentials_are_sealed() -> Result<()> {
    let mut setting = Setting::new().await?;
    let away = Cloud::b()?;
    let target = away.tenant().await?;
    let stack = unique("stack");
    away.create_stack(&target.token().await?, &stack).await?;
    let (id, secret) = target.application_credential().await?;
    let context = unique("canary");
    let mut marks = Marks::default();
    for (name, secret) in [
        ("the custom context", &context),
        ("the password", &target.password),
        ("the application credential", &secret),
        ("the caller's token", &setting.token.secret),
    ] {
        marks.add(name, secret);
    }

    let mut shown = Vec::new();
    let mut triggers = Vec::new();
    for (name, auth) in [
        ("by_password", target.os_auth()),
        (
            "by_credential",
            target.application_credential_os_auth(&id, &secret),
        ),
    ] {
        let body = json!({
            "name": name, "workflow_name": "stacks", "pattern": MINUTELY, "remaining_executions": 1,
            "workflow_input": { "given": name },
            "custom_context": { "key": context, "os.auth": auth },
        });
        let answer = setting.client.send_json(Method::POST, PATH, &body).await?;
        shown.extend_from_slice(&answer.bytes);
        triggers.push((name, id_of(&answer.expect(201)?)?));
    }
    for path in [PATH, &format!("{PATH}/by_password"), "/v2/audit_events"] {
        shown.extend(setting.client.get(path).await?.bytes);
    }
    // No trust is asked for where another cloud is named.
    assert_eq!(setting.trusts().await?, Vec::<Value>::new());

    // The key that sealed them goes, and they are opened all the same.
    setting.host.stop().await?;
    let said = |output: std::process::Output| -> Result<String> {
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "it failed: {errors}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let keys = said(setting.host.command(&["keys", "list"]).await?)?;
    let old = keys.split_whitespace().next().context("there is no key")?;
    said(setting.host.command(&["keys", "rotate"]).await?)?;
    let report = said(setting.host.command(&["keys", "drop", old]).await?)?;
    assert!(report.contains("sealed "), "{report}");
    setting.host.restart().await?;
    setting.client = setting.host.client()?.with_token(&setting.token.secret);

    for (name, trigger) in triggers {
        let execution = fired(&setting.client, &trigger).await?;
        assert_eq!(execution["state"], "SUCCESS", "{execution}");
        let output = json_in(&execution, "output")?;
        assert_eq!(output, json!({ "names": [stack], "given": name }));
        let own = json_in(&execution, "custom_context")?;
        assert_eq!(own, json!({ "key": context }));
        assert_eq!(
            execution["project_id"],
            setting.caller.project_id.as_str(),
            "{execution}"
        );
    }
    for path in [
        "/v2/executions?include_output=true",
        "/v2/tasks",
        "/v2/action_executions?include_output=true",
    ] {
        shown.extend(setting.client.get(path).await?.bytes);
    }
    setting.host.stop().await?;
    assert_eq!(marks.found_in(&shown), Vec::<&str>::new());
    for (path, bytes) in setting.host.files()? {
        let found = marks.found_in(&bytes);
        assert_eq!(found, Vec::<&str>::new(), "in {}", path.display());
    }
    Ok(())
}

#[tokio::test]
async fn a_trigger_works_on_the_callers_own_cloud_by_a_trust_that_ends_with_it() -> Result<()> {
    let setting = Setting::new().await?;
    let (client, caller) = (&setting.client, &setting.caller);
    let stack = unique("stack");
    setting.home.create_stack(&setting.token, &stack).await?;

    let body = json!({ "name": "own", "workflow_name": "stacks", "pattern": "@daily" });
    create(client, body.clone()).await?;
    let trusts = setting.trusts().await?;
    assert_eq!(trusts.len(), 1, "{trusts:?}");
    assert_eq!(trusts[0]["project_id"], caller.project_id.as_str());
    assert_eq!(trusts[0]["impersonation"], true);
    client.delete(&format!("{PATH}/own")).await?.expect(204)?;
    setting.trusts_gone().await?;
    // Nor does one stay of a trigger that was refused.
    create(client, body.clone()).await?;
    client
        .send_json(Method::POST, PATH, &body)
        .await?
        .fault(409)?;
    wait::until("the other trust is gone", || async {
        Ok((setting.trusts().await?.len() == 1).then_some(()))
    })
    .await?;
    client.delete(&format!("{PATH}/own")).await?.expect(204)?;

    let mut once = body;
    once["pattern"] = json!(MINUTELY);
    once["remaining_executions"] = json!(1);
    let trigger = id_of(&create(client, once).await?)?;
    // The token that made it is not needed any more.
    caller.revoke(&setting.token).await?;
    let client = &client.clone().with_token(&caller.token().await?.secret);
    let execution = fired(client, &trigger).await?;
    assert_eq!(execution["state"], "SUCCESS", "{execution}");
    let names = json_in(&execution, "output")?["names"].clone();
    assert_eq!(names, json!([stack]));
    setting.trusts_gone().await
}

#[tokio::test]
async fn a_trigger_without_a_trust_works_on_no_cloud() -> Result<()> {
    let setting = Setting::new().await?;
    let body =
        json!({ "name": "own", "workflow_name": "stacks", "pattern": "@daily", "trust": false });
    create(&setting.client, body).await?;
    assert_eq!(setting.trusts().await?, Vec::<Value>::new());
    // A token has expired when the trigger fires, whichever way it comes.
    let target = Cloud::b()?.tenant().await?;
    let body = json!({ "name": "other", "workflow_name": "stacks", "pattern": "@daily" });
    let headers = target.target_headers(&target.token().await?);
    let mut headers = e2e::client::headers(headers)?;
    headers.insert("content-type", "application/json".parse()?);
    let body = Some(body.to_string().into_bytes());
    let refusal = setting
        .client
        .send(Method::POST, PATH, headers, body)
        .await?;
    let words = refusal.fault(400)?;
    assert!(words.contains("application credential"), "{words}");
    Ok(())
}

#[tokio::test]
async fn a_time_that_the_host_missed_is_made_up_for_once() -> Result<()> {
    let mut host = Host::start().await?;
    let client = host.client()?;
    client.define(NOTHING, "").await?.expect(201)?;
    let first = first_minute();
    let body = json!({
        "name": "missed", "workflow_name": "nothing", "pattern": "*/30 * * * *",
        "first_execution_time": to_the_minute(first),
    });
    let trigger = id_of(&create(&client, body).await?)?;
    host.stop().await?;
    wait::past(first).await?;
    assert!(wait::now() > first);
    host.restart().await?;

    let client = host.client()?;
    let path = format!("{PATH}/missed");
    let shown = wait::until("the trigger has another time", || async {
        let shown = client.get(&path).await?.expect(200)?;
        let next = shown["next_execution_time"].as_str().unwrap_or_default();
        let is_another = next != format!("{}:00", to_the_minute(first));
        Ok(is_another.then_some(shown))
    })
    .await?;
    let next = shown["next_execution_time"].as_str().unwrap_or_default();
    assert!(next > to_the_minute(wait::now()).as_str(), "{next}");
    let started = started_by(&client, &trigger).await?;
    assert_eq!(started.len(), 1, "{started:?}");
    client.ended(&id_of(&started[0])?).await?;
    Ok(())
}
