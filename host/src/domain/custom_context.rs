//! The caller's private dict that reaches every action and no log.

use std::fmt;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// A custom context without its `os.auth`. It does not print and is zeroed on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct CustomContext(Zeroizing<String>);

impl CustomContext {
    /// The context that `members` hold; `os.auth` must have been taken out.
    #[must_use]
    pub fn new(members: &Map<String, Value>) -> Self {
        debug_assert!(
            !members.contains_key("os.auth"),
            "os.auth is taken out first"
        );
        Self(Zeroizing::new(
            serde_json::to_string(members).unwrap_or_else(|_| "{}".to_owned()),
        ))
    }

    /// A context that was sealed in the store.
    #[must_use]
    pub fn from_json(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The JSON object as text; for the action, its own project's single GET and the seal.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CustomContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
