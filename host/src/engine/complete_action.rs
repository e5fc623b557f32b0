//! A claimed run is made and its end committed.
//!
//! A run that was begun before and whose host was lost is made again only if its action is idempotent.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{
    Engine, Error,
    executions::{ActionEnd, Cause, Content},
    running::Run,
};
use crate::{
    domain::{
        ActionExecution, ActionExecutionId, ActionSpec, Failure, Job, Journal, ModuleName,
        Operation, Origin, Outcome, RequestContext, State,
    },
    store::{self, Commit, Kept, Write},
};

impl Engine {
    /// Makes the run of `job`, which this host holds, and commits its end. `lost` ends it when the lease is lost.
    pub(super) async fn complete_action(
        self: &Arc<Self>,
        job: &Job,
        id: ActionExecutionId,
        lost: CancellationToken,
    ) -> Result<(), Error> {
        let Some(kept) = store::find::<ActionExecution>(&*self.store, id.uuid()).await? else {
            return self.finish_job(job, Commit::new()).await;
        };
        if kept.entity.state().is_completed() {
            return self.finish_job(job, Commit::new()).await;
        }
        let (outcome, journal) = if job.attempt > 1 && !kept.entity.is_idempotent {
            (Outcome::Failed(host_lost()), None)
        } else if let Some((spec, module)) = self.spec_of(&kept.entity).await? {
            let (outcome, journal) = self
                .run_claimed(job, &kept.entity, (spec, module), lost.child_token())
                .await?;
            (outcome, Some(journal))
        } else {
            (Outcome::Failed(module_deleted(&kept.entity)), None)
        };
        if lost.is_cancelled() {
            return Ok(());
        }
        let outcome = self.turned(&kept.entity, outcome).await;
        let is_over = outcome != Outcome::Pending || kept.entity.params.dry_run;
        if let Some(task) = kept.entity.task.clone().filter(|_| is_over) {
            let end = ActionEnd {
                id,
                outcome: outcome.clone(),
                journal: journal.clone(),
            };
            let content = Content::ActionEnded(Box::new(end));
            let told = self.tell(task.execution_id, content, Cause::Job(job.clone()));
            match told.await {
                // Its execution was deleted.
                Err(Error::NotFound(_)) => {}
                result => {
                    log_end(&kept.entity, &outcome);
                    return result;
                }
            }
        }
        self.commit_outcome(job, kept, &outcome, journal.as_deref())
            .await
    }

    async fn run_claimed(
        &self,
        job: &Job,
        execution: &ActionExecution,
        (spec, module): (Arc<ActionSpec>, ModuleName),
        cancel: CancellationToken,
    ) -> Result<(Outcome, Arc<Journal>), Error> {
        let request = RequestContext::resumed(&execution.request_id);
        let consent = self.consent(&execution.project_id, &module, &execution.params);
        let scope = self.scope_of(execution.project_id.clone(), spec, consent, request);
        let journal = Arc::clone(&scope.journal);
        let run = Run {
            digest: execution.digest,
            cancel: cancel.clone(),
            journal: Arc::clone(&journal),
        };
        let _entry = self.running.enter(execution.id, run);
        let root = match &execution.task {
            Some(task) => self.root(task.root_execution_id).await?,
            None => None,
        };
        let target = match &root {
            Some(root) if root.has_target && root.target.is_none() => {
                return Ok((Outcome::Failed(target_gone()), journal));
            }
            Some(root) => root.target.clone(),
            None => self.open_target(execution)?,
        };
        let session = match target {
            Some(target) => match self
                .session(scope.clone(), target, self.timeout(&execution.params))
                .await
            {
                Ok(session) => Some(session),
                Err(Error::BadInput(reason)) => {
                    return Ok((Outcome::Failed(Failure::new(reason)), journal));
                }
                Err(err) => return Err(err),
            },
            None => None,
        };
        let context = match root {
            Some(root) => root.custom_context.clone(),
            None => self.open_context(execution)?,
        };
        let call = self.call(execution, scope, session, context, job.attempt, cancel);
        Ok((self.make_run(call).await, journal))
    }

    /// Commits what a run ended in. Whoever completed the execution meanwhile wins; then only the journal is kept.
    async fn commit_outcome(
        &self,
        job: &Job,
        mut kept: Kept<ActionExecution>,
        outcome: &Outcome,
        journal: Option<&Journal>,
    ) -> Result<(), Error> {
        loop {
            if !kept.entity.state().is_completed() {
                if let Some(journal) = journal {
                    kept.entity.take_report(journal);
                }
                kept.entity.complete(outcome, self.clock.now())?;
            }
            // Also of a completed one: a journal is not kept of an execution that was deleted meanwhile.
            let mut commit = Commit::new().update(&kept);
            if let Some(journal) = journal {
                commit = self.with_journal(commit, &kept.entity, journal)?;
            }
            match self.finish_job(job, commit).await {
                Err(Error::Store(store::Error::Conflict { .. })) => {
                    let id = kept.entity.id.uuid();
                    let Some(changed) = store::find::<ActionExecution>(&*self.store, id).await?
                    else {
                        return self.finish_job(job, Commit::new()).await;
                    };
                    kept = changed;
                }
                result => {
                    log_end(&kept.entity, outcome);
                    return result;
                }
            }
        }
    }

    pub(super) async fn finish_job(&self, job: &Job, commit: Commit) -> Result<(), Error> {
        let finish = Write::FinishJob {
            id: job.id,
            owner: self.host_id,
            attempt: job.attempt,
        };
        match self.store.commit(commit.and(finish)).await {
            // Somebody else has the run by now, and answers for it.
            Err(store::Error::LeaseLost(_)) => Ok(()),
            result => Ok(result?),
        }
    }

    /// What the action was when the run began, and the module that it is of: of the component that it began with, not of
    /// the current one. None when the module was deleted.
    async fn spec_of(
        &self,
        execution: &ActionExecution,
    ) -> Result<Option<(Arc<ActionSpec>, ModuleName)>, Error> {
        let op = Operation {
            project_id: execution.project_id.clone(),
            user_id: None,
            request: RequestContext::resumed(&execution.request_id),
            origin: Origin::default(),
        };
        if let Ok(action) = self.action(&op, execution.base())
            && action.module.digest == execution.digest
        {
            return Ok(Some((Arc::clone(&action.spec), action.module.name.clone())));
        }
        self.stored_spec(execution.digest, execution.base()).await
    }
}

fn log_end(execution: &ActionExecution, outcome: &Outcome) {
    let state = match outcome {
        Outcome::Done(_) => State::Success,
        Outcome::Pending => State::Running,
        Outcome::Failed(_) => State::Error,
        Outcome::Cancelled => State::Cancelled,
    };
    info!(
        action_execution.id = %execution.id, action.name = %execution.name,
        project.id = %execution.project_id, state = %state,
        request.id = %execution.request_id, "ran `{}`", execution.name,
    );
}

fn target_gone() -> Failure {
    Failure::new(
        "The credentials of the target cloud were erased, because the execution at the top had ended: the action was not \
         run.",
    )
}

fn host_lost() -> Failure {
    Failure {
        message: "The host that ran the action stopped before the action ended. It may have had effects; it was not \
                  run again, because the action is not declared idempotent."
            .to_owned(),
        detail: None,
        retryable: true,
    }
}

fn module_deleted(execution: &ActionExecution) -> Failure {
    Failure::new(format!(
        "The module of {} was deleted before the action began.",
        execution.base()
    ))
}
