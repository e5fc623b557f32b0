//! Which records a list asks for.

use std::cmp::Ordering;

use uuid::Uuid;

use super::{Entity, Kind, Record};
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
    /// By the values of an index key, and ages within equal ones; by ages alone when none.
    pub sort: Option<Sort>,
    /// By age.
    pub order: Order,
    /// Beginning after this position, in the order asked for. It need not exist.
    pub after: Option<Position>,
    /// At most so many.
    pub limit: usize,
}

/// An order by the values of an index key. Records without that key are not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// The key.
    pub name: &'static str,
    /// By the bytes of its values.
    pub order: Order,
}

/// Where a record stands in a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Its value of the key that the walk is sorted by; nothing in a walk by ages.
    pub value: String,
    /// Its [age](Record::age).
    pub age: Uuid,
}

impl From<Uuid> for Position {
    fn from(age: Uuid) -> Self {
        Self {
            value: String::new(),
            age,
        }
    }
}

impl Query {
    /// Where `record` stands in this walk.
    #[must_use]
    pub fn position(&self, record: &Record) -> Position {
        let value = self.sort.and_then(|sort| record.index_value(sort.name));
        Position {
            value: value.unwrap_or_default().to_owned(),
            age: record.age,
        }
    }

    /// Which of two positions this walk comes to first.
    #[must_use]
    pub fn compare(&self, a: &Position, b: &Position) -> Ordering {
        let values = self.sort.map(|sort| sort.order.of(a.value.cmp(&b.value)));
        values
            .unwrap_or(Ordering::Equal)
            .then_with(|| self.order.of(a.age.cmp(&b.age)))
    }
}

/// One of the lists that are kept of every kind: of a project or of all, with a value of an index key or with any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Of this project; of all when none.
    pub project: Option<ProjectId>,
    /// With this value of this index key.
    pub index: Option<(&'static str, String)>,
}

impl Listing {
    /// All of a kind.
    pub const ALL: Self = Self {
        project: None,
        index: None,
    };

    /// Those that belong to `project`.
    #[must_use]
    pub const fn of(project: ProjectId) -> Self {
        Self {
            project: Some(project),
            index: None,
        }
    }

    /// Those with this value of the index key `name`, whosever they are.
    #[must_use]
    pub fn with(name: &'static str, value: impl Into<String>) -> Self {
        Self {
            project: None,
            index: Some((name, value.into())),
        }
    }

    /// Whether `record` is in it.
    #[must_use]
    pub fn shows(&self, record: &Record) -> bool {
        let is_of_project = self.project.is_none() || self.project == record.project;
        let has_value = self
            .index
            .as_ref()
            .is_none_or(|key| record.index_keys.contains(key));
        is_of_project && has_value
    }
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
    /// Beginning after the record of this [age](Entity::age).
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
            sort: None,
            order: self.order,
            after: after.map(Position::from),
            limit,
        }
    }
}
