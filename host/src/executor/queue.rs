//! Who may run at one time, so many on the host and so many of each project, and the bounded line of those who wait.
//!
//! A free place goes to the projects in turn. Nobody waits while there is a place that they may have.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use super::turns::Turns;
use crate::domain::ProjectId;

/// How many may run and wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Runs at one time on the host, at least 1.
    pub(super) runs: usize,
    /// Runs at one time of one project, at least 1.
    pub(super) runs_per_project: usize,
    /// Runs of all projects that wait.
    pub(super) waiting: usize,
    /// Runs of one project that wait.
    pub(super) waiting_per_project: usize,
}

/// Why a run was not let in: so many wait already.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Too many runs {whose} wait already: {setting} = {limit}. Try again later.")]
pub struct Busy {
    whose: &'static str,
    setting: &'static str,
    limit: usize,
}

impl Busy {
    /// The setting that bounds the line.
    #[must_use]
    pub const fn setting(&self) -> &'static str {
        self.setting
    }
}

/// The places of a host and the line before them.
#[derive(Debug)]
pub(super) struct Queue {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    running_of: HashMap<ProjectId, usize>,
    waiting: usize,
    line: Turns<Waiter>,
    last_ticket: u64,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    turn: oneshot::Sender<()>,
}

/// A run's place: in the line, and once its turn has come, among those that run. Dropped, it is free again.
pub struct Place {
    queue: Arc<Queue>,
    project: ProjectId,
    turn: Option<(u64, oneshot::Receiver<()>)>,
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits: Limits {
                runs: limits.runs.max(1),
                runs_per_project: limits.runs_per_project.max(1),
                ..limits
            },
            state: Mutex::default(),
        })
    }

    /// A place for a run of `project`, unless it would have to wait and too many do.
    pub(super) fn admit(self: &Arc<Self>, project: &ProjectId) -> Result<Place, Busy> {
        let mut state = self.lock();
        if !state.has_room(&self.limits, project) {
            if state.line.waiting(project) >= self.limits.waiting_per_project {
                return Err(Busy {
                    whose: "of this project",
                    setting: "runtime.waiting_runs_per_project",
                    limit: self.limits.waiting_per_project,
                });
            }
            if state.waiting >= self.limits.waiting {
                return Err(Busy {
                    whose: "of all projects",
                    setting: "runtime.waiting_runs",
                    limit: self.limits.waiting,
                });
            }
        }
        Ok(self.place(&mut state, project))
    }

    /// A place for a run of `project` that was accepted before, however many wait.
    pub(super) fn enter(self: &Arc<Self>, project: &ProjectId) -> Place {
        self.place(&mut self.lock(), project)
    }

    fn place(self: &Arc<Self>, state: &mut State, project: &ProjectId) -> Place {
        let turn = if state.has_room(&self.limits, project) {
            state.begin(project);
            None
        } else {
            Some(state.wait(project))
        };
        Place {
            queue: Arc::clone(self),
            project: project.clone(),
            turn,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether a run of `project` may begin. Then nobody who may begin is waiting.
    fn has_room(&self, limits: &Limits, project: &ProjectId) -> bool {
        self.running < limits.runs && count(&self.running_of, project) < limits.runs_per_project
    }

    fn begin(&mut self, project: &ProjectId) {
        self.running += 1;
        match self.running_of.get_mut(project) {
            Some(running) => *running += 1,
            None => drop(self.running_of.insert(project.clone(), 1)),
        }
    }

    fn wait(&mut self, project: &ProjectId) -> (u64, oneshot::Receiver<()>) {
        self.waiting += 1;
        self.last_ticket += 1;
        let (turn, comes) = oneshot::channel();
        let ticket = self.last_ticket;
        self.line.push(project, Waiter { ticket, turn });
        (ticket, comes)
    }

    /// Takes a waiter out of the line; false when its turn has come.
    fn leave(&mut self, project: &ProjectId, ticket: u64) -> bool {
        let left = self.line.take(project, &ticket, |waiter| waiter.ticket);
        self.waiting -= usize::from(left.is_some());
        left.is_some()
    }

    /// Frees the place of a run, and gives it to whose turn it is.
    fn end(&mut self, limits: &Limits, project: &ProjectId) {
        self.running -= 1;
        if let Some(running) = self.running_of.get_mut(project) {
            *running -= 1;
            if *running == 0 {
                self.running_of.remove(project);
            }
        }
        while self.running < limits.runs {
            let running_of = &self.running_of;
            let may = |project: &ProjectId| count(running_of, project) < limits.runs_per_project;
            let Some((project, waiter)) = self.line.next(may) else {
                break;
            };
            self.waiting -= 1;
            self.begin(&project);
            // A place that is being dropped waits for this lock, and then frees what it was given.
            let _ = waiter.turn.send(());
        }
    }
}

fn count(counts: &HashMap<ProjectId, usize>, project: &ProjectId) -> usize {
    counts.get(project).copied().unwrap_or_default()
}

impl Place {
    /// Returns when the run may begin. May be dropped and called again.
    pub(super) async fn come(&mut self) {
        if let Some((_, turn)) = &mut self.turn {
            // The sender is used or dropped with the turn alone, while this place is there.
            let _ = turn.await;
            self.turn = None;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        if let Some((ticket, _)) = &self.turn
            && state.leave(&self.project, *ticket)
        {
            return;
        }
        state.end(&self.queue.limits, &self.project);
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("project", &self.project)
            .field("is_waiting", &self.turn.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
