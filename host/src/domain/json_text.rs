//! JSON kept as text: records, inputs and outputs are not parsed where nobody looks into them.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// A valid JSON document as text. Serialized as a string that holds JSON, which is Mistral's form on the wire.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonText(Arc<str>);

impl JsonText {
    /// The document that `text` holds.
    ///
    /// # Errors
    /// When it is not JSON.
    pub fn parse(text: impl Into<Arc<str>>) -> Result<Self, serde_json::Error> {
        let text = text.into();
        serde_json::from_str::<serde::de::IgnoredAny>(&text)?;
        Ok(Self(text))
    }

    /// `value` as text.
    #[must_use]
    pub fn from_value(value: &Value) -> Self {
        Self(value.to_string().into())
    }

    /// Mistral's form of an output: `{"result": …}` around this document.
    #[must_use]
    pub fn as_result(&self) -> Self {
        Self(format!("{{\"result\": {}}}", self.0).into())
    }

    /// As [`as_result`](Self::as_result), with the members of the object `more` beside the result.
    #[must_use]
    pub fn as_result_with(&self, more: &Self) -> Self {
        let members = more.0.trim().trim_start_matches('{').trim_end();
        match members.strip_suffix('}') {
            Some(members) if !members.trim().is_empty() => {
                Self(format!("{{\"result\": {}, {members}}}", self.0).into())
            }
            Some(_) | None => self.as_result(),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The document as `T`.
    ///
    /// # Errors
    /// When it has another shape.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.0)
    }
}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonText({} bytes)", self.0.len())
    }
}
