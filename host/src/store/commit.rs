//! All the writes of one step: all or nothing.

use uuid::Uuid;

use super::{Entity, Kept, Kind, Record, entity};
use crate::domain::{HostId, Job, JobId, ProjectId, Tally};

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Puts a record that must not exist (`record.version` 1) or must still be at the version before.
    Put(Record),
    /// Deletes a record that must still be at `version`.
    Delete {
        /// Its kind.
        kind: Kind,
        /// Its id.
        id: Uuid,
        /// The version at which it was read.
        version: u64,
    },
    /// Adds due work, in the place of a job with its id, whose holder's results will be refused.
    AddJob(Job),
    /// Ends a job that `owner` must still hold at `attempt`.
    FinishJob {
        /// The job.
        id: JobId,
        /// The claimer.
        owner: HostId,
        /// The claim's attempt.
        attempt: u32,
    },
    /// Takes a job away, whoever holds it; its holder's results will be refused.
    CancelJob(JobId),
    /// A value that only one record may have: refused as a conflict on `id` when `key` is held by another record.
    Claim {
        /// Of which kind.
        kind: Kind,
        /// The unique value.
        key: String,
        /// Who has it from now on.
        id: Uuid,
    },
    /// Gives a claimed value back.
    Release {
        /// Of which kind.
        kind: Kind,
        /// The unique value.
        key: String,
    },
}

/// How much of a tally a project may have after a commit that adds to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Within {
    /// The project.
    pub project: ProjectId,
    /// What is counted.
    pub tally: Tally,
    /// The most.
    pub most: u64,
}

/// All the writes of one step, and the limits that they keep.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commit {
    pub(super) writes: Vec<Write>,
    limits: Vec<Within>,
}

impl Commit {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts an entity that does not exist yet.
    #[must_use]
    pub fn create<E: Entity>(self, entity: &E) -> Self {
        self.and(Write::Put(entity::encode(entity, 1)))
    }

    /// Puts an entity that was read.
    #[must_use]
    pub fn update<E: Entity>(self, kept: &Kept<E>) -> Self {
        self.and(Write::Put(entity::encode(&kept.entity, kept.version + 1)))
    }

    /// Puts an entity that was read at `version`, 0 for one that does not exist yet.
    #[must_use]
    pub fn put<E: Entity>(self, entity: &E, version: u64) -> Self {
        self.and(Write::Put(entity::encode(entity, version + 1)))
    }

    /// Deletes an entity that was read.
    #[must_use]
    pub fn delete<E: Entity>(self, kept: &Kept<E>) -> Self {
        self.and(Write::Delete {
            kind: E::KIND,
            id: kept.entity.id(),
            version: kept.version,
        })
    }

    /// Adds `write`.
    #[must_use]
    pub fn and(mut self, write: Write) -> Self {
        self.writes.push(write);
        self
    }

    /// Refuses all of it when it adds to what `project` has of `tally` and there would then be more than `most`.
    #[must_use]
    pub fn within(mut self, project: &ProjectId, tally: Tally, most: u64) -> Self {
        self.limits.push(Within {
            project: project.clone(),
            tally,
            most,
        });
        self
    }

    /// The limits, for the backends.
    #[must_use]
    pub fn limits(&self) -> &[Within] {
        &self.limits
    }

    /// The writes, for the backends.
    #[must_use]
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }
}
