//! Watching an execution: first how everything is, then what becomes of it, until it has ended.
//!
//! What this host commits comes by its [watchers](super::watchers). What another host commits is found by a look at the
//! store each second: at the [`Turn`] of each execution that has not ended, and at its records when that is another.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::sync::broadcast::error::RecvError;
use uuid::Uuid;

use super::{
    Engine, Error,
    settings::DEEPEST,
    watchers::{Change, Seat},
};
use crate::{
    domain::{
        ActionExecution, ActionExecutionId, LogLine, Operation, RequestTrace, Seen, Sight, State,
        TaskExecution, Timestamp, WorkflowExecution, WorkflowExecutionId,
    },
    store::{self, Entity as _, KeptJournal, Turn},
};

/// How long after a look at the journals of runs under way the next one is.
const LOOK: Duration = Duration::from_millis(200);
/// How long after a look at the store the next one is.
const POLL: Duration = Duration::from_secs(1);
/// What was committed so long before the last thing that a listener heard is told again: commits of several executions
/// are told in another order than they happened in.
const OVERLAP_MS: i64 = 2_000;

/// What a listener is told.
#[derive(Debug, Clone)]
pub enum Watched {
    /// Something is in another state.
    Changed(Change),
    /// A run of an action logged something.
    Log(ActionExecutionId, LogLine),
    /// A run of an action asked something, and has the answer.
    Request(ActionExecutionId, RequestTrace),
    /// The listener was too slow: what it missed follows as it is by now.
    Lagged,
}

/// One thing that a listener is told.
#[derive(Debug, Clone)]
pub struct Told {
    /// What.
    pub what: Watched,
    /// Everything until then was told; where to go on when the connection breaks off.
    pub upto: Option<Timestamp>,
}

/// One listener.
pub struct Watch {
    engine: Arc<Engine>,
    seat: Seat,
    top: Arc<WorkflowExecution>,
    /// Whether it hears what runs say.
    is_own: bool,
    /// It heard what was before.
    since: Option<Timestamp>,
    /// What is to be read next, last first.
    todo: Vec<Step>,
    ready: VecDeque<Told>,
    /// The state in which each thing was told.
    told: HashMap<Uuid, Stamp>,
    executions: HashMap<WorkflowExecutionId, Known>,
    runs: HashMap<ActionExecutionId, Run>,
    /// The end of the watched execution, which is told last.
    end: Option<Arc<WorkflowExecution>>,
    /// Whether how everything was has been told.
    is_settled: bool,
    is_over: bool,
    looked_at: Timestamp,
    polled_at: Timestamp,
}

type Stamp = (State, Timestamp);

/// One bounded read.
enum Step {
    /// An execution, and then what is directly below it.
    Execution(WorkflowExecutionId),
    Tasks(WorkflowExecutionId, Option<Uuid>),
    Actions(WorkflowExecutionId, Option<Uuid>),
    /// The sub-executions: those that are not known, or all.
    Below {
        after: Option<Uuid>,
        all: bool,
    },
}

/// An execution at or below the watched one.
#[derive(Default)]
struct Known {
    turn: u64,
    is_ended: bool,
    /// Whether this host told of it since the last look at the store.
    is_near: bool,
}

/// A run under way.
#[derive(Default)]
struct Run {
    seen: Seen,
    /// Whether it was seen on this host.
    was_here: bool,
}

impl Engine {
    /// Watches an execution of the caller's, or anybody's where they reach beyond their project; then without what runs
    /// say. Goes on after `since`, if it is given.
    ///
    /// # Errors
    /// When there is none, or it is out of reach.
    pub async fn watch(
        self: &Arc<Self>,
        op: &Operation,
        id: WorkflowExecutionId,
        sight: Sight,
        since: Option<Timestamp>,
    ) -> Result<Watch, Error> {
        let top = self.execution(op, id, sight).await?;
        // Before anything is read: what changes meanwhile comes twice rather than never.
        let seat = self.watchers.sit(top.root_id());
        let now = self.clock.now();
        Ok(Watch {
            engine: Arc::clone(self),
            seat,
            is_own: top.project_id == op.project_id,
            top: Arc::new(top),
            since: since
                .map(|time| Timestamp::from_unix_ms(time.unix_ms().saturating_sub(OVERLAP_MS))),
            todo: vec![Step::everything(), Step::Execution(id)],
            ready: VecDeque::new(),
            told: HashMap::new(),
            executions: HashMap::new(),
            runs: HashMap::new(),
            end: None,
            is_settled: false,
            is_over: false,
            looked_at: now,
            polled_at: now,
        })
    }
}

impl Watch {
    /// What is to be told next; none after the end.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn next(&mut self) -> Result<Option<Told>, Error> {
        loop {
            if let Some(told) = self.ready.pop_front() {
                return Ok(Some(told));
            }
            if self.is_over {
                return Ok(None);
            }
            if let Some(step) = self.todo.pop() {
                self.read(step).await?;
                continue;
            }
            self.is_settled = true;
            if let Some(end) = self.end.take() {
                self.look().await?;
                self.push(Watched::Changed(Change::Execution(end)), None);
                self.is_over = true;
                continue;
            }
            self.wait().await?;
        }
    }

    /// Waits for a change, or for the time of the next look.
    async fn wait(&mut self) -> Result<(), Error> {
        let clock = Arc::clone(&self.engine.clock);
        let now = clock.now();
        let look = self.looked_at.after(LOOK);
        let poll = self.polled_at.after(POLL);
        if look <= now && !self.runs.is_empty() {
            self.look().await?;
            if !self.ready.is_empty() {
                return Ok(());
            }
        }
        if poll <= now {
            return self.poll().await;
        }
        let next = if self.runs.is_empty() {
            poll
        } else {
            poll.min(self.looked_at.after(LOOK))
        };
        let closed = self.seat.closed();
        tokio::select! {
            biased;
            () = closed.cancelled() => self.is_over = true,
            change = self.seat.changes.recv() => match change {
                Ok(change) => self.take(change).await?,
                Err(RecvError::Lagged(_)) => {
                    self.push(Watched::Lagged, None);
                    self.read_all_again();
                }
                Err(RecvError::Closed) => self.is_over = true,
            },
            () = clock.sleep(next.since(now)) => {}
        }
        Ok(())
    }

    /// Takes what was committed by this host.
    async fn take(&mut self, change: Change) -> Result<(), Error> {
        let execution = match &change {
            Change::Execution(it) => it.id,
            Change::Task(it) => it.execution_id,
            Change::ActionExecution(it) => match &it.task {
                Some(task) => task.execution_id,
                None => return Ok(()),
            },
        };
        if !self.is_below(execution).await? {
            return Ok(());
        }
        match self.executions.get_mut(&execution) {
            Some(known) => known.is_near = true,
            None => self.todo.push(Step::Execution(execution)),
        }
        self.tell(change).await
    }

    /// Whether it is the watched execution or below it.
    async fn is_below(&self, id: WorkflowExecutionId) -> Result<bool, Error> {
        // All that is told of a root's tree is below it.
        if self.top.parent.is_none() || self.executions.contains_key(&id) {
            return Ok(true);
        }
        let mut id = id;
        for _ in 0..=DEEPEST {
            if id == self.top.id {
                return Ok(true);
            }
            let found = store::find::<WorkflowExecution>(&*self.engine.store, id.uuid()).await?;
            let Some(parent) = found.and_then(|kept| kept.entity.parent) else {
                return Ok(false);
            };
            id = parent.execution_id;
        }
        Ok(false)
    }

    /// Tells of `change`, unless that was told.
    async fn tell(&mut self, change: Change) -> Result<(), Error> {
        let (id, state, time) = match &change {
            Change::Execution(it) => (
                it.id.uuid(),
                it.state,
                it.updated_at.unwrap_or(it.created_at),
            ),
            Change::Task(it) => (
                it.id.uuid(),
                it.state,
                it.updated_at.unwrap_or(it.created_at),
            ),
            Change::ActionExecution(it) => (
                it.id.uuid(),
                it.state(),
                it.updated_at.unwrap_or(it.created_at),
            ),
        };
        let old = self.told.insert(id, (state, time));
        if let Some((old_state, old_time)) = old
            && (old_time > time || (old_state, old_time) == (state, time))
        {
            self.told.insert(id, (old_state, old_time));
            return Ok(());
        }
        let is_news = self.is_settled || self.since.is_none_or(|since| time >= since);
        match &change {
            Change::ActionExecution(run) => self.follow(run, is_news).await?,
            Change::Execution(it) => {
                let known = self.executions.entry(it.id).or_default();
                known.is_ended = state.is_completed();
                if it.id == self.top.id {
                    self.end = None;
                    if state.is_completed() {
                        self.end = Some(Arc::clone(it));
                        if self.is_settled {
                            // The last changes below may be told after it.
                            self.read_all_again();
                        }
                        return Ok(());
                    }
                }
            }
            Change::Task(_) => {}
        }
        if is_news {
            self.push(Watched::Changed(change), Some(time));
        }
        Ok(())
    }

    /// Keeps an eye on the journal of a run under way; tells the rest of one that has ended.
    async fn follow(&mut self, run: &ActionExecution, is_news: bool) -> Result<(), Error> {
        if !self.is_own {
            return Ok(());
        }
        if !run.state().is_completed() {
            self.runs.entry(run.id).or_default();
            return Ok(());
        }
        match self.runs.remove(&run.id) {
            Some(mut followed) => self.tell_kept(run.id, &mut followed.seen).await,
            // What was said before the listener came is in the run's own log.
            None if is_news && (self.is_settled || self.since.is_some()) => {
                self.tell_kept(run.id, &mut Seen::default()).await
            }
            None => Ok(()),
        }
    }

    /// Tells what the kept journal of a run has besides what was seen.
    async fn tell_kept(&mut self, id: ActionExecutionId, seen: &mut Seen) -> Result<(), Error> {
        let store = &*self.engine.store;
        if let Some(kept) = store::find::<KeptJournal>(store, id.uuid()).await? {
            let page = self.engine.open_journal(&kept.entity)?;
            self.say(id, seen.rest_of(page));
        }
        Ok(())
    }

    /// Tells what a run said.
    fn say(&mut self, id: ActionExecutionId, (lines, requests): (Vec<LogLine>, Vec<RequestTrace>)) {
        let since = self.since.filter(|_| !self.is_settled);
        let is_news = |at: Timestamp| since.is_none_or(|since| at >= since);
        for line in lines.into_iter().filter(|line| is_news(line.at)) {
            let at = line.at;
            self.push(Watched::Log(id, line), Some(at));
        }
        for trace in requests.into_iter().filter(|trace| is_news(trace.at)) {
            let at = trace.at;
            self.push(Watched::Request(id, trace), Some(at));
        }
    }

    fn push(&mut self, what: Watched, time: Option<Timestamp>) {
        // While everything is read, there may be older things to come.
        let upto = time.filter(|_| self.is_settled && self.todo.is_empty());
        self.ready.push_back(Told { what, upto });
    }

    /// Looks into the journals of the runs under way on this host.
    async fn look(&mut self) -> Result<(), Error> {
        self.looked_at = self.engine.clock.now();
        for (id, mut run) in std::mem::take(&mut self.runs) {
            if let Some(journal) = self.engine.running.journal(id) {
                run.was_here = true;
                self.say(id, journal.news(&mut run.seen));
            } else if run.was_here {
                // It was left pending, or its end is about to be told.
                run.was_here = false;
                self.tell_kept(id, &mut run.seen).await?;
            }
            self.runs.insert(id, run);
        }
        Ok(())
    }

    /// Looks whether another host changed something.
    async fn poll(&mut self) -> Result<(), Error> {
        self.polled_at = self.engine.clock.now();
        let store = &*self.engine.store;
        let top = store::find::<WorkflowExecution>(store, self.top.id.uuid()).await?;
        // It was deleted.
        self.is_over |= top.is_none();
        let mut changed = Vec::new();
        for (id, known) in &mut self.executions {
            let is_near = std::mem::take(&mut known.is_near);
            if !is_near && !known.is_ended && turn(store, *id).await? != known.turn {
                changed.push(*id);
            }
        }
        if !changed.is_empty() {
            self.todo.push(Step::Below {
                after: None,
                all: false,
            });
            self.todo.extend(changed.into_iter().map(Step::Execution));
        }
        Ok(())
    }

    fn read_all_again(&mut self) {
        self.todo = vec![Step::everything(), Step::Execution(self.top.id)];
    }

    async fn read(&mut self, step: Step) -> Result<(), Error> {
        let engine = Arc::clone(&self.engine);
        let project = self.top.project_id.clone();
        match step {
            Step::Execution(id) => {
                let turn = turn(&*engine.store, id).await?;
                let found = store::find::<WorkflowExecution>(&*engine.store, id.uuid()).await?;
                let Some(execution) = found else {
                    self.executions.remove(&id);
                    self.is_over |= id == self.top.id;
                    return Ok(());
                };
                self.executions.entry(id).or_default().turn = turn;
                self.todo
                    .extend([Step::Actions(id, None), Step::Tasks(id, None)]);
                self.tell(Change::Execution(Arc::new(execution.entity)))
                    .await?;
            }
            Step::Tasks(id, after) => {
                let key = ("execution_id", id);
                let batch: Vec<TaskExecution> = engine.batch_under(&project, key, after).await?;
                if let Some(last) = batch.last() {
                    self.todo.push(Step::Tasks(id, Some(last.id.uuid())));
                }
                for task in batch {
                    self.tell(Change::Task(Arc::new(task))).await?;
                }
            }
            Step::Actions(id, after) => {
                let key = ("execution_id", id);
                let batch: Vec<ActionExecution> = engine.batch_under(&project, key, after).await?;
                if let Some(last) = batch.last() {
                    self.todo.push(Step::Actions(id, Some(last.id.uuid())));
                }
                for run in batch {
                    self.tell(Change::ActionExecution(Arc::new(run))).await?;
                }
            }
            Step::Below { after, all } => {
                let key = ("root_execution_id", self.top.root_id());
                let batch: Vec<WorkflowExecution> =
                    engine.batch_under(&project, key, after).await?;
                if let Some(last) = batch.last() {
                    let after = Some(last.age());
                    self.todo.push(Step::Below { after, all });
                }
                // Each is younger than the one above it, which is known by then.
                for execution in batch {
                    let is_below = execution.id != self.top.id
                        && (self.top.parent.is_none()
                            || execution.parent.is_some_and(|parent| {
                                self.executions.contains_key(&parent.execution_id)
                            }));
                    if is_below && (all || !self.executions.contains_key(&execution.id)) {
                        self.executions.entry(execution.id).or_default();
                        self.todo.push(Step::Execution(execution.id));
                    }
                }
            }
        }
        Ok(())
    }
}

impl Step {
    /// The last step of a look at everything.
    const fn everything() -> Self {
        Self::Below {
            after: None,
            all: true,
        }
    }
}

/// How often an execution was changed.
async fn turn(store: &dyn store::Store, id: WorkflowExecutionId) -> Result<u64, Error> {
    let turn = store::find::<Turn>(store, id.uuid()).await?;
    Ok(turn.map_or(0, |turn| turn.version))
}
