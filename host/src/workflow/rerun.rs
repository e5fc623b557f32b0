//! Tasks that ended in ERROR are run again, or taken as skipped; the execution goes on with them.

use std::sync::Arc;

use super::{Needed, step::Step};
use crate::domain::{Policies, State, TaskExecution, TaskExecutionId};

impl Step<'_, '_, '_, '_> {
    /// Runs a task again: all of its items, or only those that did not end well.
    pub(super) fn rerun(&mut self, id: TaskExecutionId, reset: bool) -> Result<(), Needed> {
        match self.ended_badly(id) {
            Some(task) if self.reopen() => {
                self.run_again(&task, reset)?;
                self.catch_up(true)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Takes a task as skipped: what follows then is begun.
    pub(super) fn skip(&mut self, id: TaskExecutionId) -> Result<(), Needed> {
        let failed = self.ended_badly(id);
        let Some(task) = failed.filter(|task| task.state == State::Error) else {
            return Ok(());
        };
        if !self.reopen() {
            return Ok(());
        }
        let now = self.now;
        self.draft.change_task(id, now, |task| {
            task.state = State::Skipped;
            task.state_info = Some("Task was skipped.".to_owned());
            task.finished_at = Some(now);
            task.processed = false;
            task.followed = 0;
            task.error_handled = false;
        });
        let published = match self.draft.spec_of(&task) {
            Some(spec) => self.publish(id, spec),
            None => Ok(()),
        };
        self.settle_halt(id, "skip task", published)?;
        self.follow(id, false)?;
        self.catch_up(true)
    }

    /// A task that may be run again. As in Mistral, none of an execution that is held.
    fn ended_badly(&self, id: TaskExecutionId) -> Option<Arc<TaskExecution>> {
        let task = self.draft.task(id)?;
        let is_bad = matches!(task.state, State::Error | State::Cancelled);
        (is_bad && self.state() != State::Paused).then(|| Arc::clone(task))
    }

    /// Lets an execution that ended go on; whether it may.
    pub(super) fn reopen(&mut self) -> bool {
        match self.state() {
            State::Running | State::Paused => {
                self.draft.void_memo();
                return true;
            }
            State::Error | State::Cancelled => {}
            State::Idle | State::Waiting | State::Delayed | State::Success | State::Skipped => {
                return false;
            }
        }
        self.draft.void_memo();
        self.draft.change_execution(self.now, |execution| {
            execution.state = State::Running;
            execution.state_info = None;
            execution.output = None;
            execution.run = execution.run.saturating_add(1);
        });
        self.tell_parent();
        true
    }

    pub(super) fn run_again(&mut self, task: &TaskExecution, reset: bool) -> Result<(), Needed> {
        let id = task.id;
        for child in self.draft.children_of(id) {
            let ended_well = child.state == State::Success && child.ended.is_some();
            if child.is_accepted && (reset || !ended_well) {
                let mut child = Arc::unwrap_or_clone(child);
                child.is_accepted = false;
                self.draft.put_child(child);
            }
        }
        let is_join = self
            .draft
            .spec_of(task)
            .is_some_and(|spec| spec.join.is_some());
        // A join that never began has to find again what it waits for.
        let waits = is_join && task.started_at.is_none();
        self.draft.change_task(id, self.now, |task| {
            task.state = if waits { State::Waiting } else { State::Idle };
            task.state_info = None;
            task.processed = false;
            task.followed = 0;
            task.error_handled = false;
            task.finished_at = None;
            task.items = None;
            task.policies = Policies {
                generation: task.policies.generation.saturating_add(1),
                ..Policies::default()
            };
        });
        if !waits {
            return self.run(id);
        }
        self.decide(id)
    }
}
