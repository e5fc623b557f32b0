//! An action is to be run: at once, or later by a worker.
//!
//! *Later* when the action is asynchronous, or when the result is saved and the answer does not wait for it; *at once*
//! otherwise (Mistral's rule).

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt as _;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::{
    Action, Engine, Error,
    apply::Act,
    expand_action::{Base, Expanded},
    quotas::Reservation,
    running::Run,
};
use crate::{
    domain::{
        ActionExecution, ActionExecutionId, ActionName, AdHocRun, CustomContext, Failure, Fault,
        Job, Journal, JournalCaps, JsonText, Namespace, NewActionExecution, ObjectType, Operation,
        Outcome, Params, ProjectId, RequestContext, TargetCloud, Work,
    },
    executor::Call,
    openstack::{Consent, RunScope, Session},
    store::{Commit, KeptJournal, Write},
};

/// A checked wish to run an action.
#[derive(Debug)]
pub struct StartAction {
    /// The action.
    pub name: ActionName,
    /// Where an ad-hoc action is looked for, before the default namespace.
    pub namespace: Namespace,
    /// Its input, not yet held against its schema.
    pub input: Map<String, Value>,
    /// How it is to be run.
    pub params: Params,
    /// A person's words about it.
    pub description: Option<String>,
    /// The caller's private dict, without `os.auth`.
    pub custom_context: Option<CustomContext>,
    /// The cloud to work on.
    pub target: Option<TargetCloud>,
}

/// A run that began, and perhaps ended.
#[derive(Debug)]
pub struct StartedAction {
    /// The run.
    pub execution: ActionExecution,
    /// Whether it is kept; of one that is not, nothing remains and the id is not shown.
    pub is_saved: bool,
}

impl Engine {
    /// Runs an action at once or leaves it to a worker.
    ///
    /// # Errors
    /// When the action is unknown, the input does not fit, or the target cloud cannot be used. A run that ends badly
    /// is no error.
    pub async fn start_action(
        self: &Arc<Self>,
        op: &Operation,
        start: StartAction,
    ) -> Result<StartedAction, Error> {
        let project = &op.project_id;
        let Expanded {
            action,
            input,
            base,
        } = self
            .expand_action(project, &start.name, &start.namespace, start.input)
            .await?;
        self.check_shared_action(&op.project_id, &action.module)?;
        let (input, ad_hoc) = checked(&action, input, base)?;
        let is_asynchronous = action.spec.asynchronous;
        if is_asynchronous && start.params.run_sync {
            return Err(Error::BadInput(
                "Action does not support synchronous execution.".to_owned(),
            ));
        }
        self.check_timeout(&start.params)?;
        self.check_budget(&op.project_id, &action.module.name, &start.params)?;
        let is_later = is_asynchronous || (start.params.save_result && !start.params.run_sync);
        // Before anything is asked of a cloud or kept.
        let place = if is_later {
            self.check_waiting_jobs(&op.project_id).await?;
            None
        } else {
            Some(self.executor.admit(&op.project_id)?)
        };
        let is_saved = is_later || start.params.save_result;
        // Its end is not refused any more.
        let reservation = if is_saved && !is_later {
            Some(self.reserve_execution(&op.project_id).await?)
        } else {
            None
        };
        let (id, now) = (ActionExecutionId::generate(), self.clock.now());
        let scope = self.scope(op, &action, &start.params);
        let session = match &start.target {
            Some(target) => {
                let timeout = self.timeout(&start.params);
                Some(self.session(scope.clone(), target.clone(), timeout).await?)
            }
            None => None,
        };
        let seal_context = |context: &CustomContext| self.seal_context(id, context);
        let new = NewActionExecution {
            id,
            project_id: op.project_id.clone(),
            name: start.name,
            digest: action.module.digest,
            input,
            description: start.description,
            params: start.params,
            is_idempotent: action.spec.idempotent,
            is_asynchronous,
            task: None,
            ad_hoc,
            request_id: Arc::clone(&op.request.request_id),
            custom_context: if is_saved {
                start.custom_context.as_ref().map(seal_context)
            } else {
                None
            },
            target: match &start.target {
                Some(target) if is_later => Some(self.seal_target(id, target)?),
                Some(_) | None => None,
            },
        };
        let execution = ActionExecution::start(new, now);
        if is_later {
            let execution = self.leave_to_worker(op, execution).await?;
            return Ok(StartedAction {
                execution,
                is_saved,
            });
        }
        let cancel = CancellationToken::new();
        let call = Call {
            place,
            ..self.call(&execution, scope, session, start.custom_context, 1, cancel)
        };
        let execution = self.run_now(op, execution, call, reservation).await?;
        Ok(StartedAction {
            execution,
            is_saved,
        })
    }

    /// Makes a run, and keeps it at its end where it has a place for that.
    async fn run_now(
        self: &Arc<Self>,
        op: &Operation,
        mut execution: ActionExecution,
        call: Call,
        reservation: Option<Reservation>,
    ) -> Result<ActionExecution, Error> {
        if let Some(reservation) = reservation {
            // On a task of its own: a client that goes away does not undo what it asked to be saved.
            let (engine, op) = (Arc::clone(self), op.clone());
            let run = async move { engine.run_and_keep(&op, execution, call, reservation).await };
            return tokio::spawn(run)
                .await
                .map_err(|error| Error::Host(error.into()))?;
        }
        let journal = Arc::clone(&call.scope.journal);
        let outcome = self.make_run(call).await;
        let outcome = self.turned(&execution, outcome).await;
        execution.take_report(&journal);
        execution.complete(&outcome, self.clock.now())?;
        Ok(execution)
    }

    async fn leave_to_worker(
        &self,
        op: &Operation,
        execution: ActionExecution,
    ) -> Result<ActionExecution, Error> {
        let project_id = execution.project_id.clone();
        let job = Job {
            id: execution.id.into(),
            ..Job::new(
                project_id,
                Work::RunAction(execution.id),
                execution.created_at,
            )
        };
        let name = execution.name.as_str();
        let act = Act::making(ObjectType::ActionExecution, execution.id, Some(name));
        let commit = Commit::new().create(&execution).and(Write::AddJob(job));
        self.commit_for(op, act, commit).await?;
        self.work_added.notify_one();
        Ok(execution)
    }

    /// A saved run whose caller waits: kept once, when it has ended.
    async fn run_and_keep(
        &self,
        op: &Operation,
        mut execution: ActionExecution,
        call: Call,
        reservation: Reservation,
    ) -> Result<ActionExecution, Error> {
        let journal = Arc::clone(&call.scope.journal);
        let run = Run {
            digest: execution.digest,
            cancel: call.cancel.clone(),
            journal: Arc::clone(&journal),
        };
        let entry = self.running.enter(execution.id, run);
        let outcome = self.make_run(call).await;
        drop(entry);
        let outcome = self.turned(&execution, outcome).await;
        execution.take_report(&journal);
        execution.complete(&outcome, self.clock.now())?;
        let commit = self.with_journal(Commit::new().create(&execution), &execution, &journal)?;
        let name = execution.name.as_str();
        let act = Act::changing(ObjectType::ActionExecution, execution.id, Some(name));
        self.commit_for(op, act, commit).await?;
        drop(reservation);
        Ok(execution)
    }

    /// Makes a run. A panic in it is a fault of the host's own, and the end of this run alone.
    pub(super) async fn make_run(&self, call: Call) -> Outcome {
        AssertUnwindSafe(self.executor.run(call))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| {
                Outcome::Failed(Failure::new(
                    "the host failed while it ran the action, by a fault of its own; its log says where",
                ))
            })
    }

    /// Adds what the run said and asked, if it did.
    pub(super) fn with_journal(
        &self,
        commit: Commit,
        execution: &ActionExecution,
        journal: &Journal,
    ) -> Result<Commit, Error> {
        let journal = self.kept_journal(execution, journal)?;
        Ok(match journal {
            Some(journal) => commit.create(&journal),
            None => commit,
        })
    }

    /// What the run said and asked, if it did, as it is kept.
    pub(super) fn kept_journal(
        &self,
        execution: &ActionExecution,
        journal: &Journal,
    ) -> Result<Option<KeptJournal>, Error> {
        let page = journal.page();
        if page.log.is_empty()
            && page.requests.is_empty()
            && page.log_dropped == 0
            && page.requests_dropped == 0
        {
            return Ok(None);
        }
        self.seal_journal(execution.id, &execution.project_id, &page)
            .map(Some)
    }

    fn scope(&self, op: &Operation, action: &Action, params: &Params) -> RunScope {
        self.scope_of(
            op.project_id.clone(),
            Arc::clone(&action.spec),
            self.consent(&op.project_id, &action.module.name, params),
            op.request.clone(),
        )
    }

    pub(super) fn scope_of(
        &self,
        project_id: ProjectId,
        spec: Arc<crate::domain::ActionSpec>,
        consent: Consent,
        request: RequestContext,
    ) -> RunScope {
        let caps = JournalCaps {
            lines: self.settings.log_lines,
            bytes: self.settings.log_kib.saturating_mul(1024),
            requests: self.settings.request_traces,
        };
        RunScope {
            project_id,
            spec,
            consent: Arc::new(consent),
            request,
            journal: Arc::new(Journal::new(caps)),
        }
    }

    /// Access to `target`. An action that may ask a cloud anything connects before it begins, so that a bad target, or a
    /// token that does not last for `timeout`, is the caller's error and not the run's.
    pub(super) async fn session(
        &self,
        scope: RunScope,
        target: TargetCloud,
        timeout: Duration,
    ) -> Result<Arc<Session>, Error> {
        let asks_clouds = !scope.spec.access.is_empty();
        let target = if asks_clouds {
            Box::pin(self.clouds.settle(target, timeout)).await?
        } else {
            target
        };
        let session = self.clouds.session(scope, target)?;
        if asks_clouds {
            // Boxed: a run that waits on its cloud would hold its size long after it is done.
            Box::pin(session.connect(timeout)).await?;
        }
        Ok(Arc::new(session))
    }

    pub(super) fn call(
        &self,
        execution: &ActionExecution,
        scope: RunScope,
        session: Option<Arc<Session>>,
        custom_context: Option<CustomContext>,
        attempt: u32,
        cancel: CancellationToken,
    ) -> Call {
        let callback_url = self.settings.public_url.as_ref().map(|url| {
            format!(
                "{}/v2/action_executions/{}",
                url.trim_end_matches('/'),
                execution.id
            )
        });
        Call {
            id: execution.id,
            digest: execution.digest,
            input: execution.base_input().clone(),
            attempt,
            scope,
            custom_context,
            session,
            timeout: self.timeout(&execution.params),
            cancel,
            place: None,
            callback_url,
            task: execution.task.clone(),
        }
    }

    /// Starts at the same moment may each be let in: the limit bounds the store, it is no quota.
    pub(super) async fn check_waiting_jobs(&self, project_id: &ProjectId) -> Result<(), Error> {
        let limit = self.settings.jobs_per_project;
        if self.store.count_jobs(project_id).await? < limit {
            return Ok(());
        }
        Err(Error::Busy(format!(
            "Too many stored runs of this project wait already: engine.jobs_per_project = {limit}. Try again later."
        )))
    }

    /// How long a run may take.
    pub(super) fn timeout(&self, params: &Params) -> Duration {
        params.timeout_ms.map_or_else(
            || Duration::from_secs(self.settings.timeout_secs),
            Duration::from_millis,
        )
    }

    fn check_timeout(&self, params: &Params) -> Result<(), Error> {
        let max = self.settings.max_timeout_secs;
        match params.timeout_ms {
            Some(0) => Err(Error::BadInput(
                "params.timeout: a timeout is longer than 0 seconds.".to_owned(),
            )),
            Some(ms) if ms > max.saturating_mul(1000) => Err(Error::BadInput(format!(
                "params.timeout: at most {max} seconds, or whatever the operator sets as engine.max_timeout_secs."
            ))),
            Some(_) | None => Ok(()),
        }
    }
}

/// The input of what was asked for, and what an ad-hoc action makes of it, held against the schema of `action` below.
fn checked(
    action: &Action,
    input: Map<String, Value>,
    base: Option<Base>,
) -> Result<(JsonText, Option<AdHocRun>), Error> {
    let Some(base) = base else {
        return Ok((check_input(action, input)?, None));
    };
    let run = AdHocRun {
        base: action.spec.name.clone(),
        base_input: Some(check_input(action, base.input)?),
        output: base.output,
    };
    Ok((JsonText::from_value(&Value::Object(input)), Some(run)))
}

pub(super) fn check_input(action: &Action, input: Map<String, Value>) -> Result<JsonText, Error> {
    let input = Value::Object(input);
    action.schema()?.check(&input).map_err(|faults| {
        let places: Vec<String> = faults.iter().map(describe_fault).collect();
        Error::BadInput(format!(
            "Invalid input [name={}]: {}",
            action.spec.name,
            places.join("; ")
        ))
    })?;
    Ok(JsonText::from_value(&input))
}

fn describe_fault(fault: &Fault) -> String {
    if fault.path.is_empty() {
        fault.message.clone()
    } else {
        format!("{}: {}", fault.path, fault.message)
    }
}
