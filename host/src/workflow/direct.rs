//! What follows in a direct workflow: each task says it for each kind of its end.

use std::sync::Arc;

use serde_json::Value;

use super::{
    scope::{Halt, is_true},
    step::Step,
    text::plain,
};
use crate::{
    domain::{Inbound, State, TaskExecution},
    lang::{Next, Task},
};

/// Something that follows, and held.
struct Following<'a> {
    /// Its place among all that may follow from this end, from 1.
    place: u32,
    clause: &'static str,
    next: &'a Next,
    message: Option<String>,
}

/// What the engine does itself. It comes before a task of its name, as in Mistral.
enum EngineCommand {
    Noop,
    Fail,
    Succeed,
    Pause,
}

impl EngineCommand {
    fn named(name: &str) -> Option<Self> {
        match name {
            "noop" => Some(Self::Noop),
            "fail" => Some(Self::Fail),
            "succeed" => Some(Self::Succeed),
            "pause" => Some(Self::Pause),
            _ => None,
        }
    }
}

impl<'b> Step<'_, 'b, '_, '_> {
    /// Begins the tasks that nothing leads to.
    pub(super) fn begin_direct(&mut self) -> Result<(), Halt> {
        let graph = Arc::clone(&self.draft.base.graph);
        for name in &graph.starts {
            self.begin(name, Vec::new())?;
        }
        Ok(())
    }

    /// Does what follows from the end of `task`. `is_resumed` when it ended before the execution was resumed: a `pause`
    /// does not hold it again.
    pub(super) fn follow_direct(
        &mut self,
        task: &TaskExecution,
        is_resumed: bool,
    ) -> Result<(), Halt> {
        let followings = self.followings(task)?;
        let is_handled =
            task.error_handled || followings.iter().any(|found| found.clause == "on-error");
        let mark = |step: &mut Self, followed: u32, processed: bool| {
            step.draft.change_task(task.id, step.now, |task| {
                task.followed = followed;
                task.processed = processed;
                task.error_handled = is_handled && task.state == State::Error;
            });
        };
        mark(self, 0, true);
        let graph = Arc::clone(&self.draft.base.graph);
        let begins = |name: &Arc<str>| followings.iter().any(|found| found.next.name == *name);
        let not_begun = graph
            .outbound(&task.name)
            .iter()
            .filter(|name| !begins(name));
        let not_begun: Vec<_> = not_begun.collect();
        for found in followings {
            // A task or an engine command before may have ended the execution.
            if self.state().is_completed() {
                return Ok(());
            }
            let name = &found.next.name;
            match EngineCommand::named(name) {
                Some(EngineCommand::Noop) => {}
                Some(EngineCommand::Pause) if is_resumed => {}
                Some(EngineCommand::Pause) => {
                    mark(self, found.place, false);
                    self.pause(found.message);
                    return Ok(());
                }
                Some(EngineCommand::Fail) => self.stop(State::Error, found.message)?,
                Some(EngineCommand::Succeed) => self.stop(State::Success, found.message)?,
                None if self.draft.spec().tasks.contains_key(name) => {
                    let inbound = Inbound {
                        task_execution_id: task.id,
                        clause: found.clause.into(),
                        is_late: false,
                    };
                    self.arrive(name, inbound)?;
                }
                None => return Err(Halt::Fault(format!("Task '{name}' not found."))),
            }
        }
        self.check_joins(&not_begun)
    }

    /// All that follows and was not dealt with before, in order.
    fn followings(&mut self, task: &TaskExecution) -> Result<Vec<Following<'b>>, Halt> {
        let Some(spec) = self.draft.spec_of(task) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        let mut place = 0;
        match task.state {
            State::Success => self.clause("on-success", task, spec, &mut place, &mut found)?,
            State::Error => self.clause("on-error", task, spec, &mut place, &mut found)?,
            State::Skipped => {
                self.clause("on-skip", task, spec, &mut place, &mut found)?;
                if found.is_empty() && task.followed == 0 {
                    self.clause("on-success", task, spec, &mut place, &mut found)?;
                }
            }
            State::Cancelled
            | State::Idle
            | State::Waiting
            | State::Running
            | State::Delayed
            | State::Paused => {}
        }
        if matches!(task.state, State::Success | State::Error) {
            self.clause("on-complete", task, spec, &mut place, &mut found)?;
        }
        Ok(found)
    }

    fn clause(
        &mut self,
        clause: &'static str,
        task: &TaskExecution,
        spec: &'b Task,
        place: &mut u32,
        found: &mut Vec<Following<'b>>,
    ) -> Result<(), Halt> {
        let clauses = match clause {
            "on-success" => &spec.on_success,
            "on-error" => &spec.on_error,
            "on-skip" => &spec.on_skip,
            _ => &spec.on_complete,
        };
        if clauses.next.is_empty() {
            return Ok(());
        }
        let context = self.draft.outbound(task.id);
        let variables = self.draft.variables(Some(task), None, &context);
        for next in &clauses.next {
            *place += 1;
            if *place <= task.followed {
                continue;
            }
            if let Some(guard) = &next.guard {
                let value = self.evaluate(guard, Some(task.id), &variables)?;
                if !is_true(&value) {
                    continue;
                }
            }
            let message = match &next.message {
                Some(message) => Some(self.evaluate(message, Some(task.id), &variables)?),
                None => None,
            };
            found.push(Following {
                place: *place,
                clause,
                next,
                message: message.filter(|value| *value != Value::Null).map(plain),
            });
        }
        Ok(())
    }

    /// A task leads to `name`: that begins, or comes nearer to it.
    fn arrive(&mut self, name: &str, inbound: Inbound) -> Result<(), Halt> {
        let spec = self.draft.spec().tasks.get(name);
        match spec.and_then(|spec| spec.join) {
            Some(join) => self.arrive_at_join(name, join, inbound),
            None => self.begin(name, vec![inbound]),
        }
    }
}
