//! Definitions: workflows, workbooks and ad-hoc actions, as they are kept.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    ActionName, AdHocActionId, Digest, JsonText, Namespace, ProjectId, Scope, Timestamp,
    WorkbookId, WorkbookName, WorkflowId, WorkflowName,
};

/// A workflow's definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowDefinition {
    /// Its id.
    pub id: WorkflowId,
    /// The project it belongs to.
    pub project_id: ProjectId,
    /// Its name, unique within its project and namespace; `workbook.workflow` for one of a workbook.
    pub name: WorkflowName,
    /// Its namespace.
    pub namespace: Namespace,
    /// The document of this workflow alone, as it was written, with its `version`.
    pub definition: Arc<str>,
    /// The digest of `definition`.
    pub checksum: Digest,
    /// Its inputs as Mistral writes them: `a, b="x"`.
    pub input: String,
    /// Its inputs, with their defaults, and the names of its output: Mistral's `interface`.
    pub interface: JsonText,
    /// Its tags.
    pub tags: Vec<String>,
    /// Who sees it.
    pub scope: Scope,
    /// The workbook that it is part of.
    pub workbook: Option<WorkbookName>,
    /// Projects that accepted it.
    pub shared_with: Vec<ProjectId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed.
    pub updated_at: Option<Timestamp>,
}

impl WorkflowDefinition {
    /// Whether `project` sees it: its own, a public one, one that it accepted.
    #[must_use]
    pub fn is_visible_to(&self, project: &ProjectId) -> bool {
        self.project_id == *project
            || self.scope == Scope::Public
            || self.shared_with.contains(project)
    }
}

/// A workbook: workflows and ad-hoc actions in one document, made and changed together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workbook {
    /// Its id.
    pub id: WorkbookId,
    /// The project it belongs to.
    pub project_id: ProjectId,
    /// Its name, unique within its project and namespace.
    pub name: WorkbookName,
    /// Its namespace.
    pub namespace: Namespace,
    /// The document.
    pub definition: Arc<str>,
    /// The digest of `definition`.
    pub checksum: Digest,
    /// Its tags.
    pub tags: Vec<String>,
    /// Who sees it.
    pub scope: Scope,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed.
    pub updated_at: Option<Timestamp>,
}

/// An ad-hoc action: another action with its input prepared and its result turned, by expressions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdHocAction {
    /// Its id.
    pub id: AdHocActionId,
    /// The project it belongs to.
    pub project_id: ProjectId,
    /// Its name, unique within its project and namespace; `workbook.action` for one of a workbook.
    pub name: ActionName,
    /// Its namespace.
    pub namespace: Namespace,
    /// The document of this action alone, as it was written, with its `version`.
    pub definition: Arc<str>,
    /// The digest of `definition`.
    pub checksum: Digest,
    /// What it is for.
    pub description: Option<String>,
    /// Its inputs as Mistral writes them.
    pub input: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Who sees it.
    pub scope: Scope,
    /// The workbook that it is part of.
    pub workbook: Option<WorkbookName>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed.
    pub updated_at: Option<Timestamp>,
}
