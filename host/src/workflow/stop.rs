//! How an execution ends: by itself when nothing is left, or stopped by a task, a caller or a fault.

use std::{collections::HashSet, sync::Arc};

use serde_json::{Map, Value, json};

use super::{
    Command, Needed,
    context::Context,
    scope::{Halt, is_true},
    step::Step,
    text::{cut, object_or_text},
};
use crate::{
    domain::{JsonText, State, TaskExecution, TaskExecutionId},
    expr::Template,
    lang::WorkflowKind,
};

/// The most bytes of the reason for which an execution ended.
pub(super) const REASON_BYTES: usize = 64 << 10;

impl Step<'_, '_, '_, '_> {
    /// Nothing is left to do.
    pub(super) fn finish(&mut self) -> Result<(), Needed> {
        let counts = *self.draft.counts();
        if counts.cancelled > 0 {
            let reason = self.cancel_report();
            self.stop(State::Cancelled, Some(reason))
        } else if counts.failed > 0 {
            let reason = self.failure_report();
            self.stop(State::Error, Some(reason))
        } else {
            self.stop(State::Success, None)
        }
    }

    /// Ends the execution; what is under way is cut off.
    pub(super) fn stop(&mut self, state: State, reason: Option<String>) -> Result<(), Needed> {
        if self.state().is_completed() || !state.is_completed() || !self.state().may_become(state) {
            return Ok(());
        }
        let reason = reason.map(|reason| cut(reason, REASON_BYTES));
        let (state, reason, output) = match self.output(state, reason.as_deref()) {
            Ok(output) => (state, reason, output),
            Err(Halt::Needed(needed)) => return Err(needed),
            Err(Halt::Fault(error) | Halt::Failed(error)) => {
                let execution = self.draft.execution();
                let what = if state == State::Error {
                    "Failed to evaluate expression in output-on-error!"
                } else {
                    "Failed to check and complete"
                };
                let mut message = format!(
                    "{what} [wf_ex_id={}, wf_name={}]: {error}",
                    execution.id, execution.workflow_name
                );
                if let Some(reason) = reason {
                    message.push_str(&format!("\nCause: {reason}"));
                }
                let message = cut(message, REASON_BYTES);
                let output = JsonText::from_value(&json!({ "result": message }));
                (State::Error, Some(message), output)
            }
        };
        self.cut_off();
        self.ended.clear();
        self.draft.change_execution(self.now, |execution| {
            execution.state = state;
            execution.state_info = reason;
            execution.output = Some(output);
        });
        self.tell_parent();
        Ok(())
    }

    /// What the execution ends in.
    fn output(&mut self, state: State, reason: Option<&str>) -> Result<JsonText, Halt> {
        if state == State::Cancelled {
            return Ok(JsonText::from_value(&json!({ "result": reason })));
        }
        let context = self.final_context()?;
        let spec = self.draft.spec();
        let template = if state == State::Success {
            spec.output.as_ref()
        } else {
            spec.output_on_error.as_ref()
        };
        let said = match template {
            Some(template) => self.said(template, &context)?,
            None => None,
        };
        let said = said.unwrap_or_else(|| context.to_map());
        if state == State::Success {
            return self.kept("output", &Value::Object(said));
        }
        let mut output = Map::from_iter([("result".to_owned(), Value::from(reason))]);
        output.extend(said);
        self.kept("output", &Value::Object(output))
    }

    fn said(
        &mut self,
        template: &Template,
        context: &Context,
    ) -> Result<Option<Map<String, Value>>, Halt> {
        let variables = self.draft.variables(None, None, context);
        let value = self.evaluate(template, None, &variables)?;
        if !is_true(&value) {
            return Ok(None);
        }
        object_or_text(value).map(Some).map_err(|other| {
            Halt::Fault(format!(
                "The output of a workflow is to be an object, not {other}"
            ))
        })
    }

    /// What the tasks leave that nothing follows.
    fn final_context(&mut self) -> Result<Context, Halt> {
        if self.draft.spec().kind == WorkflowKind::Reverse {
            let named = self.target().ok().and_then(|name| self.draft.named(&name));
            return Ok(
                named.map_or_else(Context::default, |named| self.draft.outbound(named.latest))
            );
        }
        let tasks = self.draft.tasks();
        let mut led = HashSet::new();
        for task in &tasks {
            let from = task.inbound.iter().map(|from| from.task_execution_id);
            led.extend(from.filter(|from| !self.was_before(*from, task)));
        }
        let ends = tasks
            .iter()
            .filter(|task| task.state.is_completed() && !led.contains(&task.id));
        let ends: Vec<TaskExecutionId> = ends.map(|task| task.id).collect();
        Ok(self.draft.together(&ends))
    }

    /// Whether the task `from` led to `task` when it failed as a join, before it began anew.
    fn was_before(&self, from: TaskExecutionId, task: &TaskExecution) -> bool {
        let Some(from) = self.draft.task(from) else {
            return false;
        };
        let is_join = (self.draft.spec_of(from)).is_some_and(|spec| spec.join.is_some());
        is_join && {
            let runs = self.draft.children_of(from.id);
            runs.first()
                .is_some_and(|run| task.id.uuid() < run.id.uuid())
        }
    }

    /// Ends the tasks under way. What follows from them is begun when the execution goes on after a rerun: they are
    /// run again then. Joins wait on.
    fn cut_off(&mut self) {
        for id in self.draft.live() {
            let Some(task) = self.draft.task(id).cloned() else {
                continue;
            };
            if task.state.is_completed() || task.state == State::Waiting {
                continue;
            }
            self.cancel_runs(id);
            let now = self.now;
            self.draft.change_task(id, now, |task| {
                task.state = State::Cancelled;
                task.state_info = Some("Cut off by the end of the execution.".to_owned());
                task.finished_at = Some(now);
                task.processed = false;
            });
        }
    }

    /// Cancels the runs of a task that are under way.
    pub(super) fn cancel_runs(&mut self, id: TaskExecutionId) {
        for child in self.draft.children_of(id) {
            if child.is_accepted && child.ended.is_none() {
                let command = Command::MoveChild(child.id, State::Cancelled);
                self.draft.changes.commands.push(command);
            }
        }
    }

    fn cancel_report(&self) -> String {
        let mut names: Vec<Arc<str>> = Vec::new();
        for task in self.draft.tasks() {
            if task.state == State::Cancelled {
                names.push(Arc::clone(&task.name));
            }
        }
        names.sort();
        format!("Cancelled tasks: {}", names.join(", "))
    }
}
