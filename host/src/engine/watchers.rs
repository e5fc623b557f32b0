//! Tells those who watch an execution what was committed of it, within this process.
//!
//! Whoever commits calls [`Watchers::changed`] afterwards; it costs one look at a counter when nobody watches.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::domain::{ActionExecution, TaskExecution, WorkflowExecution, WorkflowExecutionId};

/// How many changes wait for a listener that is slow; then it is told so and looks at everything anew.
const WAITING: usize = 256;

/// A record that was committed.
#[derive(Debug, Clone)]
pub enum Change {
    /// An execution.
    Execution(Arc<WorkflowExecution>),
    /// A task.
    Task(Arc<TaskExecution>),
    /// A run of an action.
    ActionExecution(Arc<ActionExecution>),
}

impl From<&WorkflowExecution> for Change {
    fn from(execution: &WorkflowExecution) -> Self {
        Self::Execution(Arc::new(execution.clone()))
    }
}

impl From<&Arc<WorkflowExecution>> for Change {
    fn from(execution: &Arc<WorkflowExecution>) -> Self {
        Self::Execution(Arc::clone(execution))
    }
}

impl From<&TaskExecution> for Change {
    fn from(task: &TaskExecution) -> Self {
        Self::Task(Arc::new(task.clone()))
    }
}

impl From<&Arc<TaskExecution>> for Change {
    fn from(task: &Arc<TaskExecution>) -> Self {
        Self::Task(Arc::clone(task))
    }
}

impl From<&ActionExecution> for Change {
    fn from(execution: &ActionExecution) -> Self {
        Self::ActionExecution(Arc::new(execution.clone()))
    }
}

/// The listeners of this process, by the execution at the top of what they watch.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    trees: Mutex<HashMap<WorkflowExecutionId, broadcast::Sender<Change>>>,
    count: AtomicUsize,
    closed: CancellationToken,
}

/// A listener's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    watchers: Arc<Watchers>,
    root: WorkflowExecutionId,
    pub(super) changes: broadcast::Receiver<Change>,
}

impl Watchers {
    /// Tells who watches the tree below `root` that `what` was committed.
    pub(super) fn changed(&self, root: WorkflowExecutionId, what: impl Into<Change>) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        if let Some(tree) = self.lock().get(&root) {
            // Without receivers only when the last one goes at this moment.
            let _ = tree.send(what.into());
        }
    }

    /// Listens to what is told of the tree below `root` from now on.
    pub(super) fn sit(self: &Arc<Self>, root: WorkflowExecutionId) -> Seat {
        let mut trees = self.lock();
        self.count.fetch_add(1, Ordering::AcqRel);
        let tree = trees
            .entry(root)
            .or_insert_with(|| broadcast::Sender::new(WAITING));
        Seat {
            watchers: Arc::clone(self),
            root,
            changes: tree.subscribe(),
        }
    }

    /// Ends all watching: the host is about to stop.
    pub(super) fn close(&self) {
        self.closed.cancel();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<WorkflowExecutionId, broadcast::Sender<Change>>> {
        self.trees.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Cancelled when all watching ends.
    pub(super) fn closed(&self) -> CancellationToken {
        self.watchers.closed.clone()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut trees = self.watchers.lock();
        // The one that is dropped still counts.
        if trees
            .get(&self.root)
            .is_some_and(|tree| tree.receiver_count() <= 1)
        {
            trees.remove(&self.root);
        }
        self.watchers.count.fetch_sub(1, Ordering::AcqRel);
    }
}
