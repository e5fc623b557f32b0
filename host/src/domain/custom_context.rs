//! The caller's private dict that reaches every action and no log.

use std::fmt;

use zeroize::Zeroizing;

use super::{PrivateObject, private_json};

/// A custom context without its `os.auth`. It does not print and is zeroed on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct CustomContext(Zeroizing<String>);

impl CustomContext {
    /// The context that `members` hold; `os.auth` must have been taken out.
    #[must_use]
    pub fn new(object: &PrivateObject) -> Self {
        let members = object.members();
        debug_assert!(
            !members.contains_key("os.auth"),
            "os.auth is taken out first"
        );
        let mut json = private_json(members).expect("a map of JSON values has a form in JSON");
        let text = String::from_utf8(std::mem::take(&mut *json)).expect("JSON is UTF-8");
        Self(Zeroizing::new(text))
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
