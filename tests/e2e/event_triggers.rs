//! Event triggers: every command of the real `mistral`, notifications of the real oslo.messaging over a real RabbitMQ,
//! and webhooks.

use std::time::SystemTime;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::broker::{Broker, Notice};
use e2e::client::{Answer, Client, headers, id_of};
use e2e::cloud::Cloud;
use e2e::gate::Gate;
use e2e::host::{Host, Settings};
use e2e::marks::Marks;
use e2e::mistral::Mistral;
use e2e::workflows::json_in;
use e2e::{unique, wait};
use hmac::{Hmac, Mac as _};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

const PATH: &str = "/v2/event_triggers";
const EVENT: &str = "compute.instance.create.end";

/// Tells what it was started with.
const TOLD: &str = r#"
version: '2.0'

told:
  output:
    instance: <% $.instance %>
  tasks:
    tell:
      action: std.echo output=<% execution().params.event_params.payload.instance_id %>
      publish:
        instance: <% task().result %>
"#;

/// The id of the workflow [`TOLD`], which it makes.
async fn define(client: &Client) -> Result<String> {
    let made = client.define(TOLD, "").await?.expect(201)?;
    id_of(&made["workflows"][0])
}

async fn create(client: &Client, body: Value) -> Result<Value> {
    client
        .send_json(Method::POST, PATH, &body)
        .await?
        .expect(201)
}

async fn executions(client: &Client) -> Result<Vec<Value>> {
    let list = client.get("/v2/executions").await?.expect(200)?;
    Ok(list["executions"].as_array().context("no list")?.clone())
}

/// The only execution, when it has ended, and its params.
async fn only_execution(client: &Client) -> Result<(Value, Value)> {
    let id = wait::until("there is an execution", || async {
        let found = executions(client).await?;
        ensure!(found.len() <= 1, "{found:?}");
        found.first().map(id_of).transpose()
    })
    .await?;
    let execution = client.ended(&id).await?;
    let params = json_in(&execution, "params")?;
    Ok((execution, params))
}

#[tokio::test]
async fn an_event_trigger_goes_through_every_command_of_mistral() -> Result<()> {
    let host = Host::start().await?;
    let mistral = Mistral::new(&host);
    let workflow = define(&host.client()?).await?;
    let create = [
        "event-trigger-create",
        "on_server",
        &workflow,
        "nova",
        "notifications",
        EVENT,
        "{}",
        "--params",
        r#"{"env": {"a": 1}}"#,
    ];
    let made = mistral.json(&create).await?;
    assert_eq!(made["Name"], "on_server");
    assert_eq!(made["Workflow ID"], workflow.as_str());
    assert_eq!(made["Exchange"], "nova");
    assert_eq!(made["Topic"], "notifications");
    assert_eq!(made["Event"], EVENT);
    let id = made["ID"].as_str().context("no ID")?;
    let list = mistral.json(&["event-trigger-list"]).await?;
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
    assert_eq!(list[0]["ID"], id);
    let shown = mistral.json(&["event-trigger-get", id]).await?;
    let params: Value = serde_json::from_str(shown["Params"].as_str().context("no text")?)?;
    assert_eq!(params, json!({ "env": { "a": 1 } }));
    mistral.run(&["event-trigger-delete", id]).await?;
    let gone = mistral.run(&["event-trigger-get", id]).await;
    let words = gone.err().context("it is still there")?.to_string();
    assert!(words.contains("Event trigger not found"), "{words}");

    let unknown = "0196a1b2-0000-7000-8000-000000000001";
    let create = [&["event-trigger-create", "x", unknown][..], &create[3..6]].concat();
    let refusal = mistral.run(&create).await.err().context("it was made")?;
    assert!(refusal.to_string().contains("Workflow not found"));
    Ok(())
}

#[tokio::test]
async fn what_an_event_trigger_follows_does_not_change_and_the_rest_may() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let workflow = define(&client).await?;
    let body = json!({
        "name": "on_server", "workflow_id": workflow,
        "exchange": "nova", "topic": "notifications", "event": EVENT,
    });
    let id = id_of(&create(&client, body).await?)?;
    let path = format!("{PATH}/{id}");
    for field in ["exchange", "topic", "event"] {
        let change = json!({ field: "other" });
        let refusal = client.send_json(Method::PUT, &path, &change).await?;
        let words = refusal.fault(400)?;
        assert!(words.contains("Can not update fields"), "{words}");
    }
    let change = json!({ "name": "renamed", "workflow_params": { "env": { "b": 2 } } });
    client
        .send_json(Method::PUT, &path, &change)
        .await?
        .expect(200)?;
    let shown = client.get(&path).await?.expect(200)?;
    assert_eq!(shown["name"], "renamed");
    assert_eq!(shown["event"], EVENT);
    assert_eq!(
        json_in(&shown, "workflow_params")?,
        json!({ "env": { "b": 2 } })
    );
    Ok(())
}

// ---- Notifications.

/// A host that follows an exchange of its own.
struct Setting {
    broker: Broker,
    host: Host,
    exchange: String,
}

impl Setting {
    async fn new(settings: Settings) -> Result<Self> {
        let (broker, exchange) = (Broker::reach().await?, unique("exchange"));
        let settings = settings.set("notifications", "url", broker.url()?).set(
            "notifications",
            "queue",
            exchange.as_str(),
        );
        Ok(Self {
            host: Host::start_with(settings).await?,
            broker,
            exchange,
        })
    }

    /// Makes the trigger, and waits until it is followed.
    async fn follow(&self, client: &Client, workflow: &str) -> Result<String> {
        let body = json!({
            "name": "on_server", "workflow_id": workflow,
            "exchange": self.exchange, "topic": "notifications", "event": EVENT,
        });
        let id = id_of(&create(client, body).await?)?;
        self.is_following(1).await?;
        Ok(id)
    }

    /// Waits until the host has begun to follow the exchange so many times.
    async fn is_following(&self, times: usize) -> Result<()> {
        let is_it = |line: &&str| line.contains(r#""following""#) && line.contains(&self.exchange);
        wait::until("the exchange is followed", || async {
            let count = self.host.log().lines().filter(is_it).count();
            Ok((count >= times).then_some(()))
        })
        .await
    }

    async fn publish(&self, event: &str, project_id: &str, payload: &Value) -> Result<()> {
        let notice = Notice {
            exchange: &self.exchange,
            topic: "notifications",
            event,
            project_id,
            payload,
        };
        self.broker.publish(notice).await
    }
}

#[tokio::test]
async fn a_services_notification_starts_an_execution_in_the_project_where_it_happened() -> Result<()>
{
    let cloud = Cloud::a()?;
    let (theirs, others) = (cloud.tenant().await?, cloud.tenant().await?);
    let setting = Setting::new(Settings::new().keystone(&cloud)).await?;
    let mut clients = Vec::new();
    for tenant in [&theirs, &others] {
        let token = tenant.token().await?.secret;
        let client = setting.host.client()?.with_token(&token);
        let workflow = define(&client).await?;
        setting.follow(&client, &workflow).await?;
        clients.push(client);
    }
    let payload = json!({ "instance_id": "i-1", "nested": [1, { "a": null }] });
    let project = &theirs.project_id;
    setting
        .publish("compute.instance.create.start", project, &json!({}))
        .await?;
    setting.publish(EVENT, project, &payload).await?;

    let (execution, params) = only_execution(&clients[0]).await?;
    assert_eq!(execution["state"], "SUCCESS", "{execution}");
    let output = json_in(&execution, "output")?;
    assert_eq!(output, json!({ "instance": "i-1" }));
    let event = &params["event_params"];
    assert_eq!(event["payload"], payload);
    assert_eq!(event["service"], "compute.host1");
    assert_eq!(event["project_id"], project.as_str());
    assert_eq!(event["user_id"], "somebody");
    assert_eq!(event["event_type"], EVENT);
    assert_eq!(executions(&clients[1]).await?, Vec::<Value>::new());
    // Nothing of a tenant's event is in the host's own log.
    assert!(!setting.host.log().contains("i-1"));
    Ok(())
}

#[tokio::test]
async fn notifications_wait_for_a_host_that_was_away() -> Result<()> {
    let mut setting = Setting::new(Settings::new()).await?;
    let client = setting.host.client()?;
    let workflow = define(&client).await?;
    let trigger = setting.follow(&client, &workflow).await?;

    // The connection is lost, and comes back.
    setting.broker.gate(Gate::Shut);
    wait::until("the host has noticed", || async {
        let is_noticed = setting
            .host
            .log()
            .contains("notifications are not followed");
        Ok(is_noticed.then_some(()))
    })
    .await?;
    let payload = json!({ "instance_id": "lost" });
    setting.publish(EVENT, "any", &payload).await?;
    assert_eq!(executions(&client).await?, Vec::<Value>::new());
    setting.broker.gate(Gate::Open);
    let (execution, params) = only_execution(&client).await?;
    assert_eq!(params["event_params"]["payload"], payload);
    let path = format!("/v2/executions/{}", id_of(&execution)?);
    client.delete(&path).await?.expect(204)?;

    // The host ends, and comes back.
    setting.host.stop().await?;
    let payload = json!({ "instance_id": "stopped" });
    setting.publish(EVENT, "any", &payload).await?;
    setting.host.restart().await?;
    let client = setting.host.client()?;
    let (_, params) = only_execution(&client).await?;
    assert_eq!(params["event_params"]["payload"], payload);
    let password = "guest:guest";
    assert!(!setting.host.log().contains(password));

    client
        .delete(&format!("{PATH}/{trigger}"))
        .await?
        .expect(204)?;
    wait::until("nobody follows the exchange", || async {
        Ok(setting
            .host
            .log()
            .contains("following no more")
            .then_some(()))
    })
    .await
}

// ---- Webhooks.

/// A message to a webhook, signed with a secret.
struct Message<'a> {
    id: &'a str,
    secs: u64,
    body: &'a str,
}

impl<'a> Message<'a> {
    fn now(id: &'a str, body: &'a str) -> Result<Self> {
        let secs = SystemTime::UNIX_EPOCH.elapsed()?.as_secs();
        Ok(Self { id, secs, body })
    }

    fn signature(&self, secret: &str) -> Result<String> {
        let key = secret.strip_prefix("whsec_").context(secret.to_owned())?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(key)?)?;
        mac.update(format!("{}.{}.{}", self.id, self.secs, self.body).as_bytes());
        Ok(format!(
            "v1,{}",
            STANDARD.encode(mac.finalize().into_bytes())
        ))
    }

    async fn send(&self, client: &Client, trigger: &str, signature: &str) -> Result<Answer> {
        let secs = self.secs.to_string();
        let headers = headers([
            ("content-type", "application/json"),
            ("webhook-id", self.id),
            ("webhook-timestamp", &secs),
            ("webhook-signature", signature),
        ])?;
        let path = format!("{PATH}/{trigger}/webhook");
        let body = Some(self.body.as_bytes().to_vec());
        client.send(Method::POST, &path, headers, body).await
    }
}

const BODY: &str = r#"{"instance_id": "hooked"}"#;

#[tokio::test]
async fn a_webhook_takes_what_its_secret_signs_and_each_message_once() -> Result<()> {
    let cloud = Cloud::a()?;
    let caller = cloud.tenant().await?;
    let host = Host::start_with(Settings::new().keystone(&cloud)).await?;
    let client = host.client()?.with_token(&caller.token().await?.secret);
    let workflow = define(&client).await?;
    let made = create(&client, json!({ "workflow_id": workflow, "webhook": true })).await?;
    let secret = made["webhook_secret"].as_str().context("no secret")?;
    let other = create(&client, json!({ "workflow_id": workflow, "webhook": true })).await?;
    let other = other["webhook_secret"].as_str().context("no secret")?;
    let unlike = json!({
        "workflow_id": workflow, "exchange": "nova", "topic": "notifications", "event": EVENT,
    });
    let without = id_of(&create(&client, unlike).await?)?;
    let (trigger, nobody) = (id_of(&made)?, host.client()?);

    let message = Message::now("msg_1", BODY)?;
    let right = message.signature(secret)?;
    let of_another_body = Message::now("msg_1", "{}")?.signature(secret)?;
    let unknown = "0196a1b2-0000-7000-8000-000000000001";
    let mut answers = Vec::new();
    for (trigger, signature) in [
        (trigger.as_str(), ""),
        (&trigger, "v1,"),
        (&trigger, &of_another_body),
        (&trigger, &message.signature(other)?),
        (&without, &right),
        (unknown, &right),
        ("no-id", &right),
    ] {
        let answer = message.send(&nobody, trigger, signature).await?;
        answers.push(answer.fault(401)?);
    }
    // Whoever has not the secret cannot tell what was wrong.
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    let old = Message {
        secs: message.secs - 600,
        ..Message::now("msg_1", BODY)?
    };
    let signature = old.signature(secret)?;
    old.send(&nobody, &trigger, &signature).await?.fault(401)?;
    assert_eq!(executions(&client).await?, Vec::<Value>::new());

    // It comes once, and again.
    for _ in 0..3 {
        let answer = message.send(&nobody, &trigger, &right).await?;
        assert_eq!(answer.expect(202)?, json!({ "accepted": true }));
    }
    let (execution, params) = only_execution(&client).await?;
    assert_eq!(execution["state"], "SUCCESS", "{execution}");
    assert_eq!(
        json_in(&execution, "output")?,
        json!({ "instance": "hooked" })
    );
    assert_eq!(params["event_params"]["service"], "webhook");
    let next = Message::now("msg_2", BODY)?;
    let signature = next.signature(secret)?;
    next.send(&nobody, &trigger, &signature)
        .await?
        .expect(202)?;
    assert_eq!(executions(&client).await?.len(), 2);

    let broken = Message::now("msg_3", "{")?;
    let signature = broken.signature(secret)?;
    let refusal = broken.send(&nobody, &trigger, &signature).await?;
    assert!(refusal.fault(400)?.contains("not JSON"));
    Ok(())
}

#[tokio::test]
async fn a_webhooks_secret_is_shown_once_and_sealed() -> Result<()> {
    let mut host = Host::start().await?;
    let client = host.client()?;
    let workflow = define(&client).await?;
    let made = create(&client, json!({ "workflow_id": workflow, "webhook": true })).await?;
    let (trigger, secret) = (id_of(&made)?, made["webhook_secret"].as_str());
    let secret = secret.context("no secret")?.to_owned();
    let mut marks = Marks::default();
    marks.add("the secret", &secret);
    let mut shown = Vec::new();
    let own = format!("{PATH}/{trigger}");
    for path in [PATH, &own, "/v2/audit_events"] {
        shown.extend(client.get(path).await?.bytes);
    }
    let change = json!({ "name": "changed" });
    let changed = client.send_json(Method::PUT, &own, &change);
    shown.extend(changed.await?.bytes);
    assert_eq!(marks.found_in(&shown), Vec::<&str>::new());

    host.stop().await?;
    let said = |output: std::process::Output| -> Result<String> {
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "it failed: {errors}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let keys = said(host.command(&["keys", "list"]).await?)?;
    let old = keys.split_whitespace().next().context("there is no key")?;
    said(host.command(&["keys", "rotate"]).await?)?;
    said(host.command(&["keys", "drop", old]).await?)?;
    host.restart().await?;
    let client = host.client()?;
    let message = Message::now("msg_1", BODY)?;
    let signature = message.signature(&secret)?;
    message
        .send(&client, &trigger, &signature)
        .await?
        .expect(202)?;
    only_execution(&client).await?;
    host.stop().await?;
    for (path, bytes) in host.files()? {
        let found = marks.found_in(&bytes);
        assert_eq!(found, Vec::<&str>::new(), "in {}", path.display());
    }
    Ok(())
}
