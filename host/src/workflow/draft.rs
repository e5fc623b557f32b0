//! The records of an execution under the steps of one commit: what was changed lies over what was there before.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use serde_json::{Map, Value};

use super::{
    Changes, Child, ChildId, Command, Event, Moment, Needed, Snapshot,
    index::{self, Counts, Named, Tally},
    snapshot::{Lists, shared},
    step::Step,
};
use crate::{
    domain::{State, TaskExecution, TaskExecutionId, Timestamp, WorkflowExecution},
    lang,
};

/// An execution under the steps of one commit: the snapshot stays as it is until the commit is done.
#[derive(Debug)]
pub struct Draft<'a> {
    pub(super) base: &'a Snapshot,
    pub(super) changes: Changes,
    counts: Counts,
    waiting: BTreeSet<TaskExecutionId>,
    names: HashMap<Arc<str>, Named>,
    tallies: HashMap<TaskExecutionId, Tally>,
    began: HashMap<TaskExecutionId, Vec<ChildId>>,
    /// How many more runs that count have an item than before.
    taken: HashMap<(TaskExecutionId, u32), i64>,
    /// Runs begun.
    begun: u32,
    /// More were to begin.
    is_full: bool,
}

impl<'a> Draft<'a> {
    /// Nothing changed yet.
    #[must_use]
    pub fn new(base: &'a Snapshot) -> Self {
        Self {
            base,
            changes: Changes::default(),
            counts: base.index.counts,
            waiting: base.index.waiting.clone(),
            names: HashMap::new(),
            tallies: HashMap::new(),
            began: HashMap::new(),
            taken: HashMap::new(),
            begun: 0,
            is_full: false,
        }
    }

    /// Takes `event`. A fault of the definition, such as an expression without a value, is no error: the task or the
    /// execution ends in ERROR and says so.
    ///
    /// # Errors
    /// When something has to be looked up first; the draft is to be thrown away.
    pub fn step(&mut self, event: &Event, moment: &mut Moment<'_>) -> Result<(), Needed> {
        Step::new(self, moment).take(event)
    }

    /// What the steps so far changed.
    #[must_use]
    pub fn into_changes(self) -> Changes {
        self.changes
    }

    /// Takes the commands that were given since this was last asked, to carry them out.
    pub fn take_commands(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.changes.commands)
    }

    /// The execution as it is now.
    #[must_use]
    pub fn execution(&self) -> &WorkflowExecution {
        self.changes
            .execution
            .as_ref()
            .unwrap_or(&self.base.execution)
    }

    /// A task as it is now.
    #[must_use]
    pub fn task(&self, id: TaskExecutionId) -> Option<&Arc<TaskExecution>> {
        let changed = self.changes.tasks.get(&id);
        changed.or_else(|| self.base.tasks.get(&id))
    }

    /// A run of a task as it is now.
    #[must_use]
    pub fn child(&self, id: ChildId) -> Option<&Arc<Child>> {
        let changed = self.changes.children.get(&id);
        changed.or_else(|| self.base.children.get(&id))
    }

    pub(super) fn spec(&self) -> &'a lang::Workflow {
        &self.base.spec
    }

    /// What the definition says of a task.
    pub(super) fn spec_of(&self, task: &TaskExecution) -> Option<&'a lang::Task> {
        self.base.spec.tasks.get(&task.name)
    }

    pub(super) const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The joins that wait for tasks to come in, by age.
    pub(super) const fn waiting(&self) -> &BTreeSet<TaskExecutionId> {
        &self.waiting
    }

    /// The tasks of this name.
    pub(super) fn named(&self, name: &str) -> Option<Named> {
        let changed = self.names.get(name);
        changed.or_else(|| self.base.index.names.get(name)).copied()
    }

    /// The tasks from which something may still follow, by age.
    pub(super) fn live(&self) -> BTreeSet<TaskExecutionId> {
        let mut live = self.base.index.live.clone();
        for task in self.changes.tasks.values() {
            index::set(&mut live, task.id, index::is_live(task));
        }
        live
    }

    /// All tasks, by age.
    pub(super) fn tasks(&self) -> Vec<Arc<TaskExecution>> {
        let new = |id: &&TaskExecutionId| !self.base.tasks.contains_key(*id);
        let mut ids: Vec<_> = self.base.tasks.keys().collect();
        ids.extend(self.changes.tasks.keys().filter(new));
        ids.sort_unstable();
        ids.into_iter()
            .filter_map(|id| self.task(*id).cloned())
            .collect()
    }

    /// How far the runs of a task are that count.
    pub(super) fn tally(&self, task: TaskExecutionId) -> Tally {
        let before = || self.base.index.runs.get(&task).map(|runs| runs.tally);
        let tally = self.tallies.get(&task).copied().or_else(before);
        tally.unwrap_or_default()
    }

    /// All runs of a task, by age.
    pub(super) fn children_of(&self, task: TaskExecutionId) -> Vec<Arc<Child>> {
        let before = self.base.index.runs.get(&task);
        let before = before.into_iter().flat_map(|runs| &runs.ids);
        let new = self.began.get(&task).into_iter().flatten();
        before
            .chain(new)
            .filter_map(|id| self.child(*id).cloned())
            .collect()
    }

    /// Whether an item has a run that counts.
    pub(super) fn has_run(&self, task: TaskExecutionId, index: u32) -> bool {
        let runs = self.base.index.runs.get(&task);
        let before = runs.and_then(|runs| runs.taken.get(&index).copied());
        let more = self.taken.get(&(task, index)).copied();
        i64::from(before.unwrap_or_default()).saturating_add(more.unwrap_or_default()) > 0
    }

    /// Whether another run may begin in this commit, which begins at most `most`. What may not begins later.
    pub(super) fn has_room(&mut self, most: u32) -> bool {
        let is_full = self.begun >= most;
        if is_full && !self.is_full {
            self.changes.commands.push(Command::BeginMore);
        }
        self.is_full |= is_full;
        !is_full
    }

    /// The lists of a `with-items` task.
    pub(super) fn lists(&self, task: TaskExecutionId) -> Option<Lists> {
        let new = self.changes.memo.lists.get(&task);
        let before = || self.base.memo.lists.get(&task);
        new.or_else(before).cloned()
    }

    pub(super) fn change_execution(
        &mut self,
        now: Timestamp,
        change: impl FnOnce(&mut WorkflowExecution),
    ) {
        let base = &self.base.execution;
        let execution = self.changes.execution.get_or_insert_with(|| base.clone());
        let execution = Arc::make_mut(execution);
        change(execution);
        execution.updated_at = Some(now);
    }

    /// The execution has other variables or globals.
    pub(super) fn refresh_shared(&mut self) {
        self.changes.shared = Some(Arc::new(shared(self.execution())));
    }

    /// Variables and globals.
    pub(super) fn shared(&self) -> &Arc<Map<String, Value>> {
        let changed = self.changes.shared.as_ref();
        changed.unwrap_or(&self.base.surroundings.shared)
    }

    pub(super) fn add_task(&mut self, task: TaskExecution) {
        self.put_task(Arc::new(task));
    }

    pub(super) fn change_task(
        &mut self,
        id: TaskExecutionId,
        now: Timestamp,
        change: impl FnOnce(&mut TaskExecution),
    ) {
        let Some(old) = self.task(id) else { return };
        let mut task = old.as_ref().clone();
        change(&mut task);
        task.updated_at = Some(now);
        self.put_task(Arc::new(task));
    }

    fn put_task(&mut self, task: Arc<TaskExecution>) {
        let old = self.task(task.id).cloned();
        self.counts.swap(old.as_deref(), &task);
        let named = Named::swap(self.named(&task.name), old.as_deref(), &task);
        self.names.insert(Arc::clone(&task.name), named);
        index::set(&mut self.waiting, task.id, task.state == State::Waiting);
        self.changes.tasks.insert(task.id, task);
    }

    pub(super) fn put_child(&mut self, child: Child) {
        let old = self.child(child.id).cloned();
        let mut tally = self.tally(child.task);
        tally.swap(old.as_deref(), &child);
        self.tallies.insert(child.task, tally);
        if old.is_none() {
            self.began.entry(child.task).or_default().push(child.id);
            self.begun = self.begun.saturating_add(1);
        }
        let taken = self.taken.entry((child.task, child.index)).or_default();
        *taken = taken
            .saturating_add(i64::from(child.is_accepted))
            .saturating_sub(i64::from(old.is_some_and(|old| old.is_accepted)));
        self.changes.children.insert(child.id, Arc::new(child));
    }
}
