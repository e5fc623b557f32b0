//! What triggers start.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{JsonText, Sealed, TrustId, WorkflowId, WorkflowName};

/// What a trigger starts, in whose name, and where it works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errand {
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// Its name.
    pub workflow_name: WorkflowName,
    /// The input of its executions, an object.
    pub input: JsonText,
    /// Their `params`, an object.
    pub params: JsonText,
    /// The user who made the trigger.
    pub user_id: Option<Arc<str>>,
    /// The sealed custom context.
    pub custom_context: Option<Sealed>,
    /// The sealed target cloud.
    pub target: Option<Sealed>,
    /// The trust by which executions work on the home cloud, where the trigger has no target.
    pub trust_id: Option<TrustId>,
}
