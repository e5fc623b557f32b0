//! The kinds of things that are kept, and by what lists find them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Entity, Kind};
use crate::domain::{
    ActionExecution, ActionExecutionId, AuditEvent, Cell, Module, ModuleVersion, ProjectId,
    ProjectQuotas, Sealed, Tallies, Tally,
};

/// The journal of a run that was kept: a [`JournalPage`](crate::domain::JournalPage), sealed for the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptJournal {
    /// The run, whose id is this record's too.
    pub id: ActionExecutionId,
    /// The caller's project.
    pub project_id: ProjectId,
    /// The page as JSON under the key ring's seal.
    pub sealed: Sealed,
}

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
            ("updated_at", Cell::from(self.updated_at).index_text()),
        ]
    }

    fn tallies(&self, body_bytes: u64) -> Tallies {
        let is_running = !self.state().is_completed();
        Tallies::default()
            .with(Tally::StoredActionExecutions, 1)
            .with(Tally::RunningActionExecutions, u64::from(is_running))
            .with(Tally::Bytes, body_bytes)
    }
}

impl Entity for KeptJournal {
    const KIND: Kind = Kind::Journal;

    fn id(&self) -> Uuid {
        self.id.uuid()
    }

    fn project(&self) -> Option<&ProjectId> {
        Some(&self.project_id)
    }

    fn tallies(&self, body_bytes: u64) -> Tallies {
        Tallies::default().with(Tally::Bytes, body_bytes)
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
        vec![
            ("name", self.name.to_string()),
            ("scope", self.scope.as_str().to_owned()),
        ]
    }

    fn tallies(&self, _: u64) -> Tallies {
        Tallies::default().with(Tally::Modules, 1)
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

    fn tallies(&self, _: u64) -> Tallies {
        Tallies::default().with(Tally::Bytes, self.size_bytes)
    }
}

impl Entity for ProjectQuotas {
    const KIND: Kind = Kind::Quota;

    fn id(&self) -> Uuid {
        Self::id_of(&self.project_id)
    }

    fn project(&self) -> Option<&ProjectId> {
        Some(&self.project_id)
    }

    fn tallies(&self, _: u64) -> Tallies {
        Tallies::default().with(Tally::OwnQuotas, 1)
    }
}

impl Entity for AuditEvent {
    const KIND: Kind = Kind::AuditEvent;

    fn id(&self) -> Uuid {
        self.id.uuid()
    }

    fn project(&self) -> Option<&ProjectId> {
        Some(&self.project_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Digest, ModuleId, ModuleName, ModuleVersionId, Scope, Timestamp};

    #[test]
    fn entities_use_the_index_names_of_their_kind() {
        let now = Timestamp::from_unix_ms(0);
        let digest = Digest::of(b"component");
        let module = Module {
            id: ModuleId::generate(),
            project_id: None,
            name: ModuleName::parse("std").unwrap(),
            scope: Scope::Public,
            version: 1,
            latest_version: 1,
            digest,
            signature: None,
            created_at: now,
            updated_at: None,
        };
        let version = ModuleVersion {
            id: ModuleVersionId::generate(),
            module_id: module.id,
            project_id: None,
            version: 1,
            digest,
            size_bytes: 9,
            actions: Vec::new(),
            uploaded_by: None,
            signature: None,
            created_at: now,
        };
        let names = |keys: Vec<(&'static str, String)>| -> Vec<_> {
            keys.into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(module.index_keys()), Kind::Module.index_names());
        assert_eq!(
            names(version.index_keys()),
            Kind::ModuleVersion.index_names()
        );
    }
}
