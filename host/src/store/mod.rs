//! Keeps records: the seam between the domain and the disk.
//!
//! Acknowledged means durable: a [`commit`](Store::commit) that answered survives a crash.

mod codec;
mod commit;
#[cfg(test)]
mod conformance;
mod entities;
mod entity;
#[cfg(test)]
mod fuzz;
mod pages;
mod query;
mod ring;
mod seal;
mod settings;
mod sled;
mod wanted;

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

pub use self::sled::{OpenError, SledStore};
pub use commit::{Commit, Within, Write};
pub use entities::{KeptJournal, Turn};
pub use entity::{Entity, Kept, Kind, Record};
pub use pages::{PageError, page};
pub use query::{List, Listing, Position, Query, Sort};
pub use ring::RingError;
pub use seal::{KeyFacts, KeyRing, Place, SealError};
pub use settings::Settings;
pub use wanted::Wanted;

use crate::domain::{HostId, Job, JobId, Order, ProjectId, Tallies, Tally, Timestamp};

/// Why a store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A record that this build cannot read.
    #[error("stored {kind} {id} cannot be read")]
    Corrupt {
        /// Of which kind.
        kind: Kind,
        /// Which.
        id: Uuid,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// Somebody else was faster; nothing was written.
    #[error("{kind} {id} changed since it was read")]
    Conflict {
        /// Of which kind.
        kind: Kind,
        /// Which.
        id: Uuid,
    },
    /// The lease of a job is somebody else's by now; nothing was written.
    #[error("job {0} is not this host's any more")]
    LeaseLost(JobId),
    /// The project would have more than a limit of the commit; nothing was written.
    #[error(
        "{project} has {in_use} of at most {limit} {tally}, and {wanted} more would be too many"
    )]
    QuotaExceeded {
        /// Whose limit.
        project: ProjectId,
        /// Of what.
        tally: Tally,
        /// How much there is.
        in_use: u64,
        /// How much the commit would have added.
        wanted: u64,
        /// The most.
        limit: u64,
    },
    /// The disk or the database does not answer.
    #[error("the store cannot be reached")]
    Unavailable(#[source] BoxError),
}

/// Any error of a library below.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What keeps records and due work.
#[async_trait]
pub trait Store: Send + Sync {
    /// The record of `kind` with `id`.
    async fn find(&self, kind: Kind, id: Uuid) -> Result<Option<Record>, Error>;

    /// The version of a record; none when there is no such record. Cheap, however long the record is.
    async fn version(&self, kind: Kind, id: Uuid) -> Result<Option<u64>, Error>;

    /// At most `query.limit` records in the order asked for; ids are in the order of their age. Costs by the records
    /// that it answers, not by those that there are, when `query` has not both an index key and a sort.
    async fn list(&self, query: Query) -> Result<Vec<Record>, Error>;

    /// Writes all of `commit` or nothing, and answers when it is durable.
    async fn commit(&self, commit: Commit) -> Result<(), Error>;

    /// The `wanted` jobs that are due and not under another host's lease, in the order of their turns; each counts its
    /// attempt up and is leased to `owner` until `now + lease`. Costs by the jobs that it answers and the projects that
    /// have any, not by the jobs that wait.
    async fn claim_jobs(
        &self,
        owner: HostId,
        now: Timestamp,
        lease: Duration,
        wanted: Wanted,
    ) -> Result<Vec<Job>, Error>;

    /// How many jobs of `project` there are, claimed or not. Cheap.
    async fn count_jobs(&self, project: &ProjectId) -> Result<usize, Error>;

    /// What `project` has of everything that is counted, exactly. Cheap.
    async fn usage(&self, project: &ProjectId) -> Result<Tallies, Error>;

    /// At most `limit` of the projects that have anything that is counted, beginning after `after`, in an order that
    /// stays the same: ascending, shorter ids first and then by their bytes.
    async fn usages(
        &self,
        after: Option<ProjectId>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<(ProjectId, Tallies)>, Error>;

    /// Moves the leases that `owner` still holds on `jobs` to `now + lease`; answers those it no longer holds.
    async fn renew(
        &self,
        owner: HostId,
        jobs: &[JobId],
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<JobId>, Error>;
}

/// The entity `E` with `id`, and the version at which it was read.
///
/// # Errors
/// When the store does not answer or the record cannot be read.
pub async fn find<E: Entity>(store: &dyn Store, id: Uuid) -> Result<Option<Kept<E>>, Error> {
    store
        .find(E::KIND, id)
        .await?
        .as_ref()
        .map(entity::decode)
        .transpose()
}

/// The entities that `list` asks for; those that `keep` refuses are passed over and do not count.
///
/// # Errors
/// When the store does not answer or a record cannot be read.
pub async fn list<E: Entity>(
    store: &dyn Store,
    list: List,
    mut keep: impl FnMut(&E) -> bool + Send,
) -> Result<Vec<Kept<E>>, Error> {
    let mut found = Vec::new();
    let mut after = list.after;
    loop {
        let missing = list.limit - found.len();
        let batch = if list.is_filtered {
            missing.max(100)
        } else {
            missing
        };
        let records = store.list(list.query::<E>(after, batch)).await?;
        let is_last = records.len() < batch;
        after = records.last().map(|record| record.age);
        for record in &records {
            let kept = entity::decode::<E>(record)?;
            if keep(&kept.entity) {
                found.push(kept);
                if found.len() == list.limit {
                    return Ok(found);
                }
            }
        }
        if is_last {
            return Ok(found);
        }
    }
}
