//! How much of the fast lane a project may compute: a little at once, and then a tenth of one processor.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::domain::ProjectId;

/// Polls below this are the price of any run, however quick, and cost nothing.
const FREE: Duration = Duration::from_millis(1);

/// What a project may compute at once before its runs go to the slow lane.
const SPARE: Duration = Duration::from_millis(20);

/// The share of a processor that is forgiven as time passes: one of so many parts.
const FORGIVEN: u32 = 10;

/// The most that is held against a project: it is forgiven in a second.
const MOST: Duration = Duration::from_millis(120);

/// The projects that compute, and what is held against each.
#[derive(Debug, Default)]
pub(super) struct Usage(Mutex<HashMap<ProjectId, Debt>>);

/// What was held against a project at a time.
#[derive(Debug, Clone, Copy)]
struct Debt {
    cpu: Duration,
    at: Instant,
}

impl Debt {
    fn at(self, now: Instant) -> Duration {
        let forgiven = now.saturating_duration_since(self.at) / FORGIVEN;
        self.cpu.saturating_sub(forgiven)
    }
}

impl Usage {
    /// Whether runs of `project` belong into the slow lane.
    pub(super) fn is_heavy(&self, project: &ProjectId) -> bool {
        let debts = self.lock();
        debts
            .get(project)
            .is_some_and(|debt| debt.at(Instant::now()) > SPARE)
    }

    /// Holds a poll that took `cpu` against `project`; answers whether the run belongs into the slow lane.
    pub(super) fn add(&self, project: &ProjectId, cpu: Duration) -> bool {
        cpu >= FREE && self.add_at(project, cpu, Instant::now())
    }

    fn add_at(&self, project: &ProjectId, cpu: Duration, now: Instant) -> bool {
        let mut debts = self.lock();
        let Some(debt) = debts.get_mut(project) else {
            // Whoever begins to compute makes room for it: what is forgiven is forgotten.
            debts.retain(|_, debt| !debt.at(now).is_zero());
            debts.insert(project.clone(), Debt { cpu, at: now });
            return cpu > SPARE;
        };
        let cpu = debt.at(now).saturating_add(cpu).min(MOST);
        *debt = Debt { cpu, at: now };
        cpu > SPARE
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProjectId, Debt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_project_that_computes_much_is_slow_until_a_second_after_the_last_of_it() {
        let (usage, a) = (Usage::default(), ProjectId::new("a"));
        let began = Instant::now();
        assert!(!usage.add_at(&a, 10 * MS, began));
        assert!(!usage.add_at(&a, 10 * MS, began));
        assert!(usage.add_at(&a, 10 * MS, began));
        for at in 0..1000 {
            usage.add_at(&a, 10 * MS, began + at * MS);
        }
        let debt = usage.lock()[&a];
        assert!(debt.at(began + 1990 * MS) > SPARE);
        assert!(debt.at(began + 2000 * MS) <= SPARE);
    }

    #[test]
    fn many_short_runs_that_compute_count_as_a_long_one() {
        let (usage, a) = (Usage::default(), ProjectId::new("a"));
        let began = Instant::now();
        let slow = (0..100).filter(|at| usage.add_at(&a, 5 * MS, began + *at * MS));
        assert!(slow.count() > 90);
        let rare = ProjectId::new("rare");
        assert!((0..100).all(|at| !usage.add_at(&rare, 5 * MS, began + at * 50 * MS)));
    }

    #[test]
    fn quick_runs_are_never_held_against_a_project() {
        let (usage, a) = (Usage::default(), ProjectId::new("a"));
        assert!((0..10_000).all(|_| !usage.add(&a, MS / 2)));
        assert!(usage.lock().is_empty());
    }

    #[test]
    fn what_is_forgiven_is_forgotten() {
        let usage = Usage::default();
        let began = Instant::now();
        usage.add_at(&ProjectId::new("a"), 10 * MS, began);
        usage.add_at(&ProjectId::new("b"), 10 * MS, began + 200 * MS);
        assert_eq!(usage.lock().len(), 1);
    }
}
