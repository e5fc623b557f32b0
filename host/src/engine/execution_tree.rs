//! An execution with everything below it: its sub-executions in one list, and its report.
//!
//! Trees are walked level by level and batch by batch, and what one answer holds is bounded.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Engine, Error, settings::DEEPEST};
use crate::{
    domain::{
        ActionExecution, JsonText, Order, ProjectId, State, TaskExecution, TaskExecutionId,
        TaskKind, Timestamp, WorkflowExecution, WorkflowExecutionId,
    },
    store::{self, Entity, List},
};

/// The most tasks and runs that one report shows.
const MOST_ENTRIES: usize = 20_000;
/// The most executions that one list of a tree has.
const MOST_EXECUTIONS: usize = 5_000;
/// The most bytes of inputs and outputs in such a list.
const MOST_BYTES: usize = 64 << 20;
/// From how many earlier executions the time that is left is estimated.
const EARLIER: usize = 20;

/// How much of a tree is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct TreeRequest {
    /// Only what led to errors.
    pub errors_only: bool,
    /// How far down: 0 is the execution itself; all of it when none.
    pub max_depth: Option<u32>,
}

impl TreeRequest {
    /// Whether what is `depth` below the top is looked into.
    fn reaches(&self, depth: u32) -> bool {
        depth <= self.max_depth.unwrap_or(DEEPEST).min(DEEPEST)
    }

    fn shows(&self, task: &TaskExecution) -> bool {
        !self.errors_only || task.state == State::Error
    }
}

/// How many tasks are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskCounts {
    /// In RUNNING.
    pub running: u32,
    /// In SUCCESS.
    pub success: u32,
    /// In ERROR.
    pub error: u32,
    /// In IDLE.
    pub idle: u32,
    /// In PAUSED.
    pub paused: u32,
}

impl TaskCounts {
    const fn count(&mut self, state: State) {
        let number = match state {
            State::Running => &mut self.running,
            State::Success => &mut self.success,
            State::Error => &mut self.error,
            State::Idle => &mut self.idle,
            State::Paused => &mut self.paused,
            State::Waiting | State::Delayed | State::Cancelled | State::Skipped => return,
        };
        *number = number.saturating_add(1);
    }

    /// All that were counted.
    #[must_use]
    pub const fn total(&self) -> u32 {
        self.running
            .saturating_add(self.success)
            .saturating_add(self.error)
            .saturating_add(self.idle)
            .saturating_add(self.paused)
    }
}

/// What a report says of everything that it shows.
#[derive(Debug, Clone)]
pub struct ReportEntry {
    /// Its id.
    pub id: Uuid,
    /// The name of the workflow, task or action.
    pub name: String,
    /// Where it is.
    pub state: State,
    /// Why it is there.
    pub state_info: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
}

/// An execution in a report.
#[derive(Debug, Clone)]
pub struct ExecutionEntry {
    /// It.
    pub entry: ReportEntry,
    /// Its tasks; none where the report does not go so deep.
    pub tasks: Option<Vec<TaskEntry>>,
}

/// A task in a report.
#[derive(Debug, Clone)]
pub struct TaskEntry {
    /// It.
    pub entry: ReportEntry,
    /// How often it was tried again.
    pub retries: u32,
    /// The runs of actions that it began, and whether they count.
    pub actions: Vec<(ReportEntry, bool)>,
    /// The executions that it began.
    pub executions: Vec<ExecutionEntry>,
}

/// What became of an execution.
#[derive(Debug, Clone)]
pub struct Report {
    /// Its tasks and those below it.
    pub counts: TaskCounts,
    /// Seconds until it ends, if it takes as long as earlier ones: 0 when it does not run, -1 when there are none.
    pub estimated_secs: i64,
    /// It, unless only numbers were asked for.
    pub root: Option<ExecutionEntry>,
}

/// An execution in the walk of a report.
struct Level {
    entry: ReportEntry,
    tasks: Option<BTreeMap<TaskExecutionId, TaskEntry>>,
    /// The place of the execution above it in the walk, and the task.
    above: Option<(usize, TaskExecutionId)>,
}

impl Engine {
    /// `execution` and all executions below it, each before those that its tasks began.
    ///
    /// # Errors
    /// When they are too many for one answer, or the store does not answer.
    pub async fn sub_executions(
        &self,
        execution: WorkflowExecution,
        request: TreeRequest,
        with_output: bool,
    ) -> Result<Vec<WorkflowExecution>, Error> {
        self.flat(vec![(execution, 0)], request, with_output).await
    }

    /// The executions that `task` began, and all below them.
    ///
    /// # Errors
    /// As [`sub_executions`](Self::sub_executions).
    pub async fn sub_executions_of(
        &self,
        task: &TaskExecution,
        request: TreeRequest,
        with_output: bool,
    ) -> Result<Vec<WorkflowExecution>, Error> {
        if !request.shows(task) {
            return Ok(Vec::new());
        }
        let children = self.children(task).await?;
        let first = children.into_iter().rev().map(|child| (child, 0)).collect();
        self.flat(first, request, with_output).await
    }

    async fn flat(
        &self,
        mut waiting: Vec<(WorkflowExecution, u32)>,
        request: TreeRequest,
        with_output: bool,
    ) -> Result<Vec<WorkflowExecution>, Error> {
        let mut found = Vec::new();
        let mut bytes = 0_usize;
        while let Some((mut execution, depth)) = waiting.pop() {
            if !request.reaches(depth) {
                continue;
            }
            let (mut after, mut below) = (None, Vec::new());
            while request.reaches(depth + 1) {
                let key = ("execution_id", execution.id);
                let project = &execution.project_id;
                let tasks: Vec<TaskExecution> = self.batch_under(project, key, after).await?;
                let Some(last) = tasks.last() else { break };
                after = Some(last.id.uuid());
                for task in tasks.iter().filter(|task| request.shows(task)) {
                    below.extend(self.children(task).await?);
                }
            }
            waiting.extend(below.into_iter().rev().map(|child| (child, depth + 1)));
            if !with_output {
                execution.output = None;
            }
            let output = execution.output.as_ref().map_or("", JsonText::as_str);
            bytes = bytes.saturating_add(execution.input.as_str().len() + output.len());
            found.push(execution);
            if found.len() + waiting.len() > MOST_EXECUTIONS || bytes > MOST_BYTES {
                return Err(Error::BadInput(format!(
                    "There are more than {MOST_EXECUTIONS} executions, or more than {} MiB of inputs and outputs; ask \
                     with max_depth, or list /v2/executions with root_execution_id, page by page.",
                    MOST_BYTES >> 20
                )));
            }
        }
        Ok(found)
    }

    /// The executions that `task` began, by age.
    async fn children(&self, task: &TaskExecution) -> Result<Vec<WorkflowExecution>, Error> {
        let mut children: Vec<WorkflowExecution> = Vec::new();
        if task.kind == TaskKind::Action {
            return Ok(children);
        }
        loop {
            let after = children.last().map(Entity::age);
            let key = ("task_execution_id", task.id);
            let batch = self.batch_under(&task.project_id, key, after).await?;
            if batch.is_empty() || children.len() > MOST_EXECUTIONS {
                return Ok(children);
            }
            children.extend(batch);
        }
    }

    /// What became of `execution` and of everything below it; with `with_entries` also one by one.
    ///
    /// # Errors
    /// When it is too large for one answer, or the store does not answer.
    pub async fn report(
        &self,
        execution: &WorkflowExecution,
        request: TreeRequest,
        with_entries: bool,
    ) -> Result<Report, Error> {
        let mut counts = TaskCounts::default();
        let mut levels = vec![Level::of(execution, None)];
        let project = &execution.project_id;
        let mut looked_into = vec![(0, execution.id, 0)];
        let mut entries = 0;
        while let Some((place, id, depth)) = looked_into.pop() {
            if !request.reaches(depth) {
                continue;
            }
            let mut tasks = BTreeMap::new();
            let mut after = None;
            loop {
                let batch: Vec<TaskExecution> = self
                    .batch_under(project, ("execution_id", id), after)
                    .await?;
                let Some(last) = batch.last() else { break };
                after = Some(last.id.uuid());
                for task in batch.iter().filter(|task| request.shows(task)) {
                    counts.count(task.state);
                    entries += 1;
                    for child in self.children(task).await? {
                        looked_into.push((levels.len(), child.id, depth + 1));
                        levels.push(Level::of(&child, Some((place, task.id))));
                        entries += 1;
                    }
                    if with_entries {
                        tasks.insert(task.id, TaskEntry::of(task));
                    }
                    within(entries)?;
                }
            }
            if with_entries {
                entries += self.add_actions(project, id, &mut tasks, entries).await?;
            }
            if let Some(level) = levels.get_mut(place) {
                level.tasks = Some(tasks);
            }
        }
        Ok(Report {
            counts,
            estimated_secs: self.estimated_secs(execution).await?,
            root: with_entries.then(|| assembled(levels)).flatten(),
        })
    }

    /// Adds the runs of actions of `execution` to its tasks; answers how many.
    async fn add_actions(
        &self,
        project: &ProjectId,
        execution: WorkflowExecutionId,
        tasks: &mut BTreeMap<TaskExecutionId, TaskEntry>,
        entries: usize,
    ) -> Result<usize, Error> {
        let (mut after, mut added) = (None, 0);
        loop {
            let key = ("execution_id", execution);
            let batch: Vec<ActionExecution> = self.batch_under(project, key, after).await?;
            let Some(last) = batch.last() else {
                return Ok(added);
            };
            after = Some(last.id());
            for run in &batch {
                let task = run.task.as_ref().map(|task| task.task_execution_id);
                if let Some(task) = task.and_then(|id| tasks.get_mut(&id)) {
                    task.actions
                        .push((ReportEntry::of_action(run), run.accepted));
                    added += 1;
                }
            }
            within(entries + added)?;
        }
    }

    /// The mean of what the last executions of the workflow took that ended well, less what this one took.
    async fn estimated_secs(&self, execution: &WorkflowExecution) -> Result<i64, Error> {
        if execution.state != State::Running {
            return Ok(0);
        }
        let list = List {
            project: Some(execution.project_id.clone()),
            index: Some(("workflow_name", execution.workflow_name.to_string())),
            order: Order::Descending,
            after: None,
            limit: EARLIER * 5,
            is_filtered: false,
        };
        let latest = store::list::<WorkflowExecution>(&*self.store, list, |_| true).await?;
        let took: Vec<u64> = latest
            .iter()
            .map(|kept| &kept.entity)
            .filter(|it| it.workflow_id == execution.workflow_id && it.state == State::Success)
            .filter_map(|it| Some(it.updated_at?.since(it.created_at).as_secs()))
            .take(EARLIER)
            .collect();
        let Some(mean) = took.iter().sum::<u64>().checked_div(took.len() as u64) else {
            return Ok(-1);
        };
        let so_far = self.clock.now().since(execution.created_at).as_secs();
        Ok(i64::try_from(mean.saturating_sub(so_far).max(1)).unwrap_or(i64::MAX))
    }
}

fn within(entries: usize) -> Result<(), Error> {
    if entries <= MOST_ENTRIES {
        return Ok(());
    }
    Err(Error::BadInput(format!(
        "A report shows at most {MOST_ENTRIES} tasks and runs, and there are more; ask with max_depth or errors_only, or \
         list the tasks of each execution, page by page."
    )))
}

/// The tree of `levels`, of which each stands after the one above it.
fn assembled(mut levels: Vec<Level>) -> Option<ExecutionEntry> {
    while let Some(level) = levels.pop() {
        let tasks = level.tasks.map(|tasks| {
            let tasks = tasks.into_values().map(|mut task| {
                // They came last first.
                task.executions.reverse();
                task
            });
            tasks.collect()
        });
        let execution = ExecutionEntry {
            entry: level.entry,
            tasks,
        };
        let Some((place, task)) = level.above else {
            return Some(execution);
        };
        let above = levels
            .get_mut(place)
            .and_then(|level| level.tasks.as_mut()?.get_mut(&task));
        if let Some(task) = above {
            task.executions.push(execution);
        }
    }
    None
}

impl Level {
    fn of(execution: &WorkflowExecution, above: Option<(usize, TaskExecutionId)>) -> Self {
        let entry = ReportEntry {
            id: execution.id.uuid(),
            name: execution.workflow_name.to_string(),
            state: execution.state,
            state_info: execution.state_info.clone(),
            created_at: execution.created_at,
            updated_at: execution.updated_at,
        };
        Self {
            entry,
            tasks: None,
            above,
        }
    }
}

impl TaskEntry {
    fn of(task: &TaskExecution) -> Self {
        let entry = ReportEntry {
            id: task.id.uuid(),
            name: task.name.to_string(),
            state: task.state,
            state_info: task.state_info.clone(),
            created_at: task.created_at,
            updated_at: task.updated_at,
        };
        Self {
            entry,
            retries: task.policies.retries,
            actions: Vec::new(),
            executions: Vec::new(),
        }
    }
}

impl ReportEntry {
    fn of_action(run: &ActionExecution) -> Self {
        Self {
            id: run.id(),
            name: run.name.to_string(),
            state: run.state(),
            state_info: run.state_info.clone(),
            created_at: run.created_at,
            updated_at: run.updated_at,
        }
    }
}
