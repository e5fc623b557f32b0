//! What a task sees: worked out from the tasks that let it begin and what they published, and kept in mind.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Draft, context::Context, snapshot::object};
use crate::{
    domain::{State, TaskExecution, TaskExecutionId},
    expr::Variables,
};

impl Draft<'_> {
    /// What the tasks before a task left to it.
    pub(super) fn inbound(&mut self, id: TaskExecutionId) -> Context {
        // Tasks may follow each other by the thousands: no recursion.
        let most = self.counts().tasks as usize + 1;
        let mut open = vec![id];
        while let Some(id) = open.last().copied() {
            let Some(task) = self.task(id).cloned() else {
                open.pop();
                continue;
            };
            let missing = if self.known(id).is_some() {
                Vec::new()
            } else {
                let before = before(&task);
                let is_missing = |id: &TaskExecutionId| self.known(*id).is_none();
                before.into_iter().filter(is_missing).collect()
            };
            if missing.is_empty() || open.len() > most {
                open.pop();
                self.remember(&task);
            } else {
                open.extend(missing);
            }
        }
        self.known(id).cloned().unwrap_or_default()
    }

    /// What a task leaves to those after it.
    pub(super) fn outbound(&mut self, id: TaskExecutionId) -> Context {
        if let Some(known) = self.known_outbound(id) {
            return known.clone();
        }
        let inbound = self.inbound(id);
        let Some(task) = self.task(id).cloned() else {
            return inbound;
        };
        let outbound = inbound.publish(object(&task.published));
        if task.state.is_completed() {
            let memo = &mut self.changes.memo.outbound;
            memo.insert(id, outbound.clone());
        }
        outbound
    }

    /// What the tasks leave together, by age.
    pub(super) fn together(&mut self, tasks: &[TaskExecutionId]) -> Context {
        Context::merge(tasks.iter().map(|id| self.outbound(*id)).collect())
    }

    /// Forgets what was worked out: a task that had ended is to leave something else.
    pub(super) fn void_memo(&mut self) {
        self.changes.is_memo_void = true;
        self.changes.memo.inbound.clear();
        self.changes.memo.outbound.clear();
    }

    /// The variables of an expression: what is over `context`, `context`, and what all of the execution sees.
    pub(super) fn variables(
        &self,
        task: Option<&TaskExecution>,
        over: Option<Arc<Map<String, Value>>>,
        context: &Context,
    ) -> Variables {
        let own = task.map(|task| {
            let own = serde_json::json!({ "id": task.id.to_string(), "name": task.name });
            Arc::new(Map::from_iter([("__task_execution".to_owned(), own)]))
        });
        let surroundings = &self.base.surroundings;
        let below = [
            Arc::clone(&surroundings.system),
            Arc::clone(self.shared()),
            Arc::clone(&surroundings.input),
        ];
        let layers = own.into_iter().chain(over);
        Variables::new(layers.chain(context.layers()).chain(below))
    }

    fn remember(&mut self, task: &TaskExecution) {
        if self.known(task.id).is_some() {
            return;
        }
        let context = match before(task).as_slice() {
            [] => Context::default(),
            [one] => self.left_by(*one),
            several => Context::merge(several.iter().map(|id| self.left_by(*id)).collect()),
        };
        // More may come in at a join that waits.
        if task.state != State::Waiting {
            self.changes.memo.inbound.insert(task.id, context);
        }
    }

    /// What a task leaves whose own view is known.
    fn left_by(&mut self, id: TaskExecutionId) -> Context {
        if self.known(id).is_some() || self.task(id).is_some_and(|task| before(task).is_empty()) {
            self.outbound(id)
        } else {
            Context::default()
        }
    }

    fn known(&self, id: TaskExecutionId) -> Option<&Context> {
        let before = || self.base.memo.inbound.get(&id);
        let new = self.changes.memo.inbound.get(&id);
        new.or_else(|| (!self.changes.is_memo_void).then(before).flatten())
    }

    fn known_outbound(&self, id: TaskExecutionId) -> Option<&Context> {
        let before = || self.base.memo.outbound.get(&id);
        let new = self.changes.memo.outbound.get(&id);
        new.or_else(|| (!self.changes.is_memo_void).then(before).flatten())
    }
}

/// The tasks of which a task sees something, by age.
fn before(task: &TaskExecution) -> Vec<TaskExecutionId> {
    let seen = task.inbound.iter().filter(|inbound| !inbound.is_late);
    let mut ids: Vec<_> = seen.map(|inbound| inbound.task_execution_id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
