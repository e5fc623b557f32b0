//! All that a step knows of one execution, and what it makes of it.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

use serde_json::{Map, Value};
use uuid::Uuid;

use super::{ChildId, Command, Ended, Facts, context::Context, graph::Graph, index::Index};
use crate::{
    domain::{JsonText, State, TaskExecution, TaskExecutionId, Timestamp, WorkflowExecution},
    expr::Bounds,
    lang,
};

/// A run that a task began, as far as the task has to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Child {
    /// It.
    pub id: ChildId,
    /// The task.
    pub task: TaskExecutionId,
    /// The task's generation when it was begun.
    pub generation: u32,
    /// The place among the items, 0 when there are none.
    pub index: u32,
    /// The name of the action or workflow.
    pub name: Arc<str>,
    /// Where it is.
    pub state: State,
    /// What it came to, once it has ended.
    pub ended: Option<Ended>,
    /// Whether it counts: false for one whose try was repeated.
    pub is_accepted: bool,
    /// Of a sub-workflow how often it was begun again after it had ended; 0 of an action.
    pub run: u32,
}

/// All that is known of one execution.
#[derive(Clone)]
pub struct Snapshot {
    /// The execution.
    pub execution: Arc<WorkflowExecution>,
    /// What it runs.
    pub spec: Arc<lang::Workflow>,
    pub(super) env: Arc<Map<String, Value>>,
    pub(super) tasks: BTreeMap<TaskExecutionId, Arc<TaskExecution>>,
    pub(super) children: BTreeMap<ChildId, Arc<Child>>,
    pub(super) graph: Arc<Graph>,
    pub(super) index: Index,
    pub(super) surroundings: Surroundings,
    pub(super) memo: Memo,
}

// Variables of the environment may be private.
impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot({})", self.execution.id)
    }
}

/// What all expressions of an execution see below what its tasks published.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Surroundings {
    /// `$.openstack`, `$.__execution` and `$.__env`.
    pub(super) system: Arc<Map<String, Value>>,
    /// Variables and what was published for all of the execution, which comes first.
    pub(super) shared: Arc<Map<String, Value>>,
    /// The input.
    pub(super) input: Arc<Map<String, Value>>,
}

/// The values of the lists of a `with-items` task, by variable.
pub(super) type Lists = Arc<Vec<(Arc<str>, Vec<Value>)>>;

/// What was worked out before and follows from the records.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Memo {
    /// What tasks that have begun see.
    pub(super) inbound: HashMap<TaskExecutionId, Context>,
    /// What tasks that have ended leave to those after them.
    pub(super) outbound: HashMap<TaskExecutionId, Context>,
    /// The lists of `with-items` tasks under way.
    pub(super) lists: HashMap<TaskExecutionId, Lists>,
}

/// When a step is made, and with which ids.
pub struct Moment<'a> {
    /// The time.
    pub now: Timestamp,
    /// Gives ids that were not given before, later than those before.
    pub new_id: &'a mut dyn FnMut() -> Uuid,
    /// What one evaluation may take; all of the step together may take sixty-four times as much.
    pub bounds: Bounds,
    /// How large an execution and a commit may become.
    pub limits: Limits,
    /// What was looked up.
    pub facts: &'a Facts,
}

/// How large an execution and a commit may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most tasks of one execution, and the most items of one task: `[engine] tasks_per_execution`.
    pub tasks: u32,
    /// The most sub-workflows below each other: `[engine] depth`.
    pub depth: u32,
    /// The most bytes of what a task publishes, of the variables and of the output of an execution, each as JSON:
    /// `[engine] field_kib`.
    pub field_bytes: usize,
    /// The most runs that one commit begins; what is left has commits of its own, so that others have their turns.
    pub begins: u32,
}

impl Limits {
    /// What [`Limits::begins`] is where nothing else is asked for.
    pub const BEGINS: u32 = 500;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tasks: 20_000,
            depth: 32,
            field_bytes: 1 << 20,
            begins: Self::BEGINS,
        }
    }
}

/// What the steps of one commit changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// The execution, if it is another.
    pub execution: Option<Arc<WorkflowExecution>>,
    /// Tasks that are new or others.
    pub tasks: BTreeMap<TaskExecutionId, Arc<TaskExecution>>,
    /// Runs of tasks that are new or others.
    pub children: BTreeMap<ChildId, Arc<Child>>,
    /// What is to be carried out, in this order.
    pub commands: Vec<Command>,
    /// The variables or the globals are others.
    pub(super) shared: Option<Arc<Map<String, Value>>>,
    /// What was worked out.
    pub(super) memo: Memo,
    /// What was worked out before no longer follows from the records.
    pub(super) is_memo_void: bool,
}

impl Snapshot {
    /// An execution as its records have it. `env` are the variables of its environment, inherited from its root;
    /// `openstack` is what expressions see as `$.openstack`: who asked, without a credential.
    #[must_use]
    pub fn new(
        execution: Arc<WorkflowExecution>,
        spec: Arc<lang::Workflow>,
        env: Arc<Map<String, Value>>,
        openstack: Map<String, Value>,
        tasks: impl IntoIterator<Item = Arc<TaskExecution>>,
        children: impl IntoIterator<Item = Arc<Child>>,
    ) -> Self {
        let own_id = serde_json::json!({ "id": execution.id.to_string() });
        let system = Map::from_iter([
            ("openstack".to_owned(), Value::Object(openstack)),
            ("__execution".to_owned(), own_id),
        ]);
        let surroundings = Surroundings {
            system: Arc::new(system),
            shared: Arc::new(shared(&execution)),
            input: Arc::new(object(&execution.input)),
        };
        let mut snapshot = Self {
            graph: Arc::new(Graph::new(&spec)),
            execution,
            spec,
            env,
            tasks: BTreeMap::new(),
            children: BTreeMap::new(),
            index: Index::default(),
            surroundings,
            memo: Memo::default(),
        };
        for task in tasks {
            snapshot.put_task(task);
        }
        for child in children {
            snapshot.put_child(child);
        }
        let env = Arc::clone(&snapshot.env);
        snapshot.set_env(env);
        snapshot
    }

    /// Takes other variables of its environment.
    pub fn set_env(&mut self, env: Arc<Map<String, Value>>) {
        let all = Value::Object(env.as_ref().clone());
        Arc::make_mut(&mut self.surroundings.system).insert("__env".to_owned(), all);
        self.env = env;
    }

    /// Its tasks, by age.
    #[must_use]
    pub const fn tasks(&self) -> &BTreeMap<TaskExecutionId, Arc<TaskExecution>> {
        &self.tasks
    }

    /// The runs that its tasks began.
    #[must_use]
    pub const fn children(&self) -> &BTreeMap<ChildId, Arc<Child>> {
        &self.children
    }

    /// Takes what was committed.
    pub fn accept(&mut self, changes: Changes) {
        if let Some(execution) = changes.execution {
            self.execution = execution;
        }
        for task in changes.tasks.into_values() {
            self.put_task(task);
        }
        for child in changes.children.into_values() {
            self.put_child(child);
        }
        if let Some(shared) = changes.shared {
            self.surroundings.shared = shared;
        }
        if changes.is_memo_void {
            self.memo = Memo::default();
        }
        self.memo.inbound.extend(changes.memo.inbound);
        self.memo.outbound.extend(changes.memo.outbound);
        let lists = changes.memo.lists.into_iter();
        self.memo.lists.extend(lists.filter(|(id, _)| {
            let task = self.tasks.get(id);
            task.is_some_and(|task| !task.state.is_completed())
        }));
    }

    fn put_task(&mut self, task: Arc<TaskExecution>) {
        let old = self.tasks.get(&task.id);
        self.index.swap_task(old.map(AsRef::as_ref), &task);
        if task.state.is_completed() {
            self.memo.lists.remove(&task.id);
        }
        self.tasks.insert(task.id, task);
    }

    fn put_child(&mut self, child: Arc<Child>) {
        let old = self.children.get(&child.id);
        self.index.swap_child(old.map(AsRef::as_ref), &child);
        self.children.insert(child.id, child);
    }
}

/// The object that `text` holds; nothing when it holds none.
pub(super) fn object(text: &JsonText) -> Map<String, Value> {
    text.to().unwrap_or_default()
}

/// Variables and globals, as expressions see them: objects of one name are merged, as in Mistral.
pub(super) fn shared(execution: &WorkflowExecution) -> Map<String, Value> {
    let mut all = object(&execution.vars);
    merge(&mut all, object(&execution.published_global));
    all
}

/// Puts `more` over `all`, objects member by member.
pub fn merge(all: &mut Map<String, Value>, more: Map<String, Value>) {
    for (name, value) in more {
        match (all.get_mut(&name), value) {
            (Some(Value::Object(below)), Value::Object(above)) => merge(below, above),
            (_, value) => {
                all.insert(name, value);
            }
        }
    }
}
