//! One step: takes an event, then does what follows from it until nothing more does.

use std::collections::VecDeque;

use super::{Draft, Event, Moment, Needed, scope::Halt, stop::REASON_BYTES, text::cut};
use crate::{
    domain::{State, TaskExecutionId, Timestamp},
    lang::WorkflowKind,
};

/// A step under way.
pub(super) struct Step<'d, 'b, 'm, 'a> {
    pub(super) draft: &'d mut Draft<'b>,
    pub(super) moment: &'m mut Moment<'a>,
    pub(super) now: Timestamp,
    /// Tasks that have ended, of which something may follow.
    pub(super) ended: VecDeque<TaskExecutionId>,
    /// Joins that were made, of which some can perhaps never begin.
    pub(super) joins: VecDeque<TaskExecutionId>,
    /// Steps that evaluations took so far.
    pub(super) spent: u64,
    /// Bytes of inputs that runs were begun with so far.
    pub(super) given: usize,
}

impl<'d, 'b, 'm, 'a> Step<'d, 'b, 'm, 'a> {
    pub(super) fn new(draft: &'d mut Draft<'b>, moment: &'m mut Moment<'a>) -> Self {
        Self {
            now: moment.now,
            draft,
            moment,
            ended: VecDeque::new(),
            joins: VecDeque::new(),
            spent: 0,
            given: 0,
        }
    }

    /// Does all that follows from `event`.
    pub(super) fn take(mut self, event: &Event) -> Result<(), Needed> {
        match event {
            Event::Start => self.start()?,
            Event::BeginMore => self.begin_more()?,
            Event::ChildEnded(id, ended) => self.child_ended(*id, ended)?,
            Event::ChildMoved(id, state, run) => self.child_moved(*id, *state, *run)?,
            Event::Due(timer) => self.due(*timer)?,
            Event::DeadlinePassed => self.deadline_passed()?,
            Event::Pause => self.pause(None),
            Event::Resume => self.resume()?,
            Event::Stop(state, reason) => self.stop(*state, reason.clone())?,
            Event::Rerun { task, reset } => self.rerun(*task, *reset)?,
            Event::Skip { task } => self.skip(*task)?,
        }
        self.settle()
    }

    fn start(&mut self) -> Result<(), Needed> {
        let state = self.draft.execution().state;
        // One that was paused before it began begins when it is resumed.
        if self.draft.counts().tasks > 0 || !matches!(state, State::Idle | State::Running) {
            return Ok(());
        }
        self.draft
            .change_execution(self.now, |execution| execution.state = State::Running);
        match self.begin_workflow() {
            Ok(()) => Ok(()),
            Err(Halt::Needed(needed)) => Err(needed),
            Err(Halt::Fault(message) | Halt::Failed(message)) => {
                self.stop(State::Error, Some(message))
            }
        }
    }

    /// Evaluates the variables and begins the first tasks.
    pub(super) fn begin_workflow(&mut self) -> Result<(), Halt> {
        self.evaluate_vars()?;
        match self.draft.spec().kind {
            WorkflowKind::Direct => self.begin_direct(),
            WorkflowKind::Reverse => self.begin_reverse(),
        }
    }

    fn settle(&mut self) -> Result<(), Needed> {
        loop {
            if self.draft.execution().state != State::Running {
                return Ok(());
            }
            if let Some(task) = self.ended.pop_front() {
                self.follow(task, false)?;
                continue;
            }
            if let Some(join) = self.joins.pop_front() {
                self.decide(join)?;
                continue;
            }
            let unfinished = self.draft.counts().unfinished as usize;
            if unfinished == 0 {
                return self.finish();
            }
            if self.draft.waiting().len() < unfinished {
                return Ok(());
            }
            self.give_up()?;
        }
    }

    /// Does what follows from the end of a task.
    pub(super) fn follow(&mut self, id: TaskExecutionId, is_resumed: bool) -> Result<(), Needed> {
        let Some(task) = self.draft.task(id).cloned() else {
            return Ok(());
        };
        if !task.state.is_completed() || task.processed {
            return Ok(());
        }
        let followed = match self.draft.spec().kind {
            WorkflowKind::Direct => self.follow_direct(&task, is_resumed),
            WorkflowKind::Reverse => self.follow_reverse(&task),
        };
        self.settle_halt(id, "handle action completion", followed)
    }

    /// Takes what kept a task from going on: the task ends in ERROR, and the execution with it when the definition is
    /// at fault.
    pub(super) fn settle_halt(
        &mut self,
        id: TaskExecutionId,
        doing: &str,
        outcome: Result<(), Halt>,
    ) -> Result<(), Needed> {
        let outcome = match outcome {
            Err(Halt::Failed(message)) => {
                self.cancel_runs(id);
                self.end_try(id, State::Error, Some(message))
            }
            other => other,
        };
        match outcome {
            Ok(()) => Ok(()),
            Err(Halt::Needed(needed)) => Err(needed),
            Err(Halt::Fault(error) | Halt::Failed(error)) => {
                let name = self.draft.task(id).map(|task| task.name.clone());
                let message = format!(
                    "Failed to {doing} [error={error}, wf={}, task={}]",
                    self.draft.execution().workflow_name,
                    name.unwrap_or_default(),
                );
                let message = cut(message, REASON_BYTES);
                self.draft.change_task(id, self.now, |task| {
                    task.state = State::Error;
                    task.state_info = Some(message.clone());
                    task.processed = true;
                });
                self.stop(State::Error, Some(message))
            }
        }
    }

    /// Where the execution is.
    pub(super) fn state(&self) -> State {
        self.draft.execution().state
    }

    fn deadline_passed(&mut self) -> Result<(), Needed> {
        match self.draft.execution().deadline {
            Some(deadline) if deadline <= self.now => {
                let message = format!("The execution's deadline has passed [deadline={deadline}].");
                self.stop(State::Error, Some(message))
            }
            Some(_) | None => Ok(()),
        }
    }
}
