//! The jobs that a host asks for: so many, of the projects in turn.

use std::collections::HashMap;

use crate::domain::{Line, ProjectId};

/// What a host has room for. Projects take turns in an order that stays the same, shorter ids first and then by their
/// bytes, and each gives one job a turn, the one that has been due for the longest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of this line.
    pub line: Line,
    /// The most jobs.
    pub limit: usize,
    /// The most jobs of one project, with those that are under way.
    pub per_project: usize,
    /// How many jobs of each project the host has under way.
    pub under_way: HashMap<ProjectId, usize>,
    /// Whose turn it was last: the next project is the first.
    pub after: Option<ProjectId>,
}

impl Wanted {
    /// At most `limit` jobs, however many of them are of one project.
    #[must_use]
    pub fn any(limit: usize) -> Self {
        Self {
            limit,
            per_project: usize::MAX,
            ..Self::default()
        }
    }

    /// How many jobs of `project` there is room for.
    #[must_use]
    pub fn room(&self, project: &ProjectId) -> usize {
        let under_way = self.under_way.get(project).copied().unwrap_or_default();
        self.per_project.saturating_sub(under_way)
    }
}
