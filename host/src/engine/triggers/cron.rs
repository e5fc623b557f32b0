//! Cron triggers: made, found, deleted.

use std::sync::Arc;

use super::{
    claim,
    errand::{NewErrand, Sender},
    trust::due,
    with,
};
use crate::{
    domain::{
        CronPattern, CronTrigger, CronTriggerId, ListRequest, ObjectType, Operation, Page,
        ProjectId, Schedule, Scope, Sight, Timestamp, TriggerName, Work,
    },
    engine::{Engine, Error, apply::Act},
    store::{self, Commit, Kept, Kind, Listing, Write},
};

/// A cron trigger to be made.
#[derive(Debug)]
pub struct NewCronTrigger {
    /// Its name.
    pub name: TriggerName,
    /// What it starts.
    pub errand: NewErrand,
    /// When, again and again: a pattern of cron, not yet read.
    pub pattern: Option<String>,
    /// When for the first time.
    pub first_execution_time: Option<Timestamp>,
    /// How often; for ever when none, once when there is only a first time.
    pub remaining_executions: Option<u32>,
    /// Who sees it.
    pub scope: Scope,
}

impl Engine {
    /// Makes a cron trigger.
    ///
    /// # Errors
    /// When the project has one of that name, the workflow is unknown or does not take the input, the times cannot be, or
    /// Keystone makes no trust.
    pub async fn create_cron_trigger(
        self: &Arc<Self>,
        op: &Operation,
        new: NewCronTrigger,
    ) -> Result<CronTrigger, Error> {
        // On a task of its own: a client that goes away does not leave a trust without its trigger.
        let (engine, op) = (Arc::clone(self), op.clone());
        tokio::spawn(async move { engine.make_cron_trigger(&op, new).await })
            .await
            .map_err(|error| Error::Host(error.into()))?
    }

    async fn make_cron_trigger(
        &self,
        op: &Operation,
        new: NewCronTrigger,
    ) -> Result<CronTrigger, Error> {
        self.check_waiting_jobs(&op.project_id).await?;
        let (id, now) = (CronTriggerId::generate(), self.clock.now());
        let schedule = schedule(&new, now)?;
        let (next, remaining) = schedule
            .begin(now)
            .map_err(|bad| Error::BadInput(bad.to_string()))?;
        let sender = Sender {
            kind: Kind::CronTrigger,
            id: id.uuid(),
            name: Some(new.name.as_str()),
            project_id: &op.project_id,
        };
        let errand = self.make_errand(op, sender, new.errand).await?;
        let trigger = CronTrigger {
            id,
            project_id: op.project_id.clone(),
            name: new.name,
            errand,
            pattern: schedule.pattern,
            first_execution_time: schedule.first,
            next_execution_time: next,
            remaining_executions: remaining,
            firing: None,
            scope: new.scope,
            created_at: now,
            updated_at: None,
        };
        let commit = Commit::new()
            .create(&trigger)
            .and(Write::Claim {
                kind: Kind::CronTrigger,
                key: claim(&op.project_id, trigger.name.as_str()),
                id: id.uuid(),
            })
            .and(Write::AddJob(due(
                &op.project_id,
                Work::FireCronTrigger(id),
                next,
            )));
        let act = Act::making(ObjectType::CronTrigger, id, Some(trigger.name.as_str()));
        let kept = self.commit_for(op, act, commit).await;
        if kept.is_err() {
            self.give_up(&op.project_id, &trigger.errand).await;
        }
        match kept {
            Err(store::Error::Conflict { .. }) => Err(Error::Conflict(format!(
                "Duplicate entry for CronTrigger ['name', 'project_id']: {}, {}",
                trigger.name, trigger.project_id
            ))),
            kept => {
                kept?;
                self.wake_at(next);
                Ok(trigger)
            }
        }
    }

    /// A cron trigger that the caller sees, by id or name: their own of that name before a public one.
    ///
    /// # Errors
    /// When there is none.
    pub async fn cron_trigger(
        &self,
        op: &Operation,
        reference: &str,
        sight: Sight,
    ) -> Result<CronTrigger, Error> {
        if let Some(own) = self.own_cron_trigger(op, reference).await? {
            return Ok(own.entity);
        }
        let other = match reference.parse::<CronTriggerId>() {
            Ok(id) => {
                let found: Option<Kept<CronTrigger>> = store::find(&*self.store, id.uuid()).await?;
                let is_seen =
                    |it: &CronTrigger| sight == Sight::AllProjects || it.scope == Scope::Public;
                found.filter(|kept| is_seen(&kept.entity))
            }
            Err(_) => {
                let public = with(("scope", Scope::Public.as_str().to_owned()), None, 1);
                let is_it = |it: &CronTrigger| it.name.as_str() == reference;
                store::list(&*self.store, public, is_it).await?.pop()
            }
        };
        other
            .map(|kept| kept.entity)
            .ok_or_else(|| not_found(reference))
    }

    /// A page of cron triggers.
    ///
    /// # Errors
    /// When the marker is wrong or the store does not answer.
    pub async fn cron_triggers(
        &self,
        request: &ListRequest<CronTrigger>,
    ) -> Result<Page<CronTrigger>, Error> {
        let public = |_: &ProjectId| vec![Listing::with("scope", Scope::Public.as_str())];
        self.list(request, public).await
    }

    /// Deletes one of the caller's cron triggers, by name or id, and its trust; what it started goes on.
    ///
    /// # Errors
    /// When there is none.
    pub async fn delete_cron_trigger(&self, op: &Operation, reference: &str) -> Result<(), Error> {
        loop {
            let kept = self.own_cron_trigger(op, reference).await?;
            let kept = kept.ok_or_else(|| not_found(reference))?;
            let trigger = &kept.entity;
            let commit =
                removed(&kept).and(Write::CancelJob(Work::FireCronTrigger(trigger.id).job_id()));
            let commit = self.without_trust(commit, &op.project_id, &trigger.errand, None);
            let name = Some(trigger.name.as_str());
            let act = Act::changing(ObjectType::CronTrigger, trigger.id, name);
            match self.commit_for(op, act, commit).await {
                Err(store::Error::Conflict { .. }) => {}
                result => {
                    self.work_added.notify_one();
                    return Ok(result?);
                }
            }
        }
    }

    async fn own_cron_trigger(
        &self,
        op: &Operation,
        reference: &str,
    ) -> Result<Option<Kept<CronTrigger>>, Error> {
        if let Ok(id) = reference.parse::<CronTriggerId>() {
            let found: Option<Kept<CronTrigger>> = store::find(&*self.store, id.uuid()).await?;
            return Ok(found.filter(|kept| kept.entity.project_id == op.project_id));
        }
        let named = with(
            ("name", reference.to_owned()),
            Some(op.project_id.clone()),
            1,
        );
        Ok(store::list(&*self.store, named, |_| true).await?.pop())
    }
}

/// The deletion of a cron trigger, without what else that takes.
pub(super) fn removed(kept: &Kept<CronTrigger>) -> Commit {
    let trigger = &kept.entity;
    Commit::new().delete(kept).and(Write::Release {
        kind: Kind::CronTrigger,
        key: claim(&trigger.project_id, trigger.name.as_str()),
    })
}

fn schedule(new: &NewCronTrigger, now: Timestamp) -> Result<Schedule, Error> {
    let pattern = new.pattern.as_deref();
    let pattern = pattern.map(|text| {
        CronPattern::parse(text, now).map_err(|bad| {
            Error::BadInput(format!(
                "The specified pattern is not valid: {text} ({bad})"
            ))
        })
    });
    Ok(Schedule {
        pattern: pattern.transpose()?,
        first: new.first_execution_time,
        count: new.remaining_executions,
    })
}

fn not_found(reference: &str) -> Error {
    Error::NotFound(format!("Cron trigger not found [identifier={reference}]"))
}
