//! Cron and event triggers, over a real store and a clock that tests move.

use super::*;
use crate::{
    clock::Clock as _,
    domain::{
        Credential, CronTrigger, CustomContext, EventTrigger, EventTriggerId, Followed,
        ListRequest, PrivateObject, Reach, Secret, TargetCloud, Topic, TriggerName,
        WorkflowExecution, WorkflowName,
    },
    engine::{
        ChangeEventTrigger, NewCronTrigger, NewErrand, NewEventTrigger, Notification, TriggerCloud,
        WebhookCall, WorkflowRef,
    },
    store,
};

fn errand(workflow: &str) -> NewErrand {
    let name = WorkflowName::parse(workflow).unwrap();
    NewErrand {
        workflow: WorkflowRef::Name(name, crate::domain::Namespace::default()),
        input: Map::new(),
        params: Map::new(),
        custom_context: None,
        cloud: TriggerCloud::None,
    }
}

fn cron(name: &str, pattern: &str) -> NewCronTrigger {
    NewCronTrigger {
        name: TriggerName::parse(name).unwrap(),
        errand: errand("one"),
        pattern: Some(pattern.to_owned()),
        first_execution_time: None,
        remaining_executions: None,
        scope: Scope::Private,
    }
}

fn nova() -> Topic {
    Topic {
        exchange: "nova".to_owned(),
        topic: "notifications".to_owned(),
    }
}

fn event(scope: Scope) -> NewEventTrigger {
    NewEventTrigger {
        name: None,
        followed: Some(Followed {
            topic: nova(),
            event: "compute.instance.create.end".to_owned(),
        }),
        has_webhook: true,
        errand: errand("one"),
        scope,
    }
}

fn notification(id: &str, project: &str) -> Notification {
    Notification {
        id: id.to_owned(),
        event_type: Some("compute.instance.create.end".to_owned()),
        publisher: Some("compute.host1".to_owned()),
        project_id: Some(project.to_owned()),
        user_id: Some("me".to_owned()),
        timestamp: Some("2026-11-22 04:00:00".to_owned()),
        payload: serde_json::json!({ "instance_id": "i" }),
    }
}

impl Host {
    async fn with_workflow() -> Self {
        let host = Self::start().await;
        host.define("one", "tasks:\n  a:\n    action: t.echo n=1")
            .await;
        host
    }

    async fn executions(&self) -> Vec<WorkflowExecution> {
        self.all().await
    }

    async fn cron_trigger(&self, name: &str) -> Result<CronTrigger, Error> {
        self.engine
            .cron_trigger(&op("p"), name, Sight::Project)
            .await
    }

    /// Moves the clock to the trigger's next time, and does what is due then.
    async fn fire(&self, name: &str) {
        let next = self.cron_trigger(name).await.unwrap().next_execution_time;
        self.clock.advance(next.since(self.clock.now()));
        self.work_off().await;
    }

    async fn make_event_trigger(&self, scope: Scope) -> (EventTrigger, Secret) {
        let made = self
            .engine
            .create_event_trigger(&op("p"), event(scope))
            .await;
        let (trigger, secret) = made.unwrap();
        (trigger, secret.unwrap())
    }

    async fn notify(&self, id: &str, project: &str) -> usize {
        let notification = notification(id, project);
        self.engine
            .notified(&nova(), &notification, true)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn a_cron_trigger_fires_at_its_times_until_its_last() {
    let host = Host::with_workflow().await;
    let new = NewCronTrigger {
        remaining_executions: Some(2),
        ..cron("c", "0 * * * *")
    };
    let made = host.engine.create_cron_trigger(&op("p"), new).await;
    let made = made.unwrap();
    assert_eq!(made.next_execution_time.to_string(), "1970-01-01 01:00:00");
    host.work_off().await;
    assert!(host.executions().await.is_empty());

    host.fire("c").await;
    let left = host.cron_trigger("c").await.unwrap();
    assert_eq!(left.remaining_executions, Some(1));
    assert_eq!(left.next_execution_time.to_string(), "1970-01-01 02:00:00");
    host.fire("c").await;
    let gone = host.cron_trigger("c").await;
    assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");

    let executions = host.executions().await;
    assert_eq!(executions.len(), 2);
    let description: Value =
        serde_json::from_str(executions[0].description.as_deref().unwrap()).unwrap();
    let by = &description["triggered_by"];
    assert_eq!(by["type"], "cron_trigger");
    assert_eq!(by["id"], made.id.to_string());
    // The name is free again.
    let again = host
        .engine
        .create_cron_trigger(&op("p"), cron("c", "@daily"))
        .await;
    again.unwrap();
}

#[tokio::test]
async fn missed_times_are_one_firing_after_a_restart() {
    let host = Host::with_workflow().await;
    let made = host
        .engine
        .create_cron_trigger(&op("p"), cron("c", "*/5 * * * *"))
        .await;
    made.unwrap();
    host.clock.advance(Duration::from_secs(24 * 3600));
    let engine = host.another_engine().await;
    Worker::start(&engine, &host.clock).await.stop().await;
    assert_eq!(host.executions().await.len(), 1);
    let next = host.cron_trigger("c").await.unwrap().next_execution_time;
    assert!(next > host.clock.now());
    assert!(next.since(host.clock.now()) <= Duration::from_secs(300));
}

#[tokio::test]
async fn a_firing_that_was_broken_off_goes_on_with_the_same_execution() {
    let host = Host::with_workflow().await;
    let made = host
        .engine
        .create_cron_trigger(&op("p"), cron("c", "0 * * * *"))
        .await;
    let id = made.unwrap().id;
    // As if the host had died after it started the execution.
    let execution = crate::domain::WorkflowExecutionId::generate();
    let kept = store::find::<CronTrigger>(&*host.store, id.uuid()).await;
    let mut kept = kept.unwrap().unwrap();
    kept.entity.firing = Some(execution);
    let commit = store::Commit::new().update(&kept);
    store::Store::commit(&*host.store, commit).await.unwrap();
    let mut start = executions::start("one");
    start.id = Some(execution);
    host.engine.start_execution(&op("p"), start).await.unwrap();

    host.fire("c").await;
    let executions = host.executions().await;
    let ids: Vec<_> = executions.iter().map(|it| it.id).collect();
    assert_eq!(ids, [execution]);
    assert_eq!(host.cron_trigger("c").await.unwrap().firing, None);
}

#[tokio::test]
async fn a_refused_firing_is_in_the_audit_trail_and_the_trigger_goes_on() {
    let host = Host::with_workflow().await;
    let made = host
        .engine
        .create_cron_trigger(&op("p"), cron("c", "0 * * * *"))
        .await;
    let made = made.unwrap();
    let workflow = made.errand.workflow_id.uuid();
    let kept = store::find::<crate::domain::WorkflowDefinition>(&*host.store, workflow).await;
    let commit = store::Commit::new().delete(&kept.unwrap().unwrap());
    store::Store::commit(&*host.store, commit).await.unwrap();

    host.fire("c").await;
    assert!(host.executions().await.is_empty());
    assert!(host.cron_trigger("c").await.unwrap().next_execution_time > host.clock.now());
    let stop = CancellationToken::new();
    stop.cancel();
    Arc::clone(&host.engine).keep_audit_trail(stop).await;
    let all = ListRequest::first(Reach::All, 100);
    let events = host.engine.audit_events(&all).await.unwrap().items;
    let refused = events.iter().find(|it| it.outcome.as_str() == "refused");
    let refused = refused.unwrap();
    assert_eq!(refused.object.id, Some(made.id.to_string()));
    assert_eq!(refused.path, format!("/v2/cron_triggers/{}", made.id));
}

#[tokio::test]
async fn a_deleted_cron_trigger_fires_no_more() {
    let host = Host::with_workflow().await;
    let made = host
        .engine
        .create_cron_trigger(&op("p"), cron("c", "0 * * * *"))
        .await;
    made.unwrap();
    let foreign = host.engine.delete_cron_trigger(&op("q"), "c").await;
    assert!(matches!(foreign, Err(Error::NotFound(_))));
    host.engine
        .delete_cron_trigger(&op("p"), "c")
        .await
        .unwrap();
    host.clock.advance(Duration::from_secs(24 * 3600));
    host.work_off().await;
    assert!(host.executions().await.is_empty());
}

#[tokio::test]
async fn what_a_cron_trigger_cannot_be_is_refused_in_mistrals_words() {
    let host = Host::with_workflow().await;
    let make = async |new| host.engine.create_cron_trigger(&op("p"), new).await;
    make(cron("c", "@daily")).await.unwrap();
    let soon = host.clock.now().after(Duration::from_secs(59));
    for (new, words) in [
        (cron("c", "@daily"), "Duplicate entry for CronTrigger"),
        (
            cron("d", "* * *"),
            "The specified pattern is not valid: * * *",
        ),
        (
            NewCronTrigger {
                pattern: None,
                ..cron("d", "")
            },
            "Pattern or first_execution_time must be specified.",
        ),
        (
            NewCronTrigger {
                first_execution_time: Some(soon),
                ..cron("d", "@daily")
            },
            "first_execution_time must be at least 1 minute in the future.",
        ),
        (
            NewCronTrigger {
                errand: errand("other"),
                ..cron("d", "@daily")
            },
            "Workflow not found",
        ),
        (
            NewCronTrigger {
                errand: NewErrand {
                    input: Map::from_iter([("x".to_owned(), Value::Null)]),
                    ..errand("one")
                },
                ..cron("d", "@daily")
            },
            "Invalid input",
        ),
    ] {
        let refusal = make(new).await.unwrap_err().to_string();
        assert!(refusal.contains(words), "{refusal}");
    }
}

#[tokio::test]
async fn private_parts_of_a_trigger_are_sealed_and_reach_its_executions() {
    let host = Host::with_workflow().await;
    let members = serde_json::from_str(r#"{"secret": "s3cret"}"#).unwrap();
    let credential = Credential::ApplicationCredential {
        id: "id".to_owned(),
        secret: Secret::new("hidden-secret".to_owned()),
    };
    let target = TargetCloud {
        auth_url: "http://192.0.2.1:5000/v3".parse().unwrap(),
        credential,
        region: None,
        project_id: None,
        user_id: None,
        user_name: None,
        ca_cert: None,
        insecure: false,
        catalog: None,
        is_target: true,
    };
    let new = NewCronTrigger {
        errand: NewErrand {
            custom_context: Some(CustomContext::new(&PrivateObject::new(members))),
            cloud: TriggerCloud::Target(target),
            ..errand("one")
        },
        ..cron("c", "0 * * * *")
    };
    host.engine
        .create_cron_trigger(&op("p"), new)
        .await
        .unwrap();
    let kept = crate::store::Store::find(
        &*host.store,
        store::Kind::CronTrigger,
        host.cron_trigger("c").await.unwrap().id.uuid(),
    );
    let body = kept.await.unwrap().unwrap().body;
    for secret in ["s3cret", "hidden-secret"] {
        let is_there = body.windows(secret.len()).any(|it| it == secret.as_bytes());
        assert!(!is_there, "{secret}");
    }
    host.fire("c").await;
    let executions = host.executions().await;
    assert!(executions[0].custom_context.is_some());
    assert!(executions[0].has_target);
}

#[tokio::test]
async fn an_event_fires_the_triggers_of_its_project_and_public_ones_once() {
    let host = Host::with_workflow().await;
    host.make_event_trigger(Scope::Private).await;
    assert_eq!(host.notify("1", "other").await, 0);
    assert_eq!(host.notify("1", "p").await, 1);
    // It comes again.
    assert_eq!(host.notify("1", "p").await, 1);
    let executions = host.executions().await;
    assert_eq!(executions.len(), 1);
    let params: Value = executions[0].params.to().unwrap();
    let event = &params["event_params"];
    assert_eq!(event["service"], "compute.host1");
    assert_eq!(event["project_id"], "p");
    assert_eq!(event["payload"]["instance_id"], "i");

    host.make_event_trigger(Scope::Public).await;
    assert_eq!(host.notify("2", "other").await, 1);
    let unlike = Topic {
        exchange: "glance".to_owned(),
        ..nova()
    };
    let notification = notification("3", "p");
    let none = host.engine.notified(&unlike, &notification, true).await;
    assert_eq!(none.unwrap(), 0);
    let topics = host.engine.followed_topics().await.unwrap();
    assert_eq!(topics.into_iter().collect::<Vec<_>>(), [nova()]);
}

#[tokio::test]
async fn a_projects_triggers_follow_so_many_topics_and_no_more() {
    let host = Host::with_workflow().await;
    let make = async |number: usize| {
        let topic = Topic {
            topic: format!("topic-{number}"),
            ..nova()
        };
        let new = NewEventTrigger {
            followed: Some(Followed {
                topic,
                event: "compute.instance.create.end".to_owned(),
            }),
            ..event(Scope::Private)
        };
        host.engine.create_event_trigger(&op("p"), new).await
    };
    for number in 0..32 {
        make(number).await.unwrap();
    }
    let refusal = make(32).await.unwrap_err();
    assert!(matches!(refusal, Error::OverQuota(_)), "{refusal}");
    // One that is followed already.
    make(0).await.unwrap();
}

#[tokio::test]
async fn an_event_trigger_is_changed_and_deleted() {
    let host = Host::with_workflow().await;
    host.define("two", "tasks:\n  a:\n    action: t.echo n=2")
        .await;
    let (trigger, _) = host.make_event_trigger(Scope::Private).await;
    let id = trigger.id.to_string();
    let two = WorkflowName::parse("two").unwrap();
    let change = ChangeEventTrigger {
        name: Some(TriggerName::parse("named").unwrap()),
        workflow: Some(WorkflowRef::Name(two, crate::domain::Namespace::default())),
        ..ChangeEventTrigger::default()
    };
    let changed = host
        .engine
        .change_event_trigger(&op("p"), &id, change)
        .await;
    assert_eq!(changed.unwrap().errand.workflow_name.as_str(), "two");
    host.notify("1", "p").await;
    assert_eq!(host.executions().await[0].workflow_name.as_str(), "two");
    let foreign = host
        .engine
        .event_trigger(&op("q"), &id, Sight::Project)
        .await;
    assert!(foreign.is_err());
    host.engine
        .delete_event_trigger(&op("p"), "named")
        .await
        .unwrap();
    assert_eq!(host.notify("2", "p").await, 0);
}

#[tokio::test]
async fn a_webhook_is_for_who_knows_its_secret() {
    use hmac::Mac as _;

    let host = Host::with_workflow().await;
    let (trigger, secret) = host.make_event_trigger(Scope::Private).await;
    let timestamp = (host.clock.now().unix_ms() / 1000).to_string();
    let key = secret.expose().strip_prefix("whsec_").unwrap();
    let sign = |body: &str| {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let key = STANDARD.decode(key).unwrap();
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("msg_1.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    };
    let send = async |id: EventTriggerId, signatures: &str, body: &str| {
        let call = WebhookCall {
            id: "msg_1",
            timestamp: &timestamp,
            signatures,
            body: body.as_bytes(),
        };
        host.engine.call_webhook(id, call).await
    };
    let body = r#"{"a": 1}"#;
    assert!(!send(trigger.id, &sign("{}"), body).await.unwrap());
    assert!(
        !send(EventTriggerId::generate(), &sign(body), body)
            .await
            .unwrap()
    );
    assert!(host.executions().await.is_empty());
    for _ in 0..2 {
        assert!(send(trigger.id, &sign(body), body).await.unwrap());
    }
    let executions = host.executions().await;
    assert_eq!(executions.len(), 1);
    let params: Value = executions[0].params.to().unwrap();
    assert_eq!(params["event_params"]["payload"]["a"], 1);
    let broken = send(trigger.id, &sign("{"), "{").await;
    assert!(matches!(broken, Err(Error::BadInput(_))));
}
