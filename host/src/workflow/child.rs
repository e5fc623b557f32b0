//! What runs of a task tell it: they ended, were held, or go on.

use std::sync::Arc;

use serde_json::Value;

use super::{
    Child, ChildId, Ended, Needed,
    scope::{Halt, is_true},
    step::Step,
    text::plain,
};
use crate::domain::{State, TaskExecution};

impl Step<'_, '_, '_, '_> {
    /// A run of a task has ended.
    pub(super) fn child_ended(&mut self, id: ChildId, ended: &Ended) -> Result<(), Needed> {
        let Some(child) = self.draft.child(id).cloned() else {
            return Ok(());
        };
        let is_known = child.ended.is_some() && ended.run <= child.run;
        if is_known || ended.run < child.run || !ended.state.is_completed() {
            return Ok(());
        }
        if child.ended.is_some() && !self.revive(&child, ended.run)? {
            return Ok(());
        }
        let mut child = Arc::unwrap_or_clone(child);
        child.state = ended.state;
        child.run = ended.run;
        child.ended = Some(ended.clone());
        let task = child.task;
        let is_accepted = child.is_accepted;
        self.draft.put_child(child);
        let Some(task) = self.draft.task(task).cloned() else {
            return Ok(());
        };
        if !is_accepted || task.state.is_completed() || self.state().is_completed() {
            return Ok(());
        }
        let taken = self.take_end(&task, id, ended);
        self.settle_halt(task.id, "handle action completion", taken)
    }

    fn take_end(&mut self, task: &TaskExecution, id: ChildId, ended: &Ended) -> Result<(), Halt> {
        match self.draft.spec_of(task) {
            Some(spec) if !spec.with_items.is_empty() => self.advance_items(task.id, spec),
            Some(_) => {
                let info = (ended.state != State::Success)
                    .then(|| reason(id, ended))
                    .flatten();
                self.end_try(task.id, ended.state, info)
            }
            None => Ok(()),
        }
    }

    /// A run of a task was held or goes on.
    pub(super) fn child_moved(
        &mut self,
        id: ChildId,
        state: State,
        run: u32,
    ) -> Result<(), Needed> {
        let Some(child) = self.draft.child(id).cloned() else {
            return Ok(());
        };
        if run < child.run || !matches!(state, State::Paused | State::Running) {
            return Ok(());
        }
        if run == child.run && (child.ended.is_some() || child.state == state) {
            return Ok(());
        }
        if child.ended.is_some() && !self.revive(&child, run)? {
            return Ok(());
        }
        let mut child = Arc::unwrap_or_clone(child);
        child.state = state;
        child.run = run;
        child.ended = None;
        let task = child.task;
        let is_accepted = child.is_accepted;
        self.draft.put_child(child);
        let Some(task) = self.draft.task(task).cloned() else {
            return Ok(());
        };
        if !is_accepted || self.state().is_completed() {
            return Ok(());
        }
        match (task.state, state) {
            (State::Running, State::Paused) => {
                self.draft
                    .change_task(task.id, self.now, |task| task.state = State::Paused);
            }
            (State::Paused, State::Running) if self.draft.tally(task.id).paused == 0 => {
                self.draft
                    .change_task(task.id, self.now, |task| task.state = State::Running);
            }
            _ => {}
        }
        if state == State::Paused {
            self.pause(None);
        } else if self.draft.counts().paused == 0 && self.state() == State::Paused {
            self.resume()?;
        }
        Ok(())
    }

    /// A sub-workflow that had ended goes on, since a task of it is run again: its task goes on too, and the execution.
    /// Whether they may.
    fn revive(&mut self, child: &Child, run: u32) -> Result<bool, Needed> {
        let Some(task) = self.draft.task(child.task).cloned() else {
            return Ok(false);
        };
        let may = |state: State| matches!(state, State::Error | State::Cancelled);
        let is_open = may(task.state) || !task.state.is_completed();
        if run <= child.run || !child.is_accepted || !is_open || !self.reopen() {
            return Ok(false);
        }
        let mut revived = child.clone();
        revived.ended = None;
        revived.state = State::Running;
        self.draft.put_child(revived);
        if may(task.state) {
            self.draft.change_task(task.id, self.now, |task| {
                task.state = State::Running;
                task.state_info = None;
                task.processed = false;
                task.followed = 0;
                task.error_handled = false;
                task.finished_at = None;
            });
        }
        self.catch_up(true)?;
        Ok(true)
    }
}

/// Why a run did not end well, as far as there is something to say.
fn reason(id: ChildId, ended: &Ended) -> Option<String> {
    let mut result: Value = ended.result.to().unwrap_or_default();
    if let ChildId::Workflow(_) = id {
        // The output of a sub-workflow that ended badly has the reason among its members.
        result = result
            .get_mut("result")
            .map(Value::take)
            .unwrap_or_default();
    }
    is_true(&result).then(|| plain(result))
}
