//! What a step asks of the records of an execution, kept with them so that no step goes through all of them.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::{Child, ChildId};
use crate::domain::{State, TaskExecution, TaskExecutionId};

/// How many tasks there are of a sort.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// All.
    pub(super) tasks: u32,
    /// Not ended.
    pub(super) unfinished: u32,
    /// Held.
    pub(super) paused: u32,
    /// Cancelled.
    pub(super) cancelled: u32,
    /// Ended in ERROR, and no clause takes care of it.
    pub(super) failed: u32,
}

impl Counts {
    /// Counts `new` in place of `old`.
    pub(super) fn swap(&mut self, old: Option<&TaskExecution>, new: &TaskExecution) {
        if let Some(old) = old {
            self.add(old, u32::saturating_sub);
        }
        self.add(new, u32::saturating_add);
    }

    fn add(&mut self, task: &TaskExecution, add: fn(u32, u32) -> u32) {
        let failed = task.state == State::Error && !task.error_handled;
        self.tasks = add(self.tasks, 1);
        self.unfinished = add(self.unfinished, u32::from(!task.state.is_completed()));
        self.paused = add(self.paused, u32::from(task.state == State::Paused));
        self.cancelled = add(self.cancelled, u32::from(task.state == State::Cancelled));
        self.failed = add(self.failed, u32::from(failed));
    }
}

/// The tasks of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named {
    /// The youngest.
    pub(super) latest: TaskExecutionId,
    /// How many something may still follow from.
    pub(super) live: u32,
}

impl Named {
    /// Counts `new` in place of `old`.
    pub(super) fn swap(
        named: Option<Self>,
        old: Option<&TaskExecution>,
        new: &TaskExecution,
    ) -> Self {
        let before = u32::from(old.is_some_and(is_live));
        let (latest, live) =
            named.map_or((new.id, 0), |named| (named.latest.max(new.id), named.live));
        Self {
            latest,
            live: live
                .saturating_sub(before)
                .saturating_add(u32::from(is_live(new))),
        }
    }
}

/// Whether something may still follow from `task`.
pub(super) fn is_live(task: &TaskExecution) -> bool {
    !task.state.is_completed() || !task.processed
}

/// How far the runs of one task are that count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Ended.
    pub(super) ended: u32,
    /// Ended in ERROR.
    pub(super) failed: u32,
    /// Cancelled.
    pub(super) cancelled: u32,
    /// Not ended and held.
    pub(super) paused: u32,
    /// Not ended.
    pub(super) under_way: u32,
}

impl Tally {
    /// Counts `new` in place of `old`.
    pub(super) fn swap(&mut self, old: Option<&Child>, new: &Child) {
        if let Some(old) = old {
            self.add(old, u32::saturating_sub);
        }
        self.add(new, u32::saturating_add);
    }

    fn add(&mut self, child: &Child, add: fn(u32, u32) -> u32) {
        if !child.is_accepted {
            return;
        }
        let ended = child.ended.is_some();
        let is = |state| u32::from(ended && child.state == state);
        self.ended = add(self.ended, u32::from(ended));
        self.failed = add(self.failed, is(State::Error));
        self.cancelled = add(self.cancelled, is(State::Cancelled));
        self.under_way = add(self.under_way, u32::from(!ended));
        let paused = !ended && child.state == State::Paused;
        self.paused = add(self.paused, u32::from(paused));
    }
}

/// The runs of one task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Runs {
    /// How far those are that count.
    pub(super) tally: Tally,
    /// All, by age.
    pub(super) ids: Vec<ChildId>,
    /// The places among the items, each with how many of those that count have it.
    pub(super) taken: HashMap<u32, u32>,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Index {
    /// How many tasks there are of a sort.
    pub(super) counts: Counts,
    /// Those from which something may still follow.
    pub(super) live: BTreeSet<TaskExecutionId>,
    /// Joins that wait for tasks to come in.
    pub(super) waiting: BTreeSet<TaskExecutionId>,
    /// By name.
    pub(super) names: HashMap<Arc<str>, Named>,
    /// The runs of each.
    pub(super) runs: HashMap<TaskExecutionId, Runs>,
}

impl Index {
    /// Takes `new` in place of `old`.
    pub(super) fn swap_task(&mut self, old: Option<&TaskExecution>, new: &TaskExecution) {
        self.counts.swap(old, new);
        let named = Named::swap(self.names.get(&new.name).copied(), old, new);
        self.names.insert(Arc::clone(&new.name), named);
        set(&mut self.live, new.id, is_live(new));
        set(&mut self.waiting, new.id, new.state == State::Waiting);
    }

    /// Takes `new` in place of `old`.
    pub(super) fn swap_child(&mut self, old: Option<&Child>, new: &Child) {
        let runs = self.runs.entry(new.task).or_default();
        runs.tally.swap(old, new);
        if old.is_none() {
            runs.ids.push(new.id);
        }
        // A run may be counted out after the run that replaces it is counted in.
        let taken = runs.taken.entry(new.index).or_default();
        let before = u32::from(old.is_some_and(|old| old.is_accepted));
        *taken = taken
            .saturating_add(u32::from(new.is_accepted))
            .saturating_sub(before);
    }
}

/// Has `id` in `ids` or not.
pub(super) fn set(ids: &mut BTreeSet<TaskExecutionId>, id: TaskExecutionId, is_in: bool) {
    if is_in {
        ids.insert(id);
    } else {
        ids.remove(&id);
    }
}
