//! What a run ended in.

use serde::{Deserialize, Serialize};

use super::JsonText;

/// Why a run failed, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What happened.
    pub message: String,
    /// Structured error data of the action itself; shown in place of the message.
    pub detail: Option<JsonText>,
    /// Whether another try may succeed; informs a workflow's `retry`.
    pub retryable: bool,
}

impl Failure {
    /// A failure that another try would not mend.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            detail: None,
            retryable: false,
        }
    }
}

/// What a run ended in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It has a result.
    Done(JsonText),
    /// An asynchronous action will be completed through the API.
    Pending,
    /// It failed: the action said so, or a limit or the deadline ended it.
    Failed(Failure),
    /// Somebody cancelled it.
    Cancelled,
}
