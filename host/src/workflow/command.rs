//! What is to be carried out besides keeping the changed records.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};

use super::ChildId;
use crate::{
    domain::{ActionExecutionId, ActionName, State, TaskExecutionId, Timer, WorkflowExecutionId},
    expr::Template,
};

/// What is to be carried out, in the commit of the changed records or after it.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Runs an action for a task. One that cannot be begun is told by [`Event::ChildEnded`](super::Event) on the same
    /// draft.
    StartAction {
        /// The id of its run.
        id: ActionExecutionId,
        /// The task.
        task: TaskExecutionId,
        /// The task's generation.
        generation: u32,
        /// The place among the items.
        index: Option<u32>,
        /// The action as the task names it.
        name: ActionName,
        /// The module's action in the end, when `name` is an ad-hoc action; otherwise `name`.
        base: ActionName,
        /// What `base` gets.
        input: Map<String, Value>,
        /// How the base's result becomes that of the ad-hoc action: each over the one before as `$`.
        output: Vec<Template>,
        /// Whether it may be run again after a crash; the action says it when none.
        safe_rerun: Option<bool>,
        /// Seconds that the task's `timeout` leaves it.
        timeout: Option<Duration>,
    },
    /// Begins a sub-workflow for a task.
    StartWorkflow {
        /// The id of its run.
        id: WorkflowExecutionId,
        /// The task.
        task: TaskExecutionId,
        /// The task's generation.
        generation: u32,
        /// The place among the items, 0 when there are none.
        index: u32,
        /// The definition, as the facts gave it.
        workflow: Arc<super::WorkflowFacts>,
        /// Its input.
        input: Map<String, Value>,
        /// Its `params`: for a reverse workflow the task, what the task's input has that the workflow does not know.
        params: Map<String, Value>,
        /// Seconds that the task's `timeout` leaves it.
        timeout: Option<Duration>,
    },
    /// Sends [`Event::BeginMore`](super::Event).
    BeginMore,
    /// Sends [`Event::Due`](super::Event) after a time.
    SetTimer(Timer, Duration),
    /// Brings a run of a task into a state: CANCELLED, or of a sub-workflow PAUSED or RUNNING.
    MoveChild(ChildId, State),
    /// Empties the output of an action's run that has ended: its task does not keep results.
    ForgetResult(ActionExecutionId),
    /// The execution's state is another one: its parent is to know. The execution's record has it.
    TellParent,
}
