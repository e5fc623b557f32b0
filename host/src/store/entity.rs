//! What a kept kind must tell, and its form on the disk: bincode behind a format byte.

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::Error;
use crate::domain::ProjectId;

/// The kinds of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A run of an action.
    ActionExecution,
    /// The sealed log lines and request traces of a run.
    Journal,
    /// A module.
    Module,
    /// A version of a module.
    ModuleVersion,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self::ActionExecution,
        Self::Journal,
        Self::Module,
        Self::ModuleVersion,
    ];

    /// Its name in keys and tables, at most 16 bytes, never changed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ActionExecution => "action_execution",
            Self::Journal => "journal",
            Self::Module => "module",
            Self::ModuleVersion => "module_version",
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
    /// Its id, UUID v7.
    pub id: Uuid,
    /// The project whose it is; none for what the host ships.
    pub project: Option<ProjectId>,
    /// Counts up with each write, from 1.
    pub version: u64,
    /// Format byte and bincode.
    pub body: Vec<u8>,
    /// The index keys under which it is found besides its project.
    pub index_keys: Vec<(&'static str, String)>,
}

/// A type whose values are kept.
pub trait Entity: Serialize + DeserializeOwned + Send {
    /// Its kind.
    const KIND: Kind;

    /// Its id.
    fn id(&self) -> Uuid;

    /// The project whose it is; none for what the host ships.
    fn project(&self) -> Option<&ProjectId>;

    /// Declared names and values by which lists find it: few, short, and stable.
    fn index_keys(&self) -> Vec<(&'static str, String)> {
        Vec::new()
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

const FORMAT: u8 = 1;

pub(super) fn encode<E: Entity>(entity: &E, version: u64) -> Record {
    let mut body = vec![FORMAT];
    bincode::serde::encode_into_std_write(entity, &mut body, bincode::config::standard())
        .expect("entities have no maps with computed length, and a Vec takes every write");
    Record {
        kind: E::KIND,
        id: entity.id(),
        project: entity.project().cloned(),
        version,
        body,
        index_keys: entity.index_keys(),
    }
}

pub(super) fn decode<E: Entity>(record: &Record) -> Result<Kept<E>, Error> {
    let corrupt = |source| Error::Corrupt {
        kind: record.kind,
        id: record.id,
        source,
    };
    let Some((&FORMAT, body)) = record.body.split_first() else {
        return Err(corrupt("its format is not this build's".into()));
    };
    let (entity, _) = bincode::serde::decode_from_slice(body, bincode::config::standard())
        .map_err(|error| corrupt(error.into()))?;
    Ok(Kept {
        entity,
        version: record.version,
    })
}
