//! The runs that this host has under way: how they are cancelled and watched.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

use crate::domain::{ActionExecutionId, Digest, Journal};

/// One run under way.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) digest: Digest,
    pub(super) cancel: CancellationToken,
    pub(super) journal: Arc<Journal>,
}

/// The saved runs under way, by id.
#[derive(Debug, Default)]
pub(super) struct Running(Mutex<HashMap<ActionExecutionId, Run>>);

/// Keeps a run in [`Running`] until it is dropped.
pub(super) struct Entry<'a> {
    running: &'a Running,
    id: ActionExecutionId,
}

impl Running {
    pub(super) fn enter(&self, id: ActionExecutionId, run: Run) -> Entry<'_> {
        self.lock().insert(id, run);
        Entry { running: self, id }
    }

    pub(super) fn has(&self, id: ActionExecutionId) -> bool {
        self.lock().contains_key(&id)
    }

    pub(super) fn cancel(&self, id: ActionExecutionId) {
        if let Some(run) = self.lock().get(&id) {
            run.cancel.cancel();
        }
    }

    pub(super) fn journal(&self, id: ActionExecutionId) -> Option<Arc<Journal>> {
        self.lock().get(&id).map(|run| Arc::clone(&run.journal))
    }

    pub(super) fn uses(&self, digest: Digest) -> bool {
        self.lock().values().any(|run| run.digest == digest)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ActionExecutionId, Run>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.running.lock().remove(&self.id);
    }
}
