//! The world around executions: what is durable, what is under way, time, and trouble.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt::Write as _,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Totals, definition::Definition};
use crate::{
    domain::{
        ActionExecutionId, ActionName, Heard, JsonText, Namespace, Parent, ProjectId, State,
        TaskExecution, TaskExecutionId, Timestamp, WorkflowExecution, WorkflowExecutionId,
        WorkflowId, WorkflowName,
    },
    expr::Bounds,
    lang::{Workflow, WorkflowKind},
    workflow::{
        ActionFacts, Changes, Child, ChildId, Command, Draft, Ended, Event, Fact, Facts, Limits,
        Lookup, Moment, Snapshot, WorkflowFacts,
    },
};

/// More than any definition of the simulator takes.
const MOST_STEPS: u64 = 20_000;

/// How often a message may be delivered again.
const REPEATS: u8 = 2;

/// What an execution came to: its state, and that of each of its tasks with what it published, whatever their order.
pub type Course = BTreeMap<String, u32>;

/// An execution as it is durable, and as a host may have it in memory.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) execution: Arc<WorkflowExecution>,
    pub(super) spec: Arc<Workflow>,
    pub(super) tasks: BTreeMap<TaskExecutionId, Arc<TaskExecution>>,
    pub(super) children: BTreeMap<ChildId, Arc<Child>>,
    cached: Option<Snapshot>,
}

/// What is under way, durable until it has had its effect.
#[derive(Debug, Clone)]
enum Message {
    /// An event, as a job or a request brings it.
    Event(WorkflowExecutionId, Event),
    /// An action's run.
    Run(WorkflowExecutionId, ActionExecutionId, Ended),
    /// A sub-workflow's state is to be told to the execution above it.
    Tell(WorkflowExecutionId, WorkflowExecutionId),
    /// A sub-workflow is to be brought into a state.
    Move(WorkflowExecutionId, State),
}

#[derive(Debug, Clone)]
struct Waiting {
    due: i64,
    message: Message,
    repeats: u8,
}

/// One run of one definition under one schedule.
pub(super) struct World {
    random: SmallRng,
    outcomes: u64,
    definition: Arc<Definition>,
    is_troubled: bool,
    limits: Limits,
    pub(super) executions: BTreeMap<WorkflowExecutionId, Kept>,
    /// Every run that was begun: which task, generation and item, so that none is begun twice.
    pub(super) begun: HashSet<(TaskExecutionId, u32, u32)>,
    pub(super) twice: Vec<String>,
    messages: Vec<Waiting>,
    now: i64,
    last_id: u128,
    pub(super) root: WorkflowExecutionId,
    /// Whether somebody paused, cancelled or reran something.
    pub(super) is_disturbed: bool,
    steps: u64,
    crashes: u64,
    repeats: u64,
    resumes: u32,
    history: Vec<String>,
}

impl World {
    pub(super) fn new(
        seed: u64,
        outcomes: u64,
        definition: Arc<Definition>,
        is_troubled: bool,
    ) -> Self {
        let root = WorkflowExecutionId::from(Uuid::from_u128(1));
        let mut world = Self {
            random: SmallRng::seed_from_u64(seed),
            outcomes,
            definition,
            is_troubled,
            limits: limits(seed, is_troubled),
            executions: BTreeMap::new(),
            begun: HashSet::new(),
            twice: Vec::new(),
            messages: Vec::new(),
            now: 0,
            last_id: 1,
            root,
            is_disturbed: false,
            steps: 0,
            crashes: 0,
            repeats: 0,
            resumes: 0,
            history: Vec::new(),
        };
        let spec = Arc::clone(&world.definition.workflows["main"]);
        world.add_execution(root, spec, None, Map::new());
        if is_troubled && world.random.random_bool(0.25) {
            world.disturb();
        }
        world
    }

    /// Somebody does something to the execution at some time.
    fn disturb(&mut self) {
        self.is_disturbed = true;
        let at = self.random.random_range(0..4_000);
        let event = match self.random.random_range(0..4) {
            0 => Event::Stop(State::Cancelled, Some("enough".to_owned())),
            1 => Event::Stop(State::Error, None),
            _ => Event::Pause,
        };
        self.send_at(at, Message::Event(self.root, event));
    }

    /// Goes on until nothing is under way, and the execution at the top has ended.
    pub(super) fn run(&mut self) -> Result<(), String> {
        loop {
            while let Some(waiting) = self.next() {
                self.deliver(waiting)?;
                if self.steps > MOST_STEPS {
                    return Err("it does not end".to_owned());
                }
            }
            let state = self.executions[&self.root].execution.state;
            let may_try_again = self.is_troubled && self.is_disturbed && self.resumes < 3;
            if state == State::Paused && self.resumes < 60 {
                self.send_at(self.now, Message::Event(self.root, Event::Resume));
            } else if state == State::Error && may_try_again {
                self.try_again();
                if self.messages.is_empty() {
                    return Ok(());
                }
            } else {
                return Ok(());
            }
            self.resumes += 1;
        }
    }

    /// Somebody reruns or skips a task that failed.
    fn try_again(&mut self) {
        let failed = self.executions[&self.root]
            .tasks
            .values()
            .find(|task| task.state == State::Error);
        let Some(task) = failed.map(|task| task.id) else {
            return;
        };
        let event = match self.random.random_range(0..3) {
            0 => Event::Skip { task },
            1 => Event::Rerun { task, reset: true },
            _ => Event::Rerun { task, reset: false },
        };
        self.send_at(self.now, Message::Event(self.root, event));
    }

    /// Takes a message that is due, in a random order when there is trouble; time goes on when none is.
    fn next(&mut self) -> Option<Waiting> {
        let first = self.messages.iter().map(|waiting| waiting.due).min()?;
        self.now = self.now.max(first);
        let due: Vec<usize> = (0..self.messages.len())
            .filter(|at| self.messages[*at].due <= self.now)
            .collect();
        let chosen = if self.is_troubled {
            due[self.random.random_range(0..due.len())]
        } else {
            *due.iter()
                .min_by_key(|at| (self.messages[**at].due, **at))?
        };
        Some(self.messages.remove(chosen))
    }

    fn send_at(&mut self, due: i64, message: Message) {
        self.messages.push(Waiting {
            due,
            message,
            repeats: 0,
        });
    }

    fn trouble(&mut self, of_one: f64) -> bool {
        self.is_troubled && self.random.random_bool(of_one)
    }

    fn deliver(&mut self, waiting: Waiting) -> Result<(), String> {
        self.steps += 1;
        let (id, event) = match &waiting.message {
            Message::Event(id, event) => (*id, event.clone()),
            Message::Run(id, action, ended) => (
                *id,
                Event::ChildEnded(ChildId::Action(*action), ended.clone()),
            ),
            Message::Tell(parent, child) => {
                let child = &self.executions[child].execution;
                let id = ChildId::Workflow(child.id);
                let event = if child.state.is_completed() {
                    let result = child
                        .output
                        .clone()
                        .unwrap_or_else(|| JsonText::from_value(&Value::Null));
                    let ended = Ended {
                        state: child.state,
                        result,
                        is_retryable: true,
                        run: child.run,
                    };
                    Event::ChildEnded(id, ended)
                } else {
                    Event::ChildMoved(id, child.state, child.run)
                };
                (*parent, event)
            }
            Message::Move(id, state) => (*id, Event::towards(*state)),
        };
        self.history.push(format!("{:>6} {id} {event:?}", self.now));
        let changes = self.step(id, &event)?;
        if self.trouble(0.04) {
            // The host is gone before the commit: nothing has happened.
            self.crash();
            self.messages.push(waiting);
            return Ok(());
        }
        self.commit(id, changes)?;
        if self.trouble(0.04) {
            // The host is gone after it: the message comes again.
            self.crash();
            self.repeat(waiting);
        } else if self.trouble(0.1) {
            self.repeat(waiting);
        }
        Ok(())
    }

    fn repeat(&mut self, mut waiting: Waiting) {
        // A person's wish is not sent again by itself.
        let is_wish = matches!(
            &waiting.message,
            Message::Event(
                _,
                Event::Pause | Event::Resume | Event::Rerun { .. } | Event::Skip { .. }
            )
        ) || matches!(&waiting.message, Message::Move(..));
        if is_wish || waiting.repeats == REPEATS {
            return;
        }
        waiting.repeats += 1;
        waiting.due = self.now + self.random.random_range(0..3_000);
        self.repeats += 1;
        self.messages.push(waiting);
    }

    fn crash(&mut self) {
        self.crashes += 1;
        self.history
            .push(format!("{:>6} the host crashes", self.now));
        for kept in self.executions.values_mut() {
            kept.cached = None;
        }
    }

    /// Makes a step on what is in memory or rebuilt, with what it has to look up.
    fn step(&mut self, id: WorkflowExecutionId, event: &Event) -> Result<Changes, String> {
        let is_doubled = self.trouble(0.1);
        let first_id = self.last_id;
        let kept = self
            .executions
            .get_mut(&id)
            .ok_or("an event for an unknown execution")?;
        let cached = kept.cached.take().unwrap_or_else(|| kept.rebuilt());
        let step = |snapshot: &Snapshot| {
            step(
                snapshot,
                event,
                self.now,
                first_id,
                &self.definition,
                self.limits,
            )
        };
        let (changes, last_id) = step(&cached)?;
        if is_doubled {
            let (again, _) = step(&kept.rebuilt())?;
            if (
                &changes.execution,
                &changes.tasks,
                &changes.children,
                &changes.commands,
            ) != (
                &again.execution,
                &again.tasks,
                &again.children,
                &again.commands,
            ) {
                return Err(format!(
                    "{event:?} has another effect on an execution that was read again:\n{changes:#?}\n{again:#?}"
                ));
            }
        }
        kept.cached = Some(cached);
        self.last_id = last_id;
        Ok(changes)
    }

    /// Keeps what a step changed, and what it commands, at once.
    fn commit(&mut self, id: WorkflowExecutionId, changes: Changes) -> Result<(), String> {
        let kept = self
            .executions
            .get_mut(&id)
            .ok_or("a commit for an unknown execution")?;
        if let Some(execution) = &changes.execution {
            let (before, after) = (kept.execution.state, execution.state);
            if before.is_completed() && before != after && execution.run == kept.execution.run {
                return Err(format!("an execution went from {before} to {after}"));
            }
            kept.execution = Arc::clone(execution);
        }
        for (id, task) in &changes.tasks {
            kept.tasks.insert(*id, Arc::clone(task));
        }
        for (id, child) in &changes.children {
            kept.children.insert(*id, Arc::clone(child));
        }
        let commands = changes.commands.clone();
        let begins = commands.iter().filter(|command| {
            matches!(
                command,
                Command::StartAction { .. } | Command::StartWorkflow { .. }
            )
        });
        if begins.count() > self.limits.begins as usize {
            return Err("more runs were begun than a commit has room for".to_owned());
        }
        if let Some(cached) = &mut kept.cached {
            cached.accept(changes);
        }
        for command in commands {
            self.history.push(format!("       {command:?}"));
            self.carry_out(id, command)?;
        }
        Ok(())
    }

    fn carry_out(&mut self, id: WorkflowExecutionId, command: Command) -> Result<(), String> {
        match command {
            Command::StartAction {
                id: action,
                task,
                generation,
                index,
                ..
            } => {
                self.begin(task, generation, index.unwrap_or_default());
                let ended = self.outcome(id, task, generation, index.unwrap_or_default());
                let delay = if self.is_troubled {
                    self.random.random_range(0..2_500)
                } else {
                    0
                };
                self.send_at(self.now + delay, Message::Run(id, action, ended));
            }
            Command::StartWorkflow {
                id: sub,
                task,
                generation,
                index,
                workflow,
                params,
                ..
            } => {
                self.begin(task, generation, index);
                let above = &self.executions[&id].execution;
                let parent = Parent {
                    task_execution_id: task,
                    execution_id: id,
                    root_execution_id: above.root_id(),
                    index,
                    depth: above.parent.map_or(0, |parent| parent.depth) + 1,
                };
                self.add_execution(sub, Arc::clone(&workflow.spec), Some(parent), params);
            }
            Command::BeginMore => {
                self.send_at(self.now, Message::Event(id, Event::BeginMore));
            }
            Command::SetTimer(timer, after) => {
                let after = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
                self.send_at(
                    self.now.saturating_add(after),
                    Message::Event(id, Event::Due(timer)),
                );
            }
            Command::MoveChild(ChildId::Action(action), State::Cancelled) => {
                // Its run is over, whatever it would have come to.
                let runs = |waiting: &Waiting| matches!(&waiting.message, Message::Run(_, run, _) if *run == action);
                self.messages.retain(|waiting| !runs(waiting));
                let ended = Ended {
                    state: State::Cancelled,
                    result: JsonText::from_value(&Value::Null),
                    is_retryable: false,
                    run: 0,
                };
                self.send_at(self.now, Message::Run(id, action, ended));
            }
            Command::MoveChild(ChildId::Action(_), _) | Command::ForgetResult(_) => {}
            Command::MoveChild(ChildId::Workflow(sub), state) => {
                self.send_at(self.now, Message::Move(sub, state))
            }
            Command::TellParent => {
                let parent = self.executions[&id].execution.parent;
                if let Some(parent) = parent {
                    self.send_at(self.now, Message::Tell(parent.execution_id, id));
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, task: TaskExecutionId, generation: u32, index: u32) {
        if !self.begun.insert((task, generation, index)) {
            self.twice.push(format!(
                "task {task}, generation {generation}, item {index}"
            ));
        }
    }

    /// What a run comes to: the same for the same task, try and item, under whatever schedule.
    fn outcome(
        &self,
        id: WorkflowExecutionId,
        task: TaskExecutionId,
        generation: u32,
        index: u32,
    ) -> Ended {
        let kept = &self.executions[&id];
        let name = kept
            .tasks
            .get(&task)
            .map(|task| Arc::clone(&task.name))
            .unwrap_or_default();
        let before = kept
            .tasks
            .values()
            .filter(|other| other.name == name && other.id < task)
            .count();
        let mut hasher = DefaultHasher::new();
        (
            self.outcomes,
            &kept.spec.name,
            &name,
            before,
            generation,
            index,
        )
            .hash(&mut hasher);
        let number = hasher.finish() % 100;
        let state = if number < 25 {
            State::Error
        } else {
            State::Success
        };
        Ended {
            state,
            result: JsonText::from_value(&json!(number % 7)),
            is_retryable: number.is_multiple_of(2),
            run: 0,
        }
    }

    fn add_execution(
        &mut self,
        id: WorkflowExecutionId,
        spec: Arc<Workflow>,
        parent: Option<Parent>,
        mut params: Map<String, Value>,
    ) {
        if spec.kind == WorkflowKind::Reverse
            && let Some((name, _)) = spec.tasks.last()
        {
            params
                .entry("task_name")
                .or_insert_with(|| name.as_ref().into());
        }
        let empty = JsonText::from_value(&json!({}));
        let execution = WorkflowExecution {
            id,
            project_id: ProjectId::new("p"),
            workflow_id: WorkflowId::from(Uuid::from_u128(7)),
            workflow_name: WorkflowName::parse(&spec.name).expect("a generated name is one"),
            workflow_namespace: Namespace::default(),
            workbook: None,
            definition: Arc::clone(&spec.source),
            description: None,
            tags: Vec::new(),
            params: JsonText::from_value(&Value::Object(params)),
            input: empty.clone(),
            output: None,
            state: State::Idle,
            state_info: None,
            vars: empty.clone(),
            published_global: empty,
            run: 0,
            parent,
            source_execution_id: None,
            deadline: None,
            request_id: "req-1".into(),
            user_id: None,
            custom_context: None,
            target: None,
            has_target: false,
            is_target: false,
            heard: Heard::default(),
            environment: None,
            environment_id: None,
            created_at: Timestamp::from_unix_ms(self.now),
            updated_at: None,
        };
        let kept = Kept {
            execution: Arc::new(execution),
            spec,
            tasks: BTreeMap::new(),
            children: BTreeMap::new(),
            cached: None,
        };
        self.executions.insert(id, kept);
        self.send_at(self.now, Message::Event(id, Event::Start));
    }

    /// What all of it came to.
    pub(super) fn course(&self) -> Course {
        let mut course = Course::new();
        for kept in self.executions.values() {
            let name = &kept.spec.name;
            *course
                .entry(format!("{name}: {}", kept.execution.state))
                .or_default() += 1;
            for task in kept.tasks.values() {
                // Views that meet bring their members in the order in which they came.
                let mut published: Value = task.published.to().unwrap_or_default();
                published.sort_all_objects();
                let line = format!("{name}.{}: {} {published}", task.name, task.state);
                *course.entry(line).or_default() += 1;
            }
        }
        course
    }

    pub(super) fn is_racy(&self) -> bool {
        self.definition.is_racy
    }

    pub(super) fn add_to(&self, totals: &mut Totals) {
        totals.steps += self.steps;
        totals.crashes += self.crashes;
        totals.repeats += self.repeats;
        for kept in self.executions.values() {
            totals.successes += u64::from(kept.execution.state == State::Success);
            totals.errors += u64::from(kept.execution.state == State::Error);
        }
    }

    /// What happened, and how all ended.
    pub(super) fn history(&self) -> String {
        let mut text = self.history.join("\n");
        for kept in self.executions.values() {
            let execution = &kept.execution;
            let _ = write!(
                text,
                "\n\n{} {}: {} {:?}",
                kept.spec.name, execution.id, execution.state, execution.state_info
            );
            for task in kept.tasks.values() {
                let _ = write!(
                    text,
                    "\n  {} {}: {} processed={} generation={} {:?}",
                    task.name,
                    task.id,
                    task.state,
                    task.processed,
                    task.policies.generation,
                    task.state_info
                );
            }
            for child in kept.children.values() {
                let _ = write!(
                    text,
                    "\n    {:?} of {} item {}: {} accepted={}",
                    child.id, child.task, child.index, child.state, child.is_accepted
                );
            }
        }
        text
    }
}

impl Kept {
    /// Whether one of these commands may follow a task.
    pub(super) fn has_command(&self, names: &[&str]) -> bool {
        self.spec.tasks.values().any(|task| {
            let clauses = [
                &task.on_success,
                &task.on_error,
                &task.on_complete,
                &task.on_skip,
            ];
            let mut next = clauses.iter().flat_map(|clause| &clause.next);
            next.any(|next| names.contains(&next.name.as_ref()))
        })
    }

    /// The execution as a host reads it again.
    fn rebuilt(&self) -> Snapshot {
        Snapshot::new(
            Arc::clone(&self.execution),
            Arc::clone(&self.spec),
            Arc::default(),
            Map::new(),
            self.tasks.values().cloned(),
            self.children.values().cloned(),
        )
    }
}

/// In some schedules a commit has room for few runs.
fn limits(seed: u64, is_troubled: bool) -> Limits {
    let mut limits = Limits::default();
    if is_troubled && seed % 4 == 3 {
        limits.begins = if seed % 8 == 3 { 1 } else { 3 };
    }
    limits
}

/// One step, asked again until it has all the facts; with the last id that it made.
fn step(
    snapshot: &Snapshot,
    event: &Event,
    now: i64,
    first_id: u128,
    definition: &Definition,
    limits: Limits,
) -> Result<(Changes, u128), String> {
    let mut facts = Facts::default();
    for _ in 0..20 {
        let mut last_id = first_id;
        let mut new_id = || {
            last_id += 1;
            Uuid::from_u128(last_id)
        };
        let mut moment = Moment {
            now: Timestamp::from_unix_ms(now),
            new_id: &mut new_id,
            bounds: Bounds::default(),
            limits,
            facts: &facts,
        };
        let mut draft = Draft::new(snapshot);
        match draft.step(event, &mut moment) {
            Ok(()) => return Ok((draft.into_changes(), last_id)),
            Err(needed) => {
                for lookup in needed.lookups {
                    let fact = fact(&lookup, definition);
                    if facts.known.insert(lookup.clone(), fact).is_some() {
                        return Err(format!("{lookup:?} was asked for again"));
                    }
                }
            }
        }
    }
    Err("a step asks for ever more".to_owned())
}

fn fact(lookup: &Lookup, definition: &Definition) -> Fact {
    match lookup {
        Lookup::Action(name) => match ActionName::parse(name) {
            Ok(name) => Fact::Action(ActionFacts::Module {
                name,
                is_idempotent: true,
            }),
            Err(_) => Fact::Missing,
        },
        Lookup::Workflow(name) => match definition.workflows.get(name) {
            Some(spec) => Fact::Workflow(Arc::new(WorkflowFacts {
                id: WorkflowId::from(Uuid::from_u128(7)),
                name: WorkflowName::parse(name).expect("a generated name is one"),
                namespace: Namespace::default(),
                workbook: None,
                spec: Arc::clone(spec),
            })),
            None => Fact::Missing,
        },
        Lookup::Call(_) => Fact::Missing,
    }
}

/// By id, for the checks.
pub(super) fn tasks_by_id(world: &World) -> HashMap<TaskExecutionId, Arc<TaskExecution>> {
    let all = world
        .executions
        .values()
        .flat_map(|kept| kept.tasks.values());
    all.map(|task| (task.id, Arc::clone(task))).collect()
}
