//! The kinds of things that are kept, and by what lists find them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Entity, Kind, entity::age_of};
use crate::domain::{
    ActionExecution, ActionExecutionId, AdHocAction, AuditEvent, Cell, CronTrigger, Environment,
    EventTrigger, Member, Module, ModuleVersion, ProjectId, ProjectQuotas, Scope, Sealed, Tallies,
    Tally, TaskExecution, Workbook, WorkflowDefinition, WorkflowExecution, WorkflowExecutionId,
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
        let mut keys = vec![
            ("name", self.name.to_string()),
            ("state", self.state().to_string()),
            ("updated_at", Cell::from(self.updated_at).index_text()),
        ];
        if let Some(task) = &self.task {
            keys.push(("execution_id", task.execution_id.to_string()));
            keys.push(("task_execution_id", task.task_execution_id.to_string()));
        }
        keys
    }

    fn tallies(&self, body_bytes: u64) -> Tallies {
        let is_running = !self.state().is_completed();
        Tallies::default()
            .with(Tally::StoredActionExecutions, 1)
            .with(Tally::RunningActionExecutions, u64::from(is_running))
            .with(Tally::Bytes, body_bytes)
    }
}

/// The keys of what is found by a name that many projects may use: one of them may be public, and is found without
/// looking at the others.
fn named_keys(name: &impl ToString, scope: Scope) -> Vec<(&'static str, String)> {
    let mut keys = vec![
        ("name", name.to_string()),
        ("scope", scope.as_str().to_owned()),
    ];
    if scope == Scope::Public {
        keys.push(("public_name", name.to_string()));
    }
    keys
}

impl Entity for Environment {
    const KIND: Kind = Kind::Environment;

    fn id(&self) -> Uuid {
        self.id.uuid()
    }

    fn project(&self) -> Option<&ProjectId> {
        Some(&self.project_id)
    }

    fn index_keys(&self) -> Vec<(&'static str, String)> {
        named_keys(&self.name, self.scope)
    }

    fn tallies(&self, body_bytes: u64) -> Tallies {
        Tallies::default().with(Tally::Bytes, body_bytes)
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

impl Entity for Member {
    const KIND: Kind = Kind::Member;

    fn id(&self) -> Uuid {
        self.id.uuid()
    }

    fn project(&self) -> Option<&ProjectId> {
        Some(&self.project_id)
    }

    fn index_keys(&self) -> Vec<(&'static str, String)> {
        vec![("resource_id", self.resource.uuid().to_string())]
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
        let mut keys = vec![
            ("name", self.name.to_string()),
            ("scope", self.scope.as_str().to_owned()),
        ];
        let members = self.shared_with.iter();
        keys.extend(members.map(|project| ("shared_with", project.to_string())));
        keys
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

/// Changes with every step of an execution, so that two hosts never make one each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// The execution, whose id is this record's too.
    pub id: WorkflowExecutionId,
    /// The caller's project.
    pub project_id: ProjectId,
}

impl Entity for Turn {
    const KIND: Kind = Kind::Turn;

    fn id(&self) -> Uuid {
        self.id.uuid()
    }

    fn project(&self) -> Option<&ProjectId> {
        Some(&self.project_id)
    }
}

impl Entity for WorkflowExecution {
    const KIND: Kind = Kind::WorkflowExecution;

    fn id(&self) -> Uuid {
        self.id.uuid()
    }

    fn age(&self) -> Uuid {
        age_of(self.id.uuid(), self.created_at)
    }

    fn project(&self) -> Option<&ProjectId> {
        Some(&self.project_id)
    }

    fn index_keys(&self) -> Vec<(&'static str, String)> {
        let mut keys = vec![
            ("workflow_name", self.workflow_name.to_string()),
            ("state", self.state.to_string()),
            ("updated_at", Cell::from(self.updated_at).index_text()),
        ];
        if let Some(parent) = &self.parent {
            keys.push(("root_execution_id", parent.root_execution_id.to_string()));
            keys.push(("task_execution_id", parent.task_execution_id.to_string()));
        }
        if let Some(environment) = &self.environment_id {
            keys.push(("environment_id", environment.to_string()));
            if !self.state.is_completed() {
                keys.push(("unended_environment_id", environment.to_string()));
            }
        }
        keys
    }

    fn tallies(&self, body_bytes: u64) -> Tallies {
        let is_root = self.parent.is_none();
        let is_running = is_root && !self.state.is_completed();
        Tallies::default()
            .with(Tally::StoredExecutions, u64::from(is_root))
            .with(Tally::RunningExecutions, u64::from(is_running))
            .with(Tally::Bytes, body_bytes)
    }
}

impl Entity for TaskExecution {
    const KIND: Kind = Kind::TaskExecution;

    fn id(&self) -> Uuid {
        self.id.uuid()
    }

    fn project(&self) -> Option<&ProjectId> {
        Some(&self.project_id)
    }

    fn index_keys(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.to_string()),
            ("state", self.state.to_string()),
            ("updated_at", Cell::from(self.updated_at).index_text()),
            ("execution_id", self.execution_id.to_string()),
        ]
    }

    fn tallies(&self, body_bytes: u64) -> Tallies {
        Tallies::default().with(Tally::Bytes, body_bytes)
    }
}

impl Entity for WorkflowDefinition {
    const KIND: Kind = Kind::WorkflowDefinition;

    fn id(&self) -> Uuid {
        self.id.uuid()
    }

    fn project(&self) -> Option<&ProjectId> {
        Some(&self.project_id)
    }

    fn index_keys(&self) -> Vec<(&'static str, String)> {
        let mut keys = named_keys(&self.name, self.scope);
        for project in &self.shared_with {
            keys.push(("shared_with", project.to_string()));
        }
        if let Some(workbook) = &self.workbook {
            keys.push(("workbook", workbook.to_string()));
        }
        keys
    }

    fn tallies(&self, body_bytes: u64) -> Tallies {
        Tallies::default().with(Tally::Bytes, body_bytes)
    }
}

impl Entity for Workbook {
    const KIND: Kind = Kind::Workbook;

    fn id(&self) -> Uuid {
        self.id.uuid()
    }

    fn project(&self) -> Option<&ProjectId> {
        Some(&self.project_id)
    }

    fn index_keys(&self) -> Vec<(&'static str, String)> {
        named_keys(&self.name, self.scope)
    }

    fn tallies(&self, body_bytes: u64) -> Tallies {
        Tallies::default().with(Tally::Bytes, body_bytes)
    }
}

impl Entity for AdHocAction {
    const KIND: Kind = Kind::AdHocAction;

    fn id(&self) -> Uuid {
        self.id.uuid()
    }

    fn project(&self) -> Option<&ProjectId> {
        Some(&self.project_id)
    }

    fn index_keys(&self) -> Vec<(&'static str, String)> {
        let mut keys = named_keys(&self.name, self.scope);
        if let Some(workbook) = &self.workbook {
            keys.push(("workbook", workbook.to_string()));
        }
        keys
    }

    fn tallies(&self, body_bytes: u64) -> Tallies {
        Tallies::default().with(Tally::Bytes, body_bytes)
    }
}

impl Entity for CronTrigger {
    const KIND: Kind = Kind::CronTrigger;

    fn id(&self) -> Uuid {
        self.id.uuid()
    }

    fn project(&self) -> Option<&ProjectId> {
        Some(&self.project_id)
    }

    fn index_keys(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.to_string()),
            ("scope", self.scope.as_str().to_owned()),
            ("workflow_id", self.errand.workflow_id.to_string()),
        ]
    }

    fn tallies(&self, body_bytes: u64) -> Tallies {
        Tallies::default().with(Tally::Bytes, body_bytes)
    }
}

impl Entity for EventTrigger {
    const KIND: Kind = Kind::EventTrigger;

    fn id(&self) -> Uuid {
        self.id.uuid()
    }

    fn project(&self) -> Option<&ProjectId> {
        Some(&self.project_id)
    }

    fn index_keys(&self) -> Vec<(&'static str, String)> {
        let name = self.name.as_ref().map(ToString::to_string);
        let mut keys = vec![
            ("name", name.unwrap_or_default()),
            ("scope", self.scope.as_str().to_owned()),
            ("workflow_id", self.errand.workflow_id.to_string()),
        ];
        if let Some(followed) = &self.followed {
            keys.push(("topic", followed.topic.index_text()));
        }
        keys
    }

    fn tallies(&self, body_bytes: u64) -> Tallies {
        Tallies::default().with(Tally::Bytes, body_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        Digest, EnvironmentId, EnvironmentName, MemberId, MemberStatus, ModuleId, ModuleName,
        ModuleVersionId, Shareable, Timestamp,
    };

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
            shared_with: vec![ProjectId::new("q")],
            created_at: now,
            updated_at: None,
        };
        let member = Member {
            id: MemberId::generate(),
            resource: Shareable::Module(module.id),
            project_id: ProjectId::new("p"),
            member_id: ProjectId::new("q"),
            status: MemberStatus::Pending,
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
        let environment = Environment {
            id: EnvironmentId::generate(),
            project_id: ProjectId::new("p"),
            name: EnvironmentName::parse("prod").unwrap(),
            description: None,
            variables: None,
            scope: Scope::Public,
            version: 0,
            created_at: now,
            updated_at: None,
        };
        let names = |keys: Vec<(&'static str, String)>| -> Vec<_> {
            keys.into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(
            names(environment.index_keys()),
            Kind::Environment.index_names()
        );
        assert_eq!(names(module.index_keys()), Kind::Module.index_names());
        assert_eq!(names(member.index_keys()), Kind::Member.index_names());
        assert_eq!(
            names(version.index_keys()),
            Kind::ModuleVersion.index_names()
        );
    }
}
