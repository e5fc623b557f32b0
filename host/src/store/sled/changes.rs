//! The changes of one commit before they are made: read through, then applied as one batch.

use std::collections::HashMap;

use sled::{Batch, IVec, Tree};

use super::{
    job_counts::{CountChanges, JobCounts},
    unavailable,
};
use crate::store::Error;

/// What a commit will change. Dropped without [`apply`](Self::apply), it changes nothing.
pub(super) struct Changes<'a> {
    tree: &'a Tree,
    pending: HashMap<Vec<u8>, Option<IVec>>,
    jobs: CountChanges,
}

impl<'a> Changes<'a> {
    /// None yet.
    pub(super) fn new(tree: &'a Tree) -> Self {
        Self {
            tree,
            pending: HashMap::new(),
            jobs: CountChanges::default(),
        }
    }

    /// The tree as it is without them.
    pub(super) const fn tree(&self) -> &'a Tree {
        self.tree
    }

    /// The value at `key` with the changes made so far.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<IVec>, Error> {
        match self.pending.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.tree.get(key).map_err(unavailable),
        }
    }

    /// Puts a value.
    pub(super) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.pending.insert(key, Some(value.into()));
    }

    /// Takes a value away.
    pub(super) fn remove(&mut self, key: Vec<u8>) {
        self.pending.insert(key, None);
    }

    /// The jobs that come and go with them.
    pub(super) const fn jobs(&mut self) -> &mut CountChanges {
        &mut self.jobs
    }

    /// Makes all of them at once; answers whether there were any.
    pub(super) fn apply(self, counts: &JobCounts) -> Result<bool, Error> {
        if self.pending.is_empty() {
            return Ok(false);
        }
        let mut batch = Batch::default();
        for (key, value) in self.pending {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        self.tree.apply_batch(batch).map_err(unavailable)?;
        counts.apply(self.jobs);
        Ok(true)
    }
}
