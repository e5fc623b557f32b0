//! The door by which a caller's changes are kept: within the quotas of the project, and with a line of the audit trail.
//!
//! What the host does by itself goes to the store directly: it is not refused, and nobody's act.

use std::fmt::Display;

use super::Engine;
use crate::{
    domain::{AuditEvent, AuditObject, AuditOutcome, ObjectType, Operation},
    store::{self, Commit},
};

/// What a caller does, for [`commit_for`](Engine::commit_for).
#[derive(Debug, Clone)]
pub(super) struct Act {
    objects: Vec<AuditObject>,
    is_limited: bool,
}

impl Act {
    /// Something is made, or grows: it has to be within the quotas.
    pub(super) fn making(object_type: ObjectType, id: impl Display, name: Option<&str>) -> Self {
        Self {
            is_limited: true,
            ..Self::changing(object_type, id, name)
        }
    }

    /// Something is changed or deleted: no quota refuses that.
    pub(super) fn changing(object_type: ObjectType, id: impl Display, name: Option<&str>) -> Self {
        let object = AuditObject {
            object_type: Some(object_type),
            id: Some(id.to_string()),
            name: name.map(str::to_owned),
        };
        Self {
            objects: vec![object],
            is_limited: false,
        }
    }

    /// To what it is done.
    pub(super) fn objects(&self) -> &[AuditObject] {
        &self.objects
    }

    /// Both of them, in one step.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.objects.extend(other.objects);
        self.is_limited |= other.is_limited;
        self
    }
}

impl Engine {
    /// Commits what the caller of `op` does. Every change that an operation of a caller makes comes through here.
    ///
    /// # Errors
    /// As of the store's commit, with [`store::Error::QuotaExceeded`] where the act makes more than the project may
    /// have.
    pub(super) async fn commit_for(
        &self,
        op: &Operation,
        act: Act,
        commit: Commit,
    ) -> Result<(), store::Error> {
        let commit = if act.is_limited {
            self.within_quotas(&op.project_id, commit).await?
        } else {
            commit
        };
        let now = self.clock.now();
        let events = act.objects.into_iter();
        let events = events.map(|object| AuditEvent::new(op, object, AuditOutcome::Done, now));
        let commit = events.fold(commit, |commit, event| commit.create(&event));
        self.store.commit(commit).await
    }
}
