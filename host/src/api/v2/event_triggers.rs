//! Event triggers: what starts executions at events.

use axum::{
    Json as Answer,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::triggers;
use crate::{
    api::{
        App,
        doc::Doc,
        error::ApiError,
        extract::{Acting, Json, JsonBody, Path, QueryArgs},
        json_text::{JsonObject, time},
        list::{ListView, Listable},
        routes::Routes,
    },
    auth::Caller,
    domain::{
        Cell, Column, EventTrigger, Followed, JsonText, Secret, Timestamp, Topic, TriggerName,
        plain_option,
    },
    engine::{ChangeEventTrigger, NewErrand, NewEventTrigger, WebhookCall},
    policy::Rule,
};

/// The longest name of an exchange, a topic or an event in bytes: what AMQP can say.
const MAX_WORD_BYTES: usize = 200;

/// What a webhook is called with: names of headers and what they hold.
const WEBHOOK_HEADERS: [(&str, &str); 3] = [
    (
        "webhook-id",
        "the message's id: one that comes again starts nothing more",
    ),
    (
        "webhook-timestamp",
        "seconds since 1970, at most five minutes from now",
    ),
    (
        "webhook-signature",
        "v1, and the base64 of HMAC-SHA256 over ID.TIMESTAMP.BODY with the secret",
    ),
];

static LISTABLE: Listable<EventTrigger> = Listable {
    path: "/v2/event_triggers",
    collection: "event_triggers",
    default_sort: "created_at",
    columns: &[
        Column::text("id", |it: &EventTrigger| it.id.to_string().into()).by_id(),
        Column::text("name", |it: &EventTrigger| shown_name(it).into()).indexed(),
        Column::text("workflow_id", |it: &EventTrigger| {
            it.errand.workflow_id.to_string().into()
        })
        .indexed(),
        Column::json("workflow_input", |it| it.errand.input.as_str().into()),
        Column::json("workflow_params", |it| it.errand.params.as_str().into()),
        Column::text("exchange", |it| of(it, |it| &it.topic.exchange)),
        Column::text("topic", |it| of(it, |it| &it.topic.topic)),
        Column::text("event", |it| of(it, |it| &it.event)),
        Column::flag("webhook", |it| it.webhook_secret.is_some().into()),
        Column::text("scope", |it: &EventTrigger| it.scope.as_str().into()).indexed(),
        Column::text("project_id", |it| it.project_id.as_str().into()),
        Column::time("created_at", |it: &EventTrigger| it.created_at.into()).by_id(),
        Column::time("updated_at", |it| it.updated_at.into()),
    ],
    shown: &[],
    flags: &[],
    ignored: &[],
    all_projects: Rule::EventTriggersListAllProjects,
    marker: |it| it.id.to_string(),
};

fn shown_name(trigger: &EventTrigger) -> &str {
    trigger.name.as_ref().map_or("", TriggerName::as_str)
}

fn of(trigger: &EventTrigger, part: fn(&Followed) -> &String) -> Cell<'_> {
    let followed = trigger.followed.as_ref();
    followed.map(|followed| part(followed).as_str()).into()
}

/// Adds the routes of event triggers.
pub(super) fn routes(routes: Routes) -> Routes {
    const OK: StatusCode = StatusCode::OK;
    routes
        .list(
            Rule::EventTriggersList,
            &LISTABLE,
            Doc::new("Lists event triggers, oldest first.").lists::<EventTriggerView>(),
            list,
        )
        .post(
            "/v2/event_triggers",
            Rule::EventTriggersCreate,
            Doc::new("Makes an event trigger.")
                .publicizes(Rule::EventTriggersPublicize)
                .takes::<EventTriggerBody>()
                .answers::<EventTriggerView>(StatusCode::CREATED),
            create,
        )
        .get(
            "/v2/event_triggers/{event_trigger}",
            Rule::EventTriggersGet,
            Doc::new("Shows an event trigger by id, or one of the caller's by name.")
                .all_projects(Rule::EventTriggersListAllProjects)
                .answers::<EventTriggerView>(OK),
            get,
        )
        .put(
            "/v2/event_triggers/{event_trigger}",
            Rule::EventTriggersUpdate,
            Doc::new("Changes an event trigger of the caller's; what the body leaves out stays.")
                .publicizes(Rule::EventTriggersPublicize)
                .takes::<ChangeBody>()
                .answers::<EventTriggerView>(OK),
            update,
        )
        .delete(
            "/v2/event_triggers/{event_trigger}",
            Rule::EventTriggersDelete,
            Doc::new("Deletes an event trigger of the caller's; what it started goes on."),
            delete,
        )
        .signed_post(
            "/v2/event_triggers/{event_trigger}/webhook",
            Doc::new("Fires an event trigger, for who signs the message with its secret.")
                .headers(&WEBHOOK_HEADERS)
                .takes::<serde_json::Value>()
                .answers::<WebhookView>(StatusCode::ACCEPTED),
            webhook,
        )
}

/// An event trigger to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventTriggerBody {
    /// 1 to 255 characters; several may have the same.
    name: Option<String>,
    /// The exchange on which a service publishes its notifications: `nova`.
    exchange: Option<String>,
    /// The topic there: `notifications`.
    topic: Option<String>,
    /// The type of the notifications: `compute.instance.create.end`.
    event: Option<String>,
    /// Whether it has a webhook; it need not follow an exchange then.
    #[serde(default)]
    webhook: bool,
    /// The workflow's id.
    workflow_id: Option<String>,
    /// The input of its executions: an object, or a string that holds one.
    workflow_input: Option<JsonObject>,
    /// The `params` of its executions: an object, or a string that holds one.
    workflow_params: Option<JsonObject>,
    /// `private`, which it is when nothing is said, or `public`: then other projects' events fire it as well.
    scope: Option<String>,
    /// The private dict of its executions: an object, or a string that holds one. `os.auth` in it is their target cloud, by
    /// an application credential or a password. Never shown.
    custom_context: Option<JsonObject>,
    /// Whether its executions work on the caller's own cloud, by a trust that the caller gives the host's user; when
    /// nothing is said they do where the host can.
    trust: Option<bool>,
}

impl JsonBody for EventTriggerBody {
    const ARGUMENT: &'static str = "event_trigger";
}

/// What is changed in an event trigger.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeBody {
    /// 1 to 255 characters.
    name: Option<String>,
    /// May not be changed.
    exchange: Option<String>,
    /// May not be changed.
    topic: Option<String>,
    /// May not be changed.
    event: Option<String>,
    /// The workflow's id.
    workflow_id: Option<String>,
    /// The input of its executions: an object, or a string that holds one.
    workflow_input: Option<JsonObject>,
    /// The `params` of its executions: an object, or a string that holds one.
    workflow_params: Option<JsonObject>,
    /// `private` or `public`.
    scope: Option<String>,
}

impl JsonBody for ChangeBody {
    const ARGUMENT: &'static str = "event_trigger";
}

/// An event trigger.
#[derive(Serialize, JsonSchema)]
pub struct EventTriggerView {
    id: String,
    name: String,
    workflow_id: String,
    /// A JSON object as text.
    #[schemars(with = "String")]
    workflow_input: JsonText,
    /// A JSON object as text.
    #[schemars(with = "String")]
    workflow_params: JsonText,
    exchange: Option<String>,
    topic: Option<String>,
    event: Option<String>,
    /// Whether it has a webhook.
    webhook: bool,
    /// What signs messages to its webhook; shown when it is made, and never again.
    #[serde(
        serialize_with = "plain_option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    webhook_secret: Option<Secret>,
    scope: &'static str,
    project_id: String,
    #[serde(serialize_with = "time")]
    #[schemars(with = "String")]
    created_at: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    updated_at: Option<Timestamp>,
}

impl From<&EventTrigger> for EventTriggerView {
    fn from(trigger: &EventTrigger) -> Self {
        let errand = &trigger.errand;
        let followed = trigger.followed.clone();
        let (topic, event) = followed.map(|it| (it.topic, it.event)).unzip();
        let (exchange, topic) = topic.map(|it| (it.exchange, it.topic)).unzip();
        Self {
            id: trigger.id.to_string(),
            name: shown_name(trigger).to_owned(),
            workflow_id: errand.workflow_id.to_string(),
            workflow_input: errand.input.clone(),
            workflow_params: errand.params.clone(),
            exchange,
            topic,
            event,
            webhook: trigger.webhook_secret.is_some(),
            webhook_secret: None,
            scope: trigger.scope.as_str(),
            project_id: trigger.project_id.to_string(),
            created_at: Some(trigger.created_at),
            updated_at: trigger.updated_at,
        }
    }
}

/// That a message was taken.
#[derive(Serialize, JsonSchema)]
pub struct WebhookView {
    /// Always true.
    accepted: bool,
}

/// `POST /v2/event_triggers`: one more.
async fn create(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    headers: HeaderMap,
    Json(body): Json<EventTriggerBody>,
) -> Result<(StatusCode, Answer<EventTriggerView>), ApiError> {
    let new = body.into_domain(&app, &headers, &caller)?;
    let (trigger, webhook_secret) = app.engine.create_event_trigger(&op, new).await?;
    let view = EventTriggerView {
        webhook_secret,
        ..(&trigger).into()
    };
    Ok((StatusCode::CREATED, Answer(view)))
}

/// `GET /v2/event_triggers`: a page of those that the caller sees.
async fn list(
    State(app): State<App>,
    acting: Acting,
    headers: HeaderMap,
    args: QueryArgs,
) -> Result<Answer<ListView<EventTriggerView>>, ApiError> {
    let asked = LISTABLE.ask(&app, &acting, args)?;
    let page = app.engine.event_triggers(&asked.request).await?;
    asked.answer(&app, &headers, &page, |trigger| Ok(trigger.into()))
}

/// `GET /v2/event_triggers/{event_trigger}`: one that the caller sees, or any by id for those who may list them all.
async fn get(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    Path(reference): Path,
    args: QueryArgs,
) -> Result<Answer<EventTriggerView>, ApiError> {
    args.finish()?;
    let sight = app.sight(&caller, Rule::EventTriggersListAllProjects);
    let trigger = app.engine.event_trigger(&op, &reference, sight).await?;
    Ok(Answer((&trigger).into()))
}

/// `PUT /v2/event_triggers/{event_trigger}`: what it starts, and who sees it.
async fn update(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    Path(reference): Path,
    Json(body): Json<ChangeBody>,
) -> Result<Answer<EventTriggerView>, ApiError> {
    let change = body.into_domain(&app, &caller)?;
    let trigger = app
        .engine
        .change_event_trigger(&op, &reference, change)
        .await?;
    Ok(Answer((&trigger).into()))
}

/// `DELETE /v2/event_triggers/{event_trigger}`: one less.
async fn delete(
    State(app): State<App>,
    Acting { op, .. }: Acting,
    Path(reference): Path,
) -> Result<StatusCode, ApiError> {
    app.engine.delete_event_trigger(&op, &reference).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v2/event_triggers/{event_trigger}/webhook`: something happened.
async fn webhook(
    State(app): State<App>,
    Path(id): Path,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Answer<WebhookView>), ApiError> {
    let [id_header, time_header, signature_header] = WEBHOOK_HEADERS.map(|(name, _)| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    });
    let call = WebhookCall {
        id: id_header,
        timestamp: time_header,
        signatures: signature_header,
        body: &body,
    };
    let is_taken = match id.parse() {
        Ok(id) => app.engine.call_webhook(id, call).await?,
        Err(_) => false,
    };
    if !is_taken {
        return Err(ApiError::unsigned(
            "There is no such webhook, or the message is not signed with its secret in webhook-id, webhook-timestamp and \
             webhook-signature, or its time is more than five minutes away.",
        ));
    }
    Ok((StatusCode::ACCEPTED, Answer(WebhookView { accepted: true })))
}

impl EventTriggerBody {
    fn into_domain(
        self,
        app: &App,
        headers: &HeaderMap,
        caller: &Caller,
    ) -> Result<NewEventTrigger, ApiError> {
        // Out of sight before anything can fail.
        let cloud = triggers::cloud(headers, self.custom_context, self.trust, caller);
        let (cloud, custom_context) = cloud?;
        let followed = followed(self.exchange, self.topic, self.event, self.webhook)?;
        let workflow = triggers::workflow(self.workflow_id.as_deref(), None)?;
        let workflow = workflow.ok_or_else(|| missing("workflow_id"))?;
        let publicize = Rule::EventTriggersPublicize;
        let scope = triggers::scope(app, caller, self.scope.as_deref(), publicize)?;
        Ok(NewEventTrigger {
            name: self.name.as_deref().and_then(given_name).transpose()?,
            followed,
            has_webhook: self.webhook,
            errand: NewErrand {
                workflow,
                input: self.workflow_input.unwrap_or_default().0,
                params: self.workflow_params.unwrap_or_default().0,
                custom_context,
                cloud,
            },
            scope: scope.unwrap_or_default(),
        })
    }
}

impl ChangeBody {
    fn into_domain(self, app: &App, caller: &Caller) -> Result<ChangeEventTrigger, ApiError> {
        let fixed = [&self.exchange, &self.topic, &self.event];
        if fixed.into_iter().flatten().any(|text| !text.is_empty()) {
            return Err(ApiError::bad_request(
                "Can not update fields ['exchange', 'topic', 'event'] of event trigger.",
            ));
        }
        let publicize = Rule::EventTriggersPublicize;
        Ok(ChangeEventTrigger {
            name: self.name.as_deref().and_then(given_name).transpose()?,
            workflow: triggers::workflow(self.workflow_id.as_deref(), None)?,
            input: self.workflow_input.map(|input| input.0),
            params: self.workflow_params.map(|params| params.0),
            scope: triggers::scope(app, caller, self.scope.as_deref(), publicize)?,
        })
    }
}

fn given_name(text: &str) -> Option<Result<TriggerName, ApiError>> {
    let name = TriggerName::parse(text);
    let name = name.map_err(|error| ApiError::bad_request(format!("name: {error}.")));
    (!text.is_empty()).then_some(name)
}

/// What a trigger follows: all three, or nothing where it has a webhook.
fn followed(
    exchange: Option<String>,
    topic: Option<String>,
    event: Option<String>,
    has_webhook: bool,
) -> Result<Option<Followed>, ApiError> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    match (given(exchange), given(topic), given(event)) {
        (Some(exchange), Some(topic), Some(event)) => {
            for (name, text) in [
                ("exchange", &exchange),
                ("topic", &topic),
                ("event", &event),
            ] {
                if text.len() > MAX_WORD_BYTES || text.contains(char::is_control) {
                    return Err(ApiError::bad_request(format!(
                        "{name}: must have at most {MAX_WORD_BYTES} bytes, without control characters."
                    )));
                }
            }
            Ok(Some(Followed {
                topic: Topic { exchange, topic },
                event,
            }))
        }
        (None, None, None) if has_webhook => Ok(None),
        (None, ..) => Err(missing("exchange")),
        (_, None, _) => Err(missing("topic")),
        (.., None) => Err(missing("event")),
    }
}

fn missing(field: &str) -> ApiError {
    ApiError::bad_request(format!(
        "{field}: is missing; params exchange, topic, event and workflow_id must be provided for creating event trigger, \
         or with \"webhook\": true workflow_id alone."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trigger_follows_something_or_has_a_webhook() {
        let read = |exchange: &str, topic: &str, event: &str, webhook| {
            let text = |text: &str| Some(text.to_owned());
            followed(text(exchange), text(topic), text(event), webhook)
                .map(|followed| followed.is_some())
                .map_err(|refusal| refusal.message().to_owned())
        };
        assert_eq!(read("nova", "notifications", "e", false), Ok(true));
        assert_eq!(read("nova", "notifications", "e", true), Ok(true));
        assert_eq!(read("", "", "", true), Ok(false));
        for (exchange, topic, event, field) in [
            ("", "t", "e", "exchange: "),
            ("x", "", "e", "topic: "),
            ("x", "t", "", "event: "),
            ("", "", "", "exchange: "),
            ("x", "t\n", "e", "topic: "),
        ] {
            let refusal = read(exchange, topic, event, false).unwrap_err();
            assert!(refusal.starts_with(field), "{refusal}");
        }
    }
}
