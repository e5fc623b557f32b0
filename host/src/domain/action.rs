//! What a module says about one of its actions.

use serde::{Deserialize, Serialize};

use super::{AccessRule, ActionName, JsonText};

/// An action as its module describes it, checked when the module was taken in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionSpec {
    /// The name in full, `prefix.verb`.
    pub name: ActionName,
    /// What it does, for people.
    pub description: String,
    /// A JSON Schema 2020-12 of an object.
    pub input_schema: JsonText,
    /// A JSON Schema 2020-12 of the result, where the module gives one.
    pub output_schema: Option<JsonText>,
    /// The most that it will ever ask of a cloud.
    pub access: Vec<AccessRule>,
    /// Whether it may be run again after a crash (Mistral's `safe-rerun`).
    pub idempotent: bool,
    /// Whether it may answer pending and be completed through the API.
    pub asynchronous: bool,
}
