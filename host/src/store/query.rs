//! Which records a list asks for.

use uuid::Uuid;

use super::{Entity, Kind};
use crate::domain::{Order, ProjectId};

/// What a backend is asked for: one bounded walk along one index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Of this kind.
    pub kind: Kind,
    /// Of this project; of all when none.
    pub project: Option<ProjectId>,
    /// With this value of this index key.
    pub index: Option<(&'static str, String)>,
    /// By id.
    pub order: Order,
    /// Beginning after this id, in the order asked for.
    pub after: Option<Uuid>,
    /// At most so many.
    pub limit: usize,
}

/// What a typed list asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Of this project; of all when none.
    pub project: Option<ProjectId>,
    /// With this value of this index key.
    pub index: Option<(&'static str, String)>,
    /// By age.
    pub order: Order,
    /// Beginning after this id.
    pub after: Option<Uuid>,
    /// At most so many, at least 1.
    pub limit: usize,
    /// Whether many records will be passed over, so that it pays to read them in larger batches.
    pub is_filtered: bool,
}

impl List {
    pub(super) fn query<E: Entity>(&self, after: Option<Uuid>, limit: usize) -> Query {
        Query {
            kind: E::KIND,
            project: self.project.clone(),
            index: self.index.clone(),
            order: self.order,
            after,
            limit,
        }
    }
}
