//! The kinds that are kept.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Entity, Kind};
use crate::domain::{ActionExecution, ActionExecutionId, Module, ModuleVersion, ProjectId, Sealed};

impl Entity for ActionExecution {
    const KIND: Kind = Kind::ActionExecution;

    fn id(&self) -> Uuid {
        self.id.uuid()
    }

    fn project(&self) -> Option<&ProjectId> {
        Some(&self.project_id)
    }

    fn index_keys(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.to_string()),
            ("state", self.state().to_string()),
        ]
    }
}

impl Entity for Module {
    const KIND: Kind = Kind::Module;

    fn id(&self) -> Uuid {
        self.id.uuid()
    }

    fn project(&self) -> Option<&ProjectId> {
        self.project_id.as_ref()
    }

    fn index_keys(&self) -> Vec<(&'static str, String)> {
        vec![("name", self.name.to_string())]
    }
}

impl Entity for ModuleVersion {
    const KIND: Kind = Kind::ModuleVersion;

    fn id(&self) -> Uuid {
        self.id.uuid()
    }

    fn project(&self) -> Option<&ProjectId> {
        self.project_id.as_ref()
    }

    fn index_keys(&self) -> Vec<(&'static str, String)> {
        vec![
            ("module_id", self.module_id.to_string()),
            ("digest", self.digest.hex()),
        ]
    }
}

/// The sealed log lines and request traces of a run; has the id of its action execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptJournal {
    /// The run.
    pub id: ActionExecutionId,
    /// The caller's project.
    pub project_id: ProjectId,
    /// A sealed [`JournalPage`](crate::domain::JournalPage).
    pub sealed: Sealed,
}

impl Entity for KeptJournal {
    const KIND: Kind = Kind::Journal;

    fn id(&self) -> Uuid {
        self.id.uuid()
    }

    fn project(&self) -> Option<&ProjectId> {
        Some(&self.project_id)
    }
}
