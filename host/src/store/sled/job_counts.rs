//! How many jobs each project has: counted when the store is opened, and then with every commit.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::domain::ProjectId;

/// The jobs of each project that has any.
#[derive(Debug, Default)]
pub(super) struct JobCounts(Mutex<HashMap<ProjectId, usize>>);

/// What a commit adds to the counts, and takes from them.
#[derive(Debug, Default)]
pub(super) struct CountChanges(Vec<(ProjectId, bool)>);

impl CountChanges {
    /// A job more of `project`.
    pub(super) fn add(&mut self, project: &ProjectId) {
        self.0.push((project.clone(), true));
    }

    /// A job less of `project`.
    pub(super) fn remove(&mut self, project: &ProjectId) {
        self.0.push((project.clone(), false));
    }
}

impl JobCounts {
    /// The jobs of `project`.
    pub(super) fn of(&self, project: &ProjectId) -> usize {
        self.lock().get(project).copied().unwrap_or_default()
    }

    /// Takes over what a commit has changed.
    pub(super) fn apply(&self, changes: CountChanges) {
        let mut counts = self.lock();
        for (project, is_more) in changes.0 {
            let count = counts.get(&project).copied().unwrap_or_default();
            let count = if is_more {
                count + 1
            } else {
                count.saturating_sub(1)
            };
            if count == 0 {
                counts.remove(&project);
            } else {
                counts.insert(project, count);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProjectId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
