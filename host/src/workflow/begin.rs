//! How a task begins: it is made, what its policies put before it is done, and its runs are started.

use std::time::Duration;

use super::{Command, Needed, scope::Halt, step::Step};
use crate::{
    domain::{
        Inbound, Policies, State, TaskExecution, TaskExecutionId, TaskKind, TimeLimit, Timer,
        TimerKind,
    },
    lang::Callee,
};

impl Step<'_, '_, '_, '_> {
    /// Makes a task of this name and runs it.
    pub(super) fn begin(&mut self, name: &str, inbound: Vec<Inbound>) -> Result<(), Halt> {
        match self.create(name, State::Idle, inbound)? {
            Some(id) => Ok(self.run(id)?),
            None => Ok(()),
        }
    }

    /// Makes a task of this name; none when the execution may have no more, and so has ended.
    pub(super) fn create(
        &mut self,
        name: &str,
        state: State,
        inbound: Vec<Inbound>,
    ) -> Result<Option<TaskExecutionId>, Halt> {
        let most = self.moment.limits.tasks;
        if self.draft.counts().tasks >= most {
            let message = format!(
                "An execution may have at most {most} tasks: [engine] tasks_per_execution = {most}"
            );
            self.stop(State::Error, Some(message))?;
            return Ok(None);
        }
        let Some((name, spec)) = self.draft.spec().tasks.get_key_value(name) else {
            return Err(Halt::Fault(format!("Task '{name}' not found.")));
        };
        let id = TaskExecutionId::from((self.moment.new_id)());
        let execution = self.draft.execution();
        let task = TaskExecution {
            id,
            project_id: execution.project_id.clone(),
            execution_id: execution.id,
            workflow_id: execution.workflow_id,
            workflow_name: execution.workflow_name.clone(),
            workflow_namespace: execution.workflow_namespace.clone(),
            name: name.clone(),
            kind: match spec.callee {
                Callee::Action(_) => TaskKind::Action,
                Callee::Workflow(_) => TaskKind::Workflow,
            },
            tags: spec.tags.clone(),
            state,
            state_info: None,
            published: crate::domain::JsonText::from_value(&serde_json::json!({})),
            published_global: crate::domain::JsonText::from_value(&serde_json::json!({})),
            processed: false,
            followed: 0,
            error_handled: false,
            inbound,
            items: None,
            policies: Policies::default(),
            started_at: None,
            finished_at: None,
            created_at: self.now,
            updated_at: None,
        };
        self.draft.add_task(task);
        Ok(Some(id))
    }

    /// Runs a task that has not begun. One of an execution that is held begins when it is resumed, one for which the
    /// commit has no room after it.
    pub(super) fn run(&mut self, id: TaskExecutionId) -> Result<(), Needed> {
        let is_idle = self
            .draft
            .task(id)
            .is_some_and(|task| task.state == State::Idle);
        if !is_idle || self.state() != State::Running || !self.has_room() {
            return Ok(());
        }
        let now = self.now;
        self.draft.change_task(id, now, |task| {
            task.state = State::Running;
            task.state_info = None;
            task.started_at = Some(now);
        });
        let ran = match self.before(id) {
            Ok(true) => self.start_runs(id),
            Ok(false) => Ok(()),
            Err(halt) => Err(halt),
        };
        self.settle_halt(id, "run task", ran)
    }

    /// Whether the commit may begin another run.
    pub(super) fn has_room(&mut self) -> bool {
        self.draft.has_room(self.moment.limits.begins)
    }

    /// Begins what a commit before had no room for.
    pub(super) fn begin_more(&mut self) -> Result<(), Needed> {
        for id in self.draft.live() {
            let Some(task) = self.draft.task(id).cloned() else {
                continue;
            };
            match task.state {
                State::Idle => self.run(id)?,
                State::Delayed if task.policies.is_due => self.go_on_or_wait(id)?,
                State::Running => self.catch_up_items(&task)?,
                State::Waiting
                | State::Delayed
                | State::Paused
                | State::Success
                | State::Error
                | State::Cancelled
                | State::Skipped => {}
            }
        }
        Ok(())
    }

    /// Does what the policies put before a task; whether it may begin now.
    fn before(&mut self, id: TaskExecutionId) -> Result<bool, Halt> {
        let Some(task) = self.draft.task(id).cloned() else {
            return Ok(false);
        };
        let Some(spec) = self.draft.spec_of(&task) else {
            return Ok(false);
        };
        if task.policies.is_before_done {
            return Ok(true);
        }
        let holds = self.is_asked(id, spec.pause_before.as_ref(), "pause-before")?;
        let wait = self.seconds(id, spec.wait_before.as_ref(), "wait-before")?;
        // What cannot be evaluated after the task is found out before it.
        self.seconds(id, spec.wait_after.as_ref(), "wait-after")?;
        self.limit_time(id)?;
        if holds {
            self.draft.change_task(id, self.now, |task| {
                task.state = State::Idle;
                task.state_info = Some("Set by 'pause-before' policy".to_owned());
                task.policies.is_before_done = true;
            });
            self.pause(None);
            return Ok(false);
        }
        if wait > 0 {
            self.draft.change_task(id, self.now, |task| {
                task.state = State::Delayed;
                task.state_info = Some(format!("Delayed by 'wait-before' policy [delay={wait}]"));
            });
            self.set_timer(id, TimerKind::WaitBefore, Duration::from_secs(wait));
            return Ok(false);
        }
        self.draft.change_task(id, self.now, |task| {
            task.policies.is_before_done = true;
        });
        Ok(true)
    }

    /// Starts a task after the time that it waited for: of `wait-before`, or between two tries.
    pub(super) fn go_on(&mut self, id: TaskExecutionId) -> Result<(), Needed> {
        self.draft.change_task(id, self.now, |task| {
            task.state = State::Running;
            task.state_info = None;
            task.policies.is_before_done = true;
            task.policies.is_due = false;
        });
        let limited = match self.draft.task(id) {
            Some(task) if task.policies.time_limit.is_none() => self.limit_time(id),
            _ => Ok(()),
        };
        let ran = limited.and_then(|()| self.start_runs(id));
        self.settle_halt(id, "run task", ran)
    }

    /// Sets the time that `timeout` gives.
    fn limit_time(&mut self, id: TaskExecutionId) -> Result<(), Halt> {
        let Some(task) = self.draft.task(id).cloned() else {
            return Ok(());
        };
        let timeout = self
            .draft
            .spec_of(&task)
            .and_then(|spec| spec.timeout.as_ref());
        let secs = self.seconds(id, timeout, "timeout")?;
        if secs > 0 {
            let since = self.now;
            self.draft.change_task(id, since, |task| {
                task.policies.time_limit = Some(TimeLimit { secs, since });
            });
            self.set_timer(id, TimerKind::Timeout, Duration::from_secs(secs));
        }
        Ok(())
    }

    /// What `timeout` leaves a task.
    pub(super) fn time_left(&self, task: &TaskExecution) -> Option<Duration> {
        let limit = task.policies.time_limit?;
        Some(Duration::from_secs(limit.secs).saturating_sub(self.now.since(limit.since)))
    }

    pub(super) fn set_timer(&mut self, id: TaskExecutionId, kind: TimerKind, after: Duration) {
        let Some(task) = self.draft.task(id) else {
            return;
        };
        let timer = Timer {
            task_execution_id: id,
            kind,
            generation: task.policies.generation,
        };
        let command = Command::SetTimer(timer, after);
        self.draft.changes.commands.push(command);
    }

    fn start_runs(&mut self, id: TaskExecutionId) -> Result<(), Halt> {
        let Some(task) = self.draft.task(id).cloned() else {
            return Ok(());
        };
        match self.draft.spec_of(&task) {
            Some(spec) if spec.with_items.is_empty() => self.start_run(&task, spec, None),
            Some(spec) => self.start_items(&task, spec),
            None => Ok(()),
        }
    }
}
