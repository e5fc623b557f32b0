//! The actors: what waits for an execution, and what is known of it in memory.

use std::{
    collections::{HashMap, VecDeque},
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use futures::FutureExt as _;
use tokio::sync::oneshot;
use tracing::error;

use super::{Cause, Content, letter::Letter, load::Loaded, root::Known};
use crate::{
    domain::WorkflowExecutionId,
    engine::{Engine, Error},
};

/// The most letters that are handled in one commit.
const LETTERS: usize = 256;

/// The executions that this process has stepped lately.
#[derive(Debug, Default)]
pub(in crate::engine) struct Executions {
    actors: Mutex<HashMap<WorkflowExecutionId, Arc<Actor>>>,
    roots: Mutex<HashMap<WorkflowExecutionId, Known>>,
    uses: AtomicU64,
}

/// One execution in this process.
#[derive(Debug)]
struct Actor {
    id: WorkflowExecutionId,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    letters: VecDeque<Letter>,
    loaded: Option<Box<Loaded>>,
    /// Somebody handles letters.
    is_busy: bool,
    /// The environment of the root is another one: what is loaded is to be loaded anew.
    is_stale: bool,
    used: u64,
}

impl Actor {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a letter; whether somebody has to come and handle it.
    fn post(&self, letter: Letter) -> bool {
        let mut inner = self.lock();
        inner.letters.push_back(letter);
        !std::mem::replace(&mut inner.is_busy, true)
    }

    /// The next letters to be handled together, with what is known of the execution; none when nothing waits.
    fn take(&self) -> Option<(Vec<Letter>, Option<Box<Loaded>>)> {
        let mut inner = self.lock();
        let mut letters = Vec::new();
        while letters.len() < LETTERS
            && let Some(next) = inner.letters.front()
        {
            let is_alone = next.content.is_alone();
            if is_alone && !letters.is_empty() {
                break;
            }
            letters.extend(inner.letters.pop_front());
            if is_alone {
                break;
            }
        }
        if letters.is_empty() {
            inner.is_busy = false;
            return None;
        }
        if std::mem::take(&mut inner.is_stale) {
            inner.loaded = None;
        }
        Some((letters, inner.loaded.take()))
    }
}

impl Executions {
    fn actors(&self) -> MutexGuard<'_, HashMap<WorkflowExecutionId, Arc<Actor>>> {
        self.actors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn roots(&self) -> MutexGuard<'_, HashMap<WorkflowExecutionId, Known>> {
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn actor(&self, id: WorkflowExecutionId) -> Arc<Actor> {
        let mut actors = self.actors();
        let actor = actors.entry(id).or_insert_with(|| {
            let inner = Mutex::default();
            Arc::new(Actor { id, inner })
        });
        Arc::clone(actor)
    }

    /// Keeps what is known of an execution that was just begun.
    pub(super) fn keep(&self, loaded: Box<Loaded>) {
        self.put_back(&self.actor(loaded.snapshot.execution.id), Some(loaded));
    }

    fn put_back(&self, actor: &Actor, loaded: Option<Box<Loaded>>) {
        let used = self.uses.fetch_add(1, Ordering::Relaxed);
        let mut inner = actor.lock();
        inner.used = used;
        // One that has ended is seldom asked for again.
        inner.loaded = loaded.filter(|it| !it.snapshot.execution.state.is_completed());
    }

    /// What is loaded of the executions below `root` is to be loaded anew.
    pub(super) fn mark_stale(&self, root: WorkflowExecutionId) {
        for actor in self.actors().values() {
            let mut inner = actor.lock();
            let is_below = |loaded: &Loaded| loaded.snapshot.execution.root_id() == root;
            inner.is_stale |= inner.is_busy || inner.loaded.as_deref().is_some_and(is_below);
        }
    }

    /// Forgets what is known of nothing, and what was not used for the longest, until at most `limit` are left.
    fn evict(&self, id: WorkflowExecutionId, limit: usize) {
        let mut actors = self.actors();
        if (actors.get(&id)).is_some_and(|actor| is_idle(actor) && actor.lock().loaded.is_none()) {
            actors.remove(&id);
        }
        if actors.len() <= limit {
            return;
        }
        let idle = actors.iter().filter(|(_, actor)| is_idle(actor));
        let mut idle: Vec<_> = idle.map(|(id, actor)| (actor.lock().used, *id)).collect();
        idle.sort_unstable();
        // A tenth more than needed, so that it is not done for each.
        let surplus = actors.len() - limit + limit / 10;
        for (_, id) in idle.into_iter().take(surplus) {
            actors.remove(&id);
        }
    }
}

fn is_idle(actor: &Arc<Actor>) -> bool {
    let inner = actor.lock();
    // Whoever is about to post has a claim on it.
    Arc::strong_count(actor) == 1 && !inner.is_busy && inner.letters.is_empty()
}

impl Engine {
    /// Tells `content` to an execution, and returns when all that follows from it is durable.
    ///
    /// # Errors
    /// When there is no such execution, it may not do that, or the store does not answer. A job is finished also where
    /// there is no execution, unless it ended a run.
    pub(in crate::engine) async fn tell(
        self: &Arc<Self>,
        id: WorkflowExecutionId,
        content: Content,
        cause: Cause,
    ) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        let letter = Letter {
            content,
            cause,
            answer,
        };
        let actor = self.executions.actor(id);
        if actor.post(letter) {
            // On a task of its own: a client that goes away takes nobody else's letter along.
            tokio::spawn(Arc::clone(self).drain(actor));
        } else {
            drop(actor);
        }
        let lost = |_| Error::Host("what was told to the execution was lost by a fault".into());
        answered.await.map_err(lost)?
    }

    async fn drain(self: Arc<Self>, actor: Arc<Actor>) {
        while let Some((letters, loaded)) = actor.take() {
            let handling = AssertUnwindSafe(self.handle(actor.id, letters, loaded));
            let loaded = handling.catch_unwind().await.unwrap_or_else(|_| {
                error!(workflow_execution.id = %actor.id, "a step of an execution failed by a fault of the host");
                None
            });
            self.executions.put_back(&actor, loaded);
        }
        let id = actor.id;
        drop(actor);
        self.executions.evict(id, self.settings.cached_executions);
    }
}
