//! `with-items`: one run for each item of one or more lists, all at a time or so many at a time.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{scope::Halt, snapshot::Lists, step::Step, text::python};
use crate::{
    domain::{Items, State, TaskExecution, TaskExecutionId},
    lang::Task,
};

impl Step<'_, '_, '_, '_> {
    /// Starts the first items of a task, all when it has no `concurrency` and the commit has room for them. Items that
    /// have a run that counts, after a rerun of those that failed, are left out.
    pub(super) fn start_items(&mut self, task: &TaskExecution, spec: &Task) -> Result<(), Halt> {
        let lists = self.evaluate_lists(task, spec)?;
        let count = lists.first().map_or(0, |(_, items)| items.len());
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let most = self.moment.limits.tasks;
        if count > most {
            return Err(Halt::Fault(format!(
                "'with-items' may have at most {most} items, not {count}: [engine] \
                 tasks_per_execution = {most}"
            )));
        }
        let concurrency = match &spec.concurrency {
            Some(template) => self.number(task.id, template, "concurrency")?,
            None => 0,
        };
        let concurrency = u32::try_from(concurrency).unwrap_or(u32::MAX);
        self.draft.change_task(task.id, self.now, |task| {
            task.items = Some(Items {
                count,
                concurrency: Some(concurrency).filter(|most| *most > 0),
                next: 0,
            });
        });
        self.draft.changes.memo.lists.insert(task.id, lists);
        self.advance_items(task.id, spec)
    }

    /// A run of an item has ended, or items were left when the execution was held: starts what may be started, and ends
    /// the task when nothing is left.
    pub(super) fn advance_items(&mut self, id: TaskExecutionId, spec: &Task) -> Result<(), Halt> {
        let Some(task) = self.draft.task(id).cloned() else {
            return Ok(());
        };
        let Some(items) = &task.items else {
            return Ok(());
        };
        if task.state.is_completed() {
            return Ok(());
        }
        let tally = self.draft.tally(id);
        if tally.cancelled > 0 {
            self.cancel_runs(id);
            let info = "One or more actions was cancelled.".to_owned();
            return self.end_try(id, State::Cancelled, Some(info));
        }
        if tally.ended >= items.count {
            return if tally.failed > 0 {
                let info = "One or more actions had failed.".to_owned();
                self.end_try(id, State::Error, Some(info))
            } else {
                self.end_try(id, State::Success, None)
            };
        }
        if items.next < items.count && self.state() == State::Running {
            self.start_more(&task, spec)?;
        }
        Ok(())
    }

    fn start_more(&mut self, task: &TaskExecution, spec: &Task) -> Result<(), Halt> {
        let Some(items) = &task.items else {
            return Ok(());
        };
        let lists = match self.draft.lists(task.id) {
            Some(lists) => lists,
            None => {
                let lists = self.evaluate_lists(task, spec)?;
                let memo = &mut self.draft.changes.memo.lists;
                memo.insert(task.id, Arc::clone(&lists));
                lists
            }
        };
        let mut under_way = self.draft.tally(task.id).under_way;
        let most = items.concurrency.unwrap_or(u32::MAX);
        let mut next = items.next;
        while next < items.count && under_way < most {
            if !self.draft.has_run(task.id, next) {
                if !self.has_room() {
                    break;
                }
                let item = item(&lists, next).ok_or_else(|| {
                    Halt::Fault(format!(
                        "The lists of 'with-items' had {} items and have no item {next} now",
                        items.count
                    ))
                })?;
                self.start_run(task, spec, Some((next, Arc::new(item))))?;
                under_way += 1;
            }
            next += 1;
        }
        self.draft.change_task(task.id, self.now, |task| {
            if let Some(items) = &mut task.items {
                items.next = next;
            }
        });
        Ok(())
    }

    fn evaluate_lists(&mut self, task: &TaskExecution, spec: &Task) -> Result<Lists, Halt> {
        let mut lists: Vec<(Arc<str>, Vec<Value>)> = Vec::new();
        for (name, template) in &spec.with_items {
            let items = match self.evaluate_for(template, task.id, None)? {
                Value::Array(items) => items,
                Value::Object(members) => {
                    members.into_iter().map(|(name, _)| name.into()).collect()
                }
                other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                    return Err(Halt::Fault(format!(
                        "Wrong input format for: {name}. Iterable type is expected for each \
                         value, not {}",
                        python(&other)
                    )));
                }
            };
            if let Some((first, others)) = lists.first()
                && others.len() != items.len()
            {
                return Err(Halt::Fault(format!(
                    "Wrong input format for: {name}. All arrays must have the same length: \
                     '{first}' has {}, '{name}' has {}",
                    others.len(),
                    items.len()
                )));
            }
            lists.push((Arc::clone(name), items));
        }
        Ok(Arc::new(lists))
    }
}

/// The variables of the item at `index`.
fn item(lists: &Lists, index: u32) -> Option<Map<String, Value>> {
    let index = usize::try_from(index).ok()?;
    let variable = |(name, items): &(Arc<str>, Vec<Value>)| {
        Some((name.to_string(), items.get(index)?.clone()))
    };
    lists.iter().map(variable).collect()
}
