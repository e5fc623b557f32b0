//! Executions that live without a store: commands are carried out by scripts, time passes when nothing else is left.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    domain::{
        ActionName, Heard, JsonText, Namespace, Parent, ProjectId, State, TaskExecution, Timer,
        Timestamp, WorkflowExecution, WorkflowExecutionId, WorkflowId, WorkflowName,
    },
    expr::Bounds,
    lang,
    workflow::{
        ActionFacts, Changes, ChildId, Command, Draft, Ended, Event, Fact, Facts, Limits, Lookup,
        Moment, Snapshot, WorkflowFacts, complete_input,
    },
};

/// What a run of an action comes to.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Done(Value),
    Failed(Value),
    Cancelled,
    /// Nothing until the test says so.
    Pending,
}

/// A run of an action that has not ended.
#[derive(Debug, Clone)]
pub(super) struct Action {
    pub(super) execution: WorkflowExecutionId,
    pub(super) id: ChildId,
    pub(super) task: Arc<str>,
    pub(super) index: Option<u32>,
    pub(super) name: String,
    pub(super) base: String,
    pub(super) input: Value,
    pub(super) output: Vec<Value>,
    pub(super) safe_rerun: Option<bool>,
    pub(super) timeout_secs: Option<u64>,
}

pub(super) struct World {
    pub(super) executions: BTreeMap<WorkflowExecutionId, Snapshot>,
    pub(super) root: WorkflowExecutionId,
    pub(super) now: i64,
    ids: u128,
    pub(super) limits: Limits,
    workflows: HashMap<String, Arc<WorkflowFacts>>,
    actions: HashMap<String, Arc<lang::AdHocAction>>,
    scripts: HashMap<String, VecDeque<Outcome>>,
    pub(super) under_way: VecDeque<Action>,
    pub(super) pending: Vec<Action>,
    pub(super) started: Vec<Action>,
    pub(super) timers: Vec<(i64, WorkflowExecutionId, Timer)>,
    pub(super) forgotten: Vec<ChildId>,
    todo: VecDeque<(WorkflowExecutionId, Event)>,
    facts: Facts,
    is_rebuilt: bool,
    /// Nothing is done twice or checked.
    pub(super) is_quick: bool,
}

impl World {
    /// An execution of the first workflow of `text`, which knows the others.
    pub(super) fn new(text: &str) -> Self {
        Self::with(text, json!({}), json!({}))
    }

    pub(super) fn with(text: &str, input: Value, params: Value) -> Self {
        let mut world = Self {
            executions: BTreeMap::new(),
            root: WorkflowExecutionId::from(Uuid::nil()),
            now: 1_000_000,
            ids: 1,
            limits: Limits::default(),
            workflows: HashMap::new(),
            actions: HashMap::new(),
            scripts: HashMap::new(),
            under_way: VecDeque::new(),
            pending: Vec::new(),
            started: Vec::new(),
            timers: Vec::new(),
            forgotten: Vec::new(),
            todo: VecDeque::new(),
            facts: Facts::default(),
            is_rebuilt: false,
            is_quick: false,
        };
        let workflows = lang::workflows(text).unwrap_or_else(|faults| panic!("{faults:?}"));
        let mut first = None;
        for spec in workflows {
            let facts = Arc::new(WorkflowFacts {
                id: WorkflowId::from(world.new_id()),
                name: WorkflowName::parse(&spec.name).unwrap(),
                namespace: Namespace::default(),
                workbook: None,
                spec: Arc::new(spec),
            });
            first.get_or_insert_with(|| Arc::clone(&facts));
            world.workflows.insert(facts.name.to_string(), facts);
        }
        let id = WorkflowExecutionId::from(world.new_id());
        let facts = first.unwrap();
        let input = complete_input(&facts.spec.input, map(input), &facts.name.to_string(), "x");
        world.root = id;
        world.add(id, &facts, input.unwrap(), map(params), None);
        world
    }

    /// Ad-hoc actions that the workflows know.
    pub(super) fn actions(mut self, text: &str) -> Self {
        for spec in lang::actions(text).unwrap_or_else(|faults| panic!("{faults:?}")) {
            self.actions.insert(spec.name.to_string(), Arc::new(spec));
        }
        self
    }

    /// What the runs of a task come to, one after the other; SUCCESS and null after the last.
    pub(super) fn script(
        mut self,
        task: &str,
        outcomes: impl IntoIterator<Item = Outcome>,
    ) -> Self {
        let script = self.scripts.entry(task.to_owned()).or_default();
        script.extend(outcomes);
        self
    }

    pub(super) fn env(mut self, env: Value) -> Self {
        let root = self.executions.get_mut(&self.root).unwrap();
        root.set_env(Arc::new(map(env)));
        self
    }

    /// Begins, and goes on until only pending actions are left.
    pub(super) fn run(mut self) -> Self {
        self.send(Event::Start);
        self
    }

    /// Sends an event to the root and goes on.
    pub(super) fn send(&mut self, event: Event) {
        self.send_to(self.root, event);
    }

    pub(super) fn send_to(&mut self, id: WorkflowExecutionId, event: Event) {
        self.todo.push_back((id, event));
        self.go_on();
    }

    /// Ends a pending action of this task.
    pub(super) fn end(&mut self, task: &str, outcome: Outcome) {
        let place = self.pending.iter().position(|action| *action.task == *task);
        let action = self.pending.remove(place.unwrap());
        self.end_action(&action, outcome);
        self.go_on();
    }

    pub(super) fn go_on(&mut self) {
        for _ in 0..200_000 {
            if let Some((id, event)) = self.todo.pop_front() {
                self.deliver(id, &event);
            } else if let Some(action) = self.under_way.pop_front() {
                let script = self.scripts.get_mut(&*action.task);
                let outcome = script.and_then(VecDeque::pop_front);
                self.end_action(&action, outcome.unwrap_or(Outcome::Done(Value::Null)));
            } else if let Some(place) = self.next_timer() {
                let (due, id, timer) = self.timers.remove(place);
                self.now = self.now.max(due);
                self.todo.push_back((id, Event::Due(timer)));
            } else {
                return;
            }
        }
        panic!("it does not end");
    }

    /// The earliest timer; none while actions are pending, which would time out at once.
    fn next_timer(&self) -> Option<usize> {
        if !self.pending.is_empty() {
            return None;
        }
        let timers = self.timers.iter().enumerate();
        timers
            .min_by_key(|(_, (due, ..))| *due)
            .map(|(place, _)| place)
    }

    /// Lets time pass although actions are pending.
    pub(super) fn pass(&mut self, secs: i64) {
        let until = self.now + secs * 1000;
        while let Some(place) = (self.timers.iter().enumerate())
            .filter(|(_, (due, ..))| *due <= until)
            .min_by_key(|(_, (due, ..))| *due)
            .map(|(place, _)| place)
        {
            let (due, id, timer) = self.timers.remove(place);
            self.now = due;
            self.send_to(id, Event::Due(timer));
        }
        self.now = until;
    }

    fn end_action(&mut self, action: &Action, outcome: Outcome) {
        let (state, result) = match outcome {
            Outcome::Done(result) => (State::Success, result),
            Outcome::Failed(result) => (State::Error, result),
            Outcome::Cancelled => (State::Cancelled, Value::Null),
            Outcome::Pending => return self.pending.push(action.clone()),
        };
        let event = Event::ChildEnded(action.id, ended(state, &result, 0));
        self.todo.push_back((action.execution, event));
    }

    /// Steps, commits and carries out; then sends the event again, which must change nothing.
    pub(super) fn deliver(&mut self, id: WorkflowExecutionId, event: &Event) {
        let changes = self.step(id, event);
        let commands = changes.commands.clone();
        let begins = commands.iter().filter(|command| {
            matches!(
                command,
                Command::StartAction { .. } | Command::StartWorkflow { .. }
            )
        });
        assert!(begins.count() <= self.limits.begins as usize);
        self.executions.get_mut(&id).unwrap().accept(changes);
        if self.is_quick {
            for command in commands {
                self.carry_out(id, command);
            }
            return;
        }
        self.check(id);
        // What was asked of an execution by a person is asked again when it is sent again, and more is begun sooner.
        let is_asked_again = matches!(
            event,
            Event::Rerun { .. }
                | Event::Skip { .. }
                | Event::Pause
                | Event::Resume
                | Event::BeginMore
        );
        if !is_asked_again {
            let again = self.step(id, event);
            assert_eq!(
                again,
                Changes {
                    memo: again.memo.clone(),
                    ..Changes::default()
                },
                "{event:?} twice"
            );
        }
        for command in commands {
            self.carry_out(id, command);
        }
    }

    fn step(&mut self, id: WorkflowExecutionId, event: &Event) -> Changes {
        loop {
            self.is_rebuilt = !self.is_rebuilt && !self.is_quick;
            let snapshot = self.executions.get(&id).unwrap();
            let rebuilt = self.is_rebuilt.then(|| rebuild(snapshot));
            let base = rebuilt.as_ref().unwrap_or(snapshot);
            let mut ids = self.ids;
            let mut new_id = || {
                ids += 1;
                Uuid::from_u128(ids)
            };
            let mut moment = Moment {
                now: Timestamp::from_unix_ms(self.now),
                new_id: &mut new_id,
                bounds: Bounds::default(),
                limits: self.limits,
                facts: &self.facts,
            };
            let mut draft = Draft::new(base);
            match draft.step(event, &mut moment) {
                Ok(()) => {
                    let changes = draft.into_changes();
                    self.ids = ids;
                    return changes;
                }
                Err(needed) => {
                    for lookup in needed.lookups {
                        let fact = self.look_up(&lookup);
                        assert!(self.facts.known.insert(lookup, fact).is_none());
                    }
                }
            }
        }
    }

    fn look_up(&self, lookup: &Lookup) -> Fact {
        match lookup {
            Lookup::Action(name) if name.contains("missing") => Fact::Missing,
            Lookup::Action(name) => {
                let parsed = ActionName::parse(name).unwrap();
                Fact::Action(match self.actions.get(name) {
                    Some(spec) => ActionFacts::AdHoc {
                        name: parsed,
                        spec: Arc::clone(spec),
                    },
                    None => ActionFacts::Module {
                        name: parsed,
                        is_idempotent: true,
                    },
                })
            }
            Lookup::Workflow(name) => {
                let found = self.workflows.get(name);
                found.map_or(Fact::Missing, |facts| Fact::Workflow(Arc::clone(facts)))
            }
            Lookup::Call(call) => Fact::Value(Value::from(call.as_str())),
        }
    }

    fn carry_out(&mut self, of: WorkflowExecutionId, command: Command) {
        match command {
            Command::StartAction {
                id,
                task,
                index,
                name,
                base,
                input,
                output,
                safe_rerun,
                timeout,
                ..
            } => {
                let task = &self.executions[&of].tasks[&task];
                let action = Action {
                    execution: of,
                    id: ChildId::Action(id),
                    task: Arc::clone(&task.name),
                    index,
                    name: name.to_string(),
                    base: base.to_string(),
                    input: Value::Object(input),
                    output: output.iter().map(|one| one.source().clone()).collect(),
                    safe_rerun,
                    timeout_secs: timeout.map(|timeout| timeout.as_secs()),
                };
                self.started.push(action.clone());
                self.under_way.push_back(action);
            }
            Command::StartWorkflow {
                id,
                task,
                index,
                workflow,
                input,
                params,
                ..
            } => {
                let above = self.execution(of);
                let parent = Parent {
                    task_execution_id: task,
                    execution_id: of,
                    root_execution_id: above.root_id(),
                    index,
                    depth: above.parent.map_or(1, |parent| parent.depth + 1),
                };
                self.add(id, &workflow, input, params, Some(parent));
                self.todo.push_back((id, Event::Start));
            }
            Command::BeginMore => self.todo.push_back((of, Event::BeginMore)),
            Command::SetTimer(timer, after) => {
                let due = self.now + i64::try_from(after.as_millis()).unwrap();
                self.timers.push((due, of, timer));
            }
            Command::MoveChild(ChildId::Workflow(id), state) => {
                self.todo.push_back((id, Event::towards(state)));
            }
            Command::MoveChild(id, state) => {
                let is_it = |action: &Action| action.id == id;
                self.under_way.retain(|action| !is_it(action));
                self.pending.retain(|action| !is_it(action));
                let event = Event::ChildEnded(id, ended(state, &Value::Null, 0));
                self.todo.push_back((of, event));
            }
            Command::ForgetResult(id) => self.forgotten.push(ChildId::Action(id)),
            Command::TellParent => {
                let execution = self.execution(of);
                let parent = execution.parent.unwrap().execution_id;
                let id = ChildId::Workflow(of);
                let event = if execution.state.is_completed() {
                    let result = execution.output.clone().unwrap();
                    let result: Value = result.to().unwrap();
                    Event::ChildEnded(id, ended(execution.state, &result, execution.run))
                } else {
                    Event::ChildMoved(id, execution.state, execution.run)
                };
                self.todo.push_back((parent, event));
            }
        }
    }

    fn add(
        &mut self,
        id: WorkflowExecutionId,
        facts: &WorkflowFacts,
        input: Map<String, Value>,
        params: Map<String, Value>,
        parent: Option<Parent>,
    ) {
        let empty = || text(json!({}));
        let execution = WorkflowExecution {
            id,
            project_id: ProjectId::new("p"),
            workflow_id: facts.id,
            workflow_name: facts.name.clone(),
            workflow_namespace: facts.namespace.clone(),
            workbook: None,
            definition: Arc::clone(&facts.spec.source),
            description: None,
            tags: Vec::new(),
            params: text(Value::Object(params)),
            input: text(Value::Object(input)),
            output: None,
            state: State::Running,
            state_info: None,
            vars: empty(),
            published_global: empty(),
            run: 0,
            parent,
            heard: Heard::default(),
            source_execution_id: None,
            deadline: None,
            request_id: "req".into(),
            user_id: None,
            custom_context: None,
            target: None,
            has_target: false,
            is_target: false,
            environment: None,
            environment_id: None,
            created_at: Timestamp::from_unix_ms(self.now),
            updated_at: None,
        };
        let root = parent.map(|parent| parent.root_execution_id);
        let env = root.map_or_else(Arc::default, |root| Arc::clone(&self.executions[&root].env));
        let snapshot = Snapshot::new(
            Arc::new(execution),
            Arc::clone(&facts.spec),
            env,
            map(json!({"project_id": "p"})),
            [],
            [],
        );
        self.executions.insert(id, snapshot);
    }

    /// What is kept up must be what a rebuild gives.
    fn check(&self, id: WorkflowExecutionId) {
        let snapshot = &self.executions[&id];
        let mut index = snapshot.index.clone();
        let mut rebuilt = rebuild(snapshot).index;
        for index in [&mut index, &mut rebuilt] {
            for runs in index.runs.values_mut() {
                runs.ids.sort_unstable();
                runs.taken.retain(|_, count| *count > 0);
            }
        }
        assert_eq!(index, rebuilt);
    }

    fn new_id(&mut self) -> Uuid {
        self.ids += 1;
        Uuid::from_u128(self.ids)
    }

    pub(super) fn execution(&self, id: WorkflowExecutionId) -> &WorkflowExecution {
        &self.executions[&id].execution
    }

    /// The root.
    pub(super) fn root(&self) -> &WorkflowExecution {
        self.execution(self.root)
    }

    pub(super) fn state(&self) -> State {
        self.root().state
    }

    pub(super) fn output(&self) -> Value {
        let output = self.root().output.as_ref();
        output.map_or(Value::Null, |output| output.to().unwrap())
    }

    pub(super) fn state_info(&self) -> &str {
        self.root().state_info.as_deref().unwrap_or_default()
    }

    /// The youngest task of this name of the root.
    pub(super) fn task(&self, name: &str) -> &TaskExecution {
        let tasks = self.executions[&self.root].tasks.values();
        let mut named: Vec<_> = tasks.filter(|task| *task.name == *name).collect();
        named.pop().unwrap_or_else(|| panic!("no task {name}"))
    }

    /// The root's tasks by age, each with its state.
    pub(super) fn states(&self) -> Vec<(&str, State)> {
        let tasks = self.executions[&self.root].tasks.values();
        tasks.map(|task| (task.name.as_ref(), task.state)).collect()
    }

    /// The root's tasks by age.
    pub(super) fn names(&self) -> Vec<&str> {
        self.states().into_iter().map(|(name, _)| name).collect()
    }

    /// The inputs of the actions that were started, in order.
    pub(super) fn inputs(&self) -> Vec<Value> {
        self.started
            .iter()
            .map(|action| action.input.clone())
            .collect()
    }

    /// The executions below the root, by age.
    pub(super) fn subs(&self) -> Vec<WorkflowExecutionId> {
        self.executions
            .keys()
            .copied()
            .filter(|id| *id != self.root)
            .collect()
    }
}

fn rebuild(snapshot: &Snapshot) -> Snapshot {
    Snapshot::new(
        Arc::clone(&snapshot.execution),
        Arc::clone(&snapshot.spec),
        Arc::clone(&snapshot.env),
        map(json!({"project_id": "p"})),
        snapshot.tasks.values().cloned(),
        snapshot.children.values().cloned(),
    )
}

pub(super) fn ended(state: State, result: &Value, run: u32) -> Ended {
    Ended {
        state,
        result: text(result.clone()),
        is_retryable: false,
        run,
    }
}

pub(super) fn text(value: Value) -> JsonText {
    JsonText::from_value(&value)
}

pub(super) fn map(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}
