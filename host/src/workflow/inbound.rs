//! What a task sees: worked out from the tasks that let it begin and what they published, and kept in mind.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde_json::{Map, Value};

use super::{Draft, context::Context, snapshot::object};
use crate::{
    domain::{State, TaskExecution, TaskExecutionId},
    expr::Variables,
};

impl Draft<'_> {
    /// What the tasks before a task left to it: always as it would be worked out from the records anew.
    pub(super) fn inbound(&mut self, id: TaskExecutionId) -> Context {
        if let Some(known) = self.known(id) {
            return known.clone();
        }
        // Tasks may follow each other by the thousands: no recursion. A join that failed and begins anew may have led
        // to a task that leads to it: each is entered once.
        let mut entered = HashSet::new();
        let mut passing = HashMap::new();
        let mut open = vec![id];
        while let Some(id) = open.last().copied() {
            let Some(task) = self.task(id).cloned() else {
                open.pop();
                continue;
            };
            let before = before(&task);
            if self.known(id).is_none() && entered.insert(id) {
                let height = open.len();
                let is_missing =
                    |id: &TaskExecutionId| self.known(*id).is_none() && !entered.contains(id);
                open.extend(before.iter().copied().filter(is_missing));
                if open.len() > height {
                    continue;
                }
            }
            open.pop();
            if self.known(id).is_some() || passing.contains_key(&id) {
                continue;
            }
            // More may come in at a join that waits, and what runs again may leave something else.
            let stays =
                task.state != State::Waiting && before.iter().all(|id| self.is_settled(*id));
            let mut left = before.iter().map(|id| self.left_by(*id, &passing));
            let context = match before.as_slice() {
                [_] => left.next().unwrap_or_default(),
                _ => Context::merge(left.collect()),
            };
            if stays {
                self.changes.memo.inbound.insert(id, context);
            } else {
                passing.insert(id, context);
            }
        }
        let known = self.known(id).or_else(|| passing.get(&id));
        known.cloned().unwrap_or_default()
    }

    /// What a task leaves to those after it.
    pub(super) fn outbound(&mut self, id: TaskExecutionId) -> Context {
        if let Some(known) = self.known_outbound(id) {
            return known.clone();
        }
        let inbound = self.inbound(id);
        let Some(task) = self.task(id) else {
            return inbound;
        };
        let outbound = inbound.publish(object(&task.published));
        if self.is_settled(id) {
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

    /// What a task leaves whose own view is known or among `passing`; nothing when it is being worked out.
    fn left_by(
        &mut self,
        id: TaskExecutionId,
        passing: &HashMap<TaskExecutionId, Context>,
    ) -> Context {
        match (passing.get(&id), self.task(id)) {
            (Some(context), Some(task)) => context.publish(object(&task.published)),
            (None, Some(_)) if self.known(id).is_some() => self.outbound(id),
            (_, _) => Context::default(),
        }
    }

    /// Whether what a task leaves stays as it is, unless somebody runs something again.
    fn is_settled(&self, id: TaskExecutionId) -> bool {
        self.task(id)
            .is_some_and(|task| task.state.is_completed() && self.known(id).is_some())
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
