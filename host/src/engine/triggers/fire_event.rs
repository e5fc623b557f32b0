//! Something happened that event triggers wait for.

use std::sync::Arc;

use serde_json::{Value, json};
use tracing::debug;

use super::{
    errand::{Sender, status},
    with,
};
use crate::{
    domain::{EventTrigger, EventTriggerId, Scope, Topic, WorkflowExecution, WorkflowExecutionId},
    engine::{Engine, Error},
    store::{self, Commit, Kept},
};

/// The most triggers that one notification fires.
const MOST_FIRED: usize = 1000;

/// What a service tells of itself, or a sender of a webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// Its id: what comes again under the same one starts nothing more.
    pub id: String,
    /// What happened.
    pub event_type: Option<String>,
    /// Where.
    pub publisher: Option<String>,
    /// The project in which it happened.
    pub project_id: Option<String>,
    /// Who did it.
    pub user_id: Option<String>,
    /// When, in the sender's words.
    pub timestamp: Option<String>,
    /// All about it.
    pub payload: Value,
}

impl Notification {
    /// What executions find as `event_params` in their params: Mistral's members, and what happened.
    fn event_params(&self) -> Value {
        json!({
            "service": self.publisher,
            "project_id": self.project_id,
            "user_id": self.user_id,
            "timestamp": self.timestamp,
            "event_type": self.event_type,
            "payload": self.payload,
        })
    }
}

impl Engine {
    /// Fires the triggers that follow `topic` for events such as `notification`: of the project in which it happened, and
    /// public ones; all where callers are not told apart. Answers how many executions were started, or had been before.
    ///
    /// # Errors
    /// When some are not known to be started, so that it must be told again: the store does not answer.
    pub async fn notified(
        self: &Arc<Self>,
        topic: &Topic,
        notification: &Notification,
        tells_callers_apart: bool,
    ) -> Result<usize, Error> {
        let event = notification.event_type.as_deref();
        let is_meant = |trigger: &EventTrigger| {
            let follows = |it: &crate::domain::Followed| {
                it.topic == *topic && Some(it.event.as_str()) == event
            };
            let is_theirs = Some(trigger.project_id.as_str()) == notification.project_id.as_deref();
            trigger.followed.as_ref().is_some_and(follows)
                && (!tells_callers_apart || is_theirs || trigger.scope == Scope::Public)
        };
        let mut list = with(("topic", topic.index_text()), None, MOST_FIRED);
        list.is_filtered = true;
        let triggers: Vec<Kept<EventTrigger>> = store::list(&*self.store, list, is_meant).await?;
        let mut started = 0;
        for trigger in triggers {
            let id = trigger.entity.id;
            match self.fire_event_trigger(id, notification).await {
                Ok(Some(_)) => started += 1,
                Ok(None) => {}
                // It is recorded, and the others are fired all the same.
                Err(refusal) if status(&refusal).is_some() => {}
                Err(err) => return Err(err),
            }
        }
        debug!(topic = ?topic, started, "a notification");
        Ok(started)
    }

    /// Starts the execution that belongs to the trigger and the event, once, however often it is told; none when the
    /// trigger is gone.
    pub(super) async fn fire_event_trigger(
        self: &Arc<Self>,
        id: EventTriggerId,
        notification: &Notification,
    ) -> Result<Option<WorkflowExecution>, Error> {
        let Some((trigger, execution)) = self.know_event(id, &notification.id).await? else {
            return Ok(None);
        };
        let params = ("event_params", notification.event_params());
        let sender = Sender::from(&trigger);
        self.start_errand(sender, &trigger.errand, execution, Some(params))
            .await
            .map(Some)
    }

    /// The execution that belongs to the trigger and the event, from now on.
    async fn know_event(
        &self,
        id: EventTriggerId,
        event: &str,
    ) -> Result<Option<(EventTrigger, WorkflowExecutionId)>, Error> {
        loop {
            let found = store::find::<EventTrigger>(&*self.store, id.uuid()).await?;
            let Some(mut kept) = found else {
                return Ok(None);
            };
            if let Some(execution) = kept.entity.latest.execution(event) {
                return Ok(Some((kept.entity, execution)));
            }
            let execution = WorkflowExecutionId::generate();
            kept.entity.latest.add(event, execution);
            match self.store.commit(Commit::new().update(&kept)).await {
                Ok(()) => return Ok(Some((kept.entity, execution))),
                Err(store::Error::Conflict { .. }) => {}
                Err(err) => return Err(err.into()),
            }
        }
    }
}
