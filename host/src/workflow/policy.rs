//! The policies of a task: how they are evaluated, and what follows when a time has come that a task waits for.

use serde_json::Value;

use super::{Needed, scope::Halt, step::Step, text::python};
use crate::{
    domain::{State, TaskExecutionId, Timer, TimerKind},
    expr::Template,
};

impl Step<'_, '_, '_, '_> {
    /// A time has come.
    pub(super) fn due(&mut self, timer: Timer) -> Result<(), Needed> {
        let id = timer.task_execution_id;
        let Some(task) = self.draft.task(id).cloned() else {
            return Ok(());
        };
        if task.policies.generation != timer.generation || self.state().is_completed() {
            return Ok(());
        }
        let policies = &task.policies;
        let waits = task.state == State::Delayed;
        match timer.kind {
            TimerKind::WaitBefore if waits && !policies.is_before_done => self.go_on_or_wait(id),
            TimerKind::Retry
                if waits && policies.is_before_done && policies.state_after.is_none() =>
            {
                self.go_on_or_wait(id)
            }
            TimerKind::WaitAfter if waits && policies.state_after.is_some() => {
                let ended = self.after_wait(id);
                self.settle_halt(id, "complete task", ended)
            }
            TimerKind::Timeout if !task.state.is_completed() => {
                let Some(limit) = policies.time_limit else {
                    return Ok(());
                };
                self.draft.change_task(id, self.now, |task| {
                    task.policies.time_limit = None;
                    // A task that is out of time does not wait for what comes after it.
                    task.policies.is_after_done |= task.policies.state_after.is_some();
                });
                self.abandon_runs(id);
                let message = format!("Task timed out [timeout(s)={}].", limit.secs);
                let ended = self.end_try(id, State::Error, Some(message));
                self.settle_halt(id, "complete task", ended)
            }
            TimerKind::WaitBefore
            | TimerKind::Retry
            | TimerKind::WaitAfter
            | TimerKind::Timeout => Ok(()),
        }
    }

    /// Nothing new is begun while the execution is held, or beyond what the commit has room for.
    pub(super) fn go_on_or_wait(&mut self, id: TaskExecutionId) -> Result<(), Needed> {
        if self.state() == State::Running && self.has_room() {
            return self.go_on(id);
        }
        if self
            .draft
            .task(id)
            .is_some_and(|task| !task.policies.is_due)
        {
            self.draft
                .change_task(id, self.now, |task| task.policies.is_due = true);
        }
        Ok(())
    }

    /// The seconds that `policy` says; 0 when it says nothing.
    pub(super) fn seconds(
        &mut self,
        id: TaskExecutionId,
        template: Option<&Template>,
        policy: &str,
    ) -> Result<u64, Halt> {
        let Some(template) = template else {
            return Ok(0);
        };
        let value = self.evaluate_for(template, id, None)?;
        whole(&value).ok_or_else(|| {
            Halt::Fault(format!(
                "'{policy}' is to be a whole number of seconds, 0 or more, not {}",
                python(&value)
            ))
        })
    }

    /// The number that `policy` says; none when it says nothing.
    pub(super) fn number(
        &mut self,
        id: TaskExecutionId,
        template: &Template,
        policy: &str,
    ) -> Result<u64, Halt> {
        let value = self.evaluate_for(template, id, None)?;
        whole(&value).ok_or_else(|| {
            Halt::Fault(format!(
                "'{policy}' is to be a whole number, 0 or more, not {}",
                python(&value)
            ))
        })
    }

    /// Whether `policy` says yes; not when it says nothing.
    pub(super) fn is_asked(
        &mut self,
        id: TaskExecutionId,
        template: Option<&Template>,
        policy: &str,
    ) -> Result<bool, Halt> {
        let Some(template) = template else {
            return Ok(false);
        };
        let value = self.evaluate_for(template, id, None)?;
        value.as_bool().ok_or_else(|| {
            Halt::Fault(format!(
                "'{policy}' is to be true or false, not {}",
                python(&value)
            ))
        })
    }
}

fn whole(value: &Value) -> Option<u64> {
    let Value::Number(number) = value else {
        return None;
    };
    if let Some(whole) = number.as_u64() {
        return Some(whole);
    }
    // Python takes 5.0 for a whole number.
    let number = number.as_f64()?;
    let is_whole = (0.0..=9e15).contains(&number) && number.fract() == 0.0;
    is_whole
        .then(|| format!("{number:.0}").parse().ok())
        .flatten()
}
