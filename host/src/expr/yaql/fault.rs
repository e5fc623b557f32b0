//! Why an evaluation ended without a value.

use super::super::{Error, functions};

/// Why an evaluation ended without a value. The first three are what `groupBy` may go on from.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Fault {
    /// No overload of a function takes these arguments.
    #[error("No function \"{0}\" matches supplied arguments")]
    NoFunction(String),
    /// No overload of a method takes this receiver and these arguments.
    #[error("No method \"{0}\" for receiver {1} matches supplied arguments")]
    NoMethod(String, String),
    /// A position that a list does not have.
    #[error("tuple index out of range")]
    Index,
    /// More than one overload takes these arguments.
    #[error("Ambiguous function \"{0}\"")]
    Ambiguous(String),
    /// Anything else, in words for the author of the definition.
    #[error("{0}")]
    Told(String),
    /// It would take more than it may.
    #[error(transparent)]
    Bound(#[from] Error),
}

impl Fault {
    /// One that says `message`.
    pub(crate) fn told(message: impl Into<String>) -> Self {
        Self::Told(message.into())
    }
}

impl From<functions::Fault> for Fault {
    fn from(fault: functions::Fault) -> Self {
        match fault {
            functions::Fault::Told(message) => Self::Told(message),
            functions::Fault::Bound(error) => Self::Bound(error),
        }
    }
}

/// What a step of an evaluation gives.
pub(crate) type Outcome<T> = Result<T, Fault>;
