//! What a kept kind must tell, and a kept thing as the backends see it.

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{Error, codec};
use crate::domain::{Digest, ProjectId, Tallies, Timestamp};

/// The kinds of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A run of an action.
    ActionExecution,
    /// Variables under a name.
    Environment,
    /// The sealed log lines and request traces of a run.
    Journal,
    /// A project that something is shared with.
    Member,
    /// A module.
    Module,
    /// A version of a module.
    ModuleVersion,
    /// The quotas that a project has of its own.
    Quota,
    /// A line of the audit trail.
    AuditEvent,
    /// An ad-hoc action.
    AdHocAction,
    /// What starts executions at times.
    CronTrigger,
    /// What starts executions at events.
    EventTrigger,
    /// A run of a task.
    TaskExecution,
    /// Workflows and ad-hoc actions in one document.
    Workbook,
    /// A workflow's definition.
    WorkflowDefinition,
    /// A run of a workflow.
    WorkflowExecution,
    /// How often an execution was changed: what no two hosts do at a time.
    Turn,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 16] = [
        Self::ActionExecution,
        Self::Environment,
        Self::Journal,
        Self::Member,
        Self::Module,
        Self::ModuleVersion,
        Self::Quota,
        Self::AuditEvent,
        Self::AdHocAction,
        Self::CronTrigger,
        Self::EventTrigger,
        Self::TaskExecution,
        Self::Workbook,
        Self::WorkflowDefinition,
        Self::WorkflowExecution,
        Self::Turn,
    ];

    /// Its name in keys and tables, at most 16 bytes, never changed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ActionExecution => "action_execution",
            Self::Environment => "environment",
            Self::Journal => "journal",
            Self::Member => "member",
            Self::Module => "module",
            Self::ModuleVersion => "module_version",
            Self::Quota => "quota",
            Self::AuditEvent => "audit_event",
            Self::AdHocAction => "ad_hoc_action",
            Self::CronTrigger => "cron_trigger",
            Self::EventTrigger => "event_trigger",
            Self::TaskExecution => "task_execution",
            Self::Workbook => "workbook",
            Self::WorkflowDefinition => "workflow",
            Self::WorkflowExecution => "execution",
            Self::Turn => "turn",
        }
    }

    /// Whether callers may choose ids, so that those are of any version.
    #[must_use]
    pub const fn has_chosen_ids(self) -> bool {
        matches!(self, Self::WorkflowExecution)
    }

    /// The index keys by which its records are listed; another one needs the kept records to be written again.
    #[must_use]
    pub const fn index_names(self) -> &'static [&'static str] {
        match self {
            Self::ActionExecution => &[
                "name",
                "state",
                "updated_at",
                "execution_id",
                "task_execution_id",
            ],
            Self::Environment => &["name", "scope", "public_name"],
            Self::Journal | Self::Quota | Self::AuditEvent | Self::Turn => &[],
            Self::AdHocAction => &["name", "scope", "public_name", "workbook"],
            Self::CronTrigger => &["name", "scope", "workflow_id"],
            Self::EventTrigger => &["name", "scope", "workflow_id", "topic"],
            Self::TaskExecution => &["name", "state", "updated_at", "execution_id"],
            Self::Workbook => &["name", "scope", "public_name"],
            Self::WorkflowDefinition => {
                &["name", "scope", "public_name", "shared_with", "workbook"]
            }
            Self::WorkflowExecution => &[
                "workflow_name",
                "state",
                "updated_at",
                "root_execution_id",
                "task_execution_id",
                "environment_id",
                "unended_environment_id",
            ],
            Self::Member => &["resource_id"],
            Self::Module => &["name", "scope", "shared_with"],
            Self::ModuleVersion => &["module_id", "digest"],
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One kept thing as the backends see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its kind.
    pub kind: Kind,
    /// Its id.
    pub id: Uuid,
    /// What lists are in the order of, a UUID v7: the id, but for one that a caller chose.
    pub age: Uuid,
    /// The project whose it is; none for what the host ships.
    pub project: Option<ProjectId>,
    /// Counts up with each write, from 1.
    pub version: u64,
    /// The encoded entity.
    pub body: Vec<u8>,
    /// The index keys under which it is found besides its project.
    pub index_keys: Vec<(&'static str, String)>,
    /// What it adds to what is counted of its project.
    pub tallies: Tallies,
}

impl Record {
    /// Its value of the index key `name`.
    #[must_use]
    pub fn index_value(&self, name: &str) -> Option<&str> {
        let key = self.index_keys.iter().find(|(key, _)| *key == name);
        key.map(|(_, value)| value.as_str())
    }
}

/// A type whose values are kept.
pub trait Entity: Serialize + DeserializeOwned + Send {
    /// Its kind.
    const KIND: Kind;

    /// Its id.
    fn id(&self) -> Uuid;

    /// What lists are in the order of; it stays the same. By default the id, a UUID v7; where callers may choose ids,
    /// of its time.
    fn age(&self) -> Uuid {
        self.id()
    }

    /// The project whose it is; none for what the host ships.
    fn project(&self) -> Option<&ProjectId>;

    /// Values of the kind's [index names](Kind::index_names) by which lists find it and are sorted:
    /// few, short, and stable. A key that lists are sorted by is there for every entity and is the
    /// [index text](crate::domain::Cell::index_text) of the column of its name.
    fn index_keys(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// What it adds to what is counted of its project, when its record has `body_bytes`. Nothing by default.
    fn tallies(&self, _body_bytes: u64) -> Tallies {
        Tallies::default()
    }
}

/// An entity and the version at which it was read.
#[derive(Debug, Clone)]
pub struct Kept<E> {
    /// The entity.
    pub entity: E,
    /// For the commit that changes it.
    pub version: u64,
}

/// The place in lists of what was made at `created_at` with an `id` that may be of any version: a UUID v7 stands for
/// itself.
#[must_use]
pub(super) fn age_of(id: Uuid, created_at: Timestamp) -> Uuid {
    if id.get_version_num() == 7 {
        return id;
    }
    // No two ids share a place, also when somebody chooses them for that.
    let digest = Digest::of(id.as_bytes());
    let mut rest = [0; 10];
    rest.iter_mut()
        .zip(digest.as_bytes())
        .for_each(|(to, from)| *to = *from);
    let ms = u64::try_from(created_at.unix_ms()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(ms, &rest).into_uuid()
}

pub(super) fn encode<E: Entity>(entity: &E, version: u64) -> Record {
    let index_keys = entity.index_keys();
    debug_assert!(
        index_keys
            .iter()
            .all(|(name, _)| E::KIND.index_names().contains(name)),
        "an index key that its kind does not declare is not read back"
    );
    let body = codec::to_bytes(entity);
    Record {
        kind: E::KIND,
        id: entity.id(),
        age: entity.age(),
        project: entity.project().cloned(),
        version,
        tallies: entity.tallies(body.len() as u64),
        body,
        index_keys,
    }
}

pub(super) fn decode<E: Entity>(record: &Record) -> Result<Kept<E>, Error> {
    let entity = codec::from_bytes(&record.body).map_err(|source| Error::Corrupt {
        kind: record.kind,
        id: record.id,
        source,
    })?;
    Ok(Kept {
        entity,
        version: record.version,
    })
}
