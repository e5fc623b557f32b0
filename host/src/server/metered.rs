//! Store and executor as they are, with what they do counted.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use uuid::Uuid;

use crate::{
    domain::{
        ActionSpec, Digest, HostId, Job, JobId, ModuleName, Order, Outcome, ProjectId, Tallies,
        Timestamp,
    },
    executor::{Busy, Call, Executor, Place, TakeInError},
    metrics::Metrics,
    store::{Commit, Error, Kind, Query, Record, Store, Wanted},
};

/// Counts what `inner` does.
pub(super) struct Metered<T> {
    pub(super) inner: T,
    pub(super) metrics: Arc<Metrics>,
}

#[async_trait]
impl<E: Executor> Executor for Metered<E> {
    async fn take_in(
        &self,
        file: &Path,
        digest: Digest,
        module: Option<&ModuleName>,
    ) -> Result<Vec<ActionSpec>, TakeInError> {
        let began = Instant::now();
        let answer = self.inner.take_in(file, digest, module).await;
        let outcome = match &answer {
            Ok(_) => "done",
            Err(TakeInError::Refused(_) | TakeInError::TooExpensive(_)) => "refused",
            Err(TakeInError::Busy(_)) => "busy",
            Err(TakeInError::Host(_)) => "failed",
        };
        self.metrics.module_taken_in(outcome, began.elapsed());
        answer
    }

    async fn prepare(&self, digest: Digest) -> Result<(), TakeInError> {
        self.inner.prepare(digest).await
    }

    async fn content(&self, digest: Digest) -> std::io::Result<Option<tokio::fs::File>> {
        self.inner.content(digest).await
    }

    async fn discard(&self, digest: Digest) -> std::io::Result<()> {
        self.inner.discard(digest).await
    }

    fn admit(&self, project: &ProjectId) -> Result<Place, Busy> {
        self.inner.admit(project)
    }

    async fn run(&self, call: Call) -> Outcome {
        let began = Instant::now();
        let _in_flight = self.metrics.run_began();
        let asks_clouds = !call.scope.spec.access.is_empty();
        let journal = asks_clouds.then(|| Arc::clone(&call.scope.journal));
        let outcome = self.inner.run(call).await;
        let name = match &outcome {
            Outcome::Done(_) => "done",
            Outcome::Pending => "pending",
            Outcome::Failed(_) => "failed",
            Outcome::Cancelled => "cancelled",
        };
        self.metrics.run_ended(name, began.elapsed());
        for trace in journal
            .into_iter()
            .flat_map(|journal| journal.page().requests)
        {
            self.metrics.cloud_request_ended(trace.status);
        }
        outcome
    }
}

#[async_trait]
impl<S: Store> Store for Metered<S> {
    async fn find(&self, kind: Kind, id: Uuid) -> Result<Option<Record>, Error> {
        self.inner.find(kind, id).await
    }

    async fn version(&self, kind: Kind, id: Uuid) -> Result<Option<u64>, Error> {
        self.inner.version(kind, id).await
    }

    async fn list(&self, query: Query) -> Result<Vec<Record>, Error> {
        self.inner.list(query).await
    }

    async fn commit(&self, commit: Commit) -> Result<(), Error> {
        let began = Instant::now();
        let answer = self.inner.commit(commit).await;
        let outcome = match &answer {
            Ok(()) => "done",
            Err(Error::Conflict { .. } | Error::LeaseLost(_)) => "conflict",
            Err(Error::QuotaExceeded { .. }) => "refused",
            Err(Error::Corrupt { .. } | Error::Unavailable(_)) => "failed",
        };
        self.metrics.commit_ended(outcome, began.elapsed());
        answer
    }

    async fn claim_jobs(
        &self,
        owner: HostId,
        now: Timestamp,
        lease: Duration,
        wanted: Wanted,
    ) -> Result<Vec<Job>, Error> {
        self.inner.claim_jobs(owner, now, lease, wanted).await
    }

    async fn count_jobs(&self, project: &ProjectId) -> Result<usize, Error> {
        self.inner.count_jobs(project).await
    }

    async fn usage(&self, project: &ProjectId) -> Result<Tallies, Error> {
        self.inner.usage(project).await
    }

    async fn usages(
        &self,
        after: Option<ProjectId>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<(ProjectId, Tallies)>, Error> {
        self.inner.usages(after, order, limit).await
    }

    async fn renew(
        &self,
        owner: HostId,
        jobs: &[JobId],
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<JobId>, Error> {
        self.inner.renew(owner, jobs, now, lease).await
    }
}
