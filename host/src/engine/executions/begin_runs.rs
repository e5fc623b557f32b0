//! How the runs of tasks begin: an action execution with the job that runs it, a sub-execution with the job that steps it.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};

use super::attempt::{Attempt, event_of};
use super::load::child_of_action;
use crate::{
    domain::{
        ActionExecution, ActionName, AdHocRun, Digest, Failure, Heard, JsonText,
        NewActionExecution, Outcome, Params, Parent, State, TaskOfAction, Work, WorkflowExecution,
    },
    engine::{Error, start_action::check_input},
    expr::Template,
    workflow::{Command, Event},
};

/// How much longer than its task's `timeout` a run may take: the task's own timer comes first, and says why.
const SLACK: Duration = Duration::from_secs(1);

/// What of a component a run is made of.
struct Found {
    digest: Digest,
    input: JsonText,
    is_idempotent: bool,
    is_asynchronous: bool,
}

impl Attempt<'_> {
    /// Makes an action execution, and its job. One that cannot begin ends in ERROR, of which its task is told.
    pub(super) fn begin_action(&mut self, command: Command) -> Option<Event> {
        let Command::StartAction {
            id,
            task,
            generation,
            index,
            name,
            base,
            input,
            output,
            safe_rerun,
            timeout,
        } = command
        else {
            return None;
        };
        let execution = Arc::clone(&self.loaded.snapshot.execution);
        let task_name = self.task_name(task);
        let found = self.find(&base, input);
        let refusal = found.as_ref().err().map(ToString::to_string);
        let found = found.unwrap_or_else(|_| Found {
            digest: Digest::of(b""),
            input: JsonText::from_value(&Value::Object(Map::new())),
            is_idempotent: false,
            is_asynchronous: false,
        });
        let is_ad_hoc = name != base || !output.is_empty();
        let new = NewActionExecution {
            id,
            project_id: execution.project_id.clone(),
            name,
            digest: found.digest,
            input: found.input,
            description: None,
            params: Params {
                save_result: true,
                timeout_ms: self.timeout_ms(timeout, &execution),
                ..Params::default()
            },
            is_idempotent: safe_rerun.unwrap_or(found.is_idempotent),
            is_asynchronous: found.is_asynchronous,
            task: Some(TaskOfAction {
                task_execution_id: task,
                task_name,
                execution_id: execution.id,
                root_execution_id: execution.root_id(),
                workflow_name: execution.workflow_name.clone(),
                workflow_namespace: execution.workflow_namespace.clone(),
                index,
                generation,
            }),
            ad_hoc: is_ad_hoc.then(|| AdHocRun {
                base,
                base_input: None,
                output: output
                    .iter()
                    .map(Template::source)
                    .map(JsonText::from_value)
                    .collect(),
            }),
            request_id: Arc::clone(&execution.request_id),
            custom_context: None,
            target: None,
        };
        let mut run = ActionExecution::start(new, self.now);
        let event = refusal.and_then(|refusal| {
            let outcome = Outcome::Failed(Failure::new(refusal));
            // One that was just made has not ended.
            run.complete(&outcome, self.now).ok()?;
            child_of_action(&run).map(event_of)
        });
        if event.is_none() {
            self.add_job(Work::RunAction(id), self.now);
        }
        self.made.actions.insert(id, (run, 0));
        event
    }

    fn find(&self, base: &ActionName, input: Map<String, Value>) -> Result<Found, Error> {
        let project = &self.loaded.snapshot.execution.project_id;
        let action = self.engine.registry.find(project, base).ok_or_else(|| {
            Error::BadInput(format!("Failed to find action [action_name={base}]"))
        })?;
        self.engine.check_shared_action(project, &action.module)?;
        Ok(Found {
            digest: action.module.digest,
            input: check_input(&action, input)?,
            is_idempotent: action.spec.idempotent,
            is_asynchronous: action.spec.asynchronous,
        })
    }

    /// How long a run may take: what its task's `timeout` and the execution's deadline leave it, where there are any.
    fn timeout_ms(&self, timeout: Option<Duration>, execution: &WorkflowExecution) -> Option<u64> {
        let deadline = execution.deadline.map(|deadline| deadline.since(self.now));
        let most = Duration::from_secs(self.engine.settings.max_timeout_secs);
        let usual = Duration::from_secs(self.engine.settings.timeout_secs);
        let timeout = timeout.map(|timeout| timeout.saturating_add(SLACK).min(most));
        let left = match (timeout, deadline) {
            (None, None) => return None,
            (Some(timeout), None) => timeout,
            (timeout, Some(deadline)) => {
                let deadline = deadline.saturating_add(SLACK);
                timeout.unwrap_or(usual).min(deadline)
            }
        };
        Some(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }

    /// Makes a sub-execution, and the job that begins it.
    pub(super) fn begin_sub_workflow(&mut self, command: Command) {
        let Command::StartWorkflow {
            id,
            task,
            index,
            workflow,
            input,
            mut params,
            ..
        } = command
        else {
            return;
        };
        let above = &self.loaded.snapshot.execution;
        let depth = above.parent.map_or(0, |parent| parent.depth);
        params.insert(
            "namespace".to_owned(),
            above.workflow_namespace.as_str().into(),
        );
        let empty = || JsonText::from_value(&Value::Object(Map::new()));
        let execution = WorkflowExecution {
            id,
            project_id: above.project_id.clone(),
            workflow_id: workflow.id,
            workflow_name: workflow.name.clone(),
            workflow_namespace: workflow.namespace.clone(),
            workbook: workflow.workbook.clone(),
            definition: Arc::clone(&workflow.spec.source),
            description: Some("sub-workflow execution".to_owned()),
            tags: workflow.spec.tags.clone(),
            params: JsonText::from_value(&Value::Object(params)),
            input: JsonText::from_value(&Value::Object(input)),
            output: None,
            state: State::Idle,
            state_info: None,
            vars: empty(),
            published_global: empty(),
            run: 0,
            parent: Some(Parent {
                task_execution_id: task,
                execution_id: above.id,
                root_execution_id: above.root_id(),
                index,
                depth: depth.saturating_add(1),
            }),
            heard: Heard::default(),
            source_execution_id: None,
            deadline: above.deadline,
            request_id: Arc::clone(&above.request_id),
            user_id: above.user_id.clone(),
            custom_context: None,
            target: None,
            has_target: false,
            is_target: false,
            environment: None,
            environment_id: None,
            created_at: self.now,
            updated_at: None,
        };
        self.made.executions.insert(id, (execution, 0));
        self.add_job(Work::StartExecution(id), self.now);
    }
}
