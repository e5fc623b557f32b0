//! What triggers start: checked and sealed when a trigger is made, opened and started when it fires.

use std::{borrow::Cow, sync::Arc};

use serde_json::{Map, Value, json};
use tracing::warn;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    domain::{
        AuditObject, CronTrigger, CustomContext, Errand, EventTrigger, JsonText, ObjectType,
        Operation, Origin, ProjectId, RequestContext, Sealed, TargetCloud, WorkflowDefinition,
        WorkflowExecution, WorkflowExecutionId, private_json,
    },
    engine::{
        Engine, Error, StartExecution, WorkflowRef,
        seals::{reseal_all, reseal_one},
    },
    store::{KeyRing, Kind, Place, Store},
    telemetry::Chain,
    workflow,
};

const CUSTOM_CONTEXT: &str = "custom_context";
const TARGET: &str = "target";
/// The secret of an event trigger's webhook.
pub(super) const WEBHOOK_SECRET: &str = "webhook_secret";

/// The cloud that a trigger's executions work on.
#[derive(Debug)]
pub enum TriggerCloud {
    /// None.
    None,
    /// The one that the caller named, with a credential that does not expire.
    Target(TargetCloud),
    /// The caller's own.
    Home {
        /// The caller's token for it.
        token: TargetCloud,
        /// The names of the caller's roles.
        roles: Vec<String>,
        /// Whether the caller asks for it, so that it is an error when the host has nobody to trust.
        is_asked_for: bool,
    },
}

/// What a trigger is to start.
#[derive(Debug)]
pub struct NewErrand {
    /// The workflow.
    pub workflow: WorkflowRef,
    /// The input, not yet held against the workflow.
    pub input: Map<String, Value>,
    /// The `params`.
    pub params: Map<String, Value>,
    /// The caller's private dict, without `os.auth`.
    pub custom_context: Option<CustomContext>,
    /// The cloud to work on.
    pub cloud: TriggerCloud,
}

/// A trigger as far as what it starts is concerned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender<'a> {
    pub(super) kind: Kind,
    pub(super) id: Uuid,
    pub(super) name: Option<&'a str>,
    pub(super) project_id: &'a ProjectId,
}

impl<'a> From<&'a CronTrigger> for Sender<'a> {
    fn from(trigger: &'a CronTrigger) -> Self {
        Self {
            kind: Kind::CronTrigger,
            id: trigger.id.uuid(),
            name: Some(trigger.name.as_str()),
            project_id: &trigger.project_id,
        }
    }
}

impl<'a> From<&'a EventTrigger> for Sender<'a> {
    fn from(trigger: &'a EventTrigger) -> Self {
        Self {
            kind: Kind::EventTrigger,
            id: trigger.id.uuid(),
            name: trigger.name.as_ref().map(|name| name.as_str()),
            project_id: &trigger.project_id,
        }
    }
}

impl Sender<'_> {
    /// Where a field of it is sealed.
    pub(super) const fn place(&self, field: &'static str) -> Place {
        Place {
            kind: self.kind,
            id: self.id,
            field,
        }
    }

    const fn object_type(&self) -> ObjectType {
        if matches!(self.kind, Kind::EventTrigger) {
            ObjectType::EventTrigger
        } else {
            ObjectType::CronTrigger
        }
    }

    /// In whose name it acts, and that it is no request.
    fn operation(&self, errand: &Errand) -> Operation {
        let request_id = format!("req-{}", Uuid::now_v7()).into();
        Operation {
            project_id: self.project_id.clone(),
            user_id: errand.user_id.clone(),
            request: RequestContext::resumed(&request_id),
            origin: Origin {
                rule: "executions:create",
                method: "TRIGGER",
                path: Cow::Owned(format!("/v2/{}s/{}", self.kind, self.id)),
                ..Origin::default()
            },
        }
    }

    /// What is said about its executions, in Mistral's form.
    fn description(&self) -> String {
        let Self { kind, id, name, .. } = self;
        let words = format!("Started by the {} {id}.", kind.as_str().replace('_', " "));
        json!({ "description": words, "triggered_by": { "type": kind.as_str(), "id": id, "name": name } })
            .to_string()
    }
}

/// Seals again what triggers keep; answers whether the key was another one.
pub(in crate::engine) async fn reseal(store: &dyn Store, keys: &KeyRing) -> Result<usize, Error> {
    let cron = reseal_all(store, |trigger: &mut CronTrigger| {
        let sender = Sender::from(&*trigger);
        let places = [sender.place(CUSTOM_CONTEXT), sender.place(TARGET)];
        reseal_errand(keys, places, &mut trigger.errand)
    });
    let cron = cron.await?;
    let event = reseal_all(store, |trigger: &mut EventTrigger| {
        let sender = Sender::from(&*trigger);
        let secret = sender.place(WEBHOOK_SECRET);
        let places = [sender.place(CUSTOM_CONTEXT), sender.place(TARGET)];
        let errand = reseal_errand(keys, places, &mut trigger.errand)?;
        Ok(reseal_one(keys, secret, &mut trigger.webhook_secret)? || errand)
    });
    Ok(cron + event.await?)
}

fn reseal_errand(
    keys: &KeyRing,
    [custom_context, target]: [Place; 2],
    errand: &mut Errand,
) -> Result<bool, Error> {
    let context = reseal_one(keys, custom_context, &mut errand.custom_context)?;
    let target = reseal_one(keys, target, &mut errand.target)?;
    Ok(context || target)
}

impl Engine {
    /// The workflow, if `op`'s caller may start it with this input.
    pub(super) async fn startable(
        &self,
        op: &Operation,
        workflow: &WorkflowRef,
        input: Map<String, Value>,
    ) -> Result<WorkflowDefinition, Error> {
        let (definition, spec) = self.definition(op, Some(workflow)).await?;
        let name = definition.name.as_str();
        workflow::complete_input(&spec.input, input, name, "WorkflowSpec")
            .map_err(Error::BadInput)?;
        Ok(definition)
    }

    /// Checks what a new trigger is to start, and makes what it takes: a trust, where it is to work on the home cloud.
    pub(super) async fn make_errand(
        &self,
        op: &Operation,
        sender: Sender<'_>,
        new: NewErrand,
    ) -> Result<Errand, Error> {
        let input = Value::Object(new.input.clone());
        let workflow = self.startable(op, &new.workflow, new.input).await?;
        let (target, trust_id) = match new.cloud {
            TriggerCloud::None => (None, None),
            TriggerCloud::Target(target) => {
                let plain = private_json(&target).map_err(|error| Error::Host(error.into()))?;
                (Some(self.keys.seal(&sender.place(TARGET), &plain)), None)
            }
            TriggerCloud::Home {
                token,
                roles,
                is_asked_for,
            } => (None, self.trust(op, &token, &roles, is_asked_for).await?),
        };
        let seal = |context: &CustomContext| {
            let plain = context.expose().as_bytes();
            self.keys.seal(&sender.place(CUSTOM_CONTEXT), plain)
        };
        Ok(Errand {
            workflow_id: workflow.id,
            workflow_name: workflow.name,
            input: JsonText::from_value(&input),
            params: JsonText::from_value(&Value::Object(new.params)),
            user_id: op.user_id.clone(),
            custom_context: new.custom_context.as_ref().map(seal),
            target,
            trust_id,
        })
    }

    /// Starts the execution `id`, or finds it started. A refusal is recorded.
    pub(super) async fn start_errand(
        self: &Arc<Self>,
        sender: Sender<'_>,
        errand: &Errand,
        id: WorkflowExecutionId,
        more: Option<(&str, Value)>,
    ) -> Result<WorkflowExecution, Error> {
        let op = sender.operation(errand);
        let mut params: Map<String, Value> = errand.params.to().unwrap_or_default();
        params.extend(more.map(|(name, value)| (name.to_owned(), value)));
        let start = StartExecution {
            id: Some(id),
            workflow: Some(WorkflowRef::Id(errand.workflow_id)),
            source_execution_id: None,
            input: Some(errand.input.to().unwrap_or_default()),
            params: Some(params),
            description: Some(sender.description()),
            custom_context: self.open_errand_context(sender, errand)?,
            target: self.open_errand_target(sender, errand)?,
        };
        let started = self.start_execution(&op, start).await;
        if let Err(refusal) = &started
            && let Some(status) = status(refusal)
        {
            let trigger = sender.id;
            warn!(trigger.id = %trigger, error = %Chain(refusal), "a trigger's execution is not started");
            let object = AuditObject {
                object_type: Some(sender.object_type()),
                id: Some(trigger.to_string()),
                name: sender.name.map(str::to_owned),
            };
            // It is in the log, too.
            let _is_recorded = self.record_refusal(&op, object, status, &refusal.to_string());
        }
        started
    }

    pub(super) fn open_sealed(
        &self,
        place: &Place,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.keys
            .open(place, sealed)
            .map_err(|error| Error::Host(error.into()))
    }

    fn open_errand_context(
        &self,
        sender: Sender<'_>,
        errand: &Errand,
    ) -> Result<Option<CustomContext>, Error> {
        let Some(sealed) = &errand.custom_context else {
            return Ok(None);
        };
        let plain = self.open_sealed(&sender.place(CUSTOM_CONTEXT), sealed)?;
        let text = std::str::from_utf8(&plain).map_err(|error| Error::Host(error.into()))?;
        Ok(Some(CustomContext::from_json(text.to_owned())))
    }

    fn open_errand_target(
        &self,
        sender: Sender<'_>,
        errand: &Errand,
    ) -> Result<Option<TargetCloud>, Error> {
        if let Some(trust_id) = errand.trust_id {
            return Ok(self.clouds.trustee().map(|it| it.cloud(trust_id)));
        }
        let Some(sealed) = &errand.target else {
            return Ok(None);
        };
        let plain = self.open_sealed(&sender.place(TARGET), sealed)?;
        serde_json::from_slice(&plain)
            .map(Some)
            .map_err(|error| Error::Host(error.into()))
    }
}

/// The HTTP status that says why a trigger's execution is not started; none for what another try may mend.
pub(super) const fn status(error: &Error) -> Option<u16> {
    match error {
        Error::BadInput(_) => Some(400),
        Error::Forbidden(_) | Error::OverQuota(_) => Some(403),
        Error::NotFound(_) => Some(404),
        Error::Conflict(_) => Some(409),
        Error::Refused(_) => Some(422),
        Error::Busy(_) => Some(429),
        Error::Store(_) | Error::Host(_) => None,
    }
}
