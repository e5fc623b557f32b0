//! Modules and their versions.

use serde::{Deserialize, Serialize};

use super::{
    ActionSpec, Digest, ModuleId, ModuleName, ModuleVersionId, ProjectId, Scope, Timestamp,
};

/// An uploaded component that offers actions. Its versions are immutable; one of them is current.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// Its id.
    pub id: ModuleId,
    /// The project it belongs to; none for a system module.
    pub project_id: Option<ProjectId>,
    /// Its name, the prefix of its actions' names.
    pub name: ModuleName,
    /// Who sees it.
    pub scope: Scope,
    /// The number of the current version.
    pub version: u32,
    /// The highest number ever given to one of its versions.
    pub latest_version: u32,
    /// The current version's component.
    pub digest: Digest,
    /// Who signed the current version.
    pub signature: Option<ModuleSignature>,
    /// The other projects that accepted it, and so see and use it.
    pub shared_with: Vec<ProjectId>,
    /// When it was first uploaded.
    pub created_at: Timestamp,
    /// When another version became current, or its scope changed.
    pub updated_at: Option<Timestamp>,
}

impl Module {
    /// Whether the host ships it: visible to all and not deletable.
    #[must_use]
    pub const fn is_system(&self) -> bool {
        self.project_id.is_none()
    }

    /// Whether it is this project's own.
    #[must_use]
    pub fn is_of(&self, project: &ProjectId) -> bool {
        self.project_id.as_ref() == Some(project)
    }

    /// Whether `project` sees and uses it: its own, a shared one that it accepted, or a public one.
    #[must_use]
    pub fn is_visible_to(&self, project: &ProjectId) -> bool {
        self.scope == Scope::Public || self.is_of(project) || self.shared_with.contains(project)
    }
}

/// A signature of a component that was verified when it was uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleSignature {
    /// What the operator called the key.
    pub key_name: String,
    /// The key's id as minisign shows it.
    pub key_id: String,
    /// The comment that is signed with the component.
    pub trusted_comment: String,
    /// The signature itself, a `.minisig` file's text, so that it can be verified again.
    pub text: String,
}

/// One version of a module, kept while something may still refer to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModuleVersion {
    /// Its id.
    pub id: ModuleVersionId,
    /// The module.
    pub module_id: ModuleId,
    /// The module's project; none for a system module.
    pub project_id: Option<ProjectId>,
    /// Counting up from 1.
    pub version: u32,
    /// The component.
    pub digest: Digest,
    /// The component's size in bytes.
    pub size_bytes: u64,
    /// What it offers.
    pub actions: Vec<ActionSpec>,
    /// Who uploaded it.
    pub uploaded_by: Option<String>,
    /// Who signed it.
    pub signature: Option<ModuleSignature>,
    /// When.
    pub created_at: Timestamp,
}
