//! Lines of what waits, one for each project, served in turn: however long one is, it delays no other project.

use std::collections::{HashMap, VecDeque};

use crate::domain::ProjectId;

/// What waits, by project. `order` names each project with somebody in its line once, the next to be served first.
#[derive(Debug)]
pub(super) struct Turns<T> {
    lines: HashMap<ProjectId, VecDeque<T>>,
    order: VecDeque<ProjectId>,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self {
            lines: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<T> Turns<T> {
    /// Puts `item` at the end of the project's line.
    pub(super) fn push(&mut self, project: &ProjectId, item: T) {
        if let Some(line) = self.lines.get_mut(project) {
            line.push_back(item);
        } else {
            self.lines.insert(project.clone(), VecDeque::from([item]));
            self.order.push_back(project.clone());
        }
    }

    /// Takes the first of the line whose turn it is. A project that may not be served keeps its turn.
    pub(super) fn next(&mut self, may: impl Fn(&ProjectId) -> bool) -> Option<(ProjectId, T)> {
        let turn = self.order.iter().position(may)?;
        let project = self.order.remove(turn)?;
        let line = self.lines.get_mut(&project)?;
        let item = line.pop_front()?;
        if line.is_empty() {
            self.lines.remove(&project);
        } else {
            self.order.push_back(project.clone());
        }
        Some((project, item))
    }

    /// Takes out of the project's line the item whose `key` is `wanted`; the keys of a line ascend.
    pub(super) fn take<K: Ord>(
        &mut self,
        project: &ProjectId,
        wanted: &K,
        key: impl Fn(&T) -> K,
    ) -> Option<T> {
        let line = self.lines.get_mut(project)?;
        let at = line.binary_search_by_key(wanted, key).ok()?;
        let item = line.remove(at);
        if line.is_empty() {
            self.lines.remove(project);
            self.order.retain(|other| other != project);
        }
        item
    }

    /// How many of the project wait.
    pub(super) fn waiting(&self, project: &ProjectId) -> usize {
        self.lines.get(project).map_or(0, VecDeque::len)
    }

    /// Whether nobody waits.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.order.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(items: &[(&str, u32)]) -> Turns<u32> {
        let mut turns = Turns::default();
        for (project, item) in items {
            turns.push(&ProjectId::new(*project), *item);
        }
        turns
    }

    fn all(mut turns: Turns<u32>) -> Vec<u32> {
        std::iter::from_fn(|| turns.next(|_| true))
            .map(|(_, item)| item)
            .collect()
    }

    #[test]
    fn projects_are_served_in_turn_and_each_in_its_own_order() {
        let turns = turns(&[
            ("a", 1),
            ("a", 2),
            ("a", 3),
            ("b", 10),
            ("c", 20),
            ("b", 11),
        ]);
        assert_eq!(all(turns), [1, 10, 20, 2, 11, 3]);
    }

    #[test]
    fn who_may_not_be_served_keeps_the_turn() {
        let mut turns = turns(&[("a", 1), ("b", 10), ("b", 11)]);
        let (_, item) = turns.next(|project| project.as_str() != "a").unwrap();
        assert_eq!(item, 10);
        assert!(turns.next(|_| false).is_none());
        assert_eq!(all(turns), [1, 11]);
    }

    #[test]
    fn who_is_taken_out_leaves_nothing() {
        let a = ProjectId::new("a");
        let mut turns = turns(&[("a", 1), ("b", 10), ("a", 2)]);
        assert_eq!(turns.take(&a, &2, |item| *item), Some(2));
        assert_eq!(turns.take(&a, &2, |item| *item), None);
        assert_eq!(turns.take(&a, &1, |item| *item), Some(1));
        assert_eq!(turns.waiting(&a), 0);
        assert_eq!(all(turns), [10]);
    }
}
