//! An execution and its tasks as the expressions `execution()`, `task()` and `tasks()` show them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Child, Draft, snapshot::object};
use crate::{
    domain::{TaskExecution, TaskKind},
    lang::WorkflowKind,
};

impl Draft<'_> {
    /// What `execution()` gives.
    pub(super) fn execution_view(&self) -> Value {
        let execution = self.execution();
        let spec = self.spec();
        let kind = match spec.kind {
            WorkflowKind::Direct => "direct",
            WorkflowKind::Reverse => "reverse",
        };
        json!({
            "id": execution.id.to_string(),
            "name": execution.workflow_name.to_string(),
            "spec": {
                "name": spec.name,
                "version": "2.0",
                "type": kind,
                "tags": spec.tags,
                "description": spec.description,
            },
            "input": object(&execution.input),
            "params": object(&execution.params),
            "created_at": execution.created_at.to_string(),
            "updated_at": execution.updated_at.map(|time| time.to_string()),
            "root_execution_id":
                execution.parent.map(|parent| parent.root_execution_id.to_string()),
        })
    }

    /// What `task()` gives.
    pub(super) fn task_view(&self, task: &TaskExecution) -> Value {
        json!({
            "id": task.id.to_string(),
            "name": task.name,
            "spec": { "name": task.name, "version": "2.0", "tags": task.tags },
            "state": task.state.as_str(),
            "state_info": task.state_info,
            "result": self.result_of(task),
            "published": object(&task.published),
            "type": task.kind.as_str(),
            "workflow_execution_id": task.execution_id.to_string(),
            "created_at": task.created_at.to_string(),
            "updated_at": task.updated_at.map(|time| time.to_string()),
        })
    }

    /// What `tasks(…)` gives for this execution alone.
    pub(super) fn tasks_view(&self, state: Option<&str>, flat: bool) -> Value {
        let tasks = self.tasks().into_iter().filter(|task| {
            let is_asked = state.is_none_or(|state| task.state.as_str() == state);
            let is_repeated = flat
                && task.kind == TaskKind::Workflow
                && (self.children_of(task.id).iter()).any(|child| child.state == task.state);
            is_asked && !is_repeated
        });
        tasks.map(|task| self.task_view(&task)).collect()
    }

    /// What a task came to: of a `with-items` task a list, in the order of the items.
    #[must_use]
    pub fn result_of(&self, task: &TaskExecution) -> Value {
        let mut children = self.children_of(task.id);
        children.retain(|child| child.is_accepted);
        children.sort_by_key(|child| child.index);
        let mut results: Vec<Value> = children.iter().filter_map(result).collect();
        let is_list = self
            .spec_of(task)
            .is_some_and(|spec| !spec.with_items.is_empty());
        match results.pop() {
            Some(only) if results.is_empty() && !is_list => only,
            Some(last) => {
                results.push(last);
                Value::Array(results)
            }
            None => Value::Array(results),
        }
    }
}

fn result(child: &Arc<Child>) -> Option<Value> {
    let ended = child.ended.as_ref()?;
    Some(ended.result.to().unwrap_or_default())
}
