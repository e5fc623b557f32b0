//! The end of an attempt: what follows for the records from the changes of the steps.

use std::sync::Arc;

use super::attempt::{Attempt, Attempted};
use crate::{
    domain::{Heard, JobId, State, TaskExecution, Timer, TimerKind, Work},
    engine::Error,
    store::Write,
    workflow::{Changes, Child, ChildId, Draft, Lookup},
};

impl Attempt<'_> {
    /// What is to be committed, unless something has to be read first.
    pub(super) fn finish(mut self) -> Result<Attempted, Error> {
        let empty = Draft::new(&self.loaded.snapshot);
        let changes = std::mem::replace(&mut self.draft, empty).into_changes();
        for child in changes.children.values() {
            self.keep_child(child);
        }
        self.drop_timers(&changes);
        self.made.changes = changes;
        self.keep_end()?;
        if !self.missing.is_empty() {
            return Ok(Attempted::Missing(self.missing));
        }
        let modules = self.desk.facts.known.keys();
        self.made.asked = modules
            .filter(|lookup| matches!(lookup, Lookup::Action(_)))
            .cloned()
            .collect();
        Ok(Attempted::Made(Box::new(self.made)))
    }

    /// Keeps with a run what its task has taken of it.
    fn keep_child(&mut self, child: &Child) {
        match child.id {
            ChildId::Action(id) => {
                if !child.is_accepted
                    && let Some(run) = self.action_or_later(id)
                {
                    run.accepted = false;
                }
            }
            ChildId::Workflow(id) => {
                let heard = Heard {
                    run: child.run,
                    state: child.state,
                    is_accepted: child.is_accepted,
                };
                if let Some((run, _)) = self.made.executions.get_mut(&id) {
                    run.heard = heard;
                    return;
                }
                let Ok(Some(run)) = self.execution(id) else {
                    return;
                };
                if run.heard != heard {
                    let mut run = run.clone();
                    run.heard = heard;
                    let kept = self.desk.executions.get(&id).and_then(Option::as_ref);
                    let version = kept.map_or(0, |kept| kept.version);
                    self.made.executions.insert(id, (run, version));
                }
            }
        }
    }

    /// Takes away the timers that tasks do not wait for any more.
    fn drop_timers(&mut self, changes: &Changes) {
        let execution = self.loaded.snapshot.execution.id;
        for task in changes.tasks.values() {
            let Some(before) = self.loaded.snapshot.tasks().get(&task.id) else {
                continue;
            };
            for kind in timers(before) {
                let timer = |task: &TaskExecution| Timer {
                    task_execution_id: task.id,
                    kind,
                    generation: task.policies.generation,
                };
                let waits = timers(task).any(|waits| waits == kind);
                if !waits || timer(before) != timer(task) {
                    let id: JobId = Work::WakeTask(execution, timer(before)).job_id();
                    // First: the same commit may set it anew.
                    self.made.jobs.insert(0, Write::CancelJob(id));
                }
            }
        }
    }

    /// What follows for the record from its end, or from going on after it.
    fn keep_end(&mut self) -> Result<(), Error> {
        let before = &self.loaded.snapshot.execution;
        if let Some(change) = &self.desk.root {
            change.apply(self.engine, before, &mut self.made)?;
        }
        let Some(execution) = &mut self.made.changes.execution else {
            return Ok(());
        };
        let (id, state, deadline) = (execution.id, execution.state, execution.deadline);
        if state.is_completed() && execution.target.is_some() {
            Arc::make_mut(execution).target = None;
        }
        let Some(deadline) = deadline.filter(|_| execution.parent.is_none()) else {
            return Ok(());
        };
        let is_new = self.loaded.version == 0;
        if !state.is_completed() && (is_new || before.state.is_completed()) {
            self.engine.wake_at(deadline);
            self.add_job(Work::EndExecution(id), deadline);
        } else if state.is_completed() && !is_new {
            let id = Work::EndExecution(id).job_id();
            self.made.jobs.push(Write::CancelJob(id));
        }
        Ok(())
    }
}

/// The times that a task waits for.
fn timers(task: &TaskExecution) -> impl Iterator<Item = TimerKind> + use<> {
    let policies = &task.policies;
    let is_under_way = !task.state.is_completed();
    let waits = match (task.state, policies.state_after) {
        (State::Delayed, Some(_)) => Some(TimerKind::WaitAfter),
        (State::Delayed, None) if policies.is_before_done => Some(TimerKind::Retry),
        (State::Delayed, None) => Some(TimerKind::WaitBefore),
        _ => None,
    };
    let timeout = policies.time_limit.filter(|_| is_under_way);
    waits.into_iter().chain(timeout.map(|_| TimerKind::Timeout))
}
