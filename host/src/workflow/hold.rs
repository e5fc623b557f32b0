//! An execution is held, and goes on.

use super::{Child, ChildId, Command, Needed, scope::Halt, step::Step};
use crate::domain::{State, TaskExecution};

impl Step<'_, '_, '_, '_> {
    /// Holds the execution and its sub-workflows: nothing new is begun.
    pub(super) fn pause(&mut self, reason: Option<String>) {
        if !matches!(self.state(), State::Idle | State::Running) {
            return;
        }
        self.draft.change_execution(self.now, |execution| {
            execution.state = State::Paused;
            execution.state_info = reason;
        });
        self.move_sub_workflows(State::Paused);
        self.tell_parent();
    }

    /// Lets the execution and its sub-workflows go on, and does what was left while it was held.
    pub(super) fn resume(&mut self) -> Result<(), Needed> {
        if self.state() != State::Paused {
            return Ok(());
        }
        self.draft.change_execution(self.now, |execution| {
            execution.state = State::Running;
            execution.state_info = None;
        });
        self.move_sub_workflows(State::Running);
        self.tell_parent();
        if self.draft.counts().tasks == 0 {
            return match self.begin_workflow() {
                Ok(()) => Ok(()),
                Err(Halt::Needed(needed)) => Err(needed),
                Err(Halt::Fault(message) | Halt::Failed(message)) => {
                    self.stop(State::Error, Some(message))
                }
            };
        }
        self.catch_up(false)
    }

    /// Does what was left while the execution was held. Of one that had ended and was reopened, tasks that its end cut
    /// off are run again.
    pub(super) fn catch_up(&mut self, is_reopened: bool) -> Result<(), Needed> {
        for id in self.draft.live() {
            // A task before may have held or ended the execution again.
            if self.state() != State::Running {
                return Ok(());
            }
            let Some(task) = self.draft.task(id).cloned() else {
                continue;
            };
            match task.state {
                State::Idle => self.run(id)?,
                State::Delayed if task.policies.is_due => self.go_on_or_wait(id)?,
                State::Waiting => self.decide(id)?,
                State::Running => self.catch_up_items(&task)?,
                State::Cancelled if is_reopened && !task.processed => {
                    self.run_again(&task, true)?;
                }
                State::Success | State::Error | State::Skipped | State::Cancelled => {
                    self.follow(id, true)?;
                }
                State::Delayed | State::Paused => {}
            }
        }
        Ok(())
    }

    /// Starts items that were left.
    pub(super) fn catch_up_items(&mut self, task: &TaskExecution) -> Result<(), Needed> {
        match self.draft.spec_of(task) {
            Some(spec) if task.items.is_some() => {
                let advanced = self.advance_items(task.id, spec);
                self.settle_halt(task.id, "run task", advanced)
            }
            Some(_) | None => Ok(()),
        }
    }

    fn move_sub_workflows(&mut self, state: State) {
        for id in self.draft.live() {
            for child in self.draft.children_of(id) {
                if child.is_accepted
                    && child.ended.is_none()
                    && let ChildId::Workflow(_) = child.id
                {
                    let command = Command::MoveChild(child.id, state);
                    self.draft.changes.commands.push(command);
                    if (child.state, state) == (State::Paused, State::Running) {
                        self.expect_to_go_on(&child);
                    }
                }
            }
        }
    }

    /// A sub-workflow is told to go on: when it says that it is held, that is another time.
    fn expect_to_go_on(&mut self, child: &Child) {
        self.draft.put_child(Child {
            state: State::Running,
            ..child.clone()
        });
        if self.draft.tally(child.task).paused == 0 {
            self.draft.change_task(child.task, self.now, |task| {
                if task.state == State::Paused {
                    task.state = State::Running;
                }
            });
        }
    }

    /// The execution's parent is to know that its state is another one.
    pub(super) fn tell_parent(&mut self) {
        if self.draft.execution().parent.is_some() {
            self.draft.changes.commands.push(Command::TellParent);
        }
    }
}
