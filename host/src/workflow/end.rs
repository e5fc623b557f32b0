//! How a task ends: what it publishes, then its policies, which may try it again, then what follows.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};

use super::{
    ChildId, Command,
    scope::{Halt, is_true},
    snapshot::{merge, object},
    step::Step,
    stop::REASON_BYTES,
    text::{cut, object_or_text},
};
use crate::{
    domain::{JsonText, State, TaskExecution, TaskExecutionId, TimerKind},
    expr::Template,
    lang::Task,
};

impl Step<'_, '_, '_, '_> {
    /// A try of a task ended in SUCCESS, ERROR or CANCELLED.
    pub(super) fn end_try(
        &mut self,
        id: TaskExecutionId,
        state: State,
        info: Option<String>,
    ) -> Result<(), Halt> {
        let Some(task) = self.draft.task(id).cloned() else {
            return Ok(());
        };
        if task.state.is_completed() {
            return Ok(());
        }
        let Some(spec) = self.draft.spec_of(&task) else {
            return Ok(());
        };
        let now = self.now;
        let info = info.map(|info| cut(info, REASON_BYTES));
        self.draft.change_task(id, now, |task| {
            task.state = state;
            task.state_info.clone_from(&info);
            task.finished_at = Some(now);
            task.policies.state_after = None;
            task.policies.info_after = None;
        });
        self.publish(id, spec)?;
        if let Some(keep) = &spec.keep_result
            && !is_true(&self.evaluate_for(keep, id, None)?)
        {
            self.forget_results(id);
        }
        if state == State::Cancelled {
            self.ended.push_back(id);
            return Ok(());
        }
        if !task.policies.is_after_done {
            let wait = self.seconds(id, spec.wait_after.as_ref(), "wait-after")?;
            if wait > 0 {
                self.draft.change_task(id, now, |task| {
                    task.state = State::Delayed;
                    task.state_info =
                        Some(format!("Delayed by 'wait-after' policy [delay={wait}]"));
                    task.policies.state_after = Some(state);
                    task.policies.info_after = info;
                });
                self.set_timer(id, TimerKind::WaitAfter, Duration::from_secs(wait));
                return Ok(());
            }
        }
        self.judge(id, spec)
    }

    /// `wait-after` is over.
    pub(super) fn after_wait(&mut self, id: TaskExecutionId) -> Result<(), Halt> {
        let now = self.now;
        self.draft.change_task(id, now, |task| {
            if let Some(state) = task.policies.state_after.take() {
                task.state = state;
                task.state_info = task.policies.info_after.take();
                task.finished_at = Some(now);
                task.policies.is_after_done = true;
            }
        });
        let task = self.draft.task(id).cloned();
        match task.and_then(|task| self.draft.spec_of(&task)) {
            Some(spec) => self.judge(id, spec),
            None => Ok(()),
        }
    }

    /// `fail-on` and `retry`: whether the task has really ended, and how.
    fn judge(&mut self, id: TaskExecutionId, spec: &Task) -> Result<(), Halt> {
        let is_success = |step: &Self| {
            let task = step.draft.task(id);
            task.is_some_and(|task| task.state == State::Success)
        };
        if is_success(self) && self.is_asked(id, spec.fail_on.as_ref(), "fail-on")? {
            self.draft.change_task(id, self.now, |task| {
                task.state = State::Error;
                task.state_info = Some("Failed by 'fail-on' policy".to_owned());
            });
        }
        if !self.try_again(id, spec)? {
            self.ended.push_back(id);
        }
        Ok(())
    }

    fn try_again(&mut self, id: TaskExecutionId, spec: &Task) -> Result<bool, Halt> {
        let (Some(retry), Some(task)) = (&spec.retry, self.draft.task(id).cloned()) else {
            return Ok(false);
        };
        let count = self.number(id, &retry.count, "retry.count")?;
        if u64::from(task.policies.retries) >= count {
            return Ok(false);
        }
        let most = self.moment.limits.tasks;
        if task.policies.retries >= most {
            return Err(Halt::Fault(format!(
                "A task may be tried at most {most} times again: [engine] tasks_per_execution = {most}"
            )));
        }
        let goes_on = match &retry.continue_on {
            Some(template) => self.holds_after(template, &task)?,
            None => task.state == State::Error,
        };
        if !goes_on {
            return Ok(false);
        }
        if task.state == State::Error
            && let Some(template) = &retry.break_on
            && self.holds_after(template, &task)?
        {
            return Ok(false);
        }
        let delay = self.seconds(id, Some(&retry.delay), "retry.delay")?;
        self.abandon_runs(id);
        self.draft.change_task(id, self.now, |task| {
            task.state = State::Delayed;
            task.state_info = Some(format!("Delayed by 'retry' policy [delay={delay}]"));
            task.finished_at = None;
            task.items = None;
            // Its `timeout` may have ended it in `wait-before`.
            task.policies.is_before_done = true;
            task.policies.retries = task.policies.retries.saturating_add(1);
            task.policies.generation = task.policies.generation.saturating_add(1);
        });
        self.set_timer(id, TimerKind::Retry, Duration::from_secs(delay));
        // A timer of an earlier generation changes nothing: the one of `timeout` is set anew for what is left.
        if let Some(left) = self.time_left(&task) {
            self.set_timer(id, TimerKind::Timeout, left);
        }
        Ok(true)
    }

    /// Whether a condition of `retry` holds, which sees what the try published.
    fn holds_after(&mut self, template: &Template, task: &TaskExecution) -> Result<bool, Halt> {
        let context = self.draft.inbound(task.id);
        let context = context.publish(object(&task.published));
        let variables = self.draft.variables(Some(task), None, &context);
        let value = self.evaluate(template, Some(task.id), &variables)?;
        Ok(is_true(&value))
    }

    /// The runs of a task count no longer; those under way are cancelled.
    pub(super) fn abandon_runs(&mut self, id: TaskExecutionId) {
        for child in self.draft.children_of(id) {
            if !child.is_accepted {
                continue;
            }
            if child.ended.is_none() {
                let command = Command::MoveChild(child.id, State::Cancelled);
                self.draft.changes.commands.push(command);
            }
            let mut child = Arc::unwrap_or_clone(child);
            child.is_accepted = false;
            self.draft.put_child(child);
        }
    }

    /// Publishes what the definition says for the state in which a task is.
    pub(super) fn publish(&mut self, id: TaskExecutionId, spec: &Task) -> Result<(), Halt> {
        let Some(task) = self.draft.task(id).cloned() else {
            return Ok(());
        };
        let own = match task.state {
            State::Success => &spec.on_success.publish,
            State::Error => &spec.on_error.publish,
            State::Skipped => &spec.on_skip.publish,
            State::Cancelled
            | State::Idle
            | State::Waiting
            | State::Running
            | State::Delayed
            | State::Paused => return Ok(()),
        };
        let all = &spec.on_complete.publish;
        let branch = self.published(id, [&own.branch, &all.branch, &None, &None])?;
        let global = self.published(id, [&own.global, &own.atomic, &all.global, &all.atomic])?;
        if let Some(global) = &global {
            let mut all = object(&self.draft.execution().published_global);
            merge(&mut all, global.clone());
            let all = self.kept("published_global", &Value::Object(all))?;
            self.draft
                .change_execution(self.now, |execution| execution.published_global = all);
            self.draft.refresh_shared();
        }
        // A try may publish less than the one before.
        let had_some = task.published.as_str() != "{}" || task.published_global.as_str() != "{}";
        if branch.is_some() || global.is_some() || had_some {
            let branch = self.kept("published", &Value::Object(branch.unwrap_or_default()))?;
            let global = Value::Object(global.unwrap_or_default());
            let global = JsonText::from_value(&global);
            self.draft.change_task(id, self.now, |task| {
                task.published = branch;
                task.published_global = global;
            });
        }
        Ok(())
    }

    fn published(
        &mut self,
        id: TaskExecutionId,
        templates: [&Option<Template>; 4],
    ) -> Result<Option<Map<String, Value>>, Halt> {
        let mut all: Option<Map<String, Value>> = None;
        for template in templates.into_iter().flatten() {
            let more = object_or_text(self.evaluate_for(template, id, None)?).map_err(|other| {
                Halt::Fault(format!(
                    "What is published is to be an object of variables, not {other}"
                ))
            })?;
            merge(all.get_or_insert_default(), more);
        }
        Ok(all)
    }

    /// Empties the results of a task's runs.
    fn forget_results(&mut self, id: TaskExecutionId) {
        for child in self.draft.children_of(id) {
            let (ChildId::Action(action), Some(_)) = (child.id, &child.ended) else {
                continue;
            };
            let mut child = Arc::unwrap_or_clone(child);
            if let Some(ended) = &mut child.ended {
                ended.result = JsonText::from_value(&Value::Null);
            }
            self.draft.put_child(child);
            let command = Command::ForgetResult(action);
            self.draft.changes.commands.push(command);
        }
    }
}
