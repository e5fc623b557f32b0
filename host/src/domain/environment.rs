//! Environments: variables under a name, for the workflows of a project.

use serde::{Deserialize, Serialize};

use super::{EnvironmentId, EnvironmentName, ProjectId, Scope, Sealed, Timestamp};

/// Variables under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Its id.
    pub id: EnvironmentId,
    /// The project it belongs to.
    pub project_id: ProjectId,
    /// Its name, unique within its project.
    pub name: EnvironmentName,
    /// What it is for.
    pub description: Option<String>,
    /// A JSON object under the key ring's seal, since people keep passwords in it; none for null.
    pub variables: Option<Sealed>,
    /// Who sees it.
    pub scope: Scope,
    /// How often it was changed.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed.
    pub updated_at: Option<Timestamp>,
}
