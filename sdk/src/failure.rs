//! Why a run failed: what an action returns when it cannot give a result.

use std::fmt;

use serde_json::Value;

use crate::bindings::exports::zonda::action::actions as wit;

/// What a function of an action returns.
pub type Result<T> = std::result::Result<T, Failure>;

/// Why a run failed, in words for a person and, if there is more to say, as data for a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// What was tried, what came back, what to do.
    pub message: String,
    /// If given, the run's `result` in place of the message.
    pub detail: Option<Value>,
    /// Whether the same run may succeed later.
    pub retryable: bool,
}

impl Failure {
    /// A failure that another try would not change.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            detail: None,
            retryable: false,
        }
    }

    /// Adds data: it becomes the run's `result` in place of the message.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Value>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Says that the same run may succeed later.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// Puts what was being done in front of the message.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<&str> for Failure {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::new(format!("JSON does not fit: {error}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        // Body streams carry their own error inside; it knows more than its io::Error.
        match error.downcast::<crate::cloud::Error>() {
            Ok(error) => error.into(),
            Err(error) => Self::new(error.to_string()),
        }
    }
}

impl From<Failure> for wit::Failure {
    fn from(failure: Failure) -> Self {
        Self {
            message: failure.message,
            detail: failure.detail.map(|detail| detail.to_string()),
            retryable: failure.retryable,
        }
    }
}
