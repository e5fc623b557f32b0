//! Joins: tasks that begin when all, or so many, of the tasks that may lead to them have come in.
//!
//! A join exists from the first task that comes in. It waits as long as enough of the others may still come: as long as
//! something under way may lead to them. Otherwise it ends in ERROR.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use super::{Needed, scope::Halt, step::Step, text::list};
use crate::{
    domain::{Inbound, State, TaskExecution, TaskExecutionId},
    lang::Join,
};

impl Step<'_, '_, '_, '_> {
    /// A task came in at the join `name`.
    pub(super) fn arrive_at_join(
        &mut self,
        name: &str,
        join: Join,
        mut inbound: Inbound,
    ) -> Result<(), Halt> {
        let latest = self.draft.named(name).map(|named| named.latest);
        let Some(task) = latest.and_then(|id| self.draft.task(id)).cloned() else {
            return self.new_join(name, join, inbound);
        };
        let never_began = task.state == State::Error && task.started_at.is_none();
        let is_revived = never_began && {
            let mut arrived = self.arrived(&task);
            let from = self.draft.task(inbound.task_execution_id);
            arrived.extend(from.map(|from| Arc::clone(&from.name)));
            self.missing(&task, join, &arrived).is_none()
        };
        if is_revived {
            self.draft.void_memo();
        } else if never_began {
            // What followed from its end stays as it is.
            inbound.is_late = true;
        } else if task.state != State::Waiting {
            let from = self.draft.task(inbound.task_execution_id);
            let from = from.map(|from| Arc::clone(&from.name));
            if from.is_some_and(|from| self.arrived(&task).contains(&from)) {
                // Every task comes in once; the second time begins the join anew, as in a loop.
                return self.new_join(name, join, inbound);
            }
            inbound.is_late = true;
        }
        self.draft.change_task(task.id, self.now, |task| {
            if is_revived {
                task.inbound
                    .iter_mut()
                    .for_each(|before| before.is_late = false);
                task.state = State::Waiting;
                task.state_info = Some(WAITING.to_owned());
                task.processed = false;
                task.error_handled = false;
                task.followed = 0;
                task.finished_at = None;
            }
            task.inbound.push(inbound);
        });
        self.begin_if_complete(task.id, join)
    }

    fn new_join(&mut self, name: &str, join: Join, inbound: Inbound) -> Result<(), Halt> {
        let Some(id) = self.create(name, State::Waiting, vec![inbound])? else {
            return Ok(());
        };
        self.draft.change_task(id, self.now, |task| {
            task.state_info = Some(WAITING.to_owned());
        });
        self.joins.push_back(id);
        self.begin_if_complete(id, join)
    }

    /// A task ended that might have led to `not_begun`: joins that can no longer begin without these end in ERROR.
    pub(super) fn check_joins(&mut self, not_begun: &[&Arc<str>]) -> Result<(), Halt> {
        if not_begun.is_empty() {
            return Ok(());
        }
        let graph = Arc::clone(&self.draft.base.graph);
        let waiting: Vec<_> = self.draft.waiting().iter().copied().collect();
        for id in waiting {
            let Some(task) = self.draft.task(id).cloned() else {
                continue;
            };
            if (not_begun.iter()).any(|name| graph.leads_to_join(name, &task.name)) {
                self.try_to_decide(&task)?;
            }
        }
        Ok(())
    }

    /// Begins a join that waits, or ends it in ERROR when it can no longer begin.
    pub(super) fn decide(&mut self, id: TaskExecutionId) -> Result<(), Needed> {
        let Some(task) = self.draft.task(id).cloned() else {
            return Ok(());
        };
        let decided = self.try_to_decide(&task);
        self.settle_halt(id, "run task", decided)
    }

    fn try_to_decide(&mut self, task: &TaskExecution) -> Result<(), Halt> {
        let Some(join) = self.draft.spec_of(task).and_then(|spec| spec.join) else {
            return Ok(());
        };
        self.begin_if_complete(task.id, join)?;
        if (self.draft.task(task.id)).is_none_or(|task| task.state != State::Waiting) {
            return Ok(());
        }
        if let Some(missing) = self.missing(task, join, &self.arrived(task)) {
            let missing: Vec<_> = missing.iter().map(AsRef::as_ref).collect();
            self.fail_join(task.id, &missing);
        }
        Ok(())
    }

    /// The tasks for which a join waits in vain, when those that may still come are not enough; none when they are.
    fn missing(
        &self,
        task: &TaskExecution,
        join: Join,
        arrived: &BTreeSet<Arc<str>>,
    ) -> Option<Vec<Arc<str>>> {
        let graph = &self.draft.base.graph;
        let inbound = graph.inbound(&task.name);
        let mut hopeless = HashSet::new();
        let is_missing = |name: &&Arc<str>| {
            !arrived.contains(*name) && !self.may_come(name, &task.name, &mut hopeless)
        };
        let missing: Vec<_> = inbound.iter().filter(is_missing).cloned().collect();
        let is_hopeless =
            inbound.len().saturating_sub(missing.len()) < graph.needed(&task.name, join);
        is_hopeless.then_some(missing)
    }

    /// Nothing is under way but joins that wait: one of them can no longer begin, or they wait for each other, and the
    /// oldest ends in ERROR.
    pub(super) fn give_up(&mut self) -> Result<(), Needed> {
        let waiting: Vec<_> = self.draft.waiting().iter().copied().collect();
        for id in &waiting {
            self.decide(*id)?;
            if !self.draft.waiting().contains(id) {
                return Ok(());
            }
        }
        let oldest = waiting.first().and_then(|id| self.draft.task(*id)).cloned();
        if let Some(task) = oldest {
            let arrived = self.arrived(&task);
            let graph = Arc::clone(&self.draft.base.graph);
            let inbound = graph.inbound(&task.name).iter();
            let missing: Vec<_> = inbound
                .filter(|name| !arrived.contains(*name))
                .map(AsRef::as_ref)
                .collect();
            self.fail_join(task.id, &missing);
        }
        Ok(())
    }

    fn fail_join(&mut self, id: TaskExecutionId, missing: &[&str]) {
        self.draft.change_task(id, self.now, |task| {
            task.state = State::Error;
            task.state_info = Some(format!("Failed by tasks: {}", list(missing)));
            task.finished_at = task.updated_at;
        });
        self.ended.push_back(id);
    }

    fn begin_if_complete(&mut self, id: TaskExecutionId, join: Join) -> Result<(), Halt> {
        let Some(task) = self.draft.task(id).cloned() else {
            return Ok(());
        };
        let needed = self.draft.base.graph.needed(&task.name, join);
        // What is held begins when it is resumed.
        if task.state != State::Waiting
            || self.state() != State::Running
            || task.inbound.len() < needed
            || self.arrived(&task).len() < needed
        {
            return Ok(());
        }
        self.draft
            .change_task(id, self.now, |task| task.state = State::Idle);
        Ok(self.run(id)?)
    }

    /// The names of the tasks that have come in.
    fn arrived(&self, task: &TaskExecution) -> BTreeSet<Arc<str>> {
        let names = task.inbound.iter().filter_map(|inbound| {
            let from = self.draft.task(inbound.task_execution_id)?;
            Some(Arc::clone(&from.name))
        });
        names.collect()
    }

    /// Whether something under way, other than `join`, may lead to an end of `name`.
    fn may_come(&self, name: &Arc<str>, join: &str, hopeless: &mut HashSet<Arc<str>>) -> bool {
        let mut open = vec![Arc::clone(name)];
        let mut seen = HashSet::new();
        while let Some(name) = open.pop() {
            if *name == *join || hopeless.contains(&name) || !seen.insert(Arc::clone(&name)) {
                continue;
            }
            if self.draft.named(&name).is_some_and(|named| named.live > 0) {
                return true;
            }
            open.extend(self.draft.base.graph.inbound(&name).iter().cloned());
        }
        hopeless.extend(seen);
        false
    }
}

const WAITING: &str = "Task is waiting.";
