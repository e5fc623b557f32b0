//! One attempt to take letters: steps them on one draft and collects what is to be written. Waits for nobody; what has to
//! be read first it asks for, and is made again.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use serde_json::Value;
use uuid::Uuid;

use super::{
    Cause, Content, UpdateExecution,
    letter::{ActionEnd, Letter},
    load::{Loaded, child_of_action},
};
use crate::{
    domain::{
        ActionExecution, ActionExecutionId, Job, JobId, JsonText, State, TaskExecutionId,
        Timestamp, Work, WorkflowExecution, WorkflowExecutionId,
    },
    engine::{Engine, Error, UpdateAction},
    expr,
    store::{Kept, KeptJournal, Write},
    workflow::{
        ActionFacts, Changes, Child, ChildId, Command, Draft, Ended, Event, Fact, Facts, Lookup,
        Moment,
    },
};

/// What was read for an attempt, as it was read; none where there is no such record.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub(super) facts: Facts,
    pub(super) actions: HashMap<ActionExecutionId, Option<Kept<ActionExecution>>>,
    pub(super) executions: HashMap<WorkflowExecutionId, Option<Kept<WorkflowExecution>>>,
    /// What changes in what holds for the whole tree.
    pub(super) root: Option<super::prepare::RootChange>,
}

impl Desk {
    /// Whether an action is an ad-hoc one, which may have expressions of its own.
    pub(super) fn has_ad_hoc(&self) -> bool {
        let is_ad_hoc = |fact: &Fact| matches!(fact, Fact::Action(ActionFacts::AdHoc { .. }));
        self.facts.known.values().any(is_ad_hoc)
    }
}

/// What has to be read first.
#[derive(Debug, Default)]
pub(super) struct Missing {
    pub(super) lookups: Vec<Lookup>,
    pub(super) calls: Vec<expr::Call>,
    pub(super) actions: HashSet<ActionExecutionId>,
    pub(super) executions: HashSet<WorkflowExecutionId>,
}

impl Missing {
    pub(super) fn is_empty(&self) -> bool {
        self.lookups.is_empty() && self.actions.is_empty() && self.executions.is_empty()
    }
}

/// What an attempt came to.
pub(super) enum Attempted {
    /// It has to read first.
    Missing(Missing),
    /// It is to be committed.
    Made(Box<Made>),
}

/// What is to be committed.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) changes: Changes,
    /// Action executions that are new, with version 0, or others.
    pub(super) actions: BTreeMap<ActionExecutionId, (ActionExecution, u64)>,
    /// Executions besides the stepped one.
    pub(super) executions: BTreeMap<WorkflowExecutionId, (WorkflowExecution, u64)>,
    pub(super) jobs: Vec<Write>,
    pub(super) journals: Vec<KeptJournal>,
    /// Runs that have ended by this, and may be under way here.
    pub(super) cancelled: Vec<ActionExecutionId>,
    /// The letters that were refused, by their places.
    pub(super) refused: Vec<(usize, Error)>,
    /// What was asked of modules, to be answered before the next attempt asks.
    pub(super) asked: Vec<Lookup>,
}

/// An attempt under way.
pub(super) struct Attempt<'a> {
    pub(super) engine: &'a Engine,
    pub(super) loaded: &'a Loaded,
    pub(super) desk: &'a Desk,
    pub(super) draft: Draft<'a>,
    pub(super) made: Made,
    pub(super) missing: Missing,
    pub(super) now: Timestamp,
}

/// The attempt cannot go on before something was read.
pub(super) struct Halted;

impl<'a> Attempt<'a> {
    /// Takes `letters`.
    pub(super) fn make(
        engine: &'a Engine,
        loaded: &'a Loaded,
        letters: &[Letter],
        desk: &'a Desk,
    ) -> Result<Attempted, Error> {
        let mut attempt = Self {
            engine,
            loaded,
            desk,
            draft: Draft::new(&loaded.snapshot),
            made: Made {
                changes: Changes::default(),
                actions: BTreeMap::new(),
                executions: BTreeMap::new(),
                jobs: Vec::new(),
                journals: Vec::new(),
                cancelled: Vec::new(),
                refused: Vec::new(),
                asked: Vec::new(),
            },
            missing: Missing::default(),
            now: engine.clock.now(),
        };
        for (place, letter) in letters.iter().enumerate() {
            match attempt.take(&letter.content) {
                Ok(Ok(())) => {}
                Ok(Err(refusal)) => attempt.made.refused.push((place, refusal)),
                Err(Halted) => return Ok(Attempted::Missing(attempt.missing)),
            }
        }
        attempt.finish()
    }

    fn take(&mut self, content: &Content) -> Result<Result<(), Error>, Halted> {
        match content {
            Content::Event(event) => self.feed(event.clone())?,
            Content::ActionEnded(end) => return self.take_end(end),
            Content::ActionUpdated(id, update) => return self.take_update(*id, update),
            Content::ActionChanged(id) => {
                let child = self.action(*id)?.and_then(|run| child_of_action(run));
                if let Some(child) = child {
                    self.feed(event_of(child))?;
                }
            }
            Content::SubWorkflowChanged(id) => {
                let event = self.execution(*id)?.map(event_of_execution);
                if let Some(event) = event {
                    self.feed(event)?;
                }
            }
            Content::Update(UpdateExecution::Pause) => self.feed(Event::Pause)?,
            Content::Update(UpdateExecution::Resume(_)) => self.feed(Event::Resume)?,
            Content::Update(UpdateExecution::Stop(state, reason)) => {
                self.feed(Event::Stop(*state, reason.clone()))?;
            }
            // Of the record alone: `prepare` has it.
            Content::Update(UpdateExecution::Describe(..)) => {}
            Content::Rerun(task, rerun) => self.feed(Event::Rerun {
                task: *task,
                reset: rerun.reset,
            })?,
            Content::Skip(task, _) => self.feed(Event::Skip { task: *task })?,
        }
        Ok(Ok(()))
    }

    /// Steps `event`, and carries out what follows from it.
    fn feed(&mut self, event: Event) -> Result<(), Halted> {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let mut new_id = Uuid::now_v7;
            let settings = &self.engine.settings;
            let mut moment = Moment {
                now: self.now,
                new_id: &mut new_id,
                bounds: settings.bounds(),
                limits: settings.execution_limits(),
                facts: &self.desk.facts,
            };
            if let Err(needed) = self.draft.step(&event, &mut moment) {
                self.missing.lookups.extend(needed.lookups);
                self.missing.calls.extend(needed.calls);
                return Err(Halted);
            }
            for command in self.draft.take_commands() {
                events.extend(self.carry_out(command)?);
            }
        }
        Ok(())
    }

    /// Carries out a command; what follows at once is an event.
    fn carry_out(&mut self, command: Command) -> Result<Option<Event>, Halted> {
        let id = self.loaded.snapshot.execution.id;
        match command {
            Command::StartAction { .. } => return Ok(self.begin_action(command)),
            Command::StartWorkflow { .. } => self.begin_sub_workflow(command),
            Command::BeginMore => self.add_job(Work::BeginMore(id), self.now),
            Command::SetTimer(timer, after) => {
                let due_at = self.now.after(after);
                self.engine.wake_at(due_at);
                self.add_job(Work::WakeTask(id, timer), due_at);
            }
            Command::MoveChild(ChildId::Action(run), State::Cancelled) => {
                return self.cancel_action(run);
            }
            // Actions are held and resumed by those who complete them.
            Command::MoveChild(ChildId::Action(_), _) => {}
            Command::MoveChild(ChildId::Workflow(run), state) => {
                self.add_job(Work::ChangeExecution(run, state), self.now);
            }
            Command::ForgetResult(run) => {
                if let Some(run) = self.action_or_later(run) {
                    run.forget_result();
                }
            }
            Command::TellParent => {
                if let Some(parent) = self.loaded.snapshot.execution.parent {
                    let work = Work::SubWorkflowChanged(parent.execution_id, id);
                    self.add_job(work, self.now);
                }
            }
        }
        Ok(None)
    }

    /// Ends a run of an action that is under way.
    fn cancel_action(&mut self, id: ActionExecutionId) -> Result<Option<Event>, Halted> {
        let now = self.now;
        let Some(run) = self.action_or_later(id) else {
            return Ok(None);
        };
        if !run.state().is_completed() && run.update(State::Cancelled, None, now).is_ok() {
            self.end_job(id);
        }
        let child = self
            .action_or_later(id)
            .and_then(|run| child_of_action(run));
        Ok(child.map(event_of))
    }

    /// A run ended by somebody else than itself: one that is under way here ends its job itself, with its journal.
    fn end_job(&mut self, id: ActionExecutionId) {
        if !self.engine.running.has(id) {
            self.made.jobs.push(Write::CancelJob(id.into()));
        }
        self.made.cancelled.push(id);
    }

    /// A run has ended. Whoever completed it before wins; then only its journal is kept.
    fn take_end(&mut self, end: &ActionEnd) -> Result<Result<(), Error>, Halted> {
        let now = self.now;
        let Some(run) = self.action(end.id)? else {
            // It was deleted.
            return Ok(Ok(()));
        };
        let was_under_way = !run.state().is_completed();
        if was_under_way {
            if let Some(journal) = &end.journal {
                run.take_report(journal);
            }
            if let Err(transition) = run.complete(&end.outcome, now) {
                return Ok(Err(transition.into()));
            }
        }
        let (child, run) = (child_of_action(run), run.clone());
        if let Some(journal) = &end.journal {
            match self.engine.kept_journal(&run, journal) {
                Ok(journal) => self.made.journals.extend(journal),
                Err(err) => return Ok(Err(err)),
            }
        }
        if let Some(child) = child.filter(|_| was_under_way) {
            self.feed(event_of(child))?;
        }
        Ok(Ok(()))
    }

    fn take_update(
        &mut self,
        id: ActionExecutionId,
        update: &UpdateAction,
    ) -> Result<Result<(), Error>, Halted> {
        let (engine, now) = (self.engine, self.now);
        let Some(run) = self.action(id)? else {
            return Ok(Err(Error::NotFound(format!(
                "ActionExecution not found [id={id}]"
            ))));
        };
        if let Err(refusal) = engine.update_run(run, update, now) {
            return Ok(Err(refusal));
        }
        let is_completed = run.state().is_completed();
        let child = child_of_action(run);
        if is_completed {
            self.end_job(id);
        }
        if let Some(child) = child {
            self.feed(event_of(child))?;
        }
        Ok(Ok(()))
    }

    /// The record of an action execution, to be changed; asks for it when it was not read.
    fn action(&mut self, id: ActionExecutionId) -> Result<Option<&mut ActionExecution>, Halted> {
        if !self.made.actions.contains_key(&id) {
            match self.desk.actions.get(&id) {
                Some(Some(kept)) => {
                    let changed = (kept.entity.clone(), kept.version);
                    self.made.actions.insert(id, changed);
                }
                Some(None) => return Ok(None),
                None => {
                    self.missing.actions.insert(id);
                    return Err(Halted);
                }
            }
        }
        Ok(self.made.actions.get_mut(&id).map(|(run, _)| run))
    }

    /// The same; one that was not read is asked for, and the attempt goes on, to ask for all of them at once.
    pub(super) fn action_or_later(
        &mut self,
        id: ActionExecutionId,
    ) -> Option<&mut ActionExecution> {
        self.action(id).ok().flatten()
    }

    pub(super) fn execution(
        &mut self,
        id: WorkflowExecutionId,
    ) -> Result<Option<&WorkflowExecution>, Halted> {
        match self.desk.executions.get(&id) {
            Some(kept) => Ok(kept.as_ref().map(|kept| &kept.entity)),
            None => {
                self.missing.executions.insert(id);
                Err(Halted)
            }
        }
    }

    /// The name of a task.
    pub(super) fn task_name(&self, id: TaskExecutionId) -> Arc<str> {
        let task = self.draft.task(id);
        task.map_or_else(|| "".into(), |task| Arc::clone(&task.name))
    }

    pub(super) fn add_job(&mut self, work: Work, due_at: Timestamp) {
        let project = self.loaded.snapshot.execution.project_id.clone();
        let job = Job::only(project, work, due_at);
        self.made.jobs.push(Write::AddJob(job));
    }
}

impl Cause {
    /// Whether it is `job` that causes it.
    pub(super) fn is_job(&self, job: JobId) -> bool {
        matches!(self, Self::Job(own) if own.id == job)
    }
}

/// What a task is told of a run of an action.
pub(super) fn event_of(child: Child) -> Event {
    match child.ended {
        Some(ended) => Event::ChildEnded(child.id, ended),
        None => Event::ChildMoved(child.id, child.state, child.run),
    }
}

/// What a task is told of a sub-workflow.
fn event_of_execution(run: &WorkflowExecution) -> Event {
    let id = ChildId::Workflow(run.id);
    if !run.state.is_completed() {
        return Event::ChildMoved(id, run.state, run.run);
    }
    let null = || JsonText::from_value(&Value::Null);
    let ended = Ended {
        state: run.state,
        result: run.output.clone().unwrap_or_else(null),
        is_retryable: false,
        run: run.run,
    };
    Event::ChildEnded(id, ended)
}
