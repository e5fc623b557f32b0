//! Event triggers: made, found, changed, deleted.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Map, Value};

use super::{
    errand::{NewErrand, Sender, WEBHOOK_SECRET},
    webhook, with,
};
use crate::{
    domain::{
        EventTrigger, EventTriggerId, Followed, JsonText, LatestEvents, ListRequest, ObjectType,
        Operation, Order, Page, ProjectId, Scope, Secret, Sight, Topic, TriggerName,
    },
    engine::{Engine, Error, WorkflowRef, apply::Act},
    store::{self, Commit, Kept, Kind, List, Listing},
};

/// How many triggers are read at once.
const BATCH: usize = 500;
/// The most topics that one project's triggers follow: each is a channel and a queue of the broker's, of which there is no
/// end of names.
const MOST_TOPICS: usize = 32;

/// An event trigger to be made.
#[derive(Debug)]
pub struct NewEventTrigger {
    /// Its name.
    pub name: Option<TriggerName>,
    /// What it follows.
    pub followed: Option<Followed>,
    /// Whether it has a webhook.
    pub has_webhook: bool,
    /// What it starts.
    pub errand: NewErrand,
    /// Who sees it, and whether other projects' events fire it.
    pub scope: Scope,
}

/// What is changed in an event trigger; the rest stays.
#[derive(Debug, Default)]
pub struct ChangeEventTrigger {
    /// The name.
    pub name: Option<TriggerName>,
    /// The workflow.
    pub workflow: Option<WorkflowRef>,
    /// The input.
    pub input: Option<Map<String, Value>>,
    /// The `params`.
    pub params: Option<Map<String, Value>>,
    /// Who sees it.
    pub scope: Option<Scope>,
}

impl Engine {
    /// Makes an event trigger; answers it with the secret of its webhook, if it has one, which is not shown again.
    ///
    /// # Errors
    /// When the workflow is unknown or does not take the input, or Keystone makes no trust.
    pub async fn create_event_trigger(
        self: &Arc<Self>,
        op: &Operation,
        new: NewEventTrigger,
    ) -> Result<(EventTrigger, Option<Secret>), Error> {
        // On a task of its own: a client that goes away does not leave a trust without its trigger.
        let (engine, op) = (Arc::clone(self), op.clone());
        tokio::spawn(async move { engine.make_event_trigger(&op, new).await })
            .await
            .map_err(|error| Error::Host(error.into()))?
    }

    async fn make_event_trigger(
        &self,
        op: &Operation,
        new: NewEventTrigger,
    ) -> Result<(EventTrigger, Option<Secret>), Error> {
        if let Some(followed) = &new.followed {
            self.check_topics(&op.project_id, &followed.topic).await?;
        }
        let id = EventTriggerId::generate();
        let sender = Sender {
            kind: Kind::EventTrigger,
            id: id.uuid(),
            name: new.name.as_ref().map(TriggerName::as_str),
            project_id: &op.project_id,
        };
        let secret = new.has_webhook.then(webhook::secret).transpose()?;
        let errand = self.make_errand(op, sender, new.errand).await?;
        let place = sender.place(WEBHOOK_SECRET);
        let seal = |secret: &Secret| self.keys.seal(&place, secret.expose().as_bytes());
        let trigger = EventTrigger {
            id,
            project_id: op.project_id.clone(),
            followed: new.followed,
            errand,
            scope: new.scope,
            webhook_secret: secret.as_ref().map(seal),
            latest: LatestEvents::default(),
            created_at: self.clock.now(),
            updated_at: None,
            name: new.name,
        };
        let act = Act::making(ObjectType::EventTrigger, id, name(&trigger));
        let commit = Commit::new().create(&trigger);
        if let Err(err) = self.commit_for(op, act, commit).await {
            self.give_up(&op.project_id, &trigger.errand).await;
            return Err(err.into());
        }
        self.triggers.changed.notify_one();
        Ok((trigger, secret))
    }

    /// Changes one of the caller's event triggers, by id or name.
    ///
    /// # Errors
    /// When there is none, or several of that name, or the workflow is unknown or does not take the input.
    pub async fn change_event_trigger(
        &self,
        op: &Operation,
        reference: &str,
        change: ChangeEventTrigger,
    ) -> Result<EventTrigger, Error> {
        loop {
            let kept = self.own_event_trigger(op, reference).await?;
            let mut kept = kept.ok_or_else(|| not_found(reference))?;
            let trigger = &mut kept.entity;
            let errand = &mut trigger.errand;
            if change.workflow.is_some() || change.input.is_some() {
                let workflow = change.workflow.clone();
                let workflow = workflow.unwrap_or(WorkflowRef::Id(errand.workflow_id));
                let input = change.input.clone();
                let input = input.unwrap_or_else(|| errand.input.to().unwrap_or_default());
                errand.input = JsonText::from_value(&Value::Object(input.clone()));
                let workflow = self.startable(op, &workflow, input).await?;
                errand.workflow_id = workflow.id;
                errand.workflow_name = workflow.name;
            }
            if let Some(params) = &change.params {
                errand.params = JsonText::from_value(&Value::Object(params.clone()));
            }
            if let Some(name) = &change.name {
                trigger.name = Some(name.clone());
            }
            trigger.scope = change.scope.unwrap_or(trigger.scope);
            trigger.updated_at = Some(self.clock.now());
            // What it starts may grow.
            let act = Act::making(ObjectType::EventTrigger, trigger.id, name(trigger));
            let commit = Commit::new().update(&kept);
            match self.commit_for(op, act, commit).await {
                Err(store::Error::Conflict { .. }) => {}
                result => return Ok(result.map(|()| kept.entity)?),
            }
        }
    }

    /// An event trigger that the caller sees: by id, or one of their own by name.
    ///
    /// # Errors
    /// When there is none, or several of that name.
    pub async fn event_trigger(
        &self,
        op: &Operation,
        reference: &str,
        sight: Sight,
    ) -> Result<EventTrigger, Error> {
        if let Some(own) = self.own_event_trigger(op, reference).await? {
            return Ok(own.entity);
        }
        let id = reference.parse::<EventTriggerId>();
        let id = id.map_err(|_| not_found(reference))?;
        let found: Option<Kept<EventTrigger>> = store::find(&*self.store, id.uuid()).await?;
        let is_seen = |it: &EventTrigger| sight == Sight::AllProjects || it.scope == Scope::Public;
        found
            .map(|kept| kept.entity)
            .filter(is_seen)
            .ok_or_else(|| not_found(reference))
    }

    /// A page of event triggers.
    ///
    /// # Errors
    /// When the marker is wrong or the store does not answer.
    pub async fn event_triggers(
        &self,
        request: &ListRequest<EventTrigger>,
    ) -> Result<Page<EventTrigger>, Error> {
        let public = |_: &ProjectId| vec![Listing::with("scope", Scope::Public.as_str())];
        self.list(request, public).await
    }

    /// Deletes one of the caller's event triggers, by id or name, and its trust; what it started goes on.
    ///
    /// # Errors
    /// When there is none, or several of that name.
    pub async fn delete_event_trigger(&self, op: &Operation, reference: &str) -> Result<(), Error> {
        loop {
            let kept = self.own_event_trigger(op, reference).await?;
            let kept = kept.ok_or_else(|| not_found(reference))?;
            let trigger = &kept.entity;
            let commit = Commit::new().delete(&kept);
            let commit = self.without_trust(commit, &op.project_id, &trigger.errand, None);
            let act = Act::changing(ObjectType::EventTrigger, trigger.id, name(trigger));
            match self.commit_for(op, act, commit).await {
                Err(store::Error::Conflict { .. }) => {}
                result => {
                    self.work_added.notify_one();
                    self.triggers.changed.notify_one();
                    return Ok(result?);
                }
            }
        }
    }

    /// Every topic that an event trigger of any project follows.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn followed_topics(&self) -> Result<BTreeSet<Topic>, Error> {
        self.topics_of(None).await
    }

    /// Refuses `topic` where the project's triggers follow too many others.
    async fn check_topics(&self, project: &ProjectId, topic: &Topic) -> Result<(), Error> {
        let topics = self.topics_of(Some(project.clone())).await?;
        if topics.len() < MOST_TOPICS || topics.contains(topic) {
            return Ok(());
        }
        Err(Error::OverQuota(format!(
            "exchange, topic: the event triggers of a project follow at most {MOST_TOPICS} pairs of them; delete one, or \
             give a trigger a webhook."
        )))
    }

    async fn topics_of(&self, project: Option<ProjectId>) -> Result<BTreeSet<Topic>, Error> {
        let mut list = List {
            project,
            index: None,
            order: Order::Ascending,
            after: None,
            limit: BATCH,
            is_filtered: false,
        };
        let mut topics = BTreeSet::new();
        loop {
            let batch: Vec<Kept<EventTrigger>> =
                store::list(&*self.store, list.clone(), |_| true).await?;
            let Some(last) = batch.last() else {
                return Ok(topics);
            };
            list.after = Some(last.entity.id.uuid());
            let followed = batch.into_iter().filter_map(|kept| kept.entity.followed);
            topics.extend(followed.map(|followed| followed.topic));
        }
    }

    /// Returns when an event trigger was made or deleted here since it was last asked for.
    pub async fn event_triggers_changed(&self) {
        self.triggers.changed.notified().await;
    }

    async fn own_event_trigger(
        &self,
        op: &Operation,
        reference: &str,
    ) -> Result<Option<Kept<EventTrigger>>, Error> {
        if let Ok(id) = reference.parse::<EventTriggerId>() {
            let found: Option<Kept<EventTrigger>> = store::find(&*self.store, id.uuid()).await?;
            return Ok(found.filter(|kept| kept.entity.project_id == op.project_id));
        }
        let named = with(
            ("name", reference.to_owned()),
            Some(op.project_id.clone()),
            2,
        );
        let mut found = store::list(&*self.store, named, |_| true).await?;
        if found.len() > 1 {
            return Err(Error::Conflict(format!(
                "Several event triggers are named {reference}: use the id of one."
            )));
        }
        Ok(found.pop())
    }
}

fn name(trigger: &EventTrigger) -> Option<&str> {
    trigger.name.as_ref().map(TriggerName::as_str)
}

fn not_found(reference: &str) -> Error {
    Error::NotFound(format!("Event trigger not found [id={reference}]"))
}
