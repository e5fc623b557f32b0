//! A cron trigger is due.

use std::sync::Arc;

use super::{
    cron::removed,
    errand::{Sender, status},
    trust::due,
};
use crate::{
    domain::{CronTrigger, CronTriggerId, Job, Work, WorkflowExecutionId},
    engine::{Engine, Error},
    store::{self, Commit, Kept, Write},
};

impl Engine {
    /// Starts the execution that a cron trigger is due for, once, however often this is begun; then the trigger has its
    /// next time, or is gone after its last.
    pub(in crate::engine) async fn fire_cron_trigger(
        self: &Arc<Self>,
        job: &Job,
        id: CronTriggerId,
    ) -> Result<(), Error> {
        let Some((trigger, execution)) = self.begin_firing(id).await? else {
            let commit = Commit::new().and(self.finished(job));
            return Ok(self.store.commit(commit).await?);
        };
        let sender = Sender::from(&trigger.entity);
        let errand = &trigger.entity.errand;
        match self.start_errand(sender, errand, execution, None).await {
            Ok(_) => {}
            // It is recorded, and the trigger goes on.
            Err(refusal) if status(&refusal).is_some() => {}
            Err(err) => return Err(err),
        }
        self.end_firing(job, trigger, execution).await
    }

    /// The trigger with the execution that it is about to start; none when it is gone.
    async fn begin_firing(
        &self,
        id: CronTriggerId,
    ) -> Result<Option<(Kept<CronTrigger>, WorkflowExecutionId)>, Error> {
        loop {
            let found = store::find::<CronTrigger>(&*self.store, id.uuid()).await?;
            let Some(mut kept) = found else {
                return Ok(None);
            };
            if let Some(execution) = kept.entity.firing {
                return Ok(Some((kept, execution)));
            }
            let execution = WorkflowExecutionId::generate();
            kept.entity.firing = Some(execution);
            match self.store.commit(Commit::new().update(&kept)).await {
                Ok(()) => {
                    kept.version += 1;
                    return Ok(Some((kept, execution)));
                }
                Err(store::Error::Conflict { .. }) => {}
                Err(err) => return Err(err.into()),
            }
        }
    }

    async fn end_firing(
        &self,
        job: &Job,
        mut kept: Kept<CronTrigger>,
        execution: WorkflowExecutionId,
    ) -> Result<(), Error> {
        let goes_on = kept.entity.advance(self.clock.now());
        let trigger = &kept.entity;
        let commit = if goes_on {
            let next = trigger.next_execution_time;
            let work = Work::FireCronTrigger(trigger.id);
            self.wake_at(next);
            Commit::new()
                .update(&kept)
                .and(self.finished(job))
                .and(Write::AddJob(due(&trigger.project_id, work, next)))
        } else {
            let commit = removed(&kept).and(self.finished(job));
            let last = Some(execution);
            self.without_trust(commit, &trigger.project_id, &trigger.errand, last)
        };
        match self.store.commit(commit).await {
            // It was deleted meanwhile, with the job, or another host has fired it.
            Err(store::Error::Conflict { .. } | store::Error::LeaseLost(_)) => Ok(()),
            result => Ok(result?),
        }
    }
}
