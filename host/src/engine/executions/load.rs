//! What is known of an execution in memory, and how it is read from the store.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use super::{BATCH, Root};
use crate::{
    domain::{
        ActionExecution, JsonText, Order, TaskExecution, TaskExecutionId, TaskKind,
        WorkflowExecution, WorkflowExecutionId,
    },
    engine::{Engine, Error},
    lang,
    store::{self, Entity, Kept, List, Turn},
    workflow::{Child, ChildId, Ended, Lookup, Snapshot},
};

/// All that is known of one execution, as it was last committed.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) snapshot: Snapshot,
    pub(super) root: Arc<Root>,
    /// The version of its record, 0 before it is kept.
    pub(super) version: u64,
    /// The version of its turn.
    pub(super) turn: u64,
    /// The versions of the records of its tasks.
    pub(super) tasks: HashMap<TaskExecutionId, u64>,
    /// What steps asked for before, and is answered at once.
    pub(super) usual: HashSet<Lookup>,
    /// Whether a step may take long.
    pub(super) has_expressions: bool,
}

impl Loaded {
    /// An execution that is not kept yet.
    pub(super) fn fresh(
        execution: WorkflowExecution,
        spec: Arc<lang::Workflow>,
        root: Arc<Root>,
    ) -> Self {
        let openstack = openstack(&execution);
        let env = Arc::clone(&root.env);
        let has_expressions = has_expressions(&spec);
        let execution = Arc::new(execution);
        Self {
            snapshot: Snapshot::new(execution, spec, env, openstack, [], []),
            root,
            version: 0,
            turn: 0,
            tasks: HashMap::new(),
            usual: HashSet::new(),
            has_expressions,
        }
    }
}

fn has_expressions(spec: &lang::Workflow) -> bool {
    ["<%", "{{", "{%"]
        .iter()
        .any(|open| spec.source.contains(open))
}

/// What expressions see of who asked.
fn openstack(execution: &WorkflowExecution) -> Map<String, Value> {
    Map::from_iter([
        (
            "project_id".to_owned(),
            Value::from(execution.project_id.as_str()),
        ),
        (
            "user_id".to_owned(),
            Value::from(execution.user_id.as_deref()),
        ),
        (
            "request_id".to_owned(),
            Value::from(execution.request_id.as_ref()),
        ),
    ])
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

/// What a run of an action is for the task that began it.
pub(super) fn child_of_action(run: &ActionExecution) -> Option<Child> {
    let task = run.task.as_ref()?;
    let is_completed = run.state().is_completed();
    Some(Child {
        id: ChildId::Action(run.id),
        task: task.task_execution_id,
        generation: task.generation,
        index: task.index.unwrap_or(0),
        name: run.name.as_str().into(),
        state: run.state(),
        ended: is_completed.then(|| Ended {
            state: run.state(),
            result: result_of(run),
            is_retryable: false,
            run: 0,
        }),
        is_accepted: run.accepted || !is_completed,
        run: 0,
    })
}

fn result_of(run: &ActionExecution) -> JsonText {
    let output = run.output.as_ref().map_or("null", JsonText::as_str);
    let result = serde_json::from_str::<Output<'_>>(output)
        .ok()
        .and_then(|output| output.result)
        .map_or("null", RawValue::get);
    JsonText::parse(result).unwrap_or_else(|_| JsonText::from_value(&Value::Null))
}

/// What a sub-workflow is for the task that began it, as far as its execution has heard.
fn child_of_sub_workflow(run: &WorkflowExecution, generation: u32) -> Option<Child> {
    let parent = run.parent.as_ref()?;
    let heard = run.heard;
    let null = || JsonText::from_value(&Value::Null);
    let output = run.output.clone().filter(|_| run.run == heard.run);
    Some(Child {
        id: ChildId::Workflow(run.id),
        task: parent.task_execution_id,
        generation,
        index: parent.index,
        name: run.workflow_name.as_str().into(),
        state: heard.state,
        ended: heard.state.is_completed().then(|| Ended {
            state: heard.state,
            result: output.unwrap_or_else(null),
            is_retryable: false,
            run: heard.run,
        }),
        is_accepted: heard.is_accepted,
        run: heard.run,
    })
}

impl Engine {
    /// All that the store has of an execution; none when it has none.
    pub(super) async fn load(&self, id: WorkflowExecutionId) -> Result<Option<Loaded>, Error> {
        let store = &*self.store;
        let Some(kept) = store::find::<WorkflowExecution>(store, id.uuid()).await? else {
            return Ok(None);
        };
        let turn = store::find::<Turn>(store, id.uuid()).await?;
        let execution = kept.entity;
        let Some(root) = self.root(execution.root_id()).await? else {
            return Ok(None);
        };
        let spec = self.specs.workflow_of(&execution.definition).await?;
        let tasks: Vec<Kept<TaskExecution>> = self.list_under("execution_id", id).await?;
        let actions: Vec<Kept<ActionExecution>> = self.list_under("execution_id", id).await?;
        let mut children: Vec<Arc<Child>> = actions
            .iter()
            .filter_map(|kept| child_of_action(&kept.entity))
            .map(Arc::new)
            .collect();
        for task in &tasks {
            let task = &task.entity;
            if task.kind == TaskKind::Action {
                continue;
            }
            let runs = self.list_under("task_execution_id", task.id);
            let runs: Vec<Kept<WorkflowExecution>> = runs.await?;
            let generation = task.policies.generation;
            let runs = runs.iter().map(|kept| &kept.entity);
            children.extend(
                runs.filter_map(|run| child_of_sub_workflow(run, generation))
                    .map(Arc::new),
            );
        }
        let versions = tasks.iter().map(|kept| (kept.entity.id, kept.version));
        let versions = versions.collect();
        let has_expressions = has_expressions(&spec);
        let openstack = openstack(&execution);
        Ok(Some(Loaded {
            snapshot: Snapshot::new(
                Arc::new(execution),
                spec,
                Arc::clone(&root.env),
                openstack,
                tasks.into_iter().map(|kept| Arc::new(kept.entity)),
                children,
            ),
            root,
            version: kept.version,
            turn: turn.map_or(0, |kept| kept.version),
            tasks: versions,
            usual: HashSet::new(),
            has_expressions,
        }))
    }

    /// All that hangs under an object, by age.
    pub(super) async fn list_under<E: Entity>(
        &self,
        index: &'static str,
        id: impl std::fmt::Display,
    ) -> Result<Vec<Kept<E>>, Error> {
        let mut found: Vec<Kept<E>> = Vec::new();
        loop {
            let batch = self
                .batch_of(
                    index,
                    id.to_string(),
                    found.last().map(|kept| kept.entity.age()),
                )
                .await?;
            let is_last = batch.len() < BATCH;
            found.extend(batch);
            if is_last {
                return Ok(found);
            }
        }
    }

    /// Some of what hangs under an object, after the record `after`.
    pub(super) async fn batch_of<E: Entity>(
        &self,
        index: &'static str,
        value: String,
        after: Option<uuid::Uuid>,
    ) -> Result<Vec<Kept<E>>, Error> {
        let list = List {
            project: None,
            index: Some((index, value)),
            order: Order::Ascending,
            after,
            limit: BATCH,
            is_filtered: false,
        };
        Ok(store::list(&*self.store, list, |_| true).await?)
    }
}
