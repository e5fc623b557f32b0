//! The JSON Schema of an input or a result.

use serde_json::Value;

use super::JsonText;

/// A compiled schema.
#[derive(Debug)]
pub struct Schema;

/// Why a schema is not one.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadSchema(String);

/// One place where a value does not fit.
#[derive(Debug)]
pub struct Fault {
    /// A JSON pointer.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

impl Schema {
    /// Compiles `text`.
    ///
    /// # Errors
    /// When it is no schema.
    pub fn compile(_text: &JsonText) -> Result<Self, BadSchema> {
        Ok(Self)
    }

    /// Checks `value`.
    ///
    /// # Errors
    /// Every place that does not fit.
    pub fn check(&self, _value: &Value) -> Result<(), Vec<Fault>> {
        Ok(())
    }

    /// Mistral's `input` text.
    #[must_use]
    pub fn mistral_input(&self) -> String {
        String::new()
    }
}
