//! What a caller may do with an execution where it is, and what of it changes beside what a step changes: its
//! description, and what its root has for the whole tree.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    Content, UpdateExecution,
    attempt::{Desk, Made},
    load::Loaded,
};
use crate::{
    domain::{JsonText, State, TargetCloud, TaskExecutionId, WorkflowExecution},
    engine::{Engine, Error},
    store::{self, Kept},
    workflow::merge,
};

/// What changes in the record of an execution and of its root.
#[derive(Debug, Default)]
pub(super) struct RootChange {
    description: Option<String>,
    /// All variables of the environment.
    env: Option<Arc<Map<String, Value>>>,
    target: Option<TargetCloud>,
    /// The root, where it is another execution.
    root: Option<Kept<WorkflowExecution>>,
}

impl Engine {
    /// Checks what a caller does, and puts on `desk` what changes beside the step. `loaded` then has the variables that
    /// the step is to see; it is not to be used if the step is not committed.
    pub(super) async fn prepare(
        &self,
        content: &Content,
        loaded: &mut Loaded,
        desk: &mut Desk,
    ) -> Result<(), Error> {
        let mut change = RootChange::default();
        let execution = Arc::clone(&loaded.snapshot.execution);
        let env = match content {
            Content::Update(update) => {
                check_transition(&execution, update)?;
                match update {
                    // One that is not held goes on as it is.
                    UpdateExecution::Resume(env) if execution.state == State::Paused => {
                        env.as_ref()
                    }
                    UpdateExecution::Describe(description, env) => {
                        change.description.clone_from(description);
                        env.as_ref()
                    }
                    UpdateExecution::Pause
                    | UpdateExecution::Resume(_)
                    | UpdateExecution::Stop(..) => None,
                }
            }
            Content::Rerun(task, rerun) => {
                check_task(loaded, *task, Some(rerun.reset))?;
                change.target.clone_from(&rerun.target);
                rerun.env.as_ref()
            }
            Content::Skip(task, target) => {
                check_task(loaded, *task, None)?;
                change.target = target.as_deref().cloned();
                None
            }
            Content::Event(_)
            | Content::ActionEnded(_)
            | Content::ActionUpdated(..)
            | Content::ActionChanged(_)
            | Content::SubWorkflowChanged(_) => return Ok(()),
        };
        let goes_on_again = content.may_reopen();
        if env.is_some() || change.target.is_some() || goes_on_again {
            let root = if execution.parent.is_some() {
                let id = execution.root_id().uuid();
                store::find::<WorkflowExecution>(&*self.store, id).await?
            } else {
                None
            };
            let facts = root.as_ref().map_or(&*execution, |kept| &kept.entity);
            if goes_on_again && facts.has_target && !fits(change.target.as_ref(), facts.is_target) {
                if facts.target.is_none() {
                    return Err(target_is_gone());
                }
                change.target = None;
            }
            change.root = root;
        }
        if let Some(env) = env.filter(|env| !env.is_empty()) {
            if !matches!(execution.state, State::Idle | State::Paused | State::Error) {
                return Err(Error::Forbidden(
                    "Updating env to workflow execution is only permitted if it is in IDLE, PAUSED, or ERROR state."
                        .to_owned(),
                ));
            }
            let mut all = loaded.root.env.as_ref().clone();
            merge(&mut all, env.clone());
            let all = Arc::new(all);
            loaded.snapshot.set_env(Arc::clone(&all));
            change.env = Some(all);
        }
        desk.root = Some(change);
        Ok(())
    }
}

/// Whether what goes on may do so on the cloud that is given: where callers named its cloud, none that is theirs by
/// default.
pub(super) const fn fits(given: Option<&TargetCloud>, is_target: bool) -> bool {
    match given {
        Some(given) => given.is_target || !is_target,
        None => false,
    }
}

/// The refusal of a rerun that brings no target cloud.
pub(super) fn target_is_gone() -> Error {
    Error::BadInput(
        "The execution worked on a target cloud, and its credentials were erased when it ended: give a target cloud to \
         go on with, by X-Target-* headers or by os.auth in custom_context."
            .to_owned(),
    )
}

impl RootChange {
    /// Whether other executions of the tree are to see it.
    pub(super) const fn is_for_all(&self) -> bool {
        self.env.is_some() || self.target.is_some()
    }

    /// Puts it into what is committed.
    pub(super) fn apply(
        &self,
        engine: &Engine,
        before: &Arc<WorkflowExecution>,
        made: &mut Made,
    ) -> Result<(), Error> {
        if let Some(description) = &self.description {
            let changed = &mut made.changes.execution;
            let execution = Arc::make_mut(changed.get_or_insert_with(|| Arc::clone(before)));
            execution.description = Some(description.clone());
            execution.updated_at = Some(engine.clock.now());
        }
        if !self.is_for_all() {
            return Ok(());
        }
        if let Some(kept) = &self.root {
            let mut root = kept.entity.clone();
            self.change(engine, &mut root)?;
            made.executions.insert(root.id, (root, kept.version));
        } else {
            let changed = &mut made.changes.execution;
            let root = Arc::make_mut(changed.get_or_insert_with(|| Arc::clone(before)));
            self.change(engine, root)?;
        }
        Ok(())
    }

    fn change(&self, engine: &Engine, root: &mut WorkflowExecution) -> Result<(), Error> {
        if let Some(target) = &self.target {
            root.target = Some(engine.seal_root_target(root.id, target)?);
            root.has_target = true;
            root.is_target = target.is_target;
        }
        if let Some(env) = &self.env {
            if root.environment.is_some() {
                root.environment = Some(engine.seal_root_environment(root.id, env)?);
            } else {
                let mut params: Map<String, Value> = root.params.to().unwrap_or_default();
                params.insert("env".to_owned(), Value::Object(env.as_ref().clone()));
                root.params = JsonText::from_value(&Value::Object(params));
            }
        }
        root.updated_at = Some(engine.clock.now());
        Ok(())
    }
}

fn check_transition(execution: &WorkflowExecution, update: &UpdateExecution) -> Result<(), Error> {
    let next = match update {
        UpdateExecution::Pause => State::Paused,
        UpdateExecution::Stop(state, _) => *state,
        UpdateExecution::Resume(_) | UpdateExecution::Describe(..) => return Ok(()),
    };
    let state = execution.state;
    // Mistral takes what has ended for ended when it is to fail or to be cancelled.
    let is_over = state.is_completed() && matches!(next, State::Error | State::Cancelled);
    let may = state.may_become(next) || state == State::Idle || is_over;
    if may {
        return Ok(());
    }
    Err(Error::BadInput(format!(
        "Can't change workflow execution state from {state} to {next}. [workflow={}, execution_id={}]",
        execution.workflow_name, execution.id
    )))
}

/// Whether a task may be run again, or skipped when `reset` is none.
fn check_task(loaded: &Loaded, id: TaskExecutionId, reset: Option<bool>) -> Result<(), Error> {
    let snapshot = &loaded.snapshot;
    let Some(task) = snapshot.tasks().get(&id) else {
        return Err(Error::NotFound(format!(
            "TaskExecution not found [id={id}]"
        )));
    };
    if task.state != State::Error {
        return Err(Error::BadInput(
            "The current task execution must be in ERROR for rerun. Only updating task to rerun is supported."
                .to_owned(),
        ));
    }
    let spec = snapshot.spec.tasks.get(&task.name);
    let has_items = spec.is_some_and(|spec| !spec.with_items.is_empty());
    if reset == Some(false) && !has_items {
        return Err(Error::BadInput(
            "Only with-items task has the option to not reset.".to_owned(),
        ));
    }
    let execution = &snapshot.execution;
    if !matches!(
        execution.state,
        State::Running | State::Paused | State::Error | State::Cancelled
    ) {
        return Err(Error::BadInput(format!(
            "Can't change workflow execution state from {} to RUNNING. [workflow={}, execution_id={}]",
            execution.state, execution.workflow_name, execution.id
        )));
    }
    Ok(())
}
