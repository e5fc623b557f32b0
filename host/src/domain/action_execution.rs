//! One run of one action, as it is kept.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    ActionExecutionId, ActionName, Digest, Failure, Journal, JsonText, Namespace, Outcome,
    ProjectId, Sealed, State, TaskExecutionId, Timestamp, WorkflowExecutionId, WorkflowName,
};

/// A state that an execution may not go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an action execution cannot go from {from} to {to}")]
pub struct BadTransition {
    /// Where it is.
    pub from: State,
    /// Where it was to go.
    pub to: State,
}

/// How an action execution is to be run: the `params` of the API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// Whether it is kept.
    pub save_result: bool,
    /// Whether the answer waits for its end.
    pub run_sync: bool,
    /// Ends the run after so many milliseconds; the host's default when none.
    pub timeout_ms: Option<u64>,
    /// The most mutating requests that it may make; what the operator allows when none.
    pub mutating_requests: Option<u64>,
    /// Whether only GET and HEAD go out, and everything else is planned.
    pub dry_run: bool,
    /// Whether the output tells the access rules that the run needs.
    pub audit: bool,
}

/// The task that an action execution is a run of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskOfAction {
    /// The task.
    pub task_execution_id: TaskExecutionId,
    /// The task's name.
    pub task_name: Arc<str>,
    /// The task's execution.
    pub execution_id: WorkflowExecutionId,
    /// The execution at the top, whose custom context and target cloud hold.
    pub root_execution_id: WorkflowExecutionId,
    /// The workflow's name.
    pub workflow_name: WorkflowName,
    /// The workflow's namespace.
    pub workflow_namespace: Namespace,
    /// The place among the runs of a `with-items` task.
    pub index: Option<u32>,
    /// The generation of the task that began it; of an earlier one, its end changes nothing.
    pub generation: u32,
}

/// What a run of an ad-hoc action has beside that of the module's action below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdHocRun {
    /// The module's action, which runs.
    pub base: ActionName,
    /// What that gets, where the run's own input is the ad-hoc action's.
    pub base_input: Option<JsonText>,
    /// How its result becomes that of the ad-hoc action: templates, each over the result of the one before as `$`.
    pub output: Vec<JsonText>,
}

/// One run of one action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionExecution {
    /// Its id.
    pub id: ActionExecutionId,
    /// The caller's project.
    pub project_id: ProjectId,
    /// The action.
    pub name: ActionName,
    /// The component that it began with.
    pub digest: Digest,
    /// Where it is; changed by [`complete`](Self::complete) and [`update`](Self::update) alone.
    state: State,
    /// Why it is there.
    pub state_info: Option<String>,
    /// The checked input.
    pub input: JsonText,
    /// `{"result": …}` once it has ended, with the report's members if there is one.
    pub output: Option<JsonText>,
    /// What the output has beside the result: the plan of a dry run, the rules of an audit.
    report: Option<JsonText>,
    /// Whether its result was taken; stays false for a synchronous saved run, as in Mistral.
    pub accepted: bool,
    /// A person's words about it.
    pub description: Option<String>,
    /// How it is to be run.
    pub params: Params,
    /// Whether the action may be run again after a crash.
    pub is_idempotent: bool,
    /// Whether the action may answer pending.
    pub is_asynchronous: bool,
    /// The task that it is a run of.
    pub task: Option<TaskOfAction>,
    /// Of an ad-hoc action.
    pub ad_hoc: Option<AdHocRun>,
    /// The request that started it.
    pub request_id: Arc<str>,
    /// The sealed custom context; stays for reruns.
    pub custom_context: Option<Sealed>,
    /// The sealed target cloud; erased when the run is over.
    pub target: Option<Sealed>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
}

/// What a new action execution is made of.
#[derive(Debug)]
pub struct NewActionExecution {
    /// Its id.
    pub id: ActionExecutionId,
    /// The caller's project.
    pub project_id: ProjectId,
    /// The action.
    pub name: ActionName,
    /// The component.
    pub digest: Digest,
    /// The checked input.
    pub input: JsonText,
    /// A person's words about it.
    pub description: Option<String>,
    /// How it is to be run.
    pub params: Params,
    /// Whether the action may be run again after a crash.
    pub is_idempotent: bool,
    /// Whether the action may answer pending.
    pub is_asynchronous: bool,
    /// The task that it is a run of.
    pub task: Option<TaskOfAction>,
    /// Of an ad-hoc action.
    pub ad_hoc: Option<AdHocRun>,
    /// The request that starts it.
    pub request_id: Arc<str>,
    /// The sealed custom context.
    pub custom_context: Option<Sealed>,
    /// The sealed target cloud.
    pub target: Option<Sealed>,
}

impl ActionExecution {
    /// A run that begins now.
    #[must_use]
    pub fn start(new: NewActionExecution, now: Timestamp) -> Self {
        Self {
            id: new.id,
            project_id: new.project_id,
            name: new.name,
            digest: new.digest,
            state: State::Running,
            state_info: None,
            input: new.input,
            output: None,
            report: None,
            accepted: false,
            description: new.description,
            params: new.params,
            is_idempotent: new.is_idempotent,
            is_asynchronous: new.is_asynchronous,
            task: new.task,
            ad_hoc: new.ad_hoc,
            request_id: new.request_id,
            custom_context: new.custom_context,
            target: new.target,
            created_at: now,
            updated_at: None,
        }
    }

    /// Where it is.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The module's action that runs.
    #[must_use]
    pub fn base(&self) -> &ActionName {
        self.ad_hoc.as_ref().map_or(&self.name, |run| &run.base)
    }

    /// What the module's action gets.
    #[must_use]
    pub fn base_input(&self) -> &JsonText {
        let other = self.ad_hoc.as_ref().and_then(|run| run.base_input.as_ref());
        other.unwrap_or(&self.input)
    }

    /// Forgets what it came to, which its task does not keep.
    pub fn forget_result(&mut self) {
        if self.output.is_some() {
            self.output = Some(null().as_result());
        }
    }

    /// Takes from the run's journal what its output is to have beside the result.
    pub fn take_report(&mut self, journal: &Journal) {
        self.report = journal.report(&self.params);
    }

    /// Takes what the run ended in, whether or not it is paused. A pending one stays as it is; a dry run that is
    /// pending has ended, since nobody will complete what was not begun.
    ///
    /// # Errors
    /// When it has already ended.
    pub fn complete(&mut self, outcome: &Outcome, now: Timestamp) -> Result<(), BadTransition> {
        match outcome {
            Outcome::Done(result) => self.end(State::Success, Some(result), now),
            Outcome::Pending if self.params.dry_run => self.end(State::Success, Some(&null()), now),
            Outcome::Pending => {
                // Its run is over: whoever completes it needs no cloud of ours.
                self.target = None;
                self.updated_at = Some(now);
                Ok(())
            }
            Outcome::Failed(failure) => self.end(State::Error, Some(&failed(failure)), now),
            Outcome::Cancelled => self.end(State::Cancelled, None, now),
        }
    }

    /// Takes a state, and where it ends the run an output, from the API.
    ///
    /// # Errors
    /// When it may not go there: ended ones go nowhere, and only asynchronous ones are paused or resumed.
    pub fn update(
        &mut self,
        next: State,
        output: Option<&JsonText>,
        now: Timestamp,
    ) -> Result<(), BadTransition> {
        let refusal = BadTransition {
            from: self.state,
            to: next,
        };
        match next {
            State::Success => self.end(next, Some(output.unwrap_or(&null())), now),
            State::Error => {
                let unknown = JsonText::from_value(&serde_json::Value::from("Unknown error"));
                self.end(next, Some(output.unwrap_or(&unknown)), now)
            }
            State::Cancelled => self.end(next, output, now),
            State::Paused | State::Running
                if self.is_asynchronous && !self.state.is_completed() =>
            {
                self.state = next;
                self.updated_at = Some(now);
                Ok(())
            }
            State::Paused
            | State::Running
            | State::Idle
            | State::Waiting
            | State::Delayed
            | State::Skipped => Err(refusal),
        }
    }

    fn end(
        &mut self,
        state: State,
        result: Option<&JsonText>,
        now: Timestamp,
    ) -> Result<(), BadTransition> {
        if self.state.is_completed() {
            return Err(BadTransition {
                from: self.state,
                to: state,
            });
        }
        self.state = state;
        self.output = result.map(|result| match &self.report {
            Some(report) => result.as_result_with(report),
            None => result.as_result(),
        });
        self.accepted = !self.params.run_sync;
        self.target = None;
        self.updated_at = Some(now);
        Ok(())
    }
}

fn null() -> JsonText {
    JsonText::from_value(&serde_json::Value::Null)
}

fn failed(failure: &Failure) -> JsonText {
    match &failure.detail {
        Some(detail) => detail.clone(),
        None => JsonText::from_value(&serde_json::Value::from(failure.message.as_str())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn execution(is_asynchronous: bool) -> ActionExecution {
        ActionExecution::start(
            NewActionExecution {
                id: ActionExecutionId::generate(),
                project_id: ProjectId::new("p"),
                name: ActionName::parse("std.echo").unwrap(),
                digest: Digest::of(b""),
                input: JsonText::parse("{}").unwrap(),
                description: None,
                params: Params::default(),
                is_idempotent: false,
                is_asynchronous,
                task: None,
                ad_hoc: None,
                request_id: "req-1".into(),
                custom_context: None,
                target: Some(Sealed(vec![1])),
            },
            Timestamp::from_unix_ms(0),
        )
    }

    #[test]
    fn a_completed_execution_cannot_be_completed_again() {
        let mut execution = execution(false);
        let done = Outcome::Done(JsonText::parse("1").unwrap());
        execution
            .complete(&done, Timestamp::from_unix_ms(1))
            .unwrap();
        assert_eq!(
            execution.output.as_ref().unwrap().as_str(),
            r#"{"result": 1}"#
        );
        assert!(
            execution
                .complete(&done, Timestamp::from_unix_ms(2))
                .is_err()
        );
    }

    #[test]
    fn credentials_are_erased_at_the_end() {
        let mut execution = execution(false);
        execution
            .complete(&Outcome::Cancelled, Timestamp::from_unix_ms(1))
            .unwrap();
        assert_eq!(execution.target, None);
    }

    #[test]
    fn a_paused_execution_takes_the_end_of_its_run() {
        let now = Timestamp::from_unix_ms(1);
        let done = Outcome::Done(JsonText::parse("1").unwrap());
        let mut execution = execution(true);
        execution.update(State::Paused, None, now).unwrap();
        execution.complete(&done, now).unwrap();
        assert_eq!(execution.state(), State::Success);
    }

    #[test]
    fn only_asynchronous_executions_are_paused() {
        let now = Timestamp::from_unix_ms(1);
        assert!(execution(false).update(State::Paused, None, now).is_err());
        let mut asynchronous = execution(true);
        asynchronous.update(State::Paused, None, now).unwrap();
        asynchronous.update(State::Running, None, now).unwrap();
        asynchronous.update(State::Success, None, now).unwrap();
        assert_eq!(asynchronous.output.unwrap().as_str(), r#"{"result": null}"#);
    }
    #[test]
    fn a_dry_run_and_an_audit_tell_what_they_saw_beside_the_result() {
        let now = Timestamp::from_unix_ms(1);
        let journal = Journal::new(crate::domain::JournalCaps {
            lines: 1,
            bytes: 1,
            requests: 1,
        });
        for (outcome, expected) in [
            (
                Outcome::Done(JsonText::parse("1").unwrap()),
                r#"{"result": 1, "plan":[],"access_rules":[],"denied":[]}"#,
            ),
            (
                Outcome::Failed(Failure::new("no")),
                r#"{"result": "no", "plan":[],"access_rules":[],"denied":[]}"#,
            ),
            (
                Outcome::Pending,
                r#"{"result": null, "plan":[],"access_rules":[],"denied":[]}"#,
            ),
        ] {
            let mut execution = execution(true);
            execution.params.dry_run = true;
            execution.params.audit = true;
            execution.take_report(&journal);
            execution.complete(&outcome, now).unwrap();
            let output = execution.output.unwrap();
            assert_eq!(output.as_str(), expected);
            JsonText::parse(output.as_str()).unwrap();
        }
    }
}
