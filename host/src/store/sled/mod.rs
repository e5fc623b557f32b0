//! The embedded store: one sled tree, one thread that writes, one process that may open it.
//!
//! A commit is one batch in sled's log: after a crash it is there as a whole or not at all, in the order of the answers.
//! Readers see a commit as soon as it is applied, a flush before its caller is answered.

mod changes;
mod commit;
mod job_counts;
mod jobs;
mod keys;
mod open;
mod query;
mod record;
mod usage;
mod writer;

#[cfg(test)]
mod tests;

use std::{fs::File, sync::Arc, time::Duration};

use async_trait::async_trait;
use sled::Tree;
use uuid::Uuid;

pub use open::OpenError;

use self::{job_counts::JobCounts, writer::Writer};
use super::{Commit, Error, Kind, Query, Record, Store, Wanted};
use crate::domain::{HostId, Job, JobId, Order, ProjectId, Tallies, Timestamp};

/// The embedded store. Dropping it waits for the commits under way.
// Fields drop in this order: writer, database, and then the lock that lets another process in.
pub struct SledStore {
    writer: Writer,
    tree: Tree,
    job_counts: Arc<JobCounts>,
    _lock: File,
}

#[async_trait]
impl Store for SledStore {
    // A read of one record takes microseconds, and one page of the disk where it is cold: less than another thread costs.
    async fn find(&self, kind: Kind, id: Uuid) -> Result<Option<Record>, Error> {
        Ok(record::load(&self.tree, kind, id)?.map(|(record, _)| record))
    }

    async fn version(&self, kind: Kind, id: Uuid) -> Result<Option<u64>, Error> {
        record::version(&self.tree, kind, id)
    }

    async fn list(&self, query: Query) -> Result<Vec<Record>, Error> {
        let tree = self.tree.clone();
        tokio::task::spawn_blocking(move || query::list(&tree, &query))
            .await
            .map_err(|error| Error::Unavailable(error.into()))?
    }

    async fn commit(&self, commit: Commit) -> Result<(), Error> {
        self.writer
            .write(move |changes| commit::commit(changes, &commit))
            .await
    }

    async fn claim_jobs(
        &self,
        owner: HostId,
        now: Timestamp,
        lease: Duration,
        wanted: Wanted,
    ) -> Result<Vec<Job>, Error> {
        self.writer
            .write(move |changes| jobs::claim(changes, owner, now, lease, &wanted))
            .await
    }

    async fn count_jobs(&self, project: &ProjectId) -> Result<usize, Error> {
        Ok(self.job_counts.of(project))
    }

    async fn usage(&self, project: &ProjectId) -> Result<Tallies, Error> {
        usage::of(&self.tree, project)
    }

    async fn usages(
        &self,
        after: Option<ProjectId>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<(ProjectId, Tallies)>, Error> {
        let tree = self.tree.clone();
        tokio::task::spawn_blocking(move || usage::list(&tree, after.as_ref(), order, limit))
            .await
            .map_err(|error| Error::Unavailable(error.into()))?
    }

    async fn renew(
        &self,
        owner: HostId,
        jobs: &[JobId],
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<JobId>, Error> {
        let jobs = jobs.to_vec();
        self.writer
            .write(move |changes| jobs::renew(changes, owner, &jobs, now, lease))
            .await
    }
}

impl std::fmt::Debug for SledStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SledStore").finish_non_exhaustive()
    }
}

fn unavailable(error: sled::Error) -> Error {
    Error::Unavailable(error.into())
}
